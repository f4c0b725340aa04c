//! What happened, in lines that stay: the newest last. Changes nothing.

use ratatui::{
    buffer::Buffer,
    layout::Rect,
    text::{Line, Span},
};

use crate::app::{App, LogLevel, LogLine};

use super::{overlay::boxed, pane, theme};

pub fn draw(buffer: &mut Buffer, area: Rect, app: &App) {
    let title = format!(" log: the last {} lines; all of it in {} ", app.log().len(), app.setup().log);
    let inner = boxed(buffer, area, &title, area.width, area.height.saturating_sub(2));
    let height = usize::from(inner.height);
    let from = app.scroll().overlay.min(hidden(area, app));
    let mut shown: Vec<_> = app.log().oldest_first().rev().skip(from).take(height).collect();
    shown.reverse();
    if shown.is_empty() {
        return pane::lines(buffer, inner, [Line::styled(" nothing yet", theme::FAINT)]);
    }
    pane::lines(buffer, inner, shown.into_iter().map(|line| written(app, line)));
}

/// How many lines do not fit.
#[must_use]
pub fn hidden(area: Rect, app: &App) -> usize {
    // The borders, and the two rows that stay free.
    app.log().len().saturating_sub(usize::from(area.height.saturating_sub(4)))
}

fn written(app: &App, line: &LogLine) -> Line<'static> {
    let (word, style) = match line.level {
        LogLevel::Error => ("ERROR", theme::BAD),
        LogLevel::Warn => ("WARN", theme::WARN),
        LogLevel::Info => ("", theme::PLAIN),
        LogLevel::Detail => ("", theme::FAINT),
    };
    Line::from(vec![
        Span::styled(format!("{:>8}  ", app.log().clock(line)), theme::FAINT),
        Span::styled(format!("{word:<6}"), style),
        Span::styled(line.text.clone(), style),
    ])
}
