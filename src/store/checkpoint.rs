//! The checkpoint: the state after a part of the journal, so that a long journal opens in little time.
//!
//! It is a cache. It names the first and the last line that it covers, and is ignored unless the journal has these lines.
//! The file is one line of JSON with a checksum, as in the journal, and then the keys in binary form, whose digest is in
//! that line. It covers only durable lines, so a loss of power cannot take away a line that it covers.

use std::{
    collections::VecDeque,
    io::{self, BufRead, BufReader, Read, Write},
};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{
    audit::Audit,
    engine::Engine,
    key_index::KeyIndex,
    line::{self, LineError},
    loaded::Loaded,
    replay::Position,
    storage::{FileId, Storage},
};
use crate::domain::{Inventory, InventoryState, Stock};

/// Number of journal bytes after the last checkpoint from which on a worker writes another one. Reading them takes about
/// 50 ms.
const CHECKPOINT_BYTES: u64 = 8 << 20;

/// The same for a worker that ends.
const CHECKPOINT_BYTES_AT_END: u64 = 1 << 20;

/// Journals with fewer bytes are read from their start.
pub(super) const MIN_JOURNAL_BYTES: u64 = 1 << 20;

/// Maximum length of the first line. It has the documents and the activity executions that a worker remembers.
const MAX_HEADER_BYTES: u64 = 64 << 20;

/// Version of the format, which changes if an older program cannot read the file.
const FORMAT: u32 = 1;

/// Why a checkpoint is ignored.
#[derive(Debug, thiserror::Error)]
pub(super) enum CheckpointError {
    /// The operating system reports an error.
    #[error("cannot read it: {0}")]
    Io(#[from] io::Error),
    /// The first line is damaged.
    #[error("its first line is damaged: {0}")]
    Line(#[from] LineError),
    /// The first line is not of this format.
    #[error("its first line is not a checkpoint: {0}")]
    NoCheckpoint(#[from] serde_json::Error),
    /// Another version of the program has written it.
    #[error("it has format {found}, and this version reads format {FORMAT}")]
    Format {
        /// Its format.
        found: u32,
    },
    /// The keys are damaged.
    #[error("its keys are damaged")]
    Keys,
    /// The journal does not have the lines that it covers.
    #[error("it is of another journal, or of lines that the journal does not have")]
    Stale,
}

/// Identifies a line by its place and its content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct LineMark {
    offset: u64,
    bytes: u64,
    sha256: [u8; 32],
}

impl LineMark {
    fn of(offset: u64, line: &[u8]) -> Self {
        Self { offset, bytes: line.len() as u64, sha256: Sha256::digest(line).into() }
    }
}

/// What every format has.
#[derive(Deserialize)]
struct AnyFormat {
    format: u32,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Header {
    format: u32,
    first: LineMark,
    last: LineMark,
    seq: u64,
    document_seq: u64,
    documents: VecDeque<(u64, [u8; 32])>,
    inventory: InventoryState,
    audit: Audit,
    keys: usize,
    keys_sha256: [u8; 32],
}

/// A checkpoint that was read and is not compared with the journal yet.
#[derive(Debug)]
pub(super) struct Checkpoint {
    header: Header,
}

impl Checkpoint {
    /// Reads a checkpoint.
    ///
    /// # Errors
    /// Returns [`CheckpointError`] if it is damaged or has another format.
    pub(super) fn read(file: impl Read) -> Result<Self, CheckpointError> {
        let mut file = BufReader::with_capacity(1 << 16, file);
        let mut line = Vec::new();
        file.by_ref().take(MAX_HEADER_BYTES).read_until(b'\n', &mut line)?;
        let body = line::open(line.strip_suffix(b"\n").ok_or(LineError::NoSum)?)?;
        let AnyFormat { format } = serde_json::from_slice(&body)?;
        if format != FORMAT {
            return Err(CheckpointError::Format { found: format });
        }
        let mut header: Header = serde_json::from_slice(&body)?;
        let mut keys = KeyIndex::read(&mut file, header.keys)?.ok_or(CheckpointError::Keys)?;
        if Sha256::digest(keys.sorted_bytes()).as_slice() != header.keys_sha256 {
            return Err(CheckpointError::Keys);
        }
        *header.audit.keys_mut() = keys;
        Ok(Self { header })
    }

    /// Checks that the journal has the first and the last line. `read` reads a number of bytes from an offset.
    ///
    /// # Errors
    /// Returns [`CheckpointError::Stale`] if it does not, and the error of `read`.
    pub(super) fn verify(&self, mut read: impl FnMut(u64, u64) -> io::Result<Vec<u8>>) -> Result<(), CheckpointError> {
        for mark in [&self.header.first, &self.header.last] {
            match read(mark.offset, mark.bytes) {
                Ok(line) if LineMark::of(mark.offset, &line) == *mark => {}
                Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => return Err(error.into()),
                Ok(_) | Err(_) => return Err(CheckpointError::Stale),
            }
        }
        Ok(())
    }

    /// The position after the last line that it covers, and that line.
    pub(super) const fn end(&self) -> Position {
        Position { offset: self.header.last.offset + self.header.last.bytes, seq: self.header.seq }
    }

    /// Offset and number of bytes of the first line.
    pub(super) const fn first_line(&self) -> (u64, u64) {
        (self.header.first.offset, self.header.first.bytes)
    }

    /// Offset and number of bytes of the last line that it covers.
    pub(super) const fn last_line(&self) -> (u64, u64) {
        (self.header.last.offset, self.header.last.bytes)
    }

    /// Returns the totals and the keys.
    pub(super) fn into_audit(self) -> Audit {
        self.header.audit
    }

    /// Returns the state of a worker after the last line that it covers.
    fn into_loaded(self, file: FileId, reorder_below: Stock) -> Loaded {
        let position = self.end();
        let Header { first, last, document_seq, documents, inventory, audit, .. } = self.header;
        Loaded {
            file,
            inventory: Inventory::resume(inventory, reorder_below),
            audit,
            position,
            first_line_end: first.bytes,
            last_line: last.offset,
            durable: 0,
            document_seq,
            documents,
            checked: false,
        }
    }
}

impl<M: Storage> Engine<M> {
    /// Resumes from the checkpoint if there is one of this journal. Otherwise, the journal is read from its start.
    pub(super) fn resume(&mut self, file: FileId) {
        match self.read_checkpoint() {
            Ok(Some(checkpoint)) => {
                self.checkpointed = checkpoint.end().offset;
                self.loaded = Some(checkpoint.into_loaded(file, self.reorder_below));
            }
            Ok(None) => {}
            Err(reason) => tracing::warn!(%reason, "ignoring the checkpoint and reading the whole journal"),
        }
    }

    fn read_checkpoint(&mut self) -> Result<Option<Checkpoint>, CheckpointError> {
        let Some(file) = self.storage.open_checkpoint()? else { return Ok(None) };
        let checkpoint = Checkpoint::read(file)?;
        checkpoint.verify(|offset, bytes| self.storage.read_journal(offset, bytes))?;
        Ok(Some(checkpoint))
    }

    /// Writes a checkpoint if many lines follow the last one. The lock is not needed: durable lines never change. Takes
    /// about 100 ms per million orders, so the caller answers its requests first.
    pub fn write_checkpoint_if_due(&mut self) {
        self.write_checkpoint_after(CHECKPOINT_BYTES);
    }

    /// Writes a checkpoint before the process ends, unless few lines follow the last one.
    pub(super) fn write_last_checkpoint(&mut self) {
        if self.bytes_without_checkpoint() >= CHECKPOINT_BYTES_AT_END {
            if let Err(error) = self.locked(Self::make_durable) {
                tracing::warn!(%error, "could not write a checkpoint");
            }
            self.write_checkpoint_after(CHECKPOINT_BYTES_AT_END);
        }
    }

    fn bytes_without_checkpoint(&self) -> u64 {
        self.loaded.as_ref().map_or(0, |loaded| loaded.position.offset.saturating_sub(self.checkpointed))
    }

    fn write_checkpoint_after(&mut self, bytes: u64) {
        let is_durable = |loaded: &Loaded| loaded.checked && loaded.durable == loaded.position.offset;
        if self.bytes_without_checkpoint() < bytes || !self.loaded.as_ref().is_some_and(is_durable) {
            return;
        }
        if let Err(error) = self.write_checkpoint() {
            tracing::warn!(%error, "could not write a checkpoint; the next start reads more of the journal");
        }
        // After a failure, the next try is after as many lines again.
        self.checkpointed = self.loaded.as_ref().map_or(0, |loaded| loaded.position.offset);
    }

    fn write_checkpoint(&mut self) -> Result<(), CheckpointError> {
        let Some(loaded) = &mut self.loaded else { return Ok(()) };
        let storage = &mut self.storage;
        let mut mark =
            |from: u64, to: u64| storage.read_journal(from, to - from).map(|bytes| LineMark::of(from, &bytes));
        let header = Header {
            format: FORMAT,
            first: mark(0, loaded.first_line_end)?,
            last: mark(loaded.last_line, loaded.position.offset)?,
            seq: loaded.position.seq,
            document_seq: loaded.document_seq,
            documents: loaded.documents.clone(),
            inventory: loaded.inventory.state(),
            keys_sha256: Sha256::digest(loaded.audit.keys_mut().sorted_bytes()).into(),
            keys: loaded.audit.keys_mut().len(),
            audit: loaded.audit.without_keys(),
        };
        let header = line::seal(&serde_json::to_vec(&header)?);
        let keys = loaded.audit.keys_mut().sorted_bytes();
        storage.replace_checkpoint(&mut |file: &mut dyn Write| {
            file.write_all(&header)?;
            file.write_all(b"\n")?;
            file.write_all(keys)
        })?;
        Ok(())
    }
}
