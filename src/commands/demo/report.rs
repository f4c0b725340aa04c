//! The result of a scenario, as text and as JSON.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::{
    app::{App, CheckResult, RunState, SentOrder, SupplierCounts, SupplierReport},
    commands::{Failure, print},
    domain::Activity,
    scenario::Scenario,
    store::{Audit, Verdict},
};

/// Result of one started order.
struct OrderReport {
    order: String,
    workflow: String,
    run: Option<String>,
    outcome: String,
    attempts: BTreeMap<&'static str, u32>,
}

/// Printed instead of "as expected" if the database was used before.
const USED: &str = "not judged: this database was used before, so only the verdict was checked; for the whole scenario \
                    run reset first, or leave DATABASE unset";

/// The result of one scenario.
pub struct Report {
    scenario: Scenario,
    orders: Vec<OrderReport>,
    audit: Audit,
    /// Counters of the scenario's supplier; `None` if it has none.
    supplier: Option<SupplierCounts>,
    /// Id of the last order in the document.
    last_order: String,
    /// Whether the database was used before, so that most expectations were not checked.
    used: bool,
    /// Results of the checks, or why the scenario did not finish.
    judged: Result<CheckResult, String>,
}

impl Report {
    /// Collects the result of the scenario that `app` ran.
    ///
    /// # Errors
    /// Returns [`Failure::Other`] if no scenario ran, or if it did not finish.
    pub fn of(app: &App) -> Result<Self, Failure> {
        let nothing = || Failure::Other("no scenario ran".to_owned());
        let run = app.scenario_run().ok_or_else(nothing)?;
        let judged = match run.state() {
            RunState::Finished(judged) => Ok(judged.clone()),
            RunState::Abandoned(why) => Err(why.clone()),
            _ => return Err(nothing()),
        };
        let order = |placed: &SentOrder| {
            let (workflow, run) =
                placed.run.clone().map_or_else(|| (placed.workflow.clone(), None), |(id, run)| (id, Some(run)));
            let outcome = placed.outcome_text(app.orders());
            let (order, attempts) = (placed.order.to_string(), attempts(app, placed));
            OrderReport { order, workflow, run, outcome, attempts }
        };
        Ok(Self {
            scenario: run.scenario().clone(),
            orders: run.sent_orders().iter().map(order).collect(),
            audit: app.journal().audit.clone(),
            supplier: run.scenario().supplier.and(app.supplier().and_then(SupplierReport::counts).copied()),
            last_order: app.journal().document.as_ref().map(|document| document.last_order.clone()).unwrap_or_default(),
            used: !run.is_from_start(),
            judged,
        })
    }

    #[must_use]
    /// Whether all checked results are as expected.
    pub fn as_expected(&self) -> bool {
        self.judged.as_ref().is_ok_and(CheckResult::passed)
    }

    /// Returns the unexpected results; `None` if there are none.
    fn complaint(&self) -> Option<String> {
        match &self.judged {
            Ok(judged) => judged.complaint(),
            Err(why) => Some(why.clone()),
        }
    }

    /// Prints the orders, the document, the verdict, and whether the result is as expected.
    pub fn print(&self) {
        // A burst contains too many orders to list each.
        for order in self.orders.iter().filter(|_| self.orders.len() <= 10) {
            let attempts: Vec<_> =
                order.attempts.iter().map(|(activity, count)| format!("{activity} {count}")).collect();
            let attempts = if attempts.is_empty() { "none".to_owned() } else { attempts.join(", ") };
            print::line(&format!("order {}: {}; attempts: {attempts}", order.order, order.outcome));
        }
        print::line(&format!("document: orderID {}, inStock {}", self.last_order, self.audit.actual));
        print::line(&format!("verdict {}: {}", self.audit.verdict().name(), self.audit.sentence()));
        if let Some(SupplierCounts { shipped, units, others, .. }) = self.supplier {
            let (credited, s) = (self.audit.credited.count, if shipped == 1 { "" } else { "s" });
            let verdict = if shipped == credited { Verdict::Right } else { Verdict::Wrong };
            let others = match others {
                0 => String::new(),
                1 => "; 1 shipment is another client's order, not ours".to_owned(),
                more => format!("; {more} shipments are other clients' orders, not ours"),
            };
            let text = format!("{shipped} shipment{s} of {units} units paid for, {credited} credited{others}");
            print::line(&format!("supplier {}: {text}", verdict.name()));
        }
        match self.complaint() {
            None if self.used => print::line(USED),
            None => print::line(&format!("as expected: {}", self.scenario.why)),
            Some(complaint) => print::line(&format!("NOT as expected: {complaint}")),
        }
    }

    /// Prints a row of the table of all scenarios.
    pub fn print_row(&self) {
        let (mark, more) = match self.complaint() {
            None => ("ok  ", String::new()),
            Some(complaint) => ("FAIL", format!("  {complaint}")),
        };
        let figures = self.judged.as_ref().map(|judged| judged.counts).unwrap_or_default();
        print::line(&format!(
            "{mark} {:<20} stock {:>5}  verdict {:<5}  attempts {:>3}  retries {:>3}  replays {:>3}  {:>3}.{} s{more}",
            self.scenario.name,
            self.audit.actual,
            self.audit.verdict().name(),
            figures.attempts,
            figures.retries,
            figures.replays,
            figures.duration.as_secs(),
            figures.duration.subsec_millis() / 100,
        ));
    }

    #[must_use]
    /// Returns the result as one object.
    pub fn json(&self) -> Value {
        let order = |order: &OrderReport| {
            json!({
                "orderID": order.order,
                "workflowID": order.workflow,
                "runID": order.run,
                "outcome": order.outcome,
                "attempts": order.attempts,
            })
        };
        let mut object = json!({
            "scenario": self.scenario.name,
            "orders": self.orders.iter().map(order).collect::<Vec<_>>(),
            "stock": { "initial": self.audit.initial, "expected": self.audit.expected, "actual": self.audit.actual },
            "verdict": self.audit.verdict().name(),
            "asExpected": self.as_expected() && !self.used,
            "complaint": self.complaint().or_else(|| self.used.then(|| USED.to_owned())),
        });
        if let (Some(counts), Some(fields)) = (&self.supplier, object.as_object_mut()) {
            let SupplierCounts { requests, shipped, replayed, units, others, .. } = counts;
            let supplier = json!({
                "requests": requests,
                "shipments": shipped,
                "replays": replayed,
                "units": units,
                "credited": self.audit.credited.count,
                "otherShipments": others,
            });
            fields.insert("supplier".to_owned(), supplier);
        }
        object
    }
}

fn attempts(app: &App, placed: &SentOrder) -> BTreeMap<&'static str, u32> {
    let counts = Activity::ALL.map(|activity| (activity.name(), placed.attempts(activity, app.orders())));
    counts.into_iter().filter(|(_, count)| *count > 0).collect()
}

/// Returns the results of all scenarios as one object.
#[must_use]
pub fn table(reports: &[Report]) -> Value {
    let right = reports.iter().all(Report::as_expected);
    json!({ "scenarios": reports.iter().map(Report::json).collect::<Vec<_>>(), "asExpected": right })
}
