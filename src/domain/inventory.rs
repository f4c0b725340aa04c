//! The stock of one product and the decision about the next effect. The ledger of the effects that made the stock is
//! the store's: it looks up a key before each decision.

use std::collections::{HashMap, VecDeque};

use serde::{Deserialize, Serialize};

use super::{
    Activity, Delivery, Effect, Guard, IdempotencyKey, Intent, LedgerEntry, MAX_QUANTITY, Origin, Outbox, Payload,
    ProductId, Receipt, Rejection, ShipmentId, Stock, SupplierOrder,
};

/// Default of [`InventoryRules::max_ended`].
const MAX_ENDED_EXECUTIONS: usize = 16_384;

/// The rules of an inventory that do not come from its lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InventoryRules {
    /// A supplier order is needed below this stock.
    pub reorder_below: Stock,
    /// Number of ended activity executions that are remembered, in case a line of an earlier attempt comes late. It must be
    /// the same in every process.
    pub max_ended: usize,
}

impl From<Stock> for InventoryRules {
    fn from(reorder_below: Stock) -> Self {
        Self { reorder_below, max_ended: MAX_ENDED_EXECUTIONS }
    }
}

/// A change of the stock that was decided and not applied yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The key of its effect.
    pub key: IdempotencyKey,
    /// The payload of its effect.
    pub payload: Payload,
    /// Its result.
    pub receipt: Receipt,
    /// The shipment that it credits; `None` if no supplier shipped units for it.
    pub shipment: Option<ShipmentId>,
}

/// What to do with an effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Commit this.
    Apply(Change),
    /// The ledger has this effect: return its receipt.
    Replay {
        /// The recorded result.
        receipt: Receipt,
        /// Whether the workflow run that asks made the effect itself.
        same_run: bool,
    },
    /// The `last-order` guard takes the order for a repetition, because it is the last one. Nothing changes.
    Skip(Receipt),
    /// A supplier must ship the units first. Nothing changes.
    Ship,
    /// Commit this intent to order from the supplier. The stock does not change.
    Intend(Change),
}

/// Why an effect is refused permanently.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The rules do not allow it.
    Rejected(Rejection),
    /// The key is recorded with another payload, so this is a mistake and not a repetition.
    Conflict {
        /// The key.
        key: IdempotencyKey,
        /// The payload in the ledger.
        recorded: Payload,
        /// The payload of the refused effect.
        asked: Payload,
    },
}

/// The state after the journal's lines, without the ledger.
#[derive(Debug, Clone)]
pub struct Inventory {
    /// Its only product.
    pub product: ProductId,
    /// Units in stock.
    pub stock: Stock,
    /// The id of the last order, as the document shows it; "000" before the first order.
    pub last_order: String,
    retries: [u64; Activity::ALL.len()],
    /// Attempt numbers by run and activity, of executions that have not ended and of the latest that have.
    attempts_seen: HashMap<ActivityExecution, Numbers>,
    /// Executions that have ended, oldest first.
    ended: VecDeque<ActivityExecution>,
    /// The stock at which an order was refused as too large, by idempotency key and run.
    too_little: HashMap<(IdempotencyKey, Box<str>), Stock>,
    /// Supplier orders that are recorded and not shipped yet.
    pub outbox: Outbox,
    rules: InventoryRules,
}

impl Inventory {
    /// The order id that means "none yet" in a starting document, and is an ordinary id in an order.
    pub const NO_ORDER: &'static str = "000";

    /// An inventory whose last order is `last_order`.
    #[must_use]
    pub fn new(product: ProductId, stock: Stock, last_order: &str, rules: impl Into<InventoryRules>) -> Self {
        Self {
            product,
            stock,
            last_order: last_order.to_owned(),
            retries: [0; Activity::ALL.len()],
            attempts_seen: HashMap::new(),
            ended: VecDeque::new(),
            too_little: HashMap::new(),
            outbox: Outbox::default(),
            rules: rules.into(),
        }
    }

    /// Returns what `effect` would do now in workflow run `run`. Changes nothing. `recorded` is the ledger's entry for
    /// the effect's key; only [`Guard::Ledger`] uses it.
    ///
    /// # Errors
    /// [`Refusal`] if the rules forbid the effect, or if its key is recorded with another payload.
    pub fn decide(
        &self,
        effect: &Effect,
        guard: Guard,
        run: &str,
        recorded: Option<LedgerEntry>,
    ) -> Result<Decision, Refusal> {
        match guard {
            Guard::Ledger => {
                if let Some(entry) = recorded {
                    return repeat(entry, effect, run);
                }
                // This refusal ended the run. A late attempt of the run must not change anything.
                let refused = (effect.key(), run.into());
                if let Some(stock) = self.too_little.get(&refused) {
                    let quantity = effect.quantity();
                    return Err(Refusal::Rejected(Rejection::InsufficientStock { quantity, stock: *stock }));
                }
            }
            Guard::LastOrder => {
                if matches!(effect, Effect::Order(order) if order.id.as_str() == self.last_order) {
                    return Ok(Decision::Skip(Receipt { delta: 0, stock: self.stock }));
                }
            }
            Guard::Off => {}
        }
        let delta = self.validate(effect, guard).map_err(Refusal::Rejected)?;
        let shipment = match effect {
            Effect::Supplier(SupplierOrder { delivery: Delivery::NotShipped, .. }) if delta != 0 => {
                return Ok(Decision::Ship);
            }
            Effect::Supplier(SupplierOrder { delivery: Delivery::Outbox(_), .. }) if delta != 0 => {
                let receipt = Receipt { delta: 0, stock: self.stock };
                let (key, payload) = (effect.key(), effect.payload());
                return Ok(Decision::Intend(Change { key, payload, receipt, shipment: None }));
            }
            Effect::Supplier(SupplierOrder { delivery: Delivery::Shipped(shipment), .. }) => Some(shipment.clone()),
            Effect::Supplier(_) | Effect::Order(_) => None,
        };
        // Only a document from another program can bring the stock so close to the lowest number.
        let quantity = effect.quantity();
        let too_little = Rejection::InsufficientStock { quantity, stock: self.stock };
        let stock = self.stock.checked_add(delta).ok_or(Refusal::Rejected(too_little))?;
        let receipt = Receipt { delta, stock };
        Ok(Decision::Apply(Change { key: effect.key(), payload: effect.payload(), receipt, shipment }))
    }

    /// Returns the change of the stock if the rules allow the effect.
    fn validate(&self, effect: &Effect, guard: Guard) -> Result<i64, Rejection> {
        let quantity = effect.quantity();
        if *effect.product() != self.product {
            let product = effect.product().to_string();
            return Err(Rejection::UnknownProduct { product, known: self.product.clone() });
        }
        if !(1..=MAX_QUANTITY).contains(&quantity) {
            return Err(Rejection::InvalidQuantity { quantity });
        }
        match effect {
            // The original demo has no such check. It would hide half of what goes wrong without a ledger.
            Effect::Order(_) if guard == Guard::Ledger && quantity > self.stock => {
                Err(Rejection::InsufficientStock { quantity, stock: self.stock })
            }
            Effect::Order(_) => Ok(-quantity),
            // The units are on their way and paid for.
            Effect::Supplier(SupplierOrder { delivery: Delivery::Shipped(_), .. }) => Ok(quantity),
            // Units on order arrive without another one.
            Effect::Supplier(_) if self.stock.saturating_add(self.outbox.units()) < self.rules.reorder_below => {
                Ok(quantity)
            }
            Effect::Supplier(_) => Ok(0),
        }
    }

    /// Applies a committed effect, whose result is `receipt`.
    pub fn apply(&mut self, receipt: &Receipt, origin: &Origin) {
        self.stock = receipt.stock;
        if origin.activity == Activity::UpdateInventory {
            origin.order.as_str().clone_into(&mut self.last_order);
        }
    }

    /// Returns the change that credits the shipment of an intent; `None` if the intent is not in the outbox any more, because
    /// another worker has credited it or the database was reset.
    #[must_use]
    pub fn credit(&self, intent: &Intent, shipment: ShipmentId) -> Option<Change> {
        let SupplierOrder { product, quantity, .. } = &intent.order;
        self.outbox.contains(intent.line, &intent.origin).then(|| Change {
            key: intent.key(),
            payload: Payload::Units { quantity: *quantity, product: product.clone() },
            receipt: Receipt { delta: *quantity, stock: self.stock.saturating_add(*quantity) },
            shipment: Some(shipment),
        })
    }

    /// Records that a run was refused because its order was larger than the stock.
    pub fn refuse(&mut self, key: &IdempotencyKey, run: &str) {
        let refused = (key.clone(), run.into());
        self.too_little.entry(refused).or_insert(self.stock);
    }

    /// Sets the stock and the last order to those that another program wrote into the document.
    pub fn adjust(&mut self, stock: Stock, last_order: &str) {
        self.stock = stock;
        last_order.clone_into(&mut self.last_order);
    }

    /// Returns the key of the order that a document from another program names: it was applied before.
    #[must_use]
    pub fn applied_before(last_order: &str) -> Option<IdempotencyKey> {
        if last_order == Self::NO_ORDER {
            None
        } else {
            last_order.parse().ok().map(|order| IdempotencyKey::order(&order))
        }
    }

    /// Counts retries from attempt numbers: an execution has its highest number - 1, and one more for each number that
    /// starts again, as after Temporal's activity reset. `begins` marks the start of the attempt. Returns whether the
    /// count changed.
    pub fn observe_attempt(&mut self, origin: &Origin, begins: bool) -> bool {
        let execution = execution_of(origin);
        let seen = self.attempts_seen.entry(execution).or_default();
        let more = seen.observe(origin.attempt.number(), begins);
        self.retries[origin.activity as usize] += u64::from(more);
        more > 0
    }

    /// Records the end of an activity execution. Its numbers are kept until enough other executions have ended, because a
    /// stalled worker may write late. The limit is a count and not a time, so that every process counts the same retries.
    pub fn end_execution(&mut self, origin: &Origin) {
        self.ended.push_back(execution_of(origin));
        if self.ended.len() > self.rules.max_ended
            && let Some(oldest) = self.ended.pop_front()
        {
            self.attempts_seen.remove(&oldest);
        }
    }

    /// Adds retries of attempts that are known only by their number.
    pub const fn add_retries(&mut self, activity: Activity, more: u64) {
        self.retries[activity as usize] += more;
    }

    /// The workflow runs whose attempt numbers are remembered; a run can occur twice.
    pub fn remembered_runs(&self) -> impl Iterator<Item = &str> {
        self.attempts_seen.keys().chain(&self.ended).map(|(run, _)| &**run)
    }

    /// Returns the inventory in a form that can be stored.
    #[must_use]
    pub fn state(&self) -> InventoryState {
        InventoryState {
            product: self.product.clone(),
            stock: self.stock,
            last_order: self.last_order.clone(),
            retries: self.retries,
            attempts_seen: self
                .attempts_seen
                .iter()
                .map(|(execution, numbers)| (execution.clone(), *numbers))
                .collect(),
            ended: self.ended.clone(),
            too_little: self.too_little.iter().map(|(refused, stock)| (refused.clone(), *stock)).collect(),
            outbox: self.outbox.clone(),
        }
    }

    /// Returns the inventory that was stored.
    #[must_use]
    pub fn resume(state: InventoryState, rules: InventoryRules) -> Self {
        let InventoryState { product, stock, last_order, retries, attempts_seen, ended, too_little, outbox } = state;
        let (attempts_seen, too_little) = (attempts_seen.into_iter().collect(), too_little.into_iter().collect());
        Self { product, stock, last_order, retries, attempts_seen, ended, too_little, outbox, rules }
    }

    /// Number of retries of an activity: the sum over its executions of (attempts - 1), attempts after a reset included.
    #[must_use]
    pub const fn retries(&self, activity: Activity) -> u64 {
        self.retries[activity as usize]
    }
}

/// Returns the decision about a repetition of the recorded effect in workflow run `run`.
fn repeat(recorded: LedgerEntry, effect: &Effect, run: &str) -> Result<Decision, Refusal> {
    let asked = effect.payload();
    match recorded.payload {
        Some(recorded) if recorded != asked => Err(Refusal::Conflict { key: effect.key(), recorded, asked }),
        _ => Ok(Decision::Replay { receipt: recorded.receipt, same_run: recorded.run.as_deref() == Some(run) }),
    }
}

/// An activity execution: its workflow run and its activity.
type ActivityExecution = (Box<str>, Activity);

fn execution_of(origin: &Origin) -> ActivityExecution {
    (origin.run.as_str().into(), origin.activity)
}

/// An [`Inventory`] in a form that can be stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InventoryState {
    product: ProductId,
    stock: Stock,
    last_order: String,
    retries: [u64; Activity::ALL.len()],
    attempts_seen: Vec<(ActivityExecution, Numbers)>,
    ended: VecDeque<ActivityExecution>,
    too_little: Vec<((IdempotencyKey, Box<str>), Stock)>,
    #[serde(default, skip_serializing_if = "Outbox::is_empty")]
    outbox: Outbox,
}

/// The attempt numbers of one activity execution since it was last reset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Numbers {
    highest: u32,
    /// Bit `i`: attempt `highest - i` has begun.
    begun: u64,
}

impl Default for Numbers {
    fn default() -> Self {
        Self { highest: 1, begun: 0 }
    }
}

impl Numbers {
    /// Returns the number of attempts that were not known before.
    fn observe(&mut self, number: u32, begins: bool) -> u32 {
        let (more, back) = (number.saturating_sub(self.highest), self.highest.saturating_sub(number));
        if more > 0 {
            *self = Self { highest: number, begun: self.begun.checked_shl(more).unwrap_or(0) };
        }
        match 1_u64.checked_shl(back) {
            _ if !begins => more,
            Some(bit) if self.begun & bit == 0 => {
                self.begun |= bit;
                more
            }
            // The number has started before, or is too old for a late line: the count starts again.
            _ => {
                *self = Self { highest: number, begun: 1 };
                1
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Attempt, InventoryModel, Order, OrderId, REORDER_BELOW, SupplierOrder};

    fn inventory(stock: Stock) -> InventoryModel {
        InventoryModel::new(product(), stock, Inventory::NO_ORDER, REORDER_BELOW)
    }

    fn product() -> ProductId {
        ProductId::new("123456").unwrap()
    }

    fn order(id: &str, quantity: i64) -> Effect {
        Effect::Order(Order { id: OrderId::new(id).unwrap(), product: product(), quantity })
    }

    fn supplier(id: &str) -> Effect {
        Effect::Supplier(SupplierOrder {
            order: OrderId::new(id).unwrap(),
            product: product(),
            quantity: 1000,
            delivery: Delivery::Immediate,
        })
    }

    fn origin(effect: &Effect, attempt: u32) -> Origin {
        let activity = effect.activity();
        Origin {
            order: effect.order_id().clone(),
            workflow: format!("order-{}", effect.order_id()),
            run: "run-1".into(),
            activity,
            attempt: Attempt::new(attempt).unwrap(),
        }
    }

    fn run(inventory: &mut InventoryModel, effect: &Effect, guard: Guard) -> Result<Decision, Refusal> {
        let decision = inventory.decide(effect, guard, "run-1")?;
        if let Decision::Apply(change) = decision.clone() {
            inventory.apply(change, &origin(effect, 1));
        }
        Ok(decision)
    }

    #[test]
    fn the_seed_scenario_ends_at_1001() {
        let mut stock = inventory(1000);
        run(&mut stock, &order("A12", 999), Guard::Ledger).unwrap();
        run(&mut stock, &supplier("A12"), Guard::Ledger).unwrap();
        assert_eq!((stock.stock, stock.last_order.as_str()), (1001, "A12"));
    }

    #[test]
    fn a_repetition_gets_the_recorded_receipt_even_when_the_stock_has_moved_on() {
        let mut stock = inventory(1000);
        run(&mut stock, &order("A", 10), Guard::Ledger).unwrap();
        run(&mut stock, &order("B", 10), Guard::Ledger).unwrap();
        let again = run(&mut stock, &order("A", 10), Guard::Ledger).unwrap();
        assert_eq!(again, Decision::Replay { receipt: Receipt { delta: -10, stock: 990 }, same_run: true });
        assert_eq!(stock.stock, 980);
    }

    #[test]
    fn units_of_a_supplier_are_credited_after_they_were_shipped() {
        let with = |delivery: Delivery| match supplier("A12") {
            Effect::Supplier(supplier) => Effect::Supplier(SupplierOrder { delivery, ..supplier }),
            Effect::Order(_) => unreachable!(),
        };
        let (unshipped, shipped) = (with(Delivery::NotShipped), with(Delivery::Shipped("S-1".to_owned().into())));
        let mut stock = inventory(1000);
        // Enough units: that is recorded, and nothing is sent.
        assert!(
            matches!(run(&mut stock, &unshipped, Guard::Ledger), Ok(Decision::Apply(change)) if change.receipt.delta == 0)
        );
        for (guard, then) in [(Guard::Ledger, 1001), (Guard::Off, 2001)] {
            let mut stock = inventory(1);
            assert_eq!(run(&mut stock, &unshipped, guard), Ok(Decision::Ship));
            let Ok(Decision::Apply(change)) = run(&mut stock, &shipped, guard) else { panic!("it was not recorded") };
            assert_eq!(change.shipment, Some("S-1".to_owned().into()));
            // The retry does not send again. Without a ledger it credits again what it sends again.
            let again = run(&mut stock, &unshipped, guard).unwrap();
            assert!(matches!(again, Decision::Replay { .. }) || guard == Guard::Off, "{again:?}");
            run(&mut stock, &shipped, guard).unwrap();
            assert_eq!(stock.stock, then, "{guard}");
        }
        // They are paid for, so they are credited although another delivery came first.
        let mut stock = inventory(1000);
        run(&mut stock, &shipped, Guard::Ledger).unwrap();
        assert_eq!(stock.stock, 2000);
    }

    #[test]
    fn last_order_remembers_only_the_last_and_off_remembers_nothing() {
        let mut stock = inventory(1000);
        run(&mut stock, &order("A", 10), Guard::LastOrder).unwrap();
        assert!(matches!(run(&mut stock, &order("A", 10), Guard::LastOrder), Ok(Decision::Skip(_))));
        run(&mut stock, &order("B", 10), Guard::LastOrder).unwrap();
        run(&mut stock, &order("A", 10), Guard::LastOrder).unwrap();
        assert_eq!(stock.stock, 970);
        run(&mut stock, &order("A", 10), Guard::Off).unwrap();
        assert_eq!(stock.stock, 960);
    }

    #[test]
    fn a_supplier_order_that_was_not_needed_stays_not_needed() {
        let mut stock = inventory(2);
        run(&mut stock, &supplier("A"), Guard::Ledger).unwrap();
        run(&mut stock, &order("B", 2), Guard::Ledger).unwrap();
        let again = run(&mut stock, &supplier("A"), Guard::Ledger).unwrap();
        assert_eq!(again, Decision::Replay { receipt: Receipt { delta: 0, stock: 2 }, same_run: true });
        assert_eq!(stock.stock, 0);
    }

    #[test]
    fn retries_are_counted_once_per_attempt_number_even_with_gaps() {
        let mut stock = Inventory::new(product(), 1000, Inventory::NO_ORDER, REORDER_BELOW);
        let effect = order("A", 1);
        for (attempt, begins) in [(1, true), (2, true), (2, false), (5, true), (3, true), (3, false)] {
            stock.observe_attempt(&origin(&effect, attempt), begins);
        }
        assert_eq!(stock.retries(Activity::UpdateInventory), 4);
        assert_eq!(stock.retries(Activity::SupplierOrder), 0);
    }

    /// Number of retries after attempts with these numbers have started one after the other.
    fn retries(numbers: impl IntoIterator<Item = u32>) -> u64 {
        let mut stock = Inventory::new(product(), 1000, Inventory::NO_ORDER, REORDER_BELOW);
        for number in numbers {
            stock.observe_attempt(&origin(&order("A", 1), number), true);
        }
        stock.retries(Activity::UpdateInventory)
    }

    #[test]
    fn attempts_that_begin_again_after_a_reset_are_retries_too() {
        assert_eq!(retries([1, 2, 3, 1, 2]), 4, "the wait before the fourth was cut short");
        assert_eq!(retries([1, 2, 2]), 2, "the second was reset while it ran");
        assert_eq!(retries([1, 1, 1]), 2);
        assert_eq!(retries((1..=200).chain(1..=3)), 202);
        assert_eq!(retries([1, 2, 3, 1, 3]), 5, "a gap after a reset");
    }

    #[test]
    fn executions_that_have_ended_are_forgotten_and_their_retries_are_not() {
        let mut stock = Inventory::new(product(), 1000, Inventory::NO_ORDER, REORDER_BELOW);
        let origin = |run: usize, attempt| Origin { run: format!("run-{run}"), ..origin(&order("A", 1), attempt) };
        let executions = MAX_ENDED_EXECUTIONS + 100;
        for run in 0..executions {
            for attempt in 1..=2 {
                stock.observe_attempt(&origin(run, attempt), true);
            }
            stock.end_execution(&origin(run, 2));
        }
        // One that has not ended is remembered however many come after it.
        stock.observe_attempt(&origin(executions, 3), true);
        for run in 0..executions {
            stock.end_execution(&origin(run, 2));
        }
        assert!(!stock.observe_attempt(&origin(executions, 3), false));
        assert_eq!(stock.retries(Activity::UpdateInventory), executions as u64 + 2);
        assert!(stock.attempts_seen.len() <= MAX_ENDED_EXECUTIONS + 1 && stock.ended.len() <= MAX_ENDED_EXECUTIONS);
    }

    #[test]
    fn a_payload_of_any_form_is_compared_byte_for_byte() {
        let mut stock = inventory(1000);
        for (id, payload) in [("A", "010 x 123456"), ("B", "10 x 654321"), ("C", "10 x 123456")] {
            let change = Change {
                key: order(id, 10).key(),
                payload: Payload::from(payload.to_owned()),
                receipt: Receipt { delta: -10, stock: stock.stock - 10 },
                shipment: None,
            };
            stock.apply(change, &origin(&order(id, 10), 1));
            match stock.decide(&order(id, 10), Guard::Ledger, "run-1") {
                Ok(Decision::Replay { same_run: true, .. }) => assert_eq!(payload, "10 x 123456"),
                Err(Refusal::Conflict { recorded, .. }) => assert_eq!(recorded.to_string(), payload),
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn a_last_order_in_the_starting_document_counts_as_applied() {
        let stock = InventoryModel::new(product(), 1001, "A12", REORDER_BELOW);
        assert!(matches!(stock.decide(&order("A12", 999), Guard::Ledger, "r"), Ok(Decision::Replay { .. })));
        let fresh = inventory(1000);
        assert!(matches!(fresh.decide(&order("000", 10), Guard::Ledger, "r"), Ok(Decision::Apply(_))));
    }
}
