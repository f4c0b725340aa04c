//! Statistics over all kept orders: attempts per activity, and injected faults compared with planned ones.

use crate::{
    app::{App, AttemptFacts, Execution},
    domain::{Activity, Attempt},
    faults::Point,
};

/// Attempts of the last bar, which counts more attempts too.
pub const MAX_ATTEMPTS_BAR: usize = 6;

/// How often a point of an activity was reached, and a fault injected there.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Rate {
    /// Times that it was reached.
    pub reached: u32,
    /// Faults that were injected.
    pub struck: u32,
    /// Sum of the planned probabilities, one per time that it was reached.
    pub expected: f64,
}

impl Rate {
    /// Observed rate of faults, 0 to 1; `None` if the point was never reached.
    #[must_use]
    pub fn observed(&self) -> Option<f64> {
        (self.reached > 0).then(|| f64::from(self.struck) / f64::from(self.reached))
    }

    /// Planned rate of faults, 0 to 1; `None` if the point was never reached.
    #[must_use]
    pub fn planned(&self) -> Option<f64> {
        (self.reached > 0).then(|| self.expected / f64::from(self.reached))
    }
}

/// Statistics over all kept orders.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Statistics {
    /// Per activity: number of runs that took 1, 2, .., [`MAX_ATTEMPTS_BAR`] or more attempts.
    pub attempts: [[u32; MAX_ATTEMPTS_BAR]; Activity::ALL.len()],
    /// Per activity and point. Only orders of this dashboard, whose plan is known.
    pub rates: [[Rate; Point::ALL.len()]; Activity::ALL.len()],
}

impl Statistics {
    /// The statistics of the orders that are kept.
    #[must_use]
    pub fn of(app: &App) -> Self {
        let mut statistics = Self::default();
        for (_, order) in app.orders().newest_first(0) {
            for activity in Activity::ALL {
                statistics.count(order, activity);
            }
        }
        statistics
    }

    fn count(&mut self, order: &Execution, activity: Activity) {
        let total = usize::try_from(order.activity(activity).total()).unwrap_or(usize::MAX);
        if let Some(bar) = total.checked_sub(1) {
            self.attempts[activity as usize][bar.min(MAX_ATTEMPTS_BAR - 1)] += 1;
        }
        let Some(asked) = order.submission.as_ref().filter(|asked| !asked.joined) else { return };
        for facts in order.attempts(activity).filter_map(|seen| seen.facts).filter(|facts| facts.started.is_some()) {
            let Some(attempt) = Attempt::new(facts.number) else { continue };
            for point in Point::ALL.into_iter().filter(|point| reached(facts, *point)) {
                let rate = &mut self.rates[activity as usize][point as usize];
                rate.reached += 1;
                rate.struck += u32::from(struck(facts, point));
                rate.expected += asked.faults.chance(activity, point, attempt);
            }
        }
    }
}

fn struck(facts: &AttemptFacts, point: Point) -> bool {
    facts.strikes.iter().any(|strike| strike.point == point)
        || matches!(&facts.end, Some(crate::app::AttemptEnd::Failed(failure)) if failure.point == Some(point))
}

/// Whether an attempt passed a point; a running attempt may still reach it and does not count.
fn reached(facts: &AttemptFacts, point: Point) -> bool {
    let over = facts.end.is_some() || !facts.strikes.is_empty();
    match point {
        Point::BeforeSend => facts.shipped.is_some() || struck(facts, point),
        Point::AfterSend => facts.shipped.is_some(),
        Point::BeforeCommit => over || facts.committed.is_some(),
        Point::AfterCommit => {
            let succeeded = matches!(facts.end, Some(crate::app::AttemptEnd::Succeeded { .. }));
            succeeded || struck(facts, Point::AfterCommit) || over && facts.committed.is_some()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    use crate::app::testing::fixture::{SUPPLIER, Scene, UPDATE};

    #[test]
    fn attempts_and_faults_are_counted() {
        let scene = Scene::right();
        let statistics = Statistics::of(&scene.app);
        assert_eq!(statistics.attempts[UPDATE as usize], [0, 0, 1, 0, 0, 0]);
        assert_eq!(statistics.attempts[SUPPLIER as usize], [1, 0, 0, 0, 0, 0]);
        let [.., before, after] = statistics.rates[UPDATE as usize];
        assert_eq!((before.reached, before.struck, after.reached, after.struck), (3, 1, 2, 1));
        assert!((before.planned().unwrap() - 0.34).abs() < 1e-9 && (after.planned().unwrap() - 0.34).abs() < 1e-9);
        assert_eq!(after.observed(), Some(0.5));
        assert_eq!(Statistics::of(&Scene::new().app).rates[0][0].observed(), None);
    }

    #[test]
    fn an_attempt_delayed_before_the_commit_reaches_the_point_after_it() {
        let mut scene = Scene::new();
        let commands = scene.press(crate::app::Intent::SeedOrder);
        scene.begin(&commands[0], "r1");
        let delay = crate::faults::Action::Delay { duration: Duration::from_millis(5) };
        scene.started(UPDATE, 1);
        scene.phase(UPDATE, 1, crate::store::Phase::Fault { point: Point::BeforeCommit, action: delay });
        let (code, message) = ("StoreBusy".into(), "busy".into());
        scene.phase(UPDATE, 1, crate::store::Phase::Failed { code, message, retryable: true, point: None });
        scene.started(UPDATE, 2);
        scene.phase(UPDATE, 2, crate::store::Phase::Fault { point: Point::BeforeCommit, action: delay });
        scene.commit(UPDATE, 2, -999);
        scene.done(UPDATE, 2, crate::store::CommitOutcome::Applied);
        let [.., before, after] = Statistics::of(&scene.app).rates[UPDATE as usize];
        assert_eq!((before.reached, before.struck, after.reached, after.struck), (2, 2, 1, 0));
    }

    #[test]
    fn attempts_before_a_reset_count_too() {
        let mut scene = Scene::new();
        for attempt in [1, 2, 3, 1] {
            scene.started(UPDATE, attempt);
            scene.failed(UPDATE, attempt, Point::BeforeCommit);
        }
        assert_eq!(Statistics::of(&scene.app).attempts[UPDATE as usize], [0, 0, 0, 1, 0, 0]);
    }
}
