//! The server's description of an open workflow run.

use serde::{Deserialize, Serialize};

use crate::domain::{ActivityType, FailureReport, PendingActivity, PendingState, UnixMillis};

/// The server's answer about one workflow run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Description {
    /// The time of the answer.
    pub at: UnixMillis,
    /// The run has not ended. The end of a run is a message of its own.
    pub open: bool,
    /// Its pending activities: those of the Inventory Workflow first, in its order, then by type and id.
    pub pending: Vec<PendingActivity>,
    /// Its failing workflow task, which blocks the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failing: Option<FailingTask>,
    /// Pending activities of other workflows, as recordings of earlier versions have them. They are written as they were
    /// read, so the format does not change.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<RecordedActivity>,
}

/// A workflow task that has failed and is retried without limit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailingTask {
    /// The attempt that runs or comes next; at least 2.
    pub attempt: u32,
    /// The reason and the remedy. It changes only when the cause does.
    pub explanation: String,
}

/// A pending activity of another workflow, in a recording of an earlier version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedActivity {
    #[serde(rename = "name")]
    activity: ActivityType,
    attempt: u32,
    /// Message of the latest failure.
    failure: Option<String>,
}

impl From<RecordedActivity> for PendingActivity {
    /// What was not recorded is unknown: the id is empty, and no times are given.
    fn from(recorded: RecordedActivity) -> Self {
        let RecordedActivity { activity, attempt, failure } = recorded;
        Self {
            activity,
            id: String::new(),
            attempt,
            maximum: 0,
            state: PendingState::Scheduled,
            started: None,
            completed: None,
            next: None,
            interval: None,
            failure: failure.map(|message| FailureReport {
                code: String::new(),
                message,
                retryable: true,
                causes: Vec::new(),
            }),
            worker: String::new(),
        }
    }
}
