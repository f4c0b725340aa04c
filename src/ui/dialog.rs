//! The bordered box of a question, a page, the log or an edited line.

use ratatui::{
    buffer::Buffer,
    layout::{Constraint, Rect},
    text::Line,
    widgets::{Block, BorderType, Clear, Widget},
};

use crate::text::truncate;

use super::theme;

/// Draws an empty box in the middle of `area`, at most as large as `area`, and returns the area inside its border.
pub fn dialog(buffer: &mut Buffer, area: Rect, title: &str, width: u16, height: u16) -> Rect {
    let outer = area.centered(Constraint::Length(width.min(area.width)), Constraint::Length(height.min(area.height)));
    let title = truncate(title, usize::from(outer.width.saturating_sub(2)));
    let block = Block::bordered().border_type(BorderType::Rounded).title(Line::styled(title, theme::BOLD));
    let inner = block.inner(outer);
    Clear.render(outer, buffer);
    block.render(outer, buffer);
    inner
}
