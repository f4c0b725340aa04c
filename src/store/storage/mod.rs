//! The file operations that the commit protocol needs. [`Disk`] is the program's only implementation. The tests have
//! another one in memory, which can fail, be killed or lose power at any operation.

mod copies;
mod disk;
mod paths;

use std::{io, path::Path, time::Duration};

pub use disk::Disk;
pub(crate) use disk::{document_is_newer, file_id, open_checkpoint, poison_reason, read_document_bytes};
pub(crate) use paths::{Paths, nearest_folder};

/// Identity of a file, independent of its name: its device and its inode number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileId(pub u64, pub u64);

/// A journal file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JournalFile {
    /// Its identity.
    pub id: FileId,
    /// Its length in bytes.
    pub bytes: u64,
}

/// A value that changes whenever a program replaces or writes the document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// The file.
    pub file: FileId,
    /// Its length in bytes.
    pub bytes: u64,
    /// Time of its last change, in nanoseconds since the Unix epoch.
    pub modified_nanos: u128,
}

/// A file that is replaced as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Part {
    /// The document.
    Document,
    /// The journal.
    Journal,
}

/// The files of a database: document, journal, lock and poison marker. Every error is the operating system's own; the
/// protocol adds the operation and the path.
#[expect(clippy::missing_errors_doc, reason = "each error is the operating system's own, as said above")]
pub trait Storage: Send + 'static {
    /// A durable file with a temporary name. It is removed when it is dropped without being placed.
    type Staged: std::fmt::Debug + Send;

    /// The document's path, for messages.
    fn document_path(&self) -> &Path;
    /// The journal's path, for messages.
    fn journal_path(&self) -> &Path;
    /// The lock's path, for messages.
    fn lock_path(&self) -> &Path;
    /// The poison marker's path, for messages.
    fn poison_path(&self) -> &Path;

    /// Takes the lock that all processes use, and waits at most `wait`. Returns `false` if another process kept it.
    fn lock(&mut self, wait: Duration) -> io::Result<bool>;
    /// Releases the lock.
    fn unlock(&mut self) -> io::Result<()>;

    /// Returns the reason in the poison marker, or `None` if the database is not poisoned.
    fn poison(&mut self) -> io::Result<Option<String>>;
    /// Marks the database as poisoned for every process.
    fn set_poison(&mut self, reason: &str) -> io::Result<()>;

    /// Removes the poison marker after the journal was replaced.
    fn clear_poison(&mut self) -> io::Result<()>;

    /// Returns the journal that now has the name; `None` if there is none.
    fn journal(&mut self) -> io::Result<Option<JournalFile>>;
    /// Opens the journal that now has the name, which other processes can detect. The methods below use this journal.
    fn open_journal(&mut self) -> io::Result<()>;
    /// Whether no other process has this journal open.
    fn is_alone(&mut self) -> io::Result<bool>;
    /// Reads at most `most` bytes from offset `from` on; fewer only at the end of the file.
    fn read_journal(&mut self, from: u64, most: u64) -> io::Result<Vec<u8>>;
    /// Writes at the journal's end, which is at offset `at`.
    fn append(&mut self, at: u64, bytes: &[u8]) -> io::Result<()>;
    /// Truncates the journal to `length` bytes.
    fn truncate(&mut self, length: u64) -> io::Result<()>;
    /// Makes everything written to the journal so far durable: it survives a loss of power.
    fn sync_journal(&mut self) -> io::Result<()>;
    /// Returns the document's stamp; `None` if there is no document.
    fn stamp(&mut self) -> io::Result<Option<Stamp>>;
    /// Whether the document got its name after the journal's last change. This is never so for a document of an older
    /// line that a worker published.
    fn document_is_newer(&mut self) -> io::Result<bool>;
    /// Reads the document, at most one byte more than its maximum size; `None` if there is none.
    fn read_document(&mut self) -> io::Result<Option<Vec<u8>>>;
    /// Replaces the document in one step, so that a reader sees either the old one or the new one. If `durable`, a loss
    /// of power cannot bring the old one back. Returns the stamp of the new document, even if it has been replaced
    /// since.
    fn replace_document(&mut self, bytes: &[u8], durable: bool) -> io::Result<Stamp>;

    /// Opens the checkpoint for reading; `None` if there is none.
    fn open_checkpoint(&mut self) -> io::Result<Option<Box<dyn io::Read>>>;
    /// Replaces the checkpoint in one step with what `content` writes. A loss of power may damage it.
    fn replace_checkpoint(&mut self, content: &mut dyn FnMut(&mut dyn io::Write) -> io::Result<()>) -> io::Result<()>;
    /// Removes the checkpoint.
    fn remove_checkpoint(&mut self) -> io::Result<()>;

    /// Writes `bytes` to a file that can replace this part.
    fn stage(&mut self, part: Part, bytes: &[u8]) -> io::Result<Self::Staged>;
    /// Creates an empty file that can replace the journal.
    fn stage_journal(&mut self) -> io::Result<Self::Staged>;
    /// Writes a part of that file. It is durable after [`Self::sync_staged`].
    fn write_staged(&mut self, staged: &mut Self::Staged, at: u64, bytes: &[u8]) -> io::Result<()>;
    /// Makes everything written to that file so far durable.
    fn sync_staged(&mut self, staged: &mut Self::Staged) -> io::Result<()>;
    /// Gives this part a second, temporary name; returns `None` if this part does not exist.
    fn stage_current(&mut self, part: Part) -> io::Result<Option<Self::Staged>>;
    /// Replaces this part with a staged file, durably and in one step. After an error, it may or may not be replaced.
    fn place(&mut self, part: Part, staged: Self::Staged) -> io::Result<()>;
    /// Removes this part.
    fn discard(&mut self, part: Part) -> io::Result<()>;
    /// Keeps a durable copy of this part under its name with `suffix`. Fails with `AlreadyExists` if that name is
    /// taken.
    fn keep(&mut self, part: Part, suffix: &str) -> io::Result<()>;
    /// Replaces this part with the copy kept under `suffix`.
    fn restore(&mut self, part: Part, suffix: &str) -> io::Result<()>;
    /// Removes the copy kept under `suffix`, if it exists.
    fn forget(&mut self, part: Part, suffix: &str) -> io::Result<()>;
}
