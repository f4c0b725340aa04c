//! Draws the orders, newest first. Reads only the rows on screen.

use ratatui::{
    buffer::Buffer,
    layout::{Position, Rect},
    text::{Line, Span},
};

use crate::{
    app::{App, Execution, Link, Overlay, Panel, Rows, Server, Stage},
    domain::Activity,
    text::{column, truncate},
};

use super::{glyphs, pane, theme, words};

/// The columns of the table.
struct Widths {
    order: usize,
    state: usize,
    update: usize,
    supplier: usize,
    waits: usize,
    verdict: usize,
}

impl Widths {
    fn of(width: u16) -> Self {
        let [order, state, update, supplier, waits] = match width {
            0..76 => [9, 9, 7, 8, 0],
            76..110 => [12, 11, 10, 9, 16],
            _ => [20, 12, 20, 14, 20],
        };
        // The pointer takes two columns, and a gap follows each column that is shown.
        let gaps = if waits > 0 { 5 } else { 4 };
        let verdict = usize::from(width).saturating_sub(2 + order + state + update + supplier + waits + gaps);
        Self { order, state, update, supplier, waits, verdict }
    }
}

/// Draws the list of orders.
pub fn draw(buffer: &mut Buffer, area: Rect, app: &App) {
    if area.is_empty() {
        return;
    }
    let rows = app.rows();
    let selected = app.selected_slot().and_then(|slot| rows.position(slot)).unwrap_or(0);
    let note = position(selected, rows.len());
    let area = pane::titled(buffer, area, title(app, &rows), &note, app.view().panel() == Panel::Orders);
    if app.orders().is_empty() {
        return pane::lines(buffer, area, welcome(app));
    }
    if rows.is_empty() {
        let text = format!("  No order matches the filter \"{}\". Press Esc to show all.", app.filter());
        return pane::lines(buffer, area, [Line::raw(""), Line::styled(text, theme::BOLD)]);
    }
    let widths = Widths::of(area.width);
    pane::lines(buffer, area, [heading(&widths)]);
    let area = pane::below_title(area);
    let first = first_row(selected, rows.len(), area.height);
    let lines = rows.page(first, usize::from(area.height)).into_iter().enumerate();
    pane::lines(buffer, area, lines.map(|(index, order)| row(app, order, &widths, first + index == selected)));
}

/// Index of the first shown row, so that the selected one is in the middle if possible.
fn first_row(selected: usize, rows: usize, height: u16) -> usize {
    let height = usize::from(height);
    selected.saturating_sub(height / 2).min(rows.saturating_sub(height))
}

/// The position of the order that is drawn at `place` if the panel is at `area`.
#[must_use]
pub fn row_at(area: Rect, app: &App, place: Position) -> Option<usize> {
    let rows = app.rows();
    let selected = app.selected_slot().and_then(|slot| rows.position(slot)).unwrap_or(0);
    // The title, then the heading.
    let body = pane::below_title(pane::below_title(area));
    let line = usize::from(place.y.checked_sub(body.y)?);
    let row = first_row(selected, rows.len(), body.height) + line;
    (body.contains(place) && row < rows.len()).then_some(row)
}

fn title(app: &App, rows: &Rows<'_>) -> Line<'static> {
    let orders = app.orders();
    let mut spans = vec![Span::styled("orders", theme::BOLD), Span::raw(format!(" {}", orders.len()))];
    if orders.open() > 0 {
        spans.push(Span::styled(format!("  {} open", orders.open()), theme::WARN));
    }
    if !app.filter().is_empty() {
        let filter = format!(" filter \"{}\": {} ", app.filter(), rows.len());
        spans.extend([Span::raw("  "), Span::styled(filter, theme::badge(theme::KNOWN))]);
    }
    if orders.forgotten() > 0 {
        spans.push(Span::styled(format!("  {} older not listed", orders.forgotten()), theme::WARN));
    }
    Line::from(spans)
}

fn position(selected: usize, rows: usize) -> String {
    match rows {
        0 | 1 => String::new(),
        _ => format!("{} of {rows}, newest first", selected.saturating_add(1)),
    }
}

fn heading(widths: &Widths) -> Line<'static> {
    let columns = [
        ("  order", widths.order + 2),
        ("state", widths.state),
        ("update", widths.update),
        ("supplier", widths.supplier),
        ("waiting for", widths.waits),
    ];
    let mut text: String =
        columns.into_iter().filter(|(_, width)| *width > 0).map(|(name, width)| column(name, width) + " ").collect();
    text.push_str("verdict");
    Line::styled(text, theme::FAINT)
}

fn row<'a>(app: &'a App, order: &'a Execution, widths: &Widths, selected: bool) -> Line<'a> {
    let stage = app.stage(order);
    let (word, style_of_word) = words::stage(stage);
    let (verdict, verdict_style) = words::verdict(order.verdict(), widths.verdict);
    let name = name(order, widths.order);
    let (pointer, style) = if selected { ("▌ ", theme::BOLD) } else { ("  ", theme::PLAIN) };
    let mut spans = vec![Span::styled(pointer, style), Span::styled(column(&name, widths.order), style)];
    spans.push(Span::raw(" "));
    spans.push(Span::styled(column(word, widths.state), style_of_word));
    for (activity, width) in [(Activity::UpdateInventory, widths.update), (Activity::SupplierOrder, widths.supplier)] {
        spans.push(Span::raw(" "));
        spans.extend(lane(order, activity, stage, width));
    }
    if widths.waits > 0 {
        spans.push(Span::raw(" "));
        spans.push(Span::raw(column(&words::waits_for(app, stage), widths.waits)));
    }
    spans.push(Span::raw(" "));
    spans.push(Span::styled(verdict, verdict_style));
    Line::from(spans)
}

/// The order's id, and how many starts joined it: as words if they fit.
fn name(order: &Execution, width: usize) -> String {
    let joins = match order.joins {
        0 => return order.order.clone(),
        joins => format!(" +{joins}"),
    };
    let long = format!("{}{joins} dup", order.order);
    if long.chars().count() <= width {
        long
    } else {
        truncate(&order.order, width.saturating_sub(joins.len())) + &joins
    }
}

/// The attempts of an activity as glyphs, filled to `width`; the latest ones if not all fit.
fn lane(order: &Execution, activity: Activity, stage: Stage<'_>, width: usize) -> Vec<Span<'static>> {
    let waits = matches!(stage, Stage::BackingOff { activity: at, .. } if at.activity.ours() == Some(activity));
    let mut marks: Vec<_> = order.attempts(activity).rev().take(width).map(|seen| glyphs::of_attempt(&seen)).collect();
    if waits {
        marks.insert(0, glyphs::WAITING);
    }
    let all = order.activity(activity).total() + u64::from(waits);
    let fits = all <= width as u64;
    marks.truncate(if fits { width } else { width.saturating_sub(1) });
    let mut spans = Vec::with_capacity(marks.len() + 2);
    if !fits {
        spans.push(Span::styled("…", theme::FAINT));
    }
    spans.extend(marks.iter().rev().map(|mark| Span::styled(mark.glyph.to_string(), mark.style)));
    spans.push(Span::raw(" ".repeat(width.saturating_sub(spans.len()))));
    spans
}

/// A hint while there is no order.
fn welcome(app: &App) -> Vec<Line<'static>> {
    let step = match (app.server(), app.link()) {
        (Server::Preparing { step }, _) => format!("Starting the embedded Temporal server: {step}"),
        (_, Link::Connecting { .. }) => format!("Connecting to Temporal at {} ..", app.options().server),
        (_, Link::Down { .. }) => "No connection to Temporal. The line below says when it is tried again.".into(),
        (_, Link::Up) if app.overlay() == Overlay::Walkthrough => "No order has been sent yet.".into(),
        (_, Link::Up) => "Press  s  to send the demo order A12: 999 of the 1000 units in stock.".into(),
    };
    vec![
        Line::raw(""),
        Line::styled(format!("  {step}"), theme::BOLD),
        Line::styled("  Each attempt is listed with its effect on the stock. An order must change the", theme::PLAIN),
        Line::styled("  stock only once, even if Temporal runs it many times. Press  ?  for all keys.", theme::PLAIN),
    ]
}
