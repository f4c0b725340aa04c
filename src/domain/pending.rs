//! Pending activities of an open workflow run, as the server reports them. The server is the authority on the attempt, its
//! maximum, the last failure and the time of the next attempt, whichever worker runs them.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{ActivityType, FailureReport, UnixMillis, millis};

/// An activity of any workflow that is scheduled, running, or between two attempts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingActivity {
    /// Its type.
    pub activity: ActivityType,
    /// The activity id within the run, which `temporal activity` commands require.
    pub id: String,
    /// From 1: the attempt that runs, or the next one if none does.
    pub attempt: u32,
    /// 0: unlimited.
    pub maximum: u32,
    /// Whether an attempt runs, waits or is paused.
    pub state: PendingState,
    /// Start of the latest attempt.
    pub started: Option<UnixMillis>,
    /// End of the latest attempt that has ended.
    pub completed: Option<UnixMillis>,
    /// Due time of the next attempt, between two attempts.
    pub next: Option<UnixMillis>,
    /// The wait before the next attempt: the current one, or the one after a failure of the attempt that runs.
    #[serde(default, with = "millis::optional")]
    pub interval: Option<Duration>,
    /// Of the latest attempt that failed.
    pub failure: Option<FailureReport>,
    /// Identity of the worker that took the latest attempt; empty if none did.
    pub worker: String,
}

/// The state of a pending activity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum PendingState {
    /// It waits for a worker, or for its next attempt.
    Scheduled,
    /// An attempt runs.
    Started,
    /// A client asked for cancellation; an attempt may run.
    CancelRequested,
    /// A client paused it; an attempt may run.
    Paused,
}

impl PendingActivity {
    /// Whether an attempt runs, rather than waits to begin.
    #[must_use]
    pub fn runs(&self) -> bool {
        match self.state {
            PendingState::Started => true,
            PendingState::Scheduled => false,
            // Neither stops an attempt that runs.
            PendingState::Paused | PendingState::CancelRequested => {
                self.next.is_none() && self.started > self.completed
            }
        }
    }

    /// End of the latest attempt that has ended; `None` if the server does not report it.
    #[must_use]
    pub fn ended(&self) -> Option<UnixMillis> {
        self.completed.or_else(|| Some(UnixMillis(self.next?.0.checked_sub(millis::whole(self.interval?))?)))
    }

    /// Due time of the next attempt; `None` if the server does not report it.
    #[must_use]
    pub fn due(&self) -> Option<UnixMillis> {
        self.next.or_else(|| Some(self.completed?.saturating_add(self.interval?)))
    }
}
