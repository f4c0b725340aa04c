//! The scenarios that are compiled in.

use super::{Scenario, ScenarioError};

/// Name and text of each, in the order in which they are listed and played.
pub const BUILT_IN: &[(&str, &str)] = &[];

/// A name that no scenario has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no scenario '{name}'; {nearest}")]
pub struct UnknownScenario {
    pub name: String,
    /// The nearest names, as a sentence.
    pub nearest: String,
}

/// The compiled-in scenario of that name.
///
/// # Errors
/// [`UnknownScenario`] with the nearest names.
pub fn built_in(name: &str) -> Result<Result<Scenario, ScenarioError>, UnknownScenario> {
    Err(UnknownScenario { name: name.to_owned(), nearest: String::new() })
}
