//! Plays a scenario: sees to a fresh stock, sends its orders and its accidents as their time comes, and knows when all
//! that it led to has come to its end. Everything is decided by facts that have arrived; nothing waits for a time but the
//! scenario's own limit.

mod judge;

use serde::{Deserialize, Serialize};

use crate::{
    domain::{Activity, OrderId, UnixMillis},
    faults::Action,
    scenario::{Act, Placing, Scenario, What, When},
};

use super::{
    App, AttemptFacts, Command, End, Ending, Execution, Link, Message, Run, Server, Tone, Worker, ingest,
    ordering::Sending,
};

pub use judge::{Check, Figures, Judged};

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
    /// `None` until the server has answered.
    pub run: Option<String>,
    pub joined: bool,
    pub start_failure: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Performance {
    scenario: Scenario,
    part: Part,
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
}

impl Performance {
    fn new(scenario: Scenario, part: Part, from_start: bool) -> Self {
        Self { scenario, part, since: None, played: 0, placed: Vec::new(), deaths: 0, gone: None, from_start }
    }

    #[must_use]
    pub const fn scenario(&self) -> &Scenario {
        &self.scenario
    }

    #[must_use]
    pub const fn part(&self) -> &Part {
        &self.part
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
        run: String,
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
            Message::Started { ticket, run, joined, .. } => {
                Self::Started { ticket: *ticket, run: ingest::id(run), joined: *joined }
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
    pub const fn performance(&self) -> Option<&Performance> {
        self.performance.as_ref()
    }

    /// Begins a scenario in place of the one before. Orders are sent under its guard, plan, seed and retry policy from now
    /// on, and the screen says so.
    pub(super) fn begin_performance(&mut self, scenario: Scenario, beginning: Beginning) -> Vec<Command> {
        self.guard = scenario.guard;
        self.plan.clone_from(&scenario.faults);
        (self.setup.seed, self.setup.retry) = (scenario.seed, scenario.retry);
        (self.selection, self.panel, self.zoomed) = (None, super::Panel::Orders, false);
        self.thaw();
        let (part, commands) = match beginning {
            Beginning::Fresh | Beginning::AsItStands => (Part::Gathering, Vec::new()),
            Beginning::Anew if self.leftovers() => (Part::Clearing { asked: false }, vec![Command::KillWorker]),
            Beginning::Anew => (Part::Resetting, vec![self.put_stock_back()]),
        };
        self.performance = Some(Performance::new(scenario, part, beginning != Beginning::AsItStands));
        commands
    }

    /// Whether something of an earlier performance may still change the stock.
    fn leftovers(&self) -> bool {
        let sleeps = self.performance.as_ref().is_some_and(|before| self.sleepers(before).next().is_some());
        self.orders.open() > 0 || sleeps
    }

    /// Lets the performance take note of a message, after the state has taken it in, and go on.
    pub(super) fn perform(&mut self, noted: Option<Noted>) -> Vec<Command> {
        let Some(mut performance) = self.performance.take() else { return Vec::new() };
        if let Some(noted) = &noted {
            performance.note(noted, self.now);
        }
        // What waits behind a frozen screen has not happened yet.
        let commands = if self.frozen.is_none() { self.advance(&mut performance) } else { Vec::new() };
        self.performance = Some(performance);
        commands
    }

    fn advance(&mut self, performance: &mut Performance) -> Vec<Command> {
        match performance.part {
            Part::Clearing { asked } => self.clear_away(performance, asked),
            Part::Gathering if self.is_gathered(performance) => {
                performance.part = Part::Acting;
                performance.since = Some(self.now);
                self.play_acts(performance)
            }
            Part::Acting => self.play_acts(performance),
            Part::Gathering | Part::Resetting | Part::Over(_) | Part::GivenUp(_) => Vec::new(),
        }
    }

    /// First the worker goes, then its open orders, then the stock is put back.
    fn clear_away(&mut self, performance: &mut Performance, asked: bool) -> Vec<Command> {
        if self.has_worker() {
            return Vec::new();
        }
        let open: Vec<_> = self.orders.open_after(None).filter_map(|slot| self.orders.get(slot)).collect();
        let runs = open.iter().filter_map(|order| Some((order.workflow.clone(), order.run.clone()?)));
        let runs: Vec<_> = runs.map(|(workflow, run)| Run { workflow, run }).collect();
        if open.is_empty() {
            performance.part = Part::Resetting;
            return vec![Command::StartWorker, self.put_stock_back()];
        }
        // Once: the ends that answer come one by one.
        if asked || *self.link() != Link::Up || runs.len() < open.len() {
            return Vec::new();
        }
        performance.part = Part::Clearing { asked: true };
        runs.into_iter().map(Command::Terminate).collect()
    }

    fn put_stock_back(&mut self) -> Command {
        self.reset_asked = Some(self.now);
        Command::Reset
    }

    /// The server answers, the worker polls, and the stock is the one to begin with.
    fn is_gathered(&self, performance: &Performance) -> bool {
        let audit = &self.account.audit;
        let fresh = !performance.from_start || audit.seq == 1;
        let shown = self.account.document.as_ref().is_some_and(|document| document.stock == audit.actual);
        *self.link() == Link::Up && matches!(self.worker(), Worker::Ready { .. }) && audit.seq > 0 && fresh && shown
    }

    /// Plays every act whose time has come, then sees whether all is over.
    fn play_acts(&mut self, performance: &mut Performance) -> Vec<Command> {
        let mut commands = Vec::new();
        while let Some(act) = performance.scenario.acts.get(performance.played).cloned() {
            if !self.has_come(performance, &act.when) {
                break;
            }
            match self.play_act(performance, &act) {
                Some(more) => commands.extend(more),
                None => break,
            }
            performance.played = performance.played.saturating_add(1);
        }
        self.judge_when_done(performance);
        commands
    }

    fn has_come(&self, performance: &Performance, when: &When) -> bool {
        let any = |order: &OrderId, is: fn(&AttemptFacts) -> bool| {
            performance.placed.iter().filter(|placed| placed.order == *order).any(|placed| {
                let execution = self.execution_of(placed);
                execution.is_some_and(|execution| updates(execution).any(is))
            })
        };
        match when {
            When::AtOnce => true,
            When::Ended => performance.placed.iter().all(|placed| self.has_ended(placed)),
            When::Committed(order) => any(order, |facts| facts.committed.is_some()),
            When::Failed(order) => any(order, |facts| matches!(facts.ending, Some(Ending::Failed(_)))),
            When::ServerDown => *self.server() == Server::Killed,
            When::ServerUp => *self.link() == Link::Up,
        }
    }

    /// `None`: it cannot be done yet.
    fn play_act(&mut self, performance: &mut Performance, act: &Act) -> Option<Vec<Command>> {
        match &act.what {
            What::Order(placing) => self.place_orders(performance, placing),
            What::KillWorker => Some(vec![Command::KillWorker]),
            What::StartWorker => Some(vec![Command::StartWorker]),
            What::KillServer => Some(vec![Command::KillServer]),
            What::StartServer => Some(vec![Command::StartServer]),
        }
    }

    fn place_orders(&mut self, performance: &mut Performance, placing: &Placing) -> Option<Vec<Command>> {
        if *self.link() != Link::Up {
            return None;
        }
        if self.is_unanswered(performance, placing) {
            return None;
        }
        let mut commands = Vec::new();
        for order in placing.ids() {
            let workflow = self.workflow_of(performance, &order, placing.new_workflow);
            let sending = Sending {
                order: order.clone(),
                workflow: workflow.clone(),
                product: placing.product.clone(),
                quantity: placing.quantity,
                guard: placing.guard.unwrap_or(self.guard),
                faults: placing.faults.clone().unwrap_or_else(|| self.plan.clone()),
            };
            let command = self.send(sending)?;
            let (act, ticket) = (performance.played, self.tickets);
            let placed = Placed { act, order, workflow, ticket, run: None, joined: false, start_failure: None };
            performance.placed.push(placed);
            commands.push(command);
        }
        Some(commands)
    }

    /// Whether a start of the same workflow id is still on its way: which of the two is the first must not be a matter of
    /// chance.
    fn is_unanswered(&self, performance: &Performance, placing: &Placing) -> bool {
        let workflows: Vec<_> =
            placing.ids().map(|order| self.workflow_of(performance, &order, placing.new_workflow)).collect();
        let waits = |placed: &&Placed| placed.run.is_none() && placed.start_failure.is_none();
        performance.placed.iter().filter(waits).any(|placed| workflows.contains(&placed.workflow))
    }

    /// The order's own id with this session's letters, which keep it apart from other databases' orders on the same
    /// server; or one that no start has had.
    fn workflow_of(&self, performance: &Performance, order: &OrderId, new: bool) -> String {
        let own = format!("order-{order}-{}", self.setup.session);
        let taken = performance.placed.iter().filter(|placed| placed.workflow.starts_with(&own)).count();
        if new { format!("{own}-again-{taken}") } else { own }
    }

    /// The row of an order that was sent, where it is still kept.
    pub(super) fn execution_of(&self, placed: &Placed) -> Option<&Execution> {
        self.orders.of_run(&(ingest::id(&placed.workflow), placed.run.clone()?))
    }

    /// Nothing more comes of it: the server has told its end, and the journal what led there.
    fn has_ended(&self, placed: &Placed) -> bool {
        placed.start_failure.is_some()
            || self.execution_of(placed).is_some_and(|execution| match &execution.end {
                Some(End::Completed { .. }) => execution.has_succeeded(Activity::SupplierOrder),
                Some(End::Rejected { .. } | End::Conflict { .. }) => {
                    execution.refused.is_some() || updates(execution).any(failed_for_good)
                }
                Some(_) => true,
                None => false,
            })
    }

    /// Attempts that a planned hang has put to sleep, that have not woken up, and whose worker lives.
    fn sleepers<'a>(&'a self, performance: &'a Performance) -> impl Iterator<Item = &'a AttemptFacts> {
        let gone = performance.gone;
        let attempts = performance.placed.iter().filter_map(|placed| self.execution_of(placed)).flat_map(attempts);
        attempts.filter(move |facts| {
            let slept = facts.strikes.iter().find(|strike| strike.action == Action::Hang);
            facts.ending.is_none() && slept.is_some_and(|strike| gone.is_none_or(|gone| gone < strike.at))
        })
    }

    /// Judges, once all acts are played and nothing more can come of them.
    fn judge_when_done(&mut self, performance: &mut Performance) {
        let account = &self.account;
        let shown = account.document.as_ref().is_some_and(|document| document.stock == account.audit.actual);
        let done = performance.played == performance.scenario.acts.len()
            && performance.placed.iter().all(|placed| self.has_ended(placed))
            && self.sleepers(performance).next().is_none();
        if done && shown && *self.link() == Link::Up {
            performance.part = Part::Over(self.judge(performance));
            return;
        }
        let since = performance.since.unwrap_or(self.now);
        if self.now.0.saturating_sub(since.0) > performance.scenario.limit {
            let waits = self.waits_for(performance);
            let seconds = performance.scenario.limit / 1_000;
            let text = format!("not over after {seconds} s: it waits for {waits}");
            self.notify(&text, Tone::Bad);
            performance.part = Part::GivenUp(text);
        }
    }

    /// What stands between a performance and its end.
    fn waits_for(&self, performance: &Performance) -> String {
        let open = performance.placed.iter().find(|placed| !self.has_ended(placed));
        match open {
            Some(placed) => format!("the end of {}", placed.order),
            None if performance.played < performance.scenario.acts.len() => {
                format!("the time of act {}", performance.played.saturating_add(1))
            }
            None if self.sleepers(performance).next().is_some() => "an attempt to wake up".to_owned(),
            None if *self.link() != Link::Up => "the server".to_owned(),
            None => "the document to show what its journal says".to_owned(),
        }
    }
}

/// The attempts of the update that were observed.
fn updates(execution: &Execution) -> impl Iterator<Item = &AttemptFacts> {
    execution.attempts(Activity::UpdateInventory).filter_map(|seen| seen.facts)
}

fn failed_for_good(facts: &AttemptFacts) -> bool {
    matches!(&facts.ending, Some(Ending::Failed(failure)) if !failure.retryable)
}

/// All attempts that were observed.
pub(super) fn attempts(execution: &Execution) -> impl Iterator<Item = &AttemptFacts> {
    Activity::ALL.into_iter().flat_map(|activity| execution.attempts(activity)).filter_map(|seen| seen.facts)
}
