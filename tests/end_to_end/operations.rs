//! Requests from the dashboard to the server: descriptions, earlier retries, and cancellations.

use std::time::{Duration, Instant};

use idempotence::{
    app::{Command, Message, Tone},
    domain::{Activity, OrderOutcome, PendingActivity, PendingState, Run, RunEnd, WORKER_ROLE, process_identity},
    runtime::backend::host,
    store::{Fact, Phase},
    temporal::{
        DescribeError, Described, Link, OperateError, OrderInput, RetrySettings, Started, cancel, describe, retry_now,
    },
};
use tokio::time::sleep;

use crate::{
    headless::Headless,
    sandbox::{EVENT_TIMEOUT, Sandbox, address, applied, end, is_fault, offline, order},
};

const UPDATE: Activity = Activity::UpdateInventory;

/// A retry interval that is longer than any test, so that the retry is never due by itself.
const NEVER_DUE: Duration = Duration::from_mins(10);

/// Returns an order whose retries are not due within the test.
fn order_with_long_backoff(id: &str, faults: &str) -> OrderInput {
    let mut input = order(id, 10, faults);
    if let Some(demo) = &mut input.demo {
        let millis = u64::try_from(NEVER_DUE.as_millis()).unwrap();
        demo.retry = RetrySettings {
            initial_interval_millis: millis,
            maximum_interval_millis: millis,
            start_to_close_millis: 60_000,
            ..RetrySettings::default()
        };
    }
    input
}

/// Describes the run until the update activity is as `wanted`, because the server learns of an attempt's end shortly
/// after the journal.
async fn pending_when(link: &Link, started: &Started, wanted: impl Fn(&PendingActivity) -> bool) -> PendingActivity {
    let since = Instant::now();
    loop {
        let described = describe(link, &started.workflow, &started.run).await.unwrap();
        assert!(described.open);
        if let Some(found) =
            described.pending.iter().find(|pending| pending.activity.ours() == Some(UPDATE) && wanted(pending))
        {
            return found.clone();
        }
        assert!(since.elapsed() < EVENT_TIMEOUT, "the activity did not get there: {described:?}");
        sleep(Duration::from_millis(20)).await;
    }
}

async fn backing_off(link: &Link, started: &Started) -> PendingActivity {
    pending_when(link, started, |pending| pending.next.is_some()).await
}

/// Returns the numbers of the update activity's attempts that have started, in order.
fn started_attempts(sandbox: &Sandbox) -> Vec<u32> {
    let started_attempts = sandbox.records().into_iter().filter_map(|record| match record.fact {
        Fact::Attempt(event) if event.phase == Phase::Started && event.origin.activity == UPDATE => {
            Some(event.origin.attempt.number())
        }
        _ => None,
    });
    started_attempts.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_description_reports_the_backoff_before_the_next_attempt() {
    if offline() {
        return;
    }
    let sandbox = Sandbox::new();
    let link = sandbox.link().await;
    let (started, _) = sandbox.start(&link, "A", order_with_long_backoff("A", "update.before-commit=error")).await;
    let described = describe(&link, &started.workflow, &started.run).await.unwrap();
    assert_eq!(described, Described { open: true, pending: Vec::new(), failing: None }, "no worker polls yet");
    let worker = sandbox.worker();
    let pending = backing_off(&link, &started).await;
    assert_eq!((pending.attempt, pending.maximum, pending.state), (2, 0, PendingState::Scheduled));
    // The interval that the server reports deviates slightly.
    let interval = pending.interval.unwrap();
    assert!(interval.abs_diff(NEVER_DUE) < Duration::from_secs(1), "{interval:?}");
    let (completed, next) = (pending.completed.unwrap().0, pending.next.unwrap().0);
    assert!((next - completed).abs_diff(600_000) < 1_000, "{completed} {next}");
    let failure = pending.failure.unwrap();
    assert_eq!((failure.code.as_str(), failure.message.as_str()), ("RandomError", "RANDOM ERROR"));
    assert!(failure.retryable);
    assert_eq!(pending.worker, process_identity(WORKER_ROLE, worker.pid(), &host()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_description_reports_a_hanging_attempt_and_then_its_timeout() {
    if offline() {
        return;
    }
    let sandbox = Sandbox::new();
    let link = sandbox.link().await;
    let _worker = sandbox.worker();
    let mut input = order_with_long_backoff("A", "update.before-commit=1*hang");
    if let Some(demo) = &mut input.demo {
        demo.retry.start_to_close_millis = 1_000;
    }
    let (started, _) = sandbox.start(&link, "A", input).await;
    let running = pending_when(&link, &started, |pending| pending.state == PendingState::Started).await;
    assert_eq!((running.attempt, running.next, &running.failure), (1, None, &None));
    assert!(running.started.is_some());
    let failure = backing_off(&link, &started).await.failure.unwrap();
    assert_eq!(failure.code, "Timeout");
    assert!(failure.message.contains("start-to-close") && failure.retryable, "{failure:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_run_is_distinguished_from_an_ended_one() {
    if offline() {
        return;
    }
    let sandbox = Sandbox::new();
    let link = sandbox.link().await;
    let _worker = sandbox.worker();
    let (started, watch) = sandbox.start(&link, "A", order("A", 10, "none")).await;
    assert_eq!(end(&watch).await, applied());
    let described = describe(&link, &started.workflow, &started.run).await.unwrap();
    assert_eq!(described, Described { open: false, pending: Vec::new(), failing: None });
    for run in [uuid::Uuid::new_v4().to_string(), "no run id".to_owned(), String::new()] {
        let unknown = describe(&link, &started.workflow, &run).await;
        assert!(matches!(unknown, Err(DescribeError::NotFound { .. })), "{run:?}: {unknown:?}");
    }
    let ended = retry_now(&link, &started.workflow, &started.run, UPDATE).await;
    assert!(matches!(ended, Err(OperateError::Ended { .. })), "{ended:?}");
    let ended = cancel(&link, &started.workflow, &started.run).await;
    assert!(matches!(ended, Err(OperateError::Ended { .. })), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn retry_now_ends_the_backoff_and_restarts_at_attempt_1() {
    if offline() {
        return;
    }
    let sandbox = Sandbox::new();
    let link = sandbox.link().await;
    let _worker = sandbox.worker();
    let (started, _) = sandbox.start(&link, "A", order_with_long_backoff("A", "update.after-commit=error")).await;
    let before = backing_off(&link, &started).await;
    assert_eq!((before.attempt, started_attempts(&sandbox)), (2, vec![1]));
    assert_eq!(retry_now(&link, &started.workflow, &started.run, UPDATE).await.unwrap(), 2);
    let later = |pending: &PendingActivity| pending.next.is_some() && pending.completed > before.completed;
    let after = pending_when(&link, &started, later).await;
    assert_eq!((after.attempt, started_attempts(&sandbox)), (2, vec![1, 1]), "the number is 1 again");
    assert!(
        after.interval.unwrap().abs_diff(NEVER_DUE) < Duration::from_secs(1),
        "the backoff restarts at the initial interval"
    );
    sandbox.assert_right(990);
    assert_eq!(
        sandbox.document().retries.map(|retries| retries.update_inventory),
        Some(1),
        "it still counts as a retry"
    );
    let other = retry_now(&link, &started.workflow, &started.run, Activity::SupplierOrder).await;
    assert!(matches!(other, Err(OperateError::NotPending { .. })), "{other:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_attempt_is_not_reset() {
    if offline() {
        return;
    }
    let sandbox = Sandbox::new();
    let link = sandbox.link().await;
    let _worker = sandbox.worker();
    let (started, watch) =
        sandbox.start(&link, "A", order_with_long_backoff("A", "update.after-commit=delay(1000)")).await;
    sandbox.wait_for("the attempt runs", is_fault);
    let refused = retry_now(&link, &started.workflow, &started.run, UPDATE).await;
    assert!(matches!(refused, Err(OperateError::Running { attempt: 1, .. })), "{refused:?}");
    assert_eq!(end(&watch).await, applied(), "its result is used");
    assert_eq!(started_attempts(&sandbox), [1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_order_ends_as_cancelled_and_committed_effects_remain() {
    if offline() {
        return;
    }
    let situations = [
        ("between two attempts, nothing committed", "update.before-commit=error", 1000),
        ("between two attempts, committed", "update.after-commit=error", 990),
        ("while an attempt runs", "update.after-commit=delay(20000)", 990),
        ("while an attempt hangs", "update.after-commit=hang", 990),
    ];
    for (situation, faults, stock) in situations {
        let sandbox = Sandbox::new();
        let link = sandbox.link().await;
        let _worker = sandbox.worker();
        let (started, watch) = sandbox.start(&link, "A", order_with_long_backoff("A", faults)).await;
        if faults.ends_with("error") {
            backing_off(&link, &started).await;
        } else {
            sandbox.wait_for(situation, is_fault);
        }
        cancel(&link, &started.workflow, &started.run).await.unwrap();
        let since = Instant::now();
        assert_eq!(end(&watch).await, RunEnd::Cancelled, "{situation}");
        assert!(since.elapsed() < Duration::from_secs(10), "{situation}: the cancellation waited for the attempt");
        let described = describe(&link, &started.workflow, &started.run).await.unwrap();
        assert_eq!(described, Described { open: false, pending: Vec::new(), failing: None }, "{situation}");
        sandbox.assert_right(stock);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_without_a_worker_is_cancelled_by_the_first_worker() {
    if offline() {
        return;
    }
    let sandbox = Sandbox::new();
    let link = sandbox.link().await;
    let (started, watch) = sandbox.start(&link, "A", order("A", 10, "none")).await;
    cancel(&link, &started.workflow, &started.run).await.unwrap();
    assert!(describe(&link, &started.workflow, &started.run).await.unwrap().open);
    let _worker = sandbox.worker();
    assert_eq!(end(&watch).await, RunEnd::Cancelled);
    assert!(started_attempts(&sandbox).is_empty(), "no attempt started");
}

fn run_of(started: &Started) -> Run {
    Run { workflow: started.workflow.clone(), run: started.run.clone() }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_of_a_foreign_worker_is_described_retried_cancelled_and_its_end_reported() {
    if offline() {
        return;
    }
    let sandbox = Sandbox::new();
    // Another database on the same task queue, whose orders our journal does not record.
    let elsewhere = Sandbox { queue: sandbox.queue.clone(), ..Sandbox::new() };
    let link = sandbox.link().await;
    let worker = elsewhere.worker();
    let (started, _) = sandbox.start(&link, "A", order_with_long_backoff("A", "update.after-commit=error")).await;
    let before = backing_off(&link, &started).await;
    let mut headless = Headless::new(&sandbox, address(), false);
    headless.is_up().await;

    headless.execute(Command::Describe(vec![run_of(&started), run_of(&started)]));
    let described = headless.description().await.unwrap();
    let pending = described.pending.first().unwrap().clone();
    assert!(described.open && described.at.0 > 0);
    assert_eq!((pending.activity.ours(), pending.attempt, pending.next), (Some(UPDATE), 2, before.next));
    assert_eq!(pending.state, PendingState::Scheduled);
    assert_eq!(pending.worker, process_identity(WORKER_ROLE, worker.pid(), &host()));
    let PendingActivity { failure: Some(failure), interval: Some(interval), .. } = pending else {
        panic!("{pending:?}")
    };
    assert_eq!((failure.code.as_str(), failure.retryable), ("RandomError", true));
    assert!(interval.abs_diff(Duration::from_mins(10)) < Duration::from_secs(1), "{interval:?}");

    headless.execute(Command::RetryNow(run_of(&started), UPDATE));
    let (text, tone) = headless.notice("is due now").await;
    assert!(text.contains("attempt 2") && tone == Tone::Good, "{text}");
    pending_when(&link, &started, |pending| pending.next > before.next).await;
    assert_eq!(started_attempts(&elsewhere), [1, 1]);

    headless.execute(Command::Cancel(run_of(&started)));
    assert_eq!(headless.notice("cancellation of ").await.1, Tone::Good);
    assert_eq!(headless.end().await, RunEnd::Cancelled);
    headless.execute(Command::Cancel(run_of(&started)));
    assert_eq!(headless.notice("has already ended").await.1, Tone::Bad);
    elsewhere.assert_right(990);
    assert!(!sandbox.database.exists() && started_attempts(&sandbox).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_a_run_found_closed_is_reported_once() {
    if offline() {
        return;
    }
    let sandbox = Sandbox::new();
    let link = sandbox.link().await;
    let _worker = sandbox.worker();
    let (started, watch) = sandbox.start(&link, "A", order("A", 10, "none")).await;
    assert_eq!(end(&watch).await, applied());
    let unknown = Run { run: uuid::Uuid::new_v4().to_string(), ..run_of(&started) };
    let mut headless = Headless::new(&sandbox, address(), false);
    headless.is_up().await;
    headless.execute(Command::Describe(vec![run_of(&started)]));
    assert!(!headless.description().await.unwrap().open);
    assert_eq!(headless.end().await, RunEnd::completed(OrderOutcome::Applied));
    headless.execute(Command::Describe(vec![unknown.clone()]));
    assert!(headless.description().await.unwrap_err().contains("does not know"));
    assert_eq!(headless.end().await, RunEnd::Unknown);
    for run in [run_of(&started), unknown] {
        headless.execute(Command::Describe(vec![run]));
        let _answer = headless.description().await;
    }
    // The notice for a third request arrives after any message that the two descriptions cause.
    headless.execute(Command::RetryNow(run_of(&started), UPDATE));
    headless.notice("has already ended").await;
    let again = headless.so_far().into_iter().any(|message| matches!(message, Message::Ended { .. }));
    assert!(!again, "an end was reported twice");
}
