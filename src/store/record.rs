//! The journal's lines: one self-contained fact each, with a sequence number and a checksum, in the form of `line`.

use serde::{Deserialize, Serialize};

use super::{
    error::StoreError,
    line::{self, LineError},
};
use crate::{
    domain::{Effect, Guard, IdempotencyKey, OrderOutcome, Origin, Payload, ProductId, Receipt, Stock, UnixMillis},
    faults::{Action, Point},
};

/// One line of the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// 1 for the first line, then one more for each.
    pub seq: u64,
    pub at: UnixMillis,
    #[serde(flatten)]
    pub fact: Fact,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Fact {
    /// The first line: where the stock began.
    Init(Init),
    /// A customer's order was applied.
    Order(Commit),
    /// A supplier order was decided; a delta of 0 says that none was needed.
    Supplier(Commit),
    /// An effect was refused for good.
    Reject(Refused),
    /// Somebody else changed the document, and the change was taken over.
    Adjust(Adjustment),
    /// Something happened in an attempt of an activity.
    Attempt(AttemptEvent),
    /// Another program changed the document. The change was kept in a file beside it and not adopted.
    Aside(Aside),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Init {
    #[serde(rename = "productID")]
    pub product: ProductId,
    pub stock: Stock,
    #[serde(rename = "orderID")]
    pub last_order: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commit {
    pub key: IdempotencyKey,
    pub payload: Payload,
    #[serde(flatten)]
    pub receipt: Receipt,
    pub guard: Guard,
    #[serde(flatten)]
    pub origin: Origin,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// `None` where the order's id itself is malformed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub key: Option<IdempotencyKey>,
    /// The application failure's type: `InvalidOrder`, `InvalidQuantity`, `UnknownProduct`, `InsufficientStock` or
    /// `OrderConflict`.
    pub code: String,
    pub message: String,
    #[serde(rename = "workflowID")]
    pub workflow: String,
    #[serde(rename = "runID")]
    pub run: String,
}

impl Refused {
    /// An effect that the store refused with `error`.
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

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Adjustment {
    pub delta: i64,
    pub stock: Stock,
    #[serde(rename = "orderID")]
    pub last_order: String,
    pub reason: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Aside {
    /// The suffix of the copy's name.
    pub suffix: String,
    pub reason: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptEvent {
    #[serde(flatten)]
    pub origin: Origin,
    #[serde(flatten)]
    pub phase: Phase,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "phase", rename_all = "lowercase")]
pub enum Phase {
    Started,
    /// A planned fault that ends or delays the attempt strikes now; an `error` shows as [`Phase::Failed`] instead.
    Fault {
        point: Point,
        action: Action,
    },
    Completed {
        outcome: Outcome,
    },
    Failed {
        code: String,
        message: String,
        retryable: bool,
        /// The point of the planned fault, where one caused it.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        point: Option<Point>,
    },
}

/// What an effect came to, in the words that people see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    Applied,
    /// The ledger knew it.
    Replayed,
    /// The `last-order` guard took it for known.
    Skipped,
}

impl Outcome {
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Replayed => "replayed",
            Self::Skipped => "skipped",
        }
    }
}

impl From<Outcome> for OrderOutcome {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Applied => Self::Applied,
            Outcome::Replayed => Self::Replayed,
            Outcome::Skipped => Self::Skipped,
        }
    }
}

impl Record {
    /// The line, with its line feed.
    ///
    /// # Errors
    /// None that can happen: the type has only keys and values that JSON knows.
    pub fn encode(&self) -> serde_json::Result<Vec<u8>> {
        let mut line = line::seal(&serde_json::to_vec(self)?);
        line.push(b'\n');
        Ok(line)
    }

    /// Reads a line, given without its line feed.
    ///
    /// # Errors
    /// [`LineError`] when a bit of it is not as it was written.
    pub fn decode(line: &[u8]) -> Result<Self, LineError> {
        let body = line::open(line)?;
        serde_json::from_slice(&body).map_err(|error| LineError::NoRecord(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
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
    fn every_kind_comes_back_as_it_was() {
        let phases = [
            Phase::Started,
            Phase::Fault { point: Point::AfterCommit, action: Action::Crash },
            Phase::Fault { point: Point::BeforeCommit, action: Action::Delay { millis: 20 } },
            Phase::Completed { outcome: Outcome::Replayed },
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
