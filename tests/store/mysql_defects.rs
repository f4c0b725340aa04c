//! Defects of the original that need a failure of the server or of a connection.

use std::{
    fs::File,
    io::Write,
    path::{Path, PathBuf},
    process::Command,
};

use futures::{executor::block_on, future::join_all};
use idempotence::{
    domain::Guard,
    store::{
        CommitOutcome, CommitRequest, Location, Store, StoreError, StoreHandle, Verdict,
        mysql::{MySqlDatabase, MySqlHost},
    },
};

use crate::{
    bench::{order, origin},
    mysql_proxy::{Cut, Proxy},
    mysql_server::{self, Server, is_root},
};

/// Number of orders that are sent together.
const TOGETHER: usize = 200;

fn location(database: &MySqlDatabase) -> Location {
    Location::MySql(Box::new(database.clone()))
}

fn open(database: &MySqlDatabase) -> StoreHandle {
    location(database).open(None, &|_| {}).unwrap()
}

fn request(id: &str) -> CommitRequest {
    let effect = order(id, 1);
    let origin = origin(&effect, "run-1", 1);
    CommitRequest { effect, guard: Guard::Ledger, origin }
}

#[track_caller]
fn assert_right(database: &MySqlDatabase, stock: i64) {
    let found = location(database).examine(&|_| {}).unwrap().unwrap();
    assert_eq!(found.verdict(), Verdict::Right, "{}, {:?}", found.audit.sentence(), found.problem);
    assert_eq!(found.audit.actual, stock);
}

/// Every packet of a repeated request is lost in turn, also the answer to the look-up of its key.
#[test]
fn d4_a_lost_answer_is_not_taken_for_not_yet_applied() {
    let Some(server) = mysql_server::shared() else { return };
    let database = server.database();
    block_on(open(&database).commit(request("A"))).unwrap();
    let proxy = Proxy::start(server);
    let host = MySqlHost::Tcp { host: "127.0.0.1".into(), port: proxy.port() };
    let store = open(&MySqlDatabase { host, ..database.clone() });
    for packets in 0.. {
        proxy.cut_after(packets, if packets % 2 == 0 { Cut::Before } else { Cut::Kill });
        let committed = block_on(store.commit(request("A"))).unwrap();
        assert_eq!((committed.outcome, committed.receipt.stock), (CommitOutcome::Replayed, 999), "packet {packets}");
        if proxy.cancel() {
            assert!(packets > 4, "a look-up needs more packets than {packets}");
            break;
        }
    }
    drop(store);
    assert_right(&database, 999);
}

/// A file system in memory that a test can fill.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// Mounts it; `None` if that is not possible.
    fn mount(folder: PathBuf) -> Option<Self> {
        std::fs::create_dir(&folder).unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=160M", "tmpfs"]).arg(&folder);
        let is_mounted = is_root() && mount.status().is_ok_and(|status| status.success());
        is_mounted.then_some(Self(folder))
    }

    /// Writes a file until there is no space left.
    fn fill(&self) {
        let mut file = File::create(self.filler()).unwrap();
        for bytes in [1 << 20, 1 << 12] {
            while file.write_all(&vec![0; bytes]).is_ok() {}
        }
    }

    fn empty(&self) {
        std::fs::remove_file(self.filler()).unwrap();
    }

    fn filler(&self) -> PathBuf {
        self.0.join("filler")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _unmounted = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// Sends orders until one fails. Returns the acknowledged ones, and the errors.
fn until_failure(store: &StoreHandle) -> (Vec<String>, Vec<StoreError>) {
    let (mut acknowledged, mut errors) = (Vec::new(), Vec::new());
    for round in 0..200 {
        let ids = (0..TOGETHER).map(|number| format!("{round}-{number}"));
        let sent: Vec<_> = ids.map(|id| (store.commit(request(&id)), id)).collect();
        for (answer, id) in block_on(join_all(sent.into_iter().map(async |(answer, id)| (answer.await, id)))) {
            match answer {
                Ok(_) => acknowledged.push(id),
                Err(error) => errors.push(error),
            }
        }
        if !errors.is_empty() {
            return (acknowledged, errors);
        }
    }
    panic!("the disk did not become full");
}

#[test]
fn d5_d6_and_d16_a_full_disk_of_the_server_is_a_retryable_error_and_loses_nothing() {
    let mut disk = None;
    let small = |folder: &Path| {
        disk = SmallDisk::mount(folder.join("data"));
        if disk.is_none() {
            let _closed =
                writeln!(std::io::stderr(), "SKIPPED the full disk of a MySQL server: only root can mount one");
        }
        disk.is_some().then(|| vec!["--innodb-log-file-size=8M".to_owned()])
    };
    let Some(server) = Server::start_with(small) else { return };
    let disk = disk.unwrap();
    let database = server.database();
    let store = open(&database);
    server.admin(&format!("UPDATE {}.idempotence_document SET in_stock = 1000000", database.name));
    block_on(store.commit(request("first"))).unwrap();
    disk.fill();
    let (mut acknowledged, errors) = until_failure(&store);
    for error in errors {
        assert!(matches!(error, StoreError::NotWritten(_)) && error.is_retryable(), "{error}");
        assert!(error.to_string().contains("free some space on the server"), "{error}");
    }
    acknowledged.push("first".to_owned());
    // The server is killed while its disk is full.
    let stock = 1_000_000 - i64::try_from(acknowledged.len()).unwrap();
    assert_right(&database, stock);
    server.kill();
    disk.empty();
    server.run();
    assert_right(&database, stock);
    for id in &acknowledged {
        let outcome = block_on(store.commit(request(id))).unwrap().outcome;
        assert_eq!(outcome, CommitOutcome::Replayed, "{id}");
    }
    assert_eq!(block_on(store.commit(request("last"))).unwrap().outcome, CommitOutcome::Applied);
    drop(store);
    assert_right(&database, stock - 1);
    drop(server);
}
