//! Draws the log, the newest line last.

use ratatui::{
    buffer::Buffer,
    layout::Rect,
    text::{Line, Span},
};

use crate::{
    app::{App, LogLevel, LogLine},
    text::{first_fitting, wrap},
};

use super::{dialog::dialog, pane, theme};

/// Columns for the time and the level, before the text.
const MARGIN: usize = 16;

/// Maximum number of rows of one log line.
const MAX_ROWS: usize = 4;

/// Draws the log.
pub fn draw(buffer: &mut Buffer, area: Rect, app: &App) {
    let count = app.log().len();
    let full = format!(" log: the last {count} lines; also in {} ", app.options().log);
    let place = place(area);
    let title =
        first_fitting([&full, &format!(" log: the last {count} lines ")], usize::from(place.width.saturating_sub(2)));
    let inner = dialog(buffer, area, &title, place.width, place.height);
    let rows = rows(app, usize::from(inner.width));
    if rows.is_empty() {
        return pane::lines(buffer, inner, [Line::styled(" nothing yet", theme::FAINT)]);
    }
    let height = usize::from(inner.height);
    let end = rows.len().saturating_sub(app.view().scroll().overlay).max(height.min(rows.len()));
    pane::lines(buffer, inner, rows.into_iter().take(end).skip(end.saturating_sub(height)));
}

/// Returns the number of rows that do not fit.
#[must_use]
pub fn hidden(area: Rect, app: &App) -> usize {
    let place = place(area);
    let rows = rows(app, usize::from(place.width.saturating_sub(2)));
    rows.len().saturating_sub(usize::from(place.height.saturating_sub(2)))
}

/// Returns the area of the log: the whole screen except two rows.
const fn place(area: Rect) -> Rect {
    Rect { height: area.height.saturating_sub(2), ..area }
}

/// Returns the rows of all lines, oldest first.
fn rows(app: &App, width: usize) -> Vec<Line<'static>> {
    app.log().oldest_first().flat_map(|line| written(app, line, width)).collect()
}

fn written(app: &App, line: &LogLine, width: usize) -> Vec<Line<'static>> {
    let (word, style) = match line.level {
        LogLevel::Error => ("ERROR", theme::BAD),
        LogLevel::Warn => ("WARN", theme::WARN),
        LogLevel::Info => ("", theme::PLAIN),
        LogLevel::Detail => ("", theme::FAINT),
    };
    let mut first = Some(Span::styled(format!("{:>8}  ", app.log().clock(line)), theme::FAINT));
    let texts = wrap(&line.text, width.saturating_sub(MARGIN), 0, MAX_ROWS);
    let row = |text| {
        let margin = match first.take() {
            Some(time) => [time, Span::styled(format!("{word:<6}"), style)],
            None => [Span::raw(" ".repeat(MARGIN)), Span::raw("")],
        };
        margin.into_iter().chain([Span::styled(text, style)]).collect()
    };
    texts.into_iter().map(row).collect()
}
