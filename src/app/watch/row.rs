//! A row of the list of executions, and how often its execution is described.

use crate::domain::{ExecutionInfo, ExecutionReport, PendingActivity, PendingState, PendingTask, UnixMillis};

/// Milliseconds between two descriptions of rows of one kind.
#[derive(Debug, Clone, Copy)]
pub(super) struct Delays {
    /// While they report changes.
    changing: u64,
    /// The maximum while an activity or a workflow task is pending.
    pending: u64,
    /// The maximum while nothing is pending, so that an event has to come first.
    quiet: u64,
}

impl Delays {
    /// Of so many rows on the screen. If all of them are quiet, they cost about one request per second.
    pub(super) fn on_screen(rows: usize) -> Self {
        Self { changing: 1_000, pending: 4_000, quiet: all_in_turn(rows).clamp(4_000, 30_000) }
    }

    /// The same of other rows.
    pub(super) fn elsewhere(rows: usize) -> Self {
        Self { changing: 5_000, pending: 20_000, quiet: all_in_turn(rows).clamp(20_000, 180_000) }
    }
}

/// Milliseconds for so many requests, one per second.
fn all_in_turn(rows: usize) -> u64 {
    u64::try_from(rows).unwrap_or(u64::MAX).saturating_mul(1_000)
}

/// The part of this time that is left out if the program is awake anyway, so that requests come together.
const EARLY_PARTS: u64 = 8;

/// One row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecutionRow {
    /// The execution.
    pub info: ExecutionInfo,
    /// What its latest description reports; `None` before the first.
    pub attempts: Option<RowAttempts>,
    /// The page, and the position on it.
    pub(super) place: (usize, usize),
    /// When the server was last asked to describe it.
    pub(super) asked: UnixMillis,
    /// When a description last reported a change; before the first, when it was requested.
    pub(super) changed: UnixMillis,
}

/// The attempts of an execution in one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowAttempts {
    /// The time of the description.
    pub at: UnixMillis,
    /// Number of events in the history.
    pub events: u64,
    /// Number of pending activities.
    pub activities: usize,
    /// The pending activity with the most attempts; `None` if none is pending.
    pub worst: Option<PendingActivity>,
    /// The pending workflow task.
    pub task: Option<PendingTask>,
}

/// How urgently an execution needs attention. The first variant is the most urgent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Urgency {
    /// Its workflow task fails, so nothing goes on.
    TaskFails,
    /// One of its activities has failed and is retried.
    Retries,
    /// Nothing is known to be wrong.
    Normal,
}

/// What a description has changed in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RowChange {
    /// Nothing that the row shows.
    Nothing,
    /// What the row shows.
    Content,
    /// Its urgency, and so its place in the list.
    Urgency,
}

impl ExecutionRow {
    /// A row that was not described yet.
    pub(super) const fn new(info: ExecutionInfo, place: (usize, usize)) -> Self {
        Self { info, attempts: None, place, asked: UnixMillis(0), changed: UnixMillis(0) }
    }

    /// How urgently it needs attention.
    #[must_use]
    pub fn urgency(&self) -> Urgency {
        let Some(attempts) = self.attempts.as_ref().filter(|_| self.info.status.is_open()) else {
            return Urgency::Normal;
        };
        let is_retried = |pending: &PendingActivity| pending.attempt > 1 || pending.failure.is_some();
        if attempts.task.as_ref().is_some_and(|task| task.attempt > 1) {
            Urgency::TaskFails
        } else if attempts.worst.as_ref().is_some_and(is_retried) {
            Urgency::Retries
        } else {
            Urgency::Normal
        }
    }

    /// Whether it shows the same as a row with this information.
    pub(super) fn shows(&self, info: &ExecutionInfo) -> bool {
        let ExecutionInfo { run, workflow_type, status, closed, .. } = &self.info;
        (run, workflow_type, status, closed) == (&info.run, &info.workflow_type, &info.status, &info.closed)
    }

    /// The time of its next attempt, if it waits for one.
    #[must_use]
    pub fn next_attempt(&self) -> Option<UnixMillis> {
        let worst = self.attempts.as_ref()?.worst.as_ref().filter(|_| self.info.status.is_open())?;
        if worst.state == PendingState::Scheduled { worst.due() } else { None }
    }

    /// Applies a description.
    pub(super) fn on_report(&mut self, report: &ExecutionReport) -> RowChange {
        if self.attempts.as_ref().is_some_and(|attempts| attempts.at > report.at) {
            return RowChange::Nothing;
        }
        let pending = report.activities.iter().map(|activity| &activity.pending);
        let worst = pending.max_by_key(|pending| (pending.attempt, pending.failure.is_some()));
        let (activities, events) = (report.activities.len(), report.info.history_length);
        let before = self.urgency();
        let same_info = self.shows(&report.info);
        let same_attempts = self.attempts.as_ref().is_some_and(|attempts| {
            (attempts.activities, attempts.worst.as_ref(), &attempts.task) == (activities, worst, &report.task)
        });
        let same_events = self.attempts.as_ref().is_some_and(|attempts| attempts.events == events);
        if !(same_info && same_attempts && same_events) {
            self.changed = report.at;
        }
        self.info = report.info.clone();
        self.attempts =
            Some(RowAttempts { at: report.at, events, activities, worst: worst.cloned(), task: report.task.clone() });
        if self.urgency() != before {
            RowChange::Urgency
        } else if same_info && same_attempts {
            RowChange::Nothing
        } else {
            RowChange::Content
        }
    }

    /// A request to describe it is sent.
    pub(super) const fn on_request(&mut self, now: UnixMillis) {
        self.asked = now;
        if self.changed.0 == 0 {
            self.changed = now;
        }
    }

    /// When it is to be described again at the latest.
    pub(super) fn due(&self, delays: Delays) -> UnixMillis {
        UnixMillis(self.asked.0.saturating_add(self.delay(delays)))
    }

    /// The same at the earliest.
    pub(super) fn due_early(&self, delays: Delays) -> UnixMillis {
        let delay = self.delay(delays);
        let early = if delay > delays.changing { delay / EARLY_PARTS } else { 0 };
        UnixMillis(self.asked.0.saturating_add(delay - early))
    }

    /// Milliseconds from a description to the next: as long as no description has reported a change, within limits.
    fn delay(&self, Delays { changing, pending, quiet }: Delays) -> u64 {
        let unchanged = self.asked.0.saturating_sub(self.changed.0);
        let Some(attempts) = &self.attempts else { return unchanged.clamp(changing, quiet) };
        let Some(worst) = &attempts.worst else {
            let most = if attempts.task.is_some() { pending } else { quiet };
            return unchanged.clamp(changing, most);
        };
        match self.next_attempt() {
            // Until then, only an operation changes it.
            Some(due) if due > self.asked && attempts.activities == 1 => {
                due.0.saturating_sub(self.asked.0).clamp(changing, pending)
            }
            _ if self.urgency() == Urgency::Retries && worst.state != PendingState::Paused => changing,
            _ => unchanged.clamp(changing, pending),
        }
    }
}
