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
    schema::{self, Found},
    state::CHECKPOINT_LINES,
};
use crate::{clock, domain::REORDER_BELOW};

/// Interval at which an idle writer checks whether its connection needs traffic.
const IDLE_CHECK: Duration = Duration::from_secs(2);

/// Number of lines from which on a worker writes a checkpoint when it ends.
const LAST_CHECKPOINT_LINES: u64 = 2000;

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

/// Begins a new generation with the original demo's starting document. The lines of the old one are kept.
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
    let old = old.map_err(|error| failure(database, "reset", error))?;
    let journal = old.map(|generation| format!("generation {generation} of the table idempotence_journal"));
    Ok(Kept { journal, document: None })
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
