//! Starts orders and waits until they end.

use std::time::Duration;

use temporalio_client::{
    WorkflowExecutionInfo, WorkflowGetResultOptions, WorkflowHandle, WorkflowIdConflictPolicy, WorkflowIdReusePolicy,
    WorkflowStartOptions, WorkflowTerminateOptions,
    errors::{WorkflowGetResultError, WorkflowInteractionError, WorkflowStartError},
};
use temporalio_common::error::IncomingError;
use tonic::{Code, Status};

use super::{
    connect_error::is_late, link::Link, received::OrderArgument, wire::OrderInput, workflow::InventoryWorkflow,
};
use crate::{
    domain::{Rejection, RunEnd, RunResult, sanitize},
    store::StoreError,
};

/// An order to start.
#[derive(Debug, Clone)]
pub struct StartRequest {
    /// Workflow id.
    pub workflow: String,
    /// Task queue of the workers.
    pub task_queue: String,
    /// Input of the workflow.
    pub input: OrderInput,
}

/// A workflow run that was started, or joined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Started {
    /// Workflow id.
    pub workflow: String,
    /// Run id.
    pub run: String,
    /// Whether the run was already open before this start.
    pub joined: bool,
}

/// Why an order was not started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The server rejected the request.
    #[error("the server did not accept the order: {0}")]
    Refused(String),
    /// The request timed out, so the order may have been started.
    #[error(
        "the server did not confirm the order ({0}); send it again with the same order id, which joins the order \
         or finds its key"
    )]
    Unanswered(String),
}

/// Why the end of a run is unknown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WatchError {
    /// The server does not answer. A retry may help.
    #[error("{0}")]
    Away(String),
    /// The server refuses this client, for example because its API key has expired.
    #[error(
        "the server no longer lets this client wait for the order ({0}); the order continues. Set TEMPORAL_API_KEY to a \
         valid key (or renew the client certificate) and run the same command again, which joins the order"
    )]
    Refused(String),
}

impl WatchError {
    fn of(status: &Status) -> Self {
        let cause = sanitize(status.message(), 300);
        match status.code() {
            Code::Unauthenticated | Code::PermissionDenied => Self::Refused(cause),
            code if cause.is_empty() => Self::Away(code.to_string()),
            _ => Self::Away(cause),
        }
    }
}

/// Delay before the wait for a result is repeated after an error.
const RETRY_DELAY: Duration = Duration::from_secs(1);

/// Waits for the end of a run.
pub struct Watch {
    handle: WorkflowHandle<temporalio_client::Client, InventoryWorkflow>,
}

impl std::fmt::Debug for Watch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watch").field("run", &self.handle.run_id()).finish_non_exhaustive()
    }
}

/// Starts an order under its workflow id, or joins an open run with that id. A closed run with that id does not block a
/// new start, which is safe: the ledger contains the key of an applied order.
///
/// # Errors
/// Returns [`StartError`] if the server rejects the order or does not answer in time.
pub async fn start(link: &Link, request: StartRequest) -> Result<(Started, Watch), StartError> {
    start_limited(link, request, None).await
}

/// Starts an order as [`start`] does. The server ends the run with a timeout after `limit`.
///
/// # Errors
/// Returns the same errors as [`start`].
pub async fn start_limited(
    link: &Link,
    request: StartRequest,
    limit: Option<Duration>,
) -> Result<(Started, Watch), StartError> {
    let StartRequest { workflow, task_queue, input } = request;
    // The SDK (1.1.1) does not encode the summary, so an encrypted order has none.
    let summary = || sanitize(&format!("order {}: {} x {}", input.order, input.quantity, input.item), 200);
    let summary = link.codec().is_none().then(summary);
    let options = WorkflowStartOptions::new(task_queue, workflow.clone())
        .id_reuse_policy(WorkflowIdReusePolicy::AllowDuplicate)
        // Fail and then join the run: unlike "use existing", this shows whether the run existed.
        .id_conflict_policy(WorkflowIdConflictPolicy::Fail)
        .maybe_static_summary(summary)
        .maybe_execution_timeout(limit)
        .build();
    match link.client().start_workflow(InventoryWorkflow::run, OrderArgument::from(input), options).await {
        Ok(handle) => {
            let run = handle.run_id().unwrap_or_default().to_owned();
            let watch = watch(link, &workflow, &run);
            Ok((Started { workflow, run, joined: false }, watch))
        }
        Err(WorkflowStartError::AlreadyStarted { run_id: Some(run), .. }) => {
            let watch = watch(link, &workflow, &run);
            Ok((Started { workflow, run, joined: true }, watch))
        }
        Err(WorkflowStartError::Rpc(status)) if is_late(&status) => {
            Err(StartError::Unanswered(sanitize(status.message(), 300)))
        }
        Err(WorkflowStartError::Rpc(status)) => Err(StartError::Refused(sanitize(status.message(), 300))),
        Err(error) => Err(StartError::Refused(sanitize(&error.to_string(), 300))),
    }
}

/// Watches a run that was started earlier.
#[must_use]
pub fn watch(link: &Link, workflow: &str, run: &str) -> Watch {
    use temporalio_client::NamespacedClient;
    let info = WorkflowExecutionInfo::builder()
        .namespace(link.client().namespace())
        .workflow_id(workflow)
        .run_id(run.to_owned())
        .build();
    Watch { handle: WorkflowHandle::new(link.client().clone(), info) }
}

impl Watch {
    /// Waits for the end of the run without a time limit. If the server does not answer, the caller retries.
    ///
    /// # Errors
    /// Returns [`WatchError`] if the server does not answer or refuses this client.
    pub async fn end(&self) -> Result<RunEnd, WatchError> {
        match self.handle.get_result(WorkflowGetResultOptions::default()).await {
            Ok(result) => Ok(RunEnd::Completed { result: result.map_or(RunResult::None, RunResult::from) }),
            Err(WorkflowGetResultError::Failed(failure)) => Ok(classify(&failure)),
            Err(WorkflowGetResultError::Cancelled { .. }) => Ok(RunEnd::Cancelled),
            Err(WorkflowGetResultError::Terminated { .. }) => Ok(RunEnd::Terminated),
            Err(WorkflowGetResultError::TimedOut) => Ok(RunEnd::TimedOut),
            Err(WorkflowGetResultError::NotFound(_)) => Ok(RunEnd::Unknown),
            // The run has ended, so a retry would return the same result.
            Err(WorkflowGetResultError::PayloadConversion(problem)) => {
                let message =
                    sanitize(&format!("the result cannot be read ({problem}); does it need another key?"), 300);
                Ok(RunEnd::Failed { message })
            }
            Err(WorkflowGetResultError::Rpc(status)) => Err(WatchError::of(&status)),
            Err(error) => Err(WatchError::Away(sanitize(&error.to_string(), 300))),
        }
    }

    /// Waits for the end of the run without a time limit, and retries after every error.
    pub async fn end_despite_errors(&self) -> RunEnd {
        loop {
            match self.end_or_refusal().await {
                Ok(end) => return end,
                Err(refused) => {
                    tracing::warn!(%refused, run = self.handle.run_id(), "retrying");
                    tokio::time::sleep(RETRY_DELAY).await;
                }
            }
        }
    }

    /// Waits for the end of the run without a time limit, and retries while the server does not answer.
    ///
    /// # Errors
    /// Returns [`WatchError::Refused`] if the server refuses this client.
    pub async fn end_or_refusal(&self) -> Result<RunEnd, WatchError> {
        loop {
            match self.end().await {
                Err(WatchError::Away(problem)) => {
                    let run = self.handle.run_id();
                    tracing::warn!(problem, run, "the server does not answer; retrying");
                    tokio::time::sleep(RETRY_DELAY).await;
                }
                end_or_refused => return end_or_refused,
            }
        }
    }

    /// Terminates the run on the server, which needs no worker. A run that has already ended is not an error.
    ///
    /// # Errors
    /// Returns the message if the server does not answer or rejects the request.
    pub async fn terminate(&self, reason: &str) -> Result<(), String> {
        let options = WorkflowTerminateOptions::builder().reason(reason.to_owned()).build();
        match self.handle.terminate(options).await {
            Ok(()) | Err(WorkflowInteractionError::NotFound(_)) => Ok(()),
            Err(error) => Err(sanitize(&error.to_string(), 300)),
        }
    }
}

/// Takes the reason from the innermost application failure. The failures around it are wrappers.
fn classify(failure: &IncomingError) -> RunEnd {
    let mut current = Some(failure);
    let mut message = sanitize(&failure.failure().message, 300);
    while let Some(error) = current {
        message = sanitize(&error.failure().message, 300);
        if let IncomingError::Application(application) = error {
            match application.type_name() {
                Some(StoreError::CONFLICT) => return RunEnd::Conflict { message },
                Some(code) if Rejection::TYPE_NAMES.contains(&code) => {
                    return RunEnd::Rejected { code: code.to_owned(), message };
                }
                _ => {}
            }
        }
        current = error.cause();
    }
    RunEnd::Failed { message }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_ends_a_wait_and_an_unreachable_server_does_not() {
        for code in [Code::Unauthenticated, Code::PermissionDenied] {
            let refused = WatchError::of(&Status::new(code, "the key has \u{1b}expired"));
            assert!(matches!(&refused, WatchError::Refused(cause) if !cause.contains('\u{1b}')), "{refused:?}");
            assert!(refused.to_string().contains("TEMPORAL_API_KEY"), "{refused}");
        }
        for code in [Code::Unavailable, Code::DeadlineExceeded, Code::Unknown, Code::Cancelled] {
            assert!(matches!(WatchError::of(&Status::new(code, "")), WatchError::Away(cause) if !cause.is_empty()));
        }
    }
}
