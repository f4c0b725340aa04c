//! The attempts of one activity of one workflow run, by their number. Keeps the latest; says how many it does not.

use super::attempt::{AttemptFacts, AttemptState, Ending};

/// How many attempts are kept of one activity. Retries have no limit, memory does.
pub const KEPT_ATTEMPTS: u32 = 64;

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Lane {
    /// Sorted by number.
    facts: Vec<AttemptFacts>,
    highest: u32,
    /// The attempt that first committed an effect, which may be too old to be kept.
    first_commit: Option<u32>,
}

/// An attempt as it is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen<'a> {
    pub number: u32,
    /// From 1; one more after each activity reset, after which attempts begin at 1 again.
    pub round: u32,
    pub state: AttemptState<'a>,
    /// `None` where it was not observed.
    pub facts: Option<&'a AttemptFacts>,
}

impl Lane {
    /// The facts of attempt `number`, to be added to. `None` where it is too old to be kept.
    pub fn attempt(&mut self, number: u32) -> Option<&mut AttemptFacts> {
        self.highest = self.highest.max(number);
        let oldest = self.oldest_kept();
        if number < oldest {
            return None;
        }
        let place = match self.facts.binary_search_by_key(&number, |facts| facts.number) {
            Ok(place) => place,
            Err(place) => {
                // Most activities need one attempt; a default growth would keep room for four.
                self.facts.reserve_exact(1);
                self.facts.insert(place, AttemptFacts::new(number));
                place
            }
        };
        let forgotten = self.facts.partition_point(|facts| facts.number < oldest);
        self.facts.drain(..forgotten);
        self.facts.get_mut(place.saturating_sub(forgotten))
    }

    pub fn note_commit(&mut self, number: u32) {
        self.first_commit = Some(self.first_commit.map_or(number, |first| first.min(number)));
    }

    #[must_use]
    pub const fn highest(&self) -> u32 {
        self.highest
    }

    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.highest == 0
    }

    #[must_use]
    pub const fn first_commit(&self) -> Option<u32> {
        self.first_commit
    }

    /// The number of the oldest attempt that is kept; those before it are known by their number only.
    #[must_use]
    pub fn oldest_kept(&self) -> u32 {
        self.highest.saturating_sub(KEPT_ATTEMPTS - 1).max(1)
    }

    /// `closed`: something after this activity has begun, so no attempt of it can still be running.
    pub fn seen(&self, closed: bool) -> impl DoubleEndedIterator<Item = Seen<'_>> {
        (self.oldest_kept()..=self.highest).map(move |number| {
            let found = self.facts.binary_search_by_key(&number, |facts| facts.number);
            let facts = found.ok().and_then(|place| self.facts.get(place));
            let superseded = closed || number < self.highest;
            let state = facts.map_or(AttemptState::NotObserved, |facts| facts.state(superseded));
            Seen { number, round: 1, state, facts }
        })
    }

    /// The latest attempt.
    #[must_use]
    pub fn latest(&self, closed: bool) -> Option<Seen<'_>> {
        self.seen(closed).next_back()
    }

    #[must_use]
    pub fn has_succeeded(&self) -> bool {
        self.facts.iter().any(|facts| matches!(facts.ending, Some(Ending::Succeeded { .. })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_skipped_number_is_not_observed() {
        let mut lane = Lane::default();
        for number in [3, 1] {
            lane.attempt(number).unwrap();
        }
        let states: Vec<_> = lane.seen(false).map(|seen| seen.state).collect();
        assert_eq!(states, [AttemptState::NoAnswer, AttemptState::NotObserved, AttemptState::Running]);
    }

    #[test]
    fn only_the_latest_attempts_are_kept_in_any_order() {
        let mut lane = Lane::default();
        for number in (1..=500).rev().chain(1..=500) {
            if let Some(facts) = lane.attempt(number) {
                assert_eq!(facts.number, number);
            }
        }
        assert_eq!((lane.facts.len(), lane.oldest_kept(), lane.highest()), (64, 437, 500));
        assert_eq!(lane.seen(false).count(), 64);
        lane.attempt(u32::MAX).unwrap();
        assert_eq!(lane.facts.len(), 1);
    }
}
