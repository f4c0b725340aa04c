//! Requests of the application to the runtime, which answers only with a `Message`.

use std::time::Duration;

use crate::{
    domain::{Activity, Guard, Order, OrderId, ProductId, RetryWaits, Run, Supply},
    faults::{FaultPlan, Seed},
};

use super::{NotesPage, subject::Subject, watch::WatchRequest};

/// A request to the runtime.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Start a workflow for an order.
    StartOrder(StartOrder),
    /// Start a worker process.
    StartWorker,
    /// Let the worker finish its attempts and exit.
    StopWorker,
    /// Kill the worker process (SIGKILL).
    KillWorker,
    /// Kill the embedded server (SIGKILL); it stays down until it is requested again.
    KillServer,
    /// Start the embedded server.
    StartServer,
    /// Kill the supplier process (SIGKILL); it stays down until it is requested again.
    KillSupplier,
    /// Start a supplier process.
    StartSupplier,
    /// Let the supplier refuse this number of orders. `Notice` answers if it does not.
    SupplierOutage(u32),
    /// Send this order to the supplier as another client, under the key of our order with its id. `Notice` answers if the
    /// supplier does not ship it.
    OtherClientOrder(Order),
    /// Report the supplier's counters. A `Supplier` message answers this number or a later one.
    AskSupplier(u64),
    /// Ask the server about each of these open runs, at most once at a time. `Described` answers for each.
    Describe(Vec<Run>),
    /// Temporal's activity reset: attempts begin at 1 again, the next one now. `Notice` answers.
    RetryNow(Run, Activity),
    /// Request the cancellation of a run. `Notice` answers.
    Cancel(Run),
    /// End a run at once, without its worker. `Ended` answers.
    Terminate(Run),
    /// Put the starting document back. `ResetDone` answers.
    Reset,
    /// Begin a comparison, which replaces the current one.
    Compare(Comparison),
    /// End the comparison and its workers.
    EndComparison,
    /// Run a walkthrough on a database of its own, then return to the dashboard.
    Walkthrough,
    /// Show this page on the speaker's own screen.
    Present(NotesPage),
    /// Ask the server about executions of any workflow, or operate on one. `Watch` or `Notice` answers.
    Watch(WatchRequest),
    /// Open a page in the browser of this machine.
    Open(String),
    /// Copy a text into the clipboard of the terminal (OSC 52).
    Copy(String),
    /// Let the terminal report the mouse, or not.
    Mouse(bool),
    /// Give the terminal back and stop until `fg`.
    Suspend,
    /// End the program.
    Quit,
    /// End the walkthrough and show the dashboard that opened it.
    Return,
}

/// One order under one plan, for all three sides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comparison {
    /// Monotonic; messages with an older number are ignored.
    pub number: u64,
    /// What it compares.
    pub subject: Subject,
    /// The fault plan.
    pub faults: FaultPlan,
    /// The seed of its random faults.
    pub seed: Seed,
    /// With guards, another order is sent between the commit and the retry. With key policies, two attempts overlap.
    pub interleaved: bool,
}

/// One start of a workflow. `Started` or `StartFailed` answers with the same ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartOrder {
    /// Unique within the session.
    pub ticket: u64,
    /// The order.
    pub order: OrderId,
    /// The product.
    pub product: ProductId,
    /// Units of the product.
    pub quantity: i64,
    /// The workflow id.
    pub workflow: String,
    /// The workflow id is derived from the order id and new to the server. If payloads are encrypted, the runtime replaces
    /// it by a keyed hash, which `Started` reports.
    pub fresh_workflow: bool,
    /// The fault plan.
    pub faults: FaultPlan,
    /// The seed of its random faults.
    pub seed: Seed,
    /// The guard.
    pub guard: Guard,
    /// Where the units of its supplier order come from; `None` for the worker's setting.
    pub supply: Option<Supply>,
    /// The retry policy of its activities.
    pub retry: RetryWaits,
    /// Execution timeout of the workflow; `None` for no timeout.
    pub limit: Option<Duration>,
}
