//! Describes a workflow run as the server reports it: whether it is open, and its pending activities. This works for
//! the runs of any worker with any database.

use temporalio_client::NamespacedClient;
use temporalio_common::protos::temporal::api::{
    common::v1::WorkflowExecution, enums::v1::WorkflowExecutionStatus,
    workflowservice::v1::DescribeWorkflowExecutionRequest,
};
use tonic::{Code, Status};

use super::{
    codec::decode_messages,
    failing_task::{FailingTask, failing_task},
    link::{Link, limited},
    pending::pending,
};
use crate::domain::{PendingActivity, sanitize};

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
