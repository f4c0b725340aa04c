//! A storage that behaves unusually at a moment set by a test.

use std::{
    io,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use crate::simulated::Simulated;
use idempotence::store::storage::{JournalFile, Part, Stamp, Storage};

/// A storage whose unusual moments a test can set.
pub struct Odd<M> {
    pub inner: M,
    pub poison_fails: bool,
    /// Content that another program writes just after our next publication.
    pub after_publication: Option<(Simulated, Vec<u8>)>,
    pub reads: Arc<Mutex<Vec<u64>>>,
    /// Number of bytes that were read.
    pub read: Arc<AtomicUsize>,
    /// Number of bytes of the journal that were read under the lock.
    pub read_under_lock: Arc<AtomicUsize>,
    /// Action of another process while this one reads without the lock.
    pub while_unlocked: Option<Box<dyn FnOnce() + Send>>,
    locked: bool,
    /// Number of steps that replace files and succeed before one fails.
    pub fails_after: Option<(usize, Moment)>,
}

/// The way in which a step fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    Before,
    /// It takes effect and then reports an error, as a sync can.
    After,
    /// The process is killed before it.
    Killed,
}

impl<M: Storage> Odd<M> {
    fn step<T>(&mut self, act: impl FnOnce(&mut M) -> io::Result<T>) -> io::Result<T> {
        let failed = || io::Error::other("an injected failure");
        match &mut self.fails_after {
            Some((0, Moment::Killed)) => Err(failed()),
            Some((0, moment)) => {
                let moment = *moment;
                self.fails_after = None;
                if moment == Moment::After {
                    drop(act(&mut self.inner)?);
                }
                Err(failed())
            }
            Some((left, _)) => {
                *left -= 1;
                act(&mut self.inner)
            }
            None => act(&mut self.inner),
        }
    }
}

pub fn odd<M>(inner: M) -> Odd<M> {
    Odd {
        inner,
        poison_fails: false,
        after_publication: None,
        reads: Arc::default(),
        read: Arc::default(),
        read_under_lock: Arc::default(),
        while_unlocked: None,
        locked: false,
        fails_after: None,
    }
}

impl<M: Storage> Storage for Odd<M> {
    type Staged = M::Staged;

    fn document_path(&self) -> &Path {
        self.inner.document_path()
    }
    fn journal_path(&self) -> &Path {
        self.inner.journal_path()
    }
    fn lock_path(&self) -> &Path {
        self.inner.lock_path()
    }
    fn poison_path(&self) -> &Path {
        self.inner.poison_path()
    }
    fn lock(&mut self, wait: Duration) -> io::Result<bool> {
        self.locked = self.inner.lock(wait)?;
        Ok(self.locked)
    }
    fn unlock(&mut self) -> io::Result<()> {
        self.locked = false;
        self.inner.unlock()
    }
    fn poison(&mut self) -> io::Result<Option<String>> {
        self.inner.poison()
    }
    fn set_poison(&mut self, reason: &str) -> io::Result<()> {
        if self.poison_fails { Err(io::Error::other("the disk is full")) } else { self.inner.set_poison(reason) }
    }
    fn journal(&mut self) -> io::Result<Option<JournalFile>> {
        self.inner.journal()
    }
    fn open_journal(&mut self) -> io::Result<()> {
        self.inner.open_journal()
    }
    fn is_alone(&mut self) -> io::Result<bool> {
        self.inner.is_alone()
    }
    fn read_journal(&mut self, from: u64, most: u64) -> io::Result<Vec<u8>> {
        self.reads.lock().unwrap().push(from);
        let bytes = self.inner.read_journal(from, most)?;
        self.read.fetch_add(bytes.len(), Ordering::Relaxed);
        if self.locked {
            self.read_under_lock.fetch_add(bytes.len(), Ordering::Relaxed);
        } else if let Some(meanwhile) = self.while_unlocked.take() {
            meanwhile();
        }
        Ok(bytes)
    }
    fn append(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.inner.append(at, bytes)
    }
    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.inner.truncate(length)
    }
    fn sync_journal(&mut self) -> io::Result<()> {
        self.inner.sync_journal()
    }
    fn stamp(&mut self) -> io::Result<Option<Stamp>> {
        self.inner.stamp()
    }
    fn read_document(&mut self) -> io::Result<Option<Vec<u8>>> {
        self.inner.read_document()
    }
    fn replace_document(&mut self, bytes: &[u8], durable: bool) -> io::Result<Stamp> {
        let done = self.inner.replace_document(bytes, durable);
        if let Some((machine, edit)) = self.after_publication.take() {
            machine.write_document(&edit);
        }
        done
    }
    fn open_checkpoint(&mut self) -> io::Result<Option<Box<dyn io::Read>>> {
        self.inner.open_checkpoint()
    }
    fn replace_checkpoint(&mut self, content: &mut dyn FnMut(&mut dyn io::Write) -> io::Result<()>) -> io::Result<()> {
        self.inner.replace_checkpoint(content)
    }
    fn remove_checkpoint(&mut self) -> io::Result<()> {
        self.inner.remove_checkpoint()
    }
    fn document_is_newer(&mut self) -> io::Result<bool> {
        self.inner.document_is_newer()
    }
    fn clear_poison(&mut self) -> io::Result<()> {
        self.step(Storage::clear_poison)
    }
    fn stage(&mut self, part: Part, bytes: &[u8]) -> io::Result<M::Staged> {
        self.step(|inner| inner.stage(part, bytes))
    }
    fn stage_journal(&mut self) -> io::Result<M::Staged> {
        self.step(Storage::stage_journal)
    }
    fn write_staged(&mut self, staged: &mut M::Staged, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.inner.write_staged(staged, at, bytes)
    }
    fn sync_staged(&mut self, staged: &mut M::Staged) -> io::Result<()> {
        self.inner.sync_staged(staged)
    }
    fn stage_current(&mut self, part: Part) -> io::Result<Option<M::Staged>> {
        self.step(|inner| inner.stage_current(part))
    }
    fn place(&mut self, part: Part, staged: M::Staged) -> io::Result<()> {
        self.step(|inner| inner.place(part, staged))
    }
    fn discard(&mut self, part: Part) -> io::Result<()> {
        self.step(|inner| inner.discard(part))
    }
    fn keep(&mut self, part: Part, suffix: &str) -> io::Result<()> {
        self.step(|inner| inner.keep(part, suffix))
    }
    fn restore(&mut self, part: Part, suffix: &str) -> io::Result<()> {
        self.step(|inner| inner.restore(part, suffix))
    }
    fn forget(&mut self, part: Part, suffix: &str) -> io::Result<()> {
        self.step(|inner| inner.forget(part, suffix))
    }
}
