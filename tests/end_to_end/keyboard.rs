//! Unusual keyboard input to the real binary: bursts, partial sequences, held keys, and a terminal that accepts no
//! output. Ctrl-C, `q` and signals end the program at once in all of these cases.

use std::{
    io::{Read, Write},
    thread,
    time::{Duration, Instant},
};

use portable_pty::{Child, CommandBuilder, ExitStatus, MasterPty, PtySize, native_pty_system};
use rustix::process::Signal;

use crate::{
    sandbox::{EVENT_TIMEOUT, Sandbox},
    screen::{Screen, dashboard, send},
    terminal::silent_listener,
};

/// Maximum time until the program ends. A few milliseconds are normal; the rest allows for a busy machine.
const EXIT_TIMEOUT: Duration = Duration::from_secs(2);

#[track_caller]
fn ends_at_once(screen: Screen) -> ExitStatus {
    let since = Instant::now();
    let left = screen.leave();
    assert!(since.elapsed() < EXIT_TIMEOUT, "it took {:?}", since.elapsed());
    assert!(!left.alternate, "the terminal is restored");
    left.status
}

#[test]
fn a_burst_of_any_size_is_read_and_triggers_no_key() {
    let sandbox = Sandbox::new();
    let (_held, address) = silent_listener();
    for end in ["q", "\u{3}"] {
        let mut screen = Screen::open(&sandbox, &address, 80, 24);
        screen.wait_for("guard");
        // More than the terminal buffers: the writer blocks until the program reads.
        screen.press(&"Ry?L/Fbox".repeat(1_000));
        let text = screen.wait_for("text can be pasted only");
        assert!(text.contains("guard ledger") && text.contains("orders 0"), "{text}");
        screen.press(end);
        assert!(ends_at_once(screen).success());
    }
}

#[test]
fn control_c_quits_after_any_incomplete_sequence() {
    let sandbox = Sandbox::new();
    let (_held, address) = silent_listener();
    for incomplete in ["\u{1b}[200~abc", "\u{1b}[", "\u{1b}]0;title", "\u{1b}P", "\u{1b}[M", "\u{1b}O"] {
        for end in ["\u{3}", "q"] {
            let mut screen = Screen::open(&sandbox, &address, 80, 24);
            screen.wait_for("guard");
            screen.press(incomplete);
            // Longer than the program waits for the rest of a sequence. For `q`, this is about the time that a user
            // needs until the next key.
            thread::sleep(Duration::from_millis(if end == "q" { 450 } else { 30 }));
            screen.press(end);
            assert!(ends_at_once(screen).success());
        }
    }
}

/// The program in a terminal that stops accepting output during the first frame.
struct BlockedTerminal {
    child: Box<dyn Child + Send + Sync>,
    master: Box<dyn MasterPty + Send>,
    keys: Box<dyn Write + Send>,
}

impl BlockedTerminal {
    fn open(command: CommandBuilder) -> Self {
        let size = PtySize { rows: 60, cols: 200, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).expect("a pseudo-terminal");
        let child = pair.slave.spawn_command(command).expect("the program starts");
        drop(pair.slave);
        let (keys, master) = (pair.master.take_writer().expect("a writer"), pair.master);
        let mut output = master.try_clone_reader().expect("a reader");
        // Now the terminal is raw and the first frame has begun. A frame is larger than the terminal's buffer.
        let mut read = Vec::new();
        while !read.windows(8).any(|window| window == b"\x1b[?2026h") {
            let mut byte = [0];
            output.read_exact(&mut byte).expect("output");
            read.extend(byte);
        }
        Self { child, master, keys }
    }

    fn ends_at_once(mut self) -> ExitStatus {
        let since = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("it was ours") {
                drop(self.master);
                return status;
            }
            assert!(since.elapsed() < EXIT_TIMEOUT, "it still runs after {:?}", since.elapsed());
            thread::sleep(Duration::from_millis(5));
        }
    }
}

#[test]
fn a_terminal_that_accepts_no_output_delays_neither_keys_nor_signals() {
    let sandbox = Sandbox::new();
    let (_held, address) = silent_listener();
    for end in ["q", "\u{3}"] {
        let mut blocked = BlockedTerminal::open(dashboard(&sandbox, &address));
        // Each key causes a frame.
        for _ in 0..20 {
            blocked.keys.write_all(b"?").expect("it reads keys");
            thread::sleep(Duration::from_millis(5));
        }
        blocked.keys.write_all(b"\x1b").expect("it reads keys");
        thread::sleep(Duration::from_millis(100));
        blocked.keys.write_all(end.as_bytes()).expect("it reads keys");
        assert!(blocked.ends_at_once().success());
    }
    for signal in [Signal::TERM, Signal::HUP, Signal::INT] {
        let mut blocked = BlockedTerminal::open(dashboard(&sandbox, &address));
        let pid = blocked.child.process_id().expect("it runs");
        // More keys than any buffer can hold. The program must read all of them.
        let since = Instant::now();
        blocked.keys.write_all(&vec![b'?'; 50_000]).expect("it reads keys");
        assert!(since.elapsed() < EVENT_TIMEOUT);
        send(signal, pid);
        let status = blocked.ends_at_once();
        assert_eq!(status.exit_code(), 128 + u32::try_from(signal.as_raw()).expect("small"), "{signal:?}");
    }
}

#[test]
fn a_terminal_without_a_size_is_drawn_on_until_it_reports_one() {
    let sandbox = Sandbox::new();
    let (_held, address) = silent_listener();
    let screen = Screen::open_unsized(dashboard(&sandbox, &address));
    let text = screen.wait_for("q quit");
    assert!(text.lines().count() == 24, "{text}");
    screen.resize(120, 40);
    screen.wait_until("the larger screen", |text| text.lines().count() == 40);
    let mut screen = screen;
    screen.press("q");
    assert!(ends_at_once(screen).success());
}

#[test]
fn the_kitty_protocol_reports_held_keys_and_key_positions() {
    let sandbox = Sandbox::new();
    let (_held, address) = silent_listener();
    let mut screen = Screen::open(&sandbox, &address, 80, 24);
    screen.wait_for("guard");
    assert!(String::from_utf8_lossy(&screen.bytes()).contains("\u{1b}[?u"), "support is queried");
    screen.press("\u{1b}[?0u");
    // A `q` that is repeated or released does not quit. A Cyrillic letter acts as the Latin letter on the same key.
    screen.press("\u{1b}[113;1:2;113u\u{1b}[113;1:3u");
    screen.press("\u{1b}[1082:1050:114;2;1050u");
    screen.wait_for("Reset the stock to");
    assert!(String::from_utf8_lossy(&screen.bytes()).contains("\u{1b}[>31u"), "it is switched on");
    screen.press("\u{1b}[27u");
    screen.wait_until("the dashboard", |text| !text.contains("Reset the stock to"));
    screen.press("\u{1b}[1089::99;5u");
    let left = screen.leave();
    assert!(left.status.success() && String::from_utf8_lossy(&left.bytes).contains("\u{1b}[<u"), "it is switched off");
}

#[test]
fn a_terminal_with_two_column_symbols_gets_ascii_unless_disabled() {
    let sandbox = Sandbox::new();
    let (_held, address) = silent_listener();
    let mut screen = Screen::open(&sandbox, &address, 80, 24);
    screen.wait_for("──");
    screen.press("\u{1b}[2;5R");
    let text = screen.wait_until("ASCII", |text| text.is_ascii() && text.contains("shown in ASCII"));
    assert!(text.contains("-- stock --") && text.contains("q quit"), "{text}");
    screen.press("q");
    assert!(ends_at_once(screen).success());
    for (argument, reply) in [("--ascii=false", "\u{1b}[2;5R"), ("--ascii", "\u{1b}[2;5R"), ("--still", "\u{1b}[2;3R")]
    {
        let mut command = dashboard(&sandbox, &address);
        command.arg(argument);
        let mut screen = Screen::run(command, 80, 24);
        screen.wait_for("q quit");
        let asked = String::from_utf8_lossy(&screen.bytes()).contains("\u{1b}[6n");
        assert_eq!(asked, argument == "--still", "{argument}");
        if asked {
            screen.press(reply);
            screen.press("?");
            screen.wait_for("╭ idempotence ");
            screen.press("?");
        }
        screen.press("q");
        assert!(ends_at_once(screen).success());
    }
}

#[test]
fn a_held_key_without_that_protocol_acts_once() {
    let sandbox = Sandbox::new();
    let (_held, address) = silent_listener();
    let mut screen = Screen::open(&sandbox, &address, 80, 24);
    screen.wait_for("guard");
    // The initial delay of a keyboard, and then 30 repetitions per second.
    screen.press("X");
    thread::sleep(Duration::from_millis(400));
    for _ in 0..30 {
        screen.press("X");
        thread::sleep(Duration::from_millis(33));
    }
    screen.wait_for("a held key acts once");
    screen.press("q");
    assert!(ends_at_once(screen).success());
}
