//! File systems that lack hard links, the sync of a folder, or exclusive locks on files that are open for reading. A small
//! C library returns their errors to the real program.

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::Command,
    sync::LazyLock,
};

use crate::sandbox::{Sandbox, applied, offline, order, program, skipped, text};

struct Library {
    path: PathBuf,
    _folder: tempfile::TempDir,
}

/// `None` without a C compiler, and for a program that loads no libraries.
static LIBRARY: LazyLock<Option<Library>> = LazyLock::new(|| {
    if !cfg!(all(target_os = "linux", target_env = "gnu")) {
        return None;
    }
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/end_to_end/lacking.c");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lacking.so");
    let compiled = Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&path).arg(source).arg("-ldl").status();
    compiled.is_ok_and(|status| status.success()).then_some(Library { path, _folder: folder })
});

/// The environment of a program on a file system that lacks `what`; `None`, and a message, if this is not possible here.
pub fn lacking(what: &str) -> Option<[(&'static str, &str); 2]> {
    let Some(library) = &*LIBRARY else {
        skipped("it needs glibc on Linux, and a C compiler named cc");
        return None;
    };
    Some([("LD_PRELOAD", library.path.to_str().unwrap()), ("LACKS", what)])
}

fn inode(path: &Path) -> u64 {
    fs::metadata(path).unwrap().ino()
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    PathBuf::from(format!("{}{suffix}", path.display()))
}

/// A worker, an order, a reset beside the running worker, another order, and nothing but what belongs there is left.
#[tokio::test(flavor = "multi_thread")]
async fn orders_and_resets_work_without_what_a_file_system_lacks() {
    if offline() {
        return;
    }
    for what in ["hard-links", "folder-sync", "read-only-locks"] {
        let Some(environment) = lacking(what) else { return };
        let mut sandbox = Sandbox::new();
        // The longest name, so that the longest suffix must fit too.
        let folder = sandbox.folder.path().join("data");
        sandbox.database = folder.join("n".repeat(218) + ".json");
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join(".inventory-Ab3xYz"), "of a killed process").unwrap();
        let log = sandbox.folder.path().join("worker.log");
        let _worker = sandbox.worker_logging(&environment, &log);
        let link = sandbox.link().await;
        assert_eq!(sandbox.place(&link, order("A", 10, "none")).await, applied(), "{what}");
        let old = inode(&with_suffix(&sandbox.database, ".journal"));
        let reset = sandbox.command("reset").args(["--yes", "--json"]).envs(environment).output().unwrap();
        let (out, problem) = text(&reset);
        assert!(reset.status.success(), "{what}: {problem}");
        let kept: serde_json::Value = serde_json::from_str(&out).unwrap();
        let kept = PathBuf::from(kept["keptJournal"].as_str().unwrap());
        assert_eq!(inode(&kept) == old, what != "hard-links", "{what}: a second name, or a copy");
        assert_eq!(sandbox.place(&link, order("A", 10, "none")).await, applied(), "{what}");
        sandbox.assert_right(990);
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 4, "{what}");
        let warnings = fs::read_to_string(&log).unwrap().matches("this folder cannot be synced").count();
        assert_eq!(warnings, usize::from(what == "folder-sync"), "{what}");
    }
}

#[test]
fn keys_are_added_without_what_a_file_system_lacks() {
    for what in ["hard-links", "folder-sync", "read-only-locks"] {
        let Some(environment) = lacking(what) else { return };
        let home = tempfile::tempdir().unwrap();
        for name in ["one", "two"] {
            let added = program(home.path()).args(["keys", "add", name]).envs(environment).output().unwrap();
            let (_, problem) = text(&added);
            assert!(added.status.success(), "{what}: {problem}");
            assert_eq!(problem.contains("cannot sync a folder"), what == "folder-sync", "{what}: {problem}");
        }
        let (listed, _) = text(&program(home.path()).arg("keys").output().unwrap());
        assert!(listed.contains("one ") && listed.contains("two "), "{what}: {listed}");
        let beside = home.path().join("idempotence/encryption-keys.toml.lock");
        assert_eq!(beside.exists(), what == "read-only-locks", "{what}");
    }
}
