//! The implementation of [`Storage`] with files.

use std::{
    fs::{self, File, Metadata, OpenOptions, TryLockError},
    io::{self, BufWriter, Read, Seek, SeekFrom, Write},
    os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt},
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use tempfile::NamedTempFile;

use super::{
    FileId, JournalFile, Part, Stamp, Storage,
    copies::{Staged, found, keep_access, remove_leftovers, second_name, temporary_file},
    paths::{Paths, with_suffix},
};
use crate::{
    files::{SpecialFile, Unusable, open_regular, stat},
    folder_sync::{FolderSync, sync_folder},
    store::{
        document::MAX_DOCUMENT_BYTES,
        error::{StoreError, failed},
    },
};

/// Pause between two attempts to take a lock that another process has.
const LOCK_POLL: Duration = Duration::from_micros(100);

/// Maximum time to wait for a journal that another program has locked exclusively.
const JOURNAL_LOCK_WAIT: Duration = Duration::from_secs(2);

/// Maximum number of bytes read from a poison marker.
const MAX_REASON_BYTES: u64 = 4096;

/// The files of one database on disk. A process has one `Disk` per database, because two in one process would share the
/// lock.
#[derive(Debug)]
pub struct Disk {
    paths: Paths,
    lock: File,
    opened: Option<File>,
}

impl Disk {
    /// Opens the lock file, and creates it and the folder if they are missing. Follows the symbolic links of `document`
    /// once, so that replacing the document does not replace a link.
    ///
    /// # Errors
    /// Returns [`StoreError::Io`] with the path if a file or the folder cannot be used.
    pub fn open(document: &Path) -> Result<Self, StoreError> {
        let paths = Paths::checked(document)?;
        fs::create_dir_all(&paths.folder).map_err(|source| failed("create", &paths.folder, source))?;
        Self::on(paths)
    }

    /// Like [`Self::open`], for paths that were checked.
    pub(in crate::store) fn on(paths: Paths) -> Result<Self, StoreError> {
        let lock = lock_file(&paths.lock).map_err(|source| failed("open", &paths.lock, source))?;
        Ok(Self { paths, lock, opened: None })
    }

    fn opened(&self) -> io::Result<&File> {
        self.opened.as_ref().ok_or_else(|| io::Error::other("the journal was not opened"))
    }

    fn path(&self, part: Part) -> &Path {
        match part {
            Part::Document => &self.paths.document,
            Part::Journal => &self.paths.journal,
        }
    }

    /// Writes a temporary file in the same folder and renames it to `path` in one step.
    fn replace(&self, path: &Path, bytes: &[u8], durable: bool) -> io::Result<File> {
        let mut file = self.temporary(path, bytes)?;
        if durable {
            file.as_file_mut().sync_all()?;
        }
        let file = file.persist(path)?;
        if durable {
            self.sync_folder()?;
        }
        Ok(file)
    }

    /// Writes a temporary file that can replace `path`, with the mode and owner of the file at `path`.
    fn temporary(&self, path: &Path, bytes: &[u8]) -> io::Result<NamedTempFile> {
        let mut file = temporary_file(&self.paths.folder)?;
        file.write_all(bytes)?;
        if let Some(old) = found(fs::metadata(path))? {
            keep_access(file.as_file(), &old);
        }
        Ok(file)
    }

    /// Removes temporary files of killed processes.
    pub(crate) fn remove_leftovers(&self) {
        remove_leftovers(&self.paths.folder);
    }

    fn sync_folder(&self) -> io::Result<()> {
        static WARNED: AtomicBool = AtomicBool::new(false);
        let synced = match File::open(&self.paths.folder) {
            Ok(folder) => sync_folder(&folder)?,
            // A folder can be writable but not readable.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => FolderSync::Unsupported,
            Err(error) => return Err(error),
        };
        if synced == FolderSync::Unsupported && !WARNED.swap(true, Ordering::Relaxed) {
            let folder = self.paths.folder.display();
            tracing::warn!(%folder, "this folder cannot be synced: a loss of power may undo the latest renames");
        }
        Ok(())
    }
}

/// Opens the lock file. Its mode admits the group if the umask does, but never other users, because every user who can
/// open the file can take the lock.
fn lock_file(path: &Path) -> io::Result<File> {
    open_regular(path, OpenOptions::new().write(true).create(true).truncate(false).mode(0o660))
}

/// Takes a shared lock. Waits at most [`JOURNAL_LOCK_WAIT`] for a program that has an exclusive one.
fn lock_shared(journal: &File) -> io::Result<()> {
    let since = Instant::now();
    loop {
        match journal.try_lock_shared() {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) if since.elapsed() >= JOURNAL_LOCK_WAIT => {
                return Err(io::Error::new(io::ErrorKind::ResourceBusy, "another program has locked it exclusively"));
            }
            Err(TryLockError::WouldBlock) => std::thread::sleep(LOCK_POLL),
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
}

pub(crate) fn file_id(metadata: &Metadata) -> FileId {
    FileId(metadata.dev(), metadata.ino())
}

fn stamp_of(file: &Metadata) -> io::Result<Stamp> {
    let since_epoch = file.modified()?.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Ok(Stamp { file: file_id(file), bytes: file.len(), modified_nanos: since_epoch.as_nanos() })
}

impl Storage for Disk {
    type Staged = Staged;

    fn document_path(&self) -> &Path {
        &self.paths.document
    }

    fn journal_path(&self) -> &Path {
        &self.paths.journal
    }

    fn lock_path(&self) -> &Path {
        &self.paths.lock
    }

    fn poison_path(&self) -> &Path {
        &self.paths.poison
    }

    fn lock(&mut self, wait: Duration) -> io::Result<bool> {
        let since = Instant::now();
        loop {
            match self.lock.try_lock() {
                // A lock on a removed file does not exclude processes that open the new lock file.
                Ok(())
                    if found(fs::metadata(&self.paths.lock))?.map(|named| file_id(&named))
                        == Some(file_id(&self.lock.metadata()?)) =>
                {
                    return Ok(true);
                }
                Ok(()) => self.lock = lock_file(&self.paths.lock)?,
                Err(TryLockError::WouldBlock) if since.elapsed() >= wait => return Ok(false),
                Err(TryLockError::WouldBlock) => std::thread::sleep(LOCK_POLL),
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
    }

    fn unlock(&mut self) -> io::Result<()> {
        self.lock.unlock()
    }

    fn poison(&mut self) -> io::Result<Option<String>> {
        poison_reason(&self.paths.poison)
    }

    fn set_poison(&mut self, reason: &str) -> io::Result<()> {
        // The marker is not synced, because syncs fail on this disk. It matters more that other processes see it at
        // once.
        self.replace(&self.paths.poison, reason.as_bytes(), false)?;
        self.sync_folder()
    }

    fn clear_poison(&mut self) -> io::Result<()> {
        if found(fs::symlink_metadata(&self.paths.poison))?.is_some_and(|marker| marker.is_dir()) {
            return Err(Unusable::Special { kind: SpecialFile::Folder }.into());
        }
        found(fs::remove_file(&self.paths.poison))?;
        // An error here is only logged, because the marker is removed. If a loss of power brings it back, another reset
        // is needed.
        if let Err(error) = self.sync_folder() {
            tracing::warn!(%error, "could not sync the removal of the poison marker");
        }
        Ok(())
    }

    fn journal(&mut self) -> io::Result<Option<JournalFile>> {
        let metadata = stat(&self.paths.journal)?;
        Ok(metadata.map(|metadata| JournalFile { id: file_id(&metadata), bytes: metadata.len() }))
    }

    fn open_journal(&mut self) -> io::Result<()> {
        let journal = open_regular(&self.paths.journal, OpenOptions::new().read(true).write(true))?;
        lock_shared(&journal)?;
        self.opened = Some(journal);
        Ok(())
    }

    fn is_alone(&mut self) -> io::Result<bool> {
        // Each process has a shared lock on the journal for as long as it runs; the lock file is locked only during
        // commits.
        let journal = self.opened()?;
        let alone = match journal.try_lock() {
            Ok(()) => true,
            Err(TryLockError::WouldBlock) => false,
            Err(TryLockError::Error(error)) => return Err(error),
        };
        lock_shared(journal)?;
        Ok(alone)
    }

    fn read_journal(&mut self, from: u64, most: u64) -> io::Result<Vec<u8>> {
        let mut file = self.opened()?;
        file.seek(SeekFrom::Start(from))?;
        let mut bytes = Vec::new();
        file.take(most).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn append(&mut self, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.opened()?.write_all_at(bytes, at)
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.opened()?.set_len(length)
    }

    fn sync_journal(&mut self) -> io::Result<()> {
        self.opened()?.sync_data()
    }

    fn stamp(&mut self) -> io::Result<Option<Stamp>> {
        stat(&self.paths.document)?.map(|file| stamp_of(&file)).transpose()
    }

    fn document_is_newer(&mut self) -> io::Result<bool> {
        document_is_newer(&self.paths)
    }

    fn read_document(&mut self) -> io::Result<Option<Vec<u8>>> {
        read_document_bytes(&self.paths.document)
    }

    fn replace_document(&mut self, bytes: &[u8], durable: bool) -> io::Result<Stamp> {
        stamp_of(&self.replace(&self.paths.document, bytes, durable)?.metadata()?)
    }

    fn open_checkpoint(&mut self) -> io::Result<Option<Box<dyn Read>>> {
        Ok(open_checkpoint(&self.paths.checkpoint)?.map(|file| Box::new(file) as Box<dyn Read>))
    }

    fn replace_checkpoint(&mut self, content: &mut dyn FnMut(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
        let mut file = temporary_file(&self.paths.folder)?;
        let mut buffered = BufWriter::new(file.as_file_mut());
        content(&mut buffered)?;
        buffered.flush()?;
        drop(buffered);
        // The same processes use it as the journal.
        if let Some(journal) = found(fs::metadata(&self.paths.journal))? {
            keep_access(file.as_file(), &journal);
        }
        file.persist(&self.paths.checkpoint)?;
        Ok(())
    }

    fn remove_checkpoint(&mut self) -> io::Result<()> {
        found(fs::remove_file(&self.paths.checkpoint)).map(drop)
    }

    fn stage(&mut self, part: Part, bytes: &[u8]) -> io::Result<Staged> {
        let file = self.temporary(self.path(part), bytes)?;
        file.as_file().sync_all()?;
        Ok(Staged::from(file))
    }

    fn stage_journal(&mut self) -> io::Result<Staged> {
        self.temporary(&self.paths.journal, &[]).map(Staged::from)
    }

    fn write_staged(&mut self, staged: &mut Staged, at: u64, bytes: &[u8]) -> io::Result<()> {
        staged.file().write_all_at(bytes, at)
    }

    fn sync_staged(&mut self, staged: &mut Staged) -> io::Result<()> {
        staged.file().sync_all()
    }

    fn stage_current(&mut self, part: Part) -> io::Result<Option<Staged>> {
        let path = self.path(part);
        if stat(path)?.is_none() {
            return Ok(None);
        }
        Staged::second_name(path, &self.paths.folder).map(Some)
    }

    fn place(&mut self, part: Part, staged: Staged) -> io::Result<()> {
        staged.place(self.path(part))?;
        self.sync_folder()
    }

    fn discard(&mut self, part: Part) -> io::Result<()> {
        found(fs::remove_file(self.path(part)))?;
        self.sync_folder()
    }

    fn keep(&mut self, part: Part, suffix: &str) -> io::Result<()> {
        let path = self.path(part);
        second_name(path, &with_suffix(path, suffix))?;
        self.sync_folder()
    }

    fn restore(&mut self, part: Part, suffix: &str) -> io::Result<()> {
        let path = self.path(part);
        fs::rename(with_suffix(path, suffix), path)?;
        self.sync_folder()
    }

    fn forget(&mut self, part: Part, suffix: &str) -> io::Result<()> {
        found(fs::remove_file(with_suffix(self.path(part), suffix))).map(drop)
    }
}

/// Whether the document got its name after the last change of the journal.
pub(crate) fn document_is_newer(paths: &Paths) -> io::Result<bool> {
    let (document, journal) = (stat(&paths.document)?, stat(&paths.journal)?);
    let changed = |file: &Metadata| (file.ctime(), file.ctime_nsec());
    Ok(document.zip(journal).is_some_and(|(document, journal)| changed(&document) > changed(&journal)))
}

/// Reads the document, at most one byte more than its maximum size; `None` if there is none.
pub(crate) fn read_document_bytes(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let Some(file) = found(open_regular(path, OpenOptions::new().read(true)))? else { return Ok(None) };
    let mut bytes = Vec::new();
    file.take(MAX_DOCUMENT_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

/// Opens the checkpoint at `path`; `None` if there is none.
pub(crate) fn open_checkpoint(path: &Path) -> io::Result<Option<File>> {
    found(open_regular(path, OpenOptions::new().read(true)))
}

/// Reads the reason in the poison marker at `path`; `None` if there is no marker.
pub(crate) fn poison_reason(path: &Path) -> io::Result<Option<String>> {
    // This runs for every commit, and a stat is cheaper than an open.
    if found(fs::symlink_metadata(path))?.is_none() {
        return Ok(None);
    }
    let Some(file) = found(open_regular(path, OpenOptions::new().read(true)))? else { return Ok(None) };
    let mut reason = Vec::new();
    file.take(MAX_REASON_BYTES).read_to_end(&mut reason)?;
    Ok(Some(String::from_utf8_lossy(&reason).into_owned()))
}
