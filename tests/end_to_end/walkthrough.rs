//! The walkthrough in a pseudo-terminal, key by key to its end, with its notes in a second one, and the same from a
//! recording.

use portable_pty::CommandBuilder;
use rustix::process::Signal;

use crate::{
    sandbox::{PROGRAM, Sandbox, address, free_port, offline, text},
    screen::{Screen, assert_restored, dashboard, send},
};

const STEPS: usize = 11;

fn command(sandbox: &Sandbox, arguments: &[&str]) -> CommandBuilder {
    let mut command = dashboard(sandbox, address());
    command.args(arguments);
    command
}

/// The right arrow key.
const NEXT: &str = "\u{1b}[C";

/// Presses the next key until the summary is shown, and checks that each step with a scenario shows its result. Returns
/// the last screen.
fn walk(screen: &mut Screen) -> String {
    for step in 1..=STEPS {
        let here = format!("step {step} of {STEPS}");
        let text = screen.wait_for(&here);
        if text.contains(" NEXT ") {
            screen.press(NEXT);
            let seen = screen.wait_until("its end", |screen| {
                screen.contains("✓ RESULT") || screen.contains("NOT AS DESCRIBED") || screen.contains("NOT FINISHED")
            });
            assert!(seen.contains("✓ RESULT") && seen.contains(&here), "{seen}");
            assert_supplier(&seen);
        }
        screen.press(NEXT);
    }
    screen.wait_for("✓ EVERYTHING AS DESCRIBED")
}

/// Checks the panel of the supplier at the steps that have one.
fn assert_supplier(screen: &str) {
    let expected = if screen.contains("A KEY THAT STAYS AT HOME") {
        ["1 shipment is paid for, and not credited", "units paid for 2000 ≠ credited 1000"]
    } else if screen.contains("A KEY THAT TRAVELS") {
        ["every shipment is credited", "units paid for 1000 = credited 1000"]
    } else {
        return;
    };
    for words in expected {
        assert!(screen.contains(words), "{words} is not in\n{screen}");
    }
}

/// Sets the speed of a recording to x4.
fn speed_up(screen: &mut Screen) {
    for speed in ["x2", "x4"] {
        screen.press("+");
        screen.wait_for(speed);
    }
}

/// Returns all rows except the last, which shows the keys or the replay's progress.
fn above_the_keys(screen: &str) -> Vec<&str> {
    let rows: Vec<_> = screen.lines().collect();
    rows[..rows.len().min(23)].to_vec()
}

#[test]
fn one_key_runs_every_step_with_notes_elsewhere_and_a_replay_shows_the_same() {
    if offline() {
        return;
    }
    let sandbox = Sandbox::new();
    let mut notes = Screen::run(command(&sandbox, &["walkthrough", "--notes"]), 80, 24);
    notes.wait_for("No walkthrough has started yet");
    let mut screen =
        Screen::run(command(&sandbox, &["walkthrough", "--pace", "live", "--record", "talk.jsonl"]), 80, 24);
    screen.wait_for("ONE ORDER");
    notes.wait_for("this is the database, not Temporal");
    let summary = walk(&mut screen);
    assert!(summary.contains("✓ Without a key") && summary.contains("Worker deaths: 1"), "{summary}");
    notes.wait_for("the end");
    screen.press("q");
    let (status, bytes) = screen.end();
    assert_eq!(status.exit_code(), 0);
    assert_restored(&bytes);
    notes.press("q");
    assert_eq!(notes.end().0.exit_code(), 0);
    // The replay has no server, worker or database.
    let mut replay = CommandBuilder::new(PROGRAM);
    replay.args(["replay", "talk.jsonl", "--address", &format!("127.0.0.1:{}", free_port())]);
    replay.env("XDG_STATE_HOME", sandbox.folder.path().join("elsewhere"));
    replay.env("TERM", "xterm-256color");
    replay.env("LC_ALL", "C.UTF-8");
    replay.cwd(sandbox.folder.path());
    let mut replayed = Screen::run(replay, 80, 24);
    replayed.wait_for("PRESS →");
    speed_up(&mut replayed);
    let again = walk(&mut replayed);
    replayed.press("G");
    let end = replayed.wait_for("■ END");
    assert_eq!(above_the_keys(&again)[3..14], above_the_keys(&summary)[3..14], "the figures are those of that run");
    assert!(end.contains("✓ EVERYTHING AS DESCRIBED"));
    replayed.press("q");
    let (status, bytes) = replayed.end();
    assert_eq!(status.exit_code(), 0);
    assert_restored(&bytes);
}

#[test]
fn the_shipped_recording_plays_every_step_with_one_key_and_no_network() {
    let sandbox = Sandbox::new();
    let mut command = dashboard(&sandbox, &format!("127.0.0.1:{}", free_port()));
    command.args(["replay"]);
    // Nothing can be found or installed except the binary.
    command.env("PATH", "/nonexistent");
    let mut screen = Screen::run(command, 80, 24);
    screen.wait_for("PRESS →");
    speed_up(&mut screen);
    walk(&mut screen);
    screen.press("q");
    assert_eq!(screen.end().0.exit_code(), 0);
    assert!(!sandbox.database.exists(), "and no database is made");
}

#[test]
fn p_runs_it_on_its_own_database_q_returns_and_control_c_ends_the_program() {
    if offline() {
        return;
    }
    let sandbox = Sandbox::new();
    let mut screen = Screen::open(&sandbox, address(), 100, 30);
    screen.wait_for("● ready");
    screen.press("o");
    screen.wait_for("expected 999 = actual 999");
    screen.press("p");
    screen.wait_for("ONE ORDER");
    screen.press(NEXT);
    screen.wait_for("✓ RESULT");
    // Like a clicker: a black screen and back, and an Esc that opens a question.
    screen.press("b");
    screen.wait_until("the black screen", |text| text.trim().is_empty());
    screen.press("\u{1b}[6~");
    screen.wait_for("✓ RESULT");
    screen.press("\u{1b}");
    screen.wait_for("Leave the walkthrough");
    screen.press("\u{1b}[15~");
    screen.wait_until("the same step", |text| !text.contains("Leave the walkthrough") && text.contains("✓ RESULT"));
    screen.press("\u{1b}");
    screen.wait_for("Leave the walkthrough");
    screen.press("y");
    screen.wait_for("expected 1001 = actual 1001");
    screen.press("b");
    screen.wait_until("the black screen, and no orders", |text| text.trim().is_empty());
    screen.press("b");
    screen.wait_until("one order still", |text| text.contains("orders 1") && text.contains("expected 1001"));
    screen.press("\u{1b}[15~");
    screen.wait_for("✓ RESULT");
    screen.press("q");
    screen.wait_for("expected 999 = actual 999");
    screen.press("p");
    screen.wait_for("ONE ORDER");
    screen.press("\u{3}");
    assert_eq!(screen.end().0.exit_code(), 0);
    sandbox.assert_right(999);
}

#[test]
fn a_signal_during_the_walkthrough_restores_the_terminal() {
    if offline() {
        return;
    }
    let sandbox = Sandbox::new();
    let mut screen = Screen::run(command(&sandbox, &["walkthrough"]), 80, 24);
    screen.wait_for("ONE ORDER");
    screen.press(NEXT);
    screen.wait_for(" PLAYING ");
    send(Signal::TERM, screen.pid());
    let (status, bytes) = screen.end();
    assert_eq!(status.exit_code(), 143);
    assert_restored(&bytes);
}

#[test]
fn without_a_screen_every_step_runs_in_order_and_is_checked() {
    if offline() {
        return;
    }
    let sandbox = Sandbox::new();
    let file = sandbox.folder.path().join("talk.md");
    let step = |title: &str, scenario: &str| {
        format!(
            "## {title}\n\n```toml\nscenario = \"{scenario}\"\n```\n\nText of {title}.\n\n### After\n\nAfter {title}.\n\n"
        )
    };
    let talk =
        format!("# A talk\n\n{}{}## Last\n\nNothing to play.\n", step("One", "happy-path"), step("Two", "fail-once"));
    std::fs::write(&file, talk).unwrap();
    let output = sandbox.command("walkthrough").arg("--plain").arg(&file).output().unwrap();
    let (out, problem) = text(&output);
    assert_eq!(output.status.code(), Some(0), "{out}{problem}");
    assert!(!out.contains('\u{1b}'), "{out:?}");
    let mut rest = out.as_str();
    for expected in [
        "step 1 of 3: One",
        "Text of One.",
        "playing:",
        "effect committed",
        "seen:",
        "After One.",
        "step 2 of 3: Two",
        "playing:",
        "attempt 2",
        "seen:",
        "After Two.",
        "step 3 of 3: Last",
        "Nothing to play.",
    ] {
        let (_, after) = rest.split_once(expected).unwrap_or_else(|| panic!("{expected} is missing in\n{out}"));
        rest = after;
    }
}
