//! What the server has said of one activity of one run, answer by answer: what is left of a question every quarter of a
//! second. Only what changed is kept, sorted by time, so the order in which answers come in cannot matter.

use crate::domain::{PendingActivity, UnixMillis};

use super::attempt_id::Place;

/// How many different answers are kept. The oldest goes first.
const KEPT_SIGHTINGS: usize = 128;

/// The journal may tell of an attempt before an answer that is older comes in. Only an answer that comes this long
/// after the attempt began, in milliseconds, and still counts lower, tells of a reset that the journal does not show.
const SETTLES: u64 = 3_000;

/// The same answer, from its first time to its last.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Sighting {
    first: UnixMillis,
    last: UnixMillis,
    pending: PendingActivity,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Told {
    /// Sorted by time; neighbours differ.
    sightings: Vec<Sighting>,
    /// The attempt that the latest answer is about; `None` where the journal was ahead of it.
    place: Option<Place>,
}

/// An answer, and the attempt that it is about: the one that runs, or the next one.
#[derive(Debug, Clone, Copy)]
pub struct Claim<'a> {
    pub place: Place,
    pub pending: &'a PendingActivity,
    pub seen: UnixMillis,
}

impl Told {
    /// Takes in the answer of that time.
    pub fn hear(&mut self, at: UnixMillis, pending: PendingActivity) {
        let next = self.sightings.partition_point(|sighting| sighting.last < at);
        if self.sightings.get(next).is_some_and(|sighting| sighting.first <= at) {
            return self.hear_within(next, at, pending);
        }
        let is_same = |sighting: &&mut Sighting| sighting.pending == pending;
        let before = next.checked_sub(1).and_then(|index| self.sightings.get_mut(index)).filter(is_same);
        if let Some(before) = before {
            before.last = at;
            return self.join(next);
        }
        match self.sightings.get_mut(next).filter(is_same) {
            Some(after) => after.first = at,
            None => self.sightings.insert(next, Sighting { first: at, last: at, pending }),
        }
        let excess = self.sightings.len().saturating_sub(KEPT_SIGHTINGS);
        self.sightings.drain(..excess);
    }

    /// An answer between two that were the same: where it differs, they were two.
    fn hear_within(&mut self, index: usize, at: UnixMillis, pending: PendingActivity) {
        let Some(known) = self.sightings.get_mut(index) else { return };
        if known.pending == pending || known.first == at || known.last == at {
            return;
        }
        let later = Sighting { first: known.last, ..known.clone() };
        known.last = known.first;
        let behind = self.sightings.split_off(index + 1);
        self.sightings.extend([Sighting { first: at, last: at, pending }, later]);
        self.sightings.extend(behind);
    }

    /// Makes one of a sighting and the one before it, where they are the same.
    fn join(&mut self, index: usize) {
        let [before, after] = self.sightings.get_mut(index.saturating_sub(1)..=index).unwrap_or_default() else {
            return;
        };
        if before.pending == after.pending {
            before.last = after.last;
            self.sightings.remove(index);
        }
    }

    /// The latest answer, its time, and the attempt that it is about.
    #[must_use]
    pub fn latest(&self) -> Option<(&PendingActivity, UnixMillis, Option<Place>)> {
        self.sightings.last().map(|sighting| (&sighting.pending, sighting.last, self.place))
    }

    /// Finds out which attempts the answers are about. `starts`: the attempts that the journal saw begin.
    pub fn claims(&mut self, starts: &[(UnixMillis, Place)]) -> Vec<Claim<'_>> {
        let mut claims: Vec<Claim<'_>> = Vec::with_capacity(self.sightings.len());
        self.place = None;
        for sighting in &self.sightings {
            self.place = place(sighting, claims.last(), starts);
            if let Some(place) = self.place {
                claims.push(Claim { place, pending: &sighting.pending, seen: sighting.first });
            }
        }
        claims
    }
}

/// Which attempt an answer is about. `before`: the answer before it.
fn place(sighting: &Sighting, before: Option<&Claim<'_>>, starts: &[(UnixMillis, Place)]) -> Option<Place> {
    let pending = &sighting.pending;
    let told = before.map_or(Place::new(1, 0), |before| {
        if counts_anew(before.pending, pending) { Place::new(before.place.round + 1, 0) } else { before.place }
    });
    // No attempt can have ended before the first one of the first round.
    let least = Place::new(if pending.attempt == 1 && pending.completed.is_some() { 2 } else { 1 }, 0);
    let told = told.max(least);
    let line = starts.iter().filter(|(at, _)| *at <= sighting.first).max_by_key(|(_, place)| *place);
    match line {
        Some((at, line)) if *line > told => {
            let is_late = sighting.last.0 < at.0.saturating_add(SETTLES);
            match pending.attempt < line.number {
                true if is_late => None,
                behind => Some(Place::new(line.round + u32::from(behind), pending.attempt)),
            }
        }
        _ => Some(Place::new(told.round, pending.attempt)),
    }
}

/// Whether there was an activity reset between two answers.
fn counts_anew(before: &PendingActivity, after: &PendingActivity) -> bool {
    let runs_anew = before.runs() && (!after.runs() || before.started != after.started);
    after.attempt < before.attempt || (after.attempt == before.attempt && runs_anew)
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::app::testing::fixture::{running, waiting};

    fn places(told: &mut Told, starts: &[(u64, Place)]) -> Vec<Place> {
        let starts: Vec<_> = starts.iter().map(|(at, place)| (UnixMillis(*at), *place)).collect();
        told.claims(&starts).iter().map(|claim| claim.place).collect()
    }

    fn hear(answers: &[(u64, &PendingActivity)]) -> Told {
        let mut told = Told::default();
        for (at, pending) in answers {
            told.hear(UnixMillis(*at), (*pending).clone());
        }
        told
    }

    #[test]
    fn equal_answers_are_kept_once_in_any_order_of_arrival() {
        let (first, second) = (running(1, 90), waiting(2, 95, 300));
        let answers = [(100, &first), (110, &first), (120, &second), (130, &second), (140, &second)];
        let expected = hear(&answers);
        assert_eq!(expected.sightings.len(), 2);
        for order in [[4, 0, 2, 1, 3], [1, 4, 3, 2, 0], [2, 0, 4, 3, 1]] {
            assert_eq!(hear(&order.map(|index: usize| answers[index])), expected);
        }
        let mut split = hear(&[(100, &first), (140, &first)]);
        split.hear(UnixMillis(120), second);
        assert_eq!(split.sightings.len(), 3);
    }

    #[test]
    fn memory_is_bounded() {
        let mut told = Told::default();
        for number in 1..=500 {
            told.hear(UnixMillis(u64::from(number)), waiting(number, 1, 2));
        }
        assert_eq!(told.sightings.len(), KEPT_SIGHTINGS);
        assert_eq!(told.latest().unwrap().0.attempt, 500);
    }

    #[test]
    fn a_lower_number_in_a_newer_answer_is_a_new_round() {
        let (third, again, second) = (waiting(3, 100, 300), running(1, 400), waiting(2, 450, 500));
        let mut told = hear(&[(410, &again), (110, &third), (460, &second)]);
        assert_eq!(places(&mut told, &[]), [Place::new(1, 3), Place::new(2, 1), Place::new(2, 2)]);
    }

    #[test]
    fn the_same_number_with_another_start_is_a_new_round() {
        let mut told = hear(&[(110, &running(1, 100)), (310, &running(1, 300))]);
        assert_eq!(places(&mut told, &[]), [Place::new(1, 1), Place::new(2, 1)]);
        let reset = PendingActivity { attempt: 1, ..waiting(2, 120, 300) };
        assert_eq!(places(&mut hear(&[(130, &reset)]), &[]), [Place::new(2, 1)]);
    }

    #[test]
    fn a_late_answer_is_no_reset_and_a_lasting_one_is() {
        let starts = [(100, Place::new(1, 1)), (1_100, Place::new(1, 2)), (3_100, Place::new(1, 3))];
        let late = waiting(2, 105, 1_100);
        let mut told = hear(&[(3_200, &late)]);
        assert!(places(&mut told, &starts).is_empty());
        assert_eq!(told.latest().unwrap().2, None);
        told.hear(UnixMillis(9_000), late);
        assert_eq!(places(&mut told, &starts), [Place::new(2, 2)]);
    }

    #[test]
    fn the_journal_says_which_round_it_is() {
        let starts = [(100, Place::new(1, 2)), (200, Place::new(2, 1))];
        let mut told = hear(&[(210, &running(1, 199)), (150, &waiting(3, 101, 900))]);
        assert_eq!(places(&mut told, &starts), [Place::new(1, 3), Place::new(2, 1)]);
    }
}
