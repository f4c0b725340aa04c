//! The hidden command `idempotence supervise -- PROGRAM ARGS`, a process between the dashboard and the server. Its
//! standard input is a pipe from the dashboard, which closes even if SIGKILL ends the dashboard. The supervisor then
//! ends the server.
//!
//! It prints nothing, because its standard output and error are the server's log.

use std::ffi::OsString;
use std::future::Future;
use std::io::{self, Read};
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;
use tokio::time::timeout;

/// Time for the server to end after SIGTERM. The dev server needs about one second.
const GRACE: Duration = Duration::from_secs(2);

/// Why the program could not be supervised. It does not run.
#[derive(Debug, thiserror::Error)]
pub enum SuperviseError {
    /// The program does not start.
    #[error("cannot start {}: {source}; check that it is an executable for this machine", program.display())]
    Start {
        /// The program.
        program: OsString,
        /// The operating system's error.
        source: io::Error,
    },
    /// Signal handlers, the thread that reads the pipe, or waiting for the program failed.
    #[error("the supervisor of {} failed: {source}; start it again", program.display())]
    Watch {
        /// The program.
        program: OsString,
        /// The operating system's error.
        source: io::Error,
    },
}

/// A request from the parent process through the pipe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    /// The pipe is closed: SIGTERM, and SIGKILL after [`GRACE`].
    Stop,
    /// A byte was received: SIGKILL at once.
    Kill,
}

/// Runs `program` until it ends, standard input closes or SIGTERM arrives. Ignores SIGINT and SIGHUP, which a terminal
/// sends to all its processes. A byte on standard input kills the program at once.
///
/// Returns the exit code for this process: the program's own (128 plus the signal if one killed it), or 0 after a stop.
///
/// # Errors
/// Returns [`SuperviseError`] if the program or its supervision cannot be started. The program does not continue to
/// run.
pub async fn supervise(program: OsString, args: Vec<OsString>) -> Result<u8, SuperviseError> {
    let watch = |source| SuperviseError::Watch { program: program.clone(), source };
    // A handler stays installed for the life of the process, even if its stream is dropped.
    for survived in [SignalKind::interrupt(), SignalKind::hangup()] {
        let _ = signal(survived).map_err(watch)?;
    }
    let mut terminate = signal(SignalKind::terminate()).map_err(watch)?;
    let standard_input = order_from_standard_input().map_err(watch)?;
    let order = async move {
        tokio::select! {
            order = standard_input => order.unwrap_or(Order::Stop),
            _ = terminate.recv() => Order::Stop,
        }
    };
    let child = Command::new(&program)
        .args(args)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(|source| SuperviseError::Start { program: program.clone(), source })?;
    run(child, order, GRACE).await.map_err(watch)
}

/// Reads on a thread instead of `tokio::io::stdin`, whose pending read would keep the runtime from shutting down.
fn order_from_standard_input() -> io::Result<oneshot::Receiver<Order>> {
    let (sender, receiver) = oneshot::channel();
    thread::Builder::new().name("supervise".to_owned()).spawn(move || {
        let order = match io::stdin().lock().read_exact(&mut [0]) {
            Ok(()) => Order::Kill,
            Err(_) => Order::Stop,
        };
        // The receiver has been dropped if the program ended by itself.
        let _ = sender.send(order);
    })?;
    Ok(receiver)
}

async fn run(mut child: Child, order: impl Future<Output = Order>, grace: Duration) -> io::Result<u8> {
    let order = tokio::select! {
        status = child.wait() => return Ok(exit_code(status?)),
        order = order => order,
    };
    if order == Order::Kill {
        child.start_kill()?;
        return Ok(exit_code(child.wait().await?));
    }
    terminate(&child);
    if timeout(grace, child.wait()).await.is_err() {
        child.kill().await?;
    }
    Ok(0)
}

/// Sends SIGTERM. A failure means that the child has just ended, which the following wait detects.
fn terminate(child: &Child) {
    let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    if let Some(pid) = pid {
        let _ = kill_process(pid, Signal::TERM);
    }
}

/// Returns the exit code, or 128 plus the signal that ended the process, as shells do.
pub(super) fn exit_code(status: ExitStatus) -> u8 {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::{pending, ready};
    use tokio::io::AsyncReadExt;

    const LONG: Duration = Duration::from_mins(1);

    fn shell(script: &str) -> Child {
        Command::new("sh").args(["-c", script]).stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap()
    }

    #[tokio::test]
    async fn a_program_that_ends_by_itself_passes_its_exit_code_on() {
        assert_eq!(run(shell("exit 7"), pending(), LONG).await.unwrap(), 7);
        assert_eq!(run(shell("kill -9 $$"), pending(), LONG).await.unwrap(), 137);
    }

    #[tokio::test]
    async fn a_stop_terminates() {
        assert_eq!(run(shell("exec sleep 60"), ready(Order::Stop), LONG).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn a_stop_kills_a_program_that_ignores_sigterm() {
        let mut child = shell("trap '' TERM; echo armed; exec sleep 60");
        // The trap must be set before the process is stopped.
        let mut armed = [0; 5];
        child.stdout.as_mut().unwrap().read_exact(&mut armed).await.unwrap();
        assert_eq!(run(child, ready(Order::Stop), Duration::from_millis(20)).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn a_kill_sends_sigkill_at_once() {
        assert_eq!(run(shell("exec sleep 60"), ready(Order::Kill), LONG).await.unwrap(), 137);
    }
}
