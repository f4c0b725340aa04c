//! A workflow task that fails repeatedly: the server's current attempt, the cause, and the key that encrypts the order.
//! Temporal retries such a task without limit, and neither the workflow nor its result reports the failure.

use temporalio_client::NamespacedClient;
use temporalio_common::protos::temporal::api::{
    common::v1::WorkflowExecution,
    enums::v1::WorkflowTaskFailedCause,
    history::v1::{
        HistoryEvent, WorkflowTaskFailedEventAttributes,
        history_event::Attributes::{
            WorkflowExecutionStartedEventAttributes as Began, WorkflowTaskCompletedEventAttributes,
            WorkflowTaskFailedEventAttributes as Failed, WorkflowTaskTimedOutEventAttributes as TimedOut,
        },
    },
    workflowservice::v1::{GetWorkflowExecutionHistoryRequest, GetWorkflowExecutionHistoryReverseRequest},
};

use super::{
    codec::{Codec, decode_messages, encrypted_with},
    link::{Link, limited},
};
use crate::domain::{is_worker_of_ours, sanitize};

/// Maximum length of a worker's message.
const MAX_MESSAGE_CHARS: usize = 400;

/// Number of events to read from the end of the history. A failed task is one of the last three.
const HISTORY_PAGE_LEN: i32 = 20;

/// A workflow task that has failed and is retried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailingTask {
    /// Attempt that is running or comes next; at least 2.
    pub attempt: u32,
    /// Why the task fails.
    pub cause: TaskFailure,
    /// Key of the order; `None` if the order is not encrypted or its input could not be read.
    pub key: Option<OrderKey>,
}

/// The key that encrypts an order's input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderKey {
    /// The key's id.
    pub id: String,
    /// Whether this client has the key.
    pub here: bool,
}

/// Why a workflow task fails.
#[expect(missing_docs, reason = "the fields are the values in the messages")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaskFailure {
    /// The worker's code does not match the history.
    NonDeterminism { message: String, worker: String },
    /// The worker could not read the input, its code panicked, or it does not know the workflow.
    Worker { message: String, worker: String },
    /// The server did not accept the worker's commands.
    Commands { cause: &'static str, message: String, worker: String },
    /// The worker took the task and did not answer.
    TimedOut,
    /// The server does not report the cause.
    Unknown { why: String },
}

impl FailingTask {
    /// Message with the failure, its cause, what to do, and the current attempt.
    #[must_use]
    pub fn explain(&self) -> String {
        format!("{}; Temporal is at attempt {} of this workflow task", self.explain_cause(), self.attempt)
    }

    /// Message without the attempt, which changes only if the cause does.
    #[must_use]
    pub fn explain_cause(&self) -> String {
        let (text, fix) = self.cause.explain();
        let key = self.missing_key().map_or_else(String::new, OrderKey::explain);
        format!("{}{key}. {fix}", text.trim_end_matches('.'))
    }

    /// Whether another worker may process the task without any change: the one that took it was lost.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        self.cause == TaskFailure::TimedOut && self.missing_key().is_none()
    }

    /// Key that the worker may lack, if that would explain the failure.
    #[must_use]
    pub fn missing_key(&self) -> Option<&OrderKey> {
        self.key.as_ref().filter(|_| self.cause.may_be_the_key())
    }
}

impl OrderKey {
    fn explain(&self) -> String {
        let Self { id, here } = self;
        let first = if *here {
            ": "
        } else {
            ", and this client cannot decrypt it. Copy that key from the key file of the program that started the order, and "
        };
        format!(
            ". The order is encrypted with the key '{id}'{first}start the worker with ENCRYPT_PAYLOAD=true, \
             DATACONVERTER_ENCRYPTION_KEY_ID={id} and that key"
        )
    }
}

impl TaskFailure {
    /// Returns the failure with its cause, and what to do.
    fn explain(&self) -> (String, &'static str) {
        match self {
            Self::NonDeterminism { message, worker } => (
                format!(
                    "{worker} cannot continue the workflow, because its code does not match the history: {message}"
                ),
                "Run the worker version that started it, or terminate the workflow and start the order again",
            ),
            Self::Worker { message, worker } => (
                format!("{worker} cannot process the workflow: {message}"),
                "The order continues when a worker can process it",
            ),
            Self::Commands { cause, message, worker } => (
                format!("the server does not accept the commands of {worker} ({cause}): {message}"),
                "Run another version of the worker",
            ),
            Self::TimedOut => (
                "a worker took the workflow task and did not answer in time".to_owned(),
                "It crashed, hangs, or fails without a report; see its log",
            ),
            Self::Unknown { why } => (
                format!("the workflow task keeps failing, and the server reports no cause: {why}"),
                "See the worker's log",
            ),
        }
    }

    /// Whether a missing key of the order could cause this failure.
    fn may_be_the_key(&self) -> bool {
        match self {
            // The key settings of another program's worker are unknown.
            Self::Worker { worker, .. } => worker.strip_prefix("worker ").is_none_or(is_worker_of_ours),
            Self::TimedOut | Self::Unknown { .. } => true,
            Self::NonDeterminism { .. } | Self::Commands { .. } => false,
        }
    }
}

/// Reads why the workflow task of a run fails, with one small call, or two if the history does not fit in one response.
/// `attempt` is the server's current attempt.
pub(super) async fn failing_task(link: &Link, execution: WorkflowExecution, attempt: u32) -> FailingTask {
    let request = GetWorkflowExecutionHistoryReverseRequest {
        namespace: link.client().namespace(),
        execution: Some(execution.clone()),
        maximum_page_size: HISTORY_PAGE_LEN,
        ..Default::default()
    };
    let (cause, first) = match link.service().get_workflow_execution_history_reverse(limited(request)).await {
        Ok(answer) => {
            let mut events = answer.into_inner().history.unwrap_or_default().events;
            let first = events.pop_if(|event| event.event_id == 1);
            (last_failure(events, link.codec()), first)
        }
        Err(status) => (TaskFailure::Unknown { why: sanitize(status.message(), MAX_MESSAGE_CHARS) }, None),
    };
    let first = match first {
        Some(first) => Some(first),
        None => first_event(link, execution).await,
    };
    FailingTask { attempt, cause, key: first.and_then(|first| order_key(first, link.codec())) }
}

/// Reads the first event of a history; `None` if the server does not return it.
async fn first_event(link: &Link, execution: WorkflowExecution) -> Option<HistoryEvent> {
    let request = GetWorkflowExecutionHistoryRequest {
        namespace: link.client().namespace(),
        execution: Some(execution),
        maximum_page_size: 1,
        ..Default::default()
    };
    let answer = link.service().get_workflow_execution_history(limited(request)).await.ok()?;
    answer.into_inner().history?.events.into_iter().next()
}

/// Reads the key of the order from `first`, the event of the run's start.
fn order_key(first: HistoryEvent, codec: Option<&Codec>) -> Option<OrderKey> {
    let Some(Began(began)) = first.attributes else { return None };
    let (id, payload) =
        began.input?.payloads.into_iter().find_map(|payload| Some((encrypted_with(&payload)?, payload)))?;
    let here = codec.is_some_and(|codec| codec.decode_one(payload).is_ok());
    Some(OrderKey { id: sanitize(&id, MAX_MESSAGE_CHARS), here })
}

/// Finds the last failure in `events`, which begin with the newest.
fn last_failure(events: Vec<HistoryEvent>, codec: Option<&Codec>) -> TaskFailure {
    for event in events {
        match event.attributes {
            Some(Failed(attributes)) => return failure(attributes, codec),
            Some(TimedOut(_)) => return TaskFailure::TimedOut,
            // This task completed, so failures before it do not matter.
            Some(WorkflowTaskCompletedEventAttributes(_)) => break,
            _ => {}
        }
    }
    TaskFailure::Unknown { why: "the history has no failed task".to_owned() }
}

fn failure(attributes: WorkflowTaskFailedEventAttributes, codec: Option<&Codec>) -> TaskFailure {
    let cause = attributes.cause();
    let mut failure = attributes.failure.unwrap_or_default();
    // The SDK's converter does not decode this response.
    decode_messages(codec, &mut failure);
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
    use std::sync::Arc;

    use temporalio_common::protos::temporal::api::{
        common::v1::{Payload, Payloads},
        failure::v1::Failure,
        history::v1::{
            WorkflowExecutionStartedEventAttributes, WorkflowTaskCompletedEventAttributes,
            WorkflowTaskTimedOutEventAttributes,
        },
    };

    use super::*;
    use crate::encryption::{KeyRing, sample_key};

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
    fn a_task_of_a_lost_worker_may_pass_unless_the_worker_may_lack_the_key() {
        let task = |cause, key| FailingTask { attempt: 3, cause, key };
        assert!(task(TaskFailure::TimedOut, None).may_pass());
        assert!(!task(TaskFailure::TimedOut, Some(OrderKey { id: "k".to_owned(), here: true })).may_pass());
        assert!(!task(TaskFailure::Unknown { why: "x".to_owned() }, None).may_pass());
    }

    #[test]
    fn the_newest_failure_decides_and_each_kind_has_a_remedy() {
        let unhandled = WorkflowTaskFailedCause::WorkflowWorkerUnhandledFailure;
        let found = last_failure(vec![failed(unhandled, "no such\u{1b} key"), completed()], None);
        let (worker, message) = ("worker idempotence-worker@1@h".to_owned(), "no such\\u{1b} key".to_owned());
        assert_eq!(found, TaskFailure::Worker { message, worker });
        let explain = |attempt, cause, here| {
            FailingTask { attempt, cause, key: Some(OrderKey { id: "stage".to_owned(), here }) }.explain()
        };
        let text = explain(3, found.clone(), true);
        for part in ["worker idempotence-worker@1@h", "no such", "key 'stage'", "ENCRYPT_PAYLOAD=true", "attempt 3"] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(!text.contains("this client"), "{text}");
        let text = explain(3, found.clone(), false);
        for part in ["key 'stage', and this client cannot decrypt it", "Copy that key", "KEY_ID=stage"] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(!FailingTask { attempt: 2, cause: found, key: None }.explain().contains("ENCRYPT"));
        let foreign = TaskFailure::Worker { message: "no key".to_owned(), worker: "worker 31@there".to_owned() };
        assert!(!explain(2, foreign, true).contains("ENCRYPT"));
        let found = last_failure(vec![failed(WorkflowTaskFailedCause::NonDeterministicError, "TMPRL1100")], None);
        let text = explain(2, found, true);
        assert!(text.contains("TMPRL1100") && text.contains("terminate") && !text.contains("ENCRYPT"), "{text}");
        let found = last_failure(vec![failed(WorkflowTaskFailedCause::BadScheduleActivityAttributes, "x")], None);
        let text = explain(2, found, true);
        assert!(text.contains("BAD_SCHEDULE_ACTIVITY_ATTRIBUTES"), "{text}");
    }

    #[test]
    fn the_key_of_the_order_is_read_from_its_first_event() {
        let codec = |id: &str| {
            let keys = [(id.parse().unwrap(), sample_key())].into();
            Codec::new(Arc::new(KeyRing::new(id, keys).unwrap()), false)
        };
        let first = |payload| {
            let input = Some(Payloads { payloads: vec![payload] });
            let began = WorkflowExecutionStartedEventAttributes { input, ..Default::default() };
            HistoryEvent { event_id: 1, attributes: Some(Began(began)), ..Default::default() }
        };
        let payload = Payload { data: b"order".to_vec(), ..Default::default() };
        let sealed = codec("stage").encode_one(&payload).unwrap();
        let key = |here| Some(OrderKey { id: "stage".to_owned(), here });
        assert_eq!(order_key(first(sealed.clone()), Some(&codec("stage"))), key(true));
        assert_eq!(order_key(first(sealed.clone()), Some(&codec("other"))), key(false));
        assert_eq!(order_key(first(sealed), None), key(false));
        assert_eq!(order_key(first(payload), None), None);
    }

    #[test]
    fn a_timeout_and_a_history_without_a_cause_are_distinguished() {
        let attributes = WorkflowTaskTimedOutEventAttributes::default();
        let timed_out = HistoryEvent { attributes: Some(TimedOut(attributes)), ..Default::default() };
        assert_eq!(last_failure(vec![timed_out, completed()], None), TaskFailure::TimedOut);
        let found = last_failure(vec![completed(), failed(WorkflowTaskFailedCause::Unspecified, "old")], None);
        assert!(matches!(found, TaskFailure::Unknown { .. }), "an older failure is over: {found:?}");
    }
}
