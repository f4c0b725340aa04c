//! What the server says of an open workflow run: its pending activities at one moment. Authoritative about the attempt,
//! its maximum, the last failure and the time of the next attempt, whoever runs the worker.

use serde::{Deserialize, Serialize};

use crate::domain::{OtherActivity, PendingActivity, UnixMillis};

/// The server's answer about one workflow run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Description {
    /// When the answer came.
    pub at: UnixMillis,
    /// The run has not ended. Where it has, its end comes as a message of its own.
    pub open: bool,
    /// Activities that are scheduled, running or between two attempts. Those of types that we do not know are left out.
    pub pending: Vec<PendingActivity>,
    /// Its workflow task fails, so nothing goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failing: Option<FailingTask>,
    /// Pending activities of all other types.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<OtherActivity>,
}

/// A workflow task that has failed, and is tried again without end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailingTask {
    /// The attempt that runs or comes next; at least 2.
    pub attempt: u32,
    /// Why, and what to do. Without the attempt, so it changes only when the cause does.
    pub explanation: String,
}
