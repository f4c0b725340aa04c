//! What a run asks the application to do.

use std::time::Duration;

use crate::{
    app::command::Command,
    domain::{Guard, OrderId, ProductId, Supply},
    faults::FaultPlan,
};

/// An order to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderRequest {
    /// The order.
    pub order: OrderId,
    /// The workflow id of the start.
    pub workflow: String,
    /// See [`StartOrder::fresh_workflow`](crate::app::StartOrder::fresh_workflow).
    pub fresh_workflow: bool,
    /// The product.
    pub product: ProductId,
    /// Units of the product.
    pub quantity: i64,
    /// The guard.
    pub guard: Guard,
    /// The fault plan.
    pub faults: FaultPlan,
    /// Where the units of its supplier order come from; `None` for the worker's setting.
    pub supply: Option<Supply>,
    /// Execution timeout of the workflow; `None` for no timeout.
    pub limit: Option<Duration>,
}

/// One request of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// Send an order under the next ticket.
    Send(Box<OrderRequest>),
    /// Put the starting stock back.
    ResetStock,
    /// Anything else.
    Command(Command),
    /// Show a failure.
    Complain(String),
}
