//! The layers that settings come from. A layer that is added earlier overrides the later ones. Flags, which override
//! all layers, are not among them; see [`Choice`](super::choice::Choice).
//!
//! The environment and the `.env` file also serve other programs, so only a setting of ours in them can be an error.
//! Values are text here; other files parse them. They may be secrets, so [`Sources`] does not implement `Debug`.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::dot_env::{self, Entry};
use super::error::SettingsError;
use super::layer::{Found, Value, Values};
use super::layer_files::{LayerFile, foreign_file, own_file};
use super::needs::{Area, Problems};
use super::notices::Notices;
use super::sourced::{Layer, Origin, Sourced};
use super::{foreign, metadata, names, settings_file};
use crate::error_text::{nearest, quoted, quoted_path};

/// The layers, and the findings from reading them. Blank variables are omitted, because they count as unset.
#[derive(Default)]
pub(super) struct Sources {
    /// The highest layer first.
    layers: Vec<Values>,
    /// Unknown names that look meant for this program, each with its position.
    pub(super) unknown: Vec<String>,
    /// Other facts that the user should know.
    pub(super) notices: Notices,
    /// The mistakes in the layers.
    pub(super) problems: Problems,
    /// The facts about settings of MySQL, which concern the user only if MySQL is selected.
    mysql_notices: Notices,
    /// The mistakes in settings of MySQL.
    mysql_problems: Problems,
}

impl Sources {
    /// Adds a layer below all others.
    pub(super) fn add(&mut self, values: Values) {
        self.layers.push(values);
    }

    /// Adds the findings about settings of MySQL to the others, because MySQL is selected.
    pub(super) fn use_mysql(&mut self) {
        self.notices.append(std::mem::take(&mut self.mysql_notices));
        self.problems.append(std::mem::take(&mut self.mysql_problems));
    }

    fn add_notice(&mut self, name: &str, text: String) {
        let notices = if names::MYSQL.contains(&name) { &mut self.mysql_notices } else { &mut self.notices };
        notices.add(names::area_of(name), text);
    }

    fn add_problem(&mut self, name: &str, error: SettingsError) {
        let problems = if names::MYSQL.contains(&name) { &mut self.mysql_problems } else { &mut self.problems };
        problems.add(names::area_of(name), error);
    }

    /// Adds the layer of the environment.
    pub(super) fn add_environment(&mut self, environment: &[(OsString, OsString)]) {
        let mut values = Values::new();
        for (name, value) in environment {
            let (Some(text), value) = (name.to_str(), value.to_str()) else { continue };
            match (names::known(text), value) {
                (None, value) => {
                    // A value that is not text is not empty either.
                    self.unknown.extend(unknown_in_environment(text, value.unwrap_or("\u{fffd}")));
                }
                (Some(name), None) => {
                    let origin = Origin { name, layer: Layer::Environment };
                    self.add_problem(name, SettingsError::NotUtf8 { origin });
                }
                (Some(name), Some(value)) if is_blank(value) || foreign::is_mysql_link(name, value) => {}
                (Some(name), Some(value)) => {
                    let origin = Origin { name, layer: Layer::Environment };
                    self.note_kept_syntax(value, &origin);
                    let text = foreign::without_quotes(value).unwrap_or(value).to_owned();
                    self.insert(&mut values, Value { text, origin });
                }
            }
        }
        self.add(values);
    }

    /// Adds a notice if the value of a variable has quotes or a comment, which a shell would have removed.
    fn note_kept_syntax(&mut self, value: &str, origin: &Origin) {
        let notice = if foreign::without_quotes(value).is_some() {
            format!(
                "The quotes around the value of {origin} were removed: docker run --env-file, Compose lists and \
                 Kubernetes keep quotes and comments as part of a value."
            )
        } else if value.contains(" #") && !names::is_secret(origin.name) {
            // The value may be a URL with a password.
            format!("{origin} contains a comment: docker run --env-file and Kubernetes keep it as part of the value.")
        } else {
            return;
        };
        self.add_notice(origin.name, notice);
    }

    /// Adds the layer of a `.env` file, which may be absent.
    pub(super) fn add_dot_env(&mut self, path: PathBuf) -> LayerFile {
        let (file, bytes) = foreign_file(path, &mut self.notices);
        let read = dot_env::parse(&bytes);
        for bad in read.bad {
            let error = SettingsError::BadLine { file: file.path.clone(), line: bad.line, problem: bad.problem };
            self.add_problem(bad.name, error);
        }
        for (line, name) in read.inside_quotes {
            let notice = format!(
                "{name} on line {line} of {} had no effect: it is inside a value in quotes that begins above it.",
                quoted_path(&file.path)
            );
            self.add_notice(name, notice);
        }
        let mut values = Values::new();
        let mut lines = BTreeMap::new();
        for entry in read.entries.into_iter().filter(|entry| !is_blank(&entry.value)) {
            match names::known(&entry.name) {
                Some(name) => {
                    let first = *lines.entry(name).or_insert(entry.line);
                    self.insert_entry(&mut values, (name, entry), first, &file.path);
                }
                None => self.unknown.extend(unknown_in_dot_env(&entry.name, entry.line, &file.path)),
            }
        }
        self.add(values);
        file
    }

    /// Adds an entry of a `.env` file. `first` is the line that sets the same name first.
    fn insert_entry(&mut self, values: &mut Values, (name, entry): (&'static str, Entry), first: usize, file: &Path) {
        if values.get(name).is_some_and(|value| value.text != entry.value) {
            let error = SettingsError::SetTwice { file: file.to_owned(), name, first, second: entry.line };
            self.add_problem(name, error);
            return;
        }
        if entry.looks_expanded {
            let notice = format!(
                "{name} on line {} of {} contains a $: nothing is expanded, so the value is used as it is written.",
                entry.line,
                quoted_path(file)
            );
            self.add_notice(name, notice);
        }
        let origin = Origin { name, layer: Layer::DotEnv(file.to_owned()) };
        self.insert(values, Value { text: entry.value, origin });
    }

    /// Adds the layer of the settings file, which may be absent.
    pub(super) fn add_settings_file(&mut self, path: PathBuf) -> LayerFile {
        let (file, values) = match own_file(path.clone(), &mut self.notices) {
            Ok((file, bytes)) => {
                let values = settings_file::parse(&file.path, &bytes).map_err(SettingsError::from);
                (file, self.problems.or_default(Area::Files, values))
            }
            Err(error) => {
                self.problems.add(Area::Files, error);
                (LayerFile { path, present: true, ignored: None }, Values::new())
            }
        };
        self.add(values);
        file
    }

    /// Adds a value to its layer, unless it is blank or a template's word for "not set".
    fn insert(&mut self, values: &mut Values, value: Value) {
        if foreign::stands_for_nothing(value.origin.name, &value.text) {
            let notice = format!("{} is {}, which counts as not set.", value.origin, quoted(&value.text));
            self.notices.add(names::area_of(value.origin.name), notice);
        } else if !is_blank(&value.text) {
            values.insert(value.origin.name, value);
        }
    }

    /// Finds the value of `name` in the highest layer that sets it.
    pub(super) fn find(&self, name: &'static str) -> Option<Found<'_>> {
        self.layers.iter().find_map(|values| Found::of(values, name))
    }

    /// Returns the value that `names`, which are aliases of each other, have in the highest layer that sets one of
    /// them. That layer overrides the lower ones as a whole.
    ///
    /// # Errors
    /// Fails if the names have different values in that layer, or if a value cannot be parsed.
    pub(super) fn agreed<T: PartialEq>(
        &self,
        names: &[&'static str],
        parse: impl Fn(&Found<'_>) -> Result<T, SettingsError>,
    ) -> Result<Option<Sourced<T>>, SettingsError> {
        for values in &self.layers {
            let mut first: Option<(Found<'_>, T)> = None;
            for found in names.iter().filter_map(|name| Found::of(values, name)) {
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

    /// Returns the values that are set but have no effect in this version. `None` replaces a value that may be a
    /// secret.
    pub(super) fn without_effect(&self) -> Vec<(&'static str, Sourced<Option<String>>)> {
        let set = names::MYSQL.into_iter().filter_map(|name| Some((name, self.find(name)?)));
        set.map(|(name, found)| {
            // The path of the password file may be the password itself, by mistake.
            let hidden = names::is_secret(name) || name == "MYSQL_PASSWORD_FILE" || holds_password(found.text);
            let value = (!hidden).then(|| found.text.to_owned());
            (name, Sourced { value, origin: found.origin })
        })
        .collect()
    }
}

fn conflict(first: &Found<'_>, second: &Found<'_>) -> SettingsError {
    // The path of a key may be the key itself, by mistake.
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

/// Whether the value looks like a URL or a connection string with a password.
fn holds_password(text: &str) -> bool {
    let has_login = text.split_once('@').is_some_and(|(before, _)| before.contains(':'));
    has_login || foreign::names_password(text)
}

/// Prefixes of names that are most likely meant for this program.
const OUR_PREFIXES: [&str; 2] = ["TEMPORAL_", "IDEMPOTENCE_"];

/// Whether the name has one of our prefixes, in capital letters or not.
fn begins_like_ours(name: &str) -> bool {
    let begins = |prefix: &str| name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
    OUR_PREFIXES.into_iter().any(begins)
}

/// Describes an unknown variable that begins like one of ours. Any other variable belongs to another program.
fn unknown_in_environment(name: &str, value: &str) -> Option<String> {
    let is_of_others = name.starts_with(metadata::PREFIX) || foreign::is_of_others(name, value);
    (begins_like_ours(name) && !value.is_empty() && !is_of_others)
        .then(|| format!("{} {}{}", name.escape_debug(), Layer::Environment, suggestion(name)))
}

/// Describes a name that resembles one of ours or begins like one. Any other name belongs to another program.
fn unknown_in_dot_env(name: &str, line: usize, file: &Path) -> Option<String> {
    // Other programs have more settings of MySQL, such as MYSQL_DB, than this one.
    if foreign::is_of_others(name, "") || name.starts_with("MYSQL_") {
        return None;
    }
    let suggestion = suggestion(name);
    (begins_like_ours(name) || !suggestion.is_empty())
        .then(|| format!("{name} on line {line} of {}{suggestion}", quoted_path(file)))
}

/// Suggests the name that was most likely meant by an unknown one.
fn suggestion(name: &str) -> String {
    // Names of variables are case-sensitive, and are often written in the wrong case.
    let upper = if begins_like_ours(name) { name.to_ascii_uppercase() } else { name.to_owned() };
    let nearest = || nearest(&upper, names::NAMES.iter().map(|entry| entry.name));
    foreign::our_name_of(&upper)
        .or_else(nearest)
        .map(|nearest| format!(" (did you mean {nearest}?)"))
        .unwrap_or_default()
}
