//! A real server of MariaDB or MySQL in a temporary folder, which all tests share.

use std::{
    fs::File,
    io::{Read, Write},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    sync::{
        Mutex, OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use idempotence::store::mysql::{MySqlDatabase, MySqlHost, MySqlTls};
use mysql_async::{Conn, OptsBuilder, prelude::Queryable};
use tempfile::TempDir;

/// Variable that makes the lack of a server an error.
const REQUIRE: &str = "TESTS_REQUIRE_MYSQL";

/// Time for a server to create its files, or to start.
const START_LIMIT: Duration = Duration::from_mins(2);

/// A running server.
pub struct Server {
    program: PathBuf,
    folder: TempDir,
    /// Words before the command line, which run it on another host.
    launcher: Vec<String>,
    address: String,
    port: u16,
    arguments: Vec<String>,
    /// The server ends when this pipe is closed, also if the test process is killed.
    running: Mutex<Option<Running>>,
}

struct Running {
    child: Child,
    lifeline: ChildStdin,
}

/// Returns the shared server. Returns `None`, and prints how to get one, if this machine has none.
pub fn shared() -> Option<&'static Server> {
    static SHARED: OnceLock<Option<Server>> = OnceLock::new();
    SHARED.get_or_init(|| Server::start().inspect(|server| remove_at_end(server.folder.path()))).as_ref()
}

/// Removes the folder after the end of this process, because a static is never dropped.
fn remove_at_end(folder: &Path) {
    let waiting = Command::new("sh")
        // The server has been killed by then.
        .args(["-c", "read -r _; sleep 1; rm -rf \"$1\"", "sh"])
        .arg(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // The shell's input ends with this process.
    std::mem::forget(waiting);
}

impl Server {
    /// Starts another server.
    pub fn start() -> Option<Self> {
        Self::start_with(|_| Some(Vec::new()))
    }

    /// Starts another server with the arguments that `prepare` returns for its folder; `None` if it returns none. The data is
    /// in the folder `data` below.
    pub fn start_with(prepare: impl FnOnce(&Path) -> Option<Vec<String>>) -> Option<Self> {
        Self::start_below(&std::env::temp_dir(), prepare)
    }

    /// Like [`Self::start_with`], with the server's folder below `parent`.
    pub fn start_below(parent: &Path, prepare: impl FnOnce(&Path) -> Option<Vec<String>>) -> Option<Self> {
        Self::start_on(Vec::new(), "127.0.0.1", parent, prepare)
    }

    /// Like [`Self::start_below`], but at an address of another host. The `launcher` runs a command line there.
    pub fn start_on(
        launcher: Vec<String>,
        address: &str,
        parent: &Path,
        prepare: impl FnOnce(&Path) -> Option<Vec<String>>,
    ) -> Option<Self> {
        let Some(program) = find(&["mariadbd", "mysqld"]) else {
            assert!(std::env::var_os(REQUIRE).is_none(), "{REQUIRE} is set, but there is neither mariadbd nor mysqld");
            // The test runner captures what `eprintln` prints.
            let _closed = writeln!(
                std::io::stderr(),
                "SKIPPED what needs MySQL: no mariadbd or mysqld in PATH or /usr/sbin; on Debian: apt-get install \
                 mariadb-server"
            );
            return None;
        };
        let folder = tempfile::Builder::new().prefix("mysql").tempdir_in(parent).unwrap();
        let (arguments, address) = (prepare(folder.path())?, address.to_owned());
        let running = Mutex::new(None);
        let server = Self { program, folder, launcher, address, port: free_port(), arguments, running };
        server.create_files();
        server.run();
        Some(server)
    }

    fn create_files(&self) {
        let log = File::create(self.folder.path().join("create.log")).unwrap();
        let data = format!("--datadir={}", self.data().display());
        let mut command = if let Some(install) = find(&["mariadb-install-db"]) {
            let mut command = Command::new(install);
            command.args(["--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db"]);
            command
        } else {
            let mut command = Command::new(&self.program);
            command.args(["--no-defaults", "--initialize-insecure"]);
            command
        };
        command.env("TMPDIR", self.folder.path()).args(&self.arguments);
        let created = command.arg(data).args(as_root()).stdout(log.try_clone().unwrap()).stderr(log).status().unwrap();
        assert!(created.success(), "{}", self.log("create.log"));
    }

    /// Starts the process and waits until it answers.
    pub fn run(&self) {
        let log = File::options().create(true).append(true).open(self.folder.path().join("server.log")).unwrap();
        // The shell waits for the end of its input, and then ends the server.
        let shell =
            ["sh", "-c", "\"$@\" < /dev/null & server=$!; trap 'kill -9 $server' TERM; read -r _; kill -9 $server"];
        let mut words = self.launcher.iter().map(String::as_str).chain(shell);
        let mut child = Command::new(words.next().unwrap_or_default())
            .args(words)
            .arg("sh")
            .arg(&self.program)
            .args(["--no-defaults", "--skip-name-resolve", "--innodb-buffer-pool-size=64M", "--max-connections=200"])
            // A server that starts removes the temporary tables in this folder, also those of another server.
            .env("TMPDIR", self.folder.path())
            .arg(format!("--datadir={}", self.data().display()))
            .arg(format!("--socket={}", self.socket().display()))
            .arg(format!("--bind-address={}", self.address))
            .arg(format!("--port={}", self.port))
            .arg(format!("--pid-file={}", self.folder.path().join("pid").display()))
            .args(&self.arguments)
            .args(as_root())
            .stdin(Stdio::piped())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let lifeline = child.stdin.take().unwrap();
        *self.running.lock().unwrap() = Some(Running { child, lifeline });
        let deadline = Instant::now() + START_LIMIT;
        while self.try_admin("SELECT 1").is_err() {
            assert!(Instant::now() < deadline, "the server does not answer: {}", self.log("server.log"));
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Kills the process as a loss of power would end it, except that the kernel keeps written data.
    pub fn kill(&self) {
        if let Some(Running { mut child, lifeline }) = self.running.lock().unwrap().take() {
            drop(lifeline);
            child.wait().unwrap();
        }
        let deadline = Instant::now() + START_LIMIT;
        while self.try_admin("SELECT 1").is_ok() {
            assert!(Instant::now() < deadline, "the server was not killed");
        }
    }

    /// Executes statements as the administrator.
    pub fn admin(&self, statements: &str) {
        self.try_admin(statements).unwrap_or_else(|error| panic!("{statements}: {error}"));
    }

    /// Returns the first column of the first row.
    pub fn value(&self, query: &str) -> Option<String> {
        block_on(async {
            let mut connection = Conn::new(self.administrator()).await?;
            let row: Option<mysql_async::Row> = connection.query_first(query).await?;
            connection.disconnect().await?;
            Ok(row.map(|row| mysql_async::from_value(row[0].clone())))
        })
        .unwrap_or_else(|error: mysql_async::Error| panic!("{query}: {error}\n{}", self.log("server.log")))
    }

    /// Executes statements as the administrator.
    pub fn try_admin(&self, statements: &str) -> mysql_async::Result<()> {
        block_on(async {
            let mut connection = Conn::new(self.administrator()).await?;
            connection.query_drop(statements).await?;
            connection.disconnect().await
        })
    }

    fn administrator(&self) -> OptsBuilder {
        OptsBuilder::default().user(Some("root")).socket(Some(self.socket().display().to_string()))
    }

    /// An account with all privileges on a new, empty database.
    pub fn database(&self) -> MySqlDatabase {
        static NUMBER: AtomicU32 = AtomicU32::new(1);
        let name = format!("shop{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        self.admin(&format!(
            "CREATE DATABASE {name}; CREATE USER '{name}'@'%' IDENTIFIED BY 'secret'; \
             GRANT ALL ON {name}.* TO '{name}'@'%'; CREATE USER '{name}'@'localhost' IDENTIFIED BY 'secret'; \
             GRANT ALL ON {name}.* TO '{name}'@'localhost'"
        ));
        MySqlDatabase {
            host: MySqlHost::Tcp { host: self.address.clone(), port: self.port },
            user: name.clone(),
            password: Some("secret".to_owned().into()),
            name,
            tls: MySqlTls::Off,
        }
    }

    /// The server's TCP port.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The server's socket.
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("socket")
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn log(&self, name: &str) -> String {
        let mut text = String::new();
        let _missing = File::open(self.folder.path().join(name)).and_then(|mut log| log.read_to_string(&mut text));
        text
    }
}

fn find(names: &[&str]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<_> = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]).collect();
    names.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name))).find(|file| file.is_file())
}

/// The server refuses to run as root unless it is asked to.
fn as_root() -> Option<&'static str> {
    is_root().then_some("--user=root")
}

pub fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    Path::new("/proc/self").metadata().is_ok_and(|process| process.uid() == 0)
}

pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Waits on a thread of its own, because a thread of an asynchronous test must not wait for another runtime.
pub fn block_on<T: Send>(work: impl Future<Output = T> + Send) -> T {
    let wait = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work);
    thread::scope(|scope| scope.spawn(wait).join().unwrap())
}
