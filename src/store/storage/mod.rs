//! The seam between the commit protocol and the disk: what the protocol needs of the files of a database, and nothing
//! else. [`Disk`] is the only implementation in the program. The tests have another one in memory, which fails, is killed
//! and loses power where a test says.

mod copies;
mod disk;
mod paths;

use std::{io, path::Path, time::Duration};

pub use disk::Disk;
pub(crate) use disk::{document_is_newer, file_id, poison_reason, read_document_bytes};
pub(crate) use paths::{Paths, nearest_folder};

/// Tells one journal file from another under the same name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileId(pub u64, pub u64);

/// A journal file as it is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JournalFile {
    pub id: FileId,
    pub bytes: u64,
}

/// Changes whenever somebody replaces or writes the document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    pub file: FileId,
    pub bytes: u64,
    pub modified_nanos: u128,
}

/// A file that is replaced as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Part {
    Document,
    Journal,
}

/// Three files: the document, its journal, its lock. Every error is the operating system's own; the protocol adds
/// what it was doing.
#[expect(clippy::missing_errors_doc, reason = "each error is the operating system's own, as said above")]
pub trait Storage: Send + 'static {
    /// A durable file under a temporary name; removed when it is dropped without being placed.
    type Staged: std::fmt::Debug;

    /// The document's path, for messages.
    fn document_path(&self) -> &Path;
    /// The journal's path, for messages.
    fn journal_path(&self) -> &Path;
    /// The lock's path, for messages.
    fn lock_path(&self) -> &Path;
    /// The poison marker's path, for messages.
    fn poison_path(&self) -> &Path;

    /// Takes the lock that all processes share, waiting at most `wait`. `false`: somebody else kept it.
    fn lock(&mut self, wait: Duration) -> io::Result<bool>;
    fn unlock(&mut self) -> io::Result<()>;

    /// Why the store must not be used any more, where a process has said so.
    fn poison(&mut self) -> io::Result<Option<String>>;
    /// Says so to every process.
    fn set_poison(&mut self, reason: &str) -> io::Result<()>;

    /// The journal was replaced, so the store may be used again.
    fn clear_poison(&mut self) -> io::Result<()>;

    /// The journal that the name stands for now; `None` where there is none.
    fn journal(&mut self) -> io::Result<Option<JournalFile>>;
    /// Opens the journal that the name stands for now. The methods below work on what was opened last.
    fn open_journal(&mut self) -> io::Result<()>;
    /// Whether no other process has this journal open. From `open_journal` on, others are told that this one has.
    fn is_alone(&mut self) -> io::Result<bool>;
    /// At most `most` bytes from the byte `from` on; fewer only at the end of the file.
    fn read_journal(&mut self, from: u64, most: u64) -> io::Result<Vec<u8>>;
    /// Writes at the journal's end, which the caller knows to be `at`.
    fn append(&mut self, at: u64, bytes: &[u8]) -> io::Result<()>;
    fn truncate(&mut self, length: u64) -> io::Result<()>;
    /// Returns when everything written to the journal so far would outlast a loss of power.
    fn sync_journal(&mut self) -> io::Result<()>;
    fn stamp(&mut self) -> io::Result<Option<Stamp>>;
    /// Whether the document came to its name after the last change of the journal. Our own never does while it shows
    /// an older line.
    fn document_is_newer(&mut self) -> io::Result<bool>;
    /// At most a document's largest size and one byte.
    fn read_document(&mut self) -> io::Result<Option<Vec<u8>>>;
    /// Makes `bytes` the document in one step: a reader sees the old one or the new one. `durable`: no loss of power
    /// brings the old one back. The answer is the stamp of what was written, not of what has replaced it since.
    fn replace_document(&mut self, bytes: &[u8], durable: bool) -> io::Result<Stamp>;

    /// Writes `bytes`, which are to become this part.
    fn stage(&mut self, part: Part, bytes: &[u8]) -> io::Result<Self::Staged>;
    /// A second name for this part as it is; `None` if there is none.
    fn stage_current(&mut self, part: Part) -> io::Result<Option<Self::Staged>>;
    /// Makes a staged file this part, durably and in one step. After an error it may be in place.
    fn place(&mut self, part: Part, staged: Self::Staged) -> io::Result<()>;
    /// Removes this part.
    fn discard(&mut self, part: Part) -> io::Result<()>;
    /// Keeps this part as it is under its name with `suffix` too, durably; `AlreadyExists` if that name is taken.
    fn keep(&mut self, part: Part, suffix: &str) -> io::Result<()>;
    /// Makes what was kept under `suffix` this part again.
    fn restore(&mut self, part: Part, suffix: &str) -> io::Result<()>;
    /// Removes what was kept under `suffix`, if anything.
    fn forget(&mut self, part: Part, suffix: &str) -> io::Result<()>;
}
