//! Runs the real dashboard in a pseudo-terminal and records the arrival time of each byte.

use std::{
    fs,
    io::{Read, Write},
    num::NonZeroU16,
    path::Path,
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

const PROGRAM: &str = env!("CARGO_BIN_EXE_idempotence");
/// Limit of every wait for the screen.
const TIMEOUT: Duration = Duration::from_mins(1);
/// Columns and rows.
const SIZE: (u16, u16) = (120, 40);

pub struct Screen {
    child: Box<dyn Child + Send + Sync>,
    keys: Box<dyn Write + Send>,
    output: mpsc::Receiver<(Instant, Vec<u8>)>,
    terminal: vt100::Parser,
    /// Arrival time of the last byte on the screen.
    pub drawn: Instant,
    pub started: Instant,
    _master: Box<dyn MasterPty + Send>,
}

impl Screen {
    /// Starts the dashboard in a folder of its own.
    pub fn open(state: &Path, address: &str) -> Self {
        Self::open_at(state, address, SIZE)
    }

    /// The same, on a terminal of the given columns and rows.
    pub fn open_at(state: &Path, address: &str, size: (u16, u16)) -> Self {
        let database = state.join("inventory.json");
        Self::run(state, &["--address", address, "--database", database.to_str().unwrap()], size)
    }

    /// Starts `watch` with these arguments.
    pub fn watch(state: &Path, address: &str, arguments: &[&str]) -> Self {
        Self::run(state, &[&["watch", "--address", address], arguments].concat(), SIZE)
    }

    fn run(state: &Path, arguments: &[&str], (cols, rows): (u16, u16)) -> Self {
        let size = PtySize { rows, cols, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).unwrap();
        let mut command = CommandBuilder::new(PROGRAM);
        for name in idempotence::config::NAMES {
            if name.name != "TEMPORAL_CLI" {
                command.env_remove(name.name);
            }
        }
        command.env("XDG_STATE_HOME", state);
        command.env("TERM", "xterm-256color");
        command.env("LC_ALL", "C.UTF-8");
        command.cwd(state);
        command.args(arguments);
        let started = Instant::now();
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let reader = pair.master.try_clone_reader().unwrap();
        let keys = pair.master.take_writer().unwrap();
        let (sender, output) = mpsc::channel();
        thread::spawn(move || record(reader, &sender));
        let cells = |count| NonZeroU16::new(count).unwrap();
        let terminal = vt100::Parser::new(cells(rows), cells(cols), 0);
        Self { child, keys, output, terminal, drawn: started, started, _master: pair.master }
    }

    /// Waits until the screen shows `text`, and returns the arrival time of its last byte.
    pub fn shows(&mut self, text: &str) -> Instant {
        self.until(|screen| screen.contains(text))
    }

    /// Waits until the screen satisfies `wanted`, and returns the arrival time of the last byte.
    pub fn until(&mut self, wanted: impl Fn(&str) -> bool) -> Instant {
        let deadline = Instant::now() + TIMEOUT;
        while !wanted(&self.terminal.screen().contents()) {
            let (at, bytes) = self.output.recv_timeout(TIMEOUT).unwrap();
            self.terminal.process(&bytes);
            self.drawn = at;
            assert!(at < deadline, "not within {TIMEOUT:?} on this screen:\n{}", self.terminal.screen().contents());
        }
        self.drawn
    }

    /// Sends keys and returns the time.
    pub fn press(&mut self, keys: &str) -> Instant {
        let at = Instant::now();
        self.keys.write_all(keys.as_bytes()).unwrap();
        at
    }

    pub fn pid(&self) -> u32 {
        self.child.process_id().unwrap()
    }

    /// Quits and returns the duration in seconds.
    pub fn quit(mut self) -> f64 {
        let at = self.press("q");
        self.child.wait().unwrap();
        at.elapsed().as_secs_f64()
    }
}

/// A measurement that fails leaves no process behind.
impl Drop for Screen {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ended_meanwhile = self.child.kill();
            let _ended = self.child.wait();
        }
    }
}

fn record(mut reader: Box<dyn Read + Send>, sender: &mpsc::Sender<(Instant, Vec<u8>)>) {
    let mut buffer = [0; 16_384];
    while let Ok(read @ 1..) = reader.read(&mut buffer) {
        if sender.send((Instant::now(), buffer[..read].to_vec())).is_err() {
            return;
        }
    }
}

/// User and system time of a process, in hundredths of a second as Linux counts it.
pub fn cpu_seconds(pid: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<_> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: f64 = [11, 12].iter().map(|field| fields[*field].parse::<f64>().unwrap()).sum();
    ticks / 100.0
}

pub fn resident_megabytes(pid: u32) -> f64 {
    megabytes(pid, "VmRSS").unwrap()
}

/// Resident memory without file pages, whose number depends on the page cache.
pub fn private_megabytes(pid: u32) -> f64 {
    megabytes(pid, "RssAnon").unwrap()
}

/// Peak resident memory; `None` if the process has ended.
pub fn peak_megabytes(pid: u32) -> Option<f64> {
    megabytes(pid, "VmHWM")
}

fn megabytes(pid: u32, field: &str) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with(field))?;
    Some(line.split_whitespace().nth(1)?.parse::<f64>().ok()? / 1024.0)
}

/// The process whose command line contains each of `parts` and not `without`.
pub fn process(parts: &[&str], without: &str) -> u32 {
    let pids = fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let line = |pid: u32| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).replace('\0', " ")
    };
    let wanted = |line: &str| parts.iter().all(|part| line.contains(part)) && !line.contains(without);
    pids.into_iter().find(|pid| wanted(&line(*pid))).unwrap()
}
