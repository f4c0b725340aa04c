//! The faults that a test can inject into a simulated disk. Data only.

use std::io;

/// The operations of a storage, at which a fault can happen.
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

/// What happens at an operation instead of success.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InjectedFault {
    /// It fails and has done nothing.
    Error(io::ErrorKind),
    /// An append writes this many bytes, then fails as a full disk does.
    Short(usize),
    /// A sync succeeds without doing anything. No disk may do this; it shows that a test would notice.
    Pretend,
    /// The process is killed just before it.
    Die,
    /// The process is killed just after it.
    DieAfter,
}

/// What remains of unsynced data after a loss of power.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PowerCut {
    /// Number of bytes of the journal's unsynced end that remain; the last line may be torn.
    pub journal_bytes: usize,
    /// The document after it.
    pub document: DocumentFate,
}

/// The document is moved into place without a sync, so a file system may leave any of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DocumentFate {
    New,
    Old,
    Empty,
}
