//! Draws the stock in blocks, the expected stock and the verdict, and the document if there is room.

use ratatui::{
    buffer::Buffer,
    layout::{Constraint, Layout, Rect},
    style::Style,
    text::{Line, Span},
};

use crate::{
    app::{App, Panel, StockVerdict},
    domain::{Activity, Inventory},
    text::{first_fitting, truncate, wrap},
};

use super::{digits, pane, theme, words};

/// Columns of the document as JSON.
const DOCUMENT: u16 = 40;

/// Minimum width for the document.
const WIDE: u16 = 100;

/// Maximum share of the width for the blocks.
const MOST_DIGITS: u16 = 34;

/// Draws the stock, its verdict and the document.
pub fn draw(buffer: &mut Buffer, area: Rect, app: &App) {
    draw_with(buffer, area, app, Detail::Everything);
}

/// Draws only what an audience reads: no document as JSON, no plan, no path.
pub fn draw_for_room(buffer: &mut Buffer, area: Rect, app: &App) {
    draw_with(buffer, area, app, Detail::Essence);
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Detail {
    Everything,
    Essence,
}

fn draw_with(buffer: &mut Buffer, area: Rect, app: &App, detail: Detail) {
    let title = Line::from(vec![Span::styled("stock", theme::BOLD)]);
    let everything = detail == Detail::Everything;
    let note = if everything { app.options().database.as_str() } else { "" };
    let area = pane::titled(buffer, area, title, note, app.view().panel() == Panel::Stock);
    let stock = app.journal().stock(app.shown_now()).map_or_else(String::new, |stock| stock.to_string());
    let tall = area.height > 2 * digits::HEIGHT;
    let wanted = match area.height {
        // There is no room for blocks.
        0..digits::HEIGHT => u16::try_from(stock.len()).unwrap_or(MOST_DIGITS).clamp(6, MOST_DIGITS),
        _ => digits::width(&stock).clamp(if tall { MOST_DIGITS } else { 27 }, MOST_DIGITS),
    };
    let json = if everything && tall && area.width >= WIDE { DOCUMENT } else { 0 };
    let [_, number, _, facts, document] = area.layout(&Layout::horizontal([
        Constraint::Length(1),
        Constraint::Length(wanted),
        Constraint::Length(2),
        Constraint::Min(0),
        Constraint::Length(json),
    ]));
    digits::draw(buffer, number, &stock, judged(app.stock_verdict()));
    let below = digits::HEIGHT.saturating_add(1);
    if number.height >= below.saturating_add(digits::HEIGHT) {
        let number = Rect { y: number.y.saturating_add(below), height: digits::HEIGHT, ..number };
        digits::draw(buffer, number, word(app.stock_verdict()), judged(app.stock_verdict()));
    }
    let width = usize::from(facts.width);
    let mut rows = lines(app, width);
    let next = if everything { next_order(app, width) } else { Vec::new() };
    // Half of it would be a heading without text.
    if rows.len() + next.len() <= usize::from(facts.height) {
        rows.extend(next);
    }
    pane::lines(buffer, facts, rows);
    if json > 0 {
        pane::lines(buffer, document, json_lines(app, usize::from(document.width)));
    }
}

fn judged(stock_verdict: StockVerdict) -> Style {
    match stock_verdict {
        StockVerdict::Wrong => theme::BAD,
        StockVerdict::Right => theme::GOOD,
        StockVerdict::Pending | StockVerdict::Edited { .. } => theme::WARN,
        StockVerdict::None => theme::PLAIN,
    }
}

fn lines(app: &App, width: usize) -> Vec<Line<'_>> {
    let account = app.journal();
    let audit = &account.audit;
    let mut verdict = vec![badge(app), Span::raw(" ")];
    let room = width.saturating_sub(Line::from(verdict.clone()).width());
    let (sentence, style) = sentence(app, room);
    verdict.push(Span::styled(sentence, style));
    let mut lines = vec![Line::from(verdict)];
    if audit.seq > 0 {
        let actual = account.stock(app.shown_now()).unwrap_or(audit.actual);
        let differs = if app.appearance().ascii { "!=" } else { "≠" };
        let sign = if audit.expected == actual { "=" } else { differs };
        let style = judged(app.stock_verdict()).patch(theme::BOLD);
        let mut spans = pane::pair("expected ", audit.expected.to_string(), theme::BOLD).to_vec();
        spans.push(Span::styled(format!(" {sign} "), style));
        spans.extend(pane::pair("actual ", actual.to_string(), style));
        lines.push(Line::from(spans));
    }
    lines.extend(super::supplier::summary(app));
    if let Some(document) = &account.document {
        let last_order = match document.last_order.as_str() {
            Inventory::NO_ORDER if audit.orders == 0 => "none yet",
            order => order,
        };
        let mut spans = pane::pair("last order: ", last_order, theme::BOLD).to_vec();
        spans.extend(pane::pair("  product ", document.product.as_str(), theme::PLAIN));
        lines.push(Line::from(spans));
    }
    let [update, supplier] = Activity::ALL.map(|activity| app.orders().retries(activity).to_string());
    let mut spans = pane::pair("retries: update ", update, theme::BOLD).to_vec();
    spans.extend(pane::pair("  supplier ", supplier, theme::BOLD));
    lines.push(Line::from(spans));
    let all = applied(app, "applied: ", "; edited by others: ");
    lines.push(if all.width() <= width { all } else { applied(app, "", ", edits ") });
    lines
}

fn applied<'a>(app: &App, label: &'a str, edits: &'a str) -> Line<'a> {
    let audit = &app.journal().audit;
    let orders = if audit.orders == 1 { "order" } else { "orders" };
    let mut spans = pane::pair(label, format!("{} {orders}", audit.orders), theme::BOLD).to_vec();
    spans.push(Span::styled(format!(", {} supplier", audit.supplier_orders), theme::BOLD));
    match audit.applied_twice.len() {
        0 => spans.extend(pane::pair(edits, audit.adjustments.to_string(), theme::PLAIN)),
        1 => spans.push(Span::styled(", 1 duplicate", theme::BAD.patch(theme::BOLD))),
        duplicates => spans.push(Span::styled(format!(", {duplicates} duplicates"), theme::BAD.patch(theme::BOLD))),
    }
    Line::from(spans)
}

/// Guard and fault plan of the next order, rule by rule; shown only if there is room below the rest.
fn next_order(app: &App, width: usize) -> Vec<Line<'static>> {
    let guard = format!("{}: {}", app.guard(), app.guard().meaning());
    let mut lines = vec![Line::raw(""), Line::styled("next order", theme::FAINT)];
    for (index, text) in wrap(&guard, width.saturating_sub(7), 0, 2).into_iter().enumerate() {
        let label = if index == 0 { "guard  " } else { "       " };
        lines.push(Line::from(pane::pair(label, text, words::guard(app.guard())).to_vec()));
    }
    let plan = app.plan();
    if plan.is_none() {
        lines.push(Line::from(pane::pair("faults ", "none", theme::GOOD).to_vec()));
    }
    for fault in plan.faults() {
        let text = truncate(&fault.to_string(), width.saturating_sub(7));
        lines.push(Line::from(pane::pair("fault  ", text, theme::WARN).to_vec()));
    }
    lines
}

/// The verdict in letters that `digits` can draw.
const fn word(stock_verdict: StockVerdict) -> &'static str {
    match stock_verdict {
        StockVerdict::Right => "RIGHT",
        StockVerdict::Pending => "PENDING",
        StockVerdict::Wrong => "WRONG",
        StockVerdict::Edited { .. } | StockVerdict::None => "",
    }
}

/// The verdict: a block of colour and a word.
fn badge(app: &App) -> Span<'static> {
    match app.stock_verdict() {
        StockVerdict::Right => Span::styled(" RIGHT ", theme::badge(theme::GOOD)),
        StockVerdict::Pending => Span::styled(" PENDING ", theme::badge(theme::WARN)),
        StockVerdict::Wrong => Span::styled(" WRONG ", theme::badge(theme::BAD)),
        StockVerdict::Edited { .. } => Span::styled(" EDITED ", theme::badge(theme::WARN)),
        StockVerdict::None => Span::styled(" NO VERDICT YET ", theme::FAINT),
    }
}

fn sentence(app: &App, room: usize) -> (String, Style) {
    let audit = &app.journal().audit;
    match (app.stock_verdict(), audit.applied_twice.as_slice()) {
        (StockVerdict::None, _) => (String::new(), theme::PLAIN),
        (StockVerdict::Edited { .. }, _) => (first_fitting(["by another program", "by others"], room), theme::WARN),
        (StockVerdict::Right, _) if app.orders().open() > 0 => {
            (format!("so far; {} open", app.orders().open()), theme::PLAIN)
        }
        (StockVerdict::Pending, _) => (format!("right so far; {} open", app.orders().open()), theme::PLAIN),
        (StockVerdict::Right, _) if audit.orders == 0 => ("no order yet".to_owned(), theme::PLAIN),
        // The supplier has a verdict of its own.
        (StockVerdict::Right, _) if app.supplier().is_some() => {
            (first_fitting(["our stock: each effect once", "our stock is right"], room), theme::PLAIN)
        }
        (StockVerdict::Right, _) => {
            (first_fitting(["each effect applied once", "each effect once"], room), theme::PLAIN)
        }
        (StockVerdict::Wrong, []) => {
            (first_fitting(["the effects do not add up", "it does not add up"], room), theme::BAD)
        }
        (StockVerdict::Wrong, [key, more @ ..]) => {
            let more = if more.is_empty() { String::new() } else { format!(" +{}", more.len()) };
            let key = crate::domain::sanitize(key.as_str(), 60);
            let texts = [format!("applied twice: {key}{more}"), format!("twice: {key}{more}")];
            (first_fitting(texts.each_ref().map(String::as_str), room), theme::BAD.patch(theme::BOLD))
        }
    }
}

/// The document as on disk, with the stock in bold.
fn json_lines(app: &App, width: usize) -> Vec<Line<'static>> {
    let Some(document) = &app.journal().document else {
        return vec![Line::styled("no document on disk yet", theme::FAINT)];
    };
    let text = document.render().ok().and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default();
    let style = |line: &str| if line.contains("\"inStock\"") { theme::BOLD } else { theme::PLAIN };
    text.lines().map(|line| Line::styled(truncate(line, width), style(line))).collect()
}
