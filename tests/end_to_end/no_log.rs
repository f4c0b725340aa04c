//! A log file that cannot be written is reported once and has no other effect.

use std::fs;

use crate::{
    mounts::Mounts,
    sandbox::{Sandbox, address, applied, offline, order, program, text},
    screen::Screen,
};

#[tokio::test(flavor = "multi_thread")]
async fn without_a_log_file_every_command_runs_and_says_so_once() {
    if offline() {
        return;
    }
    let sandbox = Sandbox::new();
    fs::create_dir_all(sandbox.folder.path().join("idempotence/idempotence.log")).unwrap();
    let demo = program(sandbox.folder.path()).args(["demo", "happy-path", "--address", address()]).output().unwrap();
    let (out, problem) = text(&demo);
    assert!(
        demo.status.success() && out.contains("verdict right") && out.contains("log not written"),
        "{out}{problem}"
    );
    assert_eq!(problem.matches("no log is written: cannot open ").count(), 1, "{problem}");
    let worker = sandbox.worker();
    let link = sandbox.link().await;
    assert_eq!(sandbox.place(&link, order("A", 1, "none")).await, applied());
    drop(worker);
    let mut screen = Screen::open(&sandbox, address(), 80, 24);
    screen.wait_for("worker ● ready");
    let workflow = format!("{}-B", sandbox.queue);
    let mut start = sandbox.command("start");
    let start = start.args(["B", "123456", "1", "--faults", "none", "--workflow-id", &workflow]).output().unwrap();
    let (out, problem) = text(&start);
    assert!(start.status.success() && out.contains("stock after: 998"), "{out}{problem}");
    assert_eq!(problem.matches("no log is written: cannot open ").count(), 1, "{problem}");
    screen.press("L");
    screen.wait_until("the log's own line", |text| text.matches("no log is written").count() == 1);
    screen.press("Lq");
    let left = screen.leave();
    assert!(left.status.success() && left.text.contains("log not written"), "{}", left.text);
    sandbox.assert_right(998);
}

#[test]
fn a_read_only_home_is_named_once_and_the_demo_runs() {
    if offline() {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let folder = home.path();
    let Some(mounts) = Mounts::new(folder, "mkdir home tmp; mount -t tmpfs -o ro none home") else { return };
    let mut command = program(folder);
    command.args(["demo", "happy-path", "--address", address()]).env("HOME", folder.join("home"));
    command.env_remove("XDG_STATE_HOME").env_remove("XDG_CONFIG_HOME").env_remove("XDG_CACHE_HOME");
    command.env("TMPDIR", folder.join("tmp"));
    let demo = mounts.inside(&command).output().unwrap();
    let (out, problem) = text(&demo);
    assert!(demo.status.success() && out.contains("verdict right"), "{out}{problem}");
    assert_eq!(problem.matches("cannot be created, so state is kept in").count(), 1, "{problem}");
    assert_eq!(problem.lines().count(), 1, "{problem}");
}
