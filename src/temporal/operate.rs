//! What an operator can do to a workflow run: bring its next attempt forward, and ask it to cancel.

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

/// The longest id in a message.
const LONGEST: usize = 200;

#[derive(Debug, thiserror::Error)]
pub enum OperateError {
    #[error("'{workflow}' has ended; there is nothing left to do about it")]
    Ended { workflow: String },
    #[error("'{workflow}' has no {activity} under way; look again once that has begun")]
    NotPending { workflow: String, activity: Activity },
    #[error(
        "attempt {attempt} of {activity} runs, so there is no wait to cut short; a reset now would make Temporal refuse \
         its answer. Try again when it has failed"
    )]
    Running { activity: Activity, attempt: u32 },
    #[error("this server cannot do that ({cause}); it takes one of version 1.28 or newer")]
    TooOld { cause: String },
    #[error("the server did not take it: {cause}; try again when it answers")]
    Unanswered { cause: String },
    #[error(transparent)]
    Undescribed(#[from] DescribeError),
}

/// Temporal's activity reset: the next attempt of the activity comes now instead of after its wait. Its number is 1
/// again, and the waits after it start over. Gives back the number that it would have had.
///
/// An attempt that runs is left alone. The server would count from 1 all the same, and refuse that attempt's answer,
/// as its number no longer fits; only its timeout would bring the next one.
///
/// # Errors
/// [`OperateError`].
pub async fn retry_now(link: &Link, workflow: &str, run: &str, activity: Activity) -> Result<u32, OperateError> {
    let pending = open(link, workflow, run).await?.pending.into_iter().find(|pending| pending.activity == activity);
    let not_pending = || OperateError::NotPending { workflow: sanitize(workflow, LONGEST), activity };
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
        // It was there a moment ago.
        Err(status) if status.code() == Code::NotFound => Err(not_pending()),
        Err(status) => Err(refused(&status)),
    }
}

/// Asks the workflow to cancel. It ends as cancelled once a worker has told it so; an effect that is committed stays.
///
/// # Errors
/// [`OperateError`].
pub async fn cancel(link: &Link, workflow: &str, run: &str) -> Result<(), OperateError> {
    // The server takes the request for a run that has ended too, and does nothing.
    open(link, workflow, run).await?;
    let request = RequestCancelWorkflowExecutionRequest {
        namespace: link.client().namespace(),
        workflow_execution: Some(execution(workflow, run)),
        identity: link.client().identity(),
        request_id: uuid::Uuid::new_v4().to_string(),
        reason: "asked for at the dashboard".to_owned(),
        ..Default::default()
    };
    let answer = link.service().request_cancel_workflow_execution(limited(request)).await;
    answer.map(drop).map_err(|status| refused(&status))
}

/// What the server says of a run that has not ended.
async fn open(link: &Link, workflow: &str, run: &str) -> Result<Described, OperateError> {
    let described = describe(link, workflow, run).await?;
    let ended = || OperateError::Ended { workflow: sanitize(workflow, LONGEST) };
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
