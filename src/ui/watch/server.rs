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
    text::truncate,
};

use super::super::{header, pane, theme, times};

/// Minimum columns of the address.
const MIN_ADDRESS: usize = 8;

/// Returns how often the server is asked, the longest text first, and the style.
fn rate(app: &App) -> (Vec<String>, Style) {
    let Some(watch) = app.watch().filter(|_| *app.link() == Link::Up) else {
        return (Vec::new(), theme::FAINT);
    };
    let RequestRate { per_second, waits_until } = watch.rate(app.shown_now());
    if let Some(until) = waits_until {
        let next = times::countdown(until, app.shown_now(), true);
        return (vec![format!("backing off, next request {next} "), "backing off ".to_owned()], theme::WARN);
    }
    let requests = if per_second == 1 { "request" } else { "requests" };
    (vec![format!("{per_second} {requests}/s "), format!("{per_second}/s ")], theme::FAINT)
}

/// Draws the row. If it is too narrow, the address is truncated.
pub fn draw(buffer: &mut Buffer, area: Rect, app: &App) {
    let width = usize::from(area.width);
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
    let room = width.saturating_sub(taken);
    let (texts, style) = rate(app);
    let fits = |text: &&String, address: usize| text.width() + address < room;
    let whole = texts.iter().find(|text| fits(text, options.server.width()));
    let text = whole.or_else(|| texts.last().filter(|text| fits(text, MIN_ADDRESS))).map_or("", String::as_str);
    left.push(Span::raw(truncate(&options.server, room.saturating_sub(text.width() + 1).max(MIN_ADDRESS))));
    left.extend(states);
    let gap = width.saturating_sub(left.iter().map(Span::width).sum::<usize>() + text.width());
    left.extend([Span::raw(" ".repeat(gap)), Span::styled(text.to_owned(), style)]);
    pane::lines(buffer, area, [Line::from(left)]);
}
