//! Draws one execution: a failing workflow task, what goes on now, the lanes over time, and the selected lane with its
//! attempts.
//!
//! ~~~text
//! ── order-77  OrderWorkflow  Running ───────────────────────── run 0198f1a2-6b1f-7c3e ──
//! charge_card #4 in 3.2 s (policy: 4 s, 4 of 10 attempts)
//! ▌ charge_card 5      ✗── 1.0 s ──✗───── 2.0 s ─────✗──────────────────── in 3.2 s ○
//!   timer 7                         ──────── in 57 s ╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌○
//!                      0s          1s          2s          3s          4s
//! ── charge_card 5 ─────────────────────────── after 1 s, x2 up to 100 s, 10 attempts ──
//! #1 ✗ failed  12 ms  CardDeclined: try later
//!    backoff 1.00 s (policy: 1 s)
//!  failure     CardDeclined: try later
//! ~~~

use ratatui::{
    buffer::Buffer,
    layout::{Position, Rect},
    text::{Line, Span},
};

use crate::{
    app::{App, Item, ItemKind, Lane, Watch, Watched, explain_problem},
    text::{column, truncate, wrap},
};

use super::{
    super::{
        pane, theme,
        timeline::{List, lane_lines},
    },
    details,
    list::status,
    now,
    values::payloads,
};

/// Maximum columns of the names of lanes, of ten.
const NAME_TENTHS: usize = 3;

/// Minimum columns of the names of lanes.
const MIN_NAME: usize = 10;

/// Minimum rows of the page for a line about the execution as a whole.
const HIGH: u16 = 28;

/// Maximum rows of the sentence.
const MAX_SENTENCE: usize = 2;

/// Draws the page in the rows between the server's and the last two.
pub fn draw(buffer: &mut Buffer, area: Rect, app: &App, watch: &Watch) {
    let Some(watched) = watch.opened() else { return };
    if watched.info.is_none() && watched.problem.is_some() {
        return draw_problem(buffer, area, app, watch);
    }
    let (lanes, position) = watch.lanes();
    let areas = Areas::of(area, app, watched, lanes.len());
    let width = usize::from(area.width);
    pane::titled(buffer, areas.title, title(watched, width), &run(watched, width), false);
    pane::lines(buffer, areas.above, above(app, watched, area));
    let Some(selected) = lanes.get(position).copied() else {
        return pane::lines(buffer, areas.lanes.union(areas.selected), no_lane(watched, width));
    };
    pane::lines(buffer, areas.lanes, lane_rows(app, watched, &lanes, position, areas.lanes));
    draw_selected(buffer, areas.selected, app, watched, selected);
}

/// The areas of the page.
struct Areas {
    title: Rect,
    /// The failing workflow task, and the sentence.
    above: Rect,
    /// The lanes and the axis.
    lanes: Rect,
    /// The selected lane.
    selected: Rect,
}

impl Areas {
    fn of(area: Rect, app: &App, watched: &Watched, lanes: usize) -> Self {
        let said = rows(above(app, watched, area).len());
        let rest = area.height.saturating_sub(1).saturating_sub(said);
        // A third for the lanes, and a row for the axis.
        let lanes = rows(lanes).min((rest / 3).max(1)).saturating_add(1).min(rest);
        let row = |y: u16, height: u16| Rect { y: area.y.saturating_add(y), height, ..area }.intersection(area);
        Self {
            title: row(0, 1),
            above: row(1, said),
            lanes: row(1 + said, lanes),
            selected: row(1 + said + lanes, rest.saturating_sub(lanes)),
        }
    }
}

fn rows(count: usize) -> u16 {
    u16::try_from(count).unwrap_or(u16::MAX)
}

/// The position of the lane that is drawn at `place`.
pub fn lane_at(area: Rect, app: &App, watch: &Watch, place: Position) -> Option<usize> {
    let watched = watch.opened()?;
    let (all, selected) = watch.lanes();
    let count = all.len();
    let lanes = Areas::of(area, app, watched, count).lanes;
    let shown = usize::from(lanes.height.saturating_sub(1));
    let line = usize::from(place.y.checked_sub(lanes.y)?);
    (lanes.contains(place) && line < shown).then(|| first_lane(selected, count, shown) + line)
}

/// The first lane on the screen, so that the selected one is in the middle if possible.
fn first_lane(selected: usize, count: usize, shown: usize) -> usize {
    selected.saturating_sub(shown / 2).min(count.saturating_sub(shown))
}

fn draw_problem(buffer: &mut Buffer, area: Rect, app: &App, watch: &Watch) {
    let text = watch.explain(&app.options().namespace).unwrap_or_default();
    let texts = wrap(&text, usize::from(area.width).saturating_sub(4), 0, 6);
    let lines = texts.into_iter().map(|text| Line::styled(format!("  {text}"), theme::BAD.patch(theme::BOLD)));
    pane::lines(buffer, pane::below_title(area), lines);
}

/// Why the latest request has no answer, if the page shows the facts of an earlier one.
pub fn problem(app: &App, watch: &Watch) -> Option<String> {
    let watched = watch.opened().filter(|watched| watched.info.is_some())?;
    let namespace = &app.options().namespace;
    let described =
        watched.problem.as_ref().map(|problem| explain_problem(problem, Some(&watched.target), namespace, &[]));
    described.or_else(|| watch.explain_history(namespace))
}

fn title(watched: &Watched, width: usize) -> Line<'static> {
    let workflow = truncate(&watched.target.workflow, width / 2);
    let mut spans = vec![Span::styled(workflow, theme::BOLD)];
    if let Some(info) = &watched.info {
        let (name, style) = status(info.status);
        let kind = truncate(&info.workflow_type, width / 4);
        spans.extend([Span::raw(format!("  {kind}  ")), Span::styled(name, style.patch(theme::BOLD))]);
    }
    Line::from(spans)
}

/// The run id, shortened if the title needs the room.
fn run(watched: &Watched, width: usize) -> String {
    let id = &watched.run().run;
    let room = width.saturating_sub(title(watched, width).width() + 12);
    if id.is_empty() { String::new() } else { format!("run {}", truncate(id, room.saturating_sub(4))) }
}

/// The failing workflow task, what goes on now, and on a high screen where the execution comes from.
fn above(app: &App, watched: &Watched, area: Rect) -> Vec<Line<'static>> {
    let width = usize::from(area.width);
    let mut lines = now::failing_task(app, watched, width);
    let (text, style) = now::sentence(app, watched);
    let texts = wrap(&text, width.saturating_sub(2), 0, MAX_SENTENCE);
    lines.extend(texts.into_iter().map(|text| Line::styled(format!(" {text}"), style)));
    let origin = if area.height >= HIGH { now::origin(app, watched) } else { String::new() };
    let context = [origin, now::gaps(watched)].into_iter().filter(|text| !text.is_empty());
    lines.extend(
        context.map(|text| Line::styled(format!(" {}", truncate(&text, width.saturating_sub(2))), theme::FAINT)),
    );
    lines
}

/// What is shown instead of the lanes: the arguments of the workflow.
fn no_lane(watched: &Watched, width: usize) -> Vec<Line<'static>> {
    let text = match &watched.info {
        None => "",
        Some(_) if !watched.is_caught_up() => " Reading the history ..",
        Some(_) if watched.is_over() => " The history has no activity, timer or other item.",
        Some(_) => " The history has no activity, timer or other item yet.",
    };
    let input = watched.start.iter().flat_map(|start| payloads("input", &start.input, width));
    std::iter::once(Line::styled(text, theme::FAINT)).chain(input).collect()
}

/// The lanes around the selected one, and the axis.
fn lane_rows(app: &App, watched: &Watched, lanes: &[Lane<'_>], selected: usize, area: Rect) -> Vec<Line<'static>> {
    let shown = usize::from(area.height.saturating_sub(1));
    let first = first_lane(selected, lanes.len(), shown);
    let most = usize::from(area.width).saturating_mul(NAME_TENTHS) / 10;
    let widest = lanes.iter().map(|lane| Span::raw(name(*lane)).width()).max().unwrap_or(0);
    let width = widest.clamp(MIN_NAME, most.max(MIN_NAME));
    let visible = lanes.iter().enumerate().skip(first).take(shown);
    let named = visible.map(|(index, lane)| {
        let (pointer, style) = if index == selected { ("▌ ", theme::BOLD) } else { ("  ", theme::FAINT) };
        (*lane, Span::styled(format!("{pointer}{} ", fitted(*lane, width)), style))
    });
    let after = lanes.len().saturating_sub(first + shown);
    let note = match (first, after) {
        (0, 0) => String::new(),
        (0, after) => format!("  ↓ {after} more"),
        (before, 0) => format!("  ↑ {before} more"),
        (before, after) => format!("  ↑ {before} ↓ {after}"),
    };
    let axis = Span::styled(column(&note, width + 3), theme::FAINT);
    lane_lines(app, &watched.execution, named.collect(), axis, area.width)
}

/// The name of a lane: what it is, and its id.
pub fn name(lane: Lane<'_>) -> String {
    let (kind, id) = parts(lane);
    joined(&kind, &id)
}

fn joined(kind: &str, id: &str) -> String {
    if id.is_empty() { kind.to_owned() } else { format!("{kind} {id}") }
}

/// The same in exactly `width` columns; the id stays if there is room.
fn fitted(lane: Lane<'_>, width: usize) -> String {
    let (mut kind, id) = parts(lane);
    if let Lane::Item(Item { kind: ItemKind::Nexus { operation, .. }, .. }) = lane
        && Span::raw(kind.as_str()).width() > width
    {
        // The operation is worth more than its endpoint and its service.
        kind = format!("nexus {}", operation.rsplit('/').next().unwrap_or_default());
    }
    let id_width = Span::raw(id.as_str()).width();
    if id.is_empty() || id_width + 4 > width {
        return column(&joined(&kind, &id), width);
    }
    column(&format!("{} {id}", truncate(&kind, width - id_width - 1)), width)
}

fn parts(lane: Lane<'_>) -> (String, String) {
    match lane {
        Lane::Activity(activity) => {
            let key = activity.key();
            let (kind, id) = (key.activity.name(), key.id.as_deref().unwrap_or_default());
            // Many workflows use the type as the id.
            (kind.to_owned(), if id == kind { String::new() } else { id.to_owned() })
        }
        Lane::Signals(signals) => {
            let kind = signals.name().map_or_else(|| "signals".to_owned(), |name| format!("signal {name}"));
            let count = if signals.total() > 1 { format!("({})", signals.total()) } else { String::new() };
            (kind, count)
        }
        Lane::Item(Item { kind, .. }) => match kind {
            ItemKind::LocalActivity { activity, .. } => (format!("local {activity}"), String::new()),
            ItemKind::Timer { id, .. } => ("timer".to_owned(), id.clone()),
            ItemKind::Child { workflow_type, .. } => (format!("child {workflow_type}"), String::new()),
            ItemKind::Nexus { operation, .. } => (format!("nexus {operation}"), String::new()),
            ItemKind::Signal { name, .. } => (format!("signal {name}"), String::new()),
            ItemKind::Update { name, .. } => (format!("update {name}"), String::new()),
            ItemKind::CancelRequest { .. } => ("cancel request".to_owned(), String::new()),
        },
    }
}

/// The attempts and the details of the selected lane. If not all fit, the attempts get at least half of the rows.
fn draw_selected(buffer: &mut Buffer, area: Rect, app: &App, watched: &Watched, lane: Lane<'_>) {
    let width = usize::from(area.width);
    let record = lane.activity().and_then(|activity| activity.activity_record()?.options.as_ref());
    let note = record.map_or_else(String::new, |options| details::retry(&options.retry));
    let title = Line::styled(truncate(&name(lane), width.saturating_sub(8)), theme::BOLD);
    let body = pane::titled(buffer, area, title, &note, false);
    let details = details::lines(app, watched, lane, width);
    let room = usize::from(body.height);
    let mut lines = Vec::new();
    if let Lane::Activity(activity) = lane {
        let list = List { app, execution: &watched.execution, activities: &[activity], width };
        let least = room.div_ceil(2).max(room.saturating_sub(details.len()));
        lines = list.visible(least, 0);
    }
    lines.extend(details);
    pane::lines(buffer, body, lines);
}
