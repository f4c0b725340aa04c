//! A workflow task that fails again and again: the attempt that the server is at, and why the first one failed. Temporal
//! retries such a task without end, and neither the workflow nor its result says so.

use temporalio_client::NamespacedClient;
use temporalio_common::protos::temporal::api::{
    common::v1::WorkflowExecution,
    enums::v1::WorkflowTaskFailedCause,
    history::v1::{
        HistoryEvent, WorkflowTaskFailedEventAttributes,
        history_event::Attributes::{
            WorkflowTaskCompletedEventAttributes, WorkflowTaskFailedEventAttributes as Failed,
            WorkflowTaskTimedOutEventAttributes as TimedOut,
        },
    },
    workflowservice::v1::GetWorkflowExecutionHistoryReverseRequest,
};

use super::{
    codec::{Codec, spell_out},
    link::{Link, limited},
};
use crate::domain::{is_worker_of_ours, sanitize};

/// Characters of a worker's message that are kept.
const MAX_MESSAGE_CHARS: usize = 400;

/// Events that are read from the end of the history. A failed task is among the last three.
const EVENTS: i32 = 20;

/// A workflow task that has failed, and is tried again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailingTask {
    /// The attempt that runs or comes next; at least 2.
    pub attempt: u32,
    pub cause: TaskFailure,
}

/// Why the first attempt failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaskFailure {
    /// The worker's code does not fit the history.
    NonDeterminism { message: String, worker: String },
    /// The worker could not read the input, its code panicked, or it does not know the workflow.
    Worker { message: String, worker: String },
    /// The server did not accept the worker's commands.
    Commands { cause: &'static str, message: String, worker: String },
    /// The worker took the task and did not answer.
    TimedOut,
    /// The server did not say.
    Unknown { why: String },
}

impl FailingTask {
    /// As [`TaskFailure::explain`], with the attempt that the server is at.
    #[must_use]
    pub fn explain(&self, key: Option<&str>) -> String {
        let Self { attempt, cause } = self;
        format!("{}; Temporal is at attempt {attempt} of this workflow task", cause.explain(key))
    }
}

impl TaskFailure {
    /// What fails, why, and what to do. `key`: the id of the key that this client encrypts with.
    #[must_use]
    pub fn explain(&self, key: Option<&str>) -> String {
        let (text, fix) = match self {
            Self::NonDeterminism { message, worker } => (
                format!("{worker} cannot go on with the workflow, as its code does not fit the history: {message}"),
                "Run the version of the worker that began it, or terminate the workflow and start the order again",
            ),
            Self::Worker { message, worker } => {
                (format!("{worker} cannot process the workflow: {message}"), "The order goes on when a worker can")
            }
            Self::Commands { cause, message, worker } => (
                format!("the server does not accept what {worker} asks for ({cause}): {message}"),
                "Run another version of the worker",
            ),
            Self::TimedOut => (
                "a worker took the workflow task and did not answer in time".to_owned(),
                "It crashed, hangs, or fails without a report: see its log",
            ),
            Self::Unknown { why } => {
                (format!("the workflow task fails, and the server does not say why: {why}"), "See the worker's log")
            }
        };
        let key = key.filter(|_| self.may_be_the_key()).map_or_else(String::new, |key| {
            format!(
                ". This client encrypts with the key '{key}': a worker without ENCRYPT_PAYLOAD=true, \
                 DATACONVERTER_ENCRYPTION_KEY_ID={key} and the same key cannot read the order"
            )
        });
        let text = text.trim_end_matches('.');
        format!("{text}{key}. {fix}")
    }

    /// Whether a worker without the key of the order would fail like this.
    #[must_use]
    pub fn may_be_the_key(&self) -> bool {
        match self {
            // How another program's worker gets its key is not known here.
            Self::Worker { worker, .. } => worker.strip_prefix("worker ").is_none_or(is_worker_of_ours),
            Self::TimedOut | Self::Unknown { .. } => true,
            Self::NonDeterminism { .. } | Self::Commands { .. } => false,
        }
    }
}

/// Reads why the workflow task of a run fails. One small call. `attempt`: the one that the server is at.
pub(super) async fn failing_task(link: &Link, execution: WorkflowExecution, attempt: u32) -> FailingTask {
    let request = GetWorkflowExecutionHistoryReverseRequest {
        namespace: link.client().namespace(),
        execution: Some(execution),
        maximum_page_size: EVENTS,
        ..Default::default()
    };
    let cause = match link.service().get_workflow_execution_history_reverse(limited(request)).await {
        Ok(answer) => {
            let events = answer.into_inner().history.unwrap_or_default().events;
            last_failure(events, link.codec())
        }
        Err(status) => TaskFailure::Unknown { why: sanitize(status.message(), MAX_MESSAGE_CHARS) },
    };
    FailingTask { attempt, cause }
}

/// `events`: the newest first.
fn last_failure(events: Vec<HistoryEvent>, codec: Option<&Codec>) -> TaskFailure {
    for event in events {
        match event.attributes {
            Some(Failed(attributes)) => return failure(attributes, codec),
            Some(TimedOut(_)) => return TaskFailure::TimedOut,
            // What failed after that was not recorded.
            Some(WorkflowTaskCompletedEventAttributes(_)) => break,
            _ => {}
        }
    }
    TaskFailure::Unknown { why: "its history has no failed task".to_owned() }
}

fn failure(attributes: WorkflowTaskFailedEventAttributes, codec: Option<&Codec>) -> TaskFailure {
    let cause = attributes.cause();
    let mut failure = attributes.failure.unwrap_or_default();
    // This answer does not pass the SDK's converter.
    spell_out(codec, &mut failure);
    let mut innermost = &failure;
    while let Some(cause) = innermost.cause.as_deref().filter(|cause| !cause.message.is_empty()) {
        innermost = cause;
    }
    let message = match innermost.message.as_str() {
        "" => "without a message".to_owned(),
        message => sanitize(message, MAX_MESSAGE_CHARS),
    };
    let worker = match attributes.identity.as_str() {
        "" => "the worker".to_owned(),
        identity => format!("worker {}", sanitize(identity, MAX_MESSAGE_CHARS)),
    };
    match cause {
        WorkflowTaskFailedCause::NonDeterministicError => TaskFailure::NonDeterminism { message, worker },
        WorkflowTaskFailedCause::WorkflowWorkerUnhandledFailure | WorkflowTaskFailedCause::Unspecified => {
            TaskFailure::Worker { message, worker }
        }
        other => TaskFailure::Commands { cause: other.as_str_name(), message, worker },
    }
}

#[cfg(test)]
mod tests {
    use temporalio_common::protos::temporal::api::{
        failure::v1::Failure,
        history::v1::{WorkflowTaskCompletedEventAttributes, WorkflowTaskTimedOutEventAttributes},
    };

    use super::*;

    fn failed(cause: WorkflowTaskFailedCause, message: &str) -> HistoryEvent {
        let attributes = WorkflowTaskFailedEventAttributes {
            cause: cause.into(),
            failure: Some(Failure { message: message.to_owned(), ..Default::default() }),
            identity: "idempotence-worker@1@h".to_owned(),
            ..Default::default()
        };
        HistoryEvent { attributes: Some(Failed(attributes)), ..Default::default() }
    }

    fn completed() -> HistoryEvent {
        let attributes = WorkflowTaskCompletedEventAttributes::default();
        HistoryEvent { attributes: Some(super::WorkflowTaskCompletedEventAttributes(attributes)), ..Default::default() }
    }

    #[test]
    fn the_newest_failure_decides_and_each_kind_says_what_to_do() {
        let unhandled = WorkflowTaskFailedCause::WorkflowWorkerUnhandledFailure;
        let found = last_failure(vec![failed(unhandled, "no such\u{1b} key"), completed()], None);
        let (worker, message) = ("worker idempotence-worker@1@h".to_owned(), "no such\\u{1b} key".to_owned());
        assert_eq!(found, TaskFailure::Worker { message, worker });
        let text = FailingTask { attempt: 3, cause: found.clone() }.explain(Some("stage"));
        for part in ["worker idempotence-worker@1@h", "no such", "key 'stage'", "ENCRYPT_PAYLOAD=true", "attempt 3"] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(!FailingTask { attempt: 2, cause: found }.explain(None).contains("ENCRYPT"));
        let foreign = TaskFailure::Worker { message: "no key".to_owned(), worker: "worker 31@there".to_owned() };
        assert!(!FailingTask { attempt: 2, cause: foreign }.explain(Some("stage")).contains("ENCRYPT"));
        let found = last_failure(vec![failed(WorkflowTaskFailedCause::NonDeterministicError, "TMPRL1100")], None);
        let text = FailingTask { attempt: 2, cause: found }.explain(Some("stage"));
        assert!(text.contains("TMPRL1100") && text.contains("terminate") && !text.contains("ENCRYPT"), "{text}");
        let found = last_failure(vec![failed(WorkflowTaskFailedCause::BadScheduleActivityAttributes, "x")], None);
        let text = FailingTask { attempt: 2, cause: found }.explain(None);
        assert!(text.contains("BAD_SCHEDULE_ACTIVITY_ATTRIBUTES"), "{text}");
    }

    #[test]
    fn a_timeout_and_a_history_that_does_not_say_are_told_apart() {
        let attributes = WorkflowTaskTimedOutEventAttributes::default();
        let timed_out = HistoryEvent { attributes: Some(TimedOut(attributes)), ..Default::default() };
        assert_eq!(last_failure(vec![timed_out, completed()], None), TaskFailure::TimedOut);
        let found = last_failure(vec![completed(), failed(WorkflowTaskFailedCause::Unspecified, "old")], None);
        assert!(matches!(found, TaskFailure::Unknown { .. }), "an older failure is over: {found:?}");
    }
}
