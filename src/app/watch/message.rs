//! Requests about executions of any workflow, and the runtime's answers.

use serde::{Deserialize, Serialize};

use crate::domain::{ExecutionInfo, ExecutionReport, HistoryEvent, Operation, Run, UnixMillis};

/// A request to the runtime. Each but `Operate` has one answer, also after an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WatchRequest {
    /// List one page of executions. [`WatchNews::Listed`] answers.
    List {
        /// In Temporal's visibility query language; empty for all executions.
        query: String,
        /// From 0. A page can be requested after the page before it was.
        page: usize,
    },
    /// Count executions. [`WatchNews::Counted`] answers.
    Count {
        /// As in [`Self::List`].
        query: String,
    },
    /// Describe an execution. [`WatchNews::Described`] answers.
    Describe(Run),
    /// Read events of an execution. If there are none, the answer waits for some, for at most about 20 s.
    /// [`WatchNews::History`] answers.
    History {
        /// The execution. Its run id must be known.
        run: Run,
        /// Only events after this one; 0 for all.
        after: u64,
    },
    /// Operate on an execution. `Message::Notice` answers.
    Operate(Run, Operation),
}

/// An answer of the runtime.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WatchNews {
    /// One page of a list.
    Listed {
        /// The query.
        query: String,
        /// The page, from 0.
        page: usize,
        /// The page's content.
        answer: Result<ListPage, WatchProblem>,
    },
    /// The number of executions of a query.
    Counted {
        /// The query.
        query: String,
        /// The number, which the server may estimate.
        answer: Result<u64, WatchProblem>,
    },
    /// A description.
    Described {
        /// The run, as it was requested.
        run: Run,
        /// The description. Its run id is known even if that of the request was empty.
        answer: Result<Box<ExecutionReport>, WatchProblem>,
    },
    /// Events of a history.
    History {
        /// The run.
        run: Run,
        /// The events.
        answer: Result<HistoryPage, WatchProblem>,
    },
}

/// One page of a list, newest execution first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListPage {
    /// The time of the answer.
    pub at: UnixMillis,
    /// The executions.
    pub executions: Vec<ExecutionInfo>,
    /// There is a page after this one.
    pub more: bool,
}

/// Events of a history, in its order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryPage {
    /// The events; none if none came in time.
    pub events: Vec<HistoryEvent>,
    /// Further events may follow. If not, the execution has ended.
    pub more: bool,
}

impl WatchProblem {
    /// Whether the same request would fail again.
    #[must_use]
    pub const fn is_final(&self) -> bool {
        match self {
            Self::NotFound
            | Self::NoNamespace { .. }
            | Self::Denied { .. }
            | Self::Unsupported { .. }
            | Self::Invalid { .. } => true,
            Self::Busy { .. } | Self::NoLink | Self::Unanswered { .. } => false,
        }
    }
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
pub enum WatchProblem {
    /// The server does not know the execution.
    #[error("the server does not know this execution")]
    NotFound,
    /// The namespace does not exist.
    #[error("the namespace does not exist: {cause}")]
    NoNamespace {
        /// The server's message.
        cause: String,
    },
    /// The permission is missing.
    #[error("permission denied: {cause}")]
    Denied {
        /// The server's message.
        cause: String,
    },
    /// The server limits the requests, and is asked less often for a while.
    #[error("the server is busy: {cause}")]
    Busy {
        /// The server's message.
        cause: String,
    },
    /// The server does not have this call.
    #[error("this server does not support the request: {cause}")]
    Unsupported {
        /// The server's message.
        cause: String,
    },
    /// The request is not valid, such as a query with an error.
    #[error("{cause}")]
    Invalid {
        /// The server's message.
        cause: String,
    },
    /// There is no connection yet.
    #[error("no connection to a server yet")]
    NoLink,
    /// The server did not answer in time, or not with an answer.
    #[error("the server did not answer: {cause}")]
    Unanswered {
        /// The reason.
        cause: String,
    },
}
