//! Tests of the core as a whole: scenes, and facts in any order of arrival.

mod answers;
mod any_workflow;
mod endurance;
mod links;
mod outbox;
mod preparation;
mod reading;
mod scenario_runs;
mod verdicts;
mod watch_events;
mod watch_facts;
mod watch_idle;
mod watch_links;
mod watch_operations;
mod watch_requests;
mod workers;

use std::fmt::Write as _;

use proptest::prelude::*;

use crate::{
    domain::{FailureReport, Guard, OrderOutcome, PendingActivity, RunEnd, UnixMillis},
    faults::Point,
    store::{CommitOutcome, News},
};

use super::{
    testing::fixture::{self, SUPPLIER, Scene, UPDATE, foreign, running, waiting},
    *,
};

/// Everything that is derived, as text.
fn picture(app: &App) -> String {
    let mut text = String::new();
    for (slot, execution) in app.orders().newest_first(0) {
        writeln!(text, "{} {:?}", execution.workflow, execution.run).unwrap();
        writeln!(text, "{:?} {:?}", app.stage(execution), execution.verdict()).unwrap();
        for activity in execution.activities() {
            writeln!(text, "  {:?}", activity.key()).unwrap();
            for seen in execution.attempts_of(activity) {
                let times = seen.facts.map(|facts| (facts.begun(), facts.ended()));
                writeln!(text, "  {} {:?} {times:?}", seen.id(), seen.state).unwrap();
            }
            let next = execution.next_attempt_of(activity, None);
            let window = execution.role(activity).map(|role| execution.crash_window(role));
            writeln!(text, "  {:?} {next:?} {window:?}", execution.pending_of(activity)).unwrap();
        }
        writeln!(
            text,
            "{:?} {:?}",
            execution.next_attempt(&app.options().retry),
            explain(execution, app.stage(execution))
        )
        .unwrap();
        assert!(app.orders().position(slot).is_some());
    }
    writeln!(text, "{} open, {} attempts", app.orders().open(), app.orders().attempts()).unwrap();
    writeln!(text, "{:?} {:?}", app.stock_verdict(), app.journal().effects).unwrap();
    text
}

/// Two orders, one with a crash and a lost attempt, and one that is sent again and reset; all facts as messages, with
/// the server's answers in between.
fn story() -> (Vec<Message>, Vec<Message>) {
    let mut scene = Scene::new();
    let mut facts = Vec::new();
    let mut intents = Vec::new();
    for (order, workflow, run) in
        [("A12", "order-A12", "r1"), ("K7-1", "order-K7-1", "r2"), ("K7-1", "order-K7-1-again-1-K7", "r3")]
    {
        (scene.order, scene.workflow, scene.run) = (order, workflow.into(), run.into());
        let intent = match run {
            "r1" => Intent::SeedOrder,
            "r2" => Intent::FreshOrder,
            _ => Intent::OrderAgain,
        };
        intents.push(Message::Intent(intent));
        let ticket = intents.len() as u64;
        let (order, workflow, run) = (order.to_owned(), workflow.to_owned(), run.to_owned());
        facts.push(Message::Started { ticket, order, workflow: workflow.clone(), run: run.clone(), joined: false });
        facts.push(scene.answer(vec![PendingActivity { completed: None, failure: None, ..waiting(1, 0, 0) }]));
        scene.started(UPDATE, 1);
        facts.push(scene.answer(vec![running(1, scene.now - 5)]));
        scene.crash(UPDATE, 1, Point::BeforeCommit);
        let ended = scene.now;
        for wait in [10, 20] {
            scene.now += wait;
            facts.push(scene.answer(vec![waiting(2, ended, ended + 1_000)]));
        }
        scene.now += 20;
        facts.push(scene.answer(vec![waiting(3, ended + 1_010, ended + 3_000)]));
        scene.now += 20;
        scene.started(UPDATE, 3);
        scene.commit(UPDATE, 3, -1);
        scene.failed(UPDATE, 3, Point::AfterCommit);
        facts.push(scene.answer(vec![waiting(4, scene.now - 4, scene.now + 4_000)]));
        let next = if run == "r3" { 1 } else { 4 };
        scene.now += 10;
        facts.push(
            scene.answer(vec![PendingActivity { attempt: next, ..waiting(4, scene.now - 14, scene.now + 3_990) }]),
        );
        scene.now += 10;
        scene.started(UPDATE, next);
        scene.done(UPDATE, next, CommitOutcome::Replayed);
        facts.push(scene.answer(vec![PendingActivity { activity: SUPPLIER.into(), ..running(1, scene.now) }]));
        scene.now += 10;
        scene.started(SUPPLIER, 1);
        if run != "r2" {
            scene.commit(SUPPLIER, 1, 0);
            scene.done(SUPPLIER, 1, CommitOutcome::Applied);
            facts.push(Message::Ended { workflow, run, end: RunEnd::completed(OrderOutcome::Applied) });
        }
    }
    facts.extend(foreign_run(&mut scene, &mut intents));
    // One line a message, some of them twice.
    let lines = scene.records.iter().chain(scene.records.iter().step_by(3));
    facts.extend(
        lines.map(|record| {
            Message::Journal(News { restarted: false, records: vec![record.clone()], ..News::default() })
        }),
    );
    (intents, facts)
}

/// A run of another program's workflow: two activities of one type in parallel, and two of a type of ours. The journal
/// records one of those. Returns what the server reports.
fn foreign_run(scene: &mut Scene, intents: &mut Vec<Message>) -> Vec<Message> {
    (scene.order, scene.workflow, scene.run) = ("K7-2", "order-K7-2".into(), "r4".into());
    intents.push(Message::Intent(Intent::FreshOrder));
    let (order, workflow, run) = (scene.order.to_owned(), scene.workflow.clone(), scene.run.clone());
    let mut facts = vec![Message::Started { ticket: intents.len() as u64, order, workflow, run, joined: false }];
    let begun = scene.now;
    let charge = |id: &str, pending| foreign("charge_card", id, pending);
    let update = |id: &str| foreign(UPDATE.name(), id, running(1, begun));
    facts.push(scene.answer(vec![update("10"), charge("8", running(1, begun)), charge("12", running(1, begun))]));
    scene.started(UPDATE, 1);
    scene.now = begun + 100;
    let failed = waiting(2, begun + 90, begun + 190);
    facts.push(scene.answer(vec![update("5"), update("10"), charge("8", running(1, begun)), charge("12", failed)]));
    scene.failed(UPDATE, 1, Point::BeforeCommit);
    scene.now = begun + 200;
    facts.push(scene.answer(vec![update("10"), charge("12", running(2, begun + 190))]));
    facts
}

fn told(intents: &[Message], facts: &[Message]) -> String {
    let mut app = App::new(fixture::setup());
    app.update(Message::Link(Link::Up));
    for message in intents.iter().chain(facts) {
        app.update(message.clone());
    }
    app.update(Message::Tick { now: UnixMillis(fixture::T0 + 60_000) });
    picture(&app)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_order_of_arrival_does_not_matter(facts in Just(story().1).prop_shuffle()) {
        let (intents, in_order) = story();
        let expected = told(&intents, &in_order);
        prop_assert!(expected.contains("AppliedOnce") || expected.contains("Applied("));
        prop_assert!(expected.contains("#3 Failed") && expected.contains("#1' Succeeded"), "{}", expected);
        prop_assert!(expected.contains("message: \"RANDOM ERROR\", retryable: true, point: None"), "{}", expected);
        prop_assert!(expected.contains("Ended") && expected.matches("charge_card").count() > 2, "{}", expected);
        prop_assert_eq!(told(&intents, &facts), expected);
    }
}

#[test]
fn the_original_scenario_ends_right_at_1001() {
    let scene = Scene::right();
    let app = &scene.app;
    assert_eq!((app.journal().stock(app.shown_now()), app.stock_verdict()), (Some(1001), StockVerdict::Right));
    let order = app.selected().unwrap();
    assert_eq!((app.stage(order), order.verdict()), (Stage::Completed, OrderVerdict::AppliedOnce));
    assert_eq!((app.orders().open(), app.orders().retries(UPDATE)), (0, 2));
    let words = explain(order, app.stage(order));
    assert_eq!((words.kind, words.head), (Kind::Good, "APPLIED ONCE"));
    assert!(summary(app).contains("verdict RIGHT: stock 1001 is right"), "{}", summary(app));
}

#[test]
fn a_waiting_retry_shows_a_countdown_and_indefinite() {
    let scene = Scene::mid_retry();
    let order = scene.app.selected().unwrap();
    assert!(matches!(scene.app.stage(order), Stage::BackingOff { next: 3, .. }));
    assert_eq!(order.verdict(), OrderVerdict::Unconfirmed);
    let words = explain(order, scene.app.stage(order));
    assert_eq!((words.kind, words.head), (Kind::Indefinite, "OUTCOME UNKNOWN"));
}

#[test]
fn without_a_guard_the_order_is_applied_twice() {
    let scene = Scene::wrong();
    let order = scene.app.selected().unwrap();
    assert_eq!((scene.app.stock_verdict(), order.verdict()), (StockVerdict::Wrong, OrderVerdict::Applied(2)));
    assert_eq!(order.attempts(UPDATE).last().unwrap().facts.unwrap().repeated(), Some(2));
}

#[test]
fn a_journal_that_is_read_again_changes_nothing() {
    let mut scene = Scene::right();
    let before = picture(&scene.app);
    let records = scene.records.clone();
    scene.tell(Message::Journal(News { restarted: true, records: records.clone(), ..News::default() }));
    assert_eq!(picture(&scene.app), before);
    scene.tell(Message::Journal(News { restarted: false, records, ..News::default() }));
    assert_eq!(picture(&scene.app), before);
}

#[test]
fn fresh_ids_skip_those_of_the_journal() {
    let mut scene = Scene::new();
    scene.order = "K7-41";
    scene.started(UPDATE, 1);
    let commands = scene.press(Intent::Burst);
    assert_eq!(commands.len(), 10);
    let Command::StartOrder(first) = &commands[0] else { panic!() };
    assert_eq!((first.order.as_str(), first.workflow.as_str(), first.quantity), ("K7-42", "order-K7-42", 1));
}

#[test]
fn the_same_order_again_has_a_new_workflow_id_and_the_same_start_has_not() {
    let mut scene = Scene::right();
    let again = scene.press(Intent::OrderAgain);
    let Command::StartOrder(again) = &again[0] else { panic!() };
    assert_eq!((again.workflow.as_str(), again.quantity), ("order-A12-again-1-K7", 999));
    scene.press(Intent::Select(Move::Down));
    let same = scene.press(Intent::SameStart);
    let Command::StartOrder(same) = &same[0] else { panic!() };
    assert_eq!((same.workflow.as_str(), same.order.as_str()), ("order-A12", "A12"));
}

#[test]
fn a_start_that_joined_adds_no_row() {
    let mut scene = Scene::mid_retry();
    let commands = scene.press(Intent::SameStart);
    let Command::StartOrder(start) = &commands[0] else { panic!() };
    assert_eq!(scene.app.orders().len(), 2);
    let (workflow, run) = (start.workflow.clone(), scene.run.clone());
    let order = start.order.to_string();
    scene.tell(Message::Started { ticket: start.ticket, order, workflow, run, joined: true });
    assert_eq!((scene.app.orders().len(), scene.app.selected().unwrap().joins), (1, 1));
}

#[test]
fn a_reset_asks_and_removes_ended_orders() {
    let mut scene = Scene::right();
    scene.press(Intent::AskReset);
    assert_eq!(scene.app.overlay(), Overlay::Confirm(Question::Reset));
    assert!(scene.press(Intent::No).is_empty());
    scene.press(Intent::AskReset);
    assert_eq!(scene.press(Intent::Yes), [Command::Reset]);
    let first = after_reset(&scene);
    scene.tell(Message::Journal(News { restarted: true, records: vec![first], ..News::default() }));
    scene.tell(Message::ResetDone(Ok(Some("journal.1".into()))));
    assert!(scene.app.orders().is_empty());
    assert_eq!(scene.app.stock_verdict(), StockVerdict::Right);
}

/// The first record of the journal that a reset creates.
fn after_reset(scene: &Scene) -> crate::store::Record {
    crate::store::Record { at: UnixMillis(scene.now), ..scene.records[0].clone() }
}

#[test]
fn a_frozen_screen_loses_nothing() {
    let mut scene = Scene::mid_retry();
    let before = picture(&scene.app);
    scene.press(Intent::Freeze);
    scene.started(UPDATE, 3);
    scene.done(UPDATE, 3, CommitOutcome::Replayed);
    scene.wait(3_000);
    assert_eq!((picture(&scene.app), scene.app.view().freeze().queued()), (before.clone(), Some(2)));
    scene.press(Intent::Freeze);
    assert_ne!(picture(&scene.app), before);
    assert_eq!(scene.app.view().freeze().queued(), None);
}

#[test]
fn a_notice_expires_and_an_idle_tick_draws_nothing() {
    let mut scene = Scene::new();
    scene.press(Intent::NextGuard);
    assert_eq!(scene.app.guard(), Guard::LastOrder);
    scene.wait(6_000);
    assert!(scene.app.notice().is_none() && scene.app.take_dirty());
    scene.wait(120_000);
    scene.app.take_dirty();
    scene.wait(1_000);
    assert!(!scene.app.take_dirty());
}

#[test]
fn faults_stay_off_if_they_are_not_allowed() {
    let mut app = App::new(Options { faults_allowed: false, ..fixture::setup() });
    app.update(Message::Intent(Intent::NextFaults));
    assert!(app.plan().is_none());
    assert!(app.notice().unwrap().text.contains("loopback"));
}

#[test]
fn hostile_text_is_harmless() {
    let mut scene = Scene::new();
    scene.tell(Message::Ended {
        workflow: "w\u{1b}[2J".into(),
        run: "r".into(),
        end: RunEnd::Failed { message: "\u{202e}x\u{7}".into() },
    });
    let mut pending = waiting(2, 1, 2);
    pending.worker = "\u{1b}".into();
    pending.failure =
        Some(FailureReport { code: "\u{7}".into(), message: "\u{1b}[2J".into(), retryable: true, causes: Vec::new() });
    scene.described(vec![pending]);
    assert!(picture(&scene.app).chars().all(|c| c == '\n' || !c.is_control()));
}

#[test]
fn an_effect_that_was_repeated_long_ago_is_still_repeated() {
    let mut scene = Scene::wrong();
    scene.run = "r2".into();
    for attempt in [1, 2] {
        scene.started(UPDATE, attempt);
        scene.commit(UPDATE, attempt, -1);
        scene.failed(UPDATE, attempt, Point::AfterCommit);
    }
    let verdict = |scene: &Scene| scene.app.orders().newest_first(0).next().unwrap().1.verdict();
    assert_eq!(verdict(&scene), OrderVerdict::Applied(4));
    for attempt in 3..100 {
        scene.started(UPDATE, attempt);
        scene.failed(UPDATE, attempt, Point::BeforeCommit);
    }
    assert_eq!(verdict(&scene), OrderVerdict::Applied(4));
}

#[test]
fn closing_the_help_returns_to_the_comparison() {
    let mut scene = Scene::new();
    assert_eq!(scene.press(Intent::Compare).len(), 1);
    for back in [Intent::Help, Intent::Close] {
        scene.press(Intent::Help);
        assert_eq!(scene.app.overlay(), Overlay::Help);
        assert_eq!(scene.press(back), []);
        assert_eq!(scene.app.overlay(), Overlay::Compare(Subject::Guards));
    }
    scene.press(Intent::Help);
    scene.press(Intent::Log);
    scene.press(Intent::Close);
    assert_eq!(scene.press(Intent::Close), [Command::EndComparison]);
    assert_eq!(scene.app.overlay(), Overlay::None);
}

#[test]
fn an_order_that_last_order_took_for_known_after_its_own_commit_was_applied_once() {
    let mut scene = Scene::new();
    scene.press(Intent::NextGuard);
    scene.guard = Guard::LastOrder;
    let commands = scene.press(Intent::SeedOrder);
    scene.begin(&commands[0], "r1");
    scene.started(UPDATE, 1);
    scene.commit(UPDATE, 1, -999);
    scene.failed(UPDATE, 1, Point::AfterCommit);
    scene.started(UPDATE, 2);
    scene.done(UPDATE, 2, CommitOutcome::Skipped);
    scene.started(SUPPLIER, 1);
    scene.commit(SUPPLIER, 1, 1000);
    scene.done(SUPPLIER, 1, CommitOutcome::Applied);
    scene.ended(OrderOutcome::Skipped);
    let order = scene.app.selected().unwrap();
    assert_eq!(order.verdict(), OrderVerdict::AppliedOnce);
    assert_eq!(explain(order, scene.app.stage(order)).head, "APPLIED ONCE");
}

#[test]
fn a_reset_makes_a_frozen_screen_live_again() {
    let mut scene = Scene::right();
    scene.press(Intent::Freeze);
    scene.press(Intent::AskReset);
    assert!(scene.app.view().freeze().queued().is_some());
    scene.press(Intent::Yes);
    assert_eq!(scene.app.view().freeze().queued(), None);
}

#[test]
fn the_selection_stays_with_its_order() {
    let mut scene = Scene::right();
    (scene.order, scene.workflow, scene.run) = ("B7", "order-B7".into(), "r2".into());
    scene.wait(100);
    scene.started(UPDATE, 1);
    scene.press(Intent::Select(Move::Down));
    assert_eq!(scene.app.selected().unwrap().order, "A12");
    scene.ended(OrderOutcome::Applied);
    scene.press(Intent::AskReset);
    scene.press(Intent::Yes);
    let first = after_reset(&scene);
    scene.tell(Message::Journal(News { restarted: true, records: vec![first], ..News::default() }));
    scene.tell(Message::ResetDone(Ok(None)));
    assert!(scene.app.orders().is_empty());
    scene.records.truncate(1);
    for order in ["C1", "C2", "C3"] {
        (scene.order, scene.workflow, scene.run) = (order, format!("order-{order}"), order.into());
        scene.now += 100;
        scene.started(UPDATE, 1);
        assert_eq!(scene.app.selected().unwrap().order, order, "the newest is followed");
    }
}
