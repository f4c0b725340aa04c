//! Memory per order after the first 20,000: of the store, of a dashboard that follows it, and of a worker on a Temporal
//! server.
//!
//! Only tables of digests may grow with each order. A table has a power of two of slots, is at most 7/8 full, and doubles;
//! the limits are the growth of these tables between the first and the last measured order.

use std::{
    path::Path,
    process::{self, Command},
    thread,
    time::Duration,
};

use idempotence::runtime::worker_child::ONE_ARENA;

use crate::{
    Figure,
    child::OwnedChild,
    ledger,
    orders::{PROGRAM, link, place, serve},
    screen::{Screen, private_megabytes},
};

/// Orders for which the dashboard keeps rows.
const FIRST: usize = 20_000;
const LAST: usize = 60_000;

/// Bytes of the ledger per effect: digest, payload, receipt, run, and the table's control byte. An order has two effects.
const LEDGER_PLACE: usize = 81;

/// Bytes of the audit per effect that changed the stock: digest, count, and the table's control byte. An order has one.
const AUDIT_PLACE: usize = 21;

/// Bytes that the allocator may add to a table's growth.
const SLACK_FACTOR: f64 = 1.1;

/// Difference between two samples of a process that is not growth, in megabytes. With an arena per thread, the allocator
/// keeps more freed memory.
const SLACK: f64 = 0.7;
const DASHBOARD_SLACK: f64 = 4.0;

/// Default task queue.
const TASK_QUEUE: &str = "inventory-task-queue";

/// Orders per round, sent without a pause. After so many attempts the SDK's worker is replaced in the next pause, which
/// frees what it keeps per attempt.
const ROUND: usize = 2_000;

/// Rounds after the first. Without the replacement they would add 2.7 MB, far more than the limit.
const MEASURED_ROUNDS: usize = 2;

/// Pause after a round, longer than the idle time before the SDK's worker is replaced.
const PAUSE: Duration = Duration::from_secs(5);

pub fn measure() -> Vec<Figure> {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let mut figures = store_and_dashboard(folder.path());
    figures.push(worker(folder.path()));
    figures
}

/// Bytes of a table with this many entries.
const fn table(entries: usize, place: usize) -> usize {
    (entries * 8 / 7).next_power_of_two() * place
}

/// Memory before and after the orders and the slack in megabytes, the growth of the tables in bytes.
#[expect(clippy::cast_precision_loss, reason = "megabytes")]
fn figure(name: &'static str, [before, after]: [f64; 2], orders: usize, tables: usize, slack: f64) -> Figure {
    let per_order = |bytes: f64| bytes / orders as f64;
    let bytes = per_order((after - before) * 1024.0 * 1024.0);
    let most = per_order((tables as f64).mul_add(SLACK_FACTOR, slack * 1024.0 * 1024.0));
    Figure {
        name,
        measured: format!("{bytes:.0} bytes ({before:.1} to {after:.1} MB)"),
        wanted: format!("at most {most:.0} bytes").into(),
        reached: bytes <= most,
    }
}

fn store_and_dashboard(folder: &Path) -> Vec<Figure> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut engine = ledger::begin(&folder.join("inventory.json"));
    ledger::commit(&mut engine, 0..FIRST);
    let mut screen = Screen::open(folder, &listener.local_addr().unwrap().to_string());
    let shows = |screen: &mut Screen, end: usize| {
        let last = ledger::id(end - 1);
        screen.until(|text| text.contains("orders 20000") && text.contains(&last) && !text.contains("reading the"));
    };
    shows(&mut screen, FIRST);
    let memory = |screen: &Screen| [process::id(), screen.pid()].map(private_megabytes);
    let before = memory(&screen);
    for from in (FIRST..LAST).step_by(1_000) {
        ledger::commit(&mut engine, from..from + 1_000);
        shows(&mut screen, from + 1_000);
    }
    let after = memory(&screen);
    screen.quit();
    let orders = LAST - FIRST;
    let ledger = table(2 * LAST, LEDGER_PLACE) - table(2 * FIRST, LEDGER_PLACE);
    let audit = table(LAST, AUDIT_PLACE) - table(FIRST, AUDIT_PLACE);
    vec![
        figure("store: memory per order after 20,000", [before[0], after[0]], orders, ledger, SLACK),
        figure("dashboard: the same", [before[1], after[1]], orders, audit, DASHBOARD_SLACK),
    ]
}

/// Measures a worker process on the same database, started as the dashboard starts it, with orders through a server.
fn worker(folder: &Path) -> Figure {
    let (_server, address) = serve(folder);
    let worker = work(folder, &address);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let link = runtime.block_on(link(&address));
    let mut after_round = |round: usize| {
        runtime.block_on(place(&link, TASK_QUEUE, round * ROUND..(round + 1) * ROUND));
        thread::sleep(PAUSE);
        private_megabytes(worker.pid())
    };
    let before = after_round(0);
    let after = (1..=MEASURED_ROUNDS).map(&mut after_round).last().unwrap();
    let measured = MEASURED_ROUNDS * ROUND;
    let entries = [LAST + ROUND, LAST + ROUND + measured].map(|orders| table(2 * orders, LEDGER_PLACE));
    figure("worker: memory per order, with a server", [before, after], measured, entries[1] - entries[0], SLACK)
}

/// Starts a worker process on the database in `folder`, and waits until it polls.
pub fn work(folder: &Path, address: &str) -> OwnedChild {
    let mut worker = Command::new(PROGRAM);
    worker
        .args(["worker", "--with-parent", "--address", address, "--database"])
        .arg(folder.join("inventory.json"))
        .env("XDG_STATE_HOME", folder)
        .env(ONE_ARENA.0, ONE_ARENA.1)
        .current_dir(folder);
    OwnedChild::start(&mut worker, "worker ")
}
