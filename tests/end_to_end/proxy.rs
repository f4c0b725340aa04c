//! Servers that a cluster on one machine does not have: one that speaks TLS and may ask for a client's certificate, and
//! one that asks for an API key as well. Both stand before the real server, and each has a runtime of its own, so that
//! a test need not be asynchronous.

use std::{
    net::{SocketAddr, TcpListener},
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use futures::{FutureExt, future::BoxFuture};
use http_body_util::{Either, Empty};
use hyper::{
    Request, Response,
    body::{Bytes, Incoming},
    client::conn::http2::SendRequest,
    service::service_fn,
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::{RootCertStore, ServerConfig, pki_types::CertificateDer, server::WebPkiClientVerifier};
use tokio::{net::TcpStream, runtime::Runtime};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use crate::{authority::Certified, sandbox::EVENT_TIMEOUT};

/// What a proxy shows and asks for.
#[derive(Debug, Clone)]
pub struct ProxyOptions {
    pub certificate: Certified,
    /// Who must have signed a client's certificate; `None`: a client needs none.
    pub client_ca: Option<CertificateDer<'static>>,
    /// The protocols that it offers (ALPN).
    pub alpn: &'static [&'static str],
}

/// What gRPC needs.
pub const HTTP2: &[&str] = &["h2"];

impl ProxyOptions {
    fn config(&self) -> Arc<ServerConfig> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .expect("versions that the provider has");
        let builder = match &self.client_ca {
            None => builder.with_no_client_auth(),
            Some(authority) => {
                let mut roots = RootCertStore::empty();
                roots.add(authority.clone()).expect("an authority");
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
                builder.with_client_cert_verifier(verifier.build().expect("an authority"))
            }
        };
        let (chain, key) = self.certificate.parts();
        let mut config = builder.with_single_cert(chain, key).expect("a certificate with its key");
        config.alpn_protocols = self.alpn.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        Arc::new(config)
    }
}

type Serve = Arc<dyn Fn(TcpStream) -> BoxFuture<'static, ()> + Send + Sync>;

/// A port with a runtime behind it. Closing it ends every connection.
struct Door {
    address: SocketAddr,
    serve: Serve,
    runtime: Option<Runtime>,
}

impl Door {
    fn open(serve: Serve) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("a bound address");
        let mut door = Self { address, serve, runtime: None };
        door.take(listener);
        door
    }

    fn take(&mut self, listener: TcpListener) {
        listener.set_nonblocking(true).expect("a socket");
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a thread");
        let serve = Arc::clone(&self.serve);
        runtime.spawn(async move {
            let listener = tokio::net::TcpListener::from_std(listener).expect("a runtime");
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream));
            }
        });
        self.runtime = Some(runtime);
    }

    /// Returns when the port is closed.
    fn close(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // A runtime must not wait for its end on the thread of another one, as a test's may be.
            let ended = thread::spawn(move || runtime.shutdown_timeout(EVENT_TIMEOUT));
            ended.join().expect("an end");
        }
    }

    fn reopen(&mut self) {
        self.close();
        self.take(TcpListener::bind(self.address).expect("its own port"));
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.close();
    }
}

/// The TLS side of a proxy.
struct Gate {
    config: Mutex<Arc<ServerConfig>>,
    passed: AtomicUsize,
    refused: Mutex<Vec<String>>,
    more: Condvar,
}

impl Gate {
    fn new(options: &ProxyOptions) -> Self {
        let config = Mutex::new(options.config());
        Self { config, passed: AtomicUsize::new(0), refused: Mutex::default(), more: Condvar::new() }
    }

    fn change(&self, options: &ProxyOptions) {
        *self.config.lock().expect("no panic") = options.config();
    }

    async fn pass(&self, stream: TcpStream) -> Option<TlsStream<TcpStream>> {
        let config = Arc::clone(&self.config.lock().expect("no panic"));
        match TlsAcceptor::from(config).accept(stream).await {
            Ok(stream) => {
                self.passed.fetch_add(1, Ordering::SeqCst);
                Some(stream)
            }
            Err(error) => {
                self.refused.lock().expect("no panic").push(error.to_string());
                self.more.notify_all();
                None
            }
        }
    }
}

/// TLS before a server that speaks none; behind the handshake every byte is passed on as it is.
pub struct TlsProxy {
    door: Door,
    gate: Arc<Gate>,
}

impl TlsProxy {
    /// Stands before `upstream`, which is `host:port`, on a port of its own at 127.0.0.1.
    pub fn start(upstream: &str, options: &ProxyOptions) -> Self {
        let gate = Arc::new(Gate::new(options));
        let (shared, upstream) = (Arc::clone(&gate), upstream.to_owned());
        let serve: Serve = Arc::new(move |stream| {
            let (gate, upstream) = (Arc::clone(&shared), upstream.clone());
            let pass_on = async move {
                let Some(mut stream) = gate.pass(stream).await else { return };
                let Ok(mut server) = TcpStream::connect(upstream).await else { return };
                let _either_end_closed = tokio::io::copy_bidirectional(&mut stream, &mut server).await;
            };
            pass_on.boxed()
        });
        Self { door: Door::open(serve), gate }
    }

    /// `127.0.0.1:port`.
    pub fn address(&self) -> String {
        self.door.address.to_string()
    }

    /// Ends every connection, and takes no more.
    pub fn stop(&mut self) {
        self.door.close();
    }

    /// Ends every connection, and takes new ones on the same port.
    pub fn restart(&mut self) {
        self.door.reopen();
    }

    /// What the next connections see; those that are there stay.
    pub fn change(&self, options: &ProxyOptions) {
        self.gate.change(options);
    }

    /// How many handshakes succeeded.
    pub fn passed(&self) -> usize {
        self.gate.passed.load(Ordering::SeqCst)
    }

    /// Waits for a handshake to fail for this reason, in the words of the server's side: it learns of it after the
    /// client. A connection that said nothing fails too.
    #[track_caller]
    pub fn wait_for_refusal(&self, reason: &str) {
        let refused = self.gate.refused.lock().expect("no panic");
        let missing = |refused: &mut Vec<String>| !refused.iter().any(|refused| refused.contains(reason));
        let waited = self.gate.more.wait_timeout_while(refused, EVENT_TIMEOUT, missing).expect("no panic");
        assert!(!waited.1.timed_out(), "nobody was refused for {reason:?}, but for {:?}", *waited.0);
    }
}

/// What has come through a [`HeaderProxy`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Requests {
    pub total: usize,
    /// Without any `authorization` header.
    pub without_key: usize,
    /// With a header that is not the right one.
    pub with_wrong_key: usize,
}

/// TLS and HTTP/2 before a server that has neither: every request must bring the API key.
pub struct HeaderProxy {
    door: Door,
    keeper: Arc<Keeper>,
}

struct Keeper {
    gate: Gate,
    upstream: String,
    key: Mutex<String>,
    forbidden: Vec<String>,
    requests: Mutex<Requests>,
}

impl HeaderProxy {
    /// As [`TlsProxy::start`]. Whoever does not bring `key` is `UNAUTHENTICATED`; whoever brings it and calls a method of
    /// `forbidden`, such as `/temporal.api.workflowservice.v1.WorkflowService/DescribeNamespace`, is `PERMISSION_DENIED`.
    pub fn start(upstream: &str, options: &ProxyOptions, key: &str, forbidden: &[&str]) -> Self {
        let keeper = Arc::new(Keeper {
            gate: Gate::new(options),
            upstream: upstream.to_owned(),
            key: Mutex::new(key.to_owned()),
            forbidden: forbidden.iter().map(|&path| path.to_owned()).collect(),
            requests: Mutex::default(),
        });
        let shared = Arc::clone(&keeper);
        let serve: Serve = Arc::new(move |stream| Arc::clone(&shared).serve(stream).boxed());
        Self { door: Door::open(serve), keeper }
    }

    /// `127.0.0.1:port`.
    pub fn address(&self) -> String {
        self.door.address.to_string()
    }

    /// The key that counts from the next request on.
    pub fn change_key(&self, key: &str) {
        key.clone_into(&mut self.keeper.key.lock().expect("no panic"));
    }

    pub fn requests(&self) -> Requests {
        *self.keeper.requests.lock().expect("no panic")
    }
}

/// gRPC's numbers.
const PERMISSION_DENIED: &str = "7";
const UNAUTHENTICATED: &str = "16";

type Answer = Response<Either<Incoming, Empty<Bytes>>>;

impl Keeper {
    async fn serve(self: Arc<Self>, stream: TcpStream) {
        let Some(stream) = self.gate.pass(stream).await else { return };
        let Ok(server) = TcpStream::connect(&self.upstream).await else { return };
        let shaken = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(server)).await;
        let Ok((sender, connection)) = shaken else { return };
        tokio::spawn(connection);
        let service = service_fn(move |request| {
            let (keeper, sender) = (Arc::clone(&self), sender.clone());
            async move { keeper.answer(request, sender).await }
        });
        let connection = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
        let _either_end_closed = connection.serve_connection(TokioIo::new(stream), service).await;
    }

    /// Bodies pass as they come, with their trailers.
    async fn answer(
        &self,
        mut request: Request<Incoming>,
        mut sender: SendRequest<Incoming>,
    ) -> Result<Answer, hyper::Error> {
        if let Some((status, message)) = self.refusal(&request) {
            return Ok(refuse(status, message));
        }
        let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
        *request.uri_mut() = format!("http://{}{path}", self.upstream).parse().expect("an address and a path");
        Ok(sender.send_request(request).await?.map(Either::Left))
    }

    fn refusal(&self, request: &Request<Incoming>) -> Option<(&'static str, &'static str)> {
        let wanted = format!("Bearer {}", self.key.lock().expect("no panic"));
        let mut requests = self.requests.lock().expect("no panic");
        requests.total += 1;
        match request.headers().get("authorization") {
            None => {
                requests.without_key += 1;
                Some((UNAUTHENTICATED, "no key"))
            }
            Some(brought) if brought.as_bytes() != wanted.as_bytes() => {
                requests.with_wrong_key += 1;
                Some((UNAUTHENTICATED, "unknown key"))
            }
            Some(_) if self.forbidden.iter().any(|path| path == request.uri().path()) => {
                Some((PERMISSION_DENIED, "not for this key"))
            }
            Some(_) => None,
        }
    }
}

/// A gRPC status without a message before it: all of it is in the headers.
fn refuse(status: &'static str, message: &'static str) -> Answer {
    Response::builder()
        .header("content-type", "application/grpc")
        .header("grpc-status", status)
        .header("grpc-message", message)
        .body(Either::Right(Empty::new()))
        .expect("headers")
}
