//! State of a journal that replaces another one.

use std::collections::HashMap;

/// Workflow id and run id, sanitized.
pub type RunKey = (String, String);

/// Orders that left the table with the journal that recorded them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Left {
    /// Number of the orders.
    pub orders: u64,
    /// Number of those whose effect was in the stock more than once.
    pub repeated: u64,
}

impl Left {
    pub(super) fn add(&mut self, repeated: bool) {
        self.orders += 1;
        self.repeated += u64::from(repeated);
    }
}

/// State of a journal that replaces another one and is not read to its end.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Replacement {
    /// Ended orders that the new journal has not mentioned yet, and whether their effect was repeated. Orders that newer
    /// ones have pushed out of the table are among them.
    pub(super) candidates: HashMap<RunKey, bool>,
    pub(super) left: Left,
}
