//! Runs that cannot influence each other: played one after the other on the domain's own inventory.

use std::collections::{HashMap, HashSet};

use super::{
    Conditions, End, OrderOutcome,
    course::Way,
    range::Range,
    runs::{Run, Start},
};
use crate::{
    domain::{Activity, Attempt, Decision, Guard, IdempotencyKey, Inventory, Origin, REORDER_BELOW, Refusal, Stock},
    store::{Document, STARTING_DOCUMENT},
};

/// The stock as it would be, and what has happened to it.
#[derive(Debug, Clone)]
pub(super) struct Stage {
    pub inventory: Inventory,
    pub ends: Vec<End>,
    /// Some effect was applied more than once.
    pub twice: bool,
    applied: HashMap<IdempotencyKey, u32>,
}

/// What an order has taken so far.
#[derive(Debug, Default)]
struct Tally {
    attempts: [u32; Activity::ALL.len()],
    deaths: u32,
    late: u32,
}

impl Stage {
    /// The database at its start; `None` where the compiled-in document is none, which a test rules out.
    pub(super) fn new() -> Option<Self> {
        let document = Document::parse(STARTING_DOCUMENT.as_bytes()).ok()?;
        let inventory = Inventory::new(document.product, document.stock, &document.last_order, REORDER_BELOW);
        Some(Self { inventory, ends: Vec::new(), twice: false, applied: HashMap::new() })
    }

    /// Plays the runs of a batch, unless more than one end is possible: then nothing is done.
    pub(super) fn play_batch(&mut self, batch: &[Run<'_>], conditions: Conditions) -> bool {
        let settled = self.settles(batch, conditions);
        if settled {
            for run in batch {
                self.play(run);
            }
        }
        settled
    }

    /// Under the ledger, a repetition changes nothing whenever it comes, and orders at once are as good as one after
    /// the other while the stock suffices for all of them and no credit is due.
    fn settles(&self, batch: &[Run<'_>], conditions: Conditions) -> bool {
        let runs = || batch.iter().filter(|run| run.start != Start::Joins);
        if runs().any(|run| run.start == Start::PerhapsJoins) {
            return false;
        }
        let ledger = runs().all(|run| run.guard == Guard::Ledger);
        if runs().count() <= 1 {
            return ledger || !(conditions.disturbed || runs().any(Run::commits_late));
        }
        let mut ids = HashSet::new();
        let floor = runs().fold(self.inventory.stock, |stock, run| stock.saturating_sub(run.units()));
        ledger && floor >= REORDER_BELOW && runs().all(|run| ids.insert(&run.order))
    }

    fn play(&mut self, run: &Run<'_>) {
        let mut tally = Tally::default();
        let outcome = match run.start {
            Start::Joins => OrderOutcome::Joined,
            Start::Fresh | Start::PerhapsJoins => self.outcome(run, &mut tally),
        };
        self.ends.push(End {
            act: run.act,
            order: run.order.clone(),
            outcome: Some(outcome),
            attempts: tally.attempts.map(Range::exactly),
            deaths: Range::exactly(tally.deaths),
            late: Range::exactly(tally.late),
        });
    }

    fn outcome(&mut self, run: &Run<'_>, tally: &mut Tally) -> OrderOutcome {
        let refused = |refusal| match refusal {
            Refusal::Rejected(_) => OrderOutcome::Rejected,
            Refusal::Conflict { .. } => OrderOutcome::Conflict,
        };
        let updated = self.activity(run, Activity::UpdateInventory, tally);
        // The workflow goes on to the supplier, and answers what the update was.
        let supplied = updated.is_ok().then(|| self.activity(run, Activity::SupplierOrder, tally));
        match (updated, supplied) {
            (Err(refusal), _) | (_, Some(Err(refusal))) => refused(refusal),
            (Ok(outcome), _) => outcome,
        }
    }

    /// Runs the attempts of one activity. Says what the one that got through did.
    fn activity(&mut self, run: &Run<'_>, activity: Activity, tally: &mut Tally) -> Result<OrderOutcome, Refusal> {
        let mut outcome = OrderOutcome::Applied;
        for step in run.steps(activity) {
            tally.attempts[activity as usize] += 1;
            tally.take(step.before);
            // One that stalls here commits later, which by `settles` changes nothing.
            if step.before == Way::On {
                outcome = self.commit(run, activity)?;
                tally.take(step.after);
            }
        }
        Ok(outcome)
    }

    fn commit(&mut self, run: &Run<'_>, activity: Activity) -> Result<OrderOutcome, Refusal> {
        let origin = self.origin(run, activity);
        match self.inventory.decide(&run.effect(activity), run.guard, &origin.run)? {
            Decision::Replay { same_run: false, .. } => Ok(OrderOutcome::Replayed),
            Decision::Replay { same_run: true, .. } => Ok(OrderOutcome::Applied),
            Decision::Skip(_) => Ok(OrderOutcome::Skipped),
            Decision::Apply(change) => {
                // A supplier order that was not needed is none, as in the audit.
                if change.receipt.delta != 0 {
                    let times = self.applied.entry(change.key.clone()).or_insert(0);
                    *times += 1;
                    self.twice |= *times > 1;
                }
                self.inventory.apply(change, &origin);
                Ok(OrderOutcome::Applied)
            }
        }
    }

    /// What the ledger would say to an update now.
    pub(super) fn decide(&self, run: &Run<'_>) -> Result<Decision, Refusal> {
        let activity = Activity::UpdateInventory;
        self.inventory.decide(&run.effect(activity), run.guard, &self.origin(run, activity).run)
    }

    /// Who asks: the number of ends so far tells the runs apart.
    fn origin(&self, run: &Run<'_>, activity: Activity) -> Origin {
        Origin {
            order: run.order.clone(),
            workflow: String::new(),
            run: self.ends.len().to_string(),
            activity,
            attempt: Attempt::FIRST,
        }
    }

    pub(super) const fn stock(&self) -> Stock {
        self.inventory.stock
    }
}

impl Tally {
    fn take(&mut self, way: Way) {
        match way {
            Way::On | Way::Fails => {}
            Way::Dies => self.deaths += 1,
            Way::Stalls => self.late += 1,
        }
    }
}
