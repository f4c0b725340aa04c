//! The events of an execution's history, as far as they are shown.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{ActivityOptions, ActivityType, FailureReport, PayloadContent, Run, UnixMillis, millis};

/// An event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryEvent {
    /// From 1, without gaps.
    pub id: u64,
    /// Its time.
    pub at: UnixMillis,
    /// What happened.
    pub kind: EventKind,
}

/// What happened. A field `scheduled`, `initiated` or `started` is the id of the event that began the same item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EventKind {
    /// The execution started.
    Started {
        /// The workflow type.
        workflow_type: String,
        /// The arguments.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        input: Vec<PayloadContent>,
        /// From 1; a higher number is a retry of the whole workflow.
        attempt: u32,
        /// The run that it continues.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        continued_from: Option<String>,
    },
    /// A workflow task completed.
    TaskCompleted {
        /// The identity of the worker.
        worker: String,
    },
    /// A workflow task failed, and is retried. The server writes only the first of several failures in a row.
    TaskFailed {
        /// The server's name of the cause.
        cause: String,
        /// The failure.
        failure: FailureReport,
        /// The identity of the worker.
        worker: String,
    },
    /// A worker took a workflow task and did not answer in time, or none took it.
    TaskTimedOut {
        /// Which timeout expired.
        timeout: super::TimeoutKind,
    },
    /// An activity was scheduled.
    ActivityScheduled {
        /// Its id.
        id: String,
        /// Its type.
        activity: ActivityType,
        /// Its options.
        options: ActivityOptions,
        /// Its arguments.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        input: Vec<PayloadContent>,
    },
    /// The last attempt of an activity began. The server writes this event when the activity ends.
    ActivityStarted {
        /// The activity.
        scheduled: u64,
        /// The number of the attempt, from 1.
        attempt: u32,
        /// The identity of the worker.
        worker: String,
        /// Why the attempt before it failed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        failure: Option<FailureReport>,
    },
    /// The workflow requested the cancellation of an activity.
    ActivityCancelRequested {
        /// The activity.
        scheduled: u64,
    },
    /// An activity ended.
    ActivityEnded {
        /// The activity.
        scheduled: u64,
        /// How it ended.
        end: ItemEnd,
    },
    /// A local activity ended. Its attempts are not in the history.
    LocalActivity {
        /// Its id; may be empty.
        id: String,
        /// Its type.
        activity: String,
        /// The number of its last attempt; 0 if it is not recorded.
        attempt: u32,
        /// When it began; `None` if that is not recorded.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        started: Option<UnixMillis>,
        /// How it ended.
        end: ItemEnd,
        /// The wait before it is retried by another local activity, after a timer; `None` if it is not retried.
        #[serde(default, skip_serializing_if = "Option::is_none", with = "millis::optional")]
        backoff: Option<Duration>,
    },
    /// A timer was started.
    TimerStarted {
        /// Its id.
        id: String,
        /// Its duration.
        #[serde(with = "millis")]
        duration: Duration,
    },
    /// A timer ended.
    TimerEnded {
        /// The timer.
        started: u64,
        /// It fired; `false` if it was cancelled.
        fired: bool,
    },
    /// A child workflow was requested.
    ChildInitiated {
        /// The child's workflow id.
        workflow: String,
        /// The child's type.
        workflow_type: String,
    },
    /// A child workflow started.
    ChildStarted {
        /// The child.
        initiated: u64,
        /// Its ids.
        run: Run,
    },
    /// A child workflow ended, or could not be started.
    ChildEnded {
        /// The child.
        initiated: u64,
        /// How it ended.
        end: ItemEnd,
    },
    /// A Nexus operation was scheduled.
    NexusScheduled {
        /// The endpoint, service and operation.
        operation: String,
    },
    /// A Nexus operation started, and answers later.
    NexusStarted {
        /// The operation.
        scheduled: u64,
    },
    /// A Nexus operation ended.
    NexusEnded {
        /// The operation.
        scheduled: u64,
        /// How it ended.
        end: ItemEnd,
    },
    /// A signal arrived.
    Signaled {
        /// Its name.
        name: String,
        /// Its arguments.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        input: Vec<PayloadContent>,
        /// The identity of the sender; may be empty.
        from: String,
    },
    /// An update was accepted.
    UpdateAccepted {
        /// Its name.
        name: String,
        /// Its arguments.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        input: Vec<PayloadContent>,
    },
    /// An update was completed.
    UpdateEnded {
        /// The event that accepted it.
        accepted: u64,
        /// How it ended.
        end: ItemEnd,
    },
    /// A client requested the cancellation of the execution.
    CancelRequested {
        /// The reason; may be empty.
        cause: String,
    },
    /// The execution ended.
    Ended {
        /// How it ended.
        end: ItemEnd,
        /// The run that continues it: after continue-as-new, a retry, or at the next time of its schedule.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        next_run: Option<String>,
    },
    /// An event that is only counted.
    Other {
        /// The name of its type.
        name: String,
    },
}

/// How an activity, a child workflow or another item ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ItemEnd {
    /// It returned a result.
    Completed {
        /// The result.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        result: Vec<PayloadContent>,
    },
    /// It failed.
    Failed(FailureReport),
    /// It exceeded a timeout.
    TimedOut(FailureReport),
    /// It was cancelled.
    Cancelled,
    /// It was terminated.
    Terminated {
        /// The reason; may be empty.
        reason: String,
    },
    /// It continues in another run.
    ContinuedAsNew,
}

impl ItemEnd {
    /// Why it failed or timed out; `None` after any other end.
    #[must_use]
    pub const fn failure(&self) -> Option<&FailureReport> {
        match self {
            Self::Failed(failure) | Self::TimedOut(failure) => Some(failure),
            Self::Completed { .. } | Self::Cancelled | Self::Terminated { .. } | Self::ContinuedAsNew => None,
        }
    }
}
