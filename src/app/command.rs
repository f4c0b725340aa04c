//! Effects as data: what the runtime is asked to do. Answers come back only as a `Message`.

use crate::{
    domain::{Guard, OrderId, ProductId},
    faults::{FaultPlan, Seed},
};

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    StartOrder(StartOrder),
    StartWorker,
    /// Lets it finish what it runs.
    StopWorker,
    /// SIGKILL.
    KillWorker,
    /// Puts the starting document back.
    Reset,
    Quit,
}

/// One start of a workflow. `Started` or `StartFailed` answers with the same ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartOrder {
    pub ticket: u64,
    pub order: OrderId,
    pub product: ProductId,
    pub quantity: i64,
    pub workflow: String,
    pub faults: FaultPlan,
    pub seed: Seed,
    pub guard: Guard,
}
