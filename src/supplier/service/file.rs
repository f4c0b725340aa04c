//! The file operations that the service needs. [`Disk`] is the program's only implementation. The tests have another one
//! in memory, which can fail or be killed at any operation.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use crate::{
    files::{folder_of, open_regular, resolve, stat},
    folder_sync::sync_folder,
    store::storage::{FileId, file_id},
};

/// Maximum time for which a process waits for the lock. The lock of a killed process can last for a moment.
const LOCK_WAIT: Duration = Duration::from_secs(2);

/// Pause between two attempts to take the lock.
const LOCK_POLL: Duration = Duration::from_millis(10);

/// An append-only file. Every error is the operating system's own.
pub(super) trait AppendFile: Send + Sync + 'static {
    /// Its path, for messages.
    fn path(&self) -> &Path;
    /// Reads at most `most` bytes from offset `from` on; fewer only at the end of the file.
    fn read(&self, from: u64, most: usize) -> io::Result<Vec<u8>>;
    /// Fails if the path names another file, or this file has another length. Another program has then changed it.
    fn check(&self, length: u64) -> io::Result<()>;
    /// Writes at the end, which is at offset `at`.
    fn append(&self, at: u64, bytes: &[u8]) -> io::Result<()>;
    /// Truncates the file to `length` bytes.
    fn truncate(&self, length: u64) -> io::Result<()>;
    /// Makes everything written so far durable: it survives a loss of power.
    fn sync(&self) -> io::Result<()>;
}

/// A file that this process has locked.
#[derive(Debug)]
pub(super) struct Disk {
    path: PathBuf,
    file: File,
    id: FileId,
}

/// Why a file cannot be opened.
#[derive(Debug)]
pub(super) enum OpenError {
    /// Another process has locked it.
    InUse,
    /// The operating system reports an error.
    Io(io::Error),
}

impl From<io::Error> for OpenError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl Disk {
    /// Opens the file and locks it until the process ends. Creates the file and its folder if they are missing. Follows
    /// symbolic links once.
    pub(super) fn open(path: &Path) -> Result<Self, OpenError> {
        fs::create_dir_all(folder_of(path))?;
        let path = resolve(path)?;
        let file = open_regular(&path, OpenOptions::new().read(true).write(true).create(true).truncate(false))?;
        let since = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if since.elapsed() >= LOCK_WAIT => return Err(OpenError::InUse),
                Err(TryLockError::WouldBlock) => thread::sleep(LOCK_POLL),
                Err(TryLockError::Error(error)) => return Err(error.into()),
            }
        }
        let id = file_id(&file.metadata()?);
        // The file may be new. A later loss of power must not remove its name.
        match File::open(folder_of(&path)) {
            Ok(folder) => sync_folder(&folder).map(drop)?,
            // A folder can be writable but not readable.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {}
            Err(error) => return Err(error.into()),
        }
        Ok(Self { path, file, id })
    }
}

impl AppendFile for Disk {
    fn path(&self) -> &Path {
        &self.path
    }

    fn read(&self, from: u64, most: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; most];
        let mut filled = 0;
        while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self.file.read_at(rest, from + filled as u64) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        bytes.truncate(filled);
        Ok(bytes)
    }

    fn check(&self, length: u64) -> io::Result<()> {
        let found = stat(&self.path)?;
        match found {
            Some(found) if file_id(&found) != self.id => Err(io::Error::other("another file has replaced it")),
            Some(found) if found.len() != length => Err(io::Error::other(format!(
                "another program has changed its length from {length} to {} bytes",
                found.len()
            ))),
            Some(_) => Ok(()),
            None => Err(io::Error::new(io::ErrorKind::NotFound, "it was moved or deleted")),
        }
    }

    fn append(&self, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all_at(bytes, at)
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        self.file.set_len(length)
    }

    fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}
