//! The waits of Temporal's retry policy, so that the screen can count down before the server reports the next attempt.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::millis;

/// The retry policy that orders are started with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetryWaits {
    /// Wait after the first attempt.
    #[serde(with = "millis")]
    pub initial: Duration,
    /// Factor between two waits; not a time.
    pub coefficient: u64,
    /// Longest wait.
    #[serde(with = "millis")]
    pub maximum: Duration,
    /// Timeout of an attempt.
    #[serde(with = "millis")]
    pub start_to_close: Duration,
}

impl Default for RetryWaits {
    fn default() -> Self {
        let [initial, maximum, start_to_close] = [1, 5, 10].map(Duration::from_secs);
        Self { initial, coefficient: 2, maximum, start_to_close }
    }
}

impl RetryWaits {
    /// Minimum of a wait and of the timeout.
    const MIN: Duration = Duration::from_millis(1);
    /// Maximum of a wait and of the timeout.
    pub const MAX: Duration = Duration::from_hours(1);
    /// Maximum of the coefficient.
    pub const MAX_COEFFICIENT: u64 = 100;

    /// Returns the policy within its bounds: nothing is 0, nothing is above its maximum, and the first wait is not longer
    /// than the longest.
    #[must_use]
    pub fn within_bounds(self) -> Self {
        let maximum = self.maximum.clamp(Self::MIN, Self::MAX);
        Self {
            initial: self.initial.clamp(Self::MIN, maximum),
            coefficient: self.coefficient.clamp(1, Self::MAX_COEFFICIENT),
            maximum,
            start_to_close: self.start_to_close.clamp(Self::MIN, Self::MAX),
        }
    }

    /// Wait after attempt `number`, from 1.
    #[must_use]
    pub fn after(&self, number: u32) -> Duration {
        let factor = self.coefficient.saturating_pow(number.saturating_sub(1));
        let factor = u32::try_from(factor).unwrap_or(u32::MAX);
        self.initial.saturating_mul(factor).min(self.maximum)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_maximum() {
        let waits = RetryWaits::default();
        let after: Vec<_> = [1, 2, 3, 4, u32::MAX].into_iter().map(|number| waits.after(number)).collect();
        assert_eq!(after, [1, 2, 4, 5, 5].map(Duration::from_secs));
    }
}
