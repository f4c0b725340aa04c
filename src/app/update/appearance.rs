//! The appearance of the screen, which the user chooses. `ui` defines what the names mean.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// The colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum Theme {
    /// The terminal's own 16 colours.
    #[default]
    Terminal,
    /// Bright colours and no faint text, for a projector.
    Contrast,
    /// Blue and orange for good and bad, which are distinct for every eye.
    ColourBlind,
    /// No colour: bold, reversed and underlined. `NO_COLOR` selects it.
    Mono,
}

impl Theme {
    /// All themes.
    pub const ALL: [Self; 4] = [Self::Terminal, Self::Contrast, Self::ColourBlind, Self::Mono];

    /// The name of a theme.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Terminal => "terminal",
            Self::Contrast => "contrast",
            Self::ColourBlind => "colour-blind",
            Self::Mono => "mono",
        }
    }

    /// The next theme, from the last to the first.
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

/// The name is not that of a theme.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no theme has this name; there are terminal, contrast, colour-blind and mono")]
pub struct NoSuchTheme;

impl FromStr for Theme {
    type Err = NoSuchTheme;

    fn from_str(text: &str) -> Result<Self, NoSuchTheme> {
        Self::ALL.into_iter().find(|theme| theme.name() == text.trim()).ok_or(NoSuchTheme)
    }
}

/// All choices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Appearance {
    /// The colours.
    pub theme: Theme,
    /// Only ASCII characters.
    pub ascii: bool,
    /// Countdowns in whole seconds, and no other motion.
    pub still: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::app::{App, testing::fixture};

    #[test]
    fn themes_cycle_from_the_configured_one() {
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
