//! The supplier of a headless world: shipments, and keys that expire.

use std::time::Duration;

use crate::{
    app::{Command, SupplierCounts, SupplierReport, SupplierState},
    domain::{KeyPolicy, OrderId, SUPPLIER_QUANTITY, ShipmentId, millis},
};

#[derive(Debug, Clone, Default)]
pub struct Supplier {
    pub down: bool,
    answers: u64,
    requests: u64,
    replayed: u64,
    outage: u32,
    shipments: Vec<Shipment>,
}

#[derive(Debug, Clone)]
struct Shipment {
    order: OrderId,
    units: i64,
    /// The time until which its key is known; `None` if it has no key.
    known_until: Option<u64>,
}

impl Shipment {
    fn is_ours(&self) -> bool {
        self.units == SUPPLIER_QUANTITY
    }
}

impl Supplier {
    /// Whether an outage refuses a request for a shipment.
    pub fn refuses(&mut self) -> bool {
        let refuses = self.outage > 0;
        self.requests += u64::from(refuses);
        self.outage = self.outage.saturating_sub(1);
        refuses
    }

    /// Ships the order, unless a shipment has its key. Returns the shipment, and whether it is an earlier one; `None` if the
    /// key belongs to another client's order.
    pub fn send(
        &mut self,
        order: &OrderId,
        policy: KeyPolicy,
        lifetime: Option<Duration>,
        now: u64,
    ) -> Option<(ShipmentId, bool)> {
        self.requests += 1;
        let known_until = matches!(policy, KeyPolicy::Header | KeyPolicy::Outbox)
            .then(|| now.saturating_add(lifetime.map_or(u64::MAX, millis::whole)));
        let is_known = |shipment: &Shipment| shipment.known_until.is_some_and(|until| now < until);
        let earlier = known_until
            .and_then(|_| self.shipments.iter().rposition(|shipment| shipment.order == *order && is_known(shipment)));
        if let Some(earlier) = earlier {
            let is_ours = self.shipments[earlier].is_ours();
            self.replayed += u64::from(is_ours);
            return is_ours.then(|| (id(earlier), true));
        }
        self.shipments.push(Shipment { order: order.clone(), units: SUPPLIER_QUANTITY, known_until });
        Some((id(self.shipments.len() - 1), false))
    }

    /// The newest shipment of an order.
    pub fn find(&self, order: &OrderId) -> Option<ShipmentId> {
        self.shipments.iter().rposition(|shipment| shipment.order == *order && shipment.is_ours()).map(id)
    }

    /// Obeys a command about the supplier. Returns its report; `None`: the command is about something else.
    pub fn obey(&mut self, command: &Command) -> Option<SupplierReport> {
        match command {
            Command::KillSupplier => self.down = true,
            Command::StartSupplier => self.down = false,
            Command::AskSupplier(number) => self.answers = *number,
            Command::SupplierOutage(requests) => self.outage = *requests,
            Command::OtherClientOrder(order) => {
                self.requests += 1;
                let (order, units) = (order.id.clone(), order.quantity);
                self.shipments.push(Shipment { order, units, known_until: Some(u64::MAX) });
            }
            _ => return None,
        }
        let shipped = self.shipments.iter().filter(|shipment| shipment.is_ours()).count() as u64;
        let units = i64::try_from(shipped).unwrap() * SUPPLIER_QUANTITY;
        let counts = SupplierCounts {
            requests: self.requests,
            shipped,
            replayed: self.replayed,
            units: units.unsigned_abs(),
            others: self.shipments.len() as u64 - shipped,
            outage: self.outage.into(),
        };
        let state = if self.down {
            SupplierState::Down { cause: "connection refused".into() }
        } else {
            SupplierState::Up(counts)
        };
        Some(SupplierReport { answers: self.answers, state, foreign: false })
    }
}

fn id(index: usize) -> ShipmentId {
    format!("S-{}", index + 1).into()
}
