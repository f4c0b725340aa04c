//! When a compaction is due, and how far it is.

use super::{
    error::StoreError,
    old_attempts::OldAttempts,
    rewrite::{Rewrite, Saved},
    storage::FileId,
};

/// Part of the journal that lines of attempts must have before it is compacted, so that the effort does not grow with the
/// number of orders.
const MIN_PART: u64 = 8;

/// Number of times that a worker tries a compaction while the limit's number of lines is added, and the part of the limit
/// that it must save.
pub(super) const TRIES: u64 = 8;

/// When and what a worker compacts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompactionLimits {
    /// Number of bytes that lines of attempts have in the journal before a compaction begins.
    pub after_bytes: u64,
    /// Number of the newest orders whose attempts are kept.
    pub keep_orders: usize,
}

impl CompactionLimits {
    /// The default of [`Self::keep_orders`].
    pub const KEEP_ORDERS: usize = 10_000;

    /// Compacts after this number of megabytes; `None` for 0.
    #[must_use]
    pub const fn after_megabytes(megabytes: u64) -> Option<Self> {
        match megabytes.saturating_mul(1_000_000) {
            0 => None,
            after_bytes => Some(Self { after_bytes, keep_orders: Self::KEEP_ORDERS }),
        }
    }

    /// Whether a process that has just written lines of attempts begins a compaction: their bytes have passed the limit,
    /// or another eighth of it. Other processes do not write at the same moment, so that only one of them begins.
    pub(super) fn are_passed(&self, before: u64, after: u64, journal: u64) -> bool {
        let limit = self.limit(journal);
        // Not a part of the journal: both grow together, so that no step would be passed.
        let step = (self.after_bytes / TRIES).max(1);
        after >= limit && before / step != after / step
    }

    pub(super) fn limit(&self, journal: u64) -> u64 {
        self.after_bytes.max(journal / MIN_PART)
    }
}

/// A compaction that has begun.
#[derive(Debug)]
pub(super) struct Compaction<S> {
    /// The journal that is compacted.
    pub(super) file: FileId,
    pub(super) keep_orders: usize,
    /// Number of bytes that it must save.
    pub(super) min_bytes: u64,
    pub(super) stage: Stage<S>,
}

#[derive(Debug)]
pub(super) enum Stage<S> {
    /// Searches the lines `read..to` for attempts.
    Scan { found: OldAttempts, read: u64, to: u64, most: u64 },
    /// Writes the new journal.
    Write(Box<Rewrite<S>>),
}

/// What a step of a compaction has done.
#[derive(Debug)]
pub(super) enum Stepped<S> {
    More(Compaction<S>),
    Saved(Saved),
    /// There is too little to drop.
    Nothing,
    /// Another process has replaced the journal, or this one has to read it again.
    Replaced,
    /// Another process has the lock.
    Busy(Compaction<S>, StoreError),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_growing_journal_with_a_constant_part_of_attempts_passes_the_limit_again_and_again() {
        let limits = CompactionLimits { after_bytes: 64_000_000, keep_orders: 1 };
        // Half of the bytes belong to attempts, as in a journal of an earlier version.
        let batches = (0..10_000_u64).map(|batch| 500_000_000 + batch * 4_000);
        let passed = batches.filter(|attempts| limits.are_passed(*attempts, attempts + 4_000, attempts * 2)).count();
        assert_eq!(passed, 5);
        assert!(
            !limits.are_passed(63_000_000, 63_999_999, 100_000_000) && limits.are_passed(63_999_999, 64_000_000, 0)
        );
        assert!(!limits.are_passed(63_999_999, 64_000_000, 1_000_000_000), "an eighth of the journal is more");
    }
}
