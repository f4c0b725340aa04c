//! Tests of the state of a comparison.

use super::{
    fixture::{A12, B7, Play, key},
    terms::shows_the_difference,
    *,
};
use crate::{
    app::{
        App, AttemptState, Command, ComparisonEvent, Intent, Link, Message, Overlay, ProcessExit, Server,
        SupplierReport, SupplierState, Worker,
        testing::fixture::{SUPPLIER, Scene, UPDATE, setup},
    },
    domain::{Guard, KeyPolicy},
    faults::Point,
    store::{Phase, Verdict},
};

fn verdicts(play: &Play) -> [Option<Verdict>; SIDES] {
    play.app.comparison().unwrap().sides().each_ref().map(Side::verdict)
}

/// Shipments and credits of each side.
fn pairs(play: &Play) -> [(u64, u64); SIDES] {
    let pair = |side: &Side| (side.supplier().unwrap().shipped, side.journal().audit.credited.count);
    play.app.comparison().unwrap().sides().each_ref().map(pair)
}

const RIGHT: Option<Verdict> = Some(Verdict::Right);
const WRONG: Option<Verdict> = Some(Verdict::Wrong);

#[test]
fn the_same_order_ends_at_1001_1001_and_2() {
    let play = Play::over(false);
    assert_eq!((play.stocks(), verdicts(&play)), ([1001, 1001, 2], [RIGHT, RIGHT, WRONG]));
    let comparison = play.app.comparison().unwrap();
    assert!(comparison.is_done() && comparison.is_over());
    let lucky = Guard::ALL.map(|guard| comparison.side(guard).unwrap().is_lucky());
    assert_eq!(lucky, [false, true, false]);
    assert!(comparison.sides().iter().all(|side| side.journal().audit.expected == 1001));
    let twice = &comparison.side(Guard::Off).unwrap().journal().audit.applied_twice;
    assert_eq!(twice.as_slice(), [key(A12)]);
}

#[test]
fn with_another_order_between_only_the_ledger_ends_at_1001() {
    let play = Play::over(true);
    assert_eq!((play.stocks(), verdicts(&play)), ([1001, 3, 3], [RIGHT, WRONG, WRONG]));
    let comparison = play.app.comparison().unwrap();
    assert!(comparison.sides().iter().all(|side| side.journal().audit.expected == 1001));
}

#[test]
fn the_order_of_supplier_requests_does_not_matter() {
    let mut play = Play::begin(true).ready();
    play.start(A12);
    play.lost(A12, 1);
    play.start(B7);
    play.through(B7, UPDATE, 1);
    play.through(A12, UPDATE, 2);
    play.through(A12, SUPPLIER, 1);
    play.through(B7, SUPPLIER, 1);
    play.end(A12);
    play.end(B7);
    assert_eq!((play.stocks(), verdicts(&play)), ([1001, 3, 3], [RIGHT, WRONG, WRONG]));
    assert!(play.app.comparison().unwrap().sides().iter().all(|side| side.journal().audit.expected == 1001));
}

#[test]
fn a_right_verdict_waits_for_the_end_and_a_wrong_one_does_not() {
    let mut play = Play::waiting(false);
    assert_eq!((play.stocks(), verdicts(&play)), ([1, 1, 1], [None, None, None]));
    play.through(A12, UPDATE, 2);
    assert_eq!((play.stocks(), verdicts(&play)), ([1, 1, -998], [None, None, WRONG]));
    play.through(A12, SUPPLIER, 1);
    assert_eq!(verdicts(&play)[0], None, "the server has not reported the end");
}

#[test]
fn an_end_may_be_reported_before_the_journal_is_read() {
    let mut play = Play::waiting(false);
    play.end(A12);
    let stage = |play: &Play| play.app.comparison().unwrap().side(Guard::Ledger).unwrap().stage() == SideStage::Done;
    assert!(!stage(&play));
    play.through(A12, UPDATE, 2);
    play.through(A12, SUPPLIER, 1);
    assert!(stage(&play) && verdicts(&play)[0] == RIGHT);
}

#[test]
fn attempts_are_lined_up_in_the_order_in_which_they_happened() {
    let play = Play::over(true);
    let rows = play.app.comparison().unwrap().line_up();
    let keys: Vec<_> = rows.iter().map(|row| (row.order, row.activity, row.attempt)).collect();
    assert_eq!(keys, [(A12, UPDATE, 1), (B7, UPDATE, 1), (B7, SUPPLIER, 1), (A12, UPDATE, 2), (A12, SUPPLIER, 1)]);
    let stocks = |row: &LineUpRow<'_>| {
        row.cells.map(|cell| match cell {
            Some(LineUpCell::Attempt { seen, .. }) => seen.facts.unwrap().committed.map(|committed| committed.stock),
            other => panic!("{other:?}"),
        })
    };
    assert_eq!(stocks(&rows[0]), [Some(2); 3]);
    assert_eq!(stocks(&rows[3]), [None, Some(3), Some(3)]);
}

#[test]
fn an_expected_attempt_has_the_row_of_the_real_one() {
    let mut play = Play::waiting(false);
    let due = |play: &Play| {
        let comparison = play.app.comparison().unwrap();
        let rows = comparison.line_up();
        let last = rows.last().unwrap();
        assert_eq!((rows.len(), last.attempt), (2, 2));
        last.cells.map(|cell| matches!(cell, Some(LineUpCell::Due(_))))
    };
    assert_eq!(due(&play), [true; 3]);
    let outcome = play.commit(Guard::Ledger, A12, UPDATE, 2);
    assert_eq!(outcome, crate::store::CommitOutcome::Replayed);
    assert_eq!(due(&play), [false, true, true]);
}

#[test]
fn after_a_crash_the_retry_waits_for_the_timeout() {
    let mut play = Play::begin(false).ready();
    play.start(A12);
    play.crashed(A12, 1);
    let comparison = play.app.comparison().unwrap();
    let rows = comparison.line_up();
    let Some(LineUpCell::Due(due)) = rows[1].cells[0] else { panic!("{rows:?}") };
    assert_eq!(due, UnixMillis(play.now).saturating_add(comparison.terms().waits().start_to_close));
    let Some(LineUpCell::Attempt { seen, .. }) = rows[0].cells[0] else { panic!("{rows:?}") };
    assert!(matches!(seen.state, AttemptState::Crashed(Point::AfterCommit)));
}

#[test]
fn news_of_an_earlier_comparison_is_ignored() {
    let mut play = Play::waiting(false);
    let old = play.terms.clone();
    let _ended = play.app.end_comparison();
    let again = play.app.begin_comparison(Subject::Guards, false);
    assert!(matches!(again.as_slice(), [Command::Compare(terms)] if terms.number > old.number));
    play.end(A12);
    play.tell(Guard::Off, ComparisonEvent::Failed { cause: "late".into() });
    let comparison = play.app.comparison().unwrap();
    assert!(comparison.sides().iter().all(|side| side.stage() == SideStage::Preparing));
}

#[test]
fn failures_are_shown_without_control_characters() {
    let mut play = Play::begin(false);
    play.tell(Guard::Off, ComparisonEvent::Failed { cause: "no\u{1b}[2Jroom".into() });
    let comparison = play.app.comparison().unwrap();
    let SideStage::Failed(cause) = comparison.side(Guard::Off).unwrap().stage() else { panic!("it failed") };
    assert!(cause.starts_with("no") && !cause.contains('\u{1b}'), "{cause:?}");
    assert!(!comparison.is_over());
}

#[test]
fn a_comparison_ends_once_and_is_refused_if_it_cannot_run() {
    let mut play = Play::begin(false);
    assert_eq!(play.app.end_comparison(), [Command::EndComparison]);
    assert_eq!((play.app.end_comparison(), play.app.comparison()), (Vec::new(), None));
    let mut unconnected = App::new(setup());
    assert!(unconnected.begin_comparison(Subject::Guards, false).is_empty() && unconnected.notice().is_some());
    let mut remote = App::new(crate::app::Options { faults_allowed: false, ..setup() });
    remote.update(Message::Link(Link::Up));
    remote.update(Message::Server(Server::Foreign));
    assert!(remote.begin_comparison(Subject::Guards, false).is_empty() && remote.notice().is_some());
}

#[test]
fn a_plan_that_leaves_it_to_chance_or_never_ends_is_replaced() {
    for (plan, taken) in [
        ("seed", false),
        ("none", false),
        ("after-commit-once", true),
        ("crash-after-commit", true),
        ("update.after-commit=2*hang", true),
        ("update.after-commit=1*error;supplier.before-commit=34%1*error", true),
        ("update.before-commit=delay(5);update.after-commit=1*error", true),
        ("after-commit=delay(5);after-commit=1*error", false),
        ("before-commit=1*error;after-commit=2*error", false),
        ("update.after-commit=error", false),
        ("update.after-commit=1*error;supplier.before-commit=error", false),
        ("supplier.after-commit=1*error", false),
        ("update.after-commit=99%1*error", false),
    ] {
        assert_eq!(shows_the_difference(Subject::Guards, false, &plan.parse().unwrap(), 42), taken, "{plan}");
    }
    let play = Play::begin(false);
    let comparison = play.app.comparison().unwrap();
    assert_eq!(comparison.instead_of(), Some("original"));
    assert_eq!(comparison.terms().faults, Preset::AfterCommitOnce.plan());
}

#[test]
fn the_current_plan_is_used_if_it_shows_the_difference() {
    let mut scene = Scene::new();
    for _ in 0..2 {
        scene.press(crate::app::Intent::NextFaults);
    }
    let play = Play::begin_on(scene.app, true);
    let comparison = play.app.comparison().unwrap();
    assert_eq!((comparison.instead_of(), &comparison.terms().faults), (None, &Preset::CrashAfterCommit.plan()));
}

#[test]
fn reading_a_journal_again_keeps_the_ends() {
    let mut play = Play::over(false);
    let records = play.records(Guard::Ledger);
    play.tell(
        Guard::Ledger,
        ComparisonEvent::Journal(crate::store::News { restarted: true, records, ..crate::store::News::default() }),
    );
    assert_eq!((play.stocks(), verdicts(&play)), ([1001, 1001, 2], [RIGHT, RIGHT, WRONG]));
}

#[test]
fn a_lost_answer_is_shipped_again_only_without_a_key() {
    let play = Play::over_policies(false);
    let comparison = play.app.comparison().unwrap();
    assert_eq!(comparison.terms().plan(), "supplier.after-send=1*error");
    assert_eq!((pairs(&play), verdicts(&play)), ([(1, 1), (1, 1), (2, 1)], [RIGHT, RIGHT, WRONG]));
    assert_eq!(play.stocks(), [1001; SIDES], "our stock does not show it");
    assert!(comparison.is_done());
}

#[test]
fn overlapping_attempts_ship_once_only_with_the_key() {
    let play = Play::over_policies(true);
    assert_eq!(play.app.comparison().unwrap().terms().plan(), "supplier.before-send=1*hang");
    assert_eq!((pairs(&play), verdicts(&play)), ([(1, 1), (2, 1), (2, 1)], [RIGHT, WRONG, WRONG]));
    assert_eq!(play.stocks(), [1001; SIDES]);
}

#[test]
fn a_pair_is_open_until_every_attempt_has_ended_and_the_supplier_was_asked_after_that() {
    let mut play = Play::ended_policies(true);
    for candidate in Subject::Policies.candidates() {
        play.report(candidate);
    }
    assert_eq!((pairs(&play), verdicts(&play)), ([(1, 1); SIDES], [None; SIDES]), "attempt 1 may still ship");
    let mut play = Play::ended_policies(false);
    assert_eq!((pairs(&play)[0], verdicts(&play)), ((1, 1), [None; SIDES]), "the reports are older than the credits");
    play.report(KeyPolicy::None);
    assert_eq!(verdicts(&play), [None, None, WRONG]);
    let down = SupplierState::Down { cause: "connection refused".into() };
    play.tell(KeyPolicy::None, ComparisonEvent::Supplier(SupplierReport { answers: 99, state: down, foreign: false }));
    assert_eq!(verdicts(&play), [None; SIDES]);
}

#[test]
fn an_attempt_whose_worker_has_died_is_not_awaited() {
    let mut play = Play::waiting_policies(true);
    let cause = ProcessExit::Killed;
    for candidate in Subject::Policies.candidates() {
        play.tell(candidate, ComparisonEvent::Worker(Worker::Exited { cause: cause.clone(), restart_at: None }));
        play.wait(1);
        play.phase(candidate, A12, SUPPLIER, 2, Phase::Started);
        play.send(candidate, 2, true);
        let outcome = play.apply(candidate, A12, SUPPLIER, 2);
        play.phase(candidate, A12, SUPPLIER, 2, Phase::Completed { outcome });
    }
    play.end(A12);
    for candidate in Subject::Policies.candidates() {
        play.report(candidate);
    }
    assert_eq!(verdicts(&play), [RIGHT; SIDES]);
}

#[test]
fn a_second_shipment_is_marked_at_the_attempt_that_caused_it() {
    let again = |play: &Play| {
        let comparison = play.app.comparison().unwrap();
        let rows = comparison.line_up();
        let of_supplier = rows.iter().filter(|row| row.activity == SUPPLIER).map(|row| {
            row.cells.map(|cell| match cell {
                Some(LineUpCell::Attempt { shipped_again, .. }) => shipped_again,
                other => panic!("{other:?}"),
            })
        });
        of_supplier.collect::<Vec<_>>()
    };
    assert_eq!(again(&Play::over_policies(false)), [[None; SIDES], [None, None, Some(2)]]);
    assert_eq!(again(&Play::over_policies(true)), [[None, Some(2), Some(2)], [None; SIDES]]);
}

#[test]
fn a_key_switches_between_guards_and_policies_and_the_first_comparison_is_of_guards() {
    let mut scene = Scene::new();
    let mut begin = |intent| match scene.press(intent).as_slice() {
        [Command::Compare(terms)] => {
            assert_eq!(scene.app.overlay(), Overlay::Compare(terms.subject));
            (terms.subject, terms.interleaved)
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(begin(Intent::Compare), (Subject::Guards, false));
    assert_eq!(begin(Intent::CompareOther), (Subject::Policies, false));
    assert_eq!(begin(Intent::CompareInterleaved), (Subject::Policies, true));
    assert_eq!(begin(Intent::Compare), (Subject::Policies, false));
    assert_eq!(begin(Intent::CompareOther), (Subject::Guards, false));
    assert_eq!(begin(Intent::CompareOther), (Subject::Policies, false));
    scene.press(Intent::Close);
    let commands = scene.press(Intent::Compare);
    assert!(matches!(commands.as_slice(), [Command::Compare(terms)] if terms.subject == Subject::Guards));
}

#[test]
fn a_plan_is_used_for_policies_if_it_shows_their_difference() {
    for (plan, plain, overlapping) in [
        ("seed", false, false),
        ("after-commit-once", false, false),
        ("supplier.after-send=1*error", true, false),
        ("supplier.after-send=1*crash", true, false),
        ("supplier.before-commit=1*error", true, false),
        ("supplier.before-send=1*delay(5);supplier.after-send=1*error", false, false),
        ("supplier.before-send=1*hang", false, true),
        ("supplier.before-send=2*hang", false, false),
        ("supplier.after-send=error", false, false),
    ] {
        let shows = |overlap| shows_the_difference(Subject::Policies, overlap, &plan.parse().unwrap(), 42);
        assert_eq!((shows(false), shows(true)), (plain, overlapping), "{plan}");
    }
}

#[test]
fn a_supplier_that_dies_makes_its_side_fail() {
    let mut play = Play::waiting_policies(false);
    let cause = "the supplier ended: killed by SIGKILL".to_owned();
    play.tell(KeyPolicy::Lookup, ComparisonEvent::Failed { cause: cause.clone() });
    let comparison = play.app.comparison().unwrap();
    assert_eq!(comparison.side(KeyPolicy::Lookup).unwrap().stage(), SideStage::Failed(&cause));
    assert_eq!(comparison.side(KeyPolicy::None).unwrap().stage(), SideStage::Running);
    assert_eq!(comparison.side(Guard::Off), None);
}
