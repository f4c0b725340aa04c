//! One planned fault: where it fires, in which attempts, and what it does.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

use crate::domain::{Activity, millis};

/// Point of an activity at which a fault fires, in the order in which an attempt reaches them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Point {
    /// Before the order is sent to the supplier: nothing is shipped by this attempt.
    BeforeSend,
    /// Between the supplier's shipment and its record: the answer is lost.
    AfterSend,
    /// Before the commit of the effect: nothing is written.
    BeforeCommit,
    /// Between the commit of the effect and its acknowledgement.
    AfterCommit,
}

impl Point {
    /// All points, in order.
    pub const ALL: [Self; 4] = [Self::BeforeSend, Self::AfterSend, Self::BeforeCommit, Self::AfterCommit];

    /// The points that every attempt has. The others exist only if an order is sent to a supplier.
    pub const OF_COMMIT: [Self; 2] = [Self::BeforeCommit, Self::AfterCommit];

    /// Name in a fault plan.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::BeforeSend => "before-send",
            Self::AfterSend => "after-send",
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

/// Action of a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// The attempt fails with the retryable error `RANDOM ERROR`.
    Error,
    /// The attempt stalls past its start-to-close timeout, then continues.
    Hang,
    /// The worker process aborts.
    Crash,
    /// The attempt pauses, then continues.
    Delay {
        /// Length of the pause.
        #[serde(rename = "millis", with = "millis")]
        duration: Duration,
    },
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Error => f.write_str("error"),
            Self::Hang => f.write_str("hang"),
            Self::Crash => f.write_str("crash"),
            Self::Delay { duration } => write!(f, "delay({})", millis::whole(*duration)),
        }
    }
}

/// Maximum length of a `delay`.
pub(super) const MAX_DELAY: Duration = Duration::from_hours(1);

/// One rule of a fault plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fault {
    /// Activity of the rule; `None` for both.
    pub activity: Option<Activity>,
    /// Point at which the rule fires.
    pub point: Point,
    /// Probability, in percent from 1 to 100. A plan without a percentage means 100.
    pub percent: u8,
    /// Number of first attempts to which the rule is limited; `None` for no limit.
    pub first: Option<u32>,
    /// What happens to the attempt.
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
