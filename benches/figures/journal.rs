//! A journal of 1,000,000 lines: latency of an order while another process opens it, time until the dashboard shows its
//! end, time and memory of `audit`, and latency of an order while the journal is compacted.

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use futures::executor::block_on;
use idempotence::{
    clock::now,
    domain::{Activity, Attempt, Effect, Guard, Order, OrderId, Origin, ProductId, REORDER_BELOW},
    store::{CommitRequest, CompactionLimits, Engine, Store, StoreHandle, storage::Disk},
};

use crate::{
    Figure, ledger, median,
    orders::PROGRAM,
    screen::{Screen, peak_megabytes},
};

const ORDERS: usize = 1_000_000 / ledger::LINES_PER_ORDER;

/// Smallest terminal that shows every panel.
const SIZE: (u16, u16) = (80, 24);

pub fn measure() -> Vec<Figure> {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let database = folder.path().join("inventory.json");
    let mut engine = ledger::begin(&database);
    ledger::commit(&mut engine, 0..ORDERS);
    drop(engine);
    let figures = [dashboard(folder.path()), order_while_another_opens(&database), audit(&database)];
    figures.into_iter().chain(compaction(&database)).collect()
}

/// Maximum latency of an order while another process opens the journal, and the time for opening it.
fn order_while_another_opens(database: &Path) -> Figure {
    let first = StoreHandle::open(database).unwrap();
    let mut number = 0;
    let mut order = || {
        number += 1;
        let since = Instant::now();
        block_on(first.commit(request(&format!("W{number}")))).unwrap();
        since.elapsed().as_secs_f64()
    };
    let alone = median((0..50).map(|_| order()).collect());
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
        name: "order while another opens 1,000,000 lines",
        measured: format!("{:.0} ms ({:.1} ms, {opening:.1} s)", longest * 1e3, alone * 1e3),
        wanted: "under 10 % of the opening".into(),
        reached: longest < opening / 10.0,
    }
}

/// Latency of orders while the same worker compacts the journal, and the bytes that this saves.
fn compaction(database: &Path) -> [Figure; 2] {
    let mut engine = Engine::open(Disk::open(database).unwrap(), now, REORDER_BELOW).unwrap();
    engine.set_compaction(Some(CompactionLimits { after_bytes: 1, keep_orders: CompactionLimits::KEEP_ORDERS }));
    // As many attempts as make a compaction due. It begins after the next request.
    ledger::commit(&mut engine, ORDERS..ORDERS + 10_000);
    let store = StoreHandle::on(engine).unwrap();
    let mut number = 0;
    let mut order = || {
        number += 1;
        let since = Instant::now();
        block_on(store.commit(request(&format!("C{number}")))).unwrap();
        thread::sleep(Duration::from_millis(1));
        since.elapsed().as_secs_f64() - 0.001
    };
    let journal = database.with_extension("json.journal");
    let (before, since) = (fs::metadata(&journal).unwrap(), Instant::now());
    let mut during = Vec::new();
    while fs::metadata(&journal).unwrap().ino() == before.ino() {
        during.push(order());
    }
    let took = since.elapsed().as_secs_f64();
    let after = fs::metadata(&journal).unwrap();
    // The checkpoint may not be written yet.
    during.push(order());
    let alone = median((0..200).map(|_| order()).collect());
    let longest = during.iter().copied().fold(0.0, f64::max);
    let usual = median(during);
    let megabytes = |file: &fs::Metadata| file.len() / 1_000_000;
    [
        Figure {
            name: "order during a compaction of 1,000,000 lines",
            measured: format!("{:.1} ms, max {:.0} ms ({:.1} ms)", usual * 1e3, longest * 1e3, alone * 1e3),
            wanted: "at most 10 ms more, max 200 ms".into(),
            reached: usual < alone + 0.01 && longest < 0.2,
        },
        Figure {
            name: "compaction of 1,000,000 lines",
            measured: format!("{took:.1} s, {} MB to {} MB", megabytes(&before), megabytes(&after)),
            wanted: "under half of the bytes".into(),
            reached: after.len() < before.len() / 2,
        },
    ]
}

fn request(id: &str) -> CommitRequest {
    let order = OrderId::new(id).unwrap();
    let product = ProductId::new("123456").unwrap();
    let origin = Origin {
        order: order.clone(),
        workflow: format!("order-{id}"),
        run: format!("run-{id}"),
        activity: Activity::UpdateInventory,
        attempt: Attempt::FIRST,
    };
    CommitRequest { effect: Effect::Order(Order { id: order, product, quantity: 1 }), guard: Guard::Ledger, origin }
}

/// Seconds from the start of the dashboard until it shows the newest order of the journal.
fn dashboard(state: &Path) -> Figure {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut screen = Screen::open_at(state, &listener.local_addr().unwrap().to_string(), SIZE);
    let last = ledger::id(ORDERS - 1);
    let shown = screen.until(|text| !text.contains("reading the journal") && text.contains(&last));
    let took = (shown - screen.started).as_secs_f64();
    screen.quit();
    Figure {
        name: "dashboard: 1,000,000 lines to the screen",
        measured: format!("{took:.1} s"),
        wanted: "under 0.3 s, from the checkpoint".into(),
        reached: took < 0.3,
    }
}

fn audit(database: &Path) -> Figure {
    let since = Instant::now();
    let mut audit =
        Command::new(PROGRAM).args(["audit", "--database"]).arg(database).stdout(Stdio::null()).spawn().unwrap();
    let mut peak = 0.0_f64;
    while audit.try_wait().unwrap().is_none() {
        peak = peak.max(peak_megabytes(audit.id()).unwrap_or(0.0));
        thread::sleep(Duration::from_millis(5));
    }
    let took = since.elapsed().as_secs_f64();
    Figure {
        name: "audit of 1,000,000 lines",
        measured: format!("{took:.1} s, {peak:.0} MB"),
        wanted: "under 10 s and 100 MB".into(),
        reached: took < 10.0 && peak < 100.0,
    }
}
