//! Draws the effects in commit order, newest first, with the repetitions that the ledger recognised.

use ratatui::{
    buffer::Buffer,
    layout::Rect,
    text::{Line, Span},
};

use crate::{
    app::{App, Appearance, Effect, EffectKind, Panel},
    text::column,
};

use super::{glyphs, pane, theme, words};

/// Draws the panel.
pub fn draw(buffer: &mut Buffer, area: Rect, app: &App) {
    let effects = &app.journal().effects;
    let title = Line::from(vec![Span::styled("effects", theme::BOLD), Span::raw(format!(" {}", effects.total()))]);
    let area = pane::titled(buffer, area, title, "newest first", app.view().panel() == Panel::Effects);
    let (width, height) = (usize::from(area.width), usize::from(area.height));
    let from = app.view().scroll().effects.min(effects.kept().saturating_sub(height));
    let mut lines: Vec<_> =
        effects.newest_first().skip(from).take(height).map(|effect| line(effect, app.appearance(), width)).collect();
    if lines.is_empty() {
        lines.push(Line::styled("none yet: the stock has not changed", theme::FAINT));
    }
    pane::lines(buffer, area, lines);
}

/// Returns the number of lines that do not fit into the panel at `area`.
#[must_use]
pub fn hidden(area: Rect, app: &App) -> usize {
    app.journal().effects.kept().saturating_sub(usize::from(pane::below_title(area).height))
}

/// Returns the line of an effect: `✓ order:A12   1000 → 1 (-999)  #2`, and a word for its kind if there is room.
fn line(effect: &Effect, look: Appearance, width: usize) -> Line<'static> {
    let mark = glyphs::of_effect(effect.kind);
    let attempt = effect.attempt.map_or_else(String::new, |number| format!("#{number}"));
    let word = match effect.kind {
        EffectKind::Applied { times: 1 } => "applied",
        EffectKind::Replayed => "replayed",
        EffectKind::Skipped => "skipped",
        EffectKind::Adjusted => "adjusted",
        EffectKind::Applied { times: 0 } | EffectKind::OnOrder => mark.word,
        EffectKind::Applied { .. } => "AGAIN",
        EffectKind::Refused => "rejected",
    };
    let change = match effect.delta {
        0 => format!("{} (±0)", effect.stock),
        delta => words::change(look, delta, effect.stock),
    };
    // The keys distinguish the lines, so they get the remaining columns.
    let tail = if width < 46 { format!(" {change:>16} ") } else { format!(" {change:>19}  ") };
    let word_width = if width >= 46 { 11 } else { 0 };
    let key = width.saturating_sub(2 + tail.chars().count() + 4 + word_width);
    let style = match effect.kind {
        EffectKind::Applied { times } if times > 1 => theme::BAD.patch(theme::BOLD),
        EffectKind::Applied { .. } => theme::BOLD,
        _ => theme::PLAIN,
    };
    Line::from(vec![
        Span::styled(mark.glyph.to_string(), mark.style),
        Span::raw(" "),
        Span::styled(column(&effect.key, key), style),
        Span::styled(tail, style),
        Span::styled(column(word, word_width), mark.style),
        Span::styled(column(&attempt, 4), theme::FAINT),
    ])
}
