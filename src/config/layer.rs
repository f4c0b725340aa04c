//! The content of one layer, before its values are parsed. It contains secrets, so no type here implements `Debug`.

use std::collections::BTreeMap;

use super::error::SettingsError;
use super::sourced::Origin;
use crate::error_text::quoted;

/// The values of a layer by their names in the environment, even if the layer uses other names.
pub(super) type Values = BTreeMap<&'static str, Value>;

/// A value as text, and its position.
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

    /// Returns the error for this value being invalid. It shows the value.
    pub(super) fn invalid(&self, problem: impl Into<String>) -> SettingsError {
        SettingsError::Invalid { origin: self.origin.clone(), value: quoted(self.text), problem: problem.into() }
    }
}
