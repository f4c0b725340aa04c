//! The journal on its way into memory: a long one without the lock, what is new under it, in chunks.

use std::io;

use super::{
    engine::{Engine, Loaded, failed},
    error::StoreError,
    reader::Progress,
    record::Record,
    replay::{Position, read_lines},
    storage::{FileId, JournalFile, Storage},
};

/// How much of a journal is in memory at a time, besides what its lines add up to.
const CHUNK_BYTES: u64 = 1 << 20;

/// More than this is read without the lock first. Reading it takes some 5 ms.
const READ_AHEAD_BYTES: u64 = 1 << 20;

impl<M: Storage> Engine<M> {
    /// Reads what other processes have written since the last commit.
    pub(super) fn catch_up(&mut self) -> Result<(), StoreError> {
        self.refuse_poison()?;
        let found = self.storage.journal().map_err(|source| failed("find", self.storage.journal_path(), source))?;
        let known = found.filter(|found| {
            let loaded = self.loaded.as_ref().filter(|loaded| loaded.checked && loaded.file == found.id);
            // A shorter one was cut by another program: `load` says what is lost.
            loaded.is_some_and(|loaded| loaded.position.offset <= found.bytes)
        });
        let Some(found) = known else { return self.start_up() };
        let read_to = self.read_on(found, &|_| {})?;
        let loaded = self.state()?;
        self.seen = Some((loaded.file, loaded.position));
        self.cut_torn_end(read_to)
    }

    /// Reads without the lock what the journal holds, unless little is missing: the other processes need not wait
    /// until a long one is read. What comes after it is read under the lock.
    pub(super) fn read_ahead(&mut self, seen: &dyn Fn(Progress)) -> Result<(), StoreError> {
        let path = self.storage.journal_path().to_owned();
        let unread = |engine: &Self, found: JournalFile| {
            let known = engine.loaded.as_ref().filter(|loaded| loaded.file == found.id);
            found.bytes.checked_sub(known.map_or(0, |loaded| loaded.position.offset)).unwrap_or(found.bytes)
        };
        let found = self.storage.journal().map_err(|source| failed("find", &path, source))?;
        if found.is_none_or(|found| unread(self, found) < READ_AHEAD_BYTES) {
            return Ok(());
        }
        // Complete lines before the end that is found under the lock are never changed again. Those of a write that is
        // under way may be: a full disk makes the writer cut them back.
        let found = self.locked(|engine| {
            engine.refuse_poison()?;
            engine.open_journal()
        })?;
        self.forget_other_than(found);
        self.read_on(found, seen).map(drop)
    }

    /// Opens the journal that the name stands for now. The caller holds the lock.
    pub(super) fn open_journal(&mut self) -> Result<JournalFile, StoreError> {
        let path = self.storage.journal_path().to_owned();
        self.storage.open_journal().map_err(|source| failed("open", &path, source))?;
        let found = self.storage.journal().map_err(|source| failed("find", &path, source))?;
        found.ok_or_else(|| failed("find", &path, io::ErrorKind::NotFound.into()))
    }

    /// Keeps what was read of this journal only; nothing if it is shorter now.
    pub(super) fn forget_other_than(&mut self, found: JournalFile) {
        self.loaded.take_if(|loaded| loaded.file != found.id || loaded.position.offset > found.bytes);
    }

    /// Reads the lines between what is known and the end that was found, and takes them in. The answer is the byte up
    /// to which it has read: a torn line may be between the last complete one and it. `seen` is called after each chunk.
    pub(super) fn read_on(&mut self, found: JournalFile, seen: &dyn Fn(Progress)) -> Result<u64, StoreError> {
        let mut position = self.loaded.as_ref().map_or_else(Position::default, |loaded| loaded.position);
        let mut most = CHUNK_BYTES;
        loop {
            let wanted = most.min(found.bytes.saturating_sub(position.offset));
            if wanted == 0 {
                return Ok(position.offset);
            }
            let read = self.storage.read_journal(position.offset, wanted);
            let bytes = read.map_err(|source| failed("read", self.storage.journal_path(), source))?;
            let read_to = position.offset + bytes.len() as u64;
            let records = read_lines(&bytes, &mut position).map_err(|bad| self.damaged(bad.offset, bad.cause))?;
            // A line that is longer than a chunk takes more than one.
            most = if records.is_empty() { most.saturating_mul(2) } else { CHUNK_BYTES };
            self.take_in(found.id, &records, position)?;
            seen(Progress { read: read_to, of: found.bytes });
            if read_to >= found.bytes || (bytes.len() as u64) < wanted {
                return Ok(read_to);
            }
        }
    }

    fn take_in(&mut self, file: FileId, records: &[Record], position: Position) -> Result<(), StoreError> {
        let offset = self.loaded.as_ref().map_or(0, |loaded| loaded.position.offset);
        let taken = match (self.loaded.take(), records.split_first()) {
            (Some(mut loaded), _) => loaded.take_in(records).map(|()| Some(loaded)),
            (None, None) => Ok(None),
            (None, Some((first, rest))) => Loaded::begin(file, first, self.reorder_below)
                .and_then(|mut loaded| loaded.take_in(rest).map(|()| Some(loaded))),
        };
        // A record that does not follow leaves nothing behind that could be relied on.
        self.loaded = taken.map_err(|cause| self.damaged(offset, cause))?;
        if let Some(loaded) = &mut self.loaded {
            loaded.position = position;
        }
        Ok(())
    }

    /// Removes what follows the last line feed, where the journal was read up to `read_to`: it was never acknowledged.
    pub(super) fn cut_torn_end(&mut self, read_to: u64) -> Result<(), StoreError> {
        let complete = self.state()?.position.offset;
        if read_to == complete {
            return Ok(());
        }
        tracing::warn!(from = complete, to = read_to, "cutting a torn line off the journal");
        self.storage.truncate(complete).map_err(|source| failed("repair", self.storage.journal_path(), source))?;
        // The cut must be durable before anything is written there: half of the old and half of the new line could
        // be what a loss of power leaves.
        self.state_mut()?.durable = 0;
        self.make_durable()
    }
}
