//! The dashboard without its screen and its core: tests send commands and receive messages.

use std::{path::PathBuf, sync::Arc};

use idempotence::{
    app::{self, Command, Message, Tone},
    config::{Flags, Settings},
    domain::RunEnd,
    runtime::{executor::Executor, worker_child::WorkerCommand},
};
use tokio::{sync::mpsc, time::timeout};

use crate::sandbox::{EVENT_TIMEOUT, PROGRAM, Sandbox};

/// An executor and the messages that it sends.
pub struct Headless {
    executor: Executor,
    messages: mpsc::Receiver<Message>,
}

impl Headless {
    pub fn new(sandbox: &Sandbox, address: &str, worker_wanted: bool) -> Self {
        Self::with_settings(sandbox, address, worker_wanted, &[])
    }

    /// Like [`Self::new`], with settings in its environment, which a worker that it starts does not have.
    pub fn with_settings(
        sandbox: &Sandbox,
        address: &str,
        worker_wanted: bool,
        settings: &[(&'static str, String)],
    ) -> Self {
        let flags = Flags {
            address: Some(address.to_owned()),
            task_queue: Some(sandbox.queue.clone()),
            database: Some(sandbox.database.clone()),
            ..Flags::default()
        };
        let kept = ["HOME", "XDG_CACHE_HOME", "TEMPORAL_CLI"];
        let environment = std::env::vars_os().filter(|(name, _)| kept.iter().any(|kept| name == kept));
        let places = ["XDG_STATE_HOME", "XDG_CONFIG_HOME"].map(|name| (name.into(), sandbox.folder.path().into()));
        let given = settings.iter().map(|(name, value)| ((*name).into(), value.into()));
        let environment = environment.chain(places).chain(given);
        let settings = Settings::load(&flags, environment, "none.env".as_ref(), sandbox.folder.path()).unwrap();
        let mut worker = WorkerCommand::new(&settings, Some(&sandbox.folder.path().join("worker.log"))).unwrap();
        worker.program = PathBuf::from(PROGRAM);
        let (sender, messages) = mpsc::channel(1024);
        Self { executor: Executor::start(Arc::new(settings), worker, worker_wanted, sender), messages }
    }

    pub fn execute(&self, command: Command) {
        assert!(self.executor.execute(command).is_continue());
    }

    /// Waits for a message that `wanted` maps to a value, and returns the value.
    pub async fn receive<T>(&mut self, what: &str, wanted: impl Fn(&Message) -> Option<T>) -> T {
        let mut passed = Vec::new();
        let found = timeout(EVENT_TIMEOUT, async {
            loop {
                let message = self.messages.recv().await.expect("the executor is running");
                if let Some(found) = wanted(&message) {
                    return found;
                }
                passed.push(message);
            }
        });
        found.await.unwrap_or_else(|_| panic!("no {what}, but {passed:#?}"))
    }

    pub async fn receives(&mut self, what: &str, wanted: impl Fn(&Message) -> bool) {
        self.receive(what, |message| wanted(message).then_some(())).await;
    }

    pub async fn is_up(&mut self) {
        self.receives("the link is up", |message| *message == Message::Link(app::Link::Up)).await;
    }

    pub async fn notice(&mut self, wanted: &str) -> (String, Tone) {
        let what = format!("a notice with '{wanted}'");
        self.receive(&what, |message| match message {
            Message::Notice { text, tone } if text.contains(wanted) => Some((text.clone(), *tone)),
            _ => None,
        })
        .await
    }

    pub async fn description(&mut self) -> Result<app::Description, String> {
        self.receive("a description", |message| match message {
            Message::Described { answer, .. } => Some(answer.clone()),
            _ => None,
        })
        .await
    }

    pub async fn end(&mut self) -> RunEnd {
        self.receive("an end", |message| match message {
            Message::Ended { end, .. } => Some(end.clone()),
            _ => None,
        })
        .await
    }

    /// Waits until the link is down, and returns the cause.
    pub async fn down(&mut self) -> String {
        self.receive("the link is down", |message| match message {
            Message::Link(app::Link::Down { cause, .. }) => Some(cause.clone()),
            _ => None,
        })
        .await
    }

    /// Returns the messages received so far.
    pub fn so_far(&mut self) -> Vec<Message> {
        std::iter::from_fn(|| self.messages.try_recv().ok()).collect()
    }
}
