//! The result of one attempt on one side, in a narrow column: `! 1000 → 1 ack lost`, or `✓ S-1 same shipment`.

use ratatui::{
    style::Style,
    text::{Line, Span},
};

use crate::{
    app::{Appearance, AttemptFacts, AttemptState, AttemptView, Committed, LineUpCell, until},
    domain::UnixMillis,
    store::CommitOutcome,
    text::truncate,
};

use super::{glyphs, theme, words};

/// Returns the line of one cell of the comparison, at most `width` columns wide.
pub fn cell(cell: &LineUpCell<'_>, look: Appearance, width: usize, now: UnixMillis) -> Line<'static> {
    match cell {
        LineUpCell::Attempt { seen, shipped_again } => attempt(seen, *shipped_again, look, width),
        LineUpCell::Due(at) => {
            let mark = glyphs::WAITING;
            let text = truncate(&format!("retry {}", until(*at, now)), width.saturating_sub(2));
            Line::from(vec![Span::styled(mark.glyph.to_string(), mark.style), Span::raw(format!(" {text}"))])
        }
    }
}

fn attempt(seen: &AttemptView<'_>, shipped_again: Option<u32>, look: Appearance, width: usize) -> Line<'static> {
    let mark = shipped_again.map_or_else(|| glyphs::of_attempt(seen), glyphs::again);
    let again = shipped_again.is_some() || seen.facts.and_then(AttemptFacts::repeated).is_some();
    let style = if again { theme::BAD.patch(theme::BOLD) } else { theme::BOLD };
    let mut spans = vec![Span::styled(mark.glyph.to_string(), mark.style)];
    let word = if again { Some("AGAIN") } else { word_of_shipment(seen).or_else(|| word(seen)) };
    // If the column is too narrow, the delta is omitted rather than the word.
    let room = width.saturating_sub(1 + word.map_or(0, |word| word.chars().count() + 1));
    let effects = effects(seen, look);
    let effect = effects.iter().find(|text| text.chars().count() < room).or(effects.last()).cloned();
    let word_style = if again { style } else { mark.style };
    let mut used = 1;
    // A truncated number would be wrong, so a text is shown completely or not at all.
    for (text, style) in [(effect, style), (word.map(str::to_owned), word_style)] {
        let Some(text) = text else { continue };
        let columns = text.chars().count() + 1;
        if used + columns <= width {
            used += columns;
            spans.extend([Span::styled(" ", Style::new()), Span::styled(text, style)]);
        }
    }
    Line::from(spans)
}

/// Returns texts for the shipment and the change of the stock, the longest first; none if the effect is missing or unknown.
fn effects(seen: &AttemptView<'_>, look: Appearance) -> Vec<String> {
    let changes = changes(seen, look);
    match seen.facts.and_then(|facts| facts.shipped.as_ref()) {
        Some(shipped) => {
            let id = shipped.shipment.as_str();
            changes.iter().map(|change| format!("{id} {change}")).chain([id.to_owned()]).collect()
        }
        None => changes,
    }
}

/// Returns texts for the change of the stock, the longest first.
fn changes(seen: &AttemptView<'_>, look: Appearance) -> Vec<String> {
    match (seen.facts.and_then(|facts| facts.committed), seen.state) {
        (Some(Committed { delta, stock, .. }), _) if delta != 0 => {
            vec![words::change(look, delta, stock), words::from_to(look, delta, stock)]
        }
        (Some(_), _) | (None, AttemptState::Succeeded(_)) => vec!["+0".to_owned()],
        (None, _) => Vec::new(),
    }
}

/// Returns a short word for what the attempt did at the supplier; `None` if it has no shipment, or still runs.
fn word_of_shipment(seen: &AttemptView<'_>) -> Option<&'static str> {
    let facts = seen.facts?;
    let shipped = facts.shipped.as_ref()?;
    match seen.state {
        AttemptState::Succeeded(_) | AttemptState::TimedOut if shipped.replayed => Some("same shipment"),
        AttemptState::Succeeded(_) => Some("shipped"),
        AttemptState::Failed(_) | AttemptState::Crashed(_) => facts.unrecorded_shipment().map(|_| "not credited"),
        _ => None,
    }
}

/// Returns a short word for the state; `glyphs` has longer ones for wider columns.
fn word(seen: &AttemptView<'_>) -> Option<&'static str> {
    let unreported = seen.facts.is_some_and(AttemptFacts::effect_unreported);
    Some(match seen.state {
        AttemptState::Succeeded(CommitOutcome::Replayed) => "replayed",
        AttemptState::Succeeded(CommitOutcome::Skipped) => "skipped",
        AttemptState::Succeeded(CommitOutcome::Applied) => {
            let needed = seen.facts.and_then(|facts| facts.committed).is_none_or(|committed| committed.delta != 0);
            return (!needed).then_some("not needed");
        }
        AttemptState::Failed(failure) if !failure.retryable => "rejected",
        AttemptState::Failed(_) if unreported => "ack lost",
        AttemptState::Failed(failure) if failure.point.is_some() => "before commit",
        AttemptState::Failed(_) => "failed",
        AttemptState::Crashed(_) => "crashed",
        AttemptState::Hanging => "hangs",
        AttemptState::TimedOut => "timed out",
        AttemptState::NoAnswer => "no answer",
        AttemptState::Running => "running",
        AttemptState::Done => "done",
        AttemptState::NotObserved | AttemptState::Ended => "not observed",
    })
}
