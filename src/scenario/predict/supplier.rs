//! The supplier of a predicted scenario: what an attempt ships before it credits the units.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use super::{Fault, MAX_ATTEMPTS, Prediction, Run, Strikes, Undelivered, Unknown};
use crate::{
    domain::{Activity, Attempt, Decision, Delivery, Intent, KeyPolicy, OrderId, RelayPlan, ShipmentId},
    faults::Point,
    scenario::{Scenario, ScenarioSupplier},
    store::Verdict,
};

/// The shipments so far. All times are lower bounds, from the first act.
#[derive(Debug, Default)]
pub(super) struct Shipping {
    now: Duration,
    shipments: u32,
    credits: u32,
    /// Number of further orders that an outage refuses.
    outage: u32,
    /// Orders whose key another client has used.
    taken: HashSet<OrderId>,
    /// Acts at the supplier since the last order.
    acts: u32,
    /// An act at the supplier may have no effect.
    is_unsettled: bool,
    /// The number of shipments depends on timing.
    is_open: bool,
    /// The time of the newest shipment of each order.
    shipped: HashMap<OrderId, Duration>,
    /// Orders with an attempt that hangs before its commit, and so commits at any time after its timeout.
    late: HashSet<OrderId>,
}

impl Shipping {
    /// Lets time pass.
    pub(super) fn wait(&mut self, time: Duration) {
        self.now = self.now.saturating_add(time);
    }

    /// Begins or ends an outage.
    pub(super) const fn set_outage(&mut self, requests: u32) {
        self.acts += 1;
        self.outage = requests;
    }

    /// Ships an order of another client under the key of our order.
    pub(super) fn takes_key(&mut self, order: OrderId) {
        self.acts += 1;
        // An outage may refuse the other client's order, and an earlier shipment of ours has its key.
        self.is_unsettled |= self.outage > 0 || self.shipped.contains_key(&order);
        self.taken.insert(order);
    }

    /// Whether each act at the supplier had its effect before the next order, which waits for at most one of them.
    pub(super) const fn is_settled(&self) -> bool {
        self.acts <= 1 && !self.is_unsettled
    }

    /// Begins an order.
    pub(super) const fn settle(&mut self) {
        self.acts = 0;
    }

    /// Counts a supplier order that was credited for the first time.
    pub(super) fn credit(&mut self) {
        self.credits += 1;
    }

    /// The number of shipments; `None` if it depends on timing.
    pub(super) fn shipments(&self) -> Option<u32> {
        (!self.is_open).then_some(self.shipments)
    }

    /// Whether there are as many shipments as credits; `None` if that depends on timing.
    pub(super) fn verdict(&self) -> Option<Verdict> {
        self.shipments().map(|shipments| if shipments == self.credits { Verdict::Right } else { Verdict::Wrong })
    }

    /// Records an attempt that hangs before its commit.
    pub(super) fn hangs(&mut self, run: Run<'_>) {
        self.late.insert(run.placing.order.clone());
    }

    /// Sends an order.
    fn send(&mut self, run: Run<'_>) {
        let Some(supplier) = run.scenario.supplier else { return };
        let order = &run.placing.order;
        let earlier = self.shipped.get(order).copied();
        let ships = match (supplier.key, earlier) {
            (KeyPolicy::Header | KeyPolicy::Outbox, Some(earlier)) => {
                lifetime(run.scenario, supplier).is_some_and(|lifetime| {
                    let is_expired = self.now.saturating_sub(earlier) >= lifetime;
                    // The times are lower bounds, so that the key may have expired nevertheless.
                    self.is_open |= !is_expired;
                    is_expired
                })
            }
            _ => true,
        };
        if ships {
            self.shipments += 1;
            self.shipped.insert(order.clone(), self.now);
        }
    }
}

/// The lifetime of a key, if one can expire during the scenario.
fn lifetime(scenario: &Scenario, supplier: ScenarioSupplier) -> Option<Duration> {
    supplier.key_lifetime.filter(|lifetime| *lifetime <= scenario.limit)
}

impl Prediction {
    /// Plays the tries of the relay to send the order of this run, which is in the outbox. No timeout applies to them.
    pub(super) fn relay(&mut self, run: Run<'_>) -> Result<(), Unknown> {
        let Run { scenario, placing, .. } = run;
        for number in (1..=MAX_ATTEMPTS).filter_map(Attempt::new) {
            let mut strikes = Strikes::new(scenario, placing, &placing.order, Activity::SupplierOrder, number);
            let mut is_sent = strikes.at(Point::BeforeSend);
            if !matches!(is_sent, Some(Fault::Error | Fault::Crash)) {
                if let Some(left) = self.shipping.outage.checked_sub(1) {
                    self.shipping.outage = left;
                    is_sent = Some(Fault::Error);
                } else if self.shipping.taken.contains(&placing.order) {
                    // The supplier refuses, unless the key has expired.
                    let is_certain = scenario.supplier.is_some_and(|supplier| lifetime(scenario, supplier).is_none());
                    self.inventory.refuse_intents();
                    return if is_certain { Ok(()) } else { Err(Unknown::Timing) };
                } else {
                    self.shipping.send(run);
                    is_sent = strikes.at(Point::AfterSend);
                }
            }
            match is_sent {
                // The worker may die before the activity has ended.
                Some(Fault::Crash) => return Err(Unknown::Timing),
                Some(Fault::Error) => {
                    self.not_supplied.insert(placing.order.clone());
                    self.shipping.wait(Intent::RETRY.after(number.number()));
                }
                Some(Fault::Hang) | None => {
                    self.shipping.credit();
                    return Ok(());
                }
            }
        }
        Err(Unknown::Endless(Activity::SupplierOrder))
    }

    /// Ships the units of a supplier order, if they are needed. The inner error ends the attempt.
    pub(super) fn deliver(
        &mut self,
        run: Run<'_>,
        strikes: &mut Strikes<'_>,
    ) -> Result<Result<Delivery, Undelivered>, Unknown> {
        let Run { scenario, placing, guard, act } = run;
        let (Activity::SupplierOrder, Some(supplier)) = (strikes.activity, scenario.supplier) else {
            return Ok(Ok(Delivery::Immediate));
        };
        if supplier.key == KeyPolicy::Outbox {
            return Ok(Ok(Delivery::Outbox(RelayPlan::default())));
        }
        let effect = placing.effect(strikes.activity, Delivery::NotShipped);
        if !matches!(self.inventory.decide(&effect, guard, &act.to_string()), Ok(Decision::Ship)) {
            return Ok(Ok(Delivery::NotShipped));
        }
        // An earlier attempt may commit before this one asks, and then this one neither sends nor has faults there.
        let is_late = self.shipping.late.contains(&placing.order);
        // A key makes it irrelevant which of the two sends first, as long as the supplier knows it.
        let is_recognised = supplier.key == KeyPolicy::Header && lifetime(scenario, supplier).is_none();
        let found = supplier.key == KeyPolicy::Lookup && self.shipping.shipped.contains_key(&placing.order);
        if !found {
            if let Some(fault) = strikes.at(Point::BeforeSend) {
                if is_late {
                    return Err(Unknown::Timing);
                }
                if fault == Fault::Hang && self.shipping.outage > 0 {
                    return Err(Unknown::Timing);
                }
                // The attempt that hangs sends late.
                self.shipping.is_open |= fault == Fault::Hang && !is_recognised;
                self.fails_before_commit(fault, run, strikes.activity)?;
                return Ok(Err(Undelivered::Failed(fault)));
            }
            if let Some(left) = self.shipping.outage.checked_sub(1) {
                if is_late {
                    return Err(Unknown::Timing);
                }
                self.shipping.outage = left;
                return Ok(Err(Undelivered::Failed(Fault::Error)));
            }
            if supplier.key == KeyPolicy::Header && self.shipping.taken.contains(&placing.order) {
                // The key may have expired.
                let is_certain = is_recognised && !is_late;
                return if is_certain { Ok(Err(Undelivered::KeyTaken)) } else { Err(Unknown::Timing) };
            }
            self.shipping.is_open |= is_late && !is_recognised;
            self.shipping.send(run);
        }
        match strikes.at(Point::AfterSend) {
            Some(_) if is_late => Err(Unknown::Timing),
            Some(fault) => {
                self.fails_before_commit(fault, run, strikes.activity)?;
                Ok(Err(Undelivered::Failed(fault)))
            }
            None => Ok(Ok(Delivery::Shipped(ShipmentId::from(placing.order.to_string())))),
        }
    }
}
