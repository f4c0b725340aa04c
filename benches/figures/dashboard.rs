//! Response times and idle cost of the real dashboard in a pseudo-terminal, and the memory of its worker.

use std::{net::TcpListener, thread, time::Duration};

use futures::executor::block_on;
use idempotence::{
    domain::{Activity, Attempt, OrderId, Origin},
    store::{AttemptEvent, Note, Phase, Store, StoreHandle},
};
use rustix::process::{Pid, Signal, kill_process};

use crate::{
    Figure, median,
    screen::{Screen, cpu_seconds, process, resident_megabytes},
};

/// How long the idle dashboard is measured.
const WATCHED: Duration = Duration::from_secs(20);

/// A corner and the title of the help.
const HELP_BOX: &str = "╭ idempotence ";

const KEYS: usize = 200;
const LINES: usize = 400;

pub fn measure() -> Vec<Figure> {
    let first = median((0..11).map(|_| first_frame()).collect()) * 1e3;
    let (key, line) = (key_to_frame() * 1e3, line_to_screen() * 1e3);
    let idle = idle();
    vec![
        Figure {
            name: "dashboard: first frame without a server",
            measured: format!("{first:.1} ms"),
            wanted: "under 10 ms".into(),
            reached: first < 10.0,
        },
        Figure {
            name: "dashboard: key to frame, 99th percentile",
            measured: format!("{key:.1} ms"),
            wanted: "under 16 ms".into(),
            reached: key < 16.0,
        },
        Figure {
            name: "dashboard: journal line to screen, 99th perc.",
            measured: format!("{line:.1} ms"),
            wanted: "under 20 ms".into(),
            reached: line < 20.0,
        },
        Figure {
            name: "dashboard: idle, connected, with a worker",
            measured: format!("{:.2} % of a core", idle.percent),
            wanted: "under 0.2 %".into(),
            reached: idle.percent < 0.2,
        },
        Figure {
            name: "dashboard: resident memory",
            measured: format!("{:.1} MB", idle.megabytes),
            wanted: "under 15 MB".into(),
            reached: idle.megabytes < 15.0,
        },
        Figure {
            name: "worker: resident memory",
            measured: format!("{:.1} MB", idle.worker_megabytes),
            wanted: "under 30 MB".into(),
            reached: idle.worker_megabytes < 30.0,
        },
        Figure {
            name: "dashboard: quit while the server hangs",
            measured: format!("{:.0} ms", idle.quit * 1e3),
            wanted: "under 200 ms".into(),
            reached: idle.quit < 0.2,
        },
    ]
}

/// Address of a listener that never answers, so that no server is found and none is started.
fn silence() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    (listener, address)
}

/// Seconds from the start of the process to its first frame while the server does not answer.
fn first_frame() -> f64 {
    let state = tempfile::tempdir().unwrap();
    let (_silent, address) = silence();
    let mut screen = Screen::open(state.path(), &address);
    let first = screen.shows("guard") - screen.started;
    screen.quit();
    first.as_secs_f64()
}

/// 99th percentile.
fn percentile_99(mut series: Vec<f64>) -> f64 {
    series.sort_by(f64::total_cmp);
    series[series.len() * 99 / 100]
}

/// Seconds from a key to the last byte of the frame that opens or closes the help.
fn key_to_frame() -> f64 {
    let state = tempfile::tempdir().unwrap();
    let (_silent, address) = silence();
    let mut screen = Screen::open(state.path(), &address);
    screen.shows("guard");
    let mut series = Vec::with_capacity(KEYS);
    for round in 0..KEYS {
        pause(round);
        let (pressed, open) = (screen.press("?"), round % 2 == 0);
        let drawn = screen.until(|text| text.contains(HELP_BOX) == open);
        series.push((drawn - pressed).as_secs_f64());
    }
    screen.quit();
    percentile_99(series)
}

/// Seconds from writing a journal line to the last byte of the row that shows it.
fn line_to_screen() -> f64 {
    let state = tempfile::tempdir().unwrap();
    let (_silent, address) = silence();
    let store = StoreHandle::open(&state.path().join("inventory.json")).unwrap();
    let mut screen = Screen::open(state.path(), &address);
    screen.shows("guard");
    let mut series = Vec::with_capacity(LINES);
    for round in 0..LINES {
        pause(round);
        let id = format!("J{round:04}x");
        let origin = Origin {
            order: OrderId::new(id.as_str()).unwrap(),
            workflow: format!("order-{id}"),
            run: format!("run-{round}"),
            activity: Activity::UpdateInventory,
            attempt: Attempt::FIRST,
        };
        let written = std::time::Instant::now();
        block_on(store.note(Note::Attempt(AttemptEvent { origin, phase: Phase::Started }))).unwrap();
        series.push((screen.shows(&id) - written).as_secs_f64());
    }
    screen.quit();
    percentile_99(series)
}

/// Pause between two rounds; it varies so that a round starts at any phase of frames and ticks.
fn pause(round: usize) {
    thread::sleep(Duration::from_millis(5 + u64::try_from(round * 7 % 41).unwrap_or(0)));
}

struct Idle {
    percent: f64,
    megabytes: f64,
    worker_megabytes: f64,
    /// In seconds, while the server does not answer.
    quit: f64,
}

fn idle() -> Idle {
    let state = tempfile::tempdir().unwrap();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
    let mut screen = Screen::open(state.path(), &format!("127.0.0.1:{port}"));
    screen.shows("● ready");
    // At first, ages are shown in seconds and change the screen.
    thread::sleep(Duration::from_secs(65));
    let pid = screen.pid();
    let before = cpu_seconds(pid);
    thread::sleep(WATCHED);
    let used = cpu_seconds(pid) - before;
    let folder = state.path().to_str().unwrap();
    let worker = process(&[" worker ", folder], " supervise ");
    let (megabytes, worker_megabytes) = (resident_megabytes(pid), resident_megabytes(worker));
    screen.press("s");
    screen.shows("orders 1");
    let server = i32::try_from(process(&["start-dev", &port], " supervise ")).unwrap();
    kill_process(Pid::from_raw(server).unwrap(), Signal::STOP).unwrap();
    screen.press("oo");
    screen.shows("orders 3");
    let quit = screen.quit();
    Idle { percent: used / WATCHED.as_secs_f64() * 100.0, megabytes, worker_megabytes, quit }
}
