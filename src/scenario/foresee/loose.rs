//! Runs whose interleaving matters: every end that one of them can have.

use std::collections::{BTreeSet, HashMap};

use super::{
    Conditions, End, Foreseen, OrderOutcome,
    exact::Stage,
    range::Range,
    runs::{Run, Start, count},
};
use crate::{
    domain::{Activity, Decision, Guard, OrderId, REORDER_BELOW, Refusal, SUPPLIER_QUANTITY, Stock},
    store::Verdict,
};

/// Where more sums than this would have to be formed, the possible stocks are not told apart.
const MOST_SUMS: u64 = 65_536;

/// Goes on from where the exact part has ended, with the runs that are left; none, where all of it was exact.
pub(super) fn play(stage: &Stage, rest: &[&Run<'_>], conditions: Conditions) -> Foreseen {
    let loose = Loose { floor: floor(stage.stock(), rest), stage, rest, orders: orders(rest) };
    let chances: Vec<_> = (0..rest.len()).map(|index| loose.chance(index)).collect();
    let unknown = conditions.disturbed && rest.iter().any(|run| run.guard != Guard::Ledger);
    let stocks = if unknown { None } else { loose.stocks(&chances) };
    let verdict = loose.verdict(&chances, conditions);
    let ends: Vec<_> = stage.ends.iter().cloned().chain(chances.into_iter().map(|chance| chance.end)).collect();
    let sum = |of: fn(&End) -> Range| ends.iter().map(of).fold(Range::NONE, Range::plus);
    let attempts = [sum(|end| end.attempts[0]), sum(|end| end.attempts[1])];
    let (deaths, late) = (sum(|end| end.deaths), sum(|end| end.late));
    Foreseen { ends, stocks, verdict, attempts, deaths, late }
}

/// The runs of each order by their index, without those that only join.
fn orders<'a>(rest: &[&'a Run<'_>]) -> HashMap<&'a OrderId, Vec<usize>> {
    let mut orders: HashMap<_, Vec<_>> = HashMap::new();
    for (index, run) in rest.iter().enumerate().filter(|(_, run)| run.start != Start::Joins) {
        orders.entry(&run.order).or_default().push(index);
    }
    orders
}

/// The least stock that there can be.
fn floor(stock: Stock, rest: &[&Run<'_>]) -> Stock {
    rest.iter().fold(stock, |stock, run| stock.saturating_sub(run.units().saturating_mul(i64::from(most_takes(run)))))
}

/// How often a run's update can be applied at most.
fn most_takes(run: &Run<'_>) -> u32 {
    match (run.start, run.guard) {
        (Start::Joins, _) => 0,
        (_, Guard::Ledger) => 1,
        _ => run.commits(Activity::UpdateInventory),
    }
}

/// What one run may come to.
struct Chance {
    end: End,
    /// How often its update is applied.
    takes: Range,
}

/// What a run's commits may meet.
struct Fate {
    outcome: Option<OrderOutcome>,
    takes: Range,
    /// Its update may be refused, which ends it before the supplier is asked.
    refusable: bool,
}

impl Fate {
    const fn known(outcome: OrderOutcome, takes: u32) -> Self {
        let refusable = matches!(outcome, OrderOutcome::Rejected | OrderOutcome::Conflict);
        Self { outcome: Some(outcome), takes: Range::exactly(takes), refusable }
    }

    const fn open(least: u32, most: u32, refusable: bool) -> Self {
        Self { outcome: None, takes: Range { least, most: Some(most) }, refusable }
    }
}

struct Loose<'a> {
    stage: &'a Stage,
    rest: &'a [&'a Run<'a>],
    floor: Stock,
    orders: HashMap<&'a OrderId, Vec<usize>>,
}

impl Loose<'_> {
    fn chance(&self, index: usize) -> Chance {
        let run = self.rest[index];
        let mut fate = match (run.start, run.guard) {
            (Start::Joins, _) => Fate::known(OrderOutcome::Joined, 0),
            (_, Guard::Ledger) => self.under_the_ledger(index),
            _ => self.unguarded(index),
        };
        if run.start == Start::PerhapsJoins {
            fate = Fate { outcome: None, takes: Range { least: 0, ..fate.takes }, ..fate };
        }
        Chance { takes: fate.takes, end: end(run, &fate) }
    }

    /// The other runs of the same order.
    fn twins(&self, index: usize) -> impl Iterator<Item = (usize, &Run<'_>)> {
        let runs = self.orders.get(&self.rest[index].order).map(Vec::as_slice).unwrap_or_default();
        runs.iter().filter(move |twin| **twin != index).map(|twin| (*twin, self.rest[*twin]))
    }

    fn under_the_ledger(&self, index: usize) -> Fate {
        let run = self.rest[index];
        let payload = |run: &Run<'_>| run.effect(Activity::UpdateInventory).payload();
        let alike = self.twins(index).all(|(_, twin)| payload(twin) == payload(run));
        match self.stage.decide(run) {
            Ok(Decision::Replay { .. }) => return Fate::known(OrderOutcome::Replayed, 0),
            Err(Refusal::Conflict { .. }) => return Fate::known(OrderOutcome::Conflict, 0),
            Err(Refusal::Rejected(_)) if run.is_impossible(&self.stage.inventory) && alike => {
                return Fate::known(OrderOutcome::Rejected, 0);
            }
            _ => {}
        }
        let guarded = self.twins(index).all(|(_, twin)| twin.guard == Guard::Ledger);
        let alone = self.twins(index).next().is_none();
        match (self.floor >= 0 && alike, guarded) {
            (true, _) if alone => Fate::known(OrderOutcome::Applied, 1),
            // One of the twins is applied, and it does not matter which.
            (true, true) if self.twins(index).all(|(other, _)| other > index) => Fate::open(1, 1, false),
            (true, true) => Fate::open(0, 0, false),
            (certain, _) => Fate::open(0, 1, !certain),
        }
    }

    fn unguarded(&self, index: usize) -> Fate {
        let run = self.rest[index];
        let commits = run.commits(Activity::UpdateInventory);
        if run.is_impossible(&self.stage.inventory) {
            return Fate::known(OrderOutcome::Rejected, 0);
        }
        if run.guard == Guard::Off {
            return Fate::known(OrderOutcome::Applied, commits);
        }
        let known = self.stage.inventory.last_order == run.order.as_str() || self.twins(index).next().is_some();
        Fate::open(u32::from(!known), commits, false)
    }

    /// Every stock that is possible at the end; `None`: too many.
    fn stocks(&self, chances: &[Chance]) -> Option<BTreeSet<Stock>> {
        let mut stocks = BTreeSet::from([self.stage.stock()]);
        for (run, chance) in self.rest.iter().zip(chances) {
            stocks = spread(&stocks, -run.units(), chance.takes)?;
        }
        let credits = self.rest.iter().filter(|run| run.start != Start::Joins).map(|run| match run.guard {
            Guard::Ledger => 1,
            Guard::LastOrder | Guard::Off => run.commits(Activity::SupplierOrder),
        });
        let most = if self.floor >= REORDER_BELOW { 0 } else { credits.sum() };
        spread(&stocks, SUPPLIER_QUANTITY, Range { least: 0, most: Some(most) })
    }

    fn verdict(&self, chances: &[Chance], conditions: Conditions) -> Option<Verdict> {
        if conditions.all_ledger {
            return Some(Verdict::Right);
        }
        let twice = || chances.iter().any(|chance| chance.takes.least > 1);
        match () {
            () if self.stage.twice || (!conditions.disturbed && twice()) => Some(Verdict::Wrong),
            () if self.rest.is_empty() => Some(Verdict::Right),
            () => None,
        }
    }
}

fn end(run: &Run<'_>, fate: &Fate) -> End {
    let (update, supplier) = (run.steps(Activity::UpdateInventory), run.steps(Activity::SupplierOrder));
    let counted = |meets: fn(super::course::Step) -> bool| count(update, meets) + count(supplier, meets);
    let all = [update.len(), supplier.len()].map(|steps| u32::try_from(steps).unwrap_or(u32::MAX));
    let certain = !fate.refusable && run.start == Start::Fresh;
    let range = |least, most: u32| if certain { Range::exactly(most) } else { Range { least, most: Some(most) } };
    let mut end = End {
        act: run.act,
        order: run.order.clone(),
        outcome: fate.outcome,
        attempts: [range(u32::from(run.start == Start::Fresh), all[0]), range(0, all[1])],
        deaths: range(0, counted(super::course::Step::dies)),
        late: range(0, counted(super::course::Step::is_late)),
    };
    if run.start == Start::Joins {
        end = End { attempts: [Range::NONE; 2], deaths: Range::NONE, late: Range::NONE, ..end };
    }
    end
}

/// Every sum of one of `stocks` and `step` as often as `times` allows.
fn spread(stocks: &BTreeSet<Stock>, step: i64, times: Range) -> Option<BTreeSet<Stock>> {
    let most = times.most?;
    let choices = u64::from(most.saturating_sub(times.least)) + 1;
    if choices.saturating_mul(stocks.len() as u64) > MOST_SUMS {
        return None;
    }
    let steps = || (times.least..=most).map(|times| step.saturating_mul(i64::from(times)));
    Some(stocks.iter().flat_map(|stock| steps().map(|step| stock.saturating_add(step))).collect())
}
