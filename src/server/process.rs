//! A running dev server, and its end. Must not ask whether it serves: that it takes connections is all this file knows.

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

use super::failure::{Ended, PORT_IN_USE, StartError};
use super::log::{self, Log};
use super::{flags, ports, supervise, withhold_secrets};

/// How long a start may take; usual is a tenth of a second, a cold disk and a busy machine make it some.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often a server is started, if another program takes one of its ports meanwhile: its Web UI's, or one of those that it
/// chooses by itself for its parts.
const STARTS: u32 = 3;
/// Between two attempts to connect to a starting server.
const POLL: Duration = Duration::from_millis(20);
/// How long a stop may take: the supervisor's two seconds and a margin.
const STOP_PATIENCE: Duration = Duration::from_secs(3);

/// What to start, where.
#[derive(Debug, Clone)]
pub struct DevServerOptions {
    /// The `temporal` executable, from [`super::obtain`].
    pub executable: PathBuf,
    /// Our own binary, which knows the command `supervise`.
    pub supervisor: PathBuf,
    /// On loopback; 0 means some free port. The Web UI is a thousand above, or on some free port if that is taken.
    pub port: u16,
    /// Made beside `default`.
    pub namespace: String,
    /// The server's state, kept over restarts, and made with its folder if missing.
    pub database: PathBuf,
    /// The server's output is appended here; made with its folder if missing.
    pub log: PathBuf,
}

/// A dev server that we started. It ends when this is dropped, and when this process ends in whatever way.
#[derive(Debug)]
pub struct DevServer {
    address: SocketAddr,
    web_ui: SocketAddr,
    /// Our end of the supervisor's standard input: closed is "stop", a byte is "kill".
    pipe: File,
    /// The supervisor leads a process group of its own, with the server in it.
    group: Option<Pid>,
    ended: watch::Receiver<Option<Ended>>,
}

impl DevServer {
    /// Starts the server and waits until it takes connections, for 30 s at most. Whether it serves yet (some 0.1 s
    /// later) is for the caller to ask. Dropping the future ends the server.
    ///
    /// # Errors
    /// [`StartError`]; nothing is left running.
    pub async fn start(options: DevServerOptions) -> Result<Self, StartError> {
        for start in 1..STARTS {
            match Self::start_once(options.clone()).await {
                Err(StartError::PortLost { said, .. }) => {
                    tracing::warn!(start, "the dev server lost a port to another program and is started again: {said}");
                }
                done => return done,
            }
        }
        Self::start_once(options).await
    }

    async fn start_once(options: DevServerOptions) -> Result<Self, StartError> {
        let (address, web_ui) = claim_ports(options.port)?;
        let lock = lock(&options.database)?;
        let (log, output) = Log::open(&options.log).map_err(|source| unwritable(&options.log, source))?;
        let args = flags::start_dev(address, web_ui, &options.namespace, &options.database);
        let command = supervised(&options.supervisor, &options.executable, args);
        let server = Self::spawn(command, (address, web_ui), &output, log.path(), lock)
            .map_err(|source| StartError::Supervisor { path: options.supervisor, source })?;
        let started = tokio::select! {
            ended = server.wait() => Err(Some(ended)),
            answered = timeout(PATIENCE, answers(address)) => answered.map_err(|_| None),
        };
        match started {
            Ok(()) => Ok(server),
            Err(Some(ended)) => Err(match log.line_with(PORT_IN_USE) {
                Some(said) => StartError::PortLost { ended, said },
                None => StartError::of_end(ended, log.tail(), options.executable, options.database),
            }),
            Err(None) => {
                server.stop().await;
                Err(StartError::Slow { address, log: options.log, database: options.database })
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
            // Out of the terminal's foreground group, so that Ctrl-C reaches us alone and we decide.
            .process_group(0)
            .spawn()?;
        let pipe = child.stdin.take().ok_or(io::ErrorKind::BrokenPipe)?.into_owned_fd()?.into();
        let group = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        let (tell, ended) = watch::channel(None);
        let log = log.to_path_buf();
        tokio::spawn(async move {
            let code = reap(child, group).await;
            // Closing alone would not do while a process that another thread just forked still has a copy.
            if let Some(lock) = lock {
                let _ = lock.unlock();
            }
            tracing::info!(code, "the dev server ended");
            tell.send_replace(Some(Ended { code, log }));
        });
        Ok(Self { address, web_ui, pipe, group, ended })
    }

    /// Where the server takes gRPC.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The Web UI's URL.
    #[must_use]
    pub fn web_ui(&self) -> String {
        format!("http://{}", self.web_ui)
    }

    /// Waits until the server has ended, for whatever reason; its ports and database are free then. Cancel safe, and
    /// may be called again.
    pub async fn wait(&self) -> Ended {
        let mut ended = self.ended.clone();
        // The sender goes without a word only when the runtime shuts down, and then nothing polls this either.
        match ended.wait_for(Option::is_some).await.map(|ended| ended.clone()) {
            Ok(Some(ended)) => ended,
            _ => std::future::pending().await,
        }
    }

    /// Stops the server and waits for its end: mostly one second, at most three.
    pub async fn stop(self) {
        let Self { pipe, group, ended, .. } = self;
        drop(pipe);
        let mut ended = ended;
        if timeout(STOP_PATIENCE, ended.wait_for(Option::is_some)).await.is_err() {
            tracing::warn!("the dev server did not stop in time and is killed");
            kill_group(group);
        }
    }

    /// Kills the server at once, as a crash would; [`DevServer::wait`] tells when it is gone. After its end, nothing.
    pub fn kill(&self) {
        // One byte into an empty pipe does not block; a broken pipe means that the server has ended.
        let _ = (&self.pipe).write_all(b"k");
    }
}

/// Waits for the supervisor. If it was itself killed, the server in its group runs on, and is killed here.
async fn reap(mut supervisor: Child, group: Option<Pid>) -> u8 {
    let status = supervisor.wait().await;
    kill_group(group);
    status.map_or(1, supervise::exit_code)
}

/// A group that has ended already is no failure.
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

fn claim_ports(port: u16) -> Result<(SocketAddr, SocketAddr), StartError> {
    let address = ports::claim(port).map_err(|source| {
        let address = ports::loopback(port);
        match source.kind() {
            io::ErrorKind::AddrInUse => StartError::PortTaken { address },
            _ => StartError::Port { address, source },
        }
    })?;
    let web_ui =
        ports::claim_for_web_ui(address).map_err(|source| StartError::Port { address: ports::loopback(0), source })?;
    Ok((address, web_ui))
}

/// Locks `<database>.lock` until the server has ended; `None` on a file system without locks. The server itself does
/// not notice a second one on its database.
fn lock(database: &Path) -> Result<Option<File>, StartError> {
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
        Err(TryLockError::WouldBlock) => Err(StartError::DatabaseInUse { database: database.to_path_buf() }),
        Err(TryLockError::Error(error)) => {
            tracing::warn!(%error, "{} cannot be locked", path.display());
            Ok(None)
        }
    }
}

fn unwritable(path: &Path, source: io::Error) -> StartError {
    StartError::File { path: path.to_path_buf(), source }
}

async fn answers(address: SocketAddr) {
    while TcpStream::connect(address).await.is_err() {
        sleep(POLL).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;
    use tempfile::TempDir;

    /// `cat` stands in for the supervisor: it complains that no file is named `supervise`, and ends with exit code 1.
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

    /// A "server" that runs until its pipe says something, as `sh` sees it.
    fn spawn(folder: &TempDir, script: &str) -> DevServer {
        let (log, output) = Log::open(&folder.path().join("log")).unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        let ports = (ports::loopback(7), ports::loopback(1007));
        let lock = lock(&folder.path().join("db")).unwrap();
        DevServer::spawn(command, ports, &output, log.path(), lock).unwrap()
    }

    #[tokio::test]
    async fn a_taken_port_is_told_from_other_failures() {
        let folder = tempfile::tempdir().unwrap();
        let holder = TcpListener::bind(ports::loopback(0)).unwrap();
        let taken = holder.local_addr().unwrap();
        let error = DevServer::start(options(&folder, taken.port())).await.unwrap_err();
        assert!(matches!(error, StartError::PortTaken { address } if address == taken));
    }

    #[tokio::test]
    async fn a_server_that_ends_while_starting_is_quoted() {
        let folder = tempfile::tempdir().unwrap();
        let error = DevServer::start(options(&folder, 0)).await.unwrap_err();
        assert!(matches!(&error, StartError::Ended { ended, .. } if ended.code == 1), "{error:?}");
        assert!(error.to_string().contains("No such file"), "{error}");
        assert!(error.to_string().contains("state/temporal.db"), "the database is named: {error}");
    }

    #[tokio::test]
    async fn a_server_that_lost_a_port_is_started_again() {
        let folder = tempfile::tempdir().unwrap();
        let (supervisor, starts) = (folder.path().join("supervisor"), folder.path().join("starts"));
        // What `temporal` 1.9.1 prints, with exit code 2, after it lost a port; the trace is longer than the log's tail.
        let script = format!(
            "#!/bin/sh\necho start >> {}\necho 'Failed to start gRPC listener: bind: address already in use'\n\
             echo 'panic: runtime error'\nseq 1 5000\nexit 2\n",
            starts.display()
        );
        // Written by another process: one that has it open for writing keeps it from being run.
        let write = "printf '%s' \"$2\" > \"$1\" && chmod 755 \"$1\"";
        let written = std::process::Command::new("sh").args(["-c", write, "sh"]).arg(&supervisor).arg(script).status();
        assert!(written.unwrap().success());
        let error = DevServer::start(DevServerOptions { supervisor, ..options(&folder, 0) }).await.unwrap_err();
        assert!(matches!(&error, StartError::PortLost { ended, .. } if ended.code == 2), "{error:?}");
        assert!(error.to_string().contains("Failed to start gRPC listener"), "{error}");
        assert_eq!(std::fs::read_to_string(starts).unwrap().lines().count(), 3);
    }

    #[tokio::test]
    async fn a_supervisor_that_does_not_start_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let supervisor = folder.path().join("none");
        let error = DevServer::start(DevServerOptions { supervisor, ..options(&folder, 0) }).await.unwrap_err();
        assert!(matches!(error, StartError::Supervisor { .. }));
    }

    #[tokio::test]
    async fn a_database_has_one_server_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let server = spawn(&folder, "exec cat");
        let database = folder.path().join("db");
        assert!(matches!(lock(&database), Err(StartError::DatabaseInUse { .. })));
        server.stop().await;
        assert!(lock(&database).is_ok());
    }

    #[tokio::test]
    async fn the_end_is_told_as_often_as_asked() {
        let folder = tempfile::tempdir().unwrap();
        let server = spawn(&folder, "read -r line; exit 9");
        assert_eq!(server.web_ui(), "http://127.0.0.1:1007");
        server.kill();
        // `read` sees the end of input only after the byte and the close, so a newline helps it along here.
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
