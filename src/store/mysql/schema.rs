//! The tables, and their creation.
//!
//! A reset begins a new generation, and keeps the lines of the one before it. The document's row locks the database:
//! only the transaction that has locked it appends lines.

use std::time::Duration;

use mysql_async::{Conn, prelude::Queryable};

use super::{
    super::{
        document::{Document, STARTING_DOCUMENT},
        error::StoreError,
        record::{Fact, Init, Record},
    },
    client::{Client, failure},
    database::MySqlDatabase,
    error::MySqlError,
};
use crate::domain::UnixMillis;

/// The version of the tables that this program reads and writes.
pub(super) const SCHEMA_VERSION: u32 = 1;

/// Time for the creation of the tables.
const CREATION_LIMIT: Duration = Duration::from_secs(20);

/// The statements that create the tables. Keys and lines are bytes, so that no collation makes two of them equal.
pub(super) const TABLES: [&str; 5] = [
    "CREATE TABLE IF NOT EXISTS idempotence_schema (\
     id TINYINT UNSIGNED NOT NULL PRIMARY KEY, version INT UNSIGNED NOT NULL\
     ) ENGINE=InnoDB",
    "CREATE TABLE IF NOT EXISTS idempotence_journal (\
     generation BIGINT UNSIGNED NOT NULL, seq BIGINT UNSIGNED NOT NULL, line MEDIUMBLOB NOT NULL, \
     PRIMARY KEY (generation, seq)\
     ) ENGINE=InnoDB",
    "CREATE TABLE IF NOT EXISTS idempotence_ledger (\
     generation BIGINT UNSIGNED NOT NULL, effect_key VARBINARY(512) NOT NULL, seq BIGINT UNSIGNED NOT NULL, \
     PRIMARY KEY (generation, effect_key)\
     ) ENGINE=InnoDB",
    "CREATE TABLE IF NOT EXISTS idempotence_document (\
     id TINYINT UNSIGNED NOT NULL PRIMARY KEY, generation BIGINT UNSIGNED NOT NULL, seq BIGINT UNSIGNED NOT NULL, \
     product VARBINARY(512) NOT NULL, in_stock BIGINT NOT NULL, last_order VARBINARY(4096) NOT NULL, \
     update_inventory_retries BIGINT UNSIGNED NOT NULL, supplier_order_retries BIGINT UNSIGNED NOT NULL, \
     body MEDIUMTEXT CHARACTER SET utf8mb4 NOT NULL\
     ) ENGINE=InnoDB",
    "CREATE TABLE IF NOT EXISTS idempotence_checkpoint (\
     generation BIGINT UNSIGNED NOT NULL PRIMARY KEY, seq BIGINT UNSIGNED NOT NULL, state LONGBLOB NOT NULL\
     ) ENGINE=InnoDB",
];

const SET_VERSION: &str = "INSERT INTO idempotence_schema (id, version) VALUES (1, 1) ON DUPLICATE KEY UPDATE id = id";

/// Returns the SQL with which an administrator creates the database and its tables, for `account` (`user@host`).
fn creation_sql(database: &MySqlDatabase, account: &str) -> String {
    let name = quoted_name(&database.name);
    let tables = TABLES.map(|table| format!("{table};\n")).concat();
    let (user, host) = account.rsplit_once('@').unwrap_or((account, "%"));
    let [user, host] = [user, host].map(|part| part.replace('\'', "''"));
    format!(
        "CREATE DATABASE IF NOT EXISTS {name};\nUSE {name};\n{tables}{SET_VERSION};\n\
         GRANT SELECT, INSERT, UPDATE, DELETE ON {name}.* TO '{user}'@'{host}';"
    )
}

/// Returns the error for an account that may not create or use the tables.
fn denied(database: &MySqlDatabase, error: &MySqlError) -> StoreError {
    // The server chooses the account by the client's host, so only the server knows it.
    let account = Client::without_database(database).call(CREATION_LIMIT, async |connection: &mut Conn| {
        connection.query_first::<String, _>("SELECT CURRENT_USER()").await
    });
    let account = account.ok().flatten().unwrap_or_else(|| format!("{}@%", database.user));
    let sql = creation_sql(database, &account);
    StoreError::NoTables { database: database.to_string(), reason: error.to_string(), sql }
}

/// Quotes the name of a database. The quotation marks do not depend on `sql_mode`.
fn quoted_name(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// What the tables contain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// There is no database, or it does not have the tables.
    Nothing,
    /// The tables exist, but no worker has written the starting document yet.
    Tables,
    /// The database is complete.
    Database,
}

/// Looks for the tables.
pub(super) fn find(client: &mut Client, limit: Duration) -> Result<Found, StoreError> {
    let looked = client.call(limit, async |connection: &mut Conn| {
        let version: Option<u32> =
            connection.query_first("SELECT version FROM idempotence_schema WHERE id = 1").await?;
        let document: Option<u64> = connection.query_first("SELECT seq FROM idempotence_document WHERE id = 1").await?;
        Ok((version, document.is_some()))
    });
    match looked {
        Ok((Some(version), _)) if version > SCHEMA_VERSION => Err(StoreError::NewerSchema {
            database: client.database().to_string(),
            found: version,
            known: SCHEMA_VERSION,
        }),
        Ok((None, _)) => Ok(Found::Nothing),
        Ok((Some(_), false)) => Ok(Found::Tables),
        Ok((Some(_), true)) => Ok(Found::Database),
        Err(error) if error.is_unknown_table() || error.is_unknown_database() => Ok(Found::Nothing),
        Err(error) if error.is_denied() => Err(denied(client.database(), &error)),
        Err(error) => Err(failure(client.database(), "read", error)),
    }
}

/// Creates the database, its tables and the starting document, as far as `found` lacks them. An account that may not
/// create tables can still write the starting document.
pub(super) fn create(client: &mut Client, found: Found, now: UnixMillis) -> Result<(), StoreError> {
    let database = client.database().clone();
    let tables = if found == Found::Nothing { create_tables(client) } else { Ok(()) };
    let created = match tables {
        // The connection names a database that does not exist yet.
        Err(error) if error.is_unknown_database() => create_database(&database).and_then(|()| create_tables(client)),
        created => created,
    };
    created.map_err(|error| {
        if error.is_denied() { denied(&database, &error) } else { failure(&database, "create the tables of", error) }
    })?;
    let begun = client.call(CREATION_LIMIT, async |connection: &mut Conn| {
        connection.query_drop("START TRANSACTION").await?;
        // Two first workers wait for each other here.
        connection.query_drop("SELECT version FROM idempotence_schema WHERE id = 1 FOR UPDATE").await?;
        let found: Option<u64> = connection.query_first("SELECT seq FROM idempotence_document WHERE id = 1").await?;
        if found.is_none() {
            let last: Option<Option<u64>> =
                connection.query_first("SELECT MAX(generation) FROM idempotence_journal").await?;
            begin_generation(connection, last.flatten().unwrap_or(0) + 1, now).await?;
        }
        connection.query_drop("COMMIT").await
    });
    begun.map_err(|error| {
        client.disconnect();
        failure(&database, "write the starting document of", error)
    })
}

fn create_tables(client: &mut Client) -> Result<(), MySqlError> {
    client.call(CREATION_LIMIT, async |connection: &mut Conn| {
        for table in TABLES {
            connection.query_drop(table).await?;
        }
        connection.query_drop(SET_VERSION).await
    })
}

fn create_database(database: &MySqlDatabase) -> Result<(), MySqlError> {
    let statement = format!("CREATE DATABASE IF NOT EXISTS {}", quoted_name(&database.name));
    let mut without = Client::without_database(database);
    without.call(CREATION_LIMIT, async |connection: &mut Conn| connection.query_drop(statement).await)
}

/// Writes the starting document and the first line of a generation, inside a transaction.
pub(super) async fn begin_generation(
    connection: &mut Conn,
    generation: u64,
    now: UnixMillis,
) -> mysql_async::Result<()> {
    let other = |error: Box<dyn std::error::Error + Send + Sync>| mysql_async::Error::Other(error);
    let start = Document::parse(STARTING_DOCUMENT.as_bytes()).map_err(|error| other(error.into()))?;
    let Document { product, stock, last_order, .. } = start;
    let fact = Fact::Init(Init { product: product.clone(), stock, last_order: last_order.clone() });
    let line = Record { seq: 1, at: now, fact }.encode().map_err(|error| other(error.into()))?;
    connection
        .exec_drop(
            "INSERT INTO idempotence_journal (generation, seq, line) VALUES (?, 1, ?)",
            (generation, line.trim_ascii_end()),
        )
        .await?;
    connection
        .exec_drop(
            "INSERT INTO idempotence_document (id, generation, seq, product, in_stock, last_order, \
             update_inventory_retries, supplier_order_retries, body) VALUES (1, ?, 1, ?, ?, ?, 0, 0, ?) \
             ON DUPLICATE KEY UPDATE generation = VALUES(generation), seq = 1, product = VALUES(product), \
             in_stock = VALUES(in_stock), last_order = VALUES(last_order), update_inventory_retries = 0, \
             supplier_order_retries = 0, body = VALUES(body)",
            (generation, product.as_str().as_bytes(), stock, last_order.as_bytes(), STARTING_DOCUMENT),
        )
        .await
}
