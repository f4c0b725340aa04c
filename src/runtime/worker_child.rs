//! The worker as a separate process.

use std::{
    ffi::OsString,
    io,
    path::{Path, PathBuf},
};

use tokio::process::Command;

use super::child::ChildProcess;
use crate::{config::Settings, store::Location};

/// Prefix of the line that a worker prints when it polls. Any other line says why the worker ends.
pub const READY: &str = "worker ";

/// glibc's setting for one memory arena instead of one per thread, unless the environment sets it. All threads of a
/// worker then reuse freed memory: over 16,000 orders, a worker grew by 8 MB without this setting, and by less than 1
/// MB with it.
pub const ONE_ARENA: (&str, &str) = ("MALLOC_ARENA_MAX", "1");

/// How to start a worker process.
#[derive(Debug, Clone)]
pub struct WorkerCommand {
    /// Path of this program.
    pub program: PathBuf,
    /// `host:port` of the server.
    pub address: String,
    /// Namespace on the server.
    pub namespace: String,
    /// Task queue that the worker polls.
    pub task_queue: String,
    /// Further connection settings as flags. The child process reads the environment and the settings files itself.
    pub connection_flags: Vec<OsString>,
    /// The database.
    pub database: Location,
    /// The worker's log file; `None` for no log.
    pub log: Option<PathBuf>,
}

impl WorkerCommand {
    /// Returns the command for a worker with `settings`.
    ///
    /// # Errors
    /// Returns an error if the path of this program is unknown.
    pub fn new(settings: &Settings, log: Option<&Path>) -> io::Result<Self> {
        Ok(Self {
            program: std::env::current_exe()?,
            address: settings.address.to_string(),
            namespace: settings.namespace.clone(),
            task_queue: settings.task_queue.clone(),
            connection_flags: settings.child_flags(),
            database: settings.database.location.clone(),
            log: log.map(Path::to_owned),
        })
    }

    /// Returns the value of the flag for the database. It contains no password, which the child reads itself, because
    /// every user can list the arguments of a process.
    fn database_flag(&self) -> OsString {
        match &self.database {
            Location::File(path) => path.into(),
            Location::MySql(database) => database.to_string().into(),
        }
    }

    /// Starts the process.
    ///
    /// # Errors
    /// Returns an error if the log cannot be opened or the process cannot be started.
    pub fn spawn(&self) -> io::Result<ChildProcess> {
        let mut command = Command::new(&self.program);
        if std::env::var_os(ONE_ARENA.0).is_none() {
            command.env(ONE_ARENA.0, ONE_ARENA.1);
        }
        command
            .arg("worker")
            .args(["--with-parent", "--address", &self.address, "--namespace", &self.namespace])
            .args(["--task-queue", &self.task_queue])
            .args(&self.connection_flags)
            .arg("--database")
            .arg(self.database_flag());
        ChildProcess::spawn(&mut command, self.log.as_deref(), READY)
    }
}
