//! The steps of a scenario, each as soon as its condition is met; and the end, once all their orders have ended.

use std::time::Duration;

use crate::{
    app::{
        command::Command,
        derive::obstacle::Obstacle,
        facts::Facts,
        message::Server,
        orders::{
            attempt::{AttemptEnd, AttemptFacts, AttemptState},
            execution::Execution,
        },
        supplier::SupplierReport,
    },
    domain::{Activity, OrderId, RunEnd, WorkflowId},
    scenario::{ExpectedEnd, Placing, What, When},
};

use super::{OrderRequest, Request, RunState, ScenarioRun, SentOrder, setup::sleeps, supplier::SupplierQuestion};

/// Time by which an order may exceed its scenario's limit on the server. Nothing polls its task queue after the run.
const ORDER_TIMEOUT_AFTER_LIMIT: Duration = Duration::from_mins(1);

impl ScenarioRun {
    /// Runs every step whose condition is met, then checks whether all is over.
    pub(super) fn run_steps(&mut self, facts: &Facts<'_>) -> Vec<Request> {
        let mut requests = Vec::new();
        let mut ticket = facts.composer.next_ticket();
        while let Some(act) = self.scenario.acts.get(self.done) {
            if !self.is_met(&act.when, facts) {
                break;
            }
            let what = act.what.clone();
            match what {
                What::Order(placing) => match self.send_orders(&placing, &mut ticket, facts) {
                    Some(sent) => requests.extend(sent),
                    None => break,
                },
                What::KillWorker => requests.push(Request::Command(Command::KillWorker)),
                What::StartWorker => requests.push(Request::Command(Command::StartWorker)),
                What::KillServer => requests.push(Request::Command(Command::KillServer)),
                What::StartServer => requests.push(Request::Command(Command::StartServer)),
                What::KillSupplier => requests.push(Request::Command(Command::KillSupplier)),
                What::StartSupplier => requests.push(Request::Command(Command::StartSupplier)),
                What::SupplierOutage { requests: refused } => {
                    requests.push(Request::Command(Command::SupplierOutage(refused)));
                }
                What::OtherClientOrder(order) => {
                    requests.push(Request::Command(Command::OtherClientOrder(order)));
                }
            }
            self.done = self.done.saturating_add(1);
        }
        requests.extend(self.finish_when_done(facts));
        requests
    }

    fn is_met(&self, when: &When, facts: &Facts<'_>) -> bool {
        let any = |order: &OrderId, activity, is: fn(&AttemptFacts) -> bool| {
            self.sent.iter().filter(|sent| sent.order == *order).any(|sent| {
                let execution = sent.execution(facts.orders);
                execution.is_some_and(|execution| attempts_of(execution, activity).any(is))
            })
        };
        let failed = |attempt: &AttemptFacts| matches!(attempt.end, Some(AttemptEnd::Failed(_)));
        match when {
            When::AtOnce => true,
            When::Ended => self.sent.iter().all(|sent| self.has_ended(sent, facts)),
            When::Committed(order) => any(order, Activity::UpdateInventory, |attempt| attempt.committed.is_some()),
            When::Failed(order) => any(order, Activity::UpdateInventory, failed),
            When::NotSupplied(order) => any(order, Activity::SupplierOrder, failed) || self.relay_failed(order, facts),
            When::SupplierDown => facts.supplier.is_some_and(|report| report.counts().is_none()),
            When::SupplierOutage => {
                facts.supplier.and_then(SupplierReport::counts).is_some_and(|counts| counts.outage > 0)
            }
            When::OtherClientShipped => {
                facts.supplier.and_then(SupplierReport::counts).is_some_and(|counts| counts.others > 0)
            }
            When::ServerDown => *facts.connections.server() == Server::Killed,
            // A server that was killed is reported before its link is known to be down.
            When::ServerUp => facts.connections.is_up() && *facts.connections.server() != Server::Killed,
        }
    }

    /// Whether a try of the relay to send the supplier order of this order has failed.
    fn relay_failed(&self, order: &OrderId, facts: &Facts<'_>) -> bool {
        let executions = self.sent.iter().filter(|sent| sent.order == *order);
        executions
            .filter_map(|sent| sent.execution(facts.orders)?.latest_relay())
            .any(|seen| seen.number > 1 || matches!(seen.state, AttemptState::Failed(_)))
    }

    /// `None`: it cannot be done yet. `ticket`: of the next order.
    fn send_orders(&mut self, placing: &Placing, ticket: &mut u64, facts: &Facts<'_>) -> Option<Vec<Request>> {
        if !facts.connections.is_up() || self.is_unanswered(placing, facts) {
            return None;
        }
        let mut requests = Vec::new();
        for order in placing.ids() {
            let workflow = self.workflow_of(&order, placing.new_workflow, facts);
            let step = self.done;
            requests.push(Request::Send(Box::new(OrderRequest {
                order: order.clone(),
                workflow: workflow.clone(),
                fresh_workflow: true,
                product: placing.product.clone(),
                quantity: placing.quantity,
                guard: placing.guard.unwrap_or_else(|| facts.composer.guard()),
                faults: placing.faults.clone().unwrap_or_else(|| facts.composer.plan().clone()),
                supply: Some(self.scenario.supply()),
                limit: Some(self.scenario.limit.saturating_add(ORDER_TIMEOUT_AFTER_LIMIT)),
            })));
            let (run, joined, start_failure) = (None, false, None);
            self.sent.push(SentOrder { step, order, workflow, ticket: *ticket, run, joined, start_failure });
            *ticket = ticket.saturating_add(1);
        }
        Some(requests)
    }

    /// Whether a start of the same workflow id is not answered yet: chance must not decide which of the two is the first.
    fn is_unanswered(&self, placing: &Placing, facts: &Facts<'_>) -> bool {
        let workflows: Vec<_> =
            placing.ids().map(|order| self.workflow_of(&order, placing.new_workflow, facts)).collect();
        let waits = |sent: &&SentOrder| sent.run.is_none() && sent.start_failure.is_none();
        self.sent.iter().filter(waits).any(|sent| workflows.contains(&sent.workflow))
    }

    /// The order's own workflow id with this session's letters, which keep it apart from other databases' orders on the
    /// same server; or one that no start has had.
    fn workflow_of(&self, order: &OrderId, new: bool, facts: &Facts<'_>) -> String {
        let own = WorkflowId::of_order(order.as_str()).with_suffix(&facts.options.session);
        let taken = self.sent.iter().filter(|sent| sent.workflow.starts_with(own.as_str())).count();
        String::from(if new { own.with_suffix(&format!("again-{taken}")) } else { own })
    }

    /// Whether an attempt still sleeps in a planned hang.
    fn sleeps(&self, facts: &Facts<'_>) -> bool {
        let mut executions = self.sent.iter().filter_map(|sent| sent.execution(facts.orders));
        executions.any(|execution| sleeps(execution, self.gone))
    }

    /// Checks the result, once all steps are done and nothing more can come of them.
    fn finish_when_done(&mut self, facts: &Facts<'_>) -> Option<Request> {
        let done = !self.has_steps_left()
            && self.sent.iter().all(|sent| self.has_ended(sent, facts))
            && !self.sleeps(facts)
            && facts.journal.audit.outbox.is_empty();
        if done && facts.journal.document_agrees() && facts.connections.is_up() {
            if let Some(ask) = self.ask_supplier(SupplierQuestion::End) {
                return Some(ask);
            }
            let counts = self.supplier_counts(SupplierQuestion::End, facts);
            if self.scenario.supplier.is_none() || counts.is_some() {
                self.state = RunState::Finished(self.check(facts, counts.as_ref()));
                return None;
            }
        }
        let since = self.since.unwrap_or(facts.now);
        if facts.now.since(since) <= self.scenario.limit {
            return None;
        }
        let waits = self.waits_for(facts);
        let seconds = self.scenario.limit.as_secs();
        let text = format!("not over after {seconds} s: waiting for {waits}");
        self.state = RunState::Abandoned(text.clone());
        Some(Request::Complain(text))
    }

    /// What is missing for the end.
    fn waits_for(&self, facts: &Facts<'_>) -> String {
        let open = self.sent.iter().find(|sent| !self.has_ended(sent, facts));
        match open {
            Some(sent) => {
                let failing = sent.execution(facts.orders).and_then(|execution| execution.failing.as_ref());
                let failing = failing.map(|failing| failing.explanation.clone());
                let why = failing.or_else(|| Obstacle::first(*facts).map(|obstacle| obstacle.cause()));
                let why = why.map_or_else(String::new, |why| format!(", but {why}"));
                format!("the end of {}{why}", sent.order)
            }
            None if self.has_steps_left() => {
                format!("the condition of step {}", self.done.saturating_add(1))
            }
            None if !facts.journal.audit.outbox.is_empty() => "the relay to ship the order in the outbox".to_owned(),
            None if self.sleeps(facts) => "an attempt to wake up".to_owned(),
            None if !facts.connections.is_up() => "the server".to_owned(),
            None if self.asked_for == Some(SupplierQuestion::End) => "the supplier".to_owned(),
            None => "the document to show what its journal says".to_owned(),
        }
    }

    /// Whether nothing more comes of an order: the server has reported its end, and the journal what led to it.
    fn has_ended(&self, sent: &SentOrder, facts: &Facts<'_>) -> bool {
        let fails = || self.placing(sent).is_some_and(|placing| placing.outcome == Some(ExpectedEnd::Failed));
        sent.start_failure.is_some()
            || sent.execution(facts.orders).is_some_and(|execution| match &execution.end {
                Some(RunEnd::Completed { .. }) => execution.has_succeeded(Activity::SupplierOrder),
                Some(RunEnd::Rejected { .. } | RunEnd::Conflict { .. }) => {
                    execution.rejection.is_some()
                        || attempts_of(execution, Activity::UpdateInventory).any(failed_for_good)
                }
                Some(RunEnd::Failed { .. }) if fails() => {
                    Activity::ALL.iter().any(|activity| attempts_of(execution, *activity).any(failed_for_good))
                }
                Some(_) => true,
                None => false,
            })
    }
}

/// The attempts of an activity that were observed.
fn attempts_of(execution: &Execution, activity: Activity) -> impl Iterator<Item = &AttemptFacts> {
    execution.attempts(activity).filter_map(|seen| seen.facts)
}

fn failed_for_good(facts: &AttemptFacts) -> bool {
    matches!(&facts.end, Some(AttemptEnd::Failed(failure)) if !failure.retryable)
}
