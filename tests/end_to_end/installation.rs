//! A machine on which the Temporal CLI can be neither found nor installed.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use crate::{
    sandbox::{EVENT_TIMEOUT, Sandbox, free_port},
    screen::{Screen, dashboard},
};

/// How long the test watches the dashboard, which is longer than several connection attempts.
const WATCH_TIME: Duration = Duration::from_secs(8);

fn runs(log: &Path) -> usize {
    fs::read_to_string(log).unwrap_or_default().lines().count()
}

#[test]
fn a_failed_installation_is_repeated_only_on_a_key() {
    let sandbox = Sandbox::new();
    let folder = sandbox.folder.path().join("bin");
    let (log, python) = (sandbox.folder.path().join("runs"), folder.join("python3"));
    fs::create_dir(&folder).unwrap();
    fs::write(&python, format!("#!/bin/sh\necho run >> {}\necho 'ERROR: disk quota' >&2\nexit 1\n", log.display()))
        .unwrap();
    fs::set_permissions(&python, fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = dashboard(&sandbox, &format!("127.0.0.1:{}", free_port()));
    command.env_remove("TEMPORAL_CLI");
    command.env("PATH", &folder);
    command.env("XDG_CACHE_HOME", sandbox.folder.path());
    let mut screen = Screen::run(command, 160, 40);
    screen.wait_for("press X to retry the installation");
    thread::sleep(WATCH_TIME);
    let text = screen.wait_for("press X to retry the installation");
    assert_eq!(runs(&log), 1, "{text}");
    screen.press("X");
    let since = Instant::now();
    while runs(&log) < 2 {
        assert!(since.elapsed() < EVENT_TIMEOUT, "the installation was not repeated");
        thread::sleep(Duration::from_millis(50));
    }
    screen.press("q");
    screen.end();
}
