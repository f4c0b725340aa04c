//! The two activities: a fault before the commit, the commit in the store, a fault after it, and a record in the
//! journal. The store makes all decisions.

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use temporalio_macros::activities;
use temporalio_sdk::activities::{ActivityContext, ActivityError};
use tokio::sync::Notify;

use super::{
    attempt_count::AttemptCount,
    metrics::WorkerMetrics,
    received::{InvalidOrder, OrderArgument, SupplierArguments},
    stopped::{HANG_BEYOND, Stopped, failure, inject},
    supply::Supplier,
    wire::{Demo, EffectResult},
};
use crate::{
    domain::{
        Activity, Attempt, Delivery, Effect, Guard, IdempotencyKey, KeyPolicy, Order, OrderId, OrderOutcome, Origin,
        ProductId, RelayPlan, SupplierOrder, WorkflowId,
    },
    faults::{Draw, FaultPlan, Point, Seed},
    store::{AttemptEvent, CommitOutcome, CommitRequest, Committed, Note, Phase, Refused, Store, StoreError},
    supplier::Sent,
};

/// State of the activities: the store, and the settings for orders without a `Demo` field.
pub struct InventoryActivities {
    pub(super) store: Arc<dyn Store>,
    pub(super) faults: FaultPlan,
    pub(super) seed: Seed,
    pub(super) guard: Guard,
    pub(super) supplier: Option<Supplier>,
    /// Wakes the relay when a supplier order was recorded.
    pub(super) recorded: Arc<Notify>,
    pub(super) worker_metrics: WorkerMetrics,
    pub(super) attempts: Arc<AttemptCount>,
}

#[activities]
impl InventoryActivities {
    /// Changes the stock by an order's quantity. Its type and argument are those of the original.
    #[activity(name = "UpdateInventoryActivity")]
    pub async fn update_inventory(
        self: Arc<Self>,
        ctx: ActivityContext,
        argument: OrderArgument,
    ) -> Result<EffectResult, ActivityError> {
        let _running = self.attempts.begin();
        let order = match argument.0 {
            Ok(order) => order,
            Err(invalid) => return Err(self.refuse(&ctx, Activity::UpdateInventory, invalid).await),
        };
        let execution = match self.execution(&ctx, &order.order, order.demo.as_ref(), Activity::UpdateInventory) {
            Ok(execution) => execution,
            Err(invalid) => return Err(self.refuse(&ctx, Activity::UpdateInventory, invalid).await),
        };
        let product = match product(&order.item, &execution) {
            Ok(product) => product,
            Err(invalid) => return Err(self.refuse(&ctx, Activity::UpdateInventory, invalid).await),
        };
        let id = execution.origin.order.clone();
        execution.run(Effect::Order(Order { id, product, quantity: order.quantity })).await
    }

    /// Orders from the supplier if the stock is low. Its type and first two arguments are those of the original.
    #[activity(name = "SupplierOrderActivity")]
    pub async fn supplier_order(
        self: Arc<Self>,
        ctx: ActivityContext,
        arguments: SupplierArguments,
    ) -> Result<EffectResult, ActivityError> {
        let _running = self.attempts.begin();
        let input = match arguments.0 {
            Ok(input) => input,
            Err(invalid) => return Err(self.refuse(&ctx, Activity::SupplierOrder, invalid).await),
        };
        let order = match &input.order {
            Some(order) => order.order.clone(),
            None => order_of_caller(&ctx),
        };
        let demo = input.order.as_ref().and_then(|order| order.demo.as_ref());
        let execution = match self.execution(&ctx, &order, demo, Activity::SupplierOrder) {
            Ok(execution) => execution,
            Err(invalid) => return Err(self.refuse(&ctx, Activity::SupplierOrder, invalid).await),
        };
        let product = match product(&input.item, &execution) {
            Ok(product) => product,
            Err(invalid) => return Err(self.refuse(&ctx, Activity::SupplierOrder, invalid).await),
        };
        let order = execution.origin.order.clone();
        execution
            .run(Effect::Supplier(SupplierOrder {
                order,
                product,
                quantity: input.quantity,
                delivery: Delivery::Immediate,
            }))
            .await
    }

    /// Records in the journal that the workflow rejected its input as an invalid order.
    #[activity(name = "RecordInvalidOrderActivity")]
    pub async fn record_invalid_order(
        self: Arc<Self>,
        ctx: ActivityContext,
        invalid: InvalidOrder,
    ) -> Result<(), ActivityError> {
        let _running = self.attempts.begin();
        let key = invalid.order.as_ref().map(IdempotencyKey::order);
        match self.record_refusal(&ctx, key, &StoreError::Rejected(invalid.rejection())).await {
            Ok(()) => {
                self.worker_metrics.order(OrderOutcome::Rejected);
                Ok(())
            }
            Err(unwritten) => Err(failure(&unwritten, unwritten.type_name(), unwritten.is_retryable())),
        }
    }
}

/// Derives an order's id from the workflow id, or from the activity id if there is no workflow. The original's two
/// arguments do not contain the order's id.
fn order_of_caller(ctx: &ActivityContext) -> String {
    let info = ctx.info();
    info.workflow_id.as_deref().map_or_else(|| info.activity_id.clone(), order_of_workflow)
}

/// Removes the prefix of a workflow id: ours is `order-<OrderID>`, the fork's `ordermanagement-wkfl-<OrderID>`. Any
/// other workflow id is used as the order's id, since it is equally stable.
fn order_of_workflow(workflow: &str) -> String {
    let order = WorkflowId::order_in(workflow).or_else(|| workflow.strip_prefix("ordermanagement-wkfl-"));
    order.unwrap_or(workflow).to_owned()
}

fn attempt_of(ctx: &ActivityContext) -> Attempt {
    Attempt::new(ctx.info().attempt).unwrap_or(Attempt::FIRST)
}

fn product(item: &str, execution: &Execution) -> Result<ProductId, InvalidOrder> {
    ProductId::new(item).map_err(|problem| InvalidOrder {
        order: Some(execution.origin.order.clone()),
        message: format!("Item: {problem}"),
    })
}

impl InventoryActivities {
    /// Collects the origin and the settings of an attempt.
    fn execution(
        &self,
        ctx: &ActivityContext,
        order: &str,
        demo: Option<&Demo>,
        activity: Activity,
    ) -> Result<Execution, InvalidOrder> {
        let order = OrderId::new(order).map_err(|problem| InvalidOrder::new(format!("OrderID: {problem}")))?;
        let faults = match demo {
            Some(demo) if !demo.faults.is_empty() => demo.faults.parse().map_err(|problem| InvalidOrder {
                order: Some(order.clone()),
                message: format!("Demo.Faults: {problem}"),
            })?,
            Some(_) => FaultPlan::none(),
            None => self.faults.clone(),
        };
        let info = ctx.info();
        let origin = Origin {
            order,
            workflow: info.workflow_id.clone().unwrap_or_default(),
            run: info.workflow_run_id.clone().unwrap_or_default(),
            activity,
            attempt: attempt_of(ctx),
        };
        Ok(Execution {
            store: Arc::clone(&self.store),
            origin,
            faults,
            seed: demo.map_or(self.seed, |demo| demo.seed),
            guard: demo.map_or(self.guard, |demo| demo.guard),
            supplier: self.supplier.as_ref().and_then(|supplier| supplier.of(demo.and_then(|demo| demo.supplier))),
            recorded: Arc::clone(&self.recorded),
            deadline: info.deadline,
            worker_metrics: self.worker_metrics.clone(),
        })
    }

    /// Records an invalid order and returns a failure that Temporal does not retry.
    async fn refuse(&self, ctx: &ActivityContext, activity: Activity, invalid: InvalidOrder) -> ActivityError {
        let error = StoreError::Rejected(invalid.rejection());
        self.worker_metrics.attempt(activity, attempt_of(ctx), false);
        let key = invalid.order.as_ref().map(match activity {
            Activity::UpdateInventory => IdempotencyKey::order,
            Activity::SupplierOrder => IdempotencyKey::supplier,
        });
        match self.record_refusal(ctx, key, &error).await {
            Ok(()) => {
                if activity == Activity::UpdateInventory {
                    self.worker_metrics.order(OrderOutcome::Rejected);
                }
                failure(&error, error.type_name(), false)
            }
            Err(unwritten) => failure(&unwritten, unwritten.type_name(), unwritten.is_retryable()),
        }
    }

    async fn record_refusal(
        &self,
        ctx: &ActivityContext,
        key: Option<IdempotencyKey>,
        error: &StoreError,
    ) -> Result<(), StoreError> {
        let workflow = ctx.info().workflow_id.clone().unwrap_or_default();
        let run = ctx.info().workflow_run_id.clone().unwrap_or_default();
        tracing::warn!(workflow, run, "{error}");
        let (code, message) = (error.type_name().to_owned(), error.to_string());
        self.store.note(Note::Refused(Refused { key, code, message, workflow, run })).await
    }
}

/// One attempt.
struct Execution {
    store: Arc<dyn Store>,
    origin: Origin,
    faults: FaultPlan,
    seed: Seed,
    guard: Guard,
    supplier: Option<Supplier>,
    recorded: Arc<Notify>,
    deadline: Option<SystemTime>,
    worker_metrics: WorkerMetrics,
}

impl Execution {
    async fn run(self, effect: Effect) -> Result<EffectResult, ActivityError> {
        let result = self.attempt(effect).await;
        self.count(&result);
        let phase = match &result {
            Ok(committed) => Phase::Completed { outcome: committed.outcome },
            Err(stopped) => stopped.phase(),
        };
        if let Err(error) = self.note(phase).await {
            // The effect does not depend on this record, and Temporal learns the end of the attempt anyway.
            tracing::warn!(%error, "could not record the end of an attempt in the journal");
        }
        match result {
            Ok(committed) => Ok(EffectResult {
                outcome: committed.outcome,
                delta: committed.receipt.delta,
                stock: committed.receipt.stock,
                own: made_here(&committed),
            }),
            Err(stopped) => Err(stopped.failure()),
        }
    }

    async fn attempt(&self, effect: Effect) -> Result<Committed, Stopped> {
        self.note(Phase::Started).await.map_err(|error| Stopped::Store(error.before_writing()))?;
        let effect = match (effect, &self.supplier) {
            (Effect::Supplier(order), Some(Supplier { policy: KeyPolicy::Outbox, .. })) => {
                let plan = RelayPlan { faults: self.faults.to_string(), seed: self.seed };
                Effect::Supplier(SupplierOrder { delivery: Delivery::Outbox(plan), ..order })
            }
            (Effect::Supplier(order), Some(supplier)) => Effect::Supplier(self.delivered(order, supplier).await?),
            (effect, _) => effect,
        };
        self.fault(Point::BeforeCommit).await?;
        let is_outbox = matches!(&effect, Effect::Supplier(SupplierOrder { delivery: Delivery::Outbox(_), .. }));
        let request = self.request(effect);
        let asked = Instant::now();
        let answer = self.store.commit(request).await;
        self.worker_metrics.commit(asked.elapsed());
        let committed = answer.map_err(Stopped::Store)?;
        if is_outbox {
            self.recorded.notify_one();
        }
        if committed.outcome == CommitOutcome::Replayed {
            self.worker_metrics.replay(self.origin.activity);
        }
        self.fault(Point::AfterCommit).await?;
        Ok(committed)
    }

    fn request(&self, effect: Effect) -> CommitRequest {
        CommitRequest { effect, guard: self.guard, origin: self.origin.clone() }
    }

    /// Returns the supplier order with its shipment, if it needs one.
    async fn delivered(&self, order: SupplierOrder, supplier: &Supplier) -> Result<SupplierOrder, Stopped> {
        let order = SupplierOrder { delivery: Delivery::NotShipped, ..order };
        match self.store.must_ship(self.request(Effect::Supplier(order.clone()))).await {
            Ok(true) => {}
            Ok(false) => return Ok(order),
            // The commit records the refusal.
            Err(error) if !error.is_retryable() => return Ok(order),
            Err(error) => return Err(Stopped::Store(error.before_writing())),
        }
        let found = supplier.look_up(&order, self.time_left()).await.map_err(Stopped::Supplier)?;
        let sent = if let Some(shipment) = found {
            // An earlier request has caused it.
            Sent { shipment, replayed: true }
        } else {
            self.fault(Point::BeforeSend).await?;
            supplier.send(&order, self.time_left()).await.map_err(Stopped::Supplier)?
        };
        let Sent { shipment, replayed } = sent;
        if let Err(error) = self.note(Phase::Shipped { shipment: shipment.clone(), replayed }).await {
            // The commit records the shipment too.
            tracing::warn!(%error, "could not record a shipment in the journal");
        }
        self.fault(Point::AfterSend).await?;
        Ok(SupplierOrder { delivery: Delivery::Shipped(shipment), ..order })
    }

    fn count(&self, result: &Result<Committed, Stopped>) {
        let Origin { activity, attempt, .. } = self.origin;
        self.worker_metrics.attempt(activity, attempt, result.is_ok());
        if activity == Activity::UpdateInventory
            && let Some(outcome) = order_outcome(result)
        {
            self.worker_metrics.order(outcome);
        }
    }

    async fn note(&self, phase: Phase) -> Result<(), StoreError> {
        self.store.note(Note::Attempt(AttemptEvent { origin: self.origin.clone(), phase })).await
    }

    async fn fault(&self, point: Point) -> Result<(), Stopped> {
        let Origin { order, activity, attempt, .. } = &self.origin;
        let draw = Draw { seed: self.seed, order: order.as_str(), activity: *activity, attempt: *attempt, point };
        inject(
            &self.faults,
            &draw,
            &self.worker_metrics,
            || self.until_after_deadline(),
            async |phase| {
                if let Err(error) = self.note(phase).await {
                    // Log this error only: returned after the commit, its type would mean that nothing was written.
                    tracing::warn!(%error, "could not record a planned fault in the journal");
                }
            },
        )
        .await
    }

    fn until_after_deadline(&self) -> Duration {
        self.time_left().unwrap_or_default() + HANG_BEYOND
    }

    /// Time until the attempt ends; `None` without a deadline. Zero after it.
    fn time_left(&self) -> Option<Duration> {
        self.deadline.map(|deadline| deadline.duration_since(SystemTime::now()).unwrap_or_default())
    }
}

/// Whether this workflow run applied the effect, in this or an earlier attempt.
fn made_here(committed: &Committed) -> bool {
    committed.outcome == CommitOutcome::Applied || committed.same_run
}

/// The outcome of the order; `None` if Temporal retries the attempt.
fn order_outcome(result: &Result<Committed, Stopped>) -> Option<OrderOutcome> {
    match result {
        Ok(committed) if made_here(committed) => Some(OrderOutcome::Applied),
        Ok(Committed { outcome: CommitOutcome::Skipped, .. }) => Some(OrderOutcome::Skipped),
        Ok(_) => Some(OrderOutcome::Replayed),
        Err(Stopped::Store(StoreError::Rejected(_))) => Some(OrderOutcome::Rejected),
        Err(Stopped::Store(StoreError::Conflict { .. })) => Some(OrderOutcome::Conflict),
        Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_is_derived_from_the_workflow_id() {
        for (workflow, order) in
            [("order-A12", "A12"), ("ordermanagement-wkfl-11235", "11235"), ("5f3c-uuid", "5f3c-uuid")]
        {
            assert_eq!(order_of_workflow(workflow), order);
        }
    }
}
