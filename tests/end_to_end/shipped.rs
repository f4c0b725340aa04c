//! The recordings of the real program in `assets`, and the pictures made from them.

use std::{fs, path::Path, process::Command, thread, time::Duration};

use portable_pty::CommandBuilder;
use tempfile::TempDir;

use crate::{
    python_environment::{PythonWorker, python, script},
    sandbox::{PROGRAM, Server, program},
    screen::Screen,
};

/// Pause between two keys of a recording, long enough to read the screen.
const READING_TIME: Duration = Duration::from_millis(2_500);

fn assets(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("assets").join(name)
}

/// Run this after a change of the walkthrough or of the contents of recordings, on a machine whose port 7233 is free:
/// `cargo test --test end_to_end -- --ignored record_what_ships`. Then run `assets/pictures/make.sh`.
#[test]
#[ignore = "writes the recordings that ship"]
fn record_what_ships() {
    let home = tempfile::tempdir().unwrap();
    fs::create_dir(home.path().join("database")).unwrap();
    let talk = start(&home, &["walkthrough", "--pace", "live"], "walkthrough.jsonl");
    record_walkthrough(talk);
    let session = start(&home, &["dashboard", "--seed", "42"], "dashboard.jsonl");
    record_dashboard(session);
}

/// The same for the pages about executions of any workflow:
/// `cargo test --test end_to_end -- --ignored record_the_watch_session_that_ships`. It needs Python.
#[test]
#[ignore = "writes a recording that ships"]
fn record_the_watch_session_that_ships() {
    let python = python().expect("Python");
    let server = "127.0.0.1:7233";
    let _server = Server::start(server.to_owned());
    let shop = |arguments: &[&str]| {
        let mut command = script(python, "watched.py");
        command.args(arguments).args(["--address", server, "--shipped"]);
        command
    };
    let order = |situation: &str, id: &str, queue: &str, pace: &str| {
        let started =
            shop(&["start", situation, "--id", id, "--queue", queue, "--pace", pace, "--count", "2"]).output();
        assert!(started.unwrap().status.success(), "{id}");
    };
    let _shop = PythonWorker::start(shop(&["worker", "--queue", "shop"]));
    for (situation, id) in
        [("keeps-failing", "backorder-7"), ("waits-for-signal", "basket-12"), ("timer", "reminder-3")]
    {
        order(situation, id, "shop", "8");
    }
    // Its worker starts after its page is open, so that each attempt is observed.
    order("parallel", "order-1042", "orders", "3");
    let home = tempfile::tempdir().unwrap();
    let session = start(&home, &["watch"], "watch.jsonl");
    record_watch(session, || PythonWorker::start(shop(&["worker", "--queue", "orders"])));
    let recorded = fs::read_to_string(assets("recordings").join("watch.jsonl")).unwrap();
    let folders = [env!("CARGO_MANIFEST_DIR"), "/tmp", "/home", "/root", "site-packages", "lib/python"];
    assert_eq!(folders.map(|folder| recorded.matches(folder).count()), [0; 6], "{folders:?}");
}

/// Starts the program with a recording that ships.
fn start(home: &TempDir, arguments: &[&str], recording: &str) -> Screen {
    // The user's cache folder, which contains the Temporal CLI.
    let cache = std::env::home_dir().map(|home| home.join(".cache")).unwrap();
    let cache = std::env::var_os("XDG_CACHE_HOME").map_or(cache, Into::into);
    let file = assets("recordings").join(recording);
    let _absent = fs::remove_file(&file);
    let mut command = CommandBuilder::new(PROGRAM);
    for name in idempotence::config::NAMES {
        command.env_remove(name.name);
    }
    command.args(arguments);
    command.args(["--record", &file.display().to_string()]);
    command.cwd(home.path());
    command.env("XDG_STATE_HOME", home.path().join("state"));
    command.env("XDG_CONFIG_HOME", home.path());
    command.env("XDG_CACHE_HOME", &cache);
    // Recordings show the home folder as `~`.
    command.env("HOME", home.path());
    command.env("TMPDIR", home.path());
    command.env("TERM", "xterm-256color");
    command.env("LC_ALL", "C.UTF-8");
    Screen::run(command, 100, 30)
}

fn press_and_read(screen: &mut Screen, keys: &str, until: &str) {
    screen.press(keys);
    screen.wait_for(until);
    thread::sleep(READING_TIME);
}

fn record_walkthrough(mut screen: Screen) {
    for step in 1..=11 {
        let text = screen.wait_for(&format!("step {step} of 11"));
        thread::sleep(READING_TIME);
        if text.contains(" NEXT ") {
            press_and_read(&mut screen, "\u{1b}[C", "✓ RESULT");
        }
        screen.press("\u{1b}[C");
    }
    screen.wait_for("✓ EVERYTHING AS DESCRIBED");
    thread::sleep(READING_TIME);
    screen.press("q");
    assert_eq!(screen.end().0.exit_code(), 0);
}

/// Records the demo order with the preset `seed`, an order that fails after its commit, a crash, a burst, and a
/// comparison of three guards.
fn record_dashboard(mut screen: Screen) {
    screen.wait_for("● ready");
    thread::sleep(READING_TIME);
    press_and_read(&mut screen, "f", "FAULTS after-commit-once");
    press_and_read(&mut screen, "s", "✓ applied once");
    press_and_read(&mut screen, "\r", "#1 ");
    press_and_read(&mut screen, "\u{1b}", "● ready");
    press_and_read(&mut screen, "f", "FAULTS crash-after-commit");
    screen.press("o");
    screen.wait_for("†");
    screen.wait_until("its end", |text| text.matches("✓ applied once").count() == 2);
    thread::sleep(READING_TIME);
    screen.press("f");
    screen.wait_for("faults none");
    press_and_read(&mut screen, "f", "FAULTS original");
    screen.press("b");
    screen.wait_until("the burst", |text| text.contains("each effect applied once"));
    thread::sleep(READING_TIME);
    press_and_read(&mut screen, "f", "FAULTS after-commit-once");
    press_and_read(&mut screen, "v", "Temporal retried all three");
    press_and_read(&mut screen, "B", "B7 came in between");
    screen.press("q");
    assert_eq!(screen.end().0.exit_code(), 0);
}

/// Records the list, and an order whose payment fails twice and then succeeds.
fn record_watch(mut screen: Screen, open_shop: impl FnOnce() -> PythonWorker) {
    screen.wait_until("the list", |text| text.contains("order-1042") && text.contains("OutOfStock"));
    thread::sleep(READING_TIME);
    select(&mut screen, "▌ order-1042");
    press_and_read(&mut screen, "\r", "▌ ");
    let _worker = open_shop();
    screen.wait_for("charge_card");
    select(&mut screen, "▌ charge_card");
    screen.wait_for("#3 ○ in");
    thread::sleep(READING_TIME);
    press_and_read(&mut screen, "\r", "PaymentUnavailable");
    press_and_read(&mut screen, "\u{1b}", "#3 ✓ completed");
    screen.wait_for("Completed");
    thread::sleep(READING_TIME);
    press_and_read(&mut screen, "\u{1b}", "backorder-7");
    screen.press("q");
    assert_eq!(screen.end().0.exit_code(), 0);
}

/// Moves down until a row is selected, at most through all rows.
fn select(screen: &mut Screen, row: &str) {
    screen.press("g");
    for _ in 0..5 {
        thread::sleep(READING_TIME / 5);
        if screen.wait_until("a screen", |_| true).contains(row) {
            return;
        }
        screen.press("j");
    }
    screen.wait_for(row);
}

/// The committed pictures must equal what the program draws now.
#[test]
fn the_pictures_are_those_of_the_recordings() {
    let out = tempfile::tempdir().unwrap();
    let made = Command::new("sh")
        .arg(assets("pictures/make.sh"))
        .arg(out.path())
        .env("IDEMPOTENCE", PROGRAM)
        .env("NO_COLOR", "1")
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let mut compared = 0;
    for entry in fs::read_dir(out.path()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        let committed = fs::read(assets("pictures").join(name)).unwrap_or_default();
        let same = fs::read(&path).unwrap() == committed;
        assert!(same, "assets/pictures/{name} is not what the program draws now; run assets/pictures/make.sh");
        compared += 1;
    }
    let committed = fs::read_dir(assets("pictures")).unwrap().count();
    assert_eq!(compared, committed - 1, "the script makes every other file in the folder");
    assert!(compared >= 4);
}

#[test]
fn a_recording_becomes_a_cast_and_a_missing_screen_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let export = |more: &[&str]| program(folder.path()).arg("export").args(more).output().unwrap();
    let output = export(&["walkthrough", "--cast", "talk.cast", "--size", "80x24"]);
    assert!(output.status.success(), "{output:?}");
    let cast = fs::read_to_string(folder.path().join("talk.cast")).unwrap();
    let mut lines = cast.lines();
    let header: serde_json::Value = serde_json::from_str(lines.next().unwrap()).unwrap();
    assert_eq!((&header["version"], &header["width"], &header["height"]), (&2.into(), &80.into(), &24.into()));
    let mut parser = vt100::Parser::new(24.try_into().unwrap(), 80.try_into().unwrap(), 0);
    for line in lines {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        parser.process(event[2].as_str().unwrap().as_bytes());
    }
    assert!(parser.screen().contents().contains("✓ EVERYTHING AS DESCRIBED"), "{}", parser.screen().contents());
    for (arguments, words) in [
        (vec!["walkthrough", "--svg", "x.svg", "--when", "not on any screen"], "no screen of this recording"),
        (vec!["walkthrough", "--cast", "x.cast", "--at", "1"], "--cast has all screens"),
        (vec!["walkthrough", "--svg", "-", "--cast", "-"], "cannot be written to the same file"),
        (vec!["walkthrough", "--svg", "x.svg", "--size", "10x10"], "the smallest screen is 60x16"),
        (vec!["-", "--svg", "x.svg"], "standard input"),
        (vec!["walkthrough", "--svg", "x.svg", "--size", "0x5"], "e.g. 80x24"),
    ] {
        let output = export(&arguments);
        let problem = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!((output.status.code(), problem.contains(words)), (Some(2), true), "{problem}");
    }
}
