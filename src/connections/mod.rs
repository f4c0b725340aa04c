//! HTTP servers with limits: on connections, their idle time, bodies, and the time to stop.
//!
//! `axum::serve` does not expose the header timeout of its HTTP library, so this layer below it has a timeout. The
//! timeout covers the header, the body, the client's reading of the response, and the pause between two requests.

#[cfg(test)]
pub mod testing;

use std::{
    future::{Future, IntoFuture as _},
    io::{self, IoSlice},
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    Router,
    body::{Bytes, HttpBody as _},
    extract::{FromRequest as _, Request, connect_info::Connected},
    http::StatusCode,
    serve::{IncomingStream, Listener},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, oneshot},
    time::{Instant, Sleep, sleep},
};

/// Limits of a server.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Maximum number of concurrent connections; further clients wait until one ends.
    pub connections: usize,
    /// Maximum time between two responses on a connection before it is closed.
    pub idle_timeout: Duration,
    /// Maximum time to finish open requests when the server stops.
    pub stop_timeout: Duration,
}

/// Address of the client of a connection, for handlers with `ConnectInfo`.
#[derive(Debug, Clone, Copy)]
pub struct Client(pub SocketAddr);

impl Connected<IncomingStream<'_, Connections>> for Client {
    fn connect_info(stream: IncomingStream<'_, Connections>) -> Self {
        Self(*stream.remote_addr())
    }
}

/// Answers requests until `stop` resolves. The server then accepts no more requests and finishes the open ones within
/// the limit.
///
/// # Errors
/// Returns the operating system's error if the listener fails.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    limits: Limits,
    stop: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let (stopping, stop_began) = oneshot::channel();
    let stop = async move {
        stop.await;
        // The receiver has been dropped if the server stopped by itself.
        let _ = stopping.send(());
    };
    let stop_timeout = async {
        if stop_began.await.is_err() {
            std::future::pending::<()>().await;
        }
        sleep(limits.stop_timeout).await;
    };
    let service = router.into_make_service_with_connect_info::<Client>();
    let serving = axum::serve(Connections::new(listener, limits), service);
    tokio::select! {
        ended = serving.with_graceful_shutdown(stop).into_future() => ended,
        () = stop_timeout => Ok(()),
    }
}

/// Why a body cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyError {
    /// It is larger than the maximum.
    TooLarge,
    /// The client did not send all of it.
    Incomplete,
}

/// Reads the body of a request on a router with `DefaultBodyLimit::max(max_bytes)`. A body whose declared length is
/// larger is not read at all.
///
/// # Errors
/// Returns [`BodyError`] if the body is too large or incomplete.
pub async fn read_body(request: Request, max_bytes: usize) -> Result<Bytes, BodyError> {
    if request.body().size_hint().lower() > max_bytes as u64 {
        return Err(BodyError::TooLarge);
    }
    Bytes::from_request(request, &()).await.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => BodyError::TooLarge,
        _ => BodyError::Incomplete,
    })
}

/// Accepts connections.
struct Connections {
    listener: TcpListener,
    permits: Arc<Semaphore>,
    idle_timeout: Duration,
}

impl Connections {
    /// Accepts connections from `listener`. If nothing is written to a connection for the idle timeout, the connection
    /// fails.
    fn new(listener: TcpListener, limits: Limits) -> Self {
        let permits = Arc::new(Semaphore::new(limits.connections));
        Self { listener, permits, idle_timeout: limits.idle_timeout }
    }
}

impl Listener for Connections {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        // The semaphore is never closed. If it were, connections would be unlimited.
        let permit = Arc::clone(&self.permits).acquire_owned().await.ok();
        let (stream, address) = Listener::accept(&mut self.listener).await;
        let connection = Connection {
            stream,
            deadline: Box::pin(sleep(self.idle_timeout)),
            idle_timeout: self.idle_timeout,
            _permit: permit,
        };
        (connection, address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A connection that fails if nothing is written to it for the idle timeout. Received bytes do not extend the deadline,
/// so that a client that sends one byte at a time cannot keep its connection.
struct Connection {
    stream: TcpStream,
    deadline: Pin<Box<Sleep>>,
    idle_timeout: Duration,
    _permit: Option<OwnedSemaphorePermit>,
}

impl Connection {
    fn check_deadline(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        match self.deadline.as_mut().poll(context) {
            Poll::Ready(()) => Err(io::ErrorKind::TimedOut.into()),
            Poll::Pending => Ok(()),
        }
    }

    /// Extends the deadline after a successful write.
    fn after_write(&mut self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if matches!(written, Poll::Ready(Ok(_))) {
            let deadline = Instant::now() + self.idle_timeout;
            self.deadline.as_mut().reset(deadline);
        }
        written
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check_deadline(context)?;
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.check_deadline(context)?;
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.after_write(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.check_deadline(context)?;
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, parts);
        self.after_write(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
