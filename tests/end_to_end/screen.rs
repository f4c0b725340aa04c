//! The real binary in a pseudo-terminal: tests send keys and read the parsed screen.

use std::{
    io::{Read, Write},
    num::NonZeroU16,
    sync::{Arc, Condvar, Mutex, MutexGuard},
    thread,
    time::{Duration, Instant},
};

use portable_pty::{Child, CommandBuilder, ExitStatus, MasterPty, PtySize, native_pty_system};

use rustix::process::{Pid, Signal, kill_process};

use crate::sandbox::{EVENT_TIMEOUT, PROGRAM, Sandbox};

/// Sequences that restore the terminal: show the cursor, leave the alternate screen.
pub const RESTORED: [&str; 2] = ["\u{1b}[?25h", "\u{1b}[?1049l"];

/// Asserts that the program restored the terminal.
#[track_caller]
pub fn assert_restored(bytes: &str) {
    for sequence in RESTORED {
        assert!(
            bytes.contains(sequence),
            "{sequence:?} is missing at the end of {:?}",
            bytes.get(bytes.len().saturating_sub(400)..)
        );
    }
}

pub fn send(signal: Signal, pid: u32) {
    let pid = Pid::from_raw(i32::try_from(pid).expect("a pid")).expect("a pid");
    kill_process(pid, signal).expect("it runs");
}

#[derive(Default)]
struct Seen {
    parser: Option<vt100::Parser>,
    bytes: Vec<u8>,
    /// Number of bytes passed to the parser.
    shown: usize,
    closed: bool,
    hung_up: bool,
}

/// Sequences that begin and end a synchronized update.
const FRAME: [&[u8]; 2] = [b"\x1b[?2026h", b"\x1b[?2026l"];

impl Seen {
    /// Parses the received bytes up to the last complete frame, as a terminal with synchronised updates does, so that
    /// tests never see an incomplete frame.
    fn show(&mut self) {
        let last = |mark: &[u8]| self.bytes.windows(mark.len()).rposition(|window| window == mark);
        let whole = match FRAME.map(last) {
            [Some(begin), end] if !self.closed && end.is_none_or(|end| end < begin) => begin.max(self.shown),
            _ => self.bytes.len(),
        };
        if let Some(parser) = &mut self.parser {
            parser.process(&self.bytes[self.shown..whole]);
        }
        self.shown = whole;
    }
}

#[test]
fn an_incomplete_frame_is_not_seen() {
    let mut seen = Seen { parser: Some(vt100::Parser::new(cells(2), cells(20), 0)), ..Seen::default() };
    let mut shown = |bytes: &str, closed| {
        seen.bytes.extend_from_slice(bytes.as_bytes());
        seen.closed = closed;
        seen.show();
        seen.parser.as_ref().unwrap().screen().contents()
    };
    assert_eq!(shown("a", false), "a");
    assert_eq!(shown("\u{1b}[?2026hb\u{1b}[?20", false), "a");
    assert_eq!(shown("26lc\u{1b}[?2", false), "abc");
    assert_eq!(shown("026hd", false), "abc");
    assert_eq!(shown("e", true), "abcde");
}

fn cells(count: u16) -> NonZeroU16 {
    NonZeroU16::new(count).expect("a terminal with cells")
}

/// A program that runs in a pseudo-terminal of the test.
pub struct Screen {
    child: Box<dyn Child + Send + Sync>,
    master: Box<dyn MasterPty + Send>,
    keys: Box<dyn Write + Send>,
    seen: Arc<(Mutex<Seen>, Condvar)>,
}

impl Screen {
    /// Opens the dashboard on `sandbox` with the server at `address`.
    pub fn open(sandbox: &Sandbox, address: &str, columns: u16, rows: u16) -> Self {
        Self::run(dashboard(sandbox, address), columns, rows)
    }

    /// Runs a command in a new pseudo-terminal.
    pub fn run(command: CommandBuilder, columns: u16, rows: u16) -> Self {
        let size = PtySize { rows, cols: columns, pixel_width: 0, pixel_height: 0 };
        Self::run_in(command, size, (columns, rows))
    }

    /// Runs a command in a terminal that does not report its size. The parser uses 80x24.
    pub fn open_unsized(command: CommandBuilder) -> Self {
        let size = PtySize { rows: 0, cols: 0, pixel_width: 0, pixel_height: 0 };
        Self::run_in(command, size, (80, 24))
    }

    fn run_in(command: CommandBuilder, size: PtySize, (columns, rows): (u16, u16)) -> Self {
        let pair = native_pty_system().openpty(size).expect("a pseudo-terminal");
        let child = pair.slave.spawn_command(command).expect("the program starts");
        // An open handle here would keep the terminal open after the program has ended.
        drop(pair.slave);
        let keys = pair.master.take_writer().expect("a writer");
        let output = pair.master.try_clone_reader().expect("a reader");
        let seen = Arc::new((Mutex::new(Seen::default()), Condvar::new()));
        let shared = Arc::clone(&seen);
        let screen = Self { child, master: pair.master, keys, seen };
        screen.forget(columns, rows);
        thread::spawn(move || watch(output, &shared));
        screen
    }

    /// Replaces the parser, as if another program had changed the screen and all modes.
    pub fn forget(&self, columns: u16, rows: u16) {
        self.lock().parser = Some(vt100::Parser::new(cells(rows), cells(columns), 0));
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.0.lock().expect("no panic")
    }

    pub fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).and_then(|()| self.keys.flush()).expect("it reads keys");
    }

    pub fn resize(&self, columns: u16, rows: u16) {
        if let Some(parser) = &mut self.lock().parser {
            parser.screen_mut().set_size(cells(rows), cells(columns));
        }
        let size = PtySize { rows, cols: columns, pixel_width: 0, pixel_height: 0 };
        self.master.resize(size).expect("it resizes");
    }

    /// Closes the terminal, as a closed window does.
    pub fn hang_up(mut self) {
        self.lock().hung_up = true;
        // The reader keeps the terminal open until the next byte arrives.
        self.press("?");
        let mut seen = self.seen.0.lock().expect("no panic");
        while !seen.closed {
            seen = self.seen.1.wait(seen).expect("no panic");
        }
    }

    pub fn pid(&self) -> u32 {
        self.child.process_id().expect("it runs")
    }

    /// Waits until the screen's text satisfies `wanted`, and returns it.
    pub fn wait_until(&self, what: &str, wanted: impl Fn(&str) -> bool) -> String {
        self.wait_for_screen(what, |screen| wanted(&screen.contents()))
    }

    /// Waits until the parsed screen satisfies `wanted`, and returns its text.
    pub fn wait_for_screen(&self, what: &str, wanted: impl Fn(&vt100::Screen) -> bool) -> String {
        let since = Instant::now();
        let mut seen = self.lock();
        loop {
            let Some(parser) = &seen.parser else { unreachable!("it has one from the start") };
            let text = parser.screen().contents();
            if wanted(parser.screen()) {
                return text;
            }
            assert!(!seen.closed && since.elapsed() < EVENT_TIMEOUT, "{what} did not come; the screen:\n{text}");
            seen = self.seen.1.wait_timeout(seen, Duration::from_millis(500)).expect("no panic").0;
        }
    }

    pub fn wait_for(&self, text: &str) -> String {
        self.wait_until(text, |screen| screen.contains(text))
    }

    /// Returns all bytes received so far.
    pub fn bytes(&self) -> Vec<u8> {
        self.lock().bytes.clone()
    }

    /// Waits until the program ends. Returns its exit status and all received bytes.
    pub fn end(self) -> (ExitStatus, String) {
        let Left { status, bytes, .. } = self.leave();
        (status, String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Waits until the program ends. Returns the final state of the terminal.
    pub fn leave(mut self) -> Left {
        let status = self.child.wait().expect("it was ours");
        let mut seen = self.seen.0.lock().expect("no panic");
        while !seen.closed {
            seen = self.seen.1.wait(seen).expect("no panic");
        }
        let screen = seen.parser.as_ref().expect("it has one from the start").screen();
        let (text, alternate) = (screen.contents(), screen.alternate_screen());
        Left { status, bytes: seen.bytes.clone(), text, alternate }
    }
}

/// State of the terminal after the program has ended.
pub struct Left {
    pub status: ExitStatus,
    pub bytes: Vec<u8>,
    /// Text on the screen.
    pub text: String,
    /// Whether the alternate screen is still active.
    pub alternate: bool,
}

/// Returns the command for the dashboard on `sandbox` with the server at `address`, without the user's own settings.
pub fn dashboard(sandbox: &Sandbox, address: &str) -> CommandBuilder {
    let mut command = CommandBuilder::new(PROGRAM);
    for name in idempotence::config::NAMES {
        if name.name != "TEMPORAL_CLI" {
            command.env_remove(name.name);
        }
    }
    command.env("XDG_STATE_HOME", sandbox.folder.path());
    command.env("XDG_CONFIG_HOME", sandbox.folder.path());
    command.env("TERM", "xterm-256color");
    command.env("LC_ALL", "C.UTF-8");
    // Keep the test away from this machine's clipboard and browser.
    for name in ["TMUX", "STY", "BROWSER", "DISPLAY", "WAYLAND_DISPLAY"] {
        command.env_remove(name);
    }
    command.env("SSH_CONNECTION", "192.0.2.1 1 192.0.2.2 22");
    command.cwd(sandbox.folder.path());
    command.args(["--address", address, "--task-queue", &sandbox.queue, "--database"]);
    command.arg(&sandbox.database);
    command
}

fn watch(mut output: Box<dyn Read + Send>, shared: &(Mutex<Seen>, Condvar)) {
    let mut buffer = [0; 4096];
    loop {
        // After the program has ended, reading a pseudo-terminal fails on Linux and returns 0 bytes on other systems.
        let read = output.read(&mut buffer).unwrap_or(0);
        let mut seen = shared.0.lock().expect("no panic");
        seen.bytes.extend_from_slice(&buffer[..read]);
        seen.closed = read == 0 || seen.hung_up;
        seen.show();
        shared.1.notify_all();
        if seen.closed {
            return;
        }
    }
}
