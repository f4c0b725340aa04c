//! Follows a database without its lock, for the dashboard and the audit. It never writes.

use mysql_async::{Conn, prelude::Queryable};

use super::{
    super::{CoveredLines, Document, Fact, News, Progress, StoreError},
    client::{CALL_LIMIT, Client, failure},
    database::MySqlDatabase,
    schema::{self, Found},
    state::{self, CHUNK_LINES},
};

/// A checkpoint that covers fewer lines is not used, because reading them takes about 100 ms.
const MIN_COVERED_LINES: u64 = 20_000;

/// Number of covered lines that are read nevertheless, for the orders that a user may remember.
const RECENT_LINES: u64 = CHUNK_LINES;

/// Reads the journal, each time from the last line on.
#[derive(Debug)]
pub struct MySqlReader {
    client: Client,
    /// Whether the tables were found.
    is_open: bool,
    generation: u64,
    /// Number of the last line that was read.
    seq: u64,
    document: Option<Vec<u8>>,
    in_stock: i64,
    /// Whether the next journal may be read from its checkpoint.
    uses_checkpoint: bool,
    /// Number of the last line that was not read, because a checkpoint covers it.
    covered_through: u64,
    /// The lines that were not read and that the caller does not know yet.
    covered: Option<CoveredLines>,
}

impl MySqlReader {
    /// Returns a reader of `database`. Opens no connection yet.
    #[must_use]
    pub fn new(database: &MySqlDatabase) -> Self {
        Self {
            client: Client::new(database),
            is_open: false,
            generation: 0,
            seq: 0,
            document: None,
            in_stock: 0,
            uses_checkpoint: false,
            covered_through: 0,
            covered: None,
        }
    }

    /// Like [`Self::new`], but does not read the lines that a checkpoint covers if the journal is long. They are in
    /// [`Self::take_covered`] after the first read. Another journal, as after a reset, is read from its start.
    #[must_use]
    pub fn from_checkpoint(database: &MySqlDatabase) -> Self {
        Self { uses_checkpoint: true, ..Self::new(database) }
    }

    /// Returns the lines before those of the first read, if they were not read.
    pub const fn take_covered(&mut self) -> Option<CoveredLines> {
        self.covered.take()
    }

    /// Returns the next records after those of the last read, and the progress in lines. A database that does not exist
    /// yet counts as empty.
    ///
    /// # Errors
    /// Fails if the server does not answer, or if a line is missing or damaged. The next read then begins at the same
    /// line.
    pub fn read_some(&mut self) -> Result<(News, Progress), StoreError> {
        let Some((generation, last)) = self.read_row()? else {
            return Ok((News::default(), Progress { read: 0, of: 0 }));
        };
        if self.uses_checkpoint {
            self.skip_covered(generation, last)?;
            self.uses_checkpoint = false;
        }
        let restarted = generation != self.generation;
        let (after, through) = if restarted { (0, 0) } else { (self.seq, self.covered_through) };
        let records =
            if after < last { state::read_lines(&mut self.client, generation, after, last)? } else { Vec::new() };
        let keys = records.iter().filter(|_| through > 0).filter_map(|record| match &record.fact {
            Fact::Order(commit) | Fact::Supplier(commit) | Fact::Intent(commit) => Some(&commit.key),
            _ => None,
        });
        let earlier = state::first_lines(&mut self.client, generation, through, keys)?;
        let read = records.last().map_or(after, |record| record.seq);
        (self.generation, self.seq, self.covered_through) = (generation, read, through);
        Ok((News { restarted, records, more: read < last, earlier }, Progress { read, of: last }))
    }

    /// Reads the document. Returns the generation and the number of the journal's last line; `None` if there is no database.
    pub(super) fn read_row(&mut self) -> Result<Option<(u64, u64)>, StoreError> {
        self.is_open = self.is_open || schema::find(&mut self.client, CALL_LIMIT)? == Found::Database;
        if !self.is_open {
            return Ok(None);
        }
        let row = self.client.call(CALL_LIMIT, async |connection: &mut Conn| {
            connection
                .query_first::<(u64, u64, Vec<u8>, i64), _>(
                    "SELECT generation, seq, body, in_stock FROM idempotence_document WHERE id = 1",
                )
                .await
        });
        let row = row.map_err(|error| failure(self.client.database(), "read", error))?;
        self.is_open = row.is_some();
        let Some((generation, last, document, in_stock)) = row else { return Ok(None) };
        (self.document, self.in_stock) = (Some(document), in_stock);
        Ok(Some((generation, last)))
    }

    /// Moves after the lines that the checkpoint covers.
    fn skip_covered(&mut self, generation: u64, last: u64) -> Result<(), StoreError> {
        let Some((seq, checkpoint)) = state::find_checkpoint(&mut self.client, generation, last)? else {
            return Ok(());
        };
        if seq < MIN_COVERED_LINES {
            return Ok(());
        }
        let first = state::first_line(&mut self.client, generation)?;
        let recent = state::read_lines(&mut self.client, generation, seq - RECENT_LINES, seq)?;
        (self.generation, self.seq, self.covered_through) = (generation, seq, seq);
        self.covered = Some(CoveredLines { first, audit: checkpoint.audit, recent });
        Ok(())
    }

    /// The stock in the document's row at the time of the last read, which SQL can change without the document's text.
    pub(super) const fn in_stock(&self) -> i64 {
        self.in_stock
    }

    /// Returns the document at the time of the last read; `None` if there is none.
    ///
    /// # Errors
    /// Returns [`StoreError::DamagedDocument`] if it is not a document.
    pub fn document(&self) -> Result<Option<Document>, StoreError> {
        let Some(body) = &self.document else { return Ok(None) };
        Document::parse(body).map(Some).map_err(|cause| StoreError::DamagedDocument {
            path: self.client.database().to_string().into(),
            cause,
            has_journal: true,
        })
    }
}
