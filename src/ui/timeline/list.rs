//! Draws the list: a row for every attempt and every wait, the latest last.

use std::time::Duration;

use ratatui::{
    style::Style,
    text::{Line, Span},
};

use crate::{
    app::{
        ActivityAttempts, App, Appearance, AttemptFacts, AttemptId, AttemptState, AttemptView, Execution, Failure,
        Link, NextAttempt, Segment, SegmentKind, history,
    },
    domain::UnixMillis,
    faults::{Action, Point},
    store::CommitOutcome,
    text::{column, truncate},
};

use super::{
    super::{glyphs, theme, times, words},
    picture::NAME,
};

/// Minimum columns of a message.
const LEAST_MESSAGE: usize = 12;

/// Minimum columns of a list that shows the start and the worker of each attempt.
const WIDE: usize = 100;

/// Columns of a worker's identity.
const MAX_WORKER: usize = 24;

/// The name of the delay that a failure can request.
const NEXT_RETRY_DELAY: &str = "next_retry_delay";

/// Minimum duration that is shown for a running attempt.
const LEAST_RUNNING: Duration = Duration::from_millis(100);

/// Minimum time in the queue that is shown as a row.
const LEAST_QUEUE: Duration = Duration::from_secs(1);

/// Rows up to which a panel may omit the waits, which the picture shows too.
const SHORT_PANEL_ROWS: usize = 5;

/// The list of the attempts of some activities of a run.
#[derive(Debug, Clone, Copy)]
pub struct List<'a> {
    /// The application.
    pub app: &'a App,
    /// The run.
    pub execution: &'a Execution,
    /// Its activities that are listed.
    pub activities: &'a [&'a ActivityAttempts],
    /// Columns of the list.
    pub width: usize,
}

impl List<'_> {
    /// The rows that fit into `room`, moved back by `scroll` rows from the end.
    pub fn visible(&self, room: usize, scroll: usize) -> Vec<Line<'static>> {
        let all = self.rows(room);
        let above = all.len().saturating_sub(room).saturating_sub(scroll);
        let below = all.len().saturating_sub(above).saturating_sub(room);
        let mut shown: Vec<_> = all.into_iter().skip(above).take(room).collect();
        if let Some(first) = shown.first_mut().filter(|_| above > 0) {
            mark_end(first, self.width, &format!(" ↑ {above} more"));
        }
        if let Some(last) = shown.last_mut().filter(|_| below > 0) {
            mark_end(last, self.width, &format!(" ↓ {below} more"));
        }
        shown
    }

    /// Number of rows in `room` rows.
    pub fn total(&self, room: usize) -> usize {
        self.rows(room).len()
    }

    /// All rows. In a short panel, omits the rows of waits if the list then fits.
    fn rows(&self, room: usize) -> Vec<Line<'static>> {
        let all = self.lines(|_| true);
        if all.len() <= room || room > SHORT_PANEL_ROWS {
            return all;
        }
        let attempts = self.lines(|what| !matches!(what, SegmentKind::Wait { .. } | SegmentKind::Queue { .. }));
        if attempts.len() <= room { attempts } else { all }
    }

    fn lines(&self, wanted: impl Fn(&SegmentKind<'_>) -> bool) -> Vec<Line<'static>> {
        let Self { app, execution, width, .. } = *self;
        let histories = history(execution, self.activities.iter().copied(), &app.options().retry, app.shown_now());
        let mut lines = Vec::new();
        for (history, activity) in histories.iter().zip(self.activities.iter().copied()) {
            // The page of an execution lists one activity, and shows its name above.
            let label = if execution.watched { None } else { Some(activity.key().activity.label()) };
            if history.forgotten > 0 {
                let text = format!("… {} earlier attempts dropped", history.forgotten);
                lines.push(Row::new(label).say(&text, theme::FAINT).line);
            }
            let maximum = activity.maximum().filter(|_| !execution.watched);
            let segments = history.segments.as_slice();
            let names = names_width(maximum, segments);
            let rows = Rows { app, execution, activity, label, maximum, segments, width, names };
            let mut before = None;
            let mut rest = history.segments.as_slice();
            while let Some((segment, after)) = rest.split_first() {
                let unseen = if execution.watched { unseen_together(rest) } else { 0 };
                lines.extend(match rest.get(unseen.saturating_sub(1)) {
                    Some(last) if unseen > 1 => rows.unseen(segment, last),
                    _ => rows.row(segment, before).filter(|_| wanted(&segment.kind)),
                });
                before = Some(segment);
                rest = rest.get(unseen.max(1)..).unwrap_or(after);
            }
        }
        lines
    }
}

/// Puts a text at the right edge of a line, over its content.
fn mark_end(line: &mut Line<'static>, width: usize, words: &str) {
    let room = width.saturating_sub(words.chars().count());
    let mut used = 0;
    let mut spans = Vec::with_capacity(line.spans.len() + 2);
    for span in std::mem::take(&mut line.spans) {
        let text = truncate(&span.content, room - used);
        used += Span::raw(text.as_str()).width();
        spans.push(Span::styled(text, span.style));
    }
    spans.push(Span::raw(" ".repeat(room.saturating_sub(used))));
    spans.push(Span::styled(words.to_owned(), theme::BOLD));
    *line = Line::from(spans);
}

/// The attempt's name and the maximum number of attempts.
fn name(number: u32, round: u32, maximum: Option<u32>) -> String {
    let limit = maximum.map_or_else(String::new, |maximum| format!(" of {maximum}"));
    format!("{}{limit}", AttemptId::new(round, number))
}

/// Columns of the longest name.
fn names_width(maximum: Option<u32>, segments: &[Segment<'_>]) -> usize {
    let names = segments.iter().filter_map(|segment| match segment.kind {
        SegmentKind::Attempt { seen, .. } => Some(name(seen.number, seen.round, maximum)),
        SegmentKind::Next(next) => Some(name(next.number, round_of_next(segments, &next), maximum)),
        _ => None,
    });
    names.map(|name| name.chars().count()).max().unwrap_or(0).max("#1".len())
}

/// A number that is not higher than the previous one starts a round.
fn round_of_next(segments: &[Segment<'_>], next: &NextAttempt) -> u32 {
    let latest = segments.iter().rev().find_map(|segment| match segment.kind {
        SegmentKind::Attempt { seen, .. } => Some(seen),
        _ => None,
    });
    latest.map_or(1, |latest| latest.round + u32::from(latest.number >= next.number))
}

/// Number of segments from the first that are attempts of one round that were not observed, and the waits between them.
fn unseen_together(segments: &[Segment<'_>]) -> usize {
    let unseen = |segment: &Segment<'_>| match segment.kind {
        SegmentKind::Attempt { seen, .. } if seen.state == AttemptState::NotObserved => Some(seen.round),
        _ => None,
    };
    let Some(round) = segments.first().and_then(unseen) else { return 0 };
    let belongs = |segment: &&Segment<'_>| {
        unseen(segment) == Some(round) || matches!(segment.kind, SegmentKind::Wait { real: None, due: None, .. })
    };
    let together = segments.iter().take_while(belongs).collect::<Vec<_>>();
    // The wait after the last one belongs to the next attempt.
    together.iter().rposition(|segment| unseen(segment).is_some()).map_or(0, |last| last + 1)
}

/// A line that grows by whole words, because a truncated number would be wrong.
struct Row {
    line: Line<'static>,
    used: usize,
}

impl Row {
    /// `None` for a margin of one column instead of a name.
    fn new(activity: Option<&str>) -> Self {
        let used = if activity.is_some() { usize::from(NAME) } else { 1 };
        let name = Span::styled(column(activity.unwrap_or_default(), used), theme::FAINT);
        Self { line: Line::from(name), used }
    }

    fn say(mut self, text: &str, style: Style) -> Self {
        self.used += text.chars().count();
        self.line.push_span(Span::styled(text.to_owned(), style));
        self
    }

    /// Adds a text after two columns, if it fits in `width`.
    fn add(self, text: Option<String>, style: Style, width: usize) -> Self {
        match text {
            Some(text) if self.used + 2 + text.chars().count() <= width => self.say(&format!("  {text}"), style),
            _ => self,
        }
    }
}

/// The rows of one activity.
struct Rows<'a> {
    app: &'a App,
    execution: &'a Execution,
    activity: &'a ActivityAttempts,
    label: Option<&'a str>,
    /// Maximum number of attempts, if it is shown.
    maximum: Option<u32>,
    segments: &'a [Segment<'a>],
    width: usize,
    names: usize,
}

impl Rows<'_> {
    fn row(&self, segment: &Segment<'_>, before: Option<&Segment<'_>>) -> Option<Line<'static>> {
        match segment.kind {
            SegmentKind::Attempt { seen, timeout, late, exact, .. } => {
                let time = self.time(segment, &seen, timeout, late, exact);
                Some(self.attempt(&seen, time))
            }
            SegmentKind::Wait { real: Some(real), policy, requested, .. } => {
                let by = if requested { NEXT_RETRY_DELAY } else { "policy" };
                let policy = policy
                    .map_or_else(|| ", then reset".to_owned(), |policy| format!(" ({by}: {})", times::round(policy)));
                Some(self.between(&format!("backoff {}{policy}", times::observed(real))))
            }
            SegmentKind::Queue { open } if segment.duration() >= LEAST_QUEUE => {
                let took = times::exact(segment.duration());
                Some(self.between(&if open {
                    format!("waiting for a worker for {took}")
                } else {
                    format!("waited {took} for a worker")
                }))
            }
            SegmentKind::Next(next) => Some(self.next(&next, before)),
            SegmentKind::Wait { .. } | SegmentKind::Queue { .. } | SegmentKind::Item { .. } => None,
        }
    }

    /// One row for several attempts, from the first segment to the last.
    fn unseen(&self, first: &Segment<'_>, last: &Segment<'_>) -> Option<Line<'static>> {
        let [first, last] = [first, last].map(|segment| match segment.kind {
            SegmentKind::Attempt { seen, .. } => Some(self.name(seen.number, seen.round)),
            _ => None,
        });
        let mark = glyphs::NOT_OBSERVED;
        let row = Row::new(self.label).say(&format!("{} to {}", first?, last?), theme::PLAIN);
        Some(row.say(&format!(" {} {}", mark.glyph, mark.word), mark.style).line)
    }

    fn name(&self, number: u32, round: u32) -> String {
        name(number, round, self.maximum)
    }

    fn between(&self, text: &str) -> Line<'static> {
        let blank = self.label.map(|_| "");
        Row::new(blank).say(&" ".repeat(self.names + 1), theme::PLAIN).say(text, theme::FAINT).line
    }

    fn attempt(&self, seen: &AttemptView<'_>, time: Option<(String, Style)>) -> Line<'static> {
        let mark = glyphs::of_attempt(seen);
        let repeats = seen.facts.and_then(AttemptFacts::repeated).is_some();
        let effect_style = if repeats { theme::BAD.patch(theme::BOLD) } else { theme::BOLD };
        let (time, time_style) = time.map_or((None, theme::FAINT), |(time, style)| (Some(time), style));
        let server = !self.execution.watched && seen.facts.is_some_and(|facts| !facts.is_journaled());
        let width = self.width;
        let row = Row::new(self.label)
            .say(&column(&self.name(seen.number, seen.round), self.names), theme::PLAIN)
            .say(&format!(" {} {}", mark.glyph, self.words(seen, mark.word)), mark.style)
            .add(effect(seen, self.app.appearance()), effect_style, width)
            .add(server.then(|| "(server)".to_owned()), theme::FAINT, width)
            .add(time, time_style, width)
            .add(planned(seen), theme::FAINT, width)
            .add(self.since_start(seen), theme::FAINT, width)
            .add(self.worker(seen), theme::FAINT, width);
        let room = width.saturating_sub(row.used + 2);
        let message =
            message(self.execution, seen).filter(|message| room >= LEAST_MESSAGE.min(message.chars().count()));
        row.add(message.map(|message| truncate(&message, room)), theme::FAINT, width).line
    }

    /// When an attempt of a watched execution began, if there is room for it.
    fn since_start(&self, seen: &AttemptView<'_>) -> Option<String> {
        let begun = seen.facts?.begun().filter(|_| self.execution.watched && self.width >= WIDE)?;
        Some(format!("at {}", times::short(begun.since(self.execution.begun()))))
    }

    /// Its worker, as the server reports it.
    fn worker(&self, seen: &AttemptView<'_>) -> Option<String> {
        let worker = seen.facts?.reported.as_ref()?.worker.as_deref()?;
        (self.execution.watched && self.width >= WIDE).then(|| truncate(worker, MAX_WORKER))
    }

    /// The result of an attempt. A replayed one names the attempt that it repeats.
    fn words(&self, seen: &AttemptView<'_>, word: &str) -> String {
        if self.execution.watched {
            return glyphs::plain_word(seen).to_owned();
        }
        if let Some(times) = seen.facts.and_then(AttemptFacts::repeated) {
            return format!("applied AGAIN, after {}", self.which_applied(times.saturating_sub(1)));
        }
        match seen.state {
            AttemptState::Succeeded(CommitOutcome::Replayed) => {
                format!("replayed the result of {}", self.which_applied(1))
            }
            _ => word.to_owned(),
        }
    }

    /// The attempt that applied the effect for the first, second, .. time.
    fn which_applied(&self, times: u32) -> String {
        let mut attempts = self.execution.attempts_of(self.activity);
        let is_it = |seen: &AttemptView<'_>| {
            seen.facts.and_then(|facts| facts.committed).is_some_and(|by| by.times.max(1) == times)
        };
        let is_complete = attempts.next().is_some_and(|first| (first.number, first.round) == (1, 1));
        match self.execution.attempts_of(self.activity).find(is_it) {
            Some(seen) => name(seen.number, seen.round, None),
            None if is_complete => "another run".to_owned(),
            None => "an earlier attempt".to_owned(),
        }
    }

    /// Its duration, or the remaining time until Temporal's timeout.
    fn time(
        &self,
        segment: &Segment<'_>,
        seen: &AttemptView<'_>,
        timeout: Option<UnixMillis>,
        late: Option<Duration>,
        exact: bool,
    ) -> Option<(String, Style)> {
        if let Some(due) = timeout {
            return Some((format!("timeout {}", self.countdown(due)), theme::WARN));
        }
        if let Some(late) = late {
            return Some((format!("ended after {}, too late for Temporal", times::exact(late)), theme::WARN));
        }
        if let Some((died, begun)) = seen.facts.and_then(|facts| facts.orphaned.zip(facts.begun())) {
            let died = died.since(begun);
            let timeout = self.timeout(segment).filter(|_| segment.duration() > died);
            let timeout = timeout.map_or_else(String::new, |timeout| format!(", {timeout}"));
            return Some((format!("after {}{timeout}", times::exact(died)), theme::FAINT));
        }
        let lost = matches!(seen.state, AttemptState::TimedOut | AttemptState::Crashed(_) | AttemptState::NoAnswer);
        if lost && self.execution.watched {
            let kind = seen.facts.and_then(AttemptFacts::reported_failure).and_then(Failure::timeout);
            let after = exact.then(|| format!("after {}", times::exact(segment.duration())));
            let words: Vec<_> = kind.map(|kind| kind.to_string()).into_iter().chain(after).collect();
            return (!words.is_empty()).then(|| (words.join(" "), theme::FAINT));
        }
        if lost {
            let silent = || format!("no answer in {}", times::exact(segment.duration()));
            return exact.then(|| (self.timeout(segment).unwrap_or_else(silent), theme::FAINT));
        }
        if seen.state == AttemptState::Running && exact {
            let so_far = self.app.shown_now().since(segment.from);
            return (so_far >= LEAST_RUNNING).then(|| (format!("for {}", times::short(so_far)), theme::PLAIN));
        }
        seen.facts.and_then(AttemptFacts::duration).map(|took| (times::exact(took), theme::FAINT))
    }

    /// Shows that Temporal timed the attempt out, which explains the wait for the next one.
    fn timeout(&self, segment: &Segment<'_>) -> Option<String> {
        let limit = self.app.options().retry.start_to_close;
        (segment.duration() >= limit).then(|| format!("timeout after {}", times::exact(segment.duration())))
    }

    fn countdown(&self, due: UnixMillis) -> String {
        times::countdown(due, self.app.shown_now(), self.app.appearance().still)
    }

    fn next(&self, next: &NextAttempt, before: Option<&Segment<'_>>) -> Line<'static> {
        let (policy, requested) = before.map_or((None, false), |before| match before.kind {
            SegmentKind::Wait { policy, requested, .. } => (policy, requested),
            _ => (None, false),
        });
        let has_policy = self.activity.activity_record().is_some_and(|record| record.options.is_some());
        let from = match (requested, has_policy || !next.known) {
            (true, _) => NEXT_RETRY_DELAY,
            (false, true) => "policy",
            (false, false) => "server",
        };
        let is_later = before.is_some_and(|before| before.from > self.app.shown_now());
        let after = if is_later { " after the timeout" } else { "" };
        let words = |after: &str| policy.map(|policy| format!(" ({from}: {}{after})", times::round(policy)));
        let overdue = next.due <= self.app.shown_now();
        // Only the workers of this program's own task queue are known.
        let is_served = self.app.connections().is_served() && !self.execution.watched;
        let text = match (overdue, *self.app.link() == Link::Up, is_served) {
            (true, false, _) => "waiting for the server".to_owned(),
            (true, true, false) => "waiting for a worker".to_owned(),
            _ => self.countdown(next.due),
        };
        let name = self.name(next.number, round_of_next(self.segments, next));
        let row = Row::new(self.label)
            .say(&column(&name, self.names), theme::PLAIN)
            .say(&format!(" {} {text}", glyphs::WAITING.glyph), theme::BOLD);
        let room = self.width.saturating_sub(row.used);
        let words = [words(after), words("")].into_iter().flatten().find(|words| words.chars().count() <= room);
        row.say(&words.unwrap_or_default(), theme::FAINT).line
    }
}

/// The message of a failure that was not planned, after its type if it was not an order's.
fn message(execution: &Execution, seen: &AttemptView<'_>) -> Option<String> {
    let AttemptState::Failed(failure) = seen.state else { return None };
    let code = if execution.watched { failure.code.as_str() } else { "" };
    failure.point.is_none().then(|| glyphs::coded(code, &failure.message))
}

fn effect(seen: &AttemptView<'_>, look: Appearance) -> Option<String> {
    let facts = seen.facts?;
    let shipped = facts.shipped.as_ref().map(|shipped| {
        let verb = if shipped.replayed { "had shipped" } else { "shipped" };
        format!("supplier {verb} {}", shipped.shipment)
    });
    let changed = facts.committed.map(|committed| match (committed.delta, committed.on_order) {
        (0, Some(units)) => format!("{units} on order"),
        (0, None) => "not needed".to_owned(),
        (delta, _) => words::change(look, delta, committed.stock),
    });
    let both: Vec<_> = changed.into_iter().chain(shipped).collect();
    (!both.is_empty()).then(|| both.join(", "))
}

/// The injected fault, if its point is not shown already.
fn planned(seen: &AttemptView<'_>) -> Option<String> {
    let facts = seen.facts?;
    let point = |point: Point| match point {
        Point::BeforeSend => "before send",
        Point::AfterSend => "after send",
        Point::BeforeCommit => "before commit",
        Point::AfterCommit => "after commit",
    };
    let mut words: Vec<_> = facts
        .strikes
        .iter()
        .map(|strike| match strike.action {
            Action::Error => "injected error".to_owned(),
            Action::Crash => "injected crash".to_owned(),
            Action::Hang => format!("injected hang {}", point(strike.point)),
            Action::Delay { duration } => {
                format!("injected delay {} {}", times::round(duration), point(strike.point))
            }
        })
        .collect();
    let is_told = facts.strikes.iter().any(|strike| strike.action == Action::Error);
    if matches!(seen.state, AttemptState::Failed(failure) if failure.point.is_some()) && !is_told {
        words.push("injected error".to_owned());
    }
    (!words.is_empty()).then(|| words.join(", "))
}
