//! A part of this program as a separate process, so that killing it is a real SIGKILL. The process watches the pipe at
//! its standard input and ends with its parent.

use std::{
    fs::OpenOptions,
    io,
    os::unix::process::ExitStatusExt as _,
    path::Path,
    process::{ExitStatus, Stdio},
};

use rustix::process::Signal;
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
};

use crate::{app::ProcessExit, domain::sanitize};

/// Maximum length of a process's first line, in characters.
const MAX_LINE_CHARS: usize = 300;

/// An event of a child process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChildEvent {
    /// The process is ready. The text follows the prefix in its first line.
    Ready(String),
    /// The process has ended.
    Ended(ProcessExit),
}

/// A running child process. Dropping it lets the process finish its work and end.
#[derive(Debug)]
pub struct ChildProcess {
    child: Child,
    stdin: Option<ChildStdin>,
    /// The first line of output, until it has been read.
    first_line: Option<Lines<BufReader<ChildStdout>>>,
    /// Prefix of the first line if the process is ready. Any other line says why the process ends.
    ready: &'static str,
    /// The reason that the process itself printed.
    reason: Option<String>,
    pid: u32,
}

impl ChildProcess {
    /// Starts the process of `command`. Its standard error is appended to `log`, if there is one.
    ///
    /// # Errors
    /// Returns an error if the log cannot be opened or the process cannot be started.
    pub(super) fn spawn(command: &mut Command, log: Option<&Path>, ready: &'static str) -> io::Result<Self> {
        let log = match log {
            Some(log) => OpenOptions::new().create(true).append(true).open(log)?.into(),
            None => Stdio::null(),
        };
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            // The parent handles a Ctrl-C in the terminal.
            .process_group(0)
            .spawn()?;
        let stdin = child.stdin.take();
        let first_line = child.stdout.take().map(|stdout| BufReader::new(stdout).lines());
        let pid = child.id().unwrap_or_default();
        Ok(Self { child, stdin, first_line, ready, reason: None, pid })
    }

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
            if let Ok(Some(line)) = line {
                match line.strip_prefix(self.ready) {
                    Some(rest) => return Ok(ChildEvent::Ready(sanitize(rest, MAX_LINE_CHARS))),
                    None => self.reason = Some(sanitize(&line, MAX_LINE_CHARS)),
                }
            }
        }
        // Tokio closes a child's standard input before waiting, which would end the process. `spawn` has taken it out.
        let status = self.child.wait().await?;
        Ok(ChildEvent::Ended(self.reason.take().map_or_else(|| exit_of(status), ProcessExit::Reason)))
    }

    /// Sends SIGKILL.
    ///
    /// # Errors
    /// Returns an error if the process has already ended.
    pub fn kill(&mut self) -> io::Result<()> {
        self.child.start_kill()
    }

    /// Lets the process finish its work and end.
    pub fn stop(&mut self) {
        self.stdin = None;
    }
}

/// How a process ended.
fn exit_of(status: ExitStatus) -> ProcessExit {
    const SIGABRT: i32 = Signal::ABORT.as_raw();
    const SIGKILL: i32 = Signal::KILL.as_raw();
    match (status.code(), status.signal()) {
        (Some(code), _) if code != 0 => ProcessExit::Code(code),
        (None, Some(SIGABRT)) => ProcessExit::Aborted,
        (None, Some(SIGKILL)) => ProcessExit::Killed,
        (None, Some(signal)) => ProcessExit::Signal(signal),
        _ => ProcessExit::Finished,
    }
}
