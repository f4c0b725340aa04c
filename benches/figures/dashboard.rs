//! The real dashboard in a pseudo-terminal, without a server: its first frame, and what it costs while nothing happens.
//! And the worker's memory, on a server of the dashboard's own.

use std::{
    fs,
    io::{Read, Write},
    net::TcpListener,
    path::Path,
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use portable_pty::{CommandBuilder, PtySize, native_pty_system};

use crate::{Figure, median};

const PROGRAM: &str = env!("CARGO_BIN_EXE_idempotence");

/// How long the idle dashboard is watched.
const WATCHED: Duration = Duration::from_secs(20);

pub fn measure() -> Vec<Figure> {
    let first = median((0..11).map(|_| first_frame()).collect()) * 1e3;
    let idle = idle();
    vec![
        Figure {
            name: "dashboard: first frame without a server",
            measured: format!("{first:.1} ms"),
            wanted: "under 10 ms",
            reached: first < 10.0,
        },
        Figure {
            name: "dashboard: idle, connected, with a worker",
            measured: format!("{:.2} % of a core", idle.percent),
            wanted: "under 0.2 %",
            reached: idle.percent < 0.2,
        },
        Figure {
            name: "dashboard: resident memory",
            measured: format!("{:.1} MB", idle.megabytes),
            wanted: "under 15 MB",
            reached: idle.megabytes < 15.0,
        },
        Figure {
            name: "worker: resident memory",
            measured: format!("{:.1} MB", idle.worker_megabytes),
            wanted: "under 30 MB",
            reached: idle.worker_megabytes < 30.0,
        },
    ]
}

struct Open {
    child: Box<dyn portable_pty::Child + Send + Sync>,
    keys: Box<dyn Write + Send>,
    output: mpsc::Receiver<(Instant, Vec<u8>)>,
    started: Instant,
    _master: Box<dyn portable_pty::MasterPty + Send>,
}

fn open(state: &Path, address: &str) -> Open {
    let size = PtySize { rows: 40, cols: 120, pixel_width: 0, pixel_height: 0 };
    let pair = native_pty_system().openpty(size).unwrap();
    let mut command = CommandBuilder::new(PROGRAM);
    command.env("XDG_STATE_HOME", state);
    command.env("XDG_CONFIG_HOME", state);
    command.env("TERM", "xterm-256color");
    command.env("LC_ALL", "C.UTF-8");
    command.cwd(state);
    command.args(["--address", address]);
    let started = Instant::now();
    let child = pair.slave.spawn_command(command).unwrap();
    drop(pair.slave);
    let mut reader = pair.master.try_clone_reader().unwrap();
    let keys = pair.master.take_writer().unwrap();
    let (sender, output) = mpsc::channel();
    thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(read @ 1..) = reader.read(&mut buffer) {
            if sender.send((Instant::now(), buffer[..read].to_vec())).is_err() {
                return;
            }
        }
    });
    Open { child, keys, output, started, _master: pair.master }
}

impl Open {
    /// When the screen first held `text`, counted from the start of the process.
    fn shows(&self, text: &str) -> Duration {
        let mut seen = Vec::new();
        loop {
            let (at, bytes) = self.output.recv_timeout(Duration::from_mins(1)).unwrap();
            seen.extend(bytes);
            if String::from_utf8_lossy(&seen).contains(text) {
                return at - self.started;
            }
        }
    }

    fn quit(mut self) {
        self.keys.write_all(b"q").unwrap();
        self.child.wait().unwrap();
    }
}

/// Seconds from the start of the process to its first frame, while nothing answers at its address.
fn first_frame() -> f64 {
    let state = tempfile::tempdir().unwrap();
    // Bound and silent: neither a server, nor a place to start one.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let dashboard = open(state.path(), &silent.local_addr().unwrap().to_string());
    let first = dashboard.shows("guard").as_secs_f64();
    dashboard.quit();
    first
}

struct Idle {
    percent: f64,
    megabytes: f64,
    worker_megabytes: f64,
}

fn idle() -> Idle {
    let state = tempfile::tempdir().unwrap();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let dashboard = open(state.path(), &format!("127.0.0.1:{port}"));
    dashboard.shows("ready");
    // The start is not the idle state: ages are told in seconds at first.
    thread::sleep(Duration::from_secs(65));
    let pid = dashboard.child.process_id().unwrap();
    let before = cpu_seconds(pid);
    thread::sleep(WATCHED);
    let used = cpu_seconds(pid) - before;
    let worker = child_named(pid, "worker");
    let idle = Idle {
        percent: used / WATCHED.as_secs_f64() * 100.0,
        megabytes: resident_megabytes(pid),
        worker_megabytes: resident_megabytes(worker),
    };
    dashboard.quit();
    idle
}

/// User and system time of a process. Linux counts in hundredths of a second.
fn cpu_seconds(pid: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<_> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: f64 = [11, 12].iter().map(|field| fields[*field].parse::<f64>().unwrap()).sum();
    ticks / 100.0
}

fn resident_megabytes(pid: u32) -> f64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1024.0
}

fn child_named(parent: u32, argument: &str) -> u32 {
    let children = fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).unwrap();
    let threads = fs::read_dir(format!("/proc/{parent}/task")).unwrap();
    let of_threads = threads.filter_map(|entry| fs::read_to_string(entry.ok()?.path().join("children")).ok());
    let all = of_threads.chain([children]).collect::<Vec<_>>().join(" ");
    let mut pids = all.split_whitespace().filter_map(|pid| pid.parse().ok());
    pids.find(|pid: &u32| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        line.split(|byte| *byte == 0).any(|part| part == argument.as_bytes())
    })
    .unwrap()
}
