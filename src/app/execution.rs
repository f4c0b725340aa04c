//! One workflow run as this dashboard knows it: facts from the journal and from the server's answers, side by side.
//! Views are derived from them; no view is stored, so the order in which facts arrive cannot matter.

use crate::domain::{Activity, Guard, ProductId, UnixMillis};

use super::{
    attempt::{AttemptState, Ending},
    lane::{Lane, Seen},
    message::End,
    waits::RetryWaits,
};

/// A start that this dashboard asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    pub ticket: u64,
    pub at: UnixMillis,
    pub terms: Terms,
    /// The start joined an execution that somebody had started before.
    pub joined: bool,
}

/// What was ordered, and under which guard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    pub product: ProductId,
    pub quantity: i64,
    pub guard: Guard,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    pub code: String,
    pub message: String,
}

/// All texts are sanitized where they came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Execution {
    pub order: String,
    pub workflow: String,
    /// `None` until the server has answered the start.
    pub run: Option<String>,
    pub asked: Option<Asked>,
    /// Starts of the same workflow id that joined this run.
    pub joins: u32,
    /// As the journal tells them; `None` before its first effect.
    pub journaled: Option<Terms>,
    pub refused: Option<Refused>,
    pub end: Option<End>,
    pub start_failure: Option<String>,
    /// The time of the first journal line about it.
    pub first_line: Option<UnixMillis>,
    /// When it was first heard of; orders the rows of which nothing better is known.
    pub heard: UnixMillis,
    pub(super) lanes: [Lane; Activity::ALL.len()],
}

/// Where an order stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage<'a> {
    /// The server has not answered yet.
    Starting,
    NotStarted(&'a str),
    /// Started; no attempt was seen.
    Queued,
    /// Temporal gives the attempt up at `due`.
    Running {
        activity: Activity,
        attempt: u32,
        due: UnixMillis,
    },
    /// An attempt that will not answer; Temporal gives it up at `due`.
    Unanswered {
        activity: Activity,
        attempt: u32,
        due: UnixMillis,
    },
    BackingOff {
        activity: Activity,
        next: u32,
        due: UnixMillis,
    },
    /// The first activity is done, the second has not begun.
    Between,
    Completed,
    Refused,
    Failed(&'a str),
    Cancelled,
    Terminated,
    TimedOut,
}

/// What became of an order's effect on the stock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrderVerdict {
    Pending,
    /// The effect is in the stock, and Temporal does not know it yet: the window in which a worker may die.
    Unconfirmed,
    AppliedOnce,
    /// The ledger knew it: nothing changed.
    Replayed,
    /// The `last-order` guard took it for known.
    Skipped,
    Rejected,
    Conflict,
    /// More than once: what must never happen.
    Applied(u32),
    /// It ended well, and nothing more is known: another program's worker.
    Completed,
    /// It ended without an effect.
    NoEffect,
}

impl Execution {
    #[must_use]
    pub fn new(order: String, workflow: String, run: Option<String>, heard: UnixMillis) -> Self {
        Self {
            order,
            workflow,
            run,
            asked: None,
            joins: 0,
            journaled: None,
            refused: None,
            end: None,
            start_failure: None,
            first_line: None,
            heard,
            lanes: [Lane::default(), Lane::default()],
        }
    }

    /// When it began, as far as is known.
    #[must_use]
    pub fn begun(&self) -> UnixMillis {
        match &self.asked {
            Some(asked) if !asked.joined => asked.at,
            asked => self.first_line.or(asked.as_ref().map(|asked| asked.at)).unwrap_or(self.heard),
        }
    }

    /// What was ordered, where it is known.
    #[must_use]
    pub fn terms(&self) -> Option<&Terms> {
        let asked = |joined| self.asked.as_ref().filter(|asked| asked.joined == joined).map(|asked| &asked.terms);
        asked(false).or(self.journaled.as_ref()).or_else(|| asked(true))
    }

    #[must_use]
    pub const fn lane(&self, activity: Activity) -> &Lane {
        &self.lanes[activity as usize]
    }

    /// Nothing more will happen to it.
    #[must_use]
    pub fn is_over(&self) -> bool {
        let failed_for_good = |lane: &Lane| {
            let latest = lane.latest(false);
            matches!(latest.map(|seen| seen.state), Some(AttemptState::Failed(failure)) if !failure.retryable)
        };
        self.end.is_some()
            || self.start_failure.is_some()
            || self.refused.is_some()
            || self.has_succeeded(Activity::SupplierOrder)
            || self.lanes.iter().any(failed_for_good)
    }

    /// Whether the latest attempt succeeded. An earlier one may say so too, too late: Temporal had given it up.
    #[must_use]
    pub fn has_succeeded(&self, activity: Activity) -> bool {
        let latest = self.lane(activity).latest(false).and_then(|seen| seen.facts);
        latest.is_some_and(|facts| matches!(facts.ending, Some(Ending::Succeeded { .. })))
    }

    fn is_closed(&self, activity: Activity) -> bool {
        let next_began = activity == Activity::UpdateInventory && !self.lane(Activity::SupplierOrder).is_empty();
        next_began || self.is_over()
    }

    /// The attempts of an activity, oldest first.
    #[must_use]
    pub fn attempts(&self, activity: Activity) -> impl DoubleEndedIterator<Item = Seen<'_>> {
        self.lane(activity).seen(self.is_closed(activity))
    }

    /// The activity that is at work, or was last.
    #[must_use]
    pub const fn current(&self) -> Activity {
        if self.lane(Activity::SupplierOrder).is_empty() { Activity::UpdateInventory } else { Activity::SupplierOrder }
    }

    #[must_use]
    pub fn stage(&self, waits: &RetryWaits) -> Stage<'_> {
        if let Some(cause) = &self.start_failure {
            return Stage::NotStarted(cause);
        }
        match &self.end {
            Some(End::Completed { .. }) => return Stage::Completed,
            Some(End::Rejected { .. } | End::Conflict { .. }) => return Stage::Refused,
            Some(End::Failed { message }) => return Stage::Failed(message),
            Some(End::Cancelled) => return Stage::Cancelled,
            Some(End::Terminated) => return Stage::Terminated,
            Some(End::TimedOut) => return Stage::TimedOut,
            Some(End::Unknown) => return Stage::Failed("this server does not know the run"),
            None => {}
        }
        if self.refused.is_some() {
            return Stage::Refused;
        }
        let activity = self.current();
        match self.lane(activity).latest(false) {
            None if self.run.is_none() => Stage::Starting,
            None => Stage::Queued,
            Some(seen) => stage_of(activity, &seen, waits),
        }
    }

    /// How often an effect is in the stock that this run repeated; 0 where it repeated none. A run that came before or
    /// after the repetition has no part in it.
    #[must_use]
    pub fn repeated(&self) -> u32 {
        let attempts = Activity::ALL.into_iter().flat_map(|activity| self.attempts(activity));
        attempts.filter_map(|seen| seen.facts?.repeated()).max().unwrap_or(0)
    }

    #[must_use]
    pub fn verdict(&self) -> OrderVerdict {
        let conflict = |code: &str| code == crate::store::StoreError::CONFLICT;
        match (&self.refused, &self.end) {
            (Some(refused), _) if conflict(&refused.code) => return OrderVerdict::Conflict,
            (Some(_), _) | (None, Some(End::Rejected { .. })) => return OrderVerdict::Rejected,
            (None, Some(End::Conflict { .. })) => return OrderVerdict::Conflict,
            _ => {}
        }
        match self.repeated() {
            0 => {}
            times => return OrderVerdict::Applied(times),
        }
        if self.lane(Activity::UpdateInventory).first_commit().is_some() {
            let told = self.is_over() || self.has_succeeded(Activity::UpdateInventory);
            return if told { OrderVerdict::AppliedOnce } else { OrderVerdict::Unconfirmed };
        }
        self.verdict_without_commit()
    }

    fn verdict_without_commit(&self) -> OrderVerdict {
        use crate::store::Outcome;
        let latest = self.attempts(Activity::UpdateInventory).next_back().map(|seen| seen.state);
        match (latest, &self.end) {
            (Some(AttemptState::Succeeded(Outcome::Replayed)), _) => OrderVerdict::Replayed,
            (Some(AttemptState::Succeeded(Outcome::Skipped)), _) => OrderVerdict::Skipped,
            (Some(AttemptState::Succeeded(Outcome::Applied)), _) => OrderVerdict::AppliedOnce,
            (_, Some(End::Completed { outcome })) => match outcome.as_str() {
                "applied" => OrderVerdict::AppliedOnce,
                "replayed" => OrderVerdict::Replayed,
                _ => OrderVerdict::Completed,
            },
            (_, Some(_)) => OrderVerdict::NoEffect,
            (_, None) if self.is_over() => OrderVerdict::NoEffect,
            (_, None) => OrderVerdict::Pending,
        }
    }

    /// The latest attempt that has failed or was lost, of the activity at work.
    #[must_use]
    pub fn last_trouble(&self) -> Option<(Activity, Seen<'_>)> {
        let is_trouble = |seen: &Seen<'_>| {
            !matches!(seen.state, AttemptState::Running | AttemptState::Succeeded(_) | AttemptState::NotObserved)
        };
        let activity = self.current();
        self.attempts(activity).rev().find(is_trouble).map(|seen| (activity, seen))
    }
}

/// Where an order stands whose latest attempt is this one.
fn stage_of<'a>(activity: Activity, seen: &Seen<'a>, waits: &RetryWaits) -> Stage<'a> {
    let after = |at: UnixMillis, wait: u64| UnixMillis(at.0.saturating_add(wait));
    let started = seen.facts.and_then(|facts| facts.started).unwrap_or_default();
    let timeout = after(started, waits.start_to_close);
    match seen.state {
        AttemptState::Failed(failure) if failure.retryable => Stage::BackingOff {
            activity,
            next: seen.number.saturating_add(1),
            due: after(failure.at, waits.after(seen.number)),
        },
        AttemptState::Failed(failure) => Stage::Failed(&failure.message),
        AttemptState::Succeeded(_) if activity == Activity::SupplierOrder => Stage::Completed,
        AttemptState::Succeeded(_) => Stage::Between,
        AttemptState::Running | AttemptState::NotObserved => {
            Stage::Running { activity, attempt: seen.number, due: timeout }
        }
        AttemptState::Hanging | AttemptState::TimedOut | AttemptState::Crashed(_) | AttemptState::NoAnswer => {
            Stage::Unanswered { activity, attempt: seen.number, due: timeout }
        }
    }
}
