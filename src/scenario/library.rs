//! The scenarios that are compiled in.

use super::{Scenario, parse};
use crate::source_text::SourceError;

macro_rules! built_in {
    ($($name:literal),+ $(,)?) => {
        /// Name and text of each built-in scenario, in the order in which they are listed and run.
        pub const BUILT_IN: &[(&str, &str)] =
            &[$(($name, include_str!(concat!("../../assets/scenarios/", $name, ".toml")))),+];
    };
}

built_in!(
    "seed",
    "happy-path",
    "fail-before-commit",
    "fail-once",
    "fail-twice",
    "random-errors",
    "crash-after-commit",
    "zombie",
    "duplicate",
    "joined",
    "a-b-a",
    "two-at-once",
    "burst",
    "server-restart",
    "insufficient-stock",
    "conflict",
    "three-layers",
    "without-guard",
    "last-order",
    "a-b-a-last-order",
    "supplier-key",
    "supplier-no-key",
    "supplier-lookup",
    "supplier-lookup-race",
    "supplier-key-expired",
    "supplier-down",
    "supplier-outage",
    "supplier-conflict",
    "supplier-outbox",
);

/// Minimum similarity, from 0 to 1, of a name that is suggested.
const MIN_SIMILARITY: f64 = 0.8;

/// Maximum number of names that are suggested.
const MAX_SUGGESTIONS: usize = 3;

/// The error for a name that no built-in scenario has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no scenario {}; {nearest}", crate::error_text::quoted(.name))]
pub struct UnknownScenario {
    /// The name.
    pub name: String,
    /// The most similar names, and the command that lists all.
    pub nearest: String,
}

/// Why a built-in scenario cannot be loaded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoScenario {
    /// No built-in scenario has the name.
    #[error(transparent)]
    Unknown(#[from] UnknownScenario),
    /// The built-in text is wrong, which a test rules out.
    #[error(transparent)]
    Unreadable(#[from] SourceError),
}

/// Loads the built-in scenario with this name.
///
/// # Errors
/// [`NoScenario::Unknown`] with the most similar names if there is no such scenario.
pub fn built_in(name: &str) -> Result<Scenario, NoScenario> {
    match BUILT_IN.iter().find(|(known, _)| *known == name) {
        Some((name, text)) => Ok(parse(name, &format!("{name}.toml"), text)?),
        None => Err(UnknownScenario { name: name.to_owned(), nearest: nearest(name) }.into()),
    }
}

/// A sentence with the names most similar to `name`.
fn nearest(name: &str) -> String {
    let name = name.to_lowercase();
    let likeness = |known: &str| {
        let part = name.len() > 2 && known.contains(&name);
        if part { 1.0 } else { strsim::jaro_winkler(&name, known) }
    };
    let mut alike: Vec<_> = BUILT_IN.iter().map(|(known, _)| (likeness(known), *known)).collect();
    alike.retain(|(likeness, _)| *likeness >= MIN_SIMILARITY);
    alike.sort_by(|one, other| other.0.total_cmp(&one.0));
    let names: Vec<_> = alike.into_iter().take(MAX_SUGGESTIONS).map(|(_, known)| known).collect();
    let proposal = match names.as_slice() {
        [] => String::new(),
        [one] => format!("the nearest is {one}; "),
        more => format!("the nearest are {}; ", more.join(", ")),
    };
    format!("{proposal}all: idempotence demo --list")
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs, path::Path};

    use super::*;

    #[test]
    fn every_file_of_the_folder_is_compiled_in() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/scenarios");
        let files: BTreeSet<_> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        let known: BTreeSet<_> = BUILT_IN.iter().map(|(name, _)| format!("{name}.toml")).collect();
        assert_eq!(files, known);
        assert_eq!(known.len(), BUILT_IN.len());
    }

    #[test]
    fn every_built_in_scenario_can_pass() {
        let problems: Vec<_> =
            BUILT_IN.iter().filter_map(|(name, _)| built_in(name).err()).map(|error| error.to_string()).collect();
        assert!(problems.is_empty(), "{}", problems.join("\n"));
    }

    #[test]
    fn an_unknown_name_is_reported_with_the_nearest() {
        for (name, expected) in [
            ("zombi", "there is no scenario \"zombi\"; the nearest is zombie; all: idempotence demo --list"),
            ("crash", "there is no scenario \"crash\"; the nearest is crash-after-commit; all: "),
            ("Fail-Once", "there is no scenario \"Fail-Once\"; the nearest are fail-once, "),
            ("qqq\u{1b}", "there is no scenario \"qqq\\u{1b}\"; all: idempotence demo --list"),
            ("", "there is no scenario \"\"; all: idempotence demo --list"),
        ] {
            let message = built_in(name).unwrap_err().to_string();
            assert!(message.starts_with(expected), "{message}");
        }
    }
}
