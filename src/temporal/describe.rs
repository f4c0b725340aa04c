//! Describes a workflow run as the server reports it: whether it is open, and its pending activities. This works for
//! the runs of any worker with any database.

use std::time::{Duration, SystemTime};

use temporalio_client::NamespacedClient;
use temporalio_common::protos::temporal::api::{
    common::v1::WorkflowExecution,
    enums::v1::{PendingActivityState, TimeoutType, WorkflowExecutionStatus},
    failure::v1::{Failure, failure::FailureInfo},
    workflow::v1::PendingActivityInfo,
    workflowservice::v1::DescribeWorkflowExecutionRequest,
};
use tonic::{Code, Status};

use super::{
    codec::decode_messages,
    failing_task::{FailingTask, failing_task},
    link::{Link, limited},
};
use crate::domain::{self, ActivityType, FailureReport, PendingActivity, PendingState, UnixMillis, sanitize};

/// Maximum length of a text from the server in a message.
const MAX_TEXT_CHARS: usize = 300;

/// A description of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Described {
    /// The run has not ended.
    pub open: bool,
    /// Pending activities: those of the Inventory Workflow first, in its order, then by type and id. Empty if the run has
    /// ended, since the server then ignores the results of running attempts.
    pub pending: Vec<PendingActivity>,
    /// The workflow task that fails and keeps the run from continuing; `None` if none fails.
    pub failing: Option<FailingTask>,
}

/// Why a run was not described.
#[expect(missing_docs, reason = "the fields are the values in the messages")]
#[derive(Debug, thiserror::Error)]
pub enum DescribeError {
    /// The server does not know the run.
    #[error("this server does not know run '{run}' of '{workflow}'; it ran on another server, or was deleted")]
    NotFound { workflow: String, run: String },
    /// The server did not answer, or rejected the request.
    #[error("the server did not describe '{workflow}': {cause}; retrying")]
    Unanswered { workflow: String, cause: String },
}

/// Describes a run with one small call, or with two or three if its workflow task fails.
///
/// # Errors
/// Returns [`DescribeError`] if the server does not know the run or does not answer.
pub async fn describe(link: &Link, workflow: &str, run: &str) -> Result<Described, DescribeError> {
    let not_found =
        || DescribeError::NotFound { workflow: sanitize(workflow, MAX_TEXT_CHARS), run: sanitize(run, MAX_TEXT_CHARS) };
    if run.is_empty() {
        // With an empty run id the server would describe the latest run of the workflow.
        return Err(not_found());
    }
    let execution = WorkflowExecution { workflow_id: workflow.to_owned(), run_id: run.to_owned() };
    let request =
        DescribeWorkflowExecutionRequest { namespace: link.client().namespace(), execution: Some(execution.clone()) };
    let answer = link.service().describe_workflow_execution(limited(request)).await.map_err(|status| {
        match status.code() {
            // The server rejects an id that cannot belong to any run.
            Code::NotFound | Code::InvalidArgument => not_found(),
            _ => DescribeError::Unanswered { workflow: sanitize(workflow, MAX_TEXT_CHARS), cause: cause(&status) },
        }
    })?;
    let mut answer = answer.into_inner();
    // The SDK's converter does not decode this response.
    for failure in answer.pending_activities.iter_mut().filter_map(|info| info.last_failure.as_mut()) {
        decode_messages(link.codec(), failure);
    }
    let status = answer.workflow_execution_info.map_or(WorkflowExecutionStatus::Unspecified, |info| info.status());
    let open = matches!(
        status,
        WorkflowExecutionStatus::Unspecified | WorkflowExecutionStatus::Running | WorkflowExecutionStatus::Paused
    );
    let infos = answer.pending_activities.iter().filter(|_| open);
    let mut pending: Vec<_> = infos.filter_map(pending).collect();
    pending.sort_by(|one, two| (&one.activity, &one.id).cmp(&(&two.activity, &two.id)));
    let attempt = answer.pending_workflow_task.map_or(0, |task| u32::try_from(task.attempt).unwrap_or_default());
    let failing = if open && attempt > 1 { Some(failing_task(link, execution, attempt).await) } else { None };
    Ok(Described { open, pending, failing })
}

/// The message of a status.
pub(super) fn cause(status: &Status) -> String {
    sanitize(status.message(), MAX_TEXT_CHARS)
}

/// Describes an activity; `None` if the server sent no type.
fn pending(info: &PendingActivityInfo) -> Option<PendingActivity> {
    let name = &info.activity_type.as_ref()?.name;
    let activity = ActivityType::from(sanitize(name, MAX_TEXT_CHARS));
    Some(PendingActivity {
        activity,
        id: info.activity_id.clone(),
        attempt: u32::try_from(info.attempt).unwrap_or_default().max(1),
        maximum: u32::try_from(info.maximum_attempts).unwrap_or_default(),
        state: state(info),
        started: millis(info.last_started_time),
        completed: millis(info.last_attempt_complete_time),
        next: millis(info.next_attempt_schedule_time),
        interval: interval(info),
        failure: info.last_failure.as_ref().map(failure),
        worker: sanitize(&info.last_worker_identity, MAX_TEXT_CHARS),
    })
}

/// The delay before the next attempt. Unknown if no attempt has completed because the worker died: the server (1.32.0)
/// then counts the delay from the epoch.
fn interval(info: &PendingActivityInfo) -> Option<Duration> {
    millis(info.last_attempt_complete_time)?;
    let interval = Duration::try_from(info.current_retry_interval?).ok()?;
    // As precise as in a recording.
    Some(Duration::from_millis(domain::millis::whole(interval)))
}

fn state(info: &PendingActivityInfo) -> PendingState {
    match info.state() {
        _ if info.paused => PendingState::Paused,
        PendingActivityState::Paused | PendingActivityState::PauseRequested => PendingState::Paused,
        PendingActivityState::Started => PendingState::Started,
        PendingActivityState::CancelRequested => PendingState::CancelRequested,
        PendingActivityState::Scheduled | PendingActivityState::Unspecified => PendingState::Scheduled,
    }
}

/// Converts a time from the server. Some server versions send the epoch for "none".
fn millis<T>(time: Option<T>) -> Option<UnixMillis>
where
    SystemTime: TryFrom<T>,
{
    let time = SystemTime::try_from(time?).ok()?;
    let since = time.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    u64::try_from(since.as_millis()).ok().filter(|millis| *millis > 0).map(UnixMillis)
}

/// Takes the message from the innermost failure that has a reason. The outermost failure decides whether the activity
/// is retried, as on the server.
fn failure(outermost: &Failure) -> FailureReport {
    let mut reason = outermost;
    let mut current = Some(outermost);
    while let Some(failure) = current {
        if has_reason(failure) {
            reason = failure;
        }
        current = failure.cause.as_deref();
    }
    FailureReport {
        code: sanitize(&code(reason), MAX_TEXT_CHARS),
        message: sanitize(&message(reason), MAX_TEXT_CHARS),
        retryable: is_retryable(outermost),
        causes: Vec::new(),
    }
}

/// Whether a failure has its own reason and does not only wrap its cause.
fn has_reason(failure: &Failure) -> bool {
    match &failure.failure_info {
        Some(FailureInfo::ApplicationFailureInfo(info)) => !(info.r#type.is_empty() && failure.message.is_empty()),
        Some(
            FailureInfo::TimeoutFailureInfo(_)
            | FailureInfo::CanceledFailureInfo(_)
            | FailureInfo::TerminatedFailureInfo(_)
            | FailureInfo::ServerFailureInfo(_),
        ) => true,
        _ => false,
    }
}

fn code(failure: &Failure) -> String {
    match &failure.failure_info {
        Some(FailureInfo::ApplicationFailureInfo(info)) => info.r#type.clone(),
        Some(FailureInfo::TimeoutFailureInfo(_)) => "Timeout".to_owned(),
        Some(FailureInfo::CanceledFailureInfo(_)) => "Cancelled".to_owned(),
        Some(FailureInfo::TerminatedFailureInfo(_)) => "Terminated".to_owned(),
        Some(FailureInfo::ServerFailureInfo(_)) => "Server".to_owned(),
        _ => String::new(),
    }
}

fn message(failure: &Failure) -> String {
    let Some(FailureInfo::TimeoutFailureInfo(info)) = &failure.failure_info else { return failure.message.clone() };
    let kind = match info.timeout_type() {
        TimeoutType::StartToClose => "start-to-close",
        TimeoutType::ScheduleToStart => "schedule-to-start",
        TimeoutType::ScheduleToClose => "schedule-to-close",
        TimeoutType::Heartbeat => "heartbeat",
        TimeoutType::Unspecified => return failure.message.clone(),
    };
    format!("no answer within the {kind} timeout")
}

fn is_retryable(failure: &Failure) -> bool {
    match &failure.failure_info {
        Some(FailureInfo::ApplicationFailureInfo(info)) => !info.non_retryable,
        Some(FailureInfo::ServerFailureInfo(info)) => !info.non_retryable,
        Some(FailureInfo::TimeoutFailureInfo(info)) => {
            matches!(info.timeout_type(), TimeoutType::StartToClose | TimeoutType::Heartbeat)
        }
        Some(FailureInfo::CanceledFailureInfo(_) | FailureInfo::TerminatedFailureInfo(_)) => false,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use temporalio_common::protos::temporal::api::{
        common::v1 as proto,
        failure::v1::{ActivityFailureInfo, ApplicationFailureInfo, TimeoutFailureInfo},
    };

    use super::*;
    use crate::domain::Activity;

    fn application(code: &str, message: &str, non_retryable: bool) -> Failure {
        let info = ApplicationFailureInfo { r#type: code.to_owned(), non_retryable, ..Default::default() };
        let failure_info = Some(FailureInfo::ApplicationFailureInfo(info));
        Failure { message: message.to_owned(), failure_info, ..Default::default() }
    }

    fn around(cause: Failure) -> Failure {
        let failure_info = Some(FailureInfo::ActivityFailureInfo(ActivityFailureInfo::default()));
        let message = "activity failed".to_owned();
        Failure { message, failure_info, cause: Some(Box::new(cause)), ..Default::default() }
    }

    fn told(code: &str, message: &str, retryable: bool) -> FailureReport {
        FailureReport { code: code.to_owned(), message: message.to_owned(), retryable, causes: Vec::new() }
    }

    #[test]
    fn a_delay_that_the_server_counts_from_the_epoch_is_unknown() {
        let time = Duration::from_secs(1_795_559_014);
        let info = PendingActivityInfo { current_retry_interval: time.try_into().ok(), ..Default::default() };
        assert_eq!(interval(&info), None);
        let info = PendingActivityInfo {
            last_attempt_complete_time: Some((SystemTime::UNIX_EPOCH + time).into()),
            current_retry_interval: Duration::from_secs(1).try_into().ok(),
            ..Default::default()
        };
        assert_eq!(interval(&info), Some(Duration::from_secs(1)));
    }

    #[test]
    fn the_innermost_failure_with_a_reason_is_reported() {
        let inner = application("RandomError", "RANDOM ERROR", false);
        assert_eq!(failure(&around(inner.clone())), told("RandomError", "RANDOM ERROR", true));
        let mut silent = inner;
        silent.cause = Some(Box::new(application("", "", false)));
        assert_eq!(failure(&silent), told("RandomError", "RANDOM ERROR", true));
        assert_eq!(failure(&application("Conflict", "another order", true)), told("Conflict", "another order", false));
        let bare = Failure { message: "something".to_owned(), ..Default::default() };
        assert_eq!(failure(&bare), told("", "something", true));
    }

    #[test]
    fn a_timeout_has_its_kind() {
        let info = TimeoutFailureInfo { timeout_type: TimeoutType::StartToClose.into(), ..Default::default() };
        let failure_info = Some(FailureInfo::TimeoutFailureInfo(info));
        let timeout =
            Failure { message: "activity StartToClose timeout".to_owned(), failure_info, ..Default::default() };
        let expected = told("Timeout", "no answer within the start-to-close timeout", true);
        assert_eq!(failure(&around(timeout)), expected);
    }

    #[test]
    fn an_activity_of_any_type_is_pending() {
        let info = |name: &str| PendingActivityInfo {
            activity_id: "7".to_owned(),
            activity_type: Some(proto::ActivityType { name: name.to_owned() }),
            ..Default::default()
        };
        for name in ["SomethingElse", Activity::UpdateInventory.name()] {
            let found = pending(&info(name)).unwrap();
            assert_eq!((found.activity, found.id.as_str()), (name.into(), "7"));
            assert_eq!((found.attempt, found.next, found.failure), (1, None, None));
        }
        assert_eq!(pending(&PendingActivityInfo::default()), None);
    }

    #[test]
    fn a_pause_takes_precedence_over_a_running_attempt() {
        let info = |state: PendingActivityState, paused| {
            super::state(&PendingActivityInfo { state: state.into(), paused, ..Default::default() })
        };
        assert_eq!(info(PendingActivityState::Started, false), PendingState::Started);
        assert_eq!(info(PendingActivityState::Started, true), PendingState::Paused);
        assert_eq!(info(PendingActivityState::PauseRequested, false), PendingState::Paused);
        assert_eq!(info(PendingActivityState::Unspecified, false), PendingState::Scheduled);
    }
}
