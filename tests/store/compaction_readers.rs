//! Readers and other processes follow to the new journal.

use std::{
    io::{BufRead, BufReader, Write},
    ops::Range,
    path::Path,
    process::{Command, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use idempotence::store::{
    CommitOutcome, Engine, Fact, JournalReader, News, Publication, Record, StoreError, StoreHandle, Verdict, examine,
    storage::{Disk, Storage},
};

use crate::{
    bench::{audit, clock, commit, order, outcome, records},
    compacted::{KEPT, RULES, compact, declaration, retried_order},
};

fn database(folder: &Path, orders: usize) -> Engine<Disk> {
    let mut store = Engine::open(Disk::open(&folder.join("inventory.json")).unwrap(), clock, RULES).unwrap();
    for index in 0..orders {
        store.commit(&retried_order(&format!("A{index}")), Publication::Now).unwrap();
    }
    store
}

fn seqs(news: &News) -> Vec<u64> {
    news.records.iter().map(|record| record.seq).collect()
}

#[test]
fn a_reader_at_the_end_continues_without_a_loss_or_a_repetition() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("inventory.json");
    let mut store = database(folder.path(), 10);
    let mut reader = JournalReader::new(&path);
    let mut seen = seqs(&reader.read().unwrap());
    for round in 0..4 {
        for index in 0..4 {
            store.commit(&retried_order(&format!("B{round}-{index}")), Publication::Now).unwrap();
        }
        seen.extend(seqs(&reader.read().unwrap()));
        // In the last rounds, two compactions lie between two reads.
        for part in 0..=round / 2 {
            compact(&mut store);
            store.commit(&retried_order(&format!("C{round}-{part}")), Publication::Now).unwrap();
        }
        let news = reader.read().unwrap();
        assert!(!news.restarted, "round {round}: {news:?}");
        seen.extend(seqs(&news));
        assert_eq!(reader.read().unwrap(), News::default());
    }
    let last = records(&std::fs::read(folder.path().join("inventory.json.journal")).unwrap()).last().unwrap().seq;
    assert_eq!((seen, last), ((1..=last).collect(), 1 + (10 + 4 * 4 + 6) * 8));
}

#[test]
fn a_reader_starts_again_if_lines_that_it_has_not_read_were_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("inventory.json");
    let mut store = database(folder.path(), 10);
    let mut reader = JournalReader::new(&path);
    reader.read().unwrap();
    for index in 0..6 {
        store.commit(&retried_order(&format!("B{index}")), Publication::Now).unwrap();
    }
    compact(&mut store);
    let news = reader.read().unwrap();
    let all = records(&std::fs::read(folder.path().join("inventory.json.journal")).unwrap());
    assert_eq!((news.restarted, news.records == all), (true, true));
}

#[test]
fn a_reader_in_the_middle_of_the_old_journal_starts_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("inventory.json");
    let mut store = database(folder.path(), 20);
    let mut reader = JournalReader::new(&path);
    assert!(reader.read_some(2_000).unwrap().0.more);
    compact(&mut store);
    let news = reader.read().unwrap();
    let all = records(&std::fs::read(folder.path().join("inventory.json.journal")).unwrap());
    assert_eq!((news.restarted, news.records == all), (true, true));
    // After that it continues like any other.
    store.commit(&retried_order("B"), Publication::Now).unwrap();
    for index in 0..6 {
        store.commit(&retried_order(&format!("C{index}")), Publication::Now).unwrap();
    }
    reader.read().unwrap();
    compact(&mut store);
    store.commit(&retried_order("D"), Publication::Now).unwrap();
    let news = reader.read().unwrap();
    assert_eq!((news.restarted, seqs(&news).len()), (false, 8));
}

#[test]
fn a_reader_that_started_from_a_checkpoint_continues_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("inventory.json");
    let mut store = database(folder.path(), 0);
    for session in 0..12 {
        let orders = (0..400).flat_map(|index| retried_order(&format!("S{session}-{index}")));
        store.commit(&orders.collect::<Vec<_>>(), Publication::Later).unwrap();
        store.write_checkpoint_if_due();
    }
    store.commit(&[], Publication::Now).unwrap();
    let mut reader = JournalReader::from_checkpoint(&path);
    reader.read().unwrap();
    let first = reader.take_covered().expect("a checkpoint covers most lines").first;
    store.compact(4_700, &|_| {}).unwrap().unwrap();
    store.commit(&retried_order("B"), Publication::Now).unwrap();
    let news = reader.read().unwrap();
    assert_eq!((news.restarted, seqs(&news).len(), reader.take_covered()), (false, 8, None));
    // The checkpoint of the new journal names the same first record, so that a dashboard takes it for the same journal.
    let mut reader = JournalReader::from_checkpoint(&path);
    assert!(!reader.read().unwrap().restarted, "the new journal has a checkpoint");
    assert_eq!(reader.take_covered().map(|covered| covered.first), Some(first));
    store.compact(4_500, &|_| {}).unwrap().unwrap();
    store.commit(&retried_order("C"), Publication::Now).unwrap();
    let news = reader.read().unwrap();
    assert_eq!((news.restarted, seqs(&news).len()), (false, 8));
}

#[test]
fn the_journal_of_another_database_is_not_a_continuation() {
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut store = database(here.path(), 10);
    let mut reader = JournalReader::new(&here.path().join("inventory.json"));
    reader.read().unwrap();
    compact(&mut store);
    let mut other = database(there.path(), 11);
    compact(&mut other);
    std::fs::rename(there.path().join("inventory.json.journal"), here.path().join("inventory.json.journal")).unwrap();
    std::fs::rename(there.path().join("inventory.json"), here.path().join("inventory.json")).unwrap();
    let news = reader.read().unwrap();
    assert!(news.restarted && news.records.last().unwrap().seq == 1 + 11 * 8, "{news:?}");
}

#[test]
fn a_process_that_starts_notices_an_idle_one_after_a_compaction() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("inventory.json");
    let mut store = database(folder.path(), 10);
    let idle = StoreHandle::on(Engine::open(Disk::open(&path).unwrap(), clock, RULES).unwrap()).unwrap();
    compact(&mut store);
    drop(store);
    let is_noticed = || {
        let mut disk = Disk::open(&path).unwrap();
        disk.open_journal().unwrap();
        !disk.is_alone().unwrap()
    };
    // The idle one looks at the journal every second.
    let since = Instant::now();
    while !is_noticed() {
        assert!(since.elapsed() < Duration::from_mins(1), "it keeps the old journal");
        std::thread::sleep(Duration::from_millis(50));
    }
    let edited = std::fs::read_to_string(&path).unwrap().replacen("\"inStock\": 990", "\"inStock\": 500", 1);
    std::fs::write(&path, &edited).unwrap();
    let mut store = Engine::open(Disk::open(&path).unwrap(), clock, RULES).unwrap();
    assert_eq!(outcome(&mut store, order("A0", 1)), CommitOutcome::Replayed);
    let all = records(&std::fs::read(folder.path().join("inventory.json.journal")).unwrap());
    let kept = all.iter().any(|record| matches!(record.fact, Fact::Aside(_)));
    let adopted = all.iter().any(|record| matches!(record.fact, Fact::Adjust(_)));
    assert_eq!((kept, adopted), (true, false), "a worker runs, so the edit is not adopted");
    drop(idle);
}

/// Name of the environment variable with the database of [`compact_when_asked`].
const DATABASE: &str = "COMPACTED_DATABASE";

#[test]
#[ignore = "a process that another test starts"]
fn compact_when_asked() {
    let Some(path) = std::env::var_os(DATABASE) else { return };
    let mut store = Engine::open(Disk::open(Path::new(&path)).unwrap(), clock, RULES).unwrap();
    for line in std::io::stdin().lines() {
        let id = line.unwrap();
        let replayed = unless_busy(|| commit(&mut store, order(&id, 1)));
        assert_eq!(replayed.outcome, CommitOutcome::Replayed, "{id}");
        let saved = unless_busy(|| store.compact(KEPT, &|_| {}));
        println!("\ncompacted: {}", saved.is_some());
    }
}

/// Repeats a request while the other process has the lock for longer than a request waits, as Temporal does.
fn unless_busy<T>(mut request: impl FnMut() -> Result<T, StoreError>) -> T {
    const MAX_TRIES: usize = 30;
    let tries = std::iter::from_fn(|| Some(request())).take(MAX_TRIES);
    let mut answers = tries.filter(|answer| !matches!(answer, Err(StoreError::Busy { .. })));
    answers.next().expect("the lock becomes free").unwrap()
}

/// Sets a flag when it is dropped.
struct OnDrop<'a>(&'a AtomicBool);

impl Drop for OnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Reads until `done`. Returns every record since the journal was last read from its start, and how often that was.
fn follow(path: &Path, done: &AtomicBool) -> (Vec<Record>, usize) {
    let mut reader = JournalReader::new(path);
    let (mut seen, mut restarts) = (Vec::new(), 0);
    loop {
        let last = done.load(Ordering::SeqCst);
        let news = reader.read().unwrap();
        if news.restarted {
            restarts += 1;
            seen.clear();
        }
        seen.extend(news.records);
        assert!(seen.is_sorted_by(|one: &Record, next| one.seq < next.seq), "a record was repeated");
        if last {
            return (seen, restarts);
        }
    }
}

#[test]
fn one_process_compacts_while_another_writes_and_a_reader_follows() {
    const ROUNDS: usize = 8;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("inventory.json");
    let mut store = database(folder.path(), 10);
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "compaction_readers::compact_when_asked", "--ignored", "--nocapture"])
        .env(DATABASE, &path)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut asks = child.stdin.take().unwrap();
    let answers = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut answers = answers.map(Result::unwrap).filter(|line| line.starts_with("compacted: "));
    let done = AtomicBool::new(false);
    let (seen, _) = std::thread::scope(|scope| {
        let reader = scope.spawn(|| follow(&path, &done));
        // The reader must also end if an assertion fails.
        let is_done = OnDrop(&done);
        let mut write = |round: usize, orders: Range<usize>| {
            for index in orders {
                let requests = retried_order(&format!("R{round}-{index}"));
                unless_busy(|| store.commit(&requests, Publication::Now));
            }
        };
        for round in 0..ROUNDS {
            // The previous compaction may have dropped every earlier order that can be dropped.
            write(round, 0..10);
            writeln!(asks, "A{round}").unwrap();
            // These orders are written while the other process compacts.
            write(round, 10..20);
            assert_eq!(answers.next().as_deref(), Some("compacted: true"), "round {round}");
        }
        drop(asks);
        drop(is_done);
        reader.join().unwrap()
    });
    assert!(child.wait().unwrap().success());
    let journal = std::fs::read(folder.path().join("inventory.json.journal")).unwrap();
    assert!(declaration(&journal).is_some());
    // Nothing that the journal still has is missing, and what was dropped since is an attempt.
    let lasting = |record: &&Record| !matches!(record.fact, Fact::Attempt(_));
    let of_reader: Vec<_> = seen.iter().filter(lasting).filter(|record| record.seq > 0).collect();
    let all = records(&journal);
    assert_eq!(of_reader, all.iter().filter(lasting).filter(|record| record.seq > 0).collect::<Vec<_>>());
    assert!(all.iter().filter(|record| record.seq > 0).all(|record| seen.contains(record)));
    assert_eq!(audit(&journal).verdict(), Verdict::Right);
    for id in ["A0", "A9", "R0-0", "R7-19"] {
        assert_eq!(outcome(&mut store, order(id, 1)), CommitOutcome::Replayed, "{id}");
    }
    let examined = examine(&path, &|_| {}).unwrap().unwrap();
    assert_eq!((examined.verdict(), examined.audit.orders), (Verdict::Right, 10 + 20 * ROUNDS as u64));
}
