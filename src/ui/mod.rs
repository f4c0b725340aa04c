//! Drawing: functions of the state, without I/O, locks or a clock.
//!
//! ~~~text
//! ┌ header     server, link, worker │ data age;  guard, faults, namespace, queue ┐ 2 rows
//! ├ stock      in blocks │ verdict, expected, retries │ the document             ┤ 6 rows, 12 if there is room
//! ├ orders     newest first: attempts as glyphs, the stage, the verdict          ┤ the rest
//! ├ timeline   the selected order: a lane per activity, attempts │ effects       ┤ a little more than half of the rest
//! ├ line       a notice, a problem, or the legend                                ┤ 1 row
//! └ footer     keys for what can be done now                                     ┘ 1 row
//! ~~~
//! The overlays are the help, questions, editable lines, statistics, the log, commands and the comparison. A
//! walkthrough and its speaker notes use the whole screen. During a replay, a progress bar replaces the keys.
//!
//! `regions` is the layout, and `hit` maps clicks to it. As the last step, `appearance` applies the theme's colours
//! and, if requested, ASCII characters to every cell.

mod appearance;
mod command_page;
mod compare;
mod dialog;
mod digits;
mod editor;
mod effects;
mod footer;
mod glyphs;
mod header;
mod help;
mod hit;
mod inventory;
mod line_up;
mod log;
mod notes;
mod orders;
mod overlay;
mod pane;
mod presenter;
mod prose;
mod regions;
mod replay_bar;
mod statistics;
mod supplier;
mod theme;
mod timeline;
pub mod times;
mod watch;
mod words;

#[cfg(test)]
pub(crate) mod tests;

use ratatui::{Frame, buffer::Buffer, layout::Rect, text::Line};

use crate::app::{App, Overlay, ReplayState, Scroll};

pub use hit::hit;
pub use regions::{Regions, SMALLEST, regions};

/// Draws the state of `app` on a frame.
pub fn draw(frame: &mut Frame<'_>, app: &App) {
    let area = frame.area();
    draw_on(frame.buffer_mut(), area, app);
}

/// Draws the state of `app` on the part `area` of a buffer.
pub fn draw_on(buffer: &mut Buffer, area: Rect, app: &App) {
    let area = area.intersection(buffer.area);
    if area.width < SMALLEST.0 || area.height < SMALLEST.1 {
        too_small(buffer, area);
    } else {
        draw_regions(buffer, area, app);
    }
    appearance::apply(buffer, area, app.appearance());
}

fn draw_regions(buffer: &mut Buffer, area: Rect, app: &App) {
    let regions = regions(area, app);
    let page = if fills_the_screen(app.overlay()) { app.overlay() } else { app.beneath() };
    match page {
        Overlay::Compare(_) => compare::draw(buffer, area, app),
        Overlay::Walkthrough => presenter::draw(buffer, area, app),
        Overlay::Notes => notes::draw(buffer, area, app),
        Overlay::Executions => watch::executions(buffer, area, app),
        Overlay::Execution => watch::execution(buffer, area, app),
        Overlay::Blank => overlay::blank(buffer, area),
        _ => draw_dashboard(buffer, &regions, app),
    }
    overlay::draw(buffer, area, app);
    match app.view().replay() {
        Some(bar) if bar.state == ReplayState::Blank => overlay::blank(buffer, area),
        Some(bar) => replay_bar::draw(buffer, regions.keys, app, bar),
        None => {}
    }
}

fn draw_dashboard(buffer: &mut Buffer, regions: &Regions, app: &App) {
    header::draw(buffer, regions.header, app);
    inventory::draw(buffer, regions.stock, app);
    orders::draw(buffer, regions.orders, app);
    timeline::draw(buffer, regions.timeline, app, app.view().scroll().timeline);
    effects::draw(buffer, regions.effects, app);
    footer::draw_line(buffer, regions.line, app);
    footer::draw_keys(buffer, regions.keys, app);
}

/// Whether the overlay fills the whole screen. The others are boxes over another page.
const fn fills_the_screen(overlay: Overlay) -> bool {
    matches!(
        overlay,
        Overlay::Compare(_)
            | Overlay::Walkthrough
            | Overlay::Notes
            | Overlay::Executions
            | Overlay::Execution
            | Overlay::Blank
    )
}

/// Returns how many lines each list can be scrolled on a screen of this size.
#[must_use]
pub fn limits(area: Rect, app: &App) -> Scroll {
    let regions = regions(area, app);
    Scroll {
        timeline: timeline::hidden(regions.timeline, app),
        effects: effects::hidden(regions.effects, app),
        overlay: overlay::hidden(area, app),
    }
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
