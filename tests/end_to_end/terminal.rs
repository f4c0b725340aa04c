//! The terminal: the program restores it whenever it ends, and writes only its own sequences to it. Most tests run the
//! real binary in a pseudo-terminal; the tests of panics run this test program in one.

use std::{
    fs,
    net::TcpListener,
    ops::ControlFlow,
    process::Command,
    time::{Duration, Instant},
};

use idempotence::{
    app::{App, Appearance, Message, Options, RetryWaits, Security, StartMode},
    clock::now,
    domain::{Activity, Attempt, Effect, Guard, Order, OrderId, Origin, ProductId, WorkflowId},
    faults::{Point, Preset},
    runtime::{
        session,
        surface::{MAX_COPY_BYTES, StopCause, Surface, SurfaceError},
        terminal::Tty,
    },
    store::{AttemptEvent, CommitRequest, Note, Phase, Refused, Store, StoreHandle},
    temporal::{CallRetries, Endpoint, Link},
};
use portable_pty::CommandBuilder;
use rustix::process::Signal;
use tokio::sync::mpsc;

use crate::{
    sandbox::{EVENT_TIMEOUT, PROGRAM, Sandbox, applied, end, free_port, offline, order},
    screen::{Left, RESTORED, Screen, assert_restored, dashboard, send},
};

/// Returns an address whose listener never answers, so that there is no server, and none can be started there.
pub fn silent_listener() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    (listener, address)
}

/// Returns all processes: id, parent's id, state, command line.
fn processes() -> Vec<(u32, u32, String, String)> {
    let output = Command::new("ps").args(["-A", "-o", "pid=,ppid=,stat=,args="]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let parse = |line: &str| {
        let mut fields = line.split_whitespace();
        let (pid, parent) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
        let state = fields.next()?.to_owned();
        Some((pid, parent, state, fields.collect::<Vec<_>>().join(" ")))
    };
    text.lines().filter_map(parse).collect()
}

/// Polls the process list until `found` returns a value, because the states of other processes cannot be awaited.
fn wait_for_process<T>(what: &str, found: impl Fn(&[(u32, u32, String, String)]) -> Option<T>) -> T {
    let since = Instant::now();
    loop {
        if let Some(found) = found(&processes()) {
            return found;
        }
        assert!(since.elapsed() < EVENT_TIMEOUT, "no {what} in time");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn wait_until_stopped(pid: u32) {
    wait_for_process("the stop", |all| {
        all.iter().any(|(at, _, state, _)| *at == pid && state.starts_with('T')).then_some(())
    });
}

#[test]
fn signals_restore_the_terminal_and_are_the_exit_code() {
    for signal in [Signal::TERM, Signal::HUP, Signal::INT, Signal::QUIT] {
        let sandbox = Sandbox::new();
        let (_held, address) = silent_listener();
        let screen = Screen::open(&sandbox, &address, 80, 24);
        screen.wait_for("guard");
        send(signal, screen.pid());
        let left = screen.leave();
        assert_restored(&String::from_utf8_lossy(&left.bytes));
        assert!(!left.alternate);
        assert_eq!(left.status.exit_code(), 128 + u32::try_from(signal.as_raw()).unwrap(), "{signal:?}");
    }
}

#[test]
fn a_closed_terminal_ends_the_program() {
    let sandbox = Sandbox::new();
    let (_held, address) = silent_listener();
    let screen = Screen::open(&sandbox, &address, 80, 24);
    screen.wait_for("guard");
    let pid = screen.pid();
    screen.hang_up();
    wait_for_process("the end", |all| {
        all.iter().all(|(at, _, state, _)| *at != pid || state.starts_with('Z')).then_some(())
    });
}

#[test]
fn ctrl_c_quits_from_everywhere() {
    let sandbox = Sandbox::new();
    let (_held, address) = silent_listener();
    for keys in ["\u{3}", "?\u{3}", "R\u{3}"] {
        let mut screen = Screen::open(&sandbox, &address, 80, 24);
        screen.wait_for("guard");
        screen.press(keys);
        let left = screen.leave();
        assert!(left.status.success());
        assert_restored(&String::from_utf8_lossy(&left.bytes));
    }
}

#[test]
fn the_screen_follows_the_size_of_the_terminal() {
    let sandbox = Sandbox::new();
    let (_held, address) = silent_listener();
    let mut screen = Screen::open(&sandbox, &address, 120, 40);
    screen.wait_for("selected order");
    screen.resize(40, 10);
    screen.wait_for("60x16");
    // Many sizes in a row, as when a user resizes a window.
    for step in 0..200 {
        screen.resize(1 + step % 150, 1 + step % 50);
    }
    screen.resize(80, 24);
    // Earlier frames are complete too, but have other sizes. At this size, the name takes 76 columns and the time is at
    // the right edge of the first row.
    let first_row = |text: &str| text.lines().next().map_or(0, |row| row.chars().count());
    let whole = |text: &str| {
        text.contains("selected order") && text.contains("idempotence") && (76..=80).contains(&first_row(text))
    };
    let text = screen.wait_until("the whole screen", whole);
    assert_eq!(text.matches("idempotence").count(), 1, "{text}");
    screen.press("q");
    assert!(screen.leave().status.success());
}

/// Returns a shell with job control that starts the program and resumes it after one line of input. Another program in
/// the same process group waits for the program, as `cargo run` does.
fn in_a_shell(program: &CommandBuilder) -> CommandBuilder {
    let script = r#"set -m; sh -c '"$@"; exit $?' sh "$@"; echo "stopped $?"; stty -a; read go; fg; echo "ended $?""#;
    let mut command = program.clone();
    let arguments = command.get_argv_mut();
    let program = std::mem::take(arguments);
    arguments.extend(["sh", "-c", script, "sh"].map(Into::into));
    arguments.extend(program);
    command
}

#[test]
fn a_stop_returns_the_terminal_to_the_shell_and_fg_redraws_the_screen() {
    stop_and_come_back(|_, pid| send(Signal::TSTP, pid));
}

#[test]
fn ctrl_z_does_the_same() {
    stop_and_come_back(|screen, _| screen.press("\u{1a}"));
}

fn stop_and_come_back(stop: impl Fn(&mut Screen, u32)) {
    let sandbox = Sandbox::new();
    let (_held, address) = silent_listener();
    let mut screen = Screen::run(in_a_shell(&dashboard(&sandbox, &address)), 120, 40);
    screen.wait_for("selected order");
    let pid = wait_for_process("the dashboard", |all| {
        let ours =
            |line: &str| line.starts_with(PROGRAM) && line.contains(&sandbox.queue) && !line.contains(" worker ");
        all.iter().find(|(.., line)| ours(line)).map(|(pid, ..)| *pid)
    });
    stop(&mut screen, pid);
    let text = screen.wait_until("the shell", |text| text.contains("stopped 1") && text.contains(" icanon"));
    assert!(!text.contains("-echo ") && !text.contains("effects"), "the modes are those of before: {text}");
    wait_until_stopped(pid);
    screen.resize(80, 24);
    screen.press("\n");
    let text = screen.wait_for_screen("the screen", |screen| {
        screen.alternate_screen()
            && screen.contents().contains("selected order")
            && screen.contents().contains("? help")
    });
    assert!(text.starts_with(" idempotence") && !text.contains("stopped"), "{text}");
    // The terminal is raw, so a key needs no line feed.
    screen.press("?");
    screen.wait_for("a replay from the ledger");
    screen.press("?q");
    let left = screen.leave();
    assert!(left.text.contains("ended 0"), "{}", left.text);
}

/// Has the effect of bash's `kill %1`. Other shells do not send SIGCONT.
const KILL: &str = "kill %1; kill -CONT %1";

/// Runs the dashboard under a shell with job control, in the background or until `stop`. Each line is entered once the
/// dashboard has stopped, and the last one ends it.
fn shell_lines_while_stopped(stop: Option<Signal>, lines: &[&str]) {
    let sandbox = Sandbox::new();
    let (_held, address) = silent_listener();
    let program = dashboard(&sandbox, &address);
    let mut command = program.clone();
    let arguments = std::mem::take(command.get_argv_mut());
    let quoted: Vec<_> = arguments.iter().map(|argument| format!("'{}'", argument.to_string_lossy())).collect();
    command.get_argv_mut().extend(["sh", "-im"].map(Into::into));
    command.env("PS1", "$ ");
    let mut screen = Screen::run(command, 200, 40);
    let background = if stop.is_none() { " &" } else { "" };
    screen.press(&format!("{}{background}\n", quoted.join(" ")));
    let pid = wait_for_process("the dashboard", |all| {
        let ours =
            |line: &str| line.starts_with(PROGRAM) && line.contains(&sandbox.queue) && !line.contains(" worker ");
        all.iter().find(|(.., line)| ours(line)).map(|(pid, ..)| *pid)
    });
    if let Some(stop) = stop {
        screen.wait_for("selected order");
        send(stop, pid);
    }
    for (number, line) in lines.iter().enumerate() {
        wait_until_stopped(pid);
        // The echoed input is on the screen too, but in two parts.
        screen.press(&format!("{line}; echo do''ne {number}\n"));
        screen.wait_for(&format!("done {number}"));
    }
    wait_for_process("its end", |all| {
        all.iter().all(|(at, _, state, _)| *at != pid || state.starts_with('Z')).then_some(())
    });
    // A shell refuses to exit until it has noticed that its job has ended.
    screen.press("kill -KILL $$\n");
    screen.leave();
}

#[test]
fn a_stopped_dashboard_can_be_ended_from_its_shell() {
    shell_lines_while_stopped(Some(Signal::TSTP), &[KILL]);
}

#[test]
fn a_dashboard_sent_to_the_background_stops_and_can_be_ended() {
    shell_lines_while_stopped(Some(Signal::TSTP), &["bg", KILL]);
}

#[test]
fn a_dashboard_started_in_the_background_stops_and_can_be_ended() {
    shell_lines_while_stopped(None, &[KILL]);
}

#[test]
fn a_stop_by_another_process_ends_with_a_complete_screen_too() {
    let sandbox = Sandbox::new();
    let (_held, address) = silent_listener();
    let mut screen = Screen::open(&sandbox, &address, 80, 24);
    screen.wait_for("selected order");
    for stop in [Signal::STOP, Signal::TSTP] {
        let written = screen.bytes().len();
        send(stop, screen.pid());
        wait_until_stopped(screen.pid());
        if stop == Signal::TSTP {
            screen.wait_for_screen("the normal screen", |screen| !screen.alternate_screen() && !screen.hide_cursor());
            assert_restored(&String::from_utf8_lossy(&screen.bytes()[written..]));
        }
        screen.forget(100, 30);
        screen.resize(100, 30);
        send(Signal::CONT, screen.pid());
        let text = screen.wait_for_screen("the screen", |screen| {
            screen.alternate_screen() && screen.hide_cursor() && screen.contents().ends_with("q quit")
        });
        let last = text.lines().last().unwrap();
        assert!(text.starts_with(" idempotence") && last.contains("? help"), "{text}");
    }
    screen.press("q");
    let left = screen.leave();
    assert!(left.status.success() && !left.alternate);
}

#[tokio::test(flavor = "multi_thread")]
async fn server_and_worker_keep_running_while_the_dashboard_is_stopped() {
    if offline() {
        return;
    }
    let sandbox = Sandbox::new();
    let address = format!("127.0.0.1:{}", free_port());
    let mut screen = Screen::open(&sandbox, &address, 120, 40);
    screen.wait_for("worker ● ready");
    send(Signal::TSTP, screen.pid());
    wait_until_stopped(screen.pid());
    let endpoint = Endpoint::plain(address.clone(), "default", "test");
    let link = Link::connect(&endpoint, CallRetries::Sdk).await.unwrap();
    let input = order("W7", 10, "update.after-commit=1*error");
    let (_, watch) = sandbox.start(&link, WorkflowId::of_order("W7").as_str(), input).await;
    assert_eq!(end(&watch).await, applied());
    sandbox.assert_right(990);
    send(Signal::CONT, screen.pid());
    let text = screen.wait_until("what happened meanwhile", |text| text.contains("W7") && text.contains("actual 990"));
    assert!(text.contains("!↺") && text.contains("● connected") && text.contains("● ready"), "{text}");
    screen.press("q");
    assert!(screen.leave().status.success());
}

#[test]
fn the_dashboard_quits_at_once_while_the_server_hangs() {
    if offline() {
        return;
    }
    let sandbox = Sandbox::new();
    let address = format!("127.0.0.1:{}", free_port());
    let port = address.rsplit(':').next().unwrap().to_owned();
    let mut screen = Screen::open(&sandbox, &address, 120, 40);
    screen.wait_for("worker ● ready");
    screen.press("s");
    screen.wait_for("orders 1");
    let server = |all: &[(u32, u32, String, String)]| {
        let named = |line: &str| line.contains("start-dev") && line.contains(&port) && !line.contains("supervise");
        all.iter().find(|(.., line)| named(line)).map(|(pid, ..)| *pid)
    };
    let hanging = wait_for_process("the server", server);
    send(Signal::STOP, hanging);
    wait_until_stopped(hanging);
    // These starts get no response.
    screen.press("oo");
    screen.wait_for("orders 3");
    let since = Instant::now();
    screen.press("q");
    let left = screen.leave();
    let took = since.elapsed();
    assert!(left.status.success() && !left.alternate);
    // A few milliseconds are normal; the rest allows for a busy machine.
    assert!(took < Duration::from_secs(1), "it took {took:?}");
    wait_for_process("the end of the server", |all| server(all).is_none().then_some(()));
}

/// Runs one ignored test of this test program in a pseudo-terminal.
fn run_in_terminal(test: &str) -> Screen {
    let mut command = CommandBuilder::new(std::env::current_exe().unwrap());
    command.args([&format!("terminal::{test}"), "--exact", "--ignored", "--nocapture"]);
    command.env("TERM", "xterm-256color");
    for name in ["RUST_BACKTRACE", "TMUX", "STY"] {
        command.env_remove(name);
    }
    Screen::run(command, 120, 40)
}

#[test]
fn a_panic_of_the_event_loop_restores_the_terminal_and_is_readable() {
    assert_panic_is_readable("panics_on_the_event_loop");
}

#[test]
fn a_panic_in_the_background_restores_the_terminal_and_ends_the_dashboard() {
    assert_panic_is_readable("panics_in_the_background");
}

#[test]
fn a_panic_on_a_thread_restores_the_terminal_and_ends_the_dashboard() {
    assert_panic_is_readable("panics_on_a_thread");
}

#[track_caller]
fn assert_panic_is_readable(test: &str) {
    let mut screen = run_in_terminal(test);
    screen.wait_for("selected order");
    screen.press("R");
    screen.wait_for("Reset the stock to");
    screen.press("y");
    let Left { bytes, text, alternate, status } = screen.leave();
    assert!(status.success(), "the session's exit code was 1: {text}");
    let bytes = String::from_utf8_lossy(&bytes);
    assert_restored(&bytes);
    assert!(!alternate);
    assert!(text.contains("panicked at") && text.contains("a panic on purpose"), "{text}");
    let (before, after) = bytes.rsplit_once(RESTORED[1]).unwrap();
    assert!(!before.contains("panicked at") && after.contains("panicked at"), "{after}");
    assert!(!after.contains('\u{1b}') || after.rfind('\u{1b}') < after.find("panicked"), "nothing is drawn: {after:?}");
}

fn setup() -> Options {
    Options {
        server: "nowhere".to_owned(),
        namespace: "default".to_owned(),
        task_queue: "queue".to_owned(),
        host: idempotence::runtime::backend::host(),
        database: "inventory.json".to_owned(),
        log: String::new(),
        session: "T".to_owned(),
        seed: 7,
        preset: Preset::None,
        guard: Guard::Ledger,
        faults_allowed: true,
        security: Security::default(),
        encrypted: false,
        retry: RetryWaits::default(),
        appearance: Appearance::default(),
        web_ui: None,
        version: "0".into(),
        now: now(),
        above_dashboard: false,
        start_mode: StartMode::Dashboard,
    }
}

/// Runs a session whose first command calls `fail`.
fn run_session(fail: fn()) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let ended = runtime.block_on(async {
        let (_open, mut messages) = mpsc::channel::<Message>(8);
        let execute = |_| {
            fail();
            ControlFlow::Continue(())
        };
        let played = session::run(async |session| session.run(App::new(setup()), &mut messages, execute).await);
        Box::pin(played).await.unwrap()
    });
    assert_eq!(ended.map(|(_, ending)| ending).exit_code(), 1);
}

#[test]
#[ignore = "runs in a pseudo-terminal of another test"]
fn panics_on_the_event_loop() {
    run_session(|| panic!("a panic on purpose"));
}

#[test]
#[ignore = "runs in a pseudo-terminal of another test"]
fn panics_in_the_background() {
    run_session(|| {
        tokio::spawn(async { panic!("a panic on purpose") });
    });
}

#[test]
#[ignore = "runs in a pseudo-terminal of another test"]
fn panics_on_a_thread() {
    run_session(|| {
        std::thread::spawn(|| panic!("a panic on purpose"));
    });
}

#[test]
fn a_copy_reaches_the_terminals_clipboard_and_the_mouse_is_switched_on_and_off() {
    let screen = run_in_terminal("copies_and_uses_the_mouse");
    let left = screen.leave();
    assert!(left.status.success(), "{}", left.text);
    let bytes = String::from_utf8_lossy(&left.bytes);
    // "order-A12" in base64.
    assert!(
        bytes.contains("\u{1b}]52;c;b3JkZXItQTEy\u{1b}\\") || bytes.contains("\u{1b}]52;c;b3JkZXItQTEy\u{7}"),
        "{bytes:?}"
    );
    assert!(bytes.contains("\u{1b}[?1000h\u{1b}[?1006h"), "{bytes:?}");
    assert!(bytes.len() < MAX_COPY_BYTES, "what is too long is not cut and sent");
    let (_, after) = bytes.rsplit_once(RESTORED[1]).unwrap();
    let given_back = bytes.len() - after.len();
    assert!(
        bytes[..given_back].rfind("\u{1b}[?1000l") > bytes[..given_back].rfind("\u{1b}[?1000h"),
        "the mouse is off"
    );
    assert!(!after.contains("52;c"), "nothing is copied from a terminal that is given back");
}

#[test]
#[ignore = "runs in a pseudo-terminal of another test"]
fn copies_and_uses_the_mouse() {
    let mut tty = Tty::take().unwrap();
    tty.mouse(true).unwrap();
    tty.copy("order-A12").unwrap();
    let too_long = tty.copy(&"x".repeat(MAX_COPY_BYTES + 1));
    // This process leads its session, so no shell could resume it.
    let no_shell = tty.stop(StopCause::Key);
    tty.retake().unwrap();
    tty.restore();
    tty.copy("later").unwrap();
    assert!(matches!(too_long, Err(SurfaceError::TooLong { .. })));
    assert!(matches!(no_shell, Err(SurfaceError::NoShell)));
}

/// Text from other programs, with characters that terminals interpret or hide.
const HOSTILE: &str =
    "a\u{1b}]0;owned\u{7}b\u{1b}[2Jc\u{9b}31md\u{202e}e\u{2066}f\u{200b}g\u{feff}h\u{301}i\u{85}j漢字k\u{e0041}\r\nl";

#[test]
fn text_from_other_programs_cannot_control_the_terminal() {
    let sandbox = Sandbox::new();
    write_hostile_journal(&sandbox);
    let (_held, address) = silent_listener();
    let mut screen = Screen::open(&sandbox, &address, 120, 40);
    screen.wait_for("orders 4");
    // Opens each order and every overlay, and waits until each appears and disappears. If an Esc were read together
    // with the next key, the two would be that key with Alt.
    screen.press("jjj");
    let overlays = [
        ("?", "╭ idempotence ", "\u{1b}"),
        ("R", "╭ reset ", "n"),
        ("L", "╭ log: ", "\u{1b}"),
        ("S", "╭ statistics ", "\u{1b}"),
        ("t", " temporal CLI commands for ", "\u{1b}"),
    ];
    for (key, shown, back) in overlays {
        screen.press(key);
        screen.wait_for(shown);
        screen.press(back);
        screen.wait_until(&format!("the end of {shown:?}"), |text| !text.contains(shown));
    }
    screen.press("\r");
    screen.wait_until("the attempts alone", |text| !text.contains("orders 4"));
    screen.press("\u{1b}");
    screen.wait_for("orders 4");
    screen.resize(80, 24);
    screen.wait_for_screen("the small screen", |screen| {
        screen.size().0.get() == 24 && screen.contents().contains("orders 4")
    });
    // Simulates an edit of the document by another program.
    let hostile = serde_json::json!({ "orderID": HOSTILE, "productID": "123456", "inStock": 7 });
    fs::write(&sandbox.database, serde_json::to_vec_pretty(&hostile).unwrap()).unwrap();
    screen.wait_for("actual 7");
    let garbage = format!("{{\"orderID\": \"{}\", \"inStock\": \u{1b}[2J", "x".repeat(9));
    fs::write(&sandbox.database, garbage).unwrap();
    screen.wait_for("cannot be read");
    screen.press("q");
    let left = screen.leave();
    assert!(left.status.success());
    assert_only_our_own_sequences(&left.bytes);
}

fn write_hostile_journal(sandbox: &Sandbox) {
    let store = StoreHandle::open(&sandbox.database).unwrap();
    let origin = |id: &str, number| Origin {
        order: OrderId::new(id).unwrap(),
        workflow: format!("order-{number}-{HOSTILE}"),
        run: format!("run-{number}-{HOSTILE}"),
        activity: Activity::UpdateInventory,
        attempt: Attempt::FIRST,
    };
    let write = |note| futures::executor::block_on(store.note(note)).unwrap();
    for (number, id) in ["A12", "%s%n{}$(id)", "<b>&amp;</b>"].into_iter().enumerate() {
        let origin = origin(id, number);
        write(Note::Attempt(AttemptEvent { origin: origin.clone(), phase: Phase::Started }));
        let product = ProductId::new("123456").unwrap();
        let effect = Effect::Order(Order { id: origin.order.clone(), product, quantity: 1 });
        let request = CommitRequest { effect, guard: Guard::Ledger, origin: origin.clone() };
        futures::executor::block_on(store.commit(request)).unwrap();
        let phase = Phase::Failed {
            code: HOSTILE.to_owned(),
            message: HOSTILE.repeat(20),
            retryable: true,
            point: Some(Point::AfterCommit),
        };
        write(Note::Attempt(AttemptEvent { origin, phase }));
    }
    write(Note::Refused(Refused {
        key: None,
        code: HOSTILE.to_owned(),
        message: HOSTILE.to_owned(),
        workflow: HOSTILE.to_owned(),
        run: HOSTILE.to_owned(),
    }));
}

/// Private modes that the program sets and resets: cursor, alternate screen, bracketed paste, and synchronised update.
const MODES: [&str; 4] = ["25", "1049", "2004", "2026"];

/// Asserts that the output contains only plain text and the control sequences that the program uses.
#[track_caller]
fn assert_only_our_own_sequences(bytes: &[u8]) {
    let text = std::str::from_utf8(bytes).expect("the output is UTF-8");
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        if let Some(sequence) = rest.strip_prefix("\u{1b}[") {
            let end = sequence.find(|last: char| ('@'..='~').contains(&last)).expect("a whole sequence");
            let (parameters, last) = (&sequence[..end], &sequence[end..=end]);
            let known = match last {
                // Queries for the kitty keyboard protocol and the width of symbols.
                "u" => parameters == "?",
                "n" => parameters == "6",
                "h" | "l" => parameters.strip_prefix('?').is_some_and(|mode| MODES.contains(&mode)),
                "H" | "m" | "J" | "K" => parameters.bytes().all(|byte| byte.is_ascii_digit() || b";:".contains(&byte)),
                _ => false,
            };
            assert!(known, "ESC [ {parameters} {last}");
            rest = &sequence[end + 1..];
            continue;
        }
        let hidden = matches!(character, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{300}'..='\u{36f}' | '\u{e0000}'..='\u{e0fff}');
        let control = character.is_control() && !matches!(character, '\r' | '\n');
        assert!(!hidden && !control, "{character:?} before {:?}", rest.chars().take(40).collect::<String>());
        rest = &rest[character.len_utf8()..];
    }
}

#[test]
fn the_check_for_hostile_output_finds_each_kind() {
    let found = |bytes: &str| std::panic::catch_unwind(|| assert_only_our_own_sequences(bytes.as_bytes())).is_err();
    assert!(!found("\u{1b}[?1049h\u{1b}[1;31mgr\u{f6}\u{df}e \u{6f22}\u{1b}[0m\u{1b}[?2026l\r\n"));
    for hostile in [
        "\u{1b}]0;x\u{7}",
        "\u{1b}[?47h",
        "\u{1b}[5n",
        "\u{9b}31m",
        "\u{202e}",
        "\u{200b}",
        "\u{85}",
        "\u{8}",
        "e\u{301}",
    ] {
        assert!(found(hostile), "{hostile:?}");
    }
}
