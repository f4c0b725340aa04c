//! The layers that settings come from, and the rule that decides between them: environment over `.env` over the
//! settings file over a profile of Temporal's own. Flags, which override them all, come in beside them.
//!
//! The environment and the `.env` file also serve other programs, so only a setting of ours in them can be an error. Knows
//! nothing about the meaning of a value. Holds secrets, hence has no `Debug`.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::effective::{LayerFile, Sourced};
use super::error::{Layer, Origin, SettingsError, quoted_path};
use super::layer_files::{foreign_file, own_file};
use super::needs::{Area, Problems};
use super::notices::Notices;
use super::{dot_env, foreign, names, settings_file};
use crate::error_text::{self, quoted};

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
    /// What else deserves a notice.
    pub(super) notices: Notices,
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
    /// empty until [`Self::put_below`]. `dot_env` is `Err` with the reason when that file is not to be read.
    pub(super) fn read(
        environment: &[(OsString, OsString)],
        dot_env: Result<PathBuf, LayerFile>,
        settings_file: Option<PathBuf>,
        problems: &mut Problems,
    ) -> Self {
        let (mut unknown, mut notices) = (Vec::new(), Notices::default());
        let variables = environment_layer(environment, &mut unknown, &mut notices, problems);
        let (dot_env, bytes) = match dot_env {
            Ok(path) => foreign_file(path, &mut notices),
            Err(ignored) => (ignored, Vec::new()),
        };
        let from_dot_env = dot_env_layer(&dot_env.path, &bytes, &mut unknown, &mut notices, problems);
        let (settings_file, from_settings) = settings_layer(settings_file, &mut notices, problems);
        let layers = [variables, from_dot_env, from_settings, Values::new()];
        Self { layers, dot_env, settings_file, unknown, notices }
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

/// Whether it begins so, in capital letters or not.
fn begins_like_ours(name: &str) -> bool {
    let begins = |prefix: &str| name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
    OURS.into_iter().any(begins)
}

fn environment_layer(
    environment: &[(OsString, OsString)],
    unknown: &mut Vec<String>,
    notices: &mut Notices,
    problems: &mut Problems,
) -> Values {
    let mut values = Values::new();
    for (name, value) in environment {
        let (Some(text), value_text) = (name.to_str(), value.to_str()) else { continue };
        let Some(name) = names::known(text) else {
            // Other programs own the rest of the environment; a name like this was most likely meant for us.
            let metadata = text.starts_with(super::metadata::PREFIX);
            if begins_like_ours(text)
                && !value.is_empty()
                && !metadata
                && !foreign::is_of_others(text, value_text.unwrap_or_default())
            {
                unknown.push(format!("{} {}{}", text.escape_debug(), Layer::Environment, suggestion(text)));
            }
            continue;
        };
        let origin = Origin { name, layer: Layer::Environment };
        match value_text {
            None => problems.add(Area::of(name), SettingsError::NotUtf8 { origin }),
            Some(value) if is_blank(value) => {}
            Some(value) => {
                let text = foreign::without_quotes(value);
                if text.is_some() {
                    let notice = format!(
                        "The quotes around the value of {origin} were removed: docker run --env-file, Compose lists and \
                         Kubernetes keep quotes and comments as part of a value."
                    );
                    notices.add(Area::of(name), notice);
                }
                if text.is_none() && value.contains(" #") && !names::is_secret(name) {
                    notices.add(
                        Area::of(name),
                        format!(
                            "{origin} is {}: docker run --env-file and Kubernetes keep a comment as part of the value.",
                            quoted(value)
                        ),
                    );
                }
                insert(&mut values, Value { text: text.unwrap_or(value).to_owned(), origin }, notices);
            }
        }
    }
    values
}

/// Puts the value into its layer, unless it is blank or stands for nothing.
fn insert(values: &mut Values, value: Value, notices: &mut Notices) {
    if foreign::stands_for_nothing(value.origin.name, &value.text) {
        notices.add(
            Area::of(value.origin.name),
            format!("{} is {}, which counts as not set.", value.origin, quoted(&value.text)),
        );
    } else if !is_blank(&value.text) {
        values.insert(value.origin.name, value);
    }
}

/// What an unknown name may have been meant to be.
fn suggestion(name: &str) -> String {
    // Names of variables have their letters in a case that matters, and are written in the wrong one.
    let upper = if begins_like_ours(name) { name.to_ascii_uppercase() } else { name.to_owned() };
    let nearest = || error_text::nearest(&upper, names::NAMES.iter().map(|entry| entry.name));
    foreign::our_name_of(&upper)
        .or_else(nearest)
        .map(|nearest| format!(" (did you mean {nearest}?)"))
        .unwrap_or_default()
}

fn settings_layer(
    file: Option<PathBuf>,
    notices: &mut Notices,
    problems: &mut Problems,
) -> (Option<LayerFile>, Values) {
    let Some(path) = file else { return (None, Values::new()) };
    match own_file(path.clone(), notices) {
        Ok((file, bytes)) => {
            let values =
                problems.or_default(Area::Files, settings_file::parse(&file.path, &bytes).map_err(SettingsError::from));
            (Some(file), values)
        }
        Err(error) => {
            problems.add(Area::Files, error);
            (Some(LayerFile { path, present: true, ignored: None }), Values::new())
        }
    }
}

fn dot_env_layer(
    file: &Path,
    bytes: &[u8],
    unknown: &mut Vec<String>,
    notices: &mut Notices,
    problems: &mut Problems,
) -> Values {
    let read = dot_env::parse(bytes);
    for bad in read.bad.into_iter().filter(|bad| !names::MYSQL.contains(&bad.name)) {
        let error = SettingsError::BadLine { file: file.to_owned(), line: bad.line, problem: bad.problem };
        problems.add(Area::of(bad.name), error);
    }
    for (line, name) in read.inside_quotes {
        notices.add(
            Area::of(name),
            format!(
                "{name} on line {line} of {} had no effect: it is inside a value in quotes that begins above it.",
                quoted_path(file)
            ),
        );
    }
    let mut values: Values = BTreeMap::new();
    let mut lines = BTreeMap::new();
    for entry in read.entries.into_iter().filter(|entry| !is_blank(&entry.value)) {
        let Some(name) = names::known(&entry.name) else {
            unknown.extend(unknown_in_dot_env(&entry.name, entry.line, file));
            continue;
        };
        let first = *lines.entry(name).or_insert(entry.line);
        if values.get(name).is_some_and(|value| value.text != entry.value) && !names::MYSQL.contains(&name) {
            let error = SettingsError::SetTwice { file: file.to_owned(), name, first, second: entry.line };
            problems.add(Area::of(name), error);
            continue;
        }
        if entry.looks_expanded && !names::MYSQL.contains(&name) {
            notices.add(
                Area::of(name),
                format!(
                    "{name} on line {} of {} contains a $: nothing is expanded, so the value is used as it is written.",
                    entry.line,
                    quoted_path(file)
                ),
            );
        }
        let origin = Origin { name, layer: Layer::DotEnv(file.to_owned()) };
        insert(&mut values, Value { text: entry.value, origin }, notices);
    }
    values
}

/// A name that resembles one of ours, or begins like one. Any other belongs to another program.
fn unknown_in_dot_env(name: &str, line: usize, file: &Path) -> Option<String> {
    if foreign::is_of_others(name, "") {
        return None;
    }
    let suggestion = suggestion(name);
    (begins_like_ours(name) || !suggestion.is_empty())
        .then(|| format!("{name} on line {line} of {}{suggestion}", quoted_path(file)))
}
