//! Where each shipment is in the file: 40 bytes per shipment.

use std::ops::Range;

use sha2::{Digest, Sha256};

use super::compact_set::CompactSet;
use crate::supplier::api::Shipment;

/// The lines of the shipments by number, key and reference.
#[derive(Debug, Clone, Default)]
pub(super) struct Index {
    /// Offset of the line of each shipment.
    offsets: Vec<u64>,
    /// Offset after the last line.
    end: u64,
    /// The first 64 bits of the SHA-256 of each key, and the number of its shipment. Different keys can have the same
    /// bits, so the caller compares the keys in the lines.
    keys: CompactSet<(u64, u64)>,
    /// The same for each reference.
    references: CompactSet<(u64, u64)>,
    /// Number of units in all shipments.
    units: u64,
}

impl Index {
    /// Creates an index without shipments, for a file whose first line ends at `end`.
    pub(super) fn new(end: u64) -> Self {
        Self { end, ..Self::default() }
    }

    /// Adds the next shipment, whose line has this length with its line feed.
    pub(super) fn add(&mut self, shipment: &Shipment, line_bytes: u64) {
        let number = shipment.shipment.0;
        self.offsets.push(self.end);
        self.end += line_bytes;
        if let Some(key) = &shipment.key {
            self.keys.insert((bits(key.as_str()), number));
        }
        self.references.insert((bits(shipment.order.reference.as_str()), number));
        self.units = self.units.saturating_add(shipment.order.quantity.units().unsigned_abs());
    }

    /// Number of shipments.
    pub(super) fn shipments(&self) -> u64 {
        self.offsets.len() as u64
    }

    /// Number of units in all shipments.
    pub(super) const fn units(&self) -> u64 {
        self.units
    }

    /// Offset after the last line.
    pub(super) const fn end(&self) -> u64 {
        self.end
    }

    /// Returns the shipments that may have this key, in order of number.
    pub(super) fn with_key(&self, key: &str) -> Vec<u64> {
        numbers(&self.keys, key)
    }

    /// Returns the shipments that may have this reference, in order of number.
    pub(super) fn with_reference(&self, reference: &str) -> Vec<u64> {
        numbers(&self.references, reference)
    }

    /// Returns the bytes of the file with the lines of at most `limit` shipments after the number `after`.
    pub(super) fn lines_after(&self, after: u64, limit: u64) -> Range<u64> {
        let offset = |number: u64| {
            let place = usize::try_from(number).ok().and_then(|place| self.offsets.get(place));
            place.copied().unwrap_or(self.end)
        };
        offset(after)..offset(after.saturating_add(limit))
    }
}

fn numbers(set: &CompactSet<(u64, u64)>, text: &str) -> Vec<u64> {
    let bits = bits(text);
    set.between((bits, 0), (bits, u64::MAX)).into_iter().map(|(_, number)| number).collect()
}

fn bits(text: &str) -> u64 {
    Sha256::digest(text).iter().take(size_of::<u64>()).fold(0, |bits, byte| bits << 8 | u64::from(*byte))
}
