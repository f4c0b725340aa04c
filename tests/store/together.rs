//! Several processes that send random requests at the same time, on both kinds of database. In MySQL, connections are cut
//! and killed meanwhile.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use futures::{executor::block_on, future::join_all};
use idempotence::{
    domain::{Effect, Guard, Origin},
    store::{
        AttemptEvent, CommitRequest, Committed, Fact, Follower, Location, Note, Phase, Record, Store, StoreError,
        StoreHandle, Verdict,
        mysql::{MySqlDatabase, MySqlHost},
        record::Commit,
    },
};
use proptest::prelude::*;

use crate::{
    bench::{document, order, origin, supplier},
    mysql_proxy::{Cut, Proxy},
    mysql_server::{self, Server},
};

/// Maximum time for the repetitions of one request.
const RETRY_LIMIT: Duration = Duration::from_mins(1);

#[derive(Debug, Clone)]
enum Ask {
    Order { id: u8, quantity: i64 },
    Supplier { id: u8 },
    Started { id: u8 },
}

/// What happens at the same time.
#[derive(Debug, Clone)]
struct Schedule {
    /// The requests of each process, in groups that are sent together.
    processes: Vec<Vec<Vec<Ask>>>,
    /// Failures of connections, each with the number of packets before it.
    failures: Vec<(usize, Cut)>,
}

fn schedule() -> impl Strategy<Value = Schedule> {
    let ask = prop_oneof![
        4 => (0..12_u8, 1..3_i64).prop_map(|(id, quantity)| Ask::Order { id, quantity: quantity * 90 }),
        2 => (0..12_u8).prop_map(|id| Ask::Supplier { id }),
        1 => (0..12_u8).prop_map(|id| Ask::Started { id }),
    ];
    let group = prop::collection::vec(ask, 1..5);
    let process = prop::collection::vec(group, 10..25);
    let cut = prop_oneof![Just(Cut::Before), Just(Cut::After), Just(Cut::Kill)];
    let failures = prop::collection::vec((0..30_usize, cut), 10..30);
    (prop::collection::vec(process, 2..5), failures).prop_map(|(processes, failures)| Schedule { processes, failures })
}

/// The answer to a request that was not to be repeated.
enum Answered {
    Effect(Effect, Origin, Result<Committed, StoreError>),
    Started(Origin),
}

/// Sends a request until it is answered, as Temporal does.
async fn ask(store: &StoreHandle, ask: &Ask, run: &str) -> Answered {
    let effect = match ask {
        Ask::Order { id, quantity } => order(&format!("A{id}"), *quantity),
        Ask::Supplier { id } | Ask::Started { id } => supplier(&format!("A{id}"), 1000),
    };
    let origin = origin(&effect, run, 1);
    let deadline = Instant::now() + RETRY_LIMIT;
    loop {
        let error = if matches!(ask, Ask::Started { .. }) {
            let event = AttemptEvent { origin: origin.clone(), phase: Phase::Started };
            match store.note(Note::Attempt(event)).await {
                Ok(()) => return Answered::Started(origin),
                Err(error) => error,
            }
        } else {
            let request = CommitRequest { effect: effect.clone(), guard: Guard::Ledger, origin: origin.clone() };
            match store.commit(request).await {
                Err(error) if error.is_retryable() => error,
                answer => return Answered::Effect(effect, origin, answer),
            }
        };
        assert!(error.is_retryable() && Instant::now() < deadline, "{error}");
    }
}

/// Runs all processes at the same time, and `fail` until they have ended. Returns the answers.
fn run(schedule: &Schedule, location: &Location, fail: impl FnOnce(&AtomicBool) + Send) -> Vec<Answered> {
    let over = AtomicBool::new(false);
    let stores: Vec<_> = schedule.processes.iter().map(|_| location.open(None, &|_| {}).unwrap()).collect();
    thread::scope(|scope| {
        let processes: Vec<_> = (0..)
            .zip(schedule.processes.iter().zip(&stores))
            .map(|(number, (groups, store))| {
                scope.spawn(move || {
                    let mut answers = Vec::new();
                    for (group, asks) in groups.iter().enumerate() {
                        let run = format!("run-{number}-{group}");
                        answers.extend(block_on(join_all(asks.iter().map(|of| ask(store, of, &run)))));
                    }
                    answers
                })
            })
            .collect();
        let failing = scope.spawn(|| fail(&over));
        let answers = processes.into_iter().flat_map(|process| process.join().unwrap()).collect();
        over.store(true, Ordering::SeqCst);
        failing.join().unwrap();
        answers
    })
}

fn read(location: &Location) -> Vec<Record> {
    let (mut follower, mut records) = (Follower::new(location), Vec::new());
    loop {
        let (news, progress) = follower.read_some().unwrap();
        records.extend(news.records);
        if progress.is_complete() {
            return records;
        }
    }
}

/// Checks that each acknowledged effect is in the journal once, with the acknowledged result, and nothing else is.
fn check(location: &Location, answers: &[Answered]) -> usize {
    let records = read(location);
    assert!(records.iter().map(|record| record.seq).eq(1..=records.len() as u64));
    let mut commits = BTreeMap::<&str, &Commit>::new();
    let mut started = BTreeSet::new();
    let mut stock = 1000;
    for record in &records {
        match &record.fact {
            Fact::Order(commit) | Fact::Supplier(commit) => {
                stock += commit.receipt.delta;
                assert_eq!(commit.receipt.stock, stock, "line {}", record.seq);
                assert!(
                    commits.insert(commit.key.as_str(), commit).is_none(),
                    "{} was applied twice",
                    commit.key.as_str()
                );
            }
            Fact::Attempt(event) => {
                started.insert((event.origin.run.clone(), event.origin.order.to_string()));
            }
            _ => {}
        }
    }
    for answer in answers {
        match answer {
            Answered::Started(origin) => {
                assert!(started.contains(&(origin.run.clone(), origin.order.to_string())), "a note is missing");
            }
            Answered::Effect(effect, _, Ok(committed)) => {
                let commit = commits[effect.key().as_str()];
                assert_eq!((&commit.receipt, &commit.payload), (&committed.receipt, &effect.payload()));
            }
            Answered::Effect(effect, origin, Err(StoreError::Conflict { .. })) => {
                assert_ne!(commits[effect.key().as_str()].payload, effect.payload(), "{origin:?}");
            }
            Answered::Effect(effect, origin, Err(StoreError::Rejected(_))) => {
                let commit = commits.get(effect.key().as_str());
                assert!(commit.is_none_or(|commit| commit.origin != *origin), "it was applied and rejected");
            }
            Answered::Effect(_, _, Err(error)) => panic!("{error}"),
        }
    }
    let found = location.examine(&|_| {}).unwrap().unwrap();
    assert_eq!(found.verdict(), Verdict::Right, "{}, {:?}", found.audit.sentence(), found.problem);
    assert_eq!(found.audit.actual, stock);
    commits.len()
}

fn on_file(schedule: &Schedule) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("inventory.json");
    std::fs::write(&path, document(1000, "000")).unwrap();
    let location = Location::File(path);
    check(&location, &run(schedule, &location, |_| {}));
}

fn on_server(server: &Server, schedule: &Schedule) {
    let database = server.database();
    let proxy = Proxy::start(server);
    let host = MySqlHost::Tcp { host: "127.0.0.1".into(), port: proxy.port() };
    let location = Location::MySql(Box::new(MySqlDatabase { host, ..database.clone() }));
    let mut failures = 0;
    let answers = run(schedule, &location, |over| {
        for (packets, cut) in &schedule.failures {
            proxy.cut_after(*packets, *cut);
            while proxy.is_planned() && !over.load(Ordering::SeqCst) {
                thread::sleep(Duration::from_millis(1));
            }
            failures += u32::from(!proxy.cancel());
        }
    });
    assert!(failures >= 3, "only {failures} failures");
    let direct = Location::MySql(Box::new(database.clone()));
    let effects = check(&direct, &answers);
    let keys = server.value(&format!("SELECT COUNT(*) FROM {}.idempotence_ledger", database.name));
    assert_eq!(keys, Some(effects.to_string()), "the ledger has other keys than the journal");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20, max_shrink_iters: 100, ..ProptestConfig::default() })]

    // A failing schedule is printed, and kept with its seed beside this file.
    #[test]
    fn what_processes_request_together_is_applied_once_each(schedule in schedule()) {
        on_file(&schedule);
    }

    #[test]
    fn what_processes_request_together_on_a_server_is_applied_once_each(schedule in schedule()) {
        if let Some(server) = mysql_server::shared() {
            on_server(server, &schedule);
        }
    }
}
