//! Opening a database after a loss of power, an interrupted reset, or an edit by another program.

use idempotence::{
    domain::{Guard, REORDER_BELOW},
    store::{CommitOutcome, Engine, Fact, Publication, Record, StoreError, Verdict, storage::Disk},
};

use crate::{
    bench::{
        SEED, assert_right, audit, clock, commit, commit_under, document, engine, open, order, outcome, records,
        request, stock,
    },
    odd::odd,
    simulated::{DocumentFate, InjectedFault, Operation, PowerCut, Simulated},
};

const COMPACT: &[u8] = br#"{"orderID":"000","productID":"123456","inStock":1000}"#;

fn refused(machine: &Simulated, records: &[Record]) {
    let journal: Vec<u8> = records.iter().flat_map(|record| record.encode().unwrap()).collect();
    let copy = Simulated::with_document(&document(1000, "000"));
    drop(Engine::reset(copy.another(), clock).unwrap());
    copy.write_journal(&journal);
    let opened = Engine::open(copy.another(), clock, REORDER_BELOW);
    assert!(matches!(opened, Err(StoreError::DamagedJournal { .. })), "{opened:?}");
    let _ = machine;
}

#[test]
fn a_starting_document_in_another_format_is_not_adopted_again_after_a_power_cut() {
    let machine = Simulated::with_document(COMPACT);
    let mut store = open(&machine);
    commit(&mut store, order("A", 10)).unwrap();
    let after = machine.after_power_cut(PowerCut { journal_bytes: 0, document: DocumentFate::Old });
    let _store = open(&after);
    assert_right(&after, 990);
}

#[test]
fn an_edit_that_was_taken_over_is_not_taken_over_again_after_a_power_cut() {
    let machine = Simulated::with_document(SEED.as_bytes());
    commit(&mut open(&machine), order("A", 10)).unwrap();
    machine.write_document(&document(700, "000"));
    // The editor's own sync made the edit durable.
    let machine = machine.after_power_cut(PowerCut { journal_bytes: 0, document: DocumentFate::New });
    let mut store = open(&machine);
    assert_eq!(stock(&machine), 700);
    commit(&mut store, order("B", 10)).unwrap();
    let after = machine.after_power_cut(PowerCut { journal_bytes: 0, document: DocumentFate::Old });
    drop(open(&after));
    assert_right(&after, 690);
}

#[test]
fn the_starting_document_is_known_after_any_number_of_orders() {
    let (machine, mut store) = engine(100_000);
    let orders: Vec<_> = (0..4200).map(|index| request(order(&format!("A{index}"), 1), Guard::Ledger)).collect();
    store.commit(&orders, Publication::Now).unwrap();
    let after = machine.after_power_cut(PowerCut { journal_bytes: 0, document: DocumentFate::Old });
    drop(open(&after));
    assert_right(&after, 95_800);
}

#[test]
fn a_journal_that_shrank_under_a_worker_gets_no_hole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("inventory.json");
    let journal = folder.path().join("inventory.json.journal");
    let mut store = Engine::open(Disk::open(&path).unwrap(), clock, REORDER_BELOW).unwrap();
    commit(&mut store, order("A", 10)).unwrap();
    let good = std::fs::read(&journal).unwrap();
    commit(&mut store, order("B", 10)).unwrap();
    // A user restores an older copy with `cp`: the same file, shorter.
    std::fs::write(&journal, &good).unwrap();
    let answer = commit(&mut store, order("C", 10));
    let opened = Engine::open(Disk::open(&path).unwrap(), clock, REORDER_BELOW);
    assert!(!std::fs::read(&journal).unwrap().contains(&0), "a hole; C: {answer:?}; opening: {opened:?}");
}

#[test]
fn a_journal_that_lost_acknowledged_lines_is_refused() {
    let (machine, mut store) = engine(1000);
    commit(&mut store, order("A", 10)).unwrap();
    commit(&mut store, order("B", 10)).unwrap();
    drop(store);
    let journal = machine.journal_bytes();
    let lines: Vec<_> = journal.split_inclusive(|byte| *byte == b'\n').collect();
    let two = lines[..2].concat();
    // At a line's end, in the middle of the last line, and only the last line feed.
    for length in [two.len(), two.len() + 40, journal.len() - 1] {
        machine.write_journal(&journal[..length]);
        let answer = Engine::open(machine.another(), clock, REORDER_BELOW)
            .and_then(|mut store| commit(&mut store, order("B", 10)));
        assert!(answer.is_err(), "cut at {length}: B was acknowledged, and is {:?} again", answer.unwrap().outcome);
        assert_eq!(machine.journal_bytes(), journal[..length], "nothing is changed");
    }
}

#[test]
fn the_order_of_a_document_that_was_taken_over_counts_as_applied() {
    let (machine, mut store) = engine(1000);
    commit(&mut store, order("A", 10)).unwrap();
    drop(store);
    // The Go program applies X to the same file: 990 - 290.
    machine.write_document(&document(700, "X"));
    let mut store = open(&machine);
    assert_eq!(outcome(&mut store, order("X", 290)), CommitOutcome::Replayed);
    assert_right(&machine, 700);
    commit_under(&mut store, order("X", 290), Guard::Off).unwrap();
    assert_eq!(audit(&machine.journal_bytes()).verdict(), Verdict::Wrong);
}

#[test]
fn an_edit_of_the_product_alone_is_kept_aside() {
    let (machine, mut store) = engine(1000);
    commit(&mut store, order("A", 10)).unwrap();
    drop(store);
    let text = String::from_utf8(machine.document().unwrap()).unwrap().replace("123456", "654321");
    machine.write_document(text.as_bytes());
    drop(open(&machine));
    assert_eq!(machine.kept().len(), 1, "the edit was overwritten, and is kept nowhere");
}

#[test]
fn an_edit_just_after_a_publication_is_kept_aside() {
    let machine = Simulated::with_document(SEED.as_bytes());
    let mut storage = odd(machine.another());
    storage.after_publication = Some((machine.another(), document(7, "E")));
    let mut store = Engine::open(storage, clock, REORDER_BELOW).unwrap();
    commit(&mut store, order("A", 10)).unwrap();
    assert_eq!(stock(&machine), 7, "the edit is adopted");
    commit(&mut store, order("B", 10)).unwrap();
    assert_eq!(stock(&machine), 980);
    assert_eq!(machine.kept().len(), 1, "the edit is kept nowhere");
}

#[test]
fn a_reset_that_was_interrupted_does_not_take_the_old_document_over() {
    let machine = Simulated::with_document(COMPACT);
    drop(open(&machine));
    machine.write_document(br#"{"orderID":"X","productID":"123456","inStock":7}"#);
    let machine = machine.after_power_cut(PowerCut { journal_bytes: 0, document: DocumentFate::New });
    Engine::reset(machine.another(), clock).unwrap();
    let after = machine.after_power_cut(PowerCut { journal_bytes: 0, document: DocumentFate::Old });
    drop(open(&after));
    assert_right(&after, 1000);
}

#[test]
fn a_reset_killed_halfway_is_the_old_database_or_the_new_one() {
    let machine = Simulated::with_document(&document(500, "000"));
    let mut store = open(&machine);
    commit(&mut store, order("A", 10)).unwrap();
    drop(store);
    machine.write_document(&document(7, "X"));
    let rehearsal = machine.after_power_cut(PowerCut { journal_bytes: 0, document: DocumentFate::New });
    Engine::reset(rehearsal.another(), clock).unwrap();
    let place = rehearsal.operations().iter().position(|done| *done == Operation::ReplaceJournal).unwrap();
    machine.fail_at(machine.operations().len() + place, InjectedFault::DieAfter);
    assert!(Engine::reset(machine.another(), clock).is_err());
    drop(open(&machine));
    assert_right(&machine, 1000);
}

#[test]
fn a_reset_killed_at_any_operation_is_the_old_database_or_the_new_one() {
    for at in 0..8 {
        for fault in [InjectedFault::Die, InjectedFault::DieAfter] {
            let machine = Simulated::with_document(&document(500, "000"));
            commit(&mut open(&machine), order("A", 10)).unwrap();
            machine.fail_at(machine.operations().len() + at, fault);
            let _ = Engine::reset(machine.another(), clock);
            machine.fail_at(usize::MAX, InjectedFault::Die);
            drop(open(&machine));
            let actual = stock(&machine);
            assert!([490, 1000].contains(&actual), "{at} {fault:?}: {actual}");
            assert_right(&machine, actual);
        }
    }
}

#[test]
fn a_line_that_is_missing_or_does_not_follow_is_refused() {
    let (machine, mut store) = engine(1000);
    for id in ["A", "B", "C"] {
        commit(&mut store, order(id, 10)).unwrap();
    }
    let all = records(&machine.journal_bytes());
    refused(&machine, &[&all[..2], &all[3..]].concat());
    let mut wrong = all.clone();
    if let Fact::Order(commit) = &mut wrong[2].fact {
        commit.receipt.stock += 1;
    }
    refused(&machine, &wrong[..3]);
    // A reject does not change the stock, so only `seq` shows that it is missing.
    let (machine, mut store) = engine(1000);
    assert!(commit(&mut store, order("A", 0)).is_err());
    commit(&mut store, order("B", 1)).unwrap();
    let all = records(&machine.journal_bytes());
    refused(&machine, &[&all[..1], &all[2..]].concat());
}

#[test]
fn records_written_at_start_up_are_durable_before_the_document() {
    let (machine, mut store) = engine(1000);
    commit(&mut store, order("A", 10)).unwrap();
    drop(store);
    machine.write_document(&document(700, "A"));
    drop(open(&machine));
    assert_eq!(machine.unsynced(), 0, "the adjustment");
    let mut torn = machine.journal_bytes();
    torn.extend_from_slice(b"{\"sum\":\"");
    machine.write_journal(&torn);
    let before = machine.operations().len();
    drop(open(&machine));
    let done = machine.operations()[before..].to_vec();
    let cut = done.iter().position(|operation| *operation == Operation::Truncate).unwrap();
    assert_eq!(done[cut + 1], Operation::SyncJournal);
}

#[test]
fn a_repeated_key_whose_line_was_damaged_is_not_applied_again() {
    let (machine, mut store) = engine(1000);
    commit(&mut store, order("A", 10)).unwrap();
    commit(&mut store, order("B", 10)).unwrap();
    let mut journal = machine.journal_bytes();
    let at = journal.windows(7).position(|bytes| bytes == b"order:A").unwrap();
    journal[at + 6] = b'C';
    machine.write_journal(&journal);
    for effect in [order("A", 10), order("A", 20)] {
        let answer = commit(&mut store, effect);
        assert!(matches!(answer, Err(StoreError::DamagedJournal { .. })), "{answer:?}");
    }
    assert_eq!(machine.journal_bytes(), journal);
    assert_eq!(stock(&machine), 980);
}

#[test]
fn the_ledger_answers_with_the_first_effect_of_a_key() {
    let (_machine, mut store) = engine(1000);
    for quantity in [10, 20, 30] {
        commit_under(&mut store, order("A", quantity), Guard::Off).unwrap();
    }
    assert_eq!(outcome(&mut store, order("A", 10)), CommitOutcome::Replayed);
    let answer = commit(&mut store, order("A", 20));
    assert!(matches!(answer, Err(StoreError::Conflict { .. })), "{answer:?}");
}
