//! Special files with the names of a database's files: the error of every command names the file.

use std::{
    fs,
    os::unix::{fs::symlink, net::UnixListener},
    path::Path,
    process::Command,
};

use idempotence::store::{StoreHandle, examine, probe, reset};

const KINDS: [&str; 6] = ["a folder", "a named pipe", "a socket", "a device", "which does not exist", "a loop"];

fn put(kind: &str, path: &Path) {
    match kind {
        "a folder" => fs::create_dir(path).unwrap(),
        "a named pipe" => assert!(Command::new("mkfifo").arg(path).status().unwrap().success()),
        "a socket" => drop(UnixListener::bind(path).unwrap()),
        "a device" => symlink("/dev/null", path).unwrap(),
        "which does not exist" => symlink("missing/file", path).unwrap(),
        _ => symlink(path, path).unwrap(),
    }
}

#[test]
fn every_command_names_a_file_that_cannot_be_part_of_a_database() {
    for (suffix, kind) in [".journal", ".lock", ".poisoned"].iter().flat_map(|suffix| KINDS.map(|kind| (suffix, kind)))
    {
        let folder = tempfile::tempdir().unwrap();
        let document = folder.path().join("x.json");
        drop(StoreHandle::open(&document).unwrap());
        let special = folder.path().join(format!("x.json{suffix}"));
        let _absent = fs::remove_file(&special);
        put(kind, &special);
        let mut errors = vec![StoreHandle::open(&document).unwrap_err(), probe(&document).unwrap_err()];
        if *suffix != ".lock" {
            errors.push(examine(&document, &|_| {}).unwrap_err());
        }
        // A reset removes a marker that is not a folder.
        match reset(&document) {
            Err(error) => errors.push(error),
            Ok(_) => assert!(*suffix == ".poisoned" && kind != "a folder" && special.symlink_metadata().is_err()),
        }
        for error in errors {
            let message = error.to_string();
            let named = format!(" {}: ", special.display());
            assert!(message.contains(&named) && message.contains(kind), "{kind} at {suffix}: {message}");
        }
    }
}

#[test]
fn a_reset_that_cannot_remove_the_poison_marker_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let document = folder.path().join("x.json");
    drop(StoreHandle::open(&document).unwrap());
    fs::create_dir(folder.path().join("x.json.poisoned")).unwrap();
    let files = || {
        let entries = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
        let mut files: Vec<_> =
            entries.filter(|path| path.is_file()).map(|path| (fs::read(&path).unwrap(), path)).collect();
        files.sort();
        files
    };
    let before = files();
    assert!(reset(&document).is_err());
    assert_eq!(files(), before);
}
