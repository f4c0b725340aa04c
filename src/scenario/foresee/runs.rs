//! The workflow runs that the acts of a scenario start.

use super::{
    About, COURSE_LIMIT, Unreachable,
    course::{Course, Place, Step, Way},
};
use crate::{
    domain::{Activity, Effect, Guard, Inventory, MAX_QUANTITY, Order, OrderId, SUPPLIER_QUANTITY, SupplierOrder},
    faults::FaultPlan,
    scenario::{Placing, Scenario, What, When},
};

/// What a start meets under its workflow id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    Fresh,
    /// An execution that is surely under way: it becomes that one's.
    Joins,
    /// An execution that may have ended by then.
    PerhapsJoins,
}

/// The run of one order.
#[derive(Debug, Clone)]
pub(super) struct Run<'s> {
    pub act: usize,
    pub placing: &'s Placing,
    pub order: OrderId,
    pub guard: Guard,
    pub faults: &'s FaultPlan,
    pub start: Start,
    /// In the order of [`Activity::ALL`].
    courses: [Course; Activity::ALL.len()],
}

impl Run<'_> {
    pub(super) fn steps(&self, activity: Activity) -> &[Step] {
        &self.courses[activity as usize].steps
    }

    /// Every way that an attempt of it goes.
    pub(super) fn ways(&self) -> impl Iterator<Item = Way> {
        self.courses.iter().flat_map(|course| &course.steps).flat_map(|step| [step.before, step.after])
    }

    /// Whether an attempt of it commits after Temporal has given it up.
    pub(super) fn commits_late(&self) -> bool {
        self.courses.iter().flat_map(|course| &course.steps).any(|step| step.before == Way::Stalls)
    }

    /// How many of an activity's attempts come to commit.
    pub(super) fn commits(&self, activity: Activity) -> u32 {
        count(self.steps(activity), Step::commits)
    }

    pub(super) fn effect(&self, activity: Activity) -> Effect {
        let (order, product) = (self.order.clone(), self.placing.product.clone());
        match activity {
            Activity::UpdateInventory => Effect::Order(Order { id: order, product, quantity: self.placing.quantity }),
            Activity::SupplierOrder => Effect::Supplier(SupplierOrder { order, product, quantity: SUPPLIER_QUANTITY }),
        }
    }

    /// The units that one application of it takes; none, where no rule allows the quantity.
    pub(super) fn units(&self) -> i64 {
        Some(self.placing.quantity).filter(|quantity| (1..=MAX_QUANTITY).contains(quantity)).unwrap_or_default()
    }

    /// Whether it is rejected whatever the stock is.
    pub(super) fn is_impossible(&self, inventory: &Inventory) -> bool {
        self.units() == 0 || self.placing.product != inventory.product
    }
}

/// How many steps meet a condition.
pub(super) fn count(steps: &[Step], meets: impl Fn(Step) -> bool) -> u32 {
    u32::try_from(steps.iter().filter(|step| meets(**step)).count()).unwrap_or(u32::MAX)
}

/// The runs in batches: before each but the first, every order so far has ended.
///
/// # Errors
/// [`Unreachable`] where a fault plan never lets an order through.
pub(super) fn batches(scenario: &Scenario) -> Result<Vec<Vec<Run<'_>>>, Unreachable> {
    let mut batches = vec![Vec::new()];
    // The first act of those that follow each other at once.
    let mut at_once_from = 0;
    for (index, act) in scenario.acts.iter().enumerate() {
        let What::Order(placing) = &act.what else {
            at_once_from = index + 1;
            if act.when == When::Ended {
                batches.push(Vec::new());
            }
            continue;
        };
        if act.when != When::AtOnce {
            at_once_from = index;
        }
        if act.when == When::Ended {
            batches.push(Vec::new());
        }
        for order in placing.ids() {
            let batch = batches.last().map(Vec::as_slice).unwrap_or_default();
            let start = start(placing, &order, batch, at_once_from);
            let run = run(scenario, index, placing, order, start)?;
            batches.last_mut().into_iter().for_each(|batch| batch.push(run.clone()));
        }
    }
    Ok(batches)
}

fn start(placing: &Placing, order: &OrderId, batch: &[Run<'_>], at_once_from: usize) -> Start {
    let same = |run: &&Run<'_>| run.order == *order && !run.placing.new_workflow && run.start != Start::Joins;
    match batch.iter().rfind(same) {
        _ if placing.new_workflow => Start::Fresh,
        None => Start::Fresh,
        Some(first) => {
            let long = first.courses.iter().any(|course| course.takes_long);
            if long && first.act >= at_once_from && first.start == Start::Fresh {
                Start::Joins
            } else {
                Start::PerhapsJoins
            }
        }
    }
}

fn run<'s>(
    scenario: &'s Scenario,
    act: usize,
    placing: &'s Placing,
    order: OrderId,
    start: Start,
) -> Result<Run<'s>, Unreachable> {
    let faults = placing.faults.as_ref().unwrap_or(&scenario.faults);
    let course = |activity: Activity| {
        let (seed, start_to_close) = (scenario.seed, scenario.retry.start_to_close);
        Course::of(&Place { faults, seed, order: order.as_str(), activity, start_to_close }).ok_or_else(|| {
            let name = activity.short_name();
            let problem = format!(
                "{name} of order {order} never ends under these faults: {COURSE_LIMIT} attempts of it come to \
                 nothing; limit the faults to its first attempts, as in 2*error"
            );
            Unreachable { about: About::Faults(act), problem }
        })
    };
    let courses = [course(Activity::UpdateInventory)?, course(Activity::SupplierOrder)?];
    let guard = placing.guard.unwrap_or(scenario.guard);
    Ok(Run { act, placing, order, guard, faults, start, courses })
}
