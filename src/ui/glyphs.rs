//! One glyph per state of an attempt, with its words and style. All glyphs are one column wide.

use ratatui::style::Style;

use crate::{
    app::{AttemptState, AttemptView, EffectKind, Failure, Item, ItemKind},
    domain::{FailureReport, ItemEnd, TimeoutKind},
    faults::Point,
    store::CommitOutcome,
};

use super::theme;

/// A glyph, its style, and words with the same meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// The glyph, one column wide.
    pub glyph: char,
    /// Style of the glyph and of the words.
    pub style: Style,
    /// Words for a wide column.
    pub word: &'static str,
}

const fn mark(glyph: char, style: Style, word: &'static str) -> Mark {
    Mark { glyph, style, word }
}

/// The attempt applied the effect.
pub const APPLIED: Mark = mark('✓', theme::GOOD, "done");
/// The attempt succeeded, and no journal record shows its effect.
pub const DONE: Mark = mark('✓', theme::PLAIN, "done, effect unknown");
/// The attempt returned the result that the ledger had recorded.
pub const REPLAYED: Mark = mark('↺', theme::KNOWN, "replayed from the ledger");
/// The guard `last-order` recognised the order, so the attempt changed nothing.
pub const SKIPPED: Mark = mark('=', theme::KNOWN, "skipped by last-order");
/// The attempt failed before its commit.
pub const FAILED_BEFORE: Mark = mark('✗', theme::BAD, "failed before commit");
/// The attempt failed after its commit.
pub const FAILED_AFTER: Mark = mark('!', theme::WARN, "failed after commit");
/// The attempt failed between the supplier's shipment and the commit of its credit.
pub const SENT: Mark = mark('!', theme::BAD, "sent, not recorded");
/// The attempt failed, at a point that is not known.
pub const FAILED: Mark = mark('✗', theme::BAD, "failed");
/// The attempt or the order was rejected, and Temporal does not retry it.
pub const REFUSED: Mark = mark('◆', theme::BAD, "rejected permanently");
/// The worker process died before the commit.
pub const CRASHED_BEFORE: Mark = mark('†', theme::BAD, "worker died before commit");
/// The worker process died after the commit.
pub const CRASHED_AFTER: Mark = mark('†', theme::WARN, "worker died after commit");
/// A hang was injected, and the timeout is still ahead.
pub const HANGING: Mark = mark('~', theme::WARN, "hangs");
/// The attempt did not end before its timeout.
pub const TIMED_OUT: Mark = mark('~', theme::WARN, "timed out");
/// The attempt ended without a known result.
pub const NO_ANSWER: Mark = mark('?', theme::WARN, "no answer");
/// The attempt must have happened, but no source reported it.
pub const NOT_OBSERVED: Mark = mark('·', theme::FAINT, "not observed");
/// The attempt is running.
pub const RUNNING: Mark = mark('●', theme::BOLD, "running");
/// The next attempt, which has not started.
pub const WAITING: Mark = mark('○', theme::FAINT, "next attempt");
/// Another program changed the stock.
pub const ADJUSTED: Mark = mark('±', theme::WARN, "changed by another program");
/// The effect was applied more than once. The actual count replaces the digit.
pub const AGAIN: Mark = mark('2', theme::badge(theme::BAD), "applied AGAIN");
/// The supplier's delivery was not needed, so the stock did not change.
pub const NOT_NEEDED: Mark = mark('✓', theme::GOOD, "not needed");

/// Units were ordered from the supplier, which has not shipped them yet.
pub const ON_ORDER: Mark = mark('→', theme::KNOWN, "on order");

/// A signal, an update or another request arrived.
pub const RECEIVED: Mark = mark('»', theme::KNOWN, "received");
/// An item was cancelled or terminated.
pub const CANCELLED: Mark = mark('◆', theme::WARN, "cancelled");

/// Entries of the legend, the most important first.
pub const LEGEND: &[(Mark, &str)] = &[
    (FAILED_BEFORE, "failed before commit"),
    (FAILED_AFTER, "after commit"),
    (APPLIED, "done"),
    (REPLAYED, "replayed"),
    (AGAIN, "applied again"),
    (RUNNING, "running"),
    (CRASHED_AFTER, "worker died"),
    (WAITING, "waiting"),
    (HANGING, "hangs"),
    (REFUSED, "rejected"),
    (SKIPPED, "skipped"),
    (NO_ANSWER, "no answer"),
    (NOT_OBSERVED, "not observed"),
];

/// Entries of the legend of the pages about executions.
pub const WATCH_LEGEND: &[(Mark, &str)] = &[
    (FAILED, "failed"),
    (TIMED_OUT, "timed out"),
    (CANCELLED, "cancelled, terminated or not retryable"),
    (DONE, "completed"),
    (RUNNING, "running"),
    (WAITING, "next attempt, or a timer's end"),
    (NO_ANSWER, "no answer"),
    (NOT_OBSERVED, "not observed"),
    (RECEIVED, "signal or request"),
];

/// Returns the mark of an attempt. If its effect was a repetition, the mark is the count, however the attempt ended.
#[must_use]
pub fn of_attempt(seen: &AttemptView<'_>) -> Mark {
    if let Some(times) = seen.facts.and_then(crate::app::AttemptFacts::repeated) {
        return again(times);
    }
    let after = seen.facts.is_some_and(crate::app::AttemptFacts::effect_unreported);
    // The attempt passed the commit without committing, because the ledger had the result.
    let repeats = after && seen.facts.is_some_and(|facts| facts.committed.is_none());
    let is_sent = seen.facts.is_some_and(|facts| facts.unrecorded_shipment().is_some());
    match seen.state {
        AttemptState::NotObserved => NOT_OBSERVED,
        AttemptState::Ended => Mark { word: "ended, result not observed", ..NOT_OBSERVED },
        AttemptState::Running => RUNNING,
        AttemptState::Done => DONE,
        AttemptState::Hanging => HANGING,
        AttemptState::TimedOut => TIMED_OUT,
        AttemptState::Crashed(_) if is_sent => Mark { word: "worker died: sent, not recorded", ..CRASHED_BEFORE },
        AttemptState::Crashed(Point::BeforeSend | Point::AfterSend | Point::BeforeCommit) => CRASHED_BEFORE,
        AttemptState::Crashed(Point::AfterCommit) if repeats => {
            Mark { word: "worker died after the replay", ..CRASHED_AFTER }
        }
        AttemptState::Crashed(Point::AfterCommit) => CRASHED_AFTER,
        AttemptState::NoAnswer => NO_ANSWER,
        AttemptState::Failed(failure) if !failure.retryable => REFUSED,
        AttemptState::Failed(_) if repeats => Mark { word: "failed after the replay", ..FAILED_AFTER },
        AttemptState::Failed(_) if after => FAILED_AFTER,
        AttemptState::Failed(_) if is_sent => SENT,
        AttemptState::Failed(failure) if failure.point.is_some() => FAILED_BEFORE,
        AttemptState::Failed(_) => FAILED,
        AttemptState::Succeeded(CommitOutcome::Applied) => APPLIED,
        AttemptState::Succeeded(CommitOutcome::Replayed) => REPLAYED,
        AttemptState::Succeeded(CommitOutcome::Skipped) => SKIPPED,
    }
}

/// Returns the mark whose glyph is the count; 9 means nine or more.
#[must_use]
pub fn again(times: u32) -> Mark {
    Mark { glyph: char::from_digit(times.min(9), 10).unwrap_or('9'), ..AGAIN }
}

/// Returns the words for an attempt of another program's workflow, whose effect is not known here.
#[must_use]
pub fn plain_word(seen: &AttemptView<'_>) -> &'static str {
    match seen.state {
        AttemptState::Failed(failure) if failure.code == Failure::CANCELLED => CANCELLED.word,
        AttemptState::Failed(failure) if !failure.retryable => "failed, not retryable",
        AttemptState::Done => "completed",
        _ => of_attempt(seen).word,
    }
}

/// Returns the mark of an attempt that failed as the server reports.
#[must_use]
pub fn of_report(failure: &FailureReport) -> Mark {
    match failure.code.as_str() {
        Failure::TIMEOUT => TIMED_OUT,
        Failure::CANCELLED => CANCELLED,
        _ => FAILED,
    }
}

/// Returns the type and the message of a failure, or its timeout.
#[must_use]
pub fn reason(failure: &FailureReport) -> String {
    match failure.timeout() {
        Some(kind) if kind != TimeoutKind::Unspecified => kind.sentence(None),
        _ => coded(&failure.code, &failure.message),
    }
}

/// Returns the type and the message of a failure, each of them if it is not empty.
#[must_use]
pub fn coded(code: &str, message: &str) -> String {
    let separator = if code.is_empty() || message.is_empty() { "" } else { ": " };
    format!("{code}{separator}{message}")
}

/// Returns the mark of an item of a watched execution.
#[must_use]
pub fn of_item(item: &Item) -> Mark {
    match (&item.kind, item.end.as_ref().map(|(_, end)| end)) {
        (ItemKind::Signal { .. }, _) => RECEIVED,
        (ItemKind::CancelRequest { .. }, _) => Mark { style: theme::WARN, word: "cancellation requested", ..RECEIVED },
        (ItemKind::Timer { .. }, None) => Mark { word: "waiting", ..WAITING },
        (_, None) => RUNNING,
        (ItemKind::Timer { .. }, Some(ItemEnd::Completed { .. })) => Mark { word: "fired", ..DONE },
        (_, Some(end)) => of_end(end),
    }
}

/// Returns the mark of the end of an item or an execution.
#[must_use]
pub const fn of_end(end: &ItemEnd) -> Mark {
    match end {
        ItemEnd::Completed { .. } => Mark { word: "completed", ..APPLIED },
        ItemEnd::Failed(_) => FAILED,
        ItemEnd::TimedOut(_) => TIMED_OUT,
        ItemEnd::Cancelled => CANCELLED,
        ItemEnd::Terminated { .. } => Mark { word: "terminated", ..CANCELLED },
        ItemEnd::ContinuedAsNew => Mark { word: "continued as new", ..DONE },
    }
}

/// Returns the mark of an effect.
#[must_use]
pub fn of_effect(kind: EffectKind) -> Mark {
    match kind {
        EffectKind::Applied { times: 0 } => NOT_NEEDED,
        EffectKind::OnOrder => ON_ORDER,
        EffectKind::Applied { times: 1 } => APPLIED,
        EffectKind::Applied { times } => again(times),
        EffectKind::Replayed => REPLAYED,
        EffectKind::Skipped => SKIPPED,
        EffectKind::Adjusted => ADJUSTED,
        EffectKind::Refused => REFUSED,
    }
}

#[cfg(test)]
mod tests {
    use unicode_width::UnicodeWidthChar;

    use super::*;

    #[test]
    fn every_glyph_is_one_column_wide() {
        for (mark, _) in LEGEND {
            assert_eq!(mark.glyph.width(), Some(1), "{}", mark.glyph);
        }
        for mark in [ADJUSTED, FAILED, CRASHED_BEFORE, TIMED_OUT, NOT_NEEDED, ON_ORDER, RECEIVED, CANCELLED, again(3)] {
            assert_eq!(mark.glyph.width(), Some(1), "{}", mark.glyph);
        }
    }

    #[test]
    fn the_legend_has_every_glyph_of_an_attempt() {
        for mark in
            [FAILED_BEFORE, FAILED_AFTER, CRASHED_AFTER, HANGING, RUNNING, APPLIED, REPLAYED, REFUSED, NO_ANSWER]
        {
            assert!(LEGEND.iter().any(|(shown, _)| *shown == mark), "{}", mark.glyph);
        }
        for mark in [SKIPPED, NOT_OBSERVED, WAITING, AGAIN] {
            assert!(LEGEND.iter().any(|(shown, _)| *shown == mark), "{}", mark.glyph);
        }
    }
}
