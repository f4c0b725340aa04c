//! Kills three workers and the MySQL server at random while orders run, and checks the tables with SQL after each round.
//! It runs for ten minutes, or for the given number of seconds; a seed repeats the sequence of kills:
//! `TESTS_KILL_SECONDS=60 TESTS_SEED=7 cargo test --test end_to_end -- --ignored --nocapture mysql_kill_loop`

use std::{
    fs::{self, File},
    path::PathBuf,
    process::{Child, Stdio},
    time::{Duration, Instant},
};

use idempotence::{
    domain::RunEnd,
    store::{Location, Verdict},
};
use tokio::{
    task::{JoinSet, block_in_place},
    time::{sleep, timeout},
};

use crate::{
    kill_loop::{number, random},
    mysql_server::Server,
    sandbox::{Sandbox, applied, offline, order},
    sql_checks::violations,
};

const WORKERS: usize = 3;

/// One in this many kills hits the MySQL server, on average.
const SERVER_KILLS: u64 = 4;

/// Maximum pause between two kills, and maximum time for which the MySQL server is down, in milliseconds.
const MAX_PAUSE_MILLIS: u64 = 400;

/// Maximum time until the orders of a round have ended after its last kill.
const SETTLE_TIMEOUT: Duration = Duration::from_mins(3);

/// Three workers, which are replaced when they are killed.
struct Workers<'a> {
    sandbox: &'a Sandbox,
    settings: Vec<(&'static str, String)>,
    running: Vec<Worker>,
    started: u32,
    kills: u32,
}

struct Worker {
    child: Child,
    output: PathBuf,
}

impl<'a> Workers<'a> {
    fn start(sandbox: &'a Sandbox, settings: Vec<(&'static str, String)>) -> Self {
        let mut workers = Self { sandbox, settings, running: Vec::new(), started: 0, kills: 0 };
        workers.running = (0..WORKERS).map(|_| workers.worker()).collect();
        workers
    }

    fn worker(&mut self) -> Worker {
        self.started += 1;
        let output = self.sandbox.folder.path().join(format!("worker-{}", self.started));
        let mut command = self.sandbox.command("worker");
        command.arg("--with-parent").envs(self.settings.iter().map(|(name, value)| (name, value)));
        let log = File::create(&output).unwrap();
        let child = command.stdin(Stdio::piped()).stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap();
        Worker { child, output }
    }

    fn kill(&mut self, index: usize) {
        self.running[index].child.kill().unwrap();
        self.running[index].child.wait().unwrap();
        self.running[index] = self.worker();
        self.kills += 1;
    }

    /// Starts the workers again that ended because the MySQL server was down when they started. A worker that has begun to
    /// poll must not end by itself.
    fn restart_ended(&mut self) {
        for index in 0..WORKERS {
            let Worker { child, output } = &mut self.running[index];
            if let Some(status) = child.try_wait().unwrap() {
                let output = fs::read_to_string(output).unwrap();
                assert!(!output.lines().any(|line| line.contains("is polling")), "ended with {status}: {output}");
                self.running[index] = self.worker();
            }
        }
    }
}

impl Drop for Workers<'_> {
    fn drop(&mut self) {
        for Worker { child, .. } in &mut self.running {
            let _ended_before = child.kill();
            let _reaped_before = child.wait();
        }
    }
}

/// Waits until all orders have ended, and returns their ids. Each must have been applied.
async fn settle(mut orders: JoinSet<(String, RunEnd)>, workers: &mut Workers<'_>, round: &str) -> Vec<String> {
    let since = Instant::now();
    let mut ended = Vec::new();
    while !orders.is_empty() {
        assert!(since.elapsed() < SETTLE_TIMEOUT, "{round}: {} orders have not ended", orders.len());
        workers.restart_ended();
        if let Ok(Some(order)) = timeout(Duration::from_secs(1), orders.join_next()).await {
            let (id, end) = order.unwrap();
            assert_eq!(end, applied(), "{round}: order {id}");
            ended.push(id);
        }
    }
    ended
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes ten minutes: kills workers and the MySQL server at random"]
async fn mysql_kill_loop() {
    let (false, Some(server)) = (offline(), Server::start()) else { return };
    let limit = Duration::from_secs(number("TESTS_KILL_SECONDS", 600));
    let seed = number("TESTS_SEED", u64::from(std::process::id()));
    println!("seed {seed}");
    let mut sequence = seed.wrapping_mul(2).wrapping_add(1);
    let mut random = |bound| random(&mut sequence, bound);
    let (sandbox, database, settings) = crate::mysql::sandbox(&server);
    let link = sandbox.link().await;
    let mut workers = Workers::start(&sandbox, settings);
    let (mut acknowledged, mut rounds, mut server_kills) = (Vec::new(), 0, 0);
    let since = Instant::now();
    while since.elapsed() < limit {
        rounds += 1;
        let mut orders = JoinSet::<(String, RunEnd)>::new();
        for kill in 0..=random(9) {
            for index in 0..=random(5) {
                let id = format!("K{rounds}-{kill}-{index}");
                let input = order(&id, 1, "after-commit=20%error;before-commit=20%error");
                let (_, watch) = sandbox.start(&link, &id, input).await;
                orders.spawn(async move { (id, watch.end_despite_errors().await) });
            }
            sleep(Duration::from_millis(random(MAX_PAUSE_MILLIS))).await;
            let victim = usize::try_from(random(WORKERS as u64)).unwrap();
            if random(SERVER_KILLS) == 0 {
                server_kills += 1;
                block_in_place(|| server.kill());
                if random(2) == 0 {
                    workers.kill(victim);
                }
                sleep(Duration::from_millis(random(MAX_PAUSE_MILLIS))).await;
                block_in_place(|| server.run());
            } else {
                workers.kill(victim);
            }
            workers.restart_ended();
        }
        acknowledged.extend(settle(orders, &mut workers, &format!("seed {seed}, round {rounds}")).await);
        let found = block_in_place(|| violations(&server, &database.name, &acknowledged));
        println!(
            "round {rounds} after {} s: {} orders, {} kills of workers, {server_kills} of the MySQL server, {} violations",
            since.elapsed().as_secs(),
            acknowledged.len(),
            workers.kills,
            found.len()
        );
        assert!(found.is_empty(), "seed {seed}, round {rounds}: {found:#?}");
    }
    drop(workers);
    let found = block_in_place(|| Location::MySql(Box::new(database)).examine(&|_| {})).unwrap().unwrap();
    assert_eq!(found.verdict(), Verdict::Right, "seed {seed}: {}", found.audit.sentence());
}
