//! Tests of a real server over real connections.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use secrecy::SecretString;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::oneshot,
    task::JoinHandle,
    time::timeout,
};

use super::*;
use crate::{
    connections::testing::{self, Reply, TEST_TIMEOUT},
    encryption::{Key, KeyRing, sample_key},
};

const PAGE: &str = "http://localhost:8233";
const PLAIN: &str = r#"{"payloads":[{"metadata":{"encoding":"anNvbi9wbGFpbg=="},"data":"InNlY3JldCI="}]}"#;

struct Server {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<Result<(), CodecServerError>>,
}

fn options(token: Option<&str>) -> CodecServerOptions {
    let local = SocketAddr::from(([127, 0, 0, 1], 0));
    CodecServerOptions::new(local, [PAGE], token.map(SecretString::from)).unwrap()
}

fn codec(active: &str, key: Key) -> Codec {
    let keys = [(active.parse().unwrap(), key)].into();
    Codec::new(Arc::new(KeyRing::new(active, keys).unwrap()), false)
}

async fn start(token: Option<&str>, idle_timeout: Duration) -> Server {
    let options = options(token);
    let listener = bind(&options).await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let stopped = async move {
        let _ = stopped.await;
    };
    let codec = codec("test-key-id", sample_key());
    let task = tokio::spawn(serve_with(listener, options, codec, stopped, idle_timeout));
    Server { address, stop: Some(stop), task }
}

fn error(reply: &Reply) -> String {
    let body: Value = serde_json::from_str(&reply.body).unwrap();
    body["error"].as_str().unwrap().to_owned()
}

impl Server {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    async fn send(&self, text: &str) -> Reply {
        testing::send(self.address, text.as_bytes()).await
    }

    async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Reply {
        testing::ask(self.address, method, path, headers, body).await
    }

    async fn post(&self, path: &str, body: &str) -> Reply {
        self.ask("POST", path, &[], body).await
    }

    async fn end(mut self) {
        drop(self.stop.take());
        timeout(TEST_TIMEOUT, self.task).await.unwrap().unwrap().unwrap();
    }
}

#[tokio::test]
async fn encoded_payloads_are_decoded_below_any_path() {
    let server = start(None, IDLE_TIMEOUT).await;
    for path in ["", "/", "/default", "/a/b%20c"] {
        let sealed = server.post(&format!("{}/encode", path.trim_end_matches('/')), PLAIN).await;
        assert_eq!((sealed.status, sealed.header("content-type")), (200, Some("application/json")));
        assert!(!sealed.body.contains("InNlY3JldCI="), "{sealed:?}");
        let opened = server.post(&format!("{path}/decode?x=1"), &sealed.body).await;
        assert_eq!((opened.status, opened.body.as_str()), (200, PLAIN));
        assert_eq!(opened.header("cache-control"), Some("no-store"));
    }
    let none = server.post("/decode", r#"{"payloads":[]}"#).await;
    assert_eq!((none.status, none.body.contains("error")), (200, false));
    server.end().await;
}

#[tokio::test]
async fn an_invalid_request_is_refused_with_a_message_without_content() {
    let server = start(None, IDLE_TIMEOUT).await;
    let get = server.ask("GET", "/decode", &[], "").await;
    assert_eq!((get.status, get.header("allow")), (405, Some("post, options")));
    let download = server.post("/default/download?preserveStorageRefs=true", PLAIN).await;
    assert_eq!(download.status, 400);
    assert!(error(&download).contains("no external storage"), "{download:?}");
    for (path, status) in [("/", 404), ("/decoder", 404), ("/decode/", 404), ("/decode/x", 404), ("/x/decode", 400)] {
        assert_eq!(server.post(path, "secret").await.status, status, "{path}");
    }
    for body in ["", "secret", "{\"payloads\":[{\"data\":\"secret!\"}]}", "{\"secret\":1}"] {
        let refused = server.post("/decode", body).await;
        assert_eq!(refused.status, 400, "{body}");
        assert!(!refused.body.contains("secret") && error(&refused).contains("send"), "{refused:?}");
    }
    server.end().await;
}

#[tokio::test]
async fn a_missing_key_is_named_and_nothing_is_decoded() {
    let server = start(None, IDLE_TIMEOUT).await;
    let other = codec("other", Key::from_bytes(&[1; 32]));
    let sealed =
        crate::temporal::codec_json(&other, crate::temporal::CodecDirection::Encode, PLAIN.as_bytes()).unwrap();
    let sealed: Value = serde_json::from_slice(&sealed.body).unwrap();
    let plain: Value = serde_json::from_str(PLAIN).unwrap();
    let both = json!({ "payloads": [plain["payloads"][0], sealed["payloads"][0]] });
    let refused = server.post("/decode", &both.to_string()).await;
    assert_eq!(refused.status, 400);
    assert!(error(&refused).starts_with("payload 2: ") && error(&refused).contains("\"other\""), "{refused:?}");
    assert!(!refused.body.contains("InNlY3JldCI=") && !refused.body.contains("secret"), "{refused:?}");
    server.end().await;
}

#[tokio::test]
async fn a_body_of_more_than_4_mib_is_refused_before_it_is_read() {
    let server = start(None, IDLE_TIMEOUT).await;
    let head = "POST /decode HTTP/1.1\r\nhost: x\r\nconnection: close\r\n";
    let declared = server.send(&format!("{head}content-length: {}\r\n\r\n", http::MAX_BODY_BYTES + 1)).await;
    assert_eq!(declared.status, 413);
    assert!(error(&declared).contains("4 MiB"), "{declared:?}");
    // A chunked body does not declare its length. This chunk ends one byte over the limit.
    let part = http::MAX_BODY_BYTES + 1;
    let chunked =
        server.send(&format!("{head}transfer-encoding: chunked\r\n\r\n{part:x}\r\n{}", "x".repeat(part))).await;
    assert_eq!(chunked.status, 413);
    let filled = format!(r#"{{"payloads":[{{"data":"{}"}}]}}"#, "A".repeat(http::MAX_BODY_BYTES - 100));
    assert_eq!(server.post("/decode", &filled).await.status, 200);
    server.end().await;
}

#[tokio::test]
async fn only_allowed_pages_may_use_the_server() {
    let server = start(Some("s3cret"), IDLE_TIMEOUT).await;
    let asks = [
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "authorization,authorization-extras,content-type,x-namespace"),
    ];
    let preflight = server.ask("OPTIONS", "/decode", &[&[("origin", PAGE)], &asks[..]].concat(), "").await;
    assert_eq!(preflight.status, 200);
    assert_eq!(preflight.header("access-control-allow-origin"), Some(PAGE));
    assert_eq!(preflight.header("access-control-allow-credentials"), Some("true"));
    assert_eq!(preflight.header("access-control-allow-methods"), Some("post,options"));
    let headers = preflight.header("access-control-allow-headers");
    assert_eq!(headers, Some("authorization,authorization-extras,content-type,x-namespace"));
    assert!(!preflight.head.contains('*') && preflight.header("vary").is_some_and(|vary| vary.contains("origin")));

    let token = ("authorization", "Bearer s3cret");
    let allowed = server.ask("POST", "/encode", &[("origin", PAGE), token], PLAIN).await;
    assert_eq!((allowed.status, allowed.header("access-control-allow-origin")), (200, Some(PAGE)));
    // A page must be able to read the error about the missing token.
    let refused = server.ask("POST", "/encode", &[("origin", PAGE)], PLAIN).await;
    assert_eq!((refused.status, refused.header("access-control-allow-origin")), (401, Some(PAGE)));

    for origin in ["http://localhost:8234", "https://localhost:8233", "http://evil.example", "null", ""] {
        for method in ["POST", "OPTIONS"] {
            let refused = server.ask(method, "/decode", &[("origin", origin), token], PLAIN).await;
            assert_eq!((refused.status, refused.header("access-control-allow-origin")), (403, None), "{origin}");
            assert!(error(&refused).contains(&format!("--ui-origin {origin}")), "{refused:?}");
        }
    }
    let two = [("origin", PAGE), ("origin", "http://evil.example"), token];
    assert_eq!(server.ask("POST", "/decode", &two, PLAIN).await.status, 403);
    server.end().await;
}

#[tokio::test]
async fn every_request_needs_the_token() {
    let server = start(Some("s3cret"), IDLE_TIMEOUT).await;
    for headers in [&[][..], &[("authorization", "Bearer s3cres")], &[("authorization", "Basic s3cret")]] {
        let refused = server.ask("POST", "/decode", headers, PLAIN).await;
        assert_eq!((refused.status, refused.header("www-authenticate")), (401, Some("bearer realm=\"codec server\"")));
        assert!(!refused.body.contains("s3cre"), "{refused:?}");
    }
    let known = server.ask("POST", "/decode", &[("authorization", "bearer s3cret")], PLAIN).await;
    assert_eq!((known.status, known.body.as_str()), (200, PLAIN));
    server.end().await;
}

#[tokio::test]
async fn a_connection_without_a_complete_request_is_closed_after_the_timeout() {
    let idle_timeout = Duration::from_millis(400);
    let server = start(None, idle_timeout).await;
    let begun = Instant::now();
    let mut silent = server.connect().await;
    let mut dripping = server.connect().await;
    let drip = async {
        let text = b"POST /decode HTTP/1.1\r\nhost: x\r\nx-long: ";
        for byte in text.iter().chain(std::iter::repeat(&b'x')) {
            if dripping.write_all(&[*byte]).await.is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let nothing = async {
        let read = silent.read(&mut [0; 1]).await;
        assert!(matches!(read, Ok(0) | Err(_)), "{read:?}");
    };
    timeout(TEST_TIMEOUT, async { tokio::join!(drip, nothing) }).await.unwrap();
    assert!(begun.elapsed() >= idle_timeout);
    assert_eq!(server.post("/encode", PLAIN).await.status, 200);
    server.end().await;
}

#[tokio::test]
async fn idle_connections_do_not_block_others() {
    let server = start(None, Duration::from_millis(400)).await;
    let mut idle = Vec::new();
    for _ in 0..100 {
        idle.push(server.connect().await);
    }
    assert_eq!(server.post("/encode", PLAIN).await.status, 200);
    server.end().await;
}

#[tokio::test]
async fn a_stop_closes_idle_connections_and_does_not_wait_for_hanging_ones() {
    let server = start(None, IDLE_TIMEOUT).await;
    let mut hanging = server.connect().await;
    hanging.write_all(b"POST /decode HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n{").await.unwrap();
    let _idle = server.connect().await;
    assert_eq!(server.post("/encode", PLAIN).await.status, 200);
    let begun = Instant::now();
    server.end().await;
    assert!(begun.elapsed() < IDLE_TIMEOUT / 2);
}

#[tokio::test]
async fn a_listener_that_other_machines_can_reach_is_refused_without_a_token() {
    let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
    let codec = codec("test-key-id", sample_key());
    let refused = serve(listener, options(None), codec, std::future::pending()).await;
    assert!(matches!(refused, Err(CodecServerError::TokenRequired { .. })));
    let occupied = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let options = CodecServerOptions::new(occupied.local_addr().unwrap(), [PAGE], None).unwrap();
    assert!(matches!(bind(&options).await, Err(CodecServerError::Bind { .. })));
}
