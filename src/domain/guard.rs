//! The protection of the stock against an order that comes twice.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// How a repeated order is recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Guard {
    /// A key per effect, recorded in the same commit as the effect.
    #[default]
    Ledger,
    /// The original demo's guard: it recognises an order only while it is the last one.
    LastOrder,
    /// No protection: every attempt that reaches the write changes the stock.
    Off,
}

/// A text that is not the name of a guard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownGuard(String);

impl fmt::Display for UnknownGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unknown guard '{}'; use ledger, last-order or off", self.0)
    }
}

impl std::error::Error for UnknownGuard {}

impl Guard {
    /// All guards, the safest first.
    pub const ALL: [Self; 3] = [Self::Ledger, Self::LastOrder, Self::Off];

    /// The name in settings, scenario files, the journal and `--json`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ledger => "ledger",
            Self::LastOrder => "last-order",
            Self::Off => "off",
        }
    }

    /// A short description for users.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Ledger => "the key commits with the effect",
            Self::LastOrder => "remembers only the last order, as the original demo did",
            Self::Off => "no record of completed work",
        }
    }

    /// The guard after this one; the first follows the last.
    #[must_use]
    pub const fn next(self) -> Self {
        match self {
            Self::Ledger => Self::LastOrder,
            Self::LastOrder => Self::Off,
            Self::Off => Self::Ledger,
        }
    }
}

impl fmt::Display for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Guard {
    type Err = UnknownGuard;

    fn from_str(text: &str) -> Result<Self, UnknownGuard> {
        Self::ALL.into_iter().find(|guard| guard.name() == text).ok_or_else(|| UnknownGuard(super::sanitize(text, 40)))
    }
}
