//! The list of executions: what the server lists, and what their descriptions report about their attempts.

use std::collections::HashMap;

use crate::domain::{ExecutionInfo, ExecutionReport, PendingActivity, PendingTask, Run, UnixMillis};

use super::message::{ListPage, WatchProblem};

/// One row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecutionRow {
    /// The execution.
    pub info: ExecutionInfo,
    /// What its latest description reports; `None` before the first.
    pub attempts: Option<RowAttempts>,
}

/// The attempts of an execution in one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowAttempts {
    /// The time of the description.
    pub at: UnixMillis,
    /// Number of pending activities.
    pub activities: usize,
    /// The pending activity with the most attempts; `None` if none is pending.
    pub worst: Option<PendingActivity>,
    /// The pending workflow task.
    pub task: Option<PendingTask>,
}

/// The order of the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sort {
    /// Failing workflow tasks, then executions with retrying activities, then the newest.
    #[default]
    RetryingFirst,
    /// The newest start first.
    Newest,
}

/// The list of executions.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ExecutionList {
    query: String,
    rows: Vec<ExecutionRow>,
    attempts: HashMap<Run, RowAttempts>,
    selected: usize,
    sort: Sort,
    total: Option<u64>,
    problem: Option<WatchProblem>,
    is_read: bool,
}

impl ExecutionList {
    /// A list for a visibility query.
    #[must_use]
    pub fn new(query: String) -> Self {
        Self { query, ..Self::default() }
    }

    /// The visibility query.
    #[must_use]
    pub fn query(&self) -> &str {
        &self.query
    }

    /// The rows that are known, in the order of the list.
    #[must_use]
    pub fn rows(&self) -> &[ExecutionRow] {
        &self.rows
    }

    /// The selected row's position.
    #[must_use]
    pub const fn selected(&self) -> usize {
        self.selected
    }

    /// The order of the rows.
    #[must_use]
    pub const fn sort(&self) -> Sort {
        self.sort
    }

    /// Number of executions that the query finds; `None` until the server has counted them.
    #[must_use]
    pub const fn total(&self) -> Option<u64> {
        self.total
    }

    /// Why the latest request for the list has no answer.
    #[must_use]
    pub const fn problem(&self) -> Option<&WatchProblem> {
        self.problem.as_ref()
    }

    /// Whether the server has answered.
    #[must_use]
    pub const fn is_read(&self) -> bool {
        self.is_read
    }

    /// Applies a page of the list.
    pub fn on_page(&mut self, page: ListPage) {
        self.is_read = true;
        self.problem = None;
        let row = |info: ExecutionInfo| ExecutionRow { attempts: self.attempts.get(&info.run).cloned(), info };
        self.rows = page.executions.into_iter().map(row).collect();
    }

    /// A request for the list has no answer.
    pub fn on_problem(&mut self, problem: WatchProblem) {
        self.problem = Some(problem);
    }

    /// Applies the number of executions.
    pub const fn on_total(&mut self, total: u64) {
        self.total = Some(total);
    }

    /// Applies a description of an execution in the list.
    pub fn on_report(&mut self, report: &ExecutionReport) {
        let worst = report.activities.iter().map(|activity| &activity.pending).max_by_key(|pending| pending.attempt);
        let attempts = RowAttempts {
            at: report.at,
            activities: report.activities.len(),
            worst: worst.cloned(),
            task: report.task.clone(),
        };
        if let Some(row) = self.rows.iter_mut().find(|row| row.info.run == report.info.run) {
            row.info = report.info.clone();
            row.attempts = Some(attempts.clone());
        }
        self.attempts.insert(report.info.run.clone(), attempts);
    }
}
