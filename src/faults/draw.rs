//! Random draws for percentages. A draw depends only on the seed and the place, not on earlier draws.

use rand::{RngExt, SeedableRng, rngs::ChaCha8Rng};
use sha2::{Digest, Sha256};

use super::fault::Point;
use crate::domain::{Activity, Attempt};

/// Seed of a run: at most 2^53 - 1, so that Temporal's Web UI shows it exactly.
pub type Seed = u64;

/// A place where a fault may fire.
#[derive(Debug, Clone, Copy)]
pub struct Draw<'a> {
    /// Seed of the run.
    pub seed: Seed,
    /// Id of the order.
    pub order: &'a str,
    /// Activity of the attempt.
    pub activity: Activity,
    /// Number of the attempt.
    pub attempt: Attempt,
    /// Before or after the commit.
    pub point: Point,
}

impl Draw<'_> {
    /// Draws a number from 0 to 99 for the rule with this index. It is uniform over seeds, and the same on every machine
    /// and in every repetition.
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
    fn the_seed_plan_fires_in_34_percent() {
        let plan = Preset::Seed.plan();
        let strikes = (0..20_000).filter(|seed| plan.strike(&draw(*seed, 1, Point::BeforeCommit)).is_some()).count();
        // Allows five standard deviations of 67.
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
        // Each differs for some rule, so every part influences the draw.
        for other in others {
            assert!((0..20).any(|rule| other.percentile(rule) != same.percentile(rule)), "{other:?}");
        }
    }

    #[test]
    fn a_limited_rule_fires_only_in_the_first_attempts() {
        let plan = Preset::AfterCommitOnce.plan();
        assert_eq!(plan.strike(&draw(5, 1, Point::AfterCommit)), Some(Action::Error));
        assert_eq!(plan.strike(&draw(5, 2, Point::AfterCommit)), None);
        assert_eq!(plan.strike(&draw(5, 1, Point::BeforeCommit)), None);
    }
}
