//! Reading a journal: lines to records, records to the inventory, each checked against the one before it.

use crate::domain::{Change, Inventory, Rejection, Stock};

use super::{
    error::Damage,
    record::{Commit, Fact, Phase, Record},
};

/// A place in a journal: behind line `seq`, at byte `offset`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Position {
    pub offset: u64,
    pub seq: u64,
}

/// A complete line that cannot be trusted, and where it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadLine {
    pub offset: u64,
    pub cause: Damage,
}

/// The complete lines of `bytes`, which were read at `position`; moves it behind them. What follows the last line
/// feed is left: a line that is being written, or a torn one.
///
/// # Errors
/// [`BadLine`] at the first line with a wrong checksum or number.
pub fn read_lines(bytes: &[u8], position: &mut Position) -> Result<Vec<Record>, BadLine> {
    let mut records = Vec::new();
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let Some(content) = line.strip_suffix(b"\n") else { break };
        let bad = |cause| BadLine { offset: position.offset, cause };
        let record = Record::decode(content).map_err(|error| bad(error.into()))?;
        let expected = position.seq + 1;
        if record.seq != expected {
            return Err(bad(Damage::Sequence { expected, found: record.seq }));
        }
        position.seq = expected;
        position.offset += line.len() as u64;
        records.push(record);
    }
    Ok(records)
}

/// Takes a record in. Says whether the document looks different after it.
///
/// # Errors
/// [`Damage`] where the record does not follow from what came before.
pub fn fold(inventory: &mut Inventory, record: &Record) -> Result<bool, Damage> {
    match &record.fact {
        Fact::Init(_) => Err(Damage::SecondInit { seq: record.seq }),
        Fact::Order(commit) | Fact::Supplier(commit) => {
            check_stock(inventory, record.seq, commit.receipt.delta, commit.receipt.stock)?;
            let Commit { key, payload, receipt, origin, .. } = commit.clone();
            inventory.apply(Change { key, payload, receipt }, &origin);
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
