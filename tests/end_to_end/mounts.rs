//! Databases on a full disk, on a read-only disk, and mounted as single files. Each test uses its own mount namespace
//! and needs no superuser.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Output, Stdio},
    time::Instant,
};

use idempotence::{
    domain::{Activity, Attempt, Effect, Guard, Order, OrderId, Origin, ProductId, WorkflowId},
    store::{CommitRequest, Store, StoreHandle},
    temporal::describe,
};

use crate::{
    limited_fs::without,
    sandbox::{EVENT_TIMEOUT, Sandbox, WorkerProcess, applied, end, free_port, offline, order, program, skipped, text},
};

/// A mount namespace in which the current user may mount.
pub struct Mounts {
    keeper: Child,
}

impl Mounts {
    /// Runs a shell script that mounts file systems in `folder`. If the system does not permit that, reports a skipped
    /// test and returns `None`.
    pub fn new(folder: &Path, script: &str) -> Option<Self> {
        let script = format!("{script}\necho mounted\nread end");
        let keeper = Command::new("unshare")
            .args(["-rm", "sh", "-ec", &script])
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        let mounted = keeper.ok().and_then(|mut keeper| {
            let mut line = String::new();
            BufReader::new(keeper.stdout.take()?).read_line(&mut line).ok()?;
            let mounts = Self { keeper };
            let entered = line == "mounted\n" && mounts.run(folder, "true").status.success();
            entered.then_some(mounts)
        });
        if mounted.is_none() {
            skipped("it needs unshare and nsenter of util-linux, and a system that lets this user mount");
        }
        mounted
    }

    /// Returns a command that runs in this namespace.
    pub fn inside(&self, command: &Command) -> Command {
        let mut inside = Command::new("nsenter");
        inside.args(["--preserve-credentials", "-U", "-m", "-t", &self.keeper.id().to_string(), "--"]);
        // Entering the namespace changes the current folder to the root.
        inside.args(["sh", "-c", r#"cd "$0" && exec "$@""#]).arg(command.get_current_dir().unwrap());
        inside.arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => inside.env(name, value),
                None => inside.env_remove(name),
            };
        }
        inside
    }

    /// Runs one line of shell in this namespace.
    pub fn run(&self, folder: &Path, line: &str) -> Output {
        self.inside(Command::new("sh").args(["-c", line]).current_dir(folder)).output().unwrap()
    }
}

impl Drop for Mounts {
    fn drop(&mut self) {
        let _ended_before = self.keeper.kill();
        let _reaped_before = self.keeper.wait();
    }
}

/// Asserts that a command fails and names the cause and the remedy.
#[track_caller]
fn assert_refused(output: &Output, parts: &[&str]) {
    let (out, problem) = text(output);
    assert_eq!(output.status.code(), Some(1), "{out}{problem}");
    for part in parts {
        assert!(out.contains(part) || problem.contains(part), "{part} is missing: {out}{problem}");
    }
    assert!(!problem.contains("panicked"), "{problem}");
}

const FULL: [&str; 2] = ["No space left on device", "free some space there"];

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_loses_nothing_and_orders_continue_when_there_is_space() {
    if offline() {
        return;
    }
    let mut sandbox = Sandbox::new();
    let folder = sandbox.folder.path().to_owned();
    sandbox.database = folder.join("disk/inventory.json");
    let Some(mounts) = Mounts::new(&folder, "mkdir disk; mount -t tmpfs -o size=128k none disk") else { return };
    let mut worker = WorkerProcess::start(mounts.inside(&sandbox.command("worker")), &[], Stdio::inherit());
    let link = sandbox.link().await;
    assert_eq!(sandbox.place(&link, order("A", 10, "none")).await, applied());
    assert!(!mounts.run(&folder, "cat /dev/zero > disk/fill").status.success(), "it is full");
    let (started, watch) = sandbox.start(&link, "B", order("B", 10, "none")).await;
    let since = Instant::now();
    // The document fails first. The last block of the journal still has space for some lines.
    let is_full =
        |message: &str| message.contains("inventory.json.journal") && FULL.iter().all(|part| message.contains(part));
    while !describe(&link, &started.workflow, &started.run)
        .await
        .unwrap()
        .pending
        .iter()
        .any(|pending| pending.failure.as_ref().is_some_and(|failure| is_full(&failure.message)))
    {
        assert!(since.elapsed() < EVENT_TIMEOUT, "the order did not fail on the full disk");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    for arguments in [&["audit"][..], &["doctor"], &["reset", "--yes"], &["worker"]] {
        let mut command = sandbox.command(arguments[0]);
        assert_refused(&mounts.inside(command.args(&arguments[1..])).output().unwrap(), &FULL);
    }
    let audit = || {
        let output = mounts.inside(sandbox.command("audit").arg("--json")).output().unwrap();
        serde_json::from_str::<serde_json::Value>(&text(&output).0).unwrap()
    };
    assert!(audit()["orders"].as_u64().unwrap() >= 1, "what was acknowledged is there");
    mounts.run(&folder, "rm disk/fill");
    assert_eq!(end(&watch).await, applied(), "by the same worker");
    assert!(!worker.has_ended());
    let audit = audit();
    assert_eq!((audit["verdict"].as_str(), audit["orders"].as_u64()), (Some("right"), Some(2)), "{audit}");
    assert_eq!(audit["stock"]["actual"], 980, "{audit}");
    let reset = mounts.inside(sandbox.command("reset").arg("--yes")).output().unwrap();
    assert!(reset.status.success(), "{reset:?}");
}

/// Creates a database with this many orders.
fn create_database(database: &Path, orders: u32) {
    let store = StoreHandle::open(database).unwrap();
    for number in 0..orders {
        let id = OrderId::new(format!("A{number}")).unwrap();
        let effect = Effect::Order(Order { id: id.clone(), product: ProductId::new("123456").unwrap(), quantity: 1 });
        let (workflow, run) = (String::from(WorkflowId::of_order(id.as_str())), "run".to_owned());
        let origin = Origin { order: id, workflow, run, activity: Activity::UpdateInventory, attempt: Attempt::FIRST };
        futures::executor::block_on(store.commit(CommitRequest { effect, guard: Guard::Ledger, origin })).unwrap();
    }
}

#[test]
fn a_reset_without_the_space_for_a_copy_changes_nothing() {
    let Some(environment) = without("hard-links") else { return };
    let home = tempfile::tempdir().unwrap();
    let folder = home.path();
    create_database(&folder.join("prepared/inventory.json"), 200);
    let script = "mkdir disk; mount -t tmpfs -o size=512k none disk; cp prepared/* disk";
    let Some(mounts) = Mounts::new(folder, script) else { return };
    // Leave space for the new files, but not for the old journal.
    mounts.run(folder, "cat /dev/zero > disk/fill; truncate -s -24K disk/fill");
    let files = || text(&mounts.run(folder, "sha256sum disk/* disk/.[a-z]*; stat -c '%n %a %s' disk/*")).0;
    let before = files();
    let mut reset = program(folder);
    reset.args(["reset", "--yes", "--database", "disk/inventory.json"]).envs(environment);
    let refused = mounts.inside(&reset).output().unwrap();
    assert_refused(&refused, &["could not keep a copy of", FULL[0], FULL[1]]);
    assert_eq!(files(), before);
    mounts.run(folder, "rm disk/fill");
    assert!(mounts.inside(&reset).output().unwrap().status.success());
}

/// Asserts that `worker`, `reset` and `doctor` refuse a database in `folder`, and returns the output of `audit`.
fn commands(mounts: &Mounts, folder: &Path, database: &str, parts: &[&str]) -> Output {
    let address = format!("127.0.0.1:{}", free_port());
    let run = |arguments: &[&str]| {
        let mut command = program(folder);
        command.args(arguments).args(["--address", &address, "--database", database]);
        mounts.inside(&command).output().unwrap()
    };
    for arguments in [&["worker"][..], &["reset", "--yes"], &["doctor"]] {
        assert_refused(&run(arguments), parts);
    }
    run(&["audit"])
}

#[test]
fn a_file_mounted_by_itself_is_refused_before_anything_changes() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path();
    create_database(&folder.join("prepared/inventory.json"), 1);
    for part in ["inventory.json", "inventory.json.journal"] {
        let data = format!("{part}-data");
        let script = format!("mkdir {data}; cp prepared/* {data}; mount --bind prepared/{part} {data}/{part}");
        let Some(mounts) = Mounts::new(folder, &script) else { return };
        let files = || text(&mounts.run(folder, &format!("ls -a {data}; cat {data}/inventory.json*"))).0;
        let before = files();
        let database = format!("{data}/inventory.json");
        let parts = [part, "is mounted as a single file", "mount its folder instead"];
        let audit = commands(&mounts, folder, &database, &parts);
        assert!(audit.status.success(), "it can be read: {audit:?}");
        assert_eq!(files(), before);
    }
}

#[test]
fn a_read_only_disk_is_named_and_can_be_read() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path();
    create_database(&folder.join("prepared/inventory.json"), 1);
    let script = "mkdir disk; mount --bind prepared disk; mount -o remount,bind,ro disk";
    let Some(mounts) = Mounts::new(folder, script) else { return };
    let parts = ["Read-only file system", "choose another place with --database or DATABASE"];
    let audit = commands(&mounts, folder, "disk/inventory.json", &parts);
    assert!(audit.status.success() && text(&audit).0.starts_with("right: stock 999"), "{audit:?}");
    let audit = commands(&mounts, folder, "disk/new/inventory.json", &parts);
    assert_refused(&audit, &["there is no database at"]);
    assert!(fs::read_dir(folder.join("prepared")).unwrap().count() == 3, "nothing was left there");
}
