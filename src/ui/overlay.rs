//! What lies over the dashboard: the help, made from the key table, and the one question. Changes nothing.

use ratatui::{
    buffer::Buffer,
    layout::{Constraint, Rect},
    text::{Line, Span},
    widgets::{Block, BorderType, Clear, Widget},
};

use crate::{
    app::{App, Overlay, Question},
    keymap::{Binding, KEYMAP},
};

use super::{compare, glyphs, pane, theme};

pub fn draw(buffer: &mut Buffer, area: Rect, app: &App) {
    match app.overlay() {
        Overlay::None => {}
        Overlay::Help => help(buffer, area, app),
        Overlay::Confirm(Question::Reset) => question(buffer, area, app),
        Overlay::Compare => compare::draw(buffer, area, app),
        _ => {}
    }
}

/// A bordered box in the middle; gives its inside.
fn boxed(buffer: &mut Buffer, area: Rect, title: String, width: u16, height: u16) -> Rect {
    let outer = area.centered(Constraint::Length(width.min(area.width)), Constraint::Length(height.min(area.height)));
    let block = Block::bordered().border_type(BorderType::Rounded).title(Line::styled(title, theme::BOLD));
    let inner = block.inner(outer);
    Clear.render(outer, buffer);
    block.render(outer, buffer);
    inner
}

fn help(buffer: &mut Buffer, area: Rect, app: &App) {
    let rows = KEYMAP.len().div_ceil(2);
    let height = u16::try_from(rows).unwrap_or(u16::MAX).saturating_add(7);
    let title = format!(" idempotence {}: keys ", app.setup().version);
    let inner = boxed(buffer, area, title, 84, height);
    let half = usize::from(inner.width / 2);
    let (left, right) = KEYMAP.split_at(rows);
    let keys = (0..rows).map(|row| {
        let mut spans = left.get(row).map_or_else(Vec::new, |binding| entry(binding, half));
        spans.extend(right.get(row).map_or_else(Vec::new, |binding| entry(binding, half)));
        Line::from(spans)
    });
    let lines: Vec<_> = keys.chain(std::iter::once(Line::raw(""))).chain(marks(usize::from(inner.width))).collect();
    pane::lines(buffer, inner, lines);
}

fn entry(binding: &'static Binding, width: usize) -> Vec<Span<'static>> {
    vec![
        Span::styled(format!("{:>7}", binding.shown), theme::BOLD),
        Span::raw("  "),
        Span::raw(pane::column(binding.long, width.saturating_sub(9))),
    ]
}

/// The legend, in as many lines as it needs.
fn marks(width: usize) -> Vec<Line<'static>> {
    let mut lines = vec![Vec::new()];
    let mut used = 0;
    for (mark, word) in glyphs::LEGEND {
        let room = word.chars().count() + 4;
        if used + room > width {
            lines.push(Vec::new());
            used = 0;
        }
        used += room;
        if let Some(line) = lines.last_mut() {
            line.push(Span::styled(format!(" {}", mark.glyph), mark.style));
            line.push(Span::raw(format!(" {word} ")));
        }
    }
    lines.into_iter().map(Line::from).collect()
}

fn question(buffer: &mut Buffer, area: Rect, app: &App) {
    let inner = boxed(buffer, area, " reset ".to_owned(), 58, 8);
    let open = app.orders().open();
    let warning = match open {
        0 => Line::styled("  No order is open.", theme::FAINT),
        1 => Line::styled("  1 order is open, and goes on in the new stock.", theme::BAD),
        _ => Line::styled(format!("  {open} orders are open, and go on in the new stock."), theme::BAD),
    };
    let lines = [
        Line::raw(""),
        Line::styled("  Put the starting stock of 1000 units back?", theme::BOLD),
        Line::raw("  The journal is kept under another name."),
        warning,
        Line::raw(""),
        Line::styled("  y  yes      n  no", theme::BOLD),
    ];
    pane::lines(buffer, inner, lines);
}
