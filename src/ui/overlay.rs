//! Draws the overlays of the dashboard: pages in boxes, and questions.

use ratatui::{
    buffer::Buffer,
    layout::Rect,
    style::{Color, Style},
    text::Line,
    widgets::{Clear, Widget},
};

use crate::{
    app::{App, Overlay, Question, instructions},
    text::{truncate, wrap},
};

use super::{command_page, dialog::dialog, editor, help, log, notes, pane, regions::regions, statistics, theme, watch};

/// Width of a page, in columns.
const PAGE: u16 = 84;

/// Width of a question, in columns.
const QUESTION: u16 = 58;

/// Maximum rows of a consequence.
const MAX_CONSEQUENCE: usize = 4;

/// Minimum height, in rows, for a question in the middle of the screen. On a lower screen it would cover the verdict.
const SHORT: u16 = 20;

/// Draws the open overlay, unless it is a page that fills the whole screen.
pub fn draw(buffer: &mut Buffer, area: Rect, app: &App) {
    match app.overlay() {
        Overlay::Confirm(question) => ask(buffer, area, app, question),
        Overlay::Plan => editor::plan(buffer, area, app),
        Overlay::Filter => editor::filter(buffer, regions(area, app).line, app),
        Overlay::Signal => editor::signal(buffer, area, app),
        Overlay::ActivityOptions => editor::activity_options(buffer, area, app),
        Overlay::Query => editor::query(buffer, watch::query_row(area), app),
        Overlay::Log => log::draw(buffer, area, app),
        Overlay::None
        | Overlay::Compare(_)
        | Overlay::Walkthrough
        | Overlay::Notes
        | Overlay::Blank
        | Overlay::Executions
        | Overlay::Execution
        | Overlay::Failure
        | Overlay::Help
        | Overlay::Statistics
        | Overlay::ShowCommand
        | Overlay::Address
        | Overlay::Replay => {
            if let Some((title, lines)) = text(area, app) {
                page(buffer, area, app, &title, lines, page_width(app.overlay(), area));
            }
        }
    }
}

/// Returns the number of lines of the topmost page that do not fit, which is the limit of scrolling.
#[must_use]
pub fn hidden(area: Rect, app: &App) -> usize {
    if app.overlay() == Overlay::Log {
        return log::hidden(area, app);
    }
    if app.overlay() == Overlay::Notes {
        return notes::hidden(area, app);
    }
    let height = usize::from(page_area(area).height.saturating_sub(2));
    text(area, app).map_or(0, |(_, lines)| lines.len().saturating_sub(height))
}

/// Returns the title and the lines of the open page, if it consists of text.
fn text(area: Rect, app: &App) -> Option<(String, Vec<Line<'static>>)> {
    match app.overlay() {
        Overlay::Help => {
            Some((format!(" idempotence {} ", app.options().version), help::lines(app, inner_width(area))))
        }
        Overlay::Statistics => Some((" statistics ".to_owned(), statistics::lines(app, inner_width(area)))),
        Overlay::ShowCommand => {
            let (name, instructions) = if app.shows_executions() {
                ("this execution", app.execution_instructions())
            } else {
                let order = app.selected()?;
                (order.order.as_str(), instructions(app, order))
            };
            let title = format!(" temporal CLI commands for {name} ");
            Some((title, command_page::lines(&instructions, inner_width(area))))
        }
        Overlay::Address => {
            Some((" could not open a browser; y copies the address ".to_owned(), address(area, app.view().address()?)))
        }
        Overlay::Failure => watch::failure(app, usize::from(area.width.saturating_sub(2))),
        _ => None,
    }
}

/// Returns the number of columns of a page. A stack trace gets the whole width.
fn page_width(overlay: Overlay, area: Rect) -> u16 {
    if overlay == Overlay::Failure { area.width } else { area.width.min(PAGE) }
}

/// Returns the number of columns inside a page.
fn inner_width(area: Rect) -> usize {
    usize::from(area.width.min(PAGE).saturating_sub(2))
}

/// Breaks an address at the width of the page, without regard to words.
fn address(area: Rect, url: &str) -> Vec<Line<'static>> {
    let width = inner_width(area).max(1);
    let characters: Vec<_> = url.chars().collect();
    characters.chunks(width).map(|piece| Line::raw(piece.iter().collect::<String>())).collect()
}

/// Returns the area of pages, above the footer.
const fn page_area(area: Rect) -> Rect {
    Rect { height: area.height.saturating_sub(1), ..area }
}

/// Draws a box with lines, which scroll if they do not fit.
fn page(buffer: &mut Buffer, area: Rect, app: &App, title: &str, lines: Vec<Line<'_>>, width: u16) {
    let area = page_area(area);
    let height = u16::try_from(lines.len()).unwrap_or(u16::MAX).saturating_add(2);
    let inner = dialog(buffer, area, title, width, height);
    let hidden = lines.len().saturating_sub(usize::from(inner.height));
    let from = app.view().scroll().overlay.min(hidden);
    pane::lines(buffer, inner, lines.into_iter().skip(from));
    if hidden > from {
        let left = hidden - from;
        let text = format!(" {left} more {}; j and k scroll ", if left == 1 { "line" } else { "lines" });
        let x = inner.x.saturating_add(2);
        buffer.set_stringn(x, inner.bottom(), text, usize::from(inner.width.saturating_sub(2)), theme::BOLD);
    }
}

/// Draws a black screen.
pub fn blank(buffer: &mut Buffer, area: Rect) {
    Clear.render(area, buffer);
    buffer.set_style(area, Style::new().bg(Color::Black));
}

fn ask(buffer: &mut Buffer, area: Rect, app: &App, question: Question) {
    let (title, asked, consequence) = match question {
        Question::Reset => (
            " reset ",
            "Reset the stock to 1000 units?".to_owned(),
            "The journal is kept; finished orders leave the list.".to_owned(),
        ),
        Question::StartBeside => (
            " worker ",
            format!("Start a worker beside {}?", app.connections().other_worker().unwrap_or("another one")),
            "Temporal then gives each task to one of the two.".to_owned(),
        ),
        Question::KillServer => (
            " server ",
            "Kill the embedded Temporal server (SIGKILL)?".to_owned(),
            "Its data is on disk. Press X to start it again.".to_owned(),
        ),
        Question::Cancel(slot) => (
            " cancel ",
            format!("Cancel {}?", app.orders().get(slot).map_or("the order", |order| order.order.as_str())),
            "A change already in the stock stays there.".to_owned(),
        ),
        Question::LeaveWalkthrough => (
            " walkthrough ",
            "Leave the walkthrough and open the dashboard?".to_owned(),
            "p or F5 returns to the same step.".to_owned(),
        ),
        // The replay bar shows this question.
        Question::LeaveReplay => return,
        Question::Operate => match watch::question(app) {
            Some((asked, consequence)) => (" operation ", asked, consequence),
            None => return,
        },
    };
    let width = usize::from(QUESTION.min(area.width)).saturating_sub(4);
    let mut lines = vec![Line::styled(format!("  {}", truncate(&asked, width)), theme::BOLD)];
    let consequence = wrap(&consequence, width, 0, MAX_CONSEQUENCE);
    lines.extend(consequence.into_iter().map(|text| Line::raw(format!("  {text}"))));
    lines.extend(open_orders(app, question));
    let answers = Line::styled("  y  yes      n  no", theme::BOLD);
    if area.height < SHORT {
        // At the bottom, so that the header and the verdict stay visible.
        lines.push(answers);
        let height = u16::try_from(lines.len()).unwrap_or(u16::MAX).saturating_add(2);
        let free = area.height.saturating_sub(height).saturating_sub(1);
        let bottom = Rect { y: area.y.saturating_add(free), height: height.min(area.height), ..area };
        let inner = dialog(buffer, bottom, title, QUESTION, height);
        return pane::lines(buffer, inner, lines);
    }
    lines.insert(0, Line::raw(""));
    lines.extend([Line::raw(""), answers]);
    let height = u16::try_from(lines.len()).unwrap_or(u16::MAX).saturating_add(2).max(8);
    let inner = dialog(buffer, area, title, QUESTION, height);
    pane::lines(buffer, inner, lines);
}

/// Returns the consequence for the open orders, if the answer yes has one.
fn open_orders(app: &App, question: Question) -> Option<Line<'static>> {
    let becomes = match question {
        Question::Reset => "with the new stock",
        Question::KillServer => "when it is restarted",
        Question::StartBeside
        | Question::Cancel(_)
        | Question::LeaveWalkthrough
        | Question::LeaveReplay
        | Question::Operate => return None,
    };
    Some(match app.orders().open() {
        0 => Line::styled("  No order is open.", theme::FAINT),
        1 => Line::styled(format!("  1 order is open and continues {becomes}."), theme::BAD),
        open => Line::styled(format!("  {open} orders are open and continue {becomes}."), theme::BAD),
    })
}
