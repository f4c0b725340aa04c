//! Runs comparisons: the same order with the same faults on each of three sides, each with its own database, task queue and
//! worker process, and its own supplier process if supplier policies are compared. Only one comparison runs at a time; the next starts after the previous one has been
//! cleaned up.

mod folder;
mod side;
mod supplier;

use std::{convert::Infallible, sync::Arc};

use futures::future::join_all;
use tokio::sync::{Barrier, mpsc, watch};

use super::{link_keeper::CurrentLink, messages::send, worker_child::WorkerCommand};
use crate::{
    app::{Comparison, ComparisonEvent, ComparisonNews, Message, Subject},
    config::Settings,
};

use folder::Folder;
use side::{Context, Side};

/// Starts and ends comparisons. Dropping this ends the running comparison and its workers.
#[derive(Debug)]
pub struct Comparisons {
    wanted: watch::Sender<Option<Comparison>>,
}

impl Comparisons {
    /// Creates the task that runs comparisons. `worker` is the command for a worker; each side replaces its task queue
    /// and database.
    #[must_use]
    pub fn new(
        settings: Arc<Settings>,
        worker: WorkerCommand,
        link: CurrentLink,
        messages: mpsc::Sender<Message>,
    ) -> Self {
        let (wanted, wants) = watch::channel(None);
        let runner = Runner { settings, worker, link, messages };
        tokio::spawn(runner.run(wants));
        Self { wanted }
    }

    /// Starts a comparison after ending the running one.
    pub fn start(&self, comparison: Comparison) {
        self.wanted.send_replace(Some(comparison));
    }

    /// Ends the running comparison: stops its workers and suppliers, terminates its open orders and removes its databases.
    pub fn end(&self) {
        self.wanted.send_replace(None);
    }
}

/// Runs one comparison after another.
struct Runner {
    settings: Arc<Settings>,
    worker: WorkerCommand,
    link: CurrentLink,
    messages: mpsc::Sender<Message>,
}

impl Runner {
    /// Runs the requested comparison until [`Comparisons`] is dropped.
    async fn run(self, mut wanted: watch::Receiver<Option<Comparison>>) {
        loop {
            let comparison = wanted.borrow_and_update().clone();
            let changed = match comparison {
                Some(comparison) => self.run_one(comparison, wanted.changed()).await,
                None => wanted.changed().await,
            };
            if changed.is_err() {
                return;
            }
        }
    }

    /// Runs a comparison until `until` resolves, and then cleans up.
    async fn run_one<T>(&self, comparison: Comparison, until: impl Future<Output = T>) -> T {
        tokio::pin!(until);
        let mut current = self.link.clone();
        // Wait for a link. The link keeper reports the state of the connection.
        let connected = async { current.wait_for(Option::is_some).await.ok().and_then(|link| link.clone()) };
        let link = tokio::select! {
            link = connected => link,
            ended = &mut until => return ended,
        };
        let Some(link) = link else { return until.await };
        let (number, subject) = (comparison.number, comparison.subject);
        let folder = match Folder::create(&self.settings.state_dir, number, subject).await {
            Ok(folder) => folder,
            Err(error) => {
                self.report_failure(number, subject, &error.to_string()).await;
                return until.await;
            }
        };
        let context = Arc::new(Context::new(comparison, link, self.messages.clone(), Arc::clone(&self.settings)));
        let mut sides = subject
            .candidates()
            .map(|candidate| Side::new(Arc::clone(&context), candidate, &folder, self.worker.clone()));
        let together = Barrier::new(sides.len());
        let running = async {
            join_all(sides.iter_mut().map(|side| side.run(&together))).await;
            std::future::pending::<Infallible>().await
        };
        let ended = tokio::select! {
            never = running => match never {},
            ended = &mut until => ended,
        };
        join_all(sides.map(Side::clean_up)).await;
        folder.remove().await;
        ended
    }

    async fn report_failure(&self, number: u64, subject: Subject, cause: &str) {
        for candidate in subject.candidates() {
            let event = ComparisonEvent::Failed { cause: cause.to_owned() };
            send(&self.messages, Message::Compared(ComparisonNews { number, candidate, event })).await;
        }
    }
}
