//! The ids of a workflow run.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A workflow run, by its two ids.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Run {
    /// The workflow id.
    pub workflow: String,
    /// The run id. In a request to the server, an empty one means the latest run of the workflow.
    pub run: String,
}

/// `WORKFLOW_ID/RUN_ID`, or the workflow id alone if the run id is empty.
impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.run.is_empty() { f.pad(&self.workflow) } else { write!(f, "{}/{}", self.workflow, self.run) }
    }
}
