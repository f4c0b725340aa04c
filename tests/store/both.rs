//! The defects D1 to D14 on a JSON file and on a real MySQL server.

use std::thread;

use futures::{executor::block_on, future::join_all};
use idempotence::{
    domain::{Delivery, Effect, Guard, Origin, SupplierOrder},
    store::{
        AttemptEvent, CommitOutcome, CommitRequest, Committed, Fact, Follower, Location, Note, Phase, Store,
        StoreError, StoreHandle, Verdict,
    },
};

use crate::{
    bench::{document, order, order_for, origin, supplier},
    mysql_server,
};

/// Runs a test on a new database of each kind, with `stock` units.
pub fn on_both(stock: i64, last_order: &str, test: impl Fn(&Location)) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("inventory.json");
    std::fs::write(&path, document(stock, last_order)).unwrap();
    test(&Location::File(path));
    if let Some(server) = mysql_server::shared() {
        let database = server.database();
        let location = Location::MySql(Box::new(database.clone()));
        drop(open(&location));
        server.admin(&format!(
            "UPDATE {}.idempotence_document SET in_stock = {stock}, last_order = '{last_order}'",
            database.name
        ));
        test(&location);
    }
}

pub fn open(location: &Location) -> StoreHandle {
    location.open(None, &|_| {}).unwrap()
}

fn request(effect: Effect, guard: Guard, run: &str) -> CommitRequest {
    let origin = origin(&effect, run, 1);
    CommitRequest { effect, guard, origin }
}

fn commit(store: &StoreHandle, effect: Effect) -> Result<Committed, StoreError> {
    block_on(store.commit(request(effect, Guard::Ledger, "run-1")))
}

fn outcome(store: &StoreHandle, effect: Effect) -> CommitOutcome {
    commit(store, effect).unwrap().outcome
}

/// Checks the audit, and the document, whose last change may come a moment after the answer.
#[track_caller]
pub fn assert_right(location: &Location, stock: i64) {
    let found = location.examine(&|_| {}).unwrap().unwrap();
    assert_eq!(found.verdict(), Verdict::Right, "{location}: {}, {:?}", found.audit.sentence(), found.problem);
    assert_eq!(found.audit.actual, stock, "{location}");
}

#[test]
fn d1_an_order_is_known_even_when_another_came_after_it() {
    on_both(1000, "000", |location| {
        let store = open(location);
        for (id, expected) in
            [("A", CommitOutcome::Applied), ("B", CommitOutcome::Applied), ("A", CommitOutcome::Replayed)]
        {
            assert_eq!(outcome(&store, order(id, 10)), expected);
        }
        assert_right(location, 980);
    });
}

#[test]
fn d1_without_the_ledger_the_defects_of_the_original_are_visible() {
    for (guard, stock) in [(Guard::LastOrder, 970), (Guard::Off, 970)] {
        on_both(1000, "000", |location| {
            let store = open(location);
            for id in ["A", "B", "A"] {
                block_on(store.commit(request(order(id, 10), guard, "run-1"))).unwrap();
            }
            drop(store);
            let found = location.examine(&|_| {}).unwrap().unwrap();
            assert_eq!((found.verdict(), found.audit.actual), (Verdict::Wrong, stock), "{location}");
            assert_eq!(found.audit.times_applied(&order("A", 10).key()), 2);
        });
    }
}

#[test]
fn d2_a_retry_after_the_commit_changes_nothing_though_another_order_ran() {
    on_both(1000, "000", |location| {
        let store = open(location);
        let first = commit(&store, order("A", 10)).unwrap();
        commit(&store, order("B", 10)).unwrap();
        drop(store);
        // Another process answers the retry, with the result of the first attempt.
        let again = commit(&open(location), order("A", 10)).unwrap();
        assert_eq!((again.outcome, again.receipt, again.same_run), (CommitOutcome::Replayed, first.receipt, true));
        assert_right(location, 980);
    });
}

#[test]
fn d3_and_d14_orders_at_once_by_several_processes_are_applied_once_each() {
    on_both(1000, "000", |location| {
        let stores: Vec<_> = (0..4).map(|_| open(location)).collect();
        // Each of 10 orders is requested by all four, at the same time.
        let requests = stores.iter().enumerate().flat_map(|(index, store)| {
            (0..10).map(move |number| {
                store.commit(request(order(&format!("A{number}"), 10), Guard::Ledger, &format!("run-{index}")))
            })
        });
        let answers = block_on(join_all(requests));
        let applied = answers.iter().filter(|answer| answer.as_ref().unwrap().outcome == CommitOutcome::Applied);
        assert_eq!(applied.count(), 10);
        drop(stores);
        assert_right(location, 900);
    });
}

#[test]
fn d7_a_supplier_order_and_a_customers_order_at_once_both_count() {
    on_both(1, "000", |location| {
        let stores = [open(location), open(location)];
        thread::scope(|scope| {
            scope.spawn(|| commit(&stores[0], supplier("B", 1000)).unwrap());
            scope.spawn(|| commit(&stores[1], order("A", 1)).unwrap());
        });
        drop(stores);
        assert_right(location, 1000);
    });
}

#[test]
fn d8_a_supplier_credit_is_given_once_though_the_stock_is_still_low() {
    on_both(0, "000", |location| {
        let store = open(location);
        commit(&store, supplier("A", 1)).unwrap();
        assert_eq!(outcome(&store, supplier("A", 1)), CommitOutcome::Replayed);
        drop(store);
        assert_right(location, 1);
    });
}

#[test]
fn units_that_a_supplier_ships_are_credited_once_after_the_shipment() {
    on_both(1, "000", |location| {
        let store = open(location);
        let with = |delivery: Delivery| match supplier("A", 1000) {
            Effect::Supplier(order) => Effect::Supplier(SupplierOrder { delivery, ..order }),
            Effect::Order(_) => unreachable!(),
        };
        let unshipped = with(Delivery::NotShipped);
        let must_ship = || block_on(store.must_ship(request(unshipped.clone(), Guard::Ledger, "run-A"))).unwrap();
        let shipped = with(Delivery::Shipped("S-1".to_owned().into()));
        assert!(must_ship() && must_ship());
        assert_eq!(commit(&store, unshipped.clone()).unwrap_err().type_name(), "NotShipped");
        assert_eq!(outcome(&store, shipped.clone()), CommitOutcome::Applied);
        assert_eq!((must_ship(), outcome(&store, shipped)), (false, CommitOutcome::Replayed));
        assert_eq!(outcome(&store, unshipped.clone()), CommitOutcome::Replayed);
        drop(store);
        // The one line with the shipment survives a restart.
        let news = Follower::new(location).read_some().unwrap().0;
        let shipments: Vec<_> = news
            .records
            .iter()
            .filter_map(|record| match &record.fact {
                Fact::Supplier(commit) => Some((commit.receipt.delta, commit.shipment.clone())),
                _ => None,
            })
            .collect();
        assert_eq!(shipments, [(1000, Some("S-1".to_owned().into()))]);
        assert_right(location, 1001);
    });
}

#[test]
fn d9_d11_and_d13_refusals_change_nothing_and_are_not_retried() {
    on_both(1000, "000", |location| {
        let store = open(location);
        commit(&store, order("A", 10)).unwrap();
        for (effect, code) in [
            (order_for("B", "999999", 1000), "UnknownProduct"),
            (order("A", 20), "OrderConflict"),
            (order("C", -5), "InvalidQuantity"),
            (order("C", 0), "InvalidQuantity"),
            (order("C", i64::MIN), "InvalidQuantity"),
            (order("C", i64::MAX), "InvalidQuantity"),
            (order("C", 991), "InsufficientStock"),
        ] {
            let error = commit(&store, effect).unwrap_err();
            assert_eq!((error.type_name(), error.is_retryable()), (code, false), "{location}");
        }
        drop(store);
        assert_right(location, 990);
    });
}

#[test]
fn d10_order_000_is_an_order() {
    on_both(1000, "000", |location| {
        let store = open(location);
        assert_eq!(outcome(&store, order("000", 10)), CommitOutcome::Applied);
        assert_eq!(outcome(&store, order("000", 10)), CommitOutcome::Replayed);
        drop(store);
        assert_right(location, 990);
    });
}

#[test]
fn d12_an_attempt_that_wakes_up_after_its_successor_changes_nothing() {
    on_both(1000, "000", |location| {
        let (stalled, successor) = (open(location), open(location));
        commit(&successor, order("A", 10)).unwrap();
        assert_eq!(outcome(&stalled, order("A", 10)), CommitOutcome::Replayed);
        drop((stalled, successor));
        assert_right(location, 990);
    });
}

/// Keys are compared as bytes: no collation, no blanks, no escapes.
#[test]
fn keys_that_differ_in_any_byte_are_different_orders() {
    let ids =
        ["k1", "K1", "k1.", "k.1", "k'1", "k\\1", "k\"1", "k`1", "k%1", "k_1", "k;1", "k--1", "k 1", "k  1", "k\\'1"];
    on_both(1000, "000", |location| {
        let store = open(location);
        for id in ids {
            assert_eq!(outcome(&store, order(id, 1)), CommitOutcome::Applied, "{id}");
        }
        drop(store);
        let store = open(location);
        for id in ids {
            assert_eq!(outcome(&store, order(id, 1)), CommitOutcome::Replayed, "{id}");
        }
        drop(store);
        assert_right(location, 1000 - i64::try_from(ids.len()).unwrap());
    });
}

#[test]
fn the_order_of_a_starting_document_was_applied_before() {
    on_both(1001, "A12", |location| {
        let store = open(location);
        assert_eq!(outcome(&store, order("A12", 999)), CommitOutcome::Replayed);
        assert_eq!(location.read_document().unwrap().unwrap().stock, 1001);
    });
}

#[test]
fn a_follower_sees_every_line_once_and_the_document_and_a_reset() {
    on_both(1000, "000", |location| {
        let store = open(location);
        let mut follower = Follower::new(location);
        let mut seen = Vec::new();
        for number in 0..5 {
            let effect = order(&format!("A{number}"), 10);
            let started: Origin = origin(&effect, "run-1", 2);
            block_on(store.note(Note::Attempt(AttemptEvent { origin: started, phase: Phase::Started }))).unwrap();
            commit(&store, effect).unwrap();
            let (news, progress) = follower.read_some().unwrap();
            assert!(progress.is_complete() && !news.more);
            seen.extend(news.records.iter().map(|record| record.seq));
        }
        assert_eq!(seen, (1..=seen.len() as u64).collect::<Vec<_>>(), "{location}");
        drop(store);
        follower.read_some().unwrap();
        let document = follower.document().unwrap().unwrap();
        assert_eq!((document.stock, document.last_order.as_str()), (950, "A4"));
        assert_eq!(document.retries.unwrap().update_inventory, 5, "each attempt was the second");
        location.reset().unwrap();
        let (news, _) = follower.read_some().unwrap();
        assert_eq!((news.restarted, news.records.len()), (true, 1), "{location}");
        assert_eq!(follower.document().unwrap().unwrap().stock, 1000);
        assert_right(location, 1000);
    });
}

#[test]
fn a_reset_under_a_running_worker_begins_again_and_keeps_the_old_lines() {
    on_both(1000, "000", |location| {
        let store = open(location);
        commit(&store, order("A", 10)).unwrap();
        let kept = location.reset().unwrap();
        assert!(kept.journal.is_some());
        assert_eq!(outcome(&store, order("A", 10)), CommitOutcome::Applied, "it is a new order after the reset");
        drop(store);
        assert_right(location, 990);
    });
}
