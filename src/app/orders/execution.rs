//! One workflow run as this dashboard knows it: facts from the journal and from the server's answers, side by side.
//! Views are derived from them; no view is stored, so the order in which facts arrive cannot matter.

use std::sync::Arc;

use crate::{
    app::command::Run,
    domain::{Activity, Guard, OtherActivity, PendingActivity, ProductId, RunEnd, UnixMillis},
    faults::FaultPlan,
};

use super::{
    activity_attempts::{ActivityAttempts, Closing, Seen},
    attempt::{AttemptEnd, AttemptState},
    attempt_id::AttemptId,
    description::{Description, FailingTask},
};

/// A start that this dashboard asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submission {
    pub ticket: u64,
    pub at: UnixMillis,
    pub terms: OrderDetails,
    /// The fault plan that it was sent with.
    pub faults: Arc<FaultPlan>,
    /// The start joined an execution that somebody had started before.
    pub joined: bool,
}

/// What was ordered, and under which guard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderDetails {
    pub product: ProductId,
    pub quantity: i64,
    pub guard: Guard,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    pub code: String,
    pub message: String,
}

/// Where the journal first tells of an order. Sorted as the journal is, even where a clock went back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct JournalPosition {
    /// The latest time in the journal up to there.
    pub at: UnixMillis,
    pub seq: u64,
}

/// All texts are sanitized where they came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Execution {
    pub order: String,
    pub workflow: String,
    /// `None` until the server has answered the start.
    pub run: Option<String>,
    pub submission: Option<Submission>,
    /// The server told that it took a start of it.
    pub taken: bool,
    /// Starts of the same workflow id that joined this run.
    pub joins: u32,
    /// As the journal tells them; `None` before its first effect.
    pub journaled: Option<OrderDetails>,
    pub refused: Option<Refused>,
    pub end: Option<RunEnd>,
    pub start_failure: Option<String>,
    /// As the server's latest answer says.
    pub failing: Option<FailingTask>,
    /// Pending activities of unknown types, as the server's latest answer says.
    pub others: Vec<OtherActivity>,
    /// It has had such activities, so what comes next is not known here.
    pub foreign: bool,
    /// The time of the first journal line about it.
    pub first_line: Option<UnixMillis>,
    pub position_in_journal: Option<JournalPosition>,
    /// Another journal took the place of the one that recorded part of it.
    pub outlived: bool,
    /// The time of the server's latest answer about it.
    pub answered: Option<UnixMillis>,
    /// When it was first heard of; orders the rows of which nothing better is known.
    pub heard: UnixMillis,
    pub(in crate::app) activities: [ActivityAttempts; Activity::ALL.len()],
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
    /// It is over, and what became of the effect cannot be known from here: another program's worker, or server.
    Unknown,
}

impl Execution {
    #[must_use]
    pub fn new(order: String, workflow: String, run: Option<String>, heard: UnixMillis) -> Self {
        Self {
            order,
            workflow,
            run,
            submission: None,
            taken: false,
            joins: 0,
            journaled: None,
            refused: None,
            end: None,
            start_failure: None,
            failing: None,
            others: Vec::new(),
            foreign: false,
            first_line: None,
            position_in_journal: None,
            outlived: false,
            answered: None,
            heard,
            activities: [ActivityAttempts::default(), ActivityAttempts::default()],
        }
    }

    /// Its two ids; `None` until the server has answered the start.
    #[must_use]
    pub fn run_ids(&self) -> Option<Run> {
        Some(Run { workflow: self.workflow.clone(), run: self.run.clone()? })
    }

    /// When it began, as far as is known.
    #[must_use]
    pub fn begun(&self) -> UnixMillis {
        match &self.submission {
            Some(asked) if !asked.joined => asked.at,
            asked => self.first_line.or(asked.as_ref().map(|asked| asked.at)).unwrap_or(self.heard),
        }
    }

    /// What was ordered, where it is known.
    #[must_use]
    pub fn details(&self) -> Option<&OrderDetails> {
        let asked = |joined| self.submission.as_ref().filter(|asked| asked.joined == joined).map(|asked| &asked.terms);
        asked(false).or(self.journaled.as_ref()).or_else(|| asked(true))
    }

    #[must_use]
    pub const fn activity(&self, activity: Activity) -> &ActivityAttempts {
        &self.activities[activity as usize]
    }

    /// Takes in what the server says. An older answer never counts against a newer one.
    pub(in crate::app) fn on_description(&mut self, description: Description) {
        if Some(description.at) >= self.answered {
            (self.answered, self.failing) = (Some(description.at), description.failing);
            self.foreign |= !description.others.is_empty();
            self.others = description.others;
        }
        for pending in description.pending {
            self.activities[pending.activity as usize].on_report(description.at, pending);
        }
    }

    /// Nothing more will be reported of it. The end of an order of this program is still to come when only the journal
    /// has it.
    #[must_use]
    pub fn has_left(&self) -> bool {
        let ours = self.submission.is_some() || self.taken;
        self.end.is_some() || self.start_failure.is_some() || self.is_over() && !ours
    }

    /// Forgets what only the journal recorded.
    pub(in crate::app) fn forget_journal(&mut self) {
        self.activities.iter_mut().for_each(ActivityAttempts::forget_journal);
        (self.first_line, self.position_in_journal) = (None, None);
        (self.journaled, self.refused) = (None, None);
    }

    /// Another journal took the place of the one that is known.
    pub(in crate::app) fn outlive_journal(&mut self) {
        self.outlived |= self.is_journaled();
        self.forget_journal();
    }

    /// Nothing more will happen to it.
    #[must_use]
    pub fn is_over(&self) -> bool {
        let failed_for_good = |attempts: &ActivityAttempts| {
            let latest = attempts.latest(Closing::Open).and_then(|seen| seen.facts?.end.as_ref());
            matches!(latest, Some(AttemptEnd::Failed(failure)) if !failure.retryable)
        };
        self.end.is_some()
            || self.start_failure.is_some()
            || self.refused.is_some()
            || self.has_succeeded(Activity::SupplierOrder)
            || self.activities.iter().any(failed_for_good)
    }

    /// Whether the latest attempt succeeded. An earlier one may say so too, too late: Temporal had given it up.
    #[must_use]
    pub fn has_succeeded(&self, activity: Activity) -> bool {
        let latest = self.activity(activity).latest(Closing::Open).and_then(|seen| seen.facts);
        latest.is_some_and(crate::app::AttemptFacts::is_acknowledged)
    }

    pub(in crate::app) fn closing(&self, activity: Activity) -> Closing {
        let next_began = activity == Activity::UpdateInventory && !self.activity(Activity::SupplierOrder).is_empty();
        match &self.end {
            Some(RunEnd::Completed { .. }) => Closing::Succeeded,
            _ if next_began => Closing::Succeeded,
            _ if self.is_over() => Closing::Over,
            _ => Closing::Open,
        }
    }

    /// The attempts of an activity, oldest first.
    #[must_use]
    pub fn attempts(&self, activity: Activity) -> impl DoubleEndedIterator<Item = Seen<'_>> {
        self.activity(activity).seen(self.closing(activity))
    }

    /// What the server says of an activity; `None` where it is not asked for now, or the journal is ahead.
    #[must_use]
    pub fn pending(&self, activity: Activity) -> Option<&PendingActivity> {
        self.standing(activity).map(|(pending, _)| pending)
    }

    /// The same, and the attempt that runs or comes next.
    pub(in crate::app) fn standing(&self, activity: Activity) -> Option<(&PendingActivity, AttemptId)> {
        let (pending, at, place) = self.activity(activity).latest_report()?;
        let place = place?;
        let latest = self.activity(activity).latest(Closing::Open).map(|seen| seen.id());
        let is_behind = if pending.runs() { latest > Some(place) } else { latest >= Some(place) };
        let is_over = self.closing(activity) != Closing::Open || self.has_succeeded(activity);
        (!is_behind && !is_over && Some(at) >= self.answered).then_some((pending, place))
    }

    /// How many attempts the server allows; `None` where there is no limit, or none is known.
    #[must_use]
    pub fn maximum(&self, activity: Activity) -> Option<u32> {
        self.activity(activity).latest_report().map(|(pending, _, _)| pending.maximum).filter(|maximum| *maximum > 0)
    }

    /// Whether any line of the journal tells of it. Another program's worker leaves none.
    #[must_use]
    pub const fn is_journaled(&self) -> bool {
        self.first_line.is_some()
    }

    /// The activity that is at work, or was last.
    #[must_use]
    pub fn current(&self) -> Activity {
        if self.activity(Activity::SupplierOrder).is_empty() {
            Activity::UpdateInventory
        } else {
            Activity::SupplierOrder
        }
    }

    /// How often an effect is in the stock that this run repeated; 0 where it repeated none. A run that came before or
    /// after the repetition has no part in it.
    #[must_use]
    pub fn repeated(&self) -> u32 {
        self.activities.iter().map(ActivityAttempts::times).filter(|times| *times > 1).max().unwrap_or(0)
    }

    #[must_use]
    pub fn verdict(&self) -> OrderVerdict {
        let conflict = |code: &str| code == crate::store::StoreError::CONFLICT;
        match (&self.refused, &self.end) {
            (Some(refused), _) if conflict(&refused.code) => return OrderVerdict::Conflict,
            (Some(_), _) | (None, Some(RunEnd::Rejected { .. })) => return OrderVerdict::Rejected,
            (None, Some(RunEnd::Conflict { .. })) => return OrderVerdict::Conflict,
            _ => {}
        }
        match self.repeated() {
            0 => {}
            times => return OrderVerdict::Applied(times),
        }
        if self.activity(Activity::UpdateInventory).first_commit().is_some() {
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
            // The commit is in a journal that this one has replaced.
            (Some(AttemptState::Succeeded(Outcome::Applied)), _) if self.is_over() => OrderVerdict::Completed,
            // The outcome that the workflow reports says nothing about this stock.
            (_, Some(RunEnd::Completed { .. })) => OrderVerdict::Completed,
            (_, Some(RunEnd::Unknown)) => OrderVerdict::Unknown,
            (_, Some(_)) if self.is_unwatched() => OrderVerdict::Unknown,
            (_, Some(_)) => OrderVerdict::NoEffect,
            (_, None) if self.is_over() => OrderVerdict::NoEffect,
            (_, None) => OrderVerdict::Pending,
        }
    }

    /// An attempt at the stock was made of which no line of the journal tells.
    fn is_unwatched(&self) -> bool {
        let unwatched = |seen: Seen<'_>| seen.facts.is_none_or(|facts| !facts.is_journaled());
        let failed = matches!(self.end, Some(RunEnd::Failed { .. })) && !self.is_journaled();
        failed || self.attempts(Activity::UpdateInventory).any(unwatched)
    }

    /// The latest attempt that has failed or was lost, of the activity at work.
    #[must_use]
    pub fn last_trouble(&self) -> Option<(Activity, Seen<'_>)> {
        let is_trouble = |seen: &Seen<'_>| {
            !matches!(
                seen.state,
                AttemptState::Running | AttemptState::Done | AttemptState::Succeeded(_) | AttemptState::NotObserved
            )
        };
        let activity = self.current();
        self.attempts(activity).rev().find(is_trouble).map(|seen| (activity, seen))
    }
}
