//! One planned fault: where it strikes, in which attempts, and what it does.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::domain::Activity;

/// Where in an activity a fault strikes: before or after the commit of its effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Point {
    BeforeCommit,
    AfterCommit,
}

impl Point {
    pub const ALL: [Self; 2] = [Self::BeforeCommit, Self::AfterCommit];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::BeforeCommit => "before-commit",
            Self::AfterCommit => "after-commit",
        }
    }
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What a fault does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// A retryable failure, `RANDOM ERROR`.
    Error,
    /// The attempt stalls past its start-to-close timeout, then goes on.
    Hang,
    /// The worker process aborts.
    Crash,
    /// The attempt pauses and goes on.
    Delay { millis: u64 },
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Error => f.write_str("error"),
            Self::Hang => f.write_str("hang"),
            Self::Crash => f.write_str("crash"),
            Self::Delay { millis } => write!(f, "delay({millis})"),
        }
    }
}

/// The longest `delay`: an hour.
pub(super) const MAX_DELAY_MILLIS: u64 = 3_600_000;

/// One rule of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fault {
    /// `None`: both activities.
    pub activity: Option<Activity>,
    pub point: Point,
    /// How often it strikes, in percent; 100 where the plan gives none.
    pub percent: u8,
    /// Only in the first N attempts; `None`: in every one.
    pub first: Option<u32>,
    pub action: Action,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(activity) = self.activity {
            write!(f, "{}.", activity.short_name())?;
        }
        write!(f, "{}=", self.point)?;
        if self.percent < 100 {
            write!(f, "{}%", self.percent)?;
        }
        if let Some(first) = self.first {
            write!(f, "{first}*")?;
        }
        write!(f, "{}", self.action)
    }
}
