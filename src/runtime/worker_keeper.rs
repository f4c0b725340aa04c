//! Keeps one worker process for the dashboard: starts the worker if no other worker polls, restarts it after a crash,
//! and stops or kills it on request. Every change is sent as a message.

use std::time::Duration;

use tokio::{
    sync::mpsc,
    time::{Instant, sleep},
};

use super::{
    child::{ChildEvent, ChildProcess},
    messages,
    presence::{CurrentPresence, Presence},
    worker_child::WorkerCommand,
};
use crate::{
    app::{Message, ProcessExit, Tone, Worker},
    clock::now,
    temporal::backoff,
};

/// Run time after which a crashed worker is restarted with the shortest delay.
const STABLE_AFTER: Duration = Duration::from_secs(10);

/// A request from the user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkerRequest {
    /// Start a worker.
    Start,
    /// Let the worker finish its running activities and end.
    Stop,
    /// Kill the worker with SIGKILL.
    Kill,
}

/// Runs until the sender of requests is dropped. With `presence`, a worker starts without a request as soon as no other
/// worker polls.
pub async fn keep(
    command: WorkerCommand,
    presence: Option<CurrentPresence>,
    mut requests: mpsc::Receiver<WorkerRequest>,
    messages: mpsc::Sender<Message>,
) {
    let mut keeper = Keeper { command, messages, crashes: 0 };
    let mut next = presence.map_or(Next::WaitForRequest(Worker::Absent), Next::CheckOthers);
    loop {
        next = match next {
            Next::CheckOthers(mut presence) => keeper.check_others(&mut presence, &mut requests).await,
            Next::WaitForRequest(state) => {
                keeper.report(state).await;
                keeper.wait_for_start(&mut requests).await
            }
            Next::Run => keeper.run(&mut requests).await,
            Next::RunAfter(wait) => keeper.wait_then_run(wait, &mut requests).await,
            Next::End => return,
        };
    }
}

enum Next {
    /// Start unless another worker polls.
    CheckOthers(CurrentPresence),
    WaitForRequest(Worker),
    Run,
    RunAfter(Duration),
    End,
}

struct Keeper {
    command: WorkerCommand,
    messages: mpsc::Sender<Message>,
    crashes: u32,
}

impl Keeper {
    async fn report(&self, worker: Worker) {
        messages::send(&self.messages, Message::Worker(worker)).await;
    }

    /// Waits until no other worker polls, or until it is clear that the server does not report workers.
    async fn check_others(&self, presence: &mut CurrentPresence, requests: &mut mpsc::Receiver<WorkerRequest>) -> Next {
        let mut elsewhere = false;
        loop {
            let known = presence.borrow_and_update().clone();
            match known {
                Presence::Unsettled => {}
                Presence::Known(identities) if identities.is_empty() => return Next::Run,
                Presence::Known(_) => {
                    if !std::mem::replace(&mut elsewhere, true) {
                        self.report(Worker::Elsewhere).await;
                    }
                }
                Presence::Unknown(cause) => {
                    let text = format!("the server does not report other workers ({cause}); starting one");
                    messages::send(&self.messages, Message::Notice { text, tone: Tone::Plain }).await;
                    return Next::Run;
                }
            }
            tokio::select! {
                changed = presence.changed() => if changed.is_err() {
                    return Next::End;
                },
                request = requests.recv() => match request {
                    Some(WorkerRequest::Start) => return Next::Run,
                    Some(_) if elsewhere => {}
                    Some(_) => return Next::WaitForRequest(Worker::Stopped),
                    None => return Next::End,
                },
            }
        }
    }

    async fn wait_for_start(&mut self, requests: &mut mpsc::Receiver<WorkerRequest>) -> Next {
        self.crashes = 0;
        while let Some(request) = requests.recv().await {
            if request == WorkerRequest::Start {
                return Next::Run;
            }
        }
        Next::End
    }

    async fn wait_then_run(&self, wait: Duration, requests: &mut mpsc::Receiver<WorkerRequest>) -> Next {
        tokio::select! {
            () = sleep(wait) => Next::Run,
            request = requests.recv() => match request {
                Some(WorkerRequest::Start) => Next::Run,
                Some(_) => Next::WaitForRequest(Worker::Stopped),
                None => Next::End,
            },
        }
    }

    async fn run(&mut self, requests: &mut mpsc::Receiver<WorkerRequest>) -> Next {
        self.report(Worker::Starting).await;
        match self.command.spawn() {
            Ok(child) => self.monitor(child, requests).await,
            Err(error) => {
                let cause = ProcessExit::Reason(format!("could not be started: {error}"));
                self.crashed(cause, Instant::now()).await
            }
        }
    }

    /// Monitors a running worker until it has ended.
    async fn monitor(&mut self, mut child: ChildProcess, requests: &mut mpsc::Receiver<WorkerRequest>) -> Next {
        let started = Instant::now();
        let mut ending: Option<WorkerRequest> = None;
        // A start request that arrives while the worker ends applies to the next worker.
        let mut start_next = false;
        loop {
            tokio::select! {
                event = child.next() => match event {
                    Ok(ChildEvent::Ready(_)) => self.report(Worker::Ready { pid: child.pid() }).await,
                    Ok(ChildEvent::Ended(how)) => return self.ended(how, ending, start_next, started).await,
                    Err(error) => {
                        let how = ProcessExit::Reason(error.to_string());
                        return self.ended(how, ending, start_next, started).await;
                    },
                },
                request = requests.recv() => match request {
                    Some(WorkerRequest::Start) => start_next = ending.is_some(),
                    Some(WorkerRequest::Stop) => {
                        (ending, start_next) = (ending.or(request), false);
                        child.stop();
                        self.report(Worker::Stopping).await;
                    }
                    Some(WorkerRequest::Kill) => {
                        (ending, start_next) = (request, false);
                        if let Err(error) = child.kill() {
                            tracing::warn!(%error, "could not kill the worker");
                        }
                    }
                    None => return Next::End,
                },
            }
        }
    }

    async fn ended(
        &mut self,
        how: ProcessExit,
        ending: Option<WorkerRequest>,
        start_next: bool,
        started: Instant,
    ) -> Next {
        let state = match ending {
            Some(WorkerRequest::Kill) => Worker::Killed,
            Some(_) => Worker::Stopped,
            None => return self.crashed(how, started).await,
        };
        if start_next {
            self.report(state).await;
            Next::Run
        } else {
            Next::WaitForRequest(state)
        }
    }

    /// Reports a crash and when the next worker starts. The delay grows with each crash that follows soon after a
    /// start.
    async fn crashed(&mut self, cause: ProcessExit, started: Instant) -> Next {
        self.crashes = if started.elapsed() > STABLE_AFTER { 1 } else { self.crashes.saturating_add(1) };
        let wait = backoff(self.crashes);
        let restart_at = now().saturating_add(wait);
        self.report(Worker::Exited { cause, restart_at: Some(restart_at) }).await;
        Next::RunAfter(wait)
    }
}
