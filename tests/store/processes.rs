//! Several processes that use one database.

use std::{sync::Arc, time::Duration};

use idempotence::{
    domain::{Guard, REORDER_BELOW},
    store::{
        CommitOutcome, CommitRequest, Engine, JournalReader, Publication, Record, Request, StoreError, Verdict,
        storage::{Disk, Storage},
    },
};

use crate::{
    bench::{
        SEED, assert_right, audit, clock, commit, commit_under, document, engine, found_poison, open, order, origin,
        outcome, supplier,
    },
    odd::odd,
    simulated::{InjectedFault, Operation, Simulated},
};

#[test]
fn a_failed_sync_stops_this_process_even_when_the_poison_cannot_be_written() {
    let machine = Simulated::with_document(&document(1000, "000"));
    let mut storage = odd(machine.another());
    storage.poison_fails = true;
    let mut store = Engine::open(storage, clock, REORDER_BELOW).unwrap();
    machine.fail_next(Operation::SyncJournal, InjectedFault::Error(std::io::ErrorKind::Other));
    assert!(matches!(commit(&mut store, order("A", 10)), Err(StoreError::Poisoned { .. })));
    // The kernel reports the error only once, so this sync would "succeed".
    assert!(found_poison(commit(&mut store, order("A", 10))));
}

#[test]
fn on_a_real_disk_every_process_sees_the_poison_until_a_reset() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("inventory.json");
    let mut running = Engine::open(Disk::open(&path).unwrap(), clock, REORDER_BELOW).unwrap();
    Disk::open(&path).unwrap().set_poison("a test").unwrap();
    assert!(found_poison(commit(&mut running, order("A", 10))));
    let opened = Engine::open(Disk::open(&path).unwrap(), clock, REORDER_BELOW);
    assert!(matches!(opened, Err(StoreError::Poisoned { .. })));
    idempotence::store::reset(&path).unwrap();
    assert_eq!(outcome(&mut running, order("A", 10)), CommitOutcome::Applied);
}

#[test]
fn processes_share_one_lock_after_the_folder_was_emptied() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("inventory.json");
    let mut first = Engine::open(Disk::open(&path).unwrap(), clock, REORDER_BELOW).unwrap();
    commit(&mut first, order("A", 10)).unwrap();
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        std::fs::remove_file(entry.unwrap().path()).unwrap();
    }
    let mut second = Engine::open(Disk::open(&path).unwrap(), clock, REORDER_BELOW).unwrap();
    commit(&mut second, order("B", 10)).unwrap();
    let mut held = Disk::open(&path).unwrap();
    assert!(held.lock(Duration::ZERO).unwrap());
    let answer = commit(&mut first, order("C", 10));
    assert!(matches!(answer, Err(StoreError::Busy { .. })), "wrote beside the holder of the lock: {answer:?}");
}

#[test]
fn nothing_acknowledged_is_lost_after_the_folder_was_emptied() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("inventory.json");
    let mut first = Engine::open(Disk::open(&path).unwrap(), clock, REORDER_BELOW).unwrap();
    commit(&mut first, order("X", 1)).unwrap();
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        std::fs::remove_file(entry.unwrap().path()).unwrap();
    }
    let mut second = Engine::open(Disk::open(&path).unwrap(), clock, REORDER_BELOW).unwrap();
    let work = |store: &mut Engine<Disk>, name: &str| -> Vec<String> {
        let ids = (0..300).map(|index| format!("{name}{index:03}"));
        ids.filter(|id| commit(store, order(id, 1)).is_ok()).collect()
    };
    let (a, b) = std::thread::scope(|scope| {
        let a = scope.spawn(|| work(&mut first, "A"));
        let b = scope.spawn(|| work(&mut second, "B"));
        (a.join().unwrap(), b.join().unwrap())
    });
    let mut store = Engine::open(Disk::open(&path).unwrap(), clock, REORDER_BELOW).unwrap();
    for id in a.iter().chain(&b) {
        assert_eq!(outcome(&mut store, order(id, 1)), CommitOutcome::Replayed, "{id} was acknowledged");
    }
}

#[test]
fn an_attempt_that_wakes_up_after_a_refusal_applies_nothing() {
    let (machine, mut store) = engine(1);
    // Attempt 2 gets a permanent failure, and the workflow ends. Attempt 1 still hangs.
    assert!(commit(&mut store, order("A", 5)).is_err());
    commit(&mut store, supplier("B", 1000)).unwrap();
    let zombie = commit(&mut store, order("A", 5));
    assert!(zombie.is_err(), "the rejected run's order was applied: {zombie:?}");
    assert_right(&machine, 1001);
    // The order itself is not blocked: a new run may succeed.
    let effect = order("A", 5);
    let origin = origin(&effect, "run-2", 1);
    let again = Request::Commit(CommitRequest { effect, guard: Guard::Ledger, origin });
    assert!(store.commit(&[again], Publication::Now).unwrap().remove(0).is_ok());
    assert_right(&machine, 996);
}

#[test]
fn a_busy_lock_does_not_cost_the_whole_journal() {
    let machine = Simulated::with_document(SEED.as_bytes());
    let storage = odd(machine.another());
    let reads = Arc::clone(&storage.reads);
    let mut store = Engine::open(storage, clock, REORDER_BELOW).unwrap();
    commit(&mut store, order("A", 10)).unwrap();
    let mut holder = machine.another();
    assert!(holder.lock(Duration::ZERO).unwrap());
    assert!(matches!(commit(&mut store, order("B", 10)), Err(StoreError::Busy { .. })));
    holder.unlock().unwrap();
    reads.lock().unwrap().clear();
    commit(&mut store, order("B", 10)).unwrap();
    assert!(!reads.lock().unwrap().contains(&0), "read the journal from the start, under the lock");
}

#[test]
fn a_reader_misses_nothing_when_a_damaged_line_is_repaired() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("inventory.json");
    let journal = folder.path().join("inventory.json.journal");
    let mut store = Engine::open(Disk::open(&path).unwrap(), clock, REORDER_BELOW).unwrap();
    let mut reader = JournalReader::new(&path);
    assert_eq!(reader.read().unwrap().records.len(), 1);
    for id in ["A", "B", "C"] {
        commit(&mut store, order(id, 10)).unwrap();
    }
    let good = std::fs::read(&journal).unwrap();
    let mut bad = good.clone();
    let last = bad.len() - 10;
    bad[last] ^= 1;
    std::fs::write(&journal, &bad).unwrap();
    assert!(reader.read().is_err());
    std::fs::write(&journal, &good).unwrap();
    let news = reader.read().unwrap();
    let seqs: Vec<_> = news.records.iter().map(|record| record.seq).collect();
    assert!(if news.restarted { seqs == [1, 2, 3, 4] } else { seqs == [2, 3, 4] }, "{} {seqs:?}", news.restarted);
}

#[test]
fn a_reader_sees_that_a_line_it_read_was_cut_back_and_another_took_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("inventory.json");
    let journal = folder.path().join("inventory.json.journal");
    let mut store = Engine::open(Disk::open(&path).unwrap(), clock, REORDER_BELOW).unwrap();
    let before = std::fs::metadata(&journal).unwrap().len();
    // The disk becomes full during a batch with A. A's line was complete, and a reader saw it before it was removed.
    commit(&mut store, order("A", 10)).unwrap();
    let mut reader = JournalReader::new(&path);
    assert_eq!(reader.read().unwrap().records.len(), 2);
    drop(store);
    std::fs::OpenOptions::new().write(true).open(&journal).unwrap().set_len(before).unwrap();
    std::fs::copy("assets/inventory.json", &path).unwrap();
    let mut store = Engine::open(Disk::open(&path).unwrap(), clock, REORDER_BELOW).unwrap();
    commit(&mut store, order("B", 10)).unwrap();
    let news = reader.read().unwrap();
    assert!(news.restarted && news.records.len() == 2, "the reader still shows A and misses B: {news:?}");
}

#[test]
fn a_reader_starts_again_when_lines_were_cut_off() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("inventory.json");
    let journal = folder.path().join("inventory.json.journal");
    let mut store = Engine::open(Disk::open(&path).unwrap(), clock, REORDER_BELOW).unwrap();
    let before = std::fs::metadata(&journal).unwrap().len();
    commit(&mut store, order("A", 10)).unwrap();
    let mut reader = JournalReader::new(&path);
    reader.read().unwrap();
    std::fs::File::options().write(true).open(&journal).unwrap().set_len(before).unwrap();
    // A removed line was never published.
    std::fs::copy("assets/inventory.json", &path).unwrap();
    let news = reader.read().unwrap();
    assert!(news.restarted && news.records.len() == 1);
}

#[test]
fn a_reader_during_resets_ends_with_the_journals_content() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("inventory.json");
    let mut store = Engine::open(Disk::open(&path).unwrap(), clock, REORDER_BELOW).unwrap();
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut reader = JournalReader::new(&path);
            let mut seen: Vec<Record> = Vec::new();
            loop {
                let last = done.load(std::sync::atomic::Ordering::SeqCst);
                let news = reader.read().unwrap();
                if news.restarted {
                    seen.clear();
                }
                seen.extend(news.records);
                assert!(seen.iter().enumerate().all(|(index, record)| record.seq == index as u64 + 1));
                if last {
                    return seen;
                }
            }
        });
        for round in 0..20 {
            for index in 0..20 {
                commit(&mut store, order(&format!("A{index}"), 1)).unwrap();
            }
            if round < 19 {
                idempotence::store::reset(&path).unwrap();
                std::thread::sleep(Duration::from_millis(2));
            }
        }
        done.store(true, std::sync::atomic::Ordering::SeqCst);
        let seen = reader.join().unwrap();
        let journal = std::fs::read(folder.path().join("inventory.json.journal")).unwrap();
        assert_eq!(seen, crate::bench::records(&journal));
    });
}

#[test]
fn a_replay_by_a_process_that_starts_later_is_synced_too() {
    let (machine, mut first) = engine(1000);
    machine.fail_next(Operation::Append, InjectedFault::DieAfter);
    assert!(commit(&mut first, order("A", 10)).is_err());
    assert!(machine.unsynced() > 0);
    assert_eq!(outcome(&mut open(&machine), order("A", 10)), CommitOutcome::Replayed);
    assert_eq!(machine.unsynced(), 0);
}

#[test]
fn guards_may_be_mixed_and_the_audit_counts_right() {
    let (machine, mut store) = engine(1);
    commit(&mut store, supplier("S", 1000)).unwrap();
    commit_under(&mut store, supplier("S", 1000), Guard::Off).unwrap();
    commit_under(&mut store, supplier("T", 1000), Guard::LastOrder).unwrap();
    assert_eq!(outcome(&mut store, supplier("S", 1000)), CommitOutcome::Replayed);
    commit_under(&mut store, order("A", 10), Guard::Off).unwrap();
    assert_eq!(outcome(&mut store, order("A", 10)), CommitOutcome::Replayed);
    assert!(commit(&mut store, order("A", 11)).is_err());
    assert_eq!(
        audit(&machine.journal_bytes()).verdict(),
        Verdict::Right,
        "{}",
        audit(&machine.journal_bytes()).sentence()
    );
    commit_under(&mut store, order("A", 10), Guard::Off).unwrap();
    let judged = audit(&machine.journal_bytes());
    assert_eq!((judged.expected - judged.actual, judged.verdict()), (10, Verdict::Wrong));
    drop(store);
    let mut store = open(&machine);
    assert_eq!(outcome(&mut store, order("A", 10)), CommitOutcome::Replayed);
}

#[test]
fn temporary_files_of_killed_processes_are_removed_and_those_in_use_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("inventory.json");
    drop(idempotence::store::StoreHandle::open(&path).unwrap());
    let file = |name: &str| folder.path().join(name);
    for name in [".inventory-Ab3xYz", ".inventory-inUse1", ".inventory-of-a-user", "inventory-Ab3xYz"] {
        std::fs::write(file(name), "half of a docu").unwrap();
    }
    std::fs::create_dir(file(".inventory-folder")).unwrap();
    std::os::unix::fs::symlink(file("inventory.json"), file(".inventory-linked")).unwrap();
    // Another process is still writing this one, perhaps for another database in the same folder.
    let in_use = std::fs::File::open(file(".inventory-inUse1")).unwrap();
    in_use.lock().unwrap();
    drop(idempotence::store::StoreHandle::open(&path).unwrap());
    let mut left: Vec<_> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    left.sort();
    let expected = [
        ".inventory-folder",
        ".inventory-inUse1",
        ".inventory-linked",
        ".inventory-of-a-user",
        "inventory-Ab3xYz",
        "inventory.json",
        "inventory.json.journal",
        "inventory.json.lock",
    ];
    assert_eq!(left, expected);
}

#[test]
fn two_databases_in_one_folder_do_not_remove_each_others_temporary_files() {
    let folder = tempfile::tempdir().unwrap();
    std::thread::scope(|scope| {
        for name in ["a.json", "b.json"] {
            let path = folder.path().join(name);
            scope.spawn(move || {
                for round in 0..100 {
                    let mut store = Engine::open(Disk::open(&path).unwrap(), clock, REORDER_BELOW).unwrap();
                    commit(&mut store, order(&format!("A{round}"), 1)).unwrap();
                    drop(store);
                    drop(idempotence::store::StoreHandle::open(&path).unwrap());
                }
            });
        }
    });
}

#[test]
fn a_database_whose_folder_was_moved_refuses_effects_with_a_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let (here, away) = (folder.path().join("here"), folder.path().join("away"));
    let path = here.join("inventory.json");
    let mut store = Engine::open(Disk::open(&path).unwrap(), clock, REORDER_BELOW).unwrap();
    commit(&mut store, order("A", 10)).unwrap();
    std::fs::rename(&here, &away).unwrap();
    let journal = std::fs::read(away.join("inventory.json.journal")).unwrap();
    let error = commit(&mut store, order("B", 10)).unwrap_err();
    let message = error.to_string();
    assert_eq!((error.type_name(), error.is_retryable()), ("StoreUnavailable", true), "{message}");
    assert!(message.contains("inventory.json.lock") && message.contains("moved or deleted, restore it"), "{message}");
    assert_eq!(std::fs::read(away.join("inventory.json.journal")).unwrap(), journal);
    std::fs::rename(&away, &here).unwrap();
    assert_eq!(outcome(&mut store, order("B", 10)), CommitOutcome::Applied);
}

#[test]
fn only_an_error_before_the_write_reports_that_nothing_was_written() {
    use std::io::ErrorKind::{Other, PermissionDenied, StorageFull};
    for (operation, kind, type_name) in [
        (Operation::Lock, PermissionDenied, "StoreUnavailable"),
        (Operation::Append, StorageFull, "StoreIo"),
        (Operation::SyncJournal, Other, "StorePoisoned"),
        (Operation::ReplaceDocument, StorageFull, "StoreIo"),
    ] {
        let (machine, mut store) = engine(1000);
        machine.fail_next(operation, InjectedFault::Error(kind));
        let error = commit(&mut store, order("A", 10)).unwrap_err();
        assert_eq!(error.type_name(), type_name, "{operation:?}: {error}");
        assert_eq!(StoreError::is_before_writing(error.type_name()), type_name == "StoreUnavailable");
    }
}
