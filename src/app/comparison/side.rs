//! One side of a comparison: what it tries, and what its worker, its supplier, its orders and its journal show.

use crate::{
    app::{
        connections::sanitized_worker,
        derive::journal_view::JournalView,
        message::{ComparisonEvent, Worker},
        orders::{Orders, attempt::AttemptFacts, execution::Execution, ingest},
        sanitized,
        subject::Candidate,
        supplier::{SupplierCounts, SupplierReport},
    },
    domain::{Activity, Guard, RunEnd, Stock, UnixMillis},
    faults::Action,
    store::Verdict,
};

/// The state of one side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SideStage<'a> {
    /// Its worker starts, or waits until all sides can begin.
    Preparing,
    /// Its orders run.
    Running,
    /// Its orders have ended.
    Done,
    /// It cannot continue, with the reason.
    Failed(&'a str),
}

/// The database, worker, supplier and orders of one side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Side {
    candidate: Candidate,
    worker: Worker,
    /// When a worker last exited.
    worker_exited: Option<UnixMillis>,
    supplier: Option<SupplierReport>,
    orders: Orders,
    journal: JournalView,
    /// Number of journal events, to which the supplier's reports refer.
    journal_events: u64,
    failure: Option<String>,
    /// Number of orders that it gets.
    due: usize,
}

impl Side {
    pub(super) fn new(candidate: Candidate, due: usize) -> Self {
        Self {
            candidate,
            worker: Worker::Absent,
            worker_exited: None,
            supplier: None,
            orders: Orders::default(),
            journal: JournalView::default(),
            journal_events: 0,
            failure: None,
            due,
        }
    }

    /// What it tries.
    #[must_use]
    pub const fn candidate(&self) -> Candidate {
        self.candidate
    }

    /// Its worker.
    #[must_use]
    pub const fn worker(&self) -> &Worker {
        &self.worker
    }

    /// Its journal.
    #[must_use]
    pub const fn journal(&self) -> &JournalView {
        &self.journal
    }

    /// The counters of its supplier, if it has one that answers.
    #[must_use]
    pub fn supplier(&self) -> Option<&SupplierCounts> {
        self.supplier.as_ref()?.counts()
    }

    /// Its state.
    #[must_use]
    pub fn stage(&self) -> SideStage<'_> {
        if let Some(cause) = &self.failure {
            return SideStage::Failed(cause);
        }
        let done = self.executions().filter(|execution| self.is_done(execution)).count();
        match self.orders.len() {
            0 => SideStage::Preparing,
            _ if done >= self.due && self.knows_shipments() => SideStage::Done,
            _ => SideStage::Running,
        }
    }

    /// The stock by its journal; `None` before the first record.
    #[must_use]
    pub fn stock(&self) -> Option<Stock> {
        (self.journal.audit.seq > 0).then_some(self.journal.audit.actual)
    }

    /// The verdict on the stock and, with a supplier, on shipments and credits. `None` while it is open, because right so
    /// far may become wrong.
    #[must_use]
    pub fn verdict(&self) -> Option<Verdict> {
        let stock = self.journal.audit.verdict();
        match stock {
            Verdict::Right if self.stage() != SideStage::Done => None,
            Verdict::Right if !self.credits_shipments() => Some(Verdict::Wrong),
            Verdict::Right | Verdict::Wrong => Some(stock),
        }
    }

    /// Whether it is right without protection: no other order came between, and the guard remembers one.
    #[must_use]
    pub fn is_lucky(&self) -> bool {
        self.candidate == Candidate::Guard(Guard::LastOrder) && self.verdict() == Some(Verdict::Right)
    }

    pub(super) fn executions(&self) -> impl Iterator<Item = &Execution> {
        self.orders.newest_first(0).map(|(_, execution)| execution)
    }

    pub(super) fn apply(&mut self, event: ComparisonEvent, now: UnixMillis) {
        match event {
            ComparisonEvent::Worker(worker) => {
                if matches!(worker, Worker::Exited { .. }) {
                    self.worker_exited = Some(now);
                }
                self.worker = sanitized_worker(worker);
            }
            ComparisonEvent::Started { workflow, run, order } => {
                let key = (sanitized::id(&workflow), sanitized::id(&run));
                self.orders.started(0, key, &sanitized::id(&order), false, now);
            }
            ComparisonEvent::Journal(news) => {
                self.journal_events = self.journal_events.saturating_add(1);
                let _applied = ingest::apply_news(&mut self.journal, &mut self.orders, news, now);
            }
            ComparisonEvent::Ended { workflow, run, end } => {
                ingest::apply_end(&mut self.orders, &workflow, &run, end, now);
            }
            ComparisonEvent::Supplier(report) => self.supplier = Some(report.sanitized()),
            ComparisonEvent::Failed { cause } => self.failure = Some(sanitized::text(&cause)),
        }
    }

    /// Whether the counters include every shipment that the journal may have recorded.
    fn knows_shipments(&self) -> bool {
        let is_newer = |report: &SupplierReport| report.counts().is_some() && report.answers >= self.journal_events;
        self.candidate.policy().is_none() || self.supplier.as_ref().is_some_and(is_newer)
    }

    /// Whether each shipment was credited once; always, without a supplier.
    fn credits_shipments(&self) -> bool {
        let credited = self.journal.audit.credited;
        self.supplier()
            .is_none_or(|counts| counts.shipped == credited.count && i64::try_from(counts.units) == Ok(credited.units))
    }

    /// Whether the server has reported the end, and the journal what led to it. An attempt that Temporal has given up can
    /// still ship.
    fn is_done(&self, execution: &Execution) -> bool {
        let has_ended = match &execution.end {
            Some(RunEnd::Completed { .. }) => execution.has_succeeded(Activity::SupplierOrder),
            Some(_) => true,
            None => false,
        };
        let attempts = || Activity::ALL.into_iter().flat_map(|activity| execution.attempts(activity));
        has_ended && !attempts().filter_map(|seen| seen.facts).any(|facts| self.runs(facts))
    }

    /// Whether an attempt runs, by the journal.
    fn runs(&self, facts: &AttemptFacts) -> bool {
        let crashed = facts.strikes.iter().any(|strike| strike.action == Action::Crash);
        let began = facts.started.is_some_and(|started| self.worker_exited.is_none_or(|exited| exited < started));
        began && facts.end.is_none() && !crashed
    }
}
