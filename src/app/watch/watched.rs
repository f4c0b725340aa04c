//! One execution of any workflow: the facts from its descriptions and its history. Everything else is derived.

use std::collections::BTreeMap;

use crate::{
    app::orders::{activity_record::LastAttempt, description::Description, execution::Execution},
    domain::{
        ActivityKey, EventKind, ExecutionInfo, ExecutionReport, ExecutionStatus, FailureReport, HistoryEvent, ItemEnd,
        PayloadContent, PendingActivity, PendingDetails, PendingTask, ReportedActivity, Run, RunEnd, RunResult,
        UnixMillis,
    },
};

use super::{
    items::Items,
    lane::Lane,
    message::{HistoryPage, WatchProblem},
};

/// An execution that is watched. All texts are sanitized.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watched {
    /// As it was requested. With an empty run id, the latest run is watched, and those that continue it.
    pub target: Run,
    /// The run that is shown. Its run id is empty until the server has reported it.
    run: Run,
    /// `None` until the server has described it.
    pub info: Option<ExecutionInfo>,
    /// The attempts of its activities.
    pub execution: Execution,
    /// The rest about its pending activities, by activity id.
    pub details: BTreeMap<String, PendingDetails>,
    /// Everything that is not an activity.
    pub items: Items,
    /// Its pending workflow task.
    pub task: Option<PendingTask>,
    /// The last failure of its workflow tasks, until one completes.
    pub task_failure: Option<TaskFailure>,
    /// How it began; `None` until the history is read.
    pub start: Option<Start>,
    /// How it ended.
    pub end: Option<End>,
    /// The last event of the history that was read.
    pub read: u64,
    /// Further events can be read at once.
    pub more: bool,
    /// Whether its history was read up to now once.
    caught_up: bool,
    /// Why the latest request for a description has no answer.
    pub problem: Option<WatchProblem>,
    /// Why the latest request for the history has no answer.
    pub history_problem: Option<WatchProblem>,
    /// The run that it continues, if that was shown before it.
    pub before: Option<Box<Self>>,
    /// Scheduling events of the activities that have not ended in the history.
    scheduled: BTreeMap<u64, ActivityKey>,
    /// Its lanes, in the order in which they began. Sorted when a fact has come, because a frame needs them often.
    order: Vec<LanePlace>,
}

/// Where the facts of a lane are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LanePlace {
    /// The activity at this position.
    Activity(usize),
    /// The item that this event began.
    Item(u64),
    /// The signals.
    Signals,
}

/// How an execution began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Start {
    /// The arguments.
    pub input: Vec<PayloadContent>,
    /// From 1; a higher number is a retry of the whole workflow.
    pub attempt: u32,
    /// The run that it continues.
    pub continued_from: Option<String>,
}

/// How an execution ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    /// The time.
    pub at: UnixMillis,
    /// The result.
    pub end: ItemEnd,
    /// The run that continues it.
    pub next_run: Option<String>,
}

/// The failure of a workflow task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskFailure {
    /// The time.
    pub at: UnixMillis,
    /// The server's name of the cause.
    pub cause: String,
    /// The failure; `None` after a timeout.
    pub failure: Option<FailureReport>,
    /// The identity of the worker; may be empty.
    pub worker: String,
}

impl Watched {
    /// An execution without any fact.
    #[must_use]
    pub fn new(target: Run, now: UnixMillis) -> Self {
        Self {
            execution: Execution::watched(target.clone(), now),
            run: target.clone(),
            target,
            info: None,
            details: BTreeMap::new(),
            items: Items::default(),
            task: None,
            task_failure: None,
            start: None,
            end: None,
            read: 0,
            more: false,
            caught_up: false,
            problem: None,
            history_problem: None,
            before: None,
            scheduled: BTreeMap::new(),
            order: Vec::new(),
        }
    }

    /// The run that continues it. `None` if it does not continue, or has not ended.
    #[must_use]
    pub fn next_run(&self) -> Option<Run> {
        let End { end, next_run, .. } = self.end.as_ref()?;
        // Only the history has its id; without it, the latest run is taken.
        let run = next_run.clone().or_else(|| (*end == ItemEnd::ContinuedAsNew).then(String::new))?;
        Some(Run { workflow: self.target.workflow.clone(), run })
    }

    /// Shows the run that continues it, unless a certain run was requested. Returns whether there is one.
    pub(super) fn follow(&mut self) -> bool {
        let Some((next, at)) = self.next_run().zip(self.end.as_ref().map(|end| end.at)) else { return false };
        if !self.target.run.is_empty() {
            return false;
        }
        let execution = Execution::watched(next.clone(), at);
        let next = Self { run: next, execution, ..Self::new(self.target.clone(), at) };
        let before = std::mem::replace(self, next);
        self.before = Some(Box::new(Self { before: None, ..before }));
        true
    }

    /// Whether a description can report anything new.
    #[must_use]
    pub fn wants_report(&self) -> bool {
        let is_open = self.info.as_ref().is_none_or(|info| info.status.is_open());
        is_open && !(self.end.is_some() && self.problem.is_some())
    }

    /// Whether its history can contain anything new, and can be read.
    #[must_use]
    pub fn wants_history(&self) -> bool {
        self.end.is_none() && self.reads_history() && !self.run().run.is_empty()
    }

    /// Whether nothing is pending, so that only an event of its history can change it.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        let waits = self.details.is_empty() && self.task.is_none() && !self.items.awaits_nexus();
        waits && self.info.is_some() && self.problem.is_none() && self.caught_up && !self.more && self.wants_history()
    }

    /// The run that is shown. Its run id is empty until the server has reported it.
    #[must_use]
    pub const fn run(&self) -> &Run {
        &self.run
    }

    /// Whether an answer about this run is about it.
    #[must_use]
    pub fn is_about(&self, run: &Run) -> bool {
        run == self.run() || *run == self.target && self.before.is_none()
    }

    /// Whether it has ended, by the history or by a description.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.end.is_some() || self.info.as_ref().is_some_and(|info| !info.status.is_open())
    }

    /// Whether its workflow task has failed and is retried, so that nothing else can go on.
    #[must_use]
    pub fn task_fails(&self) -> bool {
        !self.is_over() && self.task.as_ref().is_some_and(|task| task.attempt > 1)
    }

    /// Whether its history was read up to now once, or cannot be read.
    #[must_use]
    pub fn is_caught_up(&self) -> bool {
        self.caught_up || !self.reads_history()
    }

    /// Whether its history can be read, so that the start and the end of an activity come from there.
    #[must_use]
    pub fn reads_history(&self) -> bool {
        !self.history_problem.as_ref().is_some_and(WatchProblem::is_final)
    }

    /// Whether it has ended and nothing is left to read.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.is_over() && !self.wants_history()
    }

    /// Its lanes, in the order in which they began.
    #[must_use]
    pub fn lanes(&self) -> Vec<Lane<'_>> {
        let lane = |place: &LanePlace| match place {
            LanePlace::Activity(index) => self.execution.activities().nth(*index).map(Lane::Activity),
            LanePlace::Signals => Some(Lane::Signals(self.items.signals())),
            LanePlace::Item(event) => self.items.get(*event).map(Lane::Item),
        };
        self.order.iter().filter_map(lane).collect()
    }

    fn sort_lanes(&mut self) {
        let activities = self.execution.activities().enumerate();
        let activities = activities.map(|(index, activity)| (LanePlace::Activity(index), Lane::Activity(activity)));
        let items = self.items.iter().map(|item| (LanePlace::Item(item.event), Lane::Item(item)));
        let signals = Some(self.items.signals()).filter(|signals| signals.total() > 0);
        let signals = signals.map(|signals| (LanePlace::Signals, Lane::Signals(signals)));
        let mut lanes: Vec<_> =
            activities.chain(items).chain(signals).map(|(place, lane)| (lane.order(), place)).collect();
        lanes.sort_by_key(|(order, _)| *order);
        self.order = lanes.into_iter().map(|(_, place)| place).collect();
    }

    /// The server's latest report about an activity that is pending, and the rest about it.
    #[must_use]
    pub fn pending<'a>(&'a self, lane: Lane<'a>) -> Option<(&'a PendingActivity, &'a PendingDetails)> {
        let Lane::Activity(activity) = lane else { return None };
        let details = self.details.get(activity.key().id.as_deref()?)?;
        let (pending, ..) = activity.latest_report()?;
        (!self.is_over()).then_some((pending, details))
    }

    /// Whether an attempt of this lane, or the lane as a whole, has failed.
    #[must_use]
    pub fn has_failed(&self, lane: Lane<'_>) -> bool {
        match lane {
            Lane::Activity(activity) => {
                let attempts = self.execution.attempts_of(activity);
                attempts.filter_map(|seen| seen.facts).any(|facts| facts.reported_failure().is_some())
            }
            Lane::Signals(_) => false,
            Lane::Item(item) => {
                matches!(item.end, Some((_, ItemEnd::Failed(_) | ItemEnd::TimedOut(_))))
            }
        }
    }

    /// Applies the answer to a request for a description. Returns whether it changes anything.
    pub(super) fn on_description(&mut self, answer: Result<Box<ExecutionReport>, WatchProblem>) -> bool {
        match answer {
            Ok(report) => {
                let changes = self.problem.is_some() || !self.is_as_reported(&report);
                self.on_report(*report);
                changes
            }
            Err(problem) => self.problem.replace(problem) != self.problem,
        }
    }

    /// Whether a description reports what is known. Its time is not shown.
    fn is_as_reported(&self, report: &ExecutionReport) -> bool {
        let is_known = |activity: &ReportedActivity| {
            let mut known = self.execution.activities().filter_map(|known| self.pending(known.into()));
            known.any(|(pending, details)| *pending == activity.pending && *details == activity.details)
        };
        self.info.as_ref() == Some(&report.info)
            && self.task == report.task
            && self.details.len() == report.activities.len()
            && report.activities.iter().all(is_known)
            && self.items.are_pending(&report.nexus)
    }

    /// Applies a description.
    pub fn on_report(&mut self, report: ExecutionReport) {
        let ExecutionReport { at, info, activities, nexus, task } = report;
        self.problem = None;
        let open = info.status.is_open();
        if Some(at) < self.execution.answered {
            // An older answer reports attempts only; the rest has changed since.
            let pending = activities.into_iter().map(|activity| activity.pending).collect();
            self.execution.on_description(Description { at, open, pending, failing: None, others: Vec::new() });
            return self.sort_lanes();
        }
        self.execution.run = Some(info.run.run.clone());
        self.execution.events = info.history_length;
        self.execution.first_seen = self.execution.first_seen.min(info.started);
        self.task = task.filter(|_| open);
        self.items.on_pending_nexus(&nexus);
        self.run.clone_from(&info.run);
        self.info = Some(info);
        self.compare_with_length();
        self.details.clear();
        let mut pending = Vec::with_capacity(activities.len());
        for activity in activities {
            let id = activity.pending.id.clone();
            let key = ActivityKey { activity: activity.pending.activity.clone(), id: Some(id.as_str().into()) };
            let details = activity.details;
            self.execution.change_record(key, |record| {
                record.expires = details.expires;
                record.heartbeat = details.heartbeat.as_ref().and_then(|heartbeat| heartbeat.at);
                if details.options.is_some() {
                    record.options.clone_from(&details.options);
                }
            });
            self.details.insert(id, details);
            pending.push(activity.pending);
        }
        let description = Description { at, open, pending, failing: None, others: Vec::new() };
        self.execution.on_description(description);
        self.end_by_status();
        self.sort_lanes();
    }

    /// The history could not be read.
    pub(super) fn on_history_problem(&mut self, problem: WatchProblem) {
        self.history_problem = Some(problem);
        self.end_by_status();
    }

    /// Takes the end from the description if the history, which records it, cannot be read.
    fn end_by_status(&mut self) {
        let Some(info) = self.info.as_ref().filter(|_| self.end.is_none() && !self.reads_history()) else { return };
        let Some(end) = end_by_status(info.status) else { return };
        let at = info.closed.unwrap_or(info.started);
        self.execution.end = Some(run_end(&end));
        self.end = Some(End { at, end, next_run: None });
    }

    /// Applies the answer to a request for its history. Returns whether it changes anything.
    pub(super) fn on_history_answer(&mut self, answer: Result<HistoryPage, WatchProblem>) -> bool {
        let state = |watched: &Self| (watched.read, watched.more, watched.caught_up);
        let (before, problem) = (state(self), self.history_problem.take());
        match answer {
            Ok(page) => self.on_history(page),
            Err(problem) => self.on_history_problem(problem),
        }
        (before, problem) != (state(self), self.history_problem.clone())
    }

    /// Applies those events of the history that are new.
    pub fn on_history(&mut self, page: HistoryPage) {
        self.history_problem = None;
        for event in page.events {
            if event.id > self.read {
                self.read = event.id;
                self.on_event(&event);
            }
        }
        self.caught_up |= !page.more;
        self.compare_with_length();
        self.sort_lanes();
    }

    /// The history was read up to now if it was as long as the latest description says.
    fn compare_with_length(&mut self) {
        let Some(info) = &self.info else { return };
        self.more = self.read < info.history_length;
        self.caught_up |= !self.more;
    }

    fn on_event(&mut self, event: &HistoryEvent) {
        self.items.apply(event);
        let at = event.at;
        match event.kind.clone() {
            EventKind::Started { input, attempt, continued_from, .. } => {
                self.execution.first_seen = at;
                self.start = Some(Start { input, attempt, continued_from });
            }
            EventKind::TaskCompleted { .. } => self.task_failure = None,
            EventKind::TaskFailed { cause, failure, worker } => {
                self.task_failure = Some(TaskFailure { at, cause, failure: Some(failure), worker });
            }
            EventKind::TaskTimedOut { timeout } => {
                let cause = format!("{timeout} timeout");
                self.task_failure = Some(TaskFailure { at, cause, failure: None, worker: String::new() });
            }
            EventKind::ActivityScheduled { id, activity, options, input } => {
                let key = ActivityKey { activity, id: Some(id.into()) };
                self.scheduled.insert(event.id, key.clone());
                self.execution.change_record(key, |record| {
                    (record.scheduled, record.scheduling_event) = (Some(at), Some(event.id));
                    record.options.get_or_insert(options);
                    record.input = input;
                });
            }
            EventKind::ActivityStarted { scheduled, attempt: number, worker, failure: failure_before } => {
                let Some(key) = self.scheduled.get(&scheduled).cloned() else { return };
                let last = LastAttempt { number, started: at, worker, failure_before };
                self.execution.change_record(key, |record| record.last = Some(last));
            }
            EventKind::ActivityCancelRequested { scheduled } => {
                let Some(key) = self.scheduled.get(&scheduled).cloned() else { return };
                self.execution.change_record(key, |record| record.cancel_requested = Some(at));
            }
            EventKind::ActivityEnded { scheduled, end } => {
                let Some(key) = self.scheduled.remove(&scheduled) else { return };
                self.execution.change_record(key, |record| record.end = Some((at, end)));
            }
            EventKind::Ended { end, next_run } => {
                self.execution.end = Some(run_end(&end));
                self.end = Some(End { at, end, next_run });
            }
            _ => {}
        }
    }
}

/// The end by the status alone; `None` if it has not ended.
fn end_by_status(status: ExecutionStatus) -> Option<ItemEnd> {
    let unknown = || FailureReport {
        code: String::new(),
        message: "the reason is in the history, which cannot be read".to_owned(),
        retryable: false,
        causes: Vec::new(),
    };
    match status {
        ExecutionStatus::Running | ExecutionStatus::Paused => None,
        ExecutionStatus::Completed => Some(ItemEnd::Completed { result: Vec::new() }),
        ExecutionStatus::Failed => Some(ItemEnd::Failed(unknown())),
        ExecutionStatus::TimedOut => Some(ItemEnd::TimedOut(unknown())),
        ExecutionStatus::Cancelled => Some(ItemEnd::Cancelled),
        ExecutionStatus::Terminated => Some(ItemEnd::Terminated { reason: String::new() }),
        ExecutionStatus::ContinuedAsNew => Some(ItemEnd::ContinuedAsNew),
    }
}

/// The end as the drawing of attempts needs it.
fn run_end(end: &ItemEnd) -> RunEnd {
    match end {
        ItemEnd::Completed { .. } | ItemEnd::ContinuedAsNew => RunEnd::Completed { result: RunResult::None },
        ItemEnd::Failed(failure) => RunEnd::Failed { message: failure.message.clone() },
        ItemEnd::TimedOut(_) => RunEnd::TimedOut,
        ItemEnd::Cancelled => RunEnd::Cancelled,
        ItemEnd::Terminated { .. } => RunEnd::Terminated,
    }
}
