//! Frames drawn to memory: the cost of the largest, and 100,000 frames of random sizes after random keys and messages, to
//! find panics. `SEED=..` repeats a run, `FRAMES=..` sets the number of frames.

use std::time::{Duration, Instant};

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use idempotence::{
    app::{
        App, Appearance, Description, HistoryPage, InitialStock, Link, ListPage, LogLevel, Message, NotesPage, Options,
        RetryWaits, Security, Server, StartMode, Theme, Tone, WatchNews, WatchOptions, WatchProblem, Worker,
        parse_script,
    },
    domain::{
        Activity, ActivityOptions, Attempt, EventKind, ExecutionInfo, ExecutionReport, ExecutionStatus, FailureReport,
        Guard, HistoryEvent, IdempotencyKey, ItemEnd, OrderId, Origin, Payload, PendingActivity, PendingDetails,
        PendingState, PendingTask, ProductId, Receipt, ReportedActivity, Run, RunEnd, UnixMillis,
    },
    faults::{Action, Point, Preset},
    keymap, scenario,
    store::{AttemptEvent, CommitOutcome, Document, Fact, News, Phase, Record, record::Commit},
    ui,
};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use ratatui::{buffer::Buffer, layout::Rect};

use crate::{Figure, median};

const FRAMES: u64 = 100_000;

/// Time at the start of each run.
pub const BEGIN: u64 = 1_700_000_000_000;

pub fn measure() -> Vec<Figure> {
    let large = large_frame() * 1e3;
    let since = Instant::now();
    random_frames();
    let took = since.elapsed().as_secs_f64();
    vec![
        Figure {
            name: "frame of 200x60 with 10,000 orders",
            measured: format!("{large:.2} ms"),
            wanted: "under 1 ms".into(),
            reached: large < 1.0,
        },
        Figure {
            name: "100,000 random frames without a panic",
            measured: format!("{took:.0} s"),
            wanted: "under 60 s".into(),
            reached: took < 60.0,
        },
    ]
}

pub fn setup(look: Appearance) -> Options {
    Options {
        server: "localhost:7233".to_owned(),
        namespace: "default".to_owned(),
        task_queue: "inventory-task-queue".to_owned(),
        host: "here".to_owned(),
        database: "database/inventory.json".to_owned(),
        log: "idempotence.log".to_owned(),
        session: "K7".to_owned(),
        seed: 42,
        preset: Preset::Seed,
        guard: Guard::Ledger,
        faults_allowed: true,
        security: Security::default(),
        encrypted: false,
        retry: RetryWaits::default(),
        appearance: look,
        version: "0".into(),
        now: UnixMillis(BEGIN),
        web_ui: None,
        above_dashboard: false,
        start_mode: StartMode::Dashboard,
    }
}

fn origin(order: &str, number: u64, activity: Activity, attempt: u32) -> Origin {
    Origin {
        order: OrderId::new(order).unwrap(),
        workflow: format!("order-{order}-{number}"),
        run: format!("run-{number}"),
        activity,
        attempt: Attempt::new(attempt).unwrap(),
    }
}

/// Seconds per frame, with the newest rows or the middle of the list on screen.
fn large_frame() -> f64 {
    let mut app = App::new(setup(Appearance::default()));
    let records = (1..=10_000).map(|number| {
        let origin = origin("A12", number, Activity::UpdateInventory, 3);
        let fact = Fact::Attempt(AttemptEvent { origin, phase: Phase::Started });
        Record { seq: number, at: UnixMillis(BEGIN + number), fact }
    });
    app.update(Message::Link(Link::Up));
    app.update(Message::Journal(News { restarted: true, records: records.collect(), ..News::default() }));
    app.update(Message::Tick { now: UnixMillis(BEGIN + 20_000) });
    let area = Rect::new(0, 0, 200, 60);
    let mut buffer = Buffer::empty(area);
    let frame = |round: usize| {
        if round == 100 {
            for _ in 0..400 {
                press(&mut app, KeyCode::PageDown, KeyModifiers::NONE);
            }
        }
        let since = Instant::now();
        buffer.reset();
        ui::draw_on(&mut buffer, area, &app);
        since.elapsed().as_secs_f64()
    };
    median((0..200).map(frame).collect())
}

fn press(app: &mut App, code: KeyCode, modifiers: KeyModifiers) {
    if let Some(intent) = keymap::intent(KeyEvent::new(code, modifiers), app.overlay()) {
        app.update(Message::Intent(intent));
    }
}

fn random_frames() {
    let asked = |name| std::env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
    let (seed, frames) = (asked("SEED").unwrap_or_else(rand::random), asked("FRAMES").unwrap_or(FRAMES));
    println!("{frames} random frames: SEED={seed}");
    let mut chaos = Chaos { random: StdRng::seed_from_u64(seed), now: BEGIN, seq: 0 };
    let mut app = App::new(setup(Appearance::default()));
    let small = (0..=40).flat_map(|height| (0..=60).map(move |width| (width, height)));
    let mut sizes = small.collect::<Vec<(u16, u16)>>();
    for index in 0..frames {
        // Occasionally a new session with another appearance.
        if index % 5_000 == 0 {
            let look = Appearance { theme: chaos.one_of(&Theme::ALL), ascii: chaos.coin(), still: chaos.coin() };
            (app, chaos.seq) = (App::new(Options { start_mode: chaos.start_mode(), ..setup(look) }), 0);
        }
        for _ in 0..chaos.random.random_range(0..3) {
            let (code, modifiers) = chaos.key();
            press(&mut app, code, modifiers);
        }
        let message = chaos.message();
        app.update(message);
        let (width, height) = sizes.pop().unwrap_or_else(|| chaos.size());
        app.update(Message::Resized { width, height });
        let area = Rect::new(0, 0, width, height);
        let mut buffer = Buffer::empty(area);
        ui::draw_on(&mut buffer, area, &app);
        if let (Some(column), Some(row)) = (width.checked_sub(1), height.checked_sub(1)) {
            let place = (chaos.random.random_range(0..=column), chaos.random.random_range(0..=row));
            if let Some(intent) = ui::hit(area, &app, place.0, place.1) {
                app.update(Message::Intent(intent));
            }
        }
    }
}

/// Random events, generated from a seed.
struct Chaos {
    random: StdRng,
    now: u64,
    seq: u64,
}

impl Chaos {
    fn coin(&mut self) -> bool {
        self.random.random()
    }

    fn one_of<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.random.random_range(0..of.len())]
    }

    /// Mostly common terminal sizes, occasionally a very large one.
    fn size(&mut self) -> (u16, u16) {
        let (width, height) = if self.random.random_ratio(1, 10) { (300, 120) } else { (140, 50) };
        (self.random.random_range(0..=width), self.random.random_range(0..=height))
    }

    fn key(&mut self) -> (KeyCode, KeyModifiers) {
        const NAMED: [KeyCode; 14] = [
            KeyCode::Esc,
            KeyCode::Enter,
            KeyCode::Tab,
            KeyCode::BackTab,
            KeyCode::Backspace,
            KeyCode::Delete,
            KeyCode::Up,
            KeyCode::Down,
            KeyCode::Left,
            KeyCode::Right,
            KeyCode::Home,
            KeyCode::End,
            KeyCode::PageUp,
            KeyCode::PageDown,
        ];
        let code = match self.random.random_range(0..4) {
            0 => self.one_of(&NAMED),
            _ => KeyCode::Char(char::from(self.random.random_range(b' '..=b'~'))),
        };
        (code, if self.random.random_ratio(1, 8) { KeyModifiers::CONTROL } else { KeyModifiers::NONE })
    }

    /// Text of any length, including wide and control characters.
    fn text(&mut self) -> String {
        let words =
            ["", "refused", "漢字漢字", "\u{1b}[2J", "e\u{301}", "\u{202e}", "größe", "a long word without an end"];
        (0..self.random.random_range(0..6)).map(|_| self.one_of(&words)).collect::<Vec<_>>().join(" ")
    }

    /// Mostly sessions with keyboard input; also scenarios and walkthroughs.
    fn start_mode(&mut self) -> StartMode {
        let built_in = |name: &str| scenario::built_in(name).map_err(|error| error.to_string());
        match self.random.random_range(0..7) {
            0 => {
                let (name, _) = self.one_of(scenario::BUILT_IN);
                let scenario = Box::new(built_in(name).expect("a scenario that ships"));
                StartMode::Scenario { scenario, initial_stock: InitialStock::Fresh }
            }
            1 => {
                let text = include_str!("../../assets/walkthrough.md");
                let script = parse_script("walkthrough.md", text, built_in).expect("the walkthrough that ships");
                StartMode::Walkthrough(Box::new(script))
            }
            2 => StartMode::Notes,
            3 | 4 => {
                let workflow = self.coin().then(|| "order-A1".to_owned());
                StartMode::Watch(Box::new(WatchOptions { workflow, ..WatchOptions::default() }))
            }
            _ => StartMode::Dashboard,
        }
    }

    fn message(&mut self) -> Message {
        self.now += self.random.random_range(0..700);
        let at = UnixMillis(self.now);
        let number = self.random.random_range(0..40_u64);
        let (workflow, run) = (format!("order-A{number}-{number}"), format!("run-{number}"));
        match self.random.random_range(0..21) {
            0 | 1 => Message::Tick { now: at },
            2..8 => self.journal(at, number),
            8 => self.document(),
            9 => Message::Link(match self.random.random_range(0..3) {
                0 => Link::Connecting { attempt: self.random.random() },
                1 => Link::Down { cause: self.text(), attempt: self.random.random(), next_try: at },
                _ => Link::Up,
            }),
            10 => Message::Server(match self.random.random_range(0..5) {
                0 => Server::Foreign,
                1 => Server::Preparing { step: self.text() },
                2 => Server::Ended { cause: self.text() },
                3 => Server::Killed,
                _ => Server::Running { web_ui: self.text() },
            }),
            11 => Message::Worker(match self.random.random_range(0..6) {
                0 => Worker::Elsewhere,
                1 => Worker::Starting,
                2 => Worker::Stopped,
                3 => Worker::Killed,
                4 => Worker::Exited { cause: self.text().into(), restart_at: self.coin().then_some(at) },
                _ => Worker::Ready { pid: self.random.random() },
            }),
            12 => Message::Described { workflow, run, answer: self.answer(at) },
            13 => Message::Ended { workflow, run, end: self.end() },
            14 => Message::Logged { at, level: self.one_of(&[LogLevel::Error, LogLevel::Info]), text: self.text() },
            15 => Message::ResetDone(if self.coin() { Ok(Some(self.text())) } else { Err(self.text()) }),
            16 => {
                let (ticket, order, joined) = (self.random.random_range(0..30), self.text(), self.coin());
                Message::Started { ticket, order, workflow, run, joined }
            }
            17 => Message::Presented(self.coin().then(|| NotesPage {
                walkthrough: self.text(),
                position: (self.random.random_range(0..9), self.random.random_range(0..9)),
                title: self.text(),
                next: self.coin().then(|| self.text()),
                stands: self.text(),
                notes: Vec::new(),
                begun: at,
                since: at,
            })),
            18 | 19 => Message::Watch(self.watch_news(at)),
            _ => Message::Notice { text: self.text(), tone: self.one_of(&[Tone::Good, Tone::Plain, Tone::Bad]) },
        }
    }

    /// Answers about executions of any workflow, most of them about the one that is watched.
    fn watch_news(&mut self, at: UnixMillis) -> WatchNews {
        let problem = |cause: String| WatchProblem::Unanswered { cause };
        let target = Run { workflow: "order-A1".to_owned(), run: String::new() };
        let info = ExecutionInfo {
            run: Run { run: "run-1".to_owned(), ..target.clone() },
            workflow_type: self.text(),
            task_queue: self.text(),
            status: self.one_of(&[ExecutionStatus::Running, ExecutionStatus::Running, ExecutionStatus::Failed]),
            started: at,
            closed: None,
            history_length: 1,
            parent: None,
        };
        match self.random.random_range(0..4) {
            0 => {
                let query = WatchOptions::default().visibility_query();
                let executions = (0..self.random.random_range(0..40)).map(|number| ExecutionInfo {
                    run: Run { workflow: format!("order-A{number}"), run: format!("run-{number}") },
                    ..info.clone()
                });
                let answer = Ok(ListPage { at, executions: executions.collect(), more: self.coin() });
                WatchNews::Listed { query, page: 0, answer }
            }
            1 => {
                let events = vec![HistoryEvent { id: self.random.random_range(1..500), at, kind: self.event() }];
                let answer =
                    if self.coin() { Ok(HistoryPage { events, more: false }) } else { Err(problem(self.text())) };
                WatchNews::History { run: info.run, answer }
            }
            _ => {
                let pending = self.answer(at).map(|description| description.pending).unwrap_or_default();
                let activities =
                    pending.into_iter().map(|pending| ReportedActivity { pending, details: PendingDetails::default() });
                let task = PendingTask { attempt: self.random.random_range(1..9), scheduled: Some(at), started: None };
                let task = self.coin().then_some(task);
                let report = ExecutionReport { at, info, activities: activities.collect(), nexus: Vec::new(), task };
                WatchNews::Described { run: target, answer: Ok(Box::new(report)) }
            }
        }
    }

    fn event(&mut self) -> EventKind {
        let number = self.random.random_range(1..40);
        let end = match self.random.random_range(0..3) {
            0 => ItemEnd::Completed { result: Vec::new() },
            1 => ItemEnd::Terminated { reason: self.text() },
            _ => ItemEnd::Cancelled,
        };
        match self.random.random_range(0..6) {
            0 => {
                let (id, options) = (self.text(), ActivityOptions::default());
                EventKind::ActivityScheduled { id, activity: self.text().into(), options, input: Vec::new() }
            }
            1 => EventKind::ActivityEnded { scheduled: number, end },
            2 => EventKind::TimerStarted { id: self.text(), duration: Duration::from_secs(self.random.random()) },
            3 => EventKind::ChildInitiated { workflow: self.text(), workflow_type: self.text() },
            4 => EventKind::ChildEnded { initiated: number, end },
            _ => EventKind::Signaled { name: self.text(), input: Vec::new(), from: self.text() },
        }
    }

    fn journal(&mut self, at: UnixMillis, number: u64) -> Message {
        // Lines may be missing or repeated, and the journal may be replaced.
        let step = self.one_of(&[1, 1, 1, 1, 1, 0, 2]);
        let restarted = self.random.random_ratio(1, 300);
        self.seq = if restarted { 1 } else { self.seq + step };
        let activity = self.one_of(&Activity::ALL);
        let attempt = self.one_of(&[1, 1, 2, 2, 3, 4, 9, 120]);
        let origin = origin(&format!("A{number}"), number, activity, attempt);
        let fact = if self.random.random_ratio(1, 4) {
            let receipt = Receipt { delta: self.random.random_range(-1_000..1_000), stock: self.random.random() };
            let key = match activity {
                Activity::UpdateInventory => IdempotencyKey::order(&origin.order),
                Activity::SupplierOrder => IdempotencyKey::supplier(&origin.order),
            };
            let guard = self.one_of(&[Guard::Ledger, Guard::LastOrder, Guard::Off]);
            Fact::Order(Commit {
                key,
                payload: Payload::from("1 x 123456".to_owned()),
                receipt,
                shipment: None,
                intent: None,
                relay: None,
                guard,
                origin,
            })
        } else {
            Fact::Attempt(AttemptEvent { origin, phase: self.phase() })
        };
        Message::Journal(News { restarted, records: vec![Record { seq: self.seq, at, fact }], ..News::default() })
    }

    fn phase(&mut self) -> Phase {
        let point = self.one_of(&[Point::BeforeCommit, Point::AfterCommit]);
        match self.random.random_range(0..4) {
            0 => Phase::Started,
            1 => Phase::Fault {
                point,
                action: self.one_of(&[
                    Action::Crash,
                    Action::Hang,
                    Action::Delay { duration: Duration::from_secs(70) },
                ]),
            },
            2 => Phase::Completed {
                outcome: self.one_of(&[CommitOutcome::Applied, CommitOutcome::Replayed, CommitOutcome::Skipped]),
            },
            _ => {
                let (code, message) = (self.text(), self.text());
                Phase::Failed { code, message, retryable: self.coin(), point: self.coin().then_some(point) }
            }
        }
    }

    fn document(&mut self) -> Message {
        if self.random.random_ratio(1, 5) {
            return Message::DocumentUnreadable { cause: self.text() };
        }
        let product = ProductId::new("123456").unwrap();
        let (last_order, stock) = (self.text(), self.random.random());
        Message::Document { document: Document { last_order, product, stock, retries: None, seq: Some(self.seq) } }
    }

    fn answer(&mut self, at: UnixMillis) -> Result<Description, String> {
        if self.coin() {
            return Err(self.text());
        }
        let failure =
            FailureReport { code: self.text(), message: self.text(), retryable: self.coin(), causes: Vec::new() };
        let pending = PendingActivity {
            activity: self.one_of(&Activity::ALL).into(),
            id: self.text(),
            attempt: self.random.random_range(0..200),
            maximum: self.one_of(&[0, 1, u32::MAX]),
            state: self.one_of(&[PendingState::Scheduled, PendingState::Started, PendingState::Paused]),
            started: self.coin().then_some(at),
            completed: self.coin().then_some(at),
            next: self.coin().then_some(UnixMillis(self.now + self.random.random_range(0..90_000))),
            interval: self.coin().then_some(Duration::from_secs(2)),
            failure: self.coin().then_some(failure),
            worker: self.text(),
        };
        Ok(Description { at, open: self.coin(), pending: vec![pending], failing: None, others: Vec::new() })
    }

    fn end(&mut self) -> RunEnd {
        match self.random.random_range(0..5) {
            0 => RunEnd::Completed { result: self.text().into() },
            1 => RunEnd::Rejected { code: self.text(), message: self.text() },
            2 => RunEnd::Cancelled,
            3 => RunEnd::TimedOut,
            _ => RunEnd::Failed { message: self.text() },
        }
    }
}
