//! The settings, read once and validated: flags over environment over a `.env` file over the settings
//! file over defaults.
//!
//! Nothing here changes the environment, writes a file or opens a connection, and no message or `Debug` output carries
//! a secret. The rest of the program takes [`Settings`] and never reads a variable itself.
//!
//! Two names for the same thing must agree within a layer; a higher layer overrides a lower one as a whole; an empty
//! variable is unset. What is understood but impossible in this version is an error where ignoring it would weaken
//! protection, and a notice otherwise.

mod address;
mod dot_env;
mod effective;
mod error;
mod look;
mod names;
mod notices;
mod paths;
mod settings_file;
mod sources;
#[cfg(test)]
mod tests;
mod unsupported;
mod values;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use address::{Address, AddressError, DEFAULT_PORT};
pub use effective::{Effective, LayerFile, Shown, Sourced};
pub use error::{Layer, Origin, SettingsError};
pub use names::{NAMES, Name};
pub use paths::Database;
pub use values::LogLevel;

pub use crate::toml_text::Position;

use crate::app::Look;

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
    /// How the screen is to look at first.
    pub look: Look,
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
    /// `--theme`
    pub theme: Option<String>,
    /// `--ascii`: a boolean
    pub ascii: Option<String>,
    /// `--still`: a boolean
    pub still: Option<String>,
}

impl Settings {
    /// The settings without their origins; see [`Effective::load`].
    ///
    /// # Errors
    ///
    /// Those of [`Effective::load`].
    pub fn load(
        flags: &Flags,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
        dot_env: &Path,
        current_dir: &Path,
    ) -> Result<Self, SettingsError> {
        Effective::load(flags, environment, dot_env, current_dir).map(Self::from)
    }
}
