//! Baseline: a worker with the same two activities, which do nothing.

use std::sync::Arc;

use idempotence::temporal::{OrderInput, RetrySettings};
use temporalio_client::Client;
use temporalio_macros::{activities, workflow, workflow_methods};
use temporalio_sdk::{
    Runtime, Worker, WorkerOptions,
    activities::{ActivityContext, ActivityError},
    runtime::PollerBehavior,
};
use temporalio_workflow::{ActivityOptions, WorkflowContext, WorkflowResult};

pub struct BareActivities;

#[activities]
#[expect(clippy::unused_async, reason = "an activity is async, whatever it does")]
impl BareActivities {
    #[activity(name = "UpdateInventoryActivity")]
    pub async fn update(self: Arc<Self>, _ctx: ActivityContext, order: OrderInput) -> Result<i64, ActivityError> {
        Ok(order.quantity)
    }

    #[activity(name = "SupplierOrderActivity")]
    pub async fn supplier(
        self: Arc<Self>,
        _ctx: ActivityContext,
        _item: String,
        quantity: i64,
    ) -> Result<i64, ActivityError> {
        Ok(quantity)
    }
}

#[workflow]
#[derive(Default)]
pub struct BareWorkflow;

#[workflow_methods]
impl BareWorkflow {
    #[run(name = "InventoryWorkflow")]
    pub async fn run(ctx: &mut WorkflowContext<Self>, order: OrderInput) -> WorkflowResult<Option<String>> {
        let timeout = std::time::Duration::from_millis(RetrySettings::default().start_to_close_millis);
        let options = || ActivityOptions::with_start_to_close_timeout(timeout).build();
        ctx.execute_activity(BareActivities::update, order.clone(), options()).await?;
        ctx.execute_activity(BareActivities::supplier, (order.item, 1000), options()).await?;
        Ok(None)
    }
}

/// Polls until `stop` resolves, with the same options as our worker.
pub async fn run(client: Client, task_queue: &str, stop: impl Future<Output = ()>) {
    let runtime = Runtime::from_current_tokio(temporalio_sdk::runtime::RuntimeOptions::default()).unwrap();
    let options = WorkerOptions::new(task_queue.to_owned())
        .register_activities(BareActivities)
        .register_workflow::<BareWorkflow>()
        .unwrap()
        .workflow_task_poller_behavior(PollerBehavior::SimpleMaximum(20))
        .activity_task_poller_behavior(PollerBehavior::SimpleMaximum(20))
        .build();
    let mut worker = Worker::new(&runtime, client, options).unwrap();
    let shut_down = worker.shutdown_handle();
    tokio::join!(async { worker.run().await.unwrap() }, async {
        stop.await;
        shut_down();
    });
}
