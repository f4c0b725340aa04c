//! One glyph per state of an attempt, with its word and style. All are one column wide.

use ratatui::style::Style;

use crate::{
    app::{AttemptState, AttemptView, EffectKind},
    faults::Point,
    store::Outcome,
};

use super::theme;

/// A glyph, its style, and the words that say the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    pub glyph: char,
    pub style: Style,
    pub word: &'static str,
}

const fn mark(glyph: char, style: Style, word: &'static str) -> Mark {
    Mark { glyph, style, word }
}

pub const APPLIED: Mark = mark('✓', theme::GOOD, "done");
pub const DONE: Mark = mark('✓', theme::PLAIN, "done, effect unknown");
pub const REPLAYED: Mark = mark('↺', theme::KNOWN, "replayed from the ledger");
pub const SKIPPED: Mark = mark('=', theme::KNOWN, "skipped by last-order");
pub const FAILED_BEFORE: Mark = mark('✗', theme::BAD, "failed before commit");
pub const FAILED_AFTER: Mark = mark('!', theme::WARN, "failed after commit");
pub const FAILED: Mark = mark('✗', theme::BAD, "failed");
pub const REFUSED: Mark = mark('◆', theme::BAD, "rejected permanently");
pub const CRASHED_BEFORE: Mark = mark('†', theme::BAD, "worker died before commit");
pub const CRASHED_AFTER: Mark = mark('†', theme::WARN, "worker died after commit");
pub const HANGING: Mark = mark('~', theme::WARN, "hangs");
pub const TIMED_OUT: Mark = mark('~', theme::WARN, "timed out");
pub const NO_ANSWER: Mark = mark('?', theme::WARN, "no answer");
pub const NOT_OBSERVED: Mark = mark('·', theme::FAINT, "not observed");
pub const RUNNING: Mark = mark('●', theme::BOLD, "running");
pub const WAITING: Mark = mark('○', theme::FAINT, "next attempt");
pub const ADJUSTED: Mark = mark('±', theme::WARN, "changed by another program");
/// Shown with the actual count.
pub const AGAIN: Mark = mark('2', theme::badge(theme::BAD), "applied AGAIN");
pub const NOT_NEEDED: Mark = mark('✓', theme::GOOD, "not needed");

/// The legend, the most important entries first.
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

/// The mark of an attempt. A repeated effect shows its count, regardless of the attempt's end.
#[must_use]
pub fn of_attempt(seen: &AttemptView<'_>) -> Mark {
    if let Some(times) = seen.facts.and_then(crate::app::AttemptFacts::repeated) {
        return again(times);
    }
    let after = seen.facts.is_some_and(crate::app::AttemptFacts::effect_unreported);
    // The attempt passed the commit without committing, because the ledger had the result.
    let repeats = after && seen.facts.is_some_and(|facts| facts.committed.is_none());
    match seen.state {
        AttemptState::NotObserved => NOT_OBSERVED,
        AttemptState::Running => RUNNING,
        AttemptState::Done => DONE,
        AttemptState::Hanging => HANGING,
        AttemptState::TimedOut => TIMED_OUT,
        AttemptState::Crashed(Point::BeforeCommit) => CRASHED_BEFORE,
        AttemptState::Crashed(Point::AfterCommit) if repeats => {
            Mark { word: "worker died after the replay", ..CRASHED_AFTER }
        }
        AttemptState::Crashed(Point::AfterCommit) => CRASHED_AFTER,
        AttemptState::NoAnswer => NO_ANSWER,
        AttemptState::Failed(failure) if !failure.retryable => REFUSED,
        AttemptState::Failed(_) if repeats => Mark { word: "failed after the replay", ..FAILED_AFTER },
        AttemptState::Failed(_) if after => FAILED_AFTER,
        AttemptState::Failed(failure) if failure.point.is_some() => FAILED_BEFORE,
        AttemptState::Failed(_) => FAILED,
        AttemptState::Succeeded(Outcome::Applied) => APPLIED,
        AttemptState::Succeeded(Outcome::Replayed) => REPLAYED,
        AttemptState::Succeeded(Outcome::Skipped) => SKIPPED,
    }
}

/// The digit is the count; 9 means nine or more.
fn again(times: u32) -> Mark {
    Mark { glyph: char::from_digit(times.min(9), 10).unwrap_or('9'), ..AGAIN }
}

#[must_use]
pub fn of_effect(kind: EffectKind) -> Mark {
    match kind {
        EffectKind::Applied { times: 0 } => NOT_NEEDED,
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
        for mark in [ADJUSTED, FAILED, CRASHED_BEFORE, TIMED_OUT, NOT_NEEDED, again(3)] {
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
