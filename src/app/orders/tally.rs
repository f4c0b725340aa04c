//! The counts of one execution.

use crate::domain::Activity;

use super::execution::Execution;

/// What one execution adds to the counts.
#[derive(Debug, Default)]
pub struct Tally {
    /// It has not ended.
    pub open: bool,
    /// It has not ended, and its effect is in the stock.
    pub unsettled: bool,
    /// It has not ended, and its workflow task fails.
    pub failing: bool,
    /// Attempts by their numbers.
    pub attempts: u64,
    /// Attempts by the numbers in the journal, per activity.
    pub journaled: [u64; Activity::ALL.len()],
}

impl Tally {
    /// The counts of one execution.
    pub fn of(execution: &Execution) -> Self {
        let attempts = Activity::ALL.iter().map(|activity| execution.activity(*activity).total()).sum();
        let journaled = Activity::ALL.map(|activity| execution.activity(activity).total_journaled());
        let open = !execution.is_over();
        let unsettled = open && execution.activities.iter().any(|attempts| attempts.times() > 0);
        Self { open, unsettled, failing: open && execution.failing.is_some(), attempts, journaled }
    }
}
