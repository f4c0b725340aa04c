//! The TOML form of a scenario.

use super::Scenario;

/// A place in a file, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub line: usize,
    pub column: usize,
}

/// Why a text is no scenario.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}, line {}, column {}: {problem}", .at.line, .at.column)]
pub struct ScenarioError {
    pub file: String,
    pub at: Place,
    pub problem: String,
}

/// Reads a scenario. `file` names it in errors; `name` is its own.
///
/// # Errors
/// [`ScenarioError`].
pub fn parse(name: &str, file: &str, text: &str) -> Result<Scenario, ScenarioError> {
    let _ = (name, text);
    Err(ScenarioError { file: file.to_owned(), at: Place { line: 1, column: 1 }, problem: String::new() })
}
