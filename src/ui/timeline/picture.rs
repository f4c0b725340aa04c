//! Draws the picture: a row per lane with its attempts, waits and crash window, and the axis below.

use std::time::Duration;

use ratatui::text::{Line, Span as Words};

use crate::{
    app::{
        App, AttemptState, AttemptView, Execution, Item, ItemKind, Lane, ObservedWait, Picture, SegmentKind, Span,
        Timeline, Window, timeline,
    },
    domain::{Activity, UnixMillis},
    text::{column, truncate},
};

use super::{
    super::{glyphs, theme, times},
    canvas::Canvas,
};

/// Columns of the name of an order's activity.
pub const NAME: u16 = 9;

/// Mark of compressed time.
const BREAK: &str = "//";

/// Which activities of an order get a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lanes {
    Current,
    Begun,
    Both,
}

/// The rows of an order's activities, and the axis if requested.
pub fn order_lines(app: &App, order: &Execution, width: u16, rows: Lanes, axis: bool) -> Vec<Line<'static>> {
    let columns = width.saturating_sub(NAME);
    let shown = timeline(order, order.lanes(), &app.options().retry, app.shown_now(), columns);
    let is_of =
        |picture: &Picture<'_>, role| picture.lane.activity().and_then(|activity| order.role(activity)) == Some(role);
    let is_shown = |picture: &&Picture<'_>| match rows {
        Lanes::Current => is_of(picture, order.current()),
        Lanes::Begun => is_of(picture, Activity::UpdateInventory) || !picture.spans.is_empty(),
        Lanes::Both => true,
    };
    let name = |text: &str| Words::styled(column(text, usize::from(NAME)), theme::FAINT);
    let label =
        |picture: &Picture<'_>| name(picture.lane.activity().map_or("", |activity| activity.key().activity.label()));
    let pictures = shown.pictures.iter().filter(is_shown);
    let mut lines: Vec<_> =
        pictures.map(|picture| lane(app, &shown, picture, columns).into_line(label(picture))).collect();
    lines.extend(axis.then(|| ticks(&shown, columns).into_line(name(""))));
    lines
}

/// The rows of these lanes, each after its name, and the axis. `name` is that of the axis. All names have the same width.
pub fn lane_lines<'a>(
    app: &App,
    execution: &Execution,
    rows: Vec<(Lane<'a>, Words<'static>)>,
    name: Words<'static>,
    width: u16,
) -> Vec<Line<'static>> {
    let columns = width.saturating_sub(u16::try_from(name.width()).unwrap_or(u16::MAX));
    let (lanes, names): (Vec<Lane<'a>>, Vec<_>) = rows.into_iter().unzip();
    let shown = timeline(execution, lanes, &app.options().retry, app.shown_now(), columns);
    let pictures = shown.pictures.iter().zip(names);
    let drawn = pictures.map(|(picture, name)| lane(app, &shown, picture, columns).into_line(name));
    drawn.chain([ticks(&shown, columns).into_line(name)]).collect()
}

fn ticks(shown: &Timeline<'_>, columns: u16) -> Canvas {
    let mut canvas = Canvas::new(columns);
    for gap in &shown.gaps {
        canvas.text(*gap, BREAK, Some(theme::FAINT));
    }
    for tick in &shown.ticks {
        canvas.text(tick.column, &tick.label, Some(theme::FAINT));
    }
    canvas
}

fn lane(app: &App, shown: &Timeline<'_>, picture: &Picture<'_>, columns: u16) -> Canvas {
    let mut canvas = Canvas::new(columns);
    if picture.earlier > 0 {
        let long = format!("… {} earlier ", picture.earlier);
        let fits = long.chars().count() <= usize::from(shown.first);
        let note = if fits { long } else { format!("…{} ", picture.earlier) };
        canvas.text(0, &truncate(&note, usize::from(shown.first)), Some(theme::FAINT));
    }
    for span in &picture.spans {
        line(&mut canvas, span);
    }
    if let Some(window) = picture.window {
        exposed(&mut canvas, picture, window);
    }
    for gap in &shown.gaps {
        let is_here = |span: &&Span<'_>| span.compressed && span.from <= *gap && *gap < span.to;
        if picture.spans.iter().any(|span| is_here(&span)) {
            canvas.text(*gap, BREAK, None);
        }
    }
    let late: Vec<_> = picture.late.iter().map(|(column, seen)| late(picture, *column, seen)).collect();
    let widest = picture.window.and_then(|window| widest_within(picture, window));
    for (index, span) in picture.spans.iter().enumerate() {
        if late.iter().any(|(column, _)| span.from <= *column && *column < span.to) {
            continue;
        }
        label(&mut canvas, app, shown, span, picture.window, widest == Some(index));
    }
    for span in &picture.spans {
        glyph(&mut canvas, span);
    }
    for (column, mark) in late {
        canvas.put(column, mark.glyph, mark.style);
    }
    canvas
}

/// An attempt without a result for Temporal shows its fault at its beginning; other attempts show their end.
const fn is_silent(seen: &AttemptView<'_>, late: Option<Duration>) -> bool {
    late.is_some()
        || matches!(
            seen.state,
            AttemptState::Hanging | AttemptState::TimedOut | AttemptState::Crashed(_) | AttemptState::NoAnswer
        )
}

/// The line between glyphs and words; faint if it is only expected.
fn line(canvas: &mut Canvas, span: &Span<'_>) {
    let (bar, style) = match span.segment.kind {
        SegmentKind::Attempt { seen, late, .. } if is_silent(&seen, late) => ('╌', mark_of(&seen, late).style),
        SegmentKind::Attempt { seen, .. } => ('━', glyphs::of_attempt(&seen).style),
        SegmentKind::Wait { due: Some(_), .. } => ('─', theme::PLAIN),
        SegmentKind::Wait { real: Some(ObservedWait::Exact(_)), .. } if !span.compressed => ('─', theme::FAINT),
        SegmentKind::Wait { .. } => ('╌', theme::FAINT),
        SegmentKind::Queue { .. } => ('┄', theme::FAINT),
        SegmentKind::Item { item, .. } if is_timer(item) => ('─', theme::PLAIN),
        SegmentKind::Item { item, .. } => ('━', glyphs::of_item(item).style),
        SegmentKind::Next(_) => return,
    };
    canvas.fill(span.from, span.passed, bar, style);
    canvas.fill(span.passed, span.to, '╌', theme::FAINT);
}

const fn is_timer(item: &Item) -> bool {
    matches!(item.kind, ItemKind::Timer { .. })
}

/// The timeout that Temporal saw of an attempt that ended too late.
fn mark_of(seen: &AttemptView<'_>, late: Option<Duration>) -> glyphs::Mark {
    if late.is_some() { glyphs::TIMED_OUT } else { glyphs::of_attempt(seen) }
}

const fn is_attempt(span: &Span<'_>) -> bool {
    matches!(span.segment.kind, SegmentKind::Attempt { .. } | SegmentKind::Next(_))
}

/// Position and glyph of the real end of an attempt that ended too late. It moves aside rather than hide another attempt, at
/// worst onto its own beginning.
fn late(picture: &Picture<'_>, column: u16, seen: &AttemptView<'_>) -> (u16, glyphs::Mark) {
    let end = picture.spans.last().map_or(column, |span| span.to);
    let is_taken = |column: u16| picture.spans.iter().any(|span| is_attempt(span) && glyph_column(span) == column);
    let own = picture
        .spans
        .iter()
        .find(|span| matches!(span.segment.kind, SegmentKind::Attempt { seen: own, .. } if own == *seen));
    let beside = (column..column.saturating_add(4).min(end)).find(|column| !is_taken(*column));
    (beside.or_else(|| Some(own?.from)).unwrap_or(column), glyphs::of_attempt(seen))
}

/// The columns of a span without a glyph.
fn free(span: &Span<'_>) -> (u16, u16) {
    match span.segment.kind {
        SegmentKind::Attempt { seen, late, .. } if is_silent(&seen, late) => (span.from.saturating_add(1), span.to),
        SegmentKind::Attempt { .. } | SegmentKind::Item { .. } => (span.from, glyph_column(span)),
        SegmentKind::Next(_) => (span.to, span.to),
        SegmentKind::Wait { .. } | SegmentKind::Queue { .. } => (span.from, span.to),
    }
}

fn glyph_column(span: &Span<'_>) -> u16 {
    match span.segment.kind {
        SegmentKind::Attempt { seen, late, .. } if is_silent(&seen, late) => span.from,
        // A timer fires at its end.
        SegmentKind::Item { item, .. } if is_timer(item) => span.to.saturating_sub(1),
        SegmentKind::Attempt { .. } | SegmentKind::Item { .. } => span.passed.min(span.to.saturating_sub(1)),
        _ => span.from,
    }
}

fn glyph(canvas: &mut Canvas, span: &Span<'_>) {
    let mark = match span.segment.kind {
        SegmentKind::Attempt { seen, late, .. } => mark_of(&seen, late),
        SegmentKind::Next(_) => glyphs::WAITING,
        SegmentKind::Item { item, .. } => glyphs::of_item(item),
        SegmentKind::Wait { .. } | SegmentKind::Queue { .. } => return,
    };
    canvas.put(glyph_column(span), mark.glyph, mark.style);
}

/// Draws the crash window over the lines, highlighted while it is open.
fn exposed(canvas: &mut Canvas, picture: &Picture<'_>, window: Window) {
    for span in &picture.spans {
        let (from, to) = free(span);
        let end = if window.open { to } else { to.min(window.to) };
        for column in from.max(window.from)..end {
            let is_past = window.open && column < window.to;
            canvas.put(column, '═', if is_past { theme::badge(theme::WARN) } else { theme::WARN });
        }
    }
}

/// The span with the most room for the text about the window.
fn widest_within(picture: &Picture<'_>, window: Window) -> Option<usize> {
    let within = |span: &Span<'_>| {
        let (from, to) = free(span);
        let end = if window.open { to } else { to.min(window.to) };
        end.saturating_sub(from.max(window.from))
    };
    let widths = picture.spans.iter().map(within).enumerate();
    widths.max_by_key(|(_, width)| *width).filter(|(_, width)| *width > 0).map(|(index, _)| index)
}

/// The text in a span: its duration in the middle, or the countdown at the end.
fn label(
    canvas: &mut Canvas,
    app: &App,
    shown: &Timeline<'_>,
    span: &Span<'_>,
    window: Option<Window>,
    tells_window: bool,
) {
    let (mut from, mut to) = free(span);
    if let Some(gap) = shown.gaps.iter().find(|gap| from <= **gap && **gap < to).filter(|_| span.compressed) {
        from = gap.saturating_add(2).min(to);
    }
    let is_exposed =
        |column: u16| window.is_some_and(|window| column >= window.from && (window.open || column < window.to));
    let style = |column: u16| if is_exposed(column) { None } else { Some(theme::PLAIN) };
    let (texts, at_end) = texts(app, span);
    let fits = |text: &&String, room: u16| text.chars().count() <= usize::from(room);
    if at_end && let Some(text) = texts.iter().find(|text| fits(text, to.saturating_sub(from))) {
        let column = to.saturating_sub(columns_of(text));
        canvas.text(column, text, style(column));
        to = column;
    }
    let mut middle = if at_end { Vec::new() } else { texts };
    if tells_window {
        let both = middle.first().map(|text| format!(" written, not acknowledged {}", text.trim_start()));
        let words = [" written, not acknowledged ", " not acknowledged "].map(str::to_owned);
        middle = both.into_iter().chain(words).chain(middle).collect();
    }
    // Part of the window must stay visible on both sides of its text.
    let room = to.saturating_sub(from).saturating_sub(if tells_window { 2 } else { 0 });
    if let Some(text) = middle.iter().find(|text| fits(text, room)) {
        let column = from.saturating_add(to.saturating_sub(from).saturating_sub(columns_of(text)) / 2);
        canvas.text(column, text, style(column));
    }
}

fn columns_of(text: &str) -> u16 {
    u16::try_from(text.chars().count()).unwrap_or(u16::MAX)
}

/// Possible texts for a span, the longest first, and whether they belong to its end.
fn texts(app: &App, span: &Span<'_>) -> (Vec<String>, bool) {
    let countdown = |due: UnixMillis| times::countdown(due, app.shown_now(), app.appearance().still);
    let took = times::short(app.shown_now().min(span.segment.to).since(span.segment.from));
    match span.segment.kind {
        SegmentKind::Attempt { timeout: Some(due), .. } if due <= span.segment.to => {
            (vec![format!(" timeout {} ", countdown(due)), format!(" {} ", countdown(due))], true)
        }
        SegmentKind::Attempt { seen, late, exact: true, .. } if is_silent(&seen, late) => {
            (vec![format!(" no answer {took} "), format!(" {took} ")], false)
        }
        SegmentKind::Wait { due: Some(_), policy: Some(policy), .. } if span.segment.from > app.shown_now() => {
            (vec![format!(" {} ", times::round(policy))], false)
        }
        SegmentKind::Wait { due: Some(due), .. } => (vec![format!(" {} ", countdown(due))], true),
        SegmentKind::Attempt { exact: true, .. } | SegmentKind::Wait { real: Some(ObservedWait::Exact(_)), .. } => {
            (vec![format!(" {took} ")], false)
        }
        SegmentKind::Item { item: Item { kind: ItemKind::Timer { due, .. }, .. }, open: true } => {
            (vec![format!(" {} ", countdown(*due))], true)
        }
        SegmentKind::Item { .. } => (vec![format!(" {took} ")], false),
        SegmentKind::Queue { .. } => (vec![format!(" queued {took} "), format!(" {took} ")], false),
        SegmentKind::Attempt { .. } | SegmentKind::Wait { .. } | SegmentKind::Next(_) => (Vec::new(), false),
    }
}
