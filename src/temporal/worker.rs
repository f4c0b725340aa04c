//! The worker: both workflow names, both activities, until it is told to stop.

use std::{future::Future, sync::Arc, time::Duration};

use temporalio_client::Client;
use temporalio_sdk::{
    Runtime, Worker, WorkerOptions,
    runtime::{PollerBehavior, RuntimeOptions},
};
use tokio::time::sleep;

use super::{
    activities::InventoryActivities,
    metrics::{Exporter, Figures},
    workflow::{InventoryTask, InventoryWorkflow},
};
use crate::{
    domain::Guard,
    faults::{FaultPlan, Seed},
    store::Store,
};

/// Enough for some twenty orders in flight: more pollers only load the server.
const POLLERS: usize = 20;

/// What a stop leaves running activities.
const GRACE: Duration = Duration::from_secs(10);

/// How long the end of a worker may take in all. While its server does not answer, the SDK takes 30 s.
const STOP_LIMIT: Duration = Duration::from_secs(12);

/// How often the server is told that this worker lives; the fastest that Temporal allows.
const HEARTBEAT: Duration = Duration::from_secs(1);

/// How long the server waits for the worker that has a workflow in its cache, before it asks any other. After a crash that
/// one never comes, and the SDK's own 10 s would be spent in front of an audience.
const STICKY: Duration = Duration::from_secs(1);

/// What a worker needs.
pub struct WorkerSetup {
    pub client: Client,
    pub task_queue: String,
    pub store: Arc<dyn Store>,
    /// For an order that brings no `Demo` field.
    pub faults: FaultPlan,
    pub seed: Seed,
    pub guard: Guard,
    /// Where Prometheus asks, for as long as the worker runs; its client's calls are there too if it was connected with
    /// [`Exporter::client_meter`].
    pub metrics: Option<Exporter>,
}

impl std::fmt::Debug for WorkerSetup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WorkerSetup").field("task_queue", &self.task_queue).finish_non_exhaustive()
    }
}

#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    #[error("the worker could not be set up: {0}")]
    Setup(String),
    #[error("the worker lost its server for good: {0}; start it again when the server answers")]
    Lost(String),
}

/// Runs a worker until `stop` resolves; then it takes no more work, finishes what runs (10 s at most) and returns, also if
/// the server does not answer.
/// `ready` is called once it is about to poll.
///
/// # Errors
/// [`WorkerError`].
pub async fn run_worker(
    mut setup: WorkerSetup,
    ready: impl FnOnce(),
    stop: impl Future<Output = ()>,
) -> Result<(), WorkerError> {
    // Held until the worker has ended.
    let metrics = setup.metrics.take();
    let mut worker = build(setup, metrics.as_ref()).map_err(|error| WorkerError::Setup(format!("{error:#}")))?;
    let shut_down = worker.shutdown_handle();
    ready();
    let run = worker.run();
    let ask_to_stop = async {
        stop.await;
        tracing::info!("stopping; attempts that run are finished within {} s", GRACE.as_secs());
        shut_down();
        // The run below ends by itself before that.
        sleep(STOP_LIMIT).await;
        tracing::warn!("the worker did not end within {} s; the server finds that out by itself", STOP_LIMIT.as_secs());
    };
    tokio::select! {
        ended = run => ended.map_err(|error| WorkerError::Lost(error.to_string())),
        () = ask_to_stop => Ok(()),
    }
}

fn build(setup: WorkerSetup, metrics: Option<&Exporter>) -> anyhow::Result<Worker> {
    let WorkerSetup { client, task_queue, store, faults, seed, guard, .. } = setup;
    let figures = metrics.map_or_else(Figures::none, Exporter::figures);
    let options = RuntimeOptions::builder()
        .telemetry_options(metrics.map(Exporter::telemetry).unwrap_or_default())
        .heartbeat_interval(Some(HEARTBEAT))
        .build()
        .map_err(anyhow::Error::msg)?;
    let runtime = Runtime::from_current_tokio(options)?;
    let options = WorkerOptions::new(task_queue)
        .register_activities(InventoryActivities { store, faults, seed, guard, figures })
        .register_workflow::<InventoryWorkflow>()?
        .register_workflow::<InventoryTask>()?
        .workflow_task_poller_behavior(PollerBehavior::SimpleMaximum(POLLERS))
        .activity_task_poller_behavior(PollerBehavior::SimpleMaximum(POLLERS))
        .sticky_queue_schedule_to_start_timeout(STICKY)
        .graceful_shutdown_period(GRACE)
        .build();
    Ok(Worker::new(&runtime, client, options)?)
}
