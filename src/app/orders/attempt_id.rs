//! The ids of attempts. After an activity reset Temporal counts attempts from 1 again, in the same run; a round is the time
//! between two resets.

use std::fmt;

/// Rounds that are kept; of those before them only the attempts are counted.
const MAX_KEPT_ROUNDS: usize = 64;

/// Resets that are shown as strokes; more are shown as a number.
const MAX_STROKES: u32 = 3;

/// The id of an attempt within one activity of one run. Sorted by time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttemptId {
    /// From 1; one more after each activity reset.
    pub round: u32,
    /// As Temporal counts: from 1 in each round.
    pub number: u32,
}

impl AttemptId {
    /// The id of attempt `number` in `round`.
    #[must_use]
    pub const fn new(round: u32, number: u32) -> Self {
        Self { round, number }
    }
}

/// `#2`; after a reset `#2'`, after two `#2''`, after many `#2'7`.
impl fmt::Display for AttemptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.number)?;
        match self.round.saturating_sub(1) {
            resets @ 0..=MAX_STROKES => (0..resets).try_for_each(|_| f.write_str("'")),
            resets => write!(f, "'{resets}"),
        }
    }
}

/// The highest attempts of an activity, by round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rounds {
    /// The highest number in the current round.
    latest: u32,
    /// Rounds that a reset has ended; rare.
    earlier: Option<Box<Earlier>>,
}

/// The rounds that a reset has ended.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Earlier {
    /// The highest number of each.
    tops: Vec<u32>,
    /// Rounds before those, and all their attempts.
    folded: u32,
    folded_attempts: u64,
}

impl Rounds {
    /// No attempts.
    #[must_use]
    pub const fn new() -> Self {
        Self { latest: 0, earlier: None }
    }

    /// The current round, from 1.
    #[must_use]
    pub fn current(&self) -> u32 {
        let count = |earlier: &Earlier| earlier.folded.saturating_add(u32::try_from(earlier.tops.len()).unwrap_or(0));
        self.earlier.as_deref().map_or(0, count).saturating_add(1)
    }

    /// The highest number of the current round; 0 before its first attempt.
    #[must_use]
    pub const fn latest(&self) -> u32 {
        self.latest
    }

    /// Number of attempts in all rounds.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.before(self.current()).unwrap_or(0).saturating_add(u64::from(self.latest))
    }

    /// The highest number of `round`; `None` if it is not known or too old.
    #[must_use]
    pub fn top(&self, round: u32) -> Option<u32> {
        if round == self.current() { Some(self.latest) } else { self.tops().get(self.index(round)?).copied() }
    }

    /// Records that the attempt exists, and so does its round.
    pub fn reach(&mut self, id: AttemptId) {
        while id.round > self.current() {
            let earlier = self.earlier.get_or_insert_default();
            earlier.tops.push(std::mem::take(&mut self.latest));
            if earlier.tops.len() > MAX_KEPT_ROUNDS {
                earlier.folded = earlier.folded.saturating_add(1);
                earlier.folded_attempts += u64::from(earlier.tops.remove(0));
            }
        }
        if id.round == self.current() {
            self.latest = self.latest.max(id.number);
        } else if let Some(index) = self.index(id.round)
            && let Some(top) = self.earlier.as_mut().and_then(|earlier| earlier.tops.get_mut(index))
        {
            *top = (*top).max(id.number);
        }
    }

    /// Position of an attempt among all rounds, from 1; 0 if it is too old.
    #[must_use]
    pub fn position(&self, id: AttemptId) -> u64 {
        self.before(id.round).map_or(0, |before| before.saturating_add(u64::from(id.number)))
    }

    /// The attempt at a position, which counts from 1.
    #[must_use]
    pub fn at(&self, position: u64) -> AttemptId {
        let folded = self.earlier.as_deref().map_or((0, 0), |earlier| (earlier.folded, earlier.folded_attempts));
        let (mut round, mut left) = (folded.0.saturating_add(1), position.saturating_sub(folded.1));
        for top in self.tops() {
            if left <= u64::from(*top) {
                break;
            }
            (round, left) = (round.saturating_add(1), left - u64::from(*top));
        }
        AttemptId { round, number: u32::try_from(left).unwrap_or(u32::MAX) }
    }

    fn tops(&self) -> &[u32] {
        self.earlier.as_deref().map_or(&[], |earlier| &earlier.tops)
    }

    fn index(&self, round: u32) -> Option<usize> {
        let folded = self.earlier.as_deref().map_or(0, |earlier| earlier.folded);
        usize::try_from(round.checked_sub(folded)?.checked_sub(1)?).ok()
    }

    /// Number of attempts in the rounds before `round`.
    fn before(&self, round: u32) -> Option<u64> {
        let index = self.index(round)?;
        let folded = self.earlier.as_deref().map_or(0, |earlier| earlier.folded_attempts);
        let tops = self.tops().iter().take(index).map(|top| u64::from(*top));
        Some(tops.fold(folded, u64::saturating_add))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_position_has_its_place_and_back() {
        let mut rounds = Rounds::new();
        for place in [AttemptId::new(1, 3), AttemptId::new(3, 2), AttemptId::new(1, 4)] {
            rounds.reach(place);
        }
        assert_eq!((rounds.current(), rounds.latest(), rounds.total()), (3, 2, 6));
        assert_eq!((rounds.top(1), rounds.top(2), rounds.top(3), rounds.top(4)), (Some(4), Some(0), Some(2), None));
        for position in 1..=6 {
            assert_eq!(rounds.position(rounds.at(position)), position);
        }
        assert_eq!(rounds.at(5), AttemptId::new(3, 1));
    }

    #[test]
    fn very_many_resets_need_little_room() {
        let mut rounds = Rounds::new();
        for round in 1..=500 {
            rounds.reach(AttemptId::new(round, 2));
        }
        assert_eq!((rounds.current(), rounds.total(), rounds.tops().len()), (500, 1_000, MAX_KEPT_ROUNDS));
        assert_eq!((rounds.at(999), rounds.position(AttemptId::new(499, 2))), (AttemptId::new(500, 1), 998));
        assert_eq!((rounds.position(AttemptId::new(3, 1)), rounds.top(3)), (0, None));
    }

    #[test]
    fn a_reset_shows_in_the_name() {
        let names: Vec<_> = [1, 2, 3, 4, 8].map(|round| AttemptId::new(round, 2).to_string()).to_vec();
        assert_eq!(names, ["#2", "#2'", "#2''", "#2'''", "#2'7"]);
    }
}
