//! The Inventory Workflow: update the inventory, then order from the supplier. It is deterministic and uses no clock,
//! random numbers or I/O.

use std::time::Duration;

use temporalio_common::{RetryPolicy, error::ApplicationFailure};
use temporalio_macros::{workflow, workflow_methods};
use temporalio_workflow::{
    ActivityOptions, LocalActivityOptions, WorkflowContext, WorkflowResult, WorkflowTermination,
};

use super::{
    activities::InventoryActivities,
    received::{InvalidOrder, OrderArgument},
    wire::SupplierInput,
};
use crate::{domain::SUPPLIER_QUANTITY, store::CommitOutcome};

/// Timeout and maximum number of attempts for recording an invalid order. The workflow fails in any case.
const RECORD_TIMEOUT: Duration = Duration::from_secs(5);
const RECORD_ATTEMPTS: u32 = 3;

/// The workflow under the type that the original's starter sends.
#[workflow]
#[derive(Debug, Default)]
pub struct InventoryWorkflow;

#[workflow_methods]
impl InventoryWorkflow {
    /// Processes an order.
    #[run(name = "InventoryWorkflow")]
    pub async fn run(ctx: &mut WorkflowContext<Self>, order: OrderArgument) -> WorkflowResult<Option<String>> {
        place(ctx, order).await
    }
}

/// The workflow under the type that the original's worker registers.
#[workflow]
#[derive(Debug, Default)]
pub struct InventoryTask;

#[workflow_methods]
impl InventoryTask {
    /// Processes an order.
    #[run(name = "InventoryTask")]
    pub async fn run(ctx: &mut WorkflowContext<Self>, order: OrderArgument) -> WorkflowResult<Option<String>> {
        place(ctx, order).await
    }
}

/// Runs both activities. The result is an outcome, or null if a worker of the original ran an activity.
async fn place<W: 'static>(ctx: &WorkflowContext<W>, order: OrderArgument) -> WorkflowResult<Option<String>> {
    let order = match order.0 {
        Ok(order) => order,
        Err(invalid) => return Err(refuse(ctx, invalid).await),
    };
    let retry = order.demo.as_ref().map(|demo| demo.retry).unwrap_or_default();
    let options = |summary: String| {
        ActivityOptions::with_start_to_close_timeout(retry.start_to_close())
            .retry_policy(retry.policy())
            .summary(summary)
            .build()
    };
    let update = options(format!("{} x {}", order.quantity, order.item));
    let updated = ctx.execute_activity(InventoryActivities::update_inventory, order.clone(), update).await?;
    let supplier = SupplierInput { item: order.item.clone(), quantity: SUPPLIER_QUANTITY, order: Some(order) };
    let ask = options("order from the supplier if the stock is low".to_owned());
    ctx.execute_activity(InventoryActivities::supplier_order, supplier, ask).await?;
    let outcome = if updated.own { CommitOutcome::Applied } else { updated.outcome };
    Ok(Some(outcome.name().to_owned()))
}

/// Records an invalid order in the journal and fails the workflow permanently. A local activity writes the record,
/// because a workflow must not do I/O.
async fn refuse<W: 'static>(ctx: &WorkflowContext<W>, invalid: InvalidOrder) -> WorkflowTermination {
    let options = LocalActivityOptions::builder()
        .start_to_close_timeout(RECORD_TIMEOUT)
        .schedule_to_close_timeout(RECORD_TIMEOUT * RECORD_ATTEMPTS)
        .retry_policy(RetryPolicy::builder().maximum_attempts(RECORD_ATTEMPTS).build())
        .build();
    let rejection = invalid.rejection();
    let recorded = ctx.execute_local_activity(InventoryActivities::record_invalid_order, invalid, options).await;
    let unrecorded = if recorded.is_ok() { "" } else { " (the worker could not record this in the journal)" };
    ApplicationFailure::builder(format!("{rejection}{unrecorded}"))
        .type_name(rejection.type_name().to_owned())
        .non_retryable(true)
        .build()
        .into()
}
