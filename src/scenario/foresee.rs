//! What a scenario must come to by the rules, so that an expectation that nothing can meet is refused.
//!
//! The attempts of an order follow from the seed alone, and what they do to the stock from the domain's own rules. All
//! is exact as long as the orders of a batch cannot influence each other; a batch is what runs between two acts that wait
//! until every order has ended. Where orders that run at once compete for the last units, or where a guard lets a
//! repetition through at a time that nobody knows, more than one end is possible, and each of them is accepted. So an
//! expectation that is refused is wrong, but one that is accepted may still fail.
//!
//! | file | role |
//! | --- | --- |
//! | `course` | the attempts of one activity under its fault plan |
//! | `runs` | the workflow runs that the acts start, in batches |
//! | `exact` | runs one after the other, on the domain's inventory |
//! | `loose` | runs whose interleaving matters: every possible end |
//! | `range` | a number that is known, or known within bounds |

mod course;
mod exact;
mod loose;
mod range;
mod runs;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use super::{Act, OrderOutcome, Scenario, What, When};
use crate::{
    domain::{Activity, Guard, OrderId, Stock},
    faults::Action,
    store::Verdict,
};

use course::{COURSE_LIMIT, Way};
use range::Range;
use runs::{Run, Start};

/// The value of a scenario that something is said about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum About {
    /// The fault plan that holds for an act's orders.
    Faults(usize),
    /// What an act waits for.
    When(usize),
    /// What an act's orders come to.
    Outcome(usize),
    /// The attempts of an act's orders, each, or of all orders together.
    Attempts(Option<usize>, Activity),
    Stock,
    Verdict,
    Deaths,
    Late,
}

/// An expectation that nothing can meet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unreachable {
    pub about: About,
    pub problem: String,
}

/// What one order comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
struct End {
    act: usize,
    order: OrderId,
    /// `None`: depends on the interleaving.
    outcome: Option<OrderOutcome>,
    attempts: [Range; Activity::ALL.len()],
    deaths: Range,
    late: Range,
}

impl End {
    fn is_refused(&self) -> bool {
        matches!(self.outcome, Some(OrderOutcome::Rejected | OrderOutcome::Conflict))
    }

    /// Whether the first attempt of its update surely gets through.
    fn is_smooth(&self) -> bool {
        self.outcome.is_some() && !self.is_refused() && self.attempts[0].most.is_some_and(|most| most <= 1)
    }
}

/// What the whole scenario comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Foreseen {
    ends: Vec<End>,
    /// The stocks that are possible at the end; `None`: too many to tell.
    stocks: Option<BTreeSet<Stock>>,
    /// `None`: depends on the interleaving.
    verdict: Option<Verdict>,
    attempts: [Range; Activity::ALL.len()],
    deaths: Range,
    late: Range,
}

/// Holds what a scenario expects against what it must come to.
///
/// # Errors
/// [`Unreachable`], the first expectation that nothing can meet, or a fault plan that lets an order go on for ever.
pub(super) fn foresee(scenario: &Scenario) -> Result<(), Unreachable> {
    let batches = runs::batches(scenario)?;
    let Some(foreseen) = work_out(scenario, &batches) else { return Ok(()) };
    check_waits(scenario, &foreseen)?;
    for (index, act) in scenario.acts.iter().enumerate() {
        check_act(index, act, &foreseen)?;
    }
    check_all(scenario, &foreseen)
}

fn work_out(scenario: &Scenario, batches: &[Vec<Run<'_>>]) -> Option<Foreseen> {
    let conditions = Conditions::of(scenario, batches);
    let mut stage = exact::Stage::new()?;
    let settled = batches.iter().take_while(|batch| stage.play_batch(batch, conditions)).count();
    let rest: Vec<_> = batches.iter().skip(settled).flatten().collect();
    let foreseen = loose::play(&stage, &rest, conditions);
    Some(conditions.widen(foreseen))
}

/// What holds for all of a scenario.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "each is a plain fact about the scenario")]
struct Conditions {
    /// Attempts are killed that the plan knows nothing of: by an act, or with a worker that another order's fault ends.
    disturbed: bool,
    crashes: bool,
    hangs: bool,
    /// A delay reaches the timeout, so that it is open whether Temporal or the attempt is first.
    long_delays: bool,
    all_ledger: bool,
}

impl Conditions {
    fn of(scenario: &Scenario, batches: &[Vec<Run<'_>>]) -> Self {
        let dies = |run: &&Run<'_>| run.ways().any(|way| way == Way::Dies);
        let in_company = |batch: &&Vec<Run<'_>>| batch.iter().filter(|run| run.start != Start::Joins).count() > 1;
        let killed = scenario.acts.iter().any(|act| !matches!(act.what, What::Order(_)));
        let crashed = batches.iter().filter(in_company).flatten().any(|run| dies(&run));
        let runs = || batches.iter().flatten();
        let has = |action| runs().any(|run| run.faults.faults().iter().any(|fault| fault.action == action));
        let delay = |run: &Run<'_>| {
            let delays = run.faults.faults().iter().filter_map(|fault| match fault.action {
                Action::Delay { millis } => Some(millis),
                _ => None,
            });
            // Both points of one attempt may be struck.
            delays.max().unwrap_or_default().saturating_mul(2) >= scenario.retry.start_to_close
        };
        Self {
            disturbed: killed || crashed,
            crashes: has(Action::Crash),
            hangs: has(Action::Hang),
            long_delays: runs().any(delay),
            all_ledger: runs().all(|run| run.guard == Guard::Ledger),
        }
    }

    /// Takes back what is not certain under these conditions.
    fn widen(self, mut foreseen: Foreseen) -> Foreseen {
        let ends = &mut foreseen.ends;
        if self.disturbed {
            ends.iter_mut().flat_map(|end| &mut end.attempts).for_each(|range| range.most = None);
            foreseen.attempts.iter_mut().for_each(|range| range.most = None);
            foreseen.deaths = if self.crashes { Range::ANY } else { foreseen.deaths };
            foreseen.late = if self.hangs || self.long_delays { Range::ANY } else { foreseen.late };
        } else if self.crashes && (self.hangs || self.long_delays) {
            // A worker that dies takes those with it that would have woken up, and one that wakes up may kill it.
            foreseen.deaths.most = None;
            foreseen.late.least = 0;
        } else if self.long_delays {
            foreseen.late.least = 0;
        }
        foreseen
    }
}

/// An act that waits for what never comes would be waited for until the limit.
fn check_waits(scenario: &Scenario, foreseen: &Foreseen) -> Result<(), Unreachable> {
    for (act, when) in scenario.acts.iter().map(|act| &act.when).enumerate() {
        let (When::Committed(order) | When::Failed(order)) = when else { continue };
        let mut before = foreseen.ends.iter().filter(|end| end.act < act && end.order == *order);
        let problem = match when {
            When::Committed(_) if before.all(End::is_refused) => {
                format!("order {order} is never committed: it is refused")
            }
            When::Failed(_) if before.all(End::is_smooth) => {
                format!("no attempt of order {order}'s update fails under its faults")
            }
            _ => continue,
        };
        return Err(Unreachable { about: About::When(act), problem });
    }
    Ok(())
}

fn check_act(index: usize, act: &Act, foreseen: &Foreseen) -> Result<(), Unreachable> {
    let What::Order(placing) = &act.what else { return Ok(()) };
    for end in foreseen.ends.iter().filter(|end| end.act == index) {
        let order = &end.order;
        if let (Some(expected), Some(outcome)) = (placing.outcome, end.outcome)
            && expected != outcome
        {
            let problem = format!("order {order} cannot be {}: by the rules it is {}", expected.name(), outcome.name());
            return Err(Unreachable { about: About::Outcome(index), problem });
        }
        if placing.outcome == Some(OrderOutcome::Joined) && end.outcome.is_none() && end.attempts[0].least > 0 {
            let problem = format!("order {order} cannot be joined: no start under its workflow id is under way then");
            return Err(Unreachable { about: About::Outcome(index), problem });
        }
        for activity in Activity::ALL {
            let range = end.attempts[activity as usize];
            let Some(expected) = placing.attempts[activity as usize].filter(|count| !range.holds(*count)) else {
                continue;
            };
            let (name, times) = (activity.short_name(), attempts_word(expected));
            let problem = format!("{name} of order {order} cannot take {expected} {times}: it takes {range}");
            return Err(Unreachable { about: About::Attempts(Some(index), activity), problem });
        }
    }
    Ok(())
}

const fn attempts_word(count: u32) -> &'static str {
    if count == 1 { "attempt" } else { "attempts" }
}

fn check_all(scenario: &Scenario, foreseen: &Foreseen) -> Result<(), Unreachable> {
    let expect = &scenario.expect;
    for activity in Activity::ALL {
        let range = foreseen.attempts[activity as usize];
        if let Some(expected) = expect.attempts[activity as usize].filter(|count| !range.holds(*count)) {
            let (name, times) = (activity.short_name(), attempts_word(expected));
            let problem = format!("{name} cannot take {expected} {times} in all: the orders take {range}");
            return Err(Unreachable { about: About::Attempts(None, activity), problem });
        }
    }
    let counts = [
        (About::Deaths, expect.deaths, foreseen.deaths, "worker deaths"),
        (About::Late, expect.late, foreseen.late, "late attempts"),
    ];
    for (about, expected, range, what) in counts {
        if let Some(expected) = expected.filter(|count| !range.holds(*count)) {
            let problem = format!("{what} cannot be {expected}: the faults make {range}");
            return Err(Unreachable { about, problem });
        }
    }
    if let Some(stock) = expect.stock {
        check_stock(stock, foreseen)?;
    }
    match foreseen.verdict {
        Some(verdict) if verdict != expect.verdict => {
            let why = match verdict {
                Verdict::Right => "no effect is applied twice",
                Verdict::Wrong => "an effect is applied twice",
            };
            let problem = format!("the verdict cannot be {}: by the rules {why}", expect.verdict.name());
            Err(Unreachable { about: About::Verdict, problem })
        }
        _ => Ok(()),
    }
}

fn check_stock(expected: Stock, foreseen: &Foreseen) -> Result<(), Unreachable> {
    const SHOWN: usize = 6;
    let Some(stocks) = foreseen.stocks.as_ref().filter(|stocks| !stocks.contains(&expected)) else { return Ok(()) };
    let mut shown: Vec<_> = stocks.iter().take(SHOWN).map(Stock::to_string).collect();
    if stocks.len() > SHOWN {
        shown.push("more".to_owned());
    }
    let problem = format!("the stock cannot be {expected} at the end: by the rules it is {}", shown.join(" or "));
    Err(Unreachable { about: About::Stock, problem })
}
