//! What a problem means for the user, and what to do.

use crate::domain::Run;

use super::message::WatchProblem;

/// The problem as a sentence. `target`: the execution that was requested; `None` for the list. `nearest`: workflow ids that
/// resemble its workflow id.
#[must_use]
pub fn explain_problem(problem: &WatchProblem, target: Option<&Run>, namespace: &str, nearest: &[String]) -> String {
    match (problem, target) {
        (WatchProblem::NotFound, Some(target)) => {
            let similar = match nearest {
                [] => "check the id, or list the executions with: idempotence watch".to_owned(),
                ids => format!("similar ids: {}", ids.join(", ")),
            };
            format!("the namespace '{namespace}' has no execution '{target}'; {similar}")
        }
        (WatchProblem::NotFound, None) | (WatchProblem::Invalid { .. }, Some(_)) => problem.to_string(),
        (WatchProblem::NoNamespace { .. }, _) => {
            format!("the namespace '{namespace}' does not exist; set another one with --namespace")
        }
        (WatchProblem::Denied { .. }, _) => {
            format!("{problem}; the API key or certificate needs the permission to read the namespace '{namespace}'")
        }
        (WatchProblem::Busy { .. }, _) => format!("{problem}; asking less often"),
        (WatchProblem::Unsupported { .. }, _) => format!("{problem}; watch needs a server of version 1.24 or newer"),
        (WatchProblem::Invalid { .. }, None) => format!("{problem}; change the query"),
        (WatchProblem::NoLink | WatchProblem::Unanswered { .. }, _) => format!("{problem}; retrying"),
    }
}
