//! The screen output of the real binary in a pseudo-terminal, byte by byte. No server is needed.

use std::net::TcpListener;

use crate::{
    sandbox::Sandbox,
    screen::{Screen, dashboard},
};

/// Returns all bytes that a dashboard with `arguments` and `environment` writes until it quits.
fn bytes(arguments: &[&str], environment: &[(&str, &str)]) -> String {
    let sandbox = Sandbox::new();
    // The port is taken by a listener that does not answer, so there is no server, and none can be started there.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut command = dashboard(&sandbox, &silent.local_addr().unwrap().to_string());
    command.args(arguments);
    for (name, value) in environment {
        command.env(name, value);
    }
    let mut screen = Screen::run(command, 100, 30);
    screen.wait_for("quit");
    screen.press("q");
    screen.end().1
}

/// Returns the parameters of all SGR sequences, one list each. A sequence without parameters is a reset.
fn styles(bytes: &str) -> Vec<Vec<u16>> {
    let sequences = bytes.split("\u{1b}[").skip(1).filter_map(|rest| {
        let (parameters, _) = rest.split_once('m')?;
        parameters.bytes().all(|byte| byte.is_ascii_digit() || byte == b';').then_some(parameters)
    });
    sequences.map(|parameters| parameters.split(';').map(|number| number.parse().unwrap_or(0)).collect()).collect()
}

#[test]
fn no_color_sends_no_colour_and_keeps_the_text_attributes() {
    let styles = styles(&bytes(&[], &[("NO_COLOR", "1")]));
    for style in &styles {
        let colours = [30..=38, 40..=48, 58..=58, 90..=97, 100..=107];
        assert!(style.iter().all(|number| !colours.iter().any(|colour| colour.contains(number))), "{style:?}");
    }
    for modifier in [1, 4, 7] {
        assert!(styles.iter().any(|style| style == &[modifier]), "{modifier} is missing in {styles:?}");
    }
}

#[test]
fn an_explicit_theme_keeps_its_colours_under_no_color() {
    let styles = styles(&bytes(&["--theme", "contrast"], &[("NO_COLOR", "1")]));
    assert!(styles.contains(&vec![38, 5, 231, 48, 5, 16]), "white on black is missing in {styles:?}");
}

#[test]
fn a_locale_without_unicode_gets_ascii_bytes_only() {
    let shown = bytes(&[], &[("LC_ALL", "C")]);
    assert!(shown.is_ascii(), "{:?}", shown.chars().filter(|character| !character.is_ascii()).collect::<String>());
    assert!(!bytes(&["--ascii=false"], &[("LC_ALL", "C")]).is_ascii());
}

#[test]
fn a_terminal_without_a_cursor_gets_lines_and_no_escape_sequence() {
    let sandbox = Sandbox::new();
    for (terminal, arguments) in
        [(Some("dumb"), vec![]), (Some(""), vec![]), (None, vec![]), (Some("xterm"), vec!["--plain"])]
    {
        let mut command = dashboard(&sandbox, "127.0.0.1:1");
        command.env_remove("TERM");
        if let Some(terminal) = terminal {
            command.env("TERM", terminal);
        }
        command.args(["replay"]);
        command.args(&arguments);
        let (status, bytes) = Screen::run(command, 100, 30).end();
        assert!(status.success() && !bytes.contains('\u{1b}'), "{terminal:?}: {bytes:?}");
        for expected in ["step 1 of ", "UpdateInventoryActivity", "effect committed", "seen:"] {
            assert!(bytes.contains(expected), "{terminal:?}: {expected} is missing in {bytes}");
        }
        let mut command = dashboard(&sandbox, "127.0.0.1:1");
        command.env("TERM", terminal.unwrap_or_default());
        command.args(["walkthrough", "--notes"]);
        command.args(&arguments);
        let (status, bytes) = Screen::run(command, 100, 30).end();
        assert!(status.exit_code() == 2 && !bytes.contains('\u{1b}'), "{bytes}");
        assert!(bytes.contains("idempotence demo") && bytes.contains("replay --plain"), "{bytes}");
    }
}
