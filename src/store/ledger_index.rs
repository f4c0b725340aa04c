//! Finds the journal's line that recorded an idempotency key.

use sha2::{Digest, Sha256};

use super::compact_set::CompactSet;
use crate::domain::IdempotencyKey;

/// The place of each ledger entry in the journal: 16 bytes per entry. The entry itself is read from the journal again when
/// its key is repeated.
#[derive(Debug, Clone, Default)]
pub(super) struct LedgerIndex {
    /// The first 64 bits of the SHA-256 of a key, and the offset of the line that recorded it.
    lines: CompactSet<(u64, u64)>,
}

impl LedgerIndex {
    /// Adds the line at `offset`, which records `key`.
    pub(super) fn add(&mut self, key: &IdempotencyKey, offset: u64) {
        self.lines.insert((digest(key), offset));
    }

    /// Returns the offsets of the lines that may have recorded `key`, in the journal's order. Other keys can have the
    /// same digest, so the key of each line must be compared.
    pub(super) fn lines_of(&self, key: &IdempotencyKey) -> Vec<u64> {
        let digest = digest(key);
        self.lines.between((digest, 0), (digest, u64::MAX)).into_iter().map(|(_, offset)| offset).collect()
    }
}

fn digest(key: &IdempotencyKey) -> u64 {
    let whole = Sha256::digest(key.as_str());
    whole.iter().take(8).fold(0, |digest, byte| digest << 8 | u64::from(*byte))
}
