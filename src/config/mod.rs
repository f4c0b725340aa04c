//! The settings, read once and validated: flags over environment over a `.env` file over defaults.
//!
//! Nothing here changes the environment, writes a file or opens a connection, and no message or `Debug` output carries
//! a secret. The rest of the program takes [`Settings`] and never reads a variable itself.
//!
//! Two names for the same thing must agree within a layer; a higher layer overrides a lower one as a whole; an empty
//! variable is unset. What is understood but impossible in this version is an error where ignoring it would weaken
//! protection, and a notice otherwise.

mod address;
mod dot_env;
mod error;
mod names;
mod notices;
mod paths;
mod sources;
#[cfg(test)]
mod tests;
mod unsupported;
mod values;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use address::{Address, AddressError, DEFAULT_PORT};
pub use error::{Layer, Origin, SettingsError};
pub use names::{NAMES, Name};
pub use paths::Database;
pub use values::LogLevel;

use sources::{Found, Sources};

/// The namespace where nobody names one.
pub const DEFAULT_NAMESPACE: &str = "default";
/// The task queue where nobody names one.
pub const DEFAULT_TASK_QUEUE: &str = "inventory-task-queue";
/// The check interval where nobody names one.
pub const DEFAULT_CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// Everything that can be set from outside, valid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The Temporal server.
    pub address: Address,
    /// The namespace: not empty, at most 1000 bytes, no control characters.
    pub namespace: String,
    /// The task queue, with the limits of the namespace.
    pub task_queue: String,
    /// Where the stock is kept.
    pub database: Database,
    /// The time between looks at a database that cannot be watched: 1 second to a day.
    pub check_interval: Duration,
    /// How much the log tells.
    pub log_level: LogLevel,
    /// The Temporal program to run as the embedded server: an absolute path, or a bare name to look up in `PATH`.
    pub temporal_cli: Option<PathBuf>,
    /// This program's folder for state, not yet made.
    pub state_dir: PathBuf,
    /// This program's folder for what can be fetched again, not yet made.
    pub cache_dir: PathBuf,
    /// Sentences for the log and standard error: what was understood but has no effect.
    pub notices: Vec<String>,
}

/// What the command line says; every field overrides all other layers. An empty flag is an error, not unset.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Flags {
    /// `--address`
    pub address: Option<String>,
    /// `--namespace`
    pub namespace: Option<String>,
    /// `--task-queue`
    pub task_queue: Option<String>,
    /// `--database`
    pub database: Option<PathBuf>,
    /// `--temporal-cli`
    pub temporal_cli: Option<PathBuf>,
}

impl Settings {
    /// Reads and validates the settings.
    ///
    /// `environment` is usually [`std::env::vars_os`]. The file `dot_env` may be absent. Relative paths, its own
    /// included, are taken from `current_dir`, which should be absolute.
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
        let sources = Sources::read(&environment, &current_dir.join(dot_env))?;
        let folders = paths::Folders::of(&environment)?;
        let address = flag_or(flags.address.as_deref(), "--address", &sources, &names::SERVER, values::address)?;
        let address = address.unwrap_or_default();
        let namespace =
            flag_or(flags.namespace.as_deref(), "--namespace", &sources, &["TEMPORAL_NAMESPACE"], values::label)?;
        let task_queue = flag_or(flags.task_queue.as_deref(), "--task-queue", &sources, &names::QUEUE, values::label)?;
        let database = paths::database(flags.database.as_deref(), &sources, current_dir, &folders.state)?;
        let check_interval = sources.agreed(&["CHECK_TRANSFER_TASKQUEUE_TIMER"], values::seconds)?;
        let log_level = sources.agreed(&["LOG_LEVEL"], values::log_level)?;
        let temporal_cli = paths::temporal_cli(flags.temporal_cli.as_deref(), &sources, current_dir)?;
        unsupported::refuse(&sources, current_dir)?;
        Ok(Self {
            namespace: namespace.unwrap_or_else(|| DEFAULT_NAMESPACE.to_owned()),
            task_queue: task_queue.unwrap_or_else(|| DEFAULT_TASK_QUEUE.to_owned()),
            check_interval: check_interval.unwrap_or(DEFAULT_CHECK_INTERVAL),
            log_level: log_level.unwrap_or_default(),
            temporal_cli,
            state_dir: folders.state,
            cache_dir: folders.cache,
            notices: notices::collect(&sources, &address, &database),
            address,
            database,
        })
    }
}

/// The flag's value, else the one that `names` have in the other layers.
fn flag_or<T: PartialEq>(
    flag: Option<&str>,
    flag_name: &'static str,
    sources: &Sources,
    names: &[&'static str],
    parse: fn(&Found<'_>) -> Result<T, SettingsError>,
) -> Result<Option<T>, SettingsError> {
    match flag {
        Some(text) => parse(&Found { text, origin: Origin { name: flag_name, layer: Layer::Flag } }).map(Some),
        None => sources.agreed(names, parse),
    }
}
