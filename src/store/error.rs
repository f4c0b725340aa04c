//! The errors of the store, and which of them are retryable.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use crate::domain::{IdempotencyKey, Payload, Refusal, Rejection};

use super::{document::DocumentError, line::LineError, mysql::MySqlError};

/// An error of a store operation. Each message says what happened, to which file, and what to do.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The rules do not allow the effect.
    #[error("{0}")]
    Rejected(Rejection),
    /// The ledger has the key with another payload.
    #[error("{key} was recorded with {recorded}, but this request has {asked}; use another order id for another order")]
    Conflict {
        /// The key.
        key: IdempotencyKey,
        /// The payload in the ledger.
        recorded: Payload,
        /// The payload of the refused effect.
        asked: Payload,
    },
    /// Another process has the lock.
    #[error("another process has locked {} for more than {} ms; try again", .path.display(), .waited.as_millis())]
    Busy {
        /// The lock file.
        path: PathBuf,
        /// Time for which this process waited.
        waited: Duration,
    },
    /// The operating system reports an error.
    #[error("could not {operation} {}: {source}{}", .path.display(), advice(.source))]
    Io {
        /// The failed operation: a verb, or a phrase that the path completes.
        operation: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The error.
        source: Arc<io::Error>,
    },
    /// A complete line of the journal is damaged, or lines are missing.
    #[error("{} {}", .path.display(), damage(.cause, *offset))]
    DamagedJournal {
        /// The journal.
        path: PathBuf,
        /// Offset of the damage in bytes.
        offset: u64,
        /// The damage.
        cause: Damage,
    },
    /// The file is not a valid document.
    #[error(
        "{}: {cause}; nothing was changed. {}", .path.display(),
        if *has_journal {
            "A worker keeps a copy and replaces it with the journal's document"
        } else {
            "Correct it, or remove it to start from the original demo's document"
        }
    )]
    DamagedDocument {
        /// The document.
        path: PathBuf,
        /// What is wrong with it.
        cause: DocumentError,
        /// Whether there is a journal from which a worker can restore it.
        has_journal: bool,
    },
    /// A reset failed, and the old database could not be restored.
    #[error("{error}. The old database could not be restored either: {undo}. Its journal is kept beside the new one")]
    HalfReset {
        /// The error of the reset.
        error: Box<StoreError>,
        /// The error of the restoration.
        undo: Box<StoreError>,
    },
    /// The document belongs to a journal that is missing.
    #[error(
        "{} has a 'seq', so it belongs to a journal, but its folder has none; restore the journal, or start again \
         with: idempotence reset", .path.display()
    )]
    JournalMissing {
        /// The document.
        path: PathBuf,
    },
    /// The journal was deleted while this process used it.
    #[error(
        "{} has disappeared after this process had read line {line}; nothing was changed. Restore it, or start again \
         with: idempotence reset", .path.display()
    )]
    JournalGone {
        /// The journal.
        path: PathBuf,
        /// The last line that this process has read.
        line: u64,
    },
    /// A sync failed, so written data may be lost.
    #[error(
        "the disk may have lost written data ({reason}), so this database does not acknowledge effects any more. Check \
         the disk, then start again with: idempotence reset"
    )]
    Poisoned {
        /// The error of the sync.
        reason: String,
    },
    /// A call to MySQL failed.
    #[error("could not {operation} {database}: {error}{}", .error.advice())]
    MySql {
        /// The failed operation: a verb, or a phrase that the database completes.
        operation: &'static str,
        /// The database, without its password.
        database: String,
        /// The error.
        error: MySqlError,
    },
    /// A line in MySQL is damaged or missing.
    #[error(
        "the journal of {database} is damaged at line {seq}: {cause}; nothing was changed. Restore a backup, or start \
         again (the old lines are kept) with: idempotence reset"
    )]
    DamagedTable {
        /// The database, without its password.
        database: String,
        /// Number of the line.
        seq: u64,
        /// The damage.
        cause: Damage,
    },
    /// The tables have a newer version.
    #[error(
        "the tables of {database} have version {found}, and this program knows version {known}; use the program that \
         made them, or another database"
    )]
    NewerSchema {
        /// The database, without its password.
        database: String,
        /// The version of the tables.
        found: u32,
        /// The version of this program.
        known: u32,
    },
    /// The account may not create or use the tables.
    #[error("could not use the tables of {database}: {reason}. An administrator can create them with:\n{sql}")]
    NoTables {
        /// The database, without its password.
        database: String,
        /// The server's answer.
        reason: String,
        /// The statements.
        sql: String,
    },
    /// A record cannot be written as JSON.
    #[error("could not write a record: {cause}")]
    Unwritable {
        /// The encoder's error.
        cause: String,
    },
    /// A supplier must ship the units first: the stock has become low since the activity looked at it.
    #[error("the stock has become low, so the next attempt orders from the supplier")]
    NotShipped,
    /// The writer's thread has ended.
    #[error("the store's writer has stopped; start the worker again")]
    Stopped,
    /// The error happened before any part of the request was written.
    #[error(transparent)]
    NotWritten(Box<Self>),
}

/// The damage of a journal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// A line is damaged.
    #[error(transparent)]
    Line(#[from] LineError),
    /// A line has the wrong number.
    #[error("found line {found} instead of line {expected}")]
    Sequence {
        /// The number after that of the previous line.
        expected: u64,
        /// The number of the line.
        found: u64,
    },
    /// A line records a stock that does not follow from the lines before it.
    #[error("line {seq} records a stock of {found}, but the lines before it result in {expected}")]
    Stock {
        /// The number of the line.
        seq: u64,
        /// The stock that follows from the lines before.
        expected: i64,
        /// The stock in the line.
        found: i64,
    },
    /// The first line is not an initial state.
    #[error("the first line does not record the initial stock")]
    NoInit,
    /// A line after the first is an initial state.
    #[error("line {seq} records the initial stock a second time")]
    SecondInit {
        /// The number of the line.
        seq: u64,
    },
    /// Lines at the end are missing.
    #[error("it ends with line {journal}, but {witness} line {known}; the lines after {journal} are lost")]
    EndMissing {
        /// The journal's last line.
        journal: u64,
        /// The last line that is known to have existed.
        known: u64,
        /// The evidence for that line.
        witness: Witness,
    },
    /// The file or the table has no lines.
    #[error("it is empty")]
    Empty,
    /// The journal in MySQL has lines after the one that the document's row names as the last.
    #[error("it has lines after the last one that the document's row names")]
    LaterLines,
    /// The document's row in MySQL has another product.
    #[error("the document's row has the product {found} instead of {known}")]
    OtherProduct {
        /// The product in the row.
        found: String,
        /// The product in the journal.
        known: String,
    },
    /// The ledger refers to a line that did not record the key.
    #[error("the ledger refers to line {seq}, which does not record the key")]
    WrongReference {
        /// The number of the line; 0 if there is no such line.
        seq: u64,
    },
    /// The lines that a compaction kept are not the ones that the first line declares.
    #[error(
        "of the lines up to {through}, compactions kept {kept}, but it has {}",
        if found == kept { "other ones".to_owned() } else { found.to_string() }
    )]
    Compacted {
        /// Number of the last dropped line.
        through: u64,
        /// Number of lines up to it that must remain.
        kept: u64,
        /// Number of lines that were found.
        found: u64,
    },
    /// A newer version of the program has written it.
    #[error("it has format {found}, and this version reads formats up to {known}")]
    Format {
        /// Its format.
        found: u32,
        /// The latest format that this version reads.
        known: u32,
    },
}

/// The evidence that a journal was longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Witness {
    /// The document, which is published only after the lines that it shows are durable.
    Document,
    /// This process has read or written the missing lines in the same file.
    Process,
    /// The first line, which a compaction wrote.
    FirstLine,
}

impl std::fmt::Display for Witness {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Document => "the document shows",
            Self::Process => "this process has already read",
            Self::FirstLine => "its first line declares",
        })
    }
}

impl StoreError {
    /// Whether a retry can succeed. No other code decides this.
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
            | Self::MySql { .. }
            | Self::DamagedTable { .. }
            | Self::NewerSchema { .. }
            | Self::NoTables { .. }
            | Self::Unwritable { .. }
            | Self::NotShipped
            | Self::Stopped => true,
            Self::NotWritten(error) => error.is_retryable(),
        }
    }

    /// Returns the type of the application failure. The types are stable, because clients match on them.
    #[must_use]
    pub const fn type_name(&self) -> &'static str {
        match self {
            Self::Rejected(rejection) => rejection.type_name(),
            Self::Conflict { .. } => Self::CONFLICT,
            Self::Busy { .. } => Self::BUSY,
            Self::Io { .. } | Self::HalfReset { .. } => "StoreIo",
            Self::DamagedJournal { .. }
            | Self::DamagedDocument { .. }
            | Self::JournalMissing { .. }
            | Self::JournalGone { .. }
            | Self::DamagedTable { .. }
            | Self::NewerSchema { .. }
            | Self::NoTables { .. } => Self::DAMAGED,
            Self::MySql { .. } => "StoreServer",
            Self::Poisoned { .. } => "StorePoisoned",
            Self::Stopped | Self::Unwritable { .. } => "StoreStopped",
            Self::NotWritten(_) => Self::UNAVAILABLE,
            Self::NotShipped => Self::NOT_SHIPPED,
        }
    }

    /// Whether an effect that failed with this type was certainly not applied.
    #[must_use]
    pub fn is_before_writing(type_name: &str) -> bool {
        [Self::BUSY, Self::DAMAGED, Self::UNAVAILABLE, Self::NOT_SHIPPED].contains(&type_name)
    }

    /// Returns the same error for a request that has not written anything.
    #[must_use]
    pub(crate) fn before_writing(self) -> Self {
        match self {
            Self::Io { .. }
            | Self::HalfReset { .. }
            | Self::Poisoned { .. }
            | Self::MySql { .. }
            | Self::Unwritable { .. }
            | Self::Stopped => Self::NotWritten(Box::new(self)),
            // The type of each of these errors already implies it, or the order ends with a verdict of its own.
            Self::Rejected(_)
            | Self::Conflict { .. }
            | Self::Busy { .. }
            | Self::DamagedJournal { .. }
            | Self::DamagedDocument { .. }
            | Self::JournalMissing { .. }
            | Self::JournalGone { .. }
            | Self::DamagedTable { .. }
            | Self::NewerSchema { .. }
            | Self::NoTables { .. }
            | Self::NotShipped
            | Self::NotWritten(_) => self,
        }
    }

    /// Type of the failure for a recorded key with another payload.
    pub const CONFLICT: &'static str = "OrderConflict";
    const BUSY: &'static str = "StoreBusy";
    const DAMAGED: &'static str = "StoreDamaged";
    const UNAVAILABLE: &'static str = "StoreUnavailable";
    const NOT_SHIPPED: &'static str = "NotShipped";
}

/// Returns the error for a damaged document without a journal.
pub(super) fn damaged_alone(path: &Path, cause: DocumentError) -> StoreError {
    StoreError::DamagedDocument { path: path.to_owned(), cause, has_journal: false }
}

/// Returns the error for an operation on `path` that failed in the operating system.
pub(super) fn failed(operation: &'static str, path: &Path, source: io::Error) -> StoreError {
    StoreError::Io { operation, path: path.to_owned(), source: Arc::new(source) }
}

/// Describes the damage of a journal and what to do about it.
fn damage(cause: &Damage, offset: u64) -> String {
    match cause {
        Damage::Format { .. } => {
            format!("was written by a newer version: {cause}; nothing was changed. Use the newer version")
        }
        cause => format!(
            "is damaged at byte {offset}: {cause}; nothing was changed. Restore a good copy, or start again (the \
             damaged journal is kept under another name) with: idempotence reset"
        ),
    }
}

/// Returns advice for an error of the operating system; empty if its kind does not suggest any.
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
            "; if its folder was moved or deleted, restore it, or start the worker again to begin a new database"
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
