//! Failures of a real MySQL server and of the connection to it.

use std::{
    sync::atomic::{AtomicBool, AtomicU32, Ordering},
    thread,
    time::{Duration, Instant},
};

use futures::executor::block_on;
use idempotence::{
    domain::{Effect, Guard},
    store::{
        AttemptEvent, CommitOutcome, CommitRequest, Committed, Difference, Location, Note, Phase, Problem, Store,
        StoreError, StoreHandle, Verdict,
        mysql::{MySqlDatabase, MySqlHost, MySqlTls, Weakness, inspect},
    },
};

use crate::{
    bench::{order, origin, supplier},
    mysql_proxy::{Cut, Proxy},
    mysql_server::{self, Server},
};

/// Time for which a test repeats a request that fails, as Temporal does.
const RETRY_LIMIT: Duration = Duration::from_mins(1);

fn open(database: &MySqlDatabase) -> Result<StoreHandle, StoreError> {
    Location::MySql(Box::new(database.clone())).open(None, &|_| {})
}

fn commit_under(store: &StoreHandle, effect: Effect, guard: Guard) -> Result<Committed, StoreError> {
    let origin = origin(&effect, "run-1", 1);
    block_on(store.commit(CommitRequest { effect, guard, origin }))
}

fn commit(store: &StoreHandle, effect: Effect) -> Result<Committed, StoreError> {
    commit_under(store, effect, Guard::Ledger)
}

/// Repeats a request until it is answered.
fn commit_at_last(store: &StoreHandle, effect: &Effect) -> Committed {
    let deadline = Instant::now() + RETRY_LIMIT;
    loop {
        match commit(store, effect.clone()) {
            Ok(committed) => return committed,
            Err(error) => {
                assert!(error.is_retryable(), "{error}");
                assert!(Instant::now() < deadline, "{error}");
                thread::sleep(Duration::from_millis(50));
            }
        }
    }
}

#[track_caller]
fn assert_right(database: &MySqlDatabase, stock: i64) {
    let found = Location::MySql(Box::new(database.clone())).examine(&|_| {}).unwrap().unwrap();
    assert_eq!(found.verdict(), Verdict::Right, "{}, {:?}", found.audit.sentence(), found.problem);
    assert_eq!(found.audit.actual, stock);
}

fn through(proxy: &Proxy, database: &MySqlDatabase) -> MySqlDatabase {
    let host = MySqlHost::Tcp { host: "127.0.0.1".into(), port: proxy.port() };
    MySqlDatabase { host, ..database.clone() }
}

/// The connection is cut before and after each packet in turn, or killed by the server. Without a guard, an effect that was applied although the
/// answer to its commit was lost would be applied again.
#[test]
fn a_connection_that_is_cut_at_any_packet_applies_an_acknowledged_effect_once() {
    let Some(server) = mysql_server::shared() else { return };
    thread::scope(|scope| {
        for cut in [Cut::Before, Cut::After, Cut::Kill] {
            scope.spawn(move || cut_at_each_packet(server, cut));
        }
    });
}

fn cut_at_each_packet(server: &Server, cut: Cut) {
    let database = server.database();
    drop(open(&database).unwrap());
    for packet in 1.. {
        // Otherwise each line is one more packet when the next process opens the database.
        Location::MySql(Box::new(database.clone())).reset().unwrap();
        let proxy = Proxy::start(server);
        proxy.cut_after(packet - 1, cut);
        let store = open(&through(&proxy, &database)).or_else(|_| open(&through(&proxy, &database))).unwrap();
        let committed = commit_under(&store, order("A", 1), Guard::Off).unwrap();
        assert_eq!((committed.outcome, committed.receipt.stock), (CommitOutcome::Applied, 999), "{cut:?} {packet}");
        drop(store);
        assert_right(&database, 999);
        if proxy.cancel() {
            assert!(packet > 20, "a connection and a commit need more packets than {packet}");
            break;
        }
    }
}

#[test]
fn connections_that_are_killed_at_any_time_lose_and_repeat_nothing() {
    let Some(server) = mysql_server::shared() else { return };
    let database = server.database();
    let (applied, over) = (AtomicU32::new(0), AtomicBool::new(false));
    thread::scope(|scope| {
        let killer = scope.spawn(|| {
            let mut killed = 0;
            while !over.load(Ordering::Relaxed) {
                // A kill for every 20 orders.
                if applied.load(Ordering::Relaxed) < killed * 20 {
                    thread::sleep(Duration::from_millis(1));
                    continue;
                }
                let victim = server.value(&format!(
                    "SELECT id FROM information_schema.processlist WHERE user = '{}' LIMIT 1",
                    database.name
                ));
                if let Some(victim) = victim {
                    // It may have ended by itself.
                    killed += u32::from(server.try_admin(&format!("KILL {victim}")).is_ok());
                }
            }
            killed
        });
        let workers: Vec<_> = (0..2)
            .map(|worker| {
                let (database, applied) = (&database, &applied);
                scope.spawn(move || {
                    let deadline = Instant::now() + RETRY_LIMIT;
                    let store = loop {
                        match open(database) {
                            Ok(store) => break store,
                            Err(error) => assert!(Instant::now() < deadline, "{error}"),
                        }
                    };
                    for number in 0..200 {
                        commit_at_last(&store, &order(&format!("{worker}-{number}"), 1));
                        applied.fetch_add(1, Ordering::Relaxed);
                    }
                })
            })
            .collect();
        for worker in workers {
            worker.join().unwrap();
        }
        over.store(true, Ordering::Relaxed);
        assert!(killer.join().unwrap() > 10, "too few connections were killed");
    });
    assert_right(&database, 600);
}

/// kill -9 of the server while orders run. Each acknowledged order is in the journal afterwards.
#[test]
fn a_server_that_is_killed_loses_nothing_that_was_acknowledged() {
    let Some(server) = Server::start() else { return };
    let database = server.database();
    let store = open(&database).unwrap();
    for round in 0..4 {
        let (over, applied) = (AtomicBool::new(false), AtomicU32::new(0));
        let acknowledged = thread::scope(|scope| {
            let worker = scope.spawn(|| {
                let mut acknowledged = Vec::new();
                for number in 0.. {
                    let effect = order(&format!("{round}-{number}"), 1);
                    if commit(&store, effect.clone()).is_ok() {
                        acknowledged.push(effect);
                        applied.fetch_add(1, Ordering::Relaxed);
                    } else if over.load(Ordering::Relaxed) {
                        break;
                    }
                }
                acknowledged
            });
            let deadline = Instant::now() + RETRY_LIMIT;
            while applied.load(Ordering::Relaxed) < 1 + 50 * round {
                assert!(Instant::now() < deadline, "no order is acknowledged in round {round}");
                thread::sleep(Duration::from_millis(1));
            }
            over.store(true, Ordering::Relaxed);
            server.kill();
            worker.join().unwrap()
        });
        server.run();
        assert!(!acknowledged.is_empty());
        for effect in acknowledged {
            assert_eq!(commit_at_last(&store, &effect).outcome, CommitOutcome::Replayed, "round {round}");
        }
    }
    let found = Location::MySql(Box::new(database)).examine(&|_| {}).unwrap().unwrap();
    assert_eq!(found.verdict(), Verdict::Right, "{}", found.audit.sentence());
}

#[test]
fn a_lock_that_is_held_too_long_is_an_error_before_any_write() {
    let Some(server) = mysql_server::shared() else { return };
    let database = server.database();
    let store = open(&database).unwrap();
    thread::scope(|scope| {
        scope.spawn(|| {
            server.admin(&format!(
                "START TRANSACTION; SELECT * FROM {}.idempotence_document FOR UPDATE; DO SLEEP(12)",
                database.name
            ));
        });
        while server.value("SELECT 1 FROM information_schema.processlist WHERE info LIKE 'DO SLEEP(12)%'").is_none() {}
        let begun = Instant::now();
        let error = commit(&store, order("A", 10)).unwrap_err();
        assert!(begun.elapsed() < Duration::from_secs(10), "an attempt ends after 10 s");
        assert!(matches!(error, StoreError::NotWritten(_)) && error.is_retryable(), "{error}");
        assert!(error.to_string().contains("lock"), "{error}");
    });
    assert_eq!(commit(&store, order("A", 10)).unwrap().outcome, CommitOutcome::Applied);
    assert_right(&database, 990);
}

#[test]
fn settings_of_the_server_change_nothing() {
    let Some(server) = Server::start() else { return };
    server.admin(
        "SET GLOBAL sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES,PIPES_AS_CONCAT,ONLY_FULL_GROUP_BY'; \
         SET GLOBAL autocommit = 0; SET GLOBAL tx_isolation = 'SERIALIZABLE'; SET GLOBAL wait_timeout = 3; \
         SET GLOBAL character_set_server = latin1; SET GLOBAL collation_server = latin1_swedish_ci",
    );
    let database = server.database();
    let stores = [open(&database).unwrap(), open(&database).unwrap()];
    for (number, id) in ["a", "A", "a\\'b", "a''b", "\"", "\\"].into_iter().enumerate() {
        let store = &stores[number % 2];
        assert_eq!(commit(store, order(id, 10)).unwrap().outcome, CommitOutcome::Applied, "{id}");
        assert_eq!(commit(&stores[(number + 1) % 2], order(id, 10)).unwrap().outcome, CommitOutcome::Replayed, "{id}");
    }
    drop(stores);
    assert_right(&database, 940);
    assert_eq!(inspect(&database).unwrap().weaknesses, []);
    // After a failover, the name leads to a replica.
    server.admin(
        "SET GLOBAL read_only = 1; SET GLOBAL innodb_flush_log_at_trx_commit = 2; SET GLOBAL max_allowed_packet = 1048576",
    );
    let loses = Weakness::LosesCommits { name: "innodb_flush_log_at_trx_commit", value: 2 };
    let weaknesses = inspect(&database).unwrap().weaknesses;
    assert_eq!(weaknesses, [Weakness::ReadOnly, loses, Weakness::SmallPackets(1 << 20)]);
    for remedy in weaknesses.iter().filter_map(Weakness::remedy) {
        server.admin(&remedy);
    }
    assert_eq!(inspect(&database).unwrap().weaknesses, [Weakness::ReadOnly]);
    let store = open(&database).map(|store| commit(&store, order("B", 10)).map(drop)).and_then(|committed| committed);
    let error = store.unwrap_err();
    assert!(error.is_retryable() && error.to_string().contains("read-only"), "{error}");
    server.admin("SET GLOBAL read_only = 0");
    commit(&open(&database).unwrap(), order("B", 10)).unwrap();
    assert_right(&database, 930);
}

#[test]
fn an_account_that_may_not_create_tables_gets_the_sql_that_creates_them() {
    let Some(server) = mysql_server::shared() else { return };
    let database = server.database();
    let name = &database.name;
    for host in ["%", "localhost"] {
        server.admin(&format!("REVOKE ALL ON {name}.* FROM '{name}'@'{host}'"));
    }
    let error = open(&database).unwrap_err();
    let StoreError::NoTables { sql, .. } = &error else { panic!("{error}") };
    assert!(error.to_string().contains("CREATE TABLE") && !error.to_string().contains("secret"), "{error}");
    server.admin(sql);
    let store = open(&database).unwrap();
    commit(&store, order("A", 10)).unwrap();
    commit(&store, supplier("A", 10)).unwrap();
    drop(store);
    assert_right(&database, 1000 - 10);
    Location::MySql(Box::new(database.clone())).reset().unwrap();
    assert_right(&database, 1000);
}

#[test]
fn tables_of_a_newer_version_are_refused_by_name() {
    let Some(server) = mysql_server::shared() else { return };
    let database = server.database();
    drop(open(&database).unwrap());
    server.admin(&format!("UPDATE {}.idempotence_schema SET version = 2", database.name));
    let location = Location::MySql(Box::new(database));
    let errors = [
        location.open(None, &|_| {}).unwrap_err(),
        location.examine(&|_| {}).unwrap_err(),
        location.probe().unwrap_err(),
        location.reset().unwrap_err(),
        location.read_document().unwrap_err(),
    ];
    for error in errors {
        assert!(matches!(error, StoreError::NewerSchema { found: 2, known: 1, .. }), "{error}");
    }
}

#[test]
fn damage_in_the_tables_is_named_and_stops_every_effect() {
    let Some(server) = mysql_server::shared() else { return };
    let damages = [
        "DELETE FROM idempotence_journal WHERE seq = 2",
        "DELETE FROM idempotence_journal WHERE seq = 3",
        "UPDATE idempotence_journal SET line = REPLACE(line, '990', '991') WHERE seq = 2",
        "UPDATE idempotence_ledger SET seq = 3 WHERE seq = 2",
        "UPDATE idempotence_document SET product = 'X'",
        "DELETE FROM idempotence_document",
        "UPDATE idempotence_document SET seq = 2",
    ];
    for damage in damages {
        let database = server.database();
        let store = open(&database).unwrap();
        commit(&store, order("A", 10)).unwrap();
        commit(&store, order("B", 10)).unwrap();
        drop(store);
        server.admin(&format!("USE {}; {damage}", database.name));
        let answer = open(&database).and_then(|store| commit(&store, order("A", 10)));
        if damage.starts_with("DELETE FROM idempotence_document") {
            // The document begins again as a new generation, and the old lines are kept.
            assert_eq!(answer.unwrap().outcome, CommitOutcome::Applied);
            continue;
        }
        let error = answer.unwrap_err();
        assert!(error.to_string().contains("damaged at line"), "{damage}: {error}");
        Location::MySql(Box::new(database.clone())).reset().unwrap();
        commit(&open(&database).unwrap(), order("A", 10)).unwrap();
        assert_right(&database, 990);
    }
}

#[test]
fn a_changed_row_is_reported_by_the_audit_and_adopted_by_a_running_worker() {
    let Some(server) = mysql_server::shared() else { return };
    let database = server.database();
    let location = Location::MySql(Box::new(database.clone()));
    let store = open(&database).unwrap();
    commit(&store, order("A", 10)).unwrap();
    server.admin(&format!("UPDATE {}.idempotence_document SET in_stock = 500", database.name));
    let found = location.examine(&|_| {}).unwrap().unwrap();
    let Some(Problem::Differs { document, journal: 990, difference: Difference::EditedRow }) = &found.problem else {
        panic!("{:?}", found.problem)
    };
    assert_eq!((document.stock, found.verdict()), (500, Verdict::Wrong));
    assert_eq!(commit(&store, order("B", 10)).unwrap().receipt.stock, 490);
    drop(store);
    assert_right(&database, 490);
}

#[test]
fn a_state_from_a_checkpoint_is_the_state_after_all_lines() {
    let Some(server) = mysql_server::shared() else { return };
    let database = server.database();
    let name = &database.name;
    let checkpoints = || server.value(&format!("SELECT COUNT(*) FROM {name}.idempotence_checkpoint")).unwrap();
    let store = open(&database).unwrap();
    let notes = (0..2500).map(|number| {
        let origin = origin(&order(&format!("A{}", number / 2), 1), &format!("run-{}", number / 2), 1 + number % 2);
        store.note(Note::Attempt(AttemptEvent { origin, phase: Phase::Started }))
    });
    let answers = block_on(futures::future::join_all(notes));
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(checkpoints(), "0");
    drop(store);
    assert_eq!(checkpoints(), "1");
    let retries = |location: &Location| location.read_document().unwrap().unwrap().retries.unwrap().update_inventory;
    let location = Location::MySql(Box::new(database.clone()));
    commit(&open(&database).unwrap(), order("B", 10)).unwrap();
    assert_eq!(retries(&location), 1250);
    // A checkpoint is a cache: without it, or with another content, the state comes from the lines.
    for change in ["state = 'x'", "state = '{}'", "seq = 999999"] {
        server.admin(&format!("UPDATE {name}.idempotence_checkpoint SET {change}"));
        commit(&open(&database).unwrap(), order(change, 10)).unwrap();
        assert_eq!(retries(&location), 1250, "{change}");
    }
    assert_right(&database, 960);
}

#[test]
fn a_server_that_cannot_be_used_is_named_without_the_password() {
    let Some(server) = mysql_server::shared() else { return };
    let database = server.database();
    let tcp = |host: &str, port| MySqlHost::Tcp { host: host.to_owned(), port };
    let cases = [
        (
            MySqlDatabase { password: Some("s3cr3t".to_owned().into()), ..database.clone() },
            "check MYSQL_USER and MYSQL_PASSWORD",
        ),
        (
            MySqlDatabase { host: tcp("127.0.0.1", mysql_server::free_port()), ..database.clone() },
            "MYSQL_HOST and MYSQL_PORT",
        ),
        (MySqlDatabase { host: tcp("no-such-host.invalid", 3306), ..database.clone() }, "MYSQL_HOST"),
        (MySqlDatabase { host: MySqlHost::Socket("/no/such/socket".into()), ..database.clone() }, "MYSQL_HOST"),
        (MySqlDatabase { tls: MySqlTls::On { root_certificates: None }, ..database.clone() }, "MYSQL_TLS=false"),
        (
            MySqlDatabase { tls: MySqlTls::On { root_certificates: Some("/no/such.pem".into()) }, ..database.clone() },
            "/no/such.pem",
        ),
    ];
    for (database, remedy) in cases {
        let error = open(&database).unwrap_err().to_string();
        assert!(error.contains(remedy) && !error.contains("s3cr3t") && !error.contains("secret"), "{error}");
        assert!(error.starts_with("could not "), "{error}");
    }
    let by_socket = MySqlDatabase { host: MySqlHost::Socket(server.socket()), ..database };
    commit(&open(&by_socket).unwrap(), order("A", 10)).unwrap();
}

#[test]
fn a_database_that_does_not_exist_is_created_if_the_account_may() {
    let Some(server) = mysql_server::shared() else { return };
    let database = server.database();
    let missing = MySqlDatabase { name: format!("{}-`new", database.name), ..database.clone() };
    let location = Location::MySql(Box::new(missing.clone()));
    for error in [location.examine(&|_| {}).unwrap_err(), location.probe().unwrap_err(), open(&missing).unwrap_err()] {
        assert!(matches!(error, StoreError::NoTables { .. }), "{error}");
    }
    for host in ["%", "localhost"] {
        server.admin(&format!("GRANT ALL ON *.* TO '{}'@'{host}'", database.user));
    }
    assert!(location.examine(&|_| {}).unwrap().is_none() && location.read_document().unwrap().is_none());
    commit(&open(&missing).unwrap(), order("A", 10)).unwrap();
    assert_right(&missing, 990);
}
