//! The list of executions: what the server lists, and what their descriptions report about their attempts. It has the
//! rows near the selected one, so that a list of any length needs little memory.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap, HashSet},
    ops::Range,
};

use crate::{
    app::{intent::Move, update::scroll::scroll},
    domain::{ExecutionReport, Run, UnixMillis},
};

use super::{
    message::{ListPage, WatchProblem},
    row::{Delays, ExecutionRow, RowChange, Urgency},
};

/// Executions per page of a list.
pub const PAGE_ROWS: usize = 100;

/// Pages that are kept.
const MAX_KEPT_PAGES: usize = 10;

/// Retrying executions that are kept although their page is not.
const MAX_KEPT_RETRYING: usize = 100;

/// The next page is requested if at most this many rows are left to the end of those that are known.
const ROWS_AHEAD: usize = PAGE_ROWS / 2;

/// The order of the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sort {
    /// Failing workflow tasks, then executions with retrying activities, then the newest.
    #[default]
    RetryingFirst,
    /// The newest start first.
    Newest,
}

impl Sort {
    /// The other order.
    #[must_use]
    pub const fn next(self) -> Self {
        match self {
            Self::RetryingFirst => Self::Newest,
            Self::Newest => Self::RetryingFirst,
        }
    }

    fn key(self, row: &ExecutionRow) -> (Urgency, (usize, usize)) {
        let urgency = if self == Self::RetryingFirst { row.urgency() } else { Urgency::Normal };
        (urgency, row.place)
    }
}

/// A page that is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Page {
    /// The time of its answer.
    at: UnixMillis,
    /// There is a page after it.
    more: bool,
}

/// The list of executions.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ExecutionList {
    query: String,
    /// Sorted.
    rows: Vec<ExecutionRow>,
    /// Without a gap.
    pages: BTreeMap<usize, Page>,
    /// The position of the selected row.
    position: usize,
    /// The selected execution; `None` before the first movement: the first row.
    selected: Option<Run>,
    sort: Sort,
    total: Option<u64>,
    problem: Option<WatchProblem>,
    is_read: bool,
    /// The rows are those of an earlier query or position. The first page replaces them.
    is_stale: bool,
    /// Page after page is read up to the last, and the last known row is selected.
    reads_to_end: bool,
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

    /// Number of executions before those that are known.
    #[must_use]
    pub fn offset(&self) -> usize {
        self.pages.keys().next().map_or(0, |first| first.saturating_mul(PAGE_ROWS))
    }

    /// The selected row's position in [`Self::rows`].
    #[must_use]
    pub const fn selected(&self) -> usize {
        self.position
    }

    /// The selected row; `None` if there are no rows.
    #[must_use]
    pub fn selected_row(&self) -> Option<&ExecutionRow> {
        self.rows.get(self.position)
    }

    /// The positions of the rows to show if the screen has room for `height` of them. The selected row is in the middle,
    /// except near the ends.
    #[must_use]
    pub fn visible(&self, height: usize) -> Range<usize> {
        let last = self.rows.len().saturating_sub(height);
        let from = self.position.saturating_sub(height / 2).min(last);
        from..self.rows.len().min(from.saturating_add(height))
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

    /// Whether the server has answered about this query.
    #[must_use]
    pub const fn is_read(&self) -> bool {
        self.is_read && !self.is_stale
    }

    /// Whether page after page is read up to the last.
    #[must_use]
    pub const fn reads_to_end(&self) -> bool {
        self.reads_to_end
    }

    /// Stops reading up to the last page. The rows that are known stay.
    pub const fn stop_reading(&mut self) {
        self.reads_to_end = false;
    }

    /// Lists what another query finds. The rows stay until the server has answered.
    pub fn search(&mut self, query: String) {
        (self.query, self.total, self.problem) = (query, None, None);
        self.restart();
    }

    /// Reads the list from its first page again.
    fn restart(&mut self) {
        (self.is_stale, self.selected, self.reads_to_end) = (true, None, false);
    }

    /// Selects the next order.
    pub fn next_sort(&mut self) {
        self.sort = self.sort.next();
        self.arrange();
    }

    /// Moves the selection. `half`: rows of half a page. The last row may be on a page that is not read yet.
    pub fn go(&mut self, step: Move, half: usize) {
        scroll(&mut self.position, step, half, self.rows.len().saturating_sub(1));
        if step == Move::First {
            self.selected = None;
            if self.offset() > 0 {
                self.restart();
            }
        } else {
            self.select(self.position);
        }
        self.reads_to_end = step == Move::Last && self.has_more();
    }

    /// Whether the server has a page after those that are known.
    fn has_more(&self) -> bool {
        !self.is_stale && self.pages.last_key_value().is_some_and(|(_, page)| page.more)
    }

    /// Selects the row at a position.
    pub fn select(&mut self, position: usize) {
        if let Some(row) = self.rows.get(position) {
            (self.position, self.selected) = (position, Some(row.info.run.clone()));
        }
    }

    /// Applies a page of the list. Returns whether it changes anything.
    pub fn on_page(&mut self, number: usize, page: &ListPage) -> bool {
        let is_first_read = !self.is_read || self.is_stale;
        let adjoins =
            self.pages.is_empty() || (number.saturating_sub(1)..=number + 1).any(|near| self.pages.contains_key(&near));
        if is_first_read && number > 0 || !is_first_read && !adjoins {
            // The answer to a request from before a jump.
            return false;
        }
        if !is_first_read && self.problem.is_none() && self.is_as_listed(number, page) {
            self.pages.insert(number, Page { at: page.at, more: page.more });
            return false;
        }
        let mut known: HashMap<Run, ExecutionRow> = HashMap::new();
        if is_first_read {
            (self.is_read, self.is_stale) = (true, false);
            self.pages.clear();
            self.position = 0;
            known.extend(self.rows.drain(..).map(|row| (row.info.run.clone(), row)));
        }
        self.problem = None;
        self.replace(number, page, known);
        self.pages.insert(number, Page { at: page.at, more: page.more });
        self.forget_pages_after(number);
        self.drop_far_pages(number);
        self.arrange();
        if self.reads_to_end {
            self.select(self.rows.len().saturating_sub(1));
            self.reads_to_end = self.has_more();
        }
        true
    }

    /// Whether the rows of a page show what the server lists.
    fn is_as_listed(&self, number: usize, page: &ListPage) -> bool {
        if self.pages.get(&number).is_none_or(|known| known.more != page.more) {
            return false;
        }
        let mut rows: Vec<_> = self.rows.iter().filter(|row| row.place.0 == number).collect();
        rows.sort_by_key(|row| row.place);
        let listed = page.executions.iter().take(PAGE_ROWS);
        rows.len() == listed.len() && rows.iter().zip(listed).all(|(row, info)| row.shows(info))
    }

    /// Replaces the rows of a page. `known`: rows that are not in the list any more, for what was reported about them.
    fn replace(&mut self, number: usize, page: &ListPage, mut known: HashMap<Run, ExecutionRow>) {
        let listed: HashSet<&Run> = page.executions.iter().take(PAGE_ROWS).map(|info| &info.run).collect();
        let mut displaced = Vec::new();
        let mut kept = Vec::with_capacity(self.rows.len());
        let mut stayed = 0_usize;
        for row in self.rows.drain(..) {
            if listed.contains(&row.info.run) {
                stayed += usize::from(row.place.0 == number);
                known.insert(row.info.run.clone(), row);
            } else if row.place.0 == number {
                displaced.push(row);
            } else {
                kept.push(row);
            }
        }
        // Each new row has pushed one over the end of the page. Any other row that is missing has left the list.
        let pushed = if page.more { listed.len().saturating_sub(stayed) } else { 0 };
        if self.pages.contains_key(&number) && self.pages.contains_key(&(number + 1)) {
            displaced.sort_by_key(|row| Reverse(row.place));
            kept.extend(displaced.into_iter().take(pushed).map(|row| ExecutionRow { place: (number + 1, 0), ..row }));
        }
        for (index, info) in page.executions.iter().take(PAGE_ROWS).enumerate() {
            let place = (number, index);
            let row = match known.remove(&info.run) {
                // The list may be older than the description that reports the end.
                Some(row) if !row.info.status.is_open() => ExecutionRow { place, ..row },
                Some(row) => ExecutionRow { info: info.clone(), place, ..row },
                // The same execution may be listed twice.
                None if kept.iter().any(|row| row.place.0 == number && row.info.run == info.run) => continue,
                None => ExecutionRow::new(info.clone(), place),
            };
            kept.push(row);
        }
        self.rows = kept;
    }

    /// After the last page there is none.
    fn forget_pages_after(&mut self, number: usize) {
        if self.pages.get(&number).is_some_and(|page| !page.more) {
            self.pages.retain(|other, _| *other <= number);
            self.rows.retain(|row| row.place.0 <= number);
        }
    }

    /// Drops the pages that are the farthest from `number`. Retrying executions on them stay.
    fn drop_far_pages(&mut self, number: usize) {
        while self.pages.len() > MAX_KEPT_PAGES {
            let ends = [self.pages.keys().next(), self.pages.keys().next_back()];
            let Some(far) = ends.into_iter().flatten().copied().max_by_key(|page| page.abs_diff(number)) else {
                return;
            };
            self.pages.remove(&far);
        }
        let mut room = MAX_KEPT_RETRYING;
        self.rows.retain(|row| {
            let is_kept = self.pages.contains_key(&row.place.0);
            let is_retrying = !is_kept && row.urgency() != Urgency::Normal && room > 0;
            room -= usize::from(is_retrying);
            is_kept || is_retrying
        });
    }

    /// Sorts the rows. The selected execution stays selected; if it has left, the one that took its place is.
    fn arrange(&mut self) {
        let sort = self.sort;
        self.rows.sort_by_key(|row| sort.key(row));
        let found = self.selected.as_ref().and_then(|run| self.rows.iter().position(|row| row.info.run == *run));
        match (found, &self.selected) {
            (Some(position), _) => self.position = position,
            (None, Some(_)) => self.select(self.position.min(self.rows.len().saturating_sub(1))),
            (None, None) => self.position = 0,
        }
    }

    /// A request for the list has no answer. Returns whether this changes anything.
    pub fn on_problem(&mut self, problem: WatchProblem) -> bool {
        self.reads_to_end &= !problem.is_final();
        self.problem.replace(problem) != self.problem
    }

    /// Applies the number of executions. Returns whether it has changed.
    pub fn on_total(&mut self, total: u64) -> bool {
        self.total.replace(total) != Some(total)
    }

    /// Applies a description of an execution in the list. Returns whether it changes what is shown of the list on a screen with
    /// room for `height` rows.
    pub fn on_report(&mut self, report: &ExecutionReport, height: usize) -> bool {
        let Some(index) = self.rows.iter().position(|row| row.info.run == report.info.run) else { return false };
        match self.rows[index].on_report(report) {
            RowChange::Nothing => false,
            RowChange::Content => self.visible(height).contains(&index),
            RowChange::Urgency => {
                self.arrange();
                true
            }
        }
    }

    /// The executions to describe now, at most `most`, and notes that they are asked about: visible rows first, then those that
    /// are due for the longest time. Closed ones do not change any more.
    pub fn take_due(&mut self, now: UnixMillis, height: usize, most: usize, may: impl Fn(&Run) -> bool) -> Vec<Run> {
        let visible = self.visible(height);
        let delays = self.delays(height);
        let is_due = |index: usize, row: &ExecutionRow| {
            row.info.status.is_open() && row.due_early(delays(index)) <= now && may(&row.info.run)
        };
        let mut due: Vec<_> = (0..).zip(&self.rows).filter(|(index, row)| is_due(*index, row)).collect();
        due.sort_by_key(|(index, row)| (!visible.contains(index), row.due(delays(*index)), *index));
        // One of the others each time, so that the rest of the list is not forgotten.
        let others = due.iter().filter(|(index, _)| !visible.contains(index)).count().min(1);
        let shown = due.len().min(most.saturating_sub(others));
        let first_other = due.iter().position(|(index, _)| !visible.contains(index)).filter(|first| *first >= shown);
        let chosen = due.iter().take(shown).chain(first_other.and_then(|first| due.get(first)));
        let chosen: Vec<usize> = chosen.map(|(index, _)| *index).collect();
        let mut runs = Vec::with_capacity(chosen.len());
        for index in chosen {
            if let Some(row) = self.rows.get_mut(index) {
                row.on_request(now);
                runs.push(row.info.run.clone());
            }
        }
        runs
    }

    /// The delays between descriptions of the row at a position.
    fn delays(&self, height: usize) -> impl Fn(usize) -> Delays + use<> {
        let visible = self.visible(height);
        let on_screen = Delays::on_screen(visible.len());
        let elsewhere = Delays::elsewhere(self.rows.len().saturating_sub(visible.len()));
        move |index| if visible.contains(&index) { on_screen } else { elsewhere }
    }

    /// When the next execution is to be described; `None` if none is.
    #[must_use]
    pub fn next_due(&self, height: usize, may: impl Fn(&Run) -> bool) -> Option<UnixMillis> {
        let delays = self.delays(height);
        let open = (0..).zip(&self.rows).filter(|(_, row)| row.info.status.is_open());
        open.fold(None, |first, (index, row)| {
            let due = row.due(delays(index));
            // The second condition costs more.
            if first.is_none_or(|first| due < first) && may(&row.info.run) { Some(due) } else { first }
        })
    }

    /// Whether a row on the screen shows the time until its next attempt, or since its end.
    #[must_use]
    pub fn shows_time(&self, height: usize) -> bool {
        let visible = self.rows.get(self.visible(height)).unwrap_or_default();
        visible.iter().any(|row| row.info.closed.is_some() || row.next_attempt().is_some())
    }

    /// Whether a row on the screen counts down to an attempt within so many milliseconds.
    #[must_use]
    pub fn counts_down(&self, now: UnixMillis, millis: u64, height: usize) -> bool {
        let visible = self.rows.get(self.visible(height)).unwrap_or_default();
        let left = |row: &ExecutionRow| row.next_attempt().map_or(0, |due| due.0.saturating_sub(now.0));
        visible.iter().any(|row| (1..=millis).contains(&left(row)))
    }

    /// The page that is needed and not known; `None` if all are known that the screen and its surroundings need.
    #[must_use]
    pub fn missing_page(&self, height: usize) -> Option<usize> {
        let (Some((first, _)), Some((last, page))) = (self.pages.first_key_value(), self.pages.last_key_value()) else {
            return Some(0);
        };
        if self.is_stale {
            return Some(0);
        }
        let visible = self.visible(height);
        let pinned = self.rows.iter().take_while(|row| !self.is_in_place(row)).count();
        if page.more && visible.end.saturating_add(ROWS_AHEAD) >= self.rows.len() {
            return Some(last + 1);
        }
        if *first > 0 && visible.start < pinned.saturating_add(ROWS_AHEAD) {
            return Some(first - 1);
        }
        None
    }

    /// Whether the row is at its place in the list, and not above it because of its urgency.
    fn is_in_place(&self, row: &ExecutionRow) -> bool {
        self.sort.key(row).0 == Urgency::Normal
    }

    /// The page in the middle of the screen.
    #[must_use]
    pub fn visible_page(&self, height: usize) -> usize {
        let visible = self.visible(height);
        let first = self.pages.keys().next().copied().unwrap_or(0);
        let mut rows = self.rows.get(visible).unwrap_or_default().iter();
        rows.find(|row| self.is_in_place(row)).map_or(first, |row| row.place.0)
    }

    /// The page to read in the background: the next one if there is room for it, else the one that was not read for the
    /// longest time.
    #[must_use]
    pub fn oldest_page(&self, height: usize) -> usize {
        match self.pages.last_key_value() {
            Some((last, page)) if page.more && self.pages.len() < MAX_KEPT_PAGES => last + 1,
            _ => self
                .pages
                .iter()
                .min_by_key(|(_, page)| page.at)
                .map_or_else(|| self.visible_page(height), |(number, _)| *number),
        }
    }
}
