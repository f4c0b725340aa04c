//! Messages of `demo` on standard error while it waits for something that is missing.

use std::{
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Child, ChildStderr, ChildStdout, Command, Stdio},
};

use rustix::process::{Signal, kill_process};

use crate::{
    sandbox::{Sandbox, address, free_port, offline, program},
    servers::server_on,
};

/// A scenario with a retry after 8 s.
const LATE_RETRY: &str = r#"
title = "A late retry"
why = "The server can be stopped and resumed in the meantime."
faults = "update.before-commit=1*error"

[retry]
initial_ms = 8000
maximum_ms = 8000

[[acts]]
order = "A12"
quantity = 999
outcome = "applied"

[expect]
stock = 1001
verdict = "right"
"#;

/// A scenario whose own worker is killed before the order.
const WITHOUT_WORKER: &str = r#"
title = "Another worker is needed"
why = "The worker of the scenario is gone before the order comes."
limit_seconds = 10

[[acts]]
do = "kill-worker"

[[acts]]
order = "A12"
quantity = 999

[expect]
stock = 1001
verdict = "right"
"#;

/// A running command, killed if the test fails.
pub struct Running {
    pub child: Child,
    pub lines: BufReader<ChildStdout>,
    pub reasons: BufReader<ChildStderr>,
}

impl Running {
    pub fn new(command: &mut Command) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        let reasons = BufReader::new(child.stderr.take().unwrap());
        Self { child, lines, reasons }
    }

    pub fn end(mut self) -> Option<i32> {
        let _rest = std::io::copy(&mut self.lines, &mut std::io::sink());
        self.child.wait().unwrap().code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ended_before = self.child.kill();
        let _reaped_before = self.child.wait();
    }
}

/// Reads lines up to the first that contains `part`, and returns it.
pub fn line_with(lines: &mut impl BufRead, part: &str) -> String {
    let found = lines.lines().map_while(Result::ok).find(|line| line.contains(part));
    found.unwrap_or_else(|| panic!("the output ended without a line with '{part}'"))
}

fn demo(state: &Path, scenario: &str, address: &str) -> Command {
    std::fs::write(state.join("mine.toml"), scenario).unwrap();
    let mut command = program(state);
    command.args(["demo", "mine.toml", "--address", address]);
    command
}

#[test]
fn a_hanging_server_is_named_and_the_scenario_resumes_with_it() {
    if offline() {
        return;
    }
    let state = tempfile::tempdir().unwrap();
    let port = free_port();
    let address = format!("127.0.0.1:{port}");
    let mut server = program(state.path());
    let mut server = Running::new(server.args(["server", "--with-parent", "--address", &address]));
    line_with(&mut server.lines, "Temporal at ");
    let mut demo = Running::new(demo(state.path(), LATE_RETRY, &address).env("IDEMPOTENCE_CONNECT_TIMEOUT", "1"));
    line_with(&mut demo.lines, "attempt 1: failed");
    let pid = server_on(port);
    kill_process(pid, Signal::STOP).unwrap();
    let reason = line_with(&mut demo.reasons, "waits: ");
    kill_process(pid, Signal::CONT).unwrap();
    assert!(reason.contains("scenario mine waits: no connection: ") && reason.contains(&address), "{reason}");
    assert_eq!(demo.end(), Some(0));
}

#[test]
fn a_worker_without_the_key_is_named_once_and_at_the_limit() {
    if offline() {
        return;
    }
    let sandbox = Sandbox::new();
    let encrypted = [("DATACONVERTER_ENCRYPTION_KEY_ID", "demokey"), ("ENCRYPT_PAYLOAD", "true")];
    let mut keys = program(sandbox.folder.path());
    assert!(keys.args(["keys", "add", "demokey"]).status().unwrap().success());
    let mut demo = Running::new(demo(sandbox.folder.path(), WITHOUT_WORKER, address()).envs(encrypted));
    let queue = line_with(&mut demo.lines, "task queue ");
    let (_, queue) = queue.rsplit_once(' ').unwrap();
    line_with(&mut demo.lines, "started ");
    let other = Sandbox { queue: queue.to_owned(), ..Sandbox::new() };
    let _without_key = other.worker();
    let reasons: Vec<_> = demo.reasons.by_ref().lines().map_while(Result::ok).collect();
    let said = reasons.iter().filter(|line| line.contains("A12 cannot continue: worker idempotence-worker@"));
    assert_eq!(said.count(), 1, "{reasons:#?}");
    let complaint = line_with(&mut demo.lines, "NOT as expected");
    assert!(complaint.contains("the end of A12, but worker "), "{complaint}");
    assert_eq!(demo.end(), Some(1));
}
