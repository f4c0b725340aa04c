//! Texts of other programs, made harmless to show. Every text passes here once, on its way in.

use crate::domain::sanitize;

/// Temporal's default limit.
const MAX_ID_CHARS: usize = 1_000;

const MAX_TEXT_CHARS: usize = 400;

/// A workflow, run or order id. Keys are built from it too, so that ids from the journal and from the server still match.
#[must_use]
pub fn id(text: &str) -> String {
    sanitize(text, MAX_ID_CHARS)
}

/// A message.
#[must_use]
pub fn text(text: &str) -> String {
    sanitize(text, MAX_TEXT_CHARS)
}

/// Whether an id is as it came in, so that the server knows it: not shortened, and no character replaced.
#[must_use]
pub fn is_whole(id: &str) -> bool {
    id.chars().count() <= MAX_ID_CHARS && !id.contains("\\u{")
}
