//! One attempt of one activity: the facts that are known of it, and the state that they add up to. The journal tells
//! what its worker did; the server tells what it was told. Where both speak, the journal counts.

use crate::{
    domain::{PendingActivity, Stock, UnixMillis},
    faults::{Action, Point},
    store::Outcome,
};

use super::attempt_id::AttemptId;

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

impl Failure {
    /// What the server calls an attempt that it gave up waiting for.
    pub const TIMEOUT: &'static str = "Timeout";
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AttemptEnd {
    Succeeded { at: UnixMillis, outcome: Outcome },
    Failed(Box<Failure>),
}

/// What the server says of an attempt.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReportedAttempt {
    pub started: Option<UnixMillis>,
    pub ended: Option<UnixMillis>,
    pub failure: Option<Failure>,
}

/// What is known of an attempt: from the journal, but for `told`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptFacts {
    pub number: u32,
    /// Activity resets that came before it, plus one.
    pub round: u32,
    pub started: Option<UnixMillis>,
    pub strikes: Vec<Strike>,
    pub committed: Option<Committed>,
    pub end: Option<AttemptEnd>,
    /// The worker process of this dashboard died while it ran.
    pub orphaned: Option<UnixMillis>,
    /// What the server says.
    pub reported: Option<Box<ReportedAttempt>>,
}

/// Where an attempt stands. The wait before the next one belongs to the order, not to an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttemptState<'a> {
    /// A later attempt exists, but neither a line of this one was ever seen nor a word of the server.
    NotObserved,
    Running,
    /// It succeeded, which shows in what came after; what it did is not known, because its worker leaves no lines.
    Done,
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
const MAX_STRIKES: usize = 4;

impl AttemptFacts {
    #[must_use]
    pub const fn new(place: AttemptId) -> Self {
        let AttemptId { round, number } = place;
        Self {
            number,
            round,
            started: None,
            strikes: Vec::new(),
            committed: None,
            end: None,
            orphaned: None,
            reported: None,
        }
    }

    #[must_use]
    pub const fn id(&self) -> AttemptId {
        AttemptId::new(self.round, self.number)
    }

    /// Whether a line of the journal tells of it.
    #[must_use]
    pub fn is_journaled(&self) -> bool {
        self.started.is_some() || self.committed.is_some() || self.end.is_some() || !self.strikes.is_empty()
    }

    /// The server says that it began.
    pub fn on_reported_start(&mut self, at: Option<UnixMillis>) {
        let reported = self.reported.get_or_insert_default();
        reported.started = reported.started.or(at);
    }

    /// The server says that it failed, which it said at `seen`.
    pub fn on_reported_end(&mut self, pending: &PendingActivity, seen: UnixMillis) {
        let ended = pending.ended();
        let reported = self.reported.get_or_insert_default();
        if !pending.runs() && pending.started <= ended {
            reported.started = reported.started.or(pending.started);
        }
        reported.ended = reported.ended.or(ended);
        if let (None, Some(failure)) = (&reported.failure, &pending.failure) {
            let (code, message) = (failure.code.clone(), failure.message.clone());
            let at = ended.unwrap_or(seen);
            reported.failure = Some(Failure { at, code, message, retryable: failure.retryable, point: None });
        }
    }

    /// How it failed, as the server says.
    #[must_use]
    pub fn reported_failure(&self) -> Option<&Failure> {
        self.reported.as_ref()?.failure.as_ref()
    }

    /// Whether Temporal took its success. A success that comes after Temporal gave the attempt up changes nothing.
    #[must_use]
    pub fn is_acknowledged(&self) -> bool {
        matches!(self.end, Some(AttemptEnd::Succeeded { .. })) && self.reported_failure().is_none() && !self.overslept()
    }

    pub fn strike(&mut self, strike: Strike) {
        if self.strikes.len() < MAX_STRIKES {
            self.strikes.push(strike);
        }
    }

    /// `superseded`: something later is known to have begun, so an attempt without an end is lost.
    #[must_use]
    pub fn state(&self, superseded: bool) -> AttemptState<'_> {
        let struck = |action| self.strikes.iter().find(|strike| strike.action == action);
        match &self.end {
            // What it did when it woke up, it did behind Temporal's back.
            Some(_) if superseded && self.overslept() => return AttemptState::TimedOut,
            Some(AttemptEnd::Succeeded { outcome, .. }) => return AttemptState::Succeeded(*outcome),
            Some(AttemptEnd::Failed(failure)) => return AttemptState::Failed(failure),
            None => {}
        }
        let is_over = superseded || self.reported.as_ref().is_some_and(|reported| reported.ended.is_some());
        match (struck(Action::Crash), self.reported_failure(), struck(Action::Hang)) {
            (Some(strike), _, _) => AttemptState::Crashed(strike.point),
            (None, _, _) if self.orphaned.is_some() => AttemptState::Crashed(self.reached()),
            (None, Some(failure), _) if failure.code == Failure::TIMEOUT => AttemptState::TimedOut,
            (None, Some(failure), _) => AttemptState::Failed(failure),
            (None, None, Some(_)) if is_over => AttemptState::TimedOut,
            (None, None, Some(_)) => AttemptState::Hanging,
            (None, None, None) if is_over => AttemptState::NoAnswer,
            (None, None, None) => AttemptState::Running,
        }
    }

    /// A planned hang stalls an attempt past its timeout, so that whatever it says afterwards comes too late.
    fn overslept(&self) -> bool {
        self.strikes.iter().any(|strike| strike.action == Action::Hang)
    }

    /// How far it came, by the journal, which tells of every commit.
    const fn reached(&self) -> Point {
        if self.committed.is_some() { Point::AfterCommit } else { Point::BeforeCommit }
    }

    /// When it began: as the journal says, else as the server says.
    #[must_use]
    pub fn begun(&self) -> Option<UnixMillis> {
        self.started.or_else(|| self.reported.as_ref()?.started)
    }

    /// When it ended, where that is known: as the journal says, else as the server says.
    #[must_use]
    pub fn ended(&self) -> Option<UnixMillis> {
        match &self.end {
            Some(AttemptEnd::Succeeded { at, .. }) => Some(*at),
            Some(AttemptEnd::Failed(failure)) => Some(failure.at),
            None => self.reported.as_ref()?.ended,
        }
    }

    /// From start to end in milliseconds, where both are known.
    #[must_use]
    pub fn duration(&self) -> Option<u64> {
        Some(self.ended()?.0.saturating_sub(self.begun()?.0))
    }

    /// Which application of its key's effect this attempt made, where it was not the first.
    #[must_use]
    pub fn repeated(&self) -> Option<u32> {
        self.committed.map(|committed| committed.times).filter(|times| *times > 1)
    }

    /// Whether the effect is in the stock although the attempt did not say so to Temporal.
    #[must_use]
    pub fn effect_unreported(&self) -> bool {
        match &self.end {
            Some(AttemptEnd::Succeeded { .. }) => self.overslept() && self.committed.is_some(),
            Some(AttemptEnd::Failed(failure)) => self.committed.is_some() || failure.point == Some(Point::AfterCommit),
            None => self.committed.is_some() || self.strikes.iter().any(|strike| strike.point == Point::AfterCommit),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::app::testing::fixture::waiting;

    #[test]
    fn an_attempt_without_an_end_is_lost_once_something_later_began() {
        let mut facts = AttemptFacts::new(AttemptId::new(1, 1));
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
    fn what_a_hang_says_after_its_timeout_comes_too_late() {
        let mut facts = AttemptFacts::new(AttemptId::new(1, 1));
        facts.started = Some(UnixMillis(5));
        facts.committed = Some(Committed { at: UnixMillis(6), delta: -1, stock: 9, times: 1 });
        facts.strike(Strike { at: UnixMillis(6), point: Point::AfterCommit, action: Action::Hang });
        facts.end = Some(AttemptEnd::Succeeded { at: UnixMillis(9), outcome: Outcome::Applied });
        assert_eq!(facts.state(true), AttemptState::TimedOut);
        assert_eq!((facts.duration(), facts.effect_unreported(), facts.is_acknowledged()), (Some(4), true, false));
    }

    #[test]
    fn what_the_server_says_fills_in_and_the_journal_counts() {
        let pending = waiting(2, 1_700, 2_700);
        let mut facts = AttemptFacts::new(AttemptId::new(1, 1));
        facts.on_reported_end(
            &PendingActivity { started: Some(UnixMillis(1_500)), ..pending.clone() },
            UnixMillis(1_900),
        );
        let AttemptState::Failed(failure) = facts.state(false) else { panic!() };
        assert_eq!((failure.message.as_str(), failure.at), ("RANDOM ERROR", UnixMillis(1_700)));
        assert_eq!(
            (facts.begun(), facts.ended(), facts.duration()),
            (Some(UnixMillis(1_500)), Some(failure.at), Some(200))
        );
        assert!(!facts.is_journaled());
        facts.started = Some(UnixMillis(1_501));
        facts.end = Some(AttemptEnd::Succeeded { at: UnixMillis(1_800), outcome: Outcome::Applied });
        assert_eq!(facts.state(false), AttemptState::Succeeded(Outcome::Applied));
        assert_eq!((facts.begun(), facts.ended()), (Some(UnixMillis(1_501)), Some(UnixMillis(1_800))));
        assert!(!facts.is_acknowledged());
    }

    #[test]
    fn a_timeout_that_the_server_tells_ends_a_hanging_attempt() {
        let mut facts = AttemptFacts::new(AttemptId::new(1, 1));
        facts.strike(Strike { at: UnixMillis(1), point: Point::AfterCommit, action: Action::Hang });
        let mut pending = waiting(2, 10_000, 11_000);
        if let Some(failure) = &mut pending.failure {
            failure.code = Failure::TIMEOUT.into();
        }
        facts.on_reported_end(&pending, UnixMillis(10_100));
        assert_eq!((facts.state(false), facts.effect_unreported()), (AttemptState::TimedOut, true));
    }
}
