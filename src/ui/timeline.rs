//! The selected order: what happened in one sentence, then attempt by attempt, the latest last. Changes nothing.

use ratatui::{
    buffer::Buffer,
    layout::Rect,
    style::Style,
    text::{Line, Span},
};

use crate::{
    app::{App, AttemptState, Execution, Kind, Seen, Stage, explain, until},
    domain::Activity,
};

use super::{glyphs, pane, theme};

pub fn draw(buffer: &mut Buffer, area: Rect, app: &App, _scroll: usize) {
    let Some(order) = app.selected() else {
        pane::titled(buffer, area, Line::styled("selected order", theme::BOLD), "", false);
        return;
    };
    let area = pane::titled(buffer, area, title(order), "", app.panel() == crate::app::Panel::Timeline);
    let width = usize::from(area.width);
    let mut lines = sentence(app, order, width);
    let room = usize::from(area.height).saturating_sub(lines.len());
    if room > 6 {
        lines.push(names(order, width));
    }
    let room = usize::from(area.height).saturating_sub(lines.len());
    lines.extend(attempts(app, order, width, room));
    pane::lines(buffer, area, lines);
}

fn title(order: &Execution) -> Line<'static> {
    let terms = order.terms().map(|terms| format!(" {} x {}, guard {}", terms.quantity, terms.product, terms.guard));
    Line::from(vec![Span::styled(order.order.clone(), theme::BOLD), Span::raw(terms.unwrap_or_default())])
}

fn names(order: &Execution, width: usize) -> Line<'static> {
    let run = order.run.as_deref().unwrap_or("not known yet");
    Line::styled(pane::cut(&format!("workflow {}  run {run}", order.workflow), width), theme::FAINT)
}

const fn tone(kind: Kind) -> Style {
    match kind {
        Kind::Definite | Kind::Refused | Kind::Wrong => theme::BAD,
        Kind::Indefinite => theme::WARN,
        Kind::Good => theme::GOOD,
        Kind::Replayed => theme::KNOWN,
        Kind::Plain => theme::PLAIN,
    }
}

fn sentence(app: &App, order: &Execution, width: usize) -> Vec<Line<'static>> {
    let said = explain(order, app.stage(order));
    let head = format!(" {} ", said.head);
    let mut texts = pane::wrap(&said.text, width, head.chars().count() + 1, 3).into_iter();
    let first = texts.next().unwrap_or_default();
    let first = Line::from(vec![Span::styled(head, theme::badge(tone(said.kind))), Span::raw(" "), Span::raw(first)]);
    std::iter::once(first).chain(texts.map(Line::raw)).collect()
}

/// A line per attempt and per wait; the oldest are left out where they do not fit, and that is said.
fn attempts(app: &App, order: &Execution, width: usize, room: usize) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    for activity in Activity::ALL {
        let seen = order.attempts(activity).rev().take(room).collect::<Vec<_>>();
        lines.extend(seen.iter().rev().map(|seen| attempt(activity, seen, width)));
    }
    let next = next(app, app.stage(order));
    let total: u64 = Activity::ALL.iter().map(|activity| order.lane(*activity).total()).sum();
    let fits = lines.len().saturating_add(usize::from(next.is_some())) <= room;
    let shown = room.saturating_sub(usize::from(next.is_some())).saturating_sub(usize::from(!fits)).min(lines.len());
    lines.drain(..lines.len() - shown);
    let left_out = total.saturating_sub(shown as u64);
    if left_out > 0 {
        lines.insert(0, Line::styled(format!("… {left_out} earlier"), theme::FAINT));
    }
    lines.extend(next);
    lines
}

fn attempt(activity: Activity, seen: &Seen<'_>, width: usize) -> Line<'static> {
    let mark = glyphs::of_attempt(seen);
    let mut spans = vec![
        Span::styled(pane::column(activity.short_name(), 9), theme::FAINT),
        Span::raw(format!("#{} ", seen.number)),
        Span::styled(format!("{} {}", mark.glyph, mark.word), mark.style),
    ];
    let mut used = Line::from(spans.clone()).width();
    // Whole or not at all: half a number would be another number.
    for (text, style) in [(effect(seen), theme::BOLD), (cause(seen), theme::FAINT), (time(seen), theme::FAINT)] {
        let Some(text) = text.map(|text| format!("  {text}")) else { continue };
        if used + text.chars().count() <= width {
            used += text.chars().count();
            spans.push(Span::styled(text, style));
        }
    }
    Line::from(spans)
}

fn effect(seen: &Seen<'_>) -> Option<String> {
    let committed = seen.facts?.committed?;
    match committed.delta {
        0 => Some("not needed".to_owned()),
        delta => Some(format!("{delta:+} → {}", committed.stock)),
    }
}

fn cause(seen: &Seen<'_>) -> Option<String> {
    match seen.state {
        AttemptState::Failed(failure) => Some(pane::cut(&failure.message, 60)),
        _ => None,
    }
}

fn time(seen: &Seen<'_>) -> Option<String> {
    seen.facts.and_then(crate::app::AttemptFacts::duration).map(|millis| format!("{millis} ms"))
}

/// What comes next, where something does.
fn next(app: &App, stage: Stage<'_>) -> Option<Line<'static>> {
    let (activity, number, text) = match stage {
        Stage::BackingOff { activity, next, due } => {
            (activity, next, format!("next attempt {}", until(due, app.shown_now())))
        }
        Stage::Unanswered { activity, attempt, due } => {
            let text = format!("after the timeout {}", until(due, app.shown_now()));
            (activity, attempt.saturating_add(1), text)
        }
        _ => return None,
    };
    let mark = glyphs::WAITING;
    Some(Line::from(vec![
        Span::styled(pane::column(activity.short_name(), 9), theme::FAINT),
        Span::raw(format!("#{number} ")),
        Span::styled(format!("{} {text}", mark.glyph), theme::PLAIN),
    ]))
}
