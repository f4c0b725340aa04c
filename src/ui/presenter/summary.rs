//! Draws the summary of a walkthrough: the result of each step, and the totals.

use ratatui::{
    buffer::Buffer,
    layout::Rect,
    style::Style,
    text::{Line, Span},
};

use crate::{
    app::{RunCounts, StepState, Walkthrough},
    text::{column, wrap},
    ui::{pane, theme, times},
};

/// Heading and width of each column, and the minimum width of a screen that shows it.
const COLUMNS: [(&str, usize, usize); 7] = [
    ("orders", 7, 88),
    ("attempts", 9, 0),
    ("retries", 8, 0),
    ("replays", 8, 0),
    ("shipped", 8, 76),
    ("stock", 7, 0),
    ("s", 7, 76),
];

/// Draws the summary.
pub fn draw(buffer: &mut Buffer, area: Rect, walkthrough: &Walkthrough) {
    let area = Rect { x: area.x.saturating_add(1), width: area.width.saturating_sub(2), ..area };
    let width = usize::from(area.width);
    let taken: usize = columns(width).map(|(_, (_, columns, _))| columns).sum();
    let title = width.saturating_sub(taken).max(12);
    let heads: Vec<_> = columns(width).map(|(_, (head, columns, _))| format!("{head:>columns$}")).collect();
    let mut lines = vec![Line::raw(""), Line::styled("RESULTS OF THIS RUN", theme::BOLD)];
    lines.extend(total(walkthrough, width));
    lines.push(Line::raw(""));
    lines.push(Line::styled(format!("{}{}", column("", title), heads.concat()), theme::FAINT));
    lines.extend(walkthrough.steps().map(|(step, state)| row(&step.title, state, title, width)));
    pane::lines(buffer, area, lines);
}

/// Returns the columns that fit, with their positions.
fn columns(width: usize) -> impl Iterator<Item = (usize, (&'static str, usize, usize))> {
    COLUMNS.into_iter().enumerate().filter(move |(_, (_, _, least))| width >= *least)
}

fn row(name: &str, state: &StepState, title: usize, width: usize) -> Line<'static> {
    let (mark, style, note) = match state {
        StepState::Played(judged) if judged.passed() => ("✓", theme::GOOD, figures(&judged.counts, width)),
        StepState::Played(judged) => ("✗", theme::BAD, judged.complaint().unwrap_or_default()),
        StepState::Abandoned(why) => ("✗", theme::BAD, why.clone()),
        StepState::Skipped => ("·", theme::WARN, "skipped".to_owned()),
        StepState::Ready => ("·", theme::WARN, "not played".to_owned()),
        StepState::Playing => ("○", theme::KNOWN, "playing".to_owned()),
        StepState::Read => ("·", theme::FAINT, String::new()),
    };
    Line::from(vec![
        Span::styled(format!("{mark} "), style),
        Span::raw(column(name, title.saturating_sub(2))),
        Span::styled(note, if style == theme::GOOD { Style::new() } else { style }),
    ])
}

fn figures(figures: &RunCounts, width: usize) -> String {
    let texts = [
        figures.starts.to_string(),
        figures.attempts.to_string(),
        figures.retries.to_string(),
        figures.replays.to_string(),
        figures.shipments.map_or_else(String::new, |shipments| shipments.to_string()),
        figures.stock.to_string(),
        format!("{}.{}", figures.duration.as_secs(), figures.duration.subsec_millis() / 100),
    ];
    let cell = |(place, (_, columns, _)): (usize, (&str, usize, usize))| {
        format!("{:>columns$}", texts.get(place).map_or("", String::as_str))
    };
    columns(width).map(cell).collect::<Vec<_>>().concat()
}

fn total(walkthrough: &Walkthrough, width: usize) -> Vec<Line<'static>> {
    let Some((sum, holds)) = walkthrough.counts() else {
        return vec![Line::styled("No step was played.", theme::WARN)];
    };
    let text = format!(
        "{} orders sent. {} attempts, including {} retries. {} replayed from the ledger. Worker deaths: {}. Time: {}.",
        sum.starts,
        sum.attempts,
        sum.retries,
        sum.replays,
        sum.deaths,
        times::clock(walkthrough.since().since(walkthrough.begun())),
    );
    let unseen = walkthrough.unseen();
    let (badge, style) = match (holds, unseen) {
        (false, _) => (" ✗ NOT EVERYTHING AS DESCRIBED ".to_owned(), theme::BAD),
        (true, 0) => (" ✓ EVERYTHING AS DESCRIBED ".to_owned(), theme::GOOD),
        (true, unseen) => (format!(" AS DESCRIBED, {unseen} NOT PLAYED "), theme::WARN),
    };
    let mut lines = vec![Line::styled(badge, theme::badge(style))];
    lines.extend(wrap(&text, width, 0, 4).into_iter().map(Line::raw));
    lines
}
