//! Converts the events of a history.

use temporalio_common::protos::temporal::api::{
    common::v1::{ActivityType, Payload, Payloads, WorkflowExecution, WorkflowType},
    enums::v1::{TimeoutType, WorkflowTaskFailedCause},
    failure::v1::Failure,
    history::v1::{
        ActivityTaskScheduledEventAttributes, HistoryEvent as ProtoEvent, WorkflowExecutionStartedEventAttributes,
        WorkflowExecutionUpdateCompletedEventAttributes, WorkflowTaskFailedEventAttributes, history_event::Attributes,
    },
    update::v1::outcome,
};

use super::{
    attempts,
    failure::{operation, report, report_of, timed_out},
    local_activity::local_activity,
    name,
    options::scheduled_options,
    pascal,
    payload::{content, contents},
    run, text, unsigned,
};
use crate::{
    domain::{EventKind, FailureReport, HistoryEvent, ItemEnd, Run},
    temporal::{
        codec::Codec,
        failure::timeout_kind,
        times::{duration, millis},
    },
};

/// Converts an event.
pub(super) fn event(codec: Option<&Codec>, event: &ProtoEvent) -> HistoryEvent {
    let known = event.attributes.as_ref().and_then(|attributes| {
        execution_event(codec, attributes)
            .or_else(|| end_event(codec, attributes))
            .or_else(|| task_event(codec, attributes))
            .or_else(|| activity_event(codec, attributes))
            .or_else(|| child_event(codec, attributes))
            .or_else(|| nexus_event(codec, attributes))
    });
    let other = || EventKind::Other { name: pascal(event.event_type().as_str_name(), "EVENT_TYPE_") };
    HistoryEvent {
        id: unsigned(event.event_id),
        at: millis(event.event_time).unwrap_or_default(),
        kind: known.unwrap_or_else(other),
    }
}

/// Converts an event about the whole execution, a timer or a marker.
fn execution_event(codec: Option<&Codec>, attributes: &Attributes) -> Option<EventKind> {
    Some(match attributes {
        Attributes::WorkflowExecutionStartedEventAttributes(event) => started(codec, event),
        Attributes::WorkflowExecutionSignaledEventAttributes(event) => EventKind::Signaled {
            name: name(&event.signal_name),
            input: contents(codec, event.input.as_ref()),
            from: name(&event.identity),
        },
        Attributes::WorkflowExecutionUpdateAcceptedEventAttributes(event) => {
            let input = event.accepted_request.as_ref().and_then(|request| request.input.as_ref());
            EventKind::UpdateAccepted {
                name: input.map(|input| name(&input.name)).unwrap_or_default(),
                input: contents(codec, input.and_then(|input| input.args.as_ref())),
            }
        }
        Attributes::WorkflowExecutionUpdateCompletedEventAttributes(event) => {
            EventKind::UpdateEnded { accepted: unsigned(event.accepted_event_id), end: update_end(codec, event) }
        }
        Attributes::WorkflowExecutionCancelRequestedEventAttributes(event) => {
            EventKind::CancelRequested { cause: text(&event.cause) }
        }
        Attributes::TimerStartedEventAttributes(event) => EventKind::TimerStarted {
            id: name(&event.timer_id),
            duration: duration(event.start_to_fire_timeout).unwrap_or_default(),
        },
        Attributes::TimerFiredEventAttributes(event) => {
            EventKind::TimerEnded { started: unsigned(event.started_event_id), fired: true }
        }
        Attributes::TimerCanceledEventAttributes(event) => {
            EventKind::TimerEnded { started: unsigned(event.started_event_id), fired: false }
        }
        Attributes::MarkerRecordedEventAttributes(event) => return local_activity(codec, event),
        _ => return None,
    })
}

fn started(codec: Option<&Codec>, event: &WorkflowExecutionStartedEventAttributes) -> EventKind {
    EventKind::Started {
        workflow_type: type_name(event.workflow_type.as_ref()),
        input: contents(codec, event.input.as_ref()),
        attempt: attempts(event.attempt).max(1),
        continued_from: run_id(&event.continued_execution_run_id),
    }
}

fn update_end(codec: Option<&Codec>, event: &WorkflowExecutionUpdateCompletedEventAttributes) -> ItemEnd {
    match event.outcome.as_ref().and_then(|outcome| outcome.value.as_ref()) {
        Some(outcome::Value::Failure(failure)) => ItemEnd::Failed(report(codec, failure)),
        Some(outcome::Value::Success(result)) => ItemEnd::Completed { result: contents(codec, Some(result)) },
        None => ItemEnd::Completed { result: Vec::new() },
    }
}

/// Converts the end of the execution.
fn end_event(codec: Option<&Codec>, attributes: &Attributes) -> Option<EventKind> {
    let (end, next) = match attributes {
        Attributes::WorkflowExecutionCompletedEventAttributes(event) => {
            (completed(codec, event.result.as_ref()), event.new_execution_run_id.as_str())
        }
        Attributes::WorkflowExecutionFailedEventAttributes(event) => {
            (failed(codec, event.failure.as_ref()), event.new_execution_run_id.as_str())
        }
        Attributes::WorkflowExecutionTimedOutEventAttributes(event) => {
            let timeout = timed_out("the workflow exceeded its timeout");
            (ItemEnd::TimedOut(timeout), event.new_execution_run_id.as_str())
        }
        Attributes::WorkflowExecutionContinuedAsNewEventAttributes(event) => {
            (ItemEnd::ContinuedAsNew, event.new_execution_run_id.as_str())
        }
        Attributes::WorkflowExecutionCanceledEventAttributes(_) => (ItemEnd::Cancelled, ""),
        Attributes::WorkflowExecutionTerminatedEventAttributes(event) => {
            (ItemEnd::Terminated { reason: text(&event.reason) }, "")
        }
        _ => return None,
    };
    Some(EventKind::Ended { end, next_run: run_id(next) })
}

/// Converts an event about a workflow task, unless it is a part of normal operation.
fn task_event(codec: Option<&Codec>, attributes: &Attributes) -> Option<EventKind> {
    match attributes {
        Attributes::WorkflowTaskCompletedEventAttributes(event) => {
            Some(EventKind::TaskCompleted { worker: name(&event.identity) })
        }
        Attributes::WorkflowTaskFailedEventAttributes(event) if !is_normal(event.cause()) => {
            Some(task_failed(codec, event))
        }
        // Only a task for a worker's own queue has this timeout. Any worker then receives it, so it is not a failure.
        Attributes::WorkflowTaskTimedOutEventAttributes(event)
            if event.timeout_type() != TimeoutType::ScheduleToStart =>
        {
            Some(EventKind::TaskTimedOut { timeout: timeout_kind(event.timeout_type()) })
        }
        _ => None,
    }
}

/// Whether the server repeats a workflow task for this cause although the worker works: new events came while the task
/// ran, or the execution was reset, closed or paused.
const fn is_normal(cause: WorkflowTaskFailedCause) -> bool {
    matches!(
        cause,
        WorkflowTaskFailedCause::UnhandledCommand
            | WorkflowTaskFailedCause::UnhandledUpdate
            | WorkflowTaskFailedCause::ResetStickyTaskQueue
            | WorkflowTaskFailedCause::ResetWorkflow
            | WorkflowTaskFailedCause::ForceCloseCommand
            | WorkflowTaskFailedCause::FailoverCloseCommand
            | WorkflowTaskFailedCause::WorkflowPauseRequestedBeforeTaskStarted
    )
}

fn task_failed(codec: Option<&Codec>, event: &WorkflowTaskFailedEventAttributes) -> EventKind {
    EventKind::TaskFailed {
        cause: pascal(event.cause().as_str_name(), "WORKFLOW_TASK_FAILED_CAUSE_"),
        failure: report_of(codec, event.failure.as_ref()),
        worker: name(&event.identity),
    }
}

/// Converts an event about an activity.
fn activity_event(codec: Option<&Codec>, attributes: &Attributes) -> Option<EventKind> {
    let (scheduled, end) = match attributes {
        Attributes::ActivityTaskScheduledEventAttributes(event) => return Some(activity_scheduled(codec, event)),
        Attributes::ActivityTaskStartedEventAttributes(event) => {
            return Some(EventKind::ActivityStarted {
                scheduled: unsigned(event.scheduled_event_id),
                attempt: attempts(event.attempt).max(1),
                worker: name(&event.identity),
                failure: event.last_failure.as_ref().map(|failure| report(codec, failure)),
            });
        }
        Attributes::ActivityTaskCancelRequestedEventAttributes(event) => {
            return Some(EventKind::ActivityCancelRequested { scheduled: unsigned(event.scheduled_event_id) });
        }
        Attributes::ActivityTaskCompletedEventAttributes(event) => {
            (event.scheduled_event_id, completed(codec, event.result.as_ref()))
        }
        Attributes::ActivityTaskFailedEventAttributes(event) => {
            (event.scheduled_event_id, failed(codec, event.failure.as_ref()))
        }
        Attributes::ActivityTaskTimedOutEventAttributes(event) => {
            (event.scheduled_event_id, ItemEnd::TimedOut(report_of(codec, event.failure.as_ref())))
        }
        Attributes::ActivityTaskCanceledEventAttributes(event) => (event.scheduled_event_id, ItemEnd::Cancelled),
        _ => return None,
    };
    Some(EventKind::ActivityEnded { scheduled: unsigned(scheduled), end })
}

fn activity_scheduled(codec: Option<&Codec>, event: &ActivityTaskScheduledEventAttributes) -> EventKind {
    let ActivityType { name: kind } = event.activity_type.clone().unwrap_or_default();
    EventKind::ActivityScheduled {
        id: name(&event.activity_id),
        activity: name(&kind).into(),
        options: scheduled_options(event),
        input: contents(codec, event.input.as_ref()),
    }
}

/// Converts an event about a child workflow.
fn child_event(codec: Option<&Codec>, attributes: &Attributes) -> Option<EventKind> {
    let (initiated, end) = match attributes {
        Attributes::StartChildWorkflowExecutionInitiatedEventAttributes(event) => {
            return Some(EventKind::ChildInitiated {
                workflow: name(&event.workflow_id),
                workflow_type: type_name(event.workflow_type.as_ref()),
            });
        }
        Attributes::ChildWorkflowExecutionStartedEventAttributes(event) => {
            return Some(EventKind::ChildStarted {
                initiated: unsigned(event.initiated_event_id),
                run: run_of(event.workflow_execution.as_ref()),
            });
        }
        Attributes::StartChildWorkflowExecutionFailedEventAttributes(event) => {
            let cause = pascal(event.cause().as_str_name(), "START_CHILD_WORKFLOW_EXECUTION_FAILED_CAUSE_");
            (event.initiated_event_id, not_started(cause))
        }
        Attributes::ChildWorkflowExecutionCompletedEventAttributes(event) => {
            (event.initiated_event_id, completed(codec, event.result.as_ref()))
        }
        Attributes::ChildWorkflowExecutionFailedEventAttributes(event) => {
            (event.initiated_event_id, failed(codec, event.failure.as_ref()))
        }
        Attributes::ChildWorkflowExecutionCanceledEventAttributes(event) => {
            (event.initiated_event_id, ItemEnd::Cancelled)
        }
        Attributes::ChildWorkflowExecutionTimedOutEventAttributes(event) => {
            (event.initiated_event_id, ItemEnd::TimedOut(timed_out("the child workflow exceeded its timeout")))
        }
        Attributes::ChildWorkflowExecutionTerminatedEventAttributes(event) => {
            (event.initiated_event_id, ItemEnd::Terminated { reason: String::new() })
        }
        _ => return None,
    };
    Some(EventKind::ChildEnded { initiated: unsigned(initiated), end })
}

/// The end of a child workflow that was not started.
fn not_started(cause: String) -> ItemEnd {
    let message = "the child workflow was not started".to_owned();
    ItemEnd::Failed(FailureReport { code: cause, message, retryable: false, causes: Vec::new() })
}

/// Converts an event about a Nexus operation.
fn nexus_event(codec: Option<&Codec>, attributes: &Attributes) -> Option<EventKind> {
    let (scheduled, end) = match attributes {
        Attributes::NexusOperationScheduledEventAttributes(event) => {
            return Some(EventKind::NexusScheduled {
                operation: operation(&event.endpoint, &event.service, &event.operation),
            });
        }
        Attributes::NexusOperationStartedEventAttributes(event) => {
            return Some(EventKind::NexusStarted { scheduled: unsigned(event.scheduled_event_id) });
        }
        Attributes::NexusOperationCompletedEventAttributes(event) => {
            (event.scheduled_event_id, ItemEnd::Completed { result: value(codec, event.result.as_ref()) })
        }
        Attributes::NexusOperationFailedEventAttributes(event) => {
            (event.scheduled_event_id, failed(codec, event.failure.as_ref()))
        }
        Attributes::NexusOperationTimedOutEventAttributes(event) => {
            (event.scheduled_event_id, ItemEnd::TimedOut(report_of(codec, event.failure.as_ref())))
        }
        Attributes::NexusOperationCanceledEventAttributes(event) => (event.scheduled_event_id, ItemEnd::Cancelled),
        _ => return None,
    };
    Some(EventKind::NexusEnded { scheduled: unsigned(scheduled), end })
}

fn completed(codec: Option<&Codec>, result: Option<&Payloads>) -> ItemEnd {
    ItemEnd::Completed { result: contents(codec, result) }
}

fn failed(codec: Option<&Codec>, failure: Option<&Failure>) -> ItemEnd {
    ItemEnd::Failed(report_of(codec, failure))
}

fn value(codec: Option<&Codec>, payload: Option<&Payload>) -> Vec<crate::domain::PayloadContent> {
    payload.map(|payload| content(codec, payload)).into_iter().collect()
}

fn type_name(kind: Option<&WorkflowType>) -> String {
    kind.map(|kind| name(&kind.name)).unwrap_or_default()
}

fn run_of(execution: Option<&WorkflowExecution>) -> Run {
    run(&execution.cloned().unwrap_or_default())
}

/// A run id; `None` if it is empty.
fn run_id(id: &str) -> Option<String> {
    Some(name(id)).filter(|id| !id.is_empty())
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use temporalio_common::protos::temporal::api::{
        enums::v1::{EventType, StartChildWorkflowExecutionFailedCause},
        history::v1::*,
        update::v1::{Input, Outcome, Request},
    };

    use super::*;
    use crate::domain::HistoryEvent;
    use crate::domain::{PayloadContent, TimeoutKind, UnixMillis};

    fn kind(attributes: Attributes) -> EventKind {
        let at = SystemTime::UNIX_EPOCH + Duration::from_millis(1_234);
        let proto = ProtoEvent {
            event_id: 7,
            event_time: Some(at.into()),
            event_type: EventType::ActivityTaskStarted.into(),
            attributes: Some(attributes),
            ..Default::default()
        };
        let HistoryEvent { id, at, kind } = event(None, &proto);
        assert_eq!((id, at), (7, UnixMillis(1_234)));
        kind
    }

    fn other() -> EventKind {
        EventKind::Other { name: "ActivityTaskStarted".to_owned() }
    }

    #[expect(clippy::unnecessary_wraps, reason = "the type of the field")]
    fn null() -> Option<Payloads> {
        Some(Payloads { payloads: vec![Payload::default()] })
    }

    fn done() -> ItemEnd {
        ItemEnd::Completed { result: vec![PayloadContent::Null] }
    }

    #[expect(clippy::unnecessary_wraps, reason = "the type of the field")]
    fn boom() -> Option<Failure> {
        Some(Failure { message: "boom".to_owned(), ..Default::default() })
    }

    fn failed() -> ItemEnd {
        super::failed(None, boom().as_ref())
    }

    #[expect(clippy::unnecessary_wraps, reason = "the type of the field")]
    fn child(name: &str) -> Option<WorkflowExecution> {
        Some(WorkflowExecution { workflow_id: name.to_owned(), run_id: "r".to_owned() })
    }

    #[test]
    fn the_end_of_an_execution_names_the_run_that_continues_it() {
        let new_execution_run_id = "next".to_owned();
        let ended = |end, next: Option<&str>| EventKind::Ended { end, next_run: next.map(str::to_owned) };
        let result = null();
        let event = WorkflowExecutionCompletedEventAttributes { result, ..Default::default() };
        assert_eq!(kind(Attributes::WorkflowExecutionCompletedEventAttributes(event)), ended(done(), None));
        let failure = boom();
        let event = WorkflowExecutionFailedEventAttributes {
            failure,
            new_execution_run_id: new_execution_run_id.clone(),
            ..Default::default()
        };
        assert_eq!(kind(Attributes::WorkflowExecutionFailedEventAttributes(event)), ended(failed(), Some("next")));
        let event = WorkflowExecutionTimedOutEventAttributes {
            new_execution_run_id: new_execution_run_id.clone(),
            ..Default::default()
        };
        let EventKind::Ended { end: ItemEnd::TimedOut(timeout), next_run } =
            kind(Attributes::WorkflowExecutionTimedOutEventAttributes(event))
        else {
            panic!()
        };
        assert_eq!((timeout.code.as_str(), next_run.as_deref()), ("Timeout", Some("next")));
        let event = WorkflowExecutionContinuedAsNewEventAttributes { new_execution_run_id, ..Default::default() };
        let continued = kind(Attributes::WorkflowExecutionContinuedAsNewEventAttributes(event));
        assert_eq!(continued, ended(ItemEnd::ContinuedAsNew, Some("next")));
        let event = WorkflowExecutionCanceledEventAttributes::default();
        let cancelled = kind(Attributes::WorkflowExecutionCanceledEventAttributes(event));
        assert_eq!(cancelled, ended(ItemEnd::Cancelled, None));
        let event =
            WorkflowExecutionTerminatedEventAttributes { reason: "stop\u{1b}".to_owned(), ..Default::default() };
        let terminated = kind(Attributes::WorkflowExecutionTerminatedEventAttributes(event));
        assert_eq!(terminated, ended(ItemEnd::Terminated { reason: "stop\\u{1b}".to_owned() }, None));
    }

    #[test]
    fn a_workflow_task_fails_only_because_of_the_worker() {
        let failed = |cause: WorkflowTaskFailedCause| {
            let event = WorkflowTaskFailedEventAttributes {
                cause: cause.into(),
                failure: boom(),
                identity: "w".to_owned(),
                ..Default::default()
            };
            kind(Attributes::WorkflowTaskFailedEventAttributes(event))
        };
        let wanted = EventKind::TaskFailed {
            cause: "NonDeterministicError".to_owned(),
            failure: report_of(None, boom().as_ref()),
            worker: "w".to_owned(),
        };
        assert_eq!(failed(WorkflowTaskFailedCause::NonDeterministicError), wanted);
        for normal in [WorkflowTaskFailedCause::UnhandledCommand, WorkflowTaskFailedCause::ResetWorkflow] {
            assert_eq!(failed(normal), other());
        }
        let timed_out = |timeout: TimeoutType| {
            let event = WorkflowTaskTimedOutEventAttributes { timeout_type: timeout.into(), ..Default::default() };
            kind(Attributes::WorkflowTaskTimedOutEventAttributes(event))
        };
        let start_to_close = EventKind::TaskTimedOut { timeout: TimeoutKind::StartToClose };
        assert_eq!(timed_out(TimeoutType::StartToClose), start_to_close);
        assert_eq!(timed_out(TimeoutType::ScheduleToStart), other(), "a worker's own queue");
    }

    #[test]
    fn the_events_of_an_activity_name_its_scheduling_event() {
        let ended = |end| EventKind::ActivityEnded { scheduled: 5, end };
        let event = ActivityTaskScheduledEventAttributes {
            activity_id: "3".to_owned(),
            activity_type: Some(ActivityType { name: "charge".to_owned() }),
            input: null(),
            ..Default::default()
        };
        let EventKind::ActivityScheduled { id, activity, input, .. } =
            kind(Attributes::ActivityTaskScheduledEventAttributes(event))
        else {
            panic!()
        };
        assert_eq!((id.as_str(), activity.name(), input), ("3", "charge", vec![PayloadContent::Null]));
        let event = ActivityTaskStartedEventAttributes {
            scheduled_event_id: 5,
            attempt: 4,
            identity: "w".to_owned(),
            last_failure: boom(),
            ..Default::default()
        };
        let started = EventKind::ActivityStarted {
            scheduled: 5,
            attempt: 4,
            worker: "w".to_owned(),
            failure: Some(report_of(None, boom().as_ref())),
        };
        assert_eq!(kind(Attributes::ActivityTaskStartedEventAttributes(event)), started);
        let event =
            ActivityTaskCompletedEventAttributes { scheduled_event_id: 5, result: null(), ..Default::default() };
        assert_eq!(kind(Attributes::ActivityTaskCompletedEventAttributes(event)), ended(done()));
        let event = ActivityTaskFailedEventAttributes { scheduled_event_id: 5, failure: boom(), ..Default::default() };
        assert_eq!(kind(Attributes::ActivityTaskFailedEventAttributes(event)), ended(failed()));
        let event =
            ActivityTaskTimedOutEventAttributes { scheduled_event_id: 5, failure: boom(), ..Default::default() };
        let timeout = ended(ItemEnd::TimedOut(report_of(None, boom().as_ref())));
        assert_eq!(kind(Attributes::ActivityTaskTimedOutEventAttributes(event)), timeout);
        let event = ActivityTaskCanceledEventAttributes { scheduled_event_id: 5, ..Default::default() };
        assert_eq!(kind(Attributes::ActivityTaskCanceledEventAttributes(event)), ended(ItemEnd::Cancelled));
        let event = ActivityTaskCancelRequestedEventAttributes { scheduled_event_id: 5, ..Default::default() };
        let requested = kind(Attributes::ActivityTaskCancelRequestedEventAttributes(event));
        assert_eq!(requested, EventKind::ActivityCancelRequested { scheduled: 5 });
    }

    #[test]
    fn the_events_of_a_child_name_its_initiating_event() {
        let ended = |end| EventKind::ChildEnded { initiated: 5, end };
        let event = StartChildWorkflowExecutionInitiatedEventAttributes {
            workflow_id: "kid".to_owned(),
            workflow_type: Some(WorkflowType { name: "Kid".to_owned() }),
            ..Default::default()
        };
        let initiated = EventKind::ChildInitiated { workflow: "kid".to_owned(), workflow_type: "Kid".to_owned() };
        assert_eq!(kind(Attributes::StartChildWorkflowExecutionInitiatedEventAttributes(event)), initiated);
        let event = ChildWorkflowExecutionStartedEventAttributes {
            initiated_event_id: 5,
            workflow_execution: child("kid"),
            ..Default::default()
        };
        let run = Run { workflow: "kid".to_owned(), run: "r".to_owned() };
        let started = kind(Attributes::ChildWorkflowExecutionStartedEventAttributes(event));
        assert_eq!(started, EventKind::ChildStarted { initiated: 5, run });
        let event = StartChildWorkflowExecutionFailedEventAttributes {
            initiated_event_id: 5,
            cause: StartChildWorkflowExecutionFailedCause::WorkflowAlreadyExists.into(),
            ..Default::default()
        };
        let refused = kind(Attributes::StartChildWorkflowExecutionFailedEventAttributes(event));
        assert_eq!(refused, ended(not_started("WorkflowAlreadyExists".to_owned())));
        let event = ChildWorkflowExecutionCompletedEventAttributes {
            initiated_event_id: 5,
            result: null(),
            ..Default::default()
        };
        assert_eq!(kind(Attributes::ChildWorkflowExecutionCompletedEventAttributes(event)), ended(done()));
        let event = ChildWorkflowExecutionFailedEventAttributes {
            initiated_event_id: 5,
            failure: boom(),
            ..Default::default()
        };
        assert_eq!(kind(Attributes::ChildWorkflowExecutionFailedEventAttributes(event)), ended(failed()));
        let event = ChildWorkflowExecutionTimedOutEventAttributes { initiated_event_id: 5, ..Default::default() };
        let timeout = kind(Attributes::ChildWorkflowExecutionTimedOutEventAttributes(event));
        assert!(matches!(timeout, EventKind::ChildEnded { initiated: 5, end: ItemEnd::TimedOut(_) }), "{timeout:?}");
        let event = ChildWorkflowExecutionCanceledEventAttributes { initiated_event_id: 5, ..Default::default() };
        assert_eq!(kind(Attributes::ChildWorkflowExecutionCanceledEventAttributes(event)), ended(ItemEnd::Cancelled));
        let event = ChildWorkflowExecutionTerminatedEventAttributes { initiated_event_id: 5, ..Default::default() };
        let terminated = kind(Attributes::ChildWorkflowExecutionTerminatedEventAttributes(event));
        assert_eq!(terminated, ended(ItemEnd::Terminated { reason: String::new() }));
    }

    #[test]
    fn timers_signals_and_updates_are_converted() {
        let event = TimerStartedEventAttributes {
            timer_id: "t".to_owned(),
            start_to_fire_timeout: Duration::from_secs(3).try_into().ok(),
            ..Default::default()
        };
        let started = EventKind::TimerStarted { id: "t".to_owned(), duration: Duration::from_secs(3) };
        assert_eq!(kind(Attributes::TimerStartedEventAttributes(event)), started);
        let event = TimerFiredEventAttributes { started_event_id: 5, ..Default::default() };
        let fired = |fired| EventKind::TimerEnded { started: 5, fired };
        assert_eq!(kind(Attributes::TimerFiredEventAttributes(event)), fired(true));
        let event = TimerCanceledEventAttributes { started_event_id: 5, ..Default::default() };
        assert_eq!(kind(Attributes::TimerCanceledEventAttributes(event)), fired(false));
        let event = WorkflowExecutionSignaledEventAttributes {
            signal_name: "go".to_owned(),
            input: null(),
            identity: "cli".to_owned(),
            ..Default::default()
        };
        let signaled =
            EventKind::Signaled { name: "go".to_owned(), input: vec![PayloadContent::Null], from: "cli".to_owned() };
        assert_eq!(kind(Attributes::WorkflowExecutionSignaledEventAttributes(event)), signaled);
        let input = Input { name: "set".to_owned(), args: null(), ..Default::default() };
        let event = WorkflowExecutionUpdateAcceptedEventAttributes {
            accepted_request: Some(Request { input: Some(input), ..Default::default() }),
            ..Default::default()
        };
        let accepted = kind(Attributes::WorkflowExecutionUpdateAcceptedEventAttributes(event));
        assert_eq!(accepted, EventKind::UpdateAccepted { name: "set".to_owned(), input: vec![PayloadContent::Null] });
        let event = WorkflowExecutionUpdateCompletedEventAttributes {
            accepted_event_id: 5,
            outcome: boom().map(|failure| Outcome { value: Some(outcome::Value::Failure(failure)) }),
            ..Default::default()
        };
        let ended = kind(Attributes::WorkflowExecutionUpdateCompletedEventAttributes(event));
        assert_eq!(ended, EventKind::UpdateEnded { accepted: 5, end: failed() });
    }

    #[test]
    fn nexus_operations_are_converted_and_other_events_keep_their_names() {
        let event = NexusOperationScheduledEventAttributes {
            endpoint: "e".to_owned(),
            service: "s".to_owned(),
            operation: "o".to_owned(),
            ..Default::default()
        };
        let scheduled = EventKind::NexusScheduled { operation: "e/s/o".to_owned() };
        assert_eq!(kind(Attributes::NexusOperationScheduledEventAttributes(event)), scheduled);
        let event = NexusOperationCompletedEventAttributes {
            scheduled_event_id: 5,
            result: Some(Payload::default()),
            ..Default::default()
        };
        let ended = EventKind::NexusEnded { scheduled: 5, end: done() };
        assert_eq!(kind(Attributes::NexusOperationCompletedEventAttributes(event)), ended);
        let event = WorkflowTaskStartedEventAttributes::default();
        assert_eq!(kind(Attributes::WorkflowTaskStartedEventAttributes(event)), other());
    }
}
