//! Checks a database without changing it: whether a worker can use it, and whether the stock is right.

use super::{
    super::{
        Difference, Document, Examination, Probed, Problem, Progress, StoreError, error::Damage, examine::ReadJournal,
    },
    client::{CALL_LIMIT, Client},
    database::MySqlDatabase,
    reader::MySqlReader,
    schema::{self, Found},
};

/// Checks whether a worker can read the tables.
///
/// # Errors
/// Fails if the server does not answer or refuses the account, or if the tables are of a newer version.
pub fn probe(database: &MySqlDatabase) -> Result<Probed, StoreError> {
    let mut client = Client::new(database);
    match schema::find(&mut client, CALL_LIMIT)? {
        Found::Database => Ok(Probed::Ready),
        Found::Nothing | Found::Tables => Ok(Probed::NotMade),
    }
}

/// Audits the journal and compares the document with it; returns `None` if there is no database. Calls `seen` while it
/// reads.
///
/// # Errors
/// Fails if the server does not answer, or if the journal is damaged.
pub fn examine(database: &MySqlDatabase, seen: &dyn Fn(Progress)) -> Result<Option<Examination>, StoreError> {
    let mut reader = MySqlReader::new(database);
    let mut journal = ReadJournal::of_latest_document();
    let damaged = |seq, cause| StoreError::DamagedTable { database: database.to_string(), seq, cause };
    loop {
        let (news, progress) = reader.read_some()?;
        seen(progress);
        if news.restarted {
            journal = ReadJournal::of_latest_document();
        }
        for record in &news.records {
            journal.observe(record).map_err(|cause: Damage| damaged(record.seq, cause))?;
        }
        if !news.more {
            break;
        }
    }
    let Some(document) = reader.document()? else { return Ok(None) };
    let problem = compare(&journal, document, reader.in_stock());
    Ok(Some(Examination { problem, audit: journal.into_audit() }))
}

/// Compares the document and its row with the journal that was read at the same time.
fn compare(journal: &ReadJournal, document: Document, in_stock: i64) -> Option<Problem> {
    let stock = journal.audit().actual;
    if document.stock == stock && in_stock == stock {
        return None;
    }
    let document = Document { stock: in_stock, ..document };
    Some(Problem::Differs { document, journal: stock, difference: Difference::EditedRow })
}
