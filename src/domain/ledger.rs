//! What the ledger records under an idempotency key.

use serde::{Deserialize, Serialize};

use super::{Payload, Stock};

/// The recorded result of a committed effect. A repetition gets the same receipt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The change of the stock: negative for an order, positive for a supplier credit, 0 if none was needed.
    pub delta: i64,
    /// The stock after it.
    pub stock: Stock,
}

/// The ledger's record of one effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerEntry {
    /// The effect's payload. `None` if the effect is older than the ledger: an order that a document from another
    /// program names.
    pub payload: Option<Payload>,
    /// The effect's result.
    pub receipt: Receipt,
    /// The workflow run that made the effect; `None` if it is older than the ledger.
    pub run: Option<String>,
}

impl LedgerEntry {
    /// Returns the entry of an order that was applied before the ledger began. `stock` is the stock at that time.
    #[must_use]
    pub const fn earlier(stock: Stock) -> Self {
        Self { payload: None, receipt: Receipt { delta: 0, stock }, run: None }
    }
}
