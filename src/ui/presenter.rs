//! A step of a walkthrough, over the whole screen. Changes nothing.
//!
//! ~~~text
//! ┌ rule    the talk │ how far it is                               ┐ 1 row
//! ├ title   the step, in blocks where there is room                ┤ 1 or 6 rows
//! ├ text    what the room reads                                    ┤ as many rows as it takes
//! ├ panels  at most three: stock, orders, timeline, effects        ┤ the rest
//! ├ said    what is about to happen, happens, or was seen          ┤ as many rows as it takes
//! └ keys    │ the key that was pressed                             ┘ 1 row
//! ~~~

mod prose;
mod summary;

use ratatui::{
    buffer::Buffer,
    layout::{Constraint, Layout, Rect},
    style::Style,
    text::{Line, Span},
    widgets::{Clear, Widget},
};

use crate::{
    app::{App, Judged, Link, Overlay, Part, Performance, Step, StepPanel, StepState, Tone, Walkthrough, trouble},
    keymap::KEYMAP,
};

use super::{digits, effects, footer, inventory, orders, pane, theme, timeline, words};

pub use prose::prose;
use prose::prose_within;

/// From this height on the title is drawn in blocks.
const TALL: u16 = 32;

/// The rows that a panel needs to be worth its place.
const STOCK: u16 = 6;
const SMALL: u16 = 3;

pub fn draw(buffer: &mut Buffer, area: Rect, app: &App) {
    let area = area.intersection(buffer.area);
    Clear.render(area, buffer);
    let Some(walkthrough) = app.walkthrough() else { return };
    let [body, keys] = area.layout(&Layout::vertical([Constraint::Min(0), Constraint::Length(1)]));
    let body = rule(buffer, body, app, walkthrough);
    match walkthrough.step() {
        Some((step, state)) => draw_step(buffer, body, app, step, state),
        None => summary::draw(buffer, body, app, walkthrough),
    }
    footer::draw_keys(buffer, keys, app);
    echo(buffer, keys, app);
}

/// The talk, how far it is, and for how long it has been going on.
fn rule(buffer: &mut Buffer, area: Rect, app: &App, walkthrough: &Walkthrough) -> Rect {
    let (at, count) = walkthrough.position();
    let marks: String = walkthrough.steps().enumerate().map(|(place, (_, state))| mark(place, at, state)).collect();
    let place = if at < count { format!("step {} of {count}", at + 1) } else { "summary".to_owned() };
    let seconds = app.shown_now().0.saturating_sub(walkthrough.begun().0) / 1_000;
    let note = format!("{marks}  {place}  {}:{:02}", seconds / 60, seconds % 60);
    let title = Line::styled(pane::cut(walkthrough.title(), usize::from(area.width / 2)), theme::BOLD);
    pane::titled(buffer, area, title, &note, true)
}

const fn mark(place: usize, at: usize, state: &StepState) -> char {
    match state {
        StepState::Seen(_) | StepState::Read => '●',
        StepState::GivenUp(_) => '✗',
        _ if place == at => '○',
        StepState::Skipped | StepState::Told | StepState::Playing => '·',
    }
}

fn draw_step(buffer: &mut Buffer, area: Rect, app: &App, step: &Step, state: &StepState) {
    let width = usize::from(area.width.saturating_sub(2));
    let heading = heading(&step.title, area);
    let said = said(app, step, state, width);
    let left = area.height.saturating_sub(heading).saturating_sub(rows(&said));
    // Before it is played, a step is its text; afterwards it is what the panels show.
    let told = matches!(state, StepState::Told | StepState::Read);
    let panels: u16 = step.panels.iter().map(|panel| least(*panel)).sum();
    let room = if told { left } else { left.saturating_sub(panels) };
    let text = prose_within(&step.text, width, usize::from(room));
    let [title, words, panels, below] = area.layout(&Layout::vertical([
        Constraint::Length(heading),
        Constraint::Length(rows(&text)),
        Constraint::Min(0),
        Constraint::Length(rows(&said)),
    ]));
    draw_heading(buffer, title, &step.title);
    pane::lines(buffer, indented(words), text);
    draw_panels(buffer, panels, app, &step.panels);
    pane::lines(buffer, indented(below), said);
}

fn rows(lines: &[Line<'_>]) -> u16 {
    u16::try_from(lines.len()).unwrap_or(u16::MAX)
}

const fn indented(area: Rect) -> Rect {
    Rect { x: area.x.saturating_add(1), width: area.width.saturating_sub(2), ..area }
}

/// The rows of a title.
fn heading(title: &str, area: Rect) -> u16 {
    let blocks = area.height >= TALL && digits::fits(&title.to_uppercase(), area.width.saturating_sub(2));
    if blocks { digits::HEIGHT + 3 } else { 2 }
}

fn draw_heading(buffer: &mut Buffer, area: Rect, title: &str) {
    let area = indented(area);
    if area.height > digits::HEIGHT {
        let blocks = Rect { y: area.y.saturating_add(1), height: digits::HEIGHT, ..area };
        digits::draw(buffer, blocks, &title.to_uppercase(), theme::PLAIN);
    } else {
        pane::lines(buffer, area, [Line::styled(title.to_uppercase(), theme::BOLD)]);
    }
}

const fn least(panel: StepPanel) -> u16 {
    match panel {
        StepPanel::Stock => STOCK,
        StepPanel::Orders | StepPanel::Timeline => SMALL + 2,
        StepPanel::Effects => SMALL + 1,
    }
}

fn draw_panels(buffer: &mut Buffer, area: Rect, app: &App, panels: &[StepPanel]) {
    // A panel that does not fit is left out whole, the last one first.
    let mut shown = panels;
    while shown.iter().map(|panel| least(*panel)).sum::<u16>() > area.height {
        let Some((_, fewer)) = shown.split_last() else { return };
        shown = fewer;
    }
    let tall_stock = area.height >= 24 && area.width >= 100;
    let constraint = |panel: &StepPanel| match panel {
        StepPanel::Stock => Constraint::Length(if tall_stock { 2 * STOCK } else { STOCK }),
        StepPanel::Orders => Constraint::Fill(1),
        StepPanel::Timeline => Constraint::Fill(3),
        StepPanel::Effects => Constraint::Fill(2),
    };
    let places = Layout::vertical(shown.iter().map(constraint)).split(area);
    for (panel, place) in shown.iter().zip(places.iter()) {
        match panel {
            StepPanel::Stock => inventory::draw(buffer, *place, app),
            StepPanel::Orders => orders::draw(buffer, *place, app),
            StepPanel::Timeline => timeline::draw(buffer, *place, app, 0),
            StepPanel::Effects => effects::draw(buffer, *place, app),
        }
    }
}

/// What is said below the panels: a badge, and sentences.
fn said(app: &App, step: &Step, state: &StepState, width: usize) -> Vec<Line<'static>> {
    let notice = app.notice().filter(|notice| notice.tone == Tone::Bad).map(|notice| notice.text.clone());
    let (badge, style, paragraphs, more) = match state {
        StepState::Told | StepState::Read if step.scenario.is_none() => return Vec::new(),
        StepState::Told | StepState::Read => (" NEXT ", theme::PLAIN, &step.before, None),
        StepState::Skipped => (" SKIPPED ", theme::WARN, &step.before, None),
        StepState::Playing => (" PLAYING ", theme::KNOWN, &step.before, Some((playing(app), theme::PLAIN))),
        StepState::Seen(judged) if judged.holds() => {
            (" ✓ SEEN ", theme::GOOD, &step.after, Some((evidence(judged, width), theme::GOOD)))
        }
        StepState::Seen(judged) => {
            let complaint = judged.complaint().unwrap_or_default();
            return plain(" ✗ NOT AS TOLD ", &format!("{complaint}. r plays it once more."), width);
        }
        StepState::GivenUp(why) => return plain(" ✗ NO END ", &format!("{why}. r plays it once more."), width),
    };
    let mut lines = vec![Line::raw(""), Line::styled(badge, theme::badge(style))];
    lines.extend(prose(paragraphs, width));
    let more = notice.map(|text| (text, theme::BAD)).or(more);
    if let Some((text, style)) = more {
        lines.extend(pane::wrap(&text, width, 0, 3).into_iter().map(|line| Line::styled(line, style)));
    }
    lines
}

fn plain(badge: &'static str, text: &str, width: usize) -> Vec<Line<'static>> {
    let mut lines = vec![Line::raw(""), Line::styled(badge, theme::badge(theme::BAD))];
    let bad = |line| Line::styled(line, theme::BAD);
    lines.extend(pane::wrap(text, width, 0, 4).into_iter().map(bad));
    lines
}

/// What the step stands or falls by, in one line: as much as fits.
fn evidence(judged: &Judged, width: usize) -> String {
    let mut text = String::from("checked:");
    for (place, check) in judged.checks.iter().enumerate() {
        let left = judged.checks.len().saturating_sub(place);
        let next = format!("{} {} {}", if place == 0 { "" } else { "," }, check.what, check.found);
        let more = format!(", and {left} more");
        if text.len() + next.len() + if left > 1 { more.len() } else { 0 } > width {
            return text + &more;
        }
        text.push_str(&next);
    }
    text
}

/// What is waited for while a step is played.
fn playing(app: &App) -> String {
    let gathering = || {
        if let Some(trouble) = trouble(app) {
            return trouble.text;
        }
        let link = if *app.link() == Link::Up { "connected" } else { "connecting" };
        format!("the stage is prepared: {link}, worker {}", words::worker(app.worker()).0)
    };
    match app.performance().map(Performance::part) {
        Some(Part::Acting) => app.selected().map_or_else(String::new, |order| {
            let stage = app.stage(order);
            let waits = words::waits_for(app, stage);
            let word = words::stage(stage).0;
            if waits.is_empty() {
                format!("{}: {word}", order.order)
            } else {
                format!("{}: {word}, waits for {waits}", order.order)
            }
        }),
        Some(Part::Clearing { .. }) => "what the step before has left is cleared away".to_owned(),
        Some(Part::Resetting) => "the starting stock is put back".to_owned(),
        _ => gathering(),
    }
}

/// The key that was pressed last, for the room.
fn echo(buffer: &mut Buffer, area: Rect, app: &App) {
    let Some(echo) = app.echo().filter(|echo| echo.overlay == Overlay::Walkthrough) else { return };
    let bound = KEYMAP.iter().find(|binding| binding.intent == echo.intent && binding.scope.holds(echo.overlay));
    let Some(bound) = bound else { return };
    let text = format!("  {}  ", bound.shown);
    let width = u16::try_from(text.chars().count()).unwrap_or(u16::MAX).min(area.width);
    let place = Rect { x: area.right().saturating_sub(width), width, ..area };
    let style: Style = theme::badge(theme::KNOWN);
    pane::lines(buffer, place, [Line::from(Span::styled(text, style))]);
}
