//! Reads the history of an execution, and waits for new events.

use std::time::Duration;

use temporalio_client::NamespacedClient;
use temporalio_common::protos::temporal::api::{
    common::v1::WorkflowExecution, workflowservice::v1::GetWorkflowExecutionHistoryRequest,
};
use tonic::IntoRequest;

use super::{event::event, request_error::RequestError};
use crate::{
    domain::{HistoryEvent, Run},
    temporal::link::Link,
};

/// Maximum time of one call. A server waits for new events for 20 s.
const CALL_TIMEOUT: Duration = Duration::from_secs(25);

/// Number of batches of events to request at once; a batch has the events of one transaction. It is the server's own limit
/// (1.32.0), so that a larger number changes nothing.
const PAGE_LEN: i32 = 256;

/// A position in a history.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HistoryPosition(Vec<u8>);

/// The events from a position on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryPart {
    /// The events; none if none came within about 20 s.
    pub events: Vec<HistoryEvent>,
    /// The position after them; `None` if the execution has ended and these are its last events.
    pub next: Option<HistoryPosition>,
}

/// Reads the events from `position` on; the default position is the beginning. If there are none, waits for some.
///
/// # Errors
/// Returns [`RequestError`] if the server does not know the execution or does not answer.
pub async fn history(link: &Link, target: &Run, position: HistoryPosition) -> Result<HistoryPart, RequestError> {
    let execution = WorkflowExecution { workflow_id: target.workflow.clone(), run_id: target.run.clone() };
    let request = GetWorkflowExecutionHistoryRequest {
        namespace: link.client().namespace(),
        execution: Some(execution),
        maximum_page_size: PAGE_LEN,
        next_page_token: position.0,
        wait_new_event: true,
        ..Default::default()
    };
    let mut request = request.into_request();
    request.set_timeout(CALL_TIMEOUT);
    let answer = link.service().get_workflow_execution_history(request).await;
    let answer = answer.map_err(|status| RequestError::of_execution(&status))?.into_inner();
    let mut events = answer.history.unwrap_or_default().events;
    // Events of a repeated workflow task are not in the history yet, and other events get their ids. The server gives a
    // task id to stored events only.
    events.retain(|event| event.task_id != 0);
    let next = Some(answer.next_page_token).filter(|token| !token.is_empty()).map(HistoryPosition);
    Ok(HistoryPart { events: events.iter().map(|proto| event(link.codec(), proto)).collect(), next })
}
