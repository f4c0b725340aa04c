//! Other programs that change the files: editors, writers without our lock, damage.

use idempotence::{
    domain::REORDER_BELOW,
    store::{Document, Engine, StoreError, Verdict, read_document, storage::Disk},
};

use crate::bench::{SEED, audit, clock, commit, document, engine, open, order, stock};
use crate::simulated::Simulated;

#[test]
fn at_the_start_the_document_is_the_seeds_byte_for_byte() {
    let (machine, _store) = engine(1000);
    assert_eq!(machine.document().unwrap(), SEED.as_bytes());
}

#[test]
fn an_edit_while_no_worker_runs_is_adopted_as_an_adjustment() {
    let (machine, mut store) = engine(1000);
    commit(&mut store, order("A", 10)).unwrap();
    drop(store);
    let mut edited = Document::parse(&machine.document().unwrap()).unwrap();
    edited.stock = 500;
    machine.write_document(&edited.render().unwrap());
    let mut store = open(&machine);
    commit(&mut store, order("B", 10)).unwrap();
    let audit = audit(&machine.journal_bytes());
    assert_eq!((audit.adjustments, audit.actual, audit.verdict()), (1, 490, Verdict::Right));
}

#[test]
fn a_document_that_another_program_wrote_whole_is_taken_over_too() {
    let (machine, mut store) = engine(1000);
    commit(&mut store, order("A", 10)).unwrap();
    drop(store);
    machine.write_document(&document(700, "X"));
    open(&machine);
    assert_eq!(stock(&machine), 700);
    assert_eq!(audit(&machine.journal_bytes()).adjustments, 1);
}

#[test]
fn an_edit_while_a_worker_runs_is_kept_aside_and_undone() {
    let (machine, mut store) = engine(1000);
    commit(&mut store, order("A", 10)).unwrap();
    machine.write_document(&document(7, "A"));
    commit(&mut store, order("B", 10)).unwrap();
    assert_eq!(stock(&machine), 980);
    let kept = machine.kept();
    let (name, bytes) = kept.iter().next().expect("the edit is kept");
    assert!(name.starts_with(".edited-"), "{name}");
    assert_eq!(Document::parse(bytes).unwrap().stock, 7);
}

#[test]
fn an_edit_while_a_worker_idles_is_kept_aside_even_when_another_worker_starts_first() {
    let (machine, mut running) = engine(1000);
    commit(&mut running, order("A", 10)).unwrap();
    let stale = document(990, "A");
    commit(&mut running, order("B", 10)).unwrap();
    // A writer that read the document before B writes its old content.
    machine.write_document(&stale);
    let _second = open(&machine);
    assert_eq!(stock(&machine), 980, "B is not undone by a stale document");
    assert_eq!(machine.kept().len(), 1);
}

#[test]
fn on_a_real_disk_an_edit_is_adopted_only_while_no_worker_runs() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("inventory.json");
    let open = || Engine::open(Disk::open(&path).unwrap(), clock, REORDER_BELOW).unwrap();
    let shown = || read_document(&path).unwrap().unwrap().stock;
    let mut running = open();
    commit(&mut running, order("A", 10)).unwrap();
    std::fs::write(&path, document(7, "A")).unwrap();
    let second = open();
    assert_eq!(shown(), 990, "a worker runs");
    drop((running, second));
    std::fs::write(&path, document(7, "A")).unwrap();
    drop(open());
    assert_eq!(shown(), 7, "no worker runs");
}

#[test]
fn an_edit_of_an_old_document_is_not_taken_over() {
    let (machine, mut store) = engine(1000);
    commit(&mut store, order("A", 10)).unwrap();
    let mut old = Document::parse(&machine.document().unwrap()).unwrap();
    commit(&mut store, order("B", 10)).unwrap();
    drop(store);
    old.stock = 5000;
    machine.write_document(&old.render().unwrap());
    open(&machine);
    assert_eq!(stock(&machine), 980);
    assert_eq!(machine.kept().len(), 1);
}

#[test]
fn a_file_that_is_not_a_document_is_kept_and_replaced() {
    for text in ["", "{", "[]", "\u{feff}{}", "{\"orderID\":1}", "// by hand\n{}"] {
        let (machine, mut store) = engine(1000);
        commit(&mut store, order("A", 10)).unwrap();
        drop(store);
        machine.write_document(text.as_bytes());
        open(&machine);
        assert_eq!(stock(&machine), 990, "{text:?}");
        assert_eq!(machine.kept().values().next().unwrap(), text.as_bytes());
    }
}

#[test]
fn a_damaged_document_without_a_journal_is_refused() {
    for text in ["", "{", "{\"orderID\":\"000\",\"productID\":\"\",\"inStock\":1}"] {
        let machine = Simulated::with_document(text.as_bytes());
        let error = Engine::open(machine.another(), clock, REORDER_BELOW).unwrap_err();
        assert!(matches!(error, StoreError::DamagedDocument { .. }), "{error}");
        assert_eq!(machine.document().unwrap(), text.as_bytes(), "it is left as it is");
    }
}

#[test]
fn a_missing_journal_is_refused() {
    let (machine, mut store) = engine(1000);
    commit(&mut store, order("A", 10)).unwrap();
    let orphan = Simulated::with_document(&machine.document().unwrap());
    let error = Engine::open(orphan.another(), clock, REORDER_BELOW).unwrap_err();
    assert!(matches!(error, StoreError::JournalMissing { .. }), "{error}");
}

#[test]
fn every_bit_flip_in_a_journal_is_refused_or_only_costs_the_torn_last_line() {
    let (machine, mut store) = engine(1000);
    commit(&mut store, order("A", 10)).unwrap();
    commit(&mut store, order("B", 10)).unwrap();
    let journal = machine.journal_bytes();
    for bit in 0..journal.len() * 8 {
        let mut damaged = journal.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        let copy = Simulated::with_document(&machine.document().unwrap());
        drop(Engine::reset(copy.another(), clock).unwrap());
        copy.write_journal(&damaged);
        match Engine::open(copy.another(), clock, REORDER_BELOW) {
            Err(StoreError::DamagedJournal { .. }) => {
                assert_eq!(copy.journal_bytes(), damaged, "bit {bit}: left as it is");
            }
            Err(error) => panic!("bit {bit}: {error}"),
            // If only the last line feed is missing, the last line counts as torn.
            Ok(_) => assert!(bit / 8 == journal.len() - 1, "bit {bit} went unseen"),
        }
    }
}

#[test]
fn every_truncation_keeps_the_whole_lines() {
    let (machine, mut store) = engine(1000);
    commit(&mut store, order("A", 10)).unwrap();
    let journal = machine.journal_bytes();
    let first = journal.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    for length in 0..journal.len() {
        let copy = Simulated::with_document(SEED.as_bytes());
        drop(Engine::reset(copy.another(), clock).unwrap());
        copy.write_journal(&journal[..length]);
        let opened = Engine::open(copy.another(), clock, REORDER_BELOW);
        if length < first {
            assert!(matches!(opened, Err(StoreError::DamagedJournal { .. })), "{length}");
        } else {
            opened.unwrap();
            assert_eq!(copy.journal_bytes(), journal[..first], "{length}");
        }
    }
}
