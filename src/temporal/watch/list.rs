//! Lists and counts executions with Temporal's visibility queries.

use temporalio_client::NamespacedClient;
use temporalio_common::protos::temporal::api::workflowservice::v1::{
    CountWorkflowExecutionsRequest, ListWorkflowExecutionsRequest,
};

use super::{execution::info, request_error::RequestError, unsigned};
use crate::{
    domain::ExecutionInfo,
    temporal::link::{Link, limited},
};

/// Maximum number of executions on a page.
const PAGE_LEN: i32 = 100;

/// The position of a page in the list of a query.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PageToken(Vec<u8>);

/// One page of a list, newest execution first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// The executions.
    pub executions: Vec<ExecutionInfo>,
    /// The page after this one; `None` if this is the last one.
    pub next: Option<PageToken>,
}

/// Lists the page at `position`; the default position is the first page. Visibility is eventually consistent: an
/// execution that has just started may be missing.
///
/// # Errors
/// Returns [`RequestError`] if the query has an error or the server does not answer.
pub async fn list(link: &Link, query: &str, position: PageToken) -> Result<Listing, RequestError> {
    let request = ListWorkflowExecutionsRequest {
        namespace: link.client().namespace(),
        page_size: PAGE_LEN,
        next_page_token: position.0,
        query: query.to_owned(),
    };
    let answer = link.service().list_workflow_executions(limited(request)).await;
    let answer = answer.map_err(|status| RequestError::of(&status))?.into_inner();
    let next = Some(answer.next_page_token).filter(|token| !token.is_empty()).map(PageToken);
    Ok(Listing { executions: answer.executions.iter().filter_map(info).collect(), next })
}

/// Counts executions. The server may estimate the number.
///
/// # Errors
/// Returns [`RequestError`] if the query has an error or the server does not answer.
pub async fn count(link: &Link, query: &str) -> Result<u64, RequestError> {
    let request = CountWorkflowExecutionsRequest { namespace: link.client().namespace(), query: query.to_owned() };
    let answer = link.service().count_workflow_executions(limited(request)).await;
    answer.map(|answer| unsigned(answer.into_inner().count)).map_err(|status| RequestError::of(&status))
}
