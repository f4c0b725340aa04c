//! A codec server: decrypts payloads for Temporal's pages and commands, which never have the keys themselves.
//!
//! | file | role |
//! | --- | --- |
//! | `options` | where to listen, which pages may ask, and the token |
//! | `connection` | connections that come to an end, and not too many of them |
//! | `http` | requests and answers |
//!
//! Whoever may ask this server can read everything, so: it listens on this computer only unless there is a token, it
//! answers no page but those that were named, and neither its log nor an error holds anything of a payload. It speaks
//! plain HTTP; put a proxy with TLS in front of one that is asked from elsewhere.

mod connection;
mod http;
mod options;
#[cfg(test)]
mod tests;

use std::{
    future::{Future, IntoFuture as _},
    io,
    net::SocketAddr,
    time::Duration,
};

use tokio::{net::TcpListener, sync::oneshot};

use crate::temporal::Codec;

use self::connection::Connections;
pub use self::options::{CodecServerOptions, OptionsError, resolve_listen};

/// How long one answer may follow another on a connection, before it is closed.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a stop leaves requests that are under way.
const GRACE: Duration = Duration::from_secs(2);

/// Why a codec server does not run.
#[derive(Debug, thiserror::Error)]
pub enum CodecServerError {
    /// The address is taken, or not of this computer.
    #[error("the codec server cannot listen at {address}: {error}; name another address, or stop what listens there")]
    Bind {
        /// Where.
        address: SocketAddr,
        /// What the operating system said.
        error: io::Error,
    },
    /// A listener that others reach, without a token.
    #[error("the codec server listens at {address}, which other computers reach, so it needs a token; set one")]
    Open {
        /// Where it listens.
        address: SocketAddr,
    },
    /// The listener does not work.
    #[error("the codec server stopped: {0}; start it again")]
    Stopped(io::Error),
}

/// Listens where the options say. Port 0 takes a free one.
///
/// # Errors
/// [`CodecServerError::Bind`].
pub async fn bind(options: &CodecServerOptions) -> Result<TcpListener, CodecServerError> {
    let address = options.listen();
    TcpListener::bind(address).await.map_err(|error| CodecServerError::Bind { address, error })
}

/// Answers `POST /encode` and `POST /decode`, also below any path, until `stop` resolves; then it takes no more and
/// finishes what it has begun (2 s at most).
///
/// # Errors
/// [`CodecServerError::Open`], [`CodecServerError::Stopped`].
pub async fn serve(
    listener: TcpListener,
    options: CodecServerOptions,
    codec: Codec,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<(), CodecServerError> {
    serve_with(listener, options, codec, stop, PATIENCE).await
}

async fn serve_with(
    listener: TcpListener,
    options: CodecServerOptions,
    codec: Codec,
    stop: impl Future<Output = ()> + Send + 'static,
    patience: Duration,
) -> Result<(), CodecServerError> {
    let address = listener.local_addr().map_err(CodecServerError::Stopped)?;
    if !options.allows(address) {
        return Err(CodecServerError::Open { address });
    }
    let (tell, told) = oneshot::channel();
    let stop = async move {
        stop.await;
        // Nobody listens any more where the server has stopped by itself.
        let _ = tell.send(());
    };
    let too_late = async {
        if told.await.is_err() {
            std::future::pending::<()>().await;
        }
        tokio::time::sleep(GRACE).await;
    };
    let serving = axum::serve(Connections::new(listener, patience), http::router(options, codec));
    tokio::select! {
        ended = serving.with_graceful_shutdown(stop).into_future() => ended.map_err(CodecServerError::Stopped),
        () = too_late => Ok(()),
    }
}
