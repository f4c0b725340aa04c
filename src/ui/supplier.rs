//! Draws what the supplier has shipped, and whether all of it was credited.

use ratatui::{
    buffer::Buffer,
    layout::Rect,
    text::{Line, Span},
};

use crate::app::{App, PairVerdict, SupplierCounts, SupplierState};

use super::{pane, theme};

/// Draws the counters of the supplier, and its verdict.
pub fn draw(buffer: &mut Buffer, area: Rect, app: &App) {
    let title = Line::from(Span::styled("supplier", theme::BOLD));
    let inside = pane::titled(buffer, area, title, "another company", false);
    let inside = Rect { x: inside.x.saturating_add(1), width: inside.width.saturating_sub(1), ..inside };
    pane::lines(buffer, inside, lines(app));
}

fn lines(app: &App) -> Vec<Line<'_>> {
    match app.supplier().map(|report| &report.state) {
        None => vec![Line::styled("no report yet", theme::FAINT)],
        Some(SupplierState::Down { cause }) => {
            vec![Line::from(vec![Span::styled(" DOWN ", theme::badge(theme::BAD)), Span::raw(format!(" {cause}"))])]
        }
        Some(SupplierState::Up(counts)) => {
            let mut lines = vec![verdict(app, counts)];
            lines.push(units(app, counts));
            let refused = app.journal().audit.refused.count;
            if refused > 0 {
                let orders = if refused == 1 { "1 order".to_owned() } else { format!("{refused} orders") };
                lines.push(Line::styled(format!("{orders} refused by the supplier, not sent again"), theme::BAD));
            }
            if counts.outage > 0 {
                lines.push(outage(counts.outage));
                return lines;
            }
            let mut spans = pane::pair("orders received ", counts.requests.to_string(), theme::BOLD).to_vec();
            spans.extend(pane::pair("  shipments ", counts.shipped.to_string(), theme::BOLD));
            spans.extend(match counts.others {
                0 => pane::pair("  answers repeated ", counts.replayed.to_string(), theme::BOLD),
                others => pane::pair("  for other clients ", others.to_string(), theme::BOLD),
            });
            lines.push(Line::from(spans));
            lines
        }
    }
}

/// The line about the supplier in the panel of the stock; `None` without a supplier, unless units are on order.
pub fn summary(app: &App) -> Option<Line<'_>> {
    // The units of such a scenario are credited at once, although the walkthrough has a supplier.
    if app.scenario_run().is_some_and(|run| run.scenario().supplier.is_none()) {
        return None;
    }
    let Some(report) = app.supplier() else {
        let on_order = on_order(app)?;
        return Some(Line::from(vec![Span::raw("supplier: none known,"), on_order]));
    };
    let counts = match &report.state {
        SupplierState::Down { .. } => {
            let down = [Span::raw("supplier: "), Span::styled(" DOWN ", theme::badge(theme::BAD))];
            return Some(down.into_iter().chain(on_order(app)).collect());
        }
        SupplierState::Up(counts) => counts,
    };
    let badge = match app.pair_verdict() {
        _ if counts.outage > 0 => Span::styled(" OUTAGE ", theme::badge(theme::WARN)),
        Some(PairVerdict::Right) => Span::styled(" RIGHT ", theme::badge(theme::GOOD)),
        Some(PairVerdict::Pending) => Span::styled(" PENDING ", theme::badge(theme::WARN)),
        Some(PairVerdict::Wrong) => Span::styled(" WRONG ", theme::badge(theme::BAD)),
        None => Span::raw(""),
    };
    let mut spans = vec![Span::raw("supplier: "), badge];
    let credited = app.journal().audit.credited.count;
    let before_reset = app.shipments_before_reset();
    let is_wrong = app.pair_verdict() == Some(PairVerdict::Wrong) && counts.outage == 0;
    if is_wrong && before_reset > 0 && before_reset == counts.shipped.saturating_sub(credited) {
        spans.extend(pane::pair(" shipped before the reset: ", before_reset.to_string(), theme::BOLD));
        return Some(Line::from(spans));
    }
    if let Some(on_order) = on_order(app) {
        // With the counts, it would not fit.
        spans.push(on_order);
        return Some(Line::from(spans));
    }
    spans.extend(pane::pair(" shipped ", counts.shipped.to_string(), theme::BOLD));
    spans.extend(pane::pair(", credited ", credited.to_string(), theme::BOLD));
    let refused = app.journal().audit.refused.count;
    if refused > 0 {
        spans.push(Span::styled(format!(", refused {refused}"), theme::BAD));
    }
    Some(Line::from(spans))
}

/// The units in the outbox, if there are any.
fn on_order(app: &App) -> Option<Span<'static>> {
    let units = app.journal().audit.on_order().units;
    (units != 0).then(|| Span::styled(format!(" {units} on order"), theme::BOLD))
}

fn outage(requests: u64) -> Line<'static> {
    let text = match requests {
        1 => " the next order receives 503".to_owned(),
        more => format!(" the next {more} orders receive 503"),
    };
    Line::from(vec![Span::styled(" OUTAGE ", theme::badge(theme::WARN)), Span::raw(text)])
}

fn verdict(app: &App, counts: &SupplierCounts) -> Line<'static> {
    let more = counts.shipped.saturating_sub(app.journal().audit.credited.count);
    let (badge, text) = match app.pair_verdict() {
        None => (Span::styled(" NO VERDICT YET ", theme::FAINT), String::new()),
        Some(PairVerdict::Right) if counts.shipped == 0 => {
            let text = if counts.others == 0 { "nothing shipped yet" } else { "nothing was shipped for us" };
            (Span::styled(" RIGHT ", theme::badge(theme::GOOD)), text.to_owned())
        }
        Some(PairVerdict::Right) => {
            (Span::styled(" RIGHT ", theme::badge(theme::GOOD)), "every shipment is credited".to_owned())
        }
        Some(PairVerdict::Pending) => (Span::styled(" PENDING ", theme::badge(theme::WARN)), pending(app)),
        Some(PairVerdict::Wrong) if app.shipments_before_reset() > 0 => {
            let old = app.shipments_before_reset();
            (
                Span::styled(" WRONG ", theme::badge(theme::BAD)),
                format!("{more} not credited; shipped before the reset: {old}"),
            )
        }
        Some(PairVerdict::Wrong) if more == 0 => {
            let missing = app.journal().audit.credited.count.saturating_sub(counts.shipped);
            let credits = if missing == 1 { "credit has" } else { "credits have" };
            (Span::styled(" WRONG ", theme::badge(theme::BAD)), format!("{missing} {credits} no shipment"))
        }
        Some(PairVerdict::Wrong) => {
            let are = if more == 1 { "shipment is" } else { "shipments are" };
            (Span::styled(" WRONG ", theme::badge(theme::BAD)), format!("{more} {are} paid for, and not credited"))
        }
    };
    Line::from(vec![badge, Span::raw(format!(" {text}"))])
}

/// Why the verdict is not known yet.
fn pending(app: &App) -> String {
    match app.journal().audit.on_order().units {
        0 => "shipped, and not credited yet".to_owned(),
        units => format!("{units} units on order, in the outbox"),
    }
}

fn units(app: &App, counts: &SupplierCounts) -> Line<'static> {
    let credited = app.journal().audit.credited.units;
    let sign = match (i64::try_from(counts.units) == Ok(credited), app.appearance().ascii) {
        (true, _) => "=",
        (false, true) => "!=",
        (false, false) => "≠",
    };
    let mut spans = pane::pair("units paid for ", counts.units.to_string(), theme::BOLD).to_vec();
    spans.push(Span::styled(format!(" {sign} "), theme::BOLD));
    spans.extend(pane::pair("credited ", credited.to_string(), theme::BOLD));
    Line::from(spans)
}
