//! Messages of `start` and `worker` while they wait, and the cases in which waiting cannot help.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
    time::{Duration, Instant},
};

use rustix::process::{Signal, kill_process};
use serde_json::Value;

use crate::{
    reasons::Running,
    sandbox::{EVENT_TIMEOUT, Sandbox, free_port, offline, program, text},
    screen::send,
    servers::server_on,
};

fn json(output: &Output) -> Value {
    serde_json::from_str(&text(output).0).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

#[test]
fn a_start_without_a_worker_says_so_and_ends_at_its_limit() {
    if offline() {
        return;
    }
    let sandbox = Sandbox::new();
    let start = |more: &[&str]| {
        let workflow = format!("{}-A", sandbox.queue);
        sandbox.command("start").args(["A", "123456", "1", "--workflow-id", &workflow]).args(more).output().unwrap()
    };
    let left = start(&["--faults", "none", "--no-wait", "--json"]);
    assert_eq!((left.status.code(), json(&left)["outcome"].as_str()), (Some(0), Some("started")), "{left:?}");
    let waited = start(&["--timeout", "2s", "--json"]);
    assert_eq!((waited.status.code(), json(&waited)["outcome"].as_str()), (Some(1), Some("open")), "{waited:?}");
    assert_eq!(json(&waited)["runID"], json(&left)["runID"], "it joined");
    let (_, problem) = text(&waited);
    assert!(problem.contains(&format!("no worker is polling '{}'", sandbox.queue)), "{problem}");
    assert_eq!(problem.matches("Start one with").count(), 2, "once while it waits, once at the end: {problem}");
    assert!(problem.contains("no end within 2 s") && problem.contains("terminate"), "{problem}");
    let _worker = sandbox.worker();
    let ended = start(&["--timeout", &format!("{}s", EVENT_TIMEOUT.as_secs()), "--json"]);
    assert_eq!(json(&ended)["outcome"], "applied", "{ended:?}");
    sandbox.assert_right(999);
}

fn key(home: &Path) -> Command {
    let mut command = program(home);
    command.env("DATACONVERTER_ENCRYPTION_KEY_ID", "testkey").env("XDG_CONFIG_HOME", home);
    command
}

/// Starts an encrypted order that the worker cannot read, and asserts that `doctor` names a worker that can. Returns
/// the output of `start` and the worker's log.
fn encrypted_start(sandbox: &Sandbox, worker_settings: &[(&str, &str)]) -> (Output, String) {
    let keys = tempfile::tempdir().unwrap();
    assert!(key(keys.path()).args(["keys", "add"]).status().unwrap().success());
    let log = sandbox.folder.path().join("worker.log");
    let _worker = sandbox.worker_logging(worker_settings, &log);
    let encrypting = |name: &str| {
        let mut command = sandbox.command(name);
        command.envs([("ENCRYPT_PAYLOAD", "true"), ("DATACONVERTER_ENCRYPTION_KEY_ID", "testkey")]);
        command.env("XDG_CONFIG_HOME", keys.path());
        command
    };
    let output = encrypting("start").args(["A", "123456", "1", "--faults", "none", "--json"]).output().unwrap();
    let (said, problem) = text(&encrypting("doctor").output().unwrap());
    let remedy = format!(
        "fix: ENCRYPT_PAYLOAD=true DATACONVERTER_ENCRYPTION_KEY_ID=testkey IDEMPOTENCE_ENCRYPTION_KEY_FILE={} \
         idempotence worker",
        keys.path().join("idempotence/encryption-keys.toml").display()
    );
    assert!(said.contains(&remedy), "{said}{problem}");
    (output, fs::read_to_string(log).unwrap())
}

#[test]
fn a_start_whose_worker_cannot_decrypt_gives_up_and_says_why() {
    if offline() {
        return;
    }
    let sandbox = Sandbox::new();
    let (output, log) = encrypted_start(&sandbox, &[]);
    assert_eq!((output.status.code(), json(&output)["outcome"].as_str()), (Some(1), Some("open")), "{output:?}");
    let (_, problem) = text(&output);
    for part in ["is encrypted with the key 'testkey'", "start the worker with ENCRYPT_PAYLOAD=true", "stays open"] {
        assert!(problem.contains(part), "{part}: {problem}");
    }
    let warning = log.lines().find(|line| line.contains("WARN") && line.contains("this worker has no key"));
    assert!(warning.is_some(), "{log}");

    let sandbox = Sandbox::new();
    let other = sandbox.folder.path().to_str().unwrap().to_owned();
    assert!(key(sandbox.folder.path()).args(["keys", "add"]).status().unwrap().success());
    let settings = [
        ("ENCRYPT_PAYLOAD", "true"),
        ("DATACONVERTER_ENCRYPTION_KEY_ID", "testkey"),
        ("XDG_CONFIG_HOME", other.as_str()),
    ];
    let (output, log) = encrypted_start(&sandbox, &settings);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let (_, problem) = text(&output);
    assert!(problem.contains("the key 'testkey' does not decrypt it"), "{problem}");
    assert!(log.lines().any(|line| line.contains("WARN") && line.contains("does not decrypt it")), "{log}");
}

#[test]
fn a_worker_with_a_hanging_server_logs_it_and_ends_on_sigterm() {
    if offline() {
        return;
    }
    let sandbox = Sandbox::new();
    let port = free_port();
    let on_port = |name: &str| {
        let mut command = program(sandbox.folder.path());
        command.args([name, "--address", &format!("127.0.0.1:{port}")]);
        command
    };
    let server = Running::new(on_port("server").arg("--with-parent"));
    server.lines.with("Temporal at ");
    let worker = Running::new(on_port("worker").arg("--database").arg(&sandbox.database));
    worker.lines.with("is polling");
    let pid = server_on(port);
    kill_process(pid, Signal::STOP).unwrap();
    worker.reasons.with("the worker keeps trying");
    kill_process(pid, Signal::CONT).unwrap();
    worker.reasons.with("the server answers again");
    kill_process(pid, Signal::STOP).unwrap();
    let since = Instant::now();
    send(Signal::TERM, worker.child.id());
    assert_eq!(worker.end(), Some(0));
    let took = since.elapsed();
    kill_process(pid, Signal::CONT).unwrap();
    assert!(took < Duration::from_secs(20), "{took:?}");
}
