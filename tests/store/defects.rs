//! The defects D1 to D16, as far as they concern the store. Each test starts with stock 1000 and order "000" unless it
//! says otherwise.

use idempotence::{
    domain::{Guard, REORDER_BELOW},
    store::{CommitOutcome, Engine, Store, StoreError, StoreHandle, storage::Disk},
};

use crate::bench::{
    self, assert_right, clock, commit, commit_under, document, engine, open, order, order_for, outcome, stock, supplier,
};
use crate::simulated::{DocumentFate, InjectedFault, Operation, PowerCut, Simulated};

#[test]
fn d1_an_order_is_known_even_when_another_came_after_it() {
    let (machine, mut store) = engine(1000);
    for id in ["A", "B", "A"] {
        commit(&mut store, order(id, 10)).unwrap();
    }
    assert_right(&machine, 980);
}

#[test]
fn d1_the_last_order_guard_shows_the_original_defect() {
    let (machine, mut store) = engine(1000);
    for id in ["A", "B", "A"] {
        commit_under(&mut store, order(id, 10), Guard::LastOrder).unwrap();
    }
    assert_eq!(stock(&machine), 970);
}

#[test]
fn d2_a_retry_after_the_commit_changes_nothing_though_another_order_ran() {
    let (machine, mut store) = engine(1000);
    // Attempt 1 of A commits and then fails; its caller never learns of the commit.
    commit(&mut store, order("A", 10)).unwrap();
    commit(&mut store, order("B", 10)).unwrap();
    assert_eq!(outcome(&mut store, order("A", 10)), CommitOutcome::Replayed);
    assert_right(&machine, 980);
}

#[test]
fn d3_two_orders_at_once_are_both_applied() {
    // Two processes, each having read the stock before the other wrote it.
    let (machine, mut first) = engine(1000);
    let mut second = open(&machine);
    commit(&mut first, order("A", 10)).unwrap();
    commit(&mut second, order("B", 10)).unwrap();
    assert_right(&machine, 980);
}

#[test]
fn d4_a_read_error_is_not_taken_for_not_yet_applied() {
    // A:1 has made the stock 5, and its completion was lost.
    let (machine, mut store) = reorder_below_10(6);
    commit(&mut store, order("A", 1)).unwrap();
    assert_eq!(stock(&machine), 5);
    let mut supplying = Engine::open(machine.another(), clock, 10).unwrap();
    commit(&mut supplying, supplier("B", 1000)).unwrap();
    // The retry's read fails. This must be an error and not "not processed yet".
    machine.fail_next(Operation::ReadJournal, InjectedFault::Error(std::io::ErrorKind::Interrupted));
    let error = commit(&mut store, order("A", 1)).unwrap_err();
    assert!(matches!(error, StoreError::NotWritten { .. }) && error.is_retryable(), "{error}");
    assert_eq!(outcome(&mut store, order("A", 1)), CommitOutcome::Replayed);
    assert_right(&machine, 1005);
}

#[test]
fn d5_a_kill_in_the_middle_of_a_write_leaves_a_readable_database() {
    let clean = {
        let (machine, mut store) = engine(1000);
        commit(&mut store, order("A", 10)).unwrap();
        machine.operations().len()
    };
    for at in 0..clean {
        for fault in [InjectedFault::Die, InjectedFault::DieAfter, InjectedFault::Short(10), InjectedFault::Short(0)] {
            let machine = Simulated::with_document(&document(1000, "000"));
            machine.fail_at(at, fault);
            let dying = Engine::open(machine.another(), clock, REORDER_BELOW);
            let acknowledged = dying.and_then(|mut store| commit(&mut store, order("A", 10))).is_ok();
            let mut next = open(&machine);
            let applied = outcome(&mut next, order("A", 10));
            assert!(!acknowledged || applied == CommitOutcome::Replayed, "operation {at}, {fault:?}");
            assert_right(&machine, 990);
        }
    }
}

#[test]
fn d6_a_file_that_cannot_be_written_is_a_retryable_error_and_the_stock_is_kept() {
    use std::io::ErrorKind::{PermissionDenied, StorageFull};
    for (operation, kind) in [
        (Operation::Append, StorageFull),
        (Operation::Append, PermissionDenied),
        (Operation::ReplaceDocument, StorageFull),
        (Operation::ReplaceDocument, PermissionDenied),
    ] {
        let (machine, mut store) = engine(1000);
        machine.fail_next(operation, InjectedFault::Error(kind));
        let error = commit(&mut store, order("A", 10)).unwrap_err();
        assert!(error.is_retryable(), "{error}");
        assert_eq!(stock(&machine), 1000, "{operation:?}");
        commit(&mut store, order("A", 10)).unwrap();
        assert_right(&machine, 990);
    }
}

#[test]
fn d6_on_a_real_disk_a_folder_in_the_journals_place_is_an_error_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("inventory.json.journal")).unwrap();
    let error = StoreHandle::open(&folder.path().join("inventory.json")).unwrap_err();
    assert!(error.to_string().contains("inventory.json.journal: it is a folder, not a regular file"), "{error}");
}

#[test]
fn d7_a_supplier_order_and_a_customers_order_at_once_both_count() {
    // In both orders, by two processes that know the same stock of 5.
    for supplier_first in [true, false] {
        let (machine, mut one) = reorder_below_10(5);
        let mut other = Engine::open(machine.another(), clock, 10).unwrap();
        if supplier_first {
            commit(&mut one, supplier("B", 1000)).unwrap();
            commit(&mut other, order("A", 3)).unwrap();
        } else {
            commit(&mut other, order("A", 3)).unwrap();
            commit(&mut one, supplier("B", 1000)).unwrap();
        }
        assert_right(&machine, 1002);
    }
}

#[test]
fn d8_a_supplier_credit_is_given_once_though_the_stock_is_still_low() {
    let (machine, mut store) = engine(0);
    commit(&mut store, supplier("A", 1)).unwrap();
    assert_eq!(outcome(&mut store, supplier("A", 1)), CommitOutcome::Replayed);
    assert_right(&machine, 1);
}

#[test]
fn d9_an_unknown_product_is_rejected_and_the_known_one_untouched() {
    let (machine, mut store) = engine(1000);
    let error = commit(&mut store, order_for("A", "999999", 1000)).unwrap_err();
    assert_eq!((error.type_name(), error.is_retryable()), ("UnknownProduct", false));
    assert_right(&machine, 1000);
}

#[test]
fn d10_order_000_is_an_order_and_an_empty_id_is_none() {
    let (machine, mut store) = engine(1000);
    assert_eq!(outcome(&mut store, order("000", 10)), CommitOutcome::Applied);
    assert_eq!(outcome(&mut store, order("000", 10)), CommitOutcome::Replayed);
    assert_right(&machine, 990);
    assert!(idempotence::domain::OrderId::new("").is_err());
}

#[test]
fn d11_the_same_id_with_another_quantity_is_a_conflict() {
    let (machine, mut store) = engine(1000);
    commit(&mut store, order("A", 10)).unwrap();
    let error = commit(&mut store, order("A", 20)).unwrap_err();
    assert_eq!((error.type_name(), error.is_retryable()), ("OrderConflict", false));
    assert_right(&machine, 990);
}

#[test]
fn d12_an_attempt_that_wakes_up_after_its_successor_changes_nothing() {
    // Two workers; the first attempt stalled before it reached the store.
    let (machine, mut stalled) = engine(1000);
    let mut successor = open(&machine);
    commit(&mut successor, order("A", 10)).unwrap();
    assert_eq!(outcome(&mut stalled, order("A", 10)), CommitOutcome::Replayed);
    assert_right(&machine, 990);
}

#[test]
fn d13_impossible_quantities_are_rejected() {
    let (machine, mut store) = engine(1000);
    for (quantity, code) in [
        (-5, "InvalidQuantity"),
        (0, "InvalidQuantity"),
        (i64::MIN, "InvalidQuantity"),
        (i64::MAX, "InvalidQuantity"),
        (1001, "InsufficientStock"),
    ] {
        let error = commit(&mut store, order("A", quantity)).unwrap_err();
        assert_eq!((error.type_name(), error.is_retryable()), (code, false), "{quantity}");
    }
    assert_right(&machine, 1000);
}

#[test]
fn d14_the_same_order_twice_at_once_is_applied_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("inventory.json");
    let stores = [StoreHandle::open(&path).unwrap(), StoreHandle::open(&path).unwrap()];
    let asked = stores.iter().enumerate().map(|(index, store)| {
        let effect = order("A", 10);
        let origin = bench::origin(&effect, &format!("run-{index}"), 1);
        store.commit(idempotence::store::CommitRequest { effect, guard: Guard::Ledger, origin })
    });
    let answers = futures::executor::block_on(futures::future::join_all(asked));
    let outcomes: Vec<_> = answers.into_iter().map(|answer| answer.unwrap().outcome).collect();
    assert!(outcomes.contains(&CommitOutcome::Applied) && outcomes.contains(&CommitOutcome::Replayed), "{outcomes:?}");
    // Fast commits may be published a moment later, at the latest when the store is dropped.
    drop(stores);
    let shown = idempotence::store::read_document(&path).unwrap().unwrap();
    assert_eq!(shown.stock, 990);
}

#[test]
fn d16_acknowledged_effects_survive_a_power_cut() {
    let (machine, mut store) = engine(1000);
    for (id, expected) in [("A", 990), ("B", 980), ("C", 970)] {
        commit(&mut store, order(id, 10)).unwrap();
        for document in [DocumentFate::New, DocumentFate::Old, DocumentFate::Empty] {
            for journal_bytes in 0..=machine.unsynced() {
                let after = machine.after_power_cut(PowerCut { journal_bytes, document });
                let mut store = open(&after);
                assert_eq!(outcome(&mut store, order(id, 10)), CommitOutcome::Replayed, "{document:?}");
                assert_right(&after, expected);
            }
        }
    }
}

#[test]
fn d16_the_test_would_see_a_sync_that_is_missing() {
    let (machine, mut store) = engine(1000);
    machine.fail_next(Operation::SyncJournal, InjectedFault::Pretend);
    commit(&mut store, order("A", 10)).unwrap();
    assert!(machine.unsynced() > 0);
    let after = machine.after_power_cut(PowerCut { journal_bytes: 0, document: DocumentFate::Old });
    assert_eq!(outcome(&mut open(&after), order("A", 10)), CommitOutcome::Applied, "the acknowledged order is lost");
}

#[test]
fn the_lock_file_is_for_the_group_at_most_and_stays() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("inventory.json");
    let mut store = Engine::open(Disk::open(&path).unwrap(), clock, REORDER_BELOW).unwrap();
    commit(&mut store, order("A", 10)).unwrap();
    let lock = std::fs::metadata(folder.path().join("inventory.json.lock")).unwrap();
    let mode = lock.permissions().mode() & 0o777;
    assert_eq!((mode & 0o607, mode & 0o010), (0o600, 0), "{mode:o}");
}

/// The original reorders below 10; its scenarios need that.
fn reorder_below_10(stock: i64) -> (Simulated, Engine<Simulated>) {
    let machine = Simulated::with_document(&document(stock, "000"));
    let engine = Engine::open(machine.another(), clock, 10).unwrap();
    (machine, engine)
}
