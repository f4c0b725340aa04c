//! The lines of the journal, each with one fact, a sequence number and the checksum of `line`.

use serde::{Deserialize, Serialize};

use super::{
    document::Retries,
    error::StoreError,
    line::{self, LineError},
};
use crate::{
    domain::{
        Effect, Guard, IdempotencyKey, Inventory, LedgerEntry, OrderOutcome, Origin, Payload, ProductId, Receipt,
        RelayPlan, ShipmentId, Stock, UnixMillis,
    },
    faults::{Action, Point},
};

/// One line of the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Number of the line, from 1. [`Fact::Compacted`] has 0, because it comes before line 1.
    pub seq: u64,
    /// Time on the writer's clock. Records are not ordered by it.
    pub at: UnixMillis,
    /// The fact.
    #[serde(flatten)]
    pub fact: Fact,
}

/// The fact that a line records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Fact {
    /// The first line: the initial stock.
    Init(Init),
    /// A customer's order was applied.
    Order(Commit),
    /// A supplier order was decided. A delta of 0 means that no delivery was needed.
    Supplier(Commit),
    /// A supplier order was recorded, and is sent afterwards. The stock does not change.
    Intent(Commit),
    /// An event of a try to send a recorded supplier order.
    Relay(RelayEvent),
    /// An effect was refused permanently.
    Reject(Refused),
    /// Another program changed the document, and the change was adopted.
    Adjust(Adjustment),
    /// An event of an attempt.
    Attempt(AttemptEvent),
    /// Another program changed the document. The change was not adopted; a copy was kept.
    Aside(Aside),
    /// The first line of a compacted journal: which lines were dropped.
    Compacted(Compacted),
}

/// The declaration of the lines that compactions have dropped. They are lines of attempts with a number up to `through`;
/// any other missing line is damage.
///
/// Effects lie between the dropped lines, so their ranges would need as many bytes as the orders. A number and a sum of
/// checksums detect the loss of a line as well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Compacted {
    /// Version of the journal's format. A journal without this line has version 1.
    pub format: u32,
    /// Number of the last dropped line.
    pub through: u64,
    /// Number of lines up to `through` that the journal still has.
    pub kept: u64,
    /// Sum of the checksums of these lines, modulo 2^64, in hexadecimal.
    pub check: String,
    /// Number of orders whose lines of attempts were dropped.
    pub orders: u64,
    /// Number of bytes that the journal would have in addition if it had never been compacted.
    pub removed_bytes: u64,
    /// Retries that the dropped lines recorded.
    pub retries: Retries,
}

impl Compacted {
    /// The version of the format that this program reads and writes.
    pub const FORMAT: u32 = 2;
}

/// The state at the start of a journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Init {
    /// The only product.
    #[serde(rename = "productID")]
    pub product: ProductId,
    /// Its initial stock.
    pub stock: Stock,
    /// The last order in the starting document.
    #[serde(rename = "orderID")]
    pub last_order: String,
}

/// A committed effect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commit {
    /// Its idempotency key.
    pub key: IdempotencyKey,
    /// Its payload.
    pub payload: Payload,
    /// Its result.
    #[serde(flatten)]
    pub receipt: Receipt,
    /// The shipment that it credits; `None` if no supplier shipped units for it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub shipment: Option<ShipmentId>,
    /// Number of the line with the intent that it fulfils; `None` if its attempt credits the units itself.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub intent: Option<u64>,
    /// What the relay needs to know; only for an intent.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub relay: Option<Box<RelayPlan>>,
    /// The guard of its order.
    pub guard: Guard,
    /// The attempt that made it. For the credit of an intent, its number is that of the try to send it.
    #[serde(flatten)]
    pub origin: Origin,
}

/// A refused effect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// Its key; `None` if the order's id is malformed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub key: Option<IdempotencyKey>,
    /// The application failure's type: `InvalidOrder`, `InvalidQuantity`, `UnknownProduct`, `InsufficientStock` or
    /// `OrderConflict`.
    pub code: String,
    /// The failure's message.
    pub message: String,
    /// Temporal's workflow id.
    #[serde(rename = "workflowID")]
    pub workflow: String,
    /// Temporal's run id.
    #[serde(rename = "runID")]
    pub run: String,
}

impl Refused {
    /// Returns the record of an effect that the store refused with `error`.
    #[must_use]
    pub fn new(effect: &Effect, error: &StoreError, origin: &Origin) -> Self {
        Self {
            key: Some(effect.key()),
            code: error.type_name().to_owned(),
            message: error.to_string(),
            workflow: origin.workflow.clone(),
            run: origin.run.clone(),
        }
    }
}

/// A change to the document that was adopted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Adjustment {
    /// Change of the stock.
    pub delta: i64,
    /// Stock after it.
    pub stock: Stock,
    /// The last order in the changed document.
    #[serde(rename = "orderID")]
    pub last_order: String,
    /// The reason for adopting it.
    pub reason: String,
}

/// A document that was not adopted, and its copy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Aside {
    /// Suffix of the copy's name, after the document's name.
    pub suffix: String,
    /// The reason for not adopting it.
    pub reason: String,
}

/// An event of an attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptEvent {
    /// The attempt.
    #[serde(flatten)]
    pub origin: Origin,
    /// What happened.
    #[serde(flatten)]
    pub phase: Phase,
}

/// An event of a try to send a recorded supplier order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RelayEvent {
    /// Number of the line with the intent.
    pub intent: u64,
    /// The event. Its attempt's number is that of the try.
    #[serde(flatten)]
    pub event: AttemptEvent,
}

/// The kind of an event in an attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "phase", rename_all = "lowercase")]
pub enum Phase {
    /// It started.
    Started,
    /// A planned fault fires. An `error` is recorded as [`Phase::Failed`] instead.
    Fault {
        /// The point at which it fires.
        point: Point,
        /// Its action.
        action: Action,
    },
    /// A supplier has shipped units for it. They are credited by its commit, which follows.
    Shipped {
        /// The supplier's id of the shipment.
        shipment: ShipmentId,
        /// Whether the supplier had shipped them before, and only repeated its answer.
        replayed: bool,
    },
    /// It completed.
    Completed {
        /// Whether its effect was applied or recognised.
        outcome: CommitOutcome,
    },
    /// It failed.
    Failed {
        /// The type of the application failure.
        code: String,
        /// The failure's message.
        message: String,
        /// Whether Temporal retries.
        retryable: bool,
        /// The point of the planned fault that caused it, if any.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        point: Option<Point>,
    },
}

/// What a commit did with an effect that was not refused. `OrderOutcome` is about the whole order, which can also be
/// rejected, conflict, or join a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CommitOutcome {
    /// It changed the stock, or a supplier order was not needed.
    Applied,
    /// The ledger had its key, so the recorded result was returned.
    Replayed,
    /// The `last-order` guard treated it as a repetition.
    Skipped,
}

impl CommitOutcome {
    /// Name in the journal and in workflow results.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Replayed => "replayed",
            Self::Skipped => "skipped",
        }
    }
}

impl From<CommitOutcome> for OrderOutcome {
    fn from(outcome: CommitOutcome) -> Self {
        match outcome {
            CommitOutcome::Applied => Self::Applied,
            CommitOutcome::Replayed => Self::Replayed,
            CommitOutcome::Skipped => Self::Skipped,
        }
    }
}

impl Fact {
    /// Returns the key that this fact adds to the ledger, unless an earlier fact has added it.
    #[must_use]
    pub(super) fn ledger_key(&self) -> Option<IdempotencyKey> {
        match self {
            // The key of an intent is added with the intent, not with its credit.
            Self::Order(commit) | Self::Supplier(commit) | Self::Intent(commit) => {
                commit.intent.is_none().then(|| commit.key.clone())
            }
            Self::Init(init) => Inventory::applied_before(&init.last_order),
            Self::Adjust(adjustment) => Inventory::applied_before(&adjustment.last_order),
            Self::Reject(_) | Self::Attempt(_) | Self::Relay(_) | Self::Aside(_) | Self::Compacted(_) => None,
        }
    }

    /// Returns the ledger entry that this fact adds under [`Self::ledger_key`].
    #[must_use]
    pub(super) fn into_ledger_entry(self) -> Option<LedgerEntry> {
        match self {
            Self::Order(commit) | Self::Supplier(commit) | Self::Intent(commit) => {
                let Commit { payload, receipt, origin, .. } = commit;
                Some(LedgerEntry { payload: Some(payload), receipt, run: Some(origin.run) })
            }
            Self::Init(init) => Some(LedgerEntry::earlier(init.stock)),
            Self::Adjust(adjustment) => Some(LedgerEntry::earlier(adjustment.stock)),
            Self::Reject(_) | Self::Attempt(_) | Self::Relay(_) | Self::Aside(_) | Self::Compacted(_) => None,
        }
    }
}

impl Record {
    /// Returns the line, with its line feed.
    ///
    /// # Errors
    /// Returns the encoder's error if JSON cannot represent a value; it can represent every value of this type.
    pub fn encode(&self) -> serde_json::Result<Vec<u8>> {
        let mut line = line::seal(&serde_json::to_vec(self)?);
        line.push(b'\n');
        Ok(line)
    }

    /// Reads a line without its line feed.
    ///
    /// # Errors
    /// Returns [`LineError`] if any bit of the line has changed since it was written, or if it is not a record.
    pub fn decode(line: &[u8]) -> Result<Self, LineError> {
        let body = line::open(line)?;
        serde_json::from_slice(&body).map_err(|error| LineError::NoRecord(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        domain::{Activity, Attempt, OrderId},
        store::line::{HEAD, JOINT, SUM_BYTES},
    };

    fn origin() -> Origin {
        Origin {
            order: OrderId::new("A12").unwrap(),
            workflow: "order-A12".into(),
            run: "6b1f".into(),
            activity: Activity::UpdateInventory,
            attempt: Attempt::new(3).unwrap(),
        }
    }

    fn commit() -> Record {
        let fact = Fact::Order(Commit {
            key: IdempotencyKey::order(&origin().order),
            payload: "999 x 123456".parse().unwrap(),
            receipt: Receipt { delta: -999, stock: 1 },
            shipment: None,
            intent: None,
            relay: None,
            guard: Guard::Ledger,
            origin: origin(),
        });
        Record { seq: 7, at: UnixMillis(1_700_000_000_123), fact }
    }

    #[test]
    fn the_form_of_a_line_is_stable() {
        let line = String::from_utf8(commit().encode().unwrap()).unwrap();
        let (_, body) = line.split_at(HEAD.len() + SUM_BYTES + JOINT.len());
        assert_eq!(
            body,
            "\"seq\":7,\"at\":1700000000123,\"kind\":\"order\",\"key\":\"order:A12\",\"payload\":\"999 x 123456\",\
             \"delta\":-999,\"stock\":1,\"guard\":\"ledger\",\"orderID\":\"A12\",\"workflowID\":\"order-A12\",\
             \"runID\":\"6b1f\",\"activity\":\"UpdateInventoryActivity\",\"attempt\":3}\n"
        );
    }

    #[test]
    fn every_kind_of_record_round_trips() {
        let phases = [
            Phase::Started,
            Phase::Fault { point: Point::AfterCommit, action: Action::Crash },
            Phase::Fault { point: Point::BeforeCommit, action: Action::Delay { duration: Duration::from_millis(20) } },
            Phase::Completed { outcome: CommitOutcome::Replayed },
            Phase::Failed {
                code: "RandomError".into(),
                message: "RANDOM ERROR".into(),
                retryable: true,
                point: Some(Point::AfterCommit),
            },
        ];
        let facts = phases
            .into_iter()
            .map(|phase| Fact::Attempt(AttemptEvent { origin: origin(), phase }))
            .chain([
                commit().fact,
                Fact::Adjust(Adjustment { delta: 5, stock: 10, last_order: "A".into(), reason: "edited".into() }),
                Fact::Reject(Refused {
                    key: None,
                    code: "InvalidOrder".into(),
                    message: "no".into(),
                    workflow: "w".into(),
                    run: "r".into(),
                }),
            ])
            .enumerate();
        for (index, fact) in facts {
            let record = Record { seq: index as u64 + 1, at: UnixMillis(5), fact };
            let line = record.encode().unwrap();
            assert_eq!(Record::decode(&line[..line.len() - 1]).unwrap(), record);
        }
    }

    #[test]
    fn every_bit_flip_is_seen() {
        let line = commit().encode().unwrap();
        let line = &line[..line.len() - 1];
        for bit in 0..line.len() * 8 {
            let mut flipped = line.to_vec();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(Record::decode(&flipped).is_err(), "bit {bit}: {}", String::from_utf8_lossy(&flipped));
        }
    }
}
