//! Comparisons: the same order under the same faults, with three guards or three supplier policies at once. Each side has
//! a journal of its own, and its verdict follows from that and from its supplier's counters.
//!
//! The final stocks if the first attempt commits and then fails:
//!
//! | | `ledger` | `last-order` | `off` | why |
//! | --- | --- | --- | --- | --- |
//! | A12 takes 999 | 1001 | 1001, by luck | 2 | no other order came between, so A12 is still the last order |
//! | A12 takes 998, B7 takes 1 before the retry | 1001 | 3 | 3 | the last order is B7, and A12 is taken again |
//!
//! In the second row, A12 takes 998, so that B7 leaves 1 unit and one supplier order delivers 1000. The right stock is then
//! 1001 in both rows, whichever order triggers the supplier.
//!
//! The shipments if the first attempt does not credit its shipment; there is one credit each time:
//!
//! | | `header` | `lookup` | `none` | why |
//! | --- | --- | --- | --- | --- |
//! | the supplier's answer is lost | 1 | 1 | 2 | without a key, a retry is a new order |
//! | two attempts overlap | 1 | 2 | 2 | both asked before either of them sent |

#[cfg(test)]
pub(crate) mod fixture;
mod line_up;
mod side;
mod terms;

use crate::{
    domain::UnixMillis,
    faults::{FaultPlan, Preset, Seed},
};

use super::{
    command::Comparison,
    message::ComparisonNews,
    subject::{Candidate, SIDES, Subject},
};

pub use line_up::{LineUpCell, LineUpRow};
pub use side::{Side, SideStage};

/// A comparison, running or ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComparisonState {
    terms: Comparison,
    /// The name of the plan that was set, if another one was taken.
    instead_of: Option<String>,
    sides: [Side; SIDES],
}

impl ComparisonState {
    fn new(terms: Comparison, instead_of: Option<String>) -> Self {
        let sides = terms.subject.candidates().map(|candidate| Side::new(candidate, terms.orders()));
        Self { terms, instead_of, sides }
    }

    /// The order, plan and seed.
    #[must_use]
    pub const fn terms(&self) -> &Comparison {
        &self.terms
    }

    /// The plan that was set, if it leaves to chance what a comparison must show and another one was taken.
    #[must_use]
    pub fn instead_of(&self) -> Option<&str> {
        self.instead_of.as_deref()
    }

    /// The sides, in the order of [`Subject::candidates`].
    #[must_use]
    pub const fn sides(&self) -> &[Side; SIDES] {
        &self.sides
    }

    /// The side that tries this; `None` if no side does.
    #[must_use]
    pub fn side(&self, candidate: impl Into<Candidate>) -> Option<&Side> {
        let candidate = candidate.into();
        self.sides.iter().find(|side| side.candidate() == candidate)
    }

    /// Whether all three sides have completed.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.sides.iter().all(|side| side.stage() == SideStage::Done)
    }

    /// Whether all three sides have completed or failed.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.sides.iter().all(|side| matches!(side.stage(), SideStage::Done | SideStage::Failed(_)))
    }
}

/// The comparison on the screen, and the number of comparisons: news of an earlier one is ignored.
#[derive(Debug, Clone, Default)]
pub struct Comparisons {
    begun: u64,
    /// Boxed, because it is large and most programs have none.
    current: Option<Box<ComparisonState>>,
}

impl Comparisons {
    /// The comparison that runs, or has ended and is still on the screen.
    #[must_use]
    pub fn current(&self) -> Option<&ComparisonState> {
        self.current.as_deref()
    }

    /// Begins a comparison in place of the one before. Takes another plan if `plan` leaves to chance what a comparison must
    /// show.
    pub fn begin(&mut self, subject: Subject, interleaved: bool, plan: &FaultPlan, seed: Seed) -> Comparison {
        let (faults, instead_of) = if terms::shows_the_difference(subject, interleaved, plan, seed) {
            (plan.clone(), None)
        } else {
            let set = Preset::of(plan).map_or("yours", Preset::label);
            (terms::usual_plan(subject, interleaved), Some(set.to_owned()))
        };
        self.begun = self.begun.saturating_add(1);
        let terms = Comparison { number: self.begun, subject, faults, seed, interleaved };
        self.current = Some(Box::new(ComparisonState::new(terms.clone(), instead_of)));
        terms
    }

    /// Forgets the comparison. Returns whether there was one.
    pub fn end(&mut self) -> bool {
        self.current.take().is_some()
    }

    /// Applies news of the current comparison.
    pub fn apply(&mut self, news: ComparisonNews, now: UnixMillis) {
        let current = self.current.as_mut().filter(|current| current.terms.number == news.number);
        let side = current.and_then(|current| current.sides.iter_mut().find(|side| side.candidate() == news.candidate));
        if let Some(side) = side {
            side.apply(news.event, now);
        }
    }
}

#[cfg(test)]
mod tests;
