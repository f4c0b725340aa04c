//! A value and its origin.

use std::fmt;
use std::path::PathBuf;

use crate::error_text::quoted_path;
use crate::source_text::Position;

/// A value and its origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sourced<T> {
    /// The value, which is valid.
    pub value: T,
    /// The setting that set it, and its layer.
    pub origin: Origin,
}

impl<T> Sourced<T> {
    /// Returns the default `value` of the setting `name`.
    pub(super) const fn by_default(name: &'static str, value: T) -> Self {
        Self { value, origin: Origin { name, layer: Layer::Default } }
    }

    /// Converts the value and keeps its origin.
    pub(super) fn map<U>(self, change: impl FnOnce(T) -> U) -> Sourced<U> {
        Sourced { value: change(self.value), origin: self.origin }
    }
}

/// The source of a value. Each layer overrides the ones after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Layer {
    /// A flag of the command line.
    Flag,
    /// The process environment.
    Environment,
    /// A `.env` file.
    DotEnv(PathBuf),
    /// The settings file.
    SettingsFile {
        /// The file.
        file: PathBuf,
        /// The position of the value in it.
        at: Position,
    },
    /// A profile in Temporal's own file.
    Profile {
        /// The file.
        file: PathBuf,
        /// The name of the profile.
        profile: String,
    },
    /// An environment variable that has an effect because it is not set.
    Absent,
    /// No layer set it.
    Default,
}

impl fmt::Display for Layer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag => out.write_str("on the command line"),
            Self::Environment => out.write_str("in the environment"),
            Self::DotEnv(file) => write!(out, "in {}", quoted_path(file)),
            Self::SettingsFile { file, at } => write!(out, "in {}, {at}", quoted_path(file)),
            Self::Profile { file, profile } => write!(out, "in profile {profile:?} of {}", quoted_path(file)),
            Self::Absent => out.write_str("not set in the environment"),
            Self::Default => out.write_str("by default"),
        }
    }
}

impl Layer {
    /// Whether it overrides `other`.
    pub(super) const fn is_above(&self, other: &Self) -> bool {
        self.rank() < other.rank()
    }

    /// Whether neither overrides the other.
    pub(super) const fn is_level_with(&self, other: &Self) -> bool {
        self.rank() == other.rank()
    }

    const fn rank(&self) -> u8 {
        match self {
            Self::Flag => 0,
            Self::Environment | Self::Absent => 1,
            Self::DotEnv(_) => 2,
            Self::SettingsFile { .. } => 3,
            Self::Profile { .. } => 4,
            Self::Default => 5,
        }
    }
}

/// A setting's name and the layer that set its value; displays as `TASKQUEUE in the environment`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The variable's name, the flag with its dashes, or the key of the settings file.
    pub name: &'static str,
    /// The layer.
    pub layer: Layer,
}

impl fmt::Display for Origin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} {}", self.name, self.layer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_reads_as_part_of_a_sentence() {
        let cases = [
            (Layer::Flag, "DATABASE on the command line"),
            (Layer::Environment, "DATABASE in the environment"),
            (Layer::DotEnv("/app/.env".into()), "DATABASE in \"/app/.env\""),
            (
                Layer::SettingsFile { file: "/s.toml".into(), at: Position { line: 3, column: 1 } },
                "DATABASE in \"/s.toml\", line 3, column 1",
            ),
            (
                Layer::Profile { file: "/t.toml".into(), profile: "cloud".to_owned() },
                "DATABASE in profile \"cloud\" of \"/t.toml\"",
            ),
            (Layer::Absent, "DATABASE not set in the environment"),
            (Layer::Default, "DATABASE by default"),
        ];
        for (layer, text) in cases {
            assert_eq!(Origin { name: "DATABASE", layer }.to_string(), text);
        }
    }
}
