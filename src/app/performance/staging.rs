//! What a scenario begins with: nothing that an earlier one has left, the starting stock, a server and a worker.

use crate::app::{App, Command, Link, Run, Worker};

use super::{Part, Performance};

impl App {
    /// Whether something of an earlier performance may still change the stock.
    pub(super) fn leftovers(&self) -> bool {
        let sleeps = self.performance.as_ref().is_some_and(|before| self.sleepers(before).next().is_some());
        self.orders.open() > 0 || sleeps
    }

    /// First the worker goes, then its open orders, then the stock is put back.
    pub(super) fn clear_away(&mut self, performance: &mut Performance, asked: bool) -> Vec<Command> {
        if self.has_worker() {
            return Vec::new();
        }
        let open: Vec<_> = self.orders.open_after(None).filter_map(|slot| self.orders.get(slot)).collect();
        let runs = open.iter().filter_map(|order| Some((order.workflow.clone(), order.run.clone()?)));
        let runs: Vec<_> = runs.map(|(workflow, run)| Run { workflow, run }).collect();
        if open.is_empty() {
            performance.part = Part::Resetting;
            return vec![Command::StartWorker, self.put_stock_back()];
        }
        // Once: the ends that answer come one by one.
        if asked || *self.link() != Link::Up || runs.len() < open.len() {
            return Vec::new();
        }
        performance.part = Part::Clearing { asked: true };
        runs.into_iter().map(Command::Terminate).collect()
    }

    pub(super) fn put_stock_back(&mut self) -> Command {
        self.reset_asked = Some(self.now);
        Command::Reset
    }

    /// The server answers, the worker polls, and the stock is the one to begin with.
    pub(super) fn is_gathered(&self, performance: &Performance) -> bool {
        let audit = &self.account.audit;
        let fresh = !performance.from_start || audit.seq == 1;
        let shown = self.account.document.as_ref().is_some_and(|document| document.stock == audit.actual);
        *self.link() == Link::Up && matches!(self.worker(), Worker::Ready { .. }) && audit.seq > 0 && fresh && shown
    }
}
