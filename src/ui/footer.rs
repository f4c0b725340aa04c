//! The last two rows: a notice, a trouble or the legend; and the keys for what can be done now. Changes nothing.

use ratatui::{
    buffer::Buffer,
    layout::Rect,
    text::{Line, Span},
    widgets::{Clear, Widget},
};

use crate::{
    app::{App, Intent, Overlay, Server, Tone, Worker, trouble},
    keymap::{Binding, KEYMAP, Scope},
    text::wrap,
};

use super::{glyphs, pane, theme};

/// The most rows that a notice takes.
const MOST_ROWS: usize = 3;

/// What does not fit into the row is continued in it: the rows above `area` are covered, at most [`MOST_ROWS`] in all.
pub fn draw_line(buffer: &mut Buffer, area: Rect, app: &App) {
    let width = usize::from(area.width);
    let (mark, text, style) = match (app.notice(), trouble(app)) {
        (Some(notice), _) => {
            let style = match notice.tone {
                Tone::Plain => theme::BOLD,
                Tone::Good => theme::GOOD.patch(theme::BOLD),
                Tone::Bad => theme::BAD.patch(theme::BOLD),
            };
            (" » ", notice.text.clone(), style)
        }
        (None, Some(trouble)) if trouble.passes => (" .. ", trouble.text, theme::BOLD),
        (None, Some(trouble)) => (" ! ", trouble.text, theme::BAD.patch(theme::BOLD)),
        (None, None) => return pane::lines(buffer, area, [legend(width)]),
    };
    let indent = mark.chars().count();
    let texts = wrap(&text, width.saturating_sub(indent), 0, MOST_ROWS);
    let above = u16::try_from(texts.len().saturating_sub(1)).unwrap_or(0).min(area.y.saturating_sub(buffer.area.y));
    let area = Rect { y: area.y.saturating_sub(above), height: area.height.saturating_add(above), ..area };
    Clear.render(area, buffer);
    let lines = texts.into_iter().enumerate().map(|(index, text)| {
        let lead = if index == 0 { mark.to_owned() } else { " ".repeat(indent) };
        Line::styled(format!("{lead}{text}"), style)
    });
    pane::lines(buffer, area, lines);
}

/// As many glyphs with their words as fit.
fn legend(width: usize) -> Line<'static> {
    let mut spans = vec![Span::raw(" ")];
    let mut used = 1;
    for (mark, word) in glyphs::LEGEND {
        used += word.chars().count() + 4;
        if used > width {
            break;
        }
        spans.push(Span::styled(mark.glyph.to_string(), mark.style));
        spans.push(Span::styled(format!(" {word}  "), theme::FAINT));
    }
    Line::from(spans)
}

/// The bindings that would do something now and fit, in the order of the table.
#[must_use]
pub fn shown(app: &App, width: usize) -> Vec<(&'static Binding, &'static str)> {
    let overlay = app.overlay();
    let mut ranked: Vec<_> = KEYMAP
        .iter()
        .enumerate()
        .filter(|(_, binding)| binding.scope.holds(overlay) && app.can(binding.intent))
        .filter_map(|(index, binding)| Some((rank(app, binding)?, index, binding)))
        .collect();
    ranked.sort_by_key(|(rank, index, _)| (*rank, *index));
    let mut used = 1;
    let mut fitting: Vec<_> = ranked
        .into_iter()
        .map(|(_, index, binding)| (index, binding, label(app, binding)))
        .take_while(|(_, binding, label)| {
            used += binding.shown.chars().count() + label.chars().count() + 1 + gap(width);
            used <= width + gap(width)
        })
        .collect();
    fitting.sort_by_key(|(index, _, _)| *index);
    fitting.into_iter().map(|(_, binding, label)| (binding, label)).collect()
}

/// How early a key gives way where there is little room. What leads out of a standstill never does.
fn rank(app: &App, binding: &Binding) -> Option<u8> {
    let leads_out = match binding.intent {
        Intent::Freeze => app.held().is_some(),
        Intent::ToggleServer => *app.server() == Server::Killed,
        Intent::ToggleWorker => !app.has_worker(),
        _ => false,
    };
    // In a walkthrough the room sees what the speaker needs, and nothing else.
    let aside = app.overlay() == Overlay::Walkthrough && binding.scope == Scope::Staging;
    match (leads_out, aside) {
        (true, _) => Some(0),
        (false, true) => None,
        (false, false) => binding.footer,
    }
}

fn label(app: &App, binding: &Binding) -> &'static str {
    match (binding.intent, app.worker()) {
        (Intent::ToggleWorker, Worker::Starting | Worker::Ready { .. }) => "stop worker",
        (Intent::ToggleWorker, _) => "start worker",
        (Intent::ToggleServer, _) if *app.server() == Server::Killed => "start server",
        (Intent::Close, _) if app.overlay() == Overlay::Walkthrough => "dashboard",
        (Intent::Quit, _) if app.setup().above_dashboard => "leave",
        (Intent::Help, _) if app.overlay() == Overlay::Help => "back",
        (Intent::Freeze, _) if app.held().is_some() => "go on",
        _ => binding.short,
    }
}

/// Columns between two keys.
const fn gap(width: usize) -> usize {
    if width < 100 { 1 } else { 2 }
}

pub fn draw_keys(buffer: &mut Buffer, area: Rect, app: &App) {
    let width = usize::from(area.width);
    let gap = " ".repeat(gap(width));
    let mut spans = Vec::new();
    for (index, (binding, label)) in shown(app, width).into_iter().enumerate() {
        spans.push(Span::raw(if index == 0 { " ".to_owned() } else { gap.clone() }));
        spans.push(Span::styled(binding.shown, theme::badge(theme::PLAIN)));
        spans.push(Span::raw(format!(" {label}")));
    }
    pane::lines(buffer, area, [Line::from(spans)]);
}
