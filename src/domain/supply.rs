//! Supplier orders that another company fulfils: how a repetition is recognised there, and whether units were shipped.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::sanitize;

/// How a supplier recognises an order that an activity repeats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyPolicy {
    /// The idempotency key is sent with the order, as `Idempotency-Key`.
    #[default]
    Header,
    /// The activity asks for shipments of the order before it sends it. Two attempts at the same time both find none.
    Lookup,
    /// The order is recorded first, and the activity ends. A relay then sends it with the idempotency key until the supplier
    /// confirms.
    Outbox,
    /// Not at all: every attempt that sends the order ships units.
    None,
}

impl KeyPolicy {
    /// All policies, the safest first.
    pub const ALL: [Self; 4] = [Self::Header, Self::Outbox, Self::Lookup, Self::None];

    /// The name in settings, scenario files and `--json`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Header => "header",
            Self::Lookup => "lookup",
            Self::Outbox => "outbox",
            Self::None => "none",
        }
    }

    /// A short description for users.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Header => "the key travels with the order",
            Self::Lookup => "asks before it sends",
            Self::Outbox => "recorded first, then sent with the key",
            Self::None => "each retry ships again",
        }
    }
}

impl fmt::Display for KeyPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A text that is not the name of a key policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownKeyPolicy(String);

impl fmt::Display for UnknownKeyPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unknown key policy '{}'; use header, outbox, lookup or none", self.0)
    }
}

impl std::error::Error for UnknownKeyPolicy {}

impl FromStr for KeyPolicy {
    type Err = UnknownKeyPolicy;

    fn from_str(text: &str) -> Result<Self, UnknownKeyPolicy> {
        let known = Self::ALL.into_iter().find(|policy| policy.name() == text);
        known.ok_or_else(|| UnknownKeyPolicy(sanitize(text, 40)))
    }
}

/// Where the units of an order's supplier order come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(into = "&'static str")]
pub enum Supply {
    /// They are credited at once, as in the original demo, even if the worker has a supplier.
    Immediate,
    /// The worker's supplier ships them, and recognises a repetition in this way.
    Shipped(KeyPolicy),
}

impl Supply {
    const IMMEDIATE: &str = "immediate";

    /// The name in a workflow's input.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Immediate => Self::IMMEDIATE,
            Self::Shipped(policy) => policy.name(),
        }
    }
}

/// A text that is not the name of a supply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownSupply(String);

impl fmt::Display for UnknownSupply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unknown supply '{}'; use immediate, header, outbox, lookup or none", self.0)
    }
}

impl std::error::Error for UnknownSupply {}

impl FromStr for Supply {
    type Err = UnknownSupply;

    fn from_str(text: &str) -> Result<Self, UnknownSupply> {
        match text.parse() {
            Ok(policy) => Ok(Self::Shipped(policy)),
            Err(_) if text == Self::IMMEDIATE => Ok(Self::Immediate),
            Err(_) => Err(UnknownSupply(sanitize(text, 40))),
        }
    }
}

impl From<Supply> for &'static str {
    fn from(supply: Supply) -> Self {
        supply.name()
    }
}

/// Maximum length of a shipment's id, in characters.
const MAX_SHIPMENT_CHARS: usize = 64;

/// A supplier's id for a shipment. Sanitized, because it comes from another program.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct ShipmentId(String);

impl ShipmentId {
    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for ShipmentId {
    fn from(text: String) -> Self {
        Self(sanitize(&text, MAX_SHIPMENT_CHARS))
    }
}

impl From<ShipmentId> for String {
    fn from(id: ShipmentId) -> Self {
        id.0
    }
}

impl fmt::Display for ShipmentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// What a relay needs to know of the order that causes an intent.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RelayPlan {
    /// Its fault plan, as text.
    pub faults: String,
    /// Seed of the fault plan.
    pub seed: u64,
}

/// Where the units of a supplier order come from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Delivery {
    /// They are credited as soon as they are ordered, as in the original demo.
    #[default]
    Immediate,
    /// A supplier has to ship them first.
    NotShipped,
    /// The order is recorded now, and sent to a supplier afterwards.
    Outbox(RelayPlan),
    /// A supplier has shipped them, so they are credited whatever the stock is by now.
    Shipped(ShipmentId),
}

/// Shipments, or credits of shipments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Units {
    /// How many.
    pub count: u64,
    /// Number of their units.
    pub units: i64,
}

impl Units {
    /// Adds one of this many units.
    pub const fn add(&mut self, units: i64) {
        self.count += 1;
        self.units = self.units.saturating_add(units);
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_none(&self) -> bool {
        self.count == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_is_read_by_its_name() {
        for policy in KeyPolicy::ALL {
            assert_eq!(policy.name().parse(), Ok(policy));
        }
        let unknown = "headers\u{1b}".parse::<KeyPolicy>().unwrap_err().to_string();
        assert!(unknown.starts_with("unknown key policy 'headers") && !unknown.contains('\u{1b}'), "{unknown}");
    }

    #[test]
    fn a_supply_is_read_by_its_name() {
        let all = KeyPolicy::ALL.map(Supply::Shipped).into_iter().chain([Supply::Immediate]);
        for supply in all {
            assert_eq!(supply.name().parse(), Ok(supply));
        }
        assert!("off".parse::<Supply>().unwrap_err().to_string().contains("immediate, header, outbox, lookup or none"));
    }
}
