//! The goals of the store, each measured in the same run as its baseline.
//!
//! `docs/figures.md` has the results. Every name of a figure begins with the kind of the database, and a test compares
//! the names with the table.

pub mod durable;
pub mod large;
pub mod load;
pub mod long;
pub mod mysql;

use std::{fs, path::Path};

use tempfile::TempDir;

/// A folder on a real disk, as the build folder is. The temporary folder may be in memory.
fn folder() -> TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

fn journal_bytes(database: &Path) -> u64 {
    fs::metadata(database.with_extension("json.journal")).unwrap().len()
}
