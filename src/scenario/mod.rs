//! Scenarios: orders with their times and faults, and the expected result. Pure: `app::scenario_run` runs a scenario, and
//! uses neither files nor a clock.
//!
//! | file | role |
//! | --- | --- |
//! | `file` | the TOML form, with the line and column of what is wrong |
//! | `acts` | its largest part, the acts |
//! | `predict` | plays a scenario in memory and refuses an expectation that cannot come true |
//! | `library` | the scenarios that are compiled in, from `assets/scenarios` |

mod acts;
mod fields;
mod file;
mod library;
mod predict;
#[cfg(test)]
mod tests;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{
    domain::{
        Activity, Delivery, Effect, Guard, InvalidId, KeyPolicy, Order, OrderId, OrderOutcome, ProductId, RetryWaits,
        SUPPLIER_QUANTITY, Stock, SupplierOrder, Supply, millis, sanitize,
    },
    faults::{FaultPlan, Seed},
    store::Verdict,
};

pub(crate) use file::retry;
pub use file::{check, parse};
pub use library::{BUILT_IN, NoScenario, UnknownScenario, built_in};

/// A scenario.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scenario {
    /// The name of its file without `.toml`.
    pub name: String,
    /// One line that names it for users.
    pub title: String,
    /// A sentence about what it shows.
    pub why: String,
    /// The guard of orders that do not specify one.
    pub guard: Guard,
    /// The fault plan of orders that do not specify one.
    pub faults: FaultPlan,
    /// The seed of the faults.
    pub seed: Seed,
    /// The scenario's own supplier; `None` if supplier orders are credited at once.
    // Recordings of versions without suppliers have no such field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supplier: Option<ScenarioSupplier>,
    /// The retry policy of all orders.
    pub retry: RetryWaits,
    /// Time limit, from the first act.
    #[serde(with = "millis")]
    pub limit: Duration,
    /// The acts in order.
    pub acts: Vec<Act>,
    /// The expected result.
    pub expect: Expectation,
}

/// The supplier of a scenario. It begins without shipments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScenarioSupplier {
    /// How it recognises a repeated order.
    pub key: KeyPolicy,
    /// Time for which it knows a key; `None` for its default, which is longer than any scenario.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "millis::optional")]
    pub key_lifetime: Option<Duration>,
}

/// An action and the event that triggers it. Acts are executed one after the other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Act {
    /// The event that it waits for.
    pub when: When,
    /// The action.
    pub what: What,
}

/// The event that an act waits for, once all acts before it are done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum When {
    /// No event: it follows at once.
    AtOnce,
    /// All orders so far have ended.
    Ended,
    /// The effect of this order is in the journal.
    Committed(OrderId),
    /// An attempt of this order's update has failed.
    Failed(OrderId),
    /// The embedded server is down.
    ServerDown,
    /// The link to the server is up.
    ServerUp,
    /// An attempt of this order's supplier order has failed, or a try of the relay to send it.
    NotSupplied(OrderId),
    /// The supplier is down.
    SupplierDown,
    /// The supplier refuses the next orders.
    SupplierOutage,
    /// The supplier has shipped an order of another client.
    OtherClientShipped,
}

/// The action of an act.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// Send orders.
    Order(Placing),
    /// Kill the worker with SIGKILL. It is not started again by itself.
    KillWorker,
    /// Start a worker.
    StartWorker,
    /// Kill the embedded server with SIGKILL.
    KillServer,
    /// Start the embedded server.
    StartServer,
    /// Kill the supplier with SIGKILL. It is not started again by itself.
    KillSupplier,
    /// Start the supplier.
    StartSupplier,
    /// Let the supplier refuse orders with 503.
    SupplierOutage {
        /// Number of orders, at most [`MAX_OUTAGE_REQUESTS`]. 0 ends an outage.
        requests: u32,
    },
    /// Send this order to the supplier as another program. It has the id, and so the key, of one of our orders, and another
    /// quantity than our supplier orders.
    OtherClientOrder(Order),
}

/// The expected end of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ExpectedEnd {
    /// Its workflow fails, although its own content is valid.
    Failed,
    /// It has this outcome.
    #[serde(untagged)]
    Outcome(OrderOutcome),
}

impl ExpectedEnd {
    /// The name in scenario files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Outcome(outcome) => outcome.name(),
        }
    }

    /// All of them, each with its name.
    fn named() -> [(&'static str, Self); OrderOutcome::ALL.len() + 1] {
        let mut named = [(Self::Failed.name(), Self::Failed); OrderOutcome::ALL.len() + 1];
        for (slot, outcome) in named.iter_mut().zip(OrderOutcome::ALL) {
            *slot = (outcome.name(), Self::Outcome(outcome));
        }
        named
    }
}

impl What {
    /// Whether the scenario needs a server of its own for it.
    #[must_use]
    pub const fn is_about_the_server(&self) -> bool {
        matches!(self, Self::KillServer | Self::StartServer)
    }

    /// Whether the scenario needs a supplier for it.
    #[must_use]
    pub const fn is_about_the_supplier(&self) -> bool {
        matches!(
            self,
            Self::KillSupplier | Self::StartSupplier | Self::SupplierOutage { .. } | Self::OtherClientOrder(_)
        )
    }
}

/// One order, or several copies of it that are sent at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placing {
    /// The order id. With more than one copy, `-1`, `-2` and so on follow it.
    pub order: OrderId,
    /// Number of copies, at most [`MAX_COPIES`].
    pub copies: u32,
    /// The ordered product.
    pub product: ProductId,
    /// The ordered quantity, valid or not.
    pub quantity: i64,
    /// Uses a new workflow id instead of the order's, so that only the key can recognise a repetition.
    pub new_workflow: bool,
    /// The guard, if it differs from the scenario's.
    pub guard: Option<Guard>,
    /// The fault plan, if it differs from the scenario's.
    pub faults: Option<FaultPlan>,
    /// The expected end; `None` if it is not checked.
    pub outcome: Option<ExpectedEnd>,
    /// Expected number of attempts of each copy, in the order of [`Activity::ALL`]; `None` if it is not checked.
    pub attempts: [Option<u32>; Activity::ALL.len()],
}

impl Placing {
    /// The order ids of the copies.
    pub fn ids(&self) -> impl Iterator<Item = OrderId> + '_ {
        (1..=self.copies).filter_map(|copy| self.id(copy).ok())
    }

    /// The effect of an activity of this order, which is one without copies. `delivery` is that of the supplier order.
    fn effect(&self, activity: Activity, delivery: Delivery) -> Effect {
        let (order, product) = (self.order.clone(), self.product.clone());
        match activity {
            Activity::UpdateInventory => Effect::Order(Order { id: order, product, quantity: self.quantity }),
            Activity::SupplierOrder => {
                Effect::Supplier(SupplierOrder { order, product, quantity: SUPPLIER_QUANTITY, delivery })
            }
        }
    }

    /// The id of a copy, counted from 1.
    fn id(&self, copy: u32) -> Result<OrderId, InvalidId> {
        match self.copies {
            1 => Ok(self.order.clone()),
            _ => OrderId::new(format!("{}-{copy}", self.order)),
        }
    }
}

/// The expected result, on a database that begins with the original's starting document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expectation {
    /// The stock at the end; `None` if a user runs the scenario with another guard.
    pub stock: Option<Stock>,
    /// The verdict of the audit; with a supplier, of shipments and credits as well.
    pub verdict: Verdict,
    /// Number of shipments that the supplier made for our orders; `None` if it is not checked.
    // Recordings of versions without suppliers have no such field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shipments: Option<u32>,
    /// Attempts of all orders together, in the order of [`Activity::ALL`]; `None` if they are not checked.
    pub attempts: [Option<u32>; Activity::ALL.len()],
    /// Number of worker processes that die by a fault; `None` if it is not checked.
    pub deaths: Option<u32>,
    /// Number of attempts that continue after their timeout; `None` if it is not checked.
    pub late: Option<u32>,
}

/// Maximum number of copies of an order.
pub const MAX_COPIES: u32 = 500;

/// Maximum number of orders that a supplier refuses in an outage.
pub const MAX_OUTAGE_REQUESTS: u32 = 50;

/// Maximum number of characters of a scenario's texts that are shown.
const MAX_TEXT_CHARS: usize = 400;

impl Scenario {
    /// Returns the scenario within the limits of a scenario file, for one that comes from a recording.
    #[must_use]
    pub fn cleaned(mut self) -> Self {
        for act in &mut self.acts {
            match &mut act.what {
                What::Order(placing) => placing.copies = placing.copies.min(MAX_COPIES),
                What::SupplierOutage { requests } => *requests = (*requests).min(MAX_OUTAGE_REQUESTS),
                _ => {}
            }
        }
        let clean = |text: String| sanitize(&text, MAX_TEXT_CHARS);
        Self {
            name: clean(self.name),
            title: clean(self.title),
            why: clean(self.why),
            retry: self.retry.within_bounds(),
            ..self
        }
    }

    /// Whether it kills or starts the server, and so needs a server of its own.
    #[must_use]
    pub fn needs_own_server(&self) -> bool {
        self.acts.iter().any(|act| act.what.is_about_the_server())
    }

    /// Where the units of its supplier orders come from.
    #[must_use]
    pub fn supply(&self) -> Supply {
        self.supplier.map_or(Supply::Immediate, |supplier| Supply::Shipped(supplier.key))
    }

    /// Whether it has planned faults.
    #[must_use]
    pub fn has_faults(&self) -> bool {
        let own = |act: &Act| matches!(&act.what, What::Order(Placing { faults: Some(plan), .. }) if !plan.is_none());
        !self.faults.is_none() || self.acts.iter().any(own)
    }
}
