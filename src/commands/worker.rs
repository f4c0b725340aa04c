//! Runs a worker until SIGINT, SIGTERM or SIGHUP, and then finishes the running activities.

use std::{process::ExitCode, sync::Arc, time::Duration};

use tokio::time::sleep;

use super::{
    Failure, faults_for, log, print,
    progress::{awaited, reading_journal},
    stop::asked_to_stop,
};
use crate::{
    cli::WorkerArgs,
    config::Settings,
    listen::ListenAddress,
    runtime::{backend::endpoint, worker_child::READY},
    store::CompactionLimits,
    supplier::SupplierClient,
    temporal::{ATTEMPTS_PER_SDK_WORKER, CallRetries, Exporter, Link, METRICS_PATH, Supplier, WorkerSetup, run_worker},
};

/// Interval at which a worker checks whether its server answers.
const CHECK_SERVER: Duration = Duration::from_secs(5);

/// Runs the worker. With a parent process, a failure is also printed on standard output.
pub async fn run(settings: Settings, args: WorkerArgs) -> Result<ExitCode, Failure> {
    let with_parent = args.with_parent;
    let ended = work(settings, args).await;
    if let (true, Err(failure)) = (with_parent, &ended) {
        // The parent reads and shows this line.
        print::line(&failure.to_string());
    }
    ended
}

async fn work(settings: Settings, args: WorkerArgs) -> Result<ExitCode, Failure> {
    log::of_worker(&settings);
    let faults = faults_for(&settings, Some(&args.faults), args.remote_faults)?;
    let database = &settings.database.location;
    let limits = CompactionLimits::after_megabytes(settings.compact_after);
    let open = || reading_journal(database, |seen| database.open(limits, seen));
    let store = tokio::task::block_in_place(open)?;
    let metrics = match &settings.metrics {
        Some(listen) => exporter(listen).await,
        None => None,
    };
    let endpoint = endpoint(&settings, "worker");
    let connecting = Link::connect_counted(&endpoint, CallRetries::Sdk, metrics.as_ref());
    let link = awaited(format!("connecting to {}", settings.address), connecting).await?;
    let setup = WorkerSetup {
        client: link.client().clone(),
        task_queue: settings.task_queue.clone(),
        store: Arc::new(store),
        faults,
        seed: args.seed,
        guard: args.guard,
        supplier: supplier(&settings)?,
        metrics,
        attempts_per_sdk_worker: ATTEMPTS_PER_SDK_WORKER,
    };
    let ready = || {
        print::line(&format!(
            "{READY}{} is polling '{}' in namespace '{}' at {}, database {}",
            std::process::id(),
            settings.task_queue,
            settings.namespace,
            settings.address,
            settings.database.location
        ));
    };
    let running = run_worker(setup, ready, asked_to_stop(args.with_parent)?);
    tokio::select! {
        ended = running => ended?,
        () = log_losses(&link) => {}
    }
    Ok(ExitCode::SUCCESS)
}

/// The supplier that the settings name.
fn supplier(settings: &Settings) -> Result<Option<Supplier>, Failure> {
    let Some(url) = settings.supplier.clone() else { return Ok(None) };
    let client = SupplierClient::new(url).map_err(Failure::io("read the certificates of this system"))?;
    Ok(Some(Supplier { client, policy: settings.supplier_key }))
}

/// Serves the Prometheus page. If that fails, the worker runs without the page.
async fn exporter(listen: &ListenAddress) -> Option<Exporter> {
    let address = listen.resolve().await.inspect_err(|error| tracing::warn!("no metrics at {listen}: {error}")).ok()?;
    let exporter = Exporter::start(address).inspect_err(|error| tracing::warn!(%error, "no metrics")).ok()?;
    tracing::info!("metrics at http://{}{METRICS_PATH}", exporter.address());
    Some(exporter)
}

/// Logs when the server stops answering and when it answers again, because the SDK repeats its polls and logs neither.
async fn log_losses(link: &Link) {
    let mut lost: Option<String> = None;
    loop {
        sleep(CHECK_SERVER).await;
        let found = link.check().await.err().map(|error| error.to_string());
        match &found {
            Some(cause) if lost.as_ref() != Some(cause) => tracing::warn!("{cause}; the worker keeps trying"),
            None if lost.is_some() => tracing::info!("the server answers again"),
            _ => {}
        }
        lost = found;
    }
}
