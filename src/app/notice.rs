//! Sentences that go by themselves. They expire in `update`, by the time that comes in; drawing never changes them.

use serde::{Deserialize, Serialize};

use crate::domain::{UnixMillis, sanitize};

/// How long a notice stays, in milliseconds.
const STAYS: u64 = 6_000;

/// How long one stays that has a text to select, in milliseconds.
const LASTS: u64 = 60_000;

/// The longest notice, in characters.
const LONGEST: usize = 300;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tone {
    Plain,
    Good,
    Bad,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    pub text: String,
    pub tone: Tone,
    until: UnixMillis,
}

impl Notice {
    #[must_use]
    pub fn new(text: &str, tone: Tone, now: UnixMillis) -> Self {
        Self { text: sanitize(text, LONGEST), tone, until: UnixMillis(now.0.saturating_add(STAYS)) }
    }

    /// One with a text to select.
    #[must_use]
    pub fn lasting(text: &str, now: UnixMillis) -> Self {
        Self { until: UnixMillis(now.0.saturating_add(LASTS)), ..Self::new(text, Tone::Plain, now) }
    }

    #[must_use]
    pub fn has_expired(&self, now: UnixMillis) -> bool {
        now >= self.until
    }
}
