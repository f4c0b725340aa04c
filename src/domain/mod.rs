//! Orders and what they do to the stock, and what a Temporal server reports about executions of any workflow. Pure: no
//! clock, no file, no network, and no crate but serde.
//!
//! The main type of the first part is [`Inventory`]: `decide` returns what an effect would do, `apply` executes a decided change. The store
//! uses them under its lock, and every reader of a journal uses them to replay it, so the two cannot disagree.

mod activity;
mod activity_options;
pub mod answer_limits;
mod attempt;
mod execution;
mod failure;
mod guard;
mod history_event;
mod identity;
mod ids;
mod inventory;
mod inventory_model;
mod ledger;
pub mod millis;
mod operation;
mod order;
mod outbox;
mod outcome;
mod payload;
mod payload_content;
mod pending;
mod retry;
mod run;
mod sanitize;
mod supply;
mod visibility;
mod workflow_id;

pub use activity::{Activity, ActivityKey, ActivityType};
pub use activity_options::{ActivityOptions, Coefficient, RetryPolicy};
pub use attempt::{Attempt, Origin, UnixMillis};
pub use execution::{
    ExecutionInfo, ExecutionReport, ExecutionStatus, Heartbeat, Pause, PendingDetails, PendingNexus, PendingTask,
    ReportedActivity,
};
pub use failure::{FailureCause, FailureKind, FailureReport, TimeoutKind, expired_timeout, next_retry_delay};
pub use guard::{Guard, UnknownGuard};
pub use history_event::{EventKind, HistoryEvent, ItemEnd};
pub use identity::{WORKER_ROLE, is_worker_of_ours, process_identity};
pub use ids::{IdempotencyKey, InvalidId, MAX_ID_BYTES, OrderId, ProductId};
pub use inventory::{Change, Decision, Inventory, InventoryRules, InventoryState, Refusal};
pub use inventory_model::InventoryModel;
pub use ledger::{LedgerEntry, Receipt};
pub use operation::Operation;
pub use order::{
    Effect, MAX_QUANTITY, Order, REORDER_BELOW, Rejection, SUPPLIER_QUANTITY, Stock, SupplierOrder, expected_quantity,
};
pub use outbox::{Intent, Outbox};
pub use outcome::{OrderOutcome, RunEnd, RunResult};
pub use payload::Payload;
pub use payload_content::PayloadContent;
pub use pending::{PendingActivity, PendingState};
pub use retry::RetryWaits;
pub use run::Run;
pub use sanitize::sanitize;
pub use supply::{Delivery, KeyPolicy, RelayPlan, ShipmentId, Supply, Units, UnknownKeyPolicy, UnknownSupply};
pub use visibility::{has_unsearchable_value, on_task_queue};
pub use workflow_id::WorkflowId;
