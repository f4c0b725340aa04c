//! Conditions that block orders, and what to do about each.

use crate::{
    app::{
        facts::Facts,
        message::{Link, Server, Worker},
    },
    domain::UnixMillis,
};

/// A cause that keeps orders from continuing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Obstacle {
    /// A file of the database cannot be read, so its data on the screen is old.
    Stale {
        /// The file.
        what: &'static str,
        /// Why it cannot be read.
        cause: String,
        /// The time of the first failure.
        since: UnixMillis,
    },
    /// A long journal is being read; in bytes, or in lines of a table.
    Reading {
        /// What was read.
        read: u64,
        /// All of it.
        of: u64,
    },
    /// The embedded server has exited.
    ServerEnded {
        /// The reason.
        cause: String,
    },
    /// The embedded server is being installed or started.
    ServerPreparing {
        /// The current step.
        step: String,
    },
    /// The embedded server was killed on request.
    ServerKilled,
    /// The connection is being made.
    Connecting {
        /// The address of the server.
        address: String,
        /// From 1.
        attempt: u32,
    },
    /// The server does not answer.
    NoLink {
        /// The reason.
        cause: String,
        /// The time of the next attempt.
        next_try: UnixMillis,
    },
    /// The worker has exited without a request.
    WorkerExited {
        /// The reason.
        cause: String,
        /// When it is started again; `None`: not by itself.
        restart_at: Option<UnixMillis>,
    },
    /// The worker was killed on request, and no other one polls.
    WorkerKilled,
    /// The worker was stopped on request, and no other one polls.
    WorkerStopped,
    /// No worker polls the task queue.
    NoWorker,
    /// No worker runs here, and it is unknown whether another one polls.
    WorkersUnknown,
    /// No worker runs here, as `state` says; another one polls.
    OtherWorker {
        /// The state of this dashboard's worker.
        state: &'static str,
        /// The identity of the other one.
        identity: String,
    },
    /// A worker polls, so none was started here. `foreign`: it is another program.
    Elsewhere {
        /// Its identity.
        identity: String,
        /// It is a worker of another program.
        foreign: bool,
    },
    /// No worker can process this order, or `more` others.
    OrdersFail {
        /// The first such order.
        order: String,
        /// Number of further ones.
        more: usize,
        /// The attempt of its workflow task.
        attempt: u32,
        /// The reason and the remedy.
        explanation: String,
    },
    /// A record of the journal is missing.
    LineMissing {
        /// Number of later records.
        later: u64,
    },
    /// It does not poll yet.
    WorkerStarting,
    /// The worker finishes its attempts.
    WorkerStopping,
    /// Another program polls the same task queue and may take orders.
    Beside {
        /// Its identity.
        identity: String,
    },
}

/// Advice against an obstacle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Advice {
    /// A key of the dashboard, and its action.
    Key(&'static str),
    /// A command, and its action.
    Command(&'static str),
}

impl Advice {
    /// The advice as text.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Key(text) | Self::Command(text) => text,
        }
    }
}

impl Obstacle {
    /// All obstacles, the most important one first.
    pub(super) fn all(facts: Facts<'_>) -> impl Iterator<Item = Self> {
        let find: [fn(&Facts<'_>) -> Option<Self>; 8] =
            [files, server, link, worker, failing, missing, changing, other];
        find.into_iter().filter_map(move |find| find(&facts))
    }

    /// The most important one.
    #[must_use]
    pub fn first(facts: Facts<'_>) -> Option<Self> {
        Self::all(facts).next()
    }

    /// The cause without times, counts and keys, so that the text changes only with the cause.
    #[must_use]
    pub fn cause(&self) -> String {
        let what = self.what();
        self.detail().map_or_else(|| what.clone(), |detail| format!("{what}: {detail}"))
    }

    /// Whether a line about `before` already covers this.
    #[must_use]
    pub fn is_like(&self, before: &Self) -> bool {
        match (self, before) {
            // Only the number of the try, or the step, differs.
            (Self::Connecting { .. }, Self::NoLink { .. })
            | (Self::WorkerStarting, Self::WorkerExited { .. })
            | (Self::ServerPreparing { .. }, Self::ServerPreparing { .. }) => true,
            (one, other) => one.cause() == other.cause(),
        }
    }

    /// Whether a key or a step of a scenario requested it.
    #[must_use]
    pub const fn is_asked_for(&self) -> bool {
        matches!(self, Self::ServerKilled | Self::WorkerKilled | Self::WorkerStopped | Self::WorkerStopping)
    }

    /// Whether it is expected to resolve without action.
    #[must_use]
    pub const fn passes(&self) -> bool {
        matches!(
            self,
            Self::Reading { .. }
                | Self::ServerPreparing { .. }
                | Self::Connecting { .. }
                | Self::WorkersUnknown
                | Self::OtherWorker { .. }
                | Self::Elsewhere { .. }
                | Self::WorkerStarting
                | Self::WorkerStopping
                | Self::Beside { .. }
        )
    }

    /// The problem in a few words.
    pub(super) fn what(&self) -> String {
        let text = match self {
            Self::Stale { what, .. } => return format!("{what} cannot be read"),
            Self::Connecting { address, .. } => return format!("connecting to {address}"),
            Self::OtherWorker { state, identity } => return format!("{state}; {identity} is polling the task queue"),
            Self::Elsewhere { identity, foreign: true } => {
                return format!("{identity} is another program that polls the task queue");
            }
            Self::Elsewhere { identity, foreign: false } => return format!("{identity} is polling the task queue"),
            Self::Beside { identity } => {
                return format!("{identity} is another program that polls the task queue too and may take orders");
            }
            Self::OrdersFail { order, .. } => return format!("{order} cannot continue"),
            Self::LineMissing { .. } => "a line of the journal is missing",
            Self::Reading { .. } => "reading the journal",
            Self::ServerEnded { .. } => "the embedded server has ended",
            Self::ServerPreparing { .. } => "the embedded server is starting",
            Self::ServerKilled => "the embedded server was killed",
            Self::NoLink { .. } => "no connection",
            Self::WorkerExited { .. } => "the worker is gone",
            Self::WorkerKilled => "the worker was killed; orders wait in Temporal",
            Self::WorkerStopped => "the worker is stopped; orders wait in Temporal",
            Self::NoWorker => "no worker is polling the task queue",
            Self::WorkersUnknown => "no worker runs here; checking whether another one is polling",
            Self::WorkerStarting => "the worker is starting and is not polling yet",
            Self::WorkerStopping => "the worker is stopping",
        };
        text.to_owned()
    }

    /// The reason, as reported by the failed part.
    pub(super) fn detail(&self) -> Option<&str> {
        match self {
            Self::Stale { cause, .. }
            | Self::ServerEnded { cause }
            | Self::NoLink { cause, .. }
            | Self::WorkerExited { cause, .. } => Some(cause),
            Self::ServerPreparing { step } => Some(step),
            Self::OrdersFail { explanation, .. } => Some(explanation),
            _ => None,
        }
    }

    /// The advice.
    #[must_use]
    pub const fn advice(&self) -> Option<Advice> {
        Some(match self {
            Self::NoLink { .. } => Advice::Command("run idempotence config to see the settings"),
            Self::ServerKilled => Advice::Key("press X to start it again"),
            Self::WorkerExited { restart_at: None, .. } | Self::WorkerKilled => {
                Advice::Key("press w to start it again")
            }
            Self::WorkerStopped => Advice::Key("press w to start it"),
            Self::NoWorker => Advice::Key("press w to start one"),
            Self::Elsewhere { .. } => Advice::Key("press w to start a worker beside it"),
            _ => return None,
        })
    }
}

fn files(facts: &Facts<'_>) -> Option<Obstacle> {
    let account = facts.journal;
    let stale = |what, broken: &Option<(String, UnixMillis)>| {
        broken.clone().map(|(cause, since)| Obstacle::Stale { what, cause, since })
    };
    stale("the journal", &account.journal_source.broken)
        .or_else(|| stale("the document", &account.document_source.broken))
        .or_else(|| account.reading.map(|(read, of)| Obstacle::Reading { read, of }))
}

fn server(facts: &Facts<'_>) -> Option<Obstacle> {
    match facts.connections.server() {
        Server::Ended { cause } => Some(Obstacle::ServerEnded { cause: cause.clone() }),
        Server::Preparing { step } => Some(Obstacle::ServerPreparing { step: step.clone() }),
        Server::Killed => Some(Obstacle::ServerKilled),
        Server::Foreign | Server::Unknown | Server::Running { .. } => None,
    }
}

fn link(facts: &Facts<'_>) -> Option<Obstacle> {
    match facts.connections.link() {
        Link::Up => None,
        Link::Connecting { attempt } => {
            Some(Obstacle::Connecting { address: facts.options.server.clone(), attempt: *attempt })
        }
        Link::Down { cause, next_try, .. } => Some(Obstacle::NoLink { cause: cause.clone(), next_try: *next_try }),
    }
}

fn worker(facts: &Facts<'_>) -> Option<Obstacle> {
    match facts.connections.worker() {
        Worker::Exited { cause, restart_at } => {
            Some(Obstacle::WorkerExited { cause: cause.to_string(), restart_at: *restart_at })
        }
        // Another worker processes the orders.
        _ if facts.connections.other_worker().is_some() => None,
        Worker::Killed => Some(Obstacle::WorkerKilled),
        Worker::Stopped => Some(Obstacle::WorkerStopped),
        Worker::Absent if facts.connections.knows_pollers() => Some(Obstacle::NoWorker),
        Worker::Absent => Some(Obstacle::WorkersUnknown),
        Worker::Elsewhere | Worker::Starting | Worker::Ready { .. } | Worker::Stopping => None,
    }
}

/// Orders that no worker can process.
fn failing(facts: &Facts<'_>) -> Option<Obstacle> {
    let (count, first) = facts.orders.failing()?;
    let failing = first.failing.as_ref()?;
    Some(Obstacle::OrdersFail {
        order: first.order.clone(),
        more: count.saturating_sub(1),
        attempt: failing.attempt,
        explanation: failing.explanation.clone(),
    })
}

fn missing(facts: &Facts<'_>) -> Option<Obstacle> {
    let later = facts.journal.missing();
    (later > 0).then_some(Obstacle::LineMissing { later })
}

/// A worker that is starting or stopping.
fn changing(facts: &Facts<'_>) -> Option<Obstacle> {
    match facts.connections.worker() {
        Worker::Starting => Some(Obstacle::WorkerStarting),
        Worker::Stopping => Some(Obstacle::WorkerStopping),
        _ => None,
    }
}

/// A worker that polls the task queue and does not belong to this dashboard.
fn other(facts: &Facts<'_>) -> Option<Obstacle> {
    let foreign = facts.connections.foreign_worker();
    let identity = foreign.or(facts.connections.other_worker()).map(str::to_owned);
    let without = |state| Some(Obstacle::OtherWorker { state, identity: identity.clone()? });
    match facts.connections.worker() {
        Worker::Killed => without("the worker was killed"),
        Worker::Stopped => without("the worker is stopped"),
        Worker::Absent => without("no worker runs here"),
        Worker::Elsewhere => {
            let identity = identity.unwrap_or_else(|| "another worker".to_owned());
            Some(Obstacle::Elsewhere { identity, foreign: foreign.is_some() })
        }
        Worker::Ready { .. } => Some(Obstacle::Beside { identity: foreign?.to_owned() }),
        Worker::Starting | Worker::Stopping | Worker::Exited { .. } => None,
    }
}
