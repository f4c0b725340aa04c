//! The origin of an effect: one attempt of one activity of one workflow run.

use std::{fmt, num::NonZeroU32, time::Duration};

use serde::{Deserialize, Serialize};

use super::{Activity, IdempotencyKey, OrderId, millis};

/// Milliseconds since the Unix epoch. Callers pass times as values; nothing in `domain` reads a clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UnixMillis(pub u64);

impl UnixMillis {
    /// The time `duration` after this one, at most the latest time that the type can represent.
    #[must_use]
    pub fn saturating_add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(millis::whole(duration)))
    }

    /// The duration from `earlier` to this time; zero if `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }
}

/// The number of an attempt as Temporal counts it. The first is 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Attempt(NonZeroU32);

impl Attempt {
    /// Attempt 1.
    pub const FIRST: Self = Self(NonZeroU32::MIN);

    /// Returns `None` for 0, which Temporal never uses.
    #[must_use]
    pub const fn new(number: u32) -> Option<Self> {
        match NonZeroU32::new(number) {
            Some(number) => Some(Self(number)),
            None => None,
        }
    }

    /// The number, from 1.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0.get()
    }

    /// Number of attempts before this one.
    #[must_use]
    pub const fn retries(self) -> u32 {
        self.0.get() - 1
    }
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// The ids of one attempt in Temporal and in the journal.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Origin {
    /// The order that the attempt processes.
    #[serde(rename = "orderID")]
    pub order: OrderId,
    /// Temporal's workflow id.
    #[serde(rename = "workflowID")]
    pub workflow: String,
    /// Temporal's run id.
    #[serde(rename = "runID")]
    pub run: String,
    /// The activity.
    pub activity: Activity,
    /// The number of the attempt.
    pub attempt: Attempt,
}

impl Origin {
    /// The key of the effect that this attempt applies.
    #[must_use]
    pub fn key(&self) -> IdempotencyKey {
        match self.activity {
            Activity::UpdateInventory => IdempotencyKey::order(&self.order),
            Activity::SupplierOrder => IdempotencyKey::supplier(&self.order),
        }
    }
}
