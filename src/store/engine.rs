//! The commit protocol on one storage: lock, catch up, look up, validate, append, sync, publish, unlock. The caller
//! acknowledges. One engine per process; it does not know threads.
//!
//! Opening, and what happens to a document that somebody else changed, is in `recovery`.

use std::{collections::VecDeque, io, path::Path, sync::Arc, time::Duration};

use sha2::{Digest, Sha256};

use crate::domain::{Change, Decision, Effect, Guard, Inventory, Origin, Receipt, UnixMillis};

use super::{
    document::Document,
    error::{Damage, StoreError},
    reader::Progress,
    record::{AttemptEvent, Commit, Fact, Outcome, Record, Refused},
    replay::{Position, fold},
    storage::{FileId, Stamp, Storage},
};

/// How long a process waits for the lock before it answers `Busy`.
pub const LOCK_WAIT: Duration = Duration::from_secs(2);

/// How many documents of the past are recognised as ours when a slower process published them last.
const DOCUMENTS_REMEMBERED: usize = 4096;

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

/// A digest of document bytes.
pub(super) type Digest32 = [u8; 32];

/// What this process knows of the journal.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) file: FileId,
    pub(super) inventory: Inventory,
    pub(super) position: Position,
    /// The journal is known to be durable up to this byte.
    pub(super) durable: u64,
    /// The last line that changed the document.
    pub(super) document_seq: u64,
    /// Documents that some process of ours may have published.
    pub(super) documents: VecDeque<(u64, Digest32)>,
    /// It was compared with the document and cut where it was torn, under the lock.
    pub(super) checked: bool,
}

impl Loaded {
    /// The state after a journal's first line, which begins the stock.
    pub(super) fn begin(file: FileId, first: &Record, reorder_below: i64) -> Result<Self, Damage> {
        let Fact::Init(init) = &first.fact else { return Err(Damage::NoInit) };
        let inventory = Inventory::new(init.product.clone(), init.stock, &init.last_order, reorder_below);
        let position = Position { offset: 0, seq: 0 };
        let documents = VecDeque::new();
        let mut loaded = Self { file, inventory, position, durable: 0, document_seq: 1, documents, checked: false };
        let document = loaded.document()?;
        loaded.remember(digest(&document));
        Ok(loaded)
    }

    /// Takes in records that stand in the journal.
    pub(super) fn take_in(&mut self, records: &[Record]) -> Result<(), Damage> {
        for record in records {
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
            // Never the first: it has no `seq`, so nothing else tells it from what another program writes.
            self.documents.remove(1);
        }
    }

    /// The document's bytes as they should be.
    pub(super) fn document(&self) -> Result<Vec<u8>, Damage> {
        Document::of(&self.inventory, self.document_seq).render().map_err(|error| Damage::Line(unwritable(&error)))
    }

    /// The line that a document of ours shows; `None` if none of our processes has published it.
    pub(super) fn line_shown_by(&self, bytes: &[u8]) -> Option<u64> {
        let found = digest(bytes);
        self.documents.iter().find(|(_, known)| *known == found).map(|(seq, _)| *seq)
    }
}

pub(super) fn digest(bytes: &[u8]) -> Digest32 {
    Sha256::digest(bytes).into()
}

fn unwritable(error: &serde_json::Error) -> super::line::LineError {
    super::line::LineError::NoRecord(error.to_string())
}

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

pub(super) fn failed(operation: &'static str, path: &Path, source: io::Error) -> StoreError {
    StoreError::Io { operation, path: path.to_owned(), source: Arc::new(source) }
}
