//! The commit protocol on one storage: lock, catch up, look up, validate, append, sync, publish, unlock. The caller
//! acknowledges. One engine per process; it does not know threads.
//!
//! Opening, and what happens to a document that somebody else changed, is in `recovery`.

use std::time::Duration;

use crate::domain::{Change, Decision, Effect, Guard, Origin, Receipt, UnixMillis};

use super::{
    error::{Damage, StoreError, failed},
    loaded::Loaded,
    progress::Progress,
    record::{Aside, AttemptEvent, Commit, Fact, Outcome, Record, Refused},
    replay::Position,
    storage::{FileId, Part, Stamp, Storage},
};

/// How long a process waits for the lock before it answers `Busy`.
pub const LOCK_WAIT: Duration = Duration::from_secs(2);

/// What a caller asks the store to do.
#[derive(Debug, Clone)]
pub enum Request {
    /// Apply an effect under a guard, on behalf of an attempt.
    Commit { effect: Effect, guard: Guard, origin: Origin },
    /// Write down what happened in an attempt.
    Attempt(AttemptEvent),
    /// Write down an order that is so malformed that it cannot be an effect.
    Refuse(Refused),
}

/// The answer to a request that was not refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    pub outcome: Outcome,
    pub receipt: Receipt,
    /// The very workflow run that asks had made the effect: its retry, not another order.
    pub same_run: bool,
}

/// When the document is to show a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Publication {
    /// Before the commit returns.
    Now,
    /// With a later commit, which may be one of no requests: for effects that come faster than anybody reads.
    Later,
}

/// What one request came to. `None` for a note, which has no receipt.
pub type Answer = Result<Option<Committed>, StoreError>;

/// The store of one process.
#[derive(Debug)]
pub struct Engine<M> {
    pub(super) storage: M,
    pub(super) clock: fn() -> UnixMillis,
    pub(super) reorder_below: i64,
    /// `None`: what is in memory may differ from the journal, so it is read again.
    pub(super) loaded: Option<Loaded>,
    /// Memory is ahead of the journal: lines were taken in that are not written.
    unwritten: bool,
    /// The document as this process last left it.
    pub(super) published: Option<(u64, Stamp)>,
    /// The last complete line that this process has read or written. The same file must not end before it.
    pub(super) seen: Option<(FileId, Position)>,
    /// The journal that `published` belongs to.
    pub(super) published_of: Option<FileId>,
    /// A sync of this journal failed in this process, whether or not the others could be told.
    pub(super) poisoned: Option<(FileId, String)>,
}

impl<M: Storage> Engine<M> {
    pub(super) const fn new(storage: M, clock: fn() -> UnixMillis, reorder_below: i64) -> Self {
        let (loaded, published, seen, poisoned) = (None, None, None, None);
        Self { storage, clock, reorder_below, loaded, unwritten: false, published, published_of: None, seen, poisoned }
    }

    /// Opens the database, makes it where there is none, repairs a torn end, and publishes the document.
    ///
    /// # Errors
    /// [`StoreError`]; nothing is changed where the files are damaged.
    pub fn open(storage: M, clock: fn() -> UnixMillis, reorder_below: i64) -> Result<Self, StoreError> {
        Self::open_observed(storage, clock, reorder_below, &|_| {})
    }

    /// As [`Self::open`]; `seen` is called as a long journal is read.
    ///
    /// # Errors
    /// Those of [`Self::open`].
    pub fn open_observed(
        storage: M,
        clock: fn() -> UnixMillis,
        reorder_below: i64,
        seen: &dyn Fn(Progress),
    ) -> Result<Self, StoreError> {
        let mut engine = Self::new(storage, clock, reorder_below);
        engine.read_ahead(seen)?;
        engine.locked(|engine| {
            engine.start_up()?;
            engine.publish()
        })?;
        Ok(engine)
    }

    /// Commits requests together, in order, with one sync. When it returns, what the answers say is durable, and the
    /// document shows it unless its publication is put off.
    ///
    /// # Errors
    /// [`StoreError`] for the batch as a whole: nothing of it may be acknowledged, and a repetition converges.
    pub fn commit(&mut self, requests: &[Request], publication: Publication) -> Result<Vec<Answer>, StoreError> {
        self.read_ahead(&|_| {}).map_err(StoreError::before_writing)?;
        let result = self.locked(|engine| engine.commit_locked(requests, publication));
        if std::mem::take(&mut self.unwritten) {
            // The journal decides, at the next commit. A failed publication has changed nothing that is in memory.
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
            Ok(false) => return Err(StoreError::Busy { path, waited_ms: LOCK_WAIT.as_millis() }),
            Err(source) => return Err(failed("lock", &path, source).before_writing()),
        }
        let result = action(self);
        let unlocked = self.storage.unlock().map_err(|source| failed("unlock", &path, source));
        result.and_then(|value| unlocked.map(|()| value))
    }

    /// The journal line that the document shows, as far as this process knows.
    #[must_use]
    pub fn published_seq(&self) -> Option<u64> {
        self.published.map(|(seq, _)| seq)
    }

    /// Whether the document is behind what this process has committed. After a failure the journal is read anew first,
    /// at the next request.
    #[must_use]
    pub fn is_behind(&self) -> bool {
        self.loaded.as_ref().is_some_and(|loaded| Some(loaded.document_seq) != self.published_seq())
    }

    fn commit_locked(&mut self, requests: &[Request], publication: Publication) -> Result<Vec<Answer>, StoreError> {
        self.catch_up().map_err(StoreError::before_writing)?;
        let mut lines = Vec::new();
        let mut answers = Vec::with_capacity(requests.len());
        let mut must_be_durable = false;
        for request in requests {
            must_be_durable |= !matches!(request, Request::Attempt(_));
            answers.push(self.decide(request, &mut lines)?);
        }
        self.write(&lines)?;
        if must_be_durable {
            self.make_durable()?;
        }
        if publication == Publication::Now {
            self.publish()?;
        }
        Ok(answers)
    }

    /// Decides one request against the state that the requests before it left, and adds its line.
    fn decide(&mut self, request: &Request, lines: &mut Vec<u8>) -> Result<Answer, StoreError> {
        match request {
            Request::Attempt(event) => self.add(Fact::Attempt(event.clone()), lines).map(|()| Ok(None)),
            Request::Refuse(refused) => self.add(Fact::Reject(refused.clone()), lines).map(|()| Ok(None)),
            Request::Commit { effect, guard, origin } => self.decide_effect(effect, *guard, origin, lines),
        }
    }

    fn decide_effect(
        &mut self,
        effect: &Effect,
        guard: Guard,
        origin: &Origin,
        lines: &mut Vec<u8>,
    ) -> Result<Answer, StoreError> {
        let committed = |outcome, receipt, same_run| Ok(Some(Committed { outcome, receipt, same_run }));
        match self.state()?.inventory.decide(effect, guard, &origin.run) {
            Ok(Decision::Apply(change)) => {
                let receipt = change.receipt.clone();
                self.add(fact_of(effect, change, guard, origin), lines)?;
                Ok(committed(Outcome::Applied, receipt, true))
            }
            Ok(Decision::Replay { receipt, same_run }) => Ok(committed(Outcome::Replayed, receipt, same_run)),
            Ok(Decision::Skip(receipt)) => Ok(committed(Outcome::Skipped, receipt, false)),
            Err(refusal) => {
                let error = StoreError::from(refusal);
                self.add(Fact::Reject(Refused::new(effect, &error, origin)), lines)?;
                Ok(Err(error))
            }
        }
    }

    /// Gives a fact its number and time, takes it in, and adds its line to what will be written.
    pub(super) fn add(&mut self, fact: Fact, lines: &mut Vec<u8>) -> Result<(), StoreError> {
        let at = (self.clock)();
        let path = self.storage.journal_path().to_owned();
        self.unwritten = true;
        let loaded = self.state_mut()?;
        let record = Record { seq: loaded.position.seq + 1, at, fact };
        let line = record.encode().map_err(|error| failed("write", &path, error.into()))?;
        let offset = loaded.position.offset;
        loaded.take_in(std::slice::from_ref(&record)).map_err(|cause| StoreError::DamagedJournal {
            path,
            offset,
            cause,
        })?;
        loaded.position = Position { offset: offset + line.len() as u64, seq: record.seq };
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
        // Cut back what a short write left. Where that fails too, the next one to lock finds a torn end, or lines that
        // nobody was told of; both are sound.
        if let Err(error) = self.storage.truncate(at) {
            tracing::warn!(%error, "could not cut back a failed write to the journal");
        }
        Err(failed("write", self.storage.journal_path(), source))
    }

    /// Syncs unless everything read or written so far is durable already. Lines of another process count: it may have
    /// died before its own sync.
    pub(super) fn make_durable(&mut self) -> Result<(), StoreError> {
        let loaded = self.state()?;
        if loaded.durable == loaded.position.offset {
            return Ok(());
        }
        if let Err(error) = self.storage.sync_journal() {
            // The kernel reports such a failure once and then forgets it. A second sync would say that all is well.
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
    pub(super) fn keep_old_document_aside(&mut self, line: u64) -> Result<(), StoreError> {
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
    pub(super) fn keep_aside(&mut self, why: &str, reason: &str) -> Result<(), StoreError> {
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

fn fact_of(effect: &Effect, change: Change, guard: Guard, origin: &Origin) -> Fact {
    let Change { key, payload, receipt } = change;
    let commit = Commit { key, payload, receipt, guard, origin: origin.clone() };
    match effect {
        Effect::Order(_) => Fact::Order(commit),
        Effect::Supplier(_) => Fact::Supplier(commit),
    }
}
