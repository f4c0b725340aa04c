//! A kill, an error and a short write at every operation of a compaction, and a loss of power after each.

use std::io::ErrorKind;

use idempotence::store::{CommitOutcome, Engine, StoreError};

use crate::{
    bench::{assert_right, clock, order, outcome},
    compacted::{KEPT, RULES, compact, declaration, lasting, machine_with_orders, open},
    simulated::{DocumentFate, InjectedFault, Operation, PowerCut, Simulated},
};

const ORDERS: usize = 8;

/// A copy of the machine.
fn copy(machine: &Simulated) -> Simulated {
    machine.after_power_cut(PowerCut { journal_bytes: machine.unsynced(), document: DocumentFate::New })
}

/// The operations of an opening and a compaction.
fn operations(machine: &Simulated) -> Vec<Operation> {
    let machine = copy(machine);
    compact(&mut open(&machine));
    assert!(declaration(&machine.journal_bytes()).is_some());
    machine.operations()
}

/// Checks that no effect is lost or repeated, and that another compaction succeeds.
fn assert_intact(machine: &Simulated, before: &Simulated, context: &str) {
    let mut store = open(machine);
    for index in 0..ORDERS {
        assert_eq!(outcome(&mut store, order(&format!("A{index}"), 1)), CommitOutcome::Replayed, "{context}");
    }
    assert_eq!(lasting(&machine.journal_bytes()), lasting(&before.journal_bytes()), "{context}");
    assert_eq!(machine.document(), before.document(), "{context}");
    store.compact(KEPT, &|_| {}).unwrap();
    assert!(declaration(&machine.journal_bytes()).is_some(), "{context}");
    drop(open(machine));
    assert_eq!(machine.document(), before.document(), "{context}");
    assert_right(machine, 1_000_000 - 1 - i64::try_from(ORDERS).unwrap());
}

#[test]
fn every_failure_at_every_operation_leaves_one_of_both_journals() {
    let (before, store) = machine_with_orders(ORDERS);
    drop(store);
    let (mut old, mut new) = (0, 0);
    for (at, operation) in operations(&before).into_iter().enumerate() {
        for fault in [
            InjectedFault::Die,
            InjectedFault::DieAfter,
            InjectedFault::Short(0),
            InjectedFault::Short(100),
            InjectedFault::Error(ErrorKind::StorageFull),
            InjectedFault::Error(ErrorKind::Other),
        ] {
            // A failed sync of the old journal poisons the database, as without a compaction.
            if operation == Operation::SyncJournal && matches!(fault, InjectedFault::Error(_)) {
                continue;
            }
            let machine = copy(&before);
            machine.fail_at(at, fault);
            let opened = Engine::open(machine.another(), clock, RULES);
            let compacted = opened.and_then(|mut store| store.compact(KEPT, &|_| {}));
            let context = format!("{fault:?} at operation {at}, {operation:?}: {compacted:?}");
            match declaration(&machine.journal_bytes()) {
                Some(_) => new += 1,
                None => old += 1,
            }
            assert!(!matches!(compacted, Err(StoreError::DamagedJournal { .. })), "{context}");
            assert_intact(&machine, &before, &context);
        }
    }
    assert!(old > 40 && new > 20, "{old} and {new}");
}

#[test]
fn a_failed_compaction_does_not_stop_the_process() {
    let (before, store) = machine_with_orders(ORDERS);
    drop(store);
    for operation in [Operation::Stage, Operation::WriteStaged, Operation::SyncStaged, Operation::ReplaceJournal] {
        let machine = copy(&before);
        let mut store = open(&machine);
        machine.fail_next(operation, InjectedFault::Error(ErrorKind::StorageFull));
        let failed = store.compact(KEPT, &|_| {}).unwrap_err();
        assert!(matches!(failed, StoreError::Io { .. }), "{operation:?}: {failed}");
        assert!(failed.to_string().contains("free some space"), "{failed}");
        assert_eq!(machine.journal_bytes(), before.journal_bytes());
        assert_eq!(outcome(&mut store, order("A0", 1)), CommitOutcome::Replayed);
        compact(&mut store);
        assert_eq!(outcome(&mut store, order("new", 1)), CommitOutcome::Applied);
    }
}

#[test]
fn power_lost_after_any_operation_loses_nothing() {
    let (before, store) = machine_with_orders(ORDERS);
    drop(store);
    let mut images = 0;
    for (at, operation) in operations(&before).into_iter().enumerate() {
        let machine = copy(&before);
        machine.fail_at(at, InjectedFault::DieAfter);
        let opened = Engine::open(machine.another(), clock, RULES);
        let compacted = opened.and_then(|mut store| store.compact(KEPT, &|_| {}));
        for document in [DocumentFate::New, DocumentFate::Old] {
            for journal_bytes in [0, machine.unsynced() / 2, machine.unsynced()] {
                let after = machine.after_power_cut(PowerCut { journal_bytes, document });
                let context = format!("{document:?} after operation {at}, {operation:?}: {compacted:?}");
                drop(open(&after));
                assert_intact(&after, &before, &context);
                images += 1;
            }
        }
    }
    assert!(images > 50, "only {images} images were looked at");
}

#[test]
fn these_tests_notice_a_new_journal_that_was_not_synced() {
    let (before, store) = machine_with_orders(ORDERS);
    drop(store);
    let machine = copy(&before);
    let mut store = open(&machine);
    machine.fail_next(Operation::SyncStaged, InjectedFault::Pretend);
    compact(&mut store);
    let after = machine.after_power_cut(PowerCut { journal_bytes: 0, document: DocumentFate::New });
    assert!(Engine::open(after.another(), clock, RULES).is_err(), "the new journal is lost");
}
