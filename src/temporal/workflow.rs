//! The Inventory Workflow: update the inventory, then ask the supplier. Deterministic: no clock, no random, no I/O.

use temporalio_macros::{workflow, workflow_methods};
use temporalio_workflow::{ActivityOptions, WorkflowContext, WorkflowResult};

use super::{
    activities::InventoryActivities,
    wire::{OrderInput, SupplierInput},
};
use crate::{domain::SUPPLIER_QUANTITY, store::Outcome};

/// Under the name that the original's starter sends.
#[workflow]
#[derive(Debug, Default)]
pub struct InventoryWorkflow;

#[workflow_methods]
impl InventoryWorkflow {
    #[run(name = "InventoryWorkflow")]
    pub async fn run(ctx: &mut WorkflowContext<Self>, order: OrderInput) -> WorkflowResult<Option<String>> {
        place(ctx, order).await
    }
}

/// Under the name that the original's worker registers.
#[workflow]
#[derive(Debug, Default)]
pub struct InventoryTask;

#[workflow_methods]
impl InventoryTask {
    #[run(name = "InventoryTask")]
    pub async fn run(ctx: &mut WorkflowContext<Self>, order: OrderInput) -> WorkflowResult<Option<String>> {
        place(ctx, order).await
    }
}

/// The result is a word, or null where a worker of the original did the work.
async fn place<W: 'static>(ctx: &WorkflowContext<W>, order: OrderInput) -> WorkflowResult<Option<String>> {
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
    let ask = options("credit the stock where it is low".to_owned());
    ctx.execute_activity(InventoryActivities::supplier_order, supplier, ask).await?;
    let outcome = if updated.own { Outcome::Applied } else { updated.outcome };
    Ok(Some(outcome.name().to_owned()))
}
