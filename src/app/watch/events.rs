//! What has happened to a watched execution since the last look, as events in the order of time. `watch --plain` and
//! `--json` print them.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use crate::{
    app::orders::{
        activity_attempts::{ActivityAttempts, AttemptView},
        attempt::{AttemptFacts, AttemptState, Failure},
        attempt_id::AttemptId,
        observed_wait::ObservedWait,
    },
    domain::{ActivityKey, PendingActivity, PendingState, TimeoutKind, UnixMillis},
};

use super::{
    advice::{Certainty, RetriesEnded},
    event::{ActivityName, AttemptNumber, AttemptWait, PlannedWait, WatchEvent, WatchEventKind},
    items::{Item, ItemKind},
    lane::Lane,
    watched::Watched,
};

/// What was reported about an activity.
#[derive(Debug, Clone, Default)]
struct Reported {
    scheduled: bool,
    /// The latest attempt that has begun.
    started: Option<AttemptId>,
    /// The latest attempt that has ended.
    ended: Option<AttemptId>,
    /// The attempt that was waited for, and its due time.
    waiting: Option<(u32, UnixMillis)>,
    /// Paused or asked to cancel.
    state: Option<PendingState>,
    closed: bool,
}

/// What was reported about an item.
#[derive(Debug, Clone, Copy, Default)]
struct ReportedItem {
    /// The latest attempt that has failed.
    failed: u32,
    ended: bool,
}

/// Finds what has changed in one execution.
#[derive(Debug, Clone, Default)]
pub struct EventFinder {
    run: Option<String>,
    activities: HashMap<ActivityKey, Reported>,
    items: BTreeMap<u64, ReportedItem>,
    task_attempt: u32,
    ended: bool,
}

impl EventFinder {
    /// The events since the last call, in the order of time. Nothing before the history is read up to now, so that the
    /// first events are in order too.
    pub fn find(&mut self, watched: &Watched, now: UnixMillis) -> Vec<WatchEvent> {
        let Some(info) = &watched.info else { return Vec::new() };
        if !watched.is_caught_up() {
            return Vec::new();
        }
        let mut found = Vec::new();
        if self.run.as_ref() != Some(&info.run.run) {
            *self = Self { run: Some(info.run.run.clone()), ..Self::default() };
            let (workflow_type, task_queue) = (info.workflow_type.clone(), info.task_queue.clone());
            let input = watched.start.as_ref().map(|start| start.input.clone()).unwrap_or_default();
            let kind = WatchEventKind::Found { workflow_type, task_queue, status: info.status, input };
            found.push((info.started, kind));
            // Those that are dropped later are reported before.
            let lanes = watched.dropped_lanes();
            found.extend((lanes > 0).then_some((info.started, WatchEventKind::NotKept { lanes })));
        }
        let mut activities: Vec<_> = watched.execution.activities().collect();
        activities.sort_by_key(|activity| Lane::Activity(activity).order());
        for activity in activities {
            let reported = self.activities.entry(activity.key().clone()).or_default();
            Changes { watched, activity, now, found: &mut found }.find(reported);
        }
        self.find_items(watched, now, &mut found);
        self.find_task(watched, now, &mut found);
        if let Some(end) = watched.end.as_ref().filter(|_| !self.ended) {
            self.ended = true;
            // The time of a change that was only noticed is that of the look, which comes after the end.
            for (at, _) in &mut found {
                *at = (*at).min(end.at);
            }
            found.push((end.at, WatchEventKind::Ended { end: end.end.clone(), next_run: end.next_run.clone() }));
        }
        found.sort_by_key(|(at, _)| *at);
        let (workflow, run) = (&info.run.workflow, &info.run.run);
        let event = |(at, kind)| WatchEvent { at, workflow: workflow.clone(), run: run.clone(), kind };
        found.into_iter().map(event).collect()
    }

    /// Whether the end of the execution was reported.
    #[must_use]
    pub const fn has_ended(&self) -> bool {
        self.ended
    }

    fn find_items(&mut self, watched: &Watched, now: UnixMillis, found: &mut Vec<(UnixMillis, WatchEventKind)>) {
        // An item that was dropped does not come again.
        self.items.retain(|event, _| watched.items.get(*event).is_some());
        for item in watched.items.iter().chain(watched.items.signals().iter()) {
            let (kind, name) = named(item);
            let is_new = !self.items.contains_key(&item.event);
            let has_duration = !matches!(item.kind, ItemKind::Signal { .. } | ItemKind::CancelRequest { .. });
            if is_new {
                found.push((item.from, began(item, kind, name.clone())));
            }
            let reported = self.items.entry(item.event).or_default();
            if let Some((attempt, failure, pending)) =
                item.failed_attempt().filter(|(failed, ..)| *failed > reported.failed)
            {
                reported.failed = attempt;
                let (due, failure) = (pending.next, failure.into());
                let failed =
                    WatchEventKind::ItemAttemptFailed { item: kind, name: name.clone(), attempt, due, failure };
                found.push((pending.completed.unwrap_or(now), failed));
            }
            let had_ended = std::mem::replace(&mut reported.ended, item.end.is_some());
            if let Some((at, end)) = item.end.as_ref().filter(|_| !had_ended && has_duration) {
                let attempts = if let ItemKind::LocalActivity { attempts, .. } = item.kind { attempts } else { 0 };
                let (took, end) = (at.since(item.from), end.clone());
                found.push((*at, WatchEventKind::ItemEnded { item: kind, name, attempts, took, end }));
            }
        }
    }

    fn find_task(&mut self, watched: &Watched, now: UnixMillis, found: &mut Vec<(UnixMillis, WatchEventKind)>) {
        let attempt = watched.task.as_ref().map_or(0, |task| task.attempt);
        if watched.task_fails() && attempt != self.task_attempt {
            let failure = watched.task_failure.as_ref();
            let report = failure.and_then(|failure| failure.failure.as_ref());
            let kind = WatchEventKind::TaskFails {
                attempt,
                cause: failure.map(|failure| failure.cause.clone()),
                code: report.map(|report| report.code.clone()).filter(|code| !code.is_empty()),
                message: report.map(|report| report.message.clone()),
                worker: failure.map(|failure| failure.worker.clone()),
            };
            found.push((now, kind));
            self.task_attempt = attempt;
        } else if !watched.task_fails() && std::mem::take(&mut self.task_attempt) > 0 && !watched.is_over() {
            found.push((now, WatchEventKind::TaskRecovered));
        }
    }
}

/// The earliest time that is known of an attempt.
fn first_known_time(facts: &AttemptFacts) -> Option<UnixMillis> {
    facts.begun().or_else(|| facts.ended()).or_else(|| Some(facts.reported_failure()?.at))
}

/// The kind and the name of an item.
fn named(item: &Item) -> (&'static str, String) {
    match &item.kind {
        ItemKind::LocalActivity { activity, .. } => ("local activity", activity.clone()),
        ItemKind::Timer { id, .. } => ("timer", id.clone()),
        ItemKind::Child { workflow, workflow_type, .. } => ("child workflow", format!("{workflow_type} {workflow}")),
        ItemKind::Nexus { operation, .. } => ("Nexus operation", operation.clone()),
        ItemKind::Signal { name, .. } => ("signal", name.clone()),
        ItemKind::Update { name, .. } => ("update", name.clone()),
        ItemKind::CancelRequest { cause } => ("cancel request", cause.clone()),
    }
}

/// The beginning of an item with this kind and name.
fn began(began: &Item, item: &'static str, name: String) -> WatchEventKind {
    let (input, from, due) = match &began.kind {
        ItemKind::Signal { input, from, .. } => {
            (Some(input.clone()), Some(from.clone()).filter(|from| !from.is_empty()), None)
        }
        ItemKind::Update { input, .. } => (Some(input.clone()), None, None),
        ItemKind::Timer { due, .. } => (None, None, Some(*due)),
        _ => (None, None, None),
    };
    WatchEventKind::ItemBegan { item, name, input, from, due }
}

/// Finds what has changed in one activity.
struct Changes<'a, 'b> {
    watched: &'a Watched,
    activity: &'a ActivityAttempts,
    now: UnixMillis,
    found: &'b mut Vec<(UnixMillis, WatchEventKind)>,
}

impl Changes<'_, '_> {
    fn find(&mut self, reported: &mut Reported) {
        let record = self.activity.activity_record();
        if self.watched.reads_history() && record.is_none_or(|record| record.scheduled.is_none()) {
            // A description came before the event, which follows at once.
            return;
        }
        if let Some(at) = record.and_then(|record| record.scheduled).filter(|_| !reported.scheduled) {
            reported.scheduled = true;
            let options = record.and_then(|record| record.options.clone());
            self.found.push((at, WatchEventKind::Scheduled { activity: self.name(), options }));
        }
        let latest = self.watched.execution.attempts_of(self.activity).next_back().map(|seen| seen.id());
        let waits_for_end = self.watched.reads_history() && record.is_none_or(|record| record.end.is_none());
        let mut before: Option<AttemptView<'_>> = None;
        let mut unseen: Option<(u32, u32)> = None;
        if reported.ended.is_none() && self.activity.resets() == 0 {
            // Attempts that are too old to be kept were not observed either.
            let first = self.watched.execution.attempts_of(self.activity).next();
            unseen = first.filter(|first| first.number > 1).map(|first| (1, first.number - 1));
        }
        for seen in self.watched.execution.attempts_of(self.activity) {
            if Some(seen.id()) > reported.ended {
                if seen.state == AttemptState::NotObserved {
                    unseen = Some((unseen.map_or(seen.number, |(first, _)| first), seen.number));
                    reported.ended = Some(seen.id());
                } else {
                    self.not_observed(unseen.take(), &seen);
                    let waits_for_end = waits_for_end && Some(seen.id()) == latest;
                    self.attempt(reported, &seen, before.as_ref(), waits_for_end);
                }
            }
            before = Some(seen);
        }
        if let Some((first, last)) = unseen {
            self.found.push((self.now, WatchEventKind::NotObserved { activity: self.name(), first, last }));
        }
        self.pending(reported, before.as_ref());
        if let Some((at, end)) = record.and_then(|record| record.end.as_ref()).filter(|_| !reported.closed) {
            reported.closed = true;
            let limit = end.failure().and_then(|failure| self.limit(&failure.code, failure.timeout()));
            let kind = WatchEventKind::ActivityEnded {
                activity: self.name(),
                attempts: self.activity.total(),
                limit,
                end: end.clone(),
                retries_ended: RetriesEnded::of(self.activity),
            };
            self.found.push((*at, kind));
        }
    }

    fn name(&self) -> ActivityName {
        let key = self.activity.key();
        ActivityName { activity: key.activity.name().to_owned(), id: key.id.as_deref().unwrap_or_default().to_owned() }
    }

    fn number(&self, id: AttemptId) -> AttemptNumber {
        let recorded = self.activity.activity_record().and_then(|record| record.options.as_ref());
        let recorded = recorded.map(|options| options.retry.maximum_attempts).filter(|maximum| *maximum > 0);
        AttemptNumber {
            attempt: id.number,
            resets: id.round.saturating_sub(1),
            maximum: self.activity.maximum().or(recorded),
        }
    }

    /// The value of the timeout that a failure with this code reports.
    fn limit(&self, code: &str, timeout: Option<TimeoutKind>) -> Option<Duration> {
        let timeout = timeout.filter(|_| code == Failure::TIMEOUT)?;
        self.activity.activity_record()?.options.as_ref()?.limit(timeout)
    }

    /// The wait after an attempt, by its failure or by the retry policy.
    fn planned_after(&self, seen: &AttemptView<'_>) -> Option<PlannedWait> {
        let failure = seen.facts.and_then(AttemptFacts::reported_failure);
        let options = self.activity.activity_record().and_then(|record| record.options.as_ref());
        let by_policy = || options.map(|options| PlannedWait::Policy(options.retry.after(seen.number)));
        failure.and_then(Failure::next_retry_delay).map(PlannedWait::Requested).or_else(by_policy)
    }

    /// The wait between two attempts, as far as it was observed, and as it was planned. None after a reset.
    fn wait(
        &self,
        seen: &AttemptView<'_>,
        before: Option<&AttemptView<'_>>,
    ) -> (Option<ObservedWait>, Option<PlannedWait>) {
        let Some(before) = before.filter(|before| before.round == seen.round) else { return (None, None) };
        let record = self.activity.activity_record();
        let options = record.and_then(|record| record.options.as_ref());
        (ObservedWait::between(before, seen, options), self.planned_after(before))
    }

    fn not_observed(&mut self, unseen: Option<(u32, u32)>, next: &AttemptView<'_>) {
        if let Some((first, last)) = unseen {
            let known = next.facts.and_then(first_known_time);
            let at = known.unwrap_or(self.now);
            self.found.push((at, WatchEventKind::NotObserved { activity: self.name(), first, last }));
        }
    }

    /// `waits_for_end`: its result comes from the history.
    fn attempt(
        &mut self,
        reported: &mut Reported,
        seen: &AttemptView<'_>,
        before: Option<&AttemptView<'_>>,
        waits_for_end: bool,
    ) {
        let (id, facts) = (seen.id(), seen.facts);
        let (begun, ended) = (facts.and_then(AttemptFacts::begun), facts.and_then(AttemptFacts::ended));
        let (waited, planned) = self.wait(seen, before);
        if let Some(at) = begun.filter(|_| Some(id) > reported.started) {
            let (activity, attempt) = (self.name(), self.number(id));
            self.found.push((at, WatchEventKind::AttemptStarted { activity, attempt, waited, planned }));
            reported.started = Some(id);
        }
        let at = ended.or_else(|| facts?.reported_failure().map(|failure| failure.at)).unwrap_or(self.now);
        let (activity, attempt) = (self.name(), self.number(id));
        let failure = facts.and_then(|facts| facts.reported_failure().zip(Certainty::of_attempt(facts)));
        let kind = match (seen.state, failure) {
            (AttemptState::Running, _) => return,
            // The end of the activity reports it.
            (AttemptState::Done, _) => None,
            (_, Some((failure, certainty))) => {
                let took = facts.and_then(AttemptFacts::duration);
                // With an observed start, the wait was reported before.
                let waited = waited.filter(|_| Some(id) > reported.started);
                let wait = waited.map(|observed| AttemptWait { observed, planned });
                let limit = self.limit(&failure.code, failure.timeout());
                let failure = failure.into();
                Some(WatchEventKind::AttemptFailed { activity, attempt, took, wait, certainty, limit, failure })
            }
            (_, None) if waits_for_end => return,
            (_, None) => Some(WatchEventKind::AttemptEnded { activity, attempt }),
        };
        self.found.extend(kind.map(|kind| (at, kind)));
        reported.ended = Some(id);
    }

    /// When its state became the one that the server reports: the server's time, or now if it reports none. `None` until the
    /// history's event has come.
    fn changed_at(&self, pending: &PendingActivity) -> Option<UnixMillis> {
        match pending.state {
            PendingState::Paused => {
                let pause = self.watched.details.get(&pending.id).and_then(|details| details.pause.as_ref());
                Some(pause.and_then(|pause| pause.at).unwrap_or(self.now))
            }
            PendingState::CancelRequested if self.watched.reads_history() => {
                self.activity.activity_record().and_then(|record| record.cancel_requested)
            }
            _ => Some(self.now),
        }
    }

    fn pending(&mut self, reported: &mut Reported, latest: Option<&AttemptView<'_>>) {
        let Some(pending) = self.watched.execution.pending_of(self.activity) else { return };
        let special =
            Some(pending.state).filter(|state| matches!(state, PendingState::Paused | PendingState::CancelRequested));
        if special != reported.state
            && let Some(at) = self.changed_at(pending)
        {
            reported.state = special;
            let kind = WatchEventKind::StateChanged { activity: self.name(), state: pending.state };
            self.found.push((at, kind));
        }
        let Some(due) = pending.due().filter(|_| pending.state == PendingState::Scheduled && pending.failure.is_some())
        else {
            return;
        };
        if reported.waiting == Some((pending.attempt, due)) {
            return;
        }
        reported.waiting = Some((pending.attempt, due));
        let planned = latest.and_then(|latest| self.planned_after(latest));
        let attempt = AttemptNumber {
            attempt: pending.attempt,
            ..self.number(latest.map_or(AttemptId::new(1, pending.attempt), AttemptView::id))
        };
        let at = pending.ended().unwrap_or(self.now);
        let (activity, wait) = (self.name(), pending.interval);
        self.found.push((at, WatchEventKind::Waiting { activity, attempt, due, wait, planned }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::{
        app::{
            testing::fixture::{foreign, running, waiting},
            watch::message::{HistoryPage, WatchProblem},
        },
        domain::{
            ActivityOptions, EventKind, ExecutionInfo, ExecutionReport, ExecutionStatus, FailureReport, HistoryEvent,
            ItemEnd, PendingDetails, PendingTask, ReportedActivity, RetryPolicy, Run,
        },
    };

    fn run() -> Run {
        Run { workflow: "checkout-7".into(), run: "r1".into() }
    }

    fn report(at: u64, pending: Vec<PendingActivity>, task: Option<PendingTask>) -> ExecutionReport {
        let info = ExecutionInfo {
            run: run(),
            workflow_type: "Checkout".into(),
            task_queue: "shop".into(),
            status: ExecutionStatus::Running,
            started: UnixMillis(1_000),
            closed: None,
            history_length: 5,
            parent: None,
        };
        let details = PendingDetails::default();
        let activities = pending.into_iter().map(|pending| ReportedActivity { pending, details: details.clone() });
        ExecutionReport { at: UnixMillis(at), info, activities: activities.collect(), nexus: Vec::new(), task }
    }

    fn event(id: u64, at: u64, kind: EventKind) -> HistoryEvent {
        HistoryEvent { id, at: UnixMillis(at), kind }
    }

    fn scheduled() -> HistoryEvent {
        let options = ActivityOptions { retry: RetryPolicy::default(), ..ActivityOptions::default() };
        let kind =
            EventKind::ActivityScheduled { id: "5".into(), activity: "charge".into(), options, input: Vec::new() };
        event(5, 1_010, kind)
    }

    /// The events as `name attempt`, and their times.
    fn shown(events: &[WatchEvent]) -> Vec<String> {
        let name = |event: &WatchEvent| {
            let value = serde_json::to_value(event).unwrap();
            let text = |key: &str| value.get(key).map_or_else(String::new, |value| format!(" {value}"));
            format!("{} {}{}", event.at.0, value["event"].as_str().unwrap(), text("attempt"))
        };
        events.iter().map(name).collect()
    }

    #[test]
    fn every_attempt_is_reported_once_and_in_order() {
        let mut watched = Watched::new(run(), UnixMillis(900));
        let mut finder = EventFinder::default();
        watched.on_report(report(1_020, vec![foreign("charge", "5", running(1, 1_015))], None));
        assert_eq!(finder.find(&watched, UnixMillis(1_020)), [], "the history is not read yet");
        watched.on_history(HistoryPage { events: vec![scheduled()], more: false });
        let first = finder.find(&watched, UnixMillis(1_030));
        assert_eq!(shown(&first), ["1000 found", "1010 scheduled", "1015 attempt-started 1"]);
        watched.on_report(report(1_300, vec![foreign("charge", "5", waiting(2, 1_200, 2_200))], None));
        let failed = finder.find(&watched, UnixMillis(1_300));
        assert_eq!(shown(&failed), ["1200 attempt-failed 1", "1200 waiting 2"]);
        assert_eq!(finder.find(&watched, UnixMillis(1_400)), []);
        watched.on_report(report(2_300, vec![foreign("charge", "5", running(2, 2_210))], None));
        let second = finder.find(&watched, UnixMillis(2_300));
        let WatchEventKind::AttemptStarted { waited, planned, .. } = &second[0].kind else { panic!("{second:?}") };
        let by_policy = PlannedWait::Policy(Duration::from_secs(1));
        assert_eq!((*waited, *planned), (Some(ObservedWait::Exact(Duration::from_millis(1_010))), Some(by_policy)));
        let started = EventKind::ActivityStarted { scheduled: 5, attempt: 2, worker: "w".into(), failure: None };
        let ended = EventKind::ActivityEnded { scheduled: 5, end: ItemEnd::Completed { result: Vec::new() } };
        let over = EventKind::Ended { end: ItemEnd::Completed { result: Vec::new() }, next_run: None };
        let events = vec![event(6, 2_210, started), event(7, 2_400, ended), event(8, 2_410, over)];
        watched.on_history(HistoryPage { events, more: false });
        let rest = finder.find(&watched, UnixMillis(2_500));
        assert_eq!(shown(&rest), ["2400 activity-ended", "2410 ended"]);
        assert!(finder.has_ended() && watched.is_complete());
    }

    #[test]
    fn the_failure_of_an_attempt_whose_start_was_not_observed_bounds_the_wait_before_it() {
        let mut watched = Watched::new(run(), UnixMillis(900));
        let mut finder = EventFinder::default();
        watched.on_history(HistoryPage { events: vec![scheduled()], more: false });
        for (at, pending) in
            [(1_300, waiting(2, 1_200, 2_200)), (2_300, waiting(3, 2_215, 4_215)), (4_300, running(3, 4_220))]
        {
            watched.on_report(report(at, vec![foreign("charge", "5", pending)], None));
        }
        let found = finder.find(&watched, UnixMillis(4_300));
        let waits = found.iter().map(|event| serde_json::to_value(event).unwrap()).filter_map(|event| {
            let wait = |key: &str| event.get(key).map(|wait| format!("{key} {wait}"));
            let waited = wait("waited_ms").or_else(|| wait("waited_at_most_ms"))?;
            Some(format!("{} {} {waited} {}", event["event"], event["attempt"], wait("policy_ms")?))
        });
        assert_eq!(
            waits.collect::<Vec<_>>(),
            [
                r#""attempt-failed" 2 waited_at_most_ms 1015 policy_ms 1000"#,
                r#""attempt-started" 3 waited_ms 2005 policy_ms 2000"#
            ],
            "{found:?}"
        );
    }

    #[test]
    fn attempts_before_the_first_look_are_not_invented() {
        let mut watched = Watched::new(run(), UnixMillis(900));
        let mut finder = EventFinder::default();
        watched.on_history(HistoryPage { events: vec![scheduled()], more: false });
        watched.on_report(report(9_000, vec![foreign("charge", "5", waiting(6, 8_000, 9_500))], None));
        let events = finder.find(&watched, UnixMillis(9_000));
        let missing = events.iter().find_map(|event| match &event.kind {
            WatchEventKind::NotObserved { first, last, .. } => Some((*first, *last)),
            _ => None,
        });
        assert_eq!(missing, Some((1, 4)), "{events:?}");
        assert!(shown(&events).contains(&"8000 attempt-failed 5".to_owned()), "{:?}", shown(&events));
    }

    #[test]
    fn without_the_history_the_end_is_the_reported_status() {
        let mut watched = Watched::new(run(), UnixMillis(900));
        let mut finder = EventFinder::default();
        watched.on_report(report(1_020, vec![foreign("charge", "5", waiting(2, 1_010, 2_010))], None));
        watched.on_history_problem(WatchProblem::Denied { cause: "no claims".into() });
        let shown_first = shown(&finder.find(&watched, UnixMillis(1_030)));
        assert_eq!(shown_first, ["1000 found", "1010 attempt-failed 1", "1010 waiting 2"]);
        watched.on_report(report(2_020, vec![foreign("charge", "5", running(2, 2_010))], None));
        finder.find(&watched, UnixMillis(2_020));
        let mut over = report(3_000, Vec::new(), None);
        (over.info.status, over.info.closed) = (ExecutionStatus::Failed, Some(UnixMillis(2_900)));
        watched.on_report(over);
        let rest = finder.find(&watched, UnixMillis(3_000));
        assert_eq!(shown(&rest), ["2900 attempt-ended 2", "2900 ended"]);
        let Some(WatchEventKind::Ended { end: ItemEnd::Failed(failure), next_run: None }) =
            rest.last().map(|event| event.kind.clone())
        else {
            panic!("{rest:?}")
        };
        assert!(failure.message.contains("history") && finder.has_ended() && watched.is_complete());
    }

    #[test]
    fn a_failing_workflow_task_is_reported_at_each_attempt_and_at_its_end() {
        let mut watched = Watched::new(run(), UnixMillis(900));
        let mut finder = EventFinder::default();
        let failure = FailureReport { code: "Bug".into(), message: "boom".into(), retryable: true, causes: Vec::new() };
        let kind = EventKind::TaskFailed { cause: "UnhandledFailure".into(), failure, worker: "w".into() };
        watched.on_history(HistoryPage { events: vec![event(4, 1_100, kind)], more: false });
        let task = |attempt| Some(PendingTask { attempt, scheduled: None, started: None });
        let mut found = Vec::new();
        for (at, attempt) in [(1_200, 2), (1_400, 2), (1_600, 3), (1_800, 1)] {
            watched.on_report(report(at, Vec::new(), task(attempt)));
            found.extend(finder.find(&watched, UnixMillis(at)));
        }
        assert_eq!(shown(&found), ["1000 found", "1200 task-fails 2", "1600 task-fails 3", "1800 task-recovered"]);
        let WatchEventKind::TaskFails { message, .. } = &found[1].kind else { panic!("{found:?}") };
        assert_eq!(message.as_deref(), Some("boom"));
    }
}
