//! The settings of a server that decide whether acknowledged orders are durable and whether a worker can write.

use mysql_async::{Conn, prelude::Queryable};

use super::{
    super::StoreError,
    client::{CALL_LIMIT, Client, failure},
    database::MySqlDatabase,
};
use crate::{clock, domain::UnixMillis};

/// Minimum of `max_allowed_packet` in bytes: a batch of orders, or a checkpoint, has a few megabytes at most.
const MIN_PACKET_BYTES: u64 = 16 << 20;

/// Maximum difference of the clocks in milliseconds. Times on the screen are those of the worker.
const MAX_CLOCK_DIFFERENCE_MILLIS: u64 = 5_000;

/// A server of MySQL or MariaDB.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspection {
    /// Its version, as it reports it.
    pub version: String,
    /// Its settings that should be changed.
    pub weaknesses: Vec<Weakness>,
}

/// A setting of a server that should be changed. The message says why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Weakness {
    /// It accepts no changes.
    #[error("the server is read-only, as a replica is; no worker can write")]
    ReadOnly,
    /// Transactions with the isolation of this program fail.
    #[error("binlog_format is STATEMENT, so the server refuses transactions that are READ COMMITTED")]
    StatementBinlog,
    /// A commit is not durable.
    #[error("{name} is {value}, so a loss of power can lose acknowledged orders")]
    LosesCommits {
        /// The variable.
        name: &'static str,
        /// Its value; 1 is durable.
        value: u64,
    },
    /// A batch may be larger than the server accepts.
    #[error("max_allowed_packet is {0} bytes, which a batch of orders can exceed")]
    SmallPackets(u64),
    /// Its clock differs from this machine's.
    #[error("its clock differs from this machine's by {} s; times come from the workers' clocks", .0 / 1000)]
    Clock(u64),
}

impl Weakness {
    /// Whether no worker can use the server.
    #[must_use]
    pub const fn is_fatal(&self) -> bool {
        matches!(self, Self::ReadOnly | Self::StatementBinlog)
    }

    /// Returns the statement for an administrator that changes the setting; `None` if no statement does.
    #[must_use]
    pub fn remedy(&self) -> Option<String> {
        match self {
            Self::StatementBinlog => Some("SET GLOBAL binlog_format = 'ROW'".to_owned()),
            Self::LosesCommits { name, .. } => Some(format!("SET GLOBAL {name} = 1")),
            Self::SmallPackets(_) => Some(format!("SET GLOBAL max_allowed_packet = {MIN_PACKET_BYTES}")),
            Self::ReadOnly | Self::Clock(_) => None,
        }
    }
}

/// Reads the settings of the server.
///
/// # Errors
/// Fails if the server does not answer or refuses the account.
pub fn inspect(database: &MySqlDatabase) -> Result<Inspection, StoreError> {
    let read = Client::new(database).call(CALL_LIMIT, async |connection: &mut Conn| {
        type Row = (String, bool, bool, String, u64, u64, u64, u64);
        connection
            .query_first::<Row, _>(
                "SELECT @@version, @@global.read_only, @@global.log_bin, @@global.binlog_format, \
                 @@global.innodb_flush_log_at_trx_commit, @@global.sync_binlog, @@global.max_allowed_packet, \
                 CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS UNSIGNED)",
            )
            .await
    });
    let UnixMillis(here) = clock::now();
    let row = read.map_err(|error| failure(database, "read the settings of", error))?;
    let Some((version, read_only, log_bin, binlog_format, flush_log, sync_binlog, packet, there)) = row else {
        return Ok(Inspection { version: String::new(), weaknesses: Vec::new() });
    };
    let mut weaknesses = Vec::new();
    let mut add = |applies: bool, weakness: Weakness| weaknesses.extend(applies.then_some(weakness));
    add(read_only, Weakness::ReadOnly);
    add(log_bin && binlog_format == "STATEMENT", Weakness::StatementBinlog);
    let loses = |name, value| Weakness::LosesCommits { name, value };
    add(flush_log != 1, loses("innodb_flush_log_at_trx_commit", flush_log));
    add(log_bin && sync_binlog != 1, loses("sync_binlog", sync_binlog));
    add(packet < MIN_PACKET_BYTES, Weakness::SmallPackets(packet));
    let difference = here.abs_diff(there);
    add(difference > MAX_CLOCK_DIFFERENCE_MILLIS, Weakness::Clock(difference));
    Ok(Inspection { version, weaknesses })
}
