//! Supplier orders in the outbox: recorded before they are sent, sent until the supplier confirms, and credited once.

use std::{collections::BTreeMap, sync::Mutex, thread, time::Duration};

use futures::executor::block_on;
use idempotence::{
    domain::{Delivery, Effect, Guard, IdempotencyKey, Intent, RelayPlan, ShipmentId, SupplierOrder, UnixMillis},
    store::{
        CommitOutcome, CreditRequest, Engine, Fact, Follower, Location, Note, Phase, Publication, RelayEvent, Reply,
        Request, Store, StoreHandle, Verdict,
    },
};

use crate::{
    bench::{assert_right, audit, commit, document, order, request, supplier},
    both::{assert_right as assert_right_at, on_both, open as open_at},
    simulated::{DocumentFate, InjectedFault, Operation, PowerCut, Simulated},
};

/// A supplier order that is recorded and sent afterwards.
fn recorded(id: &str) -> Effect {
    let Effect::Supplier(order) = supplier(id, 1000) else { unreachable!() };
    let plan = RelayPlan { faults: "supplier.after-send=1*error".into(), seed: 7 };
    Effect::Supplier(SupplierOrder { delivery: Delivery::Outbox(plan), ..order })
}

fn shipment(number: usize) -> ShipmentId {
    format!("S-{number}").into()
}

fn apply(store: &StoreHandle, effect: Effect) -> idempotence::store::Committed {
    let Request::Commit(request) = request(effect, Guard::Ledger) else { unreachable!() };
    block_on(store.commit(request)).unwrap()
}

fn claim(store: &StoreHandle) -> Option<Intent> {
    block_on(store.claim()).unwrap().map(|intent| *intent)
}

fn credit(store: &StoreHandle, intent: &Intent, number: usize) -> bool {
    let request = CreditRequest { intent: intent.clone(), shipment: shipment(number) };
    block_on(store.credit(request)).unwrap()
}

fn fails(store: &StoreHandle, intent: &Intent, retryable: bool) {
    let (code, message) = ("SupplierUnreachable".into(), "no route".into());
    let event = RelayEvent::of(intent, Phase::Failed { code, message, retryable, point: None });
    block_on(store.note(Note::Relay(event))).unwrap();
}

/// The credits of shipments in a journal.
fn credits(location: &Location) -> Vec<(String, ShipmentId, i64)> {
    let records = Follower::new(location).read_some().unwrap().0.records;
    let credited = records.into_iter().filter_map(|record| match record.fact {
        Fact::Supplier(commit) => Some((commit.key.to_string(), commit.shipment?, commit.receipt.stock)),
        _ => None,
    });
    credited.collect()
}

#[test]
fn an_order_in_the_outbox_is_sent_and_credited_once() {
    on_both(1000, "000", |location| {
        let store = open_at(location);
        apply(&store, order("A", 999));
        assert_eq!(claim(&store), None, "nothing is to be sent");
        let ordered = apply(&store, recorded("A"));
        assert_eq!((ordered.outcome, ordered.receipt.delta, ordered.receipt.stock), (CommitOutcome::Applied, 0, 1));
        // A retry, and an order that would need units too if none were on order.
        let again = apply(&store, recorded("A"));
        assert_eq!((again.outcome, again.receipt), (CommitOutcome::Replayed, ordered.receipt));
        apply(&store, recorded("B"));

        let intent = claim(&store).expect("it is due");
        assert_eq!((intent.key(), intent.tries), (IdempotencyKey::supplier(&intent.order.order), 1));
        assert_eq!(
            (intent.order.quantity, intent.plan.faults.as_str(), intent.plan.seed),
            (1000, "supplier.after-send=1*error", 7)
        );
        // It is being sent, so no other worker sends it.
        let other = open_at(location);
        assert_eq!((claim(&store), claim(&other)), (None, None));
        assert!(location.examine(&|_| {}).unwrap().unwrap().audit.outbox.values().map(|order| order.units).eq([1000]));
        drop(store);

        // The try failed; the pause is short. Another process continues.
        fails(&other, &intent, true);
        assert_eq!(claim(&other), None);
        thread::sleep(Intent::RETRY.after(1) + Duration::from_millis(20));
        let again = claim(&other).expect("it is due again");
        assert_eq!((again.line, again.tries), (intent.line, 2));
        assert!(credit(&other, &again, 1));
        assert!(!credit(&other, &again, 1) && !credit(&other, &intent, 1), "another relay has credited it");
        assert_eq!(claim(&other), None);
        drop(other);

        assert_eq!(credits(location), [("supplier:A".to_owned(), shipment(1), 1001)]);
        assert_right_at(location, 1001);
        let audit = location.examine(&|_| {}).unwrap().unwrap().audit;
        assert!(audit.outbox.is_empty());
        assert_eq!((audit.supplier_orders, audit.credited.count), (1, 1));
    });
}

#[test]
fn an_order_that_the_supplier_refuses_leaves_the_outbox() {
    on_both(1, "000", |location| {
        let store = open_at(location);
        apply(&store, recorded("A"));
        let intent = claim(&store).unwrap();
        fails(&store, &intent, false);
        assert!(!credit(&store, &intent, 1));
        // The stock is still low, so the next order needs units.
        apply(&store, recorded("B"));
        let next = claim(&store).unwrap();
        assert_eq!(next.order.order.as_str(), "B");
        assert!(credit(&store, &next, 2));
        drop(store);
        assert_right_at(location, 1001);
    });
}

#[test]
fn a_reset_empties_the_outbox_and_a_late_shipment_is_not_credited() {
    on_both(1, "000", |location| {
        let store = open_at(location);
        apply(&store, recorded("A"));
        let intent = claim(&store).unwrap();
        location.reset().unwrap();
        assert_eq!(claim(&store), None);
        fails(&store, &intent, true);
        assert!(!credit(&store, &intent, 1));
        drop(store);
        // The dashboard would show an event in this journal as an order of this stock.
        let records = Follower::new(location).read_some().unwrap().0.records;
        assert!(!records.iter().any(|record| matches!(record.fact, Fact::Relay(_))), "{records:?}");
        assert_right_at(location, 1000);
    });
}

/// The relay of a worker may report after a reset, when another intent has the line of its own.
#[test]
fn a_late_event_of_the_journal_before_a_reset_changes_no_other_intent() {
    on_both(1000, "000", |location| {
        let store = open_at(location);
        apply(&store, order("A", 999));
        apply(&store, recorded("A"));
        let before = claim(&store).unwrap();
        location.reset().unwrap();
        apply(&store, order("B", 999));
        apply(&store, recorded("B"));
        fails(&store, &before, false);
        let intent = claim(&store).expect("it is still to be sent");
        assert_eq!((intent.line, intent.order.order.as_str()), (before.line, "B"));
        fails(&store, &before, true);
        assert!(credit(&store, &intent, 1));
        drop(store);
        assert_right_at(location, 1001);
    });
}

/// Without a guard, an order that the supplier has refused can be repeated, for instance with a corrected setting.
#[test]
fn an_order_that_was_refused_and_then_shipped_is_one_effect() {
    on_both(1, "000", |location| {
        let store = open_at(location);
        let Request::Commit(order) = request(recorded("A"), Guard::Off) else { unreachable!() };
        block_on(store.commit(order.clone())).unwrap();
        fails(&store, &claim(&store).unwrap(), false);
        block_on(store.commit(order)).unwrap();
        assert!(credit(&store, &claim(&store).unwrap(), 1));
        drop(store);
        assert_right_at(location, 1001);
    });
}

/// Without a guard, a retry orders again if the stock is so low that one delivery is not enough.
#[test]
fn two_intents_of_one_key_are_two_effects() {
    on_both(-1500, "000", |location| {
        let store = open_at(location);
        let Request::Commit(order) = request(recorded("A"), Guard::Off) else { unreachable!() };
        for _ in 0..2 {
            block_on(store.commit(order.clone())).unwrap();
        }
        // The key is the same, so the supplier ships once.
        for _ in 0..2 {
            let intent = claim(&store).unwrap();
            assert!(credit(&store, &intent, 1));
        }
        drop(store);
        let audit = location.examine(&|_| {}).unwrap().unwrap().audit;
        assert_eq!((audit.verdict(), audit.expected, audit.actual), (Verdict::Wrong, -500, 500));
        assert_eq!(audit.applied_twice.len(), 1);
    });
}

/// A clock on which every pause has passed at the next look.
fn fast_clock() -> UnixMillis {
    UnixMillis(crate::bench::clock().0.wrapping_mul(20_000))
}

fn open(machine: &Simulated) -> Result<Engine<Simulated>, idempotence::store::StoreError> {
    Engine::open(machine.another(), fast_clock, idempotence::domain::REORDER_BELOW)
}

/// The supplier: the shipment of each key.
type Shipments = BTreeMap<String, ShipmentId>;

/// Sends one order of the outbox. Returns whether there was none.
fn relay(engine: &mut Engine<Simulated>, shipments: &mut Shipments) -> Result<bool, idempotence::store::StoreError> {
    let claimed = engine.commit(&[Request::Claim], Publication::Now)?.remove(0)?;
    let Reply::Claimed(Some(intent)) = claimed else { return Ok(true) };
    let number = shipments.len() + 1;
    let shipment = shipments.entry(intent.key().to_string()).or_insert_with(|| self::shipment(number)).clone();
    let credit = Request::Credit(CreditRequest { intent: *intent, shipment });
    engine.commit(&[credit], Publication::Now)?.remove(0).map(|_| false)
}

/// Orders and ships, reopening after every failure. What was acknowledged before is not asked for again.
fn work(machine: &Simulated, shipments: &mut Shipments, acknowledged: &mut usize) {
    let effects = [order("A", 999), recorded("A")];
    for _ in 0..6 {
        let Ok(mut engine) = open(machine) else { continue };
        while let Some(effect) = effects.get(*acknowledged) {
            if commit(&mut engine, effect.clone()).is_err() {
                break;
            }
            *acknowledged += 1;
        }
        while *acknowledged == effects.len() {
            match relay(&mut engine, shipments) {
                Ok(true) => return,
                Ok(false) => {}
                Err(_) => break,
            }
        }
    }
    panic!("it does not converge");
}

fn fresh() -> Simulated {
    Simulated::with_document(&document(1000, "000"))
}

fn assert_shipped_once(machine: &Simulated, shipments: &Shipments) {
    assert_right(machine, 1001);
    let audit = audit(&machine.journal_bytes());
    assert_eq!((shipments.len(), audit.credited.count, audit.outbox.len()), (1, 1, 0));
}

#[test]
fn every_failure_at_every_operation_ships_and_credits_once() {
    let clean = fresh();
    work(&clean, &mut Shipments::new(), &mut 0);
    let operations = clean.operations();
    for (at, operation) in operations.iter().enumerate() {
        let full = InjectedFault::Error(std::io::ErrorKind::StorageFull);
        for fault in [InjectedFault::Die, InjectedFault::DieAfter, InjectedFault::Short(150), full] {
            if *operation == Operation::SyncJournal && matches!(fault, InjectedFault::Error(_)) {
                continue;
            }
            let (machine, mut shipments) = (fresh(), Shipments::new());
            machine.fail_at(at, fault);
            work(&machine, &mut shipments, &mut 0);
            assert_shipped_once(&machine, &shipments);
        }
    }
    assert!(operations.len() > 20, "{operations:?}");
}

#[test]
fn power_lost_at_any_operation_forgets_no_order_that_was_recorded_or_sent() {
    let clean = fresh();
    work(&clean, &mut Shipments::new(), &mut 0);
    let mut images = 0;
    for at in 0..clean.operations().len() {
        let (machine, mut shipments, mut acknowledged) = (fresh(), Shipments::new(), 0);
        machine.fail_at(at, InjectedFault::DieAfter);
        let effects = [order("A", 999), recorded("A")];
        if let Ok(mut engine) = open(&machine) {
            while let Some(effect) = effects.get(acknowledged)
                && commit(&mut engine, effect.clone()).is_ok()
            {
                acknowledged += 1;
            }
            if acknowledged == effects.len() {
                while relay(&mut engine, &mut shipments).is_ok_and(|is_done| !is_done) {}
            }
        }
        for document in [DocumentFate::New, DocumentFate::Old] {
            for journal_bytes in 0..=machine.unsynced() {
                let after = machine.after_power_cut(PowerCut { journal_bytes, document });
                let (mut shipments, mut acknowledged) = (shipments.clone(), acknowledged);
                work(&after, &mut shipments, &mut acknowledged);
                assert_shipped_once(&after, &shipments);
                images += 1;
            }
        }
    }
    assert!(images > 100, "only {images} images were looked at");
}

#[test]
fn an_order_of_a_process_that_died_is_durable_before_it_is_sent() {
    let machine = fresh();
    let mut first = open(&machine).unwrap();
    commit(&mut first, order("A", 999)).unwrap();
    let mut second = open(&machine).unwrap();
    machine.fail_next(Operation::Append, InjectedFault::DieAfter);
    assert!(commit(&mut first, recorded("A")).is_err());
    assert!(machine.unsynced() > 0);
    let claimed = second.commit(&[Request::Claim], Publication::Now).unwrap().remove(0);
    assert!(matches!(claimed, Ok(Reply::Claimed(Some(_)))), "{claimed:?}");
    assert_eq!(machine.unsynced(), 0, "it may be sent now");
}

/// Three processes take orders and share the outbox. Each relay asks the same supplier.
#[test]
fn relays_that_run_together_credit_each_shipment_once() {
    const ORDERS: usize = 12;
    on_both(1000, "000", |location| {
        let shipments = Mutex::new(Shipments::new());
        thread::scope(|scope| {
            for process in 0..3 {
                let (store, shipments) = (open_at(location), &shipments);
                scope.spawn(move || {
                    for number in 0..ORDERS {
                        let id = format!("P{process}-{number}");
                        // Without a guard for the orders, so that the stock is low most of the time.
                        let Request::Commit(order) = request(order(&id, 700), Guard::Off) else { unreachable!() };
                        block_on(store.commit(order)).unwrap();
                        apply(&store, recorded(&id));
                        while let Some(intent) = claim(&store) {
                            let key = intent.key().to_string();
                            let mut shipments = shipments.lock().unwrap();
                            let number = shipments.len() + 1;
                            let shipment = shipments.entry(key).or_insert_with(|| shipment(number)).clone();
                            drop(shipments);
                            block_on(store.credit(CreditRequest { intent, shipment })).unwrap();
                        }
                    }
                });
            }
        });
        let audit = location.examine(&|_| {}).unwrap().unwrap().audit;
        let credited: BTreeMap<_, _> =
            credits(location).into_iter().map(|(key, shipment, _)| (key, shipment)).collect();
        assert_eq!((audit.verdict(), audit.outbox.len()), (Verdict::Right, 0), "{location}: {}", audit.sentence());
        assert_eq!(credited, *shipments.lock().unwrap(), "{location}");
        assert_eq!(credited.len() as u64, audit.credited.count, "{location}");
        let taken = 3 * i64::try_from(ORDERS).unwrap() * 700;
        assert_eq!(audit.actual, 1000 - taken + audit.credited.units, "{location}");
    });
}

#[test]
fn a_compaction_and_a_checkpoint_keep_the_outbox() {
    let machine = Simulated::with_document(&document(5_000, "000"));
    let mut store = crate::compacted::open(&machine);
    for index in 0..4_500 {
        store.commit(&crate::compacted::retried_order(&format!("A{index}")), Publication::Later).unwrap();
    }
    commit(&mut store, order("last", 499)).unwrap();
    commit(&mut store, recorded("last")).unwrap();
    let claimed = store.commit(&[Request::Claim], Publication::Now).unwrap().remove(0).unwrap();
    let Reply::Claimed(Some(intent)) = claimed else { panic!("{claimed:?}") };
    let (code, message) = ("SupplierUnreachable".into(), "no route".into());
    let failed = RelayEvent::of(&intent, Phase::Failed { code, message, retryable: true, point: None });
    store.commit(&[Request::Note(Note::Relay(failed))], Publication::Now).unwrap();
    let relayed = |machine: &Simulated| {
        let records = crate::bench::records(&machine.journal_bytes()).into_iter();
        records.filter(|record| matches!(record.fact, Fact::Intent(_) | Fact::Relay(_))).collect::<Vec<_>>()
    };
    let before = relayed(&machine);
    assert_eq!(before.len(), 3);
    store.compact(10, &|_| {}).unwrap().unwrap();
    assert_eq!(relayed(&machine), before);
    // A worker that ends writes a checkpoint.
    drop(StoreHandle::on(store).unwrap());
    assert!(machine.checkpoint().is_some());
    let mut store = open(&machine).unwrap();
    let mut shipments = Shipments::new();
    assert!(!relay(&mut store, &mut shipments).unwrap() && relay(&mut store, &mut shipments).unwrap());
    let audit = audit(&machine.journal_bytes());
    assert_eq!((audit.verdict(), audit.actual, audit.credited.count), (Verdict::Right, 1001, 1));
}
