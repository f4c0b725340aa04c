//! Replay of a journal: lines become records, and records change the inventory. Each is checked against those before
//! it.

use crate::domain::{Delivery, Intent, Inventory, Payload, Rejection, Stock, SupplierOrder};

use super::{
    error::{Damage, Witness},
    line::{LineError, checksum},
    record::{Commit, Compacted, Fact, Phase, Record, RelayEvent},
};

/// A position in a journal: the end of line `seq`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Position {
    /// Offset in bytes.
    pub offset: u64,
    /// Number of the line before it.
    pub seq: u64,
    /// The part of a compacted journal in which lines may be missing, if the position is in it.
    compacted: Option<CompactedPart>,
}

/// The lines of a compacted journal up to the last dropped one, as far as they were read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct CompactedPart {
    through: u64,
    kept: u64,
    check: u64,
    found: u64,
    found_check: u64,
}

impl Position {
    /// The position after line `seq`, which no dropped line follows.
    #[must_use]
    pub const fn after(seq: u64, offset: u64) -> Self {
        Self { offset, seq, compacted: None }
    }

    /// Moves after the next line.
    fn accept(&mut self, record: &Record, line: &[u8]) -> Result<(), Damage> {
        match (&record.fact, self.compacted) {
            (Fact::Compacted(declared), None) if (self.offset, record.seq) == (0, 0) => {
                self.compacted = Some(CompactedPart::declared(declared)?);
                return Ok(());
            }
            (_, Some(mut part)) if record.seq <= part.through => {
                if record.seq <= self.seq {
                    return Err(Damage::Sequence { expected: self.seq + 1, found: record.seq });
                }
                part.found += 1;
                part.found_check = part.found_check.wrapping_add(checksum(line).unwrap_or_default());
                (self.seq, self.compacted) = (record.seq, Some(part));
                return Ok(());
            }
            (_, Some(part)) => (self.seq, self.compacted) = (part.end()?, None),
            (_, None) => {}
        }
        let expected = self.seq + 1;
        if record.seq != expected || matches!(record.fact, Fact::Compacted(_)) {
            return Err(Damage::Sequence { expected, found: record.seq });
        }
        self.seq = expected;
        Ok(())
    }

    /// Checks that a journal may end here. A compaction never drops the last line.
    ///
    /// # Errors
    /// Returns [`Damage::EndMissing`] if a dropped line follows.
    pub(super) const fn check_end(&self) -> Result<(), Damage> {
        match self.compacted {
            None => Ok(()),
            Some(part) => {
                let (journal, known, witness) = (self.seq, part.through, Witness::FirstLine);
                Err(Damage::EndMissing { journal, known, witness })
            }
        }
    }
}

impl CompactedPart {
    fn declared(declared: &Compacted) -> Result<Self, Damage> {
        if declared.format != Compacted::FORMAT {
            return Err(Damage::Format { found: declared.format, known: Compacted::FORMAT });
        }
        let check = u64::from_str_radix(&declared.check, 16)
            .map_err(|error| LineError::NoRecord(format!("its check: {error}")))?;
        let Compacted { through, kept, .. } = *declared;
        Ok(Self { through, kept, check, found: 0, found_check: 0 })
    }

    /// Checks that all kept lines were found, and returns the number of the last dropped line.
    fn end(self) -> Result<u64, Damage> {
        let Self { through, kept, found, .. } = self;
        if (kept, self.check) == (found, self.found_check) {
            Ok(through)
        } else {
            Err(Damage::Compacted { through, kept, found })
        }
    }
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
/// Returns [`BadLine`] for the first line with a wrong checksum or number, and if lines are missing before it.
pub fn read_lines(bytes: &[u8], position: &mut Position) -> Result<Vec<(u64, Record)>, BadLine> {
    let mut records = Vec::new();
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let Some(content) = line.strip_suffix(b"\n") else { break };
        let offset = position.offset;
        let record = Record::decode(content).map_err(|error| BadLine { offset, cause: error.into() })?;
        position.accept(&record, content).map_err(|cause| BadLine { offset, cause })?;
        records.push((offset, record));
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
        Fact::Init(_) | Fact::Compacted(_) => Err(Damage::SecondInit { seq: record.seq }),
        Fact::Order(commit) | Fact::Supplier(commit) => {
            check_stock(inventory, record.seq, commit.receipt.delta, commit.receipt.stock)?;
            inventory.apply(&commit.receipt, &commit.origin);
            if let Some(line) = commit.intent {
                inventory.outbox.remove(line);
            }
            Ok(true)
        }
        Fact::Intent(commit) => {
            check_stock(inventory, record.seq, commit.receipt.delta, commit.receipt.stock)?;
            inventory.outbox.add(intent_of(record, commit)?);
            Ok(false)
        }
        Fact::Relay(RelayEvent { intent, event }) => {
            let (outbox, number) = (&mut inventory.outbox, event.origin.attempt);
            match event.phase {
                Phase::Started => outbox.on_try(*intent, number, record.at),
                Phase::Failed { retryable: true, .. } => outbox.on_failure(*intent, number, record.at),
                Phase::Failed { retryable: false, .. } => outbox.remove(*intent),
                Phase::Fault { .. } | Phase::Shipped { .. } | Phase::Completed { .. } => {}
            }
            Ok(false)
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

/// Returns the intent that a line records.
fn intent_of(record: &Record, commit: &Commit) -> Result<Intent, Damage> {
    let Payload::Units { quantity, product } = commit.payload.clone() else {
        return Err(LineError::NoRecord(format!("it orders \"{}\" from the supplier", commit.payload)).into());
    };
    let order = commit.origin.order.clone();
    Ok(Intent {
        line: record.seq,
        order: SupplierOrder { order, product, quantity, delivery: Delivery::default() },
        guard: commit.guard,
        plan: commit.relay.as_deref().cloned().unwrap_or_default(),
        origin: commit.origin.clone(),
        tries: 0,
        due: record.at,
    })
}

fn check_stock(inventory: &Inventory, seq: u64, delta: i64, found: Stock) -> Result<(), Damage> {
    let expected = inventory.stock.saturating_add(delta);
    if found == expected { Ok(()) } else { Err(Damage::Stock { seq, expected, found }) }
}
