//! The layers that settings come from, and the rule that decides between them: environment over `.env` over the
//! settings file over a profile of Temporal's own. Flags, which override them all, come in beside them.
//!
//! Knows nothing about the meaning of a value. Holds secrets, hence has no `Debug`.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use super::effective::{LayerFile, Sourced};
use super::error::{Layer, Origin, SettingsError, quoted_path};
use super::{dot_env, names, settings_file};
use crate::toml_text::quoted;

/// What one layer says, by the name in the environment, whatever the layer itself calls it.
pub(super) type Values = BTreeMap<&'static str, Value>;

/// A value as text, and where it stands.
pub(super) struct Value {
    pub(super) text: String,
    pub(super) origin: Origin,
}

/// What the layers say, highest first. Blank variables are left out: they count as unset.
pub(super) struct Sources {
    layers: [Values; 4],
    pub(super) dot_env: LayerFile,
    /// `None`: there is no folder for it.
    pub(super) settings_file: Option<LayerFile>,
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
    /// The environment's layer over those of the two files, which may be absent. The profile's layer, which these choose, is
    /// empty until [`Self::put_below`].
    pub(super) fn read(
        environment: &[(OsString, OsString)],
        dot_env: PathBuf,
        settings_file: Option<PathBuf>,
    ) -> Result<Self, SettingsError> {
        let mut unknown = Vec::new();
        let variables = environment_layer(environment, &mut unknown)?;
        let (dot_env, bytes) = layer_file(dot_env)?;
        let from_dot_env = dot_env_layer(&dot_env.path, &bytes, &mut unknown)?;
        let (settings_file, from_settings) = match settings_file.map(regular_file).transpose()? {
            Some((file, bytes)) => {
                let values = settings_file::parse(&file.path, &bytes)?;
                (Some(file), values)
            }
            None => (None, Values::new()),
        };
        Ok(Self { layers: [variables, from_dot_env, from_settings, Values::new()], dot_env, settings_file, unknown })
    }

    /// Puts the profile's layer below the others.
    pub(super) fn put_below(&mut self, profile: Values) {
        let [.., lowest] = &mut self.layers;
        *lowest = profile;
    }

    /// The value of `name` in the highest layer that sets it.
    pub(super) fn find(&self, name: &'static str) -> Option<Found<'_>> {
        self.layers.iter().find_map(|values| found(values, name))
    }

    /// The one value that `names`, aliases of each other, have in the highest layer that sets any of them.
    ///
    /// Lower layers are not looked at: a higher one overrides them as a whole.
    pub(super) fn agreed<T: PartialEq>(
        &self,
        names: &[&'static str],
        parse: impl Fn(&Found<'_>) -> Result<T, SettingsError>,
    ) -> Result<Option<Sourced<T>>, SettingsError> {
        for values in &self.layers {
            let mut first: Option<(Found<'_>, T)> = None;
            for found in names.iter().filter_map(|name| found(values, name)) {
                let value = parse(&found)?;
                match &first {
                    None => first = Some((found, value)),
                    Some((_, agreed)) if *agreed == value => {}
                    Some((preferred, _)) => return Err(conflict(preferred, &found)),
                }
            }
            if let Some((found, value)) = first {
                return Ok(Some(Sourced { value, origin: found.origin }));
            }
        }
        Ok(None)
    }
}

fn found<'a>(values: &'a Values, name: &'static str) -> Option<Found<'a>> {
    values.get(name).map(|Value { text, origin }| Found { text, origin: origin.clone() })
}

fn conflict(first: &Found<'_>, second: &Found<'_>) -> SettingsError {
    // The path of a key may be the key itself, put into the wrong place.
    let hidden = |name| names::is_secret(name) || names::TLS_KEY.contains(&name);
    let secret = [first, second].into_iter().any(|found| hidden(found.origin.name));
    let shown = |found: &Found<'_>| if secret { "set (not shown)".to_owned() } else { quoted(found.text) };
    SettingsError::Conflict {
        first: first.origin.name,
        first_value: shown(first),
        second: second.origin.name,
        second_value: shown(second),
        layer: Box::new(first.origin.layer.clone()),
    }
}

fn is_blank(value: &str) -> bool {
    value.trim().is_empty()
}

/// How variables begin that are most likely meant for this program.
const OURS: [&str; 2] = ["TEMPORAL_", "IDEMPOTENCE_"];

fn environment_layer(environment: &[(OsString, OsString)], unknown: &mut Vec<String>) -> Result<Values, SettingsError> {
    let mut values = Values::new();
    for (name, value) in environment {
        let Some(text) = name.to_str() else { continue };
        match (names::known(text), value.to_str()) {
            (Some(name), None) => {
                return Err(SettingsError::NotUtf8 { origin: Origin { name, layer: Layer::Environment } });
            }
            (Some(name), Some(value)) if !is_blank(value) => {
                let origin = Origin { name, layer: Layer::Environment };
                values.insert(name, Value { text: value.to_owned(), origin });
            }
            // Other programs own the rest of the environment; a name like this was most likely meant for us.
            (None, _) if text.starts_with(super::metadata::PREFIX) => {}
            (None, _) if OURS.iter().any(|prefix| text.starts_with(prefix)) && value != OsStr::new("") => {
                unknown.push(format!("{} {}", text.escape_debug(), Layer::Environment));
            }
            _ => {}
        }
    }
    Ok(values)
}

/// The largest file that is read, in bytes; all settings together take a few thousand.
const LARGEST: u64 = 1 << 20;

/// A file that is there to stay, and its content: a named pipe, whose opening waits for a writer, is a mistake here; as a
/// `.env` file, some programs that keep secrets serve one.
pub(super) fn regular_file(path: PathBuf) -> Result<(LayerFile, Vec<u8>), SettingsError> {
    if fs::metadata(&path).is_ok_and(|metadata| metadata.file_type().is_fifo()) {
        return Err(SettingsError::LayerUnreadable { file: path, error: io::Error::other("it is a named pipe") });
    }
    layer_file(path)
}

/// The file and its content, empty where there is no file.
fn layer_file(path: PathBuf) -> Result<(LayerFile, Vec<u8>), SettingsError> {
    match read(&path) {
        Ok(bytes) => Ok((LayerFile { path, present: true }, bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok((LayerFile { path, present: false }, Vec::new())),
        Err(error) => Err(SettingsError::LayerUnreadable { file: path, error }),
    }
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = File::open(path)?.take(LARGEST + 1).read_to_end(&mut bytes)?;
    if u64::try_from(read).is_ok_and(|read| read <= LARGEST) {
        Ok(bytes)
    } else {
        Err(io::Error::other("it has more than 1 MiB"))
    }
}

fn dot_env_layer(file: &Path, bytes: &[u8], unknown: &mut Vec<String>) -> Result<Values, SettingsError> {
    let entries = dot_env::parse(bytes).map_err(|bad| SettingsError::BadLine {
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
        if values.get(name).is_some_and(|value| value.text != entry.value) {
            return Err(SettingsError::SetTwice { file: file.to_owned(), name, first, second: entry.line });
        }
        let origin = Origin { name, layer: Layer::DotEnv(file.to_owned()) };
        values.insert(name, Value { text: entry.value, origin });
    }
    Ok(values)
}
