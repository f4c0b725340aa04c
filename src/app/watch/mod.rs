//! Executions of any workflow: a list, and one execution with every attempt of its activities.
//!
//! | module | role |
//! | --- | --- |
//! | `message` | requests to the server, and the answers |
//! | `events` | what has happened since the last look, for lines |
//! | `list` | the list of executions |
//! | `remedy` | what a problem means, and what to do |
//! | `watched`, `items` | the facts about one execution: activities, and everything else |

mod events;
mod items;
mod list;
mod message;
mod remedy;
mod watched;

use serde::{Deserialize, Serialize};

use crate::{
    app::intent::Overlay,
    domain::{Operation, Run, UnixMillis},
};

pub use events::{ActivityName, AttemptFailure, AttemptNumber, EventFinder, WatchEvent, WatchEventKind};
pub use items::{Item, ItemKind, Items};
pub use list::{ExecutionList, ExecutionRow, RowAttempts, Sort};
pub use message::{HistoryPage, ListPage, WatchNews, WatchProblem, WatchRequest};
pub use remedy::explain_problem;
pub use watched::{End, Lane, Start, TaskFailure, Watched};

/// What is watched.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct WatchOptions {
    /// The workflow id; `None` for the list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflow: Option<String>,
    /// The run id; `None` for the latest run and those that continue it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// Lists only executions on this task queue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task_queue: Option<String>,
    /// Lists the executions that this visibility query finds; `None` for open ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// Removes all operations.
    #[serde(default)]
    pub read_only: bool,
}

impl WatchOptions {
    /// The visibility query of the list.
    #[must_use]
    pub fn visibility_query(&self) -> String {
        let query = self.query.clone().unwrap_or_else(|| "ExecutionStatus = 'Running'".to_owned());
        let Some(queue) = &self.task_queue else { return query };
        let queue = format!("TaskQueue = '{}'", queue.replace('\\', "\\\\").replace('\'', "\\'"));
        if query.is_empty() { queue } else { format!("{queue} AND ({query})") }
    }
}

/// The state of the pages about executions of any workflow.
#[derive(Debug, Clone)]
pub struct Watch {
    options: WatchOptions,
    list: ExecutionList,
    /// The execution that is shown, or was shown last.
    opened: Option<Watched>,
    /// The position of the selected lane.
    lane: usize,
    /// The operation that waits for a confirmation.
    asked: Option<(Run, Operation)>,
}

impl Watch {
    /// The list, or the execution that the options name.
    #[must_use]
    pub fn new(options: WatchOptions, now: UnixMillis) -> Self {
        let target =
            options.workflow.clone().map(|workflow| Run { workflow, run: options.run.clone().unwrap_or_default() });
        let list = ExecutionList::new(options.visibility_query());
        Self { list, opened: target.map(|target| Watched::new(target, now)), lane: 0, asked: None, options }
    }

    /// Applies an answer of the server.
    pub fn apply(&mut self, news: WatchNews) {
        match news {
            WatchNews::Listed { query, answer, .. } if query == self.list.query() => match answer {
                Ok(page) => self.list.on_page(page),
                Err(problem) => self.list.on_problem(problem),
            },
            WatchNews::Counted { query, answer } if query == self.list.query() => {
                if let Ok(total) = answer {
                    self.list.on_total(total);
                }
            }
            WatchNews::Listed { .. } | WatchNews::Counted { .. } => {}
            WatchNews::Described { run, answer } => {
                if let Ok(report) = &answer {
                    self.list.on_report(report);
                }
                if let Some(opened) = self.opened.as_mut().filter(|opened| opened.is_about(&run)) {
                    match answer {
                        Ok(report) => opened.on_report(*report),
                        Err(problem) => opened.problem = Some(problem),
                    }
                }
            }
            WatchNews::History { run, answer } => {
                if let Some(opened) = self.opened.as_mut().filter(|opened| opened.is_about(&run)) {
                    match answer {
                        Ok(page) => drop(opened.on_history(page)),
                        Err(problem) => opened.problem = Some(problem),
                    }
                }
            }
        }
    }

    /// What is watched.
    #[must_use]
    pub const fn options(&self) -> &WatchOptions {
        &self.options
    }

    /// The list of executions.
    #[must_use]
    pub const fn list(&self) -> &ExecutionList {
        &self.list
    }

    /// The execution that is shown, or was shown last.
    #[must_use]
    pub const fn opened(&self) -> Option<&Watched> {
        self.opened.as_ref()
    }

    /// The operation that waits for a confirmation, and its execution.
    #[must_use]
    pub const fn asked(&self) -> Option<&(Run, Operation)> {
        self.asked.as_ref()
    }

    /// The operation that was confirmed.
    pub const fn take_asked(&mut self) -> Option<(Run, Operation)> {
        self.asked.take()
    }

    /// The page to show first: the execution that the options name, or the list.
    #[must_use]
    pub const fn page(&self) -> Overlay {
        if self.opened.is_some() { Overlay::Execution } else { Overlay::Executions }
    }

    /// The position of the selected lane in [`Watched::lanes`].
    #[must_use]
    pub const fn lane(&self) -> usize {
        self.lane
    }
}
