//! Reset to the original demo's document. The old journal is kept beside the new one, and a failed reset changes
//! nothing.
//!
//! Steps that need disk space or a new name come first. Replacements come last and are undone after a failure.

use std::io;

use crate::domain::{REORDER_BELOW, UnixMillis};

use super::{
    document::{Document, STARTING_DOCUMENT},
    engine::Engine,
    error::{StoreError, damaged_alone, failed},
    record::Init,
    storage::{FileId, Part, Stamp, Storage},
};

/// Maximum number of names to try for a kept file. A name can be taken, because two resets can happen in one
/// millisecond.
const MAX_NAMES: u32 = 999;

/// Suffixes of the names under which a reset kept files.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Kept {
    /// Suffix of the old journal, or its place in MySQL; `None` if there was none.
    pub journal: Option<String>,
    /// Suffix of a damaged document; `None` if it was not damaged.
    pub document: Option<String>,
}

/// The new files, under temporary names.
struct Prepared<S> {
    /// The old document, to restore it after a failure; `None` if there was none.
    old: Option<S>,
    /// A document that belongs to neither journal. If the process is killed before it places the new journal, a worker
    /// keeps a copy and shows the old journal's state. After that, its stock is the same as the new journal's.
    between: S,
    journal: S,
    document: S,
}

/// The files before the reset.
#[derive(Clone, Copy)]
struct Before {
    journal: Option<FileId>,
    document: Option<Stamp>,
}

impl<M: Storage> Engine<M> {
    /// Resets the database to the original demo's document, even if it is damaged or poisoned.
    ///
    /// # Errors
    /// Returns [`StoreError::Busy`] if the lock is taken, [`StoreError::Io`] if a file cannot be replaced, and
    /// [`StoreError::DamagedDocument`] if there is only another program's file. The old database is then unchanged.
    /// Returns [`StoreError::HalfReset`] if the old database could not be restored.
    pub fn reset(storage: M, clock: fn() -> UnixMillis) -> Result<Kept, StoreError> {
        Self::new(storage, clock, REORDER_BELOW.into()).locked(Self::reset_locked)
    }

    fn reset_locked(&mut self) -> Result<Kept, StoreError> {
        let before = self.before()?;
        let is_damaged = self.is_document_damaged(before)?;
        let prepared = self.prepare()?;
        let mut kept = Kept::default();
        let result =
            self.keep_old(before, is_damaged, &mut kept).and_then(|()| self.put_in_place(prepared, before, &kept));
        match result {
            Ok(()) => Ok(kept),
            Err(error) => {
                // After a half reset, the kept files are still needed.
                if !matches!(error, StoreError::HalfReset { .. }) {
                    self.forget(&kept);
                }
                Err(error)
            }
        }
    }

    fn before(&mut self) -> Result<Before, StoreError> {
        let journal = self.storage.journal().map_err(|source| failed("find", self.storage.journal_path(), source))?;
        let document =
            self.storage.stamp().map_err(|source| failed("inspect", self.storage.document_path(), source))?;
        Ok(Before { journal: journal.map(|found| found.id), document })
    }

    fn is_document_damaged(&mut self, before: Before) -> Result<bool, StoreError> {
        let Some(found) = self.read_document()? else { return Ok(false) };
        match Document::parse(&found) {
            Ok(_) => Ok(false),
            // With a journal, it is our own document, damaged. Without a journal, it is another program's file.
            Err(_) if before.journal.is_some() => Ok(true),
            Err(cause) => Err(damaged_alone(self.storage.document_path(), cause)),
        }
    }

    fn prepare(&mut self) -> Result<Prepared<M::Staged>, StoreError> {
        let path = self.storage.document_path().to_owned();
        let start = Document::parse(STARTING_DOCUMENT.as_bytes()).map_err(|cause| damaged_alone(&path, cause))?;
        let between = Document { seq: Some(0), ..start.clone() };
        let between = between.render().map_err(|error| failed("write", &path, error.into()))?;
        let init = Init { product: start.product, stock: start.stock, last_order: start.last_order };
        let line = self.first_line(init)?;
        let storage = &mut self.storage;
        let mut stage =
            |part, bytes: &[u8]| storage.stage(part, bytes).map_err(|source| failed("prepare", &path, source));
        let between = stage(Part::Document, &between)?;
        let document = stage(Part::Document, STARTING_DOCUMENT.as_bytes())?;
        let journal = stage(Part::Journal, &line)?;
        let old = self.storage.stage_current(Part::Document).map_err(|source| failed("copy", &path, source))?;
        Ok(Prepared { old, between, journal, document })
    }

    fn keep_old(&mut self, before: Before, is_damaged: bool, kept: &mut Kept) -> Result<(), StoreError> {
        if is_damaged {
            let suffix = self.keep_under_free_name(Part::Document, "damaged")?;
            tracing::warn!(kept_as = suffix, "the document is damaged; keeping a copy");
            kept.document = Some(suffix);
        }
        if before.journal.is_some() {
            kept.journal = Some(self.keep_under_free_name(Part::Journal, "until")?);
        }
        Ok(())
    }

    /// Keeps a copy of a part under a name with the reason and the time. Returns the suffix.
    pub(super) fn keep_under_free_name(&mut self, part: Part, why: &str) -> Result<String, StoreError> {
        let at = (self.clock)().0;
        let mut suffix = format!(".{why}-{at}");
        for number in 2..=MAX_NAMES {
            match self.storage.keep(part, &suffix) {
                Ok(()) => return Ok(suffix),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => suffix = format!(".{why}-{at}-{number}"),
                Err(source) => {
                    // The copy may exist despite the error.
                    self.remove_kept(part, &suffix);
                    return Err(failed("keep a copy of", self.path(part), source));
                }
            }
        }
        Err(failed("keep a copy of", self.path(part), io::ErrorKind::AlreadyExists.into()))
    }

    fn put_in_place(&mut self, prepared: Prepared<M::Staged>, before: Before, kept: &Kept) -> Result<(), StoreError> {
        let Prepared { old, between, journal, document } = prepared;
        let placed = self
            .place(Part::Document, between)
            .and_then(|()| self.place(Part::Journal, journal))
            .and_then(|()| self.place(Part::Document, document))
            .and_then(|()| {
                self.storage.clear_poison().map_err(|source| failed("remove", self.storage.poison_path(), source))
            });
        let Err(error) = placed else {
            // It is of the old journal, so it would be ignored.
            if let Err(error) = self.storage.remove_checkpoint() {
                tracing::warn!(%error, "could not remove the checkpoint of the old journal");
            }
            return Ok(());
        };
        match self.undo(old, before, kept) {
            Ok(()) => Err(error),
            Err(undo) => Err(StoreError::HalfReset { error: Box::new(error), undo: Box::new(undo) }),
        }
    }

    fn place(&mut self, part: Part, staged: M::Staged) -> Result<(), StoreError> {
        self.storage.place(part, staged).map_err(|source| failed("replace", self.path(part), source))
    }

    /// Restores the replaced files. The journal comes first, because a worker can restore the document from it.
    fn undo(&mut self, old: Option<M::Staged>, before: Before, kept: &Kept) -> Result<(), StoreError> {
        let now = self.before()?;
        if now.journal != before.journal {
            let undone = match &kept.journal {
                Some(suffix) => self.storage.restore(Part::Journal, suffix),
                None => self.storage.discard(Part::Journal),
            };
            undone.map_err(|source| failed("restore", self.path(Part::Journal), source))?;
        }
        if now.document != before.document {
            let undone = match old {
                Some(old) => self.storage.place(Part::Document, old),
                None => self.storage.discard(Part::Document),
            };
            undone.map_err(|source| failed("restore", self.path(Part::Document), source))?;
        }
        Ok(())
    }

    fn forget(&mut self, kept: &Kept) {
        if let Some(suffix) = &kept.journal {
            self.remove_kept(Part::Journal, suffix);
        }
        if let Some(suffix) = &kept.document {
            self.remove_kept(Part::Document, suffix);
        }
    }

    fn remove_kept(&mut self, part: Part, suffix: &str) {
        if let Err(error) = self.storage.forget(part, suffix) {
            tracing::warn!(%error, suffix, "could not remove the copy of a reset that failed");
        }
    }

    fn path(&self, part: Part) -> &std::path::Path {
        match part {
            Part::Document => self.storage.document_path(),
            Part::Journal => self.storage.journal_path(),
        }
    }
}
