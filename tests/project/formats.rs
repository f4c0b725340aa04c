//! The file formats: every line that a version of this program has written can be read, and is then written byte for
//! byte.
//!
//! `formats/recording.jsonl` and `formats/records.jsonl` contain a line for every variant. To extend a format, add a
//! line. A changed line would break users' files: keep the old spelling with `#[serde(rename)]`.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use idempotence::{
    app::{
        Appearance, Candidate, ComparisonEvent, Core, Intent, Link, Message, Move, Panel, Seek, Server, StartMode,
        SupplierState, WatchNews, WatchProblem, Worker,
    },
    domain::{
        Activity, Attempt, Effect, EventKind, ExecutionReport, ExecutionStatus, FailureKind, FailureReport, Guard,
        ItemEnd, Order, OrderId, Origin, PayloadContent, PendingState, ProductId, RunEnd, TimeoutKind,
    },
    recording::{Entry, EntryKind, Player, Recording},
    scenario,
    store::{self, CommitOutcome, CommitRequest, Fact, Phase, Record, Store, StoreHandle, Verdict},
};
use serde::{Serialize, de::DeserializeOwned};

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/project/formats").join(name)
}

/// Reads each line as a `T`, and checks that it is written as it was read.
fn unchanged<T: Serialize + DeserializeOwned>(name: &str) -> Vec<T> {
    let text = fs::read_to_string(file(name)).unwrap();
    let read = |(number, line): (usize, &str)| {
        let value: T = serde_json::from_str(line).unwrap_or_else(|error| panic!("{name}:{number}: {error}\n{line}"));
        assert_eq!(serde_json::to_string(&value).unwrap(), line, "{name}:{number}");
        value
    };
    (1..).zip(text.lines()).map(read).collect()
}

/// The variants in the lines of a file.
#[derive(Default)]
struct Seen(BTreeSet<(&'static str, &'static str)>);

/// Does not compile until a new variant is listed. The test then fails until a line contains the variant.
macro_rules! variants {
    ($($see:ident, $type:ty { $($variant:ident),* })*) => {
        impl Seen {
            $(fn $see(&mut self, value: &$type) {
                type Seen = $type;
                let variant = match value { $(Seen::$variant { .. } => stringify!($variant)),* };
                self.0.insert((stringify!($type), variant));
            })*

            fn assert_complete(&self, types: &[&str]) {
                let all = [$($((stringify!($type), stringify!($variant))),*),*];
                let expected: BTreeSet<_> = all.into_iter().filter(|(name, _)| types.contains(name)).collect();
                assert_eq!(self.0, expected);
            }
        }
    };
}

variants! {
    see_kind, EntryKind { Begin, Message, End }
    see_start_mode, StartMode { Dashboard, Scenario, Walkthrough, Notes, Watch }
    see_when, scenario::When {
        AtOnce, Ended, Committed, Failed, ServerDown, ServerUp, NotSupplied, SupplierDown, SupplierOutage,
        OtherClientShipped
    }
    see_act, scenario::What {
        Order, KillWorker, StartWorker, KillServer, StartServer, KillSupplier, StartSupplier, SupplierOutage, OtherClientOrder
    }
    see_message, Message {
        Tick, Intent, Resized, Limits, JournalCovered, Journal, JournalUnreadable, ReadingJournal, Document,
        DocumentUnreadable, Link, Server, Worker, Pollers, Started, StartFailed, Listed, Ended, Described, Watch,
        Compared, Logged, ResetDone, Presented, Notice, Copied, NotOpened, Supplier
    }
    see_intent, Intent {
        FreshOrder, SeedOrder, OrderAgain, SameStart, Burst, NextFaults, EditPlan, NextGuard, KillWorker, ToggleWorker,
        ToggleServer, ToggleSupplier, RetryNow, AskCancel, AskReset, Freeze, Filter, Zoom, NextPanel, PreviousPanel, Focus, Details,
        OpenWebUi, CopyWorkflowId, ShowCommand, Statistics, Log, Compare, CompareInterleaved, CompareOther, NextTheme, Mouse, Suspend,
        Help, Close, Yes, No, Quit, Exit, Select, SelectRow, Edit, Submit, Walkthrough, GoOn, GoBack, RepeatStep,
        SkipStep, Blank, NextPace, Seek, Watch, NextSort, AskPause, AskResetActivity, EditOptions, AskTerminate,
        EditSignal, ShowFailure, OpenParent
    }
    see_seek, Seek { Pause, Next, Previous, Event, EventBack, Faster, Slower, First, Last, Tenths }
    see_move, Move { Up, Down, First, Last, HalfPageUp, HalfPageDown }
    see_panel, Panel { Orders, Timeline, Effects, Stock }
    see_link, Link { Connecting, Up, Down }
    see_server, Server { Foreign, Unknown, Killed, Preparing, Running, Ended }
    see_worker, Worker { Absent, Elsewhere, Starting, Ready, Stopping, Stopped, Killed, Exited }
    see_supplier, SupplierState { Up, Down }
    see_end, RunEnd { Completed, Rejected, Conflict, Failed, Cancelled, Terminated, TimedOut, Unknown }
    see_event, ComparisonEvent { Worker, Started, Journal, Ended, Supplier, Failed }
    see_candidate, Candidate { Guard, Policy }
    see_news, WatchNews { Listed, Counted, Described, History }
    see_problem, WatchProblem { NotFound, NoNamespace, Denied, Busy, Unsupported, Invalid, NoLink, Unanswered }
    see_status, ExecutionStatus {
        Running, Paused, Completed, Failed, Cancelled, Terminated, ContinuedAsNew, TimedOut
    }
    see_pending_state, PendingState { Scheduled, Started, CancelRequested, Paused }
    see_event_kind, EventKind {
        Started, TaskCompleted, TaskFailed, TaskTimedOut, ActivityScheduled, ActivityStarted, ActivityCancelRequested,
        ActivityEnded, LocalActivity, TimerStarted, TimerEnded, ChildInitiated, ChildStarted, ChildEnded,
        NexusScheduled, NexusStarted, NexusEnded, Signaled, UpdateAccepted, UpdateEnded, CancelRequested, Ended, Other
    }
    see_item_end, ItemEnd { Completed, Failed, TimedOut, Cancelled, Terminated, ContinuedAsNew }
    see_failure_kind, FailureKind {
        Application, Timeout, Cancelled, Terminated, Server, Activity, Child, Nexus, Other
    }
    see_timeout, TimeoutKind { StartToClose, ScheduleToStart, ScheduleToClose, Heartbeat, Unspecified }
    see_payload, PayloadContent { Json, Null, Other, Undecodable }
    see_fact, Fact { Init, Order, Supplier, Intent, Relay, Reject, Adjust, Attempt, Aside, Compacted }
    see_phase, Phase { Started, Fault, Shipped, Completed, Failed }
}

impl Seen {
    fn see_entry(&mut self, entry: &Entry) {
        self.see_kind(&entry.kind);
        match &entry.kind {
            EntryKind::Begin(setup) => {
                self.see_start_mode(&setup.start_mode);
                if let StartMode::Scenario { scenario, .. } = &setup.start_mode {
                    for act in &scenario.acts {
                        self.see_when(&act.when);
                        self.see_act(&act.what);
                    }
                }
            }
            EntryKind::Message(message) => self.see_all_of(message),
            EntryKind::End(_) => {}
        }
    }

    fn see_all_of(&mut self, message: &Message) {
        self.see_message(message);
        match message {
            Message::Intent(intent) => {
                self.see_intent(intent);
                match intent {
                    Intent::Seek(seek) => self.see_seek(seek),
                    Intent::Select(step) => self.see_move(step),
                    Intent::Focus(panel) => self.see_panel(panel),
                    _ => {}
                }
            }
            Message::Link(link) => self.see_link(link),
            Message::Server(server) => self.see_server(server),
            Message::Worker(worker) => self.see_worker(worker),
            Message::Supplier(report) => self.see_supplier(&report.state),
            Message::Ended { end, .. } => self.see_end(end),
            Message::Compared(news) => {
                self.see_candidate(&news.candidate);
                self.see_event(&news.event);
            }
            Message::Watch(news) => self.see_watch(news),
            _ => {}
        }
    }

    fn see_watch(&mut self, news: &WatchNews) {
        self.see_news(news);
        match news {
            WatchNews::Listed { answer: Ok(page), .. } => {
                page.executions.iter().for_each(|info| self.see_status(&info.status));
            }
            WatchNews::Described { answer: Ok(report), .. } => self.see_report(report),
            WatchNews::History { answer: Ok(page), .. } => {
                page.events.iter().for_each(|event| self.see_history_event(&event.kind));
            }
            WatchNews::Counted { answer: Ok(_), .. } => {}
            WatchNews::Listed { answer: Err(problem), .. }
            | WatchNews::Counted { answer: Err(problem), .. }
            | WatchNews::Described { answer: Err(problem), .. }
            | WatchNews::History { answer: Err(problem), .. } => self.see_problem(problem),
        }
    }

    fn see_report(&mut self, report: &ExecutionReport) {
        self.see_status(&report.info.status);
        for activity in &report.activities {
            self.see_pending_state(&activity.pending.state);
            activity.pending.failure.iter().for_each(|failure| self.see_failure(failure));
            let heartbeats = activity.details.heartbeat.iter();
            heartbeats.for_each(|heartbeat| self.see_payloads(&heartbeat.details));
        }
        report.nexus.iter().filter_map(|nexus| nexus.failure.as_ref()).for_each(|failure| self.see_failure(failure));
    }

    fn see_history_event(&mut self, kind: &EventKind) {
        self.see_event_kind(kind);
        match kind {
            EventKind::Started { input, .. }
            | EventKind::ActivityScheduled { input, .. }
            | EventKind::Signaled { input, .. }
            | EventKind::UpdateAccepted { input, .. } => self.see_payloads(input),
            EventKind::TaskFailed { failure, .. } | EventKind::ActivityStarted { failure: Some(failure), .. } => {
                self.see_failure(failure);
            }
            EventKind::TaskTimedOut { timeout } => self.see_timeout(timeout),
            EventKind::ActivityEnded { end, .. }
            | EventKind::LocalActivity { end, .. }
            | EventKind::ChildEnded { end, .. }
            | EventKind::NexusEnded { end, .. }
            | EventKind::UpdateEnded { end, .. }
            | EventKind::Ended { end, .. } => self.see_end_of_item(end),
            EventKind::TaskCompleted { .. }
            | EventKind::ActivityStarted { failure: None, .. }
            | EventKind::ActivityCancelRequested { .. }
            | EventKind::TimerStarted { .. }
            | EventKind::TimerEnded { .. }
            | EventKind::ChildInitiated { .. }
            | EventKind::ChildStarted { .. }
            | EventKind::NexusScheduled { .. }
            | EventKind::NexusStarted { .. }
            | EventKind::CancelRequested { .. }
            | EventKind::Other { .. } => {}
        }
    }

    fn see_end_of_item(&mut self, end: &ItemEnd) {
        self.see_item_end(end);
        match end {
            ItemEnd::Completed { result } => self.see_payloads(result),
            ItemEnd::Failed(failure) | ItemEnd::TimedOut(failure) => self.see_failure(failure),
            ItemEnd::Cancelled | ItemEnd::Terminated { .. } | ItemEnd::ContinuedAsNew => {}
        }
    }

    fn see_failure(&mut self, failure: &FailureReport) {
        for cause in &failure.causes {
            self.see_failure_kind(&cause.kind);
            if let FailureKind::Timeout(timeout) = &cause.kind {
                self.see_timeout(timeout);
            }
            self.see_payloads(&cause.details);
        }
    }

    fn see_payloads(&mut self, payloads: &[PayloadContent]) {
        for payload in payloads {
            self.see_payload(payload);
        }
    }

    fn see_record(&mut self, record: &Record) {
        self.see_fact(&record.fact);
        if let Fact::Attempt(event) = &record.fact {
            self.see_phase(&event.phase);
        }
    }
}

#[test]
fn every_line_of_a_recording_keeps_its_form() {
    let mut seen = Seen::default();
    for entry in unchanged("recording.jsonl") {
        seen.see_entry(&entry);
    }
    let types = "EntryKind StartMode scenario::When scenario::What Message Intent Seek Move Panel Link Server Worker \
                 SupplierState RunEnd Candidate ComparisonEvent WatchNews WatchProblem ExecutionStatus PendingState EventKind ItemEnd \
                 FailureKind TimeoutKind PayloadContent";
    seen.assert_complete(&types.split_whitespace().collect::<Vec<_>>());
}

#[test]
fn every_line_of_a_journal_keeps_its_form() {
    let mut seen = Seen::default();
    for record in unchanged("records.jsonl") {
        seen.see_record(&record);
    }
    seen.assert_complete(&["Fact", "Phase"]);
}

/// `formats/first-version` contains files that the first version wrote: its shipped walkthrough, and the database after
/// a few orders with faults.
#[test]
fn recordings_of_the_first_version_are_replayed() {
    let bytes = fs::read(file("first-version/walkthrough.jsonl")).unwrap();
    let recording = Recording::read("walkthrough.jsonl", &bytes).unwrap();
    assert_eq!(recording.entries.len(), 200);
    let mut player = Player::new(recording, Appearance::default());
    player.seek(u64::MAX);
    let walkthrough = player.app().walkthrough().unwrap();
    assert_eq!(walkthrough.unseen(), 0);
    assert!(walkthrough.steps().all(|(_, state)| state.passed() != Some(false)), "{walkthrough:?}");
    assert!(walkthrough.steps().filter(|(_, state)| state.passed() == Some(true)).count() >= 6, "{walkthrough:?}");
}

#[test]
fn a_database_of_the_first_version_is_read_and_continued() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["inventory.json", "inventory.json.journal"] {
        fs::copy(file("first-version").join(name), folder.path().join(name)).unwrap();
    }
    let path = folder.path().join("inventory.json");
    let examination = store::examine(&path, &|_| {}).unwrap().unwrap();
    assert!(examination.problem.is_none(), "{examination:?}");
    let audit = examination.audit;
    assert_eq!((audit.verdict(), audit.actual, audit.orders, audit.adjustments), (Verdict::Right, 885, 7, 1));

    let commit = |id: &str, quantity: i64| {
        let id = OrderId::new(id).unwrap();
        let (product, activity) = (ProductId::new("123456").unwrap(), Activity::UpdateInventory);
        let (workflow, run, attempt) = ("w".to_owned(), "r".to_owned(), Attempt::FIRST);
        let origin = Origin { order: id.clone(), workflow, run, activity, attempt };
        let effect = Effect::Order(Order { id, product, quantity });
        let request = CommitRequest { effect, guard: Guard::Ledger, origin };
        futures::executor::block_on(StoreHandle::open(&path).unwrap().commit(request)).unwrap()
    };
    let repeated = commit("A12", 999);
    assert_eq!((repeated.outcome, repeated.receipt.stock), (CommitOutcome::Replayed, 1));
    let new = commit("A13", 1);
    assert_eq!((new.outcome, new.receipt.stock), (CommitOutcome::Applied, 884));
}
