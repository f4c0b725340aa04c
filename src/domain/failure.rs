//! Why an attempt, an activity or a workflow failed, as its worker or the server reported it.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

use super::{PayloadContent, millis};

/// A reported failure: the reason in short, and the whole chain of causes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailureReport {
    /// The application failure's type, or `Timeout`, `Cancelled`, `Terminated`, `Server`; may be empty.
    pub code: String,
    /// The message of the innermost failure that says why.
    pub message: String,
    /// Whether Temporal may retry it.
    pub retryable: bool,
    /// The causes, outermost first. Empty in the dashboard, which shows the reason only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<FailureCause>,
}

/// One failure in a chain of causes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailureCause {
    /// What kind of failure it is.
    pub kind: FailureKind,
    /// Its message.
    pub message: String,
    /// Its stack trace, one entry per line; may be empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stack_trace: Vec<String>,
    /// Its details.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub details: Vec<PayloadContent>,
}

/// The kind of a failure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureKind {
    /// The code of an activity or a workflow failed.
    Application {
        /// Its type, for example the name of an exception; may be empty.
        code: String,
        /// Whether the failure itself allows a retry. The retry policy may still exclude its type.
        retryable: bool,
        /// The delay before the next attempt that the failure requests instead of the retry policy's.
        #[serde(default, skip_serializing_if = "Option::is_none", with = "millis::optional")]
        next_retry_delay: Option<Duration>,
    },
    /// A timeout.
    Timeout(TimeoutKind),
    /// A cancellation.
    Cancelled,
    /// A termination.
    Terminated,
    /// The server failed it.
    Server {
        /// Whether a retry is allowed.
        retryable: bool,
    },
    /// An activity failed; its cause is the next in the chain.
    Activity {
        /// The activity's type.
        activity: String,
        /// The activity's id.
        id: String,
    },
    /// A child workflow failed; its cause is the next in the chain.
    Child {
        /// The child's type.
        workflow_type: String,
        /// The child's workflow id.
        workflow: String,
    },
    /// A Nexus operation failed; its cause is the next in the chain.
    Nexus {
        /// The operation.
        operation: String,
    },
    /// Of another kind.
    Other,
}

/// Which timeout of an activity or a workflow expired.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TimeoutKind {
    /// An attempt took too long.
    StartToClose,
    /// No worker took it in time.
    ScheduleToStart,
    /// All attempts together took too long.
    ScheduleToClose,
    /// An attempt recorded no heartbeat in time.
    Heartbeat,
    /// The server did not say which.
    Unspecified,
}

impl TimeoutKind {
    /// The name as in Temporal's documentation.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::StartToClose => "start-to-close",
            Self::ScheduleToStart => "schedule-to-start",
            Self::ScheduleToClose => "schedule-to-close",
            Self::Heartbeat => "heartbeat",
            Self::Unspecified => "unspecified",
        }
    }

    /// What did not happen in time. `limit`: the configured value as text, if it is known.
    #[must_use]
    pub fn sentence(self, limit: Option<&str>) -> String {
        let limit = limit.map_or_else(String::new, |limit| format!(" ({limit})"));
        let missing = match self {
            Self::StartToClose => "no answer",
            Self::ScheduleToStart => "no worker took it",
            Self::ScheduleToClose => "no success",
            Self::Heartbeat => "no heartbeat",
            Self::Unspecified => return format!("no answer within a timeout{limit}"),
        };
        format!("{missing} within the {self} timeout{limit}")
    }
}

impl fmt::Display for TimeoutKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FailureReport {
    /// The timeout that expired; `None` if it is not a timeout or the causes are not known.
    #[must_use]
    pub fn timeout(&self) -> Option<TimeoutKind> {
        expired_timeout(&self.causes)
    }

    /// The delay before the next attempt that the failure requests instead of the retry policy's.
    #[must_use]
    pub fn next_retry_delay(&self) -> Option<Duration> {
        next_retry_delay(&self.causes)
    }
}

/// The timeout that expired in a failure with these causes. One that expired in an attempt before is a cause of it.
#[must_use]
pub fn expired_timeout(causes: &[FailureCause]) -> Option<TimeoutKind> {
    causes.iter().find_map(|cause| match cause.kind {
        FailureKind::Timeout(kind) => Some(kind),
        _ => None,
    })
}

/// The delay before the next attempt that a failure with these causes requests instead of the retry policy's.
#[must_use]
pub fn next_retry_delay(causes: &[FailureCause]) -> Option<Duration> {
    causes.iter().find_map(|cause| match cause.kind {
        FailureKind::Application { next_retry_delay, .. } => next_retry_delay,
        _ => None,
    })
}
