//! `idempotence compact`, as used by people and scripts.

use std::{path::Path, process::Command};

use idempotence::{
    domain::REORDER_BELOW,
    store::{Engine, Phase, Publication, storage::Disk},
};

use crate::{
    bench::{clock, order},
    compacted::{attempt, declaration},
};

/// Number of orders that have ended. The numbers of the newest 16,384 are remembered, so their attempts are kept.
const ORDERS: usize = 16_500;

fn compact(database: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let home = database.parent().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_idempotence"));
    command.env_clear().env("HOME", home).env("LANG", "C.UTF-8").current_dir(home).args(["compact", "--database"]);
    let output = command.arg(database).args(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn it_says_what_it_has_saved() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("inventory.json");
    let (code, out, problem) = compact(&path, &[]);
    assert_eq!((code, out.as_str()), (Some(1), ""));
    assert!(problem.contains("there is no database at"), "{problem}");
    assert!(!path.exists(), "none was created");
    let mut store = Engine::open(Disk::open(&path).unwrap(), clock, REORDER_BELOW).unwrap();
    let (code, out, _) = compact(&path, &[]);
    assert_eq!(code, Some(0));
    assert!(out.contains("inventory.json.journal has nothing to drop"), "{out}");
    let ended =
        || Phase::Failed { code: "RandomError".into(), message: "RANDOM ERROR".into(), retryable: false, point: None };
    let orders: Vec<_> = (0..ORDERS).map(|index| attempt(&order(&format!("A{index}"), 1), 1, ended())).collect();
    store.commit(&orders, Publication::Now).unwrap();
    drop(store);
    let journal = folder.path().join("inventory.json.journal");
    let before = std::fs::metadata(&journal).unwrap().len();
    let (code, out, problem) = compact(&path, &["--json"]);
    assert_eq!(code, Some(0), "{problem}");
    let found: serde_json::Value = serde_json::from_str(&out).unwrap();
    let after = std::fs::read(&journal).unwrap();
    assert_eq!(
        found,
        serde_json::json!({
            "database": path.display().to_string(),
            "bytesBefore": before,
            "bytesAfter": after.len(),
            "droppedLines": ORDERS - 16_384,
            "orders": ORDERS - 16_384,
        })
    );
    assert_eq!(declaration(&after).unwrap().orders, 116);
    let (code, out, _) = compact(&path, &[]);
    assert_eq!(code, Some(0));
    assert!(out.contains("nothing to drop"), "{out}");
    // The journal is damaged.
    let cut = after.iter().position(|byte| *byte == b'\n').unwrap();
    std::fs::write(&journal, &after[cut + 1..]).unwrap();
    let (code, out, problem) = compact(&path, &["--json"]);
    assert_eq!((code, out.as_str()), (Some(1), ""));
    assert!(problem.contains("is damaged at byte"), "{problem}");
}
