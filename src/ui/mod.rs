//! Drawing: every function takes the state and changes nothing. No I/O, no lock, no clock.
//!
//! ~~~text
//! ┌ header     server, namespace, queue, link, worker, guard, faults, freshness ┐ 2 rows
//! ├ inventory  the stock in blocks │ verdict, expected, retries │ the document  ┤ 6 rows, 12 where there is room
//! ├ orders     newest first: attempts as glyphs, what it waits for, verdict     ┤ the rest, a little more than half
//! ├ details    the selected order: a sentence, its attempts │ effects           ┤ the rest
//! ├ line       a notice, else what is wrong, else the legend                    ┤ 1 row
//! └ footer     keys for what can be done now                                    ┘ 1 row
//! ~~~
//! On top, when asked for: the help, or a question.

mod compare;
mod details;
mod digits;
mod effects;
mod footer;
mod glyphs;
mod header;
mod inventory;
mod line_up;
mod orders;
mod overlay;
mod pane;
mod theme;
mod words;

#[cfg(test)]
mod tests;

use ratatui::{
    Frame,
    buffer::Buffer,
    layout::{Constraint, Layout, Rect},
    text::Line,
};

use crate::app::App;

/// The smallest terminal that shows something useful.
pub const SMALLEST: (u16, u16) = (60, 16);

/// From this width on effects stand beside the details, and not only where there is height to spare.
const WIDE: u16 = 76;

pub fn draw(frame: &mut Frame<'_>, app: &App) {
    let area = frame.area();
    draw_on(frame.buffer_mut(), area, app);
}

/// As [`draw`], on a buffer.
pub fn draw_on(buffer: &mut Buffer, area: Rect, app: &App) {
    let area = area.intersection(buffer.area);
    if area.width < SMALLEST.0 || area.height < SMALLEST.1 {
        return too_small(buffer, area);
    }
    let tall = area.height >= 32 && area.width >= 100;
    let [head, stock, body, line, keys] = area.layout(&Layout::vertical([
        Constraint::Length(2),
        Constraint::Length(if tall { 12 } else { 6 }),
        Constraint::Min(0),
        Constraint::Length(1),
        Constraint::Length(1),
    ]));
    header::draw(buffer, head, app);
    inventory::draw(buffer, stock, app);
    draw_body(buffer, body, app);
    footer::draw_line(buffer, line, app);
    footer::draw_keys(buffer, keys, app);
    overlay::draw(buffer, area, app);
}

fn draw_body(buffer: &mut Buffer, area: Rect, app: &App) {
    // Below this the details would be a title and nothing else.
    if area.height < 10 {
        return orders::draw(buffer, area, app);
    }
    let below = (area.height / 2).clamp(5, 16);
    let [above, below] = area.layout(&Layout::vertical([Constraint::Min(0), Constraint::Length(below)]));
    orders::draw(buffer, above, app);
    if area.width < WIDE {
        return details::draw(buffer, below, app);
    }
    let [left, _, right] = below.layout(&Layout::horizontal([
        Constraint::Min(0),
        Constraint::Length(1),
        Constraint::Length((area.width * 17 / 40).min(56)),
    ]));
    details::draw(buffer, left, app);
    effects::draw(buffer, right, app);
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
