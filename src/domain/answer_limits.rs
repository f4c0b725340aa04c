//! How much is kept of the server's answers about executions. The reader of an answer and the state apply the same limits,
//! because a recording may contain anything.

use super::sanitize;

/// Maximum length of an id or a name: Temporal's default limit, so that none is cut.
pub const MAX_NAME_CHARS: usize = 1_000;

/// Maximum length of a message or a reason.
pub const MAX_TEXT_CHARS: usize = 2_000;

/// Maximum bytes of the JSON text of a payload.
pub const MAX_JSON_BYTES: usize = 4_096;

/// Maximum number of causes of a failure.
pub const MAX_CAUSES: usize = 20;

/// Maximum number of lines of a stack trace.
pub const MAX_TRACE_LINES: usize = 50;

/// Maximum length of a line of a stack trace.
pub const MAX_TRACE_CHARS: usize = 200;

/// Maximum number of payloads of a list.
pub const MAX_PAYLOADS: usize = 20;

/// Maximum number of failure types that a retry policy excludes.
pub const MAX_TYPES: usize = 50;

/// Makes an id or a name harmless to show.
#[must_use]
pub fn name(text: &str) -> String {
    sanitize(text, MAX_NAME_CHARS)
}

/// Makes a message harmless to show.
#[must_use]
pub fn text(text: &str) -> String {
    sanitize(text, MAX_TEXT_CHARS)
}

/// Makes a line of a stack trace harmless to show.
#[must_use]
pub fn trace_line(line: &str) -> String {
    sanitize(line, MAX_TRACE_CHARS)
}
