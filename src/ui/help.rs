//! Draws the help: experiments, the key table, the glyphs and the terms.

use ratatui::{
    style::Style,
    text::{Line, Span},
};

use crate::{
    app::{App, Overlay},
    domain::Guard,
    faults::Preset,
    keymap::{Binding, KEYMAP},
    text::{column, wrap},
};

use super::{glyphs, theme};

/// Minimum width for keys in two columns.
const TWO_COLUMNS: usize = 76;

/// Experiments and the keys to press for them.
const TRY: [(&str, &str); 6] = [
    ("a retry", "press f until you see after-commit-once, then o"),
    ("a crash after the commit", "press f until you see crash-after-commit, then o"),
    ("a replay from the ledger ↺", "see the ↺ after either failure above, or press d"),
    ("an order applied twice", "press i until you see GUARD OFF, then try a retry"),
    ("all three guards at once", "press v"),
    ("three supplier policies", "press v, then Tab"),
];

/// Terms of the screen, with their meaning and style.
const WORDS: [(&str, &str, Style); 9] = [
    ("NOT APPLIED", "the stock was certainly not changed", theme::BAD),
    ("OUTCOME UNKNOWN", "the stock may or may not have been changed", theme::WARN),
    ("not confirmed", "the change is in the stock; Temporal does not know it yet", theme::WARN),
    ("replayed", "key found: recorded result returned, nothing changed", theme::KNOWN),
    ("RIGHT, WRONG", "whether stock = start - orders + supplier credits, each counted once", theme::GOOD),
    ("supplier", "second activity: orders 1000 units if the stock is below 2", theme::PLAIN),
    ("relay", "sends a supplier order that is in the outbox, until it is confirmed", theme::PLAIN),
    ("#1'", "attempt numbers restart at 1 after an activity reset (n)", theme::PLAIN),
    ("seed 42", "random seed: decides which rules with a percentage fire", theme::PLAIN),
];

/// Terms of the pages about executions.
const WATCH_WORDS: [(&str, &str, Style); 8] = [
    ("backoff", "the wait between two attempts; beside it, the wait of the retry policy", theme::PLAIN),
    ("next_retry_delay", "the failure requested this wait instead of the retry policy's", theme::PLAIN),
    ("not observed", "an attempt from before the first look; the server does not keep it", theme::FAINT),
    ("timed out", "the worker did not answer in time; its effect may have happened", theme::WARN),
    ("queued", "no worker has taken it yet", theme::PLAIN),
    ("expires", "end of the schedule-to-close timeout: no attempt after it", theme::PLAIN),
    ("#1'", "attempt numbers restart at 1 after a reset (r)", theme::PLAIN),
    ("WORKFLOW TASK FAILS", "no worker can process the workflow's code, so nothing goes on", theme::BAD),
];

/// Returns the lines of the page for a box whose inside has `width` columns.
#[must_use]
pub fn lines(app: &App, width: usize) -> Vec<Line<'static>> {
    let page = app.beneath();
    if matches!(page, Overlay::Executions | Overlay::Execution) {
        return watch_lines(app, page, width);
    }
    let mut lines = vec![heading("try")];
    lines.extend(TRY.iter().flat_map(|(what, how)| explained(what, how, 28, theme::BOLD, width)));
    lines.extend([Line::raw(""), heading("keys")]);
    lines.extend(keys(KEYMAP.iter().collect(), width));
    lines.extend([Line::raw(""), heading("glyphs: one per attempt")]);
    lines.extend(marks(glyphs::LEGEND, width));
    lines.extend([Line::raw(""), heading("terms")]);
    lines.extend(WORDS.iter().flat_map(|(word, means, style)| explained(word, means, 17, *style, width)));
    lines.extend([Line::raw(""), heading("guards (i): how a retried order is protected")]);
    lines.extend(Guard::ALL.iter().flat_map(|guard| explained(guard.name(), guard.meaning(), 20, theme::BOLD, width)));
    lines.extend([Line::raw(""), heading("fault presets (f)")]);
    lines.extend(
        Preset::ALL.iter().flat_map(|preset| explained(preset.label(), preset.meaning(), 20, theme::BOLD, width)),
    );
    lines
}

/// The keys of a page about executions, the glyphs and the terms.
fn watch_lines(app: &App, page: Overlay, width: usize) -> Vec<Line<'static>> {
    let mut lines = vec![heading("keys")];
    let bindings = KEYMAP.iter().filter(|binding| binding.scope.includes(page) && !app.has_removed(binding.intent));
    lines.extend(keys(bindings.collect(), width));
    lines.extend([Line::raw(""), heading("glyphs")]);
    lines.extend(marks(glyphs::WATCH_LEGEND, width));
    lines.extend([Line::raw(""), heading("terms")]);
    lines.extend(WATCH_WORDS.iter().flat_map(|(word, means, style)| explained(word, means, 20, *style, width)));
    lines
}

fn heading(text: &str) -> Line<'static> {
    Line::styled(format!(" {text}"), theme::KNOWN.patch(theme::BOLD))
}

/// Returns a term in a column of `margin` columns, and its meaning in at most three lines beside it.
fn explained(word: &str, means: &str, margin: usize, style: Style, width: usize) -> Vec<Line<'static>> {
    let room = width.saturating_sub(margin + 3);
    let mut word = Some(word.to_owned());
    let line = |means| {
        let word = word.take().unwrap_or_default();
        Line::from(vec![Span::styled(format!("   {word:<margin$}"), style), Span::raw(means)])
    };
    wrap(means, room, 0, 3).into_iter().map(line).collect()
}

/// Returns a table of keys, in two columns if there is room.
fn keys(bindings: Vec<&'static Binding>, width: usize) -> impl Iterator<Item = Line<'static>> {
    let columns = if width < TWO_COLUMNS { 1 } else { 2 };
    let rows = bindings.len().div_ceil(columns);
    (0..rows).map(move |row| {
        let entries = bindings.iter().skip(row).step_by(rows);
        entries.flat_map(|binding| entry(binding, width / columns)).collect()
    })
}

fn entry(binding: &'static Binding, width: usize) -> [Span<'static>; 2] {
    [
        Span::styled(format!("{:>7}  ", binding.shown), theme::BOLD),
        Span::raw(column(binding.long, width.saturating_sub(9))),
    ]
}

/// Returns a legend, in as many lines as it needs.
fn marks(legend: &[(glyphs::Mark, &str)], width: usize) -> Vec<Line<'static>> {
    let mut lines = vec![Vec::new()];
    let mut used = 2;
    for (mark, word) in legend {
        let room = word.chars().count() + 4;
        if used + room > width {
            lines.push(Vec::new());
            used = 2;
        }
        used += room;
        if let Some(line) = lines.last_mut() {
            line.push(Span::styled(format!("  {}", mark.glyph), mark.style));
            line.push(Span::raw(format!(" {word}")));
        }
    }
    lines.into_iter().map(Line::from).collect()
}
