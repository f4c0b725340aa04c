//! Events of one execution as they are printed: typed, and JSON.

use std::{fmt, time::Duration};

use serde::Serialize;

use crate::{
    app::orders::{attempt::Failure, observed_wait::ObservedWait},
    domain::{
        ActivityOptions, ExecutionStatus, FailureCause, FailureReport, ItemEnd, PayloadContent, PendingState,
        UnixMillis, millis,
    },
};

use super::advice::{Certainty, RetriesEnded};

/// An event of one execution.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WatchEvent {
    /// Its time.
    pub at: UnixMillis,
    /// The workflow id.
    pub workflow: String,
    /// The run id.
    pub run: String,
    /// What happened.
    #[serde(flatten)]
    pub kind: WatchEventKind,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum WatchEventKind {
    /// The execution was found.
    Found {
        /// Its workflow type.
        workflow_type: String,
        /// Its task queue.
        task_queue: String,
        /// Its status.
        status: ExecutionStatus,
        /// Its arguments, if the history was read.
        input: Vec<PayloadContent>,
    },
    /// An activity was scheduled.
    Scheduled {
        /// The activity.
        #[serde(flatten)]
        activity: ActivityName,
        /// Its options.
        options: Option<ActivityOptions>,
    },
    /// Attempts that neither the server reported nor the history records.
    NotObserved {
        /// The activity.
        #[serde(flatten)]
        activity: ActivityName,
        /// The first.
        first: u32,
        /// The last.
        last: u32,
    },
    /// Parts of the history that were read, but are not kept.
    NotKept {
        /// Their number: local activities, timers, activities and so on.
        lanes: u64,
    },
    /// An attempt began.
    AttemptStarted {
        /// The activity.
        #[serde(flatten)]
        activity: ActivityName,
        /// The attempt.
        #[serde(flatten)]
        attempt: AttemptNumber,
        /// The wait before it, as far as it was observed.
        #[serde(flatten)]
        waited: Option<ObservedWait>,
        /// The wait that the retry policy, or the failure, asks for.
        #[serde(flatten)]
        planned: Option<PlannedWait>,
    },
    /// An attempt failed.
    AttemptFailed {
        /// The activity.
        #[serde(flatten)]
        activity: ActivityName,
        /// The attempt.
        #[serde(flatten)]
        attempt: AttemptNumber,
        /// Its duration, if its start and end are known.
        #[serde(rename = "took_ms", skip_serializing_if = "Option::is_none", with = "millis::optional")]
        took: Option<Duration>,
        /// The wait before it, if its start was not observed.
        #[serde(flatten)]
        wait: Option<AttemptWait>,
        /// What is certain about its effect.
        certainty: Certainty,
        /// The value of the timeout that expired, if it is known.
        #[serde(rename = "timeout_ms", skip_serializing_if = "Option::is_none", with = "millis::optional")]
        limit: Option<Duration>,
        /// The failure.
        #[serde(flatten)]
        failure: AttemptFailure,
    },
    /// An attempt ended without a known result.
    AttemptEnded {
        /// The activity.
        #[serde(flatten)]
        activity: ActivityName,
        /// The attempt.
        #[serde(flatten)]
        attempt: AttemptNumber,
    },
    /// The activity waits for its next attempt.
    Waiting {
        /// The activity.
        #[serde(flatten)]
        activity: ActivityName,
        /// The next attempt.
        #[serde(flatten)]
        attempt: AttemptNumber,
        /// When it is due.
        due: UnixMillis,
        /// The wait that the server reports.
        #[serde(rename = "wait_ms", skip_serializing_if = "Option::is_none", with = "millis::optional")]
        wait: Option<Duration>,
        /// The wait that the retry policy, or the failure, asks for.
        #[serde(flatten)]
        planned: Option<PlannedWait>,
    },
    /// The state of a pending activity has changed: paused, unpaused, or asked to cancel.
    StateChanged {
        /// The activity.
        #[serde(flatten)]
        activity: ActivityName,
        /// The new state.
        state: PendingState,
    },
    /// An activity ended.
    ActivityEnded {
        /// The activity.
        #[serde(flatten)]
        activity: ActivityName,
        /// Number of its attempts.
        attempts: u64,
        /// The value of the timeout that expired, if it is known.
        #[serde(rename = "timeout_ms", skip_serializing_if = "Option::is_none", with = "millis::optional")]
        limit: Option<Duration>,
        /// How it ended.
        end: ItemEnd,
        /// Why it was not retried again.
        #[serde(skip_serializing_if = "Option::is_none")]
        retries_ended: Option<RetriesEnded>,
    },
    /// A local activity, a timer, a child workflow, a signal or another item began.
    ItemBegan {
        /// Its kind.
        item: &'static str,
        /// Its name.
        name: String,
        /// The arguments of a signal or an update.
        #[serde(skip_serializing_if = "Option::is_none")]
        input: Option<Vec<PayloadContent>>,
        /// The identity of the sender of a signal.
        #[serde(skip_serializing_if = "Option::is_none")]
        from: Option<String>,
        /// When a timer fires.
        #[serde(skip_serializing_if = "Option::is_none")]
        due: Option<UnixMillis>,
    },
    /// An attempt of such an item failed, and is retried.
    ItemAttemptFailed {
        /// Its kind.
        item: &'static str,
        /// Its name.
        name: String,
        /// The attempt.
        attempt: u32,
        /// When the next attempt is due.
        #[serde(skip_serializing_if = "Option::is_none")]
        due: Option<UnixMillis>,
        /// The failure.
        #[serde(flatten)]
        failure: AttemptFailure,
    },
    /// Such an item ended.
    ItemEnded {
        /// Its kind.
        item: &'static str,
        /// Its name.
        name: String,
        /// Number of its attempts; 0 if that is not recorded.
        attempts: u32,
        /// Its duration.
        #[serde(rename = "took_ms", with = "millis")]
        took: Duration,
        /// How it ended.
        end: ItemEnd,
    },
    /// The workflow task fails and is retried, so nothing else can continue.
    TaskFails {
        /// The attempt that runs or comes next.
        attempt: u32,
        /// The server's name of the cause, if the history was read.
        cause: Option<String>,
        /// The type of the failure.
        #[serde(skip_serializing_if = "Option::is_none")]
        code: Option<String>,
        /// The message of the failure.
        message: Option<String>,
        /// The identity of the worker.
        worker: Option<String>,
    },
    /// The workflow task no longer fails.
    TaskRecovered,
    /// The execution ended.
    Ended {
        /// How it ended.
        end: ItemEnd,
        /// The run that continues it.
        #[serde(skip_serializing_if = "Option::is_none")]
        next_run: Option<String>,
    },
}

/// The wait before an attempt whose start was not observed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct AttemptWait {
    /// As far as it was observed.
    #[serde(flatten)]
    pub observed: ObservedWait,
    /// The wait that the retry policy, or the failure, asks for.
    #[serde(flatten)]
    pub planned: Option<PlannedWait>,
}

/// The wait before an attempt, as it was planned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum PlannedWait {
    /// By the retry policy.
    #[serde(rename = "policy_ms", with = "millis")]
    Policy(Duration),
    /// By the failure of the attempt before, instead of the retry policy.
    #[serde(rename = "next_retry_delay_ms", with = "millis")]
    Requested(Duration),
}

/// An activity in an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ActivityName {
    /// Its type.
    pub activity: String,
    /// Its id.
    pub id: String,
}

impl fmt::Display for ActivityName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.activity)?;
        // Many workflows use the type as the id.
        if self.id == self.activity { Ok(()) } else { write!(f, " {}", self.id) }
    }
}

/// An attempt in an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AttemptNumber {
    /// As Temporal counts.
    pub attempt: u32,
    /// Activity resets that came before it.
    #[serde(skip_serializing_if = "is_zero")]
    pub resets: u32,
    /// Maximum of attempts; `None` for no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maximum: Option<u32>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// `attempt 2 of 5`; with the number of resets if there were any.
impl fmt::Display for AttemptNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "attempt {}", self.attempt)?;
        if let Some(maximum) = self.maximum {
            write!(f, " of {maximum}")?;
        }
        match self.resets {
            0 => Ok(()),
            1 => f.write_str(" (1 reset before)"),
            resets => write!(f, " ({resets} resets before)"),
        }
    }
}

/// The failure of an attempt in an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AttemptFailure {
    /// The type.
    pub code: String,
    /// The message.
    pub message: String,
    /// Whether Temporal may retry it.
    pub retryable: bool,
    /// The causes, outermost first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<FailureCause>,
}

impl From<&FailureReport> for AttemptFailure {
    fn from(failure: &FailureReport) -> Self {
        let FailureReport { code, message, retryable, causes } = failure.clone();
        Self { code, message, retryable, causes }
    }
}

impl From<&Failure> for AttemptFailure {
    fn from(failure: &Failure) -> Self {
        let Failure { code, message, retryable, causes, .. } = failure.clone();
        Self { code, message, retryable, causes }
    }
}
