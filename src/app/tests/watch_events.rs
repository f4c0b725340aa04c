//! The events of a watched execution that `--plain` and `--json` print, with the server's times.

use std::time::Duration;

use serde_json::Value;

use crate::{
    app::{
        AttemptState, EventFinder, HistoryPage, Watched,
        testing::{
            fixture::{foreign, running, waiting},
            watch::{event, report, run},
        },
    },
    domain::{
        ActivityOptions, EventKind, ExecutionReport, FailureCause, FailureKind, FailureReport, ItemEnd, Pause,
        PendingActivity, PendingNexus, PendingState, TimeoutKind, UnixMillis,
    },
};

/// The start of an activity in the history.
fn scheduled(id: u64, at: u64) -> crate::domain::HistoryEvent {
    let kind = EventKind::ActivityScheduled {
        id: "5".to_owned(),
        activity: "charge".into(),
        options: ActivityOptions::default(),
        input: vec![],
    };
    event(id, at, kind)
}

/// An execution whose history has these events, and what was found in it.
struct Followed {
    watched: Watched,
    finder: EventFinder,
}

impl Followed {
    fn new(events: Vec<crate::domain::HistoryEvent>) -> Self {
        let mut watched = Watched::new(run(1), UnixMillis(900));
        watched.on_history(HistoryPage { events, more: false });
        Self { watched, finder: EventFinder::default() }
    }

    /// The events after a report, as JSON, with the name of `event` and its time.
    fn after(&mut self, mut report: ExecutionReport) -> Vec<(String, u64, Value)> {
        report.info.started = UnixMillis(950);
        let at = report.at;
        self.watched.on_report(report);
        self.find(at)
    }

    fn find(&mut self, at: UnixMillis) -> Vec<(String, u64, Value)> {
        let named = |event| {
            let value = serde_json::to_value(event).unwrap();
            (value["event"].as_str().unwrap().to_owned(), value["at"].as_u64().unwrap(), value)
        };
        self.finder.find(&self.watched, at).into_iter().map(named).collect()
    }
}

fn described(at: u64, pending: PendingActivity) -> ExecutionReport {
    report(run(1), at, vec![foreign("charge", "5", pending)])
}

fn report_without_activities(at: u64) -> ExecutionReport {
    report(run(1), at, vec![])
}

fn names(found: &[(String, u64, Value)]) -> Vec<(&str, u64)> {
    found.iter().map(|(name, at, _)| (name.as_str(), *at)).collect()
}

#[test]
fn a_delay_that_the_failure_requests_is_not_called_the_policy() {
    let kind = FailureKind::Application {
        code: "RateLimited".into(),
        retryable: true,
        next_retry_delay: Some(Duration::from_secs(4)),
    };
    let cause = FailureCause { kind, message: "later".into(), stack_trace: vec![], details: vec![] };
    let failure = FailureReport { causes: vec![cause], ..waiting(2, 0, 0).failure.unwrap() };
    let mut followed = Followed::new(vec![scheduled(5, 1_000)]);
    let found = followed
        .after(described(1_300, PendingActivity { failure: Some(failure.clone()), ..waiting(2, 1_200, 5_200) }));
    let due = &found.last().unwrap().2;
    assert_eq!((&due["event"], &due["next_retry_delay_ms"]), (&"waiting".into(), &4_000.into()));
    assert_eq!(due.get("policy_ms"), None);
    let found = followed.after(described(5_300, PendingActivity { failure: Some(failure), ..running(2, 5_210) }));
    let started = &found.last().unwrap().2;
    assert_eq!((&started["waited_ms"], &started["next_retry_delay_ms"]), (&4_010.into(), &4_000.into()));
}

#[test]
fn a_pause_has_the_time_of_the_server() {
    let mut followed = Followed::new(vec![scheduled(5, 1_000)]);
    let paused = PendingActivity { state: PendingState::Paused, next: None, ..waiting(2, 1_200, 2_200) };
    let mut report = described(3_000, paused);
    report.activities[0].details.pause =
        Some(Pause { at: Some(UnixMillis(2_750)), by: String::new(), reason: String::new() });
    let found = followed.after(report);
    assert_eq!(names(&found).last(), Some(&("state-changed", 2_750)));
    let found = followed.after(described(3_250, waiting(2, 1_200, 3_900)));
    assert!(names(&found).contains(&("state-changed", 3_250)), "the server reports no time of this: {found:?}");
}

#[test]
fn a_cancel_request_has_the_time_of_its_event() {
    let mut followed = Followed::new(vec![scheduled(5, 1_000)]);
    let asked = PendingActivity { state: PendingState::CancelRequested, ..running(1, 1_010) };
    let found = followed.after(described(3_000, asked));
    assert_eq!(names(&found).last(), Some(&("attempt-started", 1_010)), "the event has not come yet");
    let kind = EventKind::ActivityCancelRequested { scheduled: 5 };
    followed.watched.on_history(HistoryPage { events: vec![event(9, 2_800, kind)], more: false });
    assert_eq!(names(&followed.find(UnixMillis(3_050))), [("state-changed", 2_800)]);
    assert_eq!(followed.find(UnixMillis(3_100)), []);
}

#[test]
fn a_timeout_has_the_value_that_is_configured() {
    let kind = EventKind::ActivityScheduled {
        id: "5".to_owned(),
        activity: "charge".into(),
        options: ActivityOptions { schedule_to_start: Some(Duration::from_secs(3)), ..ActivityOptions::default() },
        input: vec![],
    };
    let timeout = |kind| FailureCause { kind, message: "late".into(), stack_trace: vec![], details: vec![] };
    let causes = [TimeoutKind::ScheduleToStart, TimeoutKind::StartToClose].map(FailureKind::Timeout).map(timeout);
    let report =
        FailureReport { code: "Timeout".into(), message: "late".into(), retryable: false, causes: causes.into() };
    let ended = EventKind::ActivityEnded { scheduled: 5, end: ItemEnd::TimedOut(report) };
    let mut followed = Followed::new(vec![event(5, 1_000, kind), event(6, 4_000, ended)]);
    let found = followed.after(report_without_activities(4_100));
    assert_eq!(
        found.last().unwrap().2["timeout_ms"],
        3_000,
        "of the timeout that ended it, not of an earlier attempt's"
    );
}

#[test]
fn each_failed_attempt_of_a_nexus_operation_is_reported_once() {
    let operation = || "customs/office/declare".to_owned();
    let mut followed = Followed::new(vec![event(5, 1_000, EventKind::NexusScheduled { operation: operation() })]);
    let mut pending = PendingNexus {
        scheduled_event: 5,
        operation: operation(),
        attempt: 2,
        next: Some(UnixMillis(2_100)),
        completed: Some(UnixMillis(1_100)),
        failure: waiting(2, 0, 0).failure,
    };
    let described =
        |at, pending: &PendingNexus| ExecutionReport { nexus: vec![pending.clone()], ..report(run(1), at, vec![]) };
    let found = followed.after(described(1_200, &pending));
    let (name, at, failed) = found.last().unwrap();
    assert_eq!((name.as_str(), *at, &failed["attempt"]), ("item-attempt-failed", 1_100, &1.into()));
    assert_eq!((&failed["message"], &failed["due"]), (&"RANDOM ERROR".into(), &2_100.into()));
    // The next attempt runs: the same failure.
    pending.next = None;
    assert_eq!(followed.after(described(2_200, &pending)), []);
    (pending.attempt, pending.next, pending.completed) = (3, Some(UnixMillis(4_300)), Some(UnixMillis(2_300)));
    assert_eq!(names(&followed.after(described(2_400, &pending))), [("item-attempt-failed", 2_300)]);
}

#[test]
fn a_new_activity_is_open_whatever_this_machines_clock_says() {
    for skew in [0, 3_600_000] {
        let mut watched = Watched::new(run(1), UnixMillis(900));
        // The answer has 5 events, so the activity of event 6 came after it.
        watched.on_report(report(run(1), 1_000 + skew, vec![]));
        watched.on_history(HistoryPage { events: vec![scheduled(6, 1_200)], more: true });
        let activity = watched.execution.activities().next().unwrap();
        assert!(watched.execution.is_at_work(activity), "skew {skew}");
        watched.on_report(ExecutionReport { at: UnixMillis(1_300 + skew), ..described(0, running(1, 1_210)) });
        let activity = watched.execution.activities().next().unwrap();
        let latest = watched.execution.attempts_of(activity).next_back().unwrap();
        assert_eq!(latest.state, AttemptState::Running, "skew {skew}");
    }
}
