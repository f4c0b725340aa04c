//! The keys of a journal, in little memory.

use std::{collections::BTreeMap, io};

use sha2::{Digest, Sha256};

use crate::domain::IdempotencyKey;

/// Number of bytes that represent a key: the first 96 bits of its SHA-256. Among two million keys, the probability of a
/// collision by chance is about 10^-17.
const DIGEST_BYTES: usize = 12;
/// Number of bytes of a place, big-endian, shifted by the bit that says whether the line changed the stock.
const PLACE_BYTES: usize = 6;
const ENTRY_BYTES: usize = DIGEST_BYTES + PLACE_BYTES;

/// Number of bits of a digest that select its bucket. With two million lines, a bucket has 9 KB, so that adding a line
/// moves few bytes.
const BUCKET_BITS: u32 = 12;

/// Part of its length by which a full bucket grows.
const GROWTH: usize = 8;

type KeyDigest = [u8; DIGEST_BYTES];

/// A line of a key. Entries are ordered by key and then by place.
type Entry = [u8; ENTRY_BYTES];

/// What is known of the other lines of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct OtherLines {
    /// Whether there are any.
    pub(super) exist: bool,
    /// Whether one of them changed the stock.
    pub(super) changed_stock: bool,
}

/// The place of each line that has a key: about 20 bytes per line. A ledger entry itself is read from the journal again when
/// its key is repeated.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct KeyIndex {
    /// Entries in ascending order, in buckets by the first bits of their digest.
    buckets: BTreeMap<u16, Vec<Entry>>,
}

impl KeyIndex {
    /// Adds a line of `key`. `place` is what the caller needs to find the line again, such as its offset; at most 2^47.
    pub(super) fn add(&mut self, key: &IdempotencyKey, place: u64, changed_stock: bool) -> OtherLines {
        let digest = digest(key);
        let new = entry(digest, place << 1 | u64::from(changed_stock));
        let bucket = self.buckets.entry(bucket_of(&digest)).or_default();
        let at = position(bucket, &new);
        if bucket.get(at) != Some(&new) {
            if bucket.len() == bucket.capacity() {
                bucket.reserve_exact(bucket.len() / GROWTH + 1);
            }
            bucket.insert(at, new);
        }
        let (before, after) = (bucket[..at].iter().rev(), bucket[at + 1..].iter());
        let is_of_key = |known: &&Entry| known.starts_with(&digest);
        let mut others = before.take_while(is_of_key).chain(after.take_while(is_of_key)).peekable();
        OtherLines { exist: others.peek().is_some(), changed_stock: others.any(|other| place_of(other) & 1 == 1) }
    }

    /// Returns the places of the lines of `key`, in ascending order. Another key can have the same digest.
    pub(super) fn lines_of(&self, key: &IdempotencyKey) -> Vec<u64> {
        self.places_of(digest(key)).map(|place| place >> 1).collect()
    }

    /// Whether a line of `key` changed the stock.
    pub(super) fn has_changed_stock(&self, key: &IdempotencyKey) -> bool {
        self.places_of(digest(key)).any(|place| place & 1 == 1)
    }

    fn places_of(&self, digest: KeyDigest) -> impl Iterator<Item = u64> {
        let bucket = self.buckets.get(&bucket_of(&digest)).map_or(&[][..], Vec::as_slice);
        let from = position(bucket, &entry(digest, 0));
        bucket[from..].iter().take_while(move |known| known.starts_with(&digest)).map(place_of)
    }

    /// Sets the entries of a bucket, with room for others.
    fn fill_bucket(&mut self, entries: &[Entry]) {
        if let Some(any) = entries.first() {
            let bucket = self.buckets.entry(bucket_of(any)).or_default();
            bucket.reserve_exact(entries.len() + entries.len() / GROWTH + 1);
            bucket.extend_from_slice(entries);
        }
    }

    /// Number of lines.
    pub(super) fn len(&self) -> usize {
        self.buckets.values().map(Vec::len).sum()
    }

    /// Returns the lines in their order, in binary form.
    pub(super) fn bytes(&self) -> impl Iterator<Item = &[u8]> {
        self.buckets.values().map(|bucket| bucket.as_flattened())
    }

    /// Reads `lines` lines in the form of [`Self::bytes`], to the end of `file`. Returns `None` if it has another number of
    /// lines, or if they are not in order.
    ///
    /// # Errors
    /// Returns the error of `file`.
    pub(super) fn read(file: &mut impl io::Read, lines: usize) -> io::Result<Option<Self>> {
        let mut index = Self::default();
        // The entries of the last bucket.
        let mut last: Vec<Entry> = Vec::new();
        let mut entry = [0; ENTRY_BYTES];
        for _ in 0..lines {
            if let Err(error) = file.read_exact(&mut entry) {
                return if error.kind() == io::ErrorKind::UnexpectedEof { Ok(None) } else { Err(error) };
            }
            if let Some(before) = last.last() {
                if *before >= entry {
                    return Ok(None);
                }
                if bucket_of(before) != bucket_of(&entry) {
                    index.fill_bucket(&last);
                    last.clear();
                }
            }
            last.push(entry);
        }
        index.fill_bucket(&last);
        let is_end = file.read(&mut entry)? == 0;
        Ok(Some(index).filter(|_| is_end))
    }
}

fn digest(key: &IdempotencyKey) -> KeyDigest {
    let whole = Sha256::digest(key.as_str());
    std::array::from_fn(|index| whole[index])
}

/// Returns the number of the bucket for a digest, or for an entry, which begins with one.
fn bucket_of(digest: &[u8]) -> u16 {
    let first = digest.iter().take(2).fold(0, |bits, byte| bits << 8 | u16::from(*byte));
    first >> (u16::BITS - BUCKET_BITS)
}

/// Returns the position of the first entry that is not before `entry`. Digests are distributed evenly, so it is near the
/// position that the bits after those of the bucket predict, and the search reads little memory.
fn position(bucket: &[Entry], entry: &Entry) -> usize {
    let first = entry.iter().take(4).fold(0, |bits, byte| bits << 8 | u32::from(*byte));
    let predicted = (u64::from(first << BUCKET_BITS) * bucket.len() as u64) >> u32::BITS;
    let predicted = usize::try_from(predicted).unwrap_or(0);
    let (before, after) = bucket.split_at(predicted);
    match before.iter().rposition(|known| known < entry) {
        Some(last) if last + 1 < predicted => last + 1,
        None if predicted > 0 => 0,
        _ => predicted + after.iter().position(|known| known >= entry).unwrap_or(after.len()),
    }
}

fn entry(digest: KeyDigest, place: u64) -> Entry {
    let mut entry = [0; ENTRY_BYTES];
    let (key, rest) = entry.split_at_mut(DIGEST_BYTES);
    key.copy_from_slice(&digest);
    rest.copy_from_slice(&place.to_be_bytes()[8 - PLACE_BYTES..]);
    entry
}

fn place_of(entry: &Entry) -> u64 {
    entry.iter().skip(DIGEST_BYTES).fold(0, |place, byte| place << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rand::{RngExt, SeedableRng, rngs::StdRng};

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
        let mut bytes = index.bytes().collect::<Vec<_>>().concat();
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

    #[test]
    fn it_behaves_like_a_map_of_sets() {
        let seed: u64 = rand::random();
        let mut random = StdRng::seed_from_u64(seed);
        let (mut index, mut model) = (KeyIndex::default(), BTreeMap::<String, BTreeSet<(u64, bool)>>::new());
        for _ in 0..20_000 {
            let id = random.random_range(0..8_000).to_string();
            let line = (random.random_range(0..1_000_000), random.random());
            let lines = model.entry(id.clone()).or_default();
            let mut others = lines.iter().filter(|other| **other != line).peekable();
            let exist = others.peek().is_some();
            let others = OtherLines { exist, changed_stock: others.any(|(_, changed)| *changed) };
            assert_eq!(index.add(&key(&id), line.0, line.1), others, "seed {seed}");
            lines.insert(line);
        }
        for id in 0..8_000 {
            let lines = model.remove(&id.to_string()).unwrap_or_default();
            let found = (index.lines_of(&key(&id.to_string())), index.has_changed_stock(&key(&id.to_string())));
            let wanted = lines.iter().map(|(place, _)| *place).collect();
            assert_eq!(found, (wanted, lines.iter().any(|(_, changed)| *changed)), "seed {seed}");
        }
    }

    #[test]
    fn lines_need_little_more_than_their_own_size() {
        let mut index = KeyIndex::default();
        for number in 0..400_000 {
            index.add(&key(&number.to_string()), number, true);
        }
        let bytes = index.bytes().collect::<Vec<_>>().concat();
        let restored = KeyIndex::read(&mut bytes.as_slice(), index.len()).unwrap().unwrap();
        assert_eq!(restored, index);
        for index in [index, restored] {
            let places: usize = index.buckets.values().map(Vec::capacity).sum();
            assert!(places * 7 <= index.len() * 8, "{places} for {}", index.len());
        }
    }
}
