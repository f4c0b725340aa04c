//! The state after the journal's lines, from the newest checkpoint and the lines after it.

use std::time::Duration;

use mysql_async::{Conn, prelude::Queryable};
use serde::{Deserialize, Serialize};

use super::{
    super::{
        StoreError,
        error::Damage,
        progress::Progress,
        record::{Fact, Record},
        replay::fold,
    },
    client::{CALL_LIMIT, Client, failure},
};
use crate::domain::{Inventory, InventoryRules, InventoryState};

/// Number of lines after which a running worker writes a checkpoint. Reading them takes about 0.1 s.
pub(super) const CHECKPOINT_LINES: u64 = 20_000;

/// Number of lines that are read at a time.
pub(super) const CHUNK_LINES: u64 = 2000;

/// Maximum time for a checkpoint, which can have a megabyte.
const CHECKPOINT_LIMIT: Duration = Duration::from_secs(5);

/// The version of [`Checkpoint`].
const CHECKPOINT_FORMAT: u32 = 1;

/// The state after the lines of one generation.
#[derive(Debug)]
pub(super) struct State {
    pub(super) generation: u64,
    /// Number of the last line.
    pub(super) seq: u64,
    /// Number of the last line that changed the document.
    pub(super) document_seq: u64,
    pub(super) inventory: Inventory,
    /// Number of the last line that a checkpoint covers, as far as this process knows.
    checkpointed: u64,
}

/// The state after a line, as it is stored. A cache: another format is ignored.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Checkpoint {
    format: u32,
    document_seq: u64,
    inventory: InventoryState,
}

/// Reads the state after all lines. Calls `seen` while it reads a long journal.
pub(super) fn load(client: &mut Client, rules: InventoryRules, seen: &dyn Fn(Progress)) -> Result<State, StoreError> {
    let found = client.call(CALL_LIMIT, async |connection: &mut Conn| {
        let row: Option<(u64, u64)> =
            connection.query_first("SELECT generation, seq FROM idempotence_document WHERE id = 1").await?;
        let Some((generation, last)) = row else { return Ok(None) };
        let checkpoint: Option<(u64, Vec<u8>)> = connection
            .exec_first("SELECT seq, state FROM idempotence_checkpoint WHERE generation = ?", (generation,))
            .await?;
        Ok(Some((generation, last, checkpoint)))
    });
    let found = found.map_err(|error| failure(client.database(), "read", error))?;
    let (generation, last, checkpoint) = found.ok_or_else(|| damaged(client, 0, Damage::Empty))?;
    let checkpoint = checkpoint
        .filter(|(seq, _)| *seq <= last)
        .and_then(|(seq, state)| serde_json::from_slice(&state).ok().map(|state: Checkpoint| (seq, state)))
        .filter(|(_, checkpoint)| checkpoint.format == CHECKPOINT_FORMAT);
    let mut state = match checkpoint {
        Some((seq, Checkpoint { document_seq, inventory, .. })) => {
            let inventory = Inventory::resume(inventory, rules);
            State { generation, seq, document_seq, inventory, checkpointed: seq }
        }
        None => first(client, generation, rules)?,
    };
    state.read_on(client, last, seen)?;
    Ok(state)
}

/// Returns the state after the first line, which records the initial stock.
fn first(client: &mut Client, generation: u64, rules: InventoryRules) -> Result<State, StoreError> {
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
    let record = Record::decode(&line).map_err(|cause| damaged(client, 1, cause.into()))?;
    let Fact::Init(init) = record.fact else { return Err(damaged(client, 1, Damage::NoInit)) };
    let inventory = Inventory::new(init.product, init.stock, &init.last_order, rules);
    Ok(State { generation, seq: 1, document_seq: 1, inventory, checkpointed: 1 })
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
            for record in records {
                if fold(&mut self.inventory, &record).map_err(|cause| damaged(client, record.seq, cause))? {
                    self.document_seq = record.seq;
                }
                self.seq = record.seq;
            }
            seen(Progress { read: self.seq, of: last });
        }
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
        };
        let state =
            serde_json::to_vec(&checkpoint).map_err(|error| StoreError::Unwritable { cause: error.to_string() })?;
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
