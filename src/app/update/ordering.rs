//! Sending orders: fresh ones, the demo order, and the selected one again.

use std::sync::Arc;

use crate::{
    app::{
        App,
        command::{Command, StartOrder},
        notice::Tone,
        orders::execution::{OrderDetails, Submission},
        scenario_run::OrderRequest,
    },
    domain::{OrderId, ProductId, WorkflowId},
    faults::Action,
};

const SEED_ORDER: &str = "A12";
const SEED_PRODUCT: &str = "123456";
const SEED_QUANTITY: i64 = 999;

impl App {
    /// Sends `count` orders with fresh ids.
    pub(super) fn send_fresh_orders(&mut self, count: usize) -> Vec<Command> {
        let product = self.journal.document.as_ref().map(|document| document.product.clone());
        let Some(product) = product.or_else(|| ProductId::new(SEED_PRODUCT).ok()) else { return Vec::new() };
        let mut commands = Vec::with_capacity(count);
        for _ in 0..count {
            let Some(order) = self.composer.fresh_order() else {
                return self.refuse("the name of this session does not make a valid order id");
            };
            let workflow = WorkflowId::of_order(order.as_str()).into();
            let Some(command) = self.compose(order, workflow, true, product.clone(), 1) else { break };
            self.composer.count_fresh_order();
            commands.push(command);
        }
        commands
    }

    /// Sends the demo order.
    pub(super) fn send_seed_order(&mut self) -> Vec<Command> {
        match (OrderId::new(SEED_ORDER), ProductId::new(SEED_PRODUCT)) {
            (Ok(order), Ok(product)) => {
                let workflow = WorkflowId::of_order(order.as_str()).into();
                self.compose(order, workflow, true, product, SEED_QUANTITY).into_iter().collect()
            }
            _ => Vec::new(),
        }
    }

    /// Sends the selected order again, under its own workflow id or a new one.
    pub(super) fn send_again(&mut self, new_workflow: bool) -> Vec<Command> {
        let Some(execution) = self.selected() else { return self.refuse("there is no order yet to send again") };
        let (Some(terms), Ok(order)) = (execution.details().cloned(), execution.order.parse::<OrderId>()) else {
            let text =
                format!("the product and quantity of {} are unknown, so it cannot be sent again", execution.order);
            return self.refuse(&text);
        };
        // The server does not know the workflow id until it has accepted the start.
        let fresh_workflow = new_workflow || execution.run.is_none();
        let own = execution.workflow.clone();
        let workflow = if new_workflow {
            self.composer.new_workflow(&order, |workflow| self.orders.knows_workflow(workflow))
        } else {
            own
        };
        let command = self.compose(order, workflow, fresh_workflow, terms.product, terms.quantity);
        if command.is_some() && new_workflow {
            self.warn_of_timeout();
        }
        command.into_iter().collect()
    }

    /// Warns that a crash or a hang in the plan also affects the repeated order, which then waits for its timeout.
    fn warn_of_timeout(&mut self) {
        let is_silent = |action: Action| matches!(action, Action::Crash | Action::Hang);
        if self.plan().faults().iter().any(|fault| is_silent(fault.action)) {
            let seconds = self.options.retry.start_to_close.as_secs();
            let text = format!(
                "the plan stops the worker for this one too: up to {seconds} s until the timeout; f changes it"
            );
            self.notify(&text, Tone::Plain);
        }
    }

    /// An order under the guard and the plan of the composer.
    fn compose(
        &mut self,
        order: OrderId,
        workflow: String,
        fresh_workflow: bool,
        product: ProductId,
        quantity: i64,
    ) -> Option<Command> {
        let (guard, faults) = (self.guard(), self.plan().clone());
        let (supply, limit) = (None, None);
        self.send(OrderRequest { order, workflow, fresh_workflow, product, quantity, guard, faults, supply, limit })
    }

    /// Adds the order's row at once, so that the key shows an effect, and returns the command.
    pub(super) fn send(&mut self, request: OrderRequest) -> Option<Command> {
        if !self.connections.is_up() {
            self.refuse("not connected to a Temporal server: the order was not sent");
            return None;
        }
        let OrderRequest { order, workflow, fresh_workflow, product, quantity, guard, faults, supply, limit } = request;
        let ticket = self.composer.take_ticket();
        let details = OrderDetails { product: product.clone(), quantity, guard };
        let asked = Submission { ticket, at: self.now, details, faults: Arc::new(faults.clone()), joined: false };
        let slot = self.orders.submitted(order.as_str(), &workflow, asked);
        self.view.select_newest();
        let is_hidden = |row| !self.view.filter().fits(row, &self.options.retry);
        if !self.filter().is_empty() && self.orders.get(slot).is_some_and(is_hidden) {
            let text = format!("{order} is sent, and the filter \"{}\" hides it; Esc shows all", self.filter());
            self.notify(&text, Tone::Plain);
        }
        // On a frozen screen the new row would appear to hang.
        self.resume();
        let (seed, retry) = (self.options.seed, self.options.retry);
        let start = StartOrder {
            ticket,
            order,
            product,
            quantity,
            workflow,
            fresh_workflow,
            faults,
            seed,
            guard,
            supply,
            retry,
            limit,
        };
        Some(Command::StartOrder(start))
    }
}
