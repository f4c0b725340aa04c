//! Draws the speaker notes in a second terminal: the notes for the current step, the next step, and the elapsed time.

use ratatui::{
    buffer::Buffer,
    layout::{Constraint, Layout, Rect},
    text::Line,
    widgets::{Clear, Widget},
};

use crate::{
    app::{App, NotesPage},
    domain::UnixMillis,
};

use super::{footer, pane, prose::prose, theme, times};

/// Number of rows around the notes: the rule, the title and state of the step, the next step, blank rows and the keys.
const AROUND: u16 = 7;

/// Draws the speaker notes on the whole screen.
pub fn draw(buffer: &mut Buffer, area: Rect, app: &App) {
    let area = area.intersection(buffer.area);
    Clear.render(area, buffer);
    let [body, keys] = area.layout(&Layout::vertical([Constraint::Min(0), Constraint::Length(1)]));
    footer::draw_keys(buffer, keys, app);
    let Some(page) = app.notes() else {
        let lines = [
            Line::raw(""),
            Line::raw(" No walkthrough has started yet. Start one in the terminal for the audience:"),
            Line::raw(""),
            Line::styled("     idempotence walkthrough", theme::BOLD),
        ];
        return pane::lines(buffer, body, lines);
    };
    let (at, count) = page.position;
    let place = if at < count { format!("step {} of {count}", at + 1) } else { "summary".to_owned() };
    let note = format!("{place}  {}", elapsed(app, page.begun));
    let body = pane::titled(buffer, body, Line::styled(page.walkthrough.clone(), theme::BOLD), &note, true);
    let body = Rect { x: body.x.saturating_add(1), width: body.width.saturating_sub(2), ..body };
    let mut lines = vec![
        Line::raw(""),
        Line::styled(page.title.to_uppercase(), theme::BOLD),
        Line::styled(format!("{} On this step for {}.", page.stands, elapsed(app, page.since)), theme::FAINT),
        Line::raw(""),
    ];
    let notes = notes(page, body.width);
    let from = app.view().scroll().overlay.min(hidden(area, app));
    lines.extend(notes.into_iter().skip(from));
    lines.push(Line::raw(""));
    lines.push(
        page.next.as_ref().map_or_else(|| Line::raw(""), |next| Line::styled(format!("next: {next}"), theme::KNOWN)),
    );
    pane::lines(buffer, body, lines);
}

/// Returns the number of lines of the notes that do not fit.
#[must_use]
pub fn hidden(area: Rect, app: &App) -> usize {
    let lines = app.notes().map_or(0, |page| notes(page, area.width.saturating_sub(2)).len());
    lines.saturating_sub(usize::from(area.height.saturating_sub(AROUND)))
}

fn notes(page: &NotesPage, width: u16) -> Vec<Line<'static>> {
    if page.notes.is_empty() {
        return vec![Line::styled("(no notes for this step)", theme::FAINT)];
    }
    prose(&page.notes, usize::from(width))
}

fn elapsed(app: &App, since: UnixMillis) -> String {
    times::clock(app.shown_now().since(since))
}
