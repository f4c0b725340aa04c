//! Describes an execution with its pending activities.

use temporalio_client::NamespacedClient;
use temporalio_common::protos::temporal::api::{
    common::v1::WorkflowExecution,
    enums::v1::{PendingNexusOperationState, WorkflowExecutionStatus},
    workflow::v1::{
        PendingActivityInfo, PendingNexusOperationInfo, PendingWorkflowTaskInfo, WorkflowExecutionInfo,
        pending_activity_info::{PauseInfo, pause_info::PausedBy},
    },
    workflowservice::v1::{DescribeWorkflowExecutionRequest, DescribeWorkflowExecutionResponse},
};

use super::{
    attempts,
    failure::{operation, report},
    name,
    options::current_options,
    payload::contents,
    request_error::RequestError,
    run, text, unsigned,
};
use crate::{
    clock::now,
    domain::{
        ActivityKey, ExecutionInfo, ExecutionReport, ExecutionStatus, Heartbeat, Pause, PendingActivity,
        PendingDetails, PendingNexus, PendingTask, ReportedActivity, Run, UnixMillis, millis::whole,
    },
    temporal::{
        codec::Codec,
        link::{Link, limited},
        pending::pending,
        times::millis,
    },
};

/// Describes an execution with one call. An empty run id means the latest run.
///
/// # Errors
/// Returns [`RequestError`] if the server does not know the execution or does not answer.
pub async fn describe_execution(link: &Link, target: &Run) -> Result<ExecutionReport, RequestError> {
    let execution = WorkflowExecution { workflow_id: target.workflow.clone(), run_id: target.run.clone() };
    let request = DescribeWorkflowExecutionRequest { namespace: link.client().namespace(), execution: Some(execution) };
    let answer = link.service().describe_workflow_execution(limited(request)).await;
    let answer = answer.map_err(|status| RequestError::of_execution(&status))?.into_inner();
    execution_report(link.codec(), &answer, now()).ok_or(RequestError::NotFound)
}

/// Converts a description; `None` if it has no ids.
fn execution_report(
    codec: Option<&Codec>,
    answer: &DescribeWorkflowExecutionResponse,
    at: UnixMillis,
) -> Option<ExecutionReport> {
    let mut info = info(answer.workflow_execution_info.as_ref()?)?;
    let config = answer.execution_config.as_ref();
    if let Some(queue) = config.and_then(|config| config.task_queue.as_ref()) {
        info.task_queue = name(&queue.name);
    }
    let open = info.status.is_open();
    let infos = answer.pending_activities.iter().filter(|_| open);
    let mut activities: Vec<_> = infos.filter_map(|info| reported_activity(codec, info)).collect();
    activities.sort_by_cached_key(|ReportedActivity { pending, .. }| ActivityKey {
        activity: pending.activity.clone(),
        id: Some(pending.id.as_str().into()),
    });
    let nexus =
        answer.pending_nexus_operations.iter().filter(|_| open).map(|info| pending_nexus(codec, info)).collect();
    let task = answer.pending_workflow_task.as_ref().filter(|_| open).map(pending_task);
    Some(ExecutionReport { at, info, activities, nexus, task })
}

/// Converts an execution of a list or a description; `None` if it has no ids.
pub(super) fn info(info: &WorkflowExecutionInfo) -> Option<ExecutionInfo> {
    Some(ExecutionInfo {
        run: run(info.execution.as_ref()?),
        workflow_type: info.r#type.as_ref().map(|kind| name(&kind.name)).unwrap_or_default(),
        task_queue: name(&info.task_queue),
        status: status(info.status()),
        started: millis(info.start_time).unwrap_or_default(),
        closed: millis(info.close_time),
        history_length: unsigned(info.history_length),
        parent: info.parent_execution.as_ref().filter(|parent| !parent.workflow_id.is_empty()).map(run),
    })
}

const fn status(status: WorkflowExecutionStatus) -> ExecutionStatus {
    match status {
        // Temporal's own clients also take an unknown status as open.
        WorkflowExecutionStatus::Running | WorkflowExecutionStatus::Unspecified => ExecutionStatus::Running,
        WorkflowExecutionStatus::Paused => ExecutionStatus::Paused,
        WorkflowExecutionStatus::Completed => ExecutionStatus::Completed,
        WorkflowExecutionStatus::Failed => ExecutionStatus::Failed,
        WorkflowExecutionStatus::Canceled => ExecutionStatus::Cancelled,
        WorkflowExecutionStatus::Terminated => ExecutionStatus::Terminated,
        WorkflowExecutionStatus::ContinuedAsNew => ExecutionStatus::ContinuedAsNew,
        WorkflowExecutionStatus::TimedOut => ExecutionStatus::TimedOut,
    }
}

fn reported_activity(codec: Option<&Codec>, info: &PendingActivityInfo) -> Option<ReportedActivity> {
    let mut pending = pending(info)?;
    pending.id = name(&pending.id);
    pending.failure = info.last_failure.as_ref().map(|failure| report(codec, failure));
    let details = PendingDetails {
        scheduled: millis(info.scheduled_time),
        expires: millis(info.expiration_time),
        heartbeat: heartbeat(codec, info),
        pause: info.pause_info.as_ref().map(pause),
        options: info.activity_options.as_ref().map(current_options),
    };
    complete_after_timeout(&mut pending, &details);
    Some(ReportedActivity { pending, details })
}

/// After a timeout, the server reports neither the end of the attempt nor the delay. It schedules the next attempt by the
/// policy, so both follow from its time.
fn complete_after_timeout(pending: &mut PendingActivity, details: &PendingDetails) {
    let has_timed_out = pending.failure.as_ref().is_some_and(|failure| failure.timeout().is_some());
    if let (Some(scheduled), Some(options), None, true) =
        (details.scheduled, &details.options, pending.completed, has_timed_out)
    {
        let wait = options.retry.after(pending.attempt.saturating_sub(1));
        pending.completed = Some(UnixMillis(scheduled.0.saturating_sub(whole(wait))));
        pending.interval = pending.next.map(|_| wait);
    }
}

/// The latest heartbeat.
fn heartbeat(codec: Option<&Codec>, info: &PendingActivityInfo) -> Option<Heartbeat> {
    let at = millis(info.last_heartbeat_time);
    let details = contents(codec, info.heartbeat_details.as_ref());
    (at.is_some() || !details.is_empty()).then_some(Heartbeat { at, details })
}

fn pause(info: &PauseInfo) -> Pause {
    let (by, reason) = match &info.paused_by {
        Some(PausedBy::Manual(manual)) => (&manual.identity, &manual.reason),
        Some(PausedBy::Rule(rule)) => (&rule.identity, &rule.reason),
        None => return Pause { at: millis(info.pause_time), by: String::new(), reason: String::new() },
    };
    Pause { at: millis(info.pause_time), by: name(by), reason: text(reason) }
}

fn pending_task(info: &PendingWorkflowTaskInfo) -> PendingTask {
    PendingTask {
        attempt: attempts(info.attempt).max(1),
        scheduled: millis(info.scheduled_time),
        started: millis(info.started_time),
    }
}

fn pending_nexus(codec: Option<&Codec>, info: &PendingNexusOperationInfo) -> PendingNexus {
    let waits = info.state() == PendingNexusOperationState::BackingOff;
    PendingNexus {
        scheduled_event: unsigned(info.scheduled_event_id),
        operation: operation(&info.endpoint, &info.service, &info.operation),
        // Between two attempts the server has the number of those that have ended.
        attempt: attempts(info.attempt).saturating_add(u32::from(waits)).max(1),
        next: millis(info.next_attempt_schedule_time),
        completed: millis(info.last_attempt_complete_time),
        failure: info.last_attempt_failure.as_ref().map(|failure| report(codec, failure)),
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use temporalio_common::protos::temporal::api::{
        activity::v1::ActivityOptions,
        common::v1::{ActivityType, Payload, Payloads, WorkflowType},
        enums::v1::{PendingActivityState, TimeoutType},
        failure::v1::{Failure, TimeoutFailureInfo, failure::FailureInfo},
        workflow::v1::pending_activity_info::pause_info::Manual,
    };

    use super::*;
    use crate::domain::{PayloadContent, PendingState};

    const AT: UnixMillis = UnixMillis(5_000);

    #[expect(clippy::unnecessary_wraps, reason = "the type of the field")]
    fn time<T: From<SystemTime>>(millis: u64) -> Option<T> {
        Some((SystemTime::UNIX_EPOCH + Duration::from_millis(millis)).into())
    }

    fn described(status: WorkflowExecutionStatus) -> DescribeWorkflowExecutionResponse {
        let info = WorkflowExecutionInfo {
            execution: Some(WorkflowExecution { workflow_id: "w\u{7}".to_owned(), run_id: "r".to_owned() }),
            r#type: Some(WorkflowType { name: "Shop".to_owned() }),
            start_time: time(1_000),
            status: status.into(),
            history_length: 11,
            ..Default::default()
        };
        let activity = |id: &str| PendingActivityInfo {
            activity_id: id.to_owned(),
            activity_type: Some(ActivityType { name: "charge".to_owned() }),
            state: PendingActivityState::Paused.into(),
            paused: true,
            attempt: 4,
            scheduled_time: time(2_000),
            expiration_time: time(9_000),
            last_heartbeat_time: time(3_000),
            heartbeat_details: Some(Payloads { payloads: vec![Payload::default()] }),
            last_failure: Some(Failure { message: "boom".to_owned(), ..Default::default() }),
            pause_info: Some(PauseInfo {
                pause_time: time(4_000),
                paused_by: Some(PausedBy::Manual(Manual { identity: "ann".to_owned(), reason: "why".to_owned() })),
            }),
            activity_options: Some(ActivityOptions::default()),
            ..Default::default()
        };
        DescribeWorkflowExecutionResponse {
            workflow_execution_info: Some(info),
            pending_activities: vec![activity("10"), activity("9")],
            pending_workflow_task: Some(PendingWorkflowTaskInfo { attempt: 3, ..Default::default() }),
            pending_nexus_operations: vec![PendingNexusOperationInfo {
                endpoint: "e".to_owned(),
                service: "s".to_owned(),
                operation: "o".to_owned(),
                scheduled_event_id: 5,
                ..Default::default()
            }],
            ..Default::default()
        }
    }

    #[test]
    fn a_description_has_each_pending_activity_with_its_details() {
        let report = execution_report(None, &described(WorkflowExecutionStatus::Running), AT).unwrap();
        assert_eq!((report.at, &report.info.run), (AT, &Run { workflow: "w\\u{7}".to_owned(), run: "r".to_owned() }));
        assert_eq!((report.info.workflow_type.as_str(), report.info.history_length), ("Shop", 11));
        let ids: Vec<_> = report.activities.iter().map(|activity| activity.pending.id.as_str()).collect();
        assert_eq!(ids, ["9", "10"]);
        let ReportedActivity { pending, details } = &report.activities[0];
        assert_eq!((pending.state, pending.attempt), (PendingState::Paused, 4));
        assert_eq!(pending.failure.as_ref().unwrap().causes.len(), 1);
        let heartbeat = Heartbeat { at: Some(UnixMillis(3_000)), details: vec![PayloadContent::Null] };
        let pause = Pause { at: Some(UnixMillis(4_000)), by: "ann".to_owned(), reason: "why".to_owned() };
        let wanted = PendingDetails {
            scheduled: Some(UnixMillis(2_000)),
            expires: Some(UnixMillis(9_000)),
            heartbeat: Some(heartbeat),
            pause: Some(pause),
            options: Some(crate::domain::ActivityOptions::default()),
        };
        assert_eq!(*details, wanted);
        assert_eq!(report.task, Some(PendingTask { attempt: 3, scheduled: None, started: None }));
        assert_eq!((report.nexus[0].operation.as_str(), report.nexus[0].scheduled_event), ("e/s/o", 5));
    }

    #[test]
    fn the_end_of_an_attempt_that_timed_out_follows_from_the_policy() {
        let timeout = FailureInfo::TimeoutFailureInfo(TimeoutFailureInfo {
            timeout_type: TimeoutType::Heartbeat.into(),
            ..Default::default()
        });
        let running = PendingActivityInfo {
            activity_type: Some(ActivityType { name: "charge".to_owned() }),
            attempt: 3,
            scheduled_time: time(9_000),
            last_failure: Some(Failure { failure_info: Some(timeout), ..Default::default() }),
            activity_options: Some(ActivityOptions::default()),
            ..Default::default()
        };
        let pending = reported_activity(None, &running).unwrap().pending;
        assert_eq!((pending.completed, pending.interval), (Some(UnixMillis(7_000)), None));
        let waiting = PendingActivityInfo { next_attempt_schedule_time: time(9_000), ..running };
        let pending = reported_activity(None, &waiting).unwrap().pending;
        assert_eq!((pending.ended(), pending.interval), (Some(UnixMillis(7_000)), Some(Duration::from_secs(2))));
    }

    #[test]
    fn an_ended_execution_has_nothing_pending() {
        let report = execution_report(None, &described(WorkflowExecutionStatus::Terminated), AT).unwrap();
        assert_eq!(report.info.status, ExecutionStatus::Terminated);
        assert!(report.activities.is_empty() && report.nexus.is_empty() && report.task.is_none(), "{report:?}");
    }

    #[test]
    fn what_the_server_does_not_report_is_unknown() {
        let empty = PendingActivityInfo {
            activity_type: Some(ActivityType { name: "charge".to_owned() }),
            ..Default::default()
        };
        assert_eq!(reported_activity(None, &empty).unwrap().details, PendingDetails::default());
        assert_eq!(execution_report(None, &DescribeWorkflowExecutionResponse::default(), AT), None);
    }
}
