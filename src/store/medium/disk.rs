//! The real disk.

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions, Permissions, TryLockError},
    io::{self, Read, Seek, SeekFrom, Write},
    os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use tempfile::NamedTempFile;

use super::{FileId, JournalFile, Medium, Stamp};

/// How long to wait between two looks at a lock that somebody else holds.
const LOCK_POLL: Duration = Duration::from_micros(100);

/// How the name of a file begins that is written beside its destination. Random characters follow.
const TEMPORARY: &str = ".inventory-";

/// How many of them follow, as `tempfile` makes them.
const RANDOM_CHARS: usize = 6;

/// The files of one database. One handle per process, so that two writers of a process cannot share the lock.
#[derive(Debug)]
pub struct Disk {
    folder: PathBuf,
    document: PathBuf,
    journal: PathBuf,
    lock_path: PathBuf,
    poison: PathBuf,
    lock: File,
    opened: Option<File>,
}

/// `path` with `suffix` behind its whole name.
fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}

/// The journal that belongs to a document.
#[must_use]
pub(crate) fn journal_path(document: &Path) -> PathBuf {
    with_suffix(document, ".journal")
}

/// The file whose lock all processes on a document share.
#[must_use]
pub(crate) fn lock_path(document: &Path) -> PathBuf {
    with_suffix(document, ".lock")
}

impl Disk {
    /// Makes the folder and the lock file where they are missing. A document that is a symbolic link is followed
    /// once, so that replacing it does not replace the link.
    ///
    /// # Errors
    /// The operating system's, or `InvalidInput` where the document or journal is no regular file.
    pub fn open(document: &Path) -> io::Result<Self> {
        let document = match fs::canonicalize(document) {
            Ok(real) => real,
            Err(error) if error.kind() == io::ErrorKind::NotFound => document.to_owned(),
            Err(error) => return Err(error),
        };
        let folder = match document.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
            _ => PathBuf::from("."),
        };
        fs::create_dir_all(&folder)?;
        let journal = journal_path(&document);
        for path in [&document, &journal] {
            refuse_special_file(path)?;
        }
        let lock_path = lock_path(&document);
        let lock = lock_file(&lock_path)?;
        let poison = with_suffix(&document, ".poisoned");
        Ok(Self { folder, document, journal, lock_path, poison, lock, opened: None })
    }

    fn opened(&self) -> io::Result<&File> {
        self.opened.as_ref().ok_or_else(|| io::Error::other("the journal was not opened"))
    }

    /// Writes a file beside its destination, and moves it there in one step.
    fn replace(&self, path: &Path, bytes: &[u8], durable: bool) -> io::Result<File> {
        let mut file = self.temporary(bytes)?;
        if durable {
            file.as_file_mut().sync_all()?;
        }
        let file = file.persist(path)?;
        if durable {
            self.sync_folder()?;
        }
        Ok(file)
    }

    fn temporary(&self, bytes: &[u8]) -> io::Result<NamedTempFile> {
        let permissions = Permissions::from_mode(0o644);
        let mut builder = tempfile::Builder::new();
        builder.prefix(TEMPORARY).rand_bytes(RANDOM_CHARS).permissions(permissions);
        loop {
            let mut file = builder.tempfile_in(&self.folder)?;
            match file.as_file().try_lock() {
                // `remove_leftovers` of another process may have found it between its creation and its lock.
                Ok(()) if file.as_file().metadata()?.nlink() == 0 => {}
                Err(TryLockError::WouldBlock) => {}
                Ok(()) => {
                    file.write_all(bytes)?;
                    return Ok(file);
                }
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
    }

    /// Removes temporary files of processes that were killed before they moved them into place. A process holds a lock
    /// on a file that it is still writing.
    pub(crate) fn remove_leftovers(&self) {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        for entry in entries.filter(|entry| entry.file_name().to_str().is_some_and(is_temporary)) {
            let path = entry.path();
            match remove_if_unused(&path) {
                Ok(true) => tracing::info!(file = %path.display(), "removed what a killed process left"),
                Ok(false) => {}
                Err(error) => tracing::warn!(%error, file = %path.display(), "could not remove a leftover"),
            }
        }
    }

    fn sync_folder(&self) -> io::Result<()> {
        File::open(&self.folder)?.sync_all()
    }
}

fn lock_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)
}

fn is_temporary(name: &str) -> bool {
    let random = name.strip_prefix(TEMPORARY);
    random.is_some_and(|rest| rest.len() == RANDOM_CHARS && rest.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

/// Removes a regular file that no process has locked. `false`: it is in use, is gone, or is no regular file.
fn remove_if_unused(path: &Path) -> io::Result<bool> {
    if !found(fs::symlink_metadata(path))?.is_some_and(|metadata| metadata.is_file()) {
        return Ok(false);
    }
    let Some(file) = found(File::open(path))? else { return Ok(false) };
    match file.try_lock() {
        Ok(()) => found(fs::remove_file(path)).map(|removed| removed.is_some()),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

fn refuse_special_file(path: &Path) -> io::Result<()> {
    match fs::metadata(path) {
        Ok(found) if found.is_file() => Ok(()),
        Ok(_) => Err(io::Error::new(io::ErrorKind::InvalidInput, format!("{} is no regular file", path.display()))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

/// A missing file is an answer, not an error.
fn found<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

pub(crate) fn file_id(metadata: &fs::Metadata) -> FileId {
    FileId(metadata.dev(), metadata.ino())
}

fn stamp_of(file: &fs::Metadata) -> io::Result<Stamp> {
    let since_epoch = file.modified()?.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Ok(Stamp { file: file_id(file), bytes: file.len(), modified_nanos: since_epoch.as_nanos() })
}

impl Medium for Disk {
    fn document_path(&self) -> &Path {
        &self.document
    }

    fn journal_path(&self) -> &Path {
        &self.journal
    }

    fn lock_path(&self) -> &Path {
        &self.lock_path
    }

    fn lock(&mut self, wait: Duration) -> io::Result<bool> {
        let since = Instant::now();
        loop {
            match self.lock.try_lock() {
                // Somebody may have removed the file; a lock on what has no name keeps nobody out.
                Ok(())
                    if found(fs::metadata(&self.lock_path))?.map(|named| file_id(&named))
                        == Some(file_id(&self.lock.metadata()?)) =>
                {
                    return Ok(true);
                }
                Ok(()) => self.lock = lock_file(&self.lock_path)?,
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
        // A stat is cheaper than an open, and this is asked at every commit.
        if !self.poison.try_exists()? {
            return Ok(None);
        }
        found(fs::read_to_string(&self.poison))
    }

    fn set_poison(&mut self, reason: &str) -> io::Result<()> {
        // Without a sync: on this disk they fail. The others must see it now; to outlast the machine comes second.
        self.replace(&self.poison, reason.as_bytes(), false)?;
        self.sync_folder()
    }

    fn journal(&mut self) -> io::Result<Option<JournalFile>> {
        let metadata = found(fs::metadata(&self.journal))?;
        Ok(metadata.map(|metadata| JournalFile { id: file_id(&metadata), bytes: metadata.len() }))
    }

    fn open_journal(&mut self) -> io::Result<()> {
        refuse_special_file(&self.journal)?;
        let journal = OpenOptions::new().read(true).write(true).open(&self.journal)?;
        journal.lock_shared()?;
        self.opened = Some(journal);
        Ok(())
    }

    fn is_alone(&mut self) -> io::Result<bool> {
        // The lock file is for a moment; a shared lock on the journal itself is for a process's life.
        let journal = self.opened()?;
        let alone = match journal.try_lock() {
            Ok(()) => true,
            Err(TryLockError::WouldBlock) => false,
            Err(TryLockError::Error(error)) => return Err(error),
        };
        journal.lock_shared()?;
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

    fn replace_journal(&mut self, bytes: &[u8], keep_as: Option<&str>) -> io::Result<()> {
        if let Some(suffix) = keep_as {
            // A second name for the old file first: at no moment is there no journal.
            fs::hard_link(&self.journal, with_suffix(&self.journal, suffix))?;
        }
        self.replace(&self.journal, bytes, true)?;
        found(fs::remove_file(&self.poison)).map(drop)
    }

    fn stamp(&mut self) -> io::Result<Option<Stamp>> {
        found(fs::metadata(&self.document))?.map(|file| stamp_of(&file)).transpose()
    }

    fn read_document(&mut self) -> io::Result<Option<Vec<u8>>> {
        refuse_special_file(&self.document)?;
        found(fs::read(&self.document))
    }

    fn replace_document(&mut self, bytes: &[u8], durable: bool) -> io::Result<Stamp> {
        stamp_of(&self.replace(&self.document, bytes, durable)?.metadata()?)
    }

    fn set_aside(&mut self, suffix: &str, bytes: &[u8]) -> io::Result<()> {
        self.replace(&with_suffix(&self.document, suffix), bytes, true).map(drop)
    }
}
