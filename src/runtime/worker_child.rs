//! The worker as a separate process, so that killing it is a real SIGKILL. The worker watches the pipe at its standard
//! input and ends with its parent.

use std::{
    ffi::OsString,
    fs::OpenOptions,
    io,
    os::unix::process::ExitStatusExt as _,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
};

use rustix::process::Signal;
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
};

use crate::{app::WorkerExit, config::Settings, domain::sanitize, store::Location};

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
    pub fn spawn(&self) -> io::Result<WorkerChild> {
        let log = match &self.log {
            Some(log) => OpenOptions::new().create(true).append(true).open(log)?.into(),
            None => Stdio::null(),
        };
        let mut command = Command::new(&self.program);
        if std::env::var_os(ONE_ARENA.0).is_none() {
            command.env(ONE_ARENA.0, ONE_ARENA.1);
        }
        let mut child = command
            .arg("worker")
            .args(["--with-parent", "--address", &self.address, "--namespace", &self.namespace])
            .args(["--task-queue", &self.task_queue])
            .args(&self.connection_flags)
            .arg("--database")
            .arg(self.database_flag())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            // The parent handles a Ctrl-C in the terminal.
            .process_group(0)
            .spawn()?;
        let stdin = child.stdin.take();
        let first_line = child.stdout.take().map(|stdout| BufReader::new(stdout).lines());
        let pid = child.id().unwrap_or_default();
        Ok(WorkerChild { child, stdin, first_line, reason: None, pid })
    }
}

/// An event of a worker process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChildEvent {
    /// The worker polls its task queue.
    Ready,
    /// The worker has ended.
    Ended(WorkerExit),
}

/// A running worker process. Dropping it lets the worker finish its running activities and end.
#[derive(Debug)]
pub struct WorkerChild {
    child: Child,
    stdin: Option<ChildStdin>,
    /// The first line of output, until it has been read.
    first_line: Option<Lines<BufReader<ChildStdout>>>,
    /// The reason that the worker itself printed.
    reason: Option<String>,
    pid: u32,
}

impl WorkerChild {
    /// Returns the process id; 0 if the process ended at once.
    #[must_use]
    pub const fn pid(&self) -> u32 {
        self.pid
    }

    /// Waits for the next event. Cancel safe.
    ///
    /// # Errors
    /// Returns an error if the process cannot be waited for.
    pub async fn next(&mut self) -> io::Result<ChildEvent> {
        if let Some(lines) = &mut self.first_line {
            let line = lines.next_line().await;
            self.first_line = None;
            match line {
                Ok(Some(line)) if line.starts_with(READY) => return Ok(ChildEvent::Ready),
                Ok(Some(line)) => self.reason = Some(sanitize(&line, 300)),
                Ok(None) | Err(_) => {}
            }
        }
        // Tokio closes a child's standard input before waiting, which would end the worker. `spawn` has taken it out.
        let status = self.child.wait().await?;
        Ok(ChildEvent::Ended(self.reason.take().map_or_else(|| exit_of(status), WorkerExit::Reason)))
    }

    /// Sends SIGKILL.
    ///
    /// # Errors
    /// Returns an error if the process has already ended.
    pub fn kill(&mut self) -> io::Result<()> {
        self.child.start_kill()
    }

    /// Lets the worker finish its running activities and end.
    pub fn stop(&mut self) {
        self.stdin = None;
    }
}

/// How a process ended.
fn exit_of(status: ExitStatus) -> WorkerExit {
    const SIGABRT: i32 = Signal::ABORT.as_raw();
    const SIGKILL: i32 = Signal::KILL.as_raw();
    match (status.code(), status.signal()) {
        (Some(code), _) if code != 0 => WorkerExit::Code(code),
        (None, Some(SIGABRT)) => WorkerExit::Aborted,
        (None, Some(SIGKILL)) => WorkerExit::Killed,
        (None, Some(signal)) => WorkerExit::Signal(signal),
        _ => WorkerExit::Finished,
    }
}
