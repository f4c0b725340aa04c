//! Advice on idempotency: what is certain about the effect of a failed attempt, and settings that delay or prevent the end
//! of the retries.

use serde::Serialize;

use crate::{
    app::orders::{
        activity_attempts::ActivityAttempts,
        attempt::{AttemptFacts, Failure},
        attempt_id::AttemptId,
    },
    domain::{FailureCause, FailureKind, ItemEnd, TimeoutKind},
};

use super::watched::Watched;

/// What is certain about the effect of a failed attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Certainty {
    /// No worker took it.
    NotStarted,
    /// Its worker reported the failure, or confirmed the cancellation.
    Reported,
    /// Temporal stopped waiting for it, or cancelled it without a confirmation of its worker.
    OutcomeUnknown,
}

impl Certainty {
    /// Of an attempt whose failure has this code and these causes, outermost first. An inner cause may be that of an
    /// earlier attempt.
    #[must_use]
    pub fn of(code: &str, causes: &[FailureCause]) -> Self {
        match (causes.first().map(|cause| &cause.kind), code) {
            (Some(FailureKind::Timeout(TimeoutKind::ScheduleToStart)), _) => Self::NotStarted,
            (
                Some(
                    FailureKind::Timeout(_)
                    | FailureKind::Cancelled
                    | FailureKind::Terminated
                    | FailureKind::Server { .. },
                ),
                _,
            )
            | (None, Failure::TIMEOUT | Failure::CANCELLED) => Self::OutcomeUnknown,
            (Some(_) | None, _) => Self::Reported,
        }
    }

    /// Of an attempt; `None` if it has not failed.
    #[must_use]
    pub fn of_attempt(facts: &AttemptFacts) -> Option<Self> {
        let failure = facts.reported_failure()?;
        let by_failure = || Self::of(&failure.code, &failure.causes);
        Some(if facts.has_confirmed_cancellation() { Self::Reported } else { by_failure() })
    }

    /// A sentence about the attempt.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::NotStarted => "NOT STARTED: no worker took it, so it had no effect",
            Self::Reported => "REPORTED by its worker; whether it took effect is unknown",
            Self::OutcomeUnknown => {
                "OUTCOME UNKNOWN: it may still run, or may have taken effect; a retry is safe only if the activity is \
                 idempotent"
            }
        }
    }

    /// The same in two words, if it is more than the failure itself says.
    #[must_use]
    pub const fn label(self) -> Option<&'static str> {
        match self {
            Self::NotStarted => Some("not started"),
            Self::Reported => None,
            Self::OutcomeUnknown => Some("outcome unknown"),
        }
    }
}

/// A setting of an activity that delays or prevents the end of its retries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryWarning {
    /// It exceeded its start-to-close timeout, and has no heartbeat timeout.
    NoHeartbeat,
    /// It has neither a maximum of attempts nor a schedule-to-close timeout.
    Unlimited,
}

impl RetryWarning {
    /// The setting and its consequence.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::NoHeartbeat => "no heartbeat timeout: a lost worker is noticed only after start-to-close",
            Self::Unlimited => {
                "unlimited attempts and no schedule-to-close timeout: the retries never end by themselves"
            }
        }
    }
}

/// Why an activity that failed with a retryable failure was not retried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RetriesEnded {
    /// The retry policy does not retry the type of the failure.
    TypeNotRetried,
    /// It had as many attempts as the retry policy allows.
    NoAttemptLeft,
    /// The schedule-to-close timeout leaves no time for another attempt.
    NoTimeLeft,
}

impl RetriesEnded {
    /// Of an activity; `None` if it has not failed, if its failure is not retryable, or if the reason is not known.
    #[must_use]
    pub fn of(activity: &ActivityAttempts) -> Option<Self> {
        let record = activity.activity_record()?;
        let (Some((at, ItemEnd::Failed(failure))), Some(options)) = (&record.end, &record.options) else { return None };
        let retry = &options.retry;
        let maximum = u64::from(retry.maximum_attempts);
        if !failure.retryable {
            return None;
        }
        if retry.non_retryable.contains(&failure.code) {
            return Some(Self::TypeNotRetried);
        }
        if maximum > 0 && activity.total() >= maximum {
            return Some(Self::NoAttemptLeft);
        }
        let wait = failure
            .next_retry_delay()
            .unwrap_or_else(|| retry.after(record.last.as_ref().map_or(1, |last| last.number)));
        let expires = record.scheduled?.saturating_add(options.schedule_to_close?);
        (at.saturating_add(wait) >= expires).then_some(Self::NoTimeLeft)
    }

    /// The reason.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::TypeNotRetried => "the retry policy does not retry this type of failure",
            Self::NoAttemptLeft => "no attempt is left",
            Self::NoTimeLeft => "the next attempt would begin after the schedule-to-close timeout",
        }
    }
}

/// The latest attempt of an activity that has failed, and its failure.
#[must_use]
pub fn latest_failure<'a>(watched: &Watched, activity: &'a ActivityAttempts) -> Option<(AttemptId, &'a Failure)> {
    failures(watched, activity).next_back()
}

/// The same attempt, and what is certain about its effect.
#[must_use]
pub fn latest_certainty(watched: &Watched, activity: &ActivityAttempts) -> Option<(AttemptId, Certainty)> {
    let attempts = watched.execution.attempts_of(activity);
    let mut certainties = attempts.filter_map(|seen| Some((seen.id(), Certainty::of_attempt(seen.facts?)?)));
    certainties.next_back()
}

/// The warnings about an activity that is retried. None after it has ended, or if its options are not known.
#[must_use]
pub fn retry_warnings(watched: &Watched, activity: &ActivityAttempts) -> Vec<RetryWarning> {
    let Some((pending, _)) = watched.pending(activity.into()).filter(|(pending, _)| pending.failure.is_some()) else {
        return Vec::new();
    };
    let Some(options) = activity.activity_record().and_then(|record| record.options.as_ref()) else {
        return Vec::new();
    };
    let has_timed_out =
        failures(watched, activity).any(|(_, failure)| failure.timeout() == Some(TimeoutKind::StartToClose));
    let has_maximum = pending.maximum > 0 || options.retry.maximum_attempts > 0;
    let no_heartbeat = has_timed_out && options.heartbeat.is_none();
    let unlimited = !has_maximum && options.schedule_to_close.is_none();
    let warnings = [(no_heartbeat, RetryWarning::NoHeartbeat), (unlimited, RetryWarning::Unlimited)];
    warnings.into_iter().filter_map(|(applies, warning)| applies.then_some(warning)).collect()
}

fn failures<'a>(
    watched: &Watched,
    activity: &'a ActivityAttempts,
) -> impl DoubleEndedIterator<Item = (AttemptId, &'a Failure)> + use<'a> {
    let attempts = watched.execution.attempts_of(activity);
    attempts.filter_map(|seen| Some((seen.id(), seen.facts.and_then(AttemptFacts::reported_failure)?)))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    use crate::{
        app::{
            testing::{
                fixture::{foreign, waiting},
                watch::{event, report, run},
            },
            watch::{HistoryPage, Lane},
        },
        domain::{ActivityOptions, EventKind, FailureReport, RetryPolicy, UnixMillis},
    };

    fn report_of(code: &str, kinds: &[FailureKind]) -> FailureReport {
        let cause = |kind: &FailureKind| FailureCause {
            kind: kind.clone(),
            message: "m".into(),
            stack_trace: Vec::new(),
            details: Vec::new(),
        };
        let causes = kinds.iter().map(cause).collect();
        FailureReport { code: code.into(), message: "m".into(), retryable: true, causes }
    }

    fn certainty(code: &str, kinds: &[FailureKind]) -> Certainty {
        Certainty::of(code, &report_of(code, kinds).causes)
    }

    fn application() -> FailureKind {
        FailureKind::Application { code: "CardDeclined".into(), retryable: true, next_retry_delay: None }
    }

    #[test]
    fn the_outcome_of_an_attempt_is_unknown_if_its_worker_did_not_report_it() {
        use TimeoutKind as Timeout;
        for kind in [Timeout::StartToClose, Timeout::Heartbeat, Timeout::ScheduleToClose, Timeout::Unspecified] {
            assert_eq!(certainty("Timeout", &[FailureKind::Timeout(kind)]), Certainty::OutcomeUnknown, "{kind}");
        }
        for kind in [FailureKind::Cancelled, FailureKind::Terminated, FailureKind::Server { retryable: true }] {
            assert_eq!(certainty("", &[kind]), Certainty::OutcomeUnknown);
        }
        for code in [Failure::TIMEOUT, Failure::CANCELLED] {
            assert_eq!(certainty(code, &[]), Certainty::OutcomeUnknown, "{code} without causes");
        }
        assert!(Certainty::OutcomeUnknown.text().contains("may still run, or may have taken effect"));
        assert_eq!(Certainty::OutcomeUnknown.label(), Some("outcome unknown"));
    }

    #[test]
    fn an_attempt_that_no_worker_took_had_no_effect_whatever_failed_before_it() {
        let not_started = FailureKind::Timeout(TimeoutKind::ScheduleToStart);
        for earlier in [application(), FailureKind::Timeout(TimeoutKind::StartToClose)] {
            assert_eq!(certainty("Timeout", &[not_started.clone(), earlier]), Certainty::NotStarted);
        }
        assert!(Certainty::NotStarted.text().ends_with("no worker took it, so it had no effect"));
    }

    #[test]
    fn a_failure_that_the_worker_reported_does_not_prove_that_there_was_no_effect() {
        assert_eq!(certainty("CardDeclined", &[application()]), Certainty::Reported);
        assert_eq!(certainty("CardDeclined", &[]), Certainty::Reported);
        // A timeout of what the activity called is not one of the attempt.
        let inner = FailureKind::Timeout(TimeoutKind::StartToClose);
        assert_eq!(certainty("CardDeclined", &[application(), inner]), Certainty::Reported);
        assert!(Certainty::Reported.text().contains("whether it took effect is unknown"));
    }

    #[test]
    fn a_cancelled_attempt_no_longer_runs_only_if_the_history_says_that_its_worker_confirmed_it() {
        let cancelled = |report: &FailureReport, end: Option<ItemEnd>| {
            let mut facts = AttemptFacts::new(AttemptId::new(1, 1));
            if let Some(end) = end {
                facts.on_recorded_end(UnixMillis(9), &end);
            } else {
                facts.on_recorded_failure(report, UnixMillis(9));
            }
            Certainty::of_attempt(&facts)
        };
        let report = report_of(Failure::CANCELLED, &[FailureKind::Cancelled]);
        assert_eq!(cancelled(&report, Some(ItemEnd::Cancelled)), Some(Certainty::Reported));
        assert_eq!(cancelled(&report, Some(ItemEnd::Failed(report.clone()))), Some(Certainty::OutcomeUnknown));
        assert_eq!(cancelled(&report, None), Some(Certainty::OutcomeUnknown));
        assert_eq!(Certainty::of_attempt(&AttemptFacts::new(AttemptId::new(1, 1))), None);
    }

    /// The warnings about an activity that has failed for this reason.
    fn warnings(failure: &FailureReport, options: &ActivityOptions) -> Vec<RetryWarning> {
        let mut watched = Watched::new(run(7), UnixMillis(900));
        let mut pending = foreign("charge", "5", waiting(2, 1_200, 2_200));
        pending.failure = Some(failure.clone());
        let mut report = report(run(7), 1_300, vec![pending]);
        report.activities[0].details.options = Some(options.clone());
        watched.on_report(report);
        let lanes = watched.lanes();
        let activity = lanes.first().and_then(|lane| Lane::activity(*lane)).unwrap();
        retry_warnings(&watched, activity)
    }

    #[test]
    fn the_end_of_the_retries_has_a_reason_if_it_is_known() {
        let ended = |options: ActivityOptions, failure: FailureReport| {
            let mut watched = Watched::new(run(7), UnixMillis(900));
            watched.on_report(report(run(7), 900, Vec::new()));
            let scheduled =
                EventKind::ActivityScheduled { id: "5".into(), activity: "charge".into(), options, input: Vec::new() };
            let last = EventKind::ActivityStarted { scheduled: 2, attempt: 3, worker: "w".into(), failure: None };
            let end = EventKind::ActivityEnded { scheduled: 2, end: ItemEnd::Failed(failure) };
            let events = vec![event(2, 1_000, scheduled), event(3, 4_000, last), event(4, 4_010, end)];
            watched.on_history(HistoryPage { events, more: false });
            let lanes = watched.lanes();
            RetriesEnded::of(lanes.first().and_then(|lane| Lane::activity(*lane)).unwrap())
        };
        let declined = || report_of("CardDeclined", &[application()]);
        let limited = |seconds| ActivityOptions {
            schedule_to_close: Some(Duration::from_secs(seconds)),
            ..ActivityOptions::default()
        };
        // The wait after the third attempt is 4 s.
        assert_eq!(ended(limited(7), declined()), Some(RetriesEnded::NoTimeLeft));
        assert_eq!(ended(limited(60), declined()), None);
        assert_eq!(ended(limited(7), FailureReport { retryable: false, ..declined() }), None);
        let retry = RetryPolicy { maximum_attempts: 3, ..RetryPolicy::default() };
        assert_eq!(ended(ActivityOptions { retry, ..limited(7) }, declined()), Some(RetriesEnded::NoAttemptLeft));
        let retry = RetryPolicy { non_retryable: vec!["CardDeclined".into()], ..RetryPolicy::default() };
        assert_eq!(ended(ActivityOptions { retry, ..limited(7) }, declined()), Some(RetriesEnded::TypeNotRetried));
    }

    #[test]
    fn a_warning_is_given_only_if_its_reason_exists() {
        use RetryWarning::{NoHeartbeat, Unlimited};
        let timeout = report_of("Timeout", &[FailureKind::Timeout(TimeoutKind::StartToClose)]);
        let declined = report_of("CardDeclined", &[application()]);
        let endless = ActivityOptions { start_to_close: Some(Duration::from_secs(5)), ..ActivityOptions::default() };
        let heartbeat = ActivityOptions { heartbeat: Some(Duration::from_secs(2)), ..endless.clone() };
        let limited = ActivityOptions { schedule_to_close: Some(Duration::from_mins(2)), ..endless.clone() };
        let retry = RetryPolicy { maximum_attempts: 5, ..RetryPolicy::default() };
        let counted = ActivityOptions { retry, ..endless.clone() };
        assert_eq!(warnings(&timeout, &endless), [NoHeartbeat, Unlimited]);
        assert_eq!(warnings(&timeout, &heartbeat), [Unlimited]);
        assert_eq!(warnings(&timeout, &limited), [NoHeartbeat]);
        assert_eq!(warnings(&declined, &endless), [Unlimited]);
        assert_eq!(warnings(&declined, &counted), []);
        assert!(NoHeartbeat.text().contains("noticed only after start-to-close"));
        assert!(Unlimited.text().contains("never end by themselves"));
    }
}
