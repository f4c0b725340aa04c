//! Reaching a Temporal server: the one that the settings name, or, where that is this machine and nothing answers,
//! an embedded one of our own.

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
    temporal::{ConnectError, Endpoint, Link, Patience},
};

/// How long a server that takes connections may need until it serves.
const SERVING: Duration = Duration::from_secs(20);

/// Between two tries meanwhile.
const PAUSE: Duration = Duration::from_millis(50);

#[derive(Debug, thiserror::Error)]
pub enum BackendError {
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error(transparent)]
    Obtain(#[from] server::ObtainError),
    #[error(transparent)]
    Start(#[from] server::StartError),
    #[error("this program's own path is not known ({0}), so it cannot start the server's supervisor")]
    OwnPath(#[source] io::Error),
}

/// A link, and the server behind it where it is ours.
#[derive(Debug)]
pub struct Backend {
    pub link: Link,
    pub server: Option<DevServer>,
}

/// Where a process of ours connects under `settings`; `role` tells it from the others on Temporal's pages.
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

/// The name of this host, as it is part of identities.
#[must_use]
pub fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// The log that the embedded server writes.
#[must_use]
pub fn server_log(settings: &Settings) -> PathBuf {
    settings.state_dir.join("server.log")
}

/// Connects, or starts a server and connects.
///
/// # Errors
/// [`BackendError`]: a server elsewhere that does not answer, or one of ours that could not be had.
pub async fn bring_up(
    settings: &Settings,
    role: &str,
    patience: Patience,
    progress: &(dyn Fn(Progress) + Send + Sync),
) -> Result<Backend, BackendError> {
    let program = std::env::current_exe().map_err(BackendError::OwnPath)?;
    bring_up_with(&program, settings, role, patience, Installation::Allowed, progress).await
}

/// The same, where this process need not be `program`, our own, which supervises the server.
///
/// # Errors
/// [`BackendError`].
pub async fn bring_up_with(
    program: &Path,
    settings: &Settings,
    role: &str,
    patience: Patience,
    installation: Installation,
    progress: &(dyn Fn(Progress) + Send + Sync),
) -> Result<Backend, BackendError> {
    let endpoint = endpoint(settings, role);
    let refused = match Link::connect(&endpoint, patience).await {
        Ok(link) => return Ok(Backend { link, server: None }),
        Err(error) => error,
    };
    match (&refused, settings.address.loopback_port()) {
        (ConnectError::Unreachable { .. }, Some(port)) => {
            let server = match start_server(program, settings, port, installation, progress).await {
                Ok(server) => server,
                // Another process of ours may have been faster.
                Err(error) => {
                    let Ok(link) = connect_soon(&endpoint, patience, Duration::from_secs(2)).await else {
                        return Err(error);
                    };
                    return Ok(Backend { link, server: None });
                }
            };
            let link = connect_soon(&endpoint, patience, SERVING).await?;
            progress(Progress::Ready);
            Ok(Backend { link, server: Some(server) })
        }
        _ => Err(refused.into()),
    }
}

/// Finds or installs the server's program, and starts it on `port` of this machine.
///
/// # Errors
/// [`BackendError`].
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

/// One database per port, so that two servers of ours never share one.
fn server_database(state_dir: &Path, port: u16) -> PathBuf {
    state_dir.join(format!("temporal-{port}.db"))
}

/// A server that has just started refuses for a moment.
async fn connect_soon(endpoint: &Endpoint, patience: Patience, within: Duration) -> Result<Link, ConnectError> {
    let since = Instant::now();
    loop {
        match Link::connect(endpoint, patience).await {
            Ok(link) => return Ok(link),
            Err(error) if since.elapsed() > within => return Err(error),
            Err(_) => sleep(PAUSE).await,
        }
    }
}
