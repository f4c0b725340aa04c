//! Compares a supplier's shipments with the credits in a journal.

use std::collections::BTreeMap;

use crate::{
    domain::{OrderId, ShipmentId, Units},
    store::{Fact, Record, Verdict},
    supplier::api::Shipment,
};

/// A shipment that was not credited once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unpaired {
    /// The shipment.
    pub shipment: ShipmentId,
    /// Its order.
    pub order: OrderId,
    /// How often it was credited.
    pub credits: u32,
    /// Whether the supplier has it.
    pub is_shipped: bool,
}

/// What is known about a shipment.
#[derive(Debug, Clone)]
struct Entry {
    order: OrderId,
    credits: u32,
    is_shipped: bool,
}

/// Shipments and credits, matched by the id of the shipment.
#[derive(Debug, Clone, Default)]
pub struct Pairing {
    /// All shipments for orders of this program.
    pub shipped: Units,
    /// All shipments for orders of other clients, which are not compared.
    pub others: Units,
    /// All credits of shipments.
    pub credited: Units,
    entries: BTreeMap<ShipmentId, Entry>,
}

impl Pairing {
    /// Adds a record of the journal. A record without a shipment changes nothing.
    pub fn add_record(&mut self, record: &Record) {
        if let Fact::Supplier(commit) = &record.fact
            && let Some(shipment) = &commit.shipment
        {
            self.credited.add(commit.receipt.delta);
            self.entry(shipment.clone(), &commit.origin.order).credits += 1;
        }
    }

    /// Adds a shipment of the supplier's list.
    pub fn add_shipment(&mut self, shipment: &Shipment) {
        if !shipment.order.quantity.is_of_this_program() {
            return self.others.add(shipment.order.quantity.units());
        }
        self.shipped.add(shipment.order.quantity.units());
        self.entry(shipment.shipment.to_string().into(), &shipment.order.reference).is_shipped = true;
    }

    /// Forgets the journal's records, which are then read again.
    pub fn forget_credits(&mut self) {
        self.credited = Units::default();
        self.entries.retain(|_, entry| entry.is_shipped);
        self.entries.values_mut().for_each(|entry| entry.credits = 0);
    }

    /// Whether the journal has a credit of this shipment.
    #[must_use]
    pub fn is_credited(&self, shipment: &Shipment) -> bool {
        let id = ShipmentId::from(shipment.shipment.to_string());
        self.entries.get(&id).is_some_and(|entry| entry.credits > 0)
    }

    fn entry(&mut self, shipment: ShipmentId, order: &OrderId) -> &mut Entry {
        let unknown = || Entry { order: order.clone(), credits: 0, is_shipped: false };
        self.entries.entry(shipment).or_insert_with(unknown)
    }

    /// The shipments without exactly one credit, by id.
    pub fn unpaired(&self) -> impl Iterator<Item = Unpaired> + '_ {
        self.entries.iter().filter(|(_, entry)| !entry.is_shipped || entry.credits != 1).map(|(shipment, entry)| {
            let Entry { order, credits, is_shipped } = entry.clone();
            Unpaired { shipment: shipment.clone(), order, credits, is_shipped }
        })
    }

    /// Right if each shipment was credited once, and nothing else was.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        let pairs = self.unpaired().next().is_none();
        if pairs && self.shipped == self.credited { Verdict::Right } else { Verdict::Wrong }
    }
}

impl std::fmt::Display for Unpaired {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { shipment, order, credits, is_shipped } = self;
        match (is_shipped, credits) {
            (true, 0) => write!(f, "{shipment} for order {order} was shipped and not credited"),
            (true, _) => write!(f, "{shipment} for order {order} was credited {credits} times"),
            (false, _) => write!(f, "{shipment} for order {order} was credited, and the supplier does not have it"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::{Activity, Attempt, Guard, IdempotencyKey, Origin, ProductId, Receipt, UnixMillis},
        store::record::Commit,
        supplier::api::{OrderRequest, Quantity, ShipmentNumber},
    };

    fn credit(order: &str, shipment: Option<&str>) -> Record {
        let order = OrderId::new(order).unwrap();
        let commit = Commit {
            key: IdempotencyKey::supplier(&order),
            payload: "1000 x 123456".parse().unwrap(),
            receipt: Receipt { delta: 1000, stock: 1001 },
            shipment: shipment.map(|id| id.to_owned().into()),
            intent: None,
            relay: None,
            guard: Guard::Ledger,
            origin: Origin {
                order,
                workflow: "w".into(),
                run: "r".into(),
                activity: Activity::SupplierOrder,
                attempt: Attempt::FIRST,
            },
        };
        Record { seq: 1, at: UnixMillis(1), fact: Fact::Supplier(commit) }
    }

    #[test]
    fn shipments_of_other_clients_are_counted_and_not_compared() {
        let mut pairing = Pairing::default();
        let mut other = shipment(1, "A");
        other.order.quantity = Quantity::new(7).unwrap();
        pairing.add_shipment(&other);
        assert_eq!((pairing.verdict(), pairing.shipped.count), (Verdict::Right, 0));
        assert_eq!((pairing.others.count, pairing.others.units), (1, 7));
        // A credit of it would be wrong.
        pairing.add_record(&credit("A", Some("S-1")));
        assert_eq!(pairing.verdict(), Verdict::Wrong);
    }

    fn shipment(number: u64, order: &str) -> Shipment {
        let order = OrderRequest {
            product: ProductId::new("123456").unwrap(),
            quantity: Quantity::new(1000).unwrap(),
            reference: OrderId::new(order).unwrap(),
        };
        Shipment { shipment: ShipmentNumber(number), order, key: None, at: UnixMillis(1) }
    }

    fn of(shipments: &[(u64, &str)], credits: &[(&str, Option<&str>)]) -> (Verdict, Vec<String>) {
        let mut pairing = Pairing::default();
        for (order, shipment) in credits {
            pairing.add_record(&credit(order, *shipment));
        }
        for (number, order) in shipments {
            pairing.add_shipment(&shipment(*number, order));
        }
        (pairing.verdict(), pairing.unpaired().map(|unpaired| unpaired.to_string()).collect())
    }

    #[test]
    fn each_shipment_is_credited_once_or_the_pair_is_wrong() {
        assert_eq!(of(&[], &[]), (Verdict::Right, vec![]));
        assert_eq!(of(&[(1, "A"), (2, "B")], &[("B", Some("S-2")), ("A", Some("S-1"))]), (Verdict::Right, vec![]));
        // Units that no supplier shipped are not compared.
        assert_eq!(of(&[], &[("A", None)]), (Verdict::Right, vec![]));
        for (shipments, credits, expected) in [
            (&[(1, "A"), (2, "A")][..], &[("A", Some("S-2"))][..], "S-1 for order A was shipped and not credited"),
            (&[(1, "A")], &[("A", Some("S-1")), ("A", Some("S-1"))], "S-1 for order A was credited 2 times"),
            (&[], &[("A", Some("S-1"))], "S-1 for order A was credited, and the supplier does not have it"),
        ] {
            assert_eq!(of(shipments, credits), (Verdict::Wrong, vec![expected.to_owned()]));
        }
    }
}
