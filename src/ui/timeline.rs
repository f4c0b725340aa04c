//! Draws the selected order's retries: a sentence, a picture over time, and a list of all attempts and waits.
//!
//! ~~~text
//! ── A12 999 x 123456, guard ledger ── retry after 1 s, then x2 up to 5 s, unlimited; attempt timeout 10 s ──
//!  OUTCOME UNKNOWN  #2 failed after the commit: written, but not acknowledged. The retry is safe: ..
//! update   ✗──────── 1.0 s ────────!═══ written, not acknowledged ═══════════════════ in 1.4 s ○
//! supplier
//!          0s                      1s                     2s                     3s
//! update   #1 ✗ failed before commit  4 ms  injected error
//!             backoff 1.00 s (policy: 1 s)
//! update   #2 ! failed after commit  1000 → 1 (-999)  8 ms  injected error
//! update   #3 ○ in 1.4 s (policy: 2 s)
//! ~~~

mod canvas;
mod list;
mod picture;

#[cfg(test)]
mod scenes;
#[cfg(test)]
mod tests;

use ratatui::{
    buffer::Buffer,
    layout::Rect,
    style::Style,
    text::{Line, Span},
};

use crate::{
    app::{ActivityAttempts, App, Execution, Kind, Panel, RetryWaits, explain},
    text::{truncate, wrap},
};

pub use list::List;
pub use picture::lane_lines;

use picture::Lanes;

use super::{pane, theme, times};

/// About as many columns as the longest usual sentence takes, with its badge.
const SENTENCE: usize = 170;

/// `scroll`: by how many rows the list is moved back; 0 follows its end.
pub fn draw(buffer: &mut Buffer, area: Rect, app: &App, scroll: usize) {
    if area.is_empty() {
        return;
    }
    let focused = app.view().panel() == Panel::Timeline;
    let Some(order) = app.selected() else {
        let title = Line::styled("selected order", theme::BOLD);
        let area = pane::titled(buffer, area, title, "", focused);
        return pane::lines(buffer, area, [Line::styled(" no order sent yet", theme::FAINT)]);
    };
    let title = title(order);
    let room = usize::from(area.width).saturating_sub(title.width() + 10);
    let area = pane::titled(buffer, area, title, &policy(&app.options().retry, order, room), focused);
    let mut lines = above_list(app, order, area);
    let room = usize::from(area.height).saturating_sub(lines.len());
    let list = List { app, execution: order, activities: &order.lanes(), width: usize::from(area.width) };
    lines.extend(list.visible(room, scroll));
    pane::lines(buffer, area, lines);
}

/// Number of rows of the selected order's list that do not fit if the panel is at `area`.
#[must_use]
pub fn hidden(area: Rect, app: &App) -> usize {
    let Some(order) = app.selected().filter(|_| !area.is_empty()) else { return 0 };
    let area = pane::below_title(area);
    let room = usize::from(area.height).saturating_sub(above_list(app, order, area).len());
    let list = List { app, execution: order, activities: &order.lanes(), width: usize::from(area.width) };
    list.total(room).saturating_sub(room)
}

/// The sentence, the lanes and the axis.
fn above_list(app: &App, order: &Execution, area: Rect) -> Vec<Line<'static>> {
    let rows = Rows::of(area);
    let mut lines = sentence(app, order, usize::from(area.width), rows.sentence);
    lines.extend(picture::order_lines(app, order, area.width, rows.lanes, rows.axis));
    lines
}

/// What the rows are used for. It depends on the area alone, so that nothing jumps while the order goes on.
struct Rows {
    sentence: usize,
    lanes: Lanes,
    axis: bool,
}

impl Rows {
    fn of(area: Rect) -> Self {
        let whole = SENTENCE.div_ceil(usize::from(area.width).max(1)).min(3);
        let (sentence, lanes) = match area.height {
            0..=2 => (1, Lanes::Current),
            3..=6 => (1, Lanes::Begun),
            7..=9 => (whole.min(2), Lanes::Both),
            10..=12 => (whole, Lanes::Both),
            _ => (whole + 1, Lanes::Both),
        };
        Self { sentence, lanes, axis: area.height >= 6 }
    }
}

fn title(order: &Execution) -> Line<'static> {
    let details =
        order.details().map(|details| format!(" {} x {}, guard {}", details.quantity, details.product, details.guard));
    Line::from(vec![Span::styled(order.order.clone(), theme::BOLD), Span::raw(details.unwrap_or_default())])
}

/// The retry policy in a form that fits, with the server's limit if it reported one.
fn policy(waits: &RetryWaits, order: &Execution, room: usize) -> String {
    let RetryWaits { initial, coefficient, maximum, start_to_close } = *waits;
    let [initial, maximum, timeout] = [initial, maximum, start_to_close].map(times::round);
    let limit = order.order_activities().into_iter().find_map(ActivityAttempts::maximum);
    let limit = limit.map_or_else(|| "unlimited".to_owned(), |limit| format!("{limit} attempts"));
    let texts = [
        format!("retry after {initial}, then x{coefficient} up to {maximum}, {limit}; attempt timeout {timeout}"),
        format!("retry after {initial}, x{coefficient} up to {maximum}, {limit}, timeout {timeout}"),
        format!("{initial} x{coefficient} to {maximum}, {limit}, timeout {timeout}"),
        format!("retry after {initial}, x{coefficient} up to {maximum}, {limit}"),
        format!("retry after {initial}, x{coefficient} up to {maximum}"),
    ];
    texts.into_iter().find(|text| text.chars().count() <= room).unwrap_or_default()
}

const fn tone(kind: Kind) -> Style {
    match kind {
        Kind::Definite | Kind::Refused | Kind::Wrong => theme::BAD,
        Kind::Indefinite => theme::WARN,
        Kind::Good => theme::GOOD,
        Kind::Replayed => theme::KNOWN,
        Kind::Plain => theme::PLAIN,
    }
}

/// Exactly `rows` lines. If the sentence needs fewer, the next line shows the ids.
fn sentence(app: &App, order: &Execution, width: usize, rows: usize) -> Vec<Line<'static>> {
    let said = explain(order, app.stage(order));
    let head = format!(" {} ", said.head);
    // The lines after the first begin where the text of the badge does.
    let mut texts = wrap(&said.text, width.saturating_sub(1), head.chars().count(), rows).into_iter();
    let first = texts.next().unwrap_or_default();
    let first = Line::from(vec![Span::styled(head, theme::badge(tone(said.kind))), Span::raw(" "), Span::raw(first)]);
    let mut lines: Vec<_> = std::iter::once(first).chain(texts.map(|text| Line::raw(format!(" {text}")))).collect();
    lines.extend((lines.len() < rows).then(|| names(order, width)));
    lines.resize(rows, Line::raw(""));
    lines
}

fn names(order: &Execution, width: usize) -> Line<'static> {
    let run = order.run.as_deref().unwrap_or("not yet known");
    Line::styled(truncate(&format!(" workflow {}  run {run}", order.workflow), width), theme::FAINT)
}
