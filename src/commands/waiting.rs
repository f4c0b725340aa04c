//! Waits for the end of an order, for `start`. Each change of the cause is one line on standard error. The wait ends if
//! waiting cannot help.

use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::{Failure, print};
use crate::{
    domain::{PendingActivity, PendingState, RunEnd},
    temporal::{Described, FailingTask, Link, Presence, Started, Watch, describe, find_worker},
};

/// Interval between two checks of the order.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Maximum duration of one check.
const LOOK_TIMEOUT: Duration = Duration::from_secs(3);

/// Time and number of attempts after which a failing workflow task is considered permanently failing.
const FAILS_FOR_GOOD: Duration = Duration::from_secs(15);
const FAILS_FOR_GOOD_ATTEMPTS: u32 = 3;

/// Why an order has not ended.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Reason {
    Server(String),
    Worker {
        task_queue: String,
    },
    Task(FailingTask),
    Activity(String),
    /// An attempt is running, or nothing is known to block the order.
    Nothing,
}

impl Reason {
    fn sentence(&self) -> Option<String> {
        match self {
            Self::Server(cause) => Some(format!("waiting for the server: {cause}")),
            Self::Worker { task_queue } => {
                Some(format!("no worker is polling '{task_queue}'; waiting. Start one with: idempotence worker"))
            }
            Self::Task(failing) => Some(failing.explain()),
            Self::Activity(text) => Some(text.clone()),
            Self::Nothing => None,
        }
    }

    /// Whether the cause is the same, whatever the number of attempts.
    fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Task(one), Self::Task(other)) => (&one.cause, &one.key) == (&other.cause, &other.key),
            (one, other) => one == other,
        }
    }
}

/// A wait for an order.
pub struct Waiting<'a> {
    /// Link to the server.
    pub link: &'a Link,
    /// The order's run.
    pub started: &'a Started,
    /// Task queue of the workers.
    pub task_queue: &'a str,
    /// When to give up, and the length of the wait since the command's start.
    pub limit: Option<(Instant, Duration)>,
}

/// Result of a wait.
#[derive(Debug)]
pub enum Waited {
    Ended(RunEnd),
    /// The order is still open; the string says why the wait ended.
    GivenUp(String),
}

impl Waiting<'_> {
    /// Waits until the order ends or waiting longer cannot help.
    ///
    /// # Errors
    /// Returns an error if the server refuses this client, for example for lack of permission.
    pub async fn wait(&self, watch: &Watch) -> Result<Waited, Failure> {
        let end = watch.end_or_refusal();
        tokio::pin!(end);
        let mut said = Reason::Nothing;
        let mut failing_since: Option<Instant> = None;
        loop {
            tokio::select! {
                ended = &mut end => return Ok(Waited::Ended(ended?)),
                given_up = self.limit_reached(&said) => return Ok(Waited::GivenUp(given_up)),
                reason = self.look_again(failing_since.is_none() && said == Reason::Nothing) => {
                    failing_since = match &reason {
                        Reason::Task(failing) if !failing.may_pass() => {
                            let since = *failing_since.get_or_insert_with(Instant::now);
                            if failing.attempt >= FAILS_FOR_GOOD_ATTEMPTS || since.elapsed() > FAILS_FOR_GOOD {
                                return Ok(Waited::GivenUp(failing.explain()));
                            }
                            Some(since)
                        }
                        _ => None,
                    };
                    if !reason.is_like(&said) && let Some(text) = reason.sentence() {
                        print::problem(&text);
                    }
                    said = reason;
                }
            }
        }
    }

    async fn limit_reached(&self, reason: &Reason) -> String {
        let Some((at, limit)) = self.limit else { return std::future::pending().await };
        sleep_until(at).await;
        let why = reason.sentence().unwrap_or_else(|| "the order is still running".to_owned());
        format!("no end within {} s: {why}", limit.as_secs_f64())
    }

    async fn look_again(&self, first: bool) -> Reason {
        sleep(if first { LOOK_EVERY / 4 } else { LOOK_EVERY }).await;
        match timeout(LOOK_TIMEOUT, self.look()).await {
            Ok(reason) => reason,
            Err(_) => Reason::Server(format!("no answer in {} s", LOOK_TIMEOUT.as_secs())),
        }
    }

    async fn look(&self) -> Reason {
        let Started { workflow, run, .. } = self.started;
        let described = match describe(self.link, workflow, run).await {
            Ok(described) => described,
            Err(error) => return Reason::Server(error.to_string()),
        };
        if needs_worker(&described) && matches!(find_worker(self.link, self.task_queue).await, Ok(Presence::Absent)) {
            return Reason::Worker { task_queue: self.task_queue.to_owned() };
        }
        reason(described)
    }
}

/// Whether a worker on this task queue has to act next. Activities of other programs may use other queues.
fn needs_worker(described: &Described) -> bool {
    let Described { open, pending, failing } = described;
    let waits = match pending.first() {
        Some(first) => first.activity.ours().is_some() && first.state == PendingState::Scheduled,
        None => true,
    };
    *open && failing.is_none() && waits
}

fn reason(described: Described) -> Reason {
    let Described { pending, failing, .. } = described;
    if let Some(failing) = failing {
        return Reason::Task(failing);
    }
    pending.iter().map(activity).find(|reason| *reason != Reason::Nothing).unwrap_or(Reason::Nothing)
}

/// Describes why an activity has not ended.
fn activity(pending: &PendingActivity) -> Reason {
    let PendingActivity { activity: name, attempt, .. } = pending;
    match (&pending.failure, pending.state) {
        (_, PendingState::Paused) => Reason::Activity(format!("{name} is paused in Temporal; unpause it there")),
        (Some(failure), _) => {
            let failed = attempt.saturating_sub(1).max(1);
            Reason::Activity(format!("{name}: attempt {failed} failed: {}", failure.message))
        }
        (None, _) => Reason::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::{Activity, ActivityType, FailureReport},
        temporal::TaskFailure,
    };

    fn failure(message: &str) -> FailureReport {
        FailureReport { code: String::new(), message: message.to_owned(), retryable: true, causes: Vec::new() }
    }

    fn pending(activity: ActivityType, state: PendingState, message: Option<&str>) -> PendingActivity {
        PendingActivity {
            activity,
            id: "1".to_owned(),
            attempt: 3,
            maximum: 0,
            state,
            started: None,
            completed: None,
            next: None,
            interval: None,
            failure: message.map(failure),
            worker: String::new(),
        }
    }

    fn described(pending: Vec<PendingActivity>) -> Described {
        Described { open: true, pending, failing: None }
    }

    #[test]
    fn a_failing_activity_of_any_program_is_reported() {
        let other = |message| pending("charge_card".into(), PendingState::Scheduled, message);
        let said = |described| reason(described).sentence().unwrap_or_default();
        for state in [PendingState::Scheduled, PendingState::Started] {
            let ours = pending(Activity::UpdateInventory.into(), state, Some("disk full"));
            let ours = said(described(vec![ours, other(Some("declined"))]));
            assert_eq!(ours, "UpdateInventoryActivity: attempt 2 failed: disk full", "{state:?}");
        }
        let declined = || other(Some("declined"));
        assert_eq!(said(described(vec![other(None), declined()])), "charge_card: attempt 2 failed: declined");
        assert_eq!(reason(described(vec![other(None)])), Reason::Nothing);
        assert!(!needs_worker(&described(vec![declined()])), "it may use another task queue");
        assert!(needs_worker(&described(vec![])));
    }

    #[test]
    fn a_failing_task_is_reported_once_per_cause() {
        let failing = |attempt, cause| Reason::Task(FailingTask { attempt, cause, key: None });
        let unknown = |why: &str| TaskFailure::Unknown { why: why.to_owned() };
        assert!(failing(2, unknown("x")).is_like(&failing(3, unknown("x"))));
        assert!(!failing(2, unknown("x")).is_like(&failing(2, unknown("y"))));
        assert!(!failing(2, TaskFailure::TimedOut).is_like(&Reason::Nothing));
        assert_eq!(Reason::Nothing.sentence(), None);
        let worker = Reason::Worker { task_queue: "q".to_owned() };
        assert!(worker.sentence().is_some_and(|text| text.contains("'q'") && text.contains("idempotence worker")));
    }
}
