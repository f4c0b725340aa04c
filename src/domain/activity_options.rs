//! The options of an activity of any workflow: its timeouts and its retry policy.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

use super::{RetryWaits, TimeoutKind, millis};

/// The options with which an activity was scheduled, or that an operator has changed since.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ActivityOptions {
    /// The task queue.
    pub task_queue: String,
    /// Maximum of all attempts and waits together; `None` for no limit.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "millis::optional")]
    pub schedule_to_close: Option<Duration>,
    /// Maximum wait for a worker; `None` for no limit.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "millis::optional")]
    pub schedule_to_start: Option<Duration>,
    /// Maximum of one attempt; `None` for no limit.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "millis::optional")]
    pub start_to_close: Option<Duration>,
    /// Maximum time between two heartbeats; `None` for no heartbeats.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "millis::optional")]
    pub heartbeat: Option<Duration>,
    /// The retry policy.
    pub retry: RetryPolicy,
}

impl ActivityOptions {
    /// The value of a timeout; `None` if it is not set.
    #[must_use]
    pub const fn limit(&self, timeout: TimeoutKind) -> Option<Duration> {
        match timeout {
            TimeoutKind::StartToClose => self.start_to_close,
            TimeoutKind::ScheduleToStart => self.schedule_to_start,
            TimeoutKind::ScheduleToClose => self.schedule_to_close,
            TimeoutKind::Heartbeat => self.heartbeat,
            TimeoutKind::Unspecified => None,
        }
    }
}

/// A retry policy of Temporal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetryPolicy {
    /// Wait after the first attempt.
    #[serde(with = "millis")]
    pub initial: Duration,
    /// Factor between two waits.
    pub coefficient: Coefficient,
    /// Longest wait; `None`: 100 times the first, which is Temporal's default.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "millis::optional")]
    pub maximum: Option<Duration>,
    /// Maximum number of attempts; 0: unlimited.
    #[serde(default)]
    pub maximum_attempts: u32,
    /// Types of application failures that are not retried.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub non_retryable: Vec<String>,
}

/// A factor, in thousandths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Coefficient(pub u32);

/// `2`, or `1.5`.
impl fmt::Display for Coefficient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, thousandths) = (self.0 / 1_000, self.0 % 1_000);
        if thousandths == 0 {
            return write!(f, "{whole}");
        }
        let fraction = format!("{thousandths:03}");
        write!(f, "{whole}.{}", fraction.trim_end_matches('0'))
    }
}

impl Default for RetryPolicy {
    /// Temporal's default: 1 s, factor 2, at most 100 s, unlimited.
    fn default() -> Self {
        Self {
            initial: Duration::from_secs(1),
            coefficient: Coefficient(2_000),
            maximum: None,
            maximum_attempts: 0,
            non_retryable: Vec::new(),
        }
    }
}

impl RetryPolicy {
    /// Temporal's default of the longest wait, as a multiple of the first.
    const DEFAULT_MAXIMUM_FACTOR: u32 = 100;

    /// Longest wait.
    #[must_use]
    pub fn maximum_wait(&self) -> Duration {
        self.maximum.unwrap_or_else(|| self.initial.saturating_mul(Self::DEFAULT_MAXIMUM_FACTOR))
    }

    /// Wait after attempt `number`, from 1: `min(initial * coefficient^(number - 1), maximum)`, as the server computes it.
    #[must_use]
    pub fn after(&self, number: u32) -> Duration {
        let maximum = self.maximum_wait();
        let mut wait = self.initial.min(maximum);
        for _ in 1..number {
            let next = wait.saturating_mul(self.coefficient.0) / 1_000;
            if next >= maximum {
                return maximum;
            }
            if next == wait {
                return wait;
            }
            wait = next;
        }
        wait
    }
}

impl From<&RetryWaits> for RetryPolicy {
    fn from(waits: &RetryWaits) -> Self {
        let coefficient = u32::try_from(waits.coefficient.saturating_mul(1_000)).unwrap_or(u32::MAX);
        Self {
            initial: waits.initial,
            coefficient: Coefficient(coefficient),
            maximum: Some(waits.maximum),
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_by_the_coefficient_up_to_the_maximum() {
        let policy = RetryPolicy {
            initial: Duration::from_millis(200),
            coefficient: Coefficient(1_500),
            maximum: Some(Duration::from_millis(600)),
            ..RetryPolicy::default()
        };
        let millis = [1, 2, 3, 4, 5, u32::MAX].map(|number| policy.after(number).as_millis());
        assert_eq!(millis, [200, 300, 450, 600, 600, 600]);
        assert_eq!(RetryPolicy::default().after(u32::MAX), Duration::from_secs(100));
        let constant = RetryPolicy { coefficient: Coefficient(1_000), ..RetryPolicy::default() };
        assert_eq!(constant.after(u32::MAX), Duration::from_secs(1));
    }

    #[test]
    fn the_policy_of_orders_has_the_same_waits() {
        let waits = RetryWaits::default();
        let policy = RetryPolicy::from(&waits);
        assert!((1..9).all(|number| policy.after(number) == waits.after(number)));
    }

    #[test]
    fn a_coefficient_is_shown_without_trailing_zeros() {
        assert_eq!(
            [2_000, 1_500, 1_050, 1_001].map(|thousandths| Coefficient(thousandths).to_string()),
            ["2", "1.5", "1.05", "1.001"]
        );
    }
}
