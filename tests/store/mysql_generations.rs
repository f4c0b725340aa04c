//! What a reset keeps and deletes in a real MySQL server.

use futures::executor::block_on;
use idempotence::{
    domain::Guard,
    store::{CommitOutcome, CommitRequest, Follower, Location, Store, StoreHandle, Verdict, mysql::MySqlDatabase},
};

use crate::{
    bench::{order, origin},
    mysql_server::{self, Server},
};

/// Number of rows that one reset deletes at most.
const MAX_DELETED: u64 = 100_000;

fn commit(store: &StoreHandle, id: &str) -> CommitOutcome {
    let effect = order(id, 10);
    let origin = origin(&effect, "run-1", 1);
    block_on(store.commit(CommitRequest { effect, guard: Guard::Ledger, origin })).unwrap().outcome
}

/// The generations of a table's rows, in order.
fn generations(server: &Server, database: &MySqlDatabase, table: &str) -> String {
    let query = format!(
        "SELECT COALESCE(GROUP_CONCAT(DISTINCT generation ORDER BY generation), '') FROM {}.idempotence_{table}",
        database.name
    );
    server.value(&query).unwrap()
}

#[track_caller]
fn assert_right(location: &Location, stock: i64) {
    let found = location.examine(&|_| {}).unwrap().unwrap();
    assert_eq!((found.verdict(), found.audit.actual), (Verdict::Right, stock), "{}", found.audit.sentence());
}

#[test]
fn a_reset_keeps_the_journal_before_it_and_deletes_older_ones() {
    let Some(server) = mysql_server::shared() else { return };
    let database = server.database();
    let location = Location::MySql(Box::new(database.clone()));
    let store = location.open(None, &|_| {}).unwrap();
    let mut follower = Follower::new(&location);
    follower.read_some().unwrap();
    for (number, kept) in ["1", "1,2", "2,3", "3,4", "4,5"].into_iter().enumerate() {
        assert_eq!(generations(server, &database, "journal"), kept);
        assert_eq!(commit(&store, "A"), CommitOutcome::Applied, "a running worker continues after reset {number}");
        assert_eq!(commit(&store, "A"), CommitOutcome::Replayed);
        assert_eq!(generations(server, &database, "ledger"), (number + 1).to_string());
        assert_right(&location, 990);
        let (news, _) = follower.read_some().unwrap();
        assert_eq!((news.restarted, news.records.len()), (number > 0, if number > 0 { 2 } else { 1 }));
        server.admin(&format!("INSERT INTO {}.idempotence_checkpoint VALUES ({}, 1, 'x')", database.name, number + 1));
        let kept = location.reset().unwrap().journal.unwrap();
        assert_eq!(kept, format!("generation {} of the table idempotence_journal", number + 1));
        assert_eq!(generations(server, &database, "checkpoint"), "");
    }
    drop(store);
    assert_right(&location, 1000);
}

#[test]
fn a_reset_deletes_a_limited_number_of_rows_and_the_next_one_continues() {
    let Some(server) = mysql_server::shared() else { return };
    let database = server.database();
    let location = Location::MySql(Box::new(database.clone()));
    drop(location.open(None, &|_| {}).unwrap());
    location.reset().unwrap();
    let journal = format!("{}.idempotence_journal", database.name);
    let more = MAX_DELETED + 20_000;
    server.admin(&format!("INSERT INTO {journal} SELECT 1, seq, 'x' FROM {}.seq_2_to_{more}", database.name));
    let left = || server.value(&format!("SELECT COUNT(*) FROM {journal} WHERE generation = 1")).unwrap();
    assert_eq!(left(), more.to_string());
    location.reset().unwrap();
    let after: u64 = left().parse().unwrap();
    assert!((20_000..more).contains(&after), "{after} of {more} rows are left");
    location.reset().unwrap();
    assert_eq!(left(), "0");
    assert_right(&location, 1000);
}

#[test]
fn an_account_that_may_not_delete_can_reset() {
    let Some(server) = mysql_server::shared() else { return };
    let database = server.database();
    let (name, location) = (&database.name, Location::MySql(Box::new(database.clone())));
    drop(location.open(None, &|_| {}).unwrap());
    for host in ["%", "localhost"] {
        server.admin(&format!("REVOKE DELETE ON {name}.* FROM '{name}'@'{host}'"));
    }
    for _ in 0..3 {
        location.reset().unwrap();
    }
    assert_eq!(generations(server, &database, "journal"), "1,2,3,4");
    assert_right(&location, 1000);
    for host in ["%", "localhost"] {
        server.admin(&format!("GRANT DELETE ON {name}.* TO '{name}'@'{host}'"));
    }
    location.reset().unwrap();
    assert_eq!(generations(server, &database, "journal"), "4,5");
}
