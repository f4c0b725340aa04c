//! Replay of a journal: lines become records, and records change the inventory. Each is checked against those before
//! it.

use crate::domain::{Inventory, Rejection, Stock};

use super::{
    error::Damage,
    record::{Fact, Phase, Record},
};

/// A position in a journal: the end of line `seq`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Position {
    /// Offset in bytes.
    pub offset: u64,
    /// Number of lines before it.
    pub seq: u64,
}

/// A complete line that is damaged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadLine {
    /// Offset of its first byte.
    pub offset: u64,
    /// Its damage.
    pub cause: Damage,
}

/// Reads the complete lines of `bytes`, which begin at `position`, and moves `position` after them. Returns each with its
/// offset. Ignores an incomplete line at the end, because it is torn or still being written.
///
/// # Errors
/// Returns [`BadLine`] for the first line with a wrong checksum or number.
pub fn read_lines(bytes: &[u8], position: &mut Position) -> Result<Vec<(u64, Record)>, BadLine> {
    let mut records = Vec::new();
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let Some(content) = line.strip_suffix(b"\n") else { break };
        let bad = |cause| BadLine { offset: position.offset, cause };
        let record = Record::decode(content).map_err(|error| bad(error.into()))?;
        let expected = position.seq + 1;
        if record.seq != expected {
            return Err(bad(Damage::Sequence { expected, found: record.seq }));
        }
        records.push((position.offset, record));
        position.seq = expected;
        position.offset += line.len() as u64;
    }
    Ok(records)
}

/// Applies a record. Returns whether it changes the document.
///
/// # Errors
/// Returns [`Damage`] if the record does not follow from those before.
pub fn fold(inventory: &mut Inventory, record: &Record) -> Result<bool, Damage> {
    match &record.fact {
        Fact::Init(_) => Err(Damage::SecondInit { seq: record.seq }),
        Fact::Order(commit) | Fact::Supplier(commit) => {
            check_stock(inventory, record.seq, commit.receipt.delta, commit.receipt.stock)?;
            inventory.apply(&commit.receipt, &commit.origin);
            Ok(true)
        }
        Fact::Adjust(adjustment) => {
            check_stock(inventory, record.seq, adjustment.delta, adjustment.stock)?;
            inventory.adjust(adjustment.stock, &adjustment.last_order);
            Ok(true)
        }
        Fact::Aside(_) => Ok(false),
        Fact::Attempt(event) => {
            let changed = inventory.observe_attempt(&event.origin, matches!(event.phase, Phase::Started));
            if matches!(event.phase, Phase::Completed { .. } | Phase::Failed { retryable: false, .. }) {
                inventory.end_execution(&event.origin);
            }
            Ok(changed)
        }
        Fact::Reject(refused) => {
            if let Some(key) = &refused.key
                && refused.code == Rejection::INSUFFICIENT_STOCK
            {
                inventory.refuse(key, &refused.run);
            }
            Ok(false)
        }
    }
}

fn check_stock(inventory: &Inventory, seq: u64, delta: i64, found: Stock) -> Result<(), Damage> {
    let expected = inventory.stock.saturating_add(delta);
    if found == expected { Ok(()) } else { Err(Damage::Stock { seq, expected, found }) }
}
