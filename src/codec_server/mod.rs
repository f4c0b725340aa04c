//! A codec server: decrypts payloads for Temporal's Web UI and CLI, which do not have the keys.
//!
//! | file | role |
//! | --- | --- |
//! | `options` | listen address, allowed pages and token |
//! | `http` | requests and responses |
//!
//! A client of this server can read every payload. Therefore it listens only on loopback addresses unless it has a
//! token, answers only pages from allowed origins, and writes no part of a payload to its log or its errors. It serves
//! plain HTTP; clients on other machines need a TLS proxy in front of it.

mod http;
mod options;
#[cfg(test)]
mod tests;

use std::{future::Future, io, net::SocketAddr, time::Duration};

use tokio::net::TcpListener;

use crate::{
    connections::{self, Limits},
    temporal::Codec,
};

pub use self::options::{CodecServerOptions, OptionsError, resolve_listen};

/// Maximum number of concurrent connections. A browser opens six.
const MAX_CONNECTIONS: usize = 64;

/// Maximum time between two responses on a connection before it is closed.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// Maximum time to finish open requests when the server stops.
const STOP_TIMEOUT: Duration = Duration::from_secs(2);

/// Why a codec server does not run.
#[derive(Debug, thiserror::Error)]
pub enum CodecServerError {
    /// The address is in use, or does not belong to this machine.
    #[error(
        "the codec server cannot listen on {address}: {error}; set another address, or stop the program that listens there"
    )]
    Bind {
        /// The listen address.
        address: SocketAddr,
        /// Error of the operating system.
        error: io::Error,
    },
    /// Other machines can reach the listener, and there is no token.
    #[error("the codec server listens on {address}, which other machines can reach, so it needs a token; set one")]
    TokenRequired {
        /// The listen address.
        address: SocketAddr,
    },
    /// The listener failed.
    #[error("the codec server stopped: {0}; start it again")]
    Stopped(io::Error),
}

/// Listens on the address in the options. Port 0 selects a free port.
///
/// # Errors
/// Returns [`CodecServerError::Bind`] if the address is in use or does not belong to this machine.
pub async fn bind(options: &CodecServerOptions) -> Result<TcpListener, CodecServerError> {
    let address = options.listen();
    TcpListener::bind(address).await.map_err(|error| CodecServerError::Bind { address, error })
}

/// Answers `POST /encode` and `POST /decode`, below any path, until `stop` resolves. The server then accepts no more
/// requests and finishes the open ones within 2 s.
///
/// # Errors
/// Returns [`CodecServerError::TokenRequired`] if other machines can reach the listener and the options have no token,
/// and [`CodecServerError::Stopped`] if the listener fails.
pub async fn serve(
    listener: TcpListener,
    options: CodecServerOptions,
    codec: Codec,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<(), CodecServerError> {
    serve_with(listener, options, codec, stop, IDLE_TIMEOUT).await
}

/// Serves as [`serve`] does, with the given idle timeout.
async fn serve_with(
    listener: TcpListener,
    options: CodecServerOptions,
    codec: Codec,
    stop: impl Future<Output = ()> + Send + 'static,
    idle_timeout: Duration,
) -> Result<(), CodecServerError> {
    let address = listener.local_addr().map_err(CodecServerError::Stopped)?;
    if !options.allows(address) {
        return Err(CodecServerError::TokenRequired { address });
    }
    let limits = Limits { connections: MAX_CONNECTIONS, idle_timeout, stop_timeout: STOP_TIMEOUT };
    connections::serve(listener, http::router(options, codec), limits, stop).await.map_err(CodecServerError::Stopped)
}
