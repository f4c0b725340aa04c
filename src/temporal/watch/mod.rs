//! Executions of any workflow: requests to the server, and its answers as plain data.
//!
//! | file | role |
//! | --- | --- |
//! | `list` | lists and counts executions |
//! | `execution`, `options` | describes one execution, its pending activities and their options |
//! | `history`, `event`, `local_activity` | reads a history |
//! | `failure`, `payload` | failures with their causes, and decoded payloads |
//! | `operate` | operations on an execution or on one of its activities |
//! | `request_error` | why a request failed |

mod event;
mod execution;
mod failure;
mod history;
mod list;
mod local_activity;
mod operate;
mod options;
mod payload;
mod request_error;

pub use execution::describe_execution;
pub use history::{HistoryPart, HistoryPosition, history};
pub use list::{Listing, PageToken, count, list};
pub use operate::{OperationError, operate};
pub use request_error::RequestError;

use crate::domain::{
    Run,
    answer_limits::{name, text},
};

/// Converts a number that the server sends as signed but is never negative.
fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}

/// Converts the number of an attempt, or of attempts.
fn attempts(number: i32) -> u32 {
    u32::try_from(number).unwrap_or_default()
}

/// Converts the ids of an execution.
fn run(execution: &temporalio_common::protos::temporal::api::common::v1::WorkflowExecution) -> Run {
    Run { workflow: name(&execution.workflow_id), run: name(&execution.run_id) }
}

/// Converts a name of an enumeration, such as `PREFIX_TASK_FAILED`, to the form in Temporal's documentation: `TaskFailed`.
fn pascal(name: &str, prefix: &str) -> String {
    let words = name.strip_prefix(prefix).unwrap_or(name).split('_');
    words
        .flat_map(|word| word.chars().take(1).chain(word.chars().skip(1).map(|letter| letter.to_ascii_lowercase())))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_enumerations_are_in_pascal_case() {
        assert_eq!(pascal("EVENT_TYPE_MARKER_RECORDED", "EVENT_TYPE_"), "MarkerRecorded");
        assert_eq!(pascal("UNKNOWN", "EVENT_TYPE_"), "Unknown");
    }
}
