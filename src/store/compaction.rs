//! Compaction of the journal: the lines of the attempts of old orders that have ended are dropped.
//!
//! The new journal is written in small steps between two batches, without the lock. Under the lock, the writer adds only
//! the latest lines, syncs the file, renames it, and writes a checkpoint. A process that is killed leaves a temporary file.
//!
//! The new journal is replayed while it is written, and takes the place of the old one only if it results in the same
//! stock, orders and keys. Runs whose attempt numbers the inventory remembers are kept, because a late line would otherwise
//! count as a retry.

use std::io;

use super::{
    checkpoint::MIN_JOURNAL_BYTES,
    compaction_state::{Compaction, CompactionLimits, Stage, Stepped, TRIES},
    engine::Engine,
    error::{StoreError, failed},
    loaded::Loaded,
    old_attempts::OldAttempts,
    progress::Progress,
    rewrite::{FIRST_LINE_BYTES, Rewrite, Saved},
    storage::{FileId, Part, Storage},
};

/// Number of bytes that are written per step. One takes about 8 ms.
const STEP_BYTES: u64 = 256 << 10;

/// Number of bytes that are searched for attempts per step, which takes less time.
const SCAN_BYTES: u64 = 1 << 20;

/// Number of unsynced bytes of the new journal from which on it is synced, so that a commit does not wait for more of them
/// to be written.
const SYNC_BYTES: u64 = 4 << 20;

/// Number of times that a compaction by hand begins because another process has replaced the journal, and waits for the
/// lock at its end.
const MAX_TRIES: u32 = 5;

impl<M: Storage> Engine<M> {
    /// Compacts the journal at these limits while [`Self::compact_some`] is called; `None` for never.
    pub const fn set_compaction(&mut self, limits: Option<CompactionLimits>) {
        self.limits = limits;
    }

    /// Whether a compaction has begun.
    #[must_use]
    pub const fn is_compacting(&self) -> bool {
        self.compaction.is_some()
    }

    /// Begins a compaction if it is due, or does another step of it. The caller answers its requests first. A failure is
    /// logged; the old journal then remains.
    pub fn compact_some(&mut self) {
        if self.compaction.is_none()
            && let Some(limits) = self.limits.filter(|_| std::mem::take(&mut self.compaction_due))
        {
            let journal = self.loaded.as_ref().map_or(0, |loaded| loaded.position.offset);
            self.begin_compaction(limits.keep_orders, limits.limit(journal) / TRIES);
        }
        let Some(compaction) = self.compaction.take() else { return };
        match self.step(compaction) {
            Ok(Stepped::More(compaction) | Stepped::Busy(compaction, _)) => self.compaction = Some(compaction),
            Ok(Stepped::Saved(saved)) => tracing::info!(
                lines = saved.lines,
                orders = saved.orders,
                before = saved.bytes_before,
                after = saved.bytes_after,
                "compacted the journal"
            ),
            Ok(Stepped::Nothing | Stepped::Replaced) => {}
            Err(error) => tracing::warn!(%error, "could not compact the journal"),
        }
    }

    /// Compacts the journal, except for the newest `keep_orders` orders. Returns `None` if there is nothing to drop. Calls
    /// `seen` while it writes the new journal.
    ///
    /// # Errors
    /// Fails if the journal is damaged, or a file cannot be written or replaced. The old journal then remains.
    pub fn compact(&mut self, keep_orders: usize, seen: &dyn Fn(Progress)) -> Result<Option<Saved>, StoreError> {
        let mut busy = 0;
        for _ in 0..MAX_TRIES {
            self.locked(Self::catch_up)?;
            self.begin_compaction(keep_orders, 0);
            while let Some(compaction) = self.compaction.take() {
                if let (Stage::Write(rewrite), Ok(loaded)) = (&compaction.stage, self.state()) {
                    seen(Progress { read: rewrite.source.offset, of: loaded.position.offset });
                }
                match self.step(compaction)? {
                    Stepped::More(compaction) => self.compaction = Some(compaction),
                    Stepped::Saved(saved) => return Ok(Some(saved)),
                    Stepped::Nothing => return Ok(None),
                    Stepped::Replaced => {}
                    Stepped::Busy(compaction, error) => {
                        busy += 1;
                        if busy == MAX_TRIES {
                            return Err(error);
                        }
                        self.compaction = Some(compaction);
                    }
                }
            }
        }
        let replaced = io::Error::other("other processes have replaced it again and again");
        Err(failed("compact", self.storage.journal_path(), replaced))
    }

    /// The result of a compaction with nothing to drop.
    pub(super) fn nothing_saved(&self) -> Saved {
        let bytes = self.loaded.as_ref().map_or(0, |loaded| loaded.position.offset);
        Saved { bytes_before: bytes, bytes_after: bytes, lines: 0, orders: 0 }
    }

    fn begin_compaction(&mut self, keep_orders: usize, min_bytes: u64) {
        let Some(loaded) = self.loaded.as_ref().filter(|loaded| loaded.checked) else { return };
        let found = OldAttempts::new(loaded.document_seq);
        let stage = Stage::Scan { found, read: 0, to: loaded.position.offset, most: SCAN_BYTES };
        let min_bytes = min_bytes.max(FIRST_LINE_BYTES + 1);
        self.compaction = Some(Compaction { file: loaded.file, keep_orders, min_bytes, stage });
    }

    fn step(&mut self, compaction: Compaction<M::Staged>) -> Result<Stepped<M::Staged>, StoreError> {
        if self.loaded.as_ref().is_none_or(|loaded| loaded.file != compaction.file) {
            return Ok(Stepped::Replaced);
        }
        let Compaction { stage, .. } = compaction;
        match stage {
            Stage::Scan { read, to, .. } if read >= to => self.begin_writing(Compaction { stage, ..compaction }),
            Stage::Scan { mut found, read, to, mut most } => {
                let wanted = most.min(to - read);
                let bytes = self.read_old(read, wanted)?;
                let complete = found.observe(&bytes).map_err(|cause| self.damaged(read, cause.into()))?;
                if complete == 0 && wanted == to - read {
                    return Err(self.became_shorter());
                }
                // A line can be longer than a chunk.
                most = if complete == 0 { most.saturating_mul(2) } else { SCAN_BYTES };
                let stage = Stage::Scan { found, read: read + complete, to, most };
                Ok(Stepped::More(Compaction { stage, ..compaction }))
            }
            Stage::Write(mut rewrite) => {
                if self.unwritten_bytes(&rewrite)? <= STEP_BYTES {
                    match self.read_ahead(&|_| {}) {
                        Err(error @ StoreError::Busy { .. }) => {
                            return Ok(Stepped::Busy(Compaction { stage: Stage::Write(rewrite), ..compaction }, error));
                        }
                        read => read?,
                    }
                    if self.loaded.as_ref().is_none_or(|loaded| loaded.file != compaction.file) {
                        return Ok(Stepped::Replaced);
                    }
                    if self.unwritten_bytes(&rewrite)? <= STEP_BYTES {
                        return self.finish(Compaction { stage: Stage::Write(rewrite), ..compaction });
                    }
                }
                self.write_some(&mut rewrite)?;
                Ok(Stepped::More(Compaction { stage: Stage::Write(rewrite), ..compaction }))
            }
        }
    }

    fn begin_writing(&mut self, compaction: Compaction<M::Staged>) -> Result<Stepped<M::Staged>, StoreError> {
        let Stage::Scan { found, to, .. } = compaction.stage else { return Ok(Stepped::More(compaction)) };
        let droppable = found.into_droppable(compaction.keep_orders, self.state()?.inventory.remembered_runs());
        if droppable.bytes < compaction.min_bytes {
            return Ok(Stepped::Nothing);
        }
        let staged = self.storage.stage_journal();
        let staged = staged.map_err(|source| failed("create a copy of", self.storage.journal_path(), source))?;
        let stage = Stage::Write(Box::new(Rewrite::new(staged, droppable, to)));
        Ok(Stepped::More(Compaction { stage, ..compaction }))
    }

    fn read_old(&mut self, from: u64, most: u64) -> Result<Vec<u8>, StoreError> {
        let read = self.storage.read_journal(from, most);
        read.map_err(|source| failed("read", self.storage.journal_path(), source))
    }

    fn became_shorter(&self) -> StoreError {
        let shorter = io::Error::new(io::ErrorKind::UnexpectedEof, "it has become shorter");
        failed("read", self.storage.journal_path(), shorter)
    }

    /// Number of bytes of the old journal that are not in the new one yet.
    fn unwritten_bytes(&self, rewrite: &Rewrite<M::Staged>) -> Result<u64, StoreError> {
        Ok(self.state()?.position.offset.saturating_sub(rewrite.source.offset))
    }

    /// Writes the next lines of the new journal.
    fn write_some(&mut self, rewrite: &mut Rewrite<M::Staged>) -> Result<(), StoreError> {
        let (begin, mut most) = (rewrite.source.offset, STEP_BYTES);
        let at = rewrite.written;
        let kept = loop {
            let unwritten = self.unwritten_bytes(rewrite)?;
            let bytes = self.read_old(begin, most.min(unwritten))?;
            let kept = rewrite.take(&bytes, self.rules).map_err(|bad| self.damaged(bad.offset, bad.cause))?;
            if rewrite.source.offset > begin || most >= unwritten {
                break kept;
            }
            // A line can be longer than a chunk.
            most = most.saturating_mul(2);
        };
        if rewrite.source.offset == begin {
            return Err(self.became_shorter());
        }
        let mut written = self.storage.write_staged(&mut rewrite.staged, at, &kept);
        if written.is_ok() && rewrite.written - rewrite.synced >= SYNC_BYTES {
            rewrite.synced = rewrite.written;
            written = self.storage.sync_staged(&mut rewrite.staged);
        }
        written.map_err(|source| failed("write a copy of", self.storage.journal_path(), source))
    }

    /// Adds the latest lines and replaces the journal, under the lock.
    fn finish(&mut self, compaction: Compaction<M::Staged>) -> Result<Stepped<M::Staged>, StoreError> {
        let file = compaction.file;
        // Only a process that has the lock takes it.
        let mut waiting = Some(compaction);
        let finished = self.locked(|engine| {
            let Some(Compaction { stage: Stage::Write(mut rewrite), .. }) = waiting.take() else {
                return Ok(Stepped::Nothing);
            };
            engine.catch_up()?;
            if engine.state()?.file != file {
                return Ok(Stepped::Replaced);
            }
            while engine.unwritten_bytes(&rewrite)? > 0 {
                engine.write_some(&mut rewrite)?;
            }
            engine.replace_journal(*rewrite).map(Stepped::Saved)
        });
        match (finished, waiting) {
            (Err(error @ StoreError::Busy { .. }), Some(compaction)) => Ok(Stepped::Busy(compaction, error)),
            (finished, _) => finished,
        }
    }

    fn replace_journal(&mut self, mut rewrite: Rewrite<M::Staged>) -> Result<Saved, StoreError> {
        let path = self.storage.journal_path().to_owned();
        let (line, saved) = rewrite
            .first_line(self.state()?, (self.clock)())
            .map_err(|reason| failed("compact", &path, io::Error::other(reason)))?;
        let written = self.storage.write_staged(&mut rewrite.staged, 0, &line);
        let synced = written.and_then(|()| self.storage.sync_staged(&mut rewrite.staged));
        synced.map_err(|source| failed("write a copy of", &path, source))?;
        let (staged, new) = rewrite.into_parts();
        let Some(new) = new else { return Err(StoreError::Stopped) };
        self.storage.place(Part::Journal, staged).map_err(|source| self.not_replaced(source))?;
        // If the new journal cannot be opened, the next commit reads it.
        let old = self.loaded.take();
        let found = self.open_journal()?;
        if let Some(old) = old {
            self.continue_in(found.id, new, old);
        }
        Ok(saved)
    }

    /// Returns the error of a replacement that failed. If the new journal has the name, it may lose it again with the
    /// power, together with the effects that follow. So no effect may follow.
    fn not_replaced(&mut self, source: io::Error) -> StoreError {
        let path = self.storage.journal_path().to_owned();
        let old = self.loaded.as_ref().map(|loaded| loaded.file);
        let found = self.storage.journal().ok().flatten().map(|found| found.id);
        if found == old {
            return failed("replace", &path, source);
        }
        let reason = format!("replacement of {}: {source}", path.display());
        self.loaded = None;
        self.poisoned = found.map(|found| (found, reason.clone()));
        if let Err(error) = self.storage.set_poison(&reason) {
            tracing::error!(%error, "could not mark the database as poisoned");
        }
        StoreError::Poisoned { reason }
    }

    /// Continues in the new journal, which is durable, with the state after the old one. Only the offsets differ.
    fn continue_in(&mut self, file: FileId, new: Loaded, old: Loaded) {
        let durable = new.position.offset;
        self.seen = Some((file, new.position));
        if self.published_of == Some(old.file) {
            self.published_of = Some(file);
        }
        let Loaded { inventory, documents, .. } = old;
        self.loaded = Some(Loaded { file, inventory, documents, durable, checked: true, ..new });
        self.checkpointed = 0;
        self.write_checkpoint_after(MIN_JOURNAL_BYTES);
    }
}
