//! Executions of any workflow, as the server lists and describes them.

use serde::{Deserialize, Serialize};

use super::{ActivityOptions, FailureReport, PayloadContent, PendingActivity, Run, UnixMillis};

/// The status of an execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExecutionStatus {
    /// It runs.
    Running,
    /// It runs, and an operator has paused it.
    Paused,
    /// It returned a result.
    Completed,
    /// It failed.
    Failed,
    /// It was cancelled.
    Cancelled,
    /// It was terminated.
    Terminated,
    /// It continues in another run.
    ContinuedAsNew,
    /// It exceeded its timeout.
    TimedOut,
}

impl ExecutionStatus {
    /// Whether the execution has not ended.
    #[must_use]
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Running | Self::Paused)
    }

    /// The name that the visibility query language uses.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Running => "Running",
            Self::Paused => "Paused",
            Self::Completed => "Completed",
            Self::Failed => "Failed",
            Self::Cancelled => "Canceled",
            Self::Terminated => "Terminated",
            Self::ContinuedAsNew => "ContinuedAsNew",
            Self::TimedOut => "TimedOut",
        }
    }
}

/// An execution in a list or a description.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecutionInfo {
    /// Its ids.
    pub run: Run,
    /// Its workflow type.
    pub workflow_type: String,
    /// Its task queue.
    pub task_queue: String,
    /// Its status.
    pub status: ExecutionStatus,
    /// Its start.
    pub started: UnixMillis,
    /// Its end; `None` if it is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed: Option<UnixMillis>,
    /// Number of events in its history.
    pub history_length: u64,
    /// The execution that started it as a child.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<Run>,
}

/// The server's description of an execution.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExecutionReport {
    /// The time of the answer.
    pub at: UnixMillis,
    /// The execution.
    pub info: ExecutionInfo,
    /// Its pending activities; empty if it has ended.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub activities: Vec<ReportedActivity>,
    /// Its pending Nexus operations.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nexus: Vec<PendingNexus>,
    /// Its pending workflow task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<PendingTask>,
}

/// A pending activity, with what changes without a new attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportedActivity {
    /// Its attempts.
    pub pending: PendingActivity,
    /// The rest.
    pub details: PendingDetails,
}

/// The part of a pending activity's description that is not about a single attempt.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PendingDetails {
    /// When its current attempt was scheduled, or its next one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheduled: Option<UnixMillis>,
    /// When its schedule-to-close timeout expires.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<UnixMillis>,
    /// Its latest heartbeat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heartbeat: Option<Heartbeat>,
    /// Its pause.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pause: Option<Pause>,
    /// Its current options; `None` if the server does not report them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub options: Option<ActivityOptions>,
}

/// A heartbeat of an attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heartbeat {
    /// Its time; `None` if only details of an earlier attempt are known.
    pub at: Option<UnixMillis>,
    /// Its details.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub details: Vec<PayloadContent>,
}

/// The pause of an activity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// Its time.
    pub at: Option<UnixMillis>,
    /// The identity that paused it; may be empty.
    pub by: String,
    /// The reason; may be empty.
    pub reason: String,
}

/// The pending workflow task of an execution.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingTask {
    /// From 1. A higher number means that the task has failed and is retried.
    pub attempt: u32,
    /// When this attempt was scheduled.
    pub scheduled: Option<UnixMillis>,
    /// When a worker took it; `None` if none has.
    pub started: Option<UnixMillis>,
}

/// A pending Nexus operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PendingNexus {
    /// The history event that scheduled it.
    pub scheduled_event: u64,
    /// The endpoint, service and operation.
    pub operation: String,
    /// The attempt that runs or comes next, from 1.
    pub attempt: u32,
    /// Due time of the next attempt, between two attempts.
    pub next: Option<UnixMillis>,
    /// End of the latest attempt that has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed: Option<UnixMillis>,
    /// Why the latest attempt failed.
    pub failure: Option<FailureReport>,
}
