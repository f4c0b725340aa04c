//! A growing set in little memory: for a million shipments, which are only looked up.

use std::collections::BTreeSet;

/// Minimum number of new elements before they are merged into the sorted ones.
const MIN_MERGED: usize = 4096;

/// A set that needs about `size_of::<T>()` bytes per element: most elements are in one sorted vector, and the newest, at
/// most an eighth of them, in a tree. An insertion takes logarithmic time on average.
#[derive(Debug, Clone)]
pub(super) struct CompactSet<T> {
    sorted: Vec<T>,
    newest: BTreeSet<T>,
}

impl<T> Default for CompactSet<T> {
    fn default() -> Self {
        Self { sorted: Vec::new(), newest: BTreeSet::new() }
    }
}

impl<T: Ord + Copy> CompactSet<T> {
    /// Adds an element. Returns whether it is new.
    pub(super) fn insert(&mut self, element: T) -> bool {
        if self.sorted.binary_search(&element).is_ok() || !self.newest.insert(element) {
            return false;
        }
        if self.newest.len() >= MIN_MERGED.max(self.sorted.len() / 8) {
            self.merge();
        }
        true
    }

    /// Returns the elements from `first` to `last`, both included, in ascending order.
    pub(super) fn between(&self, first: T, last: T) -> Vec<T> {
        let from = self.sorted.partition_point(|element| *element < first);
        let sorted = self.sorted.iter().skip(from).take_while(|element| **element <= last);
        let mut found: Vec<T> = sorted.chain(self.newest.range(first..=last)).copied().collect();
        found.sort_unstable();
        found
    }

    /// Merges the newest elements into the sorted ones, from the end, so that the vector is never copied as a whole.
    fn merge(&mut self) {
        let newest = std::mem::take(&mut self.newest);
        let mut old = self.sorted.len();
        self.sorted.reserve_exact(newest.len());
        let Some(any) = newest.first().copied() else { return };
        self.sorted.resize(old + newest.len(), any);
        let mut end = self.sorted.len();
        for element in newest.into_iter().rev() {
            while let Some(greater) = old.checked_sub(1).and_then(|last| self.sorted.get(last)).copied()
                && greater > element
            {
                (old, end) = (old - 1, end - 1);
                self.sorted[end] = greater;
            }
            end -= 1;
            self.sorted[end] = element;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rand::{RngExt, SeedableRng, rngs::StdRng};

    use super::*;

    #[test]
    fn it_behaves_like_a_set() {
        let seed: u64 = rand::random();
        let mut random = StdRng::seed_from_u64(seed);
        let (mut compact, mut model) = (CompactSet::default(), BTreeSet::new());
        for _ in 0..100_000 {
            let element: u32 = random.random_range(0..60_000);
            assert_eq!(compact.insert(element), model.insert(element), "seed {seed}");
        }
        assert!(compact.sorted.len() > MIN_MERGED && compact.sorted.is_sorted(), "seed {seed}");
        for element in 0..60_000 {
            let wanted: Vec<_> = model.range(element..=element + 3).copied().collect();
            assert_eq!(compact.between(element, element + 3), wanted, "seed {seed}");
        }
        compact.merge();
        assert_eq!(compact.sorted, model.into_iter().collect::<Vec<_>>(), "seed {seed}");
    }

    #[test]
    fn a_million_elements_need_little_more_than_their_own_size() {
        let mut set = CompactSet::default();
        for number in 0..1_000_000_u64 {
            set.insert((number.wrapping_mul(0x9e37_79b9_7f4a_7c15), number));
        }
        let bytes = set.sorted.capacity() * size_of::<(u64, u64)>();
        assert!(bytes <= 1_000_000 * 16 && set.newest.len() <= 1_000_000 / 8, "{bytes}");
    }
}
