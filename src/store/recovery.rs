//! Opening a database: reading its journal, repairing the end, and comparing the document with it.
//!
//! A change that another program made to the document is adopted if no worker was running. Otherwise, a copy is kept.

use std::io;

use super::{
    checkpoint::MIN_JOURNAL_BYTES,
    document::{Document, STARTING_DOCUMENT},
    engine::Engine,
    error::{Damage, StoreError, Witness, damaged_alone, failed},
    loaded::Loaded,
    progress::Progress,
    record::{Adjustment, Fact, Init, Record},
    replay::{Position, read_lines},
    storage::{FileId, JournalFile, Part, Storage},
};

/// Number of bytes of a journal that are in memory at a time.
const CHUNK_BYTES: u64 = 1 << 20;

/// Number of unread bytes from which on a journal is first read without the lock. Reading them takes about 5 ms.
const READ_AHEAD_BYTES: u64 = 1 << 20;

impl<M: Storage> Engine<M> {
    /// Reads the whole journal, or creates one. The caller must have the lock.
    pub(super) fn start_up(&mut self) -> Result<(), StoreError> {
        self.refuse_poison()?;
        let found = self.storage.journal().map_err(|source| failed("find", self.storage.journal_path(), source))?;
        if found.is_none() {
            self.refuse_lost_journal()?;
            self.begin_journal()?;
        }
        self.load()?;
        // After the first publication, `publish` recognises documents of other programs.
        if self.published.is_none() { self.reconcile_document() } else { Ok(()) }
    }

    pub(super) fn refuse_poison(&mut self) -> Result<(), StoreError> {
        if let Some((file, reason)) = &self.poisoned {
            let found = self.storage.journal().map_err(|source| failed("find", self.storage.journal_path(), source))?;
            if found.map(|found| found.id) == Some(*file) {
                return Err(StoreError::Poisoned { reason: reason.clone() });
            }
            // A reset has replaced the journal.
            self.poisoned = None;
        }
        match self.storage.poison() {
            Ok(None) => Ok(()),
            Ok(Some(reason)) => Err(StoreError::Poisoned { reason }),
            Err(source) => Err(failed("read", self.storage.poison_path(), source)),
        }
    }

    /// Refuses to create a second journal in one process. A reset replaces a journal in one step, so a missing journal
    /// was deleted.
    fn refuse_lost_journal(&self) -> Result<(), StoreError> {
        let Some((_, Position { seq: line, .. })) = self.seen else { return Ok(()) };
        Err(StoreError::JournalGone { path: self.storage.journal_path().to_owned(), line })
    }

    /// Creates a journal with the stock from the document, or from the starting document if there is none.
    fn begin_journal(&mut self) -> Result<(), StoreError> {
        let path = self.storage.document_path().to_owned();
        let found = self.read_document()?.unwrap_or_else(|| STARTING_DOCUMENT.as_bytes().to_vec());
        let document = Document::parse(&found).map_err(|cause| damaged_alone(&path, cause))?;
        if document.seq.is_some() {
            return Err(StoreError::JournalMissing { path });
        }
        let init = Init { product: document.product, stock: document.stock, last_order: document.last_order };
        self.create_journal(init)
    }

    /// Creates a journal with one line.
    fn create_journal(&mut self, init: Init) -> Result<(), StoreError> {
        let path = self.storage.journal_path().to_owned();
        let line = self.first_line(init)?;
        let staged = self.storage.stage(Part::Journal, &line).map_err(|source| failed("create", &path, source))?;
        self.storage.place(Part::Journal, staged).map_err(|source| failed("create", &path, source))
    }

    pub(super) fn first_line(&self, init: Init) -> Result<Vec<u8>, StoreError> {
        let first = Record { seq: 1, at: (self.clock)(), fact: Fact::Init(init) };
        first.encode().map_err(|error| failed("write", self.storage.journal_path(), error.into()))
    }

    /// Reads the rest of the journal and checks its end. The caller must have the lock.
    fn load(&mut self) -> Result<(), StoreError> {
        let found = self.open_journal()?;
        self.forget_other_than(found);
        let read_to = self.read_on(found, &|_| {})?;
        if self.loaded.is_none() {
            return Err(self.damaged(0, Damage::Empty));
        }
        self.refuse_lost_end()?;
        let loaded = self.state_mut()?;
        loaded.checked = true;
        self.seen = Some((loaded.file, loaded.position));
        self.cut_torn_end(read_to)
    }

    /// Refuses a journal that ends before a line that it once contained. The evidence is the document, which is
    /// published only after its line is durable, or this process, which does not count lines from a failed write.
    ///
    /// Another file with the same name comes from a reset or is a copy. For such a file, only the document is evidence.
    fn refuse_lost_end(&mut self) -> Result<(), StoreError> {
        let Loaded { file, position, .. } = *self.state()?;
        // Forget the position in another file: a file system may reuse the inode number of a removed one.
        self.seen = self.seen.filter(|(seen_in, _)| *seen_in == file);
        position.check_end().map_err(|cause| self.damaged(position.offset, cause))?;
        let missing = |known, witness| Damage::EndMissing { journal: position.seq, known, witness };
        if let Some((_, seen)) = self.seen.filter(|(_, seen)| seen.seq > position.seq) {
            return Err(self.damaged(position.offset, missing(seen.seq, Witness::Process)));
        }
        let shown = self.read_document()?.and_then(|bytes| Document::parse(&bytes).ok()?.seq);
        match shown.filter(|shown| *shown > position.seq) {
            Some(shown) => Err(self.damaged(position.offset, missing(shown, Witness::Document))),
            None => Ok(()),
        }
    }

    /// Compares the document with the journal when this process opens it.
    fn reconcile_document(&mut self) -> Result<(), StoreError> {
        let Some(bytes) = self.read_document()? else { return Ok(()) };
        let loaded = self.state()?;
        if let Some(line) = loaded.line_shown_by(&bytes) {
            let is_old = line < loaded.document_seq;
            let path = self.storage.document_path().to_owned();
            // After a crash, the document is older than the journal. A restored one is newer.
            let was_restored =
                is_old && self.storage.document_is_newer().map_err(|source| failed("inspect", &path, source))?;
            return if was_restored { self.keep_old_document_aside(line) } else { Ok(()) };
        }
        let edited = match Document::parse(&bytes) {
            Ok(document) => document,
            Err(error) => return self.keep_aside("damaged", &error.to_string()),
        };
        let inventory = &loaded.inventory;
        let says_the_same = edited.product == inventory.product
            && edited.stock == inventory.stock
            && edited.last_order == inventory.last_order;
        // Adopting an edited document of an older line would undo the lines after it, and a document of a later line
        // belongs to a journal whose end is lost. Neither is adopted.
        let is_of_this_state = edited.seq.is_none_or(|seq| seq == loaded.document_seq);
        if edited.product != inventory.product || !is_of_this_state {
            return if says_the_same { Ok(()) } else { self.keep_aside("edited", "it belongs to another state") };
        }
        let delta = edited.stock.checked_sub(inventory.stock);
        if says_the_same {
            return Ok(());
        }
        let path = self.storage.journal_path().to_owned();
        if !self.storage.is_alone().map_err(|source| failed("check who uses", &path, source))? {
            return self.keep_aside("edited", "it was changed while a worker ran");
        }
        match delta {
            Some(delta) => self.adopt(&edited, delta),
            None => self.keep_aside("edited", "its stock is out of range"),
        }
    }

    /// Adopts the change that another program made to the document while no worker was running.
    fn adopt(&mut self, edited: &Document, delta: i64) -> Result<(), StoreError> {
        tracing::warn!(delta, stock = edited.stock, "another program changed the document; adopting the change");
        let adjustment = Adjustment {
            delta,
            stock: edited.stock,
            last_order: edited.last_order.clone(),
            reason: "the document was changed while no worker ran".to_owned(),
        };
        let mut line = Vec::new();
        self.add(Fact::Adjust(adjustment), &mut line)?;
        self.write(&line)?;
        self.make_durable()
    }

    /// Reads the lines that other processes have written since the last commit.
    pub(super) fn catch_up(&mut self) -> Result<(), StoreError> {
        self.refuse_poison()?;
        let found = self.storage.journal().map_err(|source| failed("find", self.storage.journal_path(), source))?;
        let known = found.filter(|found| {
            let loaded = self.loaded.as_ref().filter(|loaded| loaded.checked && loaded.file == found.id);
            // If another program has truncated the journal, `load` reports the lost lines.
            loaded.is_some_and(|loaded| loaded.position.offset <= found.bytes)
        });
        let Some(found) = known else { return self.start_up() };
        let read_to = self.read_on(found, &|_| {})?;
        let loaded = self.state()?;
        self.seen = Some((loaded.file, loaded.position));
        self.cut_torn_end(read_to)
    }

    /// Reads a long journal without the lock, so that other processes do not wait for it. The rest is read under the
    /// lock.
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
        self.read_unlocked(seen)
    }

    /// Opens and reads the journal if another process has replaced it, as by a compaction. Otherwise, an idle process would
    /// keep the space of the old file, and a process that starts would not notice that this one runs.
    pub fn follow_journal(&mut self) {
        let known = self.loaded.as_ref().map(|loaded| loaded.file);
        let found = self.storage.journal().ok().flatten().map(|found| found.id);
        if known.is_some()
            && found.is_some_and(|found| Some(found) != known)
            && let Err(error) = self.read_unlocked(&|_| {})
        {
            tracing::warn!(%error, "could not read the new journal");
            // The next request reports the error if it persists.
            self.loaded = None;
        }
    }

    fn read_unlocked(&mut self, seen: &dyn Fn(Progress)) -> Result<(), StoreError> {
        // Lines that are complete while this process has the lock never change again. Lines from a write in progress
        // may: if the disk is full, the writer removes them.
        let found = self.locked(|engine| {
            engine.refuse_poison()?;
            engine.open_journal()
        })?;
        self.forget_other_than(found);
        self.read_on(found, seen).map(drop)
    }

    /// Opens the journal that now has the name. The caller must have the lock.
    pub(super) fn open_journal(&mut self) -> Result<JournalFile, StoreError> {
        let path = self.storage.journal_path().to_owned();
        self.storage.open_journal().map_err(|source| failed("open", &path, source))?;
        let found = self.storage.journal().map_err(|source| failed("find", &path, source))?;
        found.ok_or_else(|| failed("find", &path, io::ErrorKind::NotFound.into()))
    }

    /// Forgets the loaded state unless it comes from this journal and the journal has not become shorter.
    pub(super) fn forget_other_than(&mut self, found: JournalFile) {
        self.loaded.take_if(|loaded| loaded.file != found.id || loaded.position.offset > found.bytes);
    }

    /// Reads and applies the lines up to the end that was found, and calls `seen` after each chunk. Returns the offset
    /// up to which it has read. If the journal has a torn end, this is after the last complete line.
    pub(super) fn read_on(&mut self, found: JournalFile, seen: &dyn Fn(Progress)) -> Result<u64, StoreError> {
        if self.loaded.is_none() {
            self.checkpointed = 0;
            if found.bytes >= MIN_JOURNAL_BYTES {
                self.resume(found.id);
            }
        }
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
            // A line can be longer than a chunk.
            most = if records.is_empty() { most.saturating_mul(2) } else { CHUNK_BYTES };
            self.apply_records(found.id, &records, position)?;
            seen(Progress { read: read_to, of: found.bytes });
            if read_to >= found.bytes || (bytes.len() as u64) < wanted {
                return Ok(read_to);
            }
        }
    }

    fn apply_records(&mut self, file: FileId, records: &[(u64, Record)], position: Position) -> Result<(), StoreError> {
        let offset = self.loaded.as_ref().map_or(0, |loaded| loaded.position.offset);
        let applied = match self.loaded.take() {
            Some(mut loaded) => loaded.apply(records).map(|()| Some(loaded)),
            None if records.is_empty() => Ok(None),
            None => Loaded::begin(file, records, self.rules).map(Some),
        };
        // After an inconsistent record, the loaded state is discarded.
        self.loaded = applied.map_err(|cause| self.damaged(offset, cause))?;
        if let Some(loaded) = &mut self.loaded {
            loaded.position = position;
        }
        Ok(())
    }

    /// Removes the bytes after the last line feed of a journal that was read up to `read_to`. They were never
    /// acknowledged.
    pub(super) fn cut_torn_end(&mut self, read_to: u64) -> Result<(), StoreError> {
        let complete = self.state()?.position.offset;
        if read_to == complete {
            return Ok(());
        }
        tracing::warn!(from = complete, to = read_to, "cutting a torn line off the journal");
        self.storage.truncate(complete).map_err(|source| failed("repair", self.storage.journal_path(), source))?;
        // The truncation must be durable before the next write. Otherwise, a loss of power could leave half of the old
        // line and half of the new one.
        self.state_mut()?.durable = 0;
        self.make_durable()
    }
}
