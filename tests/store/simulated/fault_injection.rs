//! What can go wrong on a simulated disk, and where. Data only.

use std::io;

/// What a storage can be asked to do, for naming the place of a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operation {
    Lock,
    ReadJournal,
    Append,
    Truncate,
    SyncJournal,
    ReplaceJournal,
    ReadDocument,
    ReplaceDocument,
    Stage,
    Keep,
    Discard,
    Restore,
    Forget,
    ClearPoison,
}

/// What happens at an operation instead of its success.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InjectedFault {
    /// It fails and has done nothing.
    Error(io::ErrorKind),
    /// An append writes this many bytes, then fails as a full disk does.
    Short(usize),
    /// A sync says that it succeeded, and did nothing. No disk may do this; it shows that a test would notice.
    Pretend,
    /// The process is killed just before it.
    Die,
    /// The process is killed just after it.
    DieAfter,
}

/// What a loss of power leaves of what was not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PowerCut {
    /// So many bytes of the journal's unsynced end are kept; the last line may be torn.
    pub journal_bytes: usize,
    /// What the document's name stands for.
    pub document: DocumentFate,
}

/// The document is moved into place without a sync, so a file system may leave any of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DocumentFate {
    New,
    Old,
    Empty,
}
