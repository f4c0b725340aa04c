//! Drawing: every function takes the state and changes nothing. No I/O, no lock, no clock.
//!
//! `regions` says where everything is. On top, when asked for: the help, or a question. Last of all `look` gives every
//! cell its theme's colours and, where asked for, an ASCII character.

mod details;
mod digits;
mod effects;
mod footer;
mod glyphs;
mod header;
mod hit;
mod inventory;
mod look;
mod orders;
mod overlay;
mod pane;
mod regions;
mod theme;
mod words;

#[cfg(test)]
mod tests;

use ratatui::{Frame, buffer::Buffer, layout::Rect, text::Line};

use crate::app::App;

pub use hit::hit;
pub use regions::{Regions, layout};

/// The smallest terminal that shows something useful.
pub const SMALLEST: (u16, u16) = (60, 16);

pub fn draw(frame: &mut Frame<'_>, app: &App) {
    let area = frame.area();
    draw_on(frame.buffer_mut(), area, app);
}

/// As [`draw`], on a buffer.
pub fn draw_on(buffer: &mut Buffer, area: Rect, app: &App) {
    let area = area.intersection(buffer.area);
    draw_regions(buffer, area, app);
    look::finish(buffer, area, app.look());
}

fn draw_regions(buffer: &mut Buffer, area: Rect, app: &App) {
    if area.width < SMALLEST.0 || area.height < SMALLEST.1 {
        return too_small(buffer, area);
    }
    let regions = layout(area);
    header::draw(buffer, regions.header, app);
    inventory::draw(buffer, regions.stock, app);
    orders::draw(buffer, regions.orders, app);
    if !regions.timeline.is_empty() {
        details::draw(buffer, regions.timeline, app);
    }
    if let Some(effects) = regions.effects {
        effects::draw(buffer, effects, app);
    }
    footer::draw_line(buffer, regions.line, app);
    footer::draw_keys(buffer, regions.keys, app);
    overlay::draw(buffer, area, app);
}

fn too_small(buffer: &mut Buffer, area: Rect) {
    let (width, height) = SMALLEST;
    let lines = [
        format!("{}x{} is too small.", area.width, area.height),
        format!("Please make it {width}x{height} or larger."),
        "q quits".to_owned(),
    ];
    for (row, text) in area.rows().zip(lines) {
        buffer.set_line(row.x, row.y, &Line::styled(text, theme::BOLD), row.width);
    }
}
