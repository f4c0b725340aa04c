//! Audit of a journal: which stock is right, and which effects were applied twice. Pure.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    key_index::KeyIndex,
    record::{Commit, Fact, Phase, Record, RelayEvent},
};
use crate::domain::{IdempotencyKey, Payload, Stock, Units};

/// Whether the stock is right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// The stock is as expected, and no effect was applied twice.
    Right,
    /// The stock is not as expected, or an effect was applied twice.
    Wrong,
}

impl Verdict {
    /// Name in scenario files and `--json`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Right => "right",
            Self::Wrong => "wrong",
        }
    }
}

/// A supplier order in the outbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OnOrder {
    /// Its key.
    key: IdempotencyKey,
    /// Number of units.
    pub units: i64,
}

/// The totals of a journal.
///
/// `expected = initial - quantities of distinct orders + supplier credits, one per key + adjustments`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Audit {
    /// Stock at the start.
    pub initial: Stock,
    /// Stock if each effect was applied once.
    pub expected: Stock,
    /// Stock now.
    pub actual: Stock,
    /// Number of distinct orders that were applied.
    pub orders: u64,
    /// Number of distinct supplier orders that added units.
    pub supplier_orders: u64,
    /// Credits of shipments. Without a guard, a supplier order can have several.
    #[serde(default, skip_serializing_if = "Units::is_none")]
    pub credited: Units,
    /// Supplier orders in the outbox, by the line of their intent.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub outbox: BTreeMap<u64, OnOrder>,
    /// Supplier orders of the outbox that the supplier refused.
    #[serde(default, skip_serializing_if = "Units::is_none")]
    pub refused: Units,
    /// Number of changes to the document that were adopted.
    pub adjustments: u64,
    /// Keys whose effect changed the stock more than once, in the order of the second change.
    pub applied_twice: Vec<IdempotencyKey>,
    /// Number of the last line.
    pub seq: u64,
    /// Number of changes of each key for which it does not follow from the key's first line.
    times: BTreeMap<IdempotencyKey, u32>,
    /// All keys.
    #[serde(skip)]
    keys: KeyIndex,
}

impl Audit {
    /// Returns the audit of a database with `stock` units and no effects.
    #[must_use]
    pub fn beginning_with(stock: Stock) -> Self {
        Self { initial: stock, expected: stock, actual: stock, ..Self::default() }
    }

    /// Adds the next record. `place` is what the caller needs to find its line again, such as its number.
    pub fn observe(&mut self, record: &Record, place: u64) {
        self.seq = record.seq;
        match &record.fact {
            Fact::Init(init) => {
                *self = Self { seq: self.seq, ..Self::beginning_with(init.stock) };
                // The order in a starting document was applied before the journal began.
                self.know(record, place);
            }
            Fact::Order(commit) => {
                if self.apply(commit, place) {
                    self.orders += 1;
                }
            }
            Fact::Supplier(commit) => {
                if commit.shipment.is_some() {
                    self.credited.add(commit.receipt.delta);
                }
                if let Some(intent) = commit.intent {
                    self.fulfil(intent, commit);
                } else if commit.receipt.delta == 0 {
                    self.know(record, place);
                } else if self.apply(commit, place) {
                    self.supplier_orders += 1;
                }
            }
            Fact::Intent(commit) => {
                self.count(&commit.key, place);
                let units = match commit.payload {
                    Payload::Units { quantity, .. } => quantity,
                    Payload::Other(_) => 0,
                };
                self.outbox.insert(record.seq, OnOrder { key: commit.key.clone(), units });
            }
            Fact::Relay(RelayEvent { intent, event }) => {
                if matches!(event.phase, Phase::Failed { retryable: false, .. })
                    && let Some(OnOrder { key, units }) = self.outbox.remove(intent)
                {
                    self.refused.add(units);
                    let times = self.times_counted(&key);
                    self.times.insert(key, times.saturating_sub(1));
                }
            }
            Fact::Adjust(adjustment) => {
                self.adjustments += 1;
                self.expected = self.expected.saturating_add(adjustment.delta);
                self.actual = adjustment.stock;
                self.know(record, place);
            }
            Fact::Reject(_) | Fact::Attempt(_) | Fact::Aside(_) | Fact::Compacted(_) => {}
        }
    }

    /// Adds the key of a line that the totals include.
    pub fn know(&mut self, record: &Record, place: u64) {
        let fact = &record.fact;
        let (key, changed_stock) = match fact {
            Fact::Order(commit) | Fact::Supplier(commit) => (fact.ledger_key(), commit.receipt.delta != 0),
            _ => (fact.ledger_key(), true),
        };
        if let Some(key) = key {
            self.keys.add(&key, place, changed_stock);
        }
    }

    /// Forgets the keys. Before a record may repeat one of them, it must be added again by [`Self::know`].
    pub(super) fn forget_keys(&mut self) {
        self.keys = KeyIndex::default();
    }

    /// Adds an effect. Returns whether it is the first with its key.
    fn apply(&mut self, commit: &Commit, place: u64) -> bool {
        self.actual = commit.receipt.stock;
        let times = self.count(&commit.key, place);
        match times {
            0 => self.expected = self.expected.saturating_add(commit.receipt.delta),
            1 => self.applied_twice.push(commit.key.clone()),
            _ => {}
        }
        times == 0
    }

    /// Counts an effect of a key. Returns how many there were before.
    fn count(&mut self, key: &IdempotencyKey, place: u64) -> u32 {
        let others = self.keys.add(key, place, true);
        let times = self.times.get(key).copied().unwrap_or_else(|| u32::from(others.changed_stock));
        if times > 0 || others.exist {
            self.times.insert(key.clone(), times + 1);
        }
        times
    }

    /// Number of times that a key was counted, if it was counted with an intent.
    fn times_counted(&self, key: &IdempotencyKey) -> u32 {
        self.times.get(key).copied().unwrap_or(1)
    }

    /// Adds the credit of an intent, whose key was counted with the intent.
    fn fulfil(&mut self, intent: u64, commit: &Commit) {
        self.actual = commit.receipt.stock;
        let open = self.outbox.values().filter(|order| order.key == commit.key).count();
        self.outbox.remove(&intent);
        if self.times_counted(&commit.key) as usize <= open {
            self.expected = self.expected.saturating_add(commit.receipt.delta);
            self.supplier_orders += 1;
        } else if !self.applied_twice.contains(&commit.key) {
            self.applied_twice.push(commit.key.clone());
        }
    }

    /// Number of times that the effect of `key` was applied, or is in the outbox.
    #[must_use]
    pub fn times_applied(&self, key: &IdempotencyKey) -> u32 {
        self.times.get(key).copied().unwrap_or_else(|| u32::from(self.keys.has_changed_stock(key)))
    }

    /// Returns the places of the lines that may have recorded `key`, in ascending order. Another key can have the same
    /// digest.
    pub(super) fn lines_of(&self, key: &IdempotencyKey) -> Vec<u64> {
        self.keys.lines_of(key)
    }

    /// All keys, which the serialized form does not contain.
    pub(super) const fn keys_mut(&mut self) -> &mut KeyIndex {
        &mut self.keys
    }

    /// All keys.
    pub(super) const fn keys(&self) -> &KeyIndex {
        &self.keys
    }

    /// The supplier orders in the outbox.
    #[must_use]
    pub fn on_order(&self) -> Units {
        let mut units = Units::default();
        self.outbox.values().for_each(|order| units.add(order.units));
        units
    }

    /// Returns the totals alone.
    pub(super) fn without_keys(&self) -> Self {
        Self {
            applied_twice: self.applied_twice.clone(),
            times: self.times.clone(),
            outbox: self.outbox.clone(),
            keys: KeyIndex::default(),
            ..*self
        }
    }

    /// Whether the stock is right.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        if self.expected == self.actual && self.applied_twice.is_empty() { Verdict::Right } else { Verdict::Wrong }
    }

    /// Returns the verdict as a sentence, with a remedy if the stock is wrong.
    #[must_use]
    pub fn sentence(&self) -> String {
        let Self { expected, actual, .. } = self;
        match (self.verdict(), self.applied_twice.as_slice()) {
            (Verdict::Right, _) => {
                format!(
                    "stock {actual} is right; orders {}, supplier orders {}, each applied once",
                    self.orders, self.supplier_orders
                )
            }
            (Verdict::Wrong, []) => {
                format!(
                    "stock {actual} is wrong: the journal's effects result in {expected}. Start again with: idempotence reset"
                )
            }
            (Verdict::Wrong, twice) => {
                let (keys, more) = twice.split_at(twice.len().min(5));
                let keys: Vec<_> = keys.iter().map(IdempotencyKey::as_str).collect();
                let more = if more.is_empty() { String::new() } else { format!(" and {} more", more.len()) };
                format!(
                    "stock {actual} is wrong and should be {expected}; applied twice: {}{more}. The guard ledger \
                     prevents this",
                    keys.join(", ")
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::record::Init, *};
    use crate::domain::{Activity, Attempt, Guard, OrderId, Origin, Payload, ProductId, Receipt, UnixMillis};

    fn record(seq: u64, fact: Fact) -> Record {
        Record { seq, at: UnixMillis(0), fact }
    }

    fn init(last_order: &str) -> Record {
        let product = ProductId::new("123456").unwrap();
        record(1, Fact::Init(Init { product, stock: 1000, last_order: last_order.into() }))
    }

    fn order(seq: u64, id: &str, delta: i64, stock: i64) -> Record {
        let order = OrderId::new(id).unwrap();
        let origin = Origin {
            order: order.clone(),
            workflow: "w".into(),
            run: "r".into(),
            activity: Activity::UpdateInventory,
            attempt: Attempt::FIRST,
        };
        let key = IdempotencyKey::order(&order);
        let commit = Commit {
            key,
            payload: Payload::from(String::new()),
            receipt: Receipt { delta, stock },
            shipment: None,
            intent: None,
            relay: None,
            guard: Guard::Off,
            origin,
        };
        record(seq, Fact::Order(commit))
    }

    fn audit(records: &[Record]) -> Audit {
        let mut audit = Audit::default();
        for record in records {
            audit.observe(record, record.seq);
        }
        audit
    }

    #[test]
    fn distinct_orders_are_right() {
        let audit = audit(&[init("000"), order(2, "A", -10, 990), order(3, "B", -10, 980)]);
        assert_eq!((audit.expected, audit.actual, audit.verdict()), (980, 980, Verdict::Right));
    }

    #[test]
    fn a_second_application_is_seen_and_named() {
        let audit = audit(&[init("000"), order(2, "A", -10, 990), order(3, "A", -10, 980)]);
        assert_eq!((audit.expected, audit.actual, audit.verdict()), (990, 980, Verdict::Wrong));
        assert!(audit.sentence().contains("order:A"), "{}", audit.sentence());
    }

    /// A supplier order that was not needed is repeated without a guard when units are needed.
    #[test]
    fn totals_without_keys_continue_with_the_first_line_of_each_repeated_key() {
        let supplier = |seq, delta, stock| match order(seq, "S", delta, stock).fact {
            Fact::Order(commit) => record(seq, Fact::Supplier(commit)),
            _ => unreachable!(),
        };
        let records = [
            init("000"),
            order(2, "A", -10, 990),
            supplier(3, 0, 990),
            order(4, "B", -90, 900),
            supplier(5, 1000, 1900),
            order(6, "A", -10, 1890),
            supplier(7, 1000, 2890),
            order(8, "A", -10, 2880),
            order(9, "C", -10, 2870),
        ];
        let first_of =
            |wanted: &Record| records.iter().find(|record| record.fact.ledger_key() == wanted.fact.ledger_key());
        let whole = audit(&records);
        assert_eq!((whole.orders, whole.supplier_orders, whole.applied_twice.len()), (3, 1, 2));
        for covered in 1..records.len() {
            let mut totals = audit(&records[..covered]).without_keys();
            for next in &records[covered..] {
                totals.know(first_of(next).filter(|first| first.seq <= covered as u64).unwrap_or(&records[0]), 0);
                totals.observe(next, next.seq);
            }
            assert_eq!(totals.without_keys(), whole.without_keys(), "the first {covered} lines are covered");
        }
    }

    #[test]
    fn the_starting_documents_own_order_counts() {
        assert_eq!(audit(&[init("A"), order(2, "A", -10, 990)]).verdict(), Verdict::Wrong);
    }
}
