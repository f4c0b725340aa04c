//! Orders whose units another company ships: the program's own supplier as a real process, and hostile suppliers. The
//! judge is `idempotence audit`, which compares shipments and credits.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, ChildStdin, Command, Stdio},
    thread,
    time::Duration,
};

use idempotence::{
    domain::{KeyPolicy, RunEnd, Supply},
    faults::Point,
    store::{Fact, Phase},
    temporal::{Demo, OrderInput},
};
use serde_json::Value;

use crate::{
    sandbox::{PROGRAM, Sandbox, WorkerProcess, applied, free_port, offline, order},
    screen::{Screen, dashboard},
};

/// A supplier process, which is killed on drop.
pub struct SupplierProcess {
    child: Child,
    _stdin: Option<ChildStdin>,
    pub url: String,
}

impl SupplierProcess {
    pub fn start(file: &Path, port: u16, flags: &[&str]) -> Self {
        let mut child = Command::new(PROGRAM)
            .args(["supplier", "--with-parent", "--listen", &format!("127.0.0.1:{port}"), "--file"])
            .arg(file)
            .args(flags)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(child.stdout.take().unwrap()), &mut line).unwrap();
        let url = line.strip_prefix("supplier at ").and_then(|rest| rest.split_once(',')).unwrap().0.to_owned();
        let stdin = child.stdin.take();
        Self { child, _stdin: stdin, url }
    }

    pub fn port(&self) -> u16 {
        self.url.rsplit(':').next().unwrap().parse().unwrap()
    }

    /// Sends a request with a JSON body, as another program does, and returns the answer.
    pub fn request(&self, what: &str, headers: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port())).unwrap();
        write!(
            stream,
            "{what} HTTP/1.1\r\nHost: s\r\nContent-Type: application/json\r\n{headers}\
             Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for SupplierProcess {
    fn drop(&mut self) {
        let _ended_before = self.child.kill();
        let _reaped_before = self.child.wait();
    }
}

/// A sandbox with a supplier and a worker that uses it.
pub struct Supplied {
    pub sandbox: Sandbox,
    pub supplier: SupplierProcess,
    _worker: WorkerProcess,
}

impl Supplied {
    pub fn new(flags: &[&str]) -> Self {
        let sandbox = Sandbox::new();
        let supplier = SupplierProcess::start(&sandbox.folder.path().join("supplier.jsonl"), 0, flags);
        let worker = sandbox.worker_with(&[("SUPPLIER_URL", &supplier.url)]);
        Self { sandbox, supplier, _worker: worker }
    }

    /// Sends an order for 999 units, so that units are ordered from the supplier.
    pub async fn place(&self, policy: KeyPolicy, faults: &str) -> RunEnd {
        let link = self.sandbox.link().await;
        self.sandbox.place(&link, with(policy, faults)).await
    }

    /// Another client orders 7 units under the key of A12.
    pub fn use_key_of_a12(&self) {
        let body = r#"{"product":"123456","quantity":7,"reference":"A12"}"#;
        let answer = self.supplier.request("POST /orders", "Idempotency-Key: \"supplier:A12\"\r\n", body);
        assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    }

    /// Starts another worker after this fact, with which the first one dies.
    pub async fn next_worker_after(&self, is_last: impl Fn(&Fact) -> bool) -> WorkerProcess {
        while !self.sandbox.records().iter().any(|record| is_last(&record.fact)) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.sandbox.worker_with(&[("SUPPLIER_URL", &self.supplier.url)])
    }

    /// The audit's verdict on the supplier, its shipments and the credits.
    pub fn audit(&self) -> (String, u64, u64) {
        let audit = audit(&self.sandbox, &self.supplier.url);
        let count = |part: &str| audit["supplier"][part]["count"].as_u64().unwrap();
        (audit["supplier"]["verdict"].as_str().unwrap().to_owned(), count("shipped"), count("credited"))
    }
}

pub fn with(policy: KeyPolicy, faults: &str) -> OrderInput {
    let order = order("A12", 999, faults);
    let demo = order.demo.clone().map(|demo| Demo { supplier: Some(Supply::Shipped(policy)), ..demo });
    OrderInput { demo, ..order }
}

pub fn audit(sandbox: &Sandbox, supplier: &str) -> Value {
    let mut command = crate::sandbox::program(sandbox.folder.path());
    command.args(["audit", "--json", "--supplier", supplier, "--database"]).arg(&sandbox.database);
    let output = command.output().unwrap();
    let audit: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    let all_right = audit["verdict"] == "right" && audit["supplier"]["verdict"] == "right";
    assert_eq!(output.status.success(), all_right, "{audit}");
    audit
}

pub fn judged(verdict: &str, shipped: u64, credited: u64) -> (String, u64, u64) {
    (verdict.to_owned(), shipped, credited)
}

#[tokio::test(flavor = "multi_thread")]
async fn each_fault_under_each_policy_ships_as_often_as_the_policy_promises() {
    if offline() {
        return;
    }
    for (fault, shipments_without_key) in [
        ("none", 1),
        ("supplier.before-send=1*error", 1),
        ("supplier.after-send=1*error", 2),
        ("supplier.after-send=1*crash", 2),
        ("supplier.before-commit=1*error", 2),
        ("supplier.after-commit=1*error", 1),
        ("supplier.after-send=2*error;supplier.before-commit=3*error", 4),
        ("supplier.after-send=1*delay(50)", 1),
    ] {
        for policy in [KeyPolicy::Header, KeyPolicy::Lookup, KeyPolicy::None] {
            let mut supplied = Supplied::new(&[]);
            let crash = fault.contains("crash");
            let place = supplied.place(policy, fault);
            let end = if crash {
                // The worker dies with the first attempt; another one takes over.
                let crashed = |fact: &Fact| matches!(fact, Fact::Attempt(event) if matches!(event.phase, Phase::Fault { point: Point::AfterSend, .. }));
                let next = supplied.next_worker_after(crashed);
                let (end, _worker) = tokio::join!(place, next);
                end
            } else {
                place.await
            };
            assert_eq!(end, applied(), "{fault}, {policy}");
            let shipments = if policy == KeyPolicy::None { shipments_without_key } else { 1 };
            let expected = judged(if shipments == 1 { "right" } else { "wrong" }, shipments, 1);
            assert_eq!(supplied.audit(), expected, "{fault}, {policy}");
            supplied.sandbox.assert_right(1001);
            supplied.supplier.kill();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_attempt_ships_again_unless_its_key_travels() {
    if offline() {
        return;
    }
    for (policy, shipments) in [(KeyPolicy::Header, 1), (KeyPolicy::Lookup, 2), (KeyPolicy::None, 2)] {
        let supplied = Supplied::new(&[]);
        // The first attempt looks the order up, sleeps past its timeout, and sends it while the order has ended.
        assert_eq!(supplied.place(policy, "supplier.before-send=1*hang").await, applied());
        let late = |fact: &Fact| {
            let Fact::Attempt(event) = fact else { return false };
            event.origin.attempt.number() == 1 && matches!(event.phase, Phase::Shipped { .. })
        };
        let shipped = supplied.sandbox.wait_for("the late attempt's answer", late);
        let Fact::Attempt(event) = shipped.fact else { panic!("{shipped:?}") };
        assert!(matches!(event.phase, Phase::Shipped { replayed, .. } if replayed == (policy == KeyPolicy::Header)));
        let expected = judged(if shipments == 1 { "right" } else { "wrong" }, shipments, 1);
        assert_eq!(supplied.audit(), expected, "{policy}");
        supplied.sandbox.assert_right(1001);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_key_ships_again() {
    if offline() {
        return;
    }
    let supplied = Supplied::new(&["--key-lifetime", "50ms"]);
    assert_eq!(supplied.place(KeyPolicy::Header, "supplier.after-send=1*error").await, applied());
    assert_eq!(supplied.audit(), judged("wrong", 2, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_supplier_that_was_killed_is_waited_for() {
    if offline() {
        return;
    }
    let mut supplied = Supplied::new(&[]);
    let (port, file) = (supplied.supplier.port(), supplied.sandbox.folder.path().join("supplier.jsonl"));
    supplied.supplier.kill();
    let link = supplied.sandbox.link().await;
    let order = with(KeyPolicy::Header, "none");
    let place = supplied.sandbox.place(&link, order);
    let restart = async {
        let failed = |fact: &Fact| matches!(fact, Fact::Attempt(event) if matches!(&event.phase, Phase::Failed { code, .. } if code == "SupplierUnreachable"));
        let sandbox = &supplied.sandbox;
        let failure = tokio::task::block_in_place(|| sandbox.wait_for("the failed attempt", failed));
        let Fact::Attempt(event) = failure.fact else { panic!("{failure:?}") };
        let Phase::Failed { message, .. } = event.phase else { panic!("{event:?}") };
        assert!(message.contains("start it with: idempotence supplier"), "{message}");
        SupplierProcess::start(&file, port, &[])
    };
    let (end, _again) = tokio::join!(place, restart);
    assert_eq!((end, supplied.audit()), (applied(), judged("right", 1, 1)));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_delays_an_order_and_ships_nothing_twice() {
    if offline() {
        return;
    }
    for policy in [KeyPolicy::Header, KeyPolicy::Lookup, KeyPolicy::None] {
        let supplied = Supplied::new(&[]);
        let answer = supplied.supplier.request("PUT /outage", "", r#"{"requests":2}"#);
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert_eq!(supplied.place(policy, "none").await, applied(), "{policy}");
        let refused = supplied.sandbox.records().into_iter().filter(
            |record| matches!(&record.fact, Fact::Attempt(event) if matches!(&event.phase, Phase::Failed { code, .. } if code == "SupplierUnavailable")),
        );
        assert_eq!((refused.count(), supplied.audit()), (2, judged("right", 1, 1)), "{policy}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_order_under_the_same_key_is_not_retried() {
    if offline() {
        return;
    }
    let supplied = Supplied::new(&[]);
    supplied.use_key_of_a12();
    let end = supplied.place(KeyPolicy::Header, "none").await;
    let RunEnd::Failed { message, .. } = &end else { panic!("{end:?}") };
    assert!(message.contains("knows this key with another order"), "{message}");
    assert_eq!(supplied.audit(), judged("right", 0, 0), "the shipment is another client's");
    let audit = audit(&supplied.sandbox, &supplied.supplier.url);
    assert_eq!(audit["supplier"]["others"], serde_json::json!({ "count": 1, "units": 7 }));
    let attempts =
        supplied.sandbox.records().into_iter().filter(
            |record| matches!(&record.fact, Fact::Attempt(event) if matches!(event.phase, Phase::Failed { .. })),
        );
    assert_eq!(attempts.count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shipment_of_another_client_is_not_taken_for_ours() {
    if offline() {
        return;
    }
    let supplied = Supplied::new(&[]);
    let body = r#"{"product":"123456","quantity":7,"reference":"A12"}"#;
    let answer = supplied.supplier.request("POST /orders", "", body);
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    assert_eq!(supplied.place(KeyPolicy::Lookup, "supplier.after-send=1*error").await, applied());
    assert_eq!(supplied.audit(), judged("right", 1, 1));
    supplied.sandbox.assert_right(1001);
}

/// Listens as a supplier that answers each connection with `answer`, once the request's header has arrived.
fn hostile(answer: impl Fn(&mut TcpStream, usize) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for (number, stream) in listener.incoming().enumerate() {
            let Ok(mut stream) = stream else { return };
            let (mut request, mut byte) = (Vec::new(), [0]);
            while !request.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|read| read == 1) {
                request.push(byte[0]);
            }
            // Bytes that are not read would reset the connection before the client has read the answer.
            let header = String::from_utf8_lossy(&request).to_ascii_lowercase();
            let length = header.split_once("content-length: ").and_then(|(_, rest)| rest.lines().next()?.parse().ok());
            let _gone = stream.read_exact(&mut vec![0; length.unwrap_or(0)]);
            answer(&mut stream, number);
        }
    });
    url
}

/// What another company's service accepts at last, in its own form.
fn accept(stream: &mut TcpStream) {
    let body = r#"{"id":4711}"#;
    let _gone = write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len());
}

type Answer = fn(&mut TcpStream);

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_of_any_kind_leaves_an_order_that_ends_right() {
    if offline() {
        return;
    }
    let cases: [(&str, Answer); 7] = [
        ("SupplierUnavailable", |stream| {
            let _gone = write!(stream, "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        }),
        ("SupplierInFlight", |stream| {
            let _gone = write!(stream, "HTTP/1.1 409 Conflict\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        }),
        ("SupplierFailed", |stream| {
            let _gone = write!(stream, "HTTP/1.1 500 Oops\r\nContent-Length: 4\r\nConnection: close\r\n\r\noops");
        }),
        ("SupplierUnreadable", |stream| {
            let _gone = write!(stream, "HTTP/1.1 307 Go\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n");
        }),
        ("SupplierNoAnswer", |stream| drop(stream.shutdown(std::net::Shutdown::Both))),
        ("SupplierNoAnswer", |stream| {
            // The answer never ends.
            let _gone = write!(stream, "HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n");
            while write!(stream, "10000\r\n{}\r\n", "x".repeat(0x10000)).is_ok() {}
        }),
        ("SupplierNoAnswer", |stream| {
            // The answer never begins. The connection closes when the client has given up.
            let _closed = stream.read(&mut [0; 4096]);
            let _closed = stream.read(&mut [0; 4096]);
        }),
    ];
    for (code, answer) in cases {
        let url = hostile(move |stream, number| if number == 0 { answer(stream) } else { accept(stream) });
        let sandbox = Sandbox::new();
        let _worker = sandbox.worker_with(&[("SUPPLIER_URL", &url)]);
        let link = sandbox.link().await;
        assert_eq!(sandbox.place(&link, with(KeyPolicy::Header, "none")).await, applied(), "{code}");
        let codes: Vec<_> = sandbox
            .records()
            .into_iter()
            .filter_map(|record| match record.fact {
                Fact::Attempt(event) => match event.phase {
                    Phase::Failed { code, retryable: true, .. } => Some(code),
                    _ => None,
                },
                _ => None,
            })
            .collect();
        assert_eq!(codes, [code]);
        sandbox.assert_right(1001);
        let credited = |fact: &Fact| matches!(fact, Fact::Supplier(commit) if commit.shipment.as_ref().is_some_and(|id| id.as_str() == "4711"));
        assert!(sandbox.records().iter().any(|record| credited(&record.fact)), "{code}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_supplier_nothing_is_sent_and_nothing_changes() {
    if offline() {
        return;
    }
    let sandbox = Sandbox::new();
    let _worker = sandbox.worker();
    let link = sandbox.link().await;
    assert_eq!(sandbox.place(&link, with(KeyPolicy::Header, "none")).await, applied());
    let journal = std::fs::read_to_string(sandbox.database.with_extension("json.journal")).unwrap();
    assert!(!journal.contains("shipment"), "{journal}");
    sandbox.assert_right(1001);
}

#[test]
fn a_reset_leaves_the_shipments_of_a_supplier_that_another_program_started_and_says_so() {
    if offline() {
        return;
    }
    let sandbox = Sandbox::new();
    // The demo order has one workflow id on a server, so this test uses its own server.
    let server = format!("127.0.0.1:{}", free_port());
    let supplier = SupplierProcess::start(&sandbox.folder.path().join("other.jsonl"), 0, &[]);
    let mut command = dashboard(&sandbox, &server);
    command.env("SUPPLIER_URL", &supplier.url);
    let mut screen = Screen::run(command, 80, 24);
    screen.wait_for("worker ● ready");
    screen.press("s");
    screen.wait_for("supplier:  RIGHT  shipped 1, credited 1");
    screen.wait_for("completed");
    screen.press("R");
    screen.wait_for("Reset the stock");
    screen.press("y");
    screen.wait_for("stock reset, but the supplier keeps its shipment: reset both or neither");
    screen.wait_for("supplier:  WRONG  shipped before the reset: 1");
    screen.press("q");
    assert!(screen.end().0.success());
}

/// The ids of the processes that are suppliers at this port.
fn suppliers_at(port: u16) -> Vec<u32> {
    let address = format!("127.0.0.1:{port}");
    let is_one = |id: &u32| {
        let arguments = std::fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
        let arguments: Vec<_> = arguments.split(|byte| *byte == 0).collect();
        arguments.contains(&&b"supplier"[..]) && arguments.contains(&address.as_bytes())
    };
    let names = std::fs::read_dir("/proc").unwrap().filter_map(|entry| entry.unwrap().file_name().into_string().ok());
    names.filter_map(|name| name.parse().ok()).filter(is_one).collect()
}

#[test]
fn a_supplier_that_another_program_kills_is_started_again_and_one_that_the_user_kills_is_not() {
    if offline() {
        return;
    }
    let (sandbox, port) = (Sandbox::new(), free_port());
    // The demo order has one workflow id on a server, so this test uses its own server.
    let server = format!("127.0.0.1:{}", free_port());
    let mut command = dashboard(&sandbox, &server);
    command.env("SUPPLIER_URL", format!("http://127.0.0.1:{port}"));
    let mut screen = Screen::run(command, 120, 40);
    screen.wait_for("worker ● ready");
    screen.wait_for("shipped 0, credited 0");
    screen.press("K");
    screen.wait_for("supplier:  DOWN ");
    screen.press("s");
    // The first retry takes longer than a restart.
    let retries = |shown: &str| {
        let line = shown.lines().find_map(|line| line.split_once("retries: update ")?.1.split_once("  supplier "));
        line.and_then(|(_, rest)| rest.split(' ').next()?.parse::<u32>().ok()).unwrap_or_default()
    };
    screen.wait_until("a retry of the supplier order", |shown| retries(shown) > 0);
    assert!(suppliers_at(port).is_empty());
    screen.press("K");
    screen.wait_for("supplier:  RIGHT  shipped 1, credited 1");
    let [before] = suppliers_at(port)[..] else { panic!() };
    crate::screen::send(rustix::process::Signal::KILL, before);
    screen.wait_for("the supplier ended: killed (SIGKILL); it is started again");
    screen.wait_until("another process", |_| suppliers_at(port).iter().any(|id| *id != before));
    screen.wait_for("supplier:  RIGHT  shipped 1, credited 1");
    screen.press("q");
    assert!(screen.end().0.success());
    assert!(suppliers_at(port).is_empty());
}

#[test]
fn doctor_checks_the_supplier_of_the_settings() {
    let folder = tempfile::tempdir().unwrap();
    let supplier = SupplierProcess::start(&folder.path().join("supplier.jsonl"), 0, &[]);
    let free = format!("http://127.0.0.1:{}", free_port());
    for (url, state, says, mend) in [
        (supplier.url.as_str(), "right", "shipments 0, keys known for 86400 s; policy none: each retry", None),
        (&free, "skipped", "the dashboard starts its own supplier there", None),
        ("https://127.0.0.1:1", "wrong", "is not reachable", Some("idempotence supplier")),
    ] {
        let mut command = crate::sandbox::program(folder.path());
        command.args(["doctor", "--json", "--supplier", url, "--supplier-key", "none", "--address", "127.0.0.1:1"]);
        let output = command.output().unwrap();
        let doctor: Value = serde_json::from_slice(&output.stdout).unwrap();
        let check = doctor["checks"].as_array().unwrap().iter().find(|check| check["check"] == "supplier").unwrap();
        assert_eq!((&check["state"], check["mend"].as_str()), (&state.into(), mend), "{check}");
        assert!(check["says"].as_str().unwrap().contains(says), "{check}");
    }
}

#[test]
fn the_dashboard_starts_its_supplier_and_compares_shipments_with_credits() {
    if offline() {
        return;
    }
    let sandbox = Sandbox::new();
    // The demo order has one workflow id on a server, so this test uses its own server.
    let server = format!("127.0.0.1:{}", free_port());
    let mut command = dashboard(&sandbox, &server);
    command.env("SUPPLIER_URL", format!("http://127.0.0.1:{}", free_port()));
    let mut screen = Screen::run(command, 80, 24);
    screen.wait_for("worker ● ready");
    screen.wait_for("shipped 0, credited 0");
    screen.press("s");
    let shown = screen.wait_for("shipped 1, credited 1");
    assert!(shown.contains("supplier:  RIGHT "), "{shown}");
    screen.press("K");
    screen.wait_for("supplier:  DOWN ");
    // After another key, this K is certainly not taken for a repetition of a held one.
    screen.press("gK");
    screen.wait_for("supplier:  RIGHT  shipped 1, credited 1");
    screen.press("q");
    assert!(screen.end().0.success());
    assert!(sandbox.folder.path().join("supplier.jsonl").exists(), "it is beside the database");
}
