//! Readers of a long journal in a real MySQL server: how much they read, and that a checkpoint changes no answer.

use std::cell::Cell;

use futures::{executor::block_on, future::join_all};
use idempotence::{
    domain::{Effect, Guard},
    store::{
        AttemptEvent, Audit, CommitRequest, Follower, Location, Note, Phase, Record, Store, StoreHandle,
        mysql::{MySqlDatabase, MySqlHost},
    },
};

use crate::{
    bench::{order, origin},
    mysql_proxy::Proxy,
    mysql_server,
};

/// Number of orders in the long part of the journal. Each has two lines.
const ORDERS: usize = 12_000;

/// Maximum number of bytes that a reader receives for one page of the journal.
const MAX_PAGE_BYTES: usize = 1 << 20;

fn open(database: &MySqlDatabase) -> StoreHandle {
    Location::MySql(Box::new(database.clone())).open(None, &|_| {}).unwrap()
}

fn commit(store: &StoreHandle, effects: impl IntoIterator<Item = Effect>, guard: Guard) {
    let requests = effects.into_iter().map(|effect| {
        let origin = origin(&effect, "run-1", 1);
        store.commit(CommitRequest { effect, guard, origin })
    });
    for answer in block_on(join_all(requests)) {
        answer.unwrap();
    }
}

fn note(store: &StoreHandle, orders: std::ops::Range<usize>) {
    let notes = orders.map(|number| {
        let origin = origin(&order(&format!("A{number}"), 1), "run-1", 1);
        store.note(Note::Attempt(AttemptEvent { origin, phase: Phase::Started }))
    });
    for answer in block_on(join_all(notes)) {
        answer.unwrap();
    }
}

/// Orders by number with a prefix.
fn orders(prefix: &str, numbers: std::ops::Range<usize>) -> impl Iterator<Item = Effect> + use<'_> {
    numbers.map(move |number| order(&format!("{prefix}{number}"), 1))
}

/// What a dashboard knows after it has read the journal.
struct Followed {
    audit: Audit,
    covered: u64,
    records: Vec<Record>,
}

fn follow(location: &Location) -> Followed {
    let mut follower = Follower::new(location);
    let mut found = Followed { audit: Audit::default(), covered: 0, records: Vec::new() };
    loop {
        let (news, progress) = follower.read_some().unwrap();
        if let Some(covered) = follower.take_covered() {
            assert_eq!(covered.first.seq, 1);
            assert_eq!(covered.recent.last().map(|record| record.seq), Some(covered.audit.seq));
            assert!(!news.restarted);
            (found.covered, found.audit) = (covered.audit.seq, covered.audit);
        }
        for earlier in &news.earlier {
            found.audit.know(earlier, earlier.seq);
        }
        for record in &news.records {
            found.audit.observe(record, record.seq);
        }
        found.records.extend(news.records);
        if progress.is_complete() {
            return found;
        }
    }
}

/// The totals, and the keys that were applied twice.
fn totals(audit: &Audit) -> serde_json::Value {
    serde_json::to_value(audit).unwrap()
}

#[test]
fn a_reader_of_a_long_journal_reads_the_checkpoint_and_the_tail_and_gets_the_same_totals() {
    let Some(server) = mysql_server::shared() else { return };
    let database = server.database();
    let name = &database.name;
    drop(open(&database));
    server.admin(&format!("UPDATE {name}.idempotence_document SET in_stock = 1000000"));
    // Without the guard, an order is applied again: R0 and R1 within the first checkpoint.
    let first = open(&database);
    commit(&first, orders("R", 0..6), Guard::Off);
    commit(&first, orders("R", 0..2), Guard::LastOrder);
    note(&first, 0..ORDERS);
    commit(&first, orders("A", 0..ORDERS), Guard::Ledger);
    drop(first);
    // A worker resumes from that checkpoint, repeats R0 to R3, and writes the next one.
    let second = open(&database);
    commit(&second, orders("R", 0..4), Guard::Off);
    note(&second, 0..2500);
    drop(second);
    // Lines after the checkpoint: R0 to R5, and an order under the guard.
    let third = open(&database);
    commit(&third, orders("R", 0..6), Guard::Off);
    commit(&third, orders("A", 0..10), Guard::Ledger);
    commit(&third, orders("B", 0..10), Guard::Ledger);
    let checkpoint = format!("SELECT seq FROM {name}.idempotence_checkpoint");
    let covers: u64 = server.value(&checkpoint).unwrap().parse().unwrap();

    let proxy = Proxy::start(server);
    let host = MySqlHost::Tcp { host: "127.0.0.1".into(), port: proxy.port() };
    let location = Location::MySql(Box::new(MySqlDatabase { host, ..database.clone() }));
    let (whole, pages, largest) = (Cell::new(0), Cell::new(0), Cell::new(0));
    let examined = location.examine(&|_| {
        let bytes = proxy.take_bytes();
        whole.set(whole.get() + bytes);
        pages.set(pages.get() + 1);
        largest.set(largest.get().max(bytes));
    });
    let examined = examined.unwrap().unwrap();
    assert!(pages.get() > 12 && largest.get() < MAX_PAGE_BYTES, "{} pages of at most {}", pages.get(), largest.get());
    assert_eq!(examined.audit.orders, 6 + ORDERS as u64 + 10);
    assert_eq!(examined.audit.applied_twice.len(), 6);
    proxy.take_bytes();

    let followed = follow(&location);
    let bytes = proxy.take_bytes();
    assert_eq!((followed.covered, followed.records.len()), (covers, 16), "only the tail is read");
    assert_eq!(totals(&followed.audit), totals(&examined.audit));
    assert!(bytes * 5 < whole.get(), "{bytes} bytes instead of {}", whole.get());

    // A checkpoint is a cache. Without one that can be used, the whole journal is read.
    for change in ["state = 'x'", "state = CONCAT(state, ' ')", "seq = 999999", "seq = seq - 1"] {
        server.admin(&format!("UPDATE {name}.idempotence_checkpoint SET {change}"));
        let followed = follow(&location);
        assert_eq!((followed.covered, followed.records.len() as u64), (0, examined.audit.seq), "{change}");
        assert_eq!(totals(&followed.audit), totals(&examined.audit), "{change}");
    }
    server.admin(&format!("DELETE FROM {name}.idempotence_checkpoint"));
    assert_eq!(totals(&follow(&location).audit), totals(&examined.audit));
    // The next worker reads all lines, and its checkpoint has the same totals.
    let fourth = open(&database);
    drop(third);
    drop(fourth);
    let followed = follow(&location);
    assert_eq!(followed.covered, examined.audit.seq);
    assert_eq!(totals(&followed.audit), totals(&examined.audit));
    location.reset().unwrap();
    assert_eq!(follow(&location).covered, 0);
}
