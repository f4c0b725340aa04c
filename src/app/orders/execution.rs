//! One workflow run: facts from the journal and from the server's answers, in separate fields. Everything else is derived, so
//! the order of arrival does not matter.

use std::{collections::BTreeSet, sync::Arc};

use crate::{
    domain::{Activity, ActivityKey, Guard, PendingActivity, ProductId, Run, RunEnd, ShipmentId, UnixMillis},
    faults::FaultPlan,
};

use super::{
    activities::Activities,
    activity_attempts::{ActivityAttempts, ActivityState, AttemptView},
    activity_record::ActivityRecord,
    attempt::{AttemptEnd, AttemptState},
    attempt_id::AttemptId,
    description::{Description, FailingTask},
};

/// A start that this dashboard requested.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submission {
    /// The ticket of the start.
    pub ticket: u64,
    /// The time of the request.
    pub at: UnixMillis,
    /// What was ordered.
    pub details: OrderDetails,
    /// The fault plan of the start.
    pub faults: Arc<FaultPlan>,
    /// The start joined a run of an earlier start.
    pub joined: bool,
}

/// The product, quantity and guard of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderDetails {
    /// The product.
    pub product: ProductId,
    /// Units of the product.
    pub quantity: i64,
    /// How repetitions are recognised.
    pub guard: Guard,
}

/// Why the rules rejected an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectionReason {
    /// The type of the application failure.
    pub code: String,
    /// The message of the failure.
    pub message: String,
}

/// The first journal record about an order. Sorted as the journal is, even if a clock went back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct JournalPosition {
    /// The latest time in the journal up to that record.
    pub at: UnixMillis,
    /// Its sequence number.
    pub seq: u64,
}

/// One workflow run. All texts are sanitized.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Execution {
    /// The order id.
    pub order: String,
    /// The workflow id.
    pub workflow: String,
    /// The run id; `None` until the server has answered the start.
    pub run: Option<String>,
    /// The start request of this dashboard that created or joined this run.
    pub submission: Option<Submission>,
    /// The server reported that it accepted a start of this run.
    pub accepted: bool,
    /// Starts of the same workflow id that joined this run.
    pub joins: u32,
    /// As the journal records them; `None` before the first effect.
    pub journaled: Option<OrderDetails>,
    /// Why the rules rejected the order.
    pub rejection: Option<RejectionReason>,
    /// How the run ended.
    pub end: Option<RunEnd>,
    /// Why the server did not accept the start.
    pub start_failure: Option<String>,
    /// The failing workflow task in the server's latest answer.
    pub failing: Option<FailingTask>,
    /// Time of the first journal record about it.
    pub first_line: Option<UnixMillis>,
    /// Position of its first record in the journal.
    pub position_in_journal: Option<JournalPosition>,
    /// The journal that recorded part of it was replaced by another one.
    pub outlived: bool,
    /// Time of the server's latest answer about it.
    pub answered: Option<UnixMillis>,
    /// Events of its history at the time of that answer, if it is watched.
    pub events: u64,
    /// First sighting; fallback sort key.
    pub first_seen: UnixMillis,
    /// It is watched as an execution of any workflow: no activity has a role in an order.
    pub watched: bool,
    pub(super) activities: Activities,
    /// The tries of the relay to send its supplier order; `None` if it has not begun.
    pub(super) relay: Option<Box<ActivityAttempts>>,
}

/// The effect of an order on the stock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrderVerdict {
    /// It has not ended, and has had no effect.
    Pending,
    /// The effect is in the stock, but Temporal does not know it yet: the crash window.
    Unconfirmed,
    /// The effect is in the stock, once.
    AppliedOnce,
    /// The ledger had its key; nothing changed.
    Replayed,
    /// The `last-order` guard took it for the last order; nothing changed.
    Skipped,
    /// The rules do not allow it.
    Rejected,
    /// Its key is recorded with another payload.
    Conflict,
    /// Applied this many times, which must never happen.
    Applied(u32),
    /// Applied once, but the supplier made this many shipments for it.
    Shipped(u32),
    /// Applied once; its supplier order is in the outbox.
    OnOrder,
    /// Applied once, but the supplier refused its supplier order.
    NotSupplied,
    /// Completed by another program's worker; its effect is not known.
    Completed,
    /// It ended without an effect.
    NoEffect,
    /// It ended, and its effect cannot be known: another program's worker or server handled it.
    Unknown,
}

impl Execution {
    /// A run without any fact.
    #[must_use]
    pub fn new(order: String, workflow: String, run: Option<String>, first_seen: UnixMillis) -> Self {
        Self {
            order,
            workflow,
            run,
            submission: None,
            accepted: false,
            joins: 0,
            journaled: None,
            rejection: None,
            end: None,
            start_failure: None,
            failing: None,
            first_line: None,
            position_in_journal: None,
            outlived: false,
            answered: None,
            events: 0,
            first_seen,
            watched: false,
            activities: Activities::default(),
            relay: None,
        }
    }

    /// An execution of any workflow, without any fact.
    #[must_use]
    pub fn watched(run: Run, first_seen: UnixMillis) -> Self {
        let Run { workflow, run } = run;
        Self { watched: true, accepted: true, ..Self::new(workflow.clone(), workflow, Some(run), first_seen) }
    }

    /// Its two ids; `None` until the server has answered the start.
    #[must_use]
    pub fn run_ids(&self) -> Option<Run> {
        Some(Run { workflow: self.workflow.clone(), run: self.run.clone()? })
    }

    /// The time of its start, as far as it is known.
    #[must_use]
    pub fn begun(&self) -> UnixMillis {
        match &self.submission {
            Some(asked) if !asked.joined => asked.at,
            asked => self.first_line.or(asked.as_ref().map(|asked| asked.at)).unwrap_or(self.first_seen),
        }
    }

    /// The details of the order, if they are known.
    #[must_use]
    pub fn details(&self) -> Option<&OrderDetails> {
        let asked =
            |joined| self.submission.as_ref().filter(|asked| asked.joined == joined).map(|asked| &asked.details);
        asked(false).or(self.journaled.as_ref()).or_else(|| asked(true))
    }

    /// All activities that the journal or the server has reported, of any workflow.
    pub fn activities(&self) -> impl Iterator<Item = &ActivityAttempts> {
        self.activities.iter()
    }

    /// Both activities of the Inventory Workflow, in its order; empty if nothing is known of them.
    #[must_use]
    pub fn order_activities(&self) -> [&ActivityAttempts; Activity::ALL.len()] {
        Activity::ALL.map(|activity| self.activity(activity))
    }

    /// An activity of the Inventory Workflow; empty if nothing is known of it.
    #[must_use]
    pub fn activity(&self, activity: Activity) -> &ActivityAttempts {
        self.activities.first(activity)
    }

    /// Which activity of the Inventory Workflow this is; `None` for any other. Another program's workflow may run an activity
    /// of ours more than once; only the first is ours.
    #[must_use]
    pub fn role(&self, activity: &ActivityAttempts) -> Option<Activity> {
        let ours = activity.key().activity.ours().filter(|_| !self.watched);
        ours.filter(|ours| self.activity(*ours).key() == activity.key())
    }

    fn foreign_activities(&self) -> impl Iterator<Item = &ActivityAttempts> {
        self.activities().filter(|activity| self.role(activity).is_none())
    }

    /// Whether it has had activities of another program's workflow, so its next step is not known here.
    #[must_use]
    pub fn is_foreign(&self) -> bool {
        self.foreign_activities().next().is_some()
    }

    /// Such activities in the server's latest answer.
    pub(super) fn pending_foreign(&self) -> impl Iterator<Item = &PendingActivity> {
        self.foreign_activities().filter_map(|activity| self.pending_of(activity))
    }

    /// Changes what the history says about one of its activities.
    pub fn change_record(&mut self, key: ActivityKey, change: impl FnOnce(&mut ActivityRecord)) {
        self.activities.change_record(key, change);
    }

    /// Number of activities that were dropped to keep memory bounded.
    #[must_use]
    pub const fn dropped_activities(&self) -> u64 {
        self.activities.dropped()
    }

    /// Applies the server's description. An older one never replaces a newer one.
    pub fn on_description(&mut self, description: Description) {
        if Some(description.at) >= self.answered {
            (self.answered, self.failing) = (Some(description.at), description.failing);
        }
        self.activities.on_reports(description.at, description.pending);
    }

    /// Whether no further report about it is expected. An order that this program started still owes its end if only the
    /// journal shows that it has ended.
    #[must_use]
    pub fn has_left(&self) -> bool {
        let ours = self.submission.is_some() || self.accepted;
        self.end.is_some() || self.start_failure.is_some() || self.is_over() && !ours
    }

    /// Forgets what only the journal recorded.
    pub(super) fn forget_journal(&mut self) {
        self.activities.forget_journal();
        self.relay = None;
        (self.first_line, self.position_in_journal) = (None, None);
        (self.journaled, self.rejection) = (None, None);
    }

    /// The journal was replaced by another one.
    pub(super) fn outlive_journal(&mut self) {
        self.outlived |= self.is_journaled();
        self.forget_journal();
    }

    /// Whether it has ended.
    #[must_use]
    pub fn is_over(&self) -> bool {
        let failed_for_good = |attempts: &ActivityAttempts| {
            let latest = attempts.latest(ActivityState::Open).and_then(|seen| seen.facts?.end.as_ref());
            matches!(latest, Some(AttemptEnd::Failed(failure)) if !failure.retryable)
        };
        self.end.is_some()
            || self.start_failure.is_some()
            || self.rejection.is_some()
            // Another program's workflow may handle the failure and go on.
            || !self.watched
                && (self.has_succeeded(Activity::SupplierOrder) || self.activities.iter().any(failed_for_good))
    }

    /// Whether the latest attempt succeeded. The success of an earlier one came too late: Temporal had given it up.
    #[must_use]
    pub fn has_succeeded(&self, activity: Activity) -> bool {
        is_acknowledged(self.activity(activity).latest(ActivityState::Open))
    }

    /// The state of any of its activities.
    pub(super) fn state_of(&self, activity: &ActivityAttempts) -> ActivityState {
        match self.role(activity) {
            Some(role) => self.order_activity_state(role),
            None if self.is_relay(activity) => self.relay_state(),
            None => self.foreign_activity_state(activity),
        }
    }

    fn foreign_activity_state(&self, activity: &ActivityAttempts) -> ActivityState {
        if let Some(record) = activity.activity_record().filter(|record| record.end.is_some()) {
            return if record.has_succeeded() { ActivityState::Succeeded } else { ActivityState::Over };
        }
        // A description that is older than the scheduling of an activity does not list it. Their times are not compared,
        // because that of the answer is by this machine's clock.
        let is_new = activity.latest_report().is_none()
            && activity.activity_record().is_some_and(|record| record.scheduling_event > Some(self.events));
        let is_listed = is_new || activity.latest_report().is_some_and(|(_, at, _)| Some(at) >= self.answered);
        match &self.end {
            None if is_listed => ActivityState::Open,
            Some(RunEnd::Completed { .. }) | None => ActivityState::Closed,
            Some(_) if is_listed => ActivityState::Over,
            Some(_) => ActivityState::Closed,
        }
    }

    fn order_activity_state(&self, activity: Activity) -> ActivityState {
        let next_began = activity == Activity::UpdateInventory && !self.activity(Activity::SupplierOrder).is_empty();
        match &self.end {
            Some(RunEnd::Completed { .. }) => ActivityState::Succeeded,
            _ if next_began => ActivityState::Succeeded,
            _ if self.is_over() => ActivityState::Over,
            _ => ActivityState::Open,
        }
    }

    /// The attempts of an activity of the Inventory Workflow, oldest first.
    #[must_use]
    pub fn attempts(&self, activity: Activity) -> impl DoubleEndedIterator<Item = AttemptView<'_>> {
        self.attempts_of(self.activity(activity))
    }

    /// The attempts of any of its activities, oldest first.
    #[must_use]
    pub fn attempts_of<'a>(
        &self,
        activity: &'a ActivityAttempts,
    ) -> impl DoubleEndedIterator<Item = AttemptView<'a>> + use<'a> {
        activity.views(self.state_of(activity))
    }

    /// The server's report about an activity of the Inventory Workflow; `None` if there is none, or the journal is ahead of it.
    #[must_use]
    pub fn pending(&self, activity: Activity) -> Option<&PendingActivity> {
        self.pending_of(self.activity(activity))
    }

    /// The same about any of its activities.
    #[must_use]
    pub fn pending_of<'a>(&self, activity: &'a ActivityAttempts) -> Option<&'a PendingActivity> {
        self.pending_attempt(activity).map(|(pending, _)| pending)
    }

    /// The same, with the attempt that runs or comes next.
    pub(super) fn pending_attempt<'a>(
        &self,
        activity: &'a ActivityAttempts,
    ) -> Option<(&'a PendingActivity, AttemptId)> {
        let (pending, at, id) = activity.latest_report()?;
        let id = id?;
        let latest = activity.latest(ActivityState::Open);
        let latest_id = latest.map(|seen| seen.id());
        let is_behind = if pending.runs() { latest_id > Some(id) } else { latest_id >= Some(id) };
        let is_over = self.state_of(activity) != ActivityState::Open || is_acknowledged(latest);
        (!is_behind && !is_over && Some(at) >= self.answered).then_some((pending, id))
    }

    /// Whether one of its attempts may run now, or comes next. The Inventory Workflow runs one activity at a time.
    #[must_use]
    pub fn is_at_work(&self, activity: &ActivityAttempts) -> bool {
        match self.role(activity) {
            Some(role) => !self.is_over() && self.current() == role,
            None => self.state_of(activity) == ActivityState::Open,
        }
    }

    /// Whether the journal records anything about it. Another program's worker writes no records.
    #[must_use]
    pub const fn is_journaled(&self) -> bool {
        self.first_line.is_some()
    }

    /// The activity that runs, or ran last.
    #[must_use]
    pub fn current(&self) -> Activity {
        if self.activity(Activity::SupplierOrder).is_empty() {
            Activity::UpdateInventory
        } else {
            Activity::SupplierOrder
        }
    }

    /// How often an effect that this run repeated is in the stock; 0 if it repeated none.
    #[must_use]
    pub fn repeated(&self) -> u32 {
        self.activities.iter().map(ActivityAttempts::times).filter(|times| *times > 1).max().unwrap_or(0)
    }

    /// Its effect on the stock.
    #[must_use]
    pub fn verdict(&self) -> OrderVerdict {
        let conflict = |code: &str| code == crate::store::StoreError::CONFLICT;
        match (&self.rejection, &self.end) {
            (Some(reason), _) if conflict(&reason.code) => return OrderVerdict::Conflict,
            (Some(_), _) | (None, Some(RunEnd::Rejected { .. })) => return OrderVerdict::Rejected,
            (None, Some(RunEnd::Conflict { .. })) => return OrderVerdict::Conflict,
            _ => {}
        }
        match self.repeated() {
            0 => {}
            times => return OrderVerdict::Applied(times),
        }
        if self.is_over() {
            let shipments = u32::try_from(self.shipments().len()).unwrap_or(u32::MAX);
            if shipments > 1 {
                return OrderVerdict::Shipped(shipments);
            }
        }
        if self.activity(Activity::UpdateInventory).first_commit().is_some() {
            let acknowledged = self.is_over() || self.has_succeeded(Activity::UpdateInventory);
            return match self.on_order() {
                _ if !acknowledged => OrderVerdict::Unconfirmed,
                Some(_) => OrderVerdict::OnOrder,
                None if self.is_refused_by_supplier() => OrderVerdict::NotSupplied,
                None => OrderVerdict::AppliedOnce,
            };
        }
        self.verdict_without_commit()
    }

    /// The shipments that the supplier made for its attempts, each once.
    #[must_use]
    pub fn shipments(&self) -> BTreeSet<&ShipmentId> {
        let relay = self.relay.as_deref().into_iter().flat_map(|relay| self.attempts_of(relay));
        let facts = self.attempts(Activity::SupplierOrder).chain(relay).filter_map(|seen| seen.facts);
        facts.filter_map(|facts| Some(&facts.shipped.as_ref()?.shipment)).collect()
    }

    fn verdict_without_commit(&self) -> OrderVerdict {
        use crate::store::CommitOutcome;
        let latest = self.attempts(Activity::UpdateInventory).next_back().map(|seen| seen.state);
        match (latest, &self.end) {
            (Some(AttemptState::Succeeded(CommitOutcome::Replayed)), _) => OrderVerdict::Replayed,
            (Some(AttemptState::Succeeded(CommitOutcome::Skipped)), _) => OrderVerdict::Skipped,
            // The commit is in a journal that was replaced.
            (Some(AttemptState::Succeeded(CommitOutcome::Applied)), _) if self.is_over() => OrderVerdict::Completed,
            // The workflow's result says nothing about this stock.
            (_, Some(RunEnd::Completed { .. })) => OrderVerdict::Completed,
            (_, Some(RunEnd::Unknown)) => OrderVerdict::Unknown,
            (_, Some(_)) if self.is_unwatched() => OrderVerdict::Unknown,
            (_, Some(_)) => OrderVerdict::NoEffect,
            (_, None) if self.is_over() => OrderVerdict::NoEffect,
            (_, None) => OrderVerdict::Pending,
        }
    }

    /// At least one update attempt left no journal record.
    fn is_unwatched(&self) -> bool {
        let unwatched = |seen: AttemptView<'_>| seen.facts.is_none_or(|facts| !facts.is_journaled());
        let failed = matches!(self.end, Some(RunEnd::Failed { .. })) && !self.is_journaled();
        failed || self.attempts(Activity::UpdateInventory).any(unwatched)
    }

    /// The latest attempt of the current activity that has failed or was lost.
    #[must_use]
    pub fn last_trouble(&self) -> Option<(Activity, AttemptView<'_>)> {
        let is_trouble = |seen: &AttemptView<'_>| {
            !matches!(
                seen.state,
                AttemptState::Running
                    | AttemptState::Done
                    | AttemptState::Ended
                    | AttemptState::Succeeded(_)
                    | AttemptState::NotObserved
            )
        };
        let activity = self.current();
        self.attempts(activity).rev().find(is_trouble).map(|seen| (activity, seen))
    }
}

fn is_acknowledged(seen: Option<AttemptView<'_>>) -> bool {
    seen.and_then(|seen| seen.facts).is_some_and(crate::app::AttemptFacts::is_acknowledged)
}
