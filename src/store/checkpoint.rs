//! The checkpoint: the state after a part of the journal, so that a long journal opens in little time.
//!
//! It is a cache. It names the first and the last line that it covers, and is ignored unless the journal has these lines.
//! The file is one line of JSON with a checksum, as in the journal, and then documents and keys in binary form, whose digest
//! is in that line. A document is the number of its line, big-endian, and its digest. The checkpoint covers only durable
//! lines, so a loss of power cannot take away a line that it covers.

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
    loaded::{AttemptBytes, Digest32, Loaded},
    replay::Position,
    storage::{FileId, Storage},
};
use crate::domain::{Inventory, InventoryRules, InventoryState};

/// Number of journal bytes after the last checkpoint from which on a worker writes another one. Reading them takes about
/// 50 ms.
const CHECKPOINT_BYTES: u64 = 8 << 20;

/// The same for a worker that ends.
const CHECKPOINT_BYTES_AT_END: u64 = 1 << 20;

/// Journals with fewer bytes are read from their start.
pub(super) const MIN_JOURNAL_BYTES: u64 = 1 << 20;

/// Maximum length of the first line. It has the activity executions that a worker remembers.
const MAX_HEADER_BYTES: u64 = 64 << 20;

/// Version of the format, which changes if an older program cannot read the file.
const FORMAT: u32 = 3;

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
    /// The part after the first line is damaged.
    #[error("its documents or keys are damaged")]
    Binary,
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
    inventory: InventoryState,
    attempts: AttemptBytes,
    audit: Audit,
    documents: usize,
    keys: usize,
    binary_sha256: Digest32,
}

/// A checkpoint that was read and is not compared with the journal yet.
#[derive(Debug)]
pub(super) struct Checkpoint {
    header: Header,
    documents: VecDeque<(u64, Digest32)>,
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
        let documents = read_documents(&mut file, header.documents)?;
        let keys = KeyIndex::read(&mut file, header.keys)?.ok_or(CheckpointError::Binary)?;
        if binary_sha256(&document_bytes(&documents), &keys) != header.binary_sha256 {
            return Err(CheckpointError::Binary);
        }
        *header.audit.keys_mut() = keys;
        Ok(Self { header, documents })
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
        Position::after(self.header.seq, self.header.last.offset + self.header.last.bytes)
    }

    /// Offset and number of bytes of the lines that identify the journal: the initial stock, and the line before it if the
    /// journal was compacted.
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
    fn into_loaded(self, file: FileId, rules: InventoryRules) -> Loaded {
        let position = self.end();
        let documents = self.documents;
        let Header { first, last, document_seq, inventory, attempts, audit, .. } = self.header;
        Loaded {
            file,
            inventory: Inventory::resume(inventory, rules),
            audit,
            position,
            first_line_end: first.bytes,
            last_line: last.offset,
            durable: 0,
            document_seq,
            documents,
            checked: false,
            attempts,
        }
    }
}

impl<M: Storage> Engine<M> {
    /// Resumes from the checkpoint if there is one of this journal. Otherwise, the journal is read from its start.
    pub(super) fn resume(&mut self, file: FileId) {
        match self.read_checkpoint() {
            Ok(Some(checkpoint)) => {
                self.checkpointed = checkpoint.end().offset;
                self.loaded = Some(checkpoint.into_loaded(file, self.rules));
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

    pub(super) fn write_checkpoint_after(&mut self, bytes: u64) {
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
        let Some(loaded) = &self.loaded else { return Ok(()) };
        let storage = &mut self.storage;
        let mut mark =
            |from: u64, to: u64| storage.read_journal(from, to - from).map(|bytes| LineMark::of(from, &bytes));
        let documents = document_bytes(&loaded.documents);
        let header = Header {
            format: FORMAT,
            first: mark(0, loaded.first_line_end)?,
            last: mark(loaded.last_line, loaded.position.offset)?,
            seq: loaded.position.seq,
            document_seq: loaded.document_seq,
            documents: loaded.documents.len(),
            inventory: loaded.inventory.state(),
            attempts: loaded.attempts,
            binary_sha256: binary_sha256(&documents, loaded.audit.keys()),
            keys: loaded.audit.keys().len(),
            audit: loaded.audit.without_keys(),
        };
        let header = line::seal(&serde_json::to_vec(&header)?);
        storage.replace_checkpoint(&mut |file: &mut dyn Write| {
            file.write_all(&header)?;
            file.write_all(b"\n")?;
            file.write_all(&documents)?;
            loaded.audit.keys().bytes().try_for_each(|keys| file.write_all(keys))
        })?;
        Ok(())
    }
}

/// Returns the documents in binary form.
fn document_bytes(documents: &VecDeque<(u64, Digest32)>) -> Vec<u8> {
    documents.iter().flat_map(|(seq, digest)| seq.to_be_bytes().into_iter().chain(*digest)).collect()
}

/// Reads documents in binary form.
fn read_documents(file: &mut impl Read, documents: usize) -> Result<VecDeque<(u64, Digest32)>, CheckpointError> {
    let mut found = VecDeque::new();
    for _ in 0..documents {
        let (mut seq, mut digest) = ([0; size_of::<u64>()], Digest32::default());
        file.read_exact(&mut seq)?;
        file.read_exact(&mut digest)?;
        found.push_back((u64::from_be_bytes(seq), digest));
    }
    Ok(found)
}

fn binary_sha256(documents: &[u8], keys: &KeyIndex) -> Digest32 {
    keys.bytes().fold(Sha256::new().chain_update(documents), Sha256::chain_update).finalize().into()
}
