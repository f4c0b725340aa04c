//! Finds scenarios by name or file, and lists the built-in ones.

use std::{
    io,
    path::{Path, PathBuf},
};

use serde_json::json;

use super::{print, progress::read_text};
use crate::{
    scenario::{self, NoScenario, Scenario},
    source_text::SourceError,
};

/// Why a scenario cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioProblem {
    #[error(transparent)]
    BuiltIn(#[from] NoScenario),
    #[error(transparent)]
    Wrong(#[from] SourceError),
    #[error("could not read {}: {source}", .file.display())]
    Unreadable { file: PathBuf, source: io::Error },
}

/// Loads the scenario `name`. A name that contains `/` or ends in `.toml` is a file, which is searched for in the
/// folder `beside` first.
///
/// # Errors
/// Returns [`ScenarioProblem`] if there is no such scenario, or its file cannot be read or is not valid.
pub fn find(name: &str, beside: Option<&Path>) -> Result<Scenario, ScenarioProblem> {
    let path = Path::new(name);
    let is_file = name.contains('/') || path.extension().is_some_and(|extension| extension == "toml");
    if !is_file {
        return Ok(scenario::built_in(name)?);
    }
    let file = beside.map(|folder| folder.join(path)).filter(|file| file.exists()).unwrap_or_else(|| path.to_owned());
    let text = read_text(&file).map_err(|source| ScenarioProblem::Unreadable { file: file.clone(), source })?;
    let stem = file.file_stem().map_or_else(|| name.to_owned(), |stem| stem.to_string_lossy().into_owned());
    Ok(scenario::parse(&stem, &file.display().to_string(), &text)?)
}

/// Returns the built-in scenarios, in the order in which `demo --all` runs them.
///
/// # Errors
/// Returns an error if a built-in scenario is not valid, which a test excludes.
pub fn all() -> Result<Vec<Scenario>, ScenarioProblem> {
    scenario::BUILT_IN.iter().map(|(name, _)| Ok(scenario::built_in(name)?)).collect()
}

/// Prints a line for each built-in scenario.
///
/// # Errors
/// Returns the same errors as [`all`].
pub fn list(as_json: bool) -> Result<(), ScenarioProblem> {
    let all = all()?;
    if as_json {
        let rows =
            all.iter().map(|scenario| json!({ "name": scenario.name, "title": scenario.title, "why": scenario.why }));
        print::json(&json!({ "scenarios": rows.collect::<Vec<_>>() }));
        return Ok(());
    }
    let width = all.iter().map(|scenario| scenario.name.len()).max().unwrap_or(0);
    for scenario in &all {
        print::line(&format!("{:width$}  {}", scenario.name, scenario.title));
    }
    Ok(())
}
