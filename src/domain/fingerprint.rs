//! Fixed-size digests of ids, for a ledger of many orders that only compares them.

use std::hash::{BuildHasher, Hash, RandomState};

/// 128 bits that represent an id, comparable within one process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint(u64, u64);

/// Computes fingerprints with secret keys, so that no sender can choose ids that collide. Among a thousand million ids,
/// the probability of a collision by chance is about 10^-21.
#[derive(Debug, Clone, Default)]
pub struct Fingerprints {
    first: RandomState,
    second: RandomState,
}

impl Fingerprints {
    /// The fingerprint of `id`.
    #[must_use]
    pub fn of(&self, id: impl Hash) -> Fingerprint {
        Fingerprint(self.first.hash_one(&id), self.second.hash_one(&id))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn equal_ids_have_equal_fingerprints_and_others_do_not() {
        let make = Fingerprints::default();
        assert_eq!(make.of("order:A12"), make.of("order:A12"));
        assert_eq!(make.of("order:A12"), make.clone().of("order:A12"));
        let ids = (0..10_000).map(|number| make.of(format!("order:{number}")));
        assert_eq!(ids.collect::<HashSet<_>>().len(), 10_000);
        let Fingerprint(first, second) = make.of("order:A12");
        assert_ne!(first, second, "the halves are independent");
    }
}
