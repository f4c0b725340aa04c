//! The sources of a single setting: a flag, or names that are aliases of each other.

use super::error::SettingsError;
use super::layer::Found;
use super::sourced::{Layer, Origin, Sourced};
use super::sources::Sources;

/// The sources of a value: a flag, and names that are aliases of each other, which the flag overrides.
pub(super) struct Choice<'a> {
    flag: Option<Found<'a>>,
    names: &'a [&'static str],
}

impl<'a> Choice<'a> {
    pub(super) fn new(flag: Option<&'a str>, flag_name: &'static str, names: &'a [&'static str]) -> Self {
        let origin = Origin { name: flag_name, layer: Layer::Flag };
        Self { flag: flag.map(|text| Found { text, origin }), names }
    }

    pub(super) const fn without_flag(names: &'a [&'static str]) -> Self {
        Self { flag: None, names }
    }

    /// Returns the last of the names.
    pub(super) fn last_name(&self) -> &'static str {
        self.names.last().copied().unwrap_or_default()
    }

    /// Returns the value from the flag or the layers.
    pub(super) fn named<T: PartialEq>(
        self,
        sources: &Sources,
        parse: impl Fn(&Found<'_>) -> Result<T, SettingsError>,
    ) -> Result<Option<Sourced<T>>, SettingsError> {
        match self.flag {
            Some(found) => Ok(Some(Sourced { value: parse(&found)?, origin: found.origin })),
            None => sources.agreed(self.names, parse),
        }
    }

    /// Returns the value from the flag or the layers, or the default.
    pub(super) fn of<T: PartialEq>(
        self,
        sources: &Sources,
        parse: fn(&Found<'_>) -> Result<T, SettingsError>,
        default: fn() -> T,
    ) -> Result<Sourced<T>, SettingsError> {
        let first = self.names.first().copied().unwrap_or_default();
        Ok(self.named(sources, parse)?.unwrap_or_else(|| Sourced::by_default(first, default())))
    }
}
