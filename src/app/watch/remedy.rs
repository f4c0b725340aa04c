//! What a problem means for the user, and what to do.

use crate::domain::{Run, has_unsearchable_value};

use super::message::WatchProblem;

/// Ids that are named instead of an unknown one.
const MAX_NEAREST: usize = 3;

/// Similarity from which an id is named, from 0 to 1.
const MIN_SIMILARITY: f64 = 0.8;

/// The workflow ids that resemble `workflow`, the most similar first.
#[must_use]
pub fn nearest_ids<'a>(workflow: &str, ids: impl Iterator<Item = &'a str>) -> Vec<String> {
    let rated = ids.map(|id| (strsim::jaro_winkler(workflow, id), id));
    let mut near: Vec<_> = rated.filter(|(similarity, _)| *similarity >= MIN_SIMILARITY).collect();
    near.sort_by(|left, right| right.0.total_cmp(&left.0).then(left.1.cmp(right.1)));
    near.dedup_by_key(|(_, id)| *id);
    near.into_iter().take(MAX_NEAREST).map(|(_, id)| id.to_owned()).collect()
}

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

/// Why a query may find nothing although there are such executions, and what to do; `None` if nothing suggests it.
#[must_use]
pub fn doubt_of_empty_list(query: &str) -> Option<&'static str> {
    let text = "Some servers (1.32 on SQLite) find no value that contains \" or \\. List without this condition, for example \
                by WorkflowType or by ExecutionStatus alone.";
    has_unsearchable_value(query).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_similar_ids_are_named_once_each() {
        let ids = ["order-78", "mail-1", "order-77", "order-770", "order-77", "order-9"];
        assert_eq!(nearest_ids("order-7", ids.into_iter()), ["order-77", "order-78", "order-770"]);
        assert_eq!(nearest_ids("unrelated", ids.into_iter()), [""; 0]);
    }
}
