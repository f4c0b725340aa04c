//! Draws the list of executions. Reads only the rows on screen.

use ratatui::{
    buffer::Buffer,
    layout::{Position, Rect},
    style::Style,
    text::{Line, Span},
};

use crate::{
    app::{
        App, ExecutionList, ExecutionRow, Link, RowAttempts, Sort, Urgency, Watch, doubt_of_empty_list, explain_problem,
    },
    domain::{ExecutionStatus, PendingActivity, PendingState},
    text::{column, first_fitting, truncate, wrap},
};

use super::super::{glyphs, pane, theme, times};

/// Attempts that are drawn as glyphs; of more, the latest.
const MAX_GLYPHS: u32 = 4;

/// The columns of the table, without the gaps.
struct Widths {
    workflow: usize,
    kind: usize,
    status: usize,
    attempts: usize,
    next: usize,
    failure: usize,
}

/// Columns of the pointer.
const POINTER: usize = 2;

impl Widths {
    fn of(width: u16) -> Self {
        let [workflow, kind, status, attempts, next] = match width {
            0..76 => [15, 0, 9, 9, 8],
            76..110 => [18, 12, 10, 10, 8],
            110..160 => [28, 20, 14, 16, 10],
            _ => [40, 28, 14, 16, 10],
        };
        let shown = [workflow, kind, status, attempts, next].into_iter().filter(|width| *width > 0);
        let used = POINTER + shown.map(|width| width + 1).sum::<usize>();
        Self { workflow, kind, status, attempts, next, failure: usize::from(width).saturating_sub(used) }
    }
}

/// The areas of the list below the query: the loud line, the heading and the rows.
struct Areas {
    loud: Rect,
    heading: Rect,
    rows: Rect,
}

impl Areas {
    fn of(area: Rect, list: &ExecutionList) -> Self {
        let loud = u16::from(failing(list).next().is_some());
        let row = |y: u16, height: u16| Rect { y: area.y.saturating_add(y), height, ..area }.intersection(area);
        Self {
            loud: row(1, loud),
            heading: row(1 + loud, 1),
            rows: row(2 + loud, area.height.saturating_sub(2 + loud)),
        }
    }
}

/// Draws the query, the executions whose workflow task fails, and the rows.
pub fn draw(buffer: &mut Buffer, area: Rect, app: &App, watch: &Watch) {
    let list = watch.list();
    let areas = Areas::of(area, list);
    pane::lines(buffer, Rect { height: area.height.min(1), ..area }, [query(list, usize::from(area.width))]);
    pane::lines(buffer, areas.loud, [loud(list, usize::from(area.width))]);
    if list.rows().is_empty() {
        let width = usize::from(area.width).saturating_sub(4);
        let texts = empty(app, list).into_iter().flat_map(|(text, style)| {
            wrap(&text, width, 0, 4).into_iter().map(move |text| Line::styled(format!("  {text}"), style))
        });
        return pane::lines(buffer, areas.rows, texts);
    }
    let widths = Widths::of(area.width);
    pane::lines(buffer, areas.heading, [heading(&widths)]);
    let shown = list.visible(usize::from(areas.rows.height));
    let rows = list.rows().iter().enumerate().skip(shown.start).take(shown.len());
    pane::lines(buffer, areas.rows, rows.map(|(index, shown)| row(app, shown, &widths, index == list.selected())));
}

/// The position of the row that is drawn at `place` if the list is at `area`.
pub fn row_at(area: Rect, watch: &Watch, place: Position) -> Option<usize> {
    let list = watch.list();
    let rows = Areas::of(area, list).rows;
    let shown = list.visible(usize::from(rows.height));
    let position = shown.start + usize::from(place.y.checked_sub(rows.y)?);
    (rows.contains(place) && shown.contains(&position)).then_some(position)
}

/// Why the latest request has no answer, if the list shows the rows of an earlier one.
pub fn problem(app: &App, list: &ExecutionList) -> Option<String> {
    let problem = list.problem().filter(|_| !list.rows().is_empty())?;
    Some(explain_problem(problem, None, &app.options().namespace, &[]))
}

/// The sentences for a list without rows.
fn empty(app: &App, list: &ExecutionList) -> Vec<(String, Style)> {
    let server = &app.options().server;
    match (app.link(), list.problem()) {
        (Link::Connecting { .. }, _) => vec![(format!("Connecting to Temporal at {server} .."), theme::BOLD)],
        (Link::Down { cause, next_try, .. }, _) => {
            let next = times::countdown(*next_try, app.shown_now(), true);
            vec![
                (format!("No connection to Temporal at {server}: {cause}"), theme::BAD),
                (format!("The next try is {next}. Check the address with: idempotence doctor"), theme::PLAIN),
            ]
        }
        (Link::Up, Some(problem)) => {
            let text = explain_problem(problem, None, &app.options().namespace, &[]);
            vec![(text, theme::BAD), ("Press  /  to edit the query.".to_owned(), theme::PLAIN)]
        }
        (Link::Up, None) if !list.is_read() => vec![("Reading the executions ..".to_owned(), theme::BOLD)],
        (Link::Up, None) => {
            let text = "Press  /  to edit the query. An empty one finds all executions, also those that have ended.";
            let mut texts = vec![
                ("The query finds no execution in this namespace.".to_owned(), theme::BOLD),
                (text.to_owned(), theme::PLAIN),
            ];
            if let Some(doubt) = doubt_of_empty_list(list.query()) {
                texts.push((doubt.to_owned(), theme::WARN));
                texts.push((format!("The query was: {}", list.query()), theme::PLAIN));
            }
            texts
        }
    }
}

fn query(list: &ExecutionList, width: usize) -> Line<'static> {
    let order = match list.sort() {
        _ if list.reads_to_end() => "reading to the end",
        Sort::RetryingFirst => "retrying first",
        Sort::Newest => "newest first",
    };
    let position = list.offset().saturating_add(list.selected()).saturating_add(1);
    let count = match (list.rows().len(), list.total()) {
        (0, _) => String::new(),
        (_, Some(total)) => format!("{position} of {total}, {order} "),
        (known, None) => format!("{position} of at least {}, {order} ", list.offset().saturating_add(known)),
    };
    let text = if list.query().is_empty() { "all executions" } else { list.query() };
    let room = width.saturating_sub(" query  ".len() + count.chars().count());
    let text = column(text, room);
    Line::from(vec![
        Span::styled(" query ", theme::FAINT),
        Span::raw(text),
        Span::raw(" "),
        Span::styled(count, theme::FAINT),
    ])
}

/// The known executions whose workflow task fails.
fn failing(list: &ExecutionList) -> impl Iterator<Item = &ExecutionRow> {
    list.rows().iter().filter(|row| row.urgency() == Urgency::TaskFails)
}

fn task_fails(attempts: &RowAttempts) -> bool {
    attempts.task.as_ref().is_some_and(|task| task.attempt > 1)
}

fn loud(list: &ExecutionList, width: usize) -> Line<'static> {
    let ids: Vec<_> = failing(list).map(|row| row.info.run.workflow.as_str()).collect();
    let executions = if ids.len() == 1 { "execution" } else { "executions" };
    let head = format!(" WORKFLOW TASK FAILS in {} {executions} ", ids.len());
    let room = width.saturating_sub(head.chars().count() + 1);
    let ids = ids.join(", ");
    let long = format!("{ids}: no worker can process it, so nothing else goes on");
    Line::from(vec![
        Span::styled(head, theme::badge(theme::BAD)),
        Span::styled(format!(" {}", first_fitting([&long, &ids], room)), theme::BAD),
    ])
}

fn heading(widths: &Widths) -> Line<'static> {
    let columns = [
        ("  workflow id", widths.workflow + POINTER),
        ("type", widths.kind),
        ("status", widths.status),
        ("attempts", widths.attempts),
        ("next", widths.next),
    ];
    let shown = columns.into_iter().filter(|(_, width)| *width > 0);
    let mut text: String = shown.map(|(name, width)| column(name, width) + " ").collect();
    text.push_str("last failure");
    Line::styled(text, theme::FAINT)
}

fn row(app: &App, row: &ExecutionRow, widths: &Widths, selected: bool) -> Line<'static> {
    let (pointer, style) = if selected { ("▌ ", theme::BOLD) } else { ("  ", theme::PLAIN) };
    let (status, status_style) = status(row.info.status);
    let mut spans = vec![
        Span::styled(pointer, style),
        Span::styled(column(&row.info.run.workflow, widths.workflow), style),
        Span::raw(" "),
    ];
    if widths.kind > 0 {
        spans.extend([Span::raw(column(&row.info.workflow_type, widths.kind)), Span::raw(" ")]);
    }
    spans.extend([Span::styled(column(status, widths.status), status_style), Span::raw(" ")]);
    let attempts = row.attempts.as_ref().filter(|_| row.info.status.is_open());
    spans.extend(glyphs_of(attempts, widths.attempts));
    let (next, next_style) = next(app, row, attempts, widths.next);
    spans.extend([Span::raw(" "), Span::styled(column(&next, widths.next), next_style), Span::raw(" ")]);
    spans.push(failure(attempts, widths.failure));
    Line::from(spans)
}

/// Returns the name of a status and its style.
pub const fn status(status: ExecutionStatus) -> (&'static str, Style) {
    let style = match status {
        ExecutionStatus::Running => theme::PLAIN,
        ExecutionStatus::Completed | ExecutionStatus::ContinuedAsNew => theme::GOOD,
        ExecutionStatus::Paused | ExecutionStatus::Cancelled | ExecutionStatus::TimedOut => theme::WARN,
        ExecutionStatus::Failed | ExecutionStatus::Terminated => theme::BAD,
    };
    (status.name(), style)
}

/// The attempts of the worst pending activity as glyphs, and its number, in exactly `width` columns.
fn glyphs_of(attempts: Option<&RowAttempts>, width: usize) -> Vec<Span<'static>> {
    let Some(attempts) = attempts else { return vec![Span::raw(" ".repeat(width))] };
    if let Some(task) = attempts.task.as_ref().filter(|_| task_fails(attempts)) {
        return vec![Span::styled(column(&format!("! task #{}", task.attempt), width), theme::BAD.patch(theme::BOLD))];
    }
    let Some(worst) = &attempts.worst else { return vec![Span::raw(" ".repeat(width))] };
    let number = number(worst);
    let others = attempts.activities.saturating_sub(1);
    let others = if others > 0 { format!(" +{others}") } else { String::new() };
    let room = width.saturating_sub(number.len() + 1);
    let marks = marks(worst);
    let marks: Vec<_> = marks.iter().skip(marks.len().saturating_sub(room)).collect();
    let text = format!(" {number}{others}");
    let text = if marks.len() + text.len() <= width { text } else { format!(" {number}") };
    let rest = width.saturating_sub(marks.len());
    let glyphs = marks.into_iter().map(|mark| Span::styled(mark.glyph.to_string(), mark.style));
    glyphs.chain([Span::raw(column(&text, rest))]).collect()
}

/// `#4/10`, or `#4` without a maximum.
fn number(pending: &PendingActivity) -> String {
    match pending.maximum {
        0 => format!("#{}", pending.attempt),
        maximum => format!("#{}/{maximum}", pending.attempt),
    }
}

/// A mark per attempt, oldest first. Of those before the last failure, only the number is known.
fn marks(pending: &PendingActivity) -> Vec<glyphs::Mark> {
    let ended = pending.attempt.saturating_sub(1);
    let mut marks = Vec::new();
    if ended > 0 {
        let unknown = ended.saturating_sub(1).min(MAX_GLYPHS);
        marks.extend((0..unknown).map(|_| glyphs::NOT_OBSERVED));
        marks.push(pending.failure.as_ref().map_or(glyphs::NOT_OBSERVED, glyphs::of_report));
    }
    marks.push(if pending.runs() { glyphs::RUNNING } else { glyphs::WAITING });
    marks
}

/// What comes next: the countdown to the next attempt, or what happens now.
fn next(app: &App, row: &ExecutionRow, attempts: Option<&RowAttempts>, width: usize) -> (String, Style) {
    if let Some(closed) = row.info.closed {
        let ago = times::short(app.shown_now().since(closed));
        return (format!("{ago} ago"), theme::FAINT);
    }
    let Some(worst) = attempts.and_then(|attempts| attempts.worst.as_ref()) else {
        return (String::new(), theme::PLAIN);
    };
    match worst.state {
        PendingState::Paused => ("paused".to_owned(), theme::WARN),
        PendingState::CancelRequested => (first_fitting(["cancelling", "cancels"], width), theme::WARN),
        _ if worst.runs() => ("running".to_owned(), theme::PLAIN),
        _ => match worst.due() {
            Some(due) => (times::countdown(due, app.shown_now(), app.appearance().still), theme::BOLD),
            None => ("queued".to_owned(), theme::PLAIN),
        },
    }
}

fn failure(attempts: Option<&RowAttempts>, width: usize) -> Span<'static> {
    let Some(attempts) = attempts else { return Span::raw("") };
    if task_fails(attempts) {
        return Span::styled(first_fitting(["workflow task fails", "task fails"], width), theme::BAD);
    }
    let Some(failure) = attempts.worst.as_ref().and_then(|worst| worst.failure.as_ref()) else { return Span::raw("") };
    Span::styled(truncate(&glyphs::reason(failure), width), theme::FAINT)
}
