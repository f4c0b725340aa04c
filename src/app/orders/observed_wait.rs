//! The wait between two attempts, as far as it was observed.

use std::time::Duration;

use serde::Serialize;

use crate::domain::{ActivityOptions, FailureKind, TimeoutKind, UnixMillis, millis};

use super::{
    activity_attempts::AttemptView,
    attempt::{AttemptFacts, Failure},
};

/// The wait between two attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum ObservedWait {
    /// Its beginning and its end are known.
    #[serde(rename = "waited_ms", with = "millis")]
    Exact(Duration),
    /// Its beginning or its end is not known. It was not longer than this.
    #[serde(rename = "waited_at_most_ms", with = "millis")]
    AtMost(Duration),
}

impl ObservedWait {
    /// The wait between two attempts; `None` if they do not follow each other, or if there is no upper bound. `options`: those
    /// of their activity.
    #[must_use]
    pub fn between(
        before: &AttemptView<'_>,
        next: &AttemptView<'_>,
        options: Option<&ActivityOptions>,
    ) -> Option<Self> {
        let is_same_round = next.round == before.round && next.number == before.number.saturating_add(1);
        let is_next_round = next.round == before.round.saturating_add(1) && next.number == 1;
        let (ended, begun) = (before.facts?.ended(), next.facts?.begun());
        let exact = ended.is_some() && begun.is_some();
        let from = ended.or_else(|| earliest_timeout(before.facts?, options?))?;
        // It began before it ended.
        let to = begun.or_else(|| next.facts?.ended())?;
        let wait = to.since(from);
        let follows = is_same_round || is_next_round;
        (follows && to >= from).then_some(if exact { Self::Exact(wait) } else { Self::AtMost(wait) })
    }
}

/// The earliest time at which the server can have timed an attempt out; it does not report the time itself. Each heartbeat
/// postpones it.
fn earliest_timeout(facts: &AttemptFacts, options: &ActivityOptions) -> Option<UnixMillis> {
    let failure = facts.reported_failure().filter(|failure| failure.code == Failure::TIMEOUT)?;
    let FailureKind::Timeout(timeout @ (TimeoutKind::StartToClose | TimeoutKind::Heartbeat)) =
        failure.causes.first()?.kind
    else {
        return None;
    };
    Some(facts.begun()?.saturating_add(options.limit(timeout)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::{
        app::orders::{attempt::AttemptState, attempt_id::AttemptId},
        domain::{FailureCause, FailureReport},
    };

    /// An attempt as the server reports it.
    fn attempt(round: u32, number: u32, begun: Option<u64>, ended: Option<u64>) -> AttemptFacts {
        let mut facts = AttemptFacts::new(AttemptId::new(round, number));
        let reported = facts.reported.get_or_insert_default();
        (reported.started, reported.ended) = (begun.map(UnixMillis), ended.map(UnixMillis));
        facts
    }

    /// The first attempt, which the server has timed out.
    fn timed_out(begun: Option<u64>, timeout: TimeoutKind) -> AttemptFacts {
        let cause = FailureCause {
            kind: FailureKind::Timeout(timeout),
            message: String::new(),
            stack_trace: Vec::new(),
            details: Vec::new(),
        };
        let report = FailureReport {
            code: Failure::TIMEOUT.into(),
            message: String::new(),
            retryable: true,
            causes: vec![cause],
        };
        let mut facts = attempt(1, 1, begun, None);
        facts.on_recorded_failure(&report, UnixMillis(9_999));
        facts
    }

    fn view(facts: &AttemptFacts) -> AttemptView<'_> {
        AttemptView { number: facts.number, round: facts.round, state: facts.state(true), facts: Some(facts) }
    }

    fn wait(before: &AttemptFacts, next: &AttemptFacts) -> Option<ObservedWait> {
        let options = ActivityOptions {
            start_to_close: Some(Duration::from_secs(5)),
            heartbeat: Some(Duration::from_secs(2)),
            ..ActivityOptions::default()
        };
        ObservedWait::between(&view(before), &view(next), Some(&options))
    }

    fn exact(millis: u64) -> ObservedWait {
        ObservedWait::Exact(Duration::from_millis(millis))
    }

    fn at_most(millis: u64) -> ObservedWait {
        ObservedWait::AtMost(Duration::from_millis(millis))
    }

    #[test]
    fn a_wait_is_exact_if_the_end_before_it_and_the_start_after_it_are_known() {
        let next = attempt(1, 2, Some(2_000), Some(2_010));
        assert_eq!(wait(&attempt(1, 1, Some(900), Some(1_000)), &next), Some(exact(1_000)));
        assert_eq!(wait(&attempt(1, 1, None, Some(1_000)), &next), Some(exact(1_000)));
    }

    #[test]
    fn the_end_of_an_attempt_whose_start_was_not_observed_bounds_the_wait_before_it() {
        let before = attempt(1, 1, Some(900), Some(1_000));
        assert_eq!(wait(&before, &attempt(1, 2, None, Some(2_010))), Some(at_most(1_010)));
        assert_eq!(wait(&before, &attempt(2, 1, None, Some(2_010))), Some(at_most(1_010)), "after a reset");
        assert_eq!(wait(&before, &attempt(1, 2, None, None)), None);
    }

    #[test]
    fn after_a_timeout_the_wait_is_bounded_by_the_earliest_time_of_the_timeout() {
        let next = attempt(1, 2, Some(7_100), None);
        assert_eq!(wait(&timed_out(Some(1_000), TimeoutKind::StartToClose), &next), Some(at_most(1_100)));
        assert_eq!(wait(&timed_out(Some(1_000), TimeoutKind::Heartbeat), &next), Some(at_most(4_100)));
        assert_eq!(wait(&timed_out(None, TimeoutKind::StartToClose), &next), None);
        assert_eq!(wait(&timed_out(Some(3_000), TimeoutKind::StartToClose), &next), None, "the timeout was shorter");
        assert_eq!(wait(&attempt(1, 1, Some(1_000), None), &next), None, "it ended at an unknown time");
    }

    #[test]
    fn no_wait_is_known_beside_an_attempt_that_was_not_observed() {
        let (first, third) = (attempt(1, 1, Some(900), Some(1_000)), attempt(1, 3, Some(9_000), Some(9_010)));
        let second = AttemptView { number: 2, round: 1, state: AttemptState::NotObserved, facts: None };
        assert_eq!(ObservedWait::between(&view(&first), &second, None), None);
        assert_eq!(ObservedWait::between(&second, &view(&third), None), None);
        assert_eq!(wait(&first, &third), None);
    }
}
