//! Follows a database of either kind without its lock.

use std::path::PathBuf;

use super::{CoveredLines, Document, JournalReader, Location, News, Progress, StoreError, mysql::MySqlReader};

/// Number of bytes of a journal to read at a time, few enough for the core to handle keys between two chunks.
pub(crate) const FOLLOWED_BYTES: usize = 256 << 10;

/// A reader of a database's journal and document.
#[derive(Debug)]
pub enum Follower {
    /// A JSON document, and its journal.
    File {
        /// The document.
        document: PathBuf,
        /// The journal.
        journal: Box<JournalReader>,
    },
    /// Tables in MySQL.
    MySql(Box<MySqlReader>),
}

impl Follower {
    /// Returns a follower that does not read the lines which a checkpoint covers. Opens nothing yet.
    #[must_use]
    pub fn new(location: &Location) -> Self {
        match location {
            Location::File(path) => {
                Self::File { document: path.clone(), journal: Box::new(JournalReader::from_checkpoint(path)) }
            }
            Location::MySql(database) => Self::MySql(Box::new(MySqlReader::from_checkpoint(database))),
        }
    }

    /// Returns a follower that reads every line. Opens nothing yet.
    #[must_use]
    pub fn from_first_line(location: &Location) -> Self {
        match location {
            Location::File(path) => Self::File { document: path.clone(), journal: Box::new(JournalReader::new(path)) },
            Location::MySql(database) => Self::MySql(Box::new(MySqlReader::new(database))),
        }
    }

    /// Returns the next records since the last read, and the progress.
    ///
    /// # Errors
    /// Fails if the database cannot be read or is damaged. The next read then begins at the same position.
    pub fn read_some(&mut self) -> Result<(News, Progress), StoreError> {
        match self {
            Self::File { journal, .. } => journal.read_some(FOLLOWED_BYTES),
            Self::MySql(reader) => reader.read_some(),
        }
    }

    /// Returns the lines before those of the first read, if they were not read.
    pub fn take_covered(&mut self) -> Option<CoveredLines> {
        match self {
            Self::File { journal, .. } => journal.take_covered(),
            Self::MySql(reader) => reader.take_covered(),
        }
    }

    /// Returns the document; `None` if there is none.
    ///
    /// # Errors
    /// Fails if it cannot be read or is damaged.
    pub fn document(&self) -> Result<Option<Document>, StoreError> {
        match self {
            Self::File { document, .. } => super::read_document(document),
            Self::MySql(reader) => reader.document(),
        }
    }
}
