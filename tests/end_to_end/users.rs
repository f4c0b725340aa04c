//! Two users in one group, with a database and a key file in a folder of that group. Only the superuser can run these
//! tests.

use std::{
    fs::{self, Permissions},
    os::unix::fs::{MetadataExt, PermissionsExt, chown},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use tempfile::TempDir;

use crate::sandbox::{PROGRAM, Sandbox, WorkerProcess, address, applied, free_port, offline, order, skipped, text};

/// User and group ids. No account with these ids needs to exist.
const ANNE: u32 = 62_001;
const BERT: u32 = 62_002;
const GROUP: u32 = 62_000;

/// A folder that both users may use, with the program where both can run it.
struct SharedFolder {
    folder: TempDir,
    program: PathBuf,
}

impl SharedFolder {
    /// Creates the folder. For a user without privileges, reports a skipped test and returns `None`.
    fn new() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let can_switch = Command::new("setpriv").args(["--reuid", &ANNE.to_string(), "true"]).status();
        if !rustix::process::geteuid().is_root() || !can_switch.is_ok_and(|status| status.success()) {
            skipped("it needs the superuser, and setpriv of util-linux");
            return None;
        }
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        let program = folder.path().join("idempotence");
        if fs::hard_link(PROGRAM, &program).is_err() {
            fs::copy(PROGRAM, &program).unwrap();
        }
        let shared = folder.path().join("shared");
        fs::create_dir(&shared).unwrap();
        chown(&shared, None, Some(GROUP)).unwrap();
        fs::set_permissions(&shared, Permissions::from_mode(0o2770)).unwrap();
        for user in [0, ANNE, BERT] {
            let home = folder.path().join(user.to_string());
            fs::create_dir(&home).unwrap();
            chown(&home, Some(user), Some(GROUP)).unwrap();
        }
        Some(Self { folder, program })
    }

    fn shared(&self, name: &str) -> PathBuf {
        self.folder.path().join("shared").join(name)
    }

    /// Returns the program, run by `user` with this umask.
    fn command(&self, user: u32, umask: &str, arguments: &[&str]) -> Command {
        let home = self.folder.path().join(user.to_string());
        let mut command = Command::new("setpriv");
        command.args(["--reuid", &user.to_string(), "--regid", &GROUP.to_string(), "--clear-groups"]);
        command.args(["sh", "-c", &format!(r#"umask {umask}; exec "$@""#), "sh"]).arg(&self.program);
        command.args(arguments).env_clear().env("HOME", &home).env("PATH", "/usr/bin:/bin").current_dir(home);
        command.env("IDEMPOTENCE_ENCRYPTION_KEY_FILE", self.shared("keys.toml"));
        command
    }

    fn run(&self, user: u32, umask: &str, arguments: &[&str]) -> Output {
        let output = self.command(user, umask, arguments).output().unwrap();
        assert!(!text(&output).1.contains("panicked"), "{output:?}");
        output
    }
}

fn access(path: &Path) -> (u32, u32, u32) {
    let found = fs::metadata(path).unwrap();
    (found.uid(), found.gid(), found.mode() & 0o777)
}

#[track_caller]
fn assert_succeeds(output: &Output) {
    assert!(output.status.success(), "{output:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn users_of_one_group_share_a_database_whichever_runs_the_worker() {
    let Some(folders) = SharedFolder::new() else { return };
    if offline() {
        return;
    }
    let sandbox = Sandbox { database: folders.shared("inventory.json"), ..Sandbox::new() };
    let database = sandbox.database.to_str().unwrap();
    let link = sandbox.link().await;
    let files = ["", ".journal", ".lock"].map(|suffix| PathBuf::from(format!("{database}{suffix}")));
    for (worker, other) in [(ANNE, BERT), (BERT, ANNE)] {
        let server = ["--address", address(), "--task-queue", &sandbox.queue];
        let place = ["--database", database];
        let command = folders.command(worker, "002", &[&["worker"], &server[..], &place].concat());
        let _worker = WorkerProcess::start(command, &[], Stdio::inherit());
        assert_eq!(sandbox.place(&link, order("A", 10, "none")).await, applied());
        for file in &files {
            let (_, group, mode) = access(file);
            let expected = if file == &files[2] { 0o660 } else { 0o664 };
            assert_eq!((group, mode), (GROUP, expected), "{}", file.display());
        }
        assert_succeeds(&folders.run(other, "002", &[&["audit"], &place[..]].concat()));
        assert_succeeds(&folders.run(other, "002", &[&["doctor"], &server[..], &place].concat()));
        let start = ["start", "B", "123456", "5", "--faults", "none", "--workflow-id", &sandbox.queue];
        let started = folders.run(other, "002", &[&start[..], &server, &place].concat());
        assert_succeeds(&started);
        assert!(text(&started).0.contains("stock after: 985"), "{started:?}");
        assert_succeeds(&folders.run(other, "002", &[&["reset", "--yes"], &place[..]].concat()));
        assert_eq!(sandbox.place(&link, order("A", 10, "none")).await, applied(), "beside the reset of the other");
        assert_succeeds(&folders.run(worker, "002", &[&["reset", "--yes"], &place[..]].concat()));
    }
}

#[test]
fn a_database_read_only_for_the_group_is_refused_with_a_remedy_for_its_owner() {
    let Some(folders) = SharedFolder::new() else { return };
    let database = folders.shared("inventory.json");
    let place = ["--database", database.to_str().unwrap()];
    assert_succeeds(&folders.run(ANNE, "022", &[&["reset", "--yes"], &place[..]].concat()));
    assert_succeeds(&folders.run(BERT, "022", &[&["audit"], &place[..]].concat()));
    let address = format!("127.0.0.1:{}", free_port());
    for command in [&["worker", "--address", &address][..], &["reset", "--yes"], &["doctor", "--address", &address]] {
        let output = folders.run(BERT, "022", &[command, &place].concat());
        let (out, problem) = text(&output);
        assert_eq!(output.status.code(), Some(1), "{out}{problem}");
        let said = format!("{out}{problem}");
        assert!(said.contains("umask 002, and chmod g+rw by its owner"), "{command:?}: {said}");
    }
    for suffix in ["", ".journal", ".lock"] {
        let file = PathBuf::from(format!("{}{suffix}", database.display()));
        let mode = fs::metadata(&file).unwrap().mode();
        fs::set_permissions(&file, Permissions::from_mode(mode | 0o060)).unwrap();
    }
    assert_succeeds(&folders.run(BERT, "002", &[&["reset", "--yes"], &place[..]].concat()));
}

#[test]
fn a_key_file_keeps_its_owner_and_group_or_stays_unchanged() {
    let Some(folders) = SharedFolder::new() else { return };
    let keys = folders.shared("keys.toml");
    let named = |user| text(&folders.run(user, "002", &["keys"])).0;
    assert_succeeds(&folders.run(ANNE, "002", &["keys", "add", "one"]));
    assert_eq!(access(&keys), (ANNE, GROUP, 0o600));
    let unreadable = folders.run(BERT, "002", &["keys"]);
    assert_eq!(unreadable.status.code(), Some(2));
    assert!(text(&unreadable).1.contains("run: chown root:GROUP, chmod 640"), "{unreadable:?}");
    // The superuser's own command must not take the file away from its owner.
    assert_succeeds(&folders.run(0, "002", &["keys", "add", "two"]));
    assert_eq!(access(&keys), (ANNE, GROUP, 0o600));
    assert!(named(ANNE).contains("two "));
    // Do what the message says.
    chown(&keys, Some(0), Some(GROUP)).unwrap();
    fs::set_permissions(&keys, Permissions::from_mode(0o640)).unwrap();
    for user in [ANNE, BERT] {
        assert!(named(user).contains("two "), "{}", named(user));
        let refused = folders.run(user, "002", &["keys", "add", "three"]);
        assert_eq!(refused.status.code(), Some(1));
        assert!(text(&refused).1.contains("let its owner run: idempotence keys add NAME"), "{refused:?}");
    }
    assert_succeeds(&folders.run(0, "002", &["keys", "add", "three"]));
    assert_eq!(access(&keys), (0, GROUP, 0o640));
    assert!(named(BERT).contains("three "), "{}", named(BERT));
    assert_eq!(fs::read_dir(folders.shared("")).unwrap().count(), 1, "no temporary file remains");
}
