//! The counts of one execution.

use crate::domain::Activity;

use super::{activity_attempts::ActivityAttempts, execution::Execution};

/// What one execution adds to the counts.
#[derive(Debug, Default)]
pub struct Tally {
    /// It has not ended.
    pub open: bool,
    /// It has not ended, and its effect is in the stock.
    pub unsettled: bool,
    /// It has not ended, and its workflow task fails.
    pub failing: bool,
    /// Attempts of the Inventory Workflow, by their numbers.
    pub attempts: u64,
    /// Attempts by the numbers in the journal, per activity, as the document counts them.
    pub journaled: [u64; Activity::ALL.len()],
}

impl Tally {
    /// The counts of one execution.
    pub fn of(execution: &Execution) -> Self {
        let attempts = execution.order_activities().iter().map(|activity| activity.total()).sum();
        let journaled = execution.order_activities().map(ActivityAttempts::total_journaled);
        let open = !execution.is_over();
        let unsettled = open && execution.activities().any(|attempts| attempts.times() > 0);
        Self { open, unsettled, failing: open && execution.failing.is_some(), attempts, journaled }
    }
}
