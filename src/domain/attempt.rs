//! Who asks for an effect: one attempt of one activity of one workflow run.

use std::{fmt, num::NonZeroU32};

use serde::{Deserialize, Serialize};

use super::{IdempotencyKey, OrderId};

/// Milliseconds since the Unix epoch. Time comes in as a value; nothing in `domain` reads a clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UnixMillis(pub u64);

/// The number of an attempt as Temporal counts: the first is 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Attempt(NonZeroU32);

impl Attempt {
    pub const FIRST: Self = Self(NonZeroU32::MIN);

    /// `None` for 0, which Temporal never gives.
    #[must_use]
    pub const fn new(number: u32) -> Option<Self> {
        match NonZeroU32::new(number) {
            Some(number) => Some(Self(number)),
            None => None,
        }
    }

    #[must_use]
    pub const fn number(self) -> u32 {
        self.0.get()
    }

    /// How many attempts came before this one.
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

/// The two activities, in the order in which the workflow runs them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Activity {
    #[serde(rename = "UpdateInventoryActivity")]
    UpdateInventory,
    #[serde(rename = "SupplierOrderActivity")]
    SupplierOrder,
}

impl Activity {
    pub const ALL: [Self; 2] = [Self::UpdateInventory, Self::SupplierOrder];

    /// The type name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::UpdateInventory => "UpdateInventoryActivity",
            Self::SupplierOrder => "SupplierOrderActivity",
        }
    }

    /// The word that scopes a fault to this activity, and a short label.
    #[must_use]
    pub const fn short_name(self) -> &'static str {
        match self {
            Self::UpdateInventory => "update",
            Self::SupplierOrder => "supplier",
        }
    }
}

impl fmt::Display for Activity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// One attempt, named so that it can be found again in Temporal and in the journal.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Origin {
    #[serde(rename = "orderID")]
    pub order: OrderId,
    #[serde(rename = "workflowID")]
    pub workflow: String,
    #[serde(rename = "runID")]
    pub run: String,
    pub activity: Activity,
    pub attempt: Attempt,
}

impl Origin {
    /// The key of the effect that this attempt is about.
    #[must_use]
    pub fn key(&self) -> IdempotencyKey {
        match self.activity {
            Activity::UpdateInventory => IdempotencyKey::order(&self.order),
            Activity::SupplierOrder => IdempotencyKey::supplier(&self.order),
        }
    }
}
