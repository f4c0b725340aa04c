//! A run of a scenario: prepares the stock, sends the orders and causes the failures of its steps, and checks the result
//! once everything that they led to has ended. Only facts decide; no time but the scenario's limit and the limit of the
//! preparation.

mod checks;
pub(super) mod initial_stock;
mod request;
mod setup;
mod steps;
mod supplier;

use crate::{
    domain::{Activity, OrderId, UnixMillis},
    scenario::{Placing, Scenario, What},
};

use super::{
    facts::Facts,
    message::{Message, Worker},
    orders::{Orders, RunKey, attempt::AttemptFacts, execution::Execution},
    sanitized,
};

use initial_stock::InitialStock;
use supplier::SupplierQuestion;

pub use checks::{Check, CheckResult, RunCounts};
pub use request::{OrderRequest, Request};

/// The state of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunState {
    /// What an earlier run has left is ended: its worker, which may sleep in an attempt, then its open orders.
    Clearing {
        /// The server was asked to end them.
        asked: bool,
    },
    /// The starting stock was requested.
    Resetting,
    /// The link, the worker or the stock is not ready.
    Preparing,
    /// The steps run, or their orders have not ended.
    Running,
    /// Everything has ended, and was checked.
    Finished(CheckResult),
    /// It did not end, with the reason.
    Abandoned(String),
}

/// An order that was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentOrder {
    /// Index of the step that sent it.
    pub step: usize,
    /// The order.
    pub order: OrderId,
    /// The workflow id of the start.
    pub workflow: String,
    /// The ticket of the start.
    pub ticket: u64,
    /// The run, as the server reports it; `None` until it has answered.
    pub run: Option<RunKey>,
    /// The start joined another start's run.
    pub joined: bool,
    /// Why the server did not accept the start.
    pub start_failure: Option<String>,
}

impl SentOrder {
    /// The run of the order, if it is still kept.
    #[must_use]
    pub fn execution<'a>(&self, orders: &'a Orders) -> Option<&'a Execution> {
        orders.of_run(self.run.as_ref()?)
    }
}

/// A run of a scenario.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScenarioRun {
    scenario: Scenario,
    state: RunState,
    /// The time since which the preparation is not complete although the server answers.
    waits_since: Option<UnixMillis>,
    /// The time since which the preparation is not complete, whether or not the server answers.
    unready_since: Option<UnixMillis>,
    /// The time of the first step.
    since: Option<UnixMillis>,
    /// Number of the newest request for a report about the supplier; 0 before the first.
    asked_supplier: u64,
    /// What [`Self::asked_supplier`] was requested for.
    asked_for: Option<SupplierQuestion>,
    /// Number of steps that are done.
    done: usize,
    sent: Vec<SentOrder>,
    /// Workers that exited without a request.
    deaths: u32,
    /// The latest time at which a worker exited.
    gone: Option<UnixMillis>,
    /// It begins with the starting stock, so that the expected stock is known.
    from_start: bool,
    /// The first step waits for [`Self::release`].
    held: bool,
}

impl ScenarioRun {
    /// Begins a run after `before`, and returns the first requests.
    #[must_use]
    pub fn begin(
        scenario: Scenario,
        initial_stock: InitialStock,
        before: Option<&Self>,
        facts: &Facts<'_>,
    ) -> (Self, Vec<Request>) {
        let (state, requests) = setup::first_state(initial_stock, before, facts);
        let run = Self {
            scenario,
            state,
            waits_since: None,
            unready_since: None,
            since: None,
            asked_supplier: before.map_or(0, |before| before.asked_supplier),
            asked_for: None,
            done: 0,
            sent: Vec::new(),
            deaths: 0,
            gone: before.and_then(|before| before.gone),
            from_start: initial_stock != InitialStock::Keep,
            held: false,
        };
        (run, requests)
    }

    /// Prepares only: no step runs before [`Self::release`].
    pub const fn hold(&mut self) {
        self.held = true;
    }

    /// Lets the steps begin. `false`: it was not held, or its preparation has failed.
    pub fn release(&mut self) -> bool {
        std::mem::take(&mut self.held) && !self.is_over()
    }

    /// The scenario.
    #[must_use]
    pub const fn scenario(&self) -> &Scenario {
        &self.scenario
    }

    /// The state.
    #[must_use]
    pub const fn state(&self) -> &RunState {
        &self.state
    }

    /// Whether it began with the starting stock, so that the expected stock is known.
    #[must_use]
    pub const fn is_from_start(&self) -> bool {
        self.from_start
    }

    /// The orders that were sent.
    #[must_use]
    pub fn sent_orders(&self) -> &[SentOrder] {
        &self.sent
    }

    /// Whether nothing more will happen.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        matches!(self.state, RunState::Finished(_) | RunState::Abandoned(_))
    }

    /// Whether the steps have begun.
    #[must_use]
    pub const fn has_begun(&self) -> bool {
        self.since.is_some()
    }

    /// Whether a step is not done yet.
    #[must_use]
    pub const fn has_steps_left(&self) -> bool {
        self.done < self.scenario.acts.len()
    }

    /// The step that sent an order.
    fn placing(&self, sent: &SentOrder) -> Option<&Placing> {
        match &self.scenario.acts.get(sent.step)?.what {
            What::Order(placing) => Some(placing),
            _ => None,
        }
    }

    /// Records what the facts alone do not show later.
    pub fn note(&mut self, noted: &Noted, now: UnixMillis) {
        match noted {
            Noted::Started { ticket, run, joined } => {
                if let Some(sent) = self.sent.iter_mut().find(|sent| sent.ticket == *ticket) {
                    (sent.run, sent.joined) = (Some(run.clone()), *joined);
                }
            }
            Noted::NotStarted { ticket, cause } => {
                if let Some(sent) = self.sent.iter_mut().find(|sent| sent.ticket == *ticket) {
                    sent.start_failure = Some(cause.clone());
                }
            }
            Noted::Gone { unasked } => {
                self.gone = Some(now);
                self.deaths = self.deaths.saturating_add(u32::from(*unasked && self.has_begun()));
            }
            Noted::Reset(Ok(())) if self.state == RunState::Resetting => self.state = RunState::Preparing,
            Noted::Reset(Err(cause)) if self.state == RunState::Resetting => {
                self.state = RunState::Abandoned(cause.clone());
            }
            Noted::Reset(_) => {}
        }
    }

    /// Goes as far as the facts allow, and returns what to do for it.
    pub fn advance(&mut self, facts: &Facts<'_>) -> Vec<Request> {
        let asked = if self.state == RunState::Preparing { self.ask_supplier(SupplierQuestion::Begin) } else { None };
        let mut requests = match self.state {
            RunState::Clearing { asked } => self.clear_away(asked, facts),
            RunState::Preparing if !self.held && self.is_ready(facts) => {
                self.state = RunState::Running;
                self.since = Some(facts.now);
                self.run_steps(facts)
            }
            RunState::Running => self.run_steps(facts),
            RunState::Preparing | RunState::Resetting | RunState::Finished(_) | RunState::Abandoned(_) => Vec::new(),
        };
        requests.extend(asked);
        if self.held && self.is_ready(facts) {
            (self.waits_since, self.unready_since) = (None, None);
        } else if matches!(self.state, RunState::Clearing { .. } | RunState::Resetting | RunState::Preparing) {
            self.limit_preparation(facts);
        }
        requests
    }
}

/// The part of a message that a run records.
#[derive(Debug)]
pub enum Noted {
    /// The server accepted a start.
    Started {
        /// The ticket of the start.
        ticket: u64,
        /// The run.
        run: RunKey,
        /// The start joined another start's run.
        joined: bool,
    },
    /// The server did not accept a start.
    NotStarted {
        /// The ticket of the start.
        ticket: u64,
        /// The reason.
        cause: String,
    },
    /// A worker process has exited.
    Gone {
        /// Without a request.
        unasked: bool,
    },
    /// The result of a reset of the stock.
    Reset(Result<(), String>),
}

impl Noted {
    /// The part of `message`; `None` if runs record nothing of it.
    #[must_use]
    pub fn of(message: &Message) -> Option<Self> {
        Some(match message {
            Message::Started { ticket, workflow, run, joined, .. } => {
                let run = (sanitized::id(workflow), sanitized::id(run));
                Self::Started { ticket: *ticket, run, joined: *joined }
            }
            Message::StartFailed { ticket, cause, .. } => {
                Self::NotStarted { ticket: *ticket, cause: sanitized::text(cause) }
            }
            Message::Worker(Worker::Exited { .. }) => Self::Gone { unasked: true },
            Message::Worker(Worker::Killed | Worker::Stopped) => Self::Gone { unasked: false },
            Message::ResetDone(result) => {
                Self::Reset(result.as_ref().map(drop).map_err(|cause| sanitized::text(cause)))
            }
            _ => return None,
        })
    }
}

/// All attempts that were observed.
fn attempts(execution: &Execution) -> impl Iterator<Item = &AttemptFacts> {
    Activity::ALL.into_iter().flat_map(|activity| execution.attempts(activity)).filter_map(|seen| seen.facts)
}
