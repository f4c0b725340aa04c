//! The waits of Temporal's retry policy, so that the screen can count down before the server reports the next attempt.

use serde::{Deserialize, Serialize};

/// The retry policy that orders are started with, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetryWaits {
    /// Wait after the first attempt.
    pub initial: u64,
    /// Factor between two waits; not a time.
    pub coefficient: u64,
    /// Longest wait.
    pub maximum: u64,
    /// Timeout of an attempt.
    pub start_to_close: u64,
}

impl Default for RetryWaits {
    fn default() -> Self {
        Self { initial: 1_000, coefficient: 2, maximum: 5_000, start_to_close: 10_000 }
    }
}

impl RetryWaits {
    /// Maximum of a wait and of the timeout, in milliseconds: an hour.
    pub const MAX_MILLIS: u64 = 3_600_000;
    /// Maximum of the coefficient.
    pub const MAX_COEFFICIENT: u64 = 100;

    /// Returns the policy within its bounds: nothing is 0, nothing is above its maximum, and the first wait is not longer
    /// than the longest.
    #[must_use]
    pub fn within_bounds(self) -> Self {
        let maximum = self.maximum.clamp(1, Self::MAX_MILLIS);
        Self {
            initial: self.initial.clamp(1, maximum),
            coefficient: self.coefficient.clamp(1, Self::MAX_COEFFICIENT),
            maximum,
            start_to_close: self.start_to_close.clamp(1, Self::MAX_MILLIS),
        }
    }

    /// Wait after attempt `number`, from 1, in milliseconds.
    #[must_use]
    pub const fn after(&self, number: u32) -> u64 {
        let factor = self.coefficient.saturating_pow(number.saturating_sub(1));
        let wait = self.initial.saturating_mul(factor);
        if wait < self.maximum { wait } else { self.maximum }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_maximum() {
        let waits = RetryWaits::default();
        let after: Vec<_> = [1, 2, 3, 4, u32::MAX].into_iter().map(|number| waits.after(number)).collect();
        assert_eq!(after, [1_000, 2_000, 4_000, 5_000, 5_000]);
    }
}
