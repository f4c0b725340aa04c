//! A failed reset changes nothing, whichever step fails.

use std::{
    collections::BTreeMap,
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::Path,
};

use idempotence::{
    domain::{REORDER_BELOW, UnixMillis},
    store::{Engine, StoreError, StoreHandle, Verdict, examine, read_document, reset, storage::Disk},
};

use crate::{
    bench::{SEED, clock, commit, order},
    odd::{Moment, odd},
};

/// Name, bytes and mode of every file in a folder.
fn files(folder: &Path) -> BTreeMap<String, (Vec<u8>, u32)> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    entries
        .map(|entry| {
            let mode = entry.metadata().unwrap().permissions().mode();
            (entry.file_name().into_string().unwrap(), (fs::read(entry.path()).unwrap(), mode))
        })
        .collect()
}

/// A database on disk with one order, whose document is replaced by `document` if there is one.
fn used(path: &Path, document: Option<&str>) {
    let mut store = Engine::open(Disk::open(path).unwrap(), clock, REORDER_BELOW).unwrap();
    commit(&mut store, order("A", 10)).unwrap();
    drop(store);
    if let Some(text) = document {
        fs::write(path, text).unwrap();
    }
    fs::set_permissions(path, Permissions::from_mode(0o664)).unwrap();
}

#[test]
fn a_reset_that_fails_at_any_step_changes_nothing() {
    let mut failed = 0;
    for document in [None, Some("{")] {
        for moment in [Moment::Before, Moment::After] {
            for steps in 0.. {
                let folder = tempfile::tempdir().unwrap();
                let path = folder.path().join("inventory.json");
                used(&path, document);
                let poison = folder.path().join("inventory.json.poisoned");
                fs::write(&poison, "no space").unwrap();
                let before = files(folder.path());
                let mut storage = odd(Disk::open(&path).unwrap());
                storage.fails_after = Some((steps, moment));
                match Engine::reset(storage, clock) {
                    // Removing the marker is the last step, so no step after it can fail.
                    Ok(_) => break,
                    Err(_) if !poison.exists() => assert_eq!(moment, Moment::After),
                    Err(error) => {
                        assert_eq!(files(folder.path()), before, "{steps} {moment:?}: {error}");
                        failed += 1;
                    }
                }
            }
        }
    }
    assert!(failed >= 32, "only {failed} steps failed");
}

#[test]
fn a_first_reset_that_fails_leaves_no_database() {
    for steps in 0.. {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("inventory.json");
        let mut storage = odd(Disk::open(&path).unwrap());
        storage.fails_after = Some((steps, Moment::Before));
        if Engine::reset(storage, clock).is_ok() {
            assert!(steps > 5);
            return;
        }
        assert_eq!(files(folder.path()).into_keys().collect::<Vec<_>>(), ["inventory.json.lock"], "{steps}");
    }
}

#[test]
fn a_reset_killed_at_any_step_on_a_real_disk_is_the_old_database_or_the_new_one() {
    for steps in 0.. {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("inventory.json");
        used(&path, None);
        let mut storage = odd(Disk::open(&path).unwrap());
        storage.fails_after = Some((steps, Moment::Killed));
        let ended = Engine::reset(storage, clock).is_ok();
        drop(StoreHandle::open(&path).unwrap());
        let found = examine(&path, &|_| {}).unwrap().unwrap();
        assert_eq!(found.verdict(), Verdict::Right, "{steps}");
        assert!([990, 1000].contains(&found.audit.actual), "{steps}: {}", found.audit.actual);
        if ended {
            return;
        }
    }
}

#[test]
fn two_resets_in_one_millisecond_keep_both_journals() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("inventory.json");
    used(&path, None);
    let stopped = || UnixMillis(1_700_000_000_000);
    let mut kept = Vec::new();
    for _ in 0..3 {
        kept.push(Engine::reset(Disk::open(&path).unwrap(), stopped).unwrap().journal.unwrap());
    }
    assert_eq!(kept, [".until-1700000000000", ".until-1700000000000-2", ".until-1700000000000-3"]);
    for suffix in kept {
        assert!(folder.path().join(format!("inventory.json.journal{suffix}")).exists());
    }
}

#[test]
fn the_longest_names_work_and_longer_ones_are_refused_before_anything_changes() {
    let folder = tempfile::tempdir().unwrap();
    for bytes in [223, 224, 240, 255] {
        let name = "n".repeat(bytes - 5) + ".json";
        let path = folder.path().join("inner").join(&name);
        let opened = StoreHandle::open(&path);
        if bytes == 223 {
            drop(opened.unwrap());
            fs::write(&path, "damaged").unwrap();
            let kept = reset(&path).unwrap();
            assert!(kept.journal.is_some() && kept.document.is_some());
            fs::remove_dir_all(folder.path().join("inner")).unwrap();
        } else {
            let refused = [opened.unwrap_err(), reset(&path).unwrap_err()];
            for error in refused {
                assert!(error.to_string().contains("choose one of at most 223 bytes"), "{error}");
            }
            assert!(!folder.path().join("inner").exists());
        }
    }
}

#[test]
fn the_files_of_a_database_keep_their_access_rights() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("inventory.json");
    used(&path, None);
    let journal = folder.path().join("inventory.json.journal");
    fs::set_permissions(&journal, Permissions::from_mode(0o660)).unwrap();
    reset(&path).unwrap();
    let mut store = Engine::open(Disk::open(&path).unwrap(), clock, REORDER_BELOW).unwrap();
    commit(&mut store, order("B", 10)).unwrap();
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&path), mode(&journal)), (0o664, 0o660));
    assert_eq!(read_document(&path).unwrap().unwrap().stock, 990);
    assert_ne!(fs::read(&path).unwrap(), SEED.as_bytes());
}

#[test]
fn a_damaged_document_of_another_program_is_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("inventory.json");
    fs::write(&path, "not ours").unwrap();
    let error = reset(&path).unwrap_err();
    assert!(matches!(error, StoreError::DamagedDocument { has_journal: false, .. }), "{error}");
    assert_eq!(fs::read(&path).unwrap(), b"not ours");
}
