//! The "must not import" rules, checked by reading the sources.

use std::{
    fs,
    path::{Path, PathBuf},
};

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

/// The production part of a file: what comes before its tests, without comments.
fn production(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let before_tests = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    before_tests.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// Asserts that no production file below `folder` names any of `forbidden`; returns how many files were read.
fn assert_free_of(folder: &str, forbidden: &[&str]) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(folder);
    let files: Vec<_> = sources(&root).into_iter().filter(|path| !path.ends_with("tests.rs")).collect();
    assert!(!files.is_empty(), "{folder} has no files");
    for path in files {
        let text = production(&path);
        for name in forbidden {
            assert!(!text.contains(name), "{} names {name}", path.display());
        }
    }
}

const OUTSIDE: [&str; 5] = ["tokio", "ratatui", "crossterm", "temporalio", "std::fs"];

#[test]
fn the_domain_imports_nothing_but_serde() {
    let forbidden =
        [&OUTSIDE[..], &["futures", "tracing", "thiserror", "crate::store", "SystemTime", "Instant"]].concat();
    assert_free_of("domain", &forbidden);
}

#[test]
fn the_core_is_pure() {
    let clock = ["SystemTime", "Instant::now", "store::now", "rand::"];
    assert_free_of("app", &[&OUTSIDE[..], &clock].concat());
}

#[test]
fn the_store_knows_neither_temporal_nor_the_terminal() {
    assert_free_of("store", &["temporalio", "crate::temporal", "ratatui", "crossterm", "crate::ui", "crate::app"]);
}

#[test]
fn the_cipher_knows_neither_temporal_nor_the_settings_and_logs_nothing() {
    assert_free_of("encryption", &["temporalio", "crate::temporal", "crate::config", "tokio", "tracing", "crate::ui"]);
}

#[test]
fn the_fault_plan_uses_no_unseeded_random_source() {
    assert_free_of("faults", &["rand::rng()", "rand::random", "thread_rng", "OsRng", "static mut"]);
}

#[test]
fn drawing_does_nothing_but_draw() {
    assert_free_of("ui", &["&mut App", "tokio", "std::fs", "std::io", ".lock()", "temporalio", "SystemTime"]);
}

#[test]
fn pictures_know_cells_and_nothing_of_what_they_say() {
    let forbidden = ["crate::", "tokio", "temporalio", "std::fs", "std::env", "File", "SystemTime", "Instant"];
    assert_free_of("picture", &forbidden);
}

#[test]
fn only_temporal_names_wire_types() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for path in sources(&root).into_iter().filter(|path| !path.starts_with(root.join("temporal"))) {
        assert!(!production(&path).contains("temporalio"), "{}", path.display());
    }
}

#[test]
fn only_one_file_prints() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for path in sources(&root).into_iter().filter(|path| !path.ends_with("commands/print.rs")) {
        let text = production(&path);
        for name in ["println!", "print!(", "dbg!", "process::exit"] {
            assert!(!text.contains(name), "{} names {name}", path.display());
        }
    }
}

#[test]
fn no_file_is_longer_than_400_lines_of_production_code() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for path in sources(&root) {
        let text = fs::read_to_string(&path).unwrap();
        let lines = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default().lines().count();
        assert!(lines <= 400, "{} has {lines} lines", path.display());
    }
}
