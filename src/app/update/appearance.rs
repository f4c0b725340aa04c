//! How the screen is to look: a choice of the person, not of the state. Names only; what they mean is in `ui`.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// The colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum Theme {
    /// The terminal's own 16, which its owner chose to be readable.
    #[default]
    Terminal,
    /// Bright colours and no faint text, for a projector.
    Contrast,
    /// Blue and orange for good and bad, which every eye tells apart.
    ColourBlind,
    /// No colour at all: bold, reversed and underlined. What `NO_COLOR` asks for.
    Mono,
}

impl Theme {
    pub const ALL: [Self; 4] = [Self::Terminal, Self::Contrast, Self::ColourBlind, Self::Mono];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Terminal => "terminal",
            Self::Contrast => "contrast",
            Self::ColourBlind => "colour-blind",
            Self::Mono => "mono",
        }
    }

    /// The next one, going round.
    #[must_use]
    pub const fn next(self) -> Self {
        match self {
            Self::Terminal => Self::Contrast,
            Self::Contrast => Self::ColourBlind,
            Self::ColourBlind => Self::Mono,
            Self::Mono => Self::Terminal,
        }
    }
}

impl fmt::Display for Theme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A name that no theme has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no theme has this name; there are terminal, contrast, colour-blind and mono")]
pub struct NoSuchTheme;

impl FromStr for Theme {
    type Err = NoSuchTheme;

    fn from_str(text: &str) -> Result<Self, NoSuchTheme> {
        Self::ALL.into_iter().find(|theme| theme.name() == text.trim()).ok_or(NoSuchTheme)
    }
}

/// The whole choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Appearance {
    pub theme: Theme,
    /// Only characters that every terminal has.
    pub ascii: bool,
    /// Countdowns in whole seconds, and nothing that moves for its own sake.
    pub still: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::app::{App, testing::fixture};

    #[test]
    fn the_theme_goes_round_from_the_one_that_was_set() {
        let look = Appearance { theme: Theme::ColourBlind, ascii: true, still: true };
        let mut app = App::new(crate::app::Options { appearance: look, ..fixture::setup() });
        assert_eq!(app.appearance(), look);
        app.take_dirty();
        for expected in [Theme::Mono, Theme::Terminal, Theme::Contrast, Theme::ColourBlind] {
            app.view_mut().next_theme();
            assert_eq!(app.appearance(), Appearance { theme: expected, ..look });
            assert!(app.take_dirty());
        }
    }

    #[test]
    fn every_theme_is_found_by_its_name() {
        for theme in Theme::ALL {
            assert_eq!(theme.name().parse(), Ok(theme));
        }
        assert_eq!("colorblind".parse::<Theme>(), Err(NoSuchTheme));
    }
}
