//! The content of one layer, before its values are parsed. Contains secrets, so nothing here implements `Debug`.

use std::collections::BTreeMap;

use super::error::SettingsError;
use super::sourced::Origin;
use crate::error_text::quoted;

/// The values of a layer by their names in the environment, whatever the layer itself calls them.
pub(super) type Values = BTreeMap<&'static str, Value>;

/// A value as text, and where it is.
pub(super) struct Value {
    pub(super) text: String,
    pub(super) origin: Origin,
}

/// A value that was found in a layer, or given as a flag.
pub(super) struct Found<'a> {
    pub(super) text: &'a str,
    pub(super) origin: Origin,
}

impl<'a> Found<'a> {
    /// Finds the value of `name`.
    pub(super) fn of(values: &'a Values, name: &'static str) -> Option<Self> {
        values.get(name).map(|Value { text, origin }| Self { text, origin: origin.clone() })
    }

    /// Returns the error that this value is wrong. It shows the value.
    pub(super) fn invalid(&self, problem: impl Into<String>) -> SettingsError {
        SettingsError::Invalid { origin: self.origin.clone(), value: quoted(self.text), problem: problem.into() }
    }
}
