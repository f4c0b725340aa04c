//! The settings in force, each with where it came from: what `idempotence config` shows, and what the rest of the
//! program gets as [`Settings`] without the origins. Carries no secret.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

use super::error::{Layer, Origin, SettingsError};
use super::sources::{Found, Sources};
use super::{
    Address, DEFAULT_CHECK_INTERVAL, DEFAULT_NAMESPACE, DEFAULT_TASK_QUEUE, Database, Flags, LogLevel, Settings, look,
    names, notices, paths, unsupported, values,
};
use crate::app::{Look, Theme};

/// The settings file's name in this program's folder for settings.
const SETTINGS_FILE: &str = "settings.toml";

/// What stands for a secret.
const NOT_SHOWN: &str = "set, not shown";

/// A value, and where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sourced<T> {
    /// The value, valid.
    pub value: T,
    /// What set it.
    pub origin: Origin,
}

impl<T> Sourced<T> {
    pub(super) const fn by_default(name: &'static str, value: T) -> Self {
        Self { value, origin: Origin { name, layer: Layer::Default } }
    }

    pub(super) fn map<U>(self, change: impl FnOnce(T) -> U) -> Sourced<U> {
        Sourced { value: change(self.value), origin: self.origin }
    }
}

/// A file that is a layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerFile {
    /// Where it is, or would be.
    pub path: PathBuf,
    /// Whether it is there.
    pub present: bool,
}

/// A setting as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown<'a> {
    /// The key in the settings file; for what cannot stand there, a name of its own.
    pub key: &'static str,
    /// The value; null where nothing is set, and a note in place of a secret.
    pub value: Value,
    /// What set it.
    pub origin: &'a Origin,
}

/// All settings with their origins. The fields mean what they mean in [`Settings`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effective {
    address: Sourced<Address>,
    namespace: Sourced<String>,
    task_queue: Sourced<String>,
    database: Sourced<PathBuf>,
    temporal_cli: Sourced<Option<PathBuf>>,
    log_level: Sourced<LogLevel>,
    check_interval: Sourced<Duration>,
    theme: Sourced<Theme>,
    ascii: Sourced<bool>,
    still: Sourced<bool>,
    state_dir: Sourced<PathBuf>,
    cache_dir: Sourced<PathBuf>,
    /// What is understood and set, but has no effect; secrets replaced.
    without_effect: Vec<(&'static str, Sourced<String>)>,
    /// See [`Settings::notices`].
    pub notices: Vec<String>,
    /// The `.env` file.
    pub dot_env: LayerFile,
    /// The settings file; `None` where there is no folder for it.
    pub settings_file: Option<LayerFile>,
}

impl Effective {
    /// Reads and validates the settings.
    ///
    /// `environment` is usually [`std::env::vars_os`]. The file `dot_env` may be absent. Relative paths, its own
    /// included, are taken from `current_dir`, which should be absolute; those in the settings file, from its folder.
    ///
    /// # Errors
    ///
    /// The first mistake found; see [`SettingsError`]. Every one is for the user to mend: a retry does not help.
    pub fn load(
        flags: &Flags,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
        dot_env: &Path,
        current_dir: &Path,
    ) -> Result<Self, SettingsError> {
        let environment: Vec<_> = environment.into_iter().collect();
        let folders = paths::Folders::of(&environment)?;
        let settings_file = folders.config.map(|folder| folder.join(SETTINGS_FILE));
        let sources = Sources::read(&environment, current_dir.join(dot_env), settings_file)?;
        let address = Choice::new(flags.address.as_deref(), "--address", &names::SERVER);
        let address = address.of(&sources, values::address, Address::default)?;
        let namespace = Choice::new(flags.namespace.as_deref(), "--namespace", &["TEMPORAL_NAMESPACE"]);
        let task_queue = Choice::new(flags.task_queue.as_deref(), "--task-queue", &names::QUEUE);
        let database = paths::database(flags.database.as_deref(), &sources, current_dir, &folders.state.value)?;
        let check_interval = Choice::without_flag(&["CHECK_TRANSFER_TASKQUEUE_TIMER"]);
        let log_level = Choice::without_flag(&["LOG_LEVEL"]);
        let still = Choice::new(flags.still.as_deref(), "--still", &["IDEMPOTENCE_STILL"]);
        let effective = Self {
            namespace: namespace.of(&sources, values::label, || DEFAULT_NAMESPACE.to_owned())?,
            task_queue: task_queue.of(&sources, values::label, || DEFAULT_TASK_QUEUE.to_owned())?,
            check_interval: check_interval.of(&sources, values::seconds, || DEFAULT_CHECK_INTERVAL)?,
            log_level: log_level.of(&sources, values::log_level, LogLevel::default)?,
            temporal_cli: paths::temporal_cli(flags.temporal_cli.as_deref(), &sources, current_dir)?,
            theme: look::theme(flags, &sources)?,
            ascii: look::ascii(flags, &sources, &environment)?,
            still: still.of(&sources, values::boolean, bool::default)?,
            state_dir: folders.state,
            cache_dir: folders.cache,
            without_effect: without_effect(&sources),
            notices: notices::collect(&sources, &address.value, &database.value),
            dot_env: sources.dot_env.clone(),
            settings_file: sources.settings_file.clone(),
            address,
            database,
        };
        unsupported::refuse(&sources, current_dir)?;
        Ok(effective)
    }

    /// Every setting, in the order of the settings file's keys, then what cannot stand there.
    #[must_use]
    pub fn shown(&self) -> Vec<Shown<'_>> {
        fn shown<'a, T>(key: &'static str, from: &'a Sourced<T>, value: impl FnOnce(&T) -> Value) -> Shown<'a> {
            Shown { key, value: value(&from.value), origin: &from.origin }
        }
        let path = |path: &PathBuf| json!(path.to_string_lossy());
        let mut all = vec![
            shown("address", &self.address, |address| json!(address.to_string())),
            shown("namespace", &self.namespace, |name| json!(name)),
            shown("task_queue", &self.task_queue, |name| json!(name)),
            shown("database", &self.database, path),
            shown("temporal_cli", &self.temporal_cli, |program| program.as_ref().map_or(Value::Null, path)),
            shown("log_level", &self.log_level, |level| json!(level.as_str())),
            shown("check_interval", &self.check_interval, |interval| json!(interval.as_secs())),
            shown("theme", &self.theme, |theme| json!(theme.name())),
            shown("ascii", &self.ascii, |ascii| json!(ascii)),
            shown("still", &self.still, |still| json!(still)),
            shown("state_dir", &self.state_dir, path),
            shown("cache_dir", &self.cache_dir, path),
        ];
        all.extend(self.without_effect.iter().map(|(name, value)| shown(name, value, |text| json!(text))));
        all
    }
}

impl From<Effective> for Settings {
    fn from(effective: Effective) -> Self {
        Self {
            address: effective.address.value,
            namespace: effective.namespace.value,
            task_queue: effective.task_queue.value,
            database: Database {
                explicit: effective.database.origin.layer != Layer::Default,
                path: effective.database.value,
            },
            check_interval: effective.check_interval.value,
            log_level: effective.log_level.value,
            temporal_cli: effective.temporal_cli.value,
            look: Look { theme: effective.theme.value, ascii: effective.ascii.value, still: effective.still.value },
            state_dir: effective.state_dir.value,
            cache_dir: effective.cache_dir.value,
            notices: effective.notices,
        }
    }
}

/// Where a value may come from: a flag, else one of the names that are aliases of each other.
pub(super) struct Choice<'a> {
    flag: Option<Found<'a>>,
    names: &'a [&'static str],
}

impl<'a> Choice<'a> {
    pub(super) fn new(flag: Option<&'a str>, flag_name: &'static str, names: &'a [&'static str]) -> Self {
        let origin = Origin { name: flag_name, layer: Layer::Flag };
        Self { flag: flag.map(|text| Found { text, origin }), names }
    }

    const fn without_flag(names: &'a [&'static str]) -> Self {
        Self { flag: None, names }
    }

    /// The value, where anybody gives one.
    pub(super) fn named<T: PartialEq>(
        self,
        sources: &Sources,
        parse: fn(&Found<'_>) -> Result<T, SettingsError>,
    ) -> Result<Option<Sourced<T>>, SettingsError> {
        match self.flag {
            Some(found) => Ok(Some(Sourced { value: parse(&found)?, origin: found.origin })),
            None => sources.agreed(self.names, parse),
        }
    }

    /// The value, or the default.
    fn of<T: PartialEq>(
        self,
        sources: &Sources,
        parse: fn(&Found<'_>) -> Result<T, SettingsError>,
        default: fn() -> T,
    ) -> Result<Sourced<T>, SettingsError> {
        let first = self.names.first().copied().unwrap_or_default();
        Ok(self.named(sources, parse)?.unwrap_or_else(|| Sourced::by_default(first, default())))
    }
}

/// What is set of the names that this version understands without obeying them.
fn without_effect(sources: &Sources) -> Vec<(&'static str, Sourced<String>)> {
    let obeyed = |name: &str| {
        let aliases = names::SERVER.iter().chain(&names::QUEUE).chain(&["NO_COLOR"]);
        aliases.chain(names::KEYS.iter().map(|key| &key.name)).any(|known| *known == name)
    };
    let others = names::NAMES.iter().filter(|entry| !obeyed(entry.name));
    others
        .filter_map(|entry| {
            let Found { text, origin } = sources.find(entry.name)?;
            let value = if entry.secret || holds_login(text) { NOT_SHOWN.to_owned() } else { text.to_owned() };
            Some((entry.name, Sourced { value, origin }))
        })
        .collect()
}

/// Whether it looks like the `user:password@host` of a URL, whatever its setting is for.
fn holds_login(text: &str) -> bool {
    text.split_once('@').is_some_and(|(before, _)| before.contains(':'))
}
