//! How far the lists are scrolled.

use serde::{Deserialize, Serialize};

/// Rows that each list is scrolled away from its beginning: the newest attempt, the newest effect, the top of an overlay.
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
