//! The outbox of a headless world: its relay sends an order once no attempt runs.

use crate::{
    app::StartOrder,
    domain::{Change, Intent, KeyPolicy, Origin, RelayPlan, SupplierOrder, UnixMillis, millis},
    faults::{Action, Draw, Point},
    store::{Fact, Phase, RelayEvent, record::Commit},
};

use super::headless::{World, commit_of};

impl World {
    pub(super) fn intend(&mut self, start: &StartOrder, order: SupplierOrder, change: Change, origin: Origin) {
        let plan = RelayPlan { faults: start.faults.to_string(), seed: start.seed };
        let commit =
            Commit { relay: Some(Box::new(plan.clone())), ..commit_of(change.clone(), start.guard, origin.clone()) };
        self.write(Fact::Intent(commit));
        let (line, due) = (self.records.len() as u64, UnixMillis(self.now));
        self.inventory.intend(change, Intent { line, order, guard: start.guard, plan, origin, tries: 0, due });
    }

    /// Tries to send the order in the outbox; only once while the supplier is down. `false`: there is nothing to send.
    pub(super) fn relay(&mut self) -> bool {
        let Some(intent) = self.inventory.outbox.due(UnixMillis(u64::MAX)).cloned() else { return false };
        if self.supplier.down && intent.tries > 0 {
            return false;
        }
        self.now = self.now.max(intent.due.0) + 5;
        let intent = intent.tried_again();
        self.inventory.begin_try(&intent);
        self.on_relay(&intent, Phase::Started);
        let failed = |code: &str, retryable| Phase::Failed {
            code: code.to_owned(),
            message: "no".to_owned(),
            retryable,
            point: None,
        };
        if self.supplier.down {
            self.on_relay(&intent, failed("SupplierUnreachable", true));
        } else if !self.relay_fails(&intent, Point::BeforeSend) {
            if self.supplier.refuses() {
                self.on_relay(&intent, failed("SupplierUnavailable", true));
                return true;
            }
            let Some((shipment, replayed)) = self.ship(&intent.order.order, KeyPolicy::Outbox) else {
                self.on_relay(&intent, failed("SupplierConflict", false));
                self.inventory.refuse_intents();
                return true;
            };
            self.on_relay(&intent, Phase::Shipped { shipment: shipment.clone(), replayed });
            if !self.relay_fails(&intent, Point::AfterSend) {
                let change = self.inventory.credit(&intent, shipment).unwrap();
                self.inventory.fulfil(&change, &intent);
                let commit = commit_of(change, intent.guard, intent.relayed_origin());
                self.write(Fact::Supplier(Commit { intent: Some(intent.line), ..commit }));
                self.publish();
            }
        }
        true
    }

    fn relay_fails(&mut self, intent: &Intent, point: Point) -> bool {
        let draw = Draw {
            seed: intent.plan.seed,
            order: intent.order.order.as_str(),
            activity: intent.origin.activity,
            attempt: intent.latest_try(),
            point,
        };
        let plan: crate::faults::FaultPlan = intent.plan.faults.parse().unwrap();
        let Some(action) = plan.strike(&draw) else { return false };
        if action != Action::Error {
            return false;
        }
        let (code, message) = ("RandomError".into(), "RANDOM ERROR".into());
        self.on_relay(intent, Phase::Failed { code, message, retryable: true, point: Some(point) });
        self.now += millis::whole(Intent::RETRY.after(intent.tries));
        true
    }

    fn on_relay(&mut self, intent: &Intent, phase: Phase) {
        self.write(Fact::Relay(RelayEvent::of(intent, phase)));
    }
}
