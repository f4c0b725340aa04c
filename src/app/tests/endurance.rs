//! A long session: the memory of the core is bounded.

use std::{
    fmt::{self, Write as _},
    time::Duration,
};

use crate::{
    app::{
        orders::MAX_KEPT_ORDERS,
        testing::fixture::{SUPPLIER, Scene, UPDATE},
        *,
    },
    domain::{FailureReport, OrderOutcome, PendingActivity, PendingState, Run, UnixMillis},
    faults::Point,
    store::CommitOutcome,
};

/// Counts what is written.
struct Count(usize);

impl fmt::Write for Count {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0 += text.len();
        Ok(())
    }
}

/// How much the core keeps: the length of everything in it, written out. The same at every run, and no part of the
/// state can be forgotten in it.
fn kept(app: &App) -> usize {
    let mut count = Count(0);
    write!(count, "{app:?}").unwrap();
    count.0
}

/// An order with retries, and what goes on around it. Its ids are known, so that the ledger's keys are: those have to be
/// kept, one per distinct order.
fn order(scene: &mut Scene, number: usize) {
    const IDS: [&str; 5] = ["A12", "B3", "C4", "D5", "E6"];
    scene.order = IDS[number % IDS.len()];
    let commands = scene.press(Intent::FreshOrder);
    scene.begin(&commands[0], &format!("run-{number:09}"));
    scene.started(UPDATE, 1);
    scene.failed(UPDATE, 1, Point::BeforeCommit);
    scene.started(UPDATE, 2);
    scene.commit(UPDATE, 2, -1);
    scene.failed(UPDATE, 2, Point::AfterCommit);
    scene.started(UPDATE, 3);
    scene.done(UPDATE, 3, CommitOutcome::Replayed);
    scene.started(SUPPLIER, 1);
    scene.commit(SUPPLIER, 1, 1);
    scene.done(SUPPLIER, 1, CommitOutcome::Applied);
    scene.ended(OrderOutcome::Applied);
    scene.wait(30);
    around(scene, number);
    // The journal of the scene is not what is measured.
    scene.stock = 1_000;
}

/// Ticks, a link that flaps, a worker that dies, log lines, answers of the server.
fn around(scene: &mut Scene, number: usize) {
    let run = Run { workflow: scene.workflow.clone(), run: scene.run.clone() };
    let failure = FailureReport {
        code: "RandomError".into(),
        message: "RANDOM ERROR".into(),
        retryable: true,
        causes: Vec::new(),
    };
    let pending = PendingActivity {
        activity: UPDATE.into(),
        id: "1".into(),
        state: PendingState::Scheduled,
        attempt: 3,
        maximum: 0,
        started: Some(UnixMillis(scene.now)),
        completed: Some(UnixMillis(scene.now)),
        next: Some(UnixMillis(scene.now + 2_000)),
        interval: Some(Duration::from_secs(2)),
        failure: Some(failure),
        worker: "worker".into(),
    };
    let at = UnixMillis(scene.now);
    let answer = Ok(Description { at, open: true, pending: vec![pending], failing: None, others: Vec::new() });
    scene.tell(Message::Described { workflow: run.workflow, run: run.run, answer });
    scene.tell(Message::Logged { at, level: LogLevel::Warn, text: "the server does not answer; asking again".into() });
    match number % 4 {
        0 => {
            let cause = "connection refused".to_owned();
            scene.tell(Message::Link(Link::Down { cause, attempt: 1, next_try: at }));
            scene.tell(Message::Link(Link::Up));
        }
        1 => {
            scene.tell(Message::Worker(Worker::Exited { cause: ProcessExit::Aborted, restart_at: Some(at) }));
            scene.tell(Message::Worker(Worker::Ready { pid: 4242 }));
        }
        2 => {
            scene.tell(Message::Notice { text: "a notice".into(), tone: Tone::Plain });
        }
        _ => {
            scene.press(Intent::Select(Move::Down));
            scene.press(Intent::Select(Move::First));
        }
    }
}

#[test]
fn the_memory_of_a_long_session_is_bounded() {
    let mut scene = Scene::new();
    // As many orders as are kept, so that from here on each new one is the end of an old one. Some 16 messages each.
    let full = MAX_KEPT_ORDERS + 100;
    (0..full).for_each(|number| order(&mut scene, number));
    let at_first = kept(&scene.app);
    (full..full + 4_000).for_each(|number| order(&mut scene, number));
    let in_the_end = kept(&scene.app);
    assert_eq!(scene.app.orders().len(), MAX_KEPT_ORDERS);
    assert!(at_first > MAX_KEPT_ORDERS * 100, "{at_first}");
    // Numbers grow by a digit here and there.
    assert!(in_the_end <= at_first + at_first / 100, "{at_first} became {in_the_end}");
}
