//! The supplier as a process, with clients in other languages, kills and signals.

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    path::Path,
    process::{Child, ChildStdin, Command, ExitStatus, Stdio},
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::{
    sandbox::{EVENT_TIMEOUT, program, skipped, text},
    screen::send,
};

/// A supplier process, which is killed on drop.
struct SupplierProcess {
    child: Child,
    stdin: Option<ChildStdin>,
    address: SocketAddr,
    /// The line that the process has printed.
    line: String,
}

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = program(folder);
    command.args(["supplier", "--listen", "127.0.0.1:0"]).args(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    command
}

impl SupplierProcess {
    fn start(folder: &Path, arguments: &[&str]) -> Self {
        let mut child = command(folder, &[arguments, &["--with-parent"]].concat()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let rest = line.strip_prefix("supplier at http://").unwrap_or_else(|| panic!("{line}"));
        let address = rest.split(',').next().unwrap().parse().unwrap();
        let stdin = child.stdin.take();
        Self { child, stdin, address, line: line.trim_end().to_owned() }
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn wait(&mut self) -> ExitStatus {
        let since = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(since.elapsed() < EVENT_TIMEOUT, "the supplier has not ended");
            thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for SupplierProcess {
    fn drop(&mut self) {
        let _ended_before = self.child.kill();
        let _reaped_before = self.child.wait();
    }
}

/// Sends a request on a connection of its own. Returns the status, the header and the body, or `None` if the server
/// ended meanwhile.
fn ask(address: SocketAddr, request: &str) -> Option<(u16, String, String)> {
    let mut stream = TcpStream::connect_timeout(&address, EVENT_TIMEOUT).ok()?;
    stream.set_read_timeout(Some(EVENT_TIMEOUT)).unwrap();
    stream.write_all(request.as_bytes()).ok()?;
    let mut read = Vec::new();
    stream.read_to_end(&mut read).ok()?;
    let read = String::from_utf8(read).unwrap();
    let (head, body) = read.split_once("\r\n\r\n")?;
    Some((head.split(' ').nth(1)?.parse().unwrap(), head.to_lowercase(), body.to_owned()))
}

fn get(address: SocketAddr, path: &str) -> Value {
    let (status, _, body) =
        ask(address, &format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")).unwrap();
    assert_eq!(status, 200, "{body}");
    serde_json::from_str(&body).unwrap()
}

fn order_head(key: &str, length: usize) -> String {
    format!(
        "POST /orders HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\n\
         idempotency-key: \"{key}\"\r\ncontent-length: {length}\r\n\r\n"
    )
}

fn order(key: &str) -> String {
    let body = json!({ "product": "123456", "quantity": 1000, "reference": key }).to_string();
    order_head(key, body.len()) + &body
}

fn all_shipments(address: SocketAddr) -> Vec<Value> {
    let mut shipments = Vec::new();
    loop {
        let page = get(address, &format!("/shipments?limit=1000&after={}", shipments.len()));
        shipments.extend(page["shipments"].as_array().unwrap().iter().cloned());
        if page["more"] == false {
            assert_eq!(page["shipped"], shipments.len());
            return shipments;
        }
    }
}

#[test]
fn curl_orders_once_per_key() {
    let folder = tempfile::tempdir().unwrap();
    let supplier = SupplierProcess::start(folder.path(), &[]);
    let url = supplier.url() + "/orders";
    let curl = |key: &str, quantity: u32| {
        let body = format!(r#"{{"product":"123456","quantity":{quantity},"reference":"A12"}}"#);
        let key = format!("Idempotency-Key: {key}");
        let mut curl = Command::new("curl");
        curl.args(["-sSi", "--noproxy", "*", &url, "-H", "Content-Type: application/json", "-H", &key, "-d", &body]);
        curl.output().map(|output| text(&output))
    };
    let Ok((first, problem)) = curl("\"supplier:A12\"", 1000) else {
        skipped("curl does not run");
        return;
    };
    let (first_head, first_body) = first.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{first}{problem}"));
    assert!(first_head.starts_with("HTTP/1.1 201 Created\r\n") && first_head.contains("/shipments/S-1"), "{first}");
    let (again, _) = curl("supplier:A12", 1000).unwrap();
    let (again_head, again_body) = again.split_once("\r\n\r\n").unwrap();
    assert!(again_head.contains("idempotency-replayed: true") && again_body == first_body, "{again}");
    let (conflict, _) = curl("\"supplier:A12\"", 999).unwrap();
    assert!(conflict.starts_with("HTTP/1.1 422 ") && conflict.contains("application/problem+json"), "{conflict}");
    // curl's own content type is that of a form.
    let output = Command::new("curl").args(["-sS", "--noproxy", "*", &url, "-d", "{}"]).output().unwrap();
    let refused: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(refused["status"], 415);
}

#[test]
fn a_client_in_python_orders_once_per_key() {
    let folder = tempfile::tempdir().unwrap();
    let supplier = SupplierProcess::start(folder.path(), &[]);
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/end_to_end/python/supplier.py");
    let mut python = Command::new("python3");
    python.args([script, &supplier.url()]).env("PYTHONDONTWRITEBYTECODE", "1").env("no_proxy", "*");
    let Ok(output) = python.output() else {
        skipped("python3 does not run");
        return;
    };
    let (printed, problem) = text(&output);
    let answers: Value = serde_json::from_str(&printed).unwrap_or_else(|_| panic!("{printed}{problem}"));
    let statuses: Vec<_> = answers.as_array().unwrap().iter().map(|answer| answer[0].as_u64().unwrap()).collect();
    assert_eq!(statuses, [201, 201, 422, 201, 200]);
    assert_eq!((&answers[1][1]["idempotency-replayed"], &answers[1][2]), (&json!("true"), &answers[0][2]));
    assert_eq!(answers[2][1]["content-type"], "application/problem+json");
    let of_reference: Value = serde_json::from_str(answers[4][2].as_str().unwrap()).unwrap();
    assert_eq!(of_reference["shipments"].as_array().unwrap().len(), 2, "one with the key, and one without");
}

/// What clients have received: the body of the 201 answers to each key.
type Received = BTreeMap<String, BTreeSet<String>>;

/// What the clients and the test share.
struct Load {
    address: Mutex<SocketAddr>,
    /// Number of 201 answers.
    answers: AtomicUsize,
    is_over: AtomicBool,
}

/// Sends orders until the end, each until it is answered with 201.
fn order_until_over(load: &Load, client: usize) -> Received {
    let mut received = Received::new();
    for number in 0.. {
        // Two clients send each key, and one of them sends it twice.
        let key = format!("K{}-{number}", client / 2);
        for _ in 0..=client % 2 {
            loop {
                if load.is_over.load(Ordering::Relaxed) {
                    return received;
                }
                let address = *load.address.lock().unwrap();
                match ask(address, &order(&key)) {
                    Some((201, _, body)) => {
                        received.entry(key.clone()).or_default().insert(body);
                        load.answers.fetch_add(1, Ordering::Relaxed);
                        break;
                    }
                    Some((409, ..)) | None => thread::sleep(Duration::from_millis(1)),
                    Some(other) => panic!("{key}: {other:?}"),
                }
            }
        }
    }
    received
}

/// Kills the supplier at random while clients order, and judges their answers by its list of shipments.
/// `IDEMPOTENCE_KILLS` sets the number of kills.
#[test]
fn a_killed_supplier_loses_no_answer_and_ships_no_key_twice() {
    const CLIENTS: usize = 6;
    let kills = env::var("IDEMPOTENCE_KILLS").map_or(12, |kills| kills.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let mut supplier = SupplierProcess::start(folder.path(), &[]);
    let load =
        Load { address: Mutex::new(supplier.address), answers: AtomicUsize::new(0), is_over: AtomicBool::new(false) };
    let received = thread::scope(|scope| {
        let load = &load;
        let clients: Vec<_> = (0..CLIENTS).map(|client| scope.spawn(move || order_until_over(load, client))).collect();
        for _ in 0..kills {
            let (before, since) = (load.answers.load(Ordering::Relaxed), Instant::now());
            thread::sleep(Duration::from_millis(rand::random_range(0..100)));
            while load.answers.load(Ordering::Relaxed) == before && since.elapsed() < EVENT_TIMEOUT {
                thread::sleep(Duration::from_millis(1));
            }
            supplier.kill();
            supplier = SupplierProcess::start(folder.path(), &[]);
            *load.address.lock().unwrap() = supplier.address;
        }
        load.is_over.store(true, Ordering::Relaxed);
        let mut all = Received::new();
        for (key, bodies) in clients.into_iter().flat_map(|client| client.join().unwrap()) {
            all.entry(key).or_default().extend(bodies);
        }
        all
    });
    let shipments = all_shipments(supplier.address);
    let mut by_key = BTreeMap::new();
    for (number, shipment) in (1..).zip(&shipments) {
        assert_eq!(shipment["shipment"], format!("S-{number}"));
        let key = shipment["key"].as_str().unwrap().to_owned();
        assert!(by_key.insert(key, shipment).is_none(), "shipped twice: {shipment}");
    }
    for (key, bodies) in &received {
        assert_eq!(bodies.len(), 1, "{key} received different answers: {bodies:?}");
        let body: Value = serde_json::from_str(bodies.first().unwrap()).unwrap();
        assert_eq!(by_key.get(key), Some(&&body), "{key} is lost");
    }
    let answers = load.answers.into_inner();
    println!("{kills} kills: {} keys, {answers} answers, {} shipments", received.len(), shipments.len());
    assert!(answers >= kills, "{answers} answers in {kills} kills");
}

#[test]
fn it_ends_with_its_parent_and_completes_open_requests() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("other/shipments.jsonl");
    let arguments = ["--file", file.to_str().unwrap(), "--key-lifetime", "2s", "--require-key"];
    let mut supplier = SupplierProcess::start(folder.path(), &arguments);
    let (url, shown) = (supplier.url(), file.display());
    assert_eq!(supplier.line, format!("supplier at {url}, 0 shipments in {shown}, keys expire after 2 s"));
    let body = r#"{"product":"123456","quantity":1000,"reference":"A12"}"#;
    let (first, rest) = body.split_at(20);
    let mut open = TcpStream::connect(supplier.address).unwrap();
    open.write_all((order_head("k", body.len()) + first).as_bytes()).unwrap();
    let since = Instant::now();
    while get(supplier.address, "/shipments")["requests"] != 1 {
        assert!(since.elapsed() < EVENT_TIMEOUT);
    }
    send(Signal::TERM, supplier.child.id());
    // The listener is closed before the rest arrives.
    while TcpStream::connect(supplier.address).is_ok() {
        assert!(since.elapsed() < EVENT_TIMEOUT);
    }
    open.write_all(rest.as_bytes()).unwrap();
    let mut answer = String::new();
    open.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
    assert_eq!(supplier.wait().code(), Some(0));

    let mut supplier = SupplierProcess::start(folder.path(), &arguments);
    assert!(supplier.line.contains(", 1 shipment in "), "{}", supplier.line);
    let output = command(folder.path(), &arguments).stderr(Stdio::piped()).output().unwrap();
    let (printed, problem) = text(&output);
    assert_eq!((output.status.code(), printed.as_str()), (Some(1), ""));
    assert!(problem.contains(&format!("another supplier uses {shown}; stop it")), "{problem}");
    drop(supplier.stdin.take());
    assert_eq!(supplier.wait().code(), Some(0));
}

#[test]
fn its_file_is_beside_the_database_and_a_wrong_option_is_explained() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("data/stock.json");
    let supplier = SupplierProcess::start(folder.path(), &["--database", database.to_str().unwrap()]);
    assert!(folder.path().join("data/supplier.jsonl").exists(), "{}", supplier.line);
    let run = |arguments: &[&str]| {
        let mut command = program(folder.path());
        let output = command.arg("supplier").args(arguments).stdin(Stdio::null()).output().unwrap();
        (output.status.code(), text(&output).1)
    };
    let occupied = supplier.address.to_string();
    for (arguments, code, expected) in [
        (&["--listen", "nowhere"][..], 2, "it has no valid port"),
        (&["--listen", "name.invalid:1"], 2, "--listen name.invalid:1: "),
        (&["--key-lifetime", "0s"], 2, "give a time above 0"),
        (&["--listen", &occupied, "--file", "x.jsonl"], 1, "choose another address with --listen"),
        (&["--listen", "127.0.0.1:0", "--file", "/dev/null"], 1, "choose another"),
    ] {
        let (found, problem) = run(arguments);
        assert!(found == Some(code) && problem.contains(expected), "{arguments:?}: {found:?} {problem}");
    }
}

#[test]
fn a_listener_for_other_machines_is_announced_as_insecure() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = program(folder.path());
    command.args(["supplier", "--listen", "0.0.0.0:0", "--with-parent"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    stdout.read_line(&mut line).unwrap();
    assert!(line.starts_with("supplier at http://0.0.0.0:"), "{line}");
    drop(child.stdin.take());
    let output = child.wait_with_output().unwrap();
    let (_, problem) = text(&output);
    assert!(output.status.success() && problem.contains("INSECURE"), "{problem}");
}
