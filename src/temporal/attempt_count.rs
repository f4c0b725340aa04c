//! Counts the attempts of one SDK worker, so that another can take over in time.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use tokio::{sync::Notify, time::sleep};

/// If something always runs, the other one takes over after so many times more attempts, 14 MB of them. Orders whose
/// workflow task is under way then wait for its timeout of 10 s.
const MAX_OVERTIME: u64 = 10;

/// For how long nothing must have begun before a worker of the SDK counts as idle.
const IDLE: Duration = Duration::from_secs(2);

/// Counts the attempts of one worker of the SDK.
#[derive(Debug)]
pub(super) struct AttemptCount {
    begun: AtomicU64,
    ended: AtomicU64,
    limit: u64,
    limit_reached: Notify,
}

/// An attempt that runs until this is dropped.
#[derive(Debug)]
pub(super) struct CountedAttempt<'a>(&'a AttemptCount);

impl Drop for CountedAttempt<'_> {
    fn drop(&mut self) {
        self.0.ended.fetch_add(1, Ordering::Relaxed);
    }
}

impl AttemptCount {
    pub(super) const fn new(limit: u64) -> Self {
        let (begun, ended) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { begun, ended, limit, limit_reached: Notify::const_new() }
    }

    /// An attempt begins.
    pub(super) fn begin(&self) -> CountedAttempt<'_> {
        if self.begun.fetch_add(1, Ordering::Relaxed) + 1 == self.limit {
            self.limit_reached.notify_one();
        }
        CountedAttempt(self)
    }

    /// Waits until the limit is reached and nothing runs, or the limit is exceeded by far.
    pub(super) async fn used_up(&self) {
        self.limit_reached.notified().await;
        loop {
            let begun = self.begun.load(Ordering::Relaxed);
            if begun >= self.limit.saturating_mul(MAX_OVERTIME) {
                return;
            }
            sleep(IDLE).await;
            if [&self.begun, &self.ended].iter().all(|count| count.load(Ordering::Relaxed) == begun) {
                return;
            }
        }
    }
}
