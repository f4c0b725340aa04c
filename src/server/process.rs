//! A running dev server, and its end. The start is complete once the server accepts connections; the caller checks
//! whether it answers.

use std::ffi::OsString;
use std::fs::{File, TryLockError};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::failure::{Ended, PORT_IN_USE, ServerStartError};
use super::log::{self, Log};
use super::{flags, ports, supervise, withhold_secrets};

/// Maximum duration of a start. 0.1 s is usual; a cold disk or a busy machine can take several seconds.
const START_TIMEOUT: Duration = Duration::from_secs(30);
/// Maximum number of attempts if another program takes one of the server's ports: the Web UI's, or one that the server
/// selects for its services.
const MAX_STARTS: u32 = 3;
/// Pause between two connection attempts during the start.
const POLL_INTERVAL: Duration = Duration::from_millis(20);
/// Maximum duration of a stop: the supervisor's two seconds plus a margin.
const STOP_TIMEOUT: Duration = Duration::from_secs(3);

/// The server to start, and where.
#[derive(Debug, Clone)]
pub struct DevServerOptions {
    /// The `temporal` executable, from [`super::obtain`].
    pub executable: PathBuf,
    /// This program's binary, which provides the command `supervise`.
    pub supervisor: PathBuf,
    /// Port on loopback; 0 selects a free one. The Web UI's port is 1000 higher, or a free one if that is taken.
    pub port: u16,
    /// Namespace to create in addition to `default`.
    pub namespace: String,
    /// The server's database, kept across restarts. Created with its folder if missing.
    pub database: PathBuf,
    /// File to which the server's output is appended. Created with its folder if missing.
    pub log: PathBuf,
}

/// A dev server that this process started. It ends when this value is dropped or this process ends, even by SIGKILL.
#[derive(Debug)]
pub struct DevServer {
    address: SocketAddr,
    web_ui: SocketAddr,
    /// The writing end of the supervisor's standard input. Closing it stops the server; writing a byte kills it.
    pipe: File,
    /// The process group of the supervisor and the server.
    group: Option<Pid>,
    ended: watch::Receiver<Option<Ended>>,
}

impl DevServer {
    /// Starts the server and waits for at most 30 s until it accepts connections. The server answers calls about 0.1 s
    /// later, which the caller checks. Dropping the future ends the server.
    ///
    /// # Errors
    /// Returns [`ServerStartError`] if the server cannot be started or does not accept connections. No process is left
    /// running.
    pub async fn start(options: DevServerOptions) -> Result<Self, ServerStartError> {
        for start in 1..MAX_STARTS {
            match Self::start_once(options.clone()).await {
                Err(ServerStartError::PortLost { said, .. }) => {
                    tracing::warn!(start, "the dev server lost a port to another program; starting it again: {said}");
                }
                done => return done,
            }
        }
        Self::start_once(options).await
    }

    async fn start_once(options: DevServerOptions) -> Result<Self, ServerStartError> {
        let (address, web_ui) = claim_ports(options.port)?;
        let lock = lock(&options.database)?;
        let (log, output) = Log::open(&options.log).map_err(|source| unwritable(&options.log, source))?;
        let args = flags::start_dev(address, web_ui, &options.namespace, &options.database);
        let command = supervised(&options.supervisor, &options.executable, args);
        let server = Self::spawn(command, (address, web_ui), &output, log.path(), lock)
            .map_err(|source| ServerStartError::Supervisor { path: options.supervisor, source })?;
        let started = tokio::select! {
            ended = server.wait() => Err(Some(ended)),
            answered = timeout(START_TIMEOUT, answers(address)) => answered.map_err(|_| None),
        };
        match started {
            Ok(()) => Ok(server),
            Err(Some(ended)) => Err(match log.line_with(PORT_IN_USE) {
                Some(said) => ServerStartError::PortLost { ended, said },
                None => ServerStartError::of_end(ended, log.tail(), options.executable, options.database),
            }),
            Err(None) => {
                server.stop().await;
                Err(ServerStartError::Slow { address, log: options.log, database: options.database })
            }
        }
    }

    fn spawn(
        mut command: Command,
        (address, web_ui): (SocketAddr, SocketAddr),
        output: &File,
        log: &Path,
        lock: Option<File>,
    ) -> io::Result<Self> {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(output.try_clone()?)
            .stderr(output.try_clone()?)
            // Outside of the terminal's foreground group, so that Ctrl-C reaches only this process.
            .process_group(0)
            .spawn()?;
        let pipe = child.stdin.take().ok_or(io::ErrorKind::BrokenPipe)?.into_owned_fd()?.into();
        let group = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        let (tell, ended) = watch::channel(None);
        let log = log.to_path_buf();
        tokio::spawn(async move {
            let code = reap(child, group).await;
            // Closing the file is not enough: a process that another thread has just forked may still have a copy of it.
            if let Some(lock) = lock {
                let _ = lock.unlock();
            }
            tracing::info!(code, "the dev server ended");
            tell.send_replace(Some(Ended { code, log }));
        });
        Ok(Self { address, web_ui, pipe, group, ended })
    }

    /// The server's gRPC address.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The Web UI's URL.
    #[must_use]
    pub fn web_ui(&self) -> String {
        format!("http://{}", self.web_ui)
    }

    /// Waits until the server has ended. Its ports and database are then free. Cancel safe; may be called repeatedly.
    pub async fn wait(&self) -> Ended {
        let mut ended = self.ended.clone();
        // The sender is dropped without a value only when the runtime shuts down, and then this future is not polled
        // either.
        match ended.wait_for(Option::is_some).await.map(|ended| ended.clone()) {
            Ok(Some(ended)) => ended,
            _ => std::future::pending().await,
        }
    }

    /// Stops the server and waits until it has ended, usually one second and at most three.
    pub async fn stop(self) {
        let Self { pipe, group, ended, .. } = self;
        drop(pipe);
        let mut ended = ended;
        if timeout(STOP_TIMEOUT, ended.wait_for(Option::is_some)).await.is_err() {
            tracing::warn!("the dev server did not stop in time; killing it");
            kill_group(group);
        }
    }

    /// Kills the server at once, like a crash. [`DevServer::wait`] resolves when the server has ended; afterwards, this
    /// has no effect.
    pub fn kill(&self) {
        // Writing one byte to an empty pipe does not block; a broken pipe means that the server has ended.
        let _ = (&self.pipe).write_all(b"k");
    }
}

/// Waits for the supervisor, and kills the rest of its process group if the supervisor itself was killed.
async fn reap(mut supervisor: Child, group: Option<Pid>) -> u8 {
    let status = supervisor.wait().await;
    kill_group(group);
    status.map_or(1, supervise::exit_code)
}

/// Kills a process group; a group that has already ended is not an error.
fn kill_group(group: Option<Pid>) {
    if let Some(group) = group {
        let _ = kill_process_group(group, Signal::KILL);
    }
}

fn supervised(supervisor: &Path, executable: &Path, args: Vec<OsString>) -> Command {
    let mut command = Command::new(supervisor);
    command.args(["supervise", "--"]).arg(executable).args(args);
    withhold_secrets(&mut command);
    command
}

fn claim_ports(port: u16) -> Result<(SocketAddr, SocketAddr), ServerStartError> {
    let address = ports::claim(port).map_err(|source| {
        let address = ports::loopback(port);
        match source.kind() {
            io::ErrorKind::AddrInUse => ServerStartError::PortTaken { address },
            _ => ServerStartError::Port { address, source },
        }
    })?;
    let web_ui = ports::claim_for_web_ui(address)
        .map_err(|source| ServerStartError::Port { address: ports::loopback(0), source })?;
    Ok((address, web_ui))
}

/// Locks `<database>.lock` until the server has ended; `None` on a file system without locks. The server itself does
/// not detect another server that uses its database.
fn lock(database: &Path) -> Result<Option<File>, ServerStartError> {
    let mut path = database.as_os_str().to_owned();
    path.push(".lock");
    let path = PathBuf::from(path);
    let open = || {
        log::create_folder_of(&path)?;
        File::options().create(true).append(true).open(&path)
    };
    let file = open().map_err(|source| unwritable(&path, source))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Err(ServerStartError::DatabaseInUse { database: database.to_path_buf() }),
        Err(TryLockError::Error(error)) => {
            tracing::warn!(%error, "{} cannot be locked", path.display());
            Ok(None)
        }
    }
}

fn unwritable(path: &Path, source: io::Error) -> ServerStartError {
    ServerStartError::File { path: path.to_path_buf(), source }
}

async fn answers(address: SocketAddr) {
    while TcpStream::connect(address).await.is_err() {
        sleep(POLL_INTERVAL).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;
    use tempfile::TempDir;

    /// Uses `cat` as the supervisor: it prints that the file `supervise` does not exist, and ends with exit code 1.
    fn options(folder: &TempDir, port: u16) -> DevServerOptions {
        DevServerOptions {
            executable: "/bin/temporal".into(),
            supervisor: "cat".into(),
            port,
            namespace: "default".to_owned(),
            database: folder.path().join("state/temporal.db"),
            log: folder.path().join("logs/server.log"),
        }
    }

    /// Starts a "server" in `sh` that runs until it reads from its pipe.
    fn spawn(folder: &TempDir, script: &str) -> DevServer {
        let (log, output) = Log::open(&folder.path().join("log")).unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        let ports = (ports::loopback(7), ports::loopback(1007));
        let lock = lock(&folder.path().join("db")).unwrap();
        DevServer::spawn(command, ports, &output, log.path(), lock).unwrap()
    }

    #[tokio::test]
    async fn a_taken_port_is_distinguished_from_other_failures() {
        let folder = tempfile::tempdir().unwrap();
        let holder = TcpListener::bind(ports::loopback(0)).unwrap();
        let taken = holder.local_addr().unwrap();
        let error = DevServer::start(options(&folder, taken.port())).await.unwrap_err();
        assert!(matches!(error, ServerStartError::PortTaken { address } if address == taken));
    }

    #[tokio::test]
    async fn a_server_that_ends_while_starting_is_quoted() {
        let folder = tempfile::tempdir().unwrap();
        let error = DevServer::start(options(&folder, 0)).await.unwrap_err();
        assert!(matches!(&error, ServerStartError::Ended { ended, .. } if ended.code == 1), "{error:?}");
        assert!(error.to_string().contains("No such file"), "{error}");
        assert!(error.to_string().contains("state/temporal.db"), "the database is named: {error}");
    }

    #[tokio::test]
    async fn a_server_that_lost_a_port_is_started_again() {
        let folder = tempfile::tempdir().unwrap();
        let (supervisor, starts) = (folder.path().join("supervisor"), folder.path().join("starts"));
        // Output of `temporal` 1.9.1 if a port is taken; the exit code is 2. The trace is longer than the log's tail.
        let script = format!(
            "#!/bin/sh\necho start >> {}\necho 'Failed to start gRPC listener: bind: address already in use'\n\
             echo 'panic: runtime error'\nseq 1 5000\nexit 2\n",
            starts.display()
        );
        // Another process writes the file, because a file that is open for writing cannot be executed.
        let write = "printf '%s' \"$2\" > \"$1\" && chmod 755 \"$1\"";
        let written = std::process::Command::new("sh").args(["-c", write, "sh"]).arg(&supervisor).arg(script).status();
        assert!(written.unwrap().success());
        let error = DevServer::start(DevServerOptions { supervisor, ..options(&folder, 0) }).await.unwrap_err();
        assert!(matches!(&error, ServerStartError::PortLost { ended, .. } if ended.code == 2), "{error:?}");
        assert!(error.to_string().contains("Failed to start gRPC listener"), "{error}");
        assert_eq!(std::fs::read_to_string(starts).unwrap().lines().count(), 3);
    }

    #[tokio::test]
    async fn a_supervisor_that_does_not_start_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let supervisor = folder.path().join("none");
        let error = DevServer::start(DevServerOptions { supervisor, ..options(&folder, 0) }).await.unwrap_err();
        assert!(matches!(error, ServerStartError::Supervisor { .. }));
    }

    #[tokio::test]
    async fn a_database_has_one_server_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let server = spawn(&folder, "exec cat");
        let database = folder.path().join("db");
        assert!(matches!(lock(&database), Err(ServerStartError::DatabaseInUse { .. })));
        server.stop().await;
        assert!(lock(&database).is_ok());
    }

    #[tokio::test]
    async fn the_end_can_be_waited_for_repeatedly() {
        let folder = tempfile::tempdir().unwrap();
        let server = spawn(&folder, "read -r line; exit 9");
        assert_eq!(server.web_ui(), "http://127.0.0.1:1007");
        server.kill();
        // `read` returns only after a newline or the end of input.
        (&server.pipe).write_all(b"\n").unwrap();
        assert_eq!(server.wait().await.code, 9);
        assert_eq!(server.wait().await.to_string(), server.wait().await.to_string());
        server.kill();
    }

    #[tokio::test]
    async fn dropping_it_closes_the_pipe() {
        let folder = tempfile::tempdir().unwrap();
        let server = spawn(&folder, "cat; exit 5");
        let mut ended = server.ended.clone();
        drop(server);
        let ended = ended.wait_for(Option::is_some).await.unwrap().clone();
        assert_eq!(ended.map(|ended| ended.code), Some(5));
    }
}
