//! The supplier, as the runtime reports it.

use std::{cmp::Ordering, time::Duration};

use serde::{Deserialize, Serialize};

use crate::store::Audit;

use super::{App, Tone, sanitized};

/// A report about the supplier.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SupplierReport {
    /// The newest request for a report that this one answers: the supplier was asked after that.
    pub answers: u64,
    /// Its state.
    pub state: SupplierState,
    /// Whether this program did not start it. A reset of the stock then does not remove its shipments.
    // Older recordings have no such field.
    #[serde(default, skip_serializing_if = "is_false")]
    pub foreign: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_false(truth: &bool) -> bool {
    !*truth
}

/// The state of the supplier.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SupplierState {
    /// It answers.
    Up(SupplierCounts),
    /// It does not answer.
    Down {
        /// The reason.
        cause: String,
    },
}

/// The counters of the supplier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SupplierCounts {
    /// Orders that it has received since it was started.
    pub requests: u64,
    /// Shipments of all time for our orders.
    pub shipped: u64,
    /// Orders since its start that got a recorded answer.
    pub replayed: u64,
    /// Units in these shipments.
    pub units: u64,
    /// Shipments of all time for orders of other clients.
    // Older recordings have no such field.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub others: u64,
    /// Number of further orders that an outage refuses.
    // Older recordings have no such field.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub outage: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// Whether as many shipments were credited as the supplier has made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PairVerdict {
    /// Each shipment is credited.
    Right,
    /// A supplier order is in the outbox, or they differ and an order is open or the report is older than the journal.
    Pending,
    /// They differ, and no order is open.
    Wrong,
}

/// Time after the latest record by which a report shows the shipments that the journal credits: the interval of the reports,
/// and the time that an answer may take.
const REPORT_DELAY: Duration = Duration::from_secs(3);

impl App {
    /// The verdict on shipments and credits; `None` if the supplier does not answer.
    #[must_use]
    pub fn pair_verdict(&self) -> Option<PairVerdict> {
        let shipped = self.supplier()?.counts()?.shipped;
        let Audit { credited, outbox, .. } = &self.journal().audit;
        if !outbox.is_empty() {
            return Some(PairVerdict::Pending);
        }
        Some(match shipped.cmp(&credited.count) {
            Ordering::Equal => PairVerdict::Right,
            Ordering::Greater if self.orders().open() == 0 => PairVerdict::Wrong,
            Ordering::Less if self.orders().open() == 0 && self.is_report_current() => PairVerdict::Wrong,
            Ordering::Less | Ordering::Greater => PairVerdict::Pending,
        })
    }

    /// Whether the report about the supplier is newer than the journal's latest record. It is sent only if it changes.
    fn is_report_current(&self) -> bool {
        let latest = self.journal().journal_source.last_read.unwrap_or_default();
        self.now.since(latest) >= REPORT_DELAY
    }

    /// Shipments without a credit from before a reset of our stock alone.
    #[must_use]
    pub fn shipments_before_reset(&self) -> u64 {
        let shipped = self.supplier().and_then(SupplierReport::counts).map_or(0, |counts| counts.shipped);
        self.shipments_kept.min(shipped.saturating_sub(self.journal().audit.credited.count))
    }

    /// Applies a report about the supplier.
    pub(super) fn on_supplier(&mut self, report: SupplierReport) {
        if report.counts().is_some_and(|counts| counts.shipped < self.shipments_kept) {
            // It was reset too, later.
            self.shipments_kept = 0;
        }
        self.supplier = Some(report.sanitized());
    }

    /// Explains that the supplier keeps its shipments although the stock was reset, if it has some.
    pub(super) fn on_reset_without_supplier(&mut self) {
        self.shipments_kept = self.supplier().and_then(SupplierReport::counts).map_or(0, |counts| counts.shipped);
        let kept = match self.shipments_kept {
            0 => return,
            1 => "its shipment".to_owned(),
            more => format!("its {more} shipments"),
        };
        let text = format!("stock reset, but the supplier keeps {kept}: reset both or neither");
        self.log.notify(&text, Tone::Bad, self.now);
    }
}

impl SupplierReport {
    /// The counters, if it is up.
    #[must_use]
    pub const fn counts(&self) -> Option<&SupplierCounts> {
        match &self.state {
            SupplierState::Up(counts) => Some(counts),
            SupplierState::Down { .. } => None,
        }
    }

    /// The same, with a text that is harmless to show.
    #[must_use]
    pub fn sanitized(self) -> Self {
        let state = match self.state {
            SupplierState::Down { cause } => SupplierState::Down { cause: sanitized::text(&cause) },
            up @ SupplierState::Up(_) => up,
        };
        Self { state, ..self }
    }
}
