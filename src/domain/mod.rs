//! Orders and what they do to the stock. Pure: no clock, no file, no network, and no crate but serde.
//!
//! The main type is [`Inventory`]: `decide` returns what an effect would do, `apply` executes a decided change. The store
//! uses them under its lock, and every reader of a journal uses them to replay it, so the two cannot disagree.

mod activity;
mod attempt;
mod fingerprint;
mod guard;
mod identity;
mod ids;
mod inventory;
pub mod millis;
mod order;
mod outcome;
mod payload;
mod pending;
mod retry;
mod sanitize;
mod workflow_id;

pub use activity::{Activity, ActivityKey, ActivityType};
pub use attempt::{Attempt, Origin, UnixMillis};
pub use guard::{Guard, UnknownGuard};
pub use identity::{WORKER_ROLE, is_worker_of_ours, process_identity};
pub use ids::{IdempotencyKey, InvalidId, MAX_ID_BYTES, OrderId, ProductId};
pub use inventory::{Change, Decision, Inventory, Receipt, Refusal};
pub use order::{
    Effect, MAX_QUANTITY, Order, REORDER_BELOW, Rejection, SUPPLIER_QUANTITY, Stock, SupplierOrder, expected_quantity,
};
pub use outcome::{OrderOutcome, RunEnd, RunResult};
pub use payload::Payload;
pub use pending::{PendingActivity, PendingFailure, PendingState};
pub use retry::RetryWaits;
pub use sanitize::sanitize;
pub use workflow_id::WorkflowId;
