//! Draws the pages about executions of any workflow: the list, one execution, and a failure.
//!
//! ~~~text
//! ┌ server     address, connection, namespace │ requests per second ┐ 1 row
//! ├ list       query, rows  │ an execution: lanes, attempts, details ┤ the rest
//! ├ line       a notice, or why a request has no answer               ┤ 1 row
//! └ keys       for what can be done now                               ┘ 1 row
//! ~~~

mod details;
mod execution;
mod failure;
mod list;
mod now;
mod operation;
mod server;
mod signals;
mod values;

#[cfg(test)]
mod page_tests;
#[cfg(test)]
pub(super) mod scenes;
#[cfg(test)]
mod tests;

use ratatui::{
    buffer::Buffer,
    layout::{Constraint, Layout, Position, Rect},
    widgets::{Clear, Widget},
};

use crate::app::App;

use super::{footer, theme};

pub use failure::page as failure;
pub use operation::question;

/// The parts of a page.
struct Parts {
    server: Rect,
    body: Rect,
    line: Rect,
    keys: Rect,
}

impl Parts {
    fn of(area: Rect) -> Self {
        let rows = [Constraint::Length(1), Constraint::Min(0), Constraint::Length(1), Constraint::Length(1)];
        let [server, body, line, keys] = area.layout(&Layout::vertical(rows));
        Self { server, body, line, keys }
    }
}

/// Draws what both pages have, after their content, because a long text in the line covers rows above it. `problem`: why the latest request has no answer.
fn frame(buffer: &mut Buffer, parts: &Parts, app: &App, problem: Option<String>) {
    server::draw(buffer, parts.server, app);
    match footer::notice(app) {
        Some((mark, text, style)) => footer::draw_text(buffer, parts.line, mark, &text, style),
        None => {
            if let Some(text) = problem {
                footer::draw_text(buffer, parts.line, " ! ", &text, theme::BAD.patch(theme::BOLD));
            }
        }
    }
    footer::draw_keys(buffer, parts.keys, app);
}

/// Draws the list of executions.
pub fn executions(buffer: &mut Buffer, area: Rect, app: &App) {
    Clear.render(area, buffer);
    let parts = Parts::of(area);
    let Some(watch) = app.watch() else { return };
    list::draw(buffer, parts.body, app, watch);
    frame(buffer, &parts, app, list::problem(app, watch.list()));
}

/// The row in which the query is shown and edited.
#[must_use]
pub fn query_row(area: Rect) -> Rect {
    Rect { height: 1, ..Parts::of(area).body }
}

/// The position in the list of the row that is drawn at `place`.
#[must_use]
pub fn row_at(area: Rect, app: &App, place: Position) -> Option<usize> {
    list::row_at(Parts::of(area).body, app.watch()?, place)
}

/// Draws one execution.
pub fn execution(buffer: &mut Buffer, area: Rect, app: &App) {
    Clear.render(area, buffer);
    let parts = Parts::of(area);
    let Some(watch) = app.watch() else { return };
    execution::draw(buffer, parts.body, app, watch);
    frame(buffer, &parts, app, execution::problem(app, watch));
}

/// The position of the lane that is drawn at `place`.
#[must_use]
pub fn lane_at(area: Rect, app: &App, place: Position) -> Option<usize> {
    execution::lane_at(Parts::of(area).body, app, app.watch()?, place)
}
