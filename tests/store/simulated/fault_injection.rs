//! The faults that a test can inject into a simulated disk, as data.

use std::io;

/// The operations of a storage at which a fault can happen.
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
    WriteStaged,
    SyncStaged,
    Keep,
    Discard,
    Restore,
    Forget,
    ClearPoison,
    ReplaceCheckpoint,
}

/// A fault at an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InjectedFault {
    /// It fails without an effect.
    Error(io::ErrorKind),
    /// A write writes this many bytes, then fails as a full disk does.
    Short(usize),
    /// A sync succeeds without an effect. Correct disks never do this; it shows that the tests notice a lost sync.
    Pretend,
    /// The process is killed just before it.
    Die,
    /// The process is killed just after it.
    DieAfter,
}

/// The unsynced data that remains after a loss of power.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PowerCut {
    /// Number of bytes of the journal's unsynced end that remain; the last line may be torn.
    pub journal_bytes: usize,
    /// The document after it.
    pub document: DocumentFate,
}

/// The document is renamed without a sync, so any of these may remain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DocumentFate {
    New,
    Old,
    Empty,
}
