//! Kills four workers and a server at random while orders run, and then checks the files without the program's audit.
//! Run it by hand with a number of kills, and with a seed to repeat a run: `TESTS_KILLS=1000 TESTS_SEED=7
//! cargo test --test end_to_end -- --ignored --nocapture kill_loop::`

use idempotence::domain::{RunEnd, WorkflowId};
use std::{
    collections::HashMap,
    env, fs,
    io::{BufRead, BufReader},
    net::TcpStream,
    path::Path,
    process::{Child, Stdio},
    time::{Duration, Instant},
};

use idempotence::temporal::{CallRetries, Endpoint, Link, StartRequest, start};
use serde_json::Value;
use tokio::{task::JoinSet, time::sleep};

use crate::sandbox::{EVENT_TIMEOUT, Sandbox, free_port, offline, order, program};

const WORKERS: usize = 4;

/// One in this many kills hits the server, on average.
const SERVER_KILLS: u64 = 25;

/// Maximum time until all orders have ended after the last kill.
const SETTLE_TIMEOUT: Duration = Duration::from_mins(3);

/// Starts a process that ends with this one, because it watches its standard input.
fn spawn(sandbox: &Sandbox, address: &str, arguments: &[&str]) -> Child {
    let mut command = program(sandbox.folder.path());
    command.args(arguments).args(["--with-parent", "--address", address]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
}

fn worker(sandbox: &Sandbox, address: &str) -> Child {
    spawn(
        sandbox,
        address,
        &["worker", "--task-queue", &sandbox.queue, "--database", sandbox.database.to_str().unwrap()],
    )
}

fn server(sandbox: &Sandbox, address: &str) -> Child {
    let mut child = spawn(sandbox, address, &["server"]);
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.starts_with("Temporal at "), "{line}");
    child
}

fn kill(child: &mut Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

/// Returns a pseudo-random number below `bound`; the same start of `state` gives the same sequence.
pub fn random(state: &mut u64, bound: u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state % bound
}

pub fn number(name: &str, default: u64) -> u64 {
    env::var(name).ok().map_or(default, |value| value.parse().unwrap())
}

/// Returns the violations that the text of the files alone shows.
fn violations(database: &Path, completed: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    let journal = fs::read_to_string(format!("{}.journal", database.display())).unwrap();
    let document: Value = serde_json::from_slice(&fs::read(database).unwrap()).unwrap();
    let (mut stock, mut applied) = (0, HashMap::<String, u32>::new());
    for (index, line) in journal.lines().enumerate() {
        let line: Value = serde_json::from_str(line).unwrap();
        if line["seq"] != index as u64 + 1 {
            found.push(format!("line {} has the number {}", index + 1, line["seq"]));
        }
        match line["kind"].as_str().unwrap() {
            "init" => stock = line["stock"].as_i64().unwrap(),
            "order" | "supplier" => {
                stock += line["delta"].as_i64().unwrap();
                *applied.entry(line["key"].as_str().unwrap().to_owned()).or_default() += 1;
            }
            _ => {}
        }
    }
    found.extend(applied.iter().filter(|(_, times)| **times > 1).map(|(key, times)| format!("{key}: {times} times")));
    let lost = completed.iter().filter(|id| !applied.contains_key(&format!("order:{id}")));
    found.extend(lost.map(|id| format!("order:{id}: acknowledged and lost")));
    if document["inStock"] != stock {
        found.push(format!("the document has {}, the effects give {stock}", document["inStock"]));
    }
    found
}

async fn place(link: Link, queue: String, id: String) -> (String, RunEnd) {
    let plan = "after-commit=20%error;before-commit=20%error";
    let request = || StartRequest {
        workflow: WorkflowId::of_order(&id).into(),
        task_queue: queue.clone(),
        input: order(&id, 1, plan),
    };
    loop {
        // The start fails while the server is down.
        match start(&link, request()).await {
            Ok((_, watch)) => return (id, watch.end_despite_errors().await),
            Err(_) => sleep(Duration::from_millis(100)).await,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes: kills processes at random"]
async fn kill_loop() {
    if offline() {
        return;
    }
    let (kills, seed) = (number("TESTS_KILLS", 200), number("TESTS_SEED", u64::from(std::process::id())));
    println!("seed {seed}");
    let mut sequence = seed.wrapping_mul(2).wrapping_add(1);
    let sandbox = Sandbox::new();
    let address = format!("127.0.0.1:{}", free_port());
    let mut server_process = server(&sandbox, &address);
    let mut workers: Vec<Child> = (0..WORKERS).map(|_| worker(&sandbox, &address)).collect();
    let link = Link::connect(&Endpoint::plain(&address, "default", "kill-loop"), CallRetries::Sdk).await.unwrap();
    let (mut orders, mut restarts) = (JoinSet::new(), 0);
    for round in 0..kills {
        for index in 0..=random(&mut sequence, 3) {
            orders.spawn(place(link.clone(), sandbox.queue.clone(), format!("K{round}-{index}")));
        }
        sleep(Duration::from_millis(random(&mut sequence, 400))).await;
        if random(&mut sequence, SERVER_KILLS) == 0 {
            kill(&mut server_process);
            // The server ends with its supervisor, which watches the pipe from the killed process.
            let since = Instant::now();
            while TcpStream::connect(&address).is_ok() {
                assert!(since.elapsed() < EVENT_TIMEOUT, "the server outlives its parent");
                sleep(Duration::from_millis(20)).await;
            }
            server_process = server(&sandbox, &address);
            restarts += 1;
        } else {
            let index = usize::try_from(random(&mut sequence, WORKERS as u64)).unwrap();
            kill(&mut workers[index]);
            workers[index] = worker(&sandbox, &address);
        }
    }
    let placed = orders.len();
    let ended = tokio::time::timeout(SETTLE_TIMEOUT, orders.join_all()).await.expect("every order ends");
    let is_completed = |end: &RunEnd| matches!(end, RunEnd::Completed { .. });
    let completed: Vec<_> = ended.into_iter().filter(|(_, end)| is_completed(end)).map(|(id, _)| id).collect();
    workers.iter_mut().for_each(kill);
    kill(&mut server_process);
    // The next open publishes the changes that a killed worker left unpublished.
    drop(idempotence::store::StoreHandle::open(&sandbox.database).unwrap());
    let violations = violations(&sandbox.database, &completed);
    println!(
        "seed {seed}: {kills} kills, {restarts} of the server; {placed} orders, {} completed; {} violations",
        completed.len(),
        violations.len()
    );
    assert!(violations.is_empty(), "seed {seed}: {violations:#?}");
}

#[test]
fn the_checks_of_the_kill_loop_find_each_violation() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("inventory.json");
    let line = |seq: u64, rest: &str| format!("{{\"seq\":{seq},{rest}}}\n");
    let order = r#""kind":"order","key":"order:A","delta":-10"#;
    let journal = [line(1, r#""kind":"init","stock":1000"#), line(2, order), line(4, order)].concat();
    fs::write(folder.path().join("inventory.json.journal"), journal).unwrap();
    fs::write(&database, r#"{"inStock":990}"#).unwrap();
    let found = violations(&database, &["A".to_owned(), "B".to_owned()]);
    let expected = [
        "line 3 has the number 4",
        "order:A: 2 times",
        "order:B: acknowledged and lost",
        "the document has 990, the effects give 980",
    ];
    assert_eq!(found, expected);
}
