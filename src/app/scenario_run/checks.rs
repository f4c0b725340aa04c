//! What a scenario came to, held against what it says that it must come to.

use std::collections::BTreeSet;

use crate::{
    app::{App, Ending, Execution},
    domain::{Activity, OrderOutcome, RunEnd, Stock},
    faults::Action,
    store,
};

use super::{Performance, Placed, attempts};

/// One thing that was expected, and what was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    pub what: String,
    pub expected: String,
    pub found: String,
}

impl Check {
    fn new(what: impl Into<String>, expected: &dyn ToString, found: &dyn ToString) -> Self {
        Self { what: what.into(), expected: expected.to_string(), found: found.to_string() }
    }

    #[must_use]
    pub fn holds(&self) -> bool {
        self.expected == self.found
    }
}

/// What all orders of a scenario add up to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Figures {
    /// Starts that were asked for.
    pub starts: u64,
    pub attempts: u64,
    /// Attempts beyond the first of each activity execution.
    pub retries: u64,
    /// Attempts that the ledger answered.
    pub replays: u64,
    /// Workers that died unasked.
    pub deaths: u64,
    pub stock: Stock,
    /// From the first act to the end.
    pub millis: u64,
}

impl Figures {
    /// Adds what another scenario came to; the stock, which began anew, is the later one's.
    pub fn add(&mut self, other: &Self) {
        *self = Self {
            starts: self.starts.saturating_add(other.starts),
            attempts: self.attempts.saturating_add(other.attempts),
            retries: self.retries.saturating_add(other.retries),
            replays: self.replays.saturating_add(other.replays),
            deaths: self.deaths.saturating_add(other.deaths),
            stock: other.stock,
            millis: self.millis.saturating_add(other.millis),
        };
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// Those that matter most come first.
    pub checks: Vec<Check>,
    pub figures: Figures,
}

impl Judged {
    /// Everything came as it was expected.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.checks.iter().all(Check::holds)
    }

    /// What did not, in a sentence.
    #[must_use]
    pub fn complaint(&self) -> Option<String> {
        let wrong = self.checks.iter().filter(|check| !check.holds());
        let parts: Vec<_> =
            wrong.map(|check| format!("{} {} instead of {}", check.what, check.found, check.expected)).collect();
        (!parts.is_empty()).then(|| parts.join("; "))
    }
}

impl App {
    pub(super) fn judge(&self, performance: &Performance) -> Judged {
        let figures = self.figures(performance);
        let (scenario, audit) = (performance.scenario(), &self.account.audit);
        let mut checks = vec![Check::new("verdict", &scenario.expect.verdict.name(), &audit.verdict().name())];
        // On a database that somebody has used before, an order may be known, and the stock is whatever it was.
        let Some(stock) = scenario.expect.stock.filter(|_| performance.from_start) else {
            checks.extend(performance.placed().iter().filter_map(|placed| self.end_check(placed)));
            return Judged { checks, figures };
        };
        checks.insert(0, Check::new("stock", &stock, &audit.actual));
        for placed in performance.placed() {
            checks.extend(self.order_checks(performance, placed));
        }
        for activity in Activity::ALL {
            if let Some(expected) = scenario.expect.attempts[activity as usize] {
                let found = self.total(performance, activity);
                checks.push(Check::new(format!("{} attempts", activity.short_name()), &expected, &found));
            }
        }
        if let Some(expected) = scenario.expect.deaths {
            checks.push(Check::new("workers that died", &expected, &performance.deaths));
        }
        if let Some(expected) = scenario.expect.late {
            checks.push(Check::new("attempts that woke up late", &expected, &self.late(performance)));
        }
        Judged { checks, figures }
    }

    /// All that is certain of an order whose past is not known: that it did not fail.
    fn end_check(&self, placed: &Placed) -> Option<Check> {
        let other = self.outcome_of(placed).err()?;
        Some(Check::new(placed.order.as_str(), &OrderOutcome::Applied, &other))
    }

    fn order_checks(&self, performance: &Performance, placed: &Placed) -> Vec<Check> {
        let Some(placing) = performance.placing(placed) else { return Vec::new() };
        let mut checks = Vec::new();
        if let Some(outcome) = placing.outcome {
            let found = self.outcome_of(placed).map_or_else(|other| other, |found| found.to_string());
            checks.push(Check::new(placed.order.as_str(), &outcome, &found));
        }
        for activity in Activity::ALL {
            if let Some(expected) = placing.attempts[activity as usize] {
                let found = self.attempts_of(placed, activity);
                checks.push(Check::new(
                    format!("{} {} attempts", placed.order, activity.short_name()),
                    &expected,
                    &found,
                ));
            }
        }
        checks
    }

    /// The outcome of an order that was sent.
    ///
    /// # Errors
    /// If none is known, the state of its run in one or two words, with the cause of a failure.
    pub fn outcome_of(&self, placed: &Placed) -> Result<OrderOutcome, String> {
        if let Some(cause) = &placed.start_failure {
            return Err(format!("not started ({cause})"));
        }
        if placed.joined {
            return Ok(OrderOutcome::Joined);
        }
        let end = self.execution_of(placed).and_then(|execution| execution.end.as_ref());
        let Some(end) = end else { return Err("open".to_owned()) };
        end.outcome().ok_or_else(|| match end {
            RunEnd::Failed { message } => format!("failed ({message})"),
            other => other.to_string(),
        })
    }

    /// Attempts of an activity of an order: the highest number.
    #[must_use]
    pub fn attempts_of(&self, placed: &Placed, activity: Activity) -> u32 {
        self.execution_of(placed).map_or(0, |execution| highest(execution, activity))
    }

    /// Each run once, however many starts joined it.
    fn executions_of<'a>(&'a self, performance: &'a Performance) -> impl Iterator<Item = &'a Execution> {
        let mut seen = BTreeSet::new();
        let placed = performance.placed().iter().filter(move |placed| seen.insert((&placed.workflow, &placed.run)));
        placed.filter_map(|placed| self.execution_of(placed))
    }

    fn total(&self, performance: &Performance, activity: Activity) -> u64 {
        self.executions_of(performance).map(|execution| u64::from(highest(execution, activity))).sum()
    }

    fn late(&self, performance: &Performance) -> usize {
        let hung = |facts: &&super::AttemptFacts| facts.strikes.iter().any(|strike| strike.action == Action::Hang);
        self.executions_of(performance).flat_map(attempts).filter(hung).filter(|facts| facts.ending.is_some()).count()
    }

    fn figures(&self, performance: &Performance) -> Figures {
        let totals = Activity::ALL.map(|activity| self.total(performance, activity));
        let begun = |activity| self.executions_of(performance).filter(move |of| highest(of, activity) > 0).count();
        let first: usize = Activity::ALL.map(begun).iter().sum();
        let replayed = |facts: &&super::AttemptFacts| {
            matches!(facts.ending, Some(Ending::Succeeded { outcome: store::Outcome::Replayed, .. }))
        };
        let replays = self.executions_of(performance).flat_map(attempts).filter(replayed).count();
        let attempts: u64 = totals.iter().sum();
        Figures {
            starts: performance.placed().len() as u64,
            attempts,
            retries: attempts.saturating_sub(first as u64),
            replays: replays as u64,
            deaths: u64::from(performance.deaths),
            stock: self.account.audit.actual,
            millis: self.now.0.saturating_sub(performance.since.unwrap_or(self.now).0),
        }
    }
}

fn highest(execution: &Execution, activity: Activity) -> u32 {
    execution.attempts(activity).map(|seen| seen.number).max().unwrap_or(0)
}
