//! A compaction drops the attempts of old orders, and changes nothing else.

use std::{collections::BTreeSet, sync::atomic::Ordering};

use futures::executor::block_on;
use idempotence::store::{
    CommitOutcome, CompactionLimits, Damage, Engine, Fact, Phase, Publication, Request, Store, StoreError, StoreHandle,
    Verdict, Witness,
    storage::{Disk, Storage},
};

use crate::{
    bench::{SEED, assert_right, audit, clock, commit, order, outcome, records, supplier},
    compacted::{
        KEPT, RULES, attempt, commit_of, compact, declaration, lasting, lines, machine_with_orders, open, open_order,
        rejected_order, retried_order,
    },
    odd::{Moment, odd},
    simulated::Simulated,
};

/// The orders whose attempts the journal has.
fn with_attempts(journal: &[u8]) -> BTreeSet<String> {
    let attempts = records(journal).into_iter().filter_map(|record| match record.fact {
        Fact::Attempt(event) => Some(event.origin.order.to_string()),
        _ => None,
    });
    attempts.collect()
}

fn set<const N: usize>(ids: [&str; N]) -> BTreeSet<String> {
    ids.map(str::to_owned).into()
}

#[test]
fn only_attempts_of_old_orders_that_have_ended_are_dropped() {
    let (machine, mut store) = machine_with_orders(10);
    let (before, document) = (machine.journal_bytes(), machine.document());
    let saved = compact(&mut store);
    let after = machine.journal_bytes();
    assert_eq!((saved.bytes_before, saved.bytes_after), (before.len() as u64, after.len() as u64));
    assert_eq!((saved.orders, saved.lines), (8, 1 + 2 + 7 * 6 - 1), "A0 to A6, and the rejected one");
    assert_eq!(with_attempts(&after), set(["open", "A7", "A8", "A9"]));
    assert_eq!((lasting(&after), machine.document()), (lasting(&before), document));
    let declared = declaration(&after).unwrap();
    assert_eq!((declared.orders, declared.retries.update_inventory, declared.retries.supplier_order), (8, 7, 0));
    assert_eq!(declared.removed_bytes, saved.bytes_before - saved.bytes_after);
    assert_eq!(declared.through - declared.kept, saved.lines);
    // Every kept line is the same, byte for byte.
    assert!(lines(&after)[1..].iter().all(|line| lines(&before).contains(line)));
    assert_right(&machine, 999_989);
}

#[test]
fn every_process_answers_as_before() {
    let (machine, mut store) = machine_with_orders(10);
    let mut other = open(&machine);
    compact(&mut store);
    drop(machine.another().remove_checkpoint());
    for mut store in [store, open(&machine)] {
        for engine in [&mut store, &mut other] {
            for id in ["open", "A0", "A9"] {
                assert_eq!(outcome(engine, order(id, 1)), CommitOutcome::Replayed, "{id}");
                assert!(matches!(commit(engine, order(id, 2)), Err(StoreError::Conflict { .. })), "{id}");
            }
            assert_eq!(outcome(engine, supplier("A0", 1000)), CommitOutcome::Replayed);
        }
    }
    // The refusal of a run is remembered without its attempts.
    let mut store = open(&machine);
    let refused = store.commit(&[commit_of(&order("no", 2_000_000), 1)], Publication::Now).unwrap();
    assert!(matches!(refused[0], Err(StoreError::Rejected(_))), "{refused:?}");
    // The fifth attempt of an open order is one more retry after the second, and a new order has none.
    store.commit(&[attempt(&order("open", 1), 5, Phase::Started)], Publication::Now).unwrap();
    store.commit(&retried_order("new")[..3], Publication::Now).unwrap();
    let document = idempotence::store::Document::parse(&machine.document().unwrap()).unwrap();
    assert_eq!(document.retries.unwrap().update_inventory, 10 + 4);
    assert_right(&machine, 999_988);
}

#[test]
fn a_second_compaction_continues_the_first() {
    let ((compacted, mut store), (whole, mut reference)) = (machine_with_orders(10), machine_with_orders(10));
    for round in 0..5 {
        compact(&mut store);
        for index in 0..6 {
            for store in [&mut store, &mut reference] {
                store.commit(&retried_order(&format!("R{round}-{index}")), Publication::Now).unwrap();
            }
        }
        let (bytes, all) = (compacted.journal_bytes(), whole.journal_bytes());
        let declared = declaration(&bytes).unwrap();
        assert_eq!(declared.removed_bytes + bytes.len() as u64, all.len() as u64, "round {round}");
        assert_eq!(declared.orders, 8 + 6 * round);
        assert_eq!(records(&bytes).last().unwrap().seq, records(&all).last().unwrap().seq);
        assert_eq!(compacted.document(), whole.document());
        drop(open(&compacted));
    }
    assert_eq!(compacted.document(), whole.document(), "also after the journal was read again");
}

#[test]
fn a_compaction_without_old_orders_changes_nothing() {
    let (machine, mut store) = machine_with_orders(2);
    let before = machine.journal_bytes();
    assert_eq!(store.compact(10, &|_| {}).unwrap(), None);
    assert_eq!(machine.journal_bytes(), before);
    let (machine, mut store) = machine_with_orders(10);
    compact(&mut store);
    let before = machine.journal_bytes();
    assert_eq!(store.compact(KEPT, &|_| {}).unwrap(), None, "a second one has nothing to drop");
    assert_eq!(machine.journal_bytes(), before);
}

#[test]
fn attempts_whose_numbers_are_remembered_and_the_documents_line_are_kept() {
    let (machine, mut store) = machine_with_orders(1);
    // The second attempt of an order changes the document, which counts the retry. Orders without effects follow.
    store.commit(&[attempt(&order("last", 1), 2, Phase::Started)], Publication::Now).unwrap();
    for id in ["last".to_owned()].into_iter().chain((0..10).map(|index| format!("B{index}"))) {
        store.commit(&rejected_order(&id), Publication::Now).unwrap();
    }
    let document = machine.document();
    let saved = store.compact(1, &|_| {}).unwrap().unwrap();
    assert_eq!(saved.orders, 8, "no, A0, and B0 to B5");
    assert_eq!(with_attempts(&machine.journal_bytes()), set(["open", "last", "B6", "B7", "B8", "B9"]));
    drop(open(&machine));
    assert_eq!((machine.document(), machine.kept().len()), (document, 0));
}

#[test]
fn any_lost_or_changed_line_of_a_compacted_journal_is_damage() {
    let (machine, mut store) = machine_with_orders(10);
    compact(&mut store);
    drop(store);
    let good = machine.journal_bytes();
    let all = lines(&good);
    // Without the last line, which records an attempt, it is a journal of a moment earlier.
    for lost in 0..all.len() - 1 {
        let journal: Vec<u8> = [&all[..lost], &all[lost + 1..]].concat().concat();
        machine.write_journal(&journal);
        let opened = Engine::open(machine.another(), clock, RULES);
        assert!(matches!(opened, Err(StoreError::DamagedJournal { .. })), "line {lost}: {opened:?}");
        assert_eq!(machine.journal_bytes(), journal, "nothing is changed");
    }
    // Without a document as evidence, at least the lines up to the last dropped one are known.
    machine.write_document(SEED.as_bytes());
    let declared = declaration(&good).unwrap();
    for end in 2..=usize::try_from(declared.kept).unwrap() {
        machine.write_journal(&all[..end].concat());
        match Engine::open(machine.another(), clock, RULES) {
            Err(StoreError::DamagedJournal { cause: Damage::EndMissing { known, witness, .. }, .. }) => {
                assert_eq!((known, witness), (declared.through, Witness::FirstLine));
            }
            other => panic!("{end} lines: {other:?}"),
        }
    }
}

#[test]
fn a_line_of_the_compacted_part_that_another_valid_line_replaces_is_damage() {
    let (machine, mut store) = machine_with_orders(10);
    compact(&mut store);
    let good = machine.journal_bytes();
    let (other, mut store) = machine_with_orders(10);
    compact(&mut store);
    // The same lines at other times.
    let other = other.journal_bytes();
    let mut mixed = lines(&good);
    mixed[3] = lines(&other)[3];
    machine.write_journal(&mixed.concat());
    match Engine::open(machine.another(), clock, RULES) {
        Err(StoreError::DamagedJournal { cause: Damage::Compacted { kept, found, .. }, .. }) => assert_eq!(kept, found),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_journal_of_a_newer_version_is_refused_by_name() {
    let (machine, mut store) = machine_with_orders(10);
    compact(&mut store);
    let journal = machine.journal_bytes();
    let all = lines(&journal);
    let body = idempotence::store::line::open(all[0].strip_suffix(b"\n").unwrap()).unwrap();
    let newer = String::from_utf8(body).unwrap().replacen("\"format\":2", "\"format\":3", 1);
    let first = [&idempotence::store::line::seal(newer.as_bytes()), &b"\n"[..]].concat();
    machine.write_journal(&[&[first.as_slice()], &all[1..]].concat().concat());
    let error = Engine::open(machine.another(), clock, RULES).unwrap_err().to_string();
    assert!(error.contains("written by a newer version: it has format 3") && !error.contains("reset"), "{error}");
}

#[test]
fn a_replacement_that_may_be_lost_with_the_power_poisons_the_database() {
    let (machine, store) = machine_with_orders(10);
    drop(store);
    // The steps are: a file for the new journal, and its renaming.
    let mut storage = odd(machine.another());
    storage.fails_after = Some((1, Moment::After));
    let mut store = Engine::open(storage, clock, RULES).unwrap();
    let failed = store.compact(KEPT, &|_| {});
    assert!(matches!(failed, Err(StoreError::Poisoned { .. })), "{failed:?}");
    assert!(crate::bench::found_poison(commit(&mut store, order("B", 1))));
    assert!(matches!(Engine::open(machine.another(), clock, RULES), Err(StoreError::Poisoned { .. })));
}

#[test]
fn the_new_journal_opens_from_a_checkpoint_of_its_own() {
    let (machine, mut store) = machine_with_orders(3_000);
    compact(&mut store);
    drop(store);
    assert!(machine.journal_bytes().len() > 1 << 20);
    let bytes_read = || {
        let storage = odd(machine.another());
        let read = storage.read.clone();
        let mut store = Engine::open(storage, clock, RULES).unwrap();
        let read = read.load(Ordering::Relaxed);
        assert_eq!(outcome(&mut store, order("A7", 1)), CommitOutcome::Replayed);
        read
    };
    let with = bytes_read();
    assert!(with < 16 << 10, "{with}");
    machine.write_checkpoint(None);
    assert!(bytes_read() > 1 << 20);
    assert_right(&machine, 996_999);
}

#[test]
fn a_worker_compacts_after_enough_attempts_and_answers_meanwhile() {
    let (machine, mut store) = machine_with_orders(10);
    store.set_compaction(Some(CompactionLimits { after_bytes: 100_000, keep_orders: KEPT }));
    let store = StoreHandle::on(store).unwrap();
    let mut orders = 0;
    while declaration(&machine.journal_bytes()).is_none() {
        assert!(orders < 2_000, "it does not begin");
        for request in retried_order(&format!("W{orders}")) {
            match request {
                Request::Note(note) => block_on(store.note(note)).unwrap(),
                Request::Commit(request) => drop(block_on(store.commit(request)).unwrap()),
                Request::Preview(request) => drop(block_on(store.must_ship(request)).unwrap()),
                Request::Claim => drop(block_on(store.claim()).unwrap()),
                Request::Credit(request) => drop(block_on(store.credit(request)).unwrap()),
            }
        }
        orders += 1;
    }
    drop(store);
    assert!(orders > 30, "too early: after {orders} orders");
    let journal = machine.journal_bytes();
    assert_eq!(audit(&journal).verdict(), Verdict::Right);
    assert_eq!(outcome(&mut open(&machine), order("W0", 1)), CommitOutcome::Replayed);
    assert_right(&machine, 999_989 - orders);
}

#[test]
fn a_worker_that_cannot_drop_enough_leaves_the_journal() {
    let (machine, mut store) = machine_with_orders(0);
    store.set_compaction(Some(CompactionLimits { after_bytes: 20_000, keep_orders: KEPT }));
    for index in 0..200 {
        store.commit(&open_order(&format!("O{index}")), Publication::Now).unwrap();
        store.compact_some();
        while store.is_compacting() {
            store.compact_some();
        }
    }
    assert!(declaration(&machine.journal_bytes()).is_none());
}

#[test]
fn on_a_real_disk_it_has_the_same_access_and_leaves_no_file() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("inventory.json");
    let journal = folder.path().join("inventory.json.journal");
    let mut store = Engine::open(Disk::open(&path).unwrap(), clock, RULES).unwrap();
    for index in 0..20 {
        store.commit(&retried_order(&format!("A{index}")), Publication::Now).unwrap();
    }
    std::fs::set_permissions(&journal, std::fs::Permissions::from_mode(0o640)).unwrap();
    compact(&mut store);
    assert_eq!(std::fs::metadata(&journal).unwrap().permissions().mode() & 0o777, 0o640);
    let mut names: Vec<_> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["inventory.json", "inventory.json.journal", "inventory.json.lock"]);
    assert_eq!(outcome(&mut store, order("A0", 1)), CommitOutcome::Replayed);
    let found = idempotence::store::examine(&path, &|_| {}).unwrap().unwrap();
    assert_eq!((found.verdict(), found.audit.orders), (Verdict::Right, 20), "{found:?}");
    // An effect is lost.
    let good = std::fs::read(&journal).unwrap();
    let all = lines(&good);
    std::fs::write(&journal, [&all[..2], &all[3..]].concat().concat()).unwrap();
    let examined = idempotence::store::examine(&path, &|_| {});
    assert!(matches!(examined, Err(StoreError::DamagedJournal { .. })), "{examined:?}");
    // A reset keeps the compacted journal.
    std::fs::write(&journal, &good).unwrap();
    let kept = idempotence::store::reset(&path).unwrap().journal.unwrap();
    assert_eq!(std::fs::read(folder.path().join(format!("inventory.json.journal{kept}"))).unwrap(), good);
}

#[test]
fn a_busy_lock_at_the_end_does_not_cost_the_written_journal() {
    let (machine, mut store) = machine_with_orders(10);
    store.set_compaction(Some(CompactionLimits { after_bytes: 1, keep_orders: KEPT }));
    store.commit(&retried_order("B"), Publication::Now).unwrap();
    let mut holder = machine.another();
    assert!(holder.lock(std::time::Duration::ZERO).unwrap());
    for _ in 0..10 {
        store.compact_some();
    }
    assert!(store.is_compacting() && declaration(&machine.journal_bytes()).is_none());
    holder.unlock().unwrap();
    store.compact_some();
    assert!(!store.is_compacting() && declaration(&machine.journal_bytes()).is_some());
}

#[test]
fn a_journal_that_a_reset_replaces_meanwhile_is_not_brought_back() {
    let (machine, mut store) = machine_with_orders(10);
    store.set_compaction(Some(CompactionLimits { after_bytes: 1, keep_orders: KEPT }));
    store.commit(&retried_order("B"), Publication::Now).unwrap();
    store.compact_some();
    assert!(store.is_compacting());
    Engine::<Simulated>::reset(machine.another(), clock).unwrap();
    while store.is_compacting() {
        store.compact_some();
    }
    assert_eq!(records(&machine.journal_bytes()).len(), 1);
    assert_eq!(outcome(&mut store, order("A0", 1)), CommitOutcome::Applied);
}
