//! The dashboard: the real binary in a pseudo-terminal, and the whole app on an in-memory screen.

use std::{
    net::TcpListener,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};
use futures::StreamExt;
use idempotence::{
    app::{App, Appearance, Command, Message, Options, RetryWaits, Security, StartMode},
    config::{Flags, Settings},
    domain::{Activity, Guard},
    faults::Preset,
    runtime::{event_loop, executor::Executor, worker_child::WorkerCommand},
    store::{Fact, Location, Phase},
    ui,
};
use ratatui::{Terminal, backend::TestBackend};
use rustix::process::Signal;
use tokio::sync::mpsc;

use crate::{
    sandbox::{DEMO_ORDER, PROGRAM, Sandbox, address, free_port, offline},
    screen::{RESTORED, Screen, assert_restored, send},
};

#[test]
fn the_seed_scenario_from_the_keyboard_ends_at_1001_on_the_screen() {
    if offline() {
        return;
    }
    let sandbox = Sandbox::new();
    // The demo order has one workflow id on a server, so this test uses its own server.
    let mut screen = Screen::open(&sandbox, &format!("127.0.0.1:{}", free_port()), 80, 24);
    screen.wait_for("worker ● ready");
    screen.press("s");
    let text = screen.wait_for("each effect applied once");
    let has = |words: &str| text.contains(words);
    assert!(has("RIGHT") && has("expected 1001 = actual 1001") && has("last order: A12"), "{text}");
    // The screen shows the journal before the document is in place. After an acknowledgement, both are complete.
    let text = screen.wait_for("completed");
    assert!(text.contains("✓ applied once"), "{text}");
    sandbox.assert_right(1001);
    screen.press("q");
    let (status, bytes) = screen.end();
    assert!(status.success());
    assert_restored(&bytes);
    let summary = bytes.rsplit(RESTORED[1]).next().unwrap();
    assert!(summary.contains("1001"), "a summary remains after the end: {summary:?}");
}

#[test]
fn the_dashboards_own_server_and_worker_end_with_it() {
    if offline() {
        return;
    }
    let sandbox = Sandbox::new();
    let address = format!("127.0.0.1:{}", free_port());
    let mut screen = Screen::open(&sandbox, &address, 120, 40);
    screen.wait_for("worker ● ready");
    screen.press("fffo");
    screen.wait_for("expected 999 = actual 999");
    send(Signal::KILL, screen.pid());
    let (_, _) = screen.end();
    let since = Instant::now();
    while std::net::TcpStream::connect(&address).is_ok() {
        assert!(since.elapsed() < crate::sandbox::EVENT_TIMEOUT, "the server outlives the dashboard");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_killed_worker_is_shown_and_a_new_one_finishes_the_order() {
    if offline() {
        return;
    }
    let sandbox = Sandbox::new();
    let mut screen = Screen::open(&sandbox, address(), 120, 40);
    screen.wait_for("worker ● ready");
    screen.press("fff");
    screen.wait_for("faults none");
    screen.press("x");
    screen.wait_for("killed");
    screen.press("o");
    screen.wait_for("orders 1");
    screen.press("w");
    screen.wait_for("expected 999 = actual 999");
    screen.press("q");
    assert!(screen.end().0.success());
}

#[test]
fn a_planned_crash_is_shown_and_the_order_completes() {
    if offline() {
        return;
    }
    let sandbox = Sandbox::new();
    let mut screen = Screen::open(&sandbox, address(), 120, 40);
    screen.wait_for("worker ● ready");
    screen.press("ff");
    screen.wait_for("crash-after-commit");
    screen.press("o");
    screen.wait_for("worker died after commit");
    let text = screen.wait_until("the replay", |text| text.contains("†↺"));
    assert!(text.contains("expected 999 = actual 999"), "{text}");
    screen.press("q");
    assert!(screen.end().0.success());
}

#[test]
fn without_the_guard_the_wrong_stock_is_reported() {
    if offline() {
        return;
    }
    let sandbox = Sandbox::new();
    // The demo order has one workflow id on a server, so this test uses its own server.
    let mut screen = Screen::open(&sandbox, &format!("127.0.0.1:{}", free_port()), 80, 24);
    screen.wait_for("worker ● ready");
    screen.press("fii");
    screen.wait_for("GUARD OFF");
    screen.press("s");
    let text = screen.wait_for("expected 1001 ≠ actual 2");
    assert!(text.contains("WRONG") && text.contains("APPLIED TWICE"), "{text}");
    screen.press("q");
    assert!(screen.end().0.success());
}

#[test]
fn without_a_server_the_dashboard_says_why_and_reconnects() {
    if offline() {
        return;
    }
    let sandbox = Sandbox::new();
    // A listener that is not a Temporal server occupies the port.
    let port = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = port.local_addr().unwrap().to_string();
    let mut screen = Screen::open(&sandbox, &address, 120, 40);
    let text = screen.wait_for("is not a Temporal server");
    assert!(text.contains(&address), "{text}");
    screen.press("?");
    screen.wait_for("a replay from the ledger");
    screen.press("?");
    drop(port);
    screen.wait_for("worker ● ready");
    screen.press("q");
    assert!(screen.end().0.success());
}

pub fn settings(sandbox: &Sandbox) -> Settings {
    let flags = Flags {
        address: Some(address().to_owned()),
        task_queue: Some(sandbox.queue.clone()),
        database: Some(sandbox.database.clone()),
        ..Flags::default()
    };
    let environment = std::env::vars_os().filter(|(name, _)| name == "HOME");
    // The user's own settings file must not affect the test.
    let place = ("XDG_CONFIG_HOME".into(), sandbox.folder.path().into());
    Settings::load(&flags, environment.chain([place]), "none.env".as_ref(), sandbox.folder.path()).unwrap()
}

pub fn setup(sandbox: &Sandbox) -> Options {
    Options {
        server: address().to_owned(),
        namespace: "default".to_owned(),
        task_queue: sandbox.queue.clone(),
        host: idempotence::runtime::backend::host(),
        database: sandbox.database.display().to_string(),
        log: String::new(),
        session: "T".to_owned(),
        seed: 7,
        preset: Preset::AfterCommitOnce,
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

/// Conditions for the end of an order: its supplier activity has completed, the document is current, and the server
/// reports that the workflow has ended.
#[derive(Default)]
struct Done {
    journal: bool,
    document: bool,
    workflow: bool,
}

impl Done {
    fn observe(&mut self, message: &Message) -> bool {
        match message {
            Message::Journal(news) => {
                self.journal |= news.records.iter().any(|record| {
                    matches!(&record.fact, Fact::Attempt(event)
                        if event.origin.activity == Activity::SupplierOrder
                            && matches!(event.phase, Phase::Completed { .. }))
                });
            }
            Message::Document { document } => self.document |= document.stock == 1001,
            Message::Ended { .. } => self.workflow = true,
            _ => {}
        }
        self.journal && self.document && self.workflow
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_whole_app_runs_without_a_terminal() {
    if offline() {
        return;
    }
    let _alone = DEMO_ORDER.lock().await;
    let sandbox = Sandbox::new();
    let worker = WorkerCommand {
        program: PathBuf::from(PROGRAM),
        address: address().to_owned(),
        namespace: "default".to_owned(),
        task_queue: sandbox.queue.clone(),
        connection_flags: Vec::new(),
        database: Location::File(sandbox.database.clone()),
        log: Some(sandbox.folder.path().join("worker.log")),
    };
    let (sender, mut reports) = mpsc::channel(64);
    let (relay, mut messages) = mpsc::channel(64);
    let (keys, pressed) = futures::channel::mpsc::unbounded();
    let press = move |key| keys.unbounded_send(Ok(Event::Key(KeyEvent::new(KeyCode::Char(key), KeyModifiers::NONE))));
    // Reads the messages for the core: places the order once the worker is ready, and quits once everything is done.
    tokio::spawn(async move {
        let mut done = Done::default();
        while let Some(message) = reports.recv().await {
            let ready = matches!(message, Message::Worker(idempotence::app::Worker::Ready { .. }));
            let finished = done.observe(&message);
            relay.send(message).await.unwrap();
            if ready {
                press('s').unwrap();
            }
            if finished {
                press('q').unwrap();
                return;
            }
        }
    });
    let executor = Executor::start(Arc::new(settings(&sandbox)), worker, true, sender);
    let commands = Mutex::new(Vec::new());
    let execute = |command| {
        // The number of requested descriptions of open orders is not predictable.
        if !matches!(command, Command::Describe(_)) {
            commands.lock().unwrap().push(format!("{command:?}"));
        }
        executor.execute(command)
    };
    let mut terminal = Terminal::new(TestBackend::new(120, 40)).unwrap();
    let (mut pressed, mut outside) = (pressed.map(|event| event.map(Into::into)).boxed(), futures::stream::pending());
    let app =
        event_loop::run(&mut terminal, App::new(setup(&sandbox)), &mut pressed, &mut messages, execute, &mut outside);
    let (app, _) = tokio::time::timeout(crate::sandbox::EVENT_TIMEOUT, app).await.expect("it ends in time").unwrap();
    terminal.draw(|frame| ui::draw(frame, &app)).unwrap();
    let screen = terminal.backend().to_string();
    for expected in ["expected 1001 = actual 1001", "RIGHT", "!↺", "applied once", "failed after commit"] {
        assert!(screen.contains(expected), "{expected} is missing:\n{screen}");
    }
    assert_eq!(commands.lock().unwrap().len(), 2, "one order and the end");
    sandbox.assert_right(1001);
}
