//! A journal of 1,000,000 lines with the attempts of its orders: bytes of an attempt, memory of `audit`, and the latency of
//! orders while the journal is compacted.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader},
    os::unix::fs::MetadataExt,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use futures::executor::block_on;
use idempotence::store::{CompactionLimits, Engine, Fact, Record, Store, StoreHandle, storage::Disk};

use super::{folder, journal_bytes, large::audit};
use crate::{
    Figure,
    ledger::{self, LINES_PER_ORDER, one_unit},
    median,
};

const LINES: usize = 1_000_000;
const ORDERS: usize = LINES / LINES_PER_ORDER;

/// Pause between two orders during a compaction.
const PAUSE: Duration = Duration::from_millis(1);

pub fn measure() -> Vec<Figure> {
    let folder = folder();
    let database = folder.path().join("inventory.json");
    ledger::commit(&mut ledger::begin(&database), 0..ORDERS);
    let bytes = bytes_of_attempts(&database);
    let mut engine = ledger::open(&database);
    engine.set_compaction(Some(CompactionLimits { after_bytes: 1, keep_orders: CompactionLimits::KEEP_ORDERS }));
    // As many attempts as make a compaction due. It begins after the next request.
    ledger::commit(&mut engine, ORDERS..ORDERS + 10_000);
    let before = audit(&database).megabytes;
    let compaction = compaction(engine, &database);
    let after = audit(&database).megabytes;
    vec![bytes, memory_of_attempts(before - after)].into_iter().chain(compaction).collect()
}

fn lines(database: &Path) -> impl Iterator<Item = Vec<u8>> {
    BufReader::new(File::open(database.with_extension("json.journal")).unwrap()).split(b'\n').map(Result::unwrap)
}

#[expect(clippy::cast_precision_loss, reason = "a million lines")]
fn bytes_of_attempts(database: &Path) -> Figure {
    let is_attempt = |line: &Vec<u8>| matches!(Record::decode(line).unwrap().fact, Fact::Attempt(_));
    let (count, bytes) =
        lines(database).filter(is_attempt).fold((0, 0), |(count, bytes), line| (count + 1, bytes + line.len() + 1));
    let each = bytes as f64 / f64::from(count);
    Figure {
        name: "JSON: bytes of an attempt's line on disk",
        measured: format!("{each:.0}"),
        wanted: "at most 150".into(),
        reached: each <= 150.0,
    }
}

/// The compaction drops nearly all attempts, so the difference is their memory.
#[expect(clippy::cast_precision_loss, reason = "a million lines")]
fn memory_of_attempts(megabytes: f64) -> Figure {
    let attempts = (ORDERS * (LINES_PER_ORDER - 2)) as f64;
    let each = (megabytes * 1024.0 * 1024.0 / attempts).max(0.0);
    Figure {
        name: "JSON: memory of audit per line of an attempt",
        measured: format!("{each:.1} bytes"),
        wanted: "at most 2 bytes".into(),
        reached: each <= 2.0,
    }
}

/// Latency of orders while the same worker compacts the journal, and the bytes that this saves.
fn compaction(engine: Engine<Disk>, database: &Path) -> [Figure; 2] {
    let store = StoreHandle::on(engine).unwrap();
    let mut number = 0;
    let mut order = || {
        number += 1;
        let since = Instant::now();
        block_on(store.commit(one_unit(&format!("C{number}")))).unwrap();
        let took = since.elapsed().as_secs_f64();
        thread::sleep(PAUSE);
        took
    };
    let file = || fs::metadata(database.with_extension("json.journal")).unwrap().ino();
    let (before, old, since) = (journal_bytes(database), file(), Instant::now());
    let mut during = Vec::new();
    while file() == old {
        during.push(order());
    }
    let took = since.elapsed().as_secs_f64();
    let after = journal_bytes(database);
    // The checkpoint may not be written yet.
    during.push(order());
    let alone = median((0..200).map(|_| order()).collect());
    let longest = during.iter().copied().fold(0.0, f64::max);
    let usual = median(during);
    let megabytes = |bytes: u64| bytes / 1_000_000;
    [
        Figure {
            name: "JSON: order during a compaction of 1,000,000 lines",
            measured: format!("{:.1} ms, max {:.0} ms ({:.1} ms)", usual * 1e3, longest * 1e3, alone * 1e3),
            wanted: "at most 10 ms more, max 200 ms".into(),
            reached: usual < alone + 0.01 && longest < 0.2,
        },
        Figure {
            name: "JSON: bytes after that compaction",
            measured: format!("{} MB of {} MB in {took:.1} s", megabytes(after), megabytes(before)),
            wanted: "under half".into(),
            reached: after < before / 2,
        },
    ]
}
