//! Draws the row about the server: address, connection, namespace, and how often it is asked.

use ratatui::{
    buffer::Buffer,
    layout::Rect,
    style::Style,
    text::{Line, Span},
};

use unicode_width::UnicodeWidthStr;

use crate::{
    app::{App, Link, RequestRate},
    text::{first_fitting, truncate},
};

use super::super::{header, pane, theme, times};

/// Columns of the row without the rate, as far as they are usual.
const WITHOUT_RATE: usize = 56;

/// Columns of the short text about the rate.
const SHORT_RATE: usize = 18;

/// Returns how often the server is asked, the longest text first, and the style.
fn rate(app: &App) -> ([String; 2], Style) {
    let Some(watch) = app.watch().filter(|_| *app.link() == Link::Up) else {
        return ([String::new(), String::new()], theme::FAINT);
    };
    let RequestRate { per_second, waits_until } = watch.rate(app.shown_now());
    if let Some(until) = waits_until {
        let next = times::countdown(until, app.shown_now(), true);
        return ([format!("backing off, next request {next} "), format!("backing off, {next} ")], theme::WARN);
    }
    let requests = if per_second == 1 { "request" } else { "requests" };
    ([format!("{per_second} {requests}/s "), format!("{per_second}/s ")], theme::FAINT)
}

/// Draws the row. If it is too narrow, the address is truncated.
pub fn draw(buffer: &mut Buffer, area: Rect, app: &App) {
    let (texts, style) = rate(app);
    // The address and the namespace need about as many columns as the long text leaves on a usual terminal.
    let text =
        first_fitting([&texts[0], &texts[1]], usize::from(area.width).saturating_sub(WITHOUT_RATE).max(SHORT_RATE));
    let width = usize::from(area.width).saturating_sub(text.width());
    let options = app.options();
    let mut left = vec![Span::raw(" ")];
    match app.view().freeze().queued() {
        Some(held) => {
            left.extend([Span::styled(format!(" FROZEN, {held} new; space resumes "), theme::badge(theme::WARN))]);
        }
        None => left.push(Span::styled("watch", theme::BOLD)),
    }
    left.push(Span::raw(" "));
    let (link, link_style) = header::link(app);
    let mut states = vec![Span::raw(" "), Span::styled(link, link_style)];
    states.extend(
        header::security(options.security)
            .into_iter()
            .flat_map(|(text, style)| [Span::raw(" "), Span::styled(text, style)]),
    );
    if app.watch().is_some_and(|watch| watch.options().read_only) {
        states.extend([Span::raw(" "), Span::styled(" READ-ONLY ", theme::badge(theme::KNOWN))]);
    }
    states.extend(pane::pair("  namespace ", options.namespace.clone(), theme::PLAIN));
    let taken: usize = left.iter().chain(&states).map(Span::width).sum();
    left.push(Span::raw(truncate(&options.server, width.saturating_sub(taken).max(8))));
    left.extend(states);
    let gap = width.saturating_sub(left.iter().map(Span::width).sum());
    left.extend([Span::raw(" ".repeat(gap)), Span::styled(text, style)]);
    pane::lines(buffer, area, [Line::from(left)]);
}
