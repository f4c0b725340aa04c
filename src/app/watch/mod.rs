//! Executions of any workflow: a list, and one execution with every attempt of its activities.
//!
//! | module | role |
//! | --- | --- |
//! | `message`, `ingest` | requests to the server, and the answers; foreign text made harmless |
//! | `schedule` | when the server is asked, and how often at most |
//! | `advice` | what is certain about the effect of a failed attempt |
//! | `edited` | lines that the user edits: a signal, the options of an activity |
//! | `event`, `events` | what has happened since the last look, for lines |
//! | `lane`, `lanes` | the lanes of an execution, their order, and which one is selected first |
//! | `list`, `row` | the list of executions, and how often each row is described |
//! | `remedy` | what a problem means, and what to do |
//! | `watched`, `items` | the facts about one execution: activities, and everything else |

mod advice;
mod edited;
mod event;
mod events;
mod ingest;
mod items;
mod lane;
mod lanes;
mod list;
mod message;
mod remedy;
mod row;
mod schedule;
mod watched;

use serde::{Deserialize, Serialize};

use crate::{
    app::{
        intent::{Move, Overlay},
        update::scroll::scroll,
    },
    domain::{Operation, Run, UnixMillis, on_task_queue},
};

use lanes::default_lane;
use schedule::Schedule;

pub use advice::{Certainty, RetriesEnded, RetryWarning, latest_certainty, latest_failure, retry_warnings};
pub use edited::{LineProblem, options_line, parse_options, parse_signal};
pub use event::{ActivityName, AttemptFailure, AttemptNumber, AttemptWait, PlannedWait, WatchEvent, WatchEventKind};
pub use events::EventFinder;
pub use items::{Item, ItemKind, Items, Signals};
pub use lane::{Lane, LaneId};
pub use list::{ExecutionList, PAGE_ROWS, Sort};
pub use message::{HistoryPage, ListPage, WatchNews, WatchProblem, WatchRequest};
pub use remedy::{doubt_of_empty_list, explain_problem, nearest_ids};
pub use row::{ExecutionRow, RowAttempts, Urgency};
pub use schedule::RequestRate;
pub use watched::{End, Start, TaskFailure, Watched};

/// Countdowns of the list below this limit in milliseconds are shown with tenths of a second.
const TENTHS_MILLIS: u64 = 10_000;

/// Runs that are kept to return to.
const MAX_OPENED_FROM: usize = 32;

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
        let queue = on_task_queue(queue);
        if query.is_empty() { queue } else { format!("{queue} AND ({query})") }
    }
}

/// What an answer of the server has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// Whether the page that is shown has changed.
    pub shows: bool,
    /// A sentence if another run is shown now.
    pub follows: Option<String>,
}

/// The state of the pages about executions of any workflow.
#[derive(Debug, Clone)]
pub struct Watch {
    options: WatchOptions,
    /// The page to which Esc returns from the list; `None` if the session is for watching only.
    above: Option<Overlay>,
    list: ExecutionList,
    /// The execution that is shown, or was shown last.
    opened: Option<Watched>,
    /// The runs from which the user has opened the one that is shown, the last opened last.
    opened_from: Vec<Run>,
    /// The selected lane; `None` until one is selected.
    lane: Option<LaneId>,
    /// The operation that waits for a confirmation.
    asked: Option<(Run, Operation)>,
    schedule: Schedule,
    /// The shown number of requests per second.
    per_second: usize,
}

impl Watch {
    /// The list, or the execution that the options name. `above`: the page to which Esc returns from the list.
    #[must_use]
    pub fn new(options: WatchOptions, above: Option<Overlay>, now: UnixMillis) -> Self {
        let target =
            options.workflow.clone().map(|workflow| Run { workflow, run: options.run.clone().unwrap_or_default() });
        Self {
            above,
            list: ExecutionList::new(options.visibility_query()),
            opened: target.map(|target| Watched::new(target, now)),
            opened_from: Vec::new(),
            lane: None,
            asked: None,
            schedule: Schedule::default(),
            per_second: 0,
            options,
        }
    }

    /// An answer has come, also while the screen is frozen.
    pub fn on_answer(&mut self, news: &WatchNews, now: UnixMillis) {
        let of_row = match news {
            WatchNews::Described { run, .. } => !self.opened.as_ref().is_some_and(|opened| opened.is_about(run)),
            _ => false,
        };
        self.schedule.on_answer(news, of_row, now);
    }

    /// Applies an answer of the server. `page`: the page that is shown, on a screen of `height` rows.
    pub fn apply(&mut self, news: WatchNews, page: Overlay, height: usize) -> Applied {
        let (of_list, of_opened) = match ingest::sanitized(news) {
            WatchNews::Listed { query, page, answer } if query == self.list.query() => {
                let changes = match answer {
                    Ok(listed) => self.list.on_page(page, &listed),
                    Err(problem) => self.list.on_problem(problem),
                };
                self.schedule.on_listed(changes);
                (changes, false)
            }
            WatchNews::Counted { query, answer: Ok(total) } if query == self.list.query() => {
                (self.list.on_total(total), false)
            }
            WatchNews::Listed { .. } | WatchNews::Counted { .. } => (false, false),
            WatchNews::Described { run, answer } => {
                let of_list = answer.as_ref().is_ok_and(|report| self.list.on_report(report, height));
                let opened = self.opened.as_mut().filter(|opened| opened.is_about(&run));
                (of_list, opened.is_some_and(|opened| opened.on_description(answer)))
            }
            WatchNews::History { run, answer } => {
                let opened = self.opened.as_mut().filter(|opened| opened.is_about(&run));
                (false, opened.is_some_and(|opened| opened.on_history_answer(answer)))
            }
        };
        let follows = if of_opened { self.follow() } else { None };
        let shows = match page {
            Overlay::Executions => of_list,
            // After an unknown id, the page names similar ids of the list.
            Overlay::Execution => {
                of_opened || of_list && self.opened.as_ref().is_some_and(|opened| opened.info.is_none())
            }
            _ => false,
        };
        Applied { shows, follows }
    }

    /// Shows the run that continues the one on the screen.
    fn follow(&mut self) -> Option<String> {
        let opened = self.opened.as_mut()?;
        if !opened.follow() {
            return None;
        }
        self.lane = None;
        self.schedule.restart();
        let run =
            if opened.run().run.is_empty() { "a new run".to_owned() } else { format!("run {}", opened.run().run) };
        Some(format!("{} continues as {run}", opened.target.workflow))
    }

    /// Opens a run. It stays on the screen even if another run continues it.
    pub fn open_run(&mut self, run: Run, now: UnixMillis) {
        if self.opened.as_ref().is_none_or(|opened| *opened.run() != run) {
            let mut opened = Watched::new(run, now);
            if !schedule::is_whole(opened.run()) {
                let cause = "its id has characters that cannot be shown; name it with: idempotence watch ID".to_owned();
                opened.problem = Some(WatchProblem::Invalid { cause });
            }
            (self.opened, self.lane) = (Some(opened), None);
            self.schedule.restart();
        }
    }

    /// The run that the selected lane, or the end of the execution, leads to: a child workflow that has started, or the run
    /// that continues this one. On the page of an execution, a failure of the lane is shown first.
    #[must_use]
    pub fn linked_run(&self, page: Overlay) -> Option<Run> {
        let opened = self.opened.as_ref()?;
        match self.selected_lane() {
            Some(Lane::Item(Item { kind: ItemKind::Child { run: Some(run), .. }, .. })) => Some(run.clone()),
            Some(lane) if page == Overlay::Execution && opened.has_failed(lane) => None,
            _ => opened.next_run(),
        }
    }

    /// Opens a run that the page leads to. [`Self::go_back`] returns.
    pub fn open_linked(&mut self, run: Run, now: UnixMillis) {
        let from = self.opened.as_ref().map(|opened| opened.target.clone());
        self.open_run(run, now);
        self.opened_from.extend(from);
        let excess = self.opened_from.len().saturating_sub(MAX_OPENED_FROM);
        self.opened_from.drain(..excess);
    }

    /// Returns to the run from which the one that is shown was opened. Returns whether there is one.
    pub fn go_back(&mut self, now: UnixMillis) -> bool {
        let Some(run) = self.opened_from.pop() else { return false };
        self.open_run(run, now);
        true
    }

    /// Lists what another query finds. The rows stay until the server has answered.
    pub fn search(&mut self, query: String) {
        self.list.search(query);
        self.schedule.restart();
    }

    /// The list is shown instead of an execution.
    pub fn show_list(&mut self) {
        self.opened_from.clear();
        self.schedule.restart();
    }

    /// The requests that are due while this page is shown. `height`: rows of the screen.
    pub fn poll(&mut self, page: Overlay, now: UnixMillis, height: usize) -> Vec<WatchRequest> {
        match (page, &self.opened) {
            (Overlay::Executions, _) => self.schedule.of_list(now, &mut self.list, height),
            (Overlay::Execution, Some(opened)) => {
                let mut requests = Vec::from_iter(self.schedule.of_execution(now, opened));
                if self.wants_similar_ids(opened) {
                    requests.extend(self.schedule.list_request(now, &self.list, height));
                }
                requests
            }
            _ => Vec::new(),
        }
    }

    /// When the next request is due while this page is shown; `None` if none is before another answer or key.
    #[must_use]
    pub fn next_request(&self, page: Overlay, height: usize) -> Option<UnixMillis> {
        match (page, &self.opened) {
            (Overlay::Executions, _) => self.schedule.next_of_list(&self.list, height),
            (Overlay::Execution, Some(opened)) => {
                let of_list = if self.wants_similar_ids(opened) { self.schedule.next_of_pages() } else { None };
                [self.schedule.next_of_execution(opened), of_list].into_iter().flatten().min()
            }
            _ => None,
        }
    }

    /// Whether the page of an execution needs the list, for ids that are similar to an unknown one.
    fn wants_similar_ids(&self, opened: &Watched) -> bool {
        opened.problem == Some(WatchProblem::NotFound) && !self.list.is_read()
    }

    /// Whether something on this page moves in tenths of a second: attempts and countdowns.
    #[must_use]
    pub fn moves(&self, page: Overlay, now: UnixMillis, height: usize) -> bool {
        match (page, &self.opened) {
            (Overlay::Execution, Some(opened)) => !opened.is_over() && !self.schedule.rests(opened),
            (Overlay::Executions, _) => self.list.counts_down(now, TENTHS_MILLIS, height),
            _ => false,
        }
    }

    /// How often the server is asked now.
    #[must_use]
    pub fn rate(&self, now: UnixMillis) -> RequestRate {
        RequestRate { per_second: self.per_second, waits_until: self.schedule.waits_until(now) }
    }

    /// Counts the requests for [`Self::rate`]. Returns whether their number has changed.
    pub fn count_requests(&mut self, now: UnixMillis) -> bool {
        let counted = self.schedule.per_second(now);
        std::mem::replace(&mut self.per_second, counted) != counted
    }

    /// Whether something on the list moves in seconds.
    #[must_use]
    pub fn shows_time(&self, now: UnixMillis, height: usize) -> bool {
        self.schedule.waits_until(now).is_some() || self.list.shows_time(height)
    }

    /// The problem of the execution as a sentence, with what to do; `None` if there is none. After an unknown id it is
    /// complete once the list is read, or cannot be read.
    #[must_use]
    pub fn explain(&self, namespace: &str) -> Option<String> {
        let opened = self.opened.as_ref()?;
        let problem = opened.problem.as_ref()?;
        let known = || self.list.rows().iter().map(|row| row.info.run.workflow.as_str());
        let is_unknown = *problem == WatchProblem::NotFound;
        let nearest = if is_unknown { nearest_ids(&opened.target.workflow, known()) } else { Vec::new() };
        Some(explain_problem(problem, Some(&opened.target), namespace, &nearest))
    }

    /// The same for its history, without which results and failures of ended activities are missing.
    #[must_use]
    pub fn explain_history(&self, namespace: &str) -> Option<String> {
        let opened = self.opened.as_ref()?;
        let problem = explain_problem(opened.history_problem.as_ref()?, Some(&opened.target), namespace, &[]);
        Some(format!("the history is not read: {problem}"))
    }

    /// What is watched.
    #[must_use]
    pub const fn options(&self) -> &WatchOptions {
        &self.options
    }

    /// The page to which Esc returns from the list; `None` if the session is for watching only.
    #[must_use]
    pub const fn above(&self) -> Option<Overlay> {
        self.above
    }

    /// Sets the page to which Esc returns from the list, unless the session is for watching only.
    pub const fn set_above(&mut self, above: Overlay) {
        if self.above.is_some() {
            self.above = Some(above);
        }
    }

    /// The list of executions.
    #[must_use]
    pub const fn list(&self) -> &ExecutionList {
        &self.list
    }

    /// The same, to change it.
    pub const fn list_mut(&mut self) -> &mut ExecutionList {
        &mut self.list
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

    /// Asks whether to operate on an execution.
    pub fn ask(&mut self, run: Run, operation: Operation) {
        self.asked = Some((run, operation));
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

    /// The lanes of the execution, and the position of the selected one. Before the first movement, that of the lane that needs
    /// attention most.
    #[must_use]
    pub fn lanes(&self) -> (Vec<Lane<'_>>, usize) {
        let Some(opened) = &self.opened else { return (Vec::new(), 0) };
        let lanes = opened.lanes();
        let chosen = self.lane.as_ref().and_then(|id| lanes.iter().position(|lane| lane.is(id)));
        let selected = chosen.unwrap_or_else(|| default_lane(opened, &lanes));
        (lanes, selected)
    }

    /// The selected lane.
    #[must_use]
    pub fn selected_lane(&self) -> Option<Lane<'_>> {
        let (lanes, selected) = self.lanes();
        lanes.get(selected).copied()
    }

    /// Moves the selection of lanes. `half`: lanes of half a page.
    pub fn go_lane(&mut self, step: Move, half: usize) {
        let (lanes, mut position) = self.lanes();
        scroll(&mut position, step, half, lanes.len().saturating_sub(1));
        self.lane = lanes.get(position).map(|lane| lane.id());
    }

    /// Selects the lane at a position.
    pub fn select_lane(&mut self, position: usize) {
        let id = self.opened.as_ref().and_then(|opened| opened.lanes().get(position).map(|lane| lane.id()));
        self.lane = id.or(self.lane.take());
    }
}
