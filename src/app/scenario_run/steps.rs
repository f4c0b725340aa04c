//! The acts of a scenario, each as soon as its time has come; and when all that they led to has come to its end.

use crate::{
    app::{App, AttemptFacts, Command, Ending, Execution, Link, Obstacle, Server, Tone, update::ordering::Sending},
    domain::{Activity, OrderId, RunEnd, WorkflowId},
    scenario::{Placing, What, When},
};

use super::{Part, Performance, Placed, setup::sleeps};

/// How much longer than its scenario an order may live on the server, in milliseconds: nobody polls its task queue any
/// more once the stage is gone.
const AFTER_LIMIT: u64 = 60_000;

impl App {
    /// Plays every act whose time has come, then sees whether all is over.
    pub(super) fn play_acts(&mut self, performance: &mut Performance) -> Vec<Command> {
        let mut commands = Vec::new();
        while let Some(act) = performance.scenario.acts.get(performance.played) {
            if !self.has_come(performance, &act.when) {
                break;
            }
            let what = act.what.clone();
            match self.play_act(performance, &what) {
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
            // A server that was killed goes before its link is known to be down.
            When::ServerUp => *self.link() == Link::Up && *self.server() != Server::Killed,
        }
    }

    /// `None`: it cannot be done yet.
    fn play_act(&mut self, performance: &mut Performance, what: &What) -> Option<Vec<Command>> {
        match what {
            What::Order(placing) => self.place_orders(performance, placing),
            What::KillWorker => Some(vec![Command::KillWorker]),
            What::StartWorker => Some(vec![Command::StartWorker]),
            What::KillServer => Some(vec![Command::KillServer]),
            What::StartServer => Some(vec![Command::StartServer]),
        }
    }

    fn place_orders(&mut self, performance: &mut Performance, placing: &Placing) -> Option<Vec<Command>> {
        if *self.link() != Link::Up || self.is_unanswered(performance, placing) {
            return None;
        }
        let mut commands = Vec::new();
        for order in placing.ids() {
            let workflow = self.workflow_of(performance, &order, placing.new_workflow);
            let sending = Sending {
                order: order.clone(),
                workflow: workflow.clone(),
                made: true,
                product: placing.product.clone(),
                quantity: placing.quantity,
                guard: placing.guard.unwrap_or(self.guard),
                faults: placing.faults.clone().unwrap_or_else(|| self.plan.clone()),
                limit: Some(performance.scenario.limit.saturating_add(AFTER_LIMIT)),
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
        let own = WorkflowId::of_order(order.as_str()).with_suffix(&self.setup.session);
        let taken = performance.placed.iter().filter(|placed| placed.workflow.starts_with(own.as_str())).count();
        String::from(if new { own.with_suffix(&format!("again-{taken}")) } else { own })
    }

    /// The row of an order that was sent, where it is still kept.
    pub(super) fn execution_of(&self, placed: &Placed) -> Option<&Execution> {
        self.orders.of_run(placed.run.as_ref()?)
    }

    /// Nothing more comes of it: the server has told its end, and the journal what led there.
    fn has_ended(&self, placed: &Placed) -> bool {
        placed.start_failure.is_some()
            || self.execution_of(placed).is_some_and(|execution| match &execution.end {
                Some(RunEnd::Completed { .. }) => execution.has_succeeded(Activity::SupplierOrder),
                Some(RunEnd::Rejected { .. } | RunEnd::Conflict { .. }) => {
                    execution.refused.is_some() || updates(execution).any(failed_for_good)
                }
                Some(_) => true,
                None => false,
            })
    }

    /// Whether an attempt still sleeps in a planned hang.
    fn sleeps(&self, performance: &Performance) -> bool {
        let mut executions = performance.placed.iter().filter_map(|placed| self.execution_of(placed));
        executions.any(|execution| sleeps(execution, performance.gone))
    }

    /// Judges, once all acts are played and nothing more can come of them.
    fn judge_when_done(&mut self, performance: &mut Performance) {
        let done = !performance.has_acts_left()
            && performance.placed.iter().all(|placed| self.has_ended(placed))
            && !self.sleeps(performance);
        if done && self.account.document_agrees() && *self.link() == Link::Up {
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
            Some(placed) => {
                let failing = self.execution_of(placed).and_then(|execution| execution.failing.as_ref());
                let failing = failing.map(|failing| failing.explanation.clone());
                let why = failing.or_else(|| Obstacle::first(self).map(|obstacle| obstacle.cause()));
                let why = why.map_or_else(String::new, |why| format!(", but {why}"));
                format!("the end of {}{why}", placed.order)
            }
            None if performance.has_acts_left() => {
                format!("the time of act {}", performance.played.saturating_add(1))
            }
            None if self.sleeps(performance) => "an attempt to wake up".to_owned(),
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
