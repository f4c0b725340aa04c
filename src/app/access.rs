//! What drawing may look at. Reads only.

use tui_input::Input;

use crate::{
    domain::{Guard, UnixMillis},
    faults::FaultPlan,
};

use super::{
    Account, App, Echo, Judgement, Link, Log, Look, Notice, Orders, Overlay, Panel, Server, Setup, Stage, Worker,
    orders::execution::Execution, update::view::Scroll,
};

impl App {
    #[must_use]
    pub const fn setup(&self) -> &Setup {
        &self.setup
    }

    #[must_use]
    pub const fn orders(&self) -> &Orders {
        &self.orders
    }

    #[must_use]
    pub const fn account(&self) -> &Account {
        &self.account
    }

    #[must_use]
    pub const fn link(&self) -> &Link {
        &self.link
    }

    #[must_use]
    pub const fn link_since(&self) -> UnixMillis {
        self.link_since
    }

    #[must_use]
    pub const fn server(&self) -> &Server {
        &self.server
    }

    #[must_use]
    pub const fn worker(&self) -> &Worker {
        &self.worker
    }

    /// The guard that the next order is sent with.
    #[must_use]
    pub const fn guard(&self) -> Guard {
        self.guard
    }

    /// The fault plan that the next order is sent with.
    #[must_use]
    pub const fn plan(&self) -> &FaultPlan {
        &self.plan
    }

    #[must_use]
    pub const fn overlay(&self) -> Overlay {
        self.overlay
    }

    /// The order that the question about cancelling is about.
    #[must_use]
    pub fn to_cancel(&self) -> Option<&str> {
        self.to_cancel.as_ref().map(|(order, _)| order.as_str())
    }

    /// The line that is being edited.
    #[must_use]
    pub const fn input(&self) -> &Input {
        &self.input
    }

    /// What the orders are filtered by; empty where all are shown.
    #[must_use]
    pub fn filter(&self) -> &str {
        &self.filter.text
    }

    #[must_use]
    pub const fn panel(&self) -> Panel {
        self.panel
    }

    /// The focused panel has the whole screen.
    #[must_use]
    pub const fn zoomed(&self) -> bool {
        self.zoomed
    }

    #[must_use]
    pub const fn scroll(&self) -> &Scroll {
        &self.scroll
    }

    #[must_use]
    pub const fn log(&self) -> &Log {
        &self.log
    }

    /// The key that was pressed last, for as long as it is shown.
    #[must_use]
    pub const fn echo(&self) -> Option<&Echo> {
        self.echo.as_ref()
    }

    #[must_use]
    pub const fn look(&self) -> Look {
        self.look
    }

    #[must_use]
    pub const fn notice(&self) -> Option<&Notice> {
        self.notice.as_ref()
    }

    #[must_use]
    pub fn judgement(&self) -> Judgement {
        match self.account.judgement(self.shown_now()) {
            Judgement::Right if self.orders.unsettled() > 0 => Judgement::Pending,
            judgement => judgement,
        }
    }

    #[must_use]
    pub fn stage<'a>(&self, execution: &'a Execution) -> Stage<'a> {
        execution.stage(&self.setup.retry)
    }
}
