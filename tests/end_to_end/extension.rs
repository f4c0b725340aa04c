//! `temporal idempotence ...`: the real Temporal CLI finds the program on the `PATH` as an extension command.

use std::{
    env,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use idempotence::{
    config::{Flags, Settings},
    server::{Search, locate},
};
use serde_json::Value;
use tempfile::TempDir;

use crate::sandbox::{DEMO_ORDER, PROGRAM, Sandbox, address, free_port, offline, program, text};

/// A folder that contains only the extension, and the path of the CLI.
struct Extension {
    folder: TempDir,
    cli: PathBuf,
}

impl Extension {
    fn new() -> Self {
        // The shared server runs the CLI, so `locate` can find the CLI.
        let _server = address();
        let settings =
            Settings::load(&Flags::default(), env::vars_os(), Path::new("/dev/null"), Path::new("/")).unwrap();
        let search = Search { setting: settings.temporal_cli, cache_dir: settings.cache_dir };
        let cli = locate(&search).unwrap().expect("the CLI that runs the server");
        let folder = tempfile::tempdir().unwrap();
        symlink(PROGRAM, folder.path().join("temporal-idempotence")).unwrap();
        Self { folder, cli }
    }

    /// Runs `temporal idempotence` with the settings of `sandbox` in the environment.
    fn run(&self, sandbox: &Sandbox, arguments: &[&str]) -> Output {
        let mut command = Command::new(&self.cli);
        for (name, value) in program(sandbox.folder.path()).get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command
            .env("PATH", self.folder.path())
            .env("TEMPORAL_ADDRESS", address())
            .env("TASKQUEUE", &sandbox.queue)
            .env("DATABASE", &sandbox.database)
            .current_dir(sandbox.folder.path());
        command.arg("idempotence").args(arguments).output().unwrap()
    }
}

#[test]
fn the_temporal_cli_runs_our_commands_and_returns_their_exit_codes() {
    if offline() {
        return;
    }
    let (extension, sandbox) = (Extension::new(), Sandbox::new());
    let run = |arguments: &[&str]| {
        let output = extension.run(&sandbox, arguments);
        let (out, problem) = text(&output);
        (output.status.code(), out, problem)
    };
    let (code, out, problem) = run(&["--version"]);
    let version = format!("idempotence {}\n", env!("CARGO_PKG_VERSION"));
    assert!(out.starts_with(&version), "{out}");
    assert_eq!((code, problem.as_str()), (Some(0), ""));
    let (code, out, problem) = run(&["start", "--help"]);
    assert_eq!(code, Some(0), "{problem}");
    assert!(out.contains("Usage: temporal idempotence start "), "{out}");
    let (code, _, problem) = run(&["nonsense"]);
    assert_eq!(code, Some(2), "{problem}");

    let _worker = sandbox.worker();
    let workflow = format!("{}-A12", sandbox.queue);
    let order = ["start", "A12", "123456", "999", "--faults", "none", "--json", "--workflow-id", &workflow];
    for (guard, stock, verdict) in [("ledger", 1001, (0, "right")), ("off", 2, (1, "wrong"))] {
        let (code, out, problem) = run(&[&order[..], &["--guard", guard]].concat());
        assert_eq!(code, Some(0), "{problem}");
        let found: Value = serde_json::from_str(&out).unwrap();
        assert_eq!((&found["outcome"], &found["stockAfter"]), (&Value::from("applied"), &Value::from(stock)));
        let (code, out, problem) = run(&["audit", "--json"]);
        let found: Value = serde_json::from_str(&out).unwrap();
        assert_eq!((code, found["verdict"].as_str()), (Some(verdict.0), Some(verdict.1)), "{out}{problem}");
    }
}

#[test]
fn as_an_extension_it_starts_its_own_server_and_worker() {
    if offline() {
        return;
    }
    let _alone = DEMO_ORDER.blocking_lock();
    let (extension, sandbox) = (Extension::new(), Sandbox::new());
    let server = format!("127.0.0.1:{}", free_port());
    let cli = extension.cli.to_str().unwrap();
    let demo = ["demo", "--faults", "crash-after-commit", "--address", &server, "--temporal-cli", cli];
    let output = extension.run(&sandbox, &demo);
    let (out, problem) = text(&output);
    assert_eq!(output.status.code(), Some(0), "{out}{problem}");
    assert!(out.lines().any(|line| line.starts_with("verdict right: stock 1001")), "{out}");
}
