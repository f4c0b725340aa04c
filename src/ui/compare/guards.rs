//! The texts of a comparison of guards.

use ratatui::text::{Line, Span};

use crate::{
    app::{AttemptFacts, Comparison, ComparisonState, LineUpCell, Side, SideStage},
    domain::{Guard, sanitize},
    store::Verdict,
    text::truncate,
};

use super::{super::theme, Note};

/// Returns what the guard remembers.
pub const fn meaning(guard: Guard) -> &'static str {
    match guard {
        Guard::Ledger => "every effect",
        Guard::LastOrder => "the last order",
        Guard::Off => "nothing",
    }
}

/// Returns the stock, which is drawn large.
pub fn number(side: &Side) -> String {
    side.stock().map_or_else(String::new, |stock| stock.to_string())
}

/// Returns the expected stock beside the verdict, in at most `width` columns.
pub fn detail(side: &Side, width: usize) -> Line<'static> {
    let expected = side.journal().audit.expected;
    if side.verdict().is_some() && format!("expected {expected}").len() <= width {
        Line::from(vec![Span::styled("expected ", theme::FAINT), Span::styled(expected.to_string(), theme::BOLD)])
    } else if side.verdict() == Some(Verdict::Wrong) {
        Line::raw(truncate(&format!("not {expected}"), width))
    } else {
        Line::default()
    }
}

/// Returns the reason for the verdict; `None` while it is open.
pub fn note(side: &Side) -> Option<Note> {
    match (side.verdict(), side.stage()) {
        (Some(Verdict::Wrong), _) => Some((applied_twice(side), theme::BAD)),
        _ if side.is_lucky() => Some(("by luck, this time".to_owned(), theme::WARN)),
        (_, SideStage::Done) => Some(("each effect once".to_owned(), theme::PLAIN)),
        _ => None,
    }
}

fn applied_twice(side: &Side) -> String {
    let audit = &side.journal().audit;
    match audit.applied_twice.as_slice() {
        [] => "the sum is wrong".to_owned(),
        [key, more @ ..] => {
            let order = key.as_str().split_once(':').map_or(key.as_str(), |(_, order)| order);
            let more = if more.is_empty() { String::new() } else { format!(" +{}", more.len()) };
            match audit.times_applied(key) {
                2 => format!("{} applied twice{more}", sanitize(order, 40)),
                times => format!("{} applied {times} x{more}", sanitize(order, 40)),
            }
        }
    }
}

/// Returns the conclusion from the stocks, the most important sentence first.
pub fn moral(comparison: &ComparisonState) -> Vec<&'static str> {
    let retried = "Temporal retried all three.";
    let last_order = comparison.side(Guard::LastOrder).and_then(Side::verdict);
    match (comparison.terms().interleaved, last_order) {
        (true, Some(Verdict::Wrong)) => vec![
            "Same orders, same faults: only the guard differs.",
            "B7 came in between, and last-order forgot A12.",
            retried,
        ],
        (true, _) => vec!["Same orders, same faults: only the guard differs.", "B7 came too late to be in between."],
        (false, Some(Verdict::Right)) => vec![
            "Same order, same faults: only the guard differs.",
            retried,
            "last-order was lucky. Press B to send another order in between.",
        ],
        (false, _) => vec!["Same order, same faults: only the guard differs.", retried],
    }
}

/// Returns what happens now.
pub fn happening(comparison: &ComparisonState) -> Vec<&'static str> {
    let rows = comparison.line_up();
    let attempt = |number| rows.iter().find(|row| row.order == Comparison::ORDER && row.attempt == number);
    let has_begun = |cell: &Option<LineUpCell<'_>>| matches!(cell, Some(LineUpCell::Attempt { .. }));
    let is_unreported = |cell: &Option<LineUpCell<'_>>| match cell {
        Some(LineUpCell::Attempt { seen, .. }) => seen.facts.is_some_and(AttemptFacts::effect_unreported),
        _ => false,
    };
    if attempt(2).is_some_and(|row| row.cells.iter().any(has_begun)) {
        vec!["Temporal ran it again.", "Only the guard decides what the retry does to the stock."]
    } else if attempt(1).is_some_and(|row| row.cells.iter().any(is_unreported)) {
        vec![
            "The change is written, but its acknowledgement is lost.",
            "Temporal cannot know, so it will run it again.",
        ]
    } else if comparison.sides().iter().any(|side| side.stage() == SideStage::Preparing) {
        vec!["Three workers are starting, each with its own stock."]
    } else {
        vec!["The same order was sent to all three."]
    }
}
