//! The supplier of a scenario: what it reports before the first step and after the last one.

use crate::app::{command::Command, facts::Facts, supplier::SupplierCounts};

use super::{Request, ScenarioRun};

/// Why a report about the supplier was requested. A report from before is not the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SupplierQuestion {
    /// Whether it is up and empty before the first step.
    Begin,
    /// What it has shipped once everything else has ended.
    End,
}

impl ScenarioRun {
    /// Requests a report about the supplier, unless there is none or the report was requested before.
    pub(super) fn ask_supplier(&mut self, question: SupplierQuestion) -> Option<Request> {
        if self.scenario.supplier.is_none() || self.asked_for == Some(question) {
            return None;
        }
        self.asked_for = Some(question);
        self.asked_supplier = self.asked_supplier.saturating_add(1);
        Some(Request::Command(Command::AskSupplier(self.asked_supplier)))
    }

    /// The counters in the answer to the question; `None` as long as there is no answer, or the supplier is down.
    pub(super) fn supplier_counts(&self, question: SupplierQuestion, facts: &Facts<'_>) -> Option<SupplierCounts> {
        let report = facts.supplier.filter(|report| report.answers >= self.asked_supplier)?;
        report.counts().copied().filter(|_| self.asked_for == Some(question))
    }

    /// Whether the supplier is up and has not shipped, or there is none.
    pub(super) fn is_supplier_ready(&self, facts: &Facts<'_>) -> bool {
        self.scenario.supplier.is_none()
            || self
                .supplier_counts(SupplierQuestion::Begin, facts)
                .is_some_and(|counts| counts.shipped + counts.others == 0)
    }
}
