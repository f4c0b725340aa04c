//! The database in MySQL or MariaDB, which workers on several machines can use. It has the same records as a file: one
//! table is the journal, and one row is the document.
//!
//! | file | role |
//! | --- | --- |
//! | `database` | the address and the account |
//! | `client`, `error` | a connection with limits, and its errors |
//! | `schema` | the tables |
//! | `state`, `engine`, `writer` | the state after the journal, a batch as a transaction, and the queue of batches |
//! | `reader`, `examine`, `inspect` | following the journal, checking the stock, checking the server's settings |
//!
//! The driver is `mysql_async`. It has the fewest new packages of those with TLS by rustls and ring (11; `sqlx` has 16),
//! and the blocking `mysql` crate needs unmaintained packages for TLS.

mod client;
mod database;
mod engine;
mod error;
mod examine;
mod inspect;
mod reader;
mod schema;
mod state;
mod writer;

pub use database::{DEFAULT_PORT, MySqlDatabase, MySqlHost, MySqlTls};
pub use error::MySqlError;
pub use examine::{examine, probe};
pub use inspect::{Inspection, Weakness, inspect};
pub use reader::MySqlReader;
pub use writer::{open, reset};

use super::{Document, StoreError};

/// Reads the document. Returns `None` if there is none.
///
/// # Errors
/// Fails if the server does not answer, or if the document is damaged.
pub fn read_document(database: &MySqlDatabase) -> Result<Option<Document>, StoreError> {
    let mut reader = MySqlReader::new(database);
    reader.read_row()?;
    reader.document()
}
