//! The same order on three sides at once through the real runtime: three workers, three databases, three stocks, and three
//! suppliers if supplier policies are compared.

use std::{
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use idempotence::{
    app::{
        App, Appearance, Command, ComparisonEvent, ComparisonNews, ComparisonState, LineUpCell, Link, Message, Options,
        RetryWaits, Security, Side, SideStage, StartMode, Subject, Worker,
    },
    config::{Flags, Settings},
    domain::Guard,
    faults::Preset,
    runtime::{executor::Executor, worker_child::WorkerCommand},
    store::{Audit, CommitOutcome, JournalReader, Location, Verdict},
    temporal::start,
};
use rustix::process::{Pid, Signal, test_kill_process};
use tokio::sync::mpsc;

use crate::{
    sandbox::{EVENT_TIMEOUT, PROGRAM, Sandbox, address, free_port, offline, order},
    screen::{Screen, send},
};

const RIGHT: Option<Verdict> = Some(Verdict::Right);
const WRONG: Option<Verdict> = Some(Verdict::Wrong);

/// The core and the executor, without a screen.
struct Comparison {
    app: App,
    /// `None` after the dashboard has ended.
    executor: Option<Executor>,
    messages: mpsc::Receiver<Message>,
    sandbox: Sandbox,
    /// Process ids of all workers that polled for a comparison.
    workers: Vec<u32>,
    /// Workflow ids of all orders that were started for a comparison.
    workflows: Vec<String>,
}

impl Comparison {
    async fn open(preset: Preset) -> Self {
        let sandbox = Sandbox::new();
        let settings = settings(&sandbox);
        Self::open_with(preset, sandbox, settings, PathBuf::from(PROGRAM)).await
    }

    /// Opens it with other settings, and with another program for the processes of the sides.
    async fn open_with(preset: Preset, sandbox: Sandbox, settings: Settings, program: PathBuf) -> Self {
        let worker = WorkerCommand {
            program,
            address: address().to_owned(),
            namespace: "default".to_owned(),
            task_queue: sandbox.queue.clone(),
            connection_flags: Vec::new(),
            database: Location::File(sandbox.database.clone()),
            log: Some(sandbox.folder.path().join("worker.log")),
        };
        let (sender, messages) = mpsc::channel(64);
        // The dashboard does not start its own worker, since a comparison does not use it.
        let executor = Executor::start(Arc::new(settings), worker, false, sender);
        let app = App::new(setup(&sandbox, preset));
        let mut comparison =
            Self { app, executor: Some(executor), messages, sandbox, workers: Vec::new(), workflows: Vec::new() };
        comparison.until("the link", |app| *app.link() == Link::Up).await;
        comparison
    }

    fn execute(&self, commands: Vec<Command>) {
        assert!(!commands.is_empty(), "{:?}", self.app.notice());
        for command in commands {
            assert!(self.executor.as_ref().expect("it runs").execute(command).is_continue());
        }
    }

    fn begin(&mut self, interleaved: bool) {
        self.begin_with(Subject::Guards, interleaved);
    }

    fn begin_with(&mut self, subject: Subject, interleaved: bool) {
        let commands = self.app.begin_comparison(subject, interleaved);
        self.execute(commands);
    }

    fn end(&mut self) {
        let commands = self.app.end_comparison();
        self.execute(commands);
    }

    /// Passes messages to the core until `shown` is true.
    async fn until(&mut self, what: &str, shown: impl Fn(&App) -> bool) {
        let waiting = async {
            while !shown(&self.app) {
                let message = self.messages.recv().await.expect("the executor runs");
                if let Message::Compared(ComparisonNews { event, .. }) = &message {
                    match event {
                        ComparisonEvent::Worker(Worker::Ready { pid }) => self.workers.push(*pid),
                        ComparisonEvent::Started { workflow, .. } => self.workflows.push(workflow.clone()),
                        _ => {}
                    }
                }
                self.app.update(message);
            }
        };
        let in_time = tokio::time::timeout(EVENT_TIMEOUT, waiting).await;
        assert!(in_time.is_ok(), "no {what}: {:#?}", self.app.comparison());
    }

    async fn until_done(&mut self) {
        self.until("the end", |app| app.comparison().is_some_and(ComparisonState::is_done)).await;
    }

    fn shown(&self) -> [(Option<i64>, Option<Verdict>); 3] {
        let comparison = self.app.comparison().expect("a comparison");
        comparison.sides().each_ref().map(|side| (side.stock(), side.verdict()))
    }

    /// Returns the stocks according to the journals on disk.
    fn on_disk(&self) -> [i64; 3] {
        let folder = self.databases().pop().expect("a folder of databases");
        Guard::ALL.map(|guard| {
            let records = JournalReader::new(&folder.join(guard.name()).join("inventory.json")).read().unwrap().records;
            let mut audit = Audit::default();
            for record in &records {
                audit.observe(record, record.seq);
            }
            audit.actual
        })
    }

    /// Returns the database folders of all comparisons.
    fn databases(&self) -> Vec<PathBuf> {
        let folders = std::fs::read_dir(settings(&self.sandbox).state_dir.join("comparison"));
        folders.into_iter().flatten().map(|entry| entry.unwrap().path()).collect()
    }

    fn outcomes(&self, order: &str, attempt: u32) -> [Option<CommitOutcome>; 3] {
        let rows = self.app.comparison().expect("a comparison").line_up();
        let row = rows.iter().find(|row| row.order == order && row.attempt == attempt).expect("the attempt");
        row.cells.map(|cell| match cell {
            Some(LineUpCell::Attempt { seen, .. }) => match seen.state {
                idempotence::app::AttemptState::Succeeded(outcome) => Some(outcome),
                _ => None,
            },
            _ => None,
        })
    }

    fn running_workers(&self) -> Vec<u32> {
        let is_running = |pid: &u32| test_kill_process(Pid::from_raw(i32::try_from(*pid).unwrap()).unwrap()).is_ok();
        self.workers.iter().copied().filter(is_running).collect()
    }

    /// Waits until all workers and databases of comparisons are gone.
    async fn assert_cleared(&self) {
        let since = Instant::now();
        while !(self.running_workers().is_empty() && self.databases().is_empty()) {
            let left = (self.running_workers(), self.databases());
            assert!(since.elapsed() < EVENT_TIMEOUT, "not removed: {left:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Asserts that no workflow of a comparison is still open, since a start with its id would join it.
    async fn assert_no_open_workflow(&self) {
        let link = self.sandbox.link().await;
        for workflow in &self.workflows {
            let request = idempotence::temporal::StartRequest {
                workflow: workflow.clone(),
                task_queue: self.sandbox.queue.clone(),
                input: order("A12", 1, "none"),
            };
            let (started, watch) = start(&link, request).await.unwrap();
            assert!(!started.joined, "{workflow} is still open");
            watch.terminate("the test is over").await.unwrap();
        }
    }
}

fn settings(sandbox: &Sandbox) -> Settings {
    let flags = Flags {
        address: Some(address().to_owned()),
        task_queue: Some(sandbox.queue.clone()),
        database: Some(sandbox.database.clone()),
        ..Flags::default()
    };
    let home = sandbox.folder.path().as_os_str().to_owned();
    let environment = ["HOME", "XDG_STATE_HOME"].map(|name| (name.into(), home.clone()));
    Settings::load(&flags, environment, "none.env".as_ref(), sandbox.folder.path()).unwrap()
}

fn setup(sandbox: &Sandbox, preset: Preset) -> Options {
    Options {
        server: address().to_owned(),
        namespace: "default".to_owned(),
        task_queue: sandbox.queue.clone(),
        host: idempotence::runtime::backend::host(),
        database: sandbox.database.display().to_string(),
        log: String::new(),
        session: "T".to_owned(),
        seed: 7,
        preset,
        guard: Guard::Ledger,
        faults_allowed: true,
        security: Security::default(),
        encrypted: false,
        retry: RetryWaits::default(),
        appearance: Appearance::default(),
        web_ui: None,
        version: "0".into(),
        now: idempotence::clock::now(),
        above_dashboard: false,
        start_mode: StartMode::Dashboard,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_order_ends_at_1001_1001_and_2_and_everything_is_removed() {
    if offline() {
        return;
    }
    let mut comparison = Comparison::open(Preset::Seed).await;
    comparison.begin(false);
    assert_eq!(
        comparison.app.comparison().unwrap().instead_of(),
        Some("original"),
        "the original faults fail at random"
    );
    comparison.until_done().await;
    assert_eq!(comparison.shown(), [(Some(1001), RIGHT), (Some(1001), RIGHT), (Some(2), WRONG)]);
    assert_eq!(comparison.on_disk(), [1001, 1001, 2]);
    assert_eq!(
        comparison.outcomes("A12", 2),
        [CommitOutcome::Replayed, CommitOutcome::Skipped, CommitOutcome::Applied].map(Some)
    );
    assert_eq!((comparison.running_workers().len(), comparison.databases().len()), (3, 1));
    comparison.end();
    comparison.assert_cleared().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_another_order_between_only_the_ledger_ends_at_1001() {
    if offline() {
        return;
    }
    let mut comparison = Comparison::open(Preset::AfterCommitOnce).await;
    comparison.begin(true);
    comparison.until_done().await;
    assert_eq!(comparison.shown(), [(Some(1001), RIGHT), (Some(3), WRONG), (Some(3), WRONG)]);
    assert_eq!(comparison.on_disk(), [1001, 3, 3]);
    assert_eq!(
        comparison.outcomes("A12", 2),
        [CommitOutcome::Replayed, CommitOutcome::Applied, CommitOutcome::Applied].map(Some)
    );
    let attempts: Vec<_> =
        comparison.app.comparison().unwrap().line_up().iter().map(|row| row.order.to_owned()).collect();
    assert_eq!(attempts, ["A12", "B7", "B7", "A12", "A12"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_crashes_after_the_commit_gives_the_same_stocks() {
    if offline() {
        return;
    }
    let mut comparison = Comparison::open(Preset::CrashAfterCommit).await;
    comparison.begin(false);
    assert_eq!(comparison.app.comparison().unwrap().instead_of(), None);
    comparison.until_done().await;
    assert_eq!(comparison.shown(), [(Some(1001), RIGHT), (Some(1001), RIGHT), (Some(2), WRONG)]);
    assert_eq!(comparison.workers.len(), 6, "each worker crashed once and was replaced");
    comparison.end();
    comparison.assert_cleared().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_comparison_ended_early_leaves_no_worker_and_no_open_order() {
    if offline() {
        return;
    }
    let mut comparison = Comparison::open(Preset::AfterCommitOnce).await;
    let running = |app: &App| {
        let comparison = app.comparison().unwrap();
        let committed = |cell: &Option<LineUpCell<'_>>| matches!(cell, Some(LineUpCell::Attempt { seen, .. }) if seen.facts.is_some_and(|facts| facts.committed.is_some()));
        let first = comparison.line_up().into_iter().next();
        comparison.sides().iter().all(|side| side.stage() == SideStage::Running)
            && first.is_some_and(|row| row.cells.iter().all(committed))
    };
    comparison.begin(true);
    comparison.until("the commits", running).await;
    let first = comparison.workers.clone();
    comparison.begin(true);
    comparison.until("the commits of the next", running).await;
    let running = comparison.running_workers();
    assert!(running.len() == 3 && running.iter().all(|pid| !first.contains(pid)), "{running:?} of {first:?}");
    comparison.end();
    comparison.assert_cleared().await;
    assert!(comparison.workflows.len() >= 6, "{:?}", comparison.workflows);
    comparison.assert_no_open_workflow().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_and_databases_are_removed_when_the_dashboard_ends() {
    if offline() {
        return;
    }
    let mut comparison = Comparison::open(Preset::AfterCommitOnce).await;
    comparison.begin(false);
    comparison
        .until("the workers", |app| {
            app.comparison().unwrap().sides().iter().all(|side| matches!(side.worker(), Worker::Ready { .. }))
        })
        .await;
    drop(comparison.executor.take());
    assert_eq!(comparison.workers.len(), 3);
    comparison.assert_cleared().await;
}

/// Verdicts, and shipments and credits, of the policies `header`, `lookup` and `none`.
type Pairs = [(Option<Verdict>, u64, u64); 3];

impl Comparison {
    fn pairs(&self) -> Pairs {
        let pair = |side: &Side| {
            let shipped = side.supplier().expect("it answers").shipped;
            (side.verdict(), shipped, side.journal().audit.credited.count)
        };
        self.app.comparison().expect("a comparison").sides().each_ref().map(pair)
    }

    /// Shipments by the suppliers' own files, and credits by the journals on disk.
    fn pairs_on_disk(&self) -> [(usize, u64); 3] {
        let folder = self.databases().pop().expect("a folder of databases");
        pairs_on_disk(&folder)
    }
}

fn pairs_on_disk(folder: &Path) -> [(usize, u64); 3] {
    ["header", "lookup", "none"].map(|policy| {
        let shipments = std::fs::read_to_string(folder.join(policy).join("supplier.jsonl")).unwrap();
        let shipments = shipments.lines().filter(|line| line.contains(r#""reference":"A12""#)).count();
        let database = folder.join(policy).join("inventory.json");
        let mut audit = Audit::default();
        for record in &JournalReader::new(&database).read().unwrap().records {
            audit.observe(record, record.seq);
        }
        assert_eq!(audit.verdict(), Verdict::Right, "our stock is right on every side");
        (shipments, audit.credited.count)
    })
}

/// Process ids of the suppliers with a file in this folder.
fn suppliers_in(folder: &Path) -> Vec<u32> {
    let folder = folder.display().to_string();
    let id = |entry: std::io::Result<std::fs::DirEntry>| {
        let path = entry.ok()?.path();
        let arguments = String::from_utf8_lossy(&std::fs::read(path.join("cmdline")).ok()?).replace('\0', " ");
        let is_supplier = arguments.contains(" supplier ") && arguments.contains(&folder);
        is_supplier.then(|| path.file_name()?.to_str()?.parse().ok()).flatten()
    };
    std::fs::read_dir("/proc").unwrap().filter_map(id).collect()
}

/// Waits until no supplier with a file in this folder runs. A supplier ends with its dashboard, and not before it.
fn assert_no_supplier(folder: &Path) {
    let since = Instant::now();
    while !suppliers_in(folder).is_empty() {
        assert!(since.elapsed() < EVENT_TIMEOUT, "still running: {:?}", suppliers_in(folder));
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_is_shipped_again_only_by_the_policy_none() {
    if offline() {
        return;
    }
    let mut comparison = Comparison::open(Preset::Seed).await;
    comparison.begin_with(Subject::Policies, false);
    comparison.until_done().await;
    assert_eq!(comparison.pairs(), [(RIGHT, 1, 1), (RIGHT, 1, 1), (WRONG, 2, 1)]);
    assert_eq!(comparison.pairs_on_disk(), [(1, 1), (1, 1), (2, 1)]);
    let folder = comparison.databases().pop().unwrap();
    assert_eq!((comparison.running_workers().len(), suppliers_in(&folder).len()), (3, 3));
    comparison.end();
    comparison.assert_cleared().await;
    assert_eq!(suppliers_in(&folder), Vec::<u32>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn overlapping_attempts_are_shipped_once_only_with_the_key() {
    if offline() {
        return;
    }
    let mut comparison = Comparison::open(Preset::Seed).await;
    comparison.begin_with(Subject::Policies, true);
    comparison.until_done().await;
    assert_eq!(comparison.pairs(), [(RIGHT, 1, 1), (WRONG, 2, 1), (WRONG, 2, 1)]);
    assert_eq!(comparison.pairs_on_disk(), [(1, 1), (2, 1), (2, 1)]);
    drop(comparison.executor.take());
    comparison.assert_cleared().await;
}

#[test]
fn keys_switch_to_the_policies_and_to_overlapping_attempts() {
    if offline() {
        return;
    }
    let sandbox = Sandbox::new();
    let mut screen = Screen::open(&sandbox, address(), 80, 24);
    screen.wait_for("worker ● ready");
    screen.press("v");
    screen.wait_for("one order, three guards");
    screen.press("\t");
    screen.wait_for("one order, three supplier policies");
    let shown = screen.wait_for("Without a key, the retry shipped again");
    let row = |shown: &str, name: &str| shown.lines().find(|line| line.contains(name)).unwrap().trim_end().to_owned();
    assert!(row(&shown, " policy").ends_with("header               lookup                none"), "{shown}");
    assert_eq!(row(&shown, "verdict").split_whitespace().filter(|word| *word == "RIGHT").count(), 2, "{shown}");
    assert!(row(&shown, "verdict").ends_with("WRONG stock 1001"), "{shown}");
    assert!(row(&shown, "supplier 2").ends_with("2 S-2 1 → 1001 AGAIN"), "{shown}");
    let root = settings(&sandbox).state_dir.join("comparison");
    let folder = || std::fs::read_dir(&root).unwrap().next().unwrap().unwrap().path();
    assert_eq!(pairs_on_disk(&folder()), [(1, 1), (1, 1), (2, 1)]);
    screen.press("B");
    let shown = screen.wait_for("Only a key that travels survives overlapping attempts.");
    let verdicts = row(&shown, "verdict");
    let words: Vec<_> = verdicts.split_whitespace().filter(|word| ["RIGHT", "WRONG"].contains(word)).collect();
    assert_eq!(words, ["RIGHT", "WRONG", "WRONG"], "{shown}");
    assert_eq!(pairs_on_disk(&folder()), [(1, 1), (2, 1), (2, 1)]);
    screen.press("\t");
    screen.wait_for("one order, three guards");
    screen.press("q");
    assert!(screen.end().0.success());
    assert_no_supplier(&root);
}

#[test]
fn a_supplier_that_dies_fails_its_side_only() {
    if offline() {
        return;
    }
    let sandbox = Sandbox::new();
    let mut screen = Screen::open(&sandbox, address(), 80, 24);
    screen.wait_for("worker ● ready");
    screen.press("v");
    screen.wait_for("one order, three guards");
    screen.press("\tB");
    screen.wait_for("~ hangs");
    let root = settings(&sandbox).state_dir.join("comparison");
    let folder = std::fs::read_dir(&root).unwrap().map(|entry| entry.unwrap().path());
    let pid = folder.flat_map(|folder| suppliers_in(&folder.join("lookup"))).next().expect("a supplier");
    send(Signal::KILL, pid);
    let shown = screen.wait_for("FAILED");
    assert!(shown.contains("lookup: the supplier ended:"), "{shown}");
    let shown = screen.wait_until("two verdicts", |shown| shown.contains("RIGHT") && shown.contains("WRONG"));
    assert!(shown.contains("FAILED"), "{shown}");
    screen.press("\u{1b}");
    screen.wait_for("worker ● ready");
    assert_no_supplier(&root);
    screen.press("q");
    assert!(screen.end().0.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_side_whose_supplier_cannot_start_fails_and_the_others_go_on() {
    if offline() {
        return;
    }
    let sandbox = Sandbox::new();
    let script = format!(
        "#!/bin/sh\ncase \"$1 $*\" in 'supplier '*/lookup/*) echo 'error: no room on the disk'; exit 1;; esac\nexec {PROGRAM} \"$@\"\n"
    );
    let program = sandbox.folder.path().join("program");
    std::fs::write(&program, script).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    // The supplier in the settings is not used.
    let supplier = Some(format!("http://127.0.0.1:{}", free_port()).parse().unwrap());
    let mut settings = settings(&sandbox);
    settings.supplier = supplier;
    let mut comparison = Comparison::open_with(Preset::Seed, sandbox, settings, program).await;
    comparison.begin_with(Subject::Policies, false);
    comparison.until("the end", |app| app.comparison().is_some_and(ComparisonState::is_over)).await;
    let [header, lookup, none] = comparison.app.comparison().unwrap().sides();
    assert_eq!((header.verdict(), none.verdict()), (RIGHT, WRONG));
    let SideStage::Failed(cause) = lookup.stage() else { panic!("{:?}", lookup.stage()) };
    assert!(cause.contains("no room on the disk"), "{cause}");
    assert_eq!(comparison.running_workers().len(), 2, "it has no worker");
    comparison.end();
    comparison.assert_cleared().await;
}
