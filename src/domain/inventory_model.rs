//! An inventory with its whole ledger in memory.

use std::{collections::HashMap, ops::Deref};

use super::{
    Change, Decision, Effect, Guard, IdempotencyKey, Intent, Inventory, LedgerEntry, Origin, Outbox, ProductId,
    Refusal, Stock,
};

/// An inventory with its whole ledger in memory, for predictions and tests, which have few orders.
#[derive(Debug, Clone)]
pub struct InventoryModel {
    inventory: Inventory,
    ledger: HashMap<IdempotencyKey, LedgerEntry>,
}

impl InventoryModel {
    /// An inventory with nothing in its ledger but `last_order`; see [`Inventory::applied_before`].
    #[must_use]
    pub fn new(product: ProductId, stock: Stock, last_order: &str, reorder_below: Stock) -> Self {
        let earlier = Inventory::applied_before(last_order).map(|key| (key, LedgerEntry::earlier(stock)));
        let inventory = Inventory::new(product, stock, last_order, reorder_below);
        Self { inventory, ledger: earlier.into_iter().collect() }
    }

    /// Returns what `effect` would do; see [`Inventory::decide`].
    ///
    /// # Errors
    /// [`Refusal`] like [`Inventory::decide`].
    pub fn decide(&self, effect: &Effect, guard: Guard, run: &str) -> Result<Decision, Refusal> {
        self.inventory.decide(effect, guard, run, self.ledger.get(&effect.key()).cloned())
    }

    /// Applies a decided change. The ledger keeps the first change of a key.
    pub fn apply(&mut self, change: Change, origin: &Origin) {
        self.inventory.apply(&change.receipt, origin);
        self.record(change, origin);
    }

    /// Adds an intent to the outbox.
    pub fn intend(&mut self, change: Change, intent: Intent) {
        self.record(change, &intent.origin);
        self.inventory.outbox.add(intent);
    }

    /// Begins to send an intent.
    pub fn begin_try(&mut self, intent: &Intent) {
        self.inventory.outbox.on_try(intent.line, intent.latest_try(), intent.due);
    }

    /// Removes all intents, which the supplier refused.
    pub fn refuse_intents(&mut self) {
        self.inventory.outbox = Outbox::default();
    }

    /// Credits the shipment of an intent.
    pub fn fulfil(&mut self, change: &Change, intent: &Intent) {
        self.inventory.apply(&change.receipt, &intent.origin);
        self.inventory.outbox.remove(intent.line);
    }

    fn record(&mut self, change: Change, origin: &Origin) {
        let Change { key, payload, receipt, .. } = change;
        let entry = LedgerEntry { payload: Some(payload), receipt, run: Some(origin.run.clone()) };
        self.ledger.entry(key).or_insert(entry);
    }
}

impl Deref for InventoryModel {
    type Target = Inventory;

    fn deref(&self) -> &Inventory {
        &self.inventory
    }
}
