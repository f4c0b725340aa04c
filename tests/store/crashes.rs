//! A kill, an error and a short write at every operation of every kind of work, and a loss of power at every byte.

use idempotence::{
    domain::REORDER_BELOW,
    store::{CommitOutcome, Engine, Publication, StoreError},
};

use crate::bench::{
    assert_right, clock, commit, document, engine, found_poison, open, order, outcome, stock, supplier,
};
use crate::simulated::{DocumentFate, InjectedFault, Operation, PowerCut, Simulated};

/// Applies three orders and a supplier order, reopening after every failure, until all are acknowledged.
fn work(machine: &Simulated) {
    let mut store = None;
    for effect in [order("A", 10), order("B", 989), supplier("B", 1000), order("A", 10)] {
        let mut tries = 0;
        loop {
            tries += 1;
            assert!(tries < 5, "it does not converge");
            let opened = match store.take() {
                Some(store) => Ok(store),
                None => Engine::open(machine.another(), clock, REORDER_BELOW),
            };
            if let Ok(mut engine) = opened
                && commit(&mut engine, effect.clone()).is_ok()
            {
                store = Some(engine);
                break;
            }
        }
    }
}

fn fresh() -> Simulated {
    Simulated::with_document(&document(1000, "000"))
}

#[test]
fn every_failure_at_every_operation_converges() {
    let clean = fresh();
    work(&clean);
    assert_right(&clean, 1001);
    let mut met = 0;
    for at in 0..clean.operations().len() {
        for fault in [
            InjectedFault::Die,
            InjectedFault::DieAfter,
            InjectedFault::Short(0),
            InjectedFault::Short(1),
            InjectedFault::Short(150),
            InjectedFault::Error(std::io::ErrorKind::StorageFull),
            InjectedFault::Error(std::io::ErrorKind::Interrupted),
        ] {
            // A failed sync poisons the database; see `a_failed_sync_poisons` below.
            if clean.operations()[at] == Operation::SyncJournal && matches!(fault, InjectedFault::Error(_)) {
                continue;
            }
            let machine = fresh();
            machine.fail_at(at, fault);
            work(&machine);
            assert_right(&machine, 1001);
            met += 1;
        }
    }
    assert!(met > 100, "only {met} failures were tried");
}

#[test]
fn power_lost_at_any_operation_loses_nothing_that_was_acknowledged() {
    let clean = fresh();
    work(&clean);
    let mut images = 0;
    for at in 0..clean.operations().len() {
        let machine = fresh();
        machine.fail_at(at, InjectedFault::DieAfter);
        let mut acknowledged = Vec::new();
        if let Ok(mut store) = Engine::open(machine.another(), clock, REORDER_BELOW) {
            for effect in [order("A", 10), order("B", 989), supplier("B", 1000)] {
                if commit(&mut store, effect.clone()).is_ok() {
                    acknowledged.push(effect);
                }
            }
        }
        for document in [DocumentFate::New, DocumentFate::Old, DocumentFate::Empty] {
            // A missing journal and an empty document cannot occur together, because the document is older than the
            // journal.
            if machine.journal_bytes().is_empty() && document == DocumentFate::Empty {
                continue;
            }
            for journal_bytes in 0..=machine.unsynced() {
                let after = machine.after_power_cut(PowerCut { journal_bytes, document });
                let mut store = open(&after);
                for effect in &acknowledged {
                    assert_eq!(
                        outcome(&mut store, effect.clone()),
                        CommitOutcome::Replayed,
                        "operation {at}: {effect:?}"
                    );
                }
                work(&after);
                assert_right(&after, 1001);
                images += 1;
            }
        }
    }
    assert!(images > 500, "only {images} images were looked at");
}

#[test]
fn a_failed_sync_poisons_the_database_for_every_process() {
    let (machine, mut store) = engine(1000);
    let mut other = open(&machine);
    machine.fail_next(Operation::SyncJournal, InjectedFault::Error(std::io::ErrorKind::Other));
    let failed = commit(&mut store, order("A", 10)).unwrap_err();
    assert!(matches!(failed, StoreError::Poisoned { .. }), "its line is written: {failed}");
    for _ in 0..3 {
        // The store must not sync again and acknowledge, because the second sync would succeed.
        assert!(found_poison(commit(&mut other, order("B", 10))));
        assert!(found_poison(commit(&mut store, order("A", 10))));
    }
    let kept = Engine::reset(machine.another(), clock).unwrap();
    assert!(kept.journal.is_some(), "the journal is kept");
    assert_eq!(outcome(&mut open(&machine), order("A", 10)), CommitOutcome::Applied);
}

#[test]
fn a_replay_of_another_processs_effect_is_synced_before_it_is_acknowledged() {
    let (machine, mut first) = engine(1000);
    let mut second = open(&machine);
    // The first process dies between its append and its sync.
    machine.fail_next(Operation::Append, InjectedFault::DieAfter);
    assert!(commit(&mut first, order("A", 10)).is_err());
    assert!(machine.unsynced() > 0);
    assert_eq!(outcome(&mut second, order("A", 10)), CommitOutcome::Replayed);
    assert_eq!(machine.unsynced(), 0, "acknowledged, so it must be durable");
}

#[test]
fn a_replay_publishes_the_document_that_a_dead_process_left_old() {
    let (machine, mut first) = engine(1000);
    let mut second = open(&machine);
    // It dies between its sync and its publication.
    machine.fail_next(Operation::SyncJournal, InjectedFault::DieAfter);
    assert!(commit(&mut first, order("A", 10)).is_err());
    assert_eq!(stock(&machine), 1000);
    assert_eq!(outcome(&mut second, order("A", 10)), CommitOutcome::Replayed);
    assert_eq!(stock(&machine), 990);
}

#[test]
fn a_batch_is_one_sync_and_a_torn_one_keeps_its_whole_lines() {
    let (machine, mut store) = engine(1000);
    let before = machine.operations().len();
    let batch: Vec<_> = (0..32)
        .map(|index| crate::bench::request(order(&format!("A{index}"), 1), idempotence::domain::Guard::Ledger))
        .collect();
    let answers = store.commit(&batch, Publication::Now).unwrap();
    assert!(answers.iter().all(Result::is_ok));
    let syncs = machine.operations()[before..].iter().filter(|done| **done == Operation::SyncJournal).count();
    assert_eq!(syncs, 1);
    assert_right(&machine, 968);
}
