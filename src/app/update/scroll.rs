//! Scroll offsets of the lists.

use serde::{Deserialize, Serialize};

use crate::app::intent::Move;

/// Scroll offset of each list in rows, from the newest attempt, the newest effect or the top of an overlay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Scroll {
    /// Of the list of attempts.
    pub timeline: usize,
    /// Of the list of effects.
    pub effects: usize,
    /// Of the overlay.
    pub overlay: usize,
}

impl Scroll {
    /// The limits for a screen of unknown size.
    pub const WITHOUT_LIMIT: Self = Self { timeline: usize::MAX, effects: usize::MAX, overlay: usize::MAX };
}

/// Mirrors a movement, for lists whose newest row is their last.
#[must_use]
pub const fn upside_down(step: Move) -> Move {
    match step {
        Move::Up => Move::Down,
        Move::Down => Move::Up,
        Move::First => Move::Last,
        Move::Last => Move::First,
        Move::HalfPageUp => Move::HalfPageDown,
        Move::HalfPageDown => Move::HalfPageUp,
    }
}

/// Moves `rows` by a step, within `limit`. `half`: rows of half a page.
pub fn scroll(rows: &mut usize, step: Move, half: usize, limit: usize) {
    let from = (*rows).min(limit);
    let to = match step {
        Move::Up => from.saturating_sub(1),
        Move::Down => from.saturating_add(1),
        Move::First => 0,
        Move::Last => limit,
        Move::HalfPageUp => from.saturating_sub(half),
        Move::HalfPageDown => from.saturating_add(half),
    };
    *rows = to.min(limit);
}
