//! The checks of a scenario's result against its expectations.

use std::{collections::BTreeSet, time::Duration};

use crate::{
    app::{
        facts::Facts,
        orders::{
            Orders,
            attempt::{AttemptEnd, AttemptFacts},
            execution::Execution,
        },
        supplier::SupplierCounts,
    },
    domain::{Activity, OrderOutcome, RunEnd, SUPPLIER_QUANTITY, Stock},
    faults::Action,
    scenario::ExpectedEnd,
    store::{self, Verdict},
};

use super::{ScenarioRun, SentOrder, attempts};

/// One expectation and what was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What was checked.
    pub what: String,
    /// The expected value.
    pub expected: String,
    /// The value that was found.
    pub found: String,
}

impl Check {
    fn new(what: impl Into<String>, expected: &dyn ToString, found: &dyn ToString) -> Self {
        Self { what: what.into(), expected: expected.to_string(), found: found.to_string() }
    }

    /// Whether the values are equal.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.expected == self.found
    }
}

/// Counts over all orders of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RunCounts {
    /// Starts that were requested.
    pub starts: u64,
    /// Attempts.
    pub attempts: u64,
    /// Attempts after the first of each activity.
    pub retries: u64,
    /// Attempts that got a recorded result.
    pub replays: u64,
    /// Workers that exited without a request.
    pub deaths: u64,
    /// Shipments that a supplier made; `None` without a supplier.
    pub shipments: Option<u64>,
    /// The stock at the end.
    pub stock: Stock,
    /// Time from the first step to the end.
    pub duration: Duration,
}

impl RunCounts {
    /// Adds the counts of a later run. Stock and shipments are those of the later run, which began from scratch.
    pub fn add(&mut self, other: &Self) {
        *self = Self {
            starts: self.starts.saturating_add(other.starts),
            attempts: self.attempts.saturating_add(other.attempts),
            retries: self.retries.saturating_add(other.retries),
            replays: self.replays.saturating_add(other.replays),
            deaths: self.deaths.saturating_add(other.deaths),
            shipments: other.shipments,
            stock: other.stock,
            duration: self.duration.saturating_add(other.duration),
        };
    }
}

/// The result of a run: its checks and counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckResult {
    /// The most important checks first.
    pub checks: Vec<Check>,
    /// The counts.
    pub counts: RunCounts,
}

impl CheckResult {
    /// Whether all checks passed.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.checks.iter().all(Check::passed)
    }

    /// The checks that failed, as a sentence.
    #[must_use]
    pub fn complaint(&self) -> Option<String> {
        let wrong = self.checks.iter().filter(|check| !check.passed());
        let parts: Vec<_> =
            wrong.map(|check| format!("{} {} instead of {}", check.what, check.found, check.expected)).collect();
        (!parts.is_empty()).then(|| parts.join("; "))
    }
}

impl SentOrder {
    /// The outcome of the order.
    ///
    /// # Errors
    /// If none is known, the state of its run in one or two words, with the cause of a failure.
    pub fn outcome(&self, orders: &Orders) -> Result<OrderOutcome, String> {
        if let Some(cause) = &self.start_failure {
            return Err(format!("not started ({cause})"));
        }
        if self.joined {
            return Ok(OrderOutcome::Joined);
        }
        let end = self.execution(orders).and_then(|execution| execution.end.as_ref());
        let Some(end) = end else { return Err("open".to_owned()) };
        end.outcome().ok_or_else(|| match end {
            RunEnd::Failed { message } => format!("failed ({message})"),
            other => other.to_string(),
        })
    }

    /// The outcome as text, or the state of the run.
    #[must_use]
    pub fn outcome_text(&self, orders: &Orders) -> String {
        self.outcome(orders).map_or_else(|state| state, |outcome| outcome.to_string())
    }

    /// Attempts of an activity: the highest number.
    #[must_use]
    pub fn attempts(&self, activity: Activity, orders: &Orders) -> u32 {
        self.execution(orders).map_or(0, |execution| highest(execution, activity))
    }

    /// The only check of an order whose past is not known: that it did not fail.
    fn end_check(&self, orders: &Orders) -> Option<Check> {
        let state = self.outcome(orders).err()?;
        Some(Check::new(self.order.as_str(), &OrderOutcome::Applied, &state))
    }
}

impl ScenarioRun {
    /// Checks the result. `supplier`: what the supplier has counted.
    pub(super) fn check(&self, facts: &Facts<'_>, supplier: Option<&SupplierCounts>) -> CheckResult {
        let counts = RunCounts { shipments: supplier.map(|counts| counts.shipped), ..self.counts(facts) };
        let (expect, audit) = (&self.scenario.expect, &facts.journal.audit);
        let verdict = match supplier {
            // Shipments that are not credited were paid for nothing.
            Some(counts) if counts.shipped != audit.credited.count => Verdict::Wrong,
            _ => audit.verdict(),
        };
        let mut checks = vec![Check::new("verdict", &expect.verdict.name(), &verdict.name())];
        // In a database that was used before, an order may be recorded, and the stock can be anything.
        let Some(stock) = expect.stock.filter(|_| self.from_start) else {
            checks.extend(self.sent.iter().filter_map(|sent| sent.end_check(facts.orders)));
            return CheckResult { checks, counts };
        };
        checks.insert(0, Check::new("stock", &stock, &audit.actual));
        if let (Some(expected), Some(counts)) = (expect.shipments, supplier) {
            checks.push(Check::new("shipments", &expected, &counts.shipped));
            checks.push(Check::new("units shipped", &units(expected), &counts.units));
        }
        for sent in &self.sent {
            checks.extend(self.order_checks(sent, facts.orders));
        }
        for activity in Activity::ALL {
            if let Some(expected) = expect.attempts[activity as usize] {
                let found = self.total(activity, facts.orders);
                checks.push(Check::new(format!("{} attempts", activity.short_name()), &expected, &found));
            }
        }
        if let Some(expected) = expect.deaths {
            checks.push(Check::new("workers that died", &expected, &self.deaths));
        }
        if let Some(expected) = expect.late {
            checks.push(Check::new("attempts that woke up late", &expected, &self.late(facts.orders)));
        }
        CheckResult { checks, counts }
    }

    fn order_checks(&self, sent: &SentOrder, orders: &Orders) -> Vec<Check> {
        let Some(placing) = self.placing(sent) else { return Vec::new() };
        let mut checks = Vec::new();
        if let Some(outcome) = placing.outcome {
            let end = sent.execution(orders).and_then(|execution| execution.end.as_ref());
            let found = match (outcome, end) {
                // The message of an expected failure is not compared.
                (ExpectedEnd::Failed, Some(RunEnd::Failed { .. })) => outcome.name().to_owned(),
                _ => sent.outcome_text(orders),
            };
            checks.push(Check::new(sent.order.as_str(), &outcome.name(), &found));
        }
        for activity in Activity::ALL {
            if let Some(expected) = placing.attempts[activity as usize] {
                let what = format!("{} {} attempts", sent.order, activity.short_name());
                checks.push(Check::new(what, &expected, &sent.attempts(activity, orders)));
            }
        }
        checks
    }

    /// Each run once, however many starts joined it.
    fn executions<'a>(&'a self, orders: &'a Orders) -> impl Iterator<Item = &'a Execution> {
        let mut seen = BTreeSet::new();
        let sent = self.sent.iter().filter(move |sent| seen.insert((&sent.workflow, &sent.run)));
        sent.filter_map(|sent| sent.execution(orders))
    }

    fn total(&self, activity: Activity, orders: &Orders) -> u64 {
        self.executions(orders).map(|execution| u64::from(highest(execution, activity))).sum()
    }

    fn late(&self, orders: &Orders) -> usize {
        let hung = |facts: &&AttemptFacts| facts.strikes.iter().any(|strike| strike.action == Action::Hang);
        self.executions(orders).flat_map(attempts).filter(hung).filter(|facts| facts.end.is_some()).count()
    }

    fn counts(&self, facts: &Facts<'_>) -> RunCounts {
        let orders = facts.orders;
        let totals = Activity::ALL.map(|activity| self.total(activity, orders));
        let begun = |activity| self.executions(orders).filter(move |of| highest(of, activity) > 0).count();
        let first: usize = Activity::ALL.map(begun).iter().sum();
        let replayed = |facts: &&AttemptFacts| {
            matches!(facts.end, Some(AttemptEnd::Succeeded { outcome: store::CommitOutcome::Replayed, .. }))
        };
        let replays = self.executions(orders).flat_map(attempts).filter(replayed).count();
        let attempts: u64 = totals.iter().sum();
        RunCounts {
            starts: self.sent.len() as u64,
            attempts,
            retries: attempts.saturating_sub(first as u64),
            replays: replays as u64,
            deaths: u64::from(self.deaths),
            shipments: None,
            stock: facts.journal.audit.actual,
            duration: facts.now.since(self.since.unwrap_or(facts.now)),
        }
    }
}

/// Units in a number of shipments.
fn units(shipments: u32) -> i64 {
    i64::from(shipments) * SUPPLIER_QUANTITY
}

fn highest(execution: &Execution, activity: Activity) -> u32 {
    execution.attempts(activity).map(|seen| seen.number).max().unwrap_or(0)
}
