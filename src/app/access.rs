//! What drawing may look at. Reads only.

use crate::{domain::Guard, domain::UnixMillis, faults::Preset};

use super::{
    Account, App, Judgement, Link, Look, Notice, Orders, Overlay, Server, Setup, Stage, Worker, execution::Execution,
};

impl App {
    #[must_use]
    pub const fn setup(&self) -> &Setup {
        &self.setup
    }

    /// How the screen is to look.
    #[must_use]
    pub const fn look(&self) -> Look {
        self.setup.look
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

    /// The fault preset that the next order is sent with.
    #[must_use]
    pub const fn preset(&self) -> Preset {
        self.preset
    }

    #[must_use]
    pub const fn overlay(&self) -> Overlay {
        self.overlay
    }

    #[must_use]
    pub const fn notice(&self) -> Option<&Notice> {
        self.notice.as_ref()
    }

    #[must_use]
    pub fn judgement(&self) -> Judgement {
        self.account.judgement(self.shown_now())
    }

    #[must_use]
    pub fn stage<'a>(&self, execution: &'a Execution) -> Stage<'a> {
        execution.stage(&self.setup.retry)
    }
}
