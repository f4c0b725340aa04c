//! What each intent does: a change of the state, commands for the runtime, or a sentence that says why not.

use crate::{
    domain::{OrderId, ProductId},
    faults::{FaultPlan, Preset},
};

use super::{
    App, Command, Intent, Link, Overlay, Question, StartOrder, Worker,
    execution::{Asked, Execution, Terms},
    notice::Tone,
};

const SEED_ORDER: &str = "A12";
const SEED_PRODUCT: &str = "123456";
const SEED_QUANTITY: i64 = 999;
const BURST: usize = 10;

impl App {
    pub(super) fn intend(&mut self, intent: Intent) -> Vec<Command> {
        match intent {
            Intent::FreshOrder => self.fresh_orders(1),
            Intent::Burst => self.fresh_orders(BURST),
            Intent::SeedOrder => self.seed_order(),
            Intent::OrderAgain => self.again(true),
            Intent::SameStart => self.again(false),
            Intent::NextFaults => self.next_faults(),
            Intent::NextGuard => self.next_guard(),
            Intent::KillWorker => self.kill_worker(),
            Intent::ToggleWorker => self.toggle_worker(),
            Intent::AskReset => self.show(Overlay::Confirm(Question::Reset)),
            Intent::Help => self.show(if self.overlay() == Overlay::Help { Overlay::None } else { Overlay::Help }),
            Intent::Yes => self.confirm(),
            Intent::Close | Intent::No => self.show(Overlay::None),
            Intent::Freeze => self.toggle_freeze(),
            Intent::Select(step) => {
                self.select(step);
                Vec::new()
            }
            Intent::Quit => vec![Command::Quit],
            _ => Vec::new(),
        }
    }

    /// Whether a key would do something now. The footer shows only those that would.
    #[must_use]
    pub fn can(&self, intent: Intent) -> bool {
        let over = self.overlay() != Overlay::None;
        match intent {
            Intent::FreshOrder | Intent::SeedOrder | Intent::Burst => *self.link() == Link::Up,
            Intent::OrderAgain | Intent::SameStart => *self.link() == Link::Up && !self.orders().is_empty(),
            Intent::NextFaults => self.setup().faults_allowed,
            Intent::KillWorker => self.has_worker(),
            Intent::Select(_) => !self.orders().is_empty(),
            Intent::Close => over,
            Intent::Yes | Intent::No => self.overlay() == Overlay::Confirm(Question::Reset),
            Intent::ToggleWorker
            | Intent::NextGuard
            | Intent::AskReset
            | Intent::Freeze
            | Intent::Help
            | Intent::Quit => true,
            _ => false,
        }
    }

    /// A worker process of this dashboard lives.
    #[must_use]
    pub fn has_worker(&self) -> bool {
        matches!(self.worker(), Worker::Starting | Worker::Ready { .. } | Worker::Stopping)
    }

    fn show(&mut self, overlay: Overlay) -> Vec<Command> {
        self.overlay = overlay;
        Vec::new()
    }

    fn refuse(&mut self, text: &str) -> Vec<Command> {
        self.notify(text, Tone::Bad);
        Vec::new()
    }

    fn confirm(&mut self) -> Vec<Command> {
        if self.overlay != Overlay::Confirm(Question::Reset) {
            return Vec::new();
        }
        self.overlay = Overlay::None;
        self.reset_asked = Some(self.now);
        vec![Command::Reset]
    }

    fn fresh_orders(&mut self, count: usize) -> Vec<Command> {
        let product = self.account().document.as_ref().map(|document| document.product.clone());
        let Some(product) = product.or_else(|| ProductId::new(SEED_PRODUCT).ok()) else { return Vec::new() };
        let mut commands = Vec::with_capacity(count);
        for _ in 0..count {
            let number = self.next_order;
            let Ok(order) = OrderId::new(format!("{}-{number}", self.setup().session)) else {
                return self.refuse("the session's letters make no order id");
            };
            let Some(command) = self.start(order, None, product.clone(), 1) else { break };
            self.next_order = number.saturating_add(1);
            commands.push(command);
        }
        commands
    }

    fn seed_order(&mut self) -> Vec<Command> {
        match (OrderId::new(SEED_ORDER), ProductId::new(SEED_PRODUCT)) {
            (Ok(order), Ok(product)) => self.start(order, None, product, SEED_QUANTITY).into_iter().collect(),
            _ => Vec::new(),
        }
    }

    /// The selected order once more: under a new workflow id, or under its own.
    fn again(&mut self, anew: bool) -> Vec<Command> {
        let Some(execution) = self.selected() else { return self.refuse("there is no order yet to send again") };
        let (Some(terms), Ok(order)) = (execution.terms().cloned(), execution.order.parse::<OrderId>()) else {
            let text = format!("what {} ordered is not known, so it cannot be sent again", execution.order);
            return self.refuse(&text);
        };
        let workflow = if anew { self.again_workflow(&order) } else { execution.workflow.clone() };
        self.start(order, Some(workflow), terms.product, terms.quantity).into_iter().collect()
    }

    fn again_workflow(&mut self, order: &OrderId) -> String {
        loop {
            self.agains = self.agains.saturating_add(1);
            let workflow = format!("order-{order}-again-{}-{}", self.agains, self.setup().session);
            if !self.orders().knows_workflow(&workflow) {
                return workflow;
            }
        }
    }

    /// Makes the row at once, so that the key is seen to work, and the command.
    fn start(
        &mut self,
        order: OrderId,
        workflow: Option<String>,
        product: ProductId,
        quantity: i64,
    ) -> Option<Command> {
        if *self.link() != Link::Up {
            self.refuse("not connected to a Temporal server: the order was not sent");
            return None;
        }
        self.tickets = self.tickets.saturating_add(1);
        let workflow = workflow.unwrap_or_else(|| format!("order-{order}"));
        let guard = self.guard();
        let terms = Terms { product: product.clone(), quantity, guard };
        let asked = Asked { ticket: self.tickets, at: self.now, terms, joined: false };
        self.orders.asked(order.as_str(), &workflow, asked);
        self.selection = None;
        let (faults, seed) = (self.plan(), self.setup().seed);
        let ticket = self.tickets;
        Some(Command::StartOrder(StartOrder { ticket, order, product, quantity, workflow, faults, seed, guard }))
    }

    /// The fault plan that the next order is sent with.
    #[must_use]
    pub fn plan(&self) -> FaultPlan {
        self.preset().plan()
    }

    fn next_faults(&mut self) -> Vec<Command> {
        if !self.setup().faults_allowed {
            return self.refuse("this server is not on loopback: planned faults are for a server of your own");
        }
        self.preset = self.preset.next();
        let text = match self.preset {
            Preset::Seed => "faults seed: every attempt may fail, before the commit or after it",
            Preset::AfterCommitOnce => "faults after-commit-once: the first attempt commits, then fails",
            Preset::CrashAfterCommit => "faults crash-after-commit: the worker dies right after the commit",
            Preset::None => "faults none: nothing fails on purpose",
        };
        self.notify(&format!("{text}. It holds for the next orders"), Tone::Plain);
        Vec::new()
    }

    fn next_guard(&mut self) -> Vec<Command> {
        use crate::domain::Guard;
        self.guard = self.guard.next();
        let (text, tone) = match self.guard {
            Guard::Ledger => ("guard ledger: the key is recorded in the same commit as the effect", Tone::Good),
            Guard::LastOrder => ("guard last-order: only the last order is remembered, as in the original", Tone::Bad),
            Guard::Off => ("guard off: every attempt that reaches the write changes the stock", Tone::Bad),
        };
        self.notify(&format!("{text}. It holds for the next orders"), tone);
        Vec::new()
    }

    fn kill_worker(&mut self) -> Vec<Command> {
        match self.worker() {
            Worker::Starting | Worker::Ready { .. } | Worker::Stopping => vec![Command::KillWorker],
            Worker::Elsewhere => self.refuse("the worker is another program's: this dashboard cannot kill it"),
            Worker::Absent | Worker::Stopped | Worker::Killed | Worker::Exited { .. } => {
                self.refuse("no worker is running; w starts one")
            }
        }
    }

    fn toggle_worker(&mut self) -> Vec<Command> {
        match self.worker() {
            Worker::Starting | Worker::Ready { .. } => vec![Command::StopWorker],
            Worker::Stopping => self.refuse("the worker is stopping: it finishes what it runs"),
            Worker::Absent | Worker::Elsewhere | Worker::Stopped | Worker::Killed | Worker::Exited { .. } => {
                vec![Command::StartWorker]
            }
        }
    }

    /// The selected order; the newest where none was chosen.
    #[must_use]
    pub fn selected(&self) -> Option<&Execution> {
        self.orders().get(self.selected_slot()?)
    }
}
