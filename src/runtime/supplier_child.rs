//! The supplier as a separate process.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::process::Command;

use super::child::ChildProcess;

/// Prefix of the line that a supplier prints when it listens. Its address follows, up to a comma. Any other line says why
/// the supplier ends.
pub const READY: &str = "supplier at ";

/// How to start a supplier process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SupplierCommand {
    /// Path of this program.
    pub program: PathBuf,
    /// Port on loopback; 0 selects a free one.
    pub port: u16,
    /// File of the shipments.
    pub file: PathBuf,
    /// Time for which a key is known after its shipment; `None` for the default.
    pub key_lifetime: Option<Duration>,
    /// The supplier's log file; `None` for no log.
    pub log: Option<PathBuf>,
}

impl SupplierCommand {
    /// Returns the command for a supplier that listens on `port`.
    ///
    /// # Errors
    /// Returns an error if the path of this program is unknown.
    pub fn new(port: u16, file: PathBuf, log: Option<&Path>) -> io::Result<Self> {
        let program = std::env::current_exe()?;
        Ok(Self { program, port, file, key_lifetime: None, log: log.map(Path::to_owned) })
    }

    /// Starts the process. It is ready once [`ChildProcess::next`] returns its first line.
    ///
    /// # Errors
    /// Returns an error if the log cannot be opened or the process cannot be started.
    pub fn spawn(&self) -> io::Result<ChildProcess> {
        let mut command = Command::new(&self.program);
        command
            .args(["supplier", "--with-parent", "--listen"])
            .arg(SocketAddr::from((Ipv4Addr::LOCALHOST, self.port)).to_string())
            .arg("--file")
            .arg(&self.file);
        if let Some(lifetime) = self.key_lifetime {
            command.arg(format!("--key-lifetime={}ms", lifetime.as_millis()));
        }
        ChildProcess::spawn(&mut command, self.log.as_deref(), READY)
    }
}

/// Returns the URL in the line of a supplier that is ready, after [`READY`].
#[must_use]
pub fn url_in(line: &str) -> &str {
    line.split_once(',').map_or(line, |(url, _)| url)
}
