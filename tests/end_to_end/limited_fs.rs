//! File systems without hard links, folder sync, or exclusive locks on files opened for reading. A small preloaded C
//! library returns their errors to the real program.

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

/// The compiled library; `None` without a C compiler, and on platforms without `LD_PRELOAD`.
static LIBRARY: LazyLock<Option<Library>> = LazyLock::new(|| {
    if !cfg!(all(target_os = "linux", target_env = "gnu")) {
        return None;
    }
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/end_to_end/limited_fs.c");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("limited_fs.so");
    let compiled = Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&path).arg(source).arg("-ldl").status();
    compiled.is_ok_and(|status| status.success()).then_some(Library { path, _folder: folder })
});

/// Returns the environment of a program on a file system without `feature`. If this machine cannot simulate the file
/// system, reports a skipped test and returns `None`.
pub fn without(feature: &str) -> Option<[(&'static str, &str); 2]> {
    let Some(library) = &*LIBRARY else {
        skipped("it needs glibc on Linux, and a C compiler named cc");
        return None;
    };
    Some([("LD_PRELOAD", library.path.to_str().unwrap()), ("MISSING_FEATURE", feature)])
}

fn inode(path: &Path) -> u64 {
    fs::metadata(path).unwrap().ino()
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    PathBuf::from(format!("{}{suffix}", path.display()))
}

/// Runs a worker, an order, a reset while the worker runs, and another order. No temporary file remains.
#[tokio::test(flavor = "multi_thread")]
async fn orders_and_resets_work_on_limited_file_systems() {
    if offline() {
        return;
    }
    for feature in ["hard-links", "folder-sync", "read-only-locks"] {
        let Some(environment) = without(feature) else { return };
        let mut sandbox = Sandbox::new();
        // The longest file name with which the longest suffix still fits.
        let folder = sandbox.folder.path().join("data");
        sandbox.database = folder.join("n".repeat(218) + ".json");
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join(".inventory-Ab3xYz"), "of a killed process").unwrap();
        let log = sandbox.folder.path().join("worker.log");
        let _worker = sandbox.worker_logging(&environment, &log);
        let link = sandbox.link().await;
        assert_eq!(sandbox.place(&link, order("A", 10, "none")).await, applied(), "{feature}");
        let old = inode(&with_suffix(&sandbox.database, ".journal"));
        let reset = sandbox.command("reset").args(["--yes", "--json"]).envs(environment).output().unwrap();
        let (out, problem) = text(&reset);
        assert!(reset.status.success(), "{feature}: {problem}");
        let kept: serde_json::Value = serde_json::from_str(&out).unwrap();
        let kept = PathBuf::from(kept["keptJournal"].as_str().unwrap());
        assert_eq!(inode(&kept) == old, feature != "hard-links", "{feature}: a hard link, or a copy");
        assert_eq!(sandbox.place(&link, order("A", 10, "none")).await, applied(), "{feature}");
        sandbox.assert_right(990);
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 4, "{feature}");
        let warnings = fs::read_to_string(&log).unwrap().matches("this folder cannot be synced").count();
        assert_eq!(warnings, usize::from(feature == "folder-sync"), "{feature}");
    }
}

#[test]
fn keys_are_added_on_limited_file_systems() {
    for feature in ["hard-links", "folder-sync", "read-only-locks"] {
        let Some(environment) = without(feature) else { return };
        let home = tempfile::tempdir().unwrap();
        for name in ["one", "two"] {
            let added = program(home.path()).args(["keys", "add", name]).envs(environment).output().unwrap();
            let (_, problem) = text(&added);
            assert!(added.status.success(), "{feature}: {problem}");
            assert_eq!(problem.contains("cannot sync that folder"), feature == "folder-sync", "{feature}: {problem}");
        }
        let (listed, _) = text(&program(home.path()).arg("keys").output().unwrap());
        assert!(listed.contains("one ") && listed.contains("two "), "{feature}: {listed}");
        let lock_file = home.path().join("idempotence/encryption-keys.toml.lock");
        assert_eq!(lock_file.exists(), feature == "read-only-locks", "{feature}");
    }
}
