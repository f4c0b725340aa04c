//! How orders and workflow runs end.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What became of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OrderOutcome {
    /// Its effect is in the stock, made by this run.
    Applied,
    /// The ledger had its key: the recorded result was returned, and nothing changed.
    Replayed,
    /// The `last-order` guard took it for the last order, and nothing changed.
    Skipped,
    /// The rules do not allow it.
    Rejected,
    /// Its key is recorded with another payload.
    Conflict,
    /// The start joined a run that had not ended.
    Joined,
}

impl OrderOutcome {
    /// All outcomes, in the order in which they are listed for users.
    pub const ALL: [Self; 6] =
        [Self::Applied, Self::Replayed, Self::Skipped, Self::Rejected, Self::Conflict, Self::Joined];

    /// The name in workflow results, scenario files, metrics and `--json`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Replayed => "replayed",
            Self::Skipped => "skipped",
            Self::Rejected => "rejected",
            Self::Conflict => "conflict",
            Self::Joined => "joined",
        }
    }
}

impl fmt::Display for OrderOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The result of a completed workflow run, as its worker reports it. Text in JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum RunResult {
    /// The outcome of its order.
    Order(OrderOutcome),
    /// No result: workers of the original demo report none.
    None,
    /// The result of another program's workflow.
    Other(String),
}

impl RunResult {
    /// The text that stands for [`Self::None`].
    const NONE: &'static str = "completed";
}

impl From<OrderOutcome> for RunResult {
    fn from(outcome: OrderOutcome) -> Self {
        Self::Order(outcome)
    }
}

impl From<String> for RunResult {
    fn from(text: String) -> Self {
        match OrderOutcome::ALL.into_iter().find(|outcome| outcome.name() == text) {
            Some(outcome) => Self::Order(outcome),
            None if text == Self::NONE => Self::None,
            None => Self::Other(text),
        }
    }
}

impl From<RunResult> for String {
    fn from(result: RunResult) -> Self {
        result.to_string()
    }
}

impl fmt::Display for RunResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Order(outcome) => outcome.fmt(f),
            Self::None => f.pad(Self::NONE),
            Self::Other(text) => f.pad(text),
        }
    }
}

/// How a workflow run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunEnd {
    /// The workflow returned.
    Completed {
        /// Its result.
        #[serde(rename = "outcome")]
        result: RunResult,
    },
    /// The rules do not allow the order.
    Rejected {
        /// The type of the application failure; see [`Rejection`](super::Rejection).
        code: String,
        /// The failure's message.
        message: String,
    },
    /// The order's key is recorded with another payload.
    Conflict {
        /// The failure's message.
        message: String,
    },
    /// The workflow failed for another reason.
    Failed {
        /// The message of the innermost failure.
        message: String,
    },
    /// A client asked for cancellation, and the workflow accepted it.
    Cancelled,
    /// A client terminated it.
    Terminated,
    /// Its execution timeout passed.
    TimedOut,
    /// This server does not know the run: it ran on another server, or was deleted.
    Unknown,
}

impl RunEnd {
    /// The end of a completed run whose workflow reports `outcome`.
    #[must_use]
    pub const fn completed(outcome: OrderOutcome) -> Self {
        Self::Completed { result: RunResult::Order(outcome) }
    }

    /// The outcome of its order; `None` if the end does not say it.
    #[must_use]
    pub const fn outcome(&self) -> Option<OrderOutcome> {
        match self {
            Self::Completed { result: RunResult::Order(outcome) } => Some(*outcome),
            Self::Rejected { .. } => Some(OrderOutcome::Rejected),
            Self::Conflict { .. } => Some(OrderOutcome::Conflict),
            Self::Completed { .. }
            | Self::Failed { .. }
            | Self::Cancelled
            | Self::Terminated
            | Self::TimedOut
            | Self::Unknown => None,
        }
    }
}

/// One or two words; the result of a completed run.
impl fmt::Display for RunEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Completed { result } => result.fmt(f),
            Self::Rejected { .. } => OrderOutcome::Rejected.fmt(f),
            Self::Conflict { .. } => OrderOutcome::Conflict.fmt(f),
            Self::Failed { .. } => f.pad("failed"),
            Self::Cancelled => f.pad("cancelled"),
            Self::Terminated => f.pad("terminated"),
            Self::TimedOut => f.pad("timed out"),
            Self::Unknown => f.pad("unknown"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_keeps_its_text_in_json() {
        for (text, result) in [
            ("applied", RunResult::Order(OrderOutcome::Applied)),
            ("completed", RunResult::None),
            ("Done.", RunResult::Other("Done.".to_owned())),
        ] {
            let end = RunEnd::Completed { result };
            let json = format!("{{\"completed\":{{\"outcome\":\"{text}\"}}}}");
            assert_eq!(serde_json::to_string(&end).unwrap(), json);
            assert_eq!(serde_json::from_str::<RunEnd>(&json).unwrap(), end);
            assert_eq!(end.to_string(), text);
        }
    }
}
