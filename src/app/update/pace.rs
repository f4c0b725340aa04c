//! The pace of a walkthrough: how fast the screen shows events. It does not slow the events.

use std::{fmt, str::FromStr};

/// A pace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Pace {
    /// At once.
    Live,
    /// Slow enough for the eye.
    #[default]
    Calm,
    /// Slow enough to explain each event.
    Slow,
}

impl Pace {
    /// All paces.
    pub const ALL: [Self; 3] = [Self::Live, Self::Calm, Self::Slow];

    /// Minimum milliseconds between two events on the screen.
    #[must_use]
    pub const fn gap(self) -> u64 {
        match self {
            Self::Live => 0,
            Self::Calm => 400,
            Self::Slow => 1_200,
        }
    }

    /// The name of a pace.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Calm => "calm",
            Self::Slow => "slow",
        }
    }

    /// The next pace, from the last to the first.
    #[must_use]
    pub const fn next(self) -> Self {
        match self {
            Self::Live => Self::Calm,
            Self::Calm => Self::Slow,
            Self::Slow => Self::Live,
        }
    }
}

impl fmt::Display for Pace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The name is not that of a pace.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the paces are live, calm and slow")]
pub struct NoSuchPace;

impl FromStr for Pace {
    type Err = NoSuchPace;

    fn from_str(text: &str) -> Result<Self, NoSuchPace> {
        Self::ALL.into_iter().find(|pace| pace.name() == text).ok_or(NoSuchPace)
    }
}
