//! Descriptions and the history of an execution give the same attempts, however they interleave.

use proptest::prelude::*;

use crate::{
    app::{
        AttemptFacts, AttemptState, HistoryPage, Lane, Watched,
        testing::{
            fixture::{foreign, running, waiting},
            watch::{event, report, run},
        },
    },
    domain::{
        ActivityOptions, EventKind, ExecutionReport, FailureCause, FailureKind, FailureReport, HistoryEvent, ItemEnd,
        PendingActivity, PendingState, TimeoutKind, UnixMillis,
    },
};

/// A description by its time, with a pending activity or none.
fn described(at: u64, pending: Option<PendingActivity>) -> ExecutionReport {
    report(run(1), at, pending.into_iter().map(|pending| foreign("charge", "5", pending)).collect())
}

fn scheduled() -> HistoryEvent {
    let (id, activity) = ("5".to_owned(), "charge".into());
    event(5, 1_000, EventKind::ActivityScheduled { id, activity, options: ActivityOptions::default(), input: vec![] })
}

/// The last attempt as the history has it.
fn last(number: u32, at: u64, failure: Option<FailureReport>) -> HistoryEvent {
    event(6, at, EventKind::ActivityStarted { scheduled: 5, attempt: number, worker: "7@shop".into(), failure })
}

fn ended(at: u64, end: ItemEnd) -> HistoryEvent {
    event(7, at, EventKind::ActivityEnded { scheduled: 5, end })
}

fn failure(code: &str, kind: FailureKind) -> FailureReport {
    let causes = vec![FailureCause { kind, message: "boom".into(), stack_trace: vec![], details: vec![] }];
    FailureReport { code: code.into(), message: "boom".into(), retryable: false, causes }
}

fn timeout(kind: TimeoutKind) -> FailureReport {
    failure("Timeout", FailureKind::Timeout(kind))
}

fn completed() -> ItemEnd {
    ItemEnd::Completed { result: vec![] }
}

#[derive(Debug, Clone)]
struct Story {
    reports: Vec<ExecutionReport>,
    events: Vec<HistoryEvent>,
    /// The attempts that follow from all facts.
    attempts: &'static [&'static str],
}

/// The facts about the activity, in the order that `turns` gives: the reports as they are, the events by their ids.
fn applied(story: &Story, turns: &[usize]) -> Watched {
    let mut watched = Watched::new(run(1), UnixMillis(900));
    let mut events = story.events.iter();
    for turn in turns {
        if let Some(report) = story.reports.get(*turn) {
            watched.on_report(report.clone());
        } else {
            let events = events.next().into_iter().cloned().collect();
            watched.on_history(HistoryPage { events, more: true });
        }
    }
    watched
}

/// Each attempt by its name and state, and when it began and ended.
fn attempts(watched: &Watched) -> Vec<String> {
    let Some(Lane::Activity(activity)) = watched.lanes().first().copied() else { return Vec::new() };
    let shown = watched.execution.attempts_of(activity).map(|seen| {
        let state = match seen.state {
            AttemptState::Failed(failure) => failure.code.clone(),
            AttemptState::TimedOut => {
                let kind = seen.facts.and_then(|facts| facts.reported_failure()?.timeout());
                kind.map_or("timeout".to_owned(), |kind| kind.to_string())
            }
            other => format!("{other:?}"),
        };
        let time = |at: Option<UnixMillis>| at.map_or("?".to_owned(), |at| at.0.to_string());
        let facts = seen.facts;
        let (begun, ended) = (facts.and_then(AttemptFacts::begun), facts.and_then(AttemptFacts::ended));
        format!("{} {state} {} {}", seen.id(), time(begun), time(ended))
    });
    shown.collect()
}

fn stories() -> Vec<Story> {
    let first = || described(1_050, Some(running(1, 1_010)));
    let second = || described(1_300, Some(waiting(2, 1_200, 2_200)));
    let third = || described(2_300, Some(running(2, 2_210)));
    let gone = |at| described(at, None);
    let error = || waiting(2, 1_200, 2_200).failure;
    let of_second = |end: ItemEnd| vec![scheduled(), last(2, 2_210, error()), ended(2_900, end)];
    let paused = PendingActivity { state: PendingState::Paused, ..waiting(2, 1_200, 2_200) };
    let one = |end: ItemEnd, attempts| Story {
        reports: vec![first(), second(), third(), gone(3_000)],
        events: of_second(end),
        attempts,
    };
    vec![
        one(completed(), &["#1 Error 1010 1200", "#2 Done 2210 2900"]),
        one(
            ItemEnd::Failed(failure("CardError", FailureKind::Other)),
            &["#1 Error 1010 1200", "#2 CardError 2210 2900"],
        ),
        one(
            ItemEnd::TimedOut(timeout(TimeoutKind::StartToClose)),
            &["#1 Error 1010 1200", "#2 start-to-close 2210 2900"],
        ),
        one(ItemEnd::TimedOut(timeout(TimeoutKind::Heartbeat)), &["#1 Error 1010 1200", "#2 heartbeat 2210 2900"]),
        one(ItemEnd::Cancelled, &["#1 Error 1010 1200", "#2 Cancelled 2210 2900"]),
        // Between two attempts no attempt runs, so the timeout is not one of an attempt.
        Story {
            reports: vec![first(), second(), gone(2_000)],
            events: vec![scheduled(), ended(1_900, ItemEnd::TimedOut(timeout(TimeoutKind::ScheduleToClose)))],
            attempts: &["#1 Error 1010 1200"],
        },
        Story {
            reports: vec![first(), described(1_300, Some(paused)), gone(2_000)],
            events: vec![scheduled(), ended(1_900, ItemEnd::Cancelled)],
            attempts: &["#1 Error 1010 1200"],
        },
        // No worker took it.
        Story {
            reports: vec![gone(2_000)],
            events: vec![scheduled(), ended(1_900, ItemEnd::TimedOut(timeout(TimeoutKind::ScheduleToStart)))],
            attempts: &[],
        },
        // A reset, after which attempts count from 1, reported or not.
        Story {
            reports: vec![first(), second(), third(), described(2_600, Some(running(1, 2_500))), gone(3_000)],
            events: vec![scheduled(), last(1, 2_500, None), ended(2_900, completed())],
            attempts: &["#1 Error 1010 1200", "#2 NoAnswer 2210 ?", "#1' Done 2500 2900"],
        },
        Story {
            reports: vec![first(), second(), third(), gone(3_000)],
            events: vec![scheduled(), last(1, 2_500, None), ended(2_900, completed())],
            attempts: &["#1 Error 1010 1200", "#2 NoAnswer 2210 ?", "#1' Done 2500 2900"],
        },
        // What happened before the first look is not invented.
        Story {
            reports: vec![gone(9_500)],
            events: vec![scheduled(), last(4, 9_000, error()), ended(9_400, completed())],
            attempts: &["#1 NotObserved ? ?", "#2 NotObserved ? ?", "#3 Error ? ?", "#4 Done 9000 9400"],
        },
        // Without a history, the last attempt has ended, and its result is not known.
        Story {
            reports: vec![first(), second(), third(), gone(3_000)],
            events: vec![],
            attempts: &["#1 Error 1010 1200", "#2 Ended 2210 ?"],
        },
    ]
}

#[test]
fn each_end_of_an_activity_gives_the_states_of_its_attempts() {
    for story in stories() {
        let turns: Vec<_> = (0..story.reports.len() + story.events.len()).collect();
        assert_eq!(attempts(&applied(&story, &turns)), story.attempts, "{story:?}");
    }
}

#[test]
fn a_watched_execution_has_no_order() {
    let mut watched = Watched::new(run(1), UnixMillis(900));
    let pending = foreign("UpdateInventoryActivity", "5", waiting(2, 1_200, 2_200));
    watched.on_report(report(run(1), 1_300, vec![pending]));
    let activity = watched.execution.activities().next().unwrap();
    assert_eq!(watched.execution.role(activity), None);
    assert!(!watched.execution.is_over() && watched.execution.is_at_work(activity));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_order_of_arrival_does_not_matter(
        (story, turns) in (0..stories().len()).prop_flat_map(|number| {
            let story = stories().swap_remove(number);
            let turns: Vec<_> = (0..story.reports.len() + story.events.len()).collect();
            (Just(story), Just(turns).prop_shuffle())
        })
    ) {
        prop_assert_eq!(attempts(&applied(&story, &turns)), story.attempts);
    }
}
