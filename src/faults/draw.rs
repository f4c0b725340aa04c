//! The draw behind a percentage: a function of the seed and of the place, never of what was drawn before.

use rand::{RngExt, SeedableRng, rngs::ChaCha8Rng};
use sha2::{Digest, Sha256};

use super::fault::Point;
use crate::domain::{Activity, Attempt};

/// The seed of a run. At most 2^53 - 1, so that Temporal's Web UI shows it exactly.
pub type Seed = u64;

/// A place where a fault may strike.
#[derive(Debug, Clone, Copy)]
pub struct Draw<'a> {
    pub seed: Seed,
    /// The order's id as text.
    pub order: &'a str,
    pub activity: Activity,
    pub attempt: Attempt,
    pub point: Point,
}

impl Draw<'_> {
    /// A number from 0 to 99, uniform over seeds, the same on every machine and at every repetition.
    #[must_use]
    pub fn percentile(&self, rule: usize) -> u8 {
        let place = format!(
            "{}\n{}\n{}\n{}\n{}\n{rule}",
            self.seed,
            self.order,
            self.activity,
            self.attempt.number(),
            self.point
        );
        ChaCha8Rng::from_seed(Sha256::digest(place.as_bytes()).into()).random_range(0..100)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faults::{Action, Preset};

    fn draw(seed: Seed, attempt: u32, point: Point) -> Draw<'static> {
        let attempt = Attempt::new(attempt).unwrap();
        Draw { seed, order: "A12", activity: Activity::UpdateInventory, attempt, point }
    }

    #[test]
    fn the_seed_plan_strikes_in_34_percent() {
        let plan = Preset::Seed.plan();
        let strikes = (0..20_000).filter(|seed| plan.strike(&draw(*seed, 1, Point::BeforeCommit)).is_some()).count();
        // The standard deviation is 67; five of them.
        assert!((6_465..=7_135).contains(&strikes), "{strikes} of 20000");
    }

    #[test]
    fn a_draw_is_repeatable_and_depends_on_every_part() {
        let same = draw(1, 1, Point::BeforeCommit);
        assert_eq!(same.percentile(0), same.percentile(0));
        let others = [
            draw(2, 1, Point::BeforeCommit),
            draw(1, 2, Point::BeforeCommit),
            draw(1, 1, Point::AfterCommit),
            Draw { order: "A13", ..same },
            Draw { activity: Activity::SupplierOrder, ..same },
        ];
        // Each differs for some rule number, so no part is left out of the draw.
        for other in others {
            assert!((0..20).any(|rule| other.percentile(rule) != same.percentile(rule)), "{other:?}");
        }
    }

    #[test]
    fn only_the_first_attempts_fail_where_the_plan_says_so() {
        let plan = Preset::AfterCommitOnce.plan();
        assert_eq!(plan.strike(&draw(5, 1, Point::AfterCommit)), Some(Action::Error));
        assert_eq!(plan.strike(&draw(5, 2, Point::AfterCommit)), None);
        assert_eq!(plan.strike(&draw(5, 1, Point::BeforeCommit)), None);
    }
}
