//! A proxy in front of the server that counts requests.

use std::{
    net::SocketAddr,
    ops::Range,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use hyper::{Request, body::Incoming, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{
    net::{TcpListener, TcpStream},
    runtime::Runtime,
};

/// What the delays of the machine may take from a period between its first and its last request.
const JITTER: Duration = Duration::from_millis(30);

type Log = Arc<Mutex<Vec<(Instant, String)>>>;

/// Forwards requests without TLS until it is dropped.
pub struct CountingProxy {
    address: SocketAddr,
    log: Log,
    _runtime: Runtime,
}

impl CountingProxy {
    /// Starts the proxy for `upstream` (`host:port`) on a free port.
    pub fn start(upstream: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let (address, log, upstream) = (listener.local_addr().unwrap(), Log::default(), upstream.to_owned());
        let shared = Arc::clone(&log);
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(forward(stream, upstream.clone(), Arc::clone(&shared)));
            }
        });
        Self { address, log, _runtime: runtime }
    }

    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// The requests of a period.
    pub fn requests(&self, period: Range<Instant>) -> Requests {
        let log = self.log.lock().unwrap();
        let requests = log.iter().filter(|(at, _)| period.contains(at)).cloned().collect();
        Requests { requests, period: period.end - period.start }
    }
}

/// The requests of a period, each with its time and its method.
pub struct Requests {
    requests: Vec<(Instant, String)>,
    period: Duration,
}

impl Requests {
    fn times(&self, wanted: impl Fn(&str) -> bool) -> Vec<Instant> {
        self.requests.iter().filter(|(_, method)| wanted(method)).map(|(at, _)| *at).collect()
    }

    /// The mean rate.
    #[expect(clippy::cast_precision_loss, reason = "a few hundred")]
    pub fn per_second(&self, wanted: impl Fn(&str) -> bool) -> f64 {
        self.times(wanted).len() as f64 / self.period.as_secs_f64()
    }

    /// The largest number within any period of this length.
    pub fn most_within(&self, length: Duration, wanted: impl Fn(&str) -> bool) -> usize {
        let times = self.times(wanted);
        let length = length.saturating_sub(JITTER);
        let within = |from: Instant| times.iter().filter(|&at| (from..from + length).contains(at)).count();
        times.iter().map(|from| within(*from)).max().unwrap_or(0)
    }
}

/// Forwards the requests of one HTTP/2 connection.
async fn forward(stream: TcpStream, upstream: String, log: Log) {
    let Ok(server) = TcpStream::connect(&upstream).await else { return };
    let shaken = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(server)).await;
    let Ok((sender, connection)) = shaken else { return };
    tokio::spawn(connection);
    let service = service_fn(move |mut request: Request<Incoming>| {
        let path = request.uri().path().to_owned();
        let method = path.rsplit('/').next().unwrap_or_default().to_owned();
        log.lock().unwrap().push((Instant::now(), method));
        *request.uri_mut() = format!("http://{upstream}{path}").parse().unwrap();
        let mut sender = sender.clone();
        async move { sender.send_request(request).await }
    });
    let connection = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
    let _either_end_closed = connection.serve_connection(TokioIo::new(stream), service).await;
}
