//! A long journal is read without the lock, and again only if the loaded state may differ from it.

use std::{
    cell::RefCell,
    fs,
    io::ErrorKind,
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use futures::executor::block_on;
use idempotence::{
    domain::{Guard, REORDER_BELOW},
    store::{
        CommitOutcome, CommitRequest, Engine, Progress, Publication, Store, StoreError, StoreHandle, Verdict, examine,
        storage::Disk,
    },
};

use crate::{
    bench::{assert_right, clock, commit, engine, open, order, origin, outcome, request, stock, supplier},
    odd::{Odd, odd},
    simulated::{InjectedFault, Operation, Simulated},
};

const ORDERS: usize = 6_000;

/// Maximum number of bytes to read while other processes wait: the last lines, not the whole journal.
const TAIL_BYTES: usize = 16 << 10;

/// A machine with a journal of more than 1 MiB.
fn long_journal() -> Simulated {
    let (machine, mut store) = engine(100_000);
    let orders: Vec<_> = (0..ORDERS).map(|index| request(order(&format!("A{index}"), 1), Guard::Ledger)).collect();
    store.commit(&orders, Publication::Now).unwrap();
    assert!(machine.journal_bytes().len() > 1 << 20);
    machine
}

fn open_odd(storage: Odd<Simulated>) -> Engine<Odd<Simulated>> {
    Engine::open(storage, clock, REORDER_BELOW).unwrap()
}

#[test]
fn a_second_worker_reads_a_long_journal_without_the_lock() {
    let machine = long_journal();
    let storage = odd(machine.another());
    let read_under_lock = storage.read_under_lock.clone();
    let mut store = open_odd(storage);
    assert!(read_under_lock.load(Ordering::Relaxed) < TAIL_BYTES, "{read_under_lock:?}");
    assert_eq!(outcome(&mut store, order("A5999", 1)), CommitOutcome::Replayed);
    assert_right(&machine, 94_000);
}

#[test]
fn a_long_journal_is_read_and_examined_with_its_progress() {
    let machine = long_journal();
    let bytes = machine.journal_bytes().len() as u64;
    let steps = RefCell::new(Vec::new());
    let seen = |progress: Progress| steps.borrow_mut().push(progress);
    let assert_all_seen = || {
        let steps = steps.take();
        assert_eq!(steps.last(), Some(&Progress { read: bytes, of: bytes }));
        assert!(steps.len() > 1 && steps.is_sorted_by_key(|step| step.read), "{steps:?}");
    };
    Engine::open_observed(machine.another(), clock, REORDER_BELOW, &seen).unwrap();
    assert_all_seen();
    let folder = tempfile::tempdir().unwrap();
    let document = folder.path().join("inventory.json");
    fs::write(folder.path().join("inventory.json.journal"), machine.journal_bytes()).unwrap();
    assert_eq!(examine(&document, &seen).unwrap().unwrap().audit.actual, 94_000);
    assert_all_seen();
}

#[test]
fn changes_by_others_during_the_read_are_seen() {
    let machine = long_journal();
    let mut storage = odd(machine.another());
    let other = machine.another();
    storage.while_unlocked = Some(Box::new(move || {
        commit(&mut Engine::open(other, clock, REORDER_BELOW).unwrap(), order("B", 1)).unwrap();
    }));
    let mut store = open_odd(storage);
    assert_eq!(outcome(&mut store, order("B", 1)), CommitOutcome::Replayed);
    assert_right(&machine, 93_999);

    let mut storage = odd(machine.another());
    let other = machine.another();
    storage.while_unlocked = Some(Box::new(move || drop(Engine::reset(other, clock).unwrap())));
    let mut store = open_odd(storage);
    assert_eq!(outcome(&mut store, order("B", 1)), CommitOutcome::Applied);
    assert_right(&machine, 999);
}

#[test]
fn lines_that_are_cut_back_while_it_is_read_leave_nothing() {
    let machine = long_journal();
    let whole = machine.journal_bytes();
    // The disk is full in the middle of another process's batch, so that process removes the lines it wrote.
    let mut storage = odd(machine.another());
    let (other, torn) = (machine.another(), [&whole[..], &whole[whole.len() - 300..whole.len() - 20]].concat());
    machine.write_journal(&torn);
    storage.while_unlocked = Some(Box::new(move || other.write_journal(&whole)));
    let mut store = open_odd(storage);
    assert_eq!(outcome(&mut store, order("C", 1)), CommitOutcome::Applied);
    assert_right(&machine, 93_999);
}

#[test]
fn a_long_journal_is_examined_to_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("inventory.json");
    let mut store = Engine::open(Disk::open(&path).unwrap(), clock, REORDER_BELOW).unwrap();
    let orders: Vec<_> =
        (0..ORDERS).map(|index| request(supplier(&format!("A{index}"), 1000), Guard::Ledger)).collect();
    store.commit(&orders, Publication::Now).unwrap();
    drop(store);
    let found = examine(&path, &|_| {}).unwrap().unwrap();
    assert_eq!((found.audit.seq, found.verdict()), (ORDERS as u64 + 1, Verdict::Right));
    let journal = folder.path().join("inventory.json.journal");
    let mut bytes = std::fs::read(&journal).unwrap();
    assert!(bytes.len() > 1 << 20);
    let last = bytes.len() - 10;
    bytes[last] ^= 1;
    std::fs::write(&journal, bytes).unwrap();
    assert!(matches!(examine(&path, &|_| {}), Err(StoreError::DamagedJournal { .. })));
}

#[test]
fn a_failed_publication_costs_no_second_reading() {
    let machine = long_journal();
    let storage = odd(machine.another());
    let (reads, read_under_lock) = (storage.reads.clone(), storage.read_under_lock.clone());
    let mut store = open_odd(storage);
    reads.lock().unwrap().clear();
    let end = machine.journal_bytes().len() as u64;
    for id in ["B", "C", "D"] {
        machine.fail_next(Operation::ReplaceDocument, InjectedFault::Error(ErrorKind::StorageFull));
        assert!(commit(&mut store, order(id, 1)).is_err());
        assert!(store.is_behind(), "the writer must try again");
        assert_eq!(outcome(&mut store, order(id, 1)), CommitOutcome::Replayed, "it is in the journal");
    }
    let read = reads.lock().unwrap().clone();
    assert!(read.len() == 3 && read.iter().all(|at| *at >= end), "only the line of each repeated key: {read:?}");
    assert_right(&machine, 93_997);
    // After a failed write, the loaded state is ahead of the journal, so the journal is read again, without the lock.
    read_under_lock.store(0, Ordering::Relaxed);
    machine.fail_next(Operation::Append, InjectedFault::Error(ErrorKind::StorageFull));
    assert!(commit(&mut store, order("E", 1)).is_err());
    assert_eq!(outcome(&mut store, order("E", 1)), CommitOutcome::Applied);
    assert!(read_under_lock.load(Ordering::Relaxed) < TAIL_BYTES, "{read_under_lock:?}");
    assert_right(&machine, 93_996);
}

#[test]
fn a_publication_that_failed_is_tried_again_when_nothing_else_is_to_do() {
    let (machine, engine) = engine(1000);
    let store = StoreHandle::on(engine).unwrap();
    machine.fail_next(Operation::ReplaceDocument, InjectedFault::Error(ErrorKind::StorageFull));
    let effect = order("A", 10);
    let origin = origin(&effect, "run-1", 1);
    let answer = block_on(store.commit(CommitRequest { effect, guard: Guard::Ledger, origin }));
    assert!(answer.is_err_and(|error| error.is_retryable()));
    let since = Instant::now();
    while stock(&machine) != 990 {
        assert!(since.elapsed() < Duration::from_secs(10), "never published");
        std::thread::yield_now();
    }
    drop(store);
    assert_eq!(outcome(&mut open(&machine), order("A", 10)), CommitOutcome::Replayed);
}
