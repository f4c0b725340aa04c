//! Group commit: the requests that wait at the same time share one transaction.

use std::{
    sync::mpsc::{self, RecvTimeoutError},
    time::Duration,
};

use mysql_async::{Conn, prelude::Queryable};

use super::{
    super::{
        Kept, StoreError,
        handle::{Job, StoreHandle, answer},
        progress::Progress,
        writer::MAX_BATCH_REQUESTS,
    },
    client::{CALL_LIMIT, Client, failure},
    database::MySqlDatabase,
    engine::MySqlEngine,
    error::MySqlError,
    schema::{self, Found},
    state::CHECKPOINT_LINES,
};
use crate::{clock, domain::REORDER_BELOW};

/// Interval at which an idle writer checks whether its connection needs traffic.
const IDLE_CHECK: Duration = Duration::from_secs(1);

/// Number of lines from which on a worker writes a checkpoint when it ends.
const LAST_CHECKPOINT_LINES: u64 = 2000;

/// Maximum number of rows that one statement of a reset deletes. It takes about 50 ms.
const DELETED_ROWS: u64 = 5000;

/// Maximum number of statements with which a reset deletes rows.
const MAX_DELETIONS: u32 = 20;

/// Opens a database, and creates its tables if there are none. Calls `seen` while it reads a long journal.
///
/// # Errors
/// Fails if the server does not answer or refuses the account, if the tables cannot be created, and if they are damaged
/// or of a newer version.
pub fn open(database: &MySqlDatabase, seen: &dyn Fn(Progress)) -> Result<StoreHandle, StoreError> {
    let client = created(database)?;
    let engine = MySqlEngine::open(client, clock::now, REORDER_BELOW.into(), seen)?;
    StoreHandle::start(move |jobs| serve(engine, jobs))
}

/// Returns a client of a database that exists.
fn created(database: &MySqlDatabase) -> Result<Client, StoreError> {
    let mut client = Client::new(database);
    let found = schema::find(&mut client, CALL_LIMIT)?;
    if found != Found::Database {
        schema::create(&mut client, found, clock::now())?;
    }
    Ok(client)
}

/// Begins a new generation with the original demo's starting document. The lines of the old one are kept, and those of
/// generations before it are deleted.
///
/// # Errors
/// Fails if the server does not answer, or if the tables cannot be created or changed. A lost answer to the commit means
/// that the reset may have taken effect.
pub fn reset(database: &MySqlDatabase) -> Result<Kept, StoreError> {
    let mut client = Client::new(database);
    if schema::find(&mut client, CALL_LIMIT)? == Found::Nothing {
        schema::create(&mut client, Found::Nothing, clock::now())?;
        return Ok(Kept::default());
    }
    let old = client.call(CALL_LIMIT, async |connection: &mut Conn| {
        connection.query_drop("START TRANSACTION").await?;
        let old: Option<u64> =
            connection.query_first("SELECT generation FROM idempotence_document WHERE id = 1 FOR UPDATE").await?;
        let last: Option<Option<u64>> =
            connection.query_first("SELECT MAX(generation) FROM idempotence_journal").await?;
        let last = old.max(last.flatten());
        schema::begin_generation(connection, last.unwrap_or(0) + 1, clock::now()).await?;
        connection.query_drop("COMMIT").await?;
        Ok(last)
    });
    let Some(old) = old.map_err(|error| failure(database, "reset", error))? else { return Ok(Kept::default()) };
    if let Err(error) = delete_before(&mut client, old) {
        let error = failure(database, "delete the rows of earlier generations of", error);
        tracing::warn!(%error, "the database was reset, but rows that are no longer needed are kept");
    }
    Ok(Kept { journal: Some(format!("generation {old} of the table idempotence_journal")), document: None })
}

/// Deletes what a reset no longer needs: the journal of the generations before `kept`, and the other tables' rows of
/// `kept` too, because they follow from its journal. A later reset deletes what is left.
fn delete_before(client: &mut Client, kept: u64) -> Result<(), MySqlError> {
    let unneeded = [
        format!("DELETE FROM idempotence_checkpoint WHERE generation <= {kept}"),
        format!("DELETE FROM idempotence_ledger WHERE generation <= {kept}"),
        format!("DELETE FROM idempotence_journal WHERE generation < {kept}"),
    ];
    let mut statements = 0;
    for delete in unneeded.map(|delete| format!("{delete} LIMIT {DELETED_ROWS}")) {
        loop {
            if statements == MAX_DELETIONS {
                tracing::info!("the next reset deletes the other rows of earlier generations");
                return Ok(());
            }
            let deleted = client.call(CALL_LIMIT, async |connection: &mut Conn| {
                connection.query_drop(&delete).await?;
                Ok(connection.affected_rows())
            });
            statements += 1;
            if deleted? < DELETED_ROWS {
                break;
            }
        }
    }
    Ok(())
}

fn serve(mut engine: MySqlEngine, jobs: &mpsc::Receiver<Job>) {
    loop {
        let first = match jobs.recv_timeout(IDLE_CHECK) {
            Ok(job) => job,
            Err(RecvTimeoutError::Timeout) => {
                if engine.client.needs_ping() {
                    engine.client.ping(CALL_LIMIT);
                }
                continue;
            }
            Err(RecvTimeoutError::Disconnected) => break,
        };
        let waiting = std::iter::from_fn(|| jobs.try_recv().ok());
        let (requests, replies): (Vec<_>, Vec<_>) =
            std::iter::once(first).chain(waiting).take(MAX_BATCH_REQUESTS).map(|job| (job.request, job.reply)).unzip();
        let answers = engine.commit(&requests).unwrap_or_else(|error| vec![Err(error); replies.len()]);
        answer(replies, answers);
        engine.write_checkpoint_if_due(CHECKPOINT_LINES);
    }
    engine.write_checkpoint_if_due(LAST_CHECKPOINT_LINES);
}
