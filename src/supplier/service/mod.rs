//! The supplier's service.
//!
//! | file | role |
//! | --- | --- |
//! | `decision` | ship, replay or refuse; pure |
//! | `orders` | keys in progress, group commit, and reading shipments |
//! | `log`, `index`, `compact_set` | the lines of the file, and where each shipment is in it |
//! | `file` | the file operations, as a trait and its implementation |
//! | `http`, `refusal`, `description` | requests and responses, errors, and the page for clients |
//!
//! A shipment is acknowledged after its line is synced. The line contains the recorded answer and its key, so a shipment
//! and its key are one commit. Only the keys of orders in progress are in memory alone.

mod compact_set;
#[cfg(test)]
mod crash_tests;
mod decision;
mod description;
mod file;
mod http;
mod index;
mod log;
mod orders;
mod refusal;
#[cfg(test)]
mod tests;

use std::{
    future::Future,
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tokio::net::TcpListener;

use self::{
    file::{Disk, OpenError},
    http::{Service, router},
    orders::Orders,
};
use crate::{
    clock,
    connections::{self, Limits},
};

pub use log::{Damage, FileError};

/// Limits of the service. A worker needs a connection per running attempt.
const LIMITS: Limits =
    Limits { connections: 256, idle_timeout: Duration::from_secs(10), stop_timeout: Duration::from_secs(2) };

/// Options of the service.
#[derive(Debug, Clone)]
pub struct SupplierOptions {
    /// The listen address. Port 0 selects a free port.
    pub listen: SocketAddr,
    /// The file of the shipments.
    pub file: PathBuf,
    /// Whether an order must have a key.
    pub require_key: bool,
    /// Time for which a key is known after its shipment.
    pub key_lifetime: Duration,
}

/// Why the service does not run.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// The address is in use, or does not belong to this machine.
    #[error(
        "the supplier cannot listen on {address}: {error}; choose another address with --listen, or stop the program that \
         listens there"
    )]
    Bind {
        /// The listen address.
        address: SocketAddr,
        /// The operating system's error.
        error: io::Error,
    },
    /// The file cannot be used.
    #[error(transparent)]
    File(#[from] FileError),
    /// The listener failed.
    #[error("the supplier stopped: {0}; start it again")]
    Stopped(io::Error),
}

/// A service that listens.
pub struct Supplier {
    listener: TcpListener,
    address: SocketAddr,
    service: Service,
}

impl std::fmt::Debug for Supplier {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Supplier").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Supplier {
    /// Locks the file, reads it, and listens. A second process with the same options therefore names the file.
    ///
    /// # Errors
    /// Returns [`ServiceError`] if the file cannot be used, or the address is in use.
    pub async fn open(options: SupplierOptions) -> Result<Self, ServiceError> {
        let SupplierOptions { listen, file, require_key, key_lifetime } = options;
        let opening = tokio::task::spawn_blocking(move || open_orders(&file, key_lifetime));
        let orders = opening.await.map_err(|error| ServiceError::Stopped(error.into()))??;
        let failed = |error| ServiceError::Bind { address: listen, error };
        let listener = TcpListener::bind(listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(ServiceError::Stopped)?;
        Ok(Self { listener, address, service: Service { orders, require_key, key_lifetime } })
    }

    /// The address at which it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Number of shipments in the file.
    #[must_use]
    pub fn shipments(&self) -> u64 {
        self.service.orders.shipments()
    }

    /// Answers requests until `stop` resolves, and then finishes the open ones within 2 s.
    ///
    /// # Errors
    /// Returns [`ServiceError::Stopped`] if the listener fails.
    pub async fn serve(self, stop: impl Future<Output = ()> + Send + 'static) -> Result<(), ServiceError> {
        self.serve_with(LIMITS, stop).await
    }

    /// Serves as [`Self::serve`] does, with these limits.
    async fn serve_with(
        self,
        limits: Limits,
        stop: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), ServiceError> {
        let router = router(Arc::new(self.service));
        connections::serve(self.listener, router, limits, stop).await.map_err(ServiceError::Stopped)
    }
}

fn open_orders(file: &Path, key_lifetime: Duration) -> Result<Orders, FileError> {
    let disk = Disk::open(file).map_err(|error| match error {
        OpenError::InUse => FileError::InUse { path: file.to_owned() },
        OpenError::Io(source) => FileError::io("open", file)(source),
    })?;
    Orders::open(Box::new(disk), key_lifetime, Box::new(clock::now))
}
