//! Keeps one worker process for the dashboard: starts it when the server is there and nobody else polls, starts it
//! anew when it crashes, and stops or kills it when told. Every change is told as a message.

use std::time::Duration;

use tokio::{
    sync::mpsc,
    time::{Instant, sleep},
};

use super::{
    presence::{CurrentPresence, Presence},
    worker_child::{ChildEvent, WorkerChild, WorkerCommand},
};
use crate::{
    app::{Message, Tone, Worker},
    clock::now,
    domain::UnixMillis,
    temporal::backoff,
};

/// A worker that lived longer than this and then died is started again at once.
const STEADY: Duration = Duration::from_secs(10);

/// What the person at the keyboard wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkerRequest {
    Start,
    /// Finish what runs, then end.
    Stop,
    /// SIGKILL.
    Kill,
}

/// Runs until no more orders can come. `presence`: starts a worker without an order, as soon as no other one polls.
pub async fn keep(
    command: WorkerCommand,
    presence: Option<CurrentPresence>,
    mut orders: mpsc::Receiver<WorkerRequest>,
    messages: mpsc::Sender<Message>,
) {
    let mut keeper = Keeper { command, messages, crashes: 0 };
    let mut next = presence.map_or(Next::WaitForOrder(Worker::Absent), Next::LookAround);
    loop {
        next = match next {
            Next::LookAround(mut presence) => keeper.look_around(&mut presence, &mut orders).await,
            Next::WaitForOrder(state) => {
                keeper.tell(state).await;
                keeper.wait_for_start(&mut orders).await
            }
            Next::Run => keeper.run(&mut orders).await,
            Next::RunAfter(wait) => keeper.wait_then_run(wait, &mut orders).await,
            Next::End => return,
        };
    }
}

enum Next {
    /// Start unless another worker polls.
    LookAround(CurrentPresence),
    WaitForOrder(Worker),
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
    async fn tell(&self, worker: Worker) {
        // A dashboard that has gone needs to be told nothing.
        let _gone = self.messages.send(Message::Worker(worker)).await;
    }

    /// Waits until it is known that no other worker polls, or that this cannot be known.
    async fn look_around(&self, presence: &mut CurrentPresence, orders: &mut mpsc::Receiver<WorkerRequest>) -> Next {
        let mut elsewhere = false;
        loop {
            let known = presence.borrow_and_update().clone();
            match known {
                Presence::Unsettled => {}
                Presence::Known(identities) if identities.is_empty() => return Next::Run,
                Presence::Known(_) => {
                    if !std::mem::replace(&mut elsewhere, true) {
                        self.tell(Worker::Elsewhere).await;
                    }
                }
                Presence::CannotTell(cause) => {
                    let text = format!("the server does not say whether another worker polls ({cause}); starting one");
                    // A dashboard that has ended needs no message.
                    let _gone = self.messages.send(Message::Notice { text, tone: Tone::Plain }).await;
                    return Next::Run;
                }
            }
            tokio::select! {
                changed = presence.changed() => if changed.is_err() {
                    return Next::End;
                },
                order = orders.recv() => match order {
                    Some(WorkerRequest::Start) => return Next::Run,
                    Some(_) if elsewhere => {}
                    Some(_) => return Next::WaitForOrder(Worker::Stopped),
                    None => return Next::End,
                },
            }
        }
    }

    async fn wait_for_start(&mut self, orders: &mut mpsc::Receiver<WorkerRequest>) -> Next {
        self.crashes = 0;
        while let Some(order) = orders.recv().await {
            if order == WorkerRequest::Start {
                return Next::Run;
            }
        }
        Next::End
    }

    async fn wait_then_run(&self, wait: Duration, orders: &mut mpsc::Receiver<WorkerRequest>) -> Next {
        tokio::select! {
            () = sleep(wait) => Next::Run,
            order = orders.recv() => match order {
                Some(WorkerRequest::Start) => Next::Run,
                Some(_) => Next::WaitForOrder(Worker::Stopped),
                None => Next::End,
            },
        }
    }

    async fn run(&mut self, orders: &mut mpsc::Receiver<WorkerRequest>) -> Next {
        self.tell(Worker::Starting).await;
        match self.command.spawn() {
            Ok(child) => self.attend(child, orders).await,
            Err(error) => self.crashed(format!("could not be started: {error}"), Instant::now()).await,
        }
    }

    /// Stays with a running worker until it has ended.
    async fn attend(&mut self, mut child: WorkerChild, orders: &mut mpsc::Receiver<WorkerRequest>) -> Next {
        let started = Instant::now();
        let mut asked: Option<WorkerRequest> = None;
        // A start that comes while one ends is for the next one.
        let mut again = false;
        loop {
            tokio::select! {
                event = child.next() => match event {
                    Ok(ChildEvent::Ready) => self.tell(Worker::Ready { pid: child.pid() }).await,
                    Ok(ChildEvent::Ended(how)) => return self.ended(how, asked, again, started).await,
                    Err(error) => return self.ended(error.to_string(), asked, again, started).await,
                },
                order = orders.recv() => match order {
                    Some(WorkerRequest::Start) => again = asked.is_some(),
                    Some(WorkerRequest::Stop) => {
                        (asked, again) = (asked.or(order), false);
                        child.stop();
                        self.tell(Worker::Stopping).await;
                    }
                    Some(WorkerRequest::Kill) => {
                        (asked, again) = (order, false);
                        if let Err(error) = child.kill() {
                            tracing::warn!(%error, "could not kill the worker");
                        }
                    }
                    None => return Next::End,
                },
            }
        }
    }

    async fn ended(&mut self, how: String, asked: Option<WorkerRequest>, again: bool, started: Instant) -> Next {
        let state = match asked {
            Some(WorkerRequest::Kill) => Worker::Killed,
            Some(_) => Worker::Stopped,
            None => return self.crashed(how, started).await,
        };
        if again {
            self.tell(state).await;
            Next::Run
        } else {
            Next::WaitForOrder(state)
        }
    }

    /// Says that the worker died by itself, and when the next one starts: at once after a steady life, later and
    /// later when they die young.
    async fn crashed(&mut self, cause: String, started: Instant) -> Next {
        self.crashes = if started.elapsed() > STEADY { 1 } else { self.crashes.saturating_add(1) };
        let wait = backoff(self.crashes);
        let restart_at = UnixMillis(now().0 + u64::try_from(wait.as_millis()).unwrap_or_default());
        self.tell(Worker::Exited { cause, restart_at: Some(restart_at) }).await;
        Next::RunAfter(wait)
    }
}
