//! A connection to MySQL with a limit for every wait. Its calls block the calling thread, as reading a file does.

use std::{
    path::Path,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use mysql_async::{Conn, OptsBuilder, SslOpts, prelude::Queryable};
use secrecy::ExposeSecret;
use tokio::runtime::{Builder, Handle, Runtime};

use super::{
    super::error::StoreError,
    database::{MySqlDatabase, MySqlHost, MySqlTls},
    error::MySqlError,
};

/// Maximum time for one call to the server.
pub(super) const CALL_LIMIT: Duration = Duration::from_secs(3);

/// Maximum time for a batch, below the time in which an attempt must end (10 s by default).
pub(super) const BATCH_LIMIT: Duration = Duration::from_secs(8);

/// Time after which the server ends a transaction whose client is unreachable. Its lock stops all other writers, so this
/// is short enough for them to commit their batches afterwards.
const SERVER_WAIT: Duration = Duration::from_secs(5);

// A transaction may wait for one call, and another writer notices the end of the lock after one wait.
const _: () = assert!(
    CALL_LIMIT.as_secs() < SERVER_WAIT.as_secs() && SERVER_WAIT.as_secs() + LOCK_WAIT.as_secs() < BATCH_LIMIT.as_secs()
);

/// Time for which the server lets a statement wait for another transaction's lock.
const LOCK_WAIT: Duration = Duration::from_secs(2);

/// Time after which an idle TCP connection is probed.
const KEEPALIVE: Duration = Duration::from_secs(5);

/// Settings of each session, which must not depend on the server's defaults: what a string literal is, when a statement
/// takes effect, and which rows a transaction sees.
fn session_settings() -> Vec<String> {
    let wait = SERVER_WAIT.as_secs();
    let lock_wait = LOCK_WAIT.as_secs();
    vec![
        "SET NAMES utf8mb4".to_owned(),
        format!(
            "SET SESSION sql_mode='STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION', SESSION autocommit=1, \
             SESSION innodb_lock_wait_timeout={lock_wait}, SESSION wait_timeout={wait}, \
             SESSION net_read_timeout={wait}, SESSION net_write_timeout={wait}"
        ),
        "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED".to_owned(),
    ]
}

/// A connection that is opened when it is needed, and again after it was lost.
#[derive(Debug)]
pub(super) struct Client {
    database: MySqlDatabase,
    /// Whether connections name the database.
    selects_database: bool,
    /// Made by the first call.
    runtime: Option<Runtime>,
    connection: Option<Conn>,
    /// When the connection last answered.
    answered: Instant,
}

impl Drop for Client {
    fn drop(&mut self) {
        // A runtime that is dropped in an asynchronous task would wait, which panics there.
        if let Some(runtime) = self.runtime.take() {
            {
                let _entered = runtime.enter();
                self.connection = None;
            }
            runtime.shutdown_background();
        }
    }
}

impl Client {
    /// Returns a client without a connection.
    pub(super) fn new(database: &MySqlDatabase) -> Self {
        Self::with_name(database, true)
    }

    /// Like [`Self::new`], but its connections do not name the database, which may not exist yet.
    pub(super) fn without_database(database: &MySqlDatabase) -> Self {
        Self::with_name(database, false)
    }

    fn with_name(database: &MySqlDatabase, selects_database: bool) -> Self {
        let (runtime, connection, answered) = (None, None, Instant::now());
        Self { database: database.clone(), selects_database, runtime, connection, answered }
    }

    /// The database of this client.
    pub(super) const fn database(&self) -> &MySqlDatabase {
        &self.database
    }

    /// Whether the server may have ended the idle connection.
    pub(super) fn needs_ping(&self) -> bool {
        self.connection.is_some() && self.answered.elapsed() * 2 > SERVER_WAIT
    }

    /// Keeps an idle connection open. After a failure, the next call opens another one.
    pub(super) fn ping(&mut self, limit: Duration) {
        if let Err(error) = self.call(limit, async |connection: &mut Conn| connection.ping().await) {
            tracing::debug!(%error, "the idle connection is lost");
            self.disconnect();
        }
    }

    /// Gives up the connection. The server rolls its transaction back.
    pub(super) fn disconnect(&mut self) {
        if let Some(runtime) = &self.runtime {
            let _entered = runtime.enter();
            self.connection = None;
        }
    }

    /// Calls the server, over a new connection if there is none.
    pub(super) fn call<T: Send>(
        &mut self,
        limit: Duration,
        work: impl AsyncFnOnce(&mut Conn) -> mysql_async::Result<T> + Send,
    ) -> Result<T, MySqlError> {
        let connected = self.connection.take();
        let database = &self.database;
        let name = self.selects_database.then_some(database.name.as_str());
        let runtime = match self.runtime.take() {
            Some(runtime) => runtime,
            None => Builder::new_current_thread()
                .enable_all()
                .build()
                .map_err(|error| MySqlError::Client(Arc::new(error)))?,
        };
        let runtime = self.runtime.insert(runtime);
        let runtime = &*runtime;
        let called = move || {
            runtime.block_on(async {
                let called = tokio::time::timeout(limit, async {
                    let mut connection = match connected {
                        Some(connection) => connection,
                        None => Conn::new(options(database, name)?).await?,
                    };
                    let result = work(&mut connection).await.map_err(MySqlError::from);
                    Ok((connection, result))
                });
                match called.await {
                    Ok(Ok((connection, result))) => (Some(connection), result),
                    Ok(Err(error)) => (None, Err(error)),
                    Err(_) => (None, Err(MySqlError::TimedOut(limit))),
                }
            })
        };
        // A thread of an asynchronous runtime must not wait for another runtime.
        let (connection, result) = if Handle::try_current().is_ok() {
            let joined = thread::scope(|scope| scope.spawn(called).join());
            joined.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        } else {
            called()
        };
        if result.as_ref().err().is_none_or(MySqlError::leaves_connection) {
            self.connection = connection;
            self.answered = Instant::now();
        } else {
            let _entered = runtime.enter();
            drop(connection);
        }
        result
    }
}

fn options(database: &MySqlDatabase, name: Option<&str>) -> Result<OptsBuilder, MySqlError> {
    let options = OptsBuilder::default()
        .user(Some(database.user.as_str()))
        .pass(database.password.as_ref().map(ExposeSecret::expose_secret))
        .db_name(name)
        .setup(session_settings())
        .prefer_socket(false)
        .tcp_nodelay(true)
        .tcp_keepalive(Some(KEEPALIVE));
    let options = match &database.host {
        MySqlHost::Tcp { host, port } => options.ip_or_hostname(host.as_str()).tcp_port(*port),
        MySqlHost::Socket(path) => options.socket(Some(path.to_string_lossy())),
    };
    match &database.tls {
        MySqlTls::Off => Ok(options),
        MySqlTls::On { root_certificates } => {
            let roots = match root_certificates {
                Some(file) => vec![read_certificates(file)?],
                None => native_roots()?,
            };
            Ok(options.ssl_opts(
                SslOpts::default()
                    .with_disable_built_in_roots(true)
                    .with_root_certs(roots.into_iter().map(Into::into).collect()),
            ))
        }
    }
}

/// Reads a file of certificates in PEM.
fn read_certificates(file: &Path) -> Result<Vec<u8>, MySqlError> {
    std::fs::read(file).map_err(|error| MySqlError::RootCertificates(format!("{}: {error}", file.display())))
}

/// Returns the root certificates of the operating system.
fn native_roots() -> Result<Vec<Vec<u8>>, MySqlError> {
    let found = rustls_native_certs::load_native_certs();
    if found.certs.is_empty() {
        let errors: Vec<_> = found.errors.iter().map(ToString::to_string).collect();
        return Err(MySqlError::RootCertificates(if errors.is_empty() {
            "the operating system has none".to_owned()
        } else {
            errors.join("; ")
        }));
    }
    Ok(found.certs.into_iter().map(|certificate| certificate.to_vec()).collect())
}

/// Returns the error of an operation on `database`.
pub(super) fn failure(database: &MySqlDatabase, operation: &'static str, error: MySqlError) -> StoreError {
    StoreError::MySql { operation, database: database.to_string(), error }
}
