//! The state after a journal, in the memory of a process.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::domain::{Inventory, InventoryRules};

use super::{
    audit::Audit,
    document::Document,
    error::Damage,
    line::LineError,
    record::{Fact, Record},
    replay::{Position, fold},
    storage::FileId,
};

/// Number of past documents that are still recognised as ours. A slower process may have published one of them last.
const DOCUMENTS_REMEMBERED: usize = 4096;

/// A digest of document bytes.
pub(super) type Digest32 = [u8; 32];

/// The part of a journal that this process has read, and the state after it.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) file: FileId,
    pub(super) inventory: Inventory,
    /// Totals and keys of the lines. The place of a key is the offset of its line.
    pub(super) audit: Audit,
    pub(super) position: Position,
    /// Offset of the end of the lines that identify the journal: the initial stock, and the line before it if the journal
    /// was compacted.
    pub(super) first_line_end: u64,
    /// Offset of the last line.
    pub(super) last_line: u64,
    /// Offset up to which the journal is durable.
    pub(super) durable: u64,
    /// Number of the last line that changed the document.
    pub(super) document_seq: u64,
    /// Digests of the documents that a process of this program may have published, each with its line.
    pub(super) documents: VecDeque<(u64, Digest32)>,
    /// Whether the journal's end was compared with the document and repaired, under the lock.
    pub(super) checked: bool,
    /// The lines of attempts that a compaction may drop.
    pub(super) attempts: AttemptBytes,
}

impl Loaded {
    /// Returns the state for a journal that begins with these records, each with the offset of its line.
    pub(super) fn begin(file: FileId, records: &[(u64, Record)], rules: InventoryRules) -> Result<Self, Damage> {
        let (compacted, records) = match records.split_first() {
            Some(((_, Record { fact: Fact::Compacted(compacted), .. }), rest)) => (Some(compacted), rest),
            _ => (None, records),
        };
        let Some(((offset, first), rest)) = records.split_first() else { return Err(Damage::NoInit) };
        let Fact::Init(init) = &first.fact else { return Err(Damage::NoInit) };
        let mut inventory = Inventory::new(init.product.clone(), init.stock, &init.last_order, rules);
        let mut attempts = AttemptBytes::default();
        if let Some(compacted) = compacted {
            compacted.retries.add_to(&mut inventory);
            attempts.drop_through(compacted.through);
        }
        let position = Position::default();
        let documents = VecDeque::new();
        let mut audit = Audit::default();
        audit.observe(first, *offset);
        let mut loaded = Self {
            file,
            inventory,
            audit,
            position,
            first_line_end: 0,
            last_line: *offset,
            durable: 0,
            document_seq: 1,
            documents,
            checked: false,
            attempts,
        };
        let document = loaded.document()?;
        loaded.remember(digest(&document));
        loaded.apply(rest)?;
        Ok(loaded)
    }

    /// Applies the next records of the journal, each with the offset of its line.
    pub(super) fn apply(&mut self, records: &[(u64, Record)]) -> Result<(), Damage> {
        for (offset, record) in records {
            if self.first_line_end == 0 {
                self.first_line_end = *offset;
            }
            self.attempts.observe(record, offset - self.last_line);
            self.last_line = *offset;
            self.audit.observe(record, *offset);
            if fold(&mut self.inventory, record)? {
                self.document_seq = record.seq;
                let digest = digest(&self.document()?);
                self.remember(digest);
            }
        }
        Ok(())
    }

    pub(super) fn remember(&mut self, digest: Digest32) {
        self.documents.push_back((self.document_seq, digest));
        if self.documents.len() > DOCUMENTS_REMEMBERED {
            // The first one is never removed: it has no `seq`, so only its digest distinguishes it from another
            // program's document.
            self.documents.remove(1);
        }
    }

    /// Returns the bytes of the document that shows this state.
    pub(super) fn document(&self) -> Result<Vec<u8>, Damage> {
        Document::of(&self.inventory, self.document_seq).render().map_err(|error| Damage::Line(unwritable(&error)))
    }

    /// Returns the line that a document shows, or `None` if no process of this program published it.
    pub(super) fn line_shown_by(&self, bytes: &[u8]) -> Option<u64> {
        let found = digest(bytes);
        self.documents.iter().find(|(_, known)| *known == found).map(|(seq, _)| *seq)
    }
}

/// Number of bytes that lines of attempts have, without those that a compaction has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct AttemptBytes {
    bytes: u64,
    /// Number of the last dropped line.
    through: u64,
    /// Whether the last line counts. Its length follows from the offset of the next one.
    counts: bool,
}

impl AttemptBytes {
    /// Observes the next record; `before` is the number of bytes of the line before it.
    pub(super) fn observe(&mut self, record: &Record, before: u64) {
        self.bytes += if self.counts { before } else { 0 };
        self.counts = matches!(record.fact, Fact::Attempt(_)) && record.seq > self.through;
    }

    /// A compaction drops lines up to this one.
    pub(super) const fn drop_through(&mut self, through: u64) {
        *self = Self { bytes: 0, through, counts: false };
    }

    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }
}

fn digest(bytes: &[u8]) -> Digest32 {
    Sha256::digest(bytes).into()
}

fn unwritable(error: &serde_json::Error) -> LineError {
    LineError::NoRecord(error.to_string())
}
