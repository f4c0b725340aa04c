//! What a run begins with: nothing left of an earlier run, the starting stock, a server and a worker.

use std::time::Duration;

use crate::{
    app::{
        command::Command,
        derive::obstacle::Obstacle,
        facts::Facts,
        message::{Server, Worker},
        orders::execution::Execution,
    },
    domain::{Run, UnixMillis},
};

use super::{InitialStock, Request, RunState, ScenarioRun, attempts};

/// Maximum duration of the preparation while the server answers.
const READY_TIMEOUT: Duration = Duration::from_mins(1);

/// Maximum duration of the preparation in all. A server that comes and goes restarts [`READY_TIMEOUT`] each time.
const READY_TIMEOUT_IN_ALL: Duration = Duration::from_mins(3);

/// The first state of a run after `before`, and the requests for it.
pub(super) fn first_state(
    initial_stock: InitialStock,
    before: Option<&ScenarioRun>,
    facts: &Facts<'_>,
) -> (RunState, Vec<Request>) {
    match (initial_stock, before.map(|before| before.state.clone())) {
        (InitialStock::Fresh | InitialStock::Keep, _) => (RunState::Preparing, call_in(facts)),
        // The requests of the run before are on their way, and once is enough.
        (InitialStock::Reset, Some(part @ (RunState::Clearing { .. } | RunState::Resetting))) => (part, Vec::new()),
        (InitialStock::Reset, _) if has_leftovers(before, facts) => {
            let kill = (!facts.connections.is_without_worker()).then_some(Request::Command(Command::KillWorker));
            (RunState::Clearing { asked: false }, kill.into_iter().collect())
        }
        (InitialStock::Reset, _) => {
            let mut requests = call_in(facts);
            requests.push(Request::ResetStock);
            (RunState::Resetting, requests)
        }
    }
}

/// Starts the server and the worker if they were ended on request.
fn call_in(facts: &Facts<'_>) -> Vec<Request> {
    let server = (*facts.connections.server() == Server::Killed).then_some(Command::StartServer);
    let is_ended = matches!(facts.connections.worker(), Worker::Killed | Worker::Stopped);
    let worker = is_ended.then_some(Command::StartWorker);
    server.into_iter().chain(worker).map(Request::Command).collect()
}

/// Whether an order that was sent before may still change the stock.
fn has_leftovers(before: Option<&ScenarioRun>, facts: &Facts<'_>) -> bool {
    let gone = before.and_then(|before| before.gone);
    let mut all = facts.orders.newest_first(0).map(|(_, execution)| execution);
    facts.orders.open() > 0 || all.any(|execution| sleeps(execution, gone))
}

impl ScenarioRun {
    /// Ends the worker, then its open orders; then the stock is reset.
    pub(super) fn clear_away(&mut self, asked: bool, facts: &Facts<'_>) -> Vec<Request> {
        let up = facts.connections.is_up();
        // A server that was down may not have received the requests.
        self.state = RunState::Clearing { asked: asked && up };
        if !facts.connections.is_without_worker() {
            return Vec::new();
        }
        let open: Vec<_> = facts.orders.open_after(None).filter_map(|slot| facts.orders.get(slot)).collect();
        let runs = open.iter().filter_map(|order| Some((order.workflow.clone(), order.run.clone()?)));
        let runs: Vec<_> = runs.map(|(workflow, run)| Run { workflow, run }).collect();
        if open.is_empty() {
            self.state = RunState::Resetting;
            let mut requests = call_in(facts);
            requests.push(Request::ResetStock);
            return requests;
        }
        // Once: the ends come one by one.
        if asked || !up || runs.len() < open.len() {
            return Vec::new();
        }
        self.state = RunState::Clearing { asked: true };
        runs.into_iter().map(|run| Request::Command(Command::Terminate(run))).collect()
    }

    /// Whether the server answers, the worker polls, and the stock is the one to begin with.
    pub(super) fn is_ready(&self, facts: &Facts<'_>) -> bool {
        let audit = &facts.journal.audit;
        let fresh = !self.from_start || audit.seq == 1;
        facts.connections.is_up()
            && matches!(facts.connections.worker(), Worker::Ready { .. })
            && audit.seq > 0
            && fresh
            && facts.journal.document_agrees()
            && self.is_supplier_ready(facts)
    }

    /// Gives up a preparation that takes too long: soon if the server answers, later if it does not or comes and goes.
    pub(super) fn limit_preparation(&mut self, facts: &Facts<'_>) {
        let unready_since = *self.unready_since.get_or_insert(facts.now);
        if facts.connections.is_up() {
            self.waits_since.get_or_insert(facts.now);
        } else {
            self.waits_since = None;
        }
        let is_over = |since, limit| facts.now.since(since) > limit;
        let limit = if self.waits_since.is_some_and(|since| is_over(since, READY_TIMEOUT)) {
            READY_TIMEOUT
        } else if is_over(unready_since, READY_TIMEOUT_IN_ALL) {
            READY_TIMEOUT_IN_ALL
        } else {
            return;
        };
        let (seconds, missing) = (limit.as_secs(), self.missing(facts));
        self.state = RunState::Abandoned(format!("not ready after {seconds} s: {missing}"));
    }

    /// What is missing for the first step.
    fn missing(&self, facts: &Facts<'_>) -> String {
        let obstacle = Obstacle::first(*facts).map(|obstacle| obstacle.cause());
        let missing = match (&self.state, obstacle) {
            (_, Some(cause)) if !facts.connections.is_up() => return cause,
            (RunState::Clearing { .. }, _) => "earlier orders have not ended",
            (RunState::Resetting, _) => "the stock is not reset",
            (_, Some(cause)) => return cause,
            (_, None) if !self.is_supplier_ready(facts) => "the supplier does not answer",
            (_, None) => "the database does not have the starting stock",
        };
        missing.to_owned()
    }
}

/// Whether an attempt sleeps in a planned hang and its worker runs. `gone`: the latest time at which a worker exited.
pub(super) fn sleeps(execution: &Execution, gone: Option<UnixMillis>) -> bool {
    attempts(execution).any(|facts| {
        let slept = facts.strikes.iter().find(|strike| strike.action == crate::faults::Action::Hang);
        facts.end.is_none() && slept.is_some_and(|strike| gone.is_none_or(|gone| gone < strike.at))
    })
}
