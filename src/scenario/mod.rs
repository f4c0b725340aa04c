//! Scenarios: what is ordered when, what goes wrong on purpose, and what that must come to. Pure: a scenario is played by
//! `app::scenario_run`, which knows neither files nor a clock either.
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

use serde::{Deserialize, Serialize};

use crate::{
    domain::{
        Activity, Effect, Guard, InvalidId, Order, OrderId, OrderOutcome, ProductId, RetryWaits, SUPPLIER_QUANTITY,
        Stock, SupplierOrder, sanitize,
    },
    faults::{FaultPlan, Seed},
    store::Verdict,
};

pub(crate) use file::retry;
pub use file::{check, parse};
pub use library::{BUILT_IN, NoScenario, UnknownScenario, built_in};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scenario {
    /// The name of its file without `.toml`.
    pub name: String,
    /// What it is, in one line.
    pub title: String,
    /// What it shows, in a sentence.
    pub why: String,
    /// What holds for every order that brings nothing of its own.
    pub guard: Guard,
    pub faults: FaultPlan,
    pub seed: Seed,
    pub retry: RetryWaits,
    /// After this it is given up, in milliseconds; counted from its first act.
    pub limit: u64,
    pub acts: Vec<Act>,
    pub expect: Expectation,
}

/// Something that is done as soon as its time has come; one after the other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Act {
    pub when: When,
    pub what: What,
}

/// The event that an act waits for, once all acts before it are done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum When {
    AtOnce,
    /// Every order so far has ended.
    Ended,
    /// The effect of this order is in the journal.
    Committed(OrderId),
    /// An attempt of this order's update has failed.
    Failed(OrderId),
    /// The embedded server is down.
    ServerDown,
    /// The link to the server is up.
    ServerUp,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    Order(Placing),
    /// SIGKILL; a new worker is started by `StartWorker`.
    KillWorker,
    StartWorker,
    /// SIGKILL to the embedded server.
    KillServer,
    StartServer,
}

impl What {
    /// Whether it needs a server of the scenario's own.
    #[must_use]
    pub const fn is_about_the_server(&self) -> bool {
        matches!(self, Self::KillServer | Self::StartServer)
    }
}

/// One or more orders that are sent at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placing {
    /// With more than one copy, the ids are this and `-1`, `-2`, and so on.
    pub order: OrderId,
    pub copies: u32,
    pub product: ProductId,
    pub quantity: i64,
    /// A workflow id of its own instead of the order's: only the key can tell that the order is known.
    pub new_workflow: bool,
    /// Instead of the scenario's.
    pub guard: Option<Guard>,
    pub faults: Option<FaultPlan>,
    /// What it must come to; `None`: not said.
    pub outcome: Option<OrderOutcome>,
    /// How many attempts each copy must take, in the order of [`Activity::ALL`]; `None`: not said.
    pub attempts: [Option<u32>; Activity::ALL.len()],
}

impl Placing {
    /// The ids of the copies.
    pub fn ids(&self) -> impl Iterator<Item = OrderId> + '_ {
        (1..=self.copies).filter_map(|copy| self.id(copy).ok())
    }

    /// The effect of an activity of this order, which is one without copies.
    fn effect(&self, activity: Activity) -> Effect {
        let (order, product) = (self.order.clone(), self.product.clone());
        match activity {
            Activity::UpdateInventory => Effect::Order(Order { id: order, product, quantity: self.quantity }),
            Activity::SupplierOrder => Effect::Supplier(SupplierOrder { order, product, quantity: SUPPLIER_QUANTITY }),
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

/// What all of it must come to, on a database that begins with the seed's starting document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expectation {
    /// `None`: not known, because somebody plays it under another guard.
    pub stock: Option<Stock>,
    pub verdict: Verdict,
    /// Attempts of all orders together, in the order of [`Activity::ALL`]; `None`: not said.
    pub attempts: [Option<u32>; Activity::ALL.len()],
    /// Worker processes that die without being asked to.
    pub deaths: Option<u32>,
    /// Attempts that wake up after Temporal has given them up.
    pub late: Option<u32>,
}

/// The most copies of an order.
pub const MOST_COPIES: u32 = 500;

/// The longest text that is shown of a scenario.
const LONGEST: usize = 400;

impl Scenario {
    /// The same with nothing in it that its file could not have: for one that comes from a recording.
    #[must_use]
    pub fn cleaned(mut self) -> Self {
        for act in &mut self.acts {
            if let What::Order(placing) = &mut act.what {
                placing.copies = placing.copies.min(MOST_COPIES);
            }
        }
        let clean = |text: String| sanitize(&text, LONGEST);
        Self {
            name: clean(self.name),
            title: clean(self.title),
            why: clean(self.why),
            retry: self.retry.within_bounds(),
            ..self
        }
    }

    /// Whether it kills or starts the server, and so needs one of its own.
    #[must_use]
    pub fn needs_own_server(&self) -> bool {
        self.acts.iter().any(|act| act.what.is_about_the_server())
    }

    /// Whether anything is to go wrong on purpose.
    #[must_use]
    pub fn has_faults(&self) -> bool {
        let own = |act: &Act| matches!(&act.what, What::Order(Placing { faults: Some(plan), .. }) if !plan.is_none());
        !self.faults.is_none() || self.acts.iter().any(own)
    }
}
