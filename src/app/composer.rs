//! What the next orders are sent with, and the numbers that make their ids new.

use crate::{
    domain::{Guard, OrderId, WorkflowId},
    faults::{FaultPlan, Preset},
    store::{Fact, Record},
};

/// The guard, the fault plan and the counters of this session.
#[derive(Debug, Clone)]
pub struct Composer {
    guard: Guard,
    plan: FaultPlan,
    /// Letters of this session, which keep its ids apart from those of other sessions.
    session: String,
    /// The number of the next fresh order.
    next_order: u64,
    /// Orders that were sent again under a new workflow id.
    resent: u64,
    /// Starts that were requested.
    tickets: u64,
}

impl Composer {
    /// The composer of a session that has sent nothing.
    #[must_use]
    pub const fn new(session: String, guard: Guard, plan: FaultPlan) -> Self {
        Self { guard, plan, session, next_order: 1, resent: 0, tickets: 0 }
    }

    /// The guard of the next order.
    #[must_use]
    pub const fn guard(&self) -> Guard {
        self.guard
    }

    /// Selects the guard of the next orders.
    pub const fn set_guard(&mut self, guard: Guard) {
        self.guard = guard;
    }

    /// The fault plan of the next order.
    #[must_use]
    pub const fn plan(&self) -> &FaultPlan {
        &self.plan
    }

    /// Selects the fault plan of the next orders.
    pub fn set_plan(&mut self, plan: FaultPlan) {
        self.plan = plan;
    }

    /// Selects the preset after the current one, or the first if the plan is not a preset.
    pub fn next_preset(&mut self) -> Preset {
        let preset = Preset::of(&self.plan).map_or(Preset::Seed, Preset::next);
        self.plan = preset.plan();
        preset
    }

    /// The id of the next fresh order; `None` if the session's letters cannot be part of an id.
    #[must_use]
    pub fn fresh_order(&self) -> Option<OrderId> {
        OrderId::new(format!("{}-{}", self.session, self.next_order)).ok()
    }

    /// Counts the fresh order as sent.
    pub const fn count_fresh_order(&mut self) {
        self.next_order = self.next_order.saturating_add(1);
    }

    /// Skips the number of a fresh order that the journal records.
    pub fn skip_recorded_number(&mut self, record: &Record) {
        let order: &OrderId = match &record.fact {
            Fact::Order(commit) | Fact::Supplier(commit) | Fact::Intent(commit) => &commit.origin.order,
            Fact::Attempt(event) | Fact::Relay(crate::store::RelayEvent { event, .. }) => &event.origin.order,
            Fact::Init(_) | Fact::Reject(_) | Fact::Adjust(_) | Fact::Aside(_) | Fact::Compacted(_) => return,
        };
        let number = order.as_str().strip_prefix(&self.session).and_then(|rest| rest.strip_prefix('-'));
        if let Some(number) = number.and_then(|digits| digits.parse::<u64>().ok()) {
            self.next_order = self.next_order.max(number.saturating_add(1));
        }
    }

    /// A workflow id for another run of an order, which `is_known` does not know.
    pub fn new_workflow(&mut self, order: &OrderId, is_known: impl Fn(&str) -> bool) -> String {
        loop {
            self.resent = self.resent.saturating_add(1);
            let suffix = format!("again-{}-{}", self.resent, self.session);
            let workflow = WorkflowId::of_order(order.as_str()).with_suffix(&suffix);
            if !is_known(workflow.as_str()) {
                return workflow.into();
            }
        }
    }

    /// The ticket of the next start.
    #[must_use]
    pub const fn next_ticket(&self) -> u64 {
        self.tickets.saturating_add(1)
    }

    /// Takes the next ticket.
    pub const fn take_ticket(&mut self) -> u64 {
        self.tickets = self.next_ticket();
        self.tickets
    }
}
