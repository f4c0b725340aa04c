//! Follows a database without its lock, for the dashboard and the audit. It never writes.

use mysql_async::{Conn, prelude::Queryable};

use super::{
    super::{Document, News, Progress, StoreError},
    client::{CALL_LIMIT, Client, failure},
    database::MySqlDatabase,
    schema::{self, Found},
    state,
};

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
}

impl MySqlReader {
    /// Returns a reader of `database`. Opens no connection yet.
    #[must_use]
    pub fn new(database: &MySqlDatabase) -> Self {
        Self { client: Client::new(database), is_open: false, generation: 0, seq: 0, document: None, in_stock: 0 }
    }

    /// Returns the next records after those of the last read, and the progress in lines. A database that does not exist
    /// yet counts as empty.
    ///
    /// # Errors
    /// Fails if the server does not answer, or if a line is missing or damaged. The next read then begins at the same
    /// line.
    pub fn read_some(&mut self) -> Result<(News, Progress), StoreError> {
        if !self.is_open {
            if schema::find(&mut self.client, CALL_LIMIT)? != Found::Database {
                return Ok((News::default(), Progress { read: 0, of: 0 }));
            }
            self.is_open = true;
        }
        let row = self.client.call(CALL_LIMIT, async |connection: &mut Conn| {
            connection
                .query_first::<(u64, u64, Vec<u8>, i64), _>(
                    "SELECT generation, seq, body, in_stock FROM idempotence_document WHERE id = 1",
                )
                .await
        });
        let row = row.map_err(|error| failure(self.client.database(), "read", error))?;
        let Some((generation, last, document, in_stock)) = row else {
            self.is_open = false;
            return Ok((News::default(), Progress { read: 0, of: 0 }));
        };
        let restarted = generation != self.generation;
        let after = if restarted { 0 } else { self.seq };
        let records =
            if after < last { state::read_lines(&mut self.client, generation, after, last)? } else { Vec::new() };
        let read = records.last().map_or(after, |record| record.seq);
        (self.generation, self.seq, self.document, self.in_stock) = (generation, read, Some(document), in_stock);
        Ok((News { restarted, records, more: read < last }, Progress { read, of: last }))
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
