//! The journal that a compaction writes: a declaration of the dropped lines, and then the other lines, byte for byte.

use super::{
    document::Retries,
    error::Damage,
    line::{self, checksum},
    loaded::Loaded,
    old_attempts::Droppable,
    record::{Compacted, Fact, Record},
    replay::{BadLine, Position, read_lines},
    storage::FileId,
};
use crate::domain::{InventoryRules, UnixMillis};

/// Number of bytes of the first line, which is written last. Spaces fill it up.
pub(super) const FIRST_LINE_BYTES: u64 = 512;

/// Number of bytes that [`line::seal`] adds to an object.
const SEAL_BYTES: usize = line::HEAD.len() + line::SUM_BYTES + line::JOINT.len() - 1;

/// Lines up to a position.
#[derive(Debug, Clone, Copy, Default)]
struct Lines {
    count: u64,
    /// Sum of their checksums.
    check: u64,
}

/// A new journal that is written. The lines that it keeps are replayed, so that it can be compared with the old one.
#[derive(Debug)]
pub(super) struct Rewrite<S> {
    pub(super) staged: S,
    /// Position in the old journal.
    pub(super) source: Position,
    /// Number of bytes of the new journal.
    pub(super) written: u64,
    /// Number of bytes of the new journal that are durable.
    pub(super) synced: u64,
    droppable: Droppable,
    /// Offset in the old journal from which on every line is kept, because it was written after the choice.
    keep_from: u64,
    /// The declaration of the old journal.
    before: Option<Compacted>,
    /// The state after the kept lines. Their retries are not all retries.
    loaded: Option<Loaded>,
    /// Number of the last dropped line.
    through: u64,
    kept: Lines,
    /// The kept lines up to `through`.
    kept_through: Lines,
    dropped_lines: u64,
    dropped_bytes: u64,
}

/// The lines that a compaction has dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Saved {
    /// Number of bytes of the journal before.
    pub bytes_before: u64,
    /// Number of bytes of the journal after.
    pub bytes_after: u64,
    /// Number of dropped lines.
    pub lines: u64,
    /// Number of orders whose lines of attempts were dropped.
    pub orders: u64,
}

impl<S> Rewrite<S> {
    pub(super) fn new(staged: S, droppable: Droppable, keep_from: u64) -> Self {
        Self {
            staged,
            source: Position::default(),
            written: FIRST_LINE_BYTES,
            synced: 0,
            droppable,
            keep_from,
            before: None,
            loaded: None,
            through: 0,
            kept: Lines::default(),
            kept_through: Lines::default(),
            dropped_lines: 0,
            dropped_bytes: 0,
        }
    }

    /// Takes the complete lines of `bytes`, which are at the position in the old journal, and returns those that the new
    /// one keeps.
    ///
    /// # Errors
    /// Returns the first damage.
    pub(super) fn take(&mut self, bytes: &[u8], rules: InventoryRules) -> Result<Vec<u8>, BadLine> {
        let begin = self.source.offset;
        let records = read_lines(bytes, &mut self.source)?;
        let ends: Vec<_> = records.iter().skip(1).map(|(offset, _)| *offset).chain([self.source.offset]).collect();
        let mut kept = Vec::with_capacity(bytes.len());
        for ((offset, record), end) in records.into_iter().zip(ends) {
            let [from, to] = [offset, end].map(|offset| usize::try_from(offset - begin).unwrap_or(usize::MAX));
            let line = bytes.get(from..to).unwrap_or_default();
            match &record.fact {
                Fact::Compacted(before) => {
                    self.through = before.through;
                    self.before = Some(before.clone());
                }
                Fact::Attempt(event) if offset < self.keep_from && self.droppable.contains(event) => {
                    self.drop_line(record.seq, line.len() as u64);
                }
                _ => {
                    self.keep_line(record, line, rules).map_err(|cause| BadLine { offset, cause })?;
                    kept.extend_from_slice(line);
                }
            }
        }
        Ok(kept)
    }

    fn drop_line(&mut self, seq: u64, bytes: u64) {
        // An earlier compaction may have dropped a later line.
        (self.through, self.kept_through) = (self.through.max(seq), self.kept);
        self.dropped_lines += 1;
        self.dropped_bytes += bytes;
        if let Some(loaded) = &mut self.loaded {
            loaded.attempts.drop_through(self.through);
        }
    }

    fn keep_line(&mut self, record: Record, line: &[u8], rules: InventoryRules) -> Result<(), Damage> {
        let seq = record.seq;
        let lines = [(self.written, record)];
        let loaded = if let Some(mut loaded) = self.loaded.take() {
            loaded.apply(&lines)?;
            loaded
        } else {
            // The file is known when the new journal is in place.
            let mut loaded = Loaded::begin(FileId(0, 0), &lines, rules)?;
            loaded.attempts.drop_through(self.through);
            loaded
        };
        self.written += line.len() as u64;
        let loaded = self.loaded.insert(loaded);
        loaded.position = Position::after(seq, self.written);
        self.kept.count += 1;
        self.kept.check = self.kept.check.wrapping_add(checksum(line).unwrap_or_default());
        if seq <= self.through {
            self.kept_through = self.kept;
        }
        Ok(())
    }

    /// Returns the first line, and the lines that it declares.
    ///
    /// # Errors
    /// Returns a reason if the new journal does not have the state of the old one.
    pub(super) fn first_line(&self, old: &Loaded, at: UnixMillis) -> Result<(Vec<u8>, Saved), String> {
        let new = self.loaded.as_ref().ok_or("it has no lines")?;
        if self.dropped_lines == 0 {
            return Err("no line was dropped".to_owned());
        }
        let retries = same_state(old, new)?;
        let (removed, orders, old_first) =
            self.before.as_ref().map_or((0, 0, 0), |before| (before.removed_bytes, before.orders, FIRST_LINE_BYTES));
        let removed_bytes = (removed + old_first + self.dropped_bytes).checked_sub(FIRST_LINE_BYTES);
        let fact = Fact::Compacted(Compacted {
            format: Compacted::FORMAT,
            through: self.through,
            kept: self.kept_through.count,
            check: format!("{:016x}", self.kept_through.check),
            orders: orders + self.droppable.runs(),
            removed_bytes: removed_bytes.ok_or("it would be longer")?,
            retries,
        });
        let mut body = serde_json::to_vec(&Record { seq: 0, at, fact }).map_err(|error| error.to_string())?;
        let room = usize::try_from(FIRST_LINE_BYTES).unwrap_or(usize::MAX) - SEAL_BYTES - 1;
        if body.len() > room {
            return Err("its first line is too long".to_owned());
        }
        body.resize(room, b' ');
        let mut line = line::seal(&body);
        line.push(b'\n');
        let saved = Saved {
            bytes_before: old.position.offset,
            bytes_after: self.written,
            lines: self.dropped_lines,
            orders: self.droppable.runs(),
        };
        Ok((line, saved))
    }

    /// Returns the file, and the state of a process that has read it.
    pub(super) fn into_parts(self) -> (S, Option<Loaded>) {
        (self.staged, self.loaded)
    }
}

/// Checks that both journals have the same state, apart from the attempts. Returns the retries that only the old one
/// records.
fn same_state(old: &Loaded, new: &Loaded) -> Result<Retries, String> {
    let stock = |loaded: &Loaded| {
        let inventory = &loaded.inventory;
        (inventory.product.clone(), inventory.stock, inventory.last_order.clone(), loaded.document_seq)
    };
    if old.position.seq != new.position.seq || stock(old) != stock(new) {
        return Err("its stock would be another".to_owned());
    }
    let keys = |loaded: &Loaded| (loaded.audit.without_keys(), loaded.audit.keys().len());
    if keys(old) != keys(new) {
        return Err("its orders would be others".to_owned());
    }
    let retries = Retries::of(&old.inventory).minus(&Retries::of(&new.inventory));
    retries.ok_or_else(|| "its retries would be others".to_owned())
}
