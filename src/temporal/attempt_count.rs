//! Counts the attempts of one SDK worker, so that the worker can be replaced in time.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use tokio::{sync::Notify, time::sleep};

/// A worker that is never idle is replaced after this many times the limit; its tokens then take 14 MB. A
/// workflow task in progress must then time out, after 10 s, before it is retried.
const MAX_LIMIT_FACTOR: u64 = 10;

/// A worker counts as idle if no attempt started for this time.
const IDLE_AFTER: Duration = Duration::from_secs(2);

/// Counts the attempts of one SDK worker.
#[derive(Debug)]
pub(super) struct AttemptCount {
    begun: AtomicU64,
    ended: AtomicU64,
    limit: u64,
    limit_reached: Notify,
}

/// A running attempt. Dropping it counts the attempt as ended.
#[derive(Debug)]
pub(super) struct CountedAttempt<'a>(&'a AttemptCount);

impl Drop for CountedAttempt<'_> {
    fn drop(&mut self) {
        self.0.ended.fetch_add(1, Ordering::Relaxed);
    }
}

impl AttemptCount {
    /// Creates a count for a worker that is due for replacement after `limit` attempts.
    pub(super) const fn new(limit: u64) -> Self {
        let (begun, ended) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { begun, ended, limit, limit_reached: Notify::const_new() }
    }

    /// Counts an attempt that starts.
    pub(super) fn begin(&self) -> CountedAttempt<'_> {
        if self.begun.fetch_add(1, Ordering::Relaxed) + 1 == self.limit {
            self.limit_reached.notify_one();
        }
        CountedAttempt(self)
    }

    /// Waits until the limit is reached and no attempt runs, or [`MAX_LIMIT_FACTOR`] times the limit is reached.
    pub(super) async fn due_for_replacement(&self) {
        self.limit_reached.notified().await;
        loop {
            let begun = self.begun.load(Ordering::Relaxed);
            if begun >= self.limit.saturating_mul(MAX_LIMIT_FACTOR) {
                return;
            }
            sleep(IDLE_AFTER).await;
            if [&self.begun, &self.ended].iter().all(|count| count.load(Ordering::Relaxed) == begun) {
                return;
            }
        }
    }
}
