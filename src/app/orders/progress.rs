//! The progress of an order: its stage, its next attempt, and its crash window.

use std::time::Duration;

use crate::{
    app::RetryWaits,
    domain::{Activity, ActivityKey, PendingActivity, PendingState, RunEnd, UnixMillis},
};

use super::{
    activity_attempts::{ActivityAttempts, ActivityState, AttemptView},
    attempt::{AttemptFacts, AttemptState},
    attempt_id::AttemptId,
    description::FailingTask,
    execution::Execution,
};

/// The stage of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage<'a> {
    /// The server has not answered the start.
    Starting,
    /// The server did not accept the start.
    NotStarted(&'a str),
    /// Started; no attempt was observed.
    Queued,
    /// An attempt runs.
    Running {
        /// The activity.
        activity: &'a ActivityKey,
        /// The number of the attempt.
        attempt: u32,
        /// When Temporal gives it up.
        due: UnixMillis,
    },
    /// An attempt runs that will not answer.
    Unanswered {
        /// The activity.
        activity: &'a ActivityKey,
        /// The number of the attempt.
        attempt: u32,
        /// When Temporal gives it up.
        due: UnixMillis,
    },
    /// It waits between two attempts.
    BackingOff {
        /// The activity.
        activity: &'a ActivityKey,
        /// The number of the next attempt.
        next: u32,
        /// Its time.
        due: UnixMillis,
    },
    /// The activity is paused in Temporal.
    Paused {
        /// The activity.
        activity: &'a ActivityKey,
        /// The number of the next attempt.
        next: u32,
    },
    /// Its workflow task fails, so no activity is scheduled.
    TaskFails(&'a FailingTask),
    /// Another program's workflow. Its next step is not known here.
    Elsewhere {
        /// The first pending activity of a type that this program does not have, by type.
        first: Option<&'a PendingActivity>,
        /// Number of such activities.
        count: usize,
    },
    /// The first activity is done, the second has not begun.
    Between,
    /// It completed.
    Completed,
    /// The rules refused it.
    Refused,
    /// It failed.
    Failed(&'a str),
    /// It was cancelled.
    Cancelled,
    /// It was terminated.
    Terminated,
    /// Its execution timeout passed.
    TimedOut,
    /// The server does not know the run.
    Unknown,
}

/// The attempt of an activity that comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NextAttempt {
    /// Its number.
    pub number: u32,
    /// Its time.
    pub due: UnixMillis,
    /// The server reported it; else it follows from the retry policy.
    pub known: bool,
}

impl Execution {
    /// The stage, by this retry policy.
    #[must_use]
    pub fn stage(&self, waits: &RetryWaits) -> Stage<'_> {
        if let Some(stage) = self.stage_at_end() {
            return stage;
        }
        if let Some(failing) = &self.failing {
            return Stage::TaskFails(failing);
        }
        let current = self.current();
        if self.pending(current).is_none()
            && let Some(first) = self.pending_foreign().min_by_key(|pending| &pending.activity)
        {
            return Stage::Elsewhere { first: Some(first), count: self.pending_foreign().count() };
        }
        match self.stage_of_ours(current, waits) {
            Stage::Between if self.is_foreign() => Stage::Elsewhere { first: None, count: 0 },
            stage => stage,
        }
    }

    fn stage_of_ours(&self, activity: Activity, waits: &RetryWaits) -> Stage<'_> {
        if let Some((pending, id)) = self.pending_attempt(self.activity(activity))
            && !pending.runs()
        {
            return self.stage_between(activity, pending, id, waits);
        }
        match self.activity(activity).latest(ActivityState::Open) {
            None if activity == Activity::SupplierOrder => Stage::Between,
            None if self.run.is_none() => Stage::Starting,
            None => Stage::Queued,
            Some(seen) => self.stage_at(activity, &seen, waits),
        }
    }

    fn stage_at_end(&self) -> Option<Stage<'_>> {
        if let Some(cause) = &self.start_failure {
            return Some(Stage::NotStarted(cause));
        }
        match self.end.as_ref() {
            Some(RunEnd::Completed { .. }) => Some(Stage::Completed),
            Some(RunEnd::Rejected { .. } | RunEnd::Conflict { .. }) => Some(Stage::Refused),
            Some(RunEnd::Failed { message }) => Some(Stage::Failed(message)),
            Some(RunEnd::Cancelled) => Some(Stage::Cancelled),
            Some(RunEnd::Terminated) => Some(Stage::Terminated),
            Some(RunEnd::TimedOut) => Some(Stage::TimedOut),
            _ if self.rejection.is_some() => Some(Stage::Refused),
            _ if self.has_succeeded(Activity::SupplierOrder) => Some(Stage::Completed),
            Some(RunEnd::Unknown) => Some(Stage::Unknown),
            None => None,
        }
    }

    /// The stage if the server reports that no attempt runs.
    fn stage_between(
        &self,
        activity: Activity,
        pending: &PendingActivity,
        id: AttemptId,
        waits: &RetryWaits,
    ) -> Stage<'_> {
        let (next, key) = (id.number, self.activity(activity).key());
        match self.next_attempt(waits) {
            _ if pending.state == PendingState::Paused => Stage::Paused { activity: key, next },
            Some(NextAttempt { due, .. }) => Stage::BackingOff { activity: key, next, due },
            None if activity == Activity::SupplierOrder => Stage::Between,
            None => Stage::Queued,
        }
    }

    /// The stage if its latest attempt is this one.
    fn stage_at<'a>(&'a self, activity: Activity, seen: &AttemptView<'a>, waits: &RetryWaits) -> Stage<'a> {
        let started = seen.facts.and_then(AttemptFacts::begun).unwrap_or_default();
        let (attempt, due) = (seen.number, started.saturating_add(waits.start_to_close));
        let key = self.activity(activity).key();
        match seen.state {
            AttemptState::Failed(failure) => match self.next_attempt(waits) {
                Some(NextAttempt { number, due, .. }) => Stage::BackingOff { activity: key, next: number, due },
                None => Stage::Failed(&failure.message),
            },
            AttemptState::Succeeded(_) if activity == Activity::UpdateInventory => Stage::Between,
            AttemptState::Succeeded(_) | AttemptState::Done | AttemptState::Ended => Stage::Completed,
            AttemptState::Running | AttemptState::NotObserved => Stage::Running { activity: key, attempt, due },
            AttemptState::Hanging | AttemptState::TimedOut | AttemptState::Crashed(_) | AttemptState::NoAnswer => {
                Stage::Unanswered { activity: key, attempt, due }
            }
        }
    }

    /// The attempt of the current activity that comes next, by this retry policy.
    #[must_use]
    pub fn next_attempt(&self, waits: &RetryWaits) -> Option<NextAttempt> {
        self.next_attempt_of(self.activity(self.current()), Some(waits))
    }

    /// The attempt of an activity that comes next, if the one before has failed or will not answer. `waits`: its retry policy,
    /// if that is known; without it only the server's report counts.
    #[must_use]
    pub fn next_attempt_of(&self, activity: &ActivityAttempts, waits: Option<&RetryWaits>) -> Option<NextAttempt> {
        if self.state_of(activity) != ActivityState::Open {
            return None;
        }
        match self.pending_attempt(activity) {
            Some((pending, id)) if !pending.runs() => self.reported_next(activity, pending, id, waits),
            _ => expected_next(activity, waits?),
        }
    }

    fn reported_next(
        &self,
        activity: &ActivityAttempts,
        pending: &PendingActivity,
        id: AttemptId,
        waits: Option<&RetryWaits>,
    ) -> Option<NextAttempt> {
        if pending.state == PendingState::Paused || id == AttemptId::new(1, 1) {
            return None;
        }
        let latest = activity.latest(ActivityState::Open);
        let ended = pending.ended().or_else(|| latest.and_then(|seen| seen.facts?.ended()));
        // After a reset the next attempt comes at once.
        let policy = || waits.map_or(Duration::ZERO, |waits| waits.after(id.number - 1));
        let wait = if id.number == 1 { Duration::ZERO } else { policy() };
        let expected = || ended.map(|ended| ended.saturating_add(wait)).or(self.answered).unwrap_or_default();
        let due = pending.due();
        Some(NextAttempt { number: id.number, due: due.unwrap_or_else(expected), known: due.is_some() })
    }

    /// The crash window: from the commit of an effect to its acknowledgement, if the attempt that committed it was not
    /// acknowledged. No end while Temporal does not know; until then another worker would repeat the effect.
    #[must_use]
    pub fn crash_window(&self, activity: Activity) -> Option<(UnixMillis, Option<UnixMillis>)> {
        let mut attempts = self.attempts(activity).skip_while(|seen| effect_at(seen).is_none());
        let first = attempts.next()?;
        if first.facts.is_some_and(AttemptFacts::is_acknowledged) {
            return None;
        }
        let acknowledged =
            attempts.filter_map(|seen| seen.facts).find(|facts| facts.is_acknowledged()).and_then(AttemptFacts::ended);
        Some((effect_at(&first)?, acknowledged.or_else(|| self.next_began(activity))))
    }

    /// The start of the activity after this one.
    fn next_began(&self, activity: Activity) -> Option<UnixMillis> {
        let mut next = Activity::ALL.into_iter().skip_while(|other| *other != activity).skip(1);
        self.attempts(next.next()?).find_map(|seen| seen.facts?.begun())
    }
}

/// The next attempt by the retry policy.
fn expected_next(activity: &ActivityAttempts, waits: &RetryWaits) -> Option<NextAttempt> {
    let seen = activity.latest(ActivityState::Open)?;
    let given_up = || {
        let reported = seen.facts?.reported.as_ref().and_then(|reported| reported.ended);
        reported.or_else(|| Some(seen.facts?.begun()?.saturating_add(waits.start_to_close)))
    };
    let ended = match seen.state {
        AttemptState::Failed(failure) if failure.retryable => failure.at,
        AttemptState::Hanging | AttemptState::TimedOut | AttemptState::Crashed(_) | AttemptState::NoAnswer => {
            given_up()?
        }
        _ => return None,
    };
    let is_last = activity.maximum().is_some_and(|maximum| seen.number >= maximum);
    let (number, due) = (seen.number.saturating_add(1), ended.saturating_add(waits.after(seen.number)));
    (!is_last).then_some(NextAttempt { number, due, known: false })
}

/// The time at which an attempt changed the stock.
fn effect_at(seen: &AttemptView<'_>) -> Option<UnixMillis> {
    seen.facts?.committed.filter(|committed| committed.delta != 0).map(|committed| committed.at)
}
