//! The order, the plan and the waits of a comparison.

use std::time::Duration;

use crate::{
    app::{command::Comparison, subject::Subject},
    domain::{Activity, Attempt, RetryWaits},
    faults::{Action, Draw, Fault, FaultPlan, Point, Preset, Seed},
};

/// Attempts after which a plan that still fails takes too long for an audience.
const MAX_FAILED_ATTEMPTS: u32 = 4;

impl Comparison {
    /// The order of every side.
    pub const ORDER: &'static str = "A12";
    /// The product.
    pub const PRODUCT: &'static str = "123456";
    /// The order that comes between, for one unit.
    pub const OTHER: &'static str = "B7";
    /// The units that the other order takes.
    pub const OTHER_QUANTITY: i64 = 1;

    /// The units that [`Self::ORDER`] takes.
    #[must_use]
    pub const fn quantity(&self) -> i64 {
        if self.sends_other_order() { 998 } else { 999 }
    }

    /// Whether another order comes between the commit and the retry.
    #[must_use]
    pub const fn sends_other_order(&self) -> bool {
        self.interleaved && matches!(self.subject, Subject::Guards)
    }

    /// The retry policy. The other order needs time to come between. An overlapping attempt must begin before the first one
    /// wakes up.
    #[must_use]
    pub fn waits(&self) -> RetryWaits {
        let defaults = RetryWaits::default();
        match (self.subject, self.interleaved) {
            (Subject::Guards, true) => RetryWaits { initial: Duration::from_secs(3), ..defaults },
            (Subject::Policies, true) => {
                let [initial, maximum] = [100, 400].map(Duration::from_millis);
                RetryWaits { initial, maximum, start_to_close: Duration::from_secs(2), ..defaults }
            }
            (_, false) => RetryWaits { start_to_close: Duration::from_secs(5), ..defaults },
        }
    }

    /// The plan, by its name if it has one.
    #[must_use]
    pub fn plan(&self) -> String {
        Preset::of(&self.faults).map_or_else(|| self.faults.to_string(), |preset| preset.label().to_owned())
    }

    /// Number of orders per side.
    #[must_use]
    pub const fn orders(&self) -> usize {
        if self.sends_other_order() { 2 } else { 1 }
    }
}

/// The plan that shows the difference between the sides, if the one that is set does not.
pub(super) fn usual_plan(subject: Subject, interleaved: bool) -> FaultPlan {
    let of_supplier = |point, action| {
        FaultPlan::from(Fault { activity: Some(Activity::SupplierOrder), point, percent: 100, first: Some(1), action })
    };
    match (subject, interleaved) {
        (Subject::Guards, _) => Preset::AfterCommitOnce.plan(),
        (Subject::Policies, false) => of_supplier(Point::AfterSend, Action::Error),
        (Subject::Policies, true) => of_supplier(Point::BeforeSend, Action::Hang),
    }
}

/// Whether `plan` certainly shows the difference between the sides, and lets both activities through soon.
pub(super) fn shows_the_difference(subject: Subject, interleaved: bool, plan: &FaultPlan, seed: Seed) -> bool {
    let (activity, points) = match subject {
        Subject::Guards => (Activity::UpdateInventory, Point::OF_COMMIT.as_slice()),
        Subject::Policies => (Activity::SupplierOrder, Point::ALL.as_slice()),
    };
    let by_chance = |fault: &Fault| fault.activity.is_none_or(|of| of == activity) && fault.percent < 100;
    if plan.faults().iter().any(by_chance) {
        return false;
    }
    let strike = |activity, number, point| {
        let attempt = Attempt::new(number)?;
        plan.strike(&Draw { seed, order: Comparison::ORDER, activity, attempt, point })
    };
    let fails = |activity, number, point| {
        strike(activity, number, point).is_some_and(|action| !matches!(action, Action::Delay { .. }))
    };
    let passes = |activity, number| !points.iter().any(|point| fails(activity, number, *point));
    let first = |point| strike(activity, 1, point);
    let first_fails = |point| fails(activity, 1, point);
    let differs = match (subject, interleaved) {
        // The first attempt commits, and its acknowledgement is lost.
        (Subject::Guards, _) => !first_fails(Point::BeforeCommit) && first_fails(Point::AfterCommit),
        // The first attempt ships, and its credit is not committed.
        (Subject::Policies, false) => {
            first(Point::BeforeSend).is_none() && (first_fails(Point::AfterSend) || first_fails(Point::BeforeCommit))
        }
        // The first attempt has asked the supplier, and sends after the second one has.
        (Subject::Policies, true) => first(Point::BeforeSend) == Some(Action::Hang) && passes(activity, 2),
    };
    differs
        && Activity::ALL.into_iter().all(|activity| (1..=MAX_FAILED_ATTEMPTS).any(|number| passes(activity, number)))
}
