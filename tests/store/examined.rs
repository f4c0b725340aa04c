//! The examination's report on a document that is older than its journal, or missing, agrees with what a worker does.

use std::fs;

use idempotence::{
    domain::{Guard, REORDER_BELOW},
    store::{Difference, Engine, Examination, Problem, Publication, Verdict, examine, storage::Disk},
};

use crate::bench::{clock, commit, order, request};

struct Database {
    folder: tempfile::TempDir,
}

impl Database {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self) -> std::path::PathBuf {
        self.folder.path().join("inventory.json")
    }

    fn open(&self) -> Engine<Disk> {
        Engine::open(Disk::open(&self.path()).unwrap(), clock, REORDER_BELOW).unwrap()
    }

    fn examine(&self) -> Examination {
        examine(&self.path(), &|_| {}).unwrap().unwrap()
    }

    fn difference(&self) -> Difference {
        match self.examine().problem {
            Some(Problem::Differs { difference, .. }) => difference,
            other => panic!("no difference: {other:?}"),
        }
    }

    fn has_kept_a_document(&self) -> bool {
        let mut entries = fs::read_dir(self.folder.path()).unwrap();
        entries.any(|entry| entry.unwrap().file_name().to_string_lossy().contains(".json.replaced-"))
    }
}

/// The document before the last of `orders` orders, and the database after a worker was killed before it published
/// the last one.
fn killed_before_publication(orders: u64) -> (Vec<u8>, Database) {
    let database = Database::new();
    let mut store = database.open();
    for index in 1..orders {
        commit(&mut store, order(&format!("A{index}"), 10)).unwrap();
    }
    let before = fs::read(database.path()).unwrap();
    store.commit(&[request(order("last", 10), Guard::Ledger)], Publication::Later).unwrap();
    drop(store);
    (before, database)
}

#[test]
fn a_document_that_a_killed_worker_left_is_not_a_replacement() {
    for orders in [1, 2, 3] {
        let (_, database) = killed_before_publication(orders);
        assert_eq!(database.difference(), Difference::Old { line: orders, last: orders + 1 });
        drop(database.open());
        assert!(!database.has_kept_a_document(), "{orders}");
        assert_eq!(database.examine().verdict(), Verdict::Right);
    }
}

#[test]
fn a_document_that_another_program_put_back_is_one() {
    for orders in [1, 2, 3] {
        let (before, database) = killed_before_publication(orders);
        drop(database.open());
        fs::write(database.path(), &before).unwrap();
        let expected =
            if orders == 1 { Difference::Starting } else { Difference::PutBack { line: orders, last: orders + 1 } };
        assert_eq!(database.difference(), expected);
        drop(database.open());
        assert!(database.has_kept_a_document(), "{orders}");
    }
}

#[test]
fn a_missing_document_is_a_problem_that_a_worker_repairs() {
    let database = Database::new();
    drop(database.open());
    fs::remove_file(database.path()).unwrap();
    let found = database.examine();
    assert!(matches!(found.problem, Some(Problem::Missing)), "{found:?}");
    assert_eq!(found.verdict(), Verdict::Wrong);
    drop(database.open());
    assert_eq!(database.examine().verdict(), Verdict::Right);
}
