//! What a scenario begins with: nothing that an earlier one has left, the starting stock, a server and a worker.

use crate::{
    app::{App, Command, Execution, Link, Obstacle, Run, Server, Worker},
    domain::UnixMillis,
};

use super::{Beginning, Part, Performance};

/// How long the stage may take while the server answers, in milliseconds.
const READY_WITHIN: u64 = 60_000;

/// How long it may take in all. A server that comes and goes starts [`READY_WITHIN`] again each time.
const READY_WITHIN_IN_ALL: u64 = 180_000;

impl App {
    /// Which part comes first, and what is to be done for it.
    pub(super) fn first_part(&mut self, beginning: Beginning) -> (Part, Vec<Command>) {
        let before = self.performance.as_ref().map(|before| before.part.clone());
        match (beginning, before) {
            (Beginning::Fresh | Beginning::AsItStands, _) => (Part::Gathering, self.call_in()),
            // What was asked for is on its way already, and once is enough.
            (Beginning::Anew, Some(part @ (Part::Clearing { .. } | Part::Resetting))) => (part, Vec::new()),
            (Beginning::Anew, _) if self.has_leftovers() => {
                let kill = (!self.is_without_worker()).then_some(Command::KillWorker);
                (Part::Clearing { asked: false }, kill.into_iter().collect())
            }
            (Beginning::Anew, _) => {
                let mut commands = self.call_in();
                commands.push(self.put_stock_back());
                (Part::Resetting, commands)
            }
        }
    }

    /// Brings back the server and the worker that somebody has ended.
    fn call_in(&self) -> Vec<Command> {
        let server = (*self.server() == Server::Killed).then_some(Command::StartServer);
        let worker = matches!(self.worker(), Worker::Killed | Worker::Stopped).then_some(Command::StartWorker);
        server.into_iter().chain(worker).collect()
    }

    /// No worker lives, and none comes by itself.
    const fn is_without_worker(&self) -> bool {
        matches!(self.worker, Worker::Absent | Worker::Elsewhere | Worker::Killed | Worker::Stopped)
    }

    /// Whether something that was ordered before may still change the stock.
    fn has_leftovers(&self) -> bool {
        let gone = self.performance.as_ref().and_then(|before| before.gone);
        let mut all = self.orders.newest_first(0).map(|(_, execution)| execution);
        self.orders.open() > 0 || all.any(|execution| sleeps(execution, gone))
    }

    /// First the worker goes, then its open orders, then the stock is put back.
    pub(super) fn clear_away(&mut self, performance: &mut Performance, asked: bool) -> Vec<Command> {
        let up = *self.link() == Link::Up;
        // What was asked of a server that went is asked again.
        performance.part = Part::Clearing { asked: asked && up };
        if !self.is_without_worker() {
            return Vec::new();
        }
        let open: Vec<_> = self.orders.open_after(None).filter_map(|slot| self.orders.get(slot)).collect();
        let runs = open.iter().filter_map(|order| Some((order.workflow.clone(), order.run.clone()?)));
        let runs: Vec<_> = runs.map(|(workflow, run)| Run { workflow, run }).collect();
        if open.is_empty() {
            performance.part = Part::Resetting;
            let mut commands = self.call_in();
            commands.push(self.put_stock_back());
            return commands;
        }
        // Once: the ends that answer come one by one.
        if asked || !up || runs.len() < open.len() {
            return Vec::new();
        }
        performance.part = Part::Clearing { asked: true };
        runs.into_iter().map(Command::Terminate).collect()
    }

    fn put_stock_back(&mut self) -> Command {
        self.earlier.resets = true;
        Command::Reset
    }

    /// The server answers, the worker polls, and the stock is the one to begin with.
    pub(super) fn is_gathered(&self, performance: &Performance) -> bool {
        let audit = &self.account.audit;
        let fresh = !performance.from_start || audit.seq == 1;
        *self.link() == Link::Up
            && matches!(self.worker(), Worker::Ready { .. })
            && audit.seq > 0
            && fresh
            && self.account.document_agrees()
    }

    /// Gives up a stage that does not become ready: soon if the server answers, later if it does not or comes and goes.
    pub(super) fn mind_the_time(&self, performance: &mut Performance) {
        let unready_since = *performance.unready_since.get_or_insert(self.now);
        if *self.link() == Link::Up {
            performance.waits_since.get_or_insert(self.now);
        } else {
            performance.waits_since = None;
        }
        let is_over = |since: UnixMillis, limit: u64| self.now.0.saturating_sub(since.0) > limit;
        let limit = if performance.waits_since.is_some_and(|since| is_over(since, READY_WITHIN)) {
            READY_WITHIN
        } else if is_over(unready_since, READY_WITHIN_IN_ALL) {
            READY_WITHIN_IN_ALL
        } else {
            return;
        };
        let (seconds, missing) = (limit / 1_000, self.missing(&performance.part));
        performance.part = Part::GivenUp(format!("the stage is not ready after {seconds} s: {missing}"));
    }

    /// What a stage waits for.
    fn missing(&self, part: &Part) -> String {
        let obstacle = Obstacle::first(self).map(|obstacle| obstacle.cause());
        let missing = match (part, obstacle) {
            (_, Some(cause)) if *self.link() != Link::Up => return cause,
            (Part::Clearing { .. }, _) => "what was ordered before has not ended",
            (Part::Resetting, _) => "the starting stock is not back",
            (_, Some(cause)) => return cause,
            (_, None) => "the database does not show the starting stock",
        };
        missing.to_owned()
    }
}

/// Whether a planned hang has put an attempt to sleep that has not woken up, and whose worker lives; `gone`: when a
/// worker was gone last.
pub(super) fn sleeps(execution: &Execution, gone: Option<UnixMillis>) -> bool {
    super::attempts(execution).any(|facts| {
        let slept = facts.strikes.iter().find(|strike| strike.action == crate::faults::Action::Hang);
        facts.ending.is_none() && slept.is_some_and(|strike| gone.is_none_or(|gone| gone < strike.at))
    })
}
