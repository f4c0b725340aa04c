//! Open runs of our workflows on a task queue, also those that other programs started.

use std::time::SystemTime;

use temporalio_client::NamespacedClient;
use temporalio_common::protos::temporal::api::workflowservice::v1::ListWorkflowExecutionsRequest;
use tonic::Status;

use super::link::{Link, limited};
use crate::domain::UnixMillis;

/// The newest open runs that one listing returns.
const MAX_RUNS: i32 = 200;

/// The workflow types that our workers run.
const TYPES: [&str; 2] = ["InventoryWorkflow", "InventoryTask"];

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenRun {
    pub workflow: String,
    pub run: String,
    pub started: UnixMillis,
}

/// Lists the newest open runs. Visibility is eventually consistent: one that has just ended may still be listed.
///
/// # Errors
/// The server's status.
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
        // A filter on the server that matches too much must not bring strangers in.
        let is_ours = info.r#type.is_some_and(|kind| TYPES.contains(&kind.name.as_str()));
        let run = OpenRun { workflow: execution.workflow_id, run: execution.run_id, started: UnixMillis(started) };
        is_ours.then_some(run)
    });
    Ok(runs.collect())
}

fn query(task_queue: &str) -> String {
    let types = TYPES.map(|name| format!("'{name}'")).join(", ");
    let queue = task_queue.replace('\\', "\\\\").replace('\'', "\\'");
    format!("TaskQueue = '{queue}' AND ExecutionStatus = 'Running' AND WorkflowType IN ({types})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quote_in_the_name_of_a_queue_ends_no_string() {
        let wanted = "TaskQueue = 'a\\'b' AND ExecutionStatus = 'Running' AND WorkflowType IN \
                      ('InventoryWorkflow', 'InventoryTask')";
        assert_eq!(query("a'b"), wanted);
    }
}
