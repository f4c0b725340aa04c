//! Notices: sentences that the screen shows for a while. They expire by the time of `Message::Tick`; drawing never changes
//! them.

use serde::{Deserialize, Serialize};

use crate::domain::{UnixMillis, sanitize};

/// Milliseconds that a notice is shown.
const NOTICE_MILLIS: u64 = 6_000;

/// Milliseconds that a notice with a text to select is shown.
const LASTING_NOTICE_MILLIS: u64 = 60_000;

const MAX_NOTICE_CHARS: usize = 300;

/// What a notice means for the user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tone {
    /// Advice, or the effect of a key.
    Plain,
    /// A success.
    Good,
    /// A failure or a warning.
    Bad,
}

/// A sentence that the screen shows until it expires.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Sanitized.
    pub text: String,
    /// Its meaning.
    pub tone: Tone,
    until: UnixMillis,
}

impl Notice {
    /// A notice that expires a few seconds after `now`.
    #[must_use]
    pub fn new(text: &str, tone: Tone, now: UnixMillis) -> Self {
        Self { text: sanitize(text, MAX_NOTICE_CHARS), tone, until: UnixMillis(now.0.saturating_add(NOTICE_MILLIS)) }
    }

    /// A notice with a text to select, shown for a minute.
    #[must_use]
    pub fn lasting(text: &str, now: UnixMillis) -> Self {
        Self { until: UnixMillis(now.0.saturating_add(LASTING_NOTICE_MILLIS)), ..Self::new(text, Tone::Plain, now) }
    }

    /// Whether its time is over.
    #[must_use]
    pub fn has_expired(&self, now: UnixMillis) -> bool {
        now >= self.until
    }
}
