//! The worker, which registers both workflow types and the activities and runs until it is stopped.

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
use tokio::{sync::Notify, time::timeout};

use super::{
    activities::InventoryActivities,
    attempt_count::AttemptCount,
    metrics::{Exporter, WorkerMetrics},
    relay::RunningRelay,
    supply::Supplier,
    workflow::{InventoryTask, InventoryWorkflow},
};
use crate::{
    domain::Guard,
    faults::{FaultPlan, Seed},
    store::Store,
};

/// Maximum number of pollers of each kind. Twenty are enough for twenty concurrent orders; more would only load the
/// server.
const MAX_POLLERS: usize = 20;

/// Time that running activities have to finish after the worker is stopped.
const GRACE_PERIOD: Duration = Duration::from_secs(10);

/// Maximum time until the worker ends. If the server does not answer, the SDK takes 30 s.
const STOP_TIMEOUT: Duration = Duration::from_secs(12);

/// Interval of heartbeats, the shortest that Temporal allows.
const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(1);

/// Schedule-to-start timeout of the sticky queue: how long a workflow task waits for the worker that cached the workflow
/// before any worker may take it. The SDK's default of 10 s is too long for an audience after a crash.
const STICKY_TIMEOUT: Duration = Duration::from_secs(1);

/// Number of attempts after which a new SDK worker takes over as soon as no attempt is running. The SDK's worker never
/// frees the cancellation token of an attempt, about 340 bytes (`ActivityHalf::task_tokens_to_cancels` of
/// temporalio-sdk 1.1.1), so this limits the tokens to 1.4 MB.
pub const ATTEMPTS_PER_SDK_WORKER: u64 = 4_000;

/// Settings of a worker.
pub struct WorkerSetup {
    /// Connection to the server.
    pub client: Client,
    /// Task queue to poll.
    pub task_queue: String,
    /// The database.
    pub store: Arc<dyn Store>,
    /// Fault plan for orders without a `Demo` field.
    pub faults: FaultPlan,
    /// Seed for orders without a `Demo` field.
    pub seed: Seed,
    /// Guard for orders without a `Demo` field.
    pub guard: Guard,
    /// The supplier that ships orders; `None` if supplier orders are credited at once.
    pub supplier: Option<Supplier>,
    /// Endpoint for Prometheus while the worker runs. It includes the client's calls if the client was connected with
    /// [`Exporter::client_meter`].
    pub metrics: Option<Exporter>,
    /// Number of attempts per SDK worker: [`ATTEMPTS_PER_SDK_WORKER`], or fewer in tests.
    pub attempts_per_sdk_worker: u64,
}

impl std::fmt::Debug for WorkerSetup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WorkerSetup").field("task_queue", &self.task_queue).finish_non_exhaustive()
    }
}

/// Why a worker failed.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// The SDK rejected the settings or the connection.
    #[error("could not set up the worker: {0}")]
    Setup(String),
    /// The SDK stopped polling because of an error.
    #[error("the worker lost its server: {0}; start it again when the server answers")]
    Lost(String),
}

/// Runs a worker until `stop` resolves. The worker then accepts no more work, finishes running attempts within 10 s,
/// and returns even if the server does not answer. Calls `ready` before the first poll.
///
/// # Errors
/// Returns [`WorkerError`] if the worker cannot be set up or loses its server.
pub async fn run_worker(
    mut setup: WorkerSetup,
    ready: impl FnOnce(),
    stop: impl Future<Output = ()>,
) -> Result<(), WorkerError> {
    // Keep the exporter until the worker has ended.
    let metrics = setup.metrics.take();
    let worker_metrics = metrics.as_ref().map_or_else(WorkerMetrics::none, Exporter::worker_metrics);
    let recorded = Arc::new(Notify::new());
    let mut relay = setup.supplier.clone().map(|supplier| {
        let store = Arc::clone(&setup.store);
        RunningRelay::start(store, supplier, worker_metrics.clone(), Arc::clone(&recorded))
    });
    let runtime = runtime(metrics.as_ref()).map_err(|error| unusable(&error));
    let ended = match runtime {
        Ok(runtime) => {
            // The relay ends while the running attempts finish.
            let stop = async {
                stop.await;
                relay.as_mut().map(RunningRelay::stop);
            };
            run_sdk_workers(&setup, &runtime, &Local { worker_metrics, recorded }, ready, stop).await
        }
        Err(error) => Err(error),
    };
    if let Some(relay) = relay {
        relay.finish().await;
    }
    ended
}

/// What the workers of this process share.
struct Local {
    worker_metrics: WorkerMetrics,
    recorded: Arc<Notify>,
}

fn unusable(error: &anyhow::Error) -> WorkerError {
    WorkerError::Setup(format!("{error:#}"))
}

async fn run_sdk_workers(
    setup: &WorkerSetup,
    runtime: &Runtime,
    local: &Local,
    ready: impl FnOnce(),
    stop: impl Future<Output = ()>,
) -> Result<(), WorkerError> {
    let mut ready = Some(ready);
    let mut stop = std::pin::pin!(stop);
    // Workers that no longer accept work and finish their attempts.
    let mut finishing = FuturesUnordered::<Running>::new();
    loop {
        let attempts = Arc::new(AttemptCount::new(setup.attempts_per_sdk_worker));
        let worker = build(setup, runtime, local, &attempts).map_err(|error| unusable(&error))?;
        let shut_down = worker.shutdown_handle();
        if let Some(ready) = ready.take() {
            ready();
        }
        let mut running = run(worker);
        let mut due_for_replacement = std::pin::pin!(attempts.due_for_replacement());
        let stops = loop {
            tokio::select! {
                ended = &mut running => return ended,
                () = &mut stop => break true,
                () = &mut due_for_replacement => break false,
                Some(ended) = finishing.next() => {
                    // Log this failure only: if the server caused it, the current worker fails too.
                    let _logged = ended.inspect_err(|error| tracing::warn!(%error, "a replaced SDK worker failed"));
                }
            }
        };
        // After this call, the worker no longer counts as a poller of this task queue, so the next worker can register.
        shut_down();
        finishing.push(running);
        if stops {
            return finish(finishing).await;
        }
    }
}

type Running = LocalBoxFuture<'static, Result<(), WorkerError>>;

/// Waits until the workers that are shutting down have ended.
async fn finish(workers: FuturesUnordered<Running>) -> Result<(), WorkerError> {
    tracing::info!("stopping; running attempts have {} s to finish", GRACE_PERIOD.as_secs());
    timeout(STOP_TIMEOUT, workers.try_collect()).await.unwrap_or_else(|_| {
        tracing::warn!(
            "the worker did not end within {} s; its open tasks will time out on the server",
            STOP_TIMEOUT.as_secs()
        );
        Ok(())
    })
}

fn run(mut worker: Worker) -> Running {
    async move { worker.run().await.map_err(|error| WorkerError::Lost(error.to_string())) }.boxed_local()
}

fn runtime(metrics: Option<&Exporter>) -> anyhow::Result<Runtime> {
    let options = RuntimeOptions::builder()
        .telemetry_options(metrics.map(Exporter::telemetry).unwrap_or_default())
        .heartbeat_interval(Some(HEARTBEAT_INTERVAL))
        .build()
        .map_err(anyhow::Error::msg)?;
    Ok(Runtime::from_current_tokio(options)?)
}

fn build(
    setup: &WorkerSetup,
    runtime: &Runtime,
    local: &Local,
    attempts: &Arc<AttemptCount>,
) -> anyhow::Result<Worker> {
    let activities = InventoryActivities {
        store: Arc::clone(&setup.store),
        faults: setup.faults.clone(),
        seed: setup.seed,
        guard: setup.guard,
        supplier: setup.supplier.clone(),
        recorded: Arc::clone(&local.recorded),
        worker_metrics: local.worker_metrics.clone(),
        attempts: Arc::clone(attempts),
    };
    let options = WorkerOptions::new(setup.task_queue.clone())
        .register_activities(activities)
        .register_workflow::<InventoryWorkflow>()?
        .register_workflow::<InventoryTask>()?
        .workflow_task_poller_behavior(PollerBehavior::SimpleMaximum(MAX_POLLERS))
        .activity_task_poller_behavior(PollerBehavior::SimpleMaximum(MAX_POLLERS))
        .sticky_queue_schedule_to_start_timeout(STICKY_TIMEOUT)
        .graceful_shutdown_period(GRACE_PERIOD)
        .build();
    Ok(Worker::new(runtime, setup.client.clone(), options)?)
}
