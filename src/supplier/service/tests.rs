//! Tests of a real service over real connections. Each rule of the draft is one request.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::oneshot,
    task::{JoinHandle, JoinSet},
    time::timeout,
};

use super::*;
use crate::{
    connections::testing::{self, Reply, TEST_TIMEOUT},
    domain::UnixMillis,
    supplier::api::Problem,
};

const ORDER: &str = r#"{"product":"123456","quantity":1000,"reference":"A12"}"#;
const JSON: (&str, &str) = ("content-type", "application/json");
const HOUR: Duration = Duration::from_hours(1);

struct Server {
    address: SocketAddr,
    /// The service's time, in milliseconds.
    now: Arc<AtomicU64>,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<Result<(), ServiceError>>,
    folder: TempDir,
}

#[derive(Clone, Copy)]
struct Setup {
    require_key: bool,
    key_lifetime: Duration,
    idle_timeout: Duration,
}

const SETUP: Setup = Setup { require_key: false, key_lifetime: HOUR, idle_timeout: LIMITS.idle_timeout };

async fn start_in(folder: TempDir, setup: Setup) -> Server {
    let now = Arc::new(AtomicU64::new(1_000_000));
    let clock = Arc::clone(&now);
    let disk = Disk::open(&folder.path().join("supplier.jsonl")).unwrap();
    let clock = Box::new(move || UnixMillis(clock.load(Ordering::Relaxed)));
    let orders = Orders::open(Box::new(disk), setup.key_lifetime, clock).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let service = Service { orders, require_key: setup.require_key, key_lifetime: setup.key_lifetime };
    let (stop, stopped) = oneshot::channel();
    let stopped = async move {
        let _ = stopped.await;
    };
    let limits = Limits { idle_timeout: setup.idle_timeout, ..LIMITS };
    let task = tokio::spawn(Supplier { listener, address, service }.serve_with(limits, stopped));
    Server { address, now, stop: Some(stop), task, folder }
}

async fn start() -> Server {
    start_in(tempfile::tempdir().unwrap(), SETUP).await
}

impl Server {
    async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Reply {
        testing::ask(self.address, method, path, headers, body).await
    }

    async fn get(&self, path: &str) -> Reply {
        self.ask("GET", path, &[], "").await
    }

    async fn value(&self, path: &str) -> Value {
        let reply = self.get(path).await;
        assert_eq!((reply.status, reply.header("content-type")), (200, Some("application/json")), "{reply:?}");
        serde_json::from_str(&reply.body).unwrap()
    }

    /// Sends an order with these headers besides the content type.
    async fn order(&self, headers: &[(&str, &str)], body: &str) -> Reply {
        self.ask("POST", "/orders", &[&[JSON], headers].concat(), body).await
    }

    async fn keyed(&self, key: &str, body: &str) -> Reply {
        self.order(&[("idempotency-key", key)], body).await
    }

    /// Returns the counters: requests, shipped, replayed and refused.
    async fn counters(&self) -> [u64; 4] {
        let page = self.value("/shipments?limit=0").await;
        ["requests", "shipped", "replayed", "refused"].map(|name| page[name].as_u64().unwrap())
    }

    async fn stop(mut self) -> TempDir {
        drop(self.stop.take());
        timeout(TEST_TIMEOUT, self.task).await.unwrap().unwrap().unwrap();
        self.folder
    }
}

/// Asserts that a reply is a complete problem with this status, and returns it.
#[track_caller]
fn problem(reply: &Reply, status: u16) -> Problem {
    assert_eq!((reply.status, reply.header("content-type")), (status, Some("application/problem+json")), "{reply:?}");
    let problem: Problem = serde_json::from_str(&reply.body).unwrap();
    assert_eq!(problem.status, status, "{reply:?}");
    assert!(!problem.kind.is_empty() && !problem.title.is_empty() && !problem.detail.is_empty(), "{reply:?}");
    problem
}

#[tokio::test]
async fn without_a_key_each_request_ships() {
    let server = start().await;
    for number in 1..=3 {
        let shipped = server.order(&[], ORDER).await;
        let location = format!("/shipments/s-{number}");
        assert_eq!((shipped.status, shipped.header("location")), (201, Some(location.as_str())));
        assert_eq!(shipped.header("idempotency-replayed"), None);
        let at = 1_000_000;
        let expected = json!({ "shipment": format!("S-{number}"), "product": "123456", "quantity": 1000, "reference": "A12", "at": at });
        assert_eq!(serde_json::from_str::<Value>(&shipped.body).unwrap(), expected);
        let resource = server.get(&format!("/shipments/S-{number}")).await;
        assert_eq!((resource.status, &resource.body), (200, &shipped.body));
    }
    let page = server.value("/shipments").await;
    assert_eq!((&page["shipped"], &page["units"], &page["more"]), (&json!(3), &json!(3000), &json!(false)));
    server.stop().await;
}

#[tokio::test]
async fn a_repetition_with_its_key_receives_the_recorded_answer_byte_for_byte() {
    let server = start().await;
    let first = server.keyed("\"supplier:A12\"", ORDER).await;
    assert_eq!((first.status, first.header("idempotency-replayed")), (201, None), "{first:?}");
    server.now.fetch_add(5_000, Ordering::Relaxed);
    // Another notation of the key, or of the JSON, is the same request.
    let other_notation = r#" { "reference":"A12", "quantity":1000,"product":"\u003123456" } "#;
    for (key, body) in [("\"supplier:A12\"", ORDER), ("supplier:A12", ORDER), ("\"supplier:A12\";x=1", other_notation)]
    {
        let again = server.keyed(key, body).await;
        assert_eq!((again.status, again.header("idempotency-replayed")), (201, Some("true")), "{again:?}");
        assert_eq!((&again.body, again.header("location")), (&first.body, first.header("location")));
    }
    assert_eq!(server.counters().await, [4, 1, 3, 0]);
    let folder = server.stop().await;
    let server = start_in(folder, SETUP).await;
    let after_restart = server.keyed("\"supplier:A12\"", ORDER).await;
    assert_eq!((after_restart.header("idempotency-replayed"), &after_restart.body), (Some("true"), &first.body));
    assert_eq!(server.counters().await, [1, 1, 1, 0], "only shipments are counted over a restart");
    assert_eq!(server.keyed("\"supplier:A13\"", ORDER).await.header("location"), Some("/shipments/s-2"));
    server.stop().await;
}

#[tokio::test]
async fn the_same_key_with_another_order_is_refused_with_422() {
    let server = start().await;
    assert_eq!(server.keyed("\"k\"", ORDER).await.status, 201);
    for (from, to) in [("1000", "999"), ("123456", "123457"), ("A12", "A13")] {
        let refused = problem(&server.keyed("\"k\"", &ORDER.replace(from, to)).await, 422);
        assert!(refused.kind == Problem::KEY_CONFLICT && refused.detail.contains("new key"), "{refused:?}");
    }
    assert_eq!(server.keyed("\"k\"", ORDER).await.header("idempotency-replayed"), Some("true"));
    assert_eq!(server.counters().await, [5, 1, 1, 3]);
    server.stop().await;
}

#[tokio::test]
async fn a_missing_or_malformed_key_is_refused_with_400() {
    let server = start_in(tempfile::tempdir().unwrap(), Setup { require_key: true, ..SETUP }).await;
    let missing = problem(&server.order(&[], ORDER).await, 400);
    assert!(missing.kind == Problem::KEY_MISSING && missing.detail.contains("Idempotency-Key: \"KEY\""), "{missing:?}");
    let long = format!("\"{}\"", "k".repeat(256));
    for key in ["", "\"\"", "\"open", "\"a\" b", "a b", "\"a\", \"b\"", &long, "\"\u{e4}\""] {
        let refused = problem(&server.keyed(key, ORDER).await, 400);
        assert_eq!(refused.kind, Problem::KEY_MALFORMED, "{key}: {refused:?}");
    }
    let twice = [("idempotency-key", "\"a\""), ("Idempotency-Key", "\"a\"")];
    assert!(problem(&server.order(&twice, ORDER).await, 400).detail.contains("send one"));
    assert_eq!(server.keyed(&format!("\"{}\"", "k".repeat(255)), ORDER).await.status, 201);
    assert_eq!(server.counters().await, [11, 1, 0, 10]);
    server.stop().await;
}

#[tokio::test]
async fn fifty_requests_at_once_with_one_key_ship_once() {
    let server = start().await;
    let address = server.address;
    let mut requests = JoinSet::new();
    for _ in 0..50 {
        let headers = [JSON, ("idempotency-key", "\"supplier:A12\"")];
        requests.spawn(async move { testing::ask(address, "POST", "/orders", &headers, ORDER).await });
    }
    let (mut first, mut replayed, mut in_flight) = (0, 0, 0);
    for reply in requests.join_all().await {
        match (reply.status, reply.header("idempotency-replayed")) {
            (201, None) => first += 1,
            (201, Some("true")) => replayed += 1,
            (409, None) => {
                in_flight += 1;
                assert_eq!(problem(&reply, 409).kind, Problem::KEY_IN_FLIGHT);
                assert_eq!(reply.header("retry-after"), Some("1"));
            }
            _ => panic!("{reply:?}"),
        }
    }
    assert_eq!((first, replayed + in_flight), (1, 49));
    assert_eq!(server.counters().await, [50, 1, replayed, in_flight]);
    server.stop().await;
}

#[tokio::test]
async fn an_expired_key_ships_again() {
    let server = start_in(tempfile::tempdir().unwrap(), Setup { key_lifetime: Duration::from_secs(2), ..SETUP }).await;
    assert_eq!(server.value("/shipments").await["keyLifetimeSeconds"], 2);
    let shipped = async |replayed, location| {
        let reply = server.keyed("\"k\"", ORDER).await;
        assert_eq!((reply.header("idempotency-replayed"), reply.header("location")), (replayed, Some(location)));
    };
    shipped(None, "/shipments/s-1").await;
    server.now.fetch_add(1_999, Ordering::Relaxed);
    shipped(Some("true"), "/shipments/s-1").await;
    server.now.fetch_add(1, Ordering::Relaxed);
    shipped(None, "/shipments/s-2").await;
    shipped(Some("true"), "/shipments/s-2").await;
    server.now.fetch_add(2_000, Ordering::Relaxed);
    let other = server.keyed("\"k\"", &ORDER.replace("A12", "A13")).await;
    assert_eq!((other.status, other.header("location")), (201, Some("/shipments/s-3")));
    server.stop().await;
}

#[tokio::test]
async fn a_refused_request_uses_up_no_key_and_no_number() {
    let server = start().await;
    let too_deep = format!("{}1{}", "[".repeat(200), "]".repeat(200));
    let huge_number = ORDER.replace("1000", "1e999");
    let escape = ORDER.replace("A12", "A\\u001b[2J");
    for body in [
        "",
        "{",
        "null",
        "[]",
        "7",
        "\u{feff}{}",
        "{}",
        "{\"product\":\"1\"}",
        &too_deep,
        &huge_number,
        &escape,
        r#"["123456",1000,"A12"]"#,
        &ORDER.replace("1000", "0"),
        &ORDER.replace("1000", "-1"),
        &ORDER.replace("1000", "2147483648"),
        &ORDER.replace("1000", "1.5"),
        &ORDER.replace("1000", "\"1000\""),
        &ORDER.replace('}', r#","x":1}"#),
        &ORDER.replace('}', r#","quantity":1}"#),
        &format!("{ORDER}{ORDER}"),
        &ORDER.replace("A12", ""),
        &ORDER.replace("A12", &"A".repeat(129)),
        &ORDER.replace("123456", "\u{e4}"),
    ] {
        let refused = problem(&server.keyed("\"k\"", body).await, 400);
        assert!(
            refused.detail.starts_with("the body is not valid: ") && refused.detail.contains("send JSON"),
            "{body}"
        );
        assert!(!refused.detail.contains('\u{1b}'), "{refused:?}");
    }
    for content_type in ["", "text/plain", "application/x-www-form-urlencoded", "application/jsonx", "application/*"] {
        let headers = [("content-type", content_type), ("idempotency-key", "\"k\"")];
        let refused = server.ask("POST", "/orders", &headers, ORDER).await;
        assert!(problem(&refused, 415).detail.contains("application/json"), "{content_type}");
    }
    let large = format!("{}{ORDER}", " ".repeat(refusal::MAX_BODY_BYTES));
    problem(&server.keyed("\"k\"", &large).await, 413);
    let head = "POST /orders HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\n";
    let chunk = format!("{head}transfer-encoding: chunked\r\n\r\n{:x}\r\n{large}", large.len());
    problem(&testing::send(server.address, chunk.as_bytes()).await, 413);
    let invalid = [head.as_bytes(), b"content-length: 4\r\n\r\n{\"\xff\""].concat();
    problem(&testing::send(server.address, &invalid).await, 400);

    let charset = [("content-type", "Application/JSON; charset=utf-8"), ("idempotency-key", "\"k\"")];
    let shipped = server.ask("POST", "/orders", &charset, ORDER).await;
    assert_eq!((shipped.status, shipped.header("location")), (201, Some("/shipments/s-1")), "{shipped:?}");
    assert_eq!(server.counters().await, [32, 1, 0, 31]);
    server.stop().await;
}

#[tokio::test]
async fn shipments_are_listed_in_pages_and_by_reference() {
    let server = start().await;
    for reference in ["A", "B", "A", "C", "A"] {
        assert_eq!(server.order(&[], &ORDER.replace("A12", reference)).await.status, 201);
    }
    let numbers = |list: &Value| -> Vec<String> {
        list["shipments"].as_array().unwrap().iter().map(|one| one["shipment"].as_str().unwrap().to_owned()).collect()
    };
    for (query, expected, more) in [
        ("", &["S-1", "S-2", "S-3", "S-4", "S-5"][..], false),
        ("?limit=2", &["S-1", "S-2"], true),
        ("?after=2&limit=2", &["S-3", "S-4"], true),
        ("?after=3&limit=2", &["S-4", "S-5"], false),
        ("?after=5", &[], false),
        ("?after=18446744073709551615", &[], false),
        ("?limit=0", &[], true),
    ] {
        let page = server.value(&format!("/shipments{query}")).await;
        assert_eq!(
            (numbers(&page), &page["more"]),
            (expected.iter().map(|one| (*one).to_owned()).collect(), &json!(more))
        );
    }
    assert_eq!(numbers(&server.value("/orders?reference=A").await), ["S-1", "S-3", "S-5"]);
    assert_eq!(server.value("/orders?reference=a").await, json!({ "shipments": [] }));
    for (path, status) in [
        ("/orders", 400),
        ("/orders?reference=", 400),
        ("/orders?reference=%ff", 400),
        ("/orders?reference=A&reference=B", 400),
        ("/orders?refrence=A", 400),
        ("/shipments?after=-1", 400),
        ("/shipments?limit=1001", 400),
        ("/shipments?limit=x", 400),
        ("/shipments?page=1", 400),
        ("/shipments/S-0", 404),
        ("/shipments/S-6", 404),
        ("/shipments/S-01", 404),
        ("/shipments/%ff", 404),
        ("/shipments/", 404),
        ("/orders/", 404),
        ("/x", 404),
    ] {
        problem(&server.get(path).await, status);
    }
    server.stop().await;
}

#[tokio::test]
async fn another_method_is_refused_with_those_that_are_allowed() {
    let server = start().await;
    for (method, path, allowed) in [
        ("PUT", "/orders", &["post", "get"][..]),
        ("DELETE", "/orders", &["post", "get"]),
        ("POST", "/shipments", &["get"]),
        ("POST", "/shipments/S-1", &["get"]),
        ("POST", "/health", &["get"]),
        ("GET", "/outage", &["put"]),
        ("OPTIONS", "/", &["get"]),
    ] {
        let refused = server.ask(method, path, &[], "").await;
        problem(&refused, 405);
        let allow = refused.header("allow").unwrap_or_default();
        assert!(allowed.iter().all(|method| allow.contains(method)) && !allow.contains("delete"), "{path}: {allow}");
    }
    assert_eq!(server.value("/health").await, json!({ "status": "ok", "api": 1 }));
    let description = server.get("/").await;
    assert!(description.body.contains("expires 3600 s after") && description.body.contains("## key-conflict"));
    server.stop().await;
}

#[tokio::test]
async fn an_outage_refuses_the_next_orders() {
    let server = start().await;
    assert_eq!(server.keyed("\"k\"", ORDER).await.status, 201);
    let outage = server.ask("PUT", "/outage", &[JSON], r#"{"requests":2}"#).await;
    assert_eq!((outage.status, outage.body.as_str()), (200, r#"{"requests":2}"#));
    for (body, left) in [(ORDER, 2), ("{", 1)] {
        assert_eq!(server.value("/shipments").await["outage"], left);
        let refused = server.keyed("\"k\"", body).await;
        assert_eq!(refused.header("retry-after"), Some("1"));
        problem(&refused, 503);
    }
    assert_eq!(server.keyed("\"k\"", ORDER).await.header("idempotency-replayed"), Some("true"));
    for requests in [9, 0] {
        let body = format!("{{\"requests\":{requests}}}");
        assert_eq!(server.ask("PUT", "/outage", &[JSON], &body).await.status, 200);
    }
    assert_eq!(server.keyed("\"k\"", ORDER).await.status, 201);
    for body in ["{}", "{\"requests\":-1}", "3"] {
        problem(&server.ask("PUT", "/outage", &[JSON], body).await, 400);
    }
    assert_eq!(server.counters().await, [5, 1, 2, 2]);
    server.stop().await;
}

#[tokio::test]
async fn slow_clients_are_disconnected_and_do_not_block_others() {
    let idle_timeout = Duration::from_millis(400);
    let server = start_in(tempfile::tempdir().unwrap(), Setup { idle_timeout, ..SETUP }).await;
    let begun = Instant::now();
    let mut dripping = TcpStream::connect(server.address).await.unwrap();
    let drip = async {
        // The body never ends.
        let head =
            b"POST /orders HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 60000\r\n\r\n";
        for byte in head.iter().chain(std::iter::repeat(&b' ')) {
            if dripping.write_all(&[*byte]).await.is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let mut silent = Vec::new();
    for _ in 0..LIMITS.connections {
        silent.push(TcpStream::connect(server.address).await.unwrap());
    }
    let one = silent.pop().unwrap();
    let nothing = async {
        let read = { one }.read(&mut [0; 1]).await;
        assert!(matches!(read, Ok(0) | Err(_)), "{read:?}");
    };
    timeout(TEST_TIMEOUT, async { tokio::join!(drip, nothing) }).await.unwrap();
    assert!(begun.elapsed() >= idle_timeout);
    assert_eq!(server.order(&[], ORDER).await.header("location"), Some("/shipments/s-1"));
    server.stop().await;
}

#[tokio::test]
async fn one_process_uses_a_file_and_a_damaged_or_foreign_file_is_refused() {
    let server = start().await;
    for _ in 0..2 {
        assert_eq!(server.order(&[], ORDER).await.status, 201);
    }
    let path = server.folder.path().join("supplier.jsonl");
    let open = |path: &Path| {
        let path = path.to_owned();
        tokio::task::spawn_blocking(move || open_orders(&path, HOUR).map(drop).map_err(|error| error.to_string()))
    };
    let in_use = open(&path).await.unwrap().unwrap_err();
    assert!(in_use.starts_with("another supplier uses ") && in_use.contains("supplier.jsonl"), "{in_use}");
    let folder = server.stop().await;
    let good = fs::read(&path).unwrap();
    let second = good.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    let third = second + good[second..].iter().position(|byte| *byte == b'\n').unwrap() + 1;
    let mut flipped = good.clone();
    flipped[third + 40] ^= 1;
    let missing = [&good[..second], &good[third..]].concat();
    let newer = log::sealed(br#"{"supplier":2}"#);
    for (content, expected) in [
        (&flipped[..], format!("is damaged at byte {third}: its checksum is")),
        (&missing, format!("is damaged at byte {second}: found shipment S-2 instead of S-1")),
        (&newer, "has format 2, and this program reads format 1".to_owned()),
        (b"{\"sum\":\"x", "is not a supplier's file".to_owned()),
        (b"hello\nworld\n", "is not a supplier's file".to_owned()),
        (&vec![b' '; 3 << 20], "is not a supplier's file".to_owned()),
        (&[&good[..], &vec![0; 3 << 20]].concat(), format!("is damaged at byte {}: it has no line feed", good.len())),
    ] {
        fs::write(&path, content).unwrap();
        let refused = open(&path).await.unwrap().unwrap_err();
        assert!(refused.contains(&expected) && refused.contains("nothing was changed"), "{refused}");
        assert_eq!(fs::read(&path).unwrap(), content);
    }
    // Everything after the last line feed is a line that was never acknowledged.
    for torn in 0..good.len() - third {
        fs::write(&path, &good[..third + torn]).unwrap();
        open(&path).await.unwrap().unwrap();
        assert_eq!(fs::read(&path).unwrap(), &good[..third]);
    }
    drop(folder);
}
