//! When the server is asked about which executions: often enough for a live screen, and within limits that a server with
//! many users can afford.
//!
//! | on the screen | requests |
//! | --- | --- |
//! | an execution | at most 4 in any second: a description every 250 ms, its history at most every 1.5 s |
//! | an execution that waits for an event | a description every 2 s, and its history, whose answer waits for the event |
//! | the list | at most 16 in any second: a page every 2 to 5 s, descriptions of the rows in turn |
//!
//! A row of the list is described less often while its descriptions report no change; see the module `row`.
//!
//! A request that fails is repeated after 1 s, then after 2 s, and so on up to 30 s. If the server is busy, no other request
//! is sent meanwhile.

use std::collections::{HashMap, VecDeque};

use crate::{
    app::sanitized,
    domain::{Run, UnixMillis},
};

use super::{
    list::ExecutionList,
    message::{WatchNews, WatchProblem, WatchRequest},
    watched::Watched,
};

/// At most this many requests in any period of this many milliseconds, while an execution is on the screen.
const EXECUTION_LIMIT: (usize, u64) = (4, 1_000);

/// The same while the list is on the screen.
const LIST_LIMIT: (usize, u64) = (4, 250);

/// Milliseconds between two descriptions of the execution on the screen.
const DESCRIBE_MILLIS: u64 = 250;

/// How much longer this is while nothing is pending and the unanswered request for the history waits for an event.
const QUIET_DELAY_MILLIS: u64 = 1_750;

/// Milliseconds between two requests for its history, unless further events can be read at once.
const HISTORY_MILLIS: u64 = 1_500;

/// Milliseconds between two requests for the list. After each page that is as it was, they become more, up to a maximum.
const LIST_MILLIS: u64 = 2_000;
const MORE_LIST_MILLIS: u64 = 500;
const MAX_LIST_MILLIS: u64 = 5_000;

/// Of this many requests for the list, one counts the executions instead.
const COUNT_TURNS: usize = 5;

/// Milliseconds after which an unanswered request is repeated: a description, a page of the list, and a history, whose
/// answer may wait for an event.
const DESCRIBE_TIMEOUT_MILLIS: u64 = 3_000;
const LIST_TIMEOUT_MILLIS: u64 = 10_000;
const HISTORY_TIMEOUT_MILLIS: u64 = 30_000;

/// Milliseconds without a request after an error, doubled after each further one, and their maximum.
const MIN_BACKOFF_MILLIS: u64 = 1_000;
const MAX_BACKOFF_MILLIS: u64 = 30_000;

/// Milliseconds for which a request is counted in the rate.
const RATE_MILLIS: u64 = 5_000;

/// How often the server is asked now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestRate {
    /// Requests per second in the last seconds, rounded up.
    pub per_second: usize,
    /// After errors, the time of the next request; `None` if requests are sent as usual.
    pub waits_until: Option<UnixMillis>,
}

/// The unanswered requests, and the times of the next ones.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Schedule {
    /// Unanswered descriptions, with the times of the requests.
    describes: HashMap<Run, UnixMillis>,
    /// The same for the history.
    history: Option<(Run, UnixMillis)>,
    /// The same for the list or its count.
    list: Option<UnixMillis>,
    next_describe: UnixMillis,
    next_history: UnixMillis,
    next_list: UnixMillis,
    /// No event came while the latest request for the history waited.
    history_was_empty: bool,
    /// The latest request about the execution on the screen was for its history.
    history_was_last: bool,
    /// Number of requests for the list.
    list_turns: usize,
    /// Number of pages since the last one that was not as before.
    unchanged_pages: u64,
    /// Times of the latest requests.
    sent: VecDeque<UnixMillis>,
    after_describe: Backoff,
    after_history: Backoff,
    after_list: Backoff,
}

/// The wait after errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Backoff {
    millis: u64,
    until: UnixMillis,
}

impl Backoff {
    /// An error. Those of requests that were sent before the wait began do not prolong it.
    fn on_error(&mut self, now: UnixMillis) {
        if now >= self.until {
            self.millis = self.millis.saturating_mul(2).clamp(MIN_BACKOFF_MILLIS, MAX_BACKOFF_MILLIS);
            self.until = after(now, self.millis);
        }
    }

    fn on_answer(&mut self, now: UnixMillis) {
        if now >= self.until {
            *self = Self::default();
        }
    }
}

const fn after(at: UnixMillis, millis: u64) -> UnixMillis {
    UnixMillis(at.0.saturating_add(millis))
}

/// The next time of something periodic. Times that were missed are not made up for.
fn next(due: UnixMillis, now: UnixMillis, millis: u64) -> UnixMillis {
    let next = after(due, millis);
    if next > now { next } else { after(now, millis) }
}

impl Schedule {
    /// The next request while an execution is on the screen, if one is due.
    pub fn of_execution(&mut self, now: UnixMillis, opened: &Watched) -> Option<WatchRequest> {
        self.expire(now);
        if now < self.free_at(EXECUTION_LIMIT) {
            return None;
        }
        let is_due = |due: Option<UnixMillis>| due.is_some_and(|due| due <= now);
        let (describe, history) = (is_due(self.describe_due(opened)), is_due(self.history_due(opened)));
        let run = opened.run().clone();
        if history && !(describe && self.history_was_last) {
            self.next_history = after(now, HISTORY_MILLIS);
            self.history_was_last = true;
            self.history = Some((run.clone(), now));
            self.sent.push_back(now);
            Some(WatchRequest::History { run, after: opened.read })
        } else if describe {
            self.next_describe = next(self.next_describe, now, DESCRIBE_MILLIS);
            self.history_was_last = false;
            self.describes.insert(run.clone(), now);
            self.sent.push_back(now);
            Some(WatchRequest::Describe(run))
        } else {
            None
        }
    }

    /// When [`Self::of_execution`] has the next request; `None` if only an answer can cause one.
    pub fn next_of_execution(&self, opened: &Watched) -> Option<UnixMillis> {
        let first = [self.describe_due(opened), self.history_due(opened)].into_iter().flatten().min();
        let first = first.map(|due| due.max(self.free_at(EXECUTION_LIMIT)));
        [first, self.next_expiry()].into_iter().flatten().min()
    }

    /// When the execution is to be described; `None` while an answer is awaited, or if nothing can have changed.
    fn describe_due(&self, opened: &Watched) -> Option<UnixMillis> {
        let delay = if self.rests(opened) { QUIET_DELAY_MILLIS } else { 0 };
        let is_wanted = opened.wants_report() && !self.describes.contains_key(opened.run()) && is_whole(opened.run());
        is_wanted.then(|| after(self.next_describe, delay).max(self.after_describe.until))
    }

    /// The same for its history.
    fn history_due(&self, opened: &Watched) -> Option<UnixMillis> {
        let due = if opened.more { UnixMillis(0) } else { self.next_history };
        // While something is pending, descriptions report the length of the history. A request that waits once more without
        // an event would only take the place of a description.
        let is_described = opened.info.is_some() && opened.problem.is_none();
        let waits_in_vain = self.history_was_empty && is_described && !opened.is_quiet() && !opened.more;
        let is_wanted = opened.wants_history()
            && !waits_in_vain
            && self.history.as_ref().is_none_or(|(run, _)| run != opened.run())
            && is_whole(opened.run());
        is_wanted.then(|| due.max(self.after_history.until))
    }

    /// Whether the unanswered request for the history of a quiet execution waits for an event.
    pub fn rests(&self, opened: &Watched) -> bool {
        opened.is_quiet() && self.history.as_ref().is_some_and(|(run, _)| run == opened.run())
    }

    /// The next requests while the list is on the screen. `height`: rows that the screen shows.
    pub fn of_list(&mut self, now: UnixMillis, list: &mut ExecutionList, height: usize) -> Vec<WatchRequest> {
        self.expire(now);
        let mut requests: Vec<_> = self.list_request(now, list, height).into_iter().collect();
        let (most, millis) = LIST_LIMIT;
        let free = most.saturating_sub(self.sent_since(now, millis));
        if now >= self.after_describe.until && free > 0 {
            for run in list.take_due(now, height, free, |run| self.may_describe(run)) {
                self.describes.insert(run.clone(), now);
                self.sent.push_back(now);
                requests.push(WatchRequest::Describe(run));
            }
        }
        requests
    }

    /// When [`Self::of_list`] has the next requests; `None` if only an answer can cause one.
    pub fn next_of_list(&self, list: &ExecutionList, height: usize) -> Option<UnixMillis> {
        let described = list.next_due(height, |run| self.may_describe(run));
        let described = described.map(|due| due.max(self.after_describe.until).max(self.free_at(LIST_LIMIT)));
        [described, self.next_of_pages()].into_iter().flatten().min()
    }

    /// When [`Self::list_request`] has the next request.
    pub fn next_of_pages(&self) -> Option<UnixMillis> {
        [self.pages_due(), self.next_expiry()].into_iter().flatten().min()
    }

    fn pages_due(&self) -> Option<UnixMillis> {
        let due = self.next_list.max(self.after_list.until).max(self.free_at(LIST_LIMIT));
        self.list.is_none().then_some(due)
    }

    fn may_describe(&self, run: &Run) -> bool {
        !self.describes.contains_key(run) && is_whole(run)
    }

    /// The next request for the list: its first page, a page near the selected row, a count, the visible page again, or another one.
    pub fn list_request(&mut self, now: UnixMillis, list: &ExecutionList, height: usize) -> Option<WatchRequest> {
        if self.pages_due().is_none_or(|due| now < due) {
            return None;
        }
        self.list = Some(now);
        self.sent.push_back(now);
        self.next_list = after(now, LIST_MILLIS);
        let query = list.query().to_owned();
        let Some(page) = list.missing_page(height) else {
            let more = self.unchanged_pages.saturating_mul(MORE_LIST_MILLIS);
            self.next_list = after(now, LIST_MILLIS.saturating_add(more).min(MAX_LIST_MILLIS));
            self.list_turns = self.list_turns.wrapping_add(1);
            if self.list_turns % COUNT_TURNS == 1 {
                return Some(WatchRequest::Count { query });
            }
            let page =
                if self.list_turns.is_multiple_of(2) { list.visible_page(height) } else { list.oldest_page(height) };
            return Some(WatchRequest::List { query, page });
        };
        Some(WatchRequest::List { query, page })
    }

    /// A page of the list was applied. `changes`: it is not as it was.
    pub const fn on_listed(&mut self, changes: bool) {
        self.unchanged_pages = if changes { 0 } else { self.unchanged_pages.saturating_add(1) };
    }

    /// An answer has come. `of_row`: it is about a row of the list, and not about the execution on the screen.
    pub fn on_answer(&mut self, news: &WatchNews, of_row: bool, now: UnixMillis) {
        let problem = match news {
            WatchNews::Listed { answer, .. } => {
                self.list = None;
                note(&mut self.after_list, answer.as_ref().err(), now)
            }
            WatchNews::Counted { answer, .. } => {
                self.list = None;
                answer.as_ref().err()
            }
            WatchNews::Described { run, answer } => {
                self.describes.remove(run);
                let problem = answer.as_ref().err();
                // A single row that cannot be described does not delay the others.
                let is_of_row =
                    of_row && matches!(problem, Some(WatchProblem::NotFound | WatchProblem::Invalid { .. }));
                note(&mut self.after_describe, problem.filter(|_| !is_of_row), now)
            }
            WatchNews::History { run, answer } => {
                self.history.take_if(|(asked, _)| asked == run);
                self.history_was_empty = answer.as_ref().is_ok_and(|page| page.events.is_empty());
                note(&mut self.after_history, answer.as_ref().err(), now)
            }
        };
        if matches!(problem, Some(WatchProblem::Busy { .. })) {
            for backoff in [&mut self.after_describe, &mut self.after_history, &mut self.after_list] {
                backoff.on_error(now);
            }
        }
    }

    /// Another execution, or another query: what was asked before does not delay its first requests.
    pub fn restart(&mut self) {
        let sent = std::mem::take(&mut self.sent);
        *self = Self { sent, ..Self::default() };
    }

    /// After errors, the time of the next request.
    pub fn waits_until(&self, now: UnixMillis) -> Option<UnixMillis> {
        let until = [self.after_describe, self.after_history, self.after_list].map(|backoff| backoff.until);
        until.into_iter().max().filter(|until| *until > now)
    }

    /// Requests per second in the last seconds, rounded up.
    pub fn per_second(&self, now: UnixMillis) -> usize {
        let seconds = usize::try_from(RATE_MILLIS / 1_000).unwrap_or(1);
        self.sent_since(now, RATE_MILLIS).div_ceil(seconds)
    }

    /// Gives up requests whose answer does not come.
    fn expire(&mut self, now: UnixMillis) {
        let has_expired = |at: UnixMillis, millis| after(at, millis) <= now;
        let before = self.describes.len();
        self.describes.retain(|_, at| !has_expired(*at, DESCRIBE_TIMEOUT_MILLIS));
        if self.describes.len() < before {
            self.after_describe.on_error(now);
        }
        if self.history.take_if(|(_, at)| has_expired(*at, HISTORY_TIMEOUT_MILLIS)).is_some() {
            self.after_history.on_error(now);
        }
        if self.list.take_if(|at| has_expired(*at, LIST_TIMEOUT_MILLIS)).is_some() {
            self.after_list.on_error(now);
        }
        while self.sent.front().is_some_and(|at| has_expired(*at, RATE_MILLIS)) {
            self.sent.pop_front();
        }
    }

    fn sent_since(&self, now: UnixMillis, millis: u64) -> usize {
        self.sent.iter().filter(|at| after(**at, millis) > now).count()
    }

    /// When a further request keeps the limit.
    fn free_at(&self, (most, millis): (usize, u64)) -> UnixMillis {
        let oldest = most.checked_sub(1).and_then(|back| self.sent.iter().rev().nth(back));
        oldest.map_or(UnixMillis(0), |at| after(*at, millis))
    }

    /// When an unanswered request is given up.
    fn next_expiry(&self) -> Option<UnixMillis> {
        let describe = self.describes.values().min().map(|at| after(*at, DESCRIBE_TIMEOUT_MILLIS));
        let history = self.history.as_ref().map(|(_, at)| after(*at, HISTORY_TIMEOUT_MILLIS));
        let list = self.list.map(|at| after(at, LIST_TIMEOUT_MILLIS));
        [describe, history, list].into_iter().flatten().min()
    }
}

/// Applies the result of a request to its wait, and returns the error.
fn note<'a>(backoff: &mut Backoff, problem: Option<&'a WatchProblem>, now: UnixMillis) -> Option<&'a WatchProblem> {
    match problem {
        Some(_) => backoff.on_error(now),
        None => backoff.on_answer(now),
    }
    problem
}

/// Whether the server knows these ids as they are here.
pub fn is_whole(run: &Run) -> bool {
    sanitized::is_whole(&run.workflow) && sanitized::is_whole(&run.run)
}
