//! The commit protocol: lock, catch up, look up, validate, append, sync, publish, unlock. The caller acknowledges.
//!
//! One engine per process, used by one thread. `recovery` opens a database and compares its document with its journal.

use std::time::Duration;

use crate::domain::{IdempotencyKey, InventoryRules, LedgerEntry, UnixMillis};

use super::{
    compaction_state::{Compaction, CompactionLimits},
    error::{Damage, StoreError, failed},
    loaded::Loaded,
    progress::Progress,
    record::{Aside, Fact, Record},
    replay::Position,
    request::{Answer, Request},
    storage::{FileId, Part, Stamp, Storage},
};

/// Maximum time for which a process waits for the lock before it returns `Busy`.
pub const LOCK_WAIT: Duration = Duration::from_secs(2);

/// Number of bytes in which the line of an effect is expected. They are doubled for a longer line.
const LINE_BYTES: u64 = 1024;

/// When the document shows a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Publication {
    /// Before the commit returns.
    Now,
    /// With a later commit, which may be one without requests. For effects that come faster than the document is read.
    Later,
}

/// The store of one process.
#[derive(Debug)]
pub struct Engine<M: Storage> {
    pub(super) storage: M,
    pub(super) clock: fn() -> UnixMillis,
    pub(super) rules: InventoryRules,
    /// State after the journal. `None` if it may differ from the journal, which is then read again.
    pub(super) loaded: Option<Loaded>,
    /// Whether `loaded` includes lines that are not written to the journal yet.
    unwritten: bool,
    /// Line and stamp of the document that this process last wrote.
    pub(super) published: Option<(u64, Stamp)>,
    /// End of the last complete line that this process has read or written. The same file must never end before it.
    pub(super) seen: Option<(FileId, Position)>,
    /// The journal that `published` belongs to.
    pub(super) published_of: Option<FileId>,
    /// Offset up to which a checkpoint covers the journal, as far as this process knows.
    pub(super) checkpointed: u64,
    /// The journal whose sync failed in this process, and the error. The marker for other processes may be missing.
    pub(super) poisoned: Option<(FileId, String)>,
    /// When to compact; `None` for never.
    pub(super) limits: Option<CompactionLimits>,
    /// Whether lines of this process have passed the limit.
    pub(super) compaction_due: bool,
    pub(super) compaction: Option<Compaction<M::Staged>>,
}

impl<M: Storage> Engine<M> {
    pub(super) const fn new(storage: M, clock: fn() -> UnixMillis, rules: InventoryRules) -> Self {
        let (loaded, published, seen, poisoned) = (None, None, None, None);
        Self {
            storage,
            clock,
            rules,
            loaded,
            unwritten: false,
            published,
            published_of: None,
            seen,
            checkpointed: 0,
            poisoned,
            limits: None,
            compaction_due: false,
            compaction: None,
        }
    }

    /// Opens the database, creates it if there is none, repairs a torn end, and publishes the document.
    ///
    /// # Errors
    /// Fails if the lock is taken, a file cannot be used or is damaged, or the database is poisoned. Damaged files are
    /// not changed.
    pub fn open(storage: M, clock: fn() -> UnixMillis, rules: impl Into<InventoryRules>) -> Result<Self, StoreError> {
        Self::open_observed(storage, clock, rules, &|_| {})
    }

    /// Like [`Self::open`]; calls `seen` while it reads a long journal.
    ///
    /// # Errors
    /// Fails like [`Self::open`].
    pub fn open_observed(
        storage: M,
        clock: fn() -> UnixMillis,
        rules: impl Into<InventoryRules>,
        seen: &dyn Fn(Progress),
    ) -> Result<Self, StoreError> {
        let mut engine = Self::new(storage, clock, rules.into());
        engine.read_ahead(seen)?;
        engine.locked(|engine| {
            engine.start_up()?;
            engine.publish()
        })?;
        Ok(engine)
    }

    /// Commits requests together, in order, with one sync. When it returns, the answers are durable, and the document
    /// shows them unless its publication is postponed.
    ///
    /// # Errors
    /// Fails if the batch could not be committed. No request of the batch may then be acknowledged, and repeating it is safe.
    pub fn commit(&mut self, requests: &[Request], publication: Publication) -> Result<Vec<Answer>, StoreError> {
        self.read_ahead(&|_| {}).map_err(StoreError::before_writing)?;
        let result = self.locked(|engine| engine.commit_locked(requests, publication));
        if std::mem::take(&mut self.unwritten) {
            // The next commit reads the journal again. Not needed after a failed publication, whose lines were written.
            self.loaded = None;
        }
        result
    }

    /// Runs `action` under the lock that all processes share.
    pub(super) fn locked<T>(
        &mut self,
        action: impl FnOnce(&mut Self) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let path = self.storage.lock_path().to_owned();
        match self.storage.lock(LOCK_WAIT) {
            Ok(true) => {}
            Ok(false) => return Err(StoreError::Busy { path, waited: LOCK_WAIT }),
            Err(source) => return Err(failed("lock", &path, source).before_writing()),
        }
        let result = action(self);
        let unlocked = self.storage.unlock().map_err(|source| failed("unlock", &path, source));
        result.and_then(|value| unlocked.map(|()| value))
    }

    /// Returns the journal line that the document shows, as far as this process knows.
    #[must_use]
    pub fn published_seq(&self) -> Option<u64> {
        self.published.map(|(seq, _)| seq)
    }

    /// Whether the document is older than what this process has committed. After a failure, the next request reads the
    /// journal again first.
    #[must_use]
    pub fn is_behind(&self) -> bool {
        // After a reset, the same number is of another journal.
        let published = (self.published_seq(), self.published_of);
        self.loaded.as_ref().is_some_and(|loaded| (Some(loaded.document_seq), Some(loaded.file)) != published)
    }

    fn commit_locked(&mut self, requests: &[Request], publication: Publication) -> Result<Vec<Answer>, StoreError> {
        self.catch_up().map_err(StoreError::before_writing)?;
        let attempts = self.state()?.attempts.bytes();
        let mut lines = Vec::new();
        let mut answers = Vec::with_capacity(requests.len());
        let mut must_be_durable = false;
        for request in requests {
            let answer = self.decide(request, &mut lines).map_err(StoreError::before_writing)?;
            must_be_durable |= request.must_be_durable(&answer);
            answers.push(answer);
        }
        self.write(&lines)?;
        let Loaded { attempts: now, position, .. } = self.state()?;
        self.compaction_due |=
            self.limits.is_some_and(|limits| limits.are_passed(attempts, now.bytes(), position.offset));
        if must_be_durable {
            self.make_durable()?;
        }
        if publication == Publication::Now {
            self.publish()?;
        }
        Ok(answers)
    }

    /// Decides one request, based on the state after the previous requests, and adds its line.
    fn decide(&mut self, request: &Request, lines: &mut Vec<u8>) -> Result<Answer, StoreError> {
        let recorded = match request.ledger_key() {
            Some(key) => self.look_up(&key, lines)?,
            None => None,
        };
        let (fact, answer) = request.decide(&self.state()?.inventory, recorded, (self.clock)());
        if let Some(fact) = fact {
            self.add(fact, lines)?;
        }
        Ok(answer)
    }

    /// Returns the ledger's entry for `key`, read from its line again. `lines` are not in the journal yet.
    fn look_up(&mut self, key: &IdempotencyKey, lines: &[u8]) -> Result<Option<LedgerEntry>, StoreError> {
        let loaded = self.state()?;
        let written = loaded.position.offset - lines.len() as u64;
        for offset in loaded.audit.lines_of(key) {
            let line = match offset.checked_sub(written).and_then(|at| lines.get(usize::try_from(at).ok()?..)) {
                Some(lines) => lines.to_vec(),
                None => self.line_at(offset)?,
            };
            let line = line.split(|byte| *byte == b'\n').next().unwrap_or_default();
            let record = Record::decode(line).map_err(|cause| self.damaged(offset, cause.into()))?;
            if record.fact.ledger_key().as_ref() == Some(key) {
                return Ok(record.fact.into_ledger_entry());
            }
        }
        Ok(None)
    }

    /// Reads the journal from `offset` on until the end of a line.
    fn line_at(&mut self, offset: u64) -> Result<Vec<u8>, StoreError> {
        let mut most = LINE_BYTES;
        loop {
            let read = self.storage.read_journal(offset, most);
            let bytes = read.map_err(|source| failed("read", self.storage.journal_path(), source))?;
            if bytes.contains(&b'\n') || (bytes.len() as u64) < most {
                return Ok(bytes);
            }
            most = most.saturating_mul(2);
        }
    }

    /// Numbers and applies a fact, and adds its line to `lines`.
    pub(super) fn add(&mut self, fact: Fact, lines: &mut Vec<u8>) -> Result<(), StoreError> {
        let at = (self.clock)();
        let path = self.storage.journal_path().to_owned();
        self.unwritten = true;
        let loaded = self.state_mut()?;
        let record = Record { seq: loaded.position.seq + 1, at, fact };
        let line = record.encode().map_err(|error| failed("write", &path, error.into()))?;
        let offset = loaded.position.offset;
        let seq = record.seq;
        loaded.apply(&[(offset, record)]).map_err(|cause| StoreError::DamagedJournal { path, offset, cause })?;
        loaded.position = Position::after(seq, offset + line.len() as u64);
        lines.extend_from_slice(&line);
        Ok(())
    }

    /// Appends lines that [`Self::add`] has made.
    pub(super) fn write(&mut self, lines: &[u8]) -> Result<(), StoreError> {
        if lines.is_empty() {
            return Ok(());
        }
        let at = self.state()?.position.offset - lines.len() as u64;
        let Err(source) = self.storage.append(at, lines) else {
            let loaded = self.state()?;
            self.seen = Some((loaded.file, loaded.position));
            self.unwritten = false;
            return Ok(());
        };
        // Remove the part that was written. If that fails too, the next process finds a torn end, or lines that were
        // never acknowledged; both are safe.
        if let Err(error) = self.storage.truncate(at) {
            tracing::warn!(%error, "could not remove a failed write from the journal");
        }
        Err(failed("write", self.storage.journal_path(), source))
    }

    /// Syncs the journal unless everything read or written so far is durable. This includes lines from other processes,
    /// because their writer may have died before its own sync.
    pub(super) fn make_durable(&mut self) -> Result<(), StoreError> {
        let loaded = self.state()?;
        if loaded.durable == loaded.position.offset {
            return Ok(());
        }
        if let Err(error) = self.storage.sync_journal() {
            // The kernel reports such a failure only once. A second sync would succeed even if the data is lost.
            let reason = format!("sync of {}: {error}", self.storage.journal_path().display());
            self.poisoned = Some((self.state()?.file, reason.clone()));
            if let Err(error) = self.storage.set_poison(&reason) {
                tracing::error!(%error, "could not mark the database as poisoned");
            }
            return Err(StoreError::Poisoned { reason });
        }
        let loaded = self.state_mut()?;
        loaded.durable = loaded.position.offset;
        Ok(())
    }

    /// Publishes the document unless it shows the last state. The caller must have the lock, because two processes
    /// could otherwise replace the document in the wrong order.
    pub(super) fn publish(&mut self) -> Result<(), StoreError> {
        let path = self.storage.document_path().to_owned();
        let seq = self.state()?.document_seq;
        let stamp = self.storage.stamp().map_err(|source| failed("inspect", &path, source))?;
        if stamp.is_some() && self.published == stamp.map(|stamp| (seq, stamp)) {
            return Ok(());
        }
        let bytes = self.state()?.document().map_err(|cause| self.damaged(0, cause))?;
        // If this replaces another program's document, a loss of power must not bring that back: a worker would adopt
        // it and undo the effects that were acknowledged since.
        let mut durable = stamp.is_none();
        // If the stamp is still our own, no other program has changed the document.
        let changed = stamp != self.published.map(|(_, stamp)| stamp);
        if changed && let Some(found) = self.read_document()? {
            if found == bytes {
                self.published = stamp.map(|stamp| (seq, stamp));
                self.published_of = Some(self.state()?.file);
                return Ok(());
            }
            let line = self.state()?.line_shown_by(&found);
            durable = line.is_none();
            // At start-up, `reconcile_document` has already handled the document.
            match (line, self.published) {
                (_, None) => {}
                (None, Some(_)) => self.keep_aside("edited", "it was changed while a worker ran")?,
                // Our processes never publish an older document, so another program restored this one.
                (Some(line), Some((last, _))) => {
                    if line < last && self.published_of == Some(self.state()?.file) {
                        self.keep_old_document_aside(line)?;
                    }
                }
            }
        }
        // A document is evidence that its line was in the journal, so that line must be durable first. The document
        // also shows retries, which are counted from notes that are otherwise not synced.
        self.make_durable()?;
        let written = self.storage.replace_document(&bytes, durable);
        self.published = Some((seq, written.map_err(|source| failed("publish", &path, source))?));
        self.published_of = Some(self.state()?.file);
        Ok(())
    }

    pub(super) fn read_document(&mut self) -> Result<Option<Vec<u8>>, StoreError> {
        self.storage.read_document().map_err(|source| failed("read", self.storage.document_path(), source))
    }

    /// Keeps a copy of an old document that another program restored: a backup, or the starting document.
    pub(super) fn keep_old_document_aside(&mut self, line: u64) -> Result<(), StoreError> {
        let reason = if line == 1 {
            "it is the starting document of a longer journal; to start again, run: idempotence reset".to_owned()
        } else {
            format!("it is the document of line {line}, but the journal has more lines")
        };
        self.keep_aside("replaced", &reason)
    }

    /// Keeps a copy of the document under a name with the reason and the time, and records the copy in the journal, so
    /// that every process can show the name.
    pub(super) fn keep_aside(&mut self, why: &str, reason: &str) -> Result<(), StoreError> {
        let suffix = self.keep_under_free_name(Part::Document, why)?;
        let document = self.storage.document_path().display();
        tracing::warn!(%document, kept_as = suffix, reason, "replacing the document with the journal's");
        let mut line = Vec::new();
        let aside = Aside { suffix, reason: reason.to_owned() };
        let recorded = self.add(Fact::Aside(aside), &mut line).and_then(|()| self.write(&line));
        if recorded.is_err() {
            // `loaded` includes a line that the journal lacks.
            self.loaded = None;
        }
        recorded
    }

    pub(super) fn damaged(&self, offset: u64, cause: Damage) -> StoreError {
        StoreError::DamagedJournal { path: self.storage.journal_path().to_owned(), offset, cause }
    }

    pub(super) fn state(&self) -> Result<&Loaded, StoreError> {
        self.loaded.as_ref().ok_or(StoreError::Stopped)
    }

    pub(super) fn state_mut(&mut self) -> Result<&mut Loaded, StoreError> {
        self.loaded.as_mut().ok_or(StoreError::Stopped)
    }
}
