//! The commit protocol: a batch of requests is one transaction.
//!
//! The transaction locks the document's row, applies the lines that other processes have written, looks the keys up,
//! decides, and appends its lines. Line numbers are assigned under this lock, so a reader that asks for the lines after
//! number `n` misses none. The state in memory is the state after the journal, as for a file.

use std::{
    collections::HashMap,
    fmt::Write as _,
    thread,
    time::{Duration, Instant},
};

use mysql_async::{Conn, Row, prelude::Queryable};

use super::{
    super::{
        StoreError,
        document::Document,
        error::Damage,
        progress::Progress,
        record::{Adjustment, Fact, Record},
        request::{Answer, Request},
    },
    client::{BATCH_LIMIT, CALL_LIMIT, Client, failure},
    error::MySqlError,
    state::{self, State, hex},
};
use crate::domain::{Activity, IdempotencyKey, InventoryRules, LedgerEntry, UnixMillis};

/// Pause before a transaction is repeated for the first time.
const FIRST_PAUSE: Duration = Duration::from_millis(10);

/// Maximum pause before a transaction is repeated.
const MAX_PAUSE: Duration = Duration::from_millis(500);

/// The locked row of the document.
#[derive(Debug, Clone, PartialEq, Eq)]
struct DocumentRow {
    generation: u64,
    seq: u64,
    product: Vec<u8>,
    in_stock: i64,
    last_order: Vec<u8>,
}

/// The lines and ledger entries that a transaction adds.
#[derive(Debug, Default)]
struct Additions {
    lines: Vec<(u64, Vec<u8>)>,
    /// Each key with the line that recorded it.
    keys: Vec<(IdempotencyKey, u64)>,
}

/// A key in the ledger, and the number and the content of the line that recorded it.
type RecordedKey = (Vec<u8>, Option<u64>, Option<Vec<u8>>);

/// Why a transaction failed.
#[derive(Debug)]
enum Failed {
    /// It was certainly not committed.
    NotCommitted(&'static str, MySqlError),
    /// It may have been committed.
    Unknown(MySqlError),
    /// The store refuses to continue.
    Refused(StoreError),
}

impl From<StoreError> for Failed {
    fn from(error: StoreError) -> Self {
        Self::Refused(error)
    }
}

/// Returns a function that marks an error of `operation` as one before the commit.
const fn before_commit(operation: &'static str) -> impl Fn(MySqlError) -> Failed {
    move |error| Failed::NotCommitted(operation, error)
}

/// The store of one process.
#[derive(Debug)]
pub(super) struct MySqlEngine {
    pub(super) client: Client,
    clock: fn() -> UnixMillis,
    rules: InventoryRules,
    /// State after the journal. `None` if it may differ from the journal, which is then read again.
    state: Option<State>,
}

impl MySqlEngine {
    /// Reads the state of a database with tables. Calls `seen` while it reads a long journal.
    pub(super) fn open(
        mut client: Client,
        clock: fn() -> UnixMillis,
        rules: InventoryRules,
        seen: &dyn Fn(Progress),
    ) -> Result<Self, StoreError> {
        let state = Some(state::load(&mut client, rules, seen)?);
        let mut engine = Self { client, clock, rules, state };
        // Adopts an edit of the document's row.
        engine.commit(&[])?;
        Ok(engine)
    }

    /// Commits requests together, in order. When it returns, the answers are durable as far as the server's settings
    /// make a commit durable, and the document shows them.
    ///
    /// # Errors
    /// Fails if the batch could not be committed, or if its outcome is unknown. Repeating it is safe.
    pub(super) fn commit(&mut self, requests: &[Request]) -> Result<Vec<Answer>, StoreError> {
        let deadline = Instant::now() + BATCH_LIMIT;
        let mut pause = FIRST_PAUSE;
        loop {
            let failed = match self.transaction(requests, deadline) {
                Ok(answers) => return Ok(answers),
                Err(failed) => failed,
            };
            // The state may include lines that were rolled back, and the connection may be in a transaction.
            self.state = None;
            self.client.disconnect();
            match failed {
                Failed::NotCommitted(_, error) if error.is_transient() && Instant::now() + pause < deadline => {
                    tracing::debug!(%error, "repeating the transaction");
                    thread::sleep(pause);
                    pause = (pause * 2).min(MAX_PAUSE);
                }
                Failed::NotCommitted(_, error) if error.is_duplicate() => {
                    return Err(state::damaged(&self.client, 0, Damage::LaterLines));
                }
                Failed::NotCommitted(operation, error) => {
                    return Err(failure(self.client.database(), operation, error).before_writing());
                }
                Failed::Unknown(error) => return Err(failure(self.client.database(), "commit to", error)),
                Failed::Refused(error) => return Err(error.before_writing()),
            }
        }
    }

    /// Writes a checkpoint if enough lines were added since the last one. A failure is only logged, because the journal
    /// has everything.
    pub(super) fn write_checkpoint_if_due(&mut self, min_lines: u64) {
        if let Some(state) = &mut self.state
            && let Err(error) = state.write_checkpoint_if_due(&mut self.client, min_lines)
        {
            tracing::warn!(%error, "could not write a checkpoint");
        }
    }

    fn transaction(&mut self, requests: &[Request], deadline: Instant) -> Result<Vec<Answer>, Failed> {
        let (row, recorded) = self.begin(requests, deadline)?;
        self.catch_up(&row)?;
        let mut additions = Additions::default();
        self.adopt_edit(&row, &mut additions)?;
        let mut ledger = self.ledger_entries(recorded)?;
        let mut answers = Vec::with_capacity(requests.len());
        for request in requests {
            answers.push(self.decide(request, &mut ledger, &mut additions)?);
        }
        if let Some(state) = &mut self.state {
            state.audit.forget_keys();
        }
        if let [(first, line), ..] = additions.lines.as_slice() {
            self.write(&additions, deadline).map_err(before_commit("write to"))?;
            let committed = self.call(deadline, async |connection: &mut Conn| connection.query_drop("COMMIT").await);
            if let Err(error) = committed {
                self.resolve(row.generation, *first, line, error, deadline)?;
            }
        } else {
            self.call(deadline, async |connection: &mut Conn| connection.query_drop("ROLLBACK").await)
                .map_err(before_commit("read"))?;
        }
        Ok(answers)
    }

    fn call<T: Send>(
        &mut self,
        deadline: Instant,
        work: impl AsyncFnOnce(&mut Conn) -> mysql_async::Result<T> + Send,
    ) -> Result<T, MySqlError> {
        let left = deadline.saturating_duration_since(Instant::now());
        self.client.call(left.min(CALL_LIMIT), work)
    }

    /// Begins the transaction, locks the document's row, and looks up the keys of the requests, in one call.
    fn begin(&mut self, requests: &[Request], deadline: Instant) -> Result<(DocumentRow, Vec<RecordedKey>), Failed> {
        let keys: Vec<_> = requests.iter().filter_map(Request::key).map(|key| hex(key.as_str().as_bytes())).collect();
        let mut statements = "START TRANSACTION; SELECT generation, seq, product, in_stock, last_order \
                              FROM idempotence_document WHERE id = 1 FOR UPDATE"
            .to_owned();
        if !keys.is_empty() {
            let _infallible = write!(
                statements,
                "; SELECT ledger.effect_key, journal.seq, journal.line FROM idempotence_ledger AS ledger \
                 LEFT JOIN idempotence_journal AS journal \
                 ON journal.generation = ledger.generation AND journal.seq = ledger.seq \
                 WHERE ledger.generation = (SELECT generation FROM idempotence_document WHERE id = 1) \
                 AND ledger.effect_key IN ({})",
                keys.join(",")
            );
        }
        let found = self.call(deadline, async |connection: &mut Conn| {
            let mut results = connection.query_iter(statements).await?;
            results.collect::<Row>().await?;
            let row = results.collect::<(u64, u64, Vec<u8>, i64, Vec<u8>)>().await?.pop();
            let recorded = if keys.is_empty() { Vec::new() } else { results.collect().await? };
            Ok((row, recorded))
        });
        let (row, recorded) = found.map_err(before_commit("lock"))?;
        let (generation, seq, product, in_stock, last_order) =
            row.ok_or_else(|| state::damaged(&self.client, 0, Damage::Empty))?;
        Ok((DocumentRow { generation, seq, product, in_stock, last_order }, recorded))
    }

    /// Applies the lines that other processes have written. The caller has locked the document's row.
    fn catch_up(&mut self, row: &DocumentRow) -> Result<(), Failed> {
        let known = self.state.take_if(|state| state.generation == row.generation && state.seq <= row.seq);
        let mut state = match known {
            Some(state) => state,
            None => state::load(&mut self.client, self.rules, &|_| {})?,
        };
        if state.seq != row.seq {
            state.read_on(&mut self.client, row.seq, &|_| {})?;
        }
        self.state = Some(state);
        Ok(())
    }

    /// Adopts a change that another program made to the document's row. The lock orders it with the effects.
    fn adopt_edit(&mut self, row: &DocumentRow, additions: &mut Additions) -> Result<(), Failed> {
        let inventory = &self.state()?.inventory;
        if row.product != inventory.product.as_str().as_bytes() {
            let found = String::from_utf8_lossy(&row.product).into_owned();
            let known = inventory.product.to_string();
            return Err(state::damaged(&self.client, row.seq, Damage::OtherProduct { found, known }).into());
        }
        if row.in_stock == inventory.stock && row.last_order == inventory.last_order.as_bytes() {
            return Ok(());
        }
        let range = || Damage::Stock { seq: row.seq, expected: inventory.stock, found: row.in_stock };
        let delta = row.in_stock.checked_sub(inventory.stock);
        let delta = delta.ok_or_else(|| state::damaged(&self.client, row.seq, range()))?;
        tracing::warn!(delta, stock = row.in_stock, "another program changed the document's row; adopting the change");
        let adjustment = Adjustment {
            delta,
            stock: row.in_stock,
            last_order: String::from_utf8_lossy(&row.last_order).into_owned(),
            reason: "the row of the document was changed".to_owned(),
        };
        self.add(Fact::Adjust(adjustment), additions)
    }

    /// Returns the ledger's entries from the lines that recorded them. The audit knows these lines afterwards.
    fn ledger_entries(&mut self, recorded: Vec<RecordedKey>) -> Result<HashMap<IdempotencyKey, LedgerEntry>, Failed> {
        let mut entries = HashMap::new();
        for (key, seq, line) in recorded {
            let seq = seq.unwrap_or(0);
            let record = Record::decode(&line.unwrap_or_default())
                .map_err(|cause| state::damaged(&self.client, seq, cause.into()))?;
            // A line under another key would let a repetition pass, so a wrong reference is damage.
            self.state_mut()?.audit.know(&record, seq);
            let recorded = record.fact.ledger_key().filter(|recorded| recorded.as_str().as_bytes() == key);
            let entry = recorded.and_then(|key| Some((key, record.fact.into_ledger_entry()?)));
            let (key, entry) =
                entry.ok_or_else(|| state::damaged(&self.client, seq, Damage::WrongReference { seq }))?;
            entries.insert(key, entry);
        }
        Ok(entries)
    }

    /// Decides one request, based on the state after the previous requests.
    fn decide(
        &mut self,
        request: &Request,
        ledger: &mut HashMap<IdempotencyKey, LedgerEntry>,
        additions: &mut Additions,
    ) -> Result<Answer, Failed> {
        let recorded = request.ledger_key().and_then(|key| ledger.get(&key).cloned());
        let (fact, answer) = request.decide(&self.state()?.inventory, recorded, (self.clock)());
        if let Some(fact) = fact {
            // The first line of a key decides, also within a batch.
            if let (Some(key), Some(entry)) = (fact.ledger_key(), fact.clone().into_ledger_entry()) {
                ledger.entry(key).or_insert(entry);
            }
            self.add(fact, additions)?;
        }
        Ok(answer)
    }

    /// Numbers and applies a fact, and adds its line.
    fn add(&mut self, fact: Fact, additions: &mut Additions) -> Result<(), Failed> {
        let at = (self.clock)();
        let database = self.client.database().clone();
        let state = self.state_mut()?;
        let record = Record { seq: state.seq + 1, at, fact };
        let unwritable = |error: serde_json::Error| StoreError::Unwritable { cause: error.to_string() };
        let line = record.encode().map_err(unwritable)?;
        let damaged = |cause| StoreError::DamagedTable { database: database.to_string(), seq: record.seq, cause };
        state.apply(&record).map_err(damaged)?;
        if let Some(key) = record.fact.ledger_key() {
            additions.keys.push((key, record.seq));
        }
        additions.lines.push((record.seq, line.trim_ascii_end().to_vec()));
        Ok(())
    }

    /// Writes the lines, the keys and the document, in one call.
    fn write(&mut self, additions: &Additions, deadline: Instant) -> Result<(), MySqlError> {
        let Some(state) = &self.state else { return Ok(()) };
        let (generation, seq) = (state.generation, state.seq);
        let lines: Vec<_> =
            additions.lines.iter().map(|(seq, line)| format!("({generation},{seq},{})", hex(line))).collect();
        let lines = lines.join(",");
        let mut statements = vec![format!("INSERT INTO idempotence_journal (generation, seq, line) VALUES {lines}")];
        if !additions.keys.is_empty() {
            let key_of =
                |(key, seq): &(IdempotencyKey, u64)| format!("({generation},{},{seq})", hex(key.as_str().as_bytes()));
            let keys: Vec<_> = additions.keys.iter().map(key_of).collect();
            // Without a guard, an effect is applied again under its key, and the first line stays.
            statements.push(format!(
                "INSERT INTO idempotence_ledger (generation, effect_key, seq) VALUES {} \
                 ON DUPLICATE KEY UPDATE idempotence_ledger.seq = idempotence_ledger.seq",
                keys.join(",")
            ));
        }
        let document = Document::of(&state.inventory, state.document_seq);
        let body = document.render().map_err(|error| mysql_async::Error::Other(error.into()))?;
        let retries = [Activity::UpdateInventory, Activity::SupplierOrder].map(|of| state.inventory.retries(of));
        statements.push(format!(
            "UPDATE idempotence_document SET seq = {seq}, in_stock = {}, last_order = {}, \
             update_inventory_retries = {}, supplier_order_retries = {}, body = CONVERT({} USING utf8mb4) WHERE id = 1",
            document.stock,
            hex(document.last_order.as_bytes()),
            retries[0],
            retries[1],
            hex(&body)
        ));
        let statements = statements.join(";");
        self.call(deadline, async |connection: &mut Conn| connection.query_drop(statements).await)
    }

    /// Finds out whether a commit whose answer is missing took effect. On a new connection, the lock of the document's
    /// row waits for the end of the old transaction, so the answer is final.
    fn resolve(
        &mut self,
        generation: u64,
        seq: u64,
        line: &[u8],
        error: MySqlError,
        deadline: Instant,
    ) -> Result<(), Failed> {
        loop {
            self.client.disconnect();
            let found = self.call(deadline, async |connection: &mut Conn| {
                connection.query_drop("START TRANSACTION").await?;
                connection.query_drop("SELECT seq FROM idempotence_document WHERE id = 1 FOR UPDATE").await?;
                let line = connection
                    .exec_first::<Vec<u8>, _, _>(
                        "SELECT line FROM idempotence_journal WHERE generation = ? AND seq = ?",
                        (generation, seq),
                    )
                    .await?;
                connection.query_drop("ROLLBACK").await?;
                Ok(line)
            });
            match found {
                Ok(found) if found.as_deref() == Some(line) => {
                    tracing::info!(seq, "the answer to a commit was lost; its line is in the journal");
                    return Ok(());
                }
                Ok(_) => return Err(Failed::NotCommitted("commit to", error)),
                Err(again) if again.is_transient() && Instant::now() + MAX_PAUSE < deadline => {
                    thread::sleep(FIRST_PAUSE);
                }
                Err(_) => return Err(Failed::Unknown(error)),
            }
        }
    }

    fn state(&self) -> Result<&State, Failed> {
        self.state.as_ref().ok_or(Failed::Refused(StoreError::Stopped))
    }

    fn state_mut(&mut self) -> Result<&mut State, Failed> {
        self.state.as_mut().ok_or(Failed::Refused(StoreError::Stopped))
    }
}
