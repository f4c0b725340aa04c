//! Verdicts are as strong as the facts: open orders, journals that were replaced.

use crate::{
    app::{
        summary,
        testing::fixture::{SUPPLIER, Scene, UPDATE},
        *,
    },
    domain::OrderOutcome,
    store::{CommitOutcome, News},
};

use super::{after_reset, picture};

#[test]
fn no_stock_is_right_while_the_effect_of_an_open_order_is_in_it() {
    assert_eq!(Scene::new().app.stock_verdict(), StockVerdict::Right);
    let mut scene = Scene::new();
    scene.started(UPDATE, 1);
    assert_eq!(
        (scene.app.stock_verdict(), scene.app.orders().unsettled()),
        (StockVerdict::Right, 0),
        "nothing is in yet"
    );
    let mut scene = Scene::mid_retry();
    assert_eq!(scene.app.stock_verdict(), StockVerdict::Pending);
    assert!(summary(&scene.app).contains("verdict PENDING: "), "{}", summary(&scene.app));
    scene.started(UPDATE, 3);
    scene.done(UPDATE, 3, CommitOutcome::Replayed);
    assert_eq!(scene.app.stock_verdict(), StockVerdict::Pending, "the supplier is still to come");
    scene.ended(OrderOutcome::Applied);
    assert_eq!(scene.app.stock_verdict(), StockVerdict::Right);
    let mut scene = Scene::mid_retry();
    scene.commit(UPDATE, 3, -999);
    assert_eq!(scene.app.stock_verdict(), StockVerdict::Wrong, "what is wrong is said at once");
}

#[test]
fn a_repetition_under_a_plan_that_stops_the_worker_is_explained() {
    let mut scene = Scene::right();
    scene.press(Intent::OrderAgain);
    assert!(scene.app.notice().is_none());
    while scene.app.plan().to_string() != "update.after-commit=1*crash" {
        scene.press(Intent::NextFaults);
    }
    scene.press(Intent::OrderAgain);
    assert!(scene.app.notice().unwrap().text.contains("stops the worker for this one too"));
}

#[test]
fn a_reset_by_another_process_leaves_no_verdict_that_the_new_journal_does_not_support() {
    for reset_first in [true, false] {
        let mut scene = Scene::wrong();
        // An order of another program, which only the journal knows, has ended; one more is open.
        (scene.order, scene.workflow, scene.run) = ("B7", "order-B7".into(), "r2".into());
        scene.started(UPDATE, 1);
        scene.ended(OrderOutcome::Applied);
        (scene.order, scene.workflow, scene.run) = ("C8", "order-C8".into(), "r3".into());
        scene.started(UPDATE, 1);
        scene.commit(UPDATE, 1, -1);
        scene.wait(1_000);
        let records = vec![after_reset(&scene)];
        // The reader may see no journal in between, or an empty one.
        if reset_first {
            scene.tell(Message::Journal(News { restarted: true, records: Vec::new(), ..News::default() }));
            scene.tell(Message::Journal(News { restarted: false, records, ..News::default() }));
        } else {
            scene.tell(Message::Journal(News { restarted: true, records, ..News::default() }));
        }
        let app = &scene.app;
        assert_eq!((app.stock_verdict(), app.orders().len(), app.orders().open()), (StockVerdict::Right, 1, 1));
        assert!(app.notice().unwrap().text.contains("2 ended orders left the table"), "{:?}", app.notice());
        let summary = summary(app);
        let expected = "before the last reset: 2 orders, 1 applied more than once, verdict WRONG";
        assert!(summary.contains("orders 1 (open 1), attempts 0") && summary.contains(expected), "{summary}");
        scene.ended(OrderOutcome::Applied);
        let order = scene.app.selected().unwrap();
        assert_eq!((order.order.as_str(), order.verdict()), ("C8", OrderVerdict::Completed));
        assert!(explain(order, scene.app.stage(order)).text.contains("This stock does not include its change"));
    }
}

#[test]
fn one_rule_applies_to_own_and_other_resets() {
    let state = |own: bool| {
        let mut scene = Scene::wrong();
        let commands = scene.press(Intent::OrderAgain);
        scene.begin(&commands[0], "r2");
        scene.started(UPDATE, 1);
        if own {
            scene.press(Intent::AskReset);
            scene.press(Intent::Yes);
        }
        let records = vec![after_reset(&scene)];
        scene.tell(Message::Journal(News { restarted: true, records, ..News::default() }));
        if own {
            scene.tell(Message::ResetDone(Ok(None)));
        }
        scene.ended(OrderOutcome::Applied);
        (picture(&scene.app), summary(&scene.app))
    };
    assert_eq!(state(true), state(false));
    assert!(!state(false).0.contains("AppliedOnce"));
}

#[test]
fn a_reset_of_the_stock_alone_explains_the_shipments_that_are_left() {
    let report = |shipped: u64, foreign: bool| {
        let counts = SupplierCounts { shipped, units: shipped * 1_000, ..SupplierCounts::default() };
        Message::Supplier(SupplierReport { answers: 0, state: SupplierState::Up(counts), foreign })
    };
    let reset = |foreign: bool, own_reset: bool| {
        let mut scene = Scene::wrong();
        scene.tell(report(2, foreign));
        if own_reset {
            scene.press(Intent::AskReset);
            scene.press(Intent::Yes);
        }
        let records = vec![after_reset(&scene)];
        scene.tell(Message::Journal(News { restarted: true, records, ..News::default() }));
        if own_reset {
            scene.tell(Message::ResetDone(Ok(None)));
        }
        scene
    };
    let kept = "stock reset, but the supplier keeps its 2 shipments: reset both or neither";
    for (foreign, own_reset) in [(true, true), (true, false), (false, false)] {
        let mut scene = reset(foreign, own_reset);
        assert_eq!(scene.app.notice().unwrap().text, kept, "{foreign}, {own_reset}");
        assert_eq!((scene.app.pair_verdict(), scene.app.shipments_before_reset()), (Some(PairVerdict::Wrong), 2));
        // The supplier is reset later.
        scene.tell(report(0, foreign));
        assert_eq!((scene.app.pair_verdict(), scene.app.shipments_before_reset()), (Some(PairVerdict::Right), 0));
        scene.tell(report(3, foreign));
        assert_eq!(scene.app.shipments_before_reset(), 0, "these are newer");
    }
    let mut own = reset(false, true);
    assert_eq!(own.app.notice().unwrap().text, "stock reset");
    own.tell(report(1, false));
    assert_eq!((own.app.pair_verdict(), own.app.shipments_before_reset()), (Some(PairVerdict::Wrong), 0));
}

/// The supplier answers every 250 ms, so a report can be older than the journal for a moment.
#[test]
fn credits_without_a_shipment_are_wrong_once_the_report_cannot_be_older() {
    let report = |shipped: u64| {
        let counts = SupplierCounts { shipped, units: shipped * 1_000, ..SupplierCounts::default() };
        Message::Supplier(SupplierReport { answers: 0, state: SupplierState::Up(counts), foreign: true })
    };
    let mut scene = Scene::new();
    scene.tell(report(0));
    scene.started(UPDATE, 1);
    scene.commit(UPDATE, 1, -999);
    scene.done(UPDATE, 1, CommitOutcome::Applied);
    scene.started(SUPPLIER, 1);
    scene.credit("S-1");
    scene.done(SUPPLIER, 1, CommitOutcome::Applied);
    scene.wait(500);
    assert_eq!(scene.app.pair_verdict(), Some(PairVerdict::Pending));
    scene.tell(report(1));
    assert_eq!(scene.app.pair_verdict(), Some(PairVerdict::Right));
    // The supplier alone was reset.
    scene.tell(report(0));
    scene.wait(3_000);
    assert_eq!(scene.app.pair_verdict(), Some(PairVerdict::Wrong));
}

#[test]
fn a_journal_without_its_end_gives_no_verdict_on_lost_orders() {
    let mut scene = Scene::wrong();
    let records = scene.records[..1].to_vec();
    scene.tell(Message::Journal(News { restarted: true, records, ..News::default() }));
    assert_eq!(scene.app.selected().unwrap().verdict(), OrderVerdict::Completed);
}
