//! Journals that were replaced in this session, as by a reset.

use crate::{app::orders::Left, store::Verdict};

/// Journals that were replaced, and a requested reset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Earlier {
    /// A reset was requested, and the journal that it creates has not come yet.
    pub resets: bool,
    journals: u64,
    /// Number of journals whose stock was wrong.
    wrong: u64,
    left: Left,
}

impl Earlier {
    /// Adds a journal: the orders that left with it, and the verdict on its stock.
    pub fn add(&mut self, left: &Left, verdict: Option<Verdict>) {
        self.journals += 1;
        self.wrong += u64::from(verdict == Some(Verdict::Wrong));
        self.left.orders += left.orders;
        self.left.repeated += left.repeated;
    }

    /// A line for the summary; `None` if no journal was replaced.
    #[must_use]
    pub fn sentence(&self) -> Option<String> {
        let Left { orders, repeated } = self.left;
        let verdict = if self.wrong == 0 { "RIGHT" } else { "WRONG" };
        (self.journals > 0).then(|| {
            format!("before the last reset: {orders} orders, {repeated} applied more than once, verdict {verdict}")
        })
    }
}
