//! The worker: both workflow names, both activities, until it is told to stop.

use std::{future::Future, sync::Arc, time::Duration};

use futures::{
    FutureExt, StreamExt,
    future::LocalBoxFuture,
    stream::{FuturesUnordered, TryStreamExt},
};
use temporalio_client::Client;
use temporalio_sdk::{
    Runtime, Worker, WorkerOptions,
    runtime::{PollerBehavior, RuntimeOptions},
};
use tokio::time::timeout;

use super::{
    activities::InventoryActivities,
    attempt_count::AttemptCount,
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

/// The SDK's worker never forgets the cancellation token of an attempt (`ActivityHalf::task_tokens_to_cancels` of
/// temporalio-sdk 1.1.1), which takes some 340 bytes. After this many attempts, 1.4 MB of them, another worker of the SDK
/// takes over as soon as nothing runs.
pub const ATTEMPTS_PER_SDK_WORKER: u64 = 4_000;

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
    /// How many attempts one worker of the SDK runs before another is to take over: [`ATTEMPTS_PER_SDK_WORKER`].
    pub attempts_per_sdk_worker: u64,
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
    let unusable = |error: anyhow::Error| WorkerError::Setup(format!("{error:#}"));
    let runtime = runtime(metrics.as_ref()).map_err(unusable)?;
    let figures = metrics.as_ref().map_or_else(Figures::none, Exporter::figures);
    let mut ready = Some(ready);
    let mut stop = std::pin::pin!(stop);
    // Workers that take no more work and have attempts to finish.
    let mut finishing = FuturesUnordered::<Running>::new();
    loop {
        let attempts = Arc::new(AttemptCount::new(setup.attempts_per_sdk_worker));
        let worker = build(&setup, &runtime, &figures, &attempts).map_err(unusable)?;
        let shut_down = worker.shutdown_handle();
        if let Some(ready) = ready.take() {
            ready();
        }
        let mut running = run(worker);
        let mut used_up = std::pin::pin!(attempts.used_up());
        let stops = loop {
            tokio::select! {
                ended = &mut running => return ended,
                () = &mut stop => break true,
                () = &mut used_up => break false,
                Some(ended) = finishing.next() => {
                    // The one that runs meets the same failure if it is one of the server.
                    let _logged = ended.inspect_err(|error| tracing::warn!(%error, "a replaced worker of the SDK failed"));
                }
            }
        };
        // It no longer counts as one that polls this task queue, so that the next one may.
        shut_down();
        finishing.push(running);
        if stops {
            return finish(finishing).await;
        }
    }
}

type Running = LocalBoxFuture<'static, Result<(), WorkerError>>;

/// Waits until workers that were asked to stop have ended.
async fn finish(workers: FuturesUnordered<Running>) -> Result<(), WorkerError> {
    tracing::info!("stopping; attempts that run are finished within {} s", GRACE.as_secs());
    timeout(STOP_LIMIT, workers.try_collect()).await.unwrap_or_else(|_| {
        tracing::warn!("the worker did not end within {} s; the server finds that out by itself", STOP_LIMIT.as_secs());
        Ok(())
    })
}

fn run(mut worker: Worker) -> Running {
    async move { worker.run().await.map_err(|error| WorkerError::Lost(error.to_string())) }.boxed_local()
}

fn runtime(metrics: Option<&Exporter>) -> anyhow::Result<Runtime> {
    let options = RuntimeOptions::builder()
        .telemetry_options(metrics.map(Exporter::telemetry).unwrap_or_default())
        .heartbeat_interval(Some(HEARTBEAT))
        .build()
        .map_err(anyhow::Error::msg)?;
    Ok(Runtime::from_current_tokio(options)?)
}

fn build(
    setup: &WorkerSetup,
    runtime: &Runtime,
    figures: &Figures,
    attempts: &Arc<AttemptCount>,
) -> anyhow::Result<Worker> {
    let activities = InventoryActivities {
        store: Arc::clone(&setup.store),
        faults: setup.faults.clone(),
        seed: setup.seed,
        guard: setup.guard,
        figures: figures.clone(),
        attempts: Arc::clone(attempts),
    };
    let options = WorkerOptions::new(setup.task_queue.clone())
        .register_activities(activities)
        .register_workflow::<InventoryWorkflow>()?
        .register_workflow::<InventoryTask>()?
        .workflow_task_poller_behavior(PollerBehavior::SimpleMaximum(POLLERS))
        .activity_task_poller_behavior(PollerBehavior::SimpleMaximum(POLLERS))
        .sticky_queue_schedule_to_start_timeout(STICKY)
        .graceful_shutdown_period(GRACE)
        .build();
    Ok(Worker::new(runtime, setup.client.clone(), options)?)
}
