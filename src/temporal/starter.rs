//! Starting an order, and waiting for what it comes to.

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
    pub workflow: String,
    pub task_queue: String,
    pub input: OrderInput,
}

/// A workflow run that was started, or joined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Started {
    pub workflow: String,
    pub run: String,
    /// The workflow id was running already: this is the other start's run.
    pub joined: bool,
}

#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("the server did not take the order: {0}")]
    Refused(String),
    #[error(
        "the server does not say whether it took the order ({0}); send it again with the same order id, which joins the order \
         or finds its key"
    )]
    Unanswered(String),
}

/// Why the end of a run is not known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WatchError {
    /// The server does not answer, or not as one. Asking again may help.
    #[error("{0}")]
    Away(String),
    /// The server does not let this client ask any more, as when its API key has expired.
    #[error(
        "the server does not let this client wait for the order any more ({0}); the order goes on. Set TEMPORAL_API_KEY to a \
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

/// Between two tries to hear of an end while the server is away.
const PAUSE: Duration = Duration::from_secs(1);

/// Waits for a run's end.
pub struct Watch {
    handle: WorkflowHandle<temporalio_client::Client, InventoryWorkflow>,
}

impl std::fmt::Debug for Watch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watch").field("run", &self.handle.run_id()).finish_non_exhaustive()
    }
}

/// Starts an order under its workflow id. A closed run of that id does not stand in the way: the ledger tells whether
/// the order was applied.
///
/// # Errors
/// [`StartError`].
pub async fn start(link: &Link, request: StartRequest) -> Result<(Started, Watch), StartError> {
    start_limited(link, request, None).await
}

/// As [`start`]; what has not come to an end after `limit` is timed out by the server, whoever still cares for it.
///
/// # Errors
/// [`StartError`].
pub async fn start_limited(
    link: &Link,
    request: StartRequest,
    limit: Option<Duration>,
) -> Result<(Started, Watch), StartError> {
    let StartRequest { workflow, task_queue, input } = request;
    // The SDK (1.1.1) sends the summary past its codec, so an order that is to be secret has none.
    let summary = || sanitize(&format!("order {}: {} x {}", input.order, input.quantity, input.item), 200);
    let summary = link.codec().is_none().then(summary);
    let options = WorkflowStartOptions::new(task_queue, workflow.clone())
        .id_reuse_policy(WorkflowIdReusePolicy::AllowDuplicate)
        // Asked to fail and then joined, which is "use existing" with the knowledge that it was one.
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

/// Watches for the end of a run that somebody started.
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
    /// Waits until the run is over, however long that takes. A server that goes away is waited for by the caller,
    /// who calls again.
    ///
    /// # Errors
    /// [`WatchError`], when the server did not answer.
    pub async fn end(&self) -> Result<RunEnd, WatchError> {
        match self.handle.get_result(WorkflowGetResultOptions::default()).await {
            Ok(result) => Ok(RunEnd::Completed { result: result.map_or(RunResult::None, RunResult::from) }),
            Err(WorkflowGetResultError::Failed(failure)) => Ok(classify(&failure)),
            Err(WorkflowGetResultError::Cancelled { .. }) => Ok(RunEnd::Cancelled),
            Err(WorkflowGetResultError::Terminated { .. }) => Ok(RunEnd::Terminated),
            Err(WorkflowGetResultError::TimedOut) => Ok(RunEnd::TimedOut),
            Err(WorkflowGetResultError::NotFound(_)) => Ok(RunEnd::Unknown),
            // It has ended, and asking again would not make it readable.
            Err(WorkflowGetResultError::PayloadConversion(problem)) => {
                let message =
                    sanitize(&format!("what it came to cannot be read ({problem}); does it need another key?"), 300);
                Ok(RunEnd::Failed { message })
            }
            Err(WorkflowGetResultError::Rpc(status)) => Err(WatchError::of(&status)),
            Err(error) => Err(WatchError::Away(sanitize(&error.to_string(), 300))),
        }
    }

    /// Waits as long as it takes; a server that goes away is asked again, and so is one that refuses.
    pub async fn end_at_last(&self) -> RunEnd {
        loop {
            match self.end_or_refusal().await {
                Ok(end) => return end,
                Err(refused) => {
                    tracing::warn!(%refused, run = self.handle.run_id(), "asking again");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    /// Waits as long as it takes, or until the server refuses to say; one that goes away is asked again.
    ///
    /// # Errors
    /// [`WatchError::Refused`].
    pub async fn end_or_refusal(&self) -> Result<RunEnd, WatchError> {
        loop {
            match self.end().await {
                Err(WatchError::Away(problem)) => {
                    let run = self.handle.run_id();
                    tracing::warn!(problem, run, "the server does not answer; asking again");
                    tokio::time::sleep(PAUSE).await;
                }
                end_or_refused => return end_or_refused,
            }
        }
    }
}

impl Watch {
    /// Ends the run at once, without asking its workers. One that has ended by itself meanwhile is no error.
    ///
    /// # Errors
    /// A sentence, when the server did not answer.
    pub async fn terminate(&self, reason: &str) -> Result<(), String> {
        let options = WorkflowTerminateOptions::builder().reason(reason.to_owned()).build();
        match self.handle.terminate(options).await {
            Ok(()) | Err(WorkflowInteractionError::NotFound(_)) => Ok(()),
            Err(error) => Err(sanitize(&error.to_string(), 300)),
        }
    }
}

/// The innermost application failure says why; the layers around it only say where.
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
    fn a_refusal_ends_a_wait_and_an_absence_does_not() {
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
