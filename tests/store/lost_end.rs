//! A journal that another program has truncated. The lost lines were acknowledged, so every process refuses the
//! journal.

use idempotence::{
    domain::{Effect, REORDER_BELOW},
    store::{
        AttemptEvent, CommitOutcome, Damage, Engine, JournalReader, Note, Phase, Publication, Request, StoreError,
        Witness, storage::Disk,
    },
};

use crate::bench::{SEED, assert_right, clock, commit, engine, open, order, origin, outcome, supplier};
use crate::simulated::{DocumentFate, PowerCut, Simulated};

/// End of each line of `journal`.
fn line_ends(journal: &[u8]) -> Vec<usize> {
    journal.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1).collect()
}

#[track_caller]
fn assert_end_missing<T: std::fmt::Debug>(result: Result<T, StoreError>, lines: [u64; 2], by: Witness) {
    match result {
        Err(StoreError::DamagedJournal { cause: Damage::EndMissing { journal, known, witness }, .. }) => {
            assert_eq!(([journal, known], witness), (lines, by));
        }
        other => panic!("not refused: {other:?}"),
    }
}

fn attempt(effect: &Effect, number: u32) -> Request {
    Request::Note(Note::Attempt(AttemptEvent { origin: origin(effect, "run-1", number), phase: Phase::Started }))
}

#[test]
fn a_running_process_refuses_a_cut_journal_and_continues_when_it_is_restored() {
    for starting_document in [false, true] {
        let (machine, mut store) = engine(1000);
        commit(&mut store, order("A", 400)).unwrap();
        commit(&mut store, supplier("A", 1000)).unwrap();
        let (journal, document) = (machine.journal_bytes(), machine.document().unwrap());
        let ends = line_ends(&journal);
        let cut = &journal[..ends[0]];
        machine.write_journal(cut);
        if starting_document {
            // The document is not evidence then, but this process still is, at every request.
            machine.write_document(SEED.as_bytes());
        }
        for effect in [order("A", 400), order("B", 1), order("A", 400)] {
            assert_end_missing(commit(&mut store, effect), [1, 3], Witness::Process);
        }
        assert_eq!(machine.journal_bytes(), cut, "nothing is written");
        machine.write_journal(&journal);
        machine.write_document(&document);
        assert_eq!(outcome(&mut store, order("A", 400)), CommitOutcome::Replayed);
        assert_right(&machine, 600);
    }
}

#[test]
fn lines_that_another_process_wrote_are_missed_too() {
    let (machine, mut reading) = engine(1000);
    let mut writing = open(&machine);
    commit(&mut writing, order("A", 1)).unwrap();
    let one = machine.journal_bytes();
    commit(&mut writing, order("B", 1)).unwrap();
    reading.commit(&[], Publication::Now).unwrap();
    machine.write_journal(&one);
    machine.write_document(SEED.as_bytes());
    assert_end_missing(commit(&mut reading, order("B", 1)), [2, 3], Witness::Process);
}

#[test]
fn no_prefix_of_a_journal_opens_beside_its_document() {
    let (machine, mut store) = engine(1000);
    commit(&mut store, order("A", 400)).unwrap();
    // A supplier order that was not needed changes neither the stock nor the last order, only `seq`.
    commit(&mut store, supplier("A", 1000)).unwrap();
    store.commit(&[attempt(&order("C", 1), 3)], Publication::Now).unwrap();
    commit(&mut store, supplier("C", 1000)).unwrap();
    drop(store);
    let journal = machine.journal_bytes();
    let ends = line_ends(&journal);
    for length in 1..journal.len() {
        let lines = ends.iter().filter(|end| **end <= length).count() as u64;
        machine.write_journal(&journal[..length]);
        let opened = Engine::open(machine.another(), clock, REORDER_BELOW);
        if lines == 0 {
            assert!(matches!(opened, Err(StoreError::DamagedJournal { cause: Damage::Empty, .. })), "{opened:?}");
        } else {
            assert_end_missing(opened, [lines, 5], Witness::Document);
        }
        assert_eq!(machine.journal_bytes(), journal[..length], "nothing is changed");
    }
    machine.write_journal(&journal);
    assert_eq!(outcome(&mut open(&machine), supplier("A", 1000)), CommitOutcome::Replayed);
}

#[test]
fn retries_that_the_document_shows_are_not_lost_with_the_power() {
    for document in [DocumentFate::New, DocumentFate::Old] {
        let (machine, mut store) = engine(1000);
        store.commit(&[attempt(&order("A", 1), 2)], Publication::Now).unwrap();
        store.commit(&[attempt(&order("A", 1), 3)], Publication::Later).unwrap();
        for journal_bytes in 0..=machine.unsynced() {
            let after = machine.after_power_cut(PowerCut { journal_bytes, document });
            drop(open(&after));
            assert_right(&after, 1000);
        }
    }
}

#[test]
fn documents_that_are_older_or_of_no_state_are_not_witnesses() {
    let (machine, mut store) = engine(1000);
    let old = machine.document().unwrap();
    commit(&mut store, order("A", 1)).unwrap();
    let middle = machine.document().unwrap();
    commit(&mut store, order("B", 1)).unwrap();
    drop(store);
    for document in [old, middle] {
        let machine = machine.after_power_cut(PowerCut { journal_bytes: 0, document: DocumentFate::New });
        machine.write_document(&document);
        drop(open(&machine));
        assert_right(&machine, 998);
    }
}

#[test]
fn a_reset_under_a_running_process_is_not_a_loss() {
    let (machine, mut store) = engine(1000);
    commit(&mut store, order("A", 1)).unwrap();
    Engine::reset(machine.another(), clock).unwrap();
    assert_eq!(outcome(&mut store, order("A", 1)), CommitOutcome::Applied);
    assert_right(&machine, 999);
}

#[test]
fn a_reader_refuses_what_a_worker_refuses() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("inventory.json");
    let file = folder.path().join("inventory.json.journal");
    let mut store = Engine::open(Disk::open(&path).unwrap(), clock, REORDER_BELOW).unwrap();
    commit(&mut store, order("A", 1)).unwrap();
    commit(&mut store, supplier("A", 1000)).unwrap();
    let mut following = JournalReader::new(&path);
    following.read().unwrap();
    let good = std::fs::read(&file).unwrap();
    let ends = line_ends(&good);
    for (lines, length) in [(1, ends[0]), (2, ends[1]), (2, ends[2] - 1)] {
        std::fs::write(&file, &good[..length]).unwrap();
        assert_end_missing(JournalReader::new(&path).read(), [lines, 3], Witness::Document);
        for _ in 0..2 {
            assert_end_missing(following.read(), [lines, 3], Witness::Document);
        }
    }
    std::fs::write(&file, &good).unwrap();
    let news = following.read().unwrap();
    assert!(news.restarted && news.records.len() == 3, "{news:?}");
}

#[test]
fn an_engine_on_the_disk_refuses_a_cut_journal_in_both_places() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("inventory.json");
    let file = folder.path().join("inventory.json.journal");
    let mut store = Engine::open(Disk::open(&path).unwrap(), clock, REORDER_BELOW).unwrap();
    commit(&mut store, order("A", 1)).unwrap();
    let good = std::fs::read(&file).unwrap();
    std::fs::write(&file, &good[..line_ends(&good)[0]]).unwrap();
    assert_end_missing(commit(&mut store, order("A", 1)), [1, 2], Witness::Process);
    let opened = Engine::open(Disk::open(&path).unwrap(), clock, REORDER_BELOW);
    let message = opened.as_ref().unwrap_err().to_string();
    assert_end_missing(opened, [1, 2], Witness::Document);
    assert!(message.contains("inventory.json.journal") && message.contains("idempotence reset"), "{message}");
    assert!(!message.contains("worker"), "a worker refuses it too: {message}");
}

/// A folder, and the names of the files that can be removed from its database.
fn lost_files() -> [(tempfile::TempDir, &'static [&'static str]); 3] {
    let files: [&[&str]; 3] = [
        &["inventory.json.journal"],
        &["inventory.json", "inventory.json.journal"],
        &["inventory.json", "inventory.json.journal", "inventory.json.lock"],
    ];
    files.map(|files| (tempfile::tempdir().unwrap(), files))
}

#[track_caller]
fn assert_gone<T: std::fmt::Debug>(result: Result<T, StoreError>, last_line: u64) {
    match result {
        Err(error @ StoreError::JournalGone { line, .. }) => {
            assert_eq!(line, last_line);
            let message = error.to_string();
            assert!(message.contains("inventory.json.journal") && message.contains("idempotence reset"), "{message}");
        }
        other => panic!("not refused: {other:?}"),
    }
}

#[test]
fn a_running_process_refuses_a_database_that_was_deleted() {
    for (folder, files) in lost_files() {
        let path = folder.path().join("inventory.json");
        let file = folder.path().join("inventory.json.journal");
        let mut store = Engine::open(Disk::open(&path).unwrap(), clock, REORDER_BELOW).unwrap();
        commit(&mut store, order("A", 1)).unwrap();
        let good = std::fs::read(&file).unwrap();
        for name in files {
            std::fs::remove_file(folder.path().join(name)).unwrap();
        }
        if files.len() > 1 {
            // A new database consists of only the starting document.
            std::fs::write(&path, SEED).unwrap();
        }
        for effect in [order("A", 1), order("B", 1)] {
            assert_gone(commit(&mut store, effect), 2);
        }
        assert!(!file.exists(), "nothing is written");
        std::fs::write(&file, &good).unwrap();
        assert_eq!(outcome(&mut store, order("A", 1)), CommitOutcome::Replayed);
        std::fs::remove_file(&file).unwrap();
        assert_gone(commit(&mut store, order("A", 1)), 2);
        idempotence::store::reset(&path).unwrap();
        assert_eq!(outcome(&mut store, order("A", 1)), CommitOutcome::Applied);
    }
}

#[test]
fn a_reader_reports_a_journal_that_was_deleted_until_one_is_there() {
    for (folder, files) in lost_files() {
        let path = folder.path().join("inventory.json");
        let mut reader = JournalReader::new(&path);
        assert!(reader.read().unwrap().records.is_empty(), "a database that no worker has made is not lost");
        let mut store = Engine::open(Disk::open(&path).unwrap(), clock, REORDER_BELOW).unwrap();
        commit(&mut store, order("A", 1)).unwrap();
        assert_eq!(reader.read().unwrap().records.len(), 2);
        for name in files {
            std::fs::remove_file(folder.path().join(name)).unwrap();
        }
        assert_gone(reader.read(), 2);
        assert_gone(reader.read(), 2);
        idempotence::store::reset(&path).unwrap();
        let news = reader.read().unwrap();
        assert!(news.restarted && news.records.len() == 1, "{news:?}");
    }
}

#[test]
fn processes_that_append_in_turn_miss_nothing() {
    let machine = Simulated::with_document(SEED.as_bytes());
    let (mut one, mut other) = (open(&machine), open(&machine));
    for index in 0..20 {
        commit(&mut one, order(&format!("A{index}"), 1)).unwrap();
        commit(&mut other, order(&format!("B{index}"), 1)).unwrap();
    }
    assert_right(&machine, 960);
}
