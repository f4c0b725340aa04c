//! The program with a database in MySQL or MariaDB, on a real server.

use std::{collections::HashSet, thread, time::Duration};

use idempotence::{
    app::{Command, Message, RetryWaits, StartOrder},
    domain::{Activity, Guard, WorkflowId},
    faults::FaultPlan,
    store::{
        AttemptEvent, Fact, Location, Phase,
        mysql::{MySqlDatabase, MySqlHost},
    },
};
use tokio::task::JoinSet;

use crate::{
    headless::Headless,
    mysql_server::{self, Server},
    sandbox::{Sandbox, address, applied, free_port, offline, order, text},
    screen::{Screen, dashboard},
    sql_checks::violations,
};

/// Returns a sandbox and the variables that choose a new database in MySQL.
pub fn sandbox(server: &Server) -> (Sandbox, MySqlDatabase, Vec<(&'static str, String)>) {
    let database = server.database();
    let MySqlHost::Tcp { host, .. } = &database.host else { unreachable!("it listens on TCP") };
    let settings = vec![
        ("MYSQL_HOST", host.clone()),
        ("MYSQL_PORT", server.port().to_string()),
        ("MYSQL_DATABASE", database.name.clone()),
        ("MYSQL_USER", database.user.clone()),
        ("MYSQL_PASSWORD", "secret".to_owned()),
    ];
    (Sandbox { database: "mysql:".into(), ..Sandbox::new() }, database, settings)
}

#[test]
fn the_seed_scenario_from_the_keyboard_ends_at_1001_in_mysql() {
    let (false, Some(server)) = (offline(), mysql_server::shared()) else { return };
    let (sandbox, database, settings) = sandbox(server);
    let mut command = dashboard(&sandbox, &format!("127.0.0.1:{}", free_port()));
    for (name, value) in &settings {
        command.env(name, value);
    }
    command.args(["dashboard", "--record", "played.jsonl"]);
    let mut screen = Screen::run(command, 80, 24);
    screen.wait_for("worker ● ready");
    screen.press("s");
    let shown = screen.wait_for("each effect applied once");
    let has = |words: &str| shown.contains(words);
    assert!(has("RIGHT") && has("expected 1001 = actual 1001") && has("last order: A12"), "{shown}");
    assert!(!shown.contains("secret"));
    let row = format!("SELECT CONCAT(in_stock, ' ', last_order) FROM {}.idempotence_document", database.name);
    assert_eq!(server.value(&row).as_deref(), Some("1001 A12"));
    screen.press("q");
    assert!(screen.end().0.success());
    let run = |arguments: &[&str]| {
        let mut command = sandbox.command(arguments[0]);
        command.args(&arguments[1..]).envs(settings.iter().map(|(name, value)| (name, value)));
        command.output().unwrap()
    };
    // `audit` and `reset` have no connection to Temporal, and no flag for it.
    let alone = |name: &str, flags: &[&str]| {
        let mut command = crate::sandbox::program(sandbox.folder.path());
        command.args([name, "--database", "mysql:"]).args(flags);
        command.envs(settings.iter().map(|(name, value)| (name, value))).output().unwrap()
    };
    let audit = alone("audit", &[]);
    assert!(audit.status.success() && text(&audit).0.contains("stock 1001 is right"), "{audit:?}");
    assert_replays(&sandbox);
    let found = run(&["doctor"]);
    assert!(text(&found).0.contains("can be read and written"), "{found:?}");
    let reset = alone("reset", &["--yes"]);
    assert!(reset.status.success() && text(&reset).0.contains("generation 1 of the table"), "{reset:?}");
    assert_eq!(server.value(&row).as_deref(), Some("1000 000"));
    for output in [audit, found, reset] {
        let (out, error) = text(&output);
        assert!(!out.contains("secret") && !error.contains("secret"), "{out}{error}");
    }
}

/// Checks that the session's recording shows the same without a database, and not the password.
fn assert_replays(sandbox: &Sandbox) {
    let recorded = std::fs::read_to_string(sandbox.folder.path().join("played.jsonl")).unwrap();
    assert!(!recorded.contains("secret") && recorded.contains("mysql://"));
    let mut command = crate::sandbox::program(sandbox.folder.path());
    let replayed = command.args(["replay", "played.jsonl", "--plain"]).output().unwrap();
    assert!(replayed.status.success() && text(&replayed).0.contains("1001"), "{replayed:?}");
    let mut command = crate::sandbox::program(sandbox.folder.path());
    let shown = command.args(["export", "played.jsonl", "--svg", "last.svg"]).output().unwrap();
    let picture = std::fs::read_to_string(sandbox.folder.path().join("last.svg")).unwrap_or_default();
    assert!(picture.contains("1001"), "{shown:?}");
}

/// The run of an order whose last line this is.
fn last_line_of(fact: Fact) -> Option<String> {
    match fact {
        Fact::Attempt(AttemptEvent { origin, phase: Phase::Completed { .. } })
            if origin.activity == Activity::SupplierOrder =>
        {
            Some(origin.run)
        }
        _ => None,
    }
}

/// The server reports an end up to 100 ms before the next read of the journal is due.
#[tokio::test(flavor = "multi_thread")]
async fn an_order_ends_on_the_screen_after_its_last_line_in_mysql() {
    const ORDERS: usize = 20;
    let (false, Some(server)) = (offline(), mysql_server::shared()) else { return };
    let (sandbox, _, settings) = sandbox(server);
    let of_worker: Vec<_> = settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let _worker = sandbox.worker_with(&of_worker);
    let mut headless = Headless::with_settings(&sandbox, address(), false, &settings);
    headless.is_up().await;
    for number in 0..ORDERS {
        let id = format!("{}-{number}", sandbox.queue);
        headless.execute(Command::StartOrder(StartOrder {
            ticket: number.try_into().unwrap(),
            order: id.parse().unwrap(),
            product: "123456".parse().unwrap(),
            quantity: 1,
            workflow: WorkflowId::of_order(&id).into(),
            fresh_workflow: true,
            faults: FaultPlan::none(),
            seed: 7,
            guard: Guard::Ledger,
            supply: None,
            retry: RetryWaits::default(),
            limit: None,
        }));
    }
    let mut completed = HashSet::new();
    let mut ended = HashSet::new();
    while ended.len() < ORDERS {
        match headless.receive("a message", |message| Some(message.clone())).await {
            Message::Journal(news) => {
                completed.extend(news.records.into_iter().filter_map(|record| last_line_of(record.fact)));
            }
            Message::Ended { run, end, .. } => {
                assert_eq!(end, applied());
                assert!(completed.contains(&run), "the end of {run} came before its last line");
                ended.insert(run);
            }
            _ => {}
        }
    }
}

/// Three workers share the database. Workers and the database server are killed while orders run. SQL checks the result
/// without the program's audit.
#[tokio::test(flavor = "multi_thread")]
async fn killed_workers_and_a_killed_database_server_apply_each_order_once() {
    const ORDERS: usize = 60;
    let (false, Some(server)) = (offline(), Server::start()) else { return };
    let (sandbox, database, settings) = sandbox(&server);
    let settings: Vec<_> = settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let mut workers: Vec<_> = (0..3).map(|_| sandbox.worker_with(&settings)).collect();
    let link = sandbox.link().await;
    let mut open = JoinSet::new();
    for number in 0..ORDERS {
        let input = order(&format!("M{number}"), 1, "after-commit=20%error;before-commit=20%error");
        let (_, watch) = sandbox.start(&link, &format!("mysql-{}-{number}", sandbox.queue), input).await;
        open.spawn(async move { crate::sandbox::end(&watch).await });
    }
    for worker in &mut workers {
        worker.kill();
        *worker = sandbox.worker_with(&settings);
        server.kill();
        thread::sleep(Duration::from_millis(200));
        server.run();
    }
    while let Some(end) = open.join_next().await {
        assert_eq!(end.unwrap(), applied());
    }
    drop(workers);
    let placed: Vec<_> = (0..ORDERS).map(|number| format!("M{number}")).collect();
    assert_eq!(violations(&server, &database.name, &placed), Vec::<String>::new());
    let found = Location::MySql(Box::new(database)).examine(&|_| {}).unwrap().unwrap();
    assert_eq!(found.audit.expected, 1000 - i64::try_from(ORDERS).unwrap(), "{}", found.audit.sentence());
}
