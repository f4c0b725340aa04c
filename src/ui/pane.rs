//! The title rule of a panel, and text that is truncated or wrapped.

use ratatui::{
    buffer::Buffer,
    layout::Rect,
    style::Style,
    text::{Line, Span},
};
use unicode_width::UnicodeWidthStr;

use super::theme;

/// Draws `── title ───── note ─` on the first row, as a heavy line if the panel has the focus, and returns the area
/// below.
pub fn titled(buffer: &mut Buffer, area: Rect, title: Line<'_>, note: &str, focused: bool) -> Rect {
    if area.is_empty() {
        return area;
    }
    let (line, style) = if focused { ("━", theme::BOLD) } else { ("─", theme::FAINT) };
    buffer.set_stringn(area.x, area.y, line.repeat(usize::from(area.width)), usize::from(area.width), style);
    let room = area.width.saturating_sub(4);
    let mut spans = vec![Span::raw(" ")];
    spans.extend(title.spans);
    spans.push(Span::raw(" "));
    let title = Line::from(spans);
    let used = u16::try_from(title.width()).unwrap_or(u16::MAX).min(room);
    buffer.set_line(area.x.saturating_add(2), area.y, &title, room);
    let note_width = u16::try_from(note.width()).unwrap_or(u16::MAX).saturating_add(2);
    if !note.is_empty() && used.saturating_add(note_width).saturating_add(2) <= room {
        let x = area.right().saturating_sub(note_width).saturating_sub(2);
        buffer.set_stringn(x, area.y, format!(" {note} "), usize::from(note_width), theme::FAINT);
    }
    below_title(area)
}

/// Returns the area of a panel below its title.
#[must_use]
pub const fn below_title(area: Rect) -> Rect {
    Rect { y: area.y.saturating_add(1), height: area.height.saturating_sub(1), ..area }
}

/// Draws lines from the top of `area`, as many as fit.
pub fn lines<'a>(buffer: &mut Buffer, area: Rect, lines: impl IntoIterator<Item = Line<'a>>) {
    for (row, line) in area.rows().zip(lines) {
        buffer.set_line(row.x, row.y, &line, row.width);
        // Without the ellipsis, a truncated number would look like another number.
        if line.width() > usize::from(row.width)
            && let Some(last) = row.right().checked_sub(1).filter(|last| *last >= row.x)
        {
            buffer.set_string(last, row.y, "…", theme::FAINT);
        }
    }
}

/// Returns a faint label and its value.
#[must_use]
pub fn pair(label: &str, value: impl Into<String>, style: Style) -> [Span<'_>; 2] {
    [Span::styled(label, theme::FAINT), Span::styled(value.into(), style)]
}
