//! SIGHUP ends each command as SIGTERM does. A command that starts with SIGHUP ignored, as under nohup, keeps running.

use std::{
    os::unix::process::ExitStatusExt,
    process::{Child, Command, Stdio},
};

use portable_pty::CommandBuilder;
use rustix::process::Signal;

use crate::{
    presence::hangups_are_ignored,
    reasons::Lines,
    sandbox::{Sandbox, address, free_port, offline, program, skipped},
    screen::{Screen, dashboard, send},
    terminal::silent_listener,
};

/// Creates the command for one run.
type NewCommand<'a> = &'a dyn Fn() -> Command;

/// Runs a command until it prints a line that contains `ready`. Ignores SIGHUP if `nohup` is true.
fn started(command: &Command, nohup: bool, ready: &str) -> (Child, Lines) {
    let script = if nohup { r#"trap "" HUP; exec "$@""# } else { r#"exec "$@""# };
    let mut shell = Command::new("sh");
    shell.args(["-c", script, "sh"]).arg(command.get_program()).args(command.get_args());
    shell.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    shell.current_dir(command.get_current_dir().unwrap()).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = shell.spawn().unwrap();
    let lines = Lines::of(child.stdout.take().unwrap());
    lines.with(ready);
    (child, lines)
}

/// Sends `signal` to a command that is ready. Returns its exit code as a shell reports it.
fn ended_by(command: &Command, ready: &str, signal: Signal) -> i32 {
    let (mut child, lines) = started(command, false, ready);
    send(signal, child.id());
    lines.rest().for_each(drop);
    let status = child.wait().unwrap();
    status.code().unwrap_or_else(|| 128 + status.signal().unwrap())
}

#[test]
fn a_hangup_ends_servers_and_scenarios_as_sigterm_does_unless_ignored() {
    if offline() {
        return;
    }
    if hangups_are_ignored(std::process::id()) {
        skipped("SIGHUP is ignored here, as under nohup");
        return;
    }
    let sandbox = Sandbox::new();
    let home = sandbox.folder.path();
    let key = format!("k:{}=", "A".repeat(43));
    let run = |arguments: &[&str]| {
        let mut command = program(home);
        command.args(arguments).env("IDEMPOTENCE_ENCRYPTION_KEYS", &key);
        command.env("DATACONVERTER_ENCRYPTION_KEY_ID", "k");
        command
    };
    let server = || run(&["server", "--address", &format!("127.0.0.1:{}", free_port())]);
    let codec_server = || run(&["codec-server", "--listen", "127.0.0.1:0"]);
    let supplier = || run(&["supplier", "--listen", "127.0.0.1:0"]);
    let demo = || run(&["demo", "--address", address()]);
    let start = || {
        let mut start = sandbox.command("start");
        start.args(["A", "123456", "1", "--timeout", "3s"]);
        start
    };
    let cases: [(NewCommand, &str, [i32; 2]); 5] = [
        (&server, "Temporal at ", [0, 0]),
        (&codec_server, "codec server at ", [0, 0]),
        (&supplier, "supplier at ", [0, 0]),
        (&demo, "is polling", [129, 143]),
        (&start, "workflow ", [129, 143]),
    ];
    for (command, ready, codes) in cases {
        for (signal, code) in [Signal::HUP, Signal::TERM].into_iter().zip(codes) {
            assert_eq!(ended_by(&command(), ready, signal), code, "{ready} {signal:?}");
        }
        let (mut child, lines) = started(&command(), true, ready);
        assert!(hangups_are_ignored(child.id()) || !cfg!(target_os = "linux"), "{ready}");
        send(Signal::HUP, child.id());
        // A server runs until it is terminated; the other commands end by themselves.
        if codes == [0, 0] {
            send(Signal::TERM, child.id());
        }
        lines.rest().for_each(drop);
        let own_end = i32::from(ready == "workflow ");
        assert_eq!(child.wait().unwrap().code(), Some(own_end), "{ready}: the signal must not end it");
    }
}

#[test]
fn a_dashboard_started_with_hangups_ignored_keeps_running() {
    let sandbox = Sandbox::new();
    let (_held, address) = silent_listener();
    let program = dashboard(&sandbox, &address);
    let mut command: CommandBuilder = program.clone();
    let arguments = std::mem::take(command.get_argv_mut());
    command.get_argv_mut().extend(["sh", "-c", r#"trap "" HUP; exec "$@""#, "sh"].map(Into::into));
    command.get_argv_mut().extend(arguments);
    let mut screen = Screen::run(command, 80, 24);
    screen.wait_for("guard");
    assert!(hangups_are_ignored(screen.pid()) || !cfg!(target_os = "linux"));
    send(Signal::HUP, screen.pid());
    screen.press("?");
    screen.wait_for("a replay from the ledger");
    screen.press("?q");
    assert!(screen.end().0.success());
}
