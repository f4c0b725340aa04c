//! The location of a database, and the operations on it that do not depend on its kind.

use std::{
    fmt::{self, Display},
    path::{Path, PathBuf},
};

use super::{
    CompactionLimits, Document, Examination, Kept, Probed, Progress, StoreError, StoreHandle,
    mysql::{self, MySqlDatabase},
};

/// The location of a database. [`Display`] shows it without a password.
#[derive(Debug, Clone)]
pub enum Location {
    /// A JSON document, with its journal beside it. The file itself need not exist.
    File(PathBuf),
    /// Tables in MySQL or MariaDB, which workers on several machines can use.
    MySql(Box<MySqlDatabase>),
}

impl Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::MySql(database) => write!(f, "{database}"),
        }
    }
}

impl Location {
    /// The JSON document; `None` if the database is not in a file.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::MySql(_) => None,
        }
    }

    /// Opens the database, and creates it if there is none. A journal in a file is compacted at `limits`. Calls `seen` while it reads a long journal.
    ///
    /// # Errors
    /// Fails if the database cannot be opened or created, is damaged, or has a newer format.
    pub fn open(&self, limits: Option<CompactionLimits>, seen: &dyn Fn(Progress)) -> Result<StoreHandle, StoreError> {
        match self {
            Self::File(path) => StoreHandle::open_observed(path, limits, seen),
            Self::MySql(database) => mysql::open(database, seen),
        }
    }

    /// Reads the document. Returns `None` if there is none.
    ///
    /// # Errors
    /// Fails if it cannot be read or is damaged.
    pub fn read_document(&self) -> Result<Option<Document>, StoreError> {
        match self {
            Self::File(path) => super::read_document(path),
            Self::MySql(database) => mysql::read_document(database),
        }
    }

    /// Resets the database to the original demo's starting document. The old journal is kept.
    ///
    /// # Errors
    /// Fails if the database cannot be opened or changed.
    pub fn reset(&self) -> Result<Kept, StoreError> {
        match self {
            Self::File(path) => super::reset(path),
            Self::MySql(database) => mysql::reset(database),
        }
    }

    /// Examines the database without changing it; returns `None` if there is none. Calls `seen` while it reads the
    /// journal.
    ///
    /// # Errors
    /// Fails if the database cannot be read or is damaged.
    pub fn examine(&self, seen: &dyn Fn(Progress)) -> Result<Option<Examination>, StoreError> {
        match self {
            Self::File(path) => super::examine(path, seen),
            Self::MySql(database) => mysql::examine(database, seen),
        }
    }

    /// Checks whether a worker can use the database. Changes nothing.
    ///
    /// # Errors
    /// Returns the error with which a worker would fail.
    pub fn probe(&self) -> Result<Probed, StoreError> {
        match self {
            Self::File(path) => super::probe(path),
            Self::MySql(database) => mysql::probe(database),
        }
    }
}
