//! Lists the open runs of the Inventory Workflow on a task queue, including those that other programs started.

use std::time::SystemTime;

use temporalio_client::NamespacedClient;
use temporalio_common::protos::temporal::api::workflowservice::v1::ListWorkflowExecutionsRequest;
use tonic::Status;

use super::link::{Link, limited};
use crate::domain::{UnixMillis, on_task_queue};

/// Maximum number of runs per listing.
const MAX_RUNS: i32 = 200;

/// Workflow types that the workers register.
const WORKFLOW_TYPES: [&str; 2] = ["InventoryWorkflow", "InventoryTask"];

/// An open run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenRun {
    /// Workflow id.
    pub workflow: String,
    /// Run id.
    pub run: String,
    /// When it was started.
    pub started: UnixMillis,
}

/// Lists the newest open runs. Visibility is eventually consistent: a run that has just ended may still be listed.
///
/// # Errors
/// Returns the server's status if it does not list the runs.
pub async fn open_runs(link: &Link, task_queue: &str) -> Result<Vec<OpenRun>, Status> {
    let request = ListWorkflowExecutionsRequest {
        namespace: link.client().namespace(),
        page_size: MAX_RUNS,
        query: query(task_queue),
        ..Default::default()
    };
    let answer = link.service().list_workflow_executions(limited(request)).await?.into_inner();
    let runs = answer.executions.into_iter().filter_map(|info| {
        let execution = info.execution?;
        let started = info.start_time.and_then(|time| SystemTime::try_from(time).ok());
        let started = started.and_then(|started| started.duration_since(SystemTime::UNIX_EPOCH).ok());
        let started = started.and_then(|since| u64::try_from(since.as_millis()).ok()).unwrap_or_default();
        // Check the type again, in case the filter on the server matches other workflows.
        let is_ours = info.r#type.is_some_and(|kind| WORKFLOW_TYPES.contains(&kind.name.as_str()));
        let run = OpenRun { workflow: execution.workflow_id, run: execution.run_id, started: UnixMillis(started) };
        is_ours.then_some(run)
    });
    Ok(runs.collect())
}

fn query(task_queue: &str) -> String {
    let types = WORKFLOW_TYPES.map(|name| format!("'{name}'")).join(", ");
    format!("{} AND ExecutionStatus = 'Running' AND WorkflowType IN ({types})", on_task_queue(task_queue))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quote_in_the_name_of_a_queue_is_escaped() {
        let wanted = "TaskQueue = 'a\\'b' AND ExecutionStatus = 'Running' AND WorkflowType IN \
                      ('InventoryWorkflow', 'InventoryTask')";
        assert_eq!(query("a'b"), wanted);
    }
}
