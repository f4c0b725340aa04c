//! The end of a walkthrough: what each step came to, and what all of them add up to. Changes nothing.

use ratatui::{
    buffer::Buffer,
    layout::Rect,
    style::Style,
    text::{Line, Span},
};

use crate::{
    app::{App, Figures, StepState, Walkthrough},
    ui::{pane, theme},
};

/// The columns behind a step's title.
const FIGURES: usize = 46;

pub fn draw(buffer: &mut Buffer, area: Rect, app: &App, walkthrough: &Walkthrough) {
    let area = Rect { x: area.x.saturating_add(1), width: area.width.saturating_sub(2), ..area };
    let width = usize::from(area.width);
    let title = width.saturating_sub(FIGURES).max(12);
    let heading = format!(
        "  {} {:>6} {:>8} {:>7} {:>7} {:>6} {:>6}",
        pane::column("", title.saturating_sub(2)),
        "orders",
        "attempts",
        "retries",
        "replays",
        "stock",
        "s"
    );
    let mut lines = vec![
        Line::raw(""),
        Line::styled("WHAT THIS VERY RUN HAS SHOWN", theme::BOLD),
        Line::raw(""),
        Line::styled(heading, theme::FAINT),
    ];
    lines.extend(walkthrough.steps().map(|(step, state)| row(&step.title, state, title)));
    lines.push(Line::raw(""));
    lines.extend(total(app, walkthrough, width));
    pane::lines(buffer, area, lines);
}

fn row(name: &str, state: &StepState, width: usize) -> Line<'static> {
    let (mark, style, note) = match state {
        StepState::Seen(judged) if judged.holds() => ("✓", theme::GOOD, figures(&judged.figures)),
        StepState::Seen(judged) => ("✗", theme::BAD, judged.complaint().unwrap_or_default()),
        StepState::GivenUp(why) => ("✗", theme::BAD, why.clone()),
        StepState::Skipped => ("·", theme::WARN, "skipped".to_owned()),
        StepState::Told => ("·", theme::WARN, "not played".to_owned()),
        StepState::Playing => ("○", theme::KNOWN, "being played".to_owned()),
        StepState::Read => ("·", theme::FAINT, String::new()),
    };
    Line::from(vec![
        Span::styled(format!("{mark} "), style),
        Span::raw(pane::column(name, width.saturating_sub(2))),
        Span::styled(format!(" {note}"), if style == theme::GOOD { Style::new() } else { style }),
    ])
}

fn figures(figures: &Figures) -> String {
    format!(
        "{:>6} {:>8} {:>7} {:>7} {:>6} {:>4}.{}",
        figures.starts,
        figures.attempts,
        figures.retries,
        figures.replays,
        figures.stock,
        figures.millis / 1_000,
        figures.millis % 1_000 / 100
    )
}

fn total(app: &App, walkthrough: &Walkthrough, width: usize) -> Vec<Line<'static>> {
    let Some((sum, holds)) = walkthrough.figures() else {
        return vec![Line::styled("No step was played.", theme::WARN)];
    };
    let seconds = app.shown_now().0.saturating_sub(walkthrough.begun().0) / 1_000;
    let text = format!(
        "Orders sent: {}. Attempts: {}, of which retries: {}. Answered from the ledger: {}. Workers that died: {}. \
         Time: {}:{:02}.",
        sum.starts,
        sum.attempts,
        sum.retries,
        sum.replays,
        sum.deaths,
        seconds / 60,
        seconds % 60
    );
    let (badge, style) = if holds { (" ✓ ALL AS TOLD ", theme::GOOD) } else { (" ✗ NOT ALL AS TOLD ", theme::BAD) };
    let mut lines = vec![Line::styled(badge, theme::badge(style))];
    lines.extend(pane::wrap(&text, width, 0, 4).into_iter().map(Line::raw));
    lines
}
