//! The state after the journal's lines, from the newest checkpoint and the lines after it.

use std::time::Duration;

use mysql_async::{Conn, prelude::Queryable};
use serde::{Deserialize, Serialize};

use super::{
    super::{
        Audit, StoreError,
        error::Damage,
        line::{self, LineError},
        progress::Progress,
        record::{Fact, Record},
        replay::fold,
    },
    client::{CALL_LIMIT, Client, failure},
};
use crate::domain::{Guard, IdempotencyKey, Inventory, InventoryRules, InventoryState};

/// Number of lines after which a running worker writes a checkpoint. Reading them takes about 0.1 s.
pub(super) const CHECKPOINT_LINES: u64 = 20_000;

/// Number of lines that are read at a time.
pub(super) const CHUNK_LINES: u64 = 2000;

/// Maximum time for a checkpoint, which can have a megabyte.
const CHECKPOINT_LIMIT: Duration = Duration::from_secs(5);

/// The version of [`Checkpoint`].
const CHECKPOINT_FORMAT: u32 = 3;

/// The state after the lines of one generation.
#[derive(Debug)]
pub(super) struct State {
    pub(super) generation: u64,
    /// Number of the last line.
    pub(super) seq: u64,
    /// Number of the last line that changed the document.
    pub(super) document_seq: u64,
    pub(super) inventory: Inventory,
    /// The totals for readers. The keys are in the ledger's table.
    pub(super) audit: Audit,
    /// Number of the last line that a checkpoint covers, as far as this process knows.
    checkpointed: u64,
}

/// The state after a line, as it is stored: a line of JSON with a checksum. A cache: another format is ignored.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Checkpoint {
    format: u32,
    document_seq: u64,
    inventory: InventoryState,
    /// The totals, without the keys.
    pub(super) audit: Audit,
}

/// Why a checkpoint is ignored.
#[derive(Debug, thiserror::Error)]
enum CheckpointError {
    #[error("it is damaged: {0}")]
    Line(#[from] LineError),
    #[error("it has another format: {0}")]
    Format(#[from] serde_json::Error),
    #[error("it has format {0}, and this version reads format {CHECKPOINT_FORMAT}")]
    Version(u32),
    #[error("it has the state after line {state}, but is stored for line {seq}")]
    OtherLine { state: u64, seq: u64 },
    #[error("it covers line {seq}, and the journal ends at line {last}")]
    Stale { seq: u64, last: u64 },
}

impl Checkpoint {
    /// Decodes the checkpoint of line `seq`.
    fn decode(state: &[u8], seq: u64) -> Result<Self, CheckpointError> {
        let checkpoint: Self = serde_json::from_slice(&line::open(state)?)?;
        match (checkpoint.format, checkpoint.audit.seq) {
            (CHECKPOINT_FORMAT, state) if state == seq => Ok(checkpoint),
            (CHECKPOINT_FORMAT, state) => Err(CheckpointError::OtherLine { state, seq }),
            (format, _) => Err(CheckpointError::Version(format)),
        }
    }
}

/// Reads the checkpoint of a generation, and the number of the last line that it covers; `None` if there is none that can be
/// used. The journal ends at line `last` or later.
pub(super) fn find_checkpoint(
    client: &mut Client,
    generation: u64,
    last: u64,
) -> Result<Option<(u64, Checkpoint)>, StoreError> {
    let found = client.call(CALL_LIMIT, async |connection: &mut Conn| {
        connection
            .exec_first::<(u64, Vec<u8>), _, _>(
                "SELECT seq, state FROM idempotence_checkpoint WHERE generation = ?",
                (generation,),
            )
            .await
    });
    let found = found.map_err(|error| failure(client.database(), "read", error))?;
    let Some((seq, state)) = found else { return Ok(None) };
    let checked = if seq > last { Err(CheckpointError::Stale { seq, last }) } else { Checkpoint::decode(&state, seq) };
    Ok(match checked {
        Ok(checkpoint) => Some((seq, checkpoint)),
        Err(reason) => {
            tracing::warn!(%reason, "ignoring the checkpoint and reading the whole journal");
            None
        }
    })
}

/// Reads the state after all lines. Calls `seen` while it reads a long journal.
pub(super) fn load(client: &mut Client, rules: InventoryRules, seen: &dyn Fn(Progress)) -> Result<State, StoreError> {
    let row = client.call(CALL_LIMIT, async |connection: &mut Conn| {
        connection.query_first("SELECT generation, seq FROM idempotence_document WHERE id = 1").await
    });
    let row: Option<(u64, u64)> = row.map_err(|error| failure(client.database(), "read", error))?;
    let (generation, last) = row.ok_or_else(|| damaged(client, 0, Damage::Empty))?;
    let mut state = match find_checkpoint(client, generation, last)? {
        Some((seq, Checkpoint { document_seq, inventory, audit, .. })) => {
            let inventory = Inventory::resume(inventory, rules);
            State { generation, seq, document_seq, inventory, audit, checkpointed: seq }
        }
        None => first(client, generation, rules)?,
    };
    state.read_on(client, last, seen)?;
    Ok(state)
}

/// Returns the first line, which records the initial stock.
pub(super) fn first_line(client: &mut Client, generation: u64) -> Result<Record, StoreError> {
    let line = client.call(CALL_LIMIT, async |connection: &mut Conn| {
        connection
            .exec_first::<Vec<u8>, _, _>(
                "SELECT line FROM idempotence_journal WHERE generation = ? AND seq = 1",
                (generation,),
            )
            .await
    });
    let line = line.map_err(|error| failure(client.database(), "read", error))?;
    let line = line.ok_or_else(|| damaged(client, 1, Damage::Sequence { expected: 1, found: 0 }))?;
    Record::decode(&line).map_err(|cause| damaged(client, 1, cause.into()))
}

/// Returns the state after the first line.
fn first(client: &mut Client, generation: u64, rules: InventoryRules) -> Result<State, StoreError> {
    let record = first_line(client, generation)?;
    let mut audit = Audit::default();
    audit.observe(&record, record.seq);
    audit.forget_keys();
    let Fact::Init(init) = record.fact else { return Err(damaged(client, 1, Damage::NoInit)) };
    let inventory = Inventory::new(init.product, init.stock, &init.last_order, rules);
    Ok(State { generation, seq: 1, document_seq: 1, inventory, audit, checkpointed: 1 })
}

impl State {
    /// Applies the lines up to number `last`. Calls `seen` after each chunk.
    pub(super) fn read_on(
        &mut self,
        client: &mut Client,
        last: u64,
        seen: &dyn Fn(Progress),
    ) -> Result<(), StoreError> {
        while self.seq < last {
            let records = read_lines(client, self.generation, self.seq, last)?;
            if records.is_empty() {
                let cause = Damage::Sequence { expected: self.seq + 1, found: last };
                return Err(damaged(client, self.seq + 1, cause));
            }
            // With the guard, the first line of a key is the only one.
            let unguarded = records.iter().filter_map(|record| match &record.fact {
                Fact::Order(commit) | Fact::Supplier(commit) | Fact::Intent(commit)
                    if commit.guard != Guard::Ledger =>
                {
                    Some(&commit.key)
                }
                _ => None,
            });
            for earlier in first_lines(client, self.generation, self.seq, unguarded)? {
                self.audit.know(&earlier, earlier.seq);
            }
            for record in records {
                self.apply(&record).map_err(|cause| damaged(client, record.seq, cause))?;
            }
            self.audit.forget_keys();
            seen(Progress { read: self.seq, of: last });
        }
        Ok(())
    }

    /// Applies the next record. The audit must know the key if it is repeated.
    pub(super) fn apply(&mut self, record: &Record) -> Result<(), Damage> {
        if fold(&mut self.inventory, record)? {
            self.document_seq = record.seq;
        }
        self.audit.observe(record, record.seq);
        self.seq = record.seq;
        Ok(())
    }

    /// Writes a checkpoint if at least `min_lines` lines were added since the last one.
    pub(super) fn write_checkpoint_if_due(&mut self, client: &mut Client, min_lines: u64) -> Result<(), StoreError> {
        if self.seq < self.checkpointed + min_lines {
            return Ok(());
        }
        // Also after a failure, the next one is written only after as many lines again.
        self.checkpointed = self.seq;
        let checkpoint = Checkpoint {
            format: CHECKPOINT_FORMAT,
            document_seq: self.document_seq,
            inventory: self.inventory.state(),
            audit: self.audit.without_keys(),
        };
        let state =
            serde_json::to_vec(&checkpoint).map_err(|error| StoreError::Unwritable { cause: error.to_string() })?;
        let state = line::seal(&state);
        let (generation, seq) = (self.generation, self.seq);
        let written = client.call(CHECKPOINT_LIMIT, async |connection: &mut Conn| {
            connection
                .exec_drop(
                    "INSERT INTO idempotence_checkpoint (generation, seq, state) VALUES (?, ?, ?) \
                     ON DUPLICATE KEY UPDATE \
                     state = IF(VALUES(seq) > idempotence_checkpoint.seq, VALUES(state), idempotence_checkpoint.state), \
                     seq = GREATEST(VALUES(seq), idempotence_checkpoint.seq)",
                    (generation, seq, state),
                )
                .await
        });
        written.map_err(|error| failure(client.database(), "write a checkpoint to", error))
    }
}

/// Returns the lines that recorded these keys first, as far as their number is at most `through`.
pub(super) fn first_lines<'a>(
    client: &mut Client,
    generation: u64,
    through: u64,
    keys: impl Iterator<Item = &'a IdempotencyKey>,
) -> Result<Vec<Record>, StoreError> {
    let keys: Vec<_> = keys.map(|key| hex(key.as_str().as_bytes())).collect();
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let query = format!(
        "SELECT journal.seq, journal.line FROM idempotence_ledger AS ledger \
         JOIN idempotence_journal AS journal ON journal.generation = ledger.generation AND journal.seq = ledger.seq \
         WHERE ledger.generation = {generation} AND ledger.seq <= {through} AND ledger.effect_key IN ({})",
        keys.join(",")
    );
    let lines =
        client.call(CALL_LIMIT, async |connection: &mut Conn| connection.query::<(u64, Vec<u8>), _>(query).await);
    let lines = lines.map_err(|error| failure(client.database(), "read", error))?;
    let decoded =
        lines.iter().map(|(seq, line)| Record::decode(line).map_err(|cause| damaged(client, *seq, cause.into())));
    decoded.collect()
}

/// Returns bytes as a literal that means the same in every `sql_mode`.
pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut literal = String::with_capacity(bytes.len() * 2 + 3);
    literal.push_str("x'");
    for byte in bytes {
        let _infallible = write!(literal, "{byte:02x}");
    }
    literal.push('\'');
    literal
}

/// Reads the next lines of a generation after number `after`, up to number `last` and to [`CHUNK_LINES`] lines.
pub(super) fn read_lines(
    client: &mut Client,
    generation: u64,
    after: u64,
    last: u64,
) -> Result<Vec<Record>, StoreError> {
    let until = last.min(after.saturating_add(CHUNK_LINES));
    let lines = client.call(CALL_LIMIT, async |connection: &mut Conn| {
        connection
            .exec::<(u64, Vec<u8>), _, _>(
                "SELECT seq, line FROM idempotence_journal WHERE generation = ? AND seq > ? AND seq <= ? ORDER BY seq",
                (generation, after, until),
            )
            .await
    });
    let lines = lines.map_err(|error| failure(client.database(), "read", error))?;
    let mut records = Vec::with_capacity(lines.len());
    for (expected, (seq, line)) in (after + 1..).zip(lines) {
        let record = Record::decode(&line).map_err(|cause| damaged(client, seq, cause.into()))?;
        if seq != expected || record.seq != expected {
            let found = if seq == expected { record.seq } else { seq };
            return Err(damaged(client, expected, Damage::Sequence { expected, found }));
        }
        records.push(record);
    }
    Ok(records)
}

/// Returns the error for damage at line `seq`.
pub(super) fn damaged(client: &Client, seq: u64, cause: Damage) -> StoreError {
    StoreError::DamagedTable { database: client.database().to_string(), seq, cause }
}
