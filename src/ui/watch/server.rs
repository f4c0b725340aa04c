//! Draws the row about the server: address, connection, namespace, and how often it is asked.

use ratatui::{
    buffer::Buffer,
    layout::Rect,
    text::{Line, Span},
};

use crate::{app::App, text::truncate};

use super::super::{header, pane, theme};

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
    left.push(Span::raw(truncate(&options.server, width.saturating_sub(taken).max(8))));
    left.extend(states);
    pane::lines(buffer, area, [Line::from(left)]);
}
