//! Draws the last two rows: a notice, a problem or the legend, and the keys that apply now.

use ratatui::{
    buffer::Buffer,
    layout::Rect,
    style::Style,
    text::{Line, Span},
    widgets::{Clear, Widget},
};

use crate::{
    app::{App, Intent, Overlay, Server, Subject, Tone, Worker, trouble},
    keymap::{Binding, KEYMAP, Scope},
    text::wrap,
};

use super::{glyphs, pane, theme};

/// Maximum number of rows of a notice.
const MAX_ROWS: usize = 3;

/// Draws the notice, the problem or the legend.
pub fn draw_line(buffer: &mut Buffer, area: Rect, app: &App) {
    match (notice(app), trouble(app)) {
        (Some((mark, text, style)), _) => draw_text(buffer, area, mark, &text, style),
        (None, Some(trouble)) if trouble.passes => draw_text(buffer, area, " .. ", &trouble.text, theme::BOLD),
        (None, Some(trouble)) => draw_text(buffer, area, " ! ", &trouble.text, theme::BAD.patch(theme::BOLD)),
        (None, None) => pane::lines(buffer, area, [legend(usize::from(area.width))]),
    }
}

/// Returns the mark, the text and the style of the notice, if there is one.
pub fn notice(app: &App) -> Option<(&'static str, String, Style)> {
    let notice = app.notice()?;
    let style = match notice.tone {
        Tone::Plain => theme::BOLD,
        Tone::Good => theme::GOOD.patch(theme::BOLD),
        Tone::Bad => theme::BAD.patch(theme::BOLD),
    };
    Some((" » ", notice.text.clone(), style))
}

/// Draws a text after a mark. A text that needs several rows, at most [`MAX_ROWS`], covers rows above `area`.
pub fn draw_text(buffer: &mut Buffer, area: Rect, mark: &str, text: &str, style: Style) {
    let indent = mark.chars().count();
    let texts = wrap(text, usize::from(area.width).saturating_sub(indent), 0, MAX_ROWS);
    let above = u16::try_from(texts.len().saturating_sub(1)).unwrap_or(0).min(area.y.saturating_sub(buffer.area.y));
    let area = Rect { y: area.y.saturating_sub(above), height: area.height.saturating_add(above), ..area };
    Clear.render(area, buffer);
    let lines = texts.into_iter().enumerate().map(|(index, text)| {
        let lead = if index == 0 { mark.to_owned() } else { " ".repeat(indent) };
        Line::styled(format!("{lead}{text}"), style)
    });
    pane::lines(buffer, area, lines);
}

/// Returns as many glyphs with their words as fit.
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

/// Draws the keys that can be used now.
pub fn draw_keys(buffer: &mut Buffer, area: Rect, app: &App) {
    let offer =
        |binding: &Binding| Some((rank(app, binding).filter(|_| app.can(binding.intent))?, label(app, binding)));
    let width = usize::from(area.width);
    // The left margin replaces the first gap and is always one column.
    let gap = gap(width);
    let spans = keys(app.overlay(), width + gap - 1, gap, offer).into_iter().skip(1);
    pane::lines(buffer, area, [std::iter::once(Span::raw(" ")).chain(spans).collect()]);
}

/// Returns the keys of a screen that fit into `room` columns, each after `gap` columns, in the order of the table.
/// `offer` returns the rank and the label of a key; if `room` is too small, the highest ranks are omitted.
pub fn keys(
    overlay: Overlay,
    room: usize,
    gap: usize,
    offer: impl Fn(&Binding) -> Option<(u8, &'static str)>,
) -> Vec<Span<'static>> {
    let active = KEYMAP.iter().enumerate().filter(|(_, binding)| binding.scope.includes(overlay));
    let mut offered: Vec<_> = active
        .filter_map(|(index, binding)| {
            let (rank, label) = offer(binding)?;
            Some((rank, index, binding.shown, label))
        })
        .collect();
    offered.sort_by_key(|(rank, index, ..)| (*rank, *index));
    let mut used = 0;
    let fits = |(_, _, shown, label): &(u8, usize, &str, &str)| {
        used += gap + shown.chars().count() + 1 + label.chars().count();
        used <= room
    };
    let mut fitting: Vec<_> = offered.into_iter().take_while(fits).collect();
    fitting.sort_by_key(|(_, index, ..)| *index);
    let spans = |(_, _, shown, label)| {
        [Span::raw(" ".repeat(gap)), Span::styled(shown, theme::badge(theme::PLAIN)), Span::raw(format!(" {label}"))]
    };
    fitting.into_iter().flat_map(spans).collect()
}

/// Returns the rank of a key in the footer. A key without which nothing continues has rank 0, so that it is always
/// shown.
fn rank(app: &App, binding: &Binding) -> Option<u8> {
    let ends_standstill = match binding.intent {
        Intent::Freeze => app.view().freeze().queued().is_some(),
        Intent::ToggleServer => *app.server() == Server::Killed,
        Intent::ToggleWorker => !app.connections().has_worker(),
        _ => false,
    };
    // The audience of a walkthrough sees only the keys that move through its steps.
    let is_aside = app.overlay() == Overlay::Walkthrough && binding.scope == Scope::Operating;
    match (ends_standstill, is_aside) {
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
        (Intent::CompareOther, _) if app.overlay() == Overlay::Compare(Subject::Policies) => "guards",
        (Intent::Close, _) if app.overlay() == Overlay::Walkthrough => "dashboard",
        (Intent::Close, _) if Scope::Typing.includes(app.overlay()) => "cancel",
        (Intent::Quit, _) if app.options().above_dashboard => "leave",
        (Intent::Help, _) if app.overlay() == Overlay::Help => "back",
        (Intent::Freeze, _) if app.view().freeze().queued().is_some() => "resume",
        (Intent::ShowFailure, _) if app.watch().is_some_and(|watch| watch.linked_run(app.overlay()).is_some()) => {
            "open"
        }
        _ => binding.short,
    }
}

/// Returns the number of columns between two keys on a screen of `width` columns.
const fn gap(width: usize) -> usize {
    if width < 100 { 1 } else { 2 }
}
