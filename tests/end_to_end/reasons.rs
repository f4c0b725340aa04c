//! Messages of `demo` on standard error while it waits for something that is missing.

use std::{
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Child, Command, Stdio},
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    thread,
    time::Instant,
};

use rustix::process::{Signal, kill_process};

use crate::{
    sandbox::{EVENT_TIMEOUT, Sandbox, address, free_port, offline, program},
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

/// Lines of an output that another thread reads, so that a wait for a line has a limit.
pub struct Lines(Receiver<String>);

impl Lines {
    /// Reads `output` on a new thread until it ends.
    pub fn of(output: impl Read + Send + 'static) -> Self {
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                // If the test has ended, keep reading: a full pipe would block the command.
                let _unread = sender.send(line);
            }
        });
        Self(lines)
    }

    /// The next line that contains `part`. Fails the test if the output ends or [`EVENT_TIMEOUT`] passes without it.
    pub fn with(&self, part: &str) -> String {
        let deadline = Instant::now() + EVENT_TIMEOUT;
        let mut before = Vec::new();
        loop {
            match self.0.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) if line.contains(part) => return line,
                Ok(line) => before.push(line),
                Err(reason) => panic!("no line with '{part}' ({reason}), only: {before:#?}"),
            }
        }
    }

    /// The remaining lines, until the output ends. Fails the test if no line arrives within [`EVENT_TIMEOUT`].
    pub fn rest(&self) -> impl Iterator<Item = String> {
        std::iter::from_fn(|| match self.0.recv_timeout(EVENT_TIMEOUT) {
            Ok(line) => Some(line),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("the output neither ended nor continued"),
        })
    }
}

/// A running command, killed if the test fails.
pub struct Running {
    pub child: Child,
    pub lines: Lines,
    pub reasons: Lines,
}

impl Running {
    pub fn new(command: &mut Command) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = Lines::of(child.stdout.take().unwrap());
        let reasons = Lines::of(child.stderr.take().unwrap());
        Self { child, lines, reasons }
    }

    pub fn end(mut self) -> Option<i32> {
        self.lines.rest().for_each(drop);
        self.child.wait().unwrap().code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ended_before = self.child.kill();
        let _reaped_before = self.child.wait();
    }
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
    let server = Running::new(server.args(["server", "--with-parent", "--address", &address]));
    server.lines.with("Temporal at ");
    let demo = Running::new(demo(state.path(), LATE_RETRY, &address).env("IDEMPOTENCE_CONNECT_TIMEOUT", "1"));
    demo.lines.with("attempt 1: failed");
    let pid = server_on(port);
    kill_process(pid, Signal::STOP).unwrap();
    let reason = demo.reasons.with("waits: ");
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
    let demo = Running::new(demo(sandbox.folder.path(), WITHOUT_WORKER, address()).envs(encrypted));
    let queue = demo.lines.with("task queue ");
    let (_, queue) = queue.rsplit_once(' ').unwrap();
    demo.lines.with("started ");
    let other = Sandbox { queue: queue.to_owned(), ..Sandbox::new() };
    let _without_key = other.worker();
    let reasons: Vec<_> = demo.reasons.rest().collect();
    let said = reasons.iter().filter(|line| line.contains("A12 cannot continue: worker idempotence-worker@"));
    assert_eq!(said.count(), 1, "{reasons:#?}");
    let complaint = demo.lines.with("NOT as expected");
    assert!(complaint.contains("the end of A12, but worker "), "{complaint}");
    assert_eq!(demo.end(), Some(1));
}
