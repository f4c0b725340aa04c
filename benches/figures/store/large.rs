//! A database with 1,000,000 orders beside one with 1,000: cost of an order, opening, memory, and `audit`. An order has two
//! effects. Without attempts, as after a compaction, the journal has two lines per order.

use std::{
    fs::{self, File},
    hint::black_box,
    io::{BufRead, BufReader},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use futures::executor::block_on;
use idempotence::store::{Record, Store, StoreHandle};

use super::folder;
use crate::{
    Figure,
    ledger::{self, OneByOne, one_unit},
    median,
    memory::work,
    orders::{PROGRAM, serve},
    screen::{Screen, peak_megabytes, resident_megabytes},
};

const SMALL: usize = 1_000;
const LARGE: usize = 1_000_000;

/// Orders whose cost is measured in each database. Their lines fill more than one checkpoint.
const MEASURED: usize = 10_000;

/// Starts of a process whose opening is measured.
const STARTS: usize = 5;

/// Runs of `audit` and of the loop beside it.
const AUDITS: usize = 2;

/// Limit of an opening, in seconds.
const MAX_OPENING: f64 = 0.3;

/// Limit of the memory per order, in bytes.
const MAX_BYTES: f64 = 60.0;

/// Smallest terminal that shows every panel.
const SIZE: (u16, u16) = (80, 24);

pub fn measure() -> Vec<Figure> {
    let folder = folder();
    let [small, large] = [SMALL, LARGE].map(|orders| {
        let state = folder.path().join(orders.to_string());
        ledger::commit_effects(&mut ledger::begin(&database(&state)), 0..orders);
        state
    });
    let mut figures = openings(folder.path(), &small, &large);
    figures.extend(audits(&database(&small), &database(&large)));
    figures.push(order_while_another_opens(&database(&large)));
    // Last, because it adds orders.
    figures.push(order_cost(&database(&small), &database(&large)));
    figures
}

fn database(state: &Path) -> PathBuf {
    state.join("inventory.json")
}

/// Alternates between the two after each order, so that both see the same noise. Checkpoints count.
fn order_cost(small: &Path, large: &Path) -> Figure {
    let [mut few, mut many] = [small, large].map(|database| OneByOne::new(ledger::open(database)));
    let [mut with_few, mut with_many] = [0.0; 2];
    for number in LARGE..LARGE + MEASURED {
        with_few += few.order(number);
        with_many += many.order(number);
    }
    let ratio = with_many / with_few;
    let each = |seconds: f64| seconds / f64::from(u32::try_from(MEASURED).unwrap()) * 1e6;
    Figure {
        name: "JSON: order with 1,000,000 orders, beside 1,000",
        measured: format!("{ratio:.2}x ({:.0} us, {:.0} us)", each(with_many), each(with_few)),
        wanted: "at most 1.1x".into(),
        reached: ratio <= 1.1,
    }
}

/// Seconds from the start of a process until it is ready, and its memory in megabytes.
pub struct Usage {
    seconds: f64,
    pub megabytes: f64,
}

/// A worker and a dashboard that open each database.
fn openings(folder: &Path, small: &Path, large: &Path) -> Vec<Figure> {
    let (_server, address) = serve(folder);
    let worker = [small, large].map(|state| typical(|| open_worker(state, &address)));
    let dashboard = [(small, SMALL), (large, LARGE)].map(|(state, orders)| typical(|| open_dashboard(state, orders)));
    let opening = |name, [few, many]: &[Usage; 2]| Figure {
        name,
        measured: format!("{:.2} s ({:.2} s with 1,000)", many.seconds, few.seconds),
        wanted: format!("under {MAX_OPENING} s").into(),
        reached: many.seconds < MAX_OPENING,
    };
    vec![
        opening("JSON: worker ready with 1,000,000 orders", &worker),
        opening("JSON: dashboard shows 1,000,000 orders", &dashboard),
        memory("JSON: memory of that worker per order", worker.map(|used| used.megabytes)),
        memory("JSON: memory of that dashboard per order", dashboard.map(|used| used.megabytes)),
    ]
}

/// The medians of several starts.
fn typical(start: impl Fn() -> Usage) -> Usage {
    let starts: Vec<_> = (0..STARTS).map(|_| start()).collect();
    let median_of = |value: fn(&Usage) -> f64| median(starts.iter().map(value).collect());
    Usage { seconds: median_of(|start| start.seconds), megabytes: median_of(|start| start.megabytes) }
}

/// The worker is ready when it polls, so the connection to the server counts.
fn open_worker(state: &Path, address: &str) -> Usage {
    let since = Instant::now();
    let worker = work(state, address);
    Usage { seconds: since.elapsed().as_secs_f64(), megabytes: resident_megabytes(worker.pid()) }
}

/// The dashboard is ready when it shows the newest order. Its server never answers.
fn open_dashboard(state: &Path, orders: usize) -> Usage {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut screen = Screen::open_at(state, &listener.local_addr().unwrap().to_string(), SIZE);
    let last = ledger::id(orders - 1);
    let shown = screen.until(|text| !text.contains("reading the journal") && text.contains(&last));
    let used = Usage { seconds: (shown - screen.started).as_secs_f64(), megabytes: resident_megabytes(screen.pid()) };
    screen.quit();
    used
}

#[expect(clippy::cast_precision_loss, reason = "a million orders")]
fn memory(name: &'static str, [few, many]: [f64; 2]) -> Figure {
    let bytes = (many - few) * 1024.0 * 1024.0 / (LARGE - SMALL) as f64;
    Figure {
        name,
        measured: format!("{bytes:.0} bytes ({few:.1} to {many:.1} MB)"),
        wanted: format!("at most {MAX_BYTES} bytes").into(),
        reached: bytes <= MAX_BYTES,
    }
}

/// Alternates between `audit` and the loop, so that both see the same noise.
fn audits(small: &Path, large: &Path) -> [Figure; 2] {
    let (mut ours, mut theirs, mut peak) = (0.0, 0.0, 0.0_f64);
    for _ in 0..AUDITS {
        theirs += read_and_parse(large);
        let Usage { seconds, megabytes } = audit(large);
        ours += seconds;
        peak = peak.max(megabytes);
    }
    let ratio = ours / theirs;
    let each = |seconds: f64| seconds / f64::from(u32::try_from(AUDITS).unwrap());
    [
        Figure {
            name: "JSON: audit of 1,000,000 orders, beside a loop",
            measured: format!("{ratio:.2}x ({:.1} s, {:.1} s)", each(ours), each(theirs)),
            wanted: "at most 1.5x read, verify, parse".into(),
            reached: ratio <= 1.5,
        },
        memory("JSON: memory of that audit per order", [audit(small).megabytes, peak]),
    ]
}

/// Seconds of a loop that reads, verifies and parses each line.
fn read_and_parse(database: &Path) -> f64 {
    let since = Instant::now();
    let mut journal = BufReader::new(File::open(database.with_extension("json.journal")).unwrap());
    let mut line = Vec::new();
    while journal.read_until(b'\n', &mut line).unwrap() > 0 {
        black_box(Record::decode(line.strip_suffix(b"\n").unwrap()).unwrap());
        line.clear();
    }
    since.elapsed().as_secs_f64()
}

/// The time of `audit`, and its peak memory.
pub fn audit(database: &Path) -> Usage {
    let since = Instant::now();
    let mut audit =
        Command::new(PROGRAM).args(["audit", "--database"]).arg(database).stdout(Stdio::null()).spawn().unwrap();
    let mut megabytes = 0.0_f64;
    while audit.try_wait().unwrap().is_none() {
        megabytes = megabytes.max(peak_megabytes(audit.id()).unwrap_or(0.0));
        thread::sleep(Duration::from_millis(1));
    }
    Usage { seconds: since.elapsed().as_secs_f64(), megabytes }
}

/// Maximum latency of an order while another process reads the whole journal, because it has no checkpoint.
fn order_while_another_opens(database: &Path) -> Figure {
    let first = StoreHandle::open(database).unwrap();
    let mut number = 0;
    let mut order = || {
        number += 1;
        let since = Instant::now();
        block_on(first.commit(one_unit(&format!("W{number}")))).unwrap();
        since.elapsed().as_secs_f64()
    };
    let alone = median((0..50).map(|_| order()).collect());
    fs::remove_file(database.with_extension("json.checkpoint")).unwrap();
    let path = database.to_owned();
    let opening = thread::spawn(move || {
        let since = Instant::now();
        drop(StoreHandle::open(&path).unwrap());
        since.elapsed().as_secs_f64()
    });
    let mut longest = 0.0_f64;
    while !opening.is_finished() {
        longest = longest.max(order());
        thread::sleep(Duration::from_millis(1));
    }
    let opening = opening.join().unwrap();
    Figure {
        name: "JSON: order while another reads 1,000,000 orders",
        measured: format!("max {:.0} ms ({:.1} ms) in {opening:.1} s", longest * 1e3, alone * 1e3),
        wanted: "under 10 % of the reading".into(),
        reached: longest < opening / 10.0,
    }
}
