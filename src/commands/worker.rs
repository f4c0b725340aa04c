//! A worker until SIGINT or SIGTERM; finishes running activities, then ends.

use std::{process::ExitCode, sync::Arc};

use tokio::{
    io::AsyncReadExt,
    signal::unix::{SignalKind, signal},
};

use super::{Failure, faults_for, log, print};
use crate::{
    cli::WorkerArgs,
    config::Settings,
    runtime::backend::endpoint,
    store::JsonStore,
    temporal::{Link, Patience, WorkerSetup, run_worker},
};

pub async fn run(settings: Settings, args: WorkerArgs) -> Result<ExitCode, Failure> {
    log::to_stderr(&settings);
    let faults = faults_for(&settings, Some(&args.faults), args.remote_faults)?;
    let store = JsonStore::open(&settings.database.path)?;
    let link = Link::connect(&endpoint(&settings, "worker"), Patience::Retries).await?;
    let setup = WorkerSetup {
        client: link.client().clone(),
        task_queue: settings.task_queue.clone(),
        store: Arc::new(store),
        faults,
        seed: args.seed,
        guard: args.guard,
    };
    let ready = || {
        print::line(&format!(
            "worker {} polls '{}' in namespace '{}' at {}, database {}",
            std::process::id(),
            settings.task_queue,
            settings.namespace,
            settings.address,
            settings.database.path.display()
        ));
    };
    run_worker(setup, ready, asked_to_stop(args.with_parent)?).await?;
    Ok(ExitCode::SUCCESS)
}

/// Resolves at SIGINT, at SIGTERM, or when the parent has gone.
fn asked_to_stop(with_parent: bool) -> Result<impl Future<Output = ()>, Failure> {
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Failure::io("listen for SIGINT"))?;
    let mut terminate = signal(SignalKind::terminate()).map_err(Failure::io("listen for SIGTERM"))?;
    Ok(async move {
        let parent_gone = async {
            if with_parent {
                parent_gone().await;
            } else {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            () = parent_gone => {}
        }
    })
}

/// The parent holds the other end of our standard input and writes nothing to it: any end of reading means that it
/// is gone, or wants us to go.
async fn parent_gone() {
    let mut buffer = [0; 64];
    let mut stdin = tokio::io::stdin();
    while matches!(stdin.read(&mut buffer).await, Ok(bytes) if bytes > 0) {}
}
