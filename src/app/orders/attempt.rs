//! One attempt of one activity: the known facts, and the state that follows from them. The journal records what its worker
//! did, and the server reports what it knows; if they disagree, the journal wins.

use std::time::Duration;

use crate::{
    domain::{self, FailureCause, FailureReport, ItemEnd, PendingActivity, ShipmentId, Stock, TimeoutKind, UnixMillis},
    faults::{Action, Point},
    store::CommitOutcome,
};

use super::attempt_id::AttemptId;

/// A planned fault that was injected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Strike {
    /// The time of the injection.
    pub at: UnixMillis,
    /// The point at which it was injected.
    pub point: Point,
    /// The injected action.
    pub action: Action,
}

/// The supplier's answer to the order that an attempt sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shipped {
    /// The time at which the answer was recorded.
    pub at: UnixMillis,
    /// The shipment.
    pub shipment: ShipmentId,
    /// Whether an earlier request had caused it.
    pub replayed: bool,
}

/// The effect that this attempt committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Committed {
    /// The time of the commit.
    pub at: UnixMillis,
    /// Change of the stock.
    pub delta: i64,
    /// The stock after it.
    pub stock: Stock,
    /// 1 for the first effect of its key; more must never happen. 0 if no change was needed.
    pub times: u32,
    /// Units that it ordered from the supplier instead, which the relay credits.
    pub on_order: Option<i64>,
}

/// Why an attempt failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The time of the failure.
    pub at: UnixMillis,
    /// The type of the application failure, or the server's type.
    pub code: String,
    /// The message of the failure.
    pub message: String,
    /// Whether Temporal retries it.
    pub retryable: bool,
    /// The point of the planned fault that caused it.
    pub point: Option<Point>,
    /// The causes, outermost first; empty if only the reason is known.
    pub causes: Vec<FailureCause>,
}

impl Failure {
    /// The server's type for an attempt that exceeded its timeout.
    pub const TIMEOUT: &'static str = "Timeout";

    /// The server's type for an attempt that was cancelled.
    pub const CANCELLED: &'static str = "Cancelled";

    /// The delay before the next attempt that it requests instead of the retry policy's.
    #[must_use]
    pub fn next_retry_delay(&self) -> Option<Duration> {
        domain::next_retry_delay(&self.causes)
    }

    /// The timeout that expired; `None` if it is not a timeout or the causes are not known.
    #[must_use]
    pub fn timeout(&self) -> Option<TimeoutKind> {
        domain::expired_timeout(&self.causes)
    }

    /// A failure that the server reported, at that time.
    #[must_use]
    pub fn reported(at: UnixMillis, report: &FailureReport) -> Self {
        let FailureReport { code, message, retryable, causes } = report.clone();
        Self { at, code, message, retryable, point: None, causes }
    }
}

/// How an attempt ended, by the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AttemptEnd {
    /// Its worker reported a result.
    Succeeded {
        /// The time of the report.
        at: UnixMillis,
        /// What it did to the stock.
        outcome: CommitOutcome,
    },
    /// Its worker reported a failure.
    Failed(Box<Failure>),
}

/// The server's report about an attempt.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReportedAttempt {
    /// When the attempt started.
    pub started: Option<UnixMillis>,
    /// When the attempt ended.
    pub ended: Option<UnixMillis>,
    /// Why the attempt failed.
    pub failure: Option<Failure>,
    /// The history records its success.
    pub succeeded: bool,
    /// The history records that its worker confirmed its cancellation.
    pub cancelled: bool,
    /// The identity of its worker.
    pub worker: Option<Box<str>>,
}

impl ReportedAttempt {
    fn on_worker(&mut self, worker: &str) {
        if self.worker.is_none() && !worker.is_empty() {
            self.worker = Some(worker.into());
        }
    }
}

/// The known facts of an attempt. All but `reported` are from the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptFacts {
    /// As Temporal counts: from 1 in each round.
    pub number: u32,
    /// Activity resets that came before it, plus one.
    pub round: u32,
    /// When the attempt started.
    pub started: Option<UnixMillis>,
    /// The planned faults that were injected.
    pub strikes: Vec<Strike>,
    /// The supplier's answer to the order that it sent.
    pub shipped: Option<Box<Shipped>>,
    /// The effect that it committed.
    pub committed: Option<Committed>,
    /// How and when the attempt ended.
    pub end: Option<AttemptEnd>,
    /// When the worker of this dashboard that ran the attempt died.
    pub orphaned: Option<UnixMillis>,
    /// The server's report.
    pub reported: Option<Box<ReportedAttempt>>,
}

/// The state of an attempt. The wait before the next one belongs to the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttemptState<'a> {
    /// A later attempt exists, but neither the journal nor the server reported this one.
    NotObserved,
    /// It runs.
    Running,
    /// It succeeded, because the next activity began or the run completed. Its effect is not known, because its worker
    /// writes no records.
    Done,
    /// It ended, and its result was not observed.
    Ended,
    /// A planned fault stalls it; Temporal does not know yet.
    Hanging,
    /// It stalled, and Temporal gave it up.
    TimedOut,
    /// Its worker process died.
    Crashed(Point),
    /// A later attempt began, and its own end is not known.
    NoAnswer,
    /// It failed.
    Failed(&'a Failure),
    /// It succeeded.
    Succeeded(CommitOutcome),
}

/// Faults that are kept per attempt. A plan has one rule per point, and there are two points.
const MAX_STRIKES: usize = 4;

impl AttemptFacts {
    /// An attempt without any fact.
    #[must_use]
    pub const fn new(id: AttemptId) -> Self {
        let AttemptId { round, number } = id;
        Self {
            number,
            round,
            started: None,
            strikes: Vec::new(),
            shipped: None,
            committed: None,
            end: None,
            orphaned: None,
            reported: None,
        }
    }

    /// Its id.
    #[must_use]
    pub const fn id(&self) -> AttemptId {
        AttemptId::new(self.round, self.number)
    }

    /// Whether the journal records anything about it.
    #[must_use]
    pub fn is_journaled(&self) -> bool {
        self.started.is_some() || self.committed.is_some() || self.end.is_some() || !self.strikes.is_empty()
    }

    /// The server reports that it began. `worker`: the identity of its worker; may be empty.
    pub fn on_reported_start(&mut self, at: Option<UnixMillis>, worker: &str) {
        let reported = self.reported.get_or_insert_default();
        reported.started = reported.started.or(at);
        reported.on_worker(worker);
    }

    /// The server reports that it failed; the first such report came at `seen`.
    pub fn on_reported_end(&mut self, pending: &PendingActivity, seen: UnixMillis) {
        let ended = pending.ended();
        let reported = self.reported.get_or_insert_default();
        if !pending.runs() && pending.started <= ended {
            reported.started = reported.started.or(pending.started);
            reported.on_worker(&pending.worker);
        }
        reported.ended = reported.ended.or(ended);
        if let (None, Some(failure)) = (&reported.failure, &pending.failure) {
            reported.failure = Some(Failure::reported(ended.unwrap_or(seen), failure));
        }
    }

    /// The history records why it failed, without the time. `by`: a time at which it had ended.
    pub fn on_recorded_failure(&mut self, failure: &FailureReport, by: UnixMillis) {
        let reported = self.reported.get_or_insert_default();
        if reported.failure.is_none() {
            reported.failure = Some(Failure::reported(by, failure));
        }
    }

    /// The history records the end of its activity, whose last attempt it is.
    pub fn on_recorded_end(&mut self, at: UnixMillis, end: &ItemEnd) {
        let reported = self.reported.get_or_insert_default();
        if reported.failure.is_some() {
            // The activity ended after this attempt, between two attempts.
            return;
        }
        reported.ended = Some(at);
        match end {
            ItemEnd::Completed { .. } | ItemEnd::ContinuedAsNew => reported.succeeded = true,
            ItemEnd::Failed(failure) | ItemEnd::TimedOut(failure) => {
                reported.failure = Some(Failure::reported(at, failure));
            }
            ItemEnd::Cancelled | ItemEnd::Terminated { .. } => {
                // The server records this end of an attempt that has started only when its worker reports it.
                reported.cancelled = *end == ItemEnd::Cancelled;
                let code = Failure::CANCELLED.to_owned();
                let message = String::new();
                reported.failure =
                    Some(Failure { at, code, message, retryable: false, point: None, causes: Vec::new() });
            }
        }
    }

    /// Its failure, as the server reports it.
    #[must_use]
    pub fn reported_failure(&self) -> Option<&Failure> {
        self.reported.as_ref()?.failure.as_ref()
    }

    /// Whether the history records that its worker confirmed its cancellation.
    #[must_use]
    pub fn has_confirmed_cancellation(&self) -> bool {
        self.reported.as_ref().is_some_and(|reported| reported.cancelled)
    }

    /// Whether Temporal accepted its success. A success after Temporal gave the attempt up changes nothing.
    #[must_use]
    pub fn is_acknowledged(&self) -> bool {
        matches!(self.end, Some(AttemptEnd::Succeeded { .. })) && self.reported_failure().is_none() && !self.overslept()
    }

    /// Adds a planned fault.
    pub fn strike(&mut self, strike: Strike) {
        if self.strikes.len() < MAX_STRIKES {
            self.strikes.push(strike);
        }
    }

    /// The state. `superseded`: something later has begun, so an attempt without an end is lost.
    #[must_use]
    pub fn state(&self, superseded: bool) -> AttemptState<'_> {
        let struck = |action| self.strikes.iter().find(|strike| strike.action == action);
        match &self.end {
            // What it did after it woke up came after Temporal had given it up.
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
            (None, None, _) if self.reported.as_ref().is_some_and(|reported| reported.succeeded) => AttemptState::Done,
            (None, None, Some(_)) if is_over => AttemptState::TimedOut,
            (None, None, Some(_)) => AttemptState::Hanging,
            (None, None, None) if is_over => AttemptState::NoAnswer,
            (None, None, None) => AttemptState::Running,
        }
    }

    /// A planned hang stalls an attempt past its timeout, so everything it reports afterwards comes too late.
    fn overslept(&self) -> bool {
        self.strikes.iter().any(|strike| strike.action == Action::Hang)
    }

    /// The last point that it passed. The journal records every commit.
    const fn reached(&self) -> Point {
        match (&self.committed, &self.shipped) {
            (Some(_), _) => Point::AfterCommit,
            (None, Some(_)) => Point::AfterSend,
            (None, None) => Point::BeforeCommit,
        }
    }

    /// Its start: from the journal, else from the server.
    #[must_use]
    pub fn begun(&self) -> Option<UnixMillis> {
        self.started.or_else(|| self.reported.as_ref()?.started)
    }

    /// Its end if it is known: from the journal, else from the server.
    #[must_use]
    pub fn ended(&self) -> Option<UnixMillis> {
        match &self.end {
            Some(AttemptEnd::Succeeded { at, .. }) => Some(*at),
            Some(AttemptEnd::Failed(failure)) => Some(failure.at),
            None => self.reported.as_ref()?.ended,
        }
    }

    /// Time from start to end, if both are known.
    #[must_use]
    pub fn duration(&self) -> Option<Duration> {
        Some(self.ended()?.since(self.begun()?))
    }

    /// How often the effect of its key was in the stock after this attempt applied it again; `None` if this was the first.
    #[must_use]
    pub fn repeated(&self) -> Option<u32> {
        self.committed.map(|committed| committed.times).filter(|times| *times > 1)
    }

    /// The shipment for which a supplier was asked and whose credit this attempt did not commit.
    #[must_use]
    pub fn unrecorded_shipment(&self) -> Option<&ShipmentId> {
        let shipped = self.shipped.as_ref().filter(|_| self.committed.is_none() && !self.effect_unreported())?;
        (!matches!(self.end, Some(AttemptEnd::Succeeded { .. }))).then_some(&shipped.shipment)
    }

    /// Whether the effect is in the stock although the attempt did not report so to Temporal.
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
    fn a_result_after_the_timeout_is_late() {
        let mut facts = AttemptFacts::new(AttemptId::new(1, 1));
        facts.started = Some(UnixMillis(5));
        facts.committed = Some(Committed { at: UnixMillis(6), delta: -1, stock: 9, times: 1, on_order: None });
        facts.strike(Strike { at: UnixMillis(6), point: Point::AfterCommit, action: Action::Hang });
        facts.end = Some(AttemptEnd::Succeeded { at: UnixMillis(9), outcome: CommitOutcome::Applied });
        assert_eq!(facts.state(true), AttemptState::TimedOut);
        assert_eq!(
            (facts.duration(), facts.effect_unreported(), facts.is_acknowledged()),
            (Some(Duration::from_millis(4)), true, false)
        );
    }

    #[test]
    fn the_server_completes_the_journal_and_never_overrides_it() {
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
            (Some(UnixMillis(1_500)), Some(failure.at), Some(Duration::from_millis(200)))
        );
        assert!(!facts.is_journaled());
        facts.started = Some(UnixMillis(1_501));
        facts.end = Some(AttemptEnd::Succeeded { at: UnixMillis(1_800), outcome: CommitOutcome::Applied });
        assert_eq!(facts.state(false), AttemptState::Succeeded(CommitOutcome::Applied));
        assert_eq!((facts.begun(), facts.ended()), (Some(UnixMillis(1_501)), Some(UnixMillis(1_800))));
        assert!(!facts.is_acknowledged());
    }

    #[test]
    fn a_timeout_that_the_server_reports_ends_a_hanging_attempt() {
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
