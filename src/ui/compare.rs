//! Draws the comparison on the whole screen: three numbers in blocks, three verdicts, and below them a row per attempt with
//! its result on each side. The numbers are the stocks, or shipments and credits.

mod guards;
mod policies;

use ratatui::{
    buffer::Buffer,
    layout::{Constraint, Layout, Rect},
    style::Style,
    text::{Line, Span},
    widgets::{Clear, Widget},
};

use crate::{
    app::{
        App, Appearance, Candidate, Comparison, ComparisonState, LineUpRow, Link, Overlay, SIDES, Side, SideStage,
        Subject, Tone, Worker, trouble,
    },
    domain::Activity,
    store::Verdict,
    text::{column, truncate, wrap},
};

use super::{digits, footer, line_up, pane, theme, words};

/// A short text in the column of a side, and its style.
type Note = (String, Style);

/// The words that differ between the subjects.
struct Labels {
    title: &'static str,
    head: &'static str,
    /// Beside the rows of the names.
    candidates: [&'static str; 2],
    /// Beside the rows of the numbers.
    numbers: [&'static str; 4],
    /// A number that can be drawn, so that the digits keep their size when a number gets longer.
    number: &'static str,
}

const fn labels(subject: Subject) -> Labels {
    match subject {
        Subject::Guards => Labels {
            title: "three guards",
            head: "one order, three guards",
            candidates: ["guard", "remembers"],
            numbers: ["", "", "stock", ""],
            number: "1000",
        },
        Subject::Policies => Labels {
            title: "three supplier policies",
            head: "one order, three supplier policies",
            candidates: ["policy", "repetition"],
            numbers: ["", "shipments", "against", "credits"],
            number: "1=1",
        },
    }
}

/// The layout for the available space.
#[derive(Debug, Clone, Copy)]
struct Room {
    /// Columns at the left for the names of the rows.
    gutter: u16,
    /// Whether there are rows between the parts, and longer labels.
    roomy: bool,
    /// Whether the verdicts are drawn in letters as large as the stocks.
    letters: bool,
}

impl Room {
    const fn of(area: Rect) -> Self {
        let gutter = if area.width < 76 { 7 } else { 16 };
        Self { gutter, roomy: area.height >= 22, letters: area.height >= 30 && area.width >= 100 }
    }

    const fn gap(self) -> u16 {
        if self.roomy { 1 } else { 0 }
    }
}

/// Draws the comparison.
pub fn draw(buffer: &mut Buffer, area: Rect, app: &App) {
    let area = area.intersection(buffer.area);
    Clear.render(area, buffer);
    let Some(comparison) = app.comparison() else {
        let subject = match app.overlay() {
            Overlay::Compare(subject) => subject,
            _ => Subject::default(),
        };
        let inside = pane::titled(buffer, area, Line::styled(labels(subject).title, theme::BOLD), "", false);
        return footer::draw_keys(buffer, inside, app);
    };
    let room = Room::of(area);
    let labels = labels(comparison.terms().subject);
    let widest = widest(comparison, labels.number);
    let letters = if room.letters { digits::HEIGHT.saturating_add(1) } else { 0 };
    let [head, names, numbers, verdicts, attempts, moral, foot] = area.layout(&Layout::vertical([
        Constraint::Length(2),
        Constraint::Length(1 + 2 * room.gap()),
        Constraint::Length(digits::HEIGHT + room.gap() + letters),
        Constraint::Length(1 + room.gap()),
        Constraint::Min(0),
        Constraint::Length(1 + room.gap()),
        Constraint::Length(1),
    ]));
    draw_head(buffer, head, comparison, labels.head);
    draw_columns(buffer, names, room, comparison, &labels.candidates, |buffer, area, side| {
        let means = Line::styled(meaning(side.candidate(), usize::from(area.width)), theme::FAINT);
        pane::lines(buffer, area, [Line::styled(side.candidate().name(), theme::BOLD), means]);
    });
    draw_columns(buffer, numbers, room, comparison, &labels.numbers, |buffer, area, side| {
        draw_number(buffer, area, side, &widest, app.appearance());
    });
    draw_columns(buffer, verdicts, room, comparison, &["verdict"], |buffer, area, side| {
        pane::lines(buffer, area, [verdict(side, room, usize::from(area.width)), note(side, usize::from(area.width))]);
    });
    draw_attempts(buffer, attempts, room, app, comparison);
    draw_moral(buffer, moral, app, comparison);
    footer::draw_keys(buffer, foot, app);
}

fn draw_head(buffer: &mut Buffer, area: Rect, comparison: &ComparisonState, title: &str) {
    let terms = comparison.terms();
    let title = Line::styled(title, theme::BOLD);
    let area = pane::titled(buffer, area, title, "same order, same faults, same moment", false);
    let mut spans = vec![
        Span::raw(" "),
        Span::styled(Comparison::ORDER, theme::BOLD),
        Span::raw(format!(" {} x {}", terms.quantity(), Comparison::PRODUCT)),
    ];
    if terms.sends_other_order() {
        spans.push(Span::styled(format!(", then {}", Comparison::OTHER), theme::BOLD));
    }
    spans.push(Span::raw("  "));
    spans.push(Span::styled(format!(" FAULTS {} ", terms.plan()), theme::badge(theme::WARN)));
    if let Some(set) = comparison.instead_of() {
        spans.push(Span::styled(format!(" replaces {set}"), theme::FAINT));
    }
    let seed = Span::styled(format!(" seed {}", terms.seed), theme::FAINT);
    // A truncated number would be wrong, and this one matters least.
    let used: usize = spans.iter().map(Span::width).sum();
    spans.extend((used + seed.width() <= usize::from(area.width)).then_some(seed));
    pane::lines(buffer, area, [Line::from(spans)]);
}

/// Divides a row of the screen into the gutter and a column for each side.
fn columns(area: Rect, room: Room) -> (Rect, [Rect; SIDES]) {
    let [gutter, first, second, third] = area.layout(&Layout::horizontal([
        Constraint::Length(room.gutter),
        Constraint::Fill(1),
        Constraint::Fill(1),
        Constraint::Fill(1),
    ]));
    let columns = [first, second, third];
    // All as wide as the narrowest, so that the sides look alike.
    let width = columns.iter().map(|column| column.width).min().unwrap_or_default().saturating_sub(1);
    (gutter, columns.map(|column| Rect { width, ..column }))
}

fn draw_columns(
    buffer: &mut Buffer,
    area: Rect,
    room: Room,
    comparison: &ComparisonState,
    labels: &[&'static str],
    draw: impl Fn(&mut Buffer, Rect, &Side),
) {
    let (gutter, columns) = columns(area, room);
    for (row, label) in gutter.rows().zip(labels).filter(|(row, label)| label.len() + 2 <= usize::from(row.width)) {
        buffer.set_line(row.x, row.y, &Line::styled(format!(" {label}"), theme::FAINT), row.width);
    }
    for (side, column) in comparison.sides().iter().zip(columns) {
        draw(buffer, column, side);
    }
}

fn meaning(candidate: Candidate, width: usize) -> String {
    match candidate {
        Candidate::Guard(guard) => guards::meaning(guard).to_owned(),
        Candidate::Policy(policy) => policies::meaning(policy, width),
    }
}

fn number(side: &Side) -> String {
    match side.candidate() {
        Candidate::Guard(_) => guards::number(side),
        Candidate::Policy(_) => policies::number(side),
    }
}

const fn judged(side: Option<Verdict>) -> Style {
    match side {
        Some(Verdict::Right) => theme::GOOD,
        Some(Verdict::Wrong) => theme::BAD,
        None => theme::PLAIN,
    }
}

/// The longest number to draw, at least as long as the usual one, so that the digits keep their size.
fn widest(comparison: &ComparisonState, usual: &str) -> String {
    let numbers = comparison.sides().iter().map(number);
    numbers.chain([usual.to_owned()]).max_by_key(|number| number.chars().count()).unwrap_or_default()
}

fn draw_number(buffer: &mut Buffer, area: Rect, side: &Side, widest: &str, look: Appearance) {
    let verdict = side.verdict();
    // Numbers without a gap would read as one.
    let area = Rect { width: area.width.saturating_sub(1), ..area };
    let place = Rect { height: digits::HEIGHT.min(area.height), ..area };
    let mut number = number(side);
    let in_blocks = place.height >= digits::HEIGHT && digits::fits(widest, place.width);
    if look.ascii && !in_blocks {
        number = number.replace('≠', "!=");
    }
    digits::draw_like(buffer, place, &number, widest, judged(verdict));
    let below = digits::HEIGHT.saturating_add(1);
    if area.height >= below.saturating_add(digits::HEIGHT) {
        let word = match verdict {
            Some(Verdict::Right) => "RIGHT",
            Some(Verdict::Wrong) => "WRONG",
            None => "",
        };
        let area = Rect { y: area.y.saturating_add(below), height: digits::HEIGHT, ..area };
        digits::draw(buffer, area, word, judged(verdict));
    }
}

/// The verdict as a block of colour, unless the letters above show it, and a detail.
fn verdict(side: &Side, room: Room, width: usize) -> Line<'static> {
    let style = judged(side.verdict());
    let (word, style) = match (side.verdict(), side.stage()) {
        (Some(Verdict::Right), _) => (" RIGHT ", theme::badge(style)),
        (Some(Verdict::Wrong), _) => (" WRONG ", theme::badge(style)),
        (None, SideStage::Failed(_)) => (" FAILED ", theme::badge(theme::BAD)),
        (None, _) => (" PENDING ", theme::badge(theme::WARN)),
    };
    let mut line = Line::default();
    if !room.letters || side.verdict().is_none() {
        line.push_span(Span::styled(word, style));
    }
    let left = width.saturating_sub(line.width());
    let detail = match side.candidate() {
        Candidate::Guard(_) => guards::detail(side, left),
        Candidate::Policy(_) => policies::detail(side, left),
    };
    line.spans.extend(detail);
    line
}

/// The reason for the verdict or for the failure, or the state of the worker.
fn note(side: &Side, width: usize) -> Line<'static> {
    let cut = |text: &str, style| Line::styled(truncate(text, width), style);
    if let SideStage::Failed(cause) = side.stage() {
        return cut(cause, theme::BAD);
    }
    let note = match side.candidate() {
        Candidate::Guard(_) => guards::note(side),
        Candidate::Policy(_) => policies::note(side, width),
    };
    match (note, side.worker()) {
        (Some((text, style)), _) => cut(&text, style),
        (None, Worker::Ready { .. }) => cut("worker ● ready", theme::FAINT),
        (None, worker) => {
            let (text, style) = words::worker(worker);
            Line::from(pane::pair("worker ", text, style).to_vec())
        }
    }
}

/// A row per attempt. The earliest are omitted if they do not fit, and the number of omitted rows is shown.
fn draw_attempts(buffer: &mut Buffer, area: Rect, room: Room, app: &App, comparison: &ComparisonState) {
    let title = Line::styled("attempt by attempt", theme::BOLD);
    let area = pane::titled(buffer, area, title, if room.roomy { "↓ time" } else { "" }, false);
    let rows = comparison.line_up();
    let height = usize::from(area.height);
    let hidden = if rows.len() > height { (rows.len() + 1).saturating_sub(height) } else { 0 };
    // If there is room for all expected rows, they are separated by blank rows, so that none moves later.
    let expected = if comparison.terms().sends_other_order() { 5 } else { 3 };
    let apart = if rows.len().max(expected).saturating_mul(2) <= height { 2 } else { 1 };
    let mut places = area.rows().step_by(apart);
    if hidden > 0
        && let Some(place) = places.next()
    {
        buffer.set_line(place.x, place.y, &Line::styled(format!(" … {hidden} earlier"), theme::FAINT), place.width);
    }
    let (gutter, columns) = columns(area, room);
    for (place, row) in places.zip(rows.iter().skip(hidden)) {
        buffer.set_line(gutter.x, place.y, &label(row, room), gutter.width);
        for (cell, column) in row.cells.iter().zip(columns) {
            if let Some(cell) = cell {
                let line = line_up::cell(cell, app.appearance(), usize::from(column.width), app.shown_now());
                pane::lines(buffer, Rect { y: place.y, height: 1, ..column }, [line]);
            }
        }
    }
}

fn label(row: &LineUpRow<'_>, room: Room) -> Line<'static> {
    let narrow = room.gutter < 10;
    let order = column(row.order, 3);
    let text = if narrow {
        let activity = match row.activity {
            Activity::UpdateInventory => 'u',
            Activity::SupplierOrder => 's',
        };
        format!("{order} {activity}{}", row.attempt)
    } else {
        format!(" {order} {} {}", row.activity.short_name(), row.attempt)
    };
    Line::styled(truncate(&text, usize::from(room.gutter.saturating_sub(1))), theme::FAINT)
}

fn draw_moral(buffer: &mut Buffer, area: Rect, app: &App, comparison: &ComparisonState) {
    let (sentences, style) = said(app, comparison);
    let (width, height) = (usize::from(area.width).saturating_sub(2), usize::from(area.height));
    // As many whole sentences as fit.
    let fitting = (1..=sentences.len()).rev().map(|count| sentences.iter().take(count).cloned().collect::<Vec<_>>());
    let wrapped = |sentences: Vec<String>| wrap(&sentences.join(" "), width, 0, usize::MAX);
    let lines = fitting.map(wrapped).find(|lines| lines.len() <= height);
    let lines = lines.unwrap_or_else(|| wrap(&sentences.join(" "), width, 0, height));
    pane::lines(buffer, area, lines.into_iter().map(|line| Line::styled(format!(" {line}"), style)));
}

/// The obstacle, the result, or what happens now. The most important sentences come first.
fn said(app: &App, comparison: &ComparisonState) -> (Vec<String>, Style) {
    let failed = comparison.sides().iter().find_map(|side| match side.stage() {
        SideStage::Failed(cause) => Some(format!("{}: {cause}", side.candidate().name())),
        _ => None,
    });
    let notice = app.notice().filter(|notice| notice.tone == Tone::Bad).map(|notice| notice.text.clone());
    let trouble = trouble(app).filter(|_| *app.link() != Link::Up).map(|trouble| trouble.text);
    if let Some(wrong) = notice.or(failed).or(trouble) {
        return (vec![wrong], theme::BAD.patch(theme::BOLD));
    }
    let sentences = match (comparison.terms().subject, comparison.is_done()) {
        (Subject::Guards, true) => guards::moral(comparison),
        (Subject::Guards, false) => guards::happening(comparison),
        (Subject::Policies, true) => policies::moral(comparison),
        (Subject::Policies, false) => policies::happening(comparison),
    };
    let style = if comparison.is_done() { theme::BOLD } else { theme::PLAIN };
    (sentences.into_iter().map(str::to_owned).collect(), style)
}

#[cfg(test)]
mod tests;
