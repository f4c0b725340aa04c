//! A worker that is not ours, and its executions: deliveries, whose activity fails again and again, and subscriptions, which
//! do nothing for an hour.

use std::{
    sync::Arc,
    thread::JoinHandle,
    time::{Duration, SystemTime},
};

use futures::{StreamExt, future::join, stream};
use idempotence::temporal::Link;
use temporalio_client::{NamespacedClient, UntypedWorkflow, WorkflowStartOptions, WorkflowTerminateOptions};
use temporalio_common::{
    RetryPolicy,
    error::ApplicationFailure,
    protos::temporal::api::{
        common::v1::WorkflowExecution, workflow::v1::PendingActivityInfo,
        workflowservice::v1::DescribeWorkflowExecutionRequest,
    },
};
use temporalio_macros::{activities, workflow, workflow_methods};
use temporalio_sdk::{
    Runtime, Worker, WorkerOptions,
    activities::{ActivityContext, ActivityError},
    runtime::RuntimeOptions,
};
use temporalio_workflow::{ActivityOptions, WorkflowContext, WorkflowResult};
use tokio::sync::oneshot;
use tonic::IntoRequest;

use crate::orders::link;

const TASK_QUEUE: &str = "shop";

/// Wait of the retry policy.
const RETRY_INTERVAL: Duration = Duration::from_millis(500);

/// Requests to start executions that are sent at the same time.
const STARTS: usize = 20;

pub struct Couriers;

#[activities]
impl Couriers {
    /// Fails after a time that varies, so that attempts end at any phase of the polls.
    #[activity(name = "call_courier")]
    pub async fn call(self: Arc<Self>, ctx: ActivityContext) -> Result<(), ActivityError> {
        let attempt = ctx.info().attempt;
        tokio::time::sleep(Duration::from_millis(u64::from(20 + attempt * 67 % 250))).await;
        Err(ApplicationFailure::builder(Shop::failure(attempt)).type_name("NoCourier".to_owned()).build().into())
    }
}

#[workflow]
#[derive(Default)]
pub struct Delivery;

#[workflow_methods]
impl Delivery {
    /// Calls a courier, and sets timers so that the history grows.
    #[run(name = "Delivery")]
    pub async fn run(ctx: &mut WorkflowContext<Self>, timers: u32) -> WorkflowResult<()> {
        let retry = RetryPolicy::builder().initial_interval(RETRY_INTERVAL).backoff_coefficient(1.0).build();
        let options = ActivityOptions::with_start_to_close_timeout(Duration::from_secs(10)).retry_policy(retry);
        let call = ctx.execute_activity(Couriers::call, (), options.build());
        let waits = async {
            for _ in 0..timers {
                ctx.timer(Duration::from_millis(200)).await;
            }
        };
        join(call, waits).await.0?;
        Ok(())
    }
}

#[workflow]
#[derive(Default)]
pub struct Subscription;

#[workflow_methods]
impl Subscription {
    /// Waits for an hour.
    #[run(name = "Subscription")]
    pub async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<()> {
        ctx.timer(Duration::from_hours(1)).await;
        Ok(())
    }
}

/// The worker, which stops on drop, and a connection to the server.
pub struct Shop {
    pub address: String,
    link: Link,
    runtime: tokio::runtime::Runtime,
    stop: Option<oneshot::Sender<()>>,
    worker: Option<JoinHandle<()>>,
}

impl Shop {
    /// Starts the worker on a thread of its own.
    pub fn open(address: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let link = runtime.block_on(link(address));
        let (stop, stopped) = oneshot::channel();
        let at = address.to_owned();
        let worker = std::thread::spawn(move || work(&at, stopped));
        Self { address: address.to_owned(), link, runtime, stop: Some(stop), worker: Some(worker) }
    }

    /// The message of the failure of an attempt.
    pub fn failure(attempt: u32) -> String {
        format!("no courier ({attempt})")
    }

    /// The id of a subscription.
    pub fn quiet(number: usize) -> String {
        format!("subscription-{number}")
    }

    /// Starts a delivery that sets that many timers, and returns its id.
    pub fn deliver(&self, name: &str, timers: u32) -> String {
        let id = format!("delivery-{name}");
        let options = WorkflowStartOptions::new(TASK_QUEUE, id.clone()).build();
        self.runtime.block_on(self.link.client().start_workflow(Delivery::run, timers, options)).unwrap();
        id
    }

    /// Starts that many subscriptions.
    pub fn fill(&self, executions: usize) {
        let start = |number| async move {
            let options = WorkflowStartOptions::new(TASK_QUEUE, Self::quiet(number)).build();
            self.link.client().start_workflow(Subscription::run, (), options).await.unwrap();
        };
        self.runtime.block_on(stream::iter(0..executions).map(start).buffer_unordered(STARTS).collect::<Vec<()>>());
    }

    /// Terminates an execution.
    pub fn terminate(&self, id: &str) {
        let handle = self.link.client().get_workflow_handle::<UntypedWorkflow>(id.to_owned());
        self.runtime.block_on(handle.terminate(WorkflowTerminateOptions::builder().build())).unwrap();
    }

    /// When the latest attempt of an execution has ended, as the server reports it.
    pub fn end_of(&self, id: &str, attempt: u32) -> SystemTime {
        let activity = self.runtime.block_on(self.pending(id));
        let failure = activity.last_failure.map(|failure| failure.message);
        assert_eq!(failure, Some(Self::failure(attempt)), "the screen shows an attempt before the next one ends");
        activity.last_attempt_complete_time.unwrap().try_into().unwrap()
    }

    async fn pending(&self, id: &str) -> PendingActivityInfo {
        let client = self.link.client();
        let request = DescribeWorkflowExecutionRequest {
            namespace: client.namespace(),
            execution: Some(WorkflowExecution { workflow_id: id.to_owned(), run_id: String::new() }),
        };
        let mut service = client.connection().workflow_service();
        let described = service.describe_workflow_execution(request.into_request()).await.unwrap().into_inner();
        described.pending_activities.into_iter().next().unwrap()
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        drop(self.stop.take());
        let _ended = self.worker.take().map(JoinHandle::join);
    }
}

/// Polls until `stopped` resolves.
fn work(address: &str, stopped: oneshot::Receiver<()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let link = link(address).await;
        let options = WorkerOptions::new(TASK_QUEUE.to_owned())
            .register_activities(Couriers)
            .register_workflow::<Delivery>()
            .unwrap()
            .register_workflow::<Subscription>()
            .unwrap()
            .build();
        let runtime = Runtime::from_current_tokio(RuntimeOptions::default()).unwrap();
        let mut worker = Worker::new(&runtime, link.client().clone(), options).unwrap();
        let shut_down = worker.shutdown_handle();
        tokio::join!(async { worker.run().await.unwrap() }, async {
            let _dropped = stopped.await;
            shut_down();
        });
    });
}
