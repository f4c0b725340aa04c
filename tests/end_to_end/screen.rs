//! The real binary in a pseudo-terminal: keys in, screen parsed.

use std::{
    io::{Read, Write},
    num::NonZeroU16,
    sync::{Arc, Condvar, Mutex},
    thread,
    time::{Duration, Instant},
};

use portable_pty::{Child, CommandBuilder, ExitStatus, MasterPty, PtySize, native_pty_system};

use crate::stage::{PATIENCE, PROGRAM, Stage};

#[derive(Default)]
struct Seen {
    parser: Option<vt100::Parser>,
    bytes: Vec<u8>,
    closed: bool,
}

fn cells(count: u16) -> NonZeroU16 {
    NonZeroU16::new(count).expect("a terminal with cells")
}

/// A dashboard that runs in a terminal of our own.
pub struct Screen {
    child: Box<dyn Child + Send + Sync>,
    master: Box<dyn MasterPty + Send>,
    keys: Box<dyn Write + Send>,
    seen: Arc<(Mutex<Seen>, Condvar)>,
}

impl Screen {
    /// Opens the dashboard on `stage`, with its server at `address`.
    pub fn open(stage: &Stage, address: &str, columns: u16, rows: u16) -> Self {
        let size = PtySize { rows, cols: columns, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).expect("a pseudo-terminal");
        let mut command = CommandBuilder::new(PROGRAM);
        for name in idempotence::config::NAMES {
            if name.name != "TEMPORAL_CLI" {
                command.env_remove(name.name);
            }
        }
        command.env("XDG_STATE_HOME", stage.folder.path());
        command.env("XDG_CONFIG_HOME", stage.folder.path());
        command.env("TERM", "xterm-256color");
        command.env("LC_ALL", "C.UTF-8");
        command.cwd(stage.folder.path());
        command.args(["--address", address, "--task-queue", &stage.queue, "--database"]);
        command.arg(&stage.database);
        let child = pair.slave.spawn_command(command).expect("the program starts");
        // Ours would keep the terminal open after the program has gone.
        drop(pair.slave);
        let keys = pair.master.take_writer().expect("a writer");
        let mut output = pair.master.try_clone_reader().expect("a reader");
        let seen = Arc::new((Mutex::new(Seen::default()), Condvar::new()));
        seen.0.lock().expect("no panic").parser = Some(vt100::Parser::new(cells(rows), cells(columns), 0));
        let shared = Arc::clone(&seen);
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            loop {
                // A pseudo-terminal whose program has gone is an error on Linux and an end on others.
                let read = output.read(&mut buffer).unwrap_or(0);
                let mut seen = shared.0.lock().expect("no panic");
                if let Some(parser) = &mut seen.parser {
                    parser.process(&buffer[..read]);
                }
                seen.bytes.extend_from_slice(&buffer[..read]);
                seen.closed = read == 0;
                shared.1.notify_all();
                if read == 0 {
                    return;
                }
            }
        });
        Self { child, master: pair.master, keys, seen }
    }

    pub fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).and_then(|()| self.keys.flush()).expect("it reads keys");
    }

    pub fn resize(&self, columns: u16, rows: u16) {
        let mut seen = self.seen.0.lock().expect("no panic");
        if let Some(parser) = &mut seen.parser {
            parser.screen_mut().set_size(cells(rows), cells(columns));
        }
        drop(seen);
        let size = PtySize { rows, cols: columns, pixel_width: 0, pixel_height: 0 };
        self.master.resize(size).expect("it resizes");
    }

    pub fn pid(&self) -> u32 {
        self.child.process_id().expect("it runs")
    }

    /// Waits until the screen satisfies `wanted`, and gives its text.
    pub fn wait_until(&self, what: &str, wanted: impl Fn(&str) -> bool) -> String {
        let since = Instant::now();
        let mut seen = self.seen.0.lock().expect("no panic");
        loop {
            let text = seen.parser.as_ref().map(|parser| parser.screen().contents()).unwrap_or_default();
            if wanted(&text) {
                return text;
            }
            assert!(!seen.closed && since.elapsed() < PATIENCE, "{what} did not come; the screen:\n{text}");
            seen = self.seen.1.wait_timeout(seen, Duration::from_millis(500)).expect("no panic").0;
        }
    }

    pub fn wait_for(&self, text: &str) -> String {
        self.wait_until(text, |screen| screen.contains(text))
    }

    /// Waits for the program's end. Gives its exit status, and every byte that it has written.
    pub fn end(mut self) -> (ExitStatus, String) {
        let status = self.child.wait().expect("it was ours");
        let mut seen = self.seen.0.lock().expect("no panic");
        while !seen.closed {
            seen = self.seen.1.wait(seen).expect("no panic");
        }
        (status, String::from_utf8_lossy(&seen.bytes).into_owned())
    }
}
