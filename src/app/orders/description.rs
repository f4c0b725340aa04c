//! The server's description of an open workflow run.

use serde::{Deserialize, Serialize};

use crate::domain::{OtherActivity, PendingActivity, UnixMillis};

/// The server's answer about one workflow run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Description {
    /// The time of the answer.
    pub at: UnixMillis,
    /// The run has not ended. The end of a run is a message of its own.
    pub open: bool,
    /// Pending activities of our two types.
    pub pending: Vec<PendingActivity>,
    /// Its failing workflow task, which blocks the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failing: Option<FailingTask>,
    /// Pending activities of all other types.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<OtherActivity>,
}

/// A workflow task that has failed and is retried without limit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailingTask {
    /// The attempt that runs or comes next; at least 2.
    pub attempt: u32,
    /// The reason and the remedy. It changes only when the cause does.
    pub explanation: String,
}
