//! Connects to the configured Temporal server. If its address is on this machine and nothing answers there, starts an
//! embedded server.

use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::time::{Instant, sleep};

use crate::{
    config::Settings,
    domain::process_identity,
    server::{self, DevServer, DevServerOptions, Installation, Progress},
    temporal::{CallRetries, ConnectError, Endpoint, Link},
};

/// Maximum time from the start of a server until it accepts connections.
const START_TIMEOUT: Duration = Duration::from_secs(20);

/// Delay between two attempts to connect to a server that is starting.
const RETRY_DELAY: Duration = Duration::from_millis(50);

/// Why no server is available.
#[derive(Debug, thiserror::Error)]
pub enum BackendError {
    /// The server cannot be reached or refuses the connection.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The embedded server's program is not installed and could not be installed.
    #[error(transparent)]
    Obtain(#[from] server::ObtainError),
    /// The embedded server did not start.
    #[error(transparent)]
    Start(#[from] server::ServerStartError),
    /// The path of this program is unknown.
    #[error("the path of this program is unknown ({0}), so it cannot start the server's supervisor")]
    OwnPath(#[source] io::Error),
}

/// A link to a server.
#[derive(Debug)]
pub struct Backend {
    /// The connection.
    pub link: Link,
    /// The embedded server, if this process started it.
    pub server: Option<DevServer>,
}

/// Returns the endpoint for a process with `settings`. `role` distinguishes it from other processes in Temporal's Web
/// UI.
#[must_use]
pub fn endpoint(settings: &Settings, role: &str) -> Endpoint {
    Endpoint {
        address: settings.address.to_string(),
        transport: settings.transport.clone(),
        api_key: settings.api_key.clone(),
        metadata: settings.metadata.clone(),
        proxy: settings.proxy.clone(),
        unused_proxy: settings.unused_proxy.clone(),
        namespace: settings.namespace.clone(),
        identity: process_identity(role, std::process::id(), &host()),
        timeout: settings.connect_timeout,
        codec: settings.codec.clone(),
    }
}

/// Returns the name of this host, as part of identities.
#[must_use]
pub fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// Returns the path of the embedded server's log.
#[must_use]
pub fn server_log(settings: &Settings) -> PathBuf {
    settings.state_dir.join("server.log")
}

/// Connects, or starts an embedded server and connects to it.
///
/// # Errors
/// Returns [`BackendError`] if the server does not answer or refuses the connection, and no embedded server could be
/// started.
pub async fn bring_up(
    settings: &Settings,
    role: &str,
    retries: CallRetries,
    progress: &(dyn Fn(Progress) + Send + Sync),
) -> Result<Backend, BackendError> {
    let program = std::env::current_exe().map_err(BackendError::OwnPath)?;
    bring_up_with(&program, settings, role, retries, Installation::Allowed, progress).await
}

/// Connects as [`bring_up`] does, for a process that is not this program, such as a test. `program` is the path of this
/// program, which supervises the embedded server.
///
/// # Errors
/// Returns the same errors as [`bring_up`].
pub async fn bring_up_with(
    program: &Path,
    settings: &Settings,
    role: &str,
    retries: CallRetries,
    installation: Installation,
    progress: &(dyn Fn(Progress) + Send + Sync),
) -> Result<Backend, BackendError> {
    let endpoint = endpoint(settings, role);
    let refused = match Link::connect(&endpoint, retries).await {
        Ok(link) => return Ok(Backend { link, server: None }),
        Err(error) => error,
    };
    match (&refused, settings.address.loopback_port()) {
        (ConnectError::Unreachable { .. }, Some(port)) => {
            let server = match start_server(program, settings, port, installation, progress).await {
                Ok(server) => server,
                // Another process of this program may have started a server at the same time.
                Err(error) => {
                    let Ok(link) = connect_soon(&endpoint, retries, Duration::from_secs(2)).await else {
                        return Err(error);
                    };
                    return Ok(Backend { link, server: None });
                }
            };
            let link = connect_soon(&endpoint, retries, START_TIMEOUT).await?;
            progress(Progress::Ready);
            Ok(Backend { link, server: Some(server) })
        }
        _ => Err(refused.into()),
    }
}

/// Connects, and starts no server if none answers.
///
/// # Errors
/// Returns [`BackendError`] if the connection fails.
pub async fn connect_only(settings: &Settings, role: &str, retries: CallRetries) -> Result<Backend, BackendError> {
    let link = Link::connect(&endpoint(settings, role), retries).await?;
    Ok(Backend { link, server: None })
}

/// Finds or installs the server's program, and starts it on `port` of this machine.
///
/// # Errors
/// Returns [`BackendError`] if no program is available or the server does not start.
async fn start_server(
    program: &Path,
    settings: &Settings,
    port: u16,
    installation: Installation,
    progress: &(dyn Fn(Progress) + Send + Sync),
) -> Result<DevServer, BackendError> {
    let search = server::Search { setting: settings.temporal_cli.clone(), cache_dir: settings.cache_dir.clone() };
    let executable = server::obtain(&search, installation, progress).await?;
    progress(Progress::Starting);
    let supervisor = program.to_owned();
    let database = server_database(&settings.state_dir, port);
    let namespace = settings.namespace.clone();
    let log = server_log(settings);
    Ok(DevServer::start(DevServerOptions { executable, supervisor, port, namespace, database, log }).await?)
}

/// Returns the path of the server's database. Each port has its own, so two embedded servers never share a database.
fn server_database(state_dir: &Path, port: u16) -> PathBuf {
    state_dir.join(format!("temporal-{port}.db"))
}

/// Connects to a server that may still be starting.
async fn connect_soon(endpoint: &Endpoint, retries: CallRetries, within: Duration) -> Result<Link, ConnectError> {
    let since = Instant::now();
    loop {
        match Link::connect(endpoint, retries).await {
            Ok(link) => return Ok(link),
            Err(error) if since.elapsed() > within => return Err(error),
            Err(_) => sleep(RETRY_DELAY).await,
        }
    }
}
