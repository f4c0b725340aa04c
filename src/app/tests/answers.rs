//! The server's answers, alone and with the journal.

use crate::{
    app::{
        orders::poll_schedule::PollSchedule,
        testing::fixture::{self, SUPPLIER, Scene, UPDATE, foreign, running, waiting},
        *,
    },
    domain::{FailureReport, Guard, PendingActivity, PendingState, RunEnd, RunResult, UnixMillis},
    store::{CommitOutcome, News},
};

/// How an order fares whose worker is another program's, from the server's answers alone.
#[test]
fn an_order_without_a_journal_line_shows_its_attempts_all_the_same() {
    let mut scene = Scene::elsewhere();
    let order = scene.app.selected().unwrap();
    let states: Vec<_> = order.attempts(UPDATE).map(|seen| seen.state).collect();
    assert!(matches!(states[..], [AttemptState::NoAnswer, AttemptState::Failed(_)]), "{states:?}");
    let due = UnixMillis(fixture::T0 + 4_500);
    assert_eq!(scene.app.stage(order), Stage::BackingOff { activity: order.activity(UPDATE).key(), next: 3, due });
    assert_eq!(order.next_attempt(&RetryWaits::default()), Some(NextAttempt { number: 3, due, known: true }));
    assert_eq!((order.verdict(), order.last_trouble().unwrap().1.number), (OrderVerdict::Pending, 2));
    let words = explain(order, scene.app.stage(order));
    assert_eq!((words.kind, words.head), (Kind::Indefinite, "OUTCOME UNKNOWN"));
    assert!(words.text.contains("RANDOM ERROR. Whether its change was written is unknown here"), "{}", words.text);

    scene.wait(3_250);
    scene.described(vec![running(3, fixture::T0 + 4_600)]);
    let order = scene.app.selected().unwrap();
    assert!(matches!(scene.app.stage(order), Stage::Running { attempt: 3, .. }));
    scene.wait(250);
    scene.described(vec![PendingActivity {
        activity: SUPPLIER.into(),
        state: PendingState::Scheduled,
        ..running(1, 0)
    }]);
    let order = scene.app.selected().unwrap();
    assert_eq!((scene.app.stage(order), order.current()), (Stage::Between, SUPPLIER));
    assert_eq!(order.attempts(UPDATE).next_back().unwrap().state, AttemptState::Done);
    scene.ended(RunResult::None);
    let order = scene.app.selected().unwrap();
    assert_eq!((scene.app.stage(order), order.verdict()), (Stage::Completed, OrderVerdict::Completed));
    assert!(order.pending(SUPPLIER).is_none());
    assert!(explain(order, Stage::Completed).text.contains("effect on the stock is unknown"));
    assert_eq!((scene.app.orders().attempts(), scene.app.orders().retries(UPDATE)), (3, 0));
}

#[test]
fn an_order_that_failed_elsewhere_has_no_known_effect() {
    let mut scene = Scene::elsewhere();
    let (workflow, run) = (scene.workflow.clone(), scene.run.clone());
    scene.tell(Message::Ended { workflow, run, end: RunEnd::Failed { message: "no more attempts".into() } });
    let order = scene.app.selected().unwrap();
    assert_eq!(order.verdict(), OrderVerdict::Unknown);
    let words = explain(order, scene.app.stage(order));
    assert_eq!(words.text, "no more attempts. The journal does not show whether its change is in the stock.");
}

#[test]
fn an_answer_that_is_older_than_the_journal_or_another_answer_is_not_shown() {
    let mut scene = Scene::mid_retry();
    let now = scene.now;
    scene.described(vec![waiting(3, now - 300, now + 1_700)]);
    let due = |scene: &Scene| {
        scene.app.selected().unwrap().next_attempt(&RetryWaits::default()).map(|next| (next.due.0, next.known))
    };
    assert_eq!(due(&scene), Some((now + 1_700, true)));
    let old = scene.answer(vec![waiting(3, now - 300, now + 1_700)]);
    scene.wait(1_800);
    scene.started(UPDATE, 3);
    assert_eq!(due(&scene), None);
    let newest = scene.answer(vec![running(3, scene.now)]);
    for message in [newest, old] {
        scene.tell(message);
        assert!(matches!(scene.app.stage(scene.app.selected().unwrap()), Stage::Running { attempt: 3, .. }));
    }
    scene.wait(10);
    scene.described(vec![]);
    assert!(scene.app.selected().unwrap().pending(UPDATE).is_none());
}

#[test]
fn a_reset_restarts_at_1_and_keeps_earlier_attempts() {
    let mut scene = Scene::mid_retry();
    let now = scene.now;
    scene.described(vec![waiting(3, now - 300, now + 1_700)]);
    scene.wait(250);
    scene.described(vec![PendingActivity {
        attempt: 1,
        next: None,
        interval: None,
        ..waiting(3, now - 300, now + 1_700)
    }]);
    let order = scene.app.selected().unwrap();
    assert_eq!(
        scene.app.stage(order),
        Stage::BackingOff { activity: order.activity(UPDATE).key(), next: 1, due: UnixMillis(now - 300) }
    );
    scene.started(UPDATE, 1);
    scene.done(UPDATE, 1, CommitOutcome::Replayed);
    let order = scene.app.selected().unwrap();
    let names: Vec<_> = order.attempts(UPDATE).map(|seen| seen.id().to_string()).collect();
    assert_eq!(names, ["#1", "#2", "#1'"]);
    assert_eq!((scene.app.orders().attempts(), scene.app.orders().retries(UPDATE)), (3, 2));
    assert_eq!(order.verdict(), OrderVerdict::AppliedOnce);
    let (commit, acknowledged) = order.crash_window(UPDATE).unwrap();
    assert!(acknowledged.unwrap() > commit);
}

#[test]
fn the_crash_window_is_open_until_another_attempt_reports_to_temporal() {
    let scene = Scene::mid_retry();
    let window = |scene: &Scene, activity| scene.app.selected().unwrap().crash_window(activity);
    let (commit, told) = window(&scene, UPDATE).unwrap();
    assert_eq!(told, None);
    let right = Scene::right();
    let told = right.app.selected().unwrap().attempts(UPDATE).next_back().unwrap().facts.unwrap().ended();
    assert_eq!((window(&right, UPDATE), window(&right, SUPPLIER)), (Some((commit, told)), None));
    let mut running = Scene::new();
    running.started(UPDATE, 1);
    assert_eq!(window(&running, UPDATE), None);
    running.commit(UPDATE, 1, -999);
    assert!(matches!(window(&running, UPDATE), Some((_, None))));
    running.done(UPDATE, 1, CommitOutcome::Applied);
    assert_eq!(window(&running, UPDATE), None);
}

#[test]
fn a_success_after_the_timeout_was_not_accepted() {
    let mut scene = Scene::new();
    scene.started(SUPPLIER, 1);
    scene.commit(SUPPLIER, 1, 1000);
    scene.wait(11_500);
    let mut late = PendingActivity { activity: SUPPLIER.into(), ..waiting(2, scene.now - 1_500, scene.now + 500) };
    late.failure = Some(FailureReport {
        code: Failure::TIMEOUT.into(),
        message: "StartToClose".into(),
        retryable: true,
        causes: Vec::new(),
    });
    scene.described(vec![late]);
    scene.done(SUPPLIER, 1, CommitOutcome::Applied);
    let order = scene.app.selected().unwrap();
    assert!(matches!(scene.app.stage(order), Stage::BackingOff { next: 2, .. }), "{:?}", scene.app.stage(order));
    assert_eq!(scene.app.orders().open(), 1);
    assert!(matches!(order.crash_window(SUPPLIER), Some((_, None))));
}

#[test]
fn the_last_attempt_that_the_server_allows_is_followed_by_none() {
    let mut scene = Scene::mid_retry();
    scene.described(vec![PendingActivity { maximum: 2, ..running(2, scene.now - 200) }]);
    let order = scene.app.selected().unwrap();
    assert_eq!((order.activity(UPDATE).maximum(), order.activity(SUPPLIER).maximum()), (Some(2), None));
    assert_eq!(order.next_attempt(&RetryWaits::default()), None);
    assert!(matches!(scene.app.stage(order), Stage::Failed("RANDOM ERROR")));
}

#[test]
fn after_a_restart_the_journal_gives_the_rows_and_open_orders_are_polled() {
    let mut before = Scene::mid_retry();
    (before.order, before.workflow, before.run) = ("K7-1", "order-K7-1".into(), "r2".into());
    before.started(UPDATE, 1);
    let mut app = App::new(fixture::setup());
    app.update(Message::Journal(News { restarted: true, records: before.records.clone(), ..News::default() }));
    let rows: Vec<_> = app.orders().newest_first(0).map(|(_, order)| order.order.as_str()).collect();
    assert_eq!(rows, ["K7-1", "A12"]);
    let first = app.orders().get(app.orders().at(1).unwrap()).unwrap();
    let terms = first.details().unwrap();
    assert_eq!((terms.quantity, terms.guard, first.begun()), (999, Guard::Ledger, before.records[1].at));
    let due = PollSchedule::default().due(UnixMillis(before.now), app.orders(), None);
    assert_eq!(due.iter().map(|run| run.workflow.as_str()).collect::<Vec<_>>(), ["order-K7-1", "order-A12"]);
    app.update(Message::Ended { workflow: "order-A12".into(), run: "0198f1a2-6b1f-7c3e".into(), end: RunEnd::Unknown });
    let first = app.orders().get(app.orders().at(1).unwrap()).unwrap();
    assert_eq!((app.stage(first), app.orders().open()), (Stage::Unknown, 1));
    assert!(explain(first, Stage::Unknown).text.ends_with("Its change is in the stock, once."));
}

#[test]
fn a_new_journal_keeps_server_reports() {
    let mut scene = Scene::elsewhere();
    let first = scene.records[0].clone();
    scene.tell(Message::Journal(News { restarted: true, records: vec![first], ..News::default() }));
    assert_eq!((scene.app.orders().attempts(), scene.app.orders().len()), (2, 1));
    let order = scene.app.selected().unwrap();
    assert!(matches!(scene.app.stage(order), Stage::BackingOff { next: 3, .. }));
}

#[test]
fn a_pause_is_not_a_reset_and_has_no_countdown() {
    let mut scene = Scene::elsewhere();
    let now = scene.now;
    scene.wait(100);
    scene.described(vec![PendingActivity {
        state: PendingState::Paused,
        next: None,
        ..waiting(3, now - 100, now + 3_000)
    }]);
    let order = scene.app.selected().unwrap();
    assert_eq!(scene.app.stage(order), Stage::Paused { activity: order.activity(UPDATE).key(), next: 3 });
    assert_eq!((order.next_attempt(&RetryWaits::default()), order.activity(UPDATE).resets()), (None, 0));
    assert_eq!(explain(order, scene.app.stage(order)).head, "PAUSED");
    for state in [PendingState::Started, PendingState::Paused, PendingState::CancelRequested] {
        scene.wait(100);
        scene.described(vec![PendingActivity {
            state,
            completed: Some(UnixMillis(now - 100)),
            ..running(3, now + 150)
        }]);
        let order = scene.app.selected().unwrap();
        assert!(matches!(scene.app.stage(order), Stage::Running { attempt: 3, .. }), "{state:?}");
        assert_eq!(order.activity(UPDATE).resets(), 0, "{state:?}");
    }
}

#[test]
fn a_reset_while_an_attempt_runs_counts_from_when_that_one_ends() {
    let mut scene = Scene::new();
    scene.started(UPDATE, 1);
    scene.started(UPDATE, 2);
    let began = scene.now - 4;
    scene.described(vec![running(2, began)]);
    scene.wait(250);
    scene.failed(UPDATE, 2, crate::faults::Point::BeforeCommit);
    let ended = scene.now - 4;
    scene.described(vec![PendingActivity { attempt: 1, ..waiting(2, ended, ended + 1_000) }]);
    let order = scene.app.selected().unwrap();
    let next = order.next_attempt(&RetryWaits::default()).unwrap();
    assert_eq!((next.number, next.due, next.known), (1, UnixMillis(ended + 1_000), true));
    scene.wait(1_000);
    scene.started(UPDATE, 1);
    scene.described(vec![running(1, scene.now - 6)]);
    let order = scene.app.selected().unwrap();
    let names: Vec<_> = order.attempts(UPDATE).map(|seen| seen.id().to_string()).collect();
    assert_eq!(names, ["#1", "#2", "#1'"]);
    assert!(matches!(scene.app.stage(order), Stage::Running { attempt: 1, .. }));
}

#[test]
fn a_workflow_task_that_fails_is_shown_until_it_no_longer_does() {
    let mut scene = Scene::elsewhere();
    let failing = |scene: &Scene, explanation: &str| {
        let failing = FailingTask { attempt: 2, explanation: explanation.to_owned() };
        let Message::Described { workflow, run, answer: Ok(description) } = scene.answer(Vec::new()) else { panic!() };
        Message::Described { workflow, run, answer: Ok(Description { failing: Some(failing), ..description }) }
    };
    scene.wait(250);
    scene.tell(failing(&scene, "worker w@1\u{202e} has no key"));
    let order = scene.app.selected().unwrap();
    let stage = scene.app.stage(order);
    assert_eq!(stage_word(stage), "stuck");
    let words = explain(order, stage);
    assert_eq!(words.head, "WORKFLOW TASK FAILS");
    assert!(words.text.contains("worker w@1\\u{202e} has no key"), "{}", words.text);
    let text = trouble(&scene.app).unwrap().text;
    assert!(text.contains(&order.order) && text.contains("cannot continue") && text.contains("has no key"), "{text}");

    let late = failing(&scene, "an answer that comes late");
    scene.wait(250);
    scene.described(vec![running(3, fixture::T0 + 4_600)]);
    scene.tell(late);
    assert!(matches!(scene.app.stage(scene.app.selected().unwrap()), Stage::Running { .. }));
    assert_eq!(trouble(&scene.app), None);

    scene.wait(250);
    scene.tell(failing(&scene, "again"));
    assert!(trouble(&scene.app).is_some());
    scene.ended(RunResult::None);
    assert_eq!((trouble(&scene.app), scene.app.orders().failing().is_none()), (None, true), "it is over");
}

#[test]
fn activities_of_another_program_are_named_and_nothing_else_is_claimed() {
    let mut scene = Scene::new();
    let commands = scene.press(Intent::SeedOrder);
    scene.begin(&commands[0], "r1");
    scene.started(UPDATE, 1);
    scene.commit(UPDATE, 1, -999);
    scene.done(UPDATE, 1, CommitOutcome::Applied);
    let declined =
        FailureReport { code: String::new(), message: "declined".into(), retryable: true, causes: Vec::new() };
    let charge = PendingActivity { failure: Some(declined), ..foreign("charge_card", "5", running(3, scene.now)) };
    let mail = foreign("send_mail", "6", running(1, scene.now));
    scene.wait(15_000);
    scene.described(vec![charge, mail]);
    let order = scene.app.selected().unwrap();
    let stage = scene.app.stage(order);
    let text = explain(order, stage).text;
    assert!(text.contains("charge_card and 1 more are pending, attempt 3") && text.contains("declined"), "{text}");
    let waits = history(order, order.order_activities(), &RetryWaits::default(), scene.app.shown_now());
    assert!(
        waits
            .iter()
            .flat_map(|history| &history.segments)
            .all(|part| !matches!(part.kind, SegmentKind::Queue { open: true }))
    );
    assert_eq!(scene.press(Intent::RetryNow), []);
    // Once it was another program's workflow, it stays that.
    scene.wait(250);
    scene.described(Vec::new());
    let order = scene.app.selected().unwrap();
    assert_eq!(scene.app.stage(order), Stage::Elsewhere { first: None, count: 0 });
    let text = explain(order, scene.app.stage(order)).text;
    assert!(text.contains("unknown here") && !text.contains("supplier"), "{text}");
}

#[test]
fn an_activity_of_another_program_in_an_old_recording_is_named_too() {
    let mut scene = Scene::new();
    let commands = scene.press(Intent::SeedOrder);
    scene.begin(&commands[0], "r1");
    let (workflow, run) = (&scene.workflow, &scene.run);
    let line = format!(
        r#"{{"described":{{"workflow":"{workflow}","run":"{run}","answer":{{"Ok":{{"at":{},"open":true,"pending":[],
        "others":[{{"name":"charge_card","attempt":3,"failure":"declined"}}]}}}}}}}}"#,
        scene.now
    );
    scene.tell(serde_json::from_str(&line).unwrap());
    let order = scene.app.selected().unwrap();
    let text = explain(order, scene.app.stage(order)).text;
    assert!(text.contains("charge_card is pending, attempt 3") && text.contains("declined"), "{text}");
}
