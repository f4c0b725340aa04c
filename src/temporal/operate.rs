//! Operations on a workflow run: retry now and cancel.

use temporalio_client::NamespacedClient;
use temporalio_common::protos::temporal::api::{
    common::v1::WorkflowExecution,
    workflowservice::v1::{RequestCancelWorkflowExecutionRequest, ResetActivityRequest, reset_activity_request},
};
use tonic::{Code, Status};

use super::{
    describe::{DescribeError, Described, cause, describe},
    link::{Link, limited},
};
use crate::domain::{Activity, PendingActivity, PendingState, sanitize};

/// Maximum length of an id in a message.
const MAX_ID_CHARS: usize = 200;

/// Why an operation was not executed.
#[expect(missing_docs, reason = "the fields are the values in the messages")]
#[derive(Debug, thiserror::Error)]
pub enum OperateError {
    /// The run has ended.
    #[error("'{workflow}' has already ended")]
    Ended { workflow: String },
    /// The activity is not pending.
    #[error("'{workflow}' has no pending {activity}; try again when it has started")]
    NotPending { workflow: String, activity: Activity },
    /// An attempt is running.
    #[error(
        "attempt {attempt} of {activity} is running, so there is no delay to skip; Temporal would refuse its result after a \
         reset. Try again when it has failed"
    )]
    Running { activity: Activity, attempt: u32 },
    /// The server does not support the call.
    #[error("this server does not support the request ({cause}); version 1.28 or newer does")]
    TooOld { cause: String },
    /// The server did not answer, or rejected the request.
    #[error("the request failed: {cause}; try again")]
    Unanswered { cause: String },
    /// The run could not be described first.
    #[error(transparent)]
    Undescribed(#[from] DescribeError),
}

/// Resets an activity, so that its next attempt starts now. The attempt number restarts at 1, and so do the retry
/// delays. Returns the number that the attempt would have had.
///
/// A running attempt is not reset: the server would count from 1 and refuse the attempt's result, and the next attempt
/// would start only after its timeout.
///
/// # Errors
/// Returns [`OperateError`] if the run has ended, no delay is pending, or the server does not accept the request.
pub async fn retry_now(link: &Link, workflow: &str, run: &str, activity: Activity) -> Result<u32, OperateError> {
    let pending =
        open(link, workflow, run).await?.pending.into_iter().find(|pending| pending.activity.ours() == Some(activity));
    let not_pending = || OperateError::NotPending { workflow: sanitize(workflow, MAX_ID_CHARS), activity };
    let PendingActivity { attempt, state, .. } = pending.ok_or_else(not_pending)?;
    if matches!(state, PendingState::Started | PendingState::CancelRequested) {
        return Err(OperateError::Running { activity, attempt });
    }
    let request = ResetActivityRequest {
        namespace: link.client().namespace(),
        execution: Some(execution(workflow, run)),
        identity: link.client().identity(),
        activity: Some(reset_activity_request::Activity::Type(activity.name().to_owned())),
        ..Default::default()
    };
    match link.service().reset_activity(limited(request)).await {
        Ok(_) => Ok(attempt),
        // The activity ended after the description was read.
        Err(status) if status.code() == Code::NotFound => Err(not_pending()),
        Err(status) => Err(refused(&status)),
    }
}

/// Requests the cancellation of a workflow. The run ends when a worker has processed the request; committed effects
/// stay.
///
/// # Errors
/// Returns [`OperateError`] if the run has ended or the server does not accept the request.
pub async fn cancel(link: &Link, workflow: &str, run: &str) -> Result<(), OperateError> {
    // The server also accepts a request for a run that has ended, and ignores it.
    open(link, workflow, run).await?;
    let request = RequestCancelWorkflowExecutionRequest {
        namespace: link.client().namespace(),
        workflow_execution: Some(execution(workflow, run)),
        identity: link.client().identity(),
        request_id: uuid::Uuid::new_v4().to_string(),
        reason: "requested in the dashboard".to_owned(),
        ..Default::default()
    };
    let answer = link.service().request_cancel_workflow_execution(limited(request)).await;
    answer.map(drop).map_err(|status| refused(&status))
}

/// Describes a run. A run that has ended is an error.
async fn open(link: &Link, workflow: &str, run: &str) -> Result<Described, OperateError> {
    let described = describe(link, workflow, run).await?;
    let ended = || OperateError::Ended { workflow: sanitize(workflow, MAX_ID_CHARS) };
    described.open.then_some(described).ok_or_else(ended)
}

fn execution(workflow: &str, run: &str) -> WorkflowExecution {
    WorkflowExecution { workflow_id: workflow.to_owned(), run_id: run.to_owned() }
}

fn refused(status: &Status) -> OperateError {
    let cause = cause(status);
    match status.code() {
        Code::Unimplemented => OperateError::TooOld { cause },
        _ => OperateError::Unanswered { cause },
    }
}
