//! The layers that settings come from, and the rule that decides between them: flags over environment over `.env`.
//!
//! Knows nothing about the meaning of a value. Holds secrets, hence has no `Debug`.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::Path;

use super::error::{Layer, Origin, SettingsError, quoted, quoted_path};
use super::{dot_env, names};

type Values = BTreeMap<&'static str, String>;

/// What the layers say, highest first. Blank values are left out: they count as unset.
pub(super) struct Sources {
    layers: Vec<(Layer, Values)>,
    /// Names that look meant for this program but are unknown, each with where it stands.
    pub(super) unknown: Vec<String>,
}

/// A value and where it was found.
pub(super) struct Found<'a> {
    pub(super) text: &'a str,
    pub(super) origin: Origin,
}

impl Found<'_> {
    /// The error that this value is wrong, showing the value.
    pub(super) fn invalid(&self, problem: impl Into<String>) -> SettingsError {
        SettingsError::Invalid { origin: self.origin.clone(), value: quoted(self.text), problem: problem.into() }
    }
}

impl Sources {
    /// The environment's layer over the `.env` file's, which may be absent.
    pub(super) fn read(environment: &[(OsString, OsString)], file: &Path) -> Result<Self, SettingsError> {
        let mut unknown = Vec::new();
        let environment = environment_layer(environment, &mut unknown)?;
        let dot_env = file_layer(file, &mut unknown)?;
        let layers = vec![(Layer::Environment, environment), (Layer::DotEnv(file.to_owned()), dot_env)];
        Ok(Self { layers, unknown })
    }

    /// The value of `name` in the highest layer that sets it.
    pub(super) fn find(&self, name: &'static str) -> Option<Found<'_>> {
        self.layers.iter().find_map(|(layer, values)| found(layer, values, name))
    }

    /// The one value that `names`, aliases of each other, have in the highest layer that sets any of them.
    ///
    /// Lower layers are not looked at: a higher one overrides them as a whole.
    pub(super) fn agreed<T: PartialEq>(
        &self,
        names: &[&'static str],
        parse: impl Fn(&Found<'_>) -> Result<T, SettingsError>,
    ) -> Result<Option<T>, SettingsError> {
        for (layer, values) in &self.layers {
            let mut first: Option<(Found<'_>, T)> = None;
            for found in names.iter().filter_map(|name| found(layer, values, name)) {
                let value = parse(&found)?;
                match &first {
                    None => first = Some((found, value)),
                    Some((_, agreed)) if *agreed == value => {}
                    Some((preferred, _)) => return Err(conflict(preferred, &found)),
                }
            }
            if let Some((_, value)) = first {
                return Ok(Some(value));
            }
        }
        Ok(None)
    }
}

fn found<'a>(layer: &Layer, values: &'a Values, name: &'static str) -> Option<Found<'a>> {
    let text = values.get(name)?;
    Some(Found { text, origin: Origin { name, layer: layer.clone() } })
}

fn conflict(first: &Found<'_>, second: &Found<'_>) -> SettingsError {
    SettingsError::Conflict {
        first: first.origin.name,
        first_value: quoted(first.text),
        second: second.origin.name,
        second_value: quoted(second.text),
        layer: first.origin.layer.clone(),
    }
}

fn is_blank(value: &str) -> bool {
    value.trim().is_empty()
}

fn environment_layer(environment: &[(OsString, OsString)], unknown: &mut Vec<String>) -> Result<Values, SettingsError> {
    let mut values = Values::new();
    for (name, value) in environment {
        let Some(text) = name.to_str() else { continue };
        match (names::known(text), value.to_str()) {
            (Some(name), None) => {
                return Err(SettingsError::NotUtf8 { origin: Origin { name, layer: Layer::Environment } });
            }
            (Some(name), Some(value)) if !is_blank(value) => _ = values.insert(name, value.to_owned()),
            // Other programs own the rest of the environment; a name like this was most likely meant for us.
            (None, _) if text.starts_with("TEMPORAL_") && value != OsStr::new("") => {
                unknown.push(format!("{} {}", text.escape_debug(), Layer::Environment));
            }
            _ => {}
        }
    }
    Ok(values)
}

fn file_layer(file: &Path, unknown: &mut Vec<String>) -> Result<Values, SettingsError> {
    let bytes = match std::fs::read(file) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Values::new()),
        Err(error) => {
            return Err(SettingsError::DotEnvUnreadable { file: file.to_owned(), error });
        }
    };
    let entries = dot_env::parse(&bytes).map_err(|bad| SettingsError::BadLine {
        file: file.to_owned(),
        line: bad.line,
        problem: bad.problem,
    })?;
    let mut values = Values::new();
    let mut lines = BTreeMap::new();
    for entry in entries.into_iter().filter(|entry| !is_blank(&entry.value)) {
        let Some(name) = names::known(&entry.name) else {
            unknown.push(format!("{} on line {} of {}", entry.name, entry.line, quoted_path(file)));
            continue;
        };
        let first = *lines.entry(name).or_insert(entry.line);
        if values.get(name).is_some_and(|value| *value != entry.value) {
            return Err(SettingsError::SetTwice { file: file.to_owned(), name, first, second: entry.line });
        }
        values.insert(name, entry.value);
    }
    Ok(values)
}
