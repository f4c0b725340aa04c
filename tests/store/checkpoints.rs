//! A checkpoint saves reading a long journal, and changes nothing else.

use std::{fs, sync::atomic::Ordering};

use idempotence::{
    domain::{Guard, REORDER_BELOW},
    store::{
        AttemptEvent, Audit, CommitOutcome, CommitRequest, Engine, JournalReader, Note, Phase, Publication, Request,
        StoreError, StoreHandle,
        storage::{Disk, Storage},
    },
};
use rand::{RngExt, SeedableRng, rngs::StdRng};

use crate::{
    bench::{assert_right, clock, commit, engine, open, order, origin, outcome, records, request, stock, supplier},
    odd::odd,
    simulated::{InjectedFault, Operation, Simulated},
};

/// Orders whose lines have more than 1 MiB, from which on a worker that ends writes a checkpoint.
const ORDERS: usize = 4_500;

/// Bytes that an opening with a checkpoint may read: the first line, the last line that it covers, and a few new ones.
const MAX_BYTES_READ: usize = 16 << 10;

fn long_batch(session: usize) -> Vec<Request> {
    (0..ORDERS).map(|index| request(order(&format!("S{session}-{index}"), 1), Guard::Ledger)).collect()
}

/// Ends a worker, which writes a checkpoint.
fn end<M: Storage>(engine: Engine<M>) {
    drop(StoreHandle::on(engine).unwrap());
}

/// A machine with a long journal and its checkpoint.
fn checkpointed() -> Simulated {
    let (machine, mut store) = engine(1_000_000);
    store.commit(&long_batch(0), Publication::Now).unwrap();
    end(store);
    assert!(machine.checkpoint().is_some());
    machine
}

/// Opens the database. Returns how many bytes of the journal were read.
fn bytes_read(machine: &Simulated) -> usize {
    let storage = odd(machine.another());
    let read = storage.read.clone();
    drop(Engine::open(storage, clock, REORDER_BELOW).unwrap());
    read.load(Ordering::Relaxed)
}

#[test]
fn an_opening_with_a_checkpoint_reads_only_the_lines_after_it() {
    let machine = checkpointed();
    assert!(bytes_read(&machine) < MAX_BYTES_READ);
    commit(&mut open(&machine), order("after", 1)).unwrap();
    assert!(bytes_read(&machine) < MAX_BYTES_READ);
    let mut store = open(&machine);
    for id in ["S0-0", "S0-4499", "after"] {
        assert_eq!(outcome(&mut store, order(id, 1)), CommitOutcome::Replayed, "{id}");
    }
    assert!(matches!(commit(&mut store, order("S0-7", 2)), Err(StoreError::Conflict { .. })));
    assert_right(&machine, 995_499);
}

/// A request with an id that may be covered by a checkpoint, may be in its tail, or may be new.
fn any_request(random: &mut StdRng, session: usize) -> Request {
    let id = match random.random_range(0..3) {
        0 => format!("S{}-{}", random.random_range(0..=session), random.random_range(0..ORDERS)),
        _ => format!("R{}", random.random_range(0..60)),
    };
    let effect = match random.random_range(0..4) {
        0 => supplier(&id, 1000),
        1 => order(&id, random.random_range(0..2_000_000)),
        _ => order(&id, 1),
    };
    let run = format!("run-{}", random.random_range(0..20));
    let origin = origin(&effect, &run, random.random_range(1..6));
    let phase = match random.random_range(0..6) {
        0 => Phase::Started,
        1 => Phase::Completed { outcome: CommitOutcome::Applied },
        _ => {
            let guard = Guard::ALL[random.random_range(0..Guard::ALL.len())];
            return Request::Commit(CommitRequest { effect, guard, origin });
        }
    };
    Request::Note(Note::Attempt(AttemptEvent { origin, phase }))
}

#[test]
fn a_worker_with_a_checkpoint_decides_like_one_that_reads_the_whole_journal() {
    let seed: u64 = rand::random();
    let mut random = StdRng::seed_from_u64(seed);
    let machines = [engine(1_000_000).0, engine(1_000_000).0];
    for session in 0..3 {
        let long = long_batch(session);
        let requests: Vec<_> = (0..300).map(|_| any_request(&mut random, session)).collect();
        let [with, without] = [0, 1].map(|index| {
            let machine = &machines[index];
            if index == 1 {
                machine.another().remove_checkpoint().unwrap();
            }
            let mut store = open(machine);
            store.commit(&long, Publication::Now).unwrap();
            let answers: Vec<_> = requests
                .iter()
                .map(|request| format!("{:?}", store.commit(std::slice::from_ref(request), Publication::Now)))
                .collect();
            end(store);
            answers
        });
        assert_eq!(with, without, "seed {seed}, session {session}");
    }
    let [with, without] = &machines;
    let facts = |machine: &Simulated| records(&machine.journal_bytes()).into_iter().map(|record| record.fact);
    assert!(facts(with).eq(facts(without)), "seed {seed}");
    assert_eq!(with.document(), without.document(), "seed {seed}");
    assert!(bytes_read(with) < MAX_BYTES_READ, "the checkpoint was used");
}

#[test]
fn a_damaged_or_cut_checkpoint_is_ignored() {
    let machine = checkpointed();
    let good = machine.checkpoint().unwrap();
    let seed: u64 = rand::random();
    let mut random = StdRng::seed_from_u64(seed);
    for case in 0..40 {
        let mut bytes = good.clone();
        let at = random.random_range(0..bytes.len());
        if case % 4 == 0 {
            bytes.truncate(at);
        } else {
            bytes[at] ^= 1 << random.random_range(0..8);
        }
        machine.write_checkpoint(Some(&bytes));
        assert!(bytes_read(&machine) > 1 << 20, "seed {seed}: byte {at} of {}", good.len());
    }
    machine.write_checkpoint(Some(&[good.as_slice(), b"x"].concat()));
    assert!(bytes_read(&machine) > 1 << 20);
    machine.write_checkpoint(Some(&good));
    assert!(bytes_read(&machine) < MAX_BYTES_READ);
    assert_right(&machine, 995_500);
}

#[test]
fn a_checkpoint_of_another_journal_is_ignored() {
    let machine = checkpointed();
    let (old, journal) = (machine.checkpoint(), machine.journal_bytes());
    drop(Engine::reset(machine.another(), clock).unwrap());
    assert!(machine.checkpoint().is_none(), "a reset removes it");
    let mut store = open(&machine);
    let orders: Vec<_> = (0..ORDERS).map(|_| request(order("S0-0", 1), Guard::Off)).collect();
    store.commit(&orders, Publication::Now).unwrap();
    drop(store);
    machine.write_checkpoint(old.as_deref());
    let answer = commit(&mut open(&machine), order("S0-1", 1));
    assert!(matches!(answer, Err(StoreError::Rejected(_))), "it is new, and there is no stock: {answer:?}");
    // Of the same journal, which has lost lines that it covers.
    let other = checkpointed();
    let cut = journal.iter().rposition(|byte| *byte == b'\n').unwrap();
    other.write_journal(&journal[..=journal[..cut].iter().rposition(|byte| *byte == b'\n').unwrap()]);
    let opened = Engine::open(other.another(), clock, REORDER_BELOW);
    assert!(matches!(opened, Err(StoreError::DamagedJournal { .. })), "{opened:?}");
}

#[test]
fn a_checkpoint_of_a_newer_program_is_ignored() {
    let machine = checkpointed();
    let bytes = String::from_utf8_lossy(&machine.checkpoint().unwrap()).into_owned();
    let header = bytes.split_once('\n').unwrap().0;
    let body = idempotence::store::line::open(header.as_bytes()).unwrap();
    let body = String::from_utf8(body).unwrap().replacen("\"format\":2", "\"format\":3", 1);
    machine.write_checkpoint(Some(&[&idempotence::store::line::seal(body.as_bytes()), &b"\n"[..]].concat()));
    assert!(bytes_read(&machine) > 1 << 20);
    assert_right(&machine, 995_500);
}

#[test]
fn a_checkpoint_that_cannot_be_written_costs_nothing_but_time() {
    for fault in [InjectedFault::Error(std::io::ErrorKind::StorageFull), InjectedFault::Die, InjectedFault::DieAfter] {
        let (machine, mut store) = engine(1_000_000);
        store.commit(&long_batch(0), Publication::Now).unwrap();
        machine.fail_next(Operation::ReplaceCheckpoint, fault);
        end(store);
        assert_eq!(stock(&machine), 995_500);
        assert_eq!(outcome(&mut open(&machine), order("S0-4499", 1)), CommitOutcome::Replayed);
    }
}

#[test]
fn on_a_real_disk_it_lies_beside_the_journal_with_the_same_access_and_a_reset_removes_it() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("inventory.json");
    let mut store = Engine::open(Disk::open(&path).unwrap(), clock, REORDER_BELOW).unwrap();
    let repeated = request(order("A", 1), Guard::Off);
    store.commit(&vec![repeated; ORDERS], Publication::Now).unwrap();
    end(store);
    let mode = |name: &str| fs::metadata(folder.path().join(name)).unwrap().permissions().mode();
    assert_eq!(mode("inventory.json.checkpoint"), mode("inventory.json.journal"));
    idempotence::store::reset(&path).unwrap();
    assert!(!folder.path().join("inventory.json.checkpoint").exists());
}

#[test]
fn a_reader_starts_after_the_covered_lines_of_a_long_journal() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("inventory.json");
    let mut store = Engine::open(Disk::open(&path).unwrap(), clock, REORDER_BELOW).unwrap();
    let orders: Vec<_> = (0..40_000).map(|index| request(order(&format!("A{index}"), 1), Guard::Off)).collect();
    store.commit(&orders, Publication::Now).unwrap();
    end(store);
    let mut store = Engine::open(Disk::open(&path).unwrap(), clock, REORDER_BELOW).unwrap();
    commit(&mut store, order("B", 1)).unwrap_err();
    store.commit(&[request(order("A7", 1), Guard::Off)], Publication::Now).unwrap();
    drop(store);
    let mut whole = Audit::default();
    let all = JournalReader::new(&path).read().unwrap().records;
    for record in &all {
        whole.observe(record, record.seq);
    }
    let mut reader = JournalReader::from_checkpoint(&path);
    let tail = reader.read().unwrap();
    let covered = reader.take_covered().unwrap();
    let last = usize::try_from(covered.audit.seq).unwrap();
    assert_eq!((covered.first, covered.audit.orders, last), (all[0].clone(), 40_000, 40_001));
    assert!(all[..last].ends_with(&covered.recent) && covered.recent.len() > 1_000);
    assert_eq!((tail.records.as_slice(), tail.restarted), (&all[last..], false));
    let mut audit = covered.audit;
    for record in &tail.records {
        audit.observe(record, record.seq);
    }
    assert_eq!((audit.sentence(), audit.applied_twice.len()), (whole.sentence(), 1));
    // Another journal is read whole.
    idempotence::store::reset(&path).unwrap();
    let news = reader.read().unwrap();
    assert_eq!((news.records.len(), news.restarted, reader.take_covered()), (1, true, None));
    // So is a journal without a checkpoint.
    assert!(JournalReader::from_checkpoint(&path).take_covered().is_none());
}

#[test]
fn a_running_worker_writes_one_after_many_lines_and_not_after_few() {
    let (machine, mut store) = engine(1_000_000);
    let mut written = Vec::new();
    for session in 0..9 {
        store.commit(&long_batch(session), Publication::Now).unwrap();
        store.write_checkpoint_if_due();
        written.push(machine.checkpoint().map(|bytes| bytes.len()));
    }
    assert!(machine.journal_bytes().len() > 9 << 20, "one checkpoint is due");
    written.dedup();
    assert_eq!(written.len(), 2, "none, and then one: {written:?}");
    assert!(bytes_read(&machine) < 4 << 20);
    drop(Engine::reset(machine.another(), clock).unwrap());
    for session in 0..9 {
        store.commit(&long_batch(session), Publication::Now).unwrap();
        store.write_checkpoint_if_due();
    }
    assert!(machine.checkpoint().is_some(), "the new journal has one too");
}
