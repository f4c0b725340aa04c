//! The texts of a comparison of supplier policies.

use ratatui::text::{Line, Span};

use crate::{
    app::{AttemptState, AttemptView, ComparisonState, LineUpCell, Side, SideStage},
    domain::{Activity, KeyPolicy, Units},
    store::Verdict,
    text::first_fitting,
};

use super::{super::theme, Note};

/// Returns how the supplier recognises a repetition, in at most `width` columns.
pub fn meaning(policy: KeyPolicy, width: usize) -> String {
    let short = match policy {
        KeyPolicy::Header => "the key travels",
        KeyPolicy::Outbox => "recorded first",
        KeyPolicy::Lookup => "asks first",
        KeyPolicy::None => "ships again",
    };
    first_fitting([policy.meaning(), short], width)
}

/// Returns the number of shipments and of credits, which are drawn large.
pub fn number(side: &Side) -> String {
    let credits = side.journal().audit.credited.count;
    side.supplier().map_or_else(String::new, |counts| {
        let sign = if counts.shipped == credits { '=' } else { '≠' };
        format!("{}{sign}{credits}", counts.shipped)
    })
}

/// Returns the stock beside the verdict, if it fits into `width` columns. It can be right although the pair is wrong.
pub fn detail(side: &Side, width: usize) -> Line<'static> {
    let stock = side.stock().filter(|_| side.verdict().is_some()).map(|stock| stock.to_string());
    match stock.filter(|stock| "stock ".len() + stock.len() <= width) {
        Some(stock) => Line::from(vec![Span::styled("stock ", theme::FAINT), Span::styled(stock, theme::BOLD)]),
        None => Line::default(),
    }
}

/// Returns the reason for the verdict, in at most `width` columns; `None` while it is open.
pub fn note(side: &Side, width: usize) -> Option<Note> {
    match (side.verdict(), side.stage()) {
        (Some(Verdict::Wrong), _) => {
            let (shipped, paid) = side.supplier().map_or((0, 0), |counts| (counts.shipped, counts.units));
            let Units { count, units } = side.journal().audit.credited;
            let long = format!("{paid} units paid, {units} credited");
            let [units, count] = [format!("paid {paid}, got {units}"), format!("paid {shipped}, got {count}")];
            Some((first_fitting([&long, &units, &count], width), theme::BAD))
        }
        (Some(Verdict::Right), _) => {
            Some((first_fitting(["each credited once", "credited once"], width), theme::PLAIN))
        }
        (None, SideStage::Preparing) if side.supplier().is_none() => {
            Some(("supplier ○ starting".to_owned(), theme::FAINT))
        }
        (None, _) => None,
    }
}

/// Returns the conclusion from the shipments, the most important sentence first.
pub fn moral(comparison: &ComparisonState) -> Vec<&'static str> {
    let verdict = |policy: KeyPolicy| comparison.side(policy).and_then(Side::verdict);
    match (comparison.terms().interleaved, verdict(KeyPolicy::Lookup), verdict(KeyPolicy::None)) {
        (true, Some(Verdict::Wrong), _) => vec![
            "Only a key that travels survives overlapping attempts.",
            "Both attempts of lookup asked before either of them sent.",
        ],
        (true, _, _) => vec!["Only the key policy differs.", "The attempts did not overlap. Press B to try again."],
        (false, _, Some(Verdict::Wrong)) => vec![
            "Only the key policy differs.",
            "Without a key, the retry shipped again: paid twice, credited once.",
            "Press B to let two attempts overlap.",
        ],
        (false, _, _) => vec!["Only the key policy differs."],
    }
}

/// Returns what happens now.
pub fn happening(comparison: &ComparisonState) -> Vec<&'static str> {
    let rows = comparison.line_up();
    let is_any = |number, wanted: fn(&AttemptView<'_>) -> bool| {
        let row = rows.iter().find(|row| row.activity == Activity::SupplierOrder && row.attempt == number);
        row.is_some_and(|row| {
            row.cells.iter().any(|cell| matches!(cell, Some(LineUpCell::Attempt { seen, .. }) if wanted(seen)))
        })
    };
    let is_stalled = |seen: &AttemptView<'_>| matches!(seen.state, AttemptState::Hanging | AttemptState::TimedOut);
    let has_sent = |seen: &AttemptView<'_>| seen.facts.is_some_and(|facts| facts.unrecorded_shipment().is_some());
    let is_late = |seen: &AttemptView<'_>| {
        seen.state == AttemptState::TimedOut && seen.facts.is_some_and(|facts| facts.shipped.is_some())
    };
    if is_any(1, is_late) {
        vec!["Attempt 1 woke up and sent its order too.", "Only the key policy decides whether that ships again."]
    } else if is_any(2, |_| true) {
        vec!["Temporal ran it again.", "Only the key policy decides whether that ships again."]
    } else if is_any(1, has_sent) {
        vec!["The supplier has shipped, but its answer is lost.", "Temporal cannot know, so it will run it again."]
    } else if is_any(1, is_stalled) {
        vec!["Attempt 1 stalls before it sends.", "After its timeout, Temporal will run it again."]
    } else if comparison.sides().iter().any(|side| side.stage() == SideStage::Preparing) {
        vec!["Three suppliers are starting, each with a worker and a stock."]
    } else {
        vec!["The same order was sent to all three."]
    }
}
