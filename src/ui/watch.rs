//! Draws the pages about executions of any workflow.

use ratatui::{buffer::Buffer, layout::Rect};

use crate::app::{App, Watch, Watched};

use super::pane;

/// Draws the list of executions.
pub fn executions(buffer: &mut Buffer, area: Rect, app: &App) {
    let rows = app.watch().map(|watch| watch.list().rows()).unwrap_or_default();
    pane::lines(buffer, area, rows.iter().map(|row| row.info.run.to_string().into()));
}

/// Draws one execution.
pub fn execution(buffer: &mut Buffer, area: Rect, app: &App) {
    let lanes = app.watch().and_then(Watch::opened).map(Watched::lanes).unwrap_or_default();
    pane::lines(buffer, area, lanes.iter().map(|lane| lane.label().to_owned().into()));
}
