//! How long Temporal waits between attempts, so that the screen can count down before the server says so.

use serde::{Deserialize, Serialize};

/// The retry policy that orders are started with, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetryWaits {
    pub initial: u64,
    pub coefficient: u64,
    pub maximum: u64,
    /// After this an attempt without an answer is given up.
    pub start_to_close: u64,
}

impl Default for RetryWaits {
    fn default() -> Self {
        Self { initial: 1_000, coefficient: 2, maximum: 5_000, start_to_close: 10_000 }
    }
}

impl RetryWaits {
    /// The longest wait and timeout, in milliseconds: an hour.
    pub const LONGEST: u64 = 3_600_000;
    pub const LARGEST_COEFFICIENT: u64 = 100;

    /// The same within what Temporal and a room can bear: nothing is 0, nothing above its bound, and the first wait not
    /// longer than the longest.
    #[must_use]
    pub fn within_bounds(self) -> Self {
        let maximum = self.maximum.clamp(1, Self::LONGEST);
        Self {
            initial: self.initial.clamp(1, maximum),
            coefficient: self.coefficient.clamp(1, Self::LARGEST_COEFFICIENT),
            maximum,
            start_to_close: self.start_to_close.clamp(1, Self::LONGEST),
        }
    }

    /// The wait after attempt `number`, which counts from 1.
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
