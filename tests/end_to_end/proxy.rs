//! Proxies in front of the real server: one terminates TLS and may require a client certificate, another also requires
//! an API key, and the third refuses requests. Each has its own runtime, so that a test need not be asynchronous.

use std::{
    collections::HashMap,
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
    HeaderMap, Request, Response,
    body::{Bytes, Incoming},
    service::service_fn,
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::{RootCertStore, ServerConfig, pki_types::CertificateDer, server::WebPkiClientVerifier};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    runtime::Runtime,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

use crate::{authority::Certified, sandbox::EVENT_TIMEOUT};

/// Certificates and protocols of a proxy.
#[derive(Debug, Clone)]
pub struct ProxyOptions {
    pub certificate: Certified,
    /// Issuer of accepted client certificates; `None` if clients need no certificate.
    pub client_ca: Option<CertificateDer<'static>>,
    /// Offered protocols (ALPN).
    pub alpn: &'static [&'static str],
}

/// The protocol that gRPC requires.
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

/// A listening port with its own runtime. Closing it closes every connection.
struct Listener {
    address: SocketAddr,
    serve: Serve,
    runtime: Option<Runtime>,
}

impl Listener {
    fn open(serve: Serve) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("a bound address");
        let mut opened = Self { address, serve, runtime: None };
        opened.accept_on(listener);
        opened
    }

    fn accept_on(&mut self, listener: TcpListener) {
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

    /// Closes the port and all connections before it returns.
    fn close(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // A runtime must not shut down on a thread of another runtime, and a test may run on one.
            let ended = thread::spawn(move || runtime.shutdown_timeout(EVENT_TIMEOUT));
            ended.join().expect("an end");
        }
    }

    fn reopen(&mut self) {
        self.close();
        self.accept_on(TcpListener::bind(self.address).expect("its own port"));
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.close();
    }
}

/// The TLS acceptor of a proxy, with the results of its handshakes.
struct Acceptor {
    config: Mutex<Arc<ServerConfig>>,
    handshakes: AtomicUsize,
    refused: Mutex<Vec<String>>,
    more: Condvar,
}

impl Acceptor {
    fn new(options: &ProxyOptions) -> Self {
        let config = Mutex::new(options.config());
        Self { config, handshakes: AtomicUsize::new(0), refused: Mutex::default(), more: Condvar::new() }
    }

    fn change(&self, options: &ProxyOptions) {
        *self.config.lock().expect("no panic") = options.config();
    }

    async fn accept(&self, stream: TcpStream) -> Option<TlsStream<TcpStream>> {
        let config = Arc::clone(&self.config.lock().expect("no panic"));
        match TlsAcceptor::from(config).accept(stream).await {
            Ok(stream) => {
                self.handshakes.fetch_add(1, Ordering::SeqCst);
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

/// Terminates TLS for a server without TLS. After the handshake it forwards all bytes unchanged.
pub struct TlsProxy {
    listener: Listener,
    acceptor: Arc<Acceptor>,
}

impl TlsProxy {
    /// Starts the proxy for `upstream` (`host:port`) on a free port at 127.0.0.1.
    pub fn start(upstream: &str, options: &ProxyOptions) -> Self {
        let acceptor = Arc::new(Acceptor::new(options));
        let (shared, upstream) = (Arc::clone(&acceptor), upstream.to_owned());
        let serve: Serve = Arc::new(move |stream| {
            let (acceptor, upstream) = (Arc::clone(&shared), upstream.clone());
            let forward = async move {
                let Some(mut stream) = acceptor.accept(stream).await else { return };
                let Ok(mut server) = TcpStream::connect(upstream).await else { return };
                let _either_end_closed = tokio::io::copy_bidirectional(&mut stream, &mut server).await;
            };
            forward.boxed()
        });
        Self { listener: Listener::open(serve), acceptor }
    }

    /// Returns `127.0.0.1:port`.
    pub fn address(&self) -> String {
        self.listener.address.to_string()
    }

    /// Closes every connection and the port.
    pub fn stop(&mut self) {
        self.listener.close();
    }

    /// Closes every connection and listens on the same port again.
    pub fn restart(&mut self) {
        self.listener.reopen();
    }

    /// Changes the options for new connections; open connections remain.
    pub fn change(&self, options: &ProxyOptions) {
        self.acceptor.change(options);
    }

    /// Returns the number of successful handshakes.
    pub fn handshakes(&self) -> usize {
        self.acceptor.handshakes.load(Ordering::SeqCst)
    }

    /// Waits until a handshake fails with this error on the server side, which learns of the error after the client. A
    /// connection that sends nothing counts as failed too.
    #[track_caller]
    pub fn wait_for_refusal(&self, reason: &str) {
        let refused = self.acceptor.refused.lock().expect("no panic");
        let missing = |refused: &mut Vec<String>| !refused.iter().any(|refused| refused.contains(reason));
        let waited = self.acceptor.more.wait_timeout_while(refused, EVENT_TIMEOUT, missing).expect("no panic");
        assert!(!waited.1.timed_out(), "no handshake failed with {reason:?}, but with {:?}", *waited.0);
    }
}

/// Number of requests that a [`HeaderProxy`] received.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Requests {
    pub total: usize,
    /// Requests without an `authorization` header.
    pub without_key: usize,
    /// Requests with another `authorization` header.
    pub with_wrong_key: usize,
}

/// Terminates TLS and HTTP/2 for a server without TLS. Every request must have the API key.
pub struct HeaderProxy {
    listener: Listener,
    key_check: Arc<KeyCheck>,
}

struct KeyCheck {
    acceptor: Acceptor,
    upstream: String,
    key: Mutex<String>,
    forbidden: Vec<String>,
    requests: Mutex<Requests>,
}

impl HeaderProxy {
    /// Starts the proxy as [`TlsProxy::start`] does. A request without `key` gets `UNAUTHENTICATED`. A request with
    /// `key` to a method in `forbidden`, such as `/temporal.api.workflowservice.v1.WorkflowService/DescribeNamespace`,
    /// gets `PERMISSION_DENIED`.
    pub fn start(upstream: &str, options: &ProxyOptions, key: &str, forbidden: &[&str]) -> Self {
        let key_check = Arc::new(KeyCheck {
            acceptor: Acceptor::new(options),
            upstream: upstream.to_owned(),
            key: Mutex::new(key.to_owned()),
            forbidden: forbidden.iter().map(|&path| path.to_owned()).collect(),
            requests: Mutex::default(),
        });
        let shared = Arc::clone(&key_check);
        let serve: Serve = Arc::new(move |stream| Arc::clone(&shared).serve(stream).boxed());
        Self { listener: Listener::open(serve), key_check }
    }

    /// Returns `127.0.0.1:port`.
    pub fn address(&self) -> String {
        self.listener.address.to_string()
    }

    /// Changes the accepted key, starting with the next request.
    pub fn change_key(&self, key: &str) {
        key.clone_into(&mut self.key_check.key.lock().expect("no panic"));
    }

    pub fn requests(&self) -> Requests {
        *self.key_check.requests.lock().expect("no panic")
    }
}

/// An answer of a proxy to a gRPC request that it does not forward.
#[derive(Debug, Clone, Copy)]
pub struct Refusal {
    /// The gRPC status code.
    status: &'static str,
    message: &'static str,
}

impl Refusal {
    pub const PERMISSION_DENIED: Self = Self { status: "7", message: "not for this key" };
    pub const RESOURCE_EXHAUSTED: Self = Self { status: "8", message: "namespace rate limit exceeded" };
    pub const UNIMPLEMENTED: Self = Self { status: "12", message: "unknown method for service" };
    const NO_KEY: Self = Self { status: "16", message: "no key" };
    const UNKNOWN_KEY: Self = Self { status: "16", message: "unknown key" };
}

impl KeyCheck {
    async fn serve(self: Arc<Self>, stream: TcpStream) {
        let Some(stream) = self.acceptor.accept(stream).await else { return };
        let upstream = self.upstream.clone();
        forward(stream, upstream, Arc::new(move |path: &str, headers: &HeaderMap| self.refusal(path, headers))).await;
    }

    fn refusal(&self, path: &str, headers: &HeaderMap) -> Option<Refusal> {
        let wanted = format!("Bearer {}", self.key.lock().expect("no panic"));
        let mut requests = self.requests.lock().expect("no panic");
        requests.total += 1;
        match headers.get("authorization") {
            None => {
                requests.without_key += 1;
                Some(Refusal::NO_KEY)
            }
            Some(brought) if brought.as_bytes() != wanted.as_bytes() => {
                requests.with_wrong_key += 1;
                Some(Refusal::UNKNOWN_KEY)
            }
            Some(_) if self.forbidden.iter().any(|forbidden| forbidden == path) => Some(Refusal::PERMISSION_DENIED),
            Some(_) => None,
        }
    }
}

/// Forwards requests without TLS, and refuses those that a test wants refused.
pub struct RefusingProxy {
    listener: Listener,
    methods: Arc<Mutex<HashMap<String, Method>>>,
}

/// The requests to one method.
#[derive(Default)]
struct Method {
    requests: usize,
    /// The answer to this many further requests.
    refusal: Option<(Refusal, usize)>,
}

impl RefusingProxy {
    /// Starts the proxy for `upstream` (`host:port`) on a free port at 127.0.0.1.
    pub fn start(upstream: &str) -> Self {
        let methods = Arc::new(Mutex::new(HashMap::<String, Method>::new()));
        let (shared, upstream) = (Arc::clone(&methods), upstream.to_owned());
        let serve: Serve = Arc::new(move |stream| {
            let methods = Arc::clone(&shared);
            let refusal = move |path: &str, _: &HeaderMap| {
                let name = path.rsplit('/').next().unwrap_or_default().to_owned();
                let mut methods = methods.lock().expect("no panic");
                let method = methods.entry(name).or_default();
                method.requests += 1;
                let (refusal, left) = method.refusal?;
                method.refusal = left.checked_sub(1).filter(|left| *left > 0).map(|left| (refusal, left));
                Some(refusal)
            };
            forward(stream, upstream.clone(), Arc::new(refusal)).boxed()
        });
        Self { listener: Listener::open(serve), methods }
    }

    /// Returns `127.0.0.1:port`.
    pub fn address(&self) -> String {
        self.listener.address.to_string()
    }

    /// Refuses all requests to these methods, such as `TerminateWorkflowExecution`.
    pub fn refuse(&self, methods: &[&str], refusal: Refusal) {
        for method in methods {
            self.refuse_next(method, usize::MAX, refusal);
        }
    }

    /// Refuses the next requests to a method.
    pub fn refuse_next(&self, method: &str, requests: usize, refusal: Refusal) {
        let mut methods = self.methods.lock().expect("no panic");
        methods.entry(method.to_owned()).or_default().refusal = Some((refusal, requests));
    }

    /// Returns the number of requests to a method, refused or not.
    pub fn requests(&self, method: &str) -> usize {
        self.methods.lock().expect("no panic").get(method).map_or(0, |method| method.requests)
    }
}

type ProxyResponse = Response<Either<Incoming, Empty<Bytes>>>;

/// Forwards the requests of one HTTP/2 connection to a server without TLS. A request that `refusal` answers is not
/// forwarded. Bodies and trailers are unchanged.
async fn forward<S, R>(stream: S, upstream: String, refusal: Arc<R>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    R: Fn(&str, &HeaderMap) -> Option<Refusal> + Send + Sync + 'static,
{
    let Ok(server) = TcpStream::connect(&upstream).await else { return };
    let shaken = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(server)).await;
    let Ok((sender, connection)) = shaken else { return };
    tokio::spawn(connection);
    let service = service_fn(move |mut request: Request<Incoming>| {
        let (refusal, upstream, mut sender) = (Arc::clone(&refusal), upstream.clone(), sender.clone());
        async move {
            let path = request.uri().path();
            if let Some(refusal) = refusal(path, request.headers()) {
                return Ok(refuse(refusal));
            }
            *request.uri_mut() = format!("http://{upstream}{path}").parse().expect("an address and a path");
            Ok::<_, hyper::Error>(sender.send_request(request).await?.map(Either::Left))
        }
    });
    let connection = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
    let _either_end_closed = connection.serve_connection(TokioIo::new(stream), service).await;
}

/// Returns a gRPC response without a message, whose status is in the headers.
fn refuse(Refusal { status, message }: Refusal) -> ProxyResponse {
    Response::builder()
        .header("content-type", "application/grpc")
        .header("grpc-status", status)
        .header("grpc-message", message)
        .body(Either::Right(Empty::new()))
        .expect("headers")
}
