//! Sending orders: fresh ones, the seed's own, and the selected one once more.

use std::sync::Arc;

use crate::{
    app::{
        App, Command, Link, StartOrder,
        notice::Tone,
        orders::execution::{Asked, Terms},
    },
    domain::{Guard, OrderId, ProductId, WorkflowId},
    faults::{Action, FaultPlan},
};

const SEED_ORDER: &str = "A12";
const SEED_PRODUCT: &str = "123456";
const SEED_QUANTITY: i64 = 999;

/// An order on its way out.
pub(in crate::app) struct Sending {
    pub order: OrderId,
    pub workflow: String,
    /// See [`StartOrder::made`].
    pub made: bool,
    pub product: ProductId,
    pub quantity: i64,
    pub guard: Guard,
    pub faults: FaultPlan,
    /// After this the server ends it, in milliseconds; `None`: never.
    pub limit: Option<u64>,
}

impl App {
    pub(in crate::app) fn fresh_orders(&mut self, count: usize) -> Vec<Command> {
        let product = self.account().document.as_ref().map(|document| document.product.clone());
        let Some(product) = product.or_else(|| ProductId::new(SEED_PRODUCT).ok()) else { return Vec::new() };
        let mut commands = Vec::with_capacity(count);
        for _ in 0..count {
            let number = self.next_order;
            let Ok(order) = OrderId::new(format!("{}-{number}", self.setup().session)) else {
                return self.refuse("the session's letters make no order id");
            };
            let Some(command) =
                self.start(order.clone(), WorkflowId::of_order(order.as_str()).into(), true, product.clone(), 1)
            else {
                break;
            };
            self.next_order = number.saturating_add(1);
            commands.push(command);
        }
        commands
    }

    pub(in crate::app) fn seed_order(&mut self) -> Vec<Command> {
        match (OrderId::new(SEED_ORDER), ProductId::new(SEED_PRODUCT)) {
            (Ok(order), Ok(product)) => {
                let workflow = WorkflowId::of_order(order.as_str()).into();
                self.start(order, workflow, true, product, SEED_QUANTITY).into_iter().collect()
            }
            _ => Vec::new(),
        }
    }

    /// The selected order once more: under a new workflow id, or under its own.
    pub(in crate::app) fn again(&mut self, anew: bool) -> Vec<Command> {
        let Some(execution) = self.selected() else { return self.refuse("there is no order yet to send again") };
        let (Some(terms), Ok(order)) = (execution.terms().cloned(), execution.order.parse::<OrderId>()) else {
            let text = format!("what {} ordered is not known, so it cannot be sent again", execution.order);
            return self.refuse(&text);
        };
        // One that the server has not taken is known to nobody but this screen.
        let made = anew || execution.run.is_none();
        let workflow = if anew { self.again_workflow(&order) } else { execution.workflow.clone() };
        let command = self.start(order, workflow, made, terms.product, terms.quantity);
        if command.is_some() && anew {
            self.warn_of_silence();
        }
        command.into_iter().collect()
    }

    /// A plan that kills or hangs the worker does so for a repetition too, which then waits for a timeout.
    fn warn_of_silence(&mut self) {
        let is_silent = |action: Action| matches!(action, Action::Crash | Action::Hang);
        if self.plan().faults().iter().any(|fault| is_silent(fault.action)) {
            let seconds = self.setup().retry.start_to_close / 1_000;
            let text = format!(
                "the plan stops the worker for this one too: up to {seconds} s until the timeout; f changes it"
            );
            self.notify(&text, Tone::Plain);
        }
    }

    fn again_workflow(&mut self, order: &OrderId) -> String {
        loop {
            self.agains = self.agains.saturating_add(1);
            let suffix = format!("again-{}-{}", self.agains, self.setup().session);
            let workflow = String::from(WorkflowId::of_order(order.as_str()).with_suffix(&suffix));
            if !self.orders().knows_workflow(&workflow) {
                return workflow;
            }
        }
    }

    /// An order under the guard and the plan that are set.
    fn start(
        &mut self,
        order: OrderId,
        workflow: String,
        made: bool,
        product: ProductId,
        quantity: i64,
    ) -> Option<Command> {
        let (guard, faults) = (self.guard(), self.plan().clone());
        self.send(Sending { order, workflow, made, product, quantity, guard, faults, limit: None })
    }

    /// Makes the row at once, so that the key is seen to work, and the command.
    pub(in crate::app) fn send(&mut self, sending: Sending) -> Option<Command> {
        if *self.link() != Link::Up {
            self.refuse("not connected to a Temporal server: the order was not sent");
            return None;
        }
        let Sending { order, workflow, made, product, quantity, guard, faults, limit } = sending;
        self.tickets = self.tickets.saturating_add(1);
        let terms = Terms { product: product.clone(), quantity, guard };
        let sent_with = Arc::new(faults.clone());
        let asked = Asked { ticket: self.tickets, at: self.now, terms, faults: sent_with, joined: false };
        let slot = self.orders.asked(order.as_str(), &workflow, asked);
        self.selection = None;
        if !self.filter().is_empty() && self.orders.get(slot).is_some_and(|row| !self.fits(row)) {
            let text = format!("{order} is sent, and the filter \"{}\" hides it; Esc shows all", self.filter());
            self.notify(&text, Tone::Plain);
        }
        // A row that stands still with the rest would seem to hang.
        self.thaw();
        let (ticket, seed, retry) = (self.tickets, self.setup().seed, self.setup().retry);
        let start = StartOrder { ticket, order, product, quantity, workflow, made, faults, seed, guard, retry, limit };
        Some(Command::StartOrder(start))
    }
}
