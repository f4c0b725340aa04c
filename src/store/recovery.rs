//! Opening a database, and the document's life beside the journal: published after a commit, adopted where
//! somebody changed it while nobody of ours was at work, kept aside where somebody changed it meanwhile.

use std::io;

use super::{
    document::{Document, STARTING_DOCUMENT},
    engine::Engine,
    error::{Damage, StoreError, Witness, damaged_alone, failed},
    loaded::Loaded,
    progress::Progress,
    record::{Adjustment, Fact, Init, Record},
    replay::{Position, read_lines},
    storage::{FileId, JournalFile, Part, Storage},
};

/// How much of a journal is in memory at a time, besides what its lines add up to.
const CHUNK_BYTES: u64 = 1 << 20;

/// More than this is read without the lock first. Reading it takes some 5 ms.
const READ_AHEAD_BYTES: u64 = 1 << 20;

impl<M: Storage> Engine<M> {
    /// Reads the whole journal, or begins one. The caller holds the lock.
    pub(super) fn start_up(&mut self) -> Result<(), StoreError> {
        self.refuse_poison()?;
        let found = self.storage.journal().map_err(|source| failed("find", self.storage.journal_path(), source))?;
        if found.is_none() {
            self.refuse_lost_journal()?;
            self.begin_journal()?;
        }
        self.load()?;
        // Later in a process's life, `publish` tells a foreign document from its own.
        if self.published.is_none() { self.reconcile_document() } else { Ok(()) }
    }

    pub(super) fn refuse_poison(&mut self) -> Result<(), StoreError> {
        if let Some((file, reason)) = &self.poisoned {
            let found = self.storage.journal().map_err(|source| failed("find", self.storage.journal_path(), source))?;
            if found.map(|found| found.id) == Some(*file) {
                return Err(StoreError::Poisoned { reason: reason.clone() });
            }
            // A reset has put another journal in its place.
            self.poisoned = None;
        }
        match self.storage.poison() {
            Ok(None) => Ok(()),
            Ok(Some(reason)) => Err(StoreError::Poisoned { reason }),
            Err(source) => Err(failed("read", self.storage.poison_path(), source)),
        }
    }

    /// Refuses to begin a second journal in one process: a reset never leaves the name free, so the first was deleted.
    fn refuse_lost_journal(&self) -> Result<(), StoreError> {
        let Some((_, Position { seq: line, .. })) = self.seen else { return Ok(()) };
        Err(StoreError::JournalGone { path: self.storage.journal_path().to_owned(), line })
    }

    /// No journal: the document says where the stock begins, and the seed's where there is none.
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

    /// Makes a journal of one line.
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

    /// Reads what is left to read of the journal, and checks its end. The caller holds the lock.
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

    /// Refuses a journal that ends before a line that is known to have been in it. Both witnesses are exact: a
    /// document is published only after its line is durable, and a failed write is cut back before its lines count.
    /// Another file under the same name is a reset's, or a copy; only the document can say what is missing there.
    fn refuse_lost_end(&mut self) -> Result<(), StoreError> {
        let Loaded { file, position, .. } = *self.state()?;
        // The number of a removed file may be given to another one.
        self.seen = self.seen.filter(|(seen_in, _)| *seen_in == file);
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

    /// Compares the document on disk with the journal, when this process starts (or starts anew).
    fn reconcile_document(&mut self) -> Result<(), StoreError> {
        let Some(bytes) = self.read_document()? else { return Ok(()) };
        let loaded = self.state()?;
        if let Some(line) = loaded.line_shown_by(&bytes) {
            let is_old = line < loaded.document_seq;
            let path = self.storage.document_path().to_owned();
            // One that a crash left is older than the journal.
            let was_put_there =
                is_old && self.storage.document_is_newer().map_err(|source| failed("look at", &path, source))?;
            return if was_put_there { self.keep_old_document_aside(line) } else { Ok(()) };
        }
        let edited = match Document::parse(&bytes) {
            Ok(document) => document,
            Err(error) => return self.keep_aside("damaged", &error.to_string()),
        };
        let inventory = &loaded.inventory;
        let says_the_same = edited.product == inventory.product
            && edited.stock == inventory.stock
            && edited.last_order == inventory.last_order;
        // A document of an older line that was changed too: taking it over would undo what came after it. A newer one
        // than the journal has lost its journal's end. Neither is guessed at.
        let is_of_this_state = edited.seq.is_none_or(|seq| seq == loaded.document_seq);
        if edited.product != inventory.product || !is_of_this_state {
            return if says_the_same { Ok(()) } else { self.keep_aside("edited", "it is of another state") };
        }
        let delta = edited.stock.checked_sub(inventory.stock);
        if says_the_same {
            return Ok(());
        }
        let path = self.storage.journal_path().to_owned();
        if !self.storage.is_alone().map_err(|source| failed("look who uses", &path, source))? {
            return self.keep_aside("edited", "it was changed while a worker ran");
        }
        match delta {
            Some(delta) => self.adopt(&edited, delta),
            None => self.keep_aside("edited", "its stock is beyond all numbers"),
        }
    }

    /// Takes over what somebody wrote into the document while nobody of ours was at work.
    fn adopt(&mut self, edited: &Document, delta: i64) -> Result<(), StoreError> {
        tracing::warn!(delta, stock = edited.stock, "the document was changed by hand; taking it over");
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
