//! What the server says of an open workflow run: its pending activities at one moment. Authoritative about the attempt,
//! its maximum, the last failure and the time of the next attempt, whoever runs the worker.

use serde::{Deserialize, Serialize};

use crate::domain::{Activity, UnixMillis};

/// The server's answer about one workflow run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Description {
    /// When the answer came.
    pub at: UnixMillis,
    /// The run has not ended. Where it has, its end comes as a message of its own.
    pub open: bool,
    /// Activities that are scheduled, running or between two attempts. Those of types that we do not know are left out.
    pub pending: Vec<Pending>,
    /// Its workflow task fails, so nothing goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failing: Option<FailingTask>,
    /// Pending activities of all other types.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<OtherActivity>,
}

/// A pending activity of a type that this program does not have: another program's workflow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OtherActivity {
    pub name: String,
    /// From 1: the attempt that runs, or the next one.
    pub attempt: u32,
    /// What the latest failed attempt said.
    pub failure: Option<String>,
}

/// A workflow task that has failed, and is tried again without end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailingTask {
    /// The attempt that runs or comes next; at least 2.
    pub attempt: u32,
    /// Why, and what to do. Without the attempt, so it changes only when the cause does.
    pub explanation: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    pub activity: Activity,
    /// Its name within the run, which Temporal's own commands ask for.
    pub id: String,
    /// From 1: the attempt that runs, or the next one where none does.
    pub attempt: u32,
    /// 0: unlimited.
    pub maximum: u32,
    pub state: PendingState,
    /// When the latest attempt that began did so.
    pub started: Option<UnixMillis>,
    /// When the latest attempt that ended did so.
    pub completed: Option<UnixMillis>,
    /// When the next attempt is due, between two attempts.
    pub next: Option<UnixMillis>,
    /// The wait before the next attempt, in milliseconds.
    pub interval: Option<u64>,
    /// Of the latest attempt that failed.
    pub failure: Option<PendingFailure>,
    /// The identity of the worker that took the latest attempt; empty where none did.
    pub worker: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum PendingState {
    /// It waits for a worker, or for its next attempt.
    Scheduled,
    Started,
    CancelRequested,
    Paused,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingFailure {
    /// The application failure's type, or `Timeout`, ..
    pub code: String,
    pub message: String,
    pub retryable: bool,
}

impl Pending {
    /// Whether an attempt runs, rather than waits to begin.
    #[must_use]
    pub fn runs(&self) -> bool {
        match self.state {
            PendingState::Started => true,
            PendingState::Scheduled => false,
            // Either can be asked for while an attempt runs, which goes on.
            PendingState::Paused | PendingState::CancelRequested => {
                self.next.is_none() && self.started > self.completed
            }
        }
    }

    /// When the latest attempt that ended did so, as far as the answer tells.
    #[must_use]
    pub fn ended(&self) -> Option<UnixMillis> {
        self.completed.or_else(|| Some(UnixMillis(self.next?.0.checked_sub(self.interval?)?)))
    }

    /// When the next attempt is due; `None` where the server does not say.
    #[must_use]
    pub fn due(&self) -> Option<UnixMillis> {
        self.next.or_else(|| Some(UnixMillis(self.completed?.0.saturating_add(self.interval?))))
    }
}
