//! How fast a walkthrough shows what happens. What happens is not slowed: only the screen is.

use std::{fmt, str::FromStr};

use crate::app::{App, notice::Tone};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Pace {
    /// At once.
    Live,
    /// So that the eye can follow.
    #[default]
    Calm,
    /// So that each event can be explained.
    Slow,
}

impl Pace {
    pub const ALL: [Self; 3] = [Self::Live, Self::Calm, Self::Slow];

    /// The least time between two events on the screen, in milliseconds.
    #[must_use]
    pub const fn gap(self) -> u64 {
        match self {
            Self::Live => 0,
            Self::Calm => 400,
            Self::Slow => 1_200,
        }
    }

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Calm => "calm",
            Self::Slow => "slow",
        }
    }

    const fn next(self) -> Self {
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

/// The name of no pace.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the paces are live, calm and slow")]
pub struct NoSuchPace;

impl FromStr for Pace {
    type Err = NoSuchPace;

    fn from_str(text: &str) -> Result<Self, NoSuchPace> {
        Self::ALL.into_iter().find(|pace| pace.name() == text).ok_or(NoSuchPace)
    }
}

impl App {
    /// The pace of the walkthrough.
    #[must_use]
    pub const fn pace(&self) -> Pace {
        self.pace
    }

    /// Sets the pace of the walkthrough.
    pub const fn set_pace(&mut self, pace: Pace) {
        self.pace = pace;
    }

    pub(in crate::app) fn next_pace(&mut self) {
        self.pace = self.pace.next();
        let text = match self.pace.gap() {
            0 => format!("pace {}: everything shows when it happens", self.pace),
            gap => format!("pace {}: events show at least {}.{} s apart", self.pace, gap / 1_000, gap % 1_000 / 100),
        };
        self.notify(&text, Tone::Plain);
    }
}
