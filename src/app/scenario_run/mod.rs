//! Plays a scenario: sees to a fresh stock, sends its orders and its accidents as their time comes, and knows when all
//! that it led to has come to its end. Everything is decided by facts that have arrived; nothing waits for a time but the
//! scenario's own limit.

mod checks;
mod setup;
mod steps;

use serde::{Deserialize, Serialize};

use crate::{
    domain::{Activity, OrderId, UnixMillis},
    scenario::{Placing, Scenario, What},
};

use super::{
    App, AttemptFacts, Command, Execution, Message, Worker,
    orders::{RunKey, ingest},
};

pub use checks::{Check, Figures, Judged};

/// Whether the stock is put back to the seed's before the first act.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Beginning {
    /// Another scenario may have been played on this database.
    Anew,
    /// The database has just been made.
    Fresh,
    /// Somebody named the database, and wants it played on as it is: what the stock must come to is not known.
    AsItStands,
}

/// Where a performance stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// What an earlier one has left is ended: its worker, which may sleep in an attempt, then its open orders.
    Clearing {
        /// The server was asked to end them.
        asked: bool,
    },
    /// The starting stock is on its way.
    Resetting,
    /// The link, the worker or the stock is not there yet.
    Gathering,
    /// The acts are played, and what they led to is waited for.
    Acting,
    Over(Judged),
    /// It comes to no end, and this is why.
    GivenUp(String),
}

/// An order that was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// Which act sent it.
    pub act: usize,
    pub order: OrderId,
    pub workflow: String,
    pub ticket: u64,
    /// Workflow id and run id, as the server has them; `None` until it has answered.
    pub run: Option<RunKey>,
    pub joined: bool,
    pub start_failure: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Performance {
    scenario: Scenario,
    part: Part,
    /// Since when the stage is not ready although the server answers.
    waits_since: Option<UnixMillis>,
    /// Since when the stage is not ready, whether or not the server answers.
    unready_since: Option<UnixMillis>,
    /// When the first act was played.
    since: Option<UnixMillis>,
    /// Acts that are played.
    played: usize,
    placed: Vec<Placed>,
    /// Workers that died without being asked to.
    deaths: u32,
    /// When a worker was gone last.
    gone: Option<UnixMillis>,
    /// The stock begins as the seed's, so that what it must come to is known.
    from_start: bool,
    /// The stage is prepared, and the first act waits until it is released.
    held: bool,
}

impl Performance {
    fn new(scenario: Scenario, part: Part, from_start: bool) -> Self {
        Self {
            scenario,
            part,
            waits_since: None,
            unready_since: None,
            since: None,
            played: 0,
            placed: Vec::new(),
            deaths: 0,
            gone: None,
            from_start,
            held: false,
        }
    }

    /// Prepares the stage only: no act is played before [`Self::release`].
    pub(super) const fn hold(&mut self) {
        self.held = true;
    }

    /// Lets the acts begin. `false`: nothing was held, or the stage did not become ready.
    pub(super) fn release(&mut self) -> bool {
        std::mem::take(&mut self.held) && !self.is_over()
    }

    #[must_use]
    pub const fn scenario(&self) -> &Scenario {
        &self.scenario
    }

    #[must_use]
    pub const fn part(&self) -> &Part {
        &self.part
    }

    /// It began with the starting stock, so that what it must come to is known.
    #[must_use]
    pub const fn is_from_start(&self) -> bool {
        self.from_start
    }

    #[must_use]
    pub fn placed(&self) -> &[Placed] {
        &self.placed
    }

    #[must_use]
    pub const fn is_over(&self) -> bool {
        matches!(self.part, Part::Over(_) | Part::GivenUp(_))
    }

    /// What the acts so far led to has begun.
    #[must_use]
    pub const fn has_begun(&self) -> bool {
        self.since.is_some()
    }

    /// Whether an act is still to come.
    #[must_use]
    pub const fn has_acts_left(&self) -> bool {
        self.played < self.scenario.acts.len()
    }

    /// The act that sent an order.
    pub(super) fn placing(&self, placed: &Placed) -> Option<&Placing> {
        match &self.scenario.acts.get(placed.act)?.what {
            What::Order(placing) => Some(placing),
            _ => None,
        }
    }

    /// Notes what concerns it of what has just been taken in.
    fn note(&mut self, message: &Noted, now: UnixMillis) {
        match message {
            Noted::Started { ticket, run, joined } => {
                if let Some(placed) = self.placed.iter_mut().find(|placed| placed.ticket == *ticket) {
                    (placed.run, placed.joined) = (Some(run.clone()), *joined);
                }
            }
            Noted::NotStarted { ticket, cause } => {
                if let Some(placed) = self.placed.iter_mut().find(|placed| placed.ticket == *ticket) {
                    placed.start_failure = Some(cause.clone());
                }
            }
            Noted::Gone { unasked } => {
                self.gone = Some(now);
                self.deaths = self.deaths.saturating_add(u32::from(*unasked && self.has_begun()));
            }
            Noted::Reset(Ok(())) if self.part == Part::Resetting => self.part = Part::Gathering,
            Noted::Reset(Err(cause)) if self.part == Part::Resetting => self.part = Part::GivenUp(cause.clone()),
            Noted::Reset(_) => {}
        }
    }
}

/// What of a message a performance has to keep, because the state alone does not tell it later.
#[derive(Debug)]
pub(super) enum Noted {
    Started {
        ticket: u64,
        run: RunKey,
        joined: bool,
    },
    NotStarted {
        ticket: u64,
        cause: String,
    },
    /// A worker process is gone.
    Gone {
        unasked: bool,
    },
    Reset(Result<(), String>),
}

impl Noted {
    pub(super) fn of(message: &Message) -> Option<Self> {
        Some(match message {
            Message::Started { ticket, workflow, run, joined, .. } => {
                let run = (ingest::id(workflow), ingest::id(run));
                Self::Started { ticket: *ticket, run, joined: *joined }
            }
            Message::StartFailed { ticket, cause, .. } => {
                Self::NotStarted { ticket: *ticket, cause: ingest::text(cause) }
            }
            Message::Worker(Worker::Exited { .. }) => Self::Gone { unasked: true },
            Message::Worker(Worker::Killed | Worker::Stopped) => Self::Gone { unasked: false },
            Message::ResetDone(result) => Self::Reset(result.as_ref().map(drop).map_err(|cause| ingest::text(cause))),
            _ => return None,
        })
    }
}

impl App {
    /// The scenario that is played, or was played last.
    #[must_use]
    pub fn performance(&self) -> Option<&Performance> {
        self.performance.as_deref()
    }

    /// Begins a scenario in place of the one before. Orders are sent under its guard, plan, seed and retry policy from now
    /// on, and the screen says so.
    pub(super) fn begin_performance(&mut self, scenario: Scenario, beginning: Beginning) -> Vec<Command> {
        self.guard = scenario.guard;
        self.plan.clone_from(&scenario.faults);
        (self.setup.seed, self.setup.retry) = (scenario.seed, scenario.retry);
        (self.selection, self.panel, self.zoomed) = (None, super::Panel::Orders, false);
        self.thaw();
        let (part, commands) = self.first_part(beginning);
        let gone = self.performance.as_ref().and_then(|before| before.gone);
        let from_start = beginning != Beginning::AsItStands;
        self.performance = Some(Box::new(Performance { gone, ..Performance::new(scenario, part, from_start) }));
        commands
    }

    /// Lets the performance take note of a message, after the state has taken it in, and go on.
    pub(super) fn perform(&mut self, noted: Option<&Noted>) -> Vec<Command> {
        let Some(mut performance) = self.performance.take() else { return Vec::new() };
        if let Some(noted) = noted {
            performance.note(noted, self.now);
        }
        // What waits behind a frozen screen has not happened yet.
        let commands = if self.frozen.is_none() { self.advance(&mut performance) } else { Vec::new() };
        self.performance = Some(performance);
        commands
    }

    fn advance(&mut self, performance: &mut Performance) -> Vec<Command> {
        let commands = match performance.part {
            Part::Clearing { asked } => self.clear_away(performance, asked),
            Part::Gathering if !performance.held && self.is_gathered(performance) => {
                performance.part = Part::Acting;
                performance.since = Some(self.now);
                self.play_acts(performance)
            }
            Part::Acting => self.play_acts(performance),
            Part::Gathering | Part::Resetting | Part::Over(_) | Part::GivenUp(_) => Vec::new(),
        };
        let waits_for_its_key = performance.held && self.is_gathered(performance);
        if waits_for_its_key {
            (performance.waits_since, performance.unready_since) = (None, None);
        } else if matches!(performance.part, Part::Clearing { .. } | Part::Resetting | Part::Gathering) {
            self.mind_the_time(performance);
        }
        commands
    }
}

/// All attempts that were observed.
pub(super) fn attempts(execution: &Execution) -> impl Iterator<Item = &AttemptFacts> {
    Activity::ALL.into_iter().flat_map(|activity| execution.attempts(activity)).filter_map(|seen| seen.facts)
}
