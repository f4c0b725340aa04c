//! Effects as data: what the runtime is asked to do. Answers come back only as a `Message`.

use crate::{
    domain::{Activity, Guard, OrderId, ProductId, RetryWaits},
    faults::{FaultPlan, Seed},
};

use super::NotesPage;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    StartOrder(StartOrder),
    StartWorker,
    /// Lets it finish what it runs.
    StopWorker,
    /// SIGKILL.
    KillWorker,
    /// SIGKILL to the embedded server; it stays down until it is asked for.
    KillServer,
    StartServer,
    /// Asks the server about each of these open runs, at most once at a time. `Described` answers for each.
    Describe(Vec<Run>),
    /// Temporal's activity reset: the attempts begin at 1 again, the next one now. `Notice` answers.
    RetryNow(Run, Activity),
    /// Asks Temporal to cancel the run. `Notice` answers.
    Cancel(Run),
    /// Ends the run at once, without asking a worker. `Ended` answers.
    Terminate(Run),
    /// Puts the starting document back.
    Reset,
    /// Begins a comparison of the three guards in place of the one before.
    Compare(Comparison),
    /// Ends the comparison and its workers.
    EndComparison,
    /// Plays a walkthrough on a stage of its own, then comes back.
    Walkthrough,
    /// What the speaker's own screen is to show.
    Present(NotesPage),
    /// Opens a page in the browser of this machine.
    Open(String),
    /// Into the clipboard of the terminal (OSC 52).
    Copy(String),
    /// Whether the terminal is to report the mouse.
    Mouse(bool),
    /// Gives the terminal back and stops, until `fg`.
    Suspend,
    Quit,
    /// Ends the walkthrough and shows the dashboard that opened it.
    Return,
}

/// A workflow run, by its two ids.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Run {
    pub workflow: String,
    pub run: String,
}

/// One order under one plan, for all three guards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comparison {
    /// Counts up, so that what comes late from an earlier one is known.
    pub number: u64,
    pub faults: FaultPlan,
    pub seed: Seed,
    /// Another order is sent between the commit and the retry.
    pub interleaved: bool,
}

/// One start of a workflow. `Started` or `StartFailed` answers with the same ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartOrder {
    pub ticket: u64,
    pub order: OrderId,
    pub product: ProductId,
    pub quantity: i64,
    pub workflow: String,
    /// The workflow id is made from the order's id and new to the server. A server that must not know that one gets another
    /// instead, which `Started` tells.
    pub made: bool,
    pub faults: FaultPlan,
    pub seed: Seed,
    pub guard: Guard,
    pub retry: RetryWaits,
    /// After this the server ends it, in milliseconds; `None`: never.
    pub limit: Option<u64>,
}
