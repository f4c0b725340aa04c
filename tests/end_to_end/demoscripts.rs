//! The scripts in `assets/demoscripts`, run from a shell as users run them.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

use crate::{
    sandbox::{PROGRAM, Sandbox, address, free_port, offline, program, text},
    screen::{Screen, dashboard},
};

/// Returns a command for the script, with the settings of `sandbox` in its environment.
fn script(sandbox: &Sandbox, name: &str) -> Command {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/demoscripts").join(name);
    let mut command = Command::new(path);
    for setting in idempotence::config::NAMES {
        command.env_remove(setting.name);
    }
    command
        .env("IDEMPOTENCE", PROGRAM)
        .env("TEMPORAL_ADDRESS", address())
        .env("TASKQUEUE", &sandbox.queue)
        .env("DATABASE", &sandbox.database)
        .env("XDG_STATE_HOME", sandbox.folder.path())
        .env("XDG_CONFIG_HOME", sandbox.folder.path())
        .current_dir(sandbox.folder.path());
    command
}

/// Submits the order twice under a workflow id that is unique to this test.
fn demo(sandbox: &Sandbox, more: &[&str]) -> Output {
    let workflow = format!("{}-11235", sandbox.queue);
    script(sandbox, "idempotencydemo.sh").args(["--workflow-id", &workflow]).args(more).output().unwrap()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let inside = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    inside.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[test]
fn the_second_submission_of_an_order_changes_nothing() {
    if offline() {
        return;
    }
    let sandbox = Sandbox::new();
    let _worker = sandbox.worker();
    let output = demo(&sandbox, &["--faults", "after-commit-once"]);
    let (out, problem) = text(&output);
    assert_eq!(output.status.code(), Some(0), "{out}{problem}");
    let results: Vec<_> = out.lines().filter(|line| line.starts_with("stock ") || line.starts_with("result")).collect();
    let (first, second) = results.split_at(3);
    assert_eq!(first, ["stock before: 1000", "result: applied", "stock after: 1001"]);
    assert_eq!(second, ["stock before: 1001", "result: replayed", "stock after: 1001"]);
    let last = "right: the second submission changed nothing, the stock is still 1001";
    assert_eq!(out.lines().last(), Some(last));
    sandbox.assert_right(1001);
    assert!(!format!("{out}{problem}").contains("VISA"), "{out}{problem}");
    for path in files(sandbox.folder.path()) {
        let kept = fs::read(&path).unwrap();
        assert!(!String::from_utf8_lossy(&kept).contains("VISA"), "{} keeps the payment", path.display());
    }
}

#[test]
fn a_second_submission_that_is_applied_again_is_reported_and_exits_1() {
    if offline() {
        return;
    }
    let sandbox = Sandbox::new();
    let _worker = sandbox.worker();
    let output = demo(&sandbox, &["--faults", "none", "--guard", "off"]);
    let (out, problem) = text(&output);
    assert_eq!(output.status.code(), Some(1), "{out}{problem}");
    let last = "WRONG: the second submission changed the stock from 1001 to 2";
    assert_eq!(out.lines().last(), Some(last));
}

#[test]
fn the_demo_says_what_it_needs_without_a_server_or_with_another_database() {
    if offline() {
        return;
    }
    let sandbox = Sandbox::new();
    let dead = format!("127.0.0.1:{}", free_port());
    let output = script(&sandbox, "idempotencydemo.sh").env("TEMPORAL_ADDRESS", &dead).output().unwrap();
    let (out, problem) = text(&output);
    assert_eq!(output.status.code(), Some(1), "{out}{problem}");
    assert!(problem.lines().last().unwrap().contains("start a server and a worker first"), "{problem}");
    let _worker = sandbox.worker();
    let elsewhere = Sandbox { queue: sandbox.queue.clone(), ..Sandbox::new() };
    let output = demo(&elsewhere, &["--faults", "none"]);
    let (out, problem) = text(&output);
    assert_eq!(output.status.code(), Some(1), "{out}{problem}");
    assert!(out.lines().last().unwrap().starts_with("unknown: the stock cannot be read;"), "{out}");
}

/// A process that is killed at the end of the test.
struct Bystander(Child);

impl Bystander {
    fn run(command: &mut Command) -> Self {
        Self(command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    }

    fn runs(&mut self) -> bool {
        self.0.try_wait().unwrap().is_none()
    }
}

impl Drop for Bystander {
    fn drop(&mut self) {
        let _ended_before = self.0.kill();
        let _reaped_before = self.0.wait();
    }
}

/// Starts processes whose command lines resemble a worker's: an order with that name, a script, and a shell.
fn bystanders(sandbox: &Sandbox) -> Vec<Bystander> {
    let folder = sandbox.folder.path().join("scripts");
    fs::create_dir(&folder).unwrap();
    let named = folder.join("idempotence");
    fs::write(&named, "#!/bin/sh\nread line\n").unwrap();
    fs::set_permissions(&named, fs::Permissions::from_mode(0o755)).unwrap();
    let queue = ["--task-queue", &sandbox.queue];
    let workflow = format!("{}-bystander", sandbox.queue);
    // The order must still be open when its worker is killed.
    let forever = "update.before-commit=delay(3600000)";
    vec![
        Bystander::run(sandbox.command("start").args(["worker", "--faults", forever, "--workflow-id", &workflow])),
        Bystander::run(Command::new(named).arg("worker").args(queue)),
        Bystander::run(Command::new("sh").args(["-c", "read line", "idempotence", "worker"]).args(queue)),
    ]
}

#[test]
fn exactly_the_workers_of_the_task_queue_are_killed() {
    if offline() {
        return;
    }
    let (sandbox, other) = (Sandbox::new(), Sandbox::new());
    let mut bystanders = bystanders(&sandbox);
    let none = script(&sandbox, "kill_worker.sh").output().unwrap();
    let (out, problem) = text(&none);
    assert_eq!((none.status.code(), out.as_str()), (Some(1), ""), "{problem}");
    assert!(problem.contains(&sandbox.queue) && problem.contains("idempotence worker"), "{problem}");

    let mut worker = sandbox.worker();
    bystanders.push(Bystander::run(other.command("worker").arg("--with-parent")));
    let output = script(&sandbox, "kill_worker.sh").output().unwrap();
    let (out, problem) = text(&output);
    let expected = format!("killed worker {}\n", worker.pid());
    assert_eq!((output.status.code(), out, problem.as_str()), (Some(0), expected, ""));
    let end = std::os::unix::process::ExitStatusExt::signal(&worker.wait());
    assert_eq!(end, Some(9));
    let left: Vec<_> = bystanders.iter_mut().map(Bystander::runs).collect();
    assert_eq!(left, [true; 4], "an order, a script, a shell, and a worker on another task queue");
}

#[test]
fn a_worker_is_found_by_the_task_queue_in_its_environment_too() {
    if offline() {
        return;
    }
    let sandbox = Sandbox::new();
    let mut command = program(sandbox.folder.path());
    command.env("TASKQUEUE", &sandbox.queue).env("DATABASE", &sandbox.database);
    let mut worker = Bystander::run(command.args(["--address", address(), "worker", "--with-parent"]));
    let expected = format!("killed worker {}\n", worker.0.id());
    let output = script(&sandbox, "kill_worker.sh").output().unwrap();
    assert_eq!(text(&output).0, expected, "{output:?}");
    assert!(!worker.0.wait().unwrap().success());
}

#[test]
fn a_dashboard_survives_its_worker() {
    if offline() {
        return;
    }
    let sandbox = Sandbox::new();
    let mut screen = Screen::run(dashboard(&sandbox, address()), 100, 30);
    screen.wait_for("● ready");
    let output = script(&sandbox, "kill_worker.sh").output().unwrap();
    let (out, problem) = text(&output);
    assert_eq!(output.status.code(), Some(0), "{out}{problem}");
    assert_eq!(out.lines().count(), 1, "{out}");
    assert!(!out.contains(&screen.pid().to_string()), "{out}");
    screen.wait_for("SIGKILL");
    screen.press("q");
    assert!(screen.end().0.success());
}
