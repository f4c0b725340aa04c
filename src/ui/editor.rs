//! Draws the editable lines: the fault plan, with an error below its character, the filter, and the query.

use ratatui::{
    buffer::Buffer,
    layout::Rect,
    style::Modifier,
    text::{Line, Span},
    widgets::{Clear, Widget},
};

use crate::{
    app::App,
    faults::Preset,
    text::{first_fitting, truncate, wrap},
};

use super::{dialog::dialog, pane, theme};

/// Examples of the grammar, each with its meaning.
const EXAMPLES: [(&str, &str); 7] = [
    ("update.after-commit=1*error", "change written, then an error"),
    ("after-commit=2*crash", "the worker dies after two commits"),
    ("supplier.before-commit=50%error", "half of the attempts fail"),
    ("supplier.after-send=1*error", "shipped, but the answer is lost"),
    ("update.after-commit=1*hang", "no answer until the timeout"),
    ("before-commit=delay(2000)", "each attempt takes 2 s more"),
    ("A;B", "two rules: the first that fires applies"),
];

/// Draws the box in which the fault plan is edited.
pub fn plan(buffer: &mut Buffer, area: Rect, app: &App) {
    let inner = dialog(buffer, area, " fault plan for the next orders ", 78, 17);
    let width = usize::from(inner.width);
    let (line, offset) = edited(app, width);
    let mut lines = vec![Line::raw(""), line];
    match app.edited_plan() {
        Ok(plan) => {
            let preset = Preset::of(&plan).map_or_else(String::new, |preset| format!(": preset {}", preset.label()));
            lines.extend([Line::raw(""), Line::styled(format!(" ✓ valid{preset}"), theme::GOOD)]);
        }
        Err(error) => {
            let column = error.column.saturating_sub(1).saturating_sub(offset).min(width.saturating_sub(2));
            lines.push(Line::styled(format!(" {}^", " ".repeat(column)), theme::BAD.patch(theme::BOLD)));
            let text = wrap(error.expected, width.saturating_sub(2), 2, 2);
            lines.extend(text.into_iter().enumerate().map(|(index, text)| {
                Line::styled(format!(" {}{text}", if index == 0 { "✗ " } else { "" }), theme::BAD)
            }));
        }
    }
    lines.resize(6, Line::raw(""));
    lines.extend(EXAMPLES.iter().map(|(rule, does)| {
        Line::from(vec![Span::styled(format!(" {rule:<32}"), theme::BOLD), Span::styled(*does, theme::FAINT)])
    }));
    lines.extend([Line::raw(""), Line::styled(" Enter applies, Esc cancels, Ctrl-u clears the line", theme::FAINT)]);
    pane::lines(buffer, inner, lines);
}

/// Draws the edited filter in the row of notices, so that the filtered orders above stay visible.
pub fn filter(buffer: &mut Buffer, row: Rect, app: &App) {
    let hints = ["  finds ids, states, verdicts; Enter applies, Esc cancels", "  Enter applies, Esc cancels", ""];
    in_row(buffer, row, app, " filter: ", hints);
}

/// Draws the edited visibility query in its row.
pub fn query(buffer: &mut Buffer, row: Rect, app: &App) {
    let hints = ["  empty: all executions; Enter applies, Esc cancels", "  Enter applies, Esc cancels", ""];
    in_row(buffer, row, app, " query: ", hints);
}

/// Draws the box in which a signal is edited.
pub fn signal(buffer: &mut Buffer, area: Rect, app: &App) {
    let examples = [("approve", "without an argument"), ("approve {\"by\":\"ada\"}", "with JSON as its argument")];
    in_box(buffer, area, app, " signal: name, then JSON if it has an argument ", &examples);
}

/// Draws the box in which the options of an activity are edited.
pub fn activity_options(buffer: &mut Buffer, area: Rect, app: &App) {
    let examples = [("start-to-close=30s", "also ms, m, h; none: no limit"), ("attempts=5", "none: unlimited")];
    in_box(buffer, area, app, " options of the activity ", &examples);
}

/// Draws an edited line in a box, with examples below it.
fn in_box(buffer: &mut Buffer, area: Rect, app: &App, title: &str, examples: &[(&str, &str)]) {
    let height = u16::try_from(examples.len()).unwrap_or(0).saturating_add(7);
    let inner = dialog(buffer, area, title, 78, height);
    let width = usize::from(inner.width);
    let (line, offset) = edited(app, width);
    let mut lines = vec![line];
    lines.extend(match app.line_problem() {
        None => [Line::raw(""), Line::styled(" ✓ valid", theme::GOOD)],
        Some(problem) => {
            let column = problem.column.saturating_sub(1).saturating_sub(offset).min(width.saturating_sub(2));
            let text = format!(" ✗ expected {}", problem.expected);
            [
                Line::styled(format!(" {}^", " ".repeat(column)), theme::BAD.patch(theme::BOLD)),
                Line::styled(truncate(&text, width), theme::BAD),
            ]
        }
    });
    lines.extend(examples.iter().map(|(example, does)| {
        Line::from(vec![Span::styled(format!(" {example:<32}"), theme::BOLD), Span::styled(*does, theme::FAINT)])
    }));
    lines.push(Line::styled(" Enter asks before it is sent, Esc cancels, Ctrl-u clears the line", theme::FAINT));
    pane::lines(buffer, inner, lines);
}

/// Draws an edited line after a label, and the longest hint that fits.
fn in_row(buffer: &mut Buffer, row: Rect, app: &App, label: &'static str, hints: [&str; 3]) {
    Clear.render(row, buffer);
    let room = usize::from(row.width).saturating_sub(label.len() + 1);
    let (line, _) = edited(app, room);
    let spans = std::iter::once(Span::styled(label, theme::badge(theme::KNOWN))).chain(line.spans);
    let left = usize::from(row.width).saturating_sub(spans.clone().map(|span| span.width()).sum());
    let hint = Span::styled(first_fitting(hints, left), theme::FAINT);
    pane::lines(buffer, row, [spans.chain([hint]).collect()]);
}

/// Returns the edited line with its cursor, and the number of characters scrolled out on the left.
fn edited(app: &App, width: usize) -> (Line<'static>, usize) {
    let input = app.input();
    let room = width.saturating_sub(2);
    let scrolled = input.visual_scroll(room);
    let text: Vec<char> = input.value().chars().collect();
    let cursor = input.cursor();
    let part = |from: usize, to: usize| -> String { text.iter().take(to).skip(from).collect() };
    let under = text.get(cursor).copied().unwrap_or(' ').to_string();
    let spans = vec![
        Span::raw(" "),
        Span::styled(part(scrolled, cursor), theme::BOLD),
        Span::styled(under, theme::BOLD.add_modifier(Modifier::REVERSED)),
        Span::styled(part(cursor + 1, text.len()), theme::BOLD),
    ];
    (Line::from(spans), scrolled)
}
