//! The same order under three guards at once, through the real runtime: three workers, three databases, three stocks.

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use idempotence::{
    app::{
        App, Appearance, Command, ComparisonEvent, ComparisonNews, LineUpCell, Link, Message, Options, RetryWaits,
        Security, SideStage, StartMode, Worker,
    },
    config::{Flags, Settings},
    domain::Guard,
    faults::Preset,
    runtime::{executor::Executor, worker_child::WorkerCommand},
    store::{Audit, JournalReader, Outcome, Verdict},
    temporal::start,
};
use rustix::process::{Pid, test_kill_process};
use tokio::sync::mpsc;

use crate::sandbox::{EVENT_TIMEOUT, PROGRAM, Sandbox, address, offline, order};

const RIGHT: Option<Verdict> = Some(Verdict::Right);
const WRONG: Option<Verdict> = Some(Verdict::Wrong);

/// The core and the runtime, without a screen.
struct Room {
    app: App,
    /// `None`: the dashboard has gone.
    executor: Option<Executor>,
    told: mpsc::Receiver<Message>,
    sandbox: Sandbox,
    /// Every worker that ever polled for a comparison.
    workers: Vec<u32>,
    /// Every workflow that was started for one.
    workflows: Vec<String>,
}

impl Room {
    async fn open(preset: Preset) -> Self {
        let sandbox = Sandbox::new();
        let worker = WorkerCommand {
            program: PathBuf::from(PROGRAM),
            address: address().to_owned(),
            namespace: "default".to_owned(),
            task_queue: sandbox.queue.clone(),
            connection_flags: Vec::new(),
            database: sandbox.database.clone(),
            log: Some(sandbox.folder.path().join("worker.log")),
        };
        let (sender, told) = mpsc::channel(64);
        // The dashboard's own worker stays away: a comparison needs none of it.
        let executor = Executor::start(Arc::new(settings(&sandbox)), worker, false, sender);
        let app = App::new(setup(&sandbox, preset));
        let mut room =
            Self { app, executor: Some(executor), told, sandbox, workers: Vec::new(), workflows: Vec::new() };
        room.until("the link", |app| *app.link() == Link::Up).await;
        room
    }

    fn execute(&self, commands: Vec<Command>) {
        assert!(!commands.is_empty(), "{:?}", self.app.notice());
        for command in commands {
            assert!(self.executor.as_ref().expect("it runs").execute(command).is_continue());
        }
    }

    fn begin(&mut self, interleaved: bool) {
        let commands = self.app.begin_comparison(interleaved);
        self.execute(commands);
    }

    fn end(&mut self) {
        let commands = self.app.end_comparison();
        self.execute(commands);
    }

    /// Tells the core what happens until it shows what is waited for.
    async fn until(&mut self, what: &str, shown: impl Fn(&App) -> bool) {
        let waiting = async {
            while !shown(&self.app) {
                let message = self.told.recv().await.expect("the runtime lives");
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
        assert!(in_time.is_ok(), "{what} did not come: {:#?}", self.app.comparison());
    }

    async fn until_done(&mut self) {
        self.until("the end", |app| app.comparison().is_some_and(idempotence::app::ComparisonState::is_done)).await;
    }

    fn shown(&self) -> [(Option<i64>, Option<Verdict>); 3] {
        let comparison = self.app.comparison().expect("a comparison");
        Guard::ALL.map(|guard| (comparison.side(guard).stock(), comparison.side(guard).verdict()))
    }

    /// The stocks as the journals on the disk tell them.
    fn on_disk(&self) -> [i64; 3] {
        let folder = self.databases().pop().expect("a folder of databases");
        Guard::ALL.map(|guard| {
            let records = JournalReader::new(&folder.join(guard.name()).join("inventory.json")).read().unwrap().records;
            let mut audit = Audit::default();
            for record in &records {
                audit.observe(record);
            }
            audit.actual
        })
    }

    /// The folders of comparisons.
    fn databases(&self) -> Vec<PathBuf> {
        let folders = std::fs::read_dir(settings(&self.sandbox).state_dir.join("comparison"));
        folders.into_iter().flatten().map(|entry| entry.unwrap().path()).collect()
    }

    fn outcomes(&self, order: &str, attempt: u32) -> [Option<Outcome>; 3] {
        let rows = self.app.comparison().expect("a comparison").line_up();
        let row = rows.iter().find(|row| row.order == order && row.attempt == attempt).expect("the attempt");
        row.cells.map(|cell| match cell {
            Some(LineUpCell::Attempt(seen)) => match seen.state {
                idempotence::app::AttemptState::Succeeded(outcome) => Some(outcome),
                _ => None,
            },
            _ => None,
        })
    }

    fn living_workers(&self) -> Vec<u32> {
        let lives = |pid: &u32| test_kill_process(Pid::from_raw(i32::try_from(*pid).unwrap()).unwrap()).is_ok();
        self.workers.iter().copied().filter(lives).collect()
    }

    /// Waits until no worker and no database of a comparison is left.
    async fn assert_cleared(&self) {
        let since = Instant::now();
        while !(self.living_workers().is_empty() && self.databases().is_empty()) {
            let left = (self.living_workers(), self.databases());
            assert!(since.elapsed() < EVENT_TIMEOUT, "left behind: {left:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Asserts that no workflow of a comparison still runs: a start under its id would join it.
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
async fn one_order_ends_at_1001_1001_and_2_and_leaves_nothing_behind() {
    if offline() {
        return;
    }
    let mut room = Room::open(Preset::Seed).await;
    room.begin(false);
    assert_eq!(room.app.comparison().unwrap().instead_of(), Some("seed"), "which leaves it to chance");
    room.until_done().await;
    assert_eq!(room.shown(), [(Some(1001), RIGHT), (Some(1001), RIGHT), (Some(2), WRONG)]);
    assert_eq!(room.on_disk(), [1001, 1001, 2]);
    assert_eq!(room.outcomes("A12", 2), [Outcome::Replayed, Outcome::Skipped, Outcome::Applied].map(Some));
    assert_eq!((room.living_workers().len(), room.databases().len()), (3, 1));
    room.end();
    room.assert_cleared().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_another_order_between_only_the_ledger_ends_at_1001() {
    if offline() {
        return;
    }
    let mut room = Room::open(Preset::AfterCommitOnce).await;
    room.begin(true);
    room.until_done().await;
    assert_eq!(room.shown(), [(Some(1001), RIGHT), (Some(3), WRONG), (Some(3), WRONG)]);
    assert_eq!(room.on_disk(), [1001, 3, 3]);
    assert_eq!(room.outcomes("A12", 2), [Outcome::Replayed, Outcome::Applied, Outcome::Applied].map(Some));
    let attempts: Vec<_> = room.app.comparison().unwrap().line_up().iter().map(|row| row.order.to_owned()).collect();
    assert_eq!(attempts, ["A12", "B7", "B7", "A12", "A12"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_dies_after_the_commit_tells_the_same_story() {
    if offline() {
        return;
    }
    let mut room = Room::open(Preset::CrashAfterCommit).await;
    room.begin(false);
    assert_eq!(room.app.comparison().unwrap().instead_of(), None);
    room.until_done().await;
    assert_eq!(room.shown(), [(Some(1001), RIGHT), (Some(1001), RIGHT), (Some(2), WRONG)]);
    assert_eq!(room.workers.len(), 6, "each worker died once, and another took its place");
    room.end();
    room.assert_cleared().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_ended_or_replaced_early_leaves_no_worker_and_no_open_order() {
    if offline() {
        return;
    }
    let mut room = Room::open(Preset::AfterCommitOnce).await;
    let running = |app: &App| {
        let comparison = app.comparison().unwrap();
        let committed = |cell: &Option<LineUpCell<'_>>| matches!(cell, Some(LineUpCell::Attempt(seen)) if seen.facts.is_some_and(|facts| facts.committed.is_some()));
        let first = comparison.line_up().into_iter().next();
        comparison.sides().iter().all(|side| side.stage() == SideStage::Running)
            && first.is_some_and(|row| row.cells.iter().all(committed))
    };
    room.begin(true);
    room.until("the commits", running).await;
    let first = room.workers.clone();
    room.begin(true);
    room.until("the commits of the next", running).await;
    let living = room.living_workers();
    assert!(living.len() == 3 && living.iter().all(|pid| !first.contains(pid)), "{living:?} of {first:?}");
    room.end();
    room.assert_cleared().await;
    assert!(room.workflows.len() >= 6, "{:?}", room.workflows);
    room.assert_no_open_workflow().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn its_workers_and_databases_go_with_the_dashboard() {
    if offline() {
        return;
    }
    let mut room = Room::open(Preset::AfterCommitOnce).await;
    room.begin(false);
    room.until("the workers", |app| {
        app.comparison().unwrap().sides().iter().all(|side| matches!(side.worker(), Worker::Ready { .. }))
    })
    .await;
    drop(room.executor.take());
    assert_eq!(room.workers.len(), 3);
    room.assert_cleared().await;
}
