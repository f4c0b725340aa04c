//! Opening a database, and the document's life beside the journal: published after a commit, adopted where
//! somebody changed it while nobody of ours was at work, kept aside where somebody changed it meanwhile.

use super::{
    document::{Document, STARTING_DOCUMENT},
    engine::{Engine, Loaded, failed},
    error::{Damage, StoreError, Witness, damaged_alone},
    record::{Adjustment, Aside, Fact, Init, Record},
    replay::Position,
    storage::{Part, Storage},
};

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

    /// Makes the document show the last state, where it does not. The caller holds the lock, so that two processes
    /// cannot move their documents into place in the wrong order.
    pub(super) fn publish(&mut self) -> Result<(), StoreError> {
        let path = self.storage.document_path().to_owned();
        let seq = self.state()?.document_seq;
        let stamp = self.storage.stamp().map_err(|source| failed("look at", &path, source))?;
        if stamp.is_some() && self.published == stamp.map(|stamp| (seq, stamp)) {
            return Ok(());
        }
        let bytes = self.state()?.document().map_err(|cause| self.damaged(0, cause))?;
        // Where it replaces what is not ours, a loss of power must not bring that back: it would be taken over, again or
        // after all, and undo what was acknowledged since.
        let mut durable = stamp.is_none();
        // Where the stamp is ours, nobody else has touched it since.
        let changed = stamp != self.published.map(|(_, stamp)| stamp);
        if changed && let Some(found) = self.read_document()? {
            if found == bytes {
                self.published = stamp.map(|stamp| (seq, stamp));
                self.published_of = Some(self.state()?.file);
                return Ok(());
            }
            let line = self.state()?.line_shown_by(&found);
            durable = line.is_none();
            // At start-up, `reconcile_document` has looked at it already.
            match (line, self.published) {
                (_, None) => {}
                (None, Some(_)) => self.keep_aside("edited", "it was changed while a worker ran")?,
                // Documents only go forward, so it was not one of our processes that put an older one back.
                (Some(line), Some((last, _))) => {
                    if line < last && self.published_of == Some(self.state()?.file) {
                        self.keep_old_document_aside(line)?;
                    }
                }
            }
        }
        // A document that shows a line proves that the line was in the journal, so a loss of power must not lose the
        // line alone. Notes are otherwise not synced, and the document shows the retries that they count.
        self.make_durable()?;
        let written = self.storage.replace_document(&bytes, durable);
        self.published = Some((seq, written.map_err(|source| failed("publish", &path, source))?));
        self.published_of = Some(self.state()?.file);
        Ok(())
    }

    pub(super) fn read_document(&mut self) -> Result<Option<Vec<u8>>, StoreError> {
        self.storage.read_document().map_err(|source| failed("read", self.storage.document_path(), source))
    }

    /// Another program put a document back that ours have replaced: a copy of a backup, or of the starting document.
    fn keep_old_document_aside(&mut self, line: u64) -> Result<(), StoreError> {
        let reason = if line == 1 {
            "it is the starting document, and the journal has gone on; to start again, run: idempotence reset"
                .to_owned()
        } else {
            format!("it is the document of line {line}, and the journal has gone on")
        };
        self.keep_aside("replaced", &reason)
    }

    /// Keeps a copy of the document under a name that says why and when, and records that in the journal, so that
    /// every process can show it.
    fn keep_aside(&mut self, why: &str, reason: &str) -> Result<(), StoreError> {
        let suffix = self.keep_under_free_name(Part::Document, why)?;
        let document = self.storage.document_path().display();
        tracing::warn!(%document, kept_as = suffix, reason, "putting the journal's document in place");
        let mut line = Vec::new();
        let aside = Aside { suffix, reason: reason.to_owned() };
        let recorded = self.add(Fact::Aside(aside), &mut line).and_then(|()| self.write(&line));
        if recorded.is_err() {
            // Memory is ahead of the journal.
            self.loaded = None;
        }
        recorded
    }
}
