//! What a comparison compares, and what each of its sides tries.

use serde::{Deserialize, Serialize};

use crate::domain::{Guard, KeyPolicy, Supply};

/// Number of sides of a comparison.
pub const SIDES: usize = 3;

/// What a comparison compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Subject {
    /// Three guards, which protect our own stock.
    #[default]
    Guards,
    /// Three key policies, by which a supplier recognises a repetition. The effect is at another company.
    Policies,
}

impl Subject {
    /// What the sides try, the safest first.
    #[must_use]
    pub const fn candidates(self) -> [Candidate; SIDES] {
        match self {
            Self::Guards => {
                [Candidate::Guard(Guard::Ledger), Candidate::Guard(Guard::LastOrder), Candidate::Guard(Guard::Off)]
            }
            Self::Policies => [
                Candidate::Policy(KeyPolicy::Header),
                Candidate::Policy(KeyPolicy::Lookup),
                Candidate::Policy(KeyPolicy::None),
            ],
        }
    }

    /// The other subject.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Guards => Self::Policies,
            Self::Policies => Self::Guards,
        }
    }
}

/// What one side of a comparison tries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Candidate {
    /// A guard. Units are credited at once, since the three databases have the same orders, which one supplier would take
    /// for repetitions.
    Guard(Guard),
    /// A key policy, with a supplier of its own.
    Policy(KeyPolicy),
}

impl Candidate {
    /// The name in settings.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Guard(guard) => guard.name(),
            Self::Policy(policy) => policy.name(),
        }
    }

    /// The guard of our own stock.
    #[must_use]
    pub const fn guard(self) -> Guard {
        match self {
            Self::Guard(guard) => guard,
            Self::Policy(_) => Guard::Ledger,
        }
    }

    /// Where the units of its supplier orders come from.
    #[must_use]
    pub const fn supply(self) -> Supply {
        match self {
            Self::Guard(_) => Supply::Immediate,
            Self::Policy(policy) => Supply::Shipped(policy),
        }
    }

    /// The key policy, if it has a supplier.
    #[must_use]
    pub const fn policy(self) -> Option<KeyPolicy> {
        match self {
            Self::Guard(_) => None,
            Self::Policy(policy) => Some(policy),
        }
    }
}

impl From<Guard> for Candidate {
    fn from(guard: Guard) -> Self {
        Self::Guard(guard)
    }
}

impl From<KeyPolicy> for Candidate {
    fn from(policy: KeyPolicy) -> Self {
        Self::Policy(policy)
    }
}
