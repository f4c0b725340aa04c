//! The keys of a journal, in little memory.

use std::io;

use sha2::{Digest, Sha256};

use super::compact_set::CompactSet;
use crate::domain::IdempotencyKey;

/// Number of bytes that represent a key: the first 96 bits of its SHA-256. Among two million keys, the probability of a
/// collision by chance is about 10^-17.
const DIGEST_BYTES: usize = 12;
/// Number of bytes of a place, big-endian, shifted by the bit that says whether the line changed the stock.
const PLACE_BYTES: usize = 6;
const ENTRY_BYTES: usize = DIGEST_BYTES + PLACE_BYTES;

/// A line of a key. Entries are ordered by key and then by place.
type Entry = [u8; ENTRY_BYTES];

/// The place of each line that has a key: 18 bytes per line. A ledger entry itself is read from the journal again when its
/// key is repeated.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct KeyIndex {
    lines: CompactSet<Entry>,
}

impl KeyIndex {
    /// Adds a line of `key`. `place` is what the caller needs to find the line again, such as its offset; at most 2^47.
    pub(super) fn add(&mut self, key: &IdempotencyKey, place: u64, changed_stock: bool) {
        self.lines.insert(entry(digest(key), place << 1 | u64::from(changed_stock)));
    }

    /// Returns the places of the lines of `key`, in ascending order. Another key can have the same digest.
    pub(super) fn lines_of(&self, key: &IdempotencyKey) -> Vec<u64> {
        self.entries_of(key).into_iter().map(|place| place >> 1).collect()
    }

    /// Whether a line of `key` changed the stock.
    pub(super) fn has_changed_stock(&self, key: &IdempotencyKey) -> bool {
        self.entries_of(key).into_iter().any(|place| place & 1 == 1)
    }

    fn entries_of(&self, key: &IdempotencyKey) -> Vec<u64> {
        let digest = digest(key);
        let found = self.lines.between(entry(digest, 0), entry(digest, u64::MAX));
        found
            .into_iter()
            .map(|entry| entry.iter().skip(DIGEST_BYTES).fold(0, |place, byte| place << 8 | u64::from(*byte)))
            .collect()
    }

    /// Number of lines.
    pub(super) fn len(&self) -> usize {
        self.lines.len()
    }

    /// Returns the lines in their order, in binary form.
    pub(super) fn sorted_bytes(&mut self) -> &[u8] {
        self.lines.sorted().as_flattened()
    }

    /// Reads `lines` lines in the form of [`Self::sorted_bytes`], to the end of `file`. Returns `None` if it has another
    /// number of lines, or if they are not in order.
    ///
    /// # Errors
    /// Returns the error of `file`, and an error if there is too little memory.
    pub(super) fn read(file: &mut impl io::Read, lines: usize) -> io::Result<Option<Self>> {
        let mut entries = Vec::new();
        entries.try_reserve_exact(lines).map_err(|error| io::Error::new(io::ErrorKind::OutOfMemory, error))?;
        let mut entry = [0; ENTRY_BYTES];
        for _ in 0..lines {
            if let Err(error) = file.read_exact(&mut entry) {
                return if error.kind() == io::ErrorKind::UnexpectedEof { Ok(None) } else { Err(error) };
            }
            entries.push(entry);
        }
        let is_end = file.read(&mut entry)? == 0;
        Ok(CompactSet::from_sorted(entries).filter(|_| is_end).map(|lines| Self { lines }))
    }
}

fn digest(key: &IdempotencyKey) -> [u8; DIGEST_BYTES] {
    let whole = Sha256::digest(key.as_str());
    std::array::from_fn(|index| whole[index])
}

fn entry(digest: [u8; DIGEST_BYTES], place: u64) -> Entry {
    let mut entry = [0; ENTRY_BYTES];
    let (key, rest) = entry.split_at_mut(DIGEST_BYTES);
    key.copy_from_slice(&digest);
    rest.copy_from_slice(&place.to_be_bytes()[8 - PLACE_BYTES..]);
    entry
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::OrderId;

    fn key(id: &str) -> IdempotencyKey {
        IdempotencyKey::order(&OrderId::new(id).unwrap())
    }

    #[test]
    fn the_lines_of_a_key_are_found_in_order_also_after_writing_and_reading() {
        let mut index = KeyIndex::default();
        let last = (1 << 47) - 1;
        for (id, place, changed) in [("A", 700, false), ("B", 0, true), ("A", 3, true), ("C", last, false)] {
            index.add(&key(id), place, changed);
        }
        let mut bytes = index.sorted_bytes().to_vec();
        assert_eq!(bytes.len(), index.len() * ENTRY_BYTES);
        let read = |mut bytes: &[u8], lines| KeyIndex::read(&mut bytes, lines).unwrap();
        let restored = read(&bytes, 4).unwrap();
        for index in [&index, &restored] {
            assert_eq!((index.lines_of(&key("A")), index.has_changed_stock(&key("A"))), (vec![3, 700], true));
            assert_eq!((index.lines_of(&key("C")), index.has_changed_stock(&key("C"))), (vec![last], false));
            assert_eq!((index.lines_of(&key("D")), index.has_changed_stock(&key("D"))), (vec![], false));
        }
        for (bytes, lines) in [(&bytes[1..], 4), (&bytes[..], 3), (&bytes[..], 5)] {
            assert!(read(bytes, lines).is_none(), "another number of lines: {lines}");
        }
        bytes.rotate_left(ENTRY_BYTES);
        assert!(read(&bytes, 4).is_none(), "not in order");
    }
}
