//! One attempt of one activity: the facts that are known of it, and the state that they add up to.

use crate::{
    domain::{Stock, UnixMillis},
    faults::{Action, Point},
    store::Outcome,
};

/// A planned fault that struck.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Strike {
    pub at: UnixMillis,
    pub point: Point,
    pub action: Action,
}

/// The effect that this very attempt committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Committed {
    pub at: UnixMillis,
    pub delta: i64,
    pub stock: Stock,
    /// 1 for the first effect of its key; more is what must never happen. 0 where no change was needed.
    pub times: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub at: UnixMillis,
    pub code: String,
    pub message: String,
    pub retryable: bool,
    pub point: Option<Point>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    Succeeded { at: UnixMillis, outcome: Outcome },
    Failed(Box<Failure>),
}

/// What the journal says of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptFacts {
    pub number: u32,
    pub started: Option<UnixMillis>,
    /// When it began, as the server says.
    pub told: Option<UnixMillis>,
    pub strikes: Vec<Strike>,
    pub committed: Option<Committed>,
    pub ending: Option<Ending>,
}

/// Where an attempt stands. The wait before the next one belongs to the order, not to an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttemptState<'a> {
    /// A later attempt exists, but no line of this one was ever seen.
    NotObserved,
    Running,
    /// A planned fault made it stall; Temporal does not know yet.
    Hanging,
    /// It stalled, and Temporal gave it up.
    TimedOut,
    /// A planned fault aborted the worker process in it.
    Crashed(Point),
    /// A later attempt began, and nothing tells how this one ended.
    NoAnswer,
    Failed(&'a Failure),
    Succeeded(Outcome),
}

/// Most strikes that are kept of one attempt; a plan has one rule per point, and two points.
const MOST_STRIKES: usize = 4;

impl AttemptFacts {
    #[must_use]
    pub const fn new(number: u32) -> Self {
        Self { number, started: None, told: None, strikes: Vec::new(), committed: None, ending: None }
    }

    pub fn strike(&mut self, strike: Strike) {
        if self.strikes.len() < MOST_STRIKES {
            self.strikes.push(strike);
        }
    }

    /// `superseded`: something later is known to have begun, so an attempt without an end is lost.
    #[must_use]
    pub fn state(&self, superseded: bool) -> AttemptState<'_> {
        match &self.ending {
            Some(Ending::Succeeded { outcome, .. }) => return AttemptState::Succeeded(*outcome),
            Some(Ending::Failed(failure)) => return AttemptState::Failed(failure),
            None => {}
        }
        let struck = |action| self.strikes.iter().find(|strike| strike.action == action);
        match (struck(Action::Crash), struck(Action::Hang), superseded) {
            (Some(strike), _, _) => AttemptState::Crashed(strike.point),
            (None, Some(_), true) => AttemptState::TimedOut,
            (None, Some(_), false) => AttemptState::Hanging,
            (None, None, true) => AttemptState::NoAnswer,
            (None, None, false) => AttemptState::Running,
        }
    }

    /// Whether a line of the journal tells of it.
    #[must_use]
    pub fn is_journaled(&self) -> bool {
        self.started.is_some() || self.committed.is_some() || self.ending.is_some() || !self.strikes.is_empty()
    }

    /// When it began, where that is known.
    #[must_use]
    pub fn begun(&self) -> Option<UnixMillis> {
        self.started.or(self.told)
    }

    /// When it ended, where that is known.
    #[must_use]
    pub fn ended(&self) -> Option<UnixMillis> {
        match &self.ending {
            Some(Ending::Succeeded { at, .. }) => Some(*at),
            Some(Ending::Failed(failure)) => Some(failure.at),
            None => None,
        }
    }

    /// From start to end in milliseconds, where both are known.
    #[must_use]
    pub fn duration(&self) -> Option<u64> {
        Some(self.ended()?.0.saturating_sub(self.started?.0))
    }

    /// Which application of its key's effect this attempt made, where it was not the first.
    #[must_use]
    pub fn repeated(&self) -> Option<u32> {
        self.committed.map(|committed| committed.times).filter(|times| *times > 1)
    }

    /// Whether the effect is in the stock although the attempt did not say so to Temporal.
    #[must_use]
    pub fn effect_unreported(&self) -> bool {
        match &self.ending {
            Some(Ending::Succeeded { .. }) => false,
            Some(Ending::Failed(failure)) => self.committed.is_some() || failure.point == Some(Point::AfterCommit),
            None => self.committed.is_some() || self.strikes.iter().any(|strike| strike.point == Point::AfterCommit),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempt_without_an_end_is_lost_once_something_later_began() {
        let mut facts = AttemptFacts::new(1);
        assert_eq!(facts.state(false), AttemptState::Running);
        assert_eq!(facts.state(true), AttemptState::NoAnswer);
        facts.strike(Strike { at: UnixMillis(1), point: Point::BeforeCommit, action: Action::Hang });
        assert_eq!(facts.state(false), AttemptState::Hanging);
        assert_eq!(facts.state(true), AttemptState::TimedOut);
        facts.strike(Strike { at: UnixMillis(2), point: Point::AfterCommit, action: Action::Crash });
        assert_eq!(facts.state(false), AttemptState::Crashed(Point::AfterCommit));
        assert!(facts.effect_unreported());
    }

    #[test]
    fn an_end_that_came_late_still_counts() {
        let mut facts = AttemptFacts::new(1);
        facts.started = Some(UnixMillis(5));
        facts.strike(Strike { at: UnixMillis(6), point: Point::AfterCommit, action: Action::Hang });
        facts.ending = Some(Ending::Succeeded { at: UnixMillis(9), outcome: Outcome::Applied });
        assert_eq!(facts.state(true), AttemptState::Succeeded(Outcome::Applied));
        assert_eq!((facts.duration(), facts.effect_unreported()), (Some(4), false));
    }
}
