//! The worker as a process of its own, so that killing it is a real SIGKILL. It ends with its parent: it watches the
//! pipe that is its standard input.

use std::{
    ffi::OsString,
    fs::OpenOptions,
    io,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
};

use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
};

use crate::{config::Settings, domain::sanitize};

/// How the line begins with which a worker says that it polls. Any other line says why it ends.
pub const READY: &str = "worker ";

/// glibc's setting for one arena instead of one per thread, unless the environment has another value. What a worker frees
/// is then used again by each of its threads: over 16,000 orders it grew by 8 MB without this, and by less than 1 MB with it.
pub const ONE_ARENA: (&str, &str) = ("MALLOC_ARENA_MAX", "1");

/// What a worker process is started with.
#[derive(Debug, Clone)]
pub struct WorkerCommand {
    /// Our own program.
    pub program: PathBuf,
    pub address: String,
    pub namespace: String,
    pub task_queue: String,
    /// How to connect beyond where, as flags. What the environment and the files say, the child reads itself.
    pub connection_flags: Vec<OsString>,
    pub database: PathBuf,
    /// Where its log lines go; `None`: nowhere.
    pub log: Option<PathBuf>,
}

impl WorkerCommand {
    /// A worker under `settings`.
    ///
    /// # Errors
    /// The operating system's, where this program's own path is not known.
    pub fn new(settings: &Settings, log: Option<&Path>) -> io::Result<Self> {
        Ok(Self {
            program: std::env::current_exe()?,
            address: settings.address.to_string(),
            namespace: settings.namespace.clone(),
            task_queue: settings.task_queue.clone(),
            connection_flags: settings.child_flags(),
            database: settings.database.path.clone(),
            log: log.map(Path::to_owned),
        })
    }

    /// Starts the process.
    ///
    /// # Errors
    /// The operating system's.
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
            .arg(&self.database)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            // A Ctrl-C in the terminal is the parent's to answer.
            .process_group(0)
            .spawn()?;
        let stdin = child.stdin.take();
        let first_line = child.stdout.take().map(|stdout| BufReader::new(stdout).lines());
        let pid = child.id().unwrap_or_default();
        Ok(WorkerChild { child, stdin, first_line, complaint: None, pid })
    }
}

/// What happens to a worker process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChildEvent {
    /// It polls.
    Ready,
    /// It has ended, and this is why.
    Ended(String),
}

/// A running worker process. Dropped, it finishes what runs and ends.
#[derive(Debug)]
pub struct WorkerChild {
    child: Child,
    stdin: Option<ChildStdin>,
    /// Until the line came with which the worker says that it polls.
    first_line: Option<Lines<BufReader<ChildStdout>>>,
    /// Why it did not come up, in its own words.
    complaint: Option<String>,
    pid: u32,
}

impl WorkerChild {
    #[must_use]
    pub const fn pid(&self) -> u32 {
        self.pid
    }

    /// Waits for the next thing that happens to it. Cancel safe.
    ///
    /// # Errors
    /// The operating system's.
    pub async fn next(&mut self) -> io::Result<ChildEvent> {
        if let Some(lines) = &mut self.first_line {
            let said = lines.next_line().await;
            self.first_line = None;
            match said {
                Ok(Some(line)) if line.starts_with(READY) => return Ok(ChildEvent::Ready),
                Ok(Some(line)) => self.complaint = Some(sanitize(&line, 300)),
                Ok(None) | Err(_) => {}
            }
        }
        // Tokio closes a child's standard input before it waits, which would end this one; it was taken out above.
        let status = self.child.wait().await?;
        Ok(ChildEvent::Ended(self.complaint.take().unwrap_or_else(|| describe_exit(status))))
    }

    /// SIGKILL, at once.
    ///
    /// # Errors
    /// The operating system's.
    pub fn kill(&mut self) -> io::Result<()> {
        self.child.start_kill()
    }

    /// Asks it to finish what runs and to end.
    pub fn stop(&mut self) {
        self.stdin = None;
    }
}

/// How a process ended, in words.
fn describe_exit(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    match (status.code(), status.signal()) {
        (Some(code), _) if code != 0 => format!("exited with code {code}"),
        (None, Some(6)) => "crashed (aborted, as planned faults do)".to_owned(),
        (None, Some(9)) => "killed (SIGKILL)".to_owned(),
        (None, Some(signal)) => format!("ended by signal {signal}"),
        _ => "ended".to_owned(),
    }
}
