//! What can go wrong with a commit, and the one place that says what is worth a retry.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::domain::{IdempotencyKey, Payload, Refusal, Rejection};

use super::{document::DocumentError, line::LineError};

/// Every variant says what happened, where, and what to do.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    #[error("{0}")]
    Rejected(Rejection),
    #[error("{key} was recorded as {recorded} but now asks for {asked}; an order id belongs to one order only")]
    Conflict { key: IdempotencyKey, recorded: Payload, asked: Payload },
    #[error("{} is held by another process for more than {waited_ms} ms; try again", .path.display())]
    Busy { path: PathBuf, waited_ms: u128 },
    #[error("could not {operation} {}: {source}{}", .path.display(), advice(.source))]
    Io { operation: &'static str, path: PathBuf, source: Arc<io::Error> },
    #[error(
        "{} is damaged at byte {offset}: {cause}; nothing was changed. Put a good copy back, or keep this one under \
         another name and start anew with: idempotence reset", .path.display()
    )]
    DamagedJournal { path: PathBuf, offset: u64, cause: Damage },
    #[error(
        "{}: {cause}; nothing was changed. {}", .path.display(),
        if *has_journal {
            "A worker keeps it aside and puts the journal's document in its place"
        } else {
            "Correct it, or remove it to start from the original's document"
        }
    )]
    DamagedDocument { path: PathBuf, cause: DocumentError, has_journal: bool },
    #[error("{error}. The old database could not be put back either: {undo}. Its journal is kept beside the new one")]
    HalfReset { error: Box<StoreError>, undo: Box<StoreError> },
    #[error(
        "{} belongs to a journal that is missing beside it ('seq' says so); put the journal back, or start anew with: \
         idempotence reset", .path.display()
    )]
    JournalMissing { path: PathBuf },
    #[error(
        "{} is gone, and this process has read line {line} of it; nothing was changed. Put it back, or start again \
         with: idempotence reset", .path.display()
    )]
    JournalGone { path: PathBuf, line: u64 },
    #[error(
        "the disk failed to keep what was written ({reason}), so nothing more is acknowledged on this database. Check \
         the disk, then start anew with: idempotence reset"
    )]
    Poisoned { reason: String },
    #[error("the store's writer has stopped; start the worker again")]
    Stopped,
    /// The error came before anything of the request was written.
    #[error(transparent)]
    NotWritten(Box<Self>),
}

/// What is wrong with a complete line of the journal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    #[error(transparent)]
    Line(#[from] LineError),
    #[error("line {found} stands where {expected} belongs")]
    Sequence { expected: u64, found: u64 },
    #[error("line {seq} says that the stock is {found} after it, but the lines before it give {expected}")]
    Stock { seq: u64, expected: i64, found: i64 },
    #[error("the first line does not say where the stock began")]
    NoInit,
    #[error("line {seq} begins the stock a second time")]
    SecondInit { seq: u64 },
    #[error("it ends with line {journal}, but {witness} line {known}; the lines after {journal} are lost")]
    EndMissing { journal: u64, known: u64, witness: Witness },
    #[error("the file is empty")]
    Empty,
}

/// What shows that a journal was longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Witness {
    /// The document: it is published only after the lines that it shows are durable.
    Document,
    /// This process: it has read or written the missing lines in the same file.
    Process,
}

impl std::fmt::Display for Witness {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Document => "the document shows",
            Self::Process => "this process has already read",
        })
    }
}

impl StoreError {
    /// Whether the same attempt may succeed later. One match decides, for every caller.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        match self {
            Self::Rejected(_) | Self::Conflict { .. } => false,
            Self::Busy { .. }
            | Self::Io { .. }
            | Self::DamagedJournal { .. }
            | Self::DamagedDocument { .. }
            | Self::JournalMissing { .. }
            | Self::JournalGone { .. }
            | Self::HalfReset { .. }
            | Self::Poisoned { .. }
            | Self::Stopped => true,
            Self::NotWritten(error) => error.is_retryable(),
        }
    }

    /// The application failure's type: stable, for clients that match on it.
    #[must_use]
    pub const fn type_name(&self) -> &'static str {
        match self {
            Self::Rejected(rejection) => rejection.type_name(),
            Self::Conflict { .. } => Self::CONFLICT,
            Self::Busy { .. } => "StoreBusy",
            Self::Io { .. } | Self::HalfReset { .. } => "StoreIo",
            Self::DamagedJournal { .. }
            | Self::DamagedDocument { .. }
            | Self::JournalMissing { .. }
            | Self::JournalGone { .. } => "StoreDamaged",
            Self::Poisoned { .. } => "StorePoisoned",
            Self::Stopped => "StoreStopped",
            Self::NotWritten(_) => "StoreUnavailable",
        }
    }

    /// Whether an effect that failed with this type is certain not to be in the stock.
    #[must_use]
    pub fn is_before_writing(type_name: &str) -> bool {
        ["StoreBusy", "StoreDamaged", "StoreUnavailable"].contains(&type_name)
    }

    /// The same error, of a request that has written nothing.
    #[must_use]
    pub(crate) fn before_writing(self) -> Self {
        match self {
            Self::Io { .. } | Self::HalfReset { .. } | Self::Poisoned { .. } | Self::Stopped => {
                Self::NotWritten(Box::new(self))
            }
            // Their types say so already.
            Self::Rejected(_)
            | Self::Conflict { .. }
            | Self::Busy { .. }
            | Self::DamagedJournal { .. }
            | Self::DamagedDocument { .. }
            | Self::JournalMissing { .. }
            | Self::JournalGone { .. }
            | Self::NotWritten(_) => self,
        }
    }

    /// The type of a conflict: a known key with another payload.
    pub const CONFLICT: &'static str = "OrderConflict";
}

/// A document without a journal that cannot be read as one.
pub(super) fn damaged_alone(path: &Path, cause: DocumentError) -> StoreError {
    StoreError::DamagedDocument { path: path.to_owned(), cause, has_journal: false }
}

/// An error of the operating system, while doing `operation` to `path`.
pub(super) fn failed(operation: &'static str, path: &Path, source: io::Error) -> StoreError {
    StoreError::Io { operation, path: path.to_owned(), source: Arc::new(source) }
}

/// What to do about an error of the operating system, if its kind says that.
fn advice(error: &io::Error) -> &'static str {
    use io::ErrorKind as K;
    match error.kind() {
        K::StorageFull | K::QuotaExceeded => "; free some space there",
        K::ReadOnlyFilesystem | K::NotADirectory => "; choose another place with --database or DATABASE",
        K::PermissionDenied => {
            "; this user must be able to read and write it, and to replace files in its folder (for users of one group: \
             umask 002, and chmod g+rw by its owner)"
        }
        K::NotFound => {
            "; if its folder was moved or deleted, put it back, or start the worker again to begin a new database"
        }
        K::ResourceBusy => "; if the file itself is mounted, mount its folder instead",
        _ => "",
    }
}

impl From<Refusal> for StoreError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Rejected(rejection) => Self::Rejected(rejection),
            Refusal::Conflict { key, recorded, asked } => Self::Conflict { key, recorded, asked },
        }
    }
}
