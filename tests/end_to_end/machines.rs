//! Orders on several machines: the Temporal server and the database on one host, three workers on three hosts, and a
//! dashboard on another. Hosts are cut off while orders run; one comes back, and others are lost.

use std::{
    process::{Child, Command, Stdio},
    sync::{
        Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{
    mysql_server::Server,
    network::{Host, Network},
    sandbox::{EVENT_TIMEOUT, Sandbox, WorkerProcess, offline, program, temporal_cli, text},
    screen::{Screen, dashboard},
    sql_checks::violations,
};

const PORT: &str = "7233";
const WORKERS: [&str; 3] = ["worker-1", "worker-2", "worker-3"];

/// Number of customers, who each have one open order at a time.
const CUSTOMERS: usize = 8;

/// Number of orders that must end in each phase of the test.
const ORDERS_PER_PHASE: usize = 10;

/// Time in which a worker's transaction must wait for the lock that the test has. The other workers wait for it too.
const LOCKED: Duration = Duration::from_secs(1);

/// Time in which that transaction must get the lock.
const GRANTED: Duration = Duration::from_secs(3);

/// Interval of checks. MariaDB shows transactions as they were at an earlier query if that was less than 100 ms ago.
const CHECK_INTERVAL: Duration = Duration::from_millis(150);

/// Waits until `reached`, for at most `limit`. Returns whether it was.
fn within(limit: Duration, mut reached: impl FnMut() -> bool) -> bool {
    let since = Instant::now();
    while !reached() {
        if since.elapsed() > limit {
            return false;
        }
        thread::sleep(CHECK_INTERVAL);
    }
    true
}

/// The hosts with the Temporal server and the database.
struct Shop<'a> {
    network: &'a Network,
    server: &'a Server,
    sandbox: Sandbox,
    database: String,
    settings: Vec<(&'static str, String)>,
}

impl<'a> Shop<'a> {
    fn new(network: &'a Network, server: &'a Server) -> Self {
        let (sandbox, database, mut settings) = crate::mysql::sandbox(server);
        settings.extend([
            ("DATABASE", "mysql:".to_owned()),
            ("MYSQL_TLS", "false".to_owned()),
            ("TEMPORAL_ADDRESS", address(network)),
            ("TEMPORAL_TLS", "false".to_owned()),
            ("TASKQUEUE", sandbox.queue.clone()),
            // A proxy of this machine is not reachable from the hosts.
            ("NO_PROXY", "*".to_owned()),
        ]);
        Self { network, server, sandbox, database: database.name, settings }
    }

    /// Returns a command of the program on a host.
    fn command(&self, host: &Host, arguments: &[&str]) -> Command {
        let mut command = program(self.sandbox.folder.path());
        command.args(arguments).envs(self.settings.iter().map(|(name, value)| (name, value)));
        host.command(&command)
    }

    fn worker(&self, host: &'static str) -> WorkerProcess {
        WorkerProcess::start(self.command(self.network.host(host), &["worker"]), &[], Stdio::inherit())
    }

    fn dashboard(&self, host: &Host) -> Screen {
        let mut command = dashboard(&self.sandbox, &address(self.network));
        for (name, value) in &self.settings {
            command.env(name, value);
        }
        command.get_argv_mut().splice(0..0, host.launcher().into_iter().map(Into::into));
        Screen::run(command, 110, 40)
    }

    fn value(&self, query: &str) -> String {
        self.server.value(&query.replace("DB.", &format!("{}.", self.database))).unwrap()
    }

    /// Number of transactions from a host that satisfy a condition.
    fn transactions(&self, host: &Host, condition: &str) -> u32 {
        let query = format!(
            "SELECT COUNT(*) FROM information_schema.innodb_trx AS trx JOIN information_schema.processlist AS process \
             ON process.id = trx.trx_mysql_thread_id WHERE process.host LIKE '{}:%' AND {condition}",
            host.address()
        );
        self.value(&query).parse().unwrap()
    }

    /// Number of attempts that failed without a planned fault.
    fn failures(&self) -> u32 {
        let query = "SELECT COUNT(*) FROM DB.idempotence_journal WHERE line LIKE '%\"phase\":\"failed\"%' AND line NOT LIKE \
                     '%\"code\":\"RandomError\"%'";
        self.value(query).parse().unwrap()
    }

    /// Cuts a host off in a transaction that has locked the document's row, so that only the server can end it.
    fn cut_off_in_transaction(&self, host: &Host) {
        let cut = within(EVENT_TIMEOUT, || {
            let waits = self.with_the_lock(|| {
                // The transaction gets the lock before it has waited too long.
                let waits = "trx_state = 'LOCK WAIT' AND trx_wait_started > NOW() - INTERVAL 1 SECOND";
                let waits = within(LOCKED, || self.transactions(host, waits) == 1);
                if waits {
                    host.cut_off();
                }
                waits
            });
            let has_lock = "trx_state = 'RUNNING' AND trx_rows_locked > 0 AND process.command = 'Sleep'";
            let has_lock = waits && within(GRANTED, || self.transactions(host, has_lock) == 1);
            if !has_lock {
                host.reconnect();
            }
            has_lock
        });
        assert!(cut, "no transaction of the host was waiting for the lock");
    }

    /// Runs `work` while another connection has locked the document's row.
    fn with_the_lock<T>(&self, work: impl FnOnce() -> T) -> T {
        let lock = format!("START TRANSACTION; SELECT seq FROM {}.idempotence_document FOR UPDATE", self.database);
        let holders = |what| {
            self.value(&format!("SELECT {what} FROM information_schema.processlist WHERE info LIKE 'DO SLEEP(61)%'"))
        };
        thread::scope(|scope| {
            scope.spawn(|| self.server.try_admin(&format!("{lock}; DO SLEEP(61)")));
            assert!(within(EVENT_TIMEOUT, || holders("COUNT(*)") == "1"), "the lock is not free");
            let done = work();
            self.server.admin(&format!("KILL {}", holders("MAX(id)")));
            done
        })
    }
}

fn address(network: &Network) -> String {
    format!("{}:{PORT}", network.host("server").address())
}

/// Customers, who order one unit again and again.
#[derive(Default)]
struct Customers {
    stopped: AtomicBool,
    acknowledged: Mutex<Vec<String>>,
    problems: Mutex<Vec<String>>,
}

impl Customers {
    fn order(&self, shop: &Shop<'_>, customer: usize) {
        for number in 0.. {
            if self.stopped.load(Ordering::Relaxed) {
                return;
            }
            let id = format!("M{customer}-{number}");
            let host = shop.network.host("server");
            let mut command = shop.command(host, &["start", &id, "123456", "1", "--json", "--timeout", "90s"]);
            command.args(["--faults", "after-commit=10%error;before-commit=10%error", "--remote-faults"]);
            let output = command.output().unwrap();
            let found: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
            if found["outcome"] == "applied" {
                self.acknowledged().push(id);
            } else {
                return self.problems.lock().unwrap().push(format!("{id}: {output:?}"));
            }
        }
    }

    fn acknowledged(&self) -> MutexGuard<'_, Vec<String>> {
        self.acknowledged.lock().unwrap()
    }

    /// Waits until the next orders have ended. Returns the time until the first of them.
    fn continue_to_order(&self, when: &str) -> Duration {
        let (before, since) = (self.acknowledged().len(), Instant::now());
        let has = |orders: usize| {
            let problems = self.problems.lock().unwrap().clone();
            assert!(problems.is_empty(), "{when}: {problems:#?}");
            self.acknowledged().len() >= before + orders
        };
        assert!(within(EVENT_TIMEOUT, || has(1)), "no order ended {when}");
        let first = since.elapsed();
        assert!(within(EVENT_TIMEOUT, || has(ORDERS_PER_PHASE)), "too few orders ended {when}");
        println!("{when}: the first order ended after {first:?}, {ORDERS_PER_PHASE} after {:?}", since.elapsed());
        first
    }
}

/// Stops the customers, also if the test fails.
struct Stop<'a>(&'a Customers);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.stopped.store(true, Ordering::Relaxed);
    }
}

/// A Temporal server on a host. Its supervisor ends it when standard input is closed.
struct Temporal(Child);

impl Drop for Temporal {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _reaped_before = self.0.wait();
    }
}

/// Starts a Temporal server on a host, and waits until it answers.
fn temporal(host: &Host, sandbox: &Sandbox) -> Temporal {
    let cli = temporal_cli();
    let mut command = program(sandbox.folder.path());
    command.args(["supervise", "--"]).arg(&cli).args(["server", "start-dev", "--headless", "--log-level", "error"]);
    // The parts of the server call each other on loopback.
    command.args(["--ip", "0.0.0.0", "--port", PORT]);
    for side in ["Read", "Write"] {
        command.args(["--dynamic-config-value", &format!("matching.numTaskqueue{side}Partitions=1")]);
    }
    let server = Temporal(host.command(&command).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap());
    let mut check = Command::new(&cli);
    let address = format!("{}:{PORT}", host.address());
    check.args(["operator", "namespace", "describe", "--namespace", "default", "--address", &address]);
    let answers = || host.command(&check).output().unwrap().status.success();
    assert!(within(EVENT_TIMEOUT, answers), "the Temporal server does not answer");
    server
}

#[test]
fn orders_survive_a_host_that_comes_back_and_hosts_that_do_not() {
    if offline() {
        return;
    }
    let Some(network) = Network::start(&["server", "worker-1", "worker-2", "worker-3", "dashboard"]) else { return };
    let host = |name| network.host(name);
    let (launcher, address) = (host("server").launcher(), host("server").address());
    let server = Server::start_on(launcher, address, &std::env::temp_dir(), |_| Some(Vec::new()));
    let Some(server) = server else { return };
    let shop = Shop::new(&network, &server);
    let _temporal = temporal(host("server"), &shop.sandbox);
    let _workers = WORKERS.map(|name| shop.worker(name));
    let mut screen = shop.dashboard(host("dashboard"));
    screen.wait_for("worker ● elsewhere");
    let customers = Customers::default();
    thread::scope(|scope| {
        let closing = Stop(&customers);
        for customer in 0..CUSTOMERS {
            let (customers, shop) = (&customers, &shop);
            scope.spawn(move || customers.order(shop, customer));
        }
        customers.continue_to_order("with three workers");

        screen.press("L");
        shop.cut_off_in_transaction(host("worker-1"));
        customers.continue_to_order("with worker-1 cut off");
        screen.wait_for("@worker-1 is no longer polling");
        assert_eq!(shop.failures(), 0, "the lock of the lost transaction lasted too long");
        host("worker-1").reconnect();
        screen.wait_for("@worker-1 is polling the task queue");

        // The worker that was cut off is then the only one.
        for lost in ["worker-2", "worker-3"] {
            host(lost).lose();
            screen.wait_for(&format!("@{lost} is no longer polling"));
        }
        customers.continue_to_order("with worker-1 alone");

        screen.press("L");
        host("dashboard").cut_off();
        screen.wait_until("the lost connections", |shown| shown.contains("✗ down") && shown.contains("STALE"));
        customers.continue_to_order("with the dashboard cut off");
        host("dashboard").reconnect();
        screen.wait_until("both connections", |shown| shown.contains("● connected") && !shown.contains("STALE"));
        drop(closing);
    });
    let acknowledged = customers.acknowledged();
    assert_eq!(*customers.problems.lock().unwrap(), Vec::<String>::new());
    assert_eq!(violations(&server, &shop.database, &acknowledged), Vec::<String>::new());
    let stock = shop.value("SELECT in_stock FROM DB.idempotence_document");
    let audit = shop.command(host("dashboard"), &["audit"]).output().unwrap();
    assert!(audit.status.success() && text(&audit).0.contains(&format!("stock {stock} is right")), "{audit:?}");
    let right = |shown: &str| shown.contains("RIGHT") && shown.contains(&format!("expected {stock} = actual {stock}"));
    screen.wait_until("the verdict on all orders", right);
    screen.press("q");
    assert!(screen.end().0.success());
}
