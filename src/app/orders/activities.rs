//! The activities of one workflow run. The server's reports name the type and the id of an activity. The journal's records name
//! the type only, so they belong to the first activity of their type.

use std::slice;

use crate::domain::{Activity, ActivityKey, PendingActivity, UnixMillis};

use super::{activity_attempts::ActivityAttempts, activity_record::ActivityRecord};

/// Activities that are kept per run. Those that have not been pending for the longest time are dropped first.
const MAX_KEPT_ACTIVITIES: usize = 200;

/// What [`Activities::first`] returns if no activity of the type is known.
static UNKNOWN: [ActivityAttempts; Activity::ALL.len()] = [
    ActivityAttempts::new(ActivityKey::of(Activity::UpdateInventory)),
    ActivityAttempts::new(ActivityKey::of(Activity::SupplierOrder)),
];

/// The activities of one run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Activities {
    /// Sorted by key.
    sorted: Vec<ActivityAttempts>,
    dropped: u64,
}

impl Activities {
    /// The activities, sorted by key.
    pub fn iter(&self) -> slice::Iter<'_, ActivityAttempts> {
        self.sorted.iter()
    }

    /// The activities, to change them.
    pub fn iter_mut(&mut self) -> slice::IterMut<'_, ActivityAttempts> {
        self.sorted.iter_mut()
    }

    /// The first activity of this type, which the journal's records are about. Empty if none is known.
    #[must_use]
    pub fn first(&self, activity: Activity) -> &ActivityAttempts {
        self.position(activity).map_or(&UNKNOWN[activity as usize], |index| &self.sorted[index])
    }

    /// The same, to change it. Adds it if none is known; it has no id until the server reports one.
    pub fn first_mut(&mut self, activity: Activity) -> &mut ActivityAttempts {
        let index =
            self.position(activity).unwrap_or_else(|| self.add(ActivityAttempts::new(ActivityKey::of(activity))));
        &mut self.sorted[index]
    }

    /// Applies the server's reports of that time.
    pub fn on_reports(&mut self, at: UnixMillis, pending: Vec<PendingActivity>) {
        for pending in pending {
            let key = ActivityKey { activity: pending.activity.clone(), id: Some(pending.id.as_str().into()) };
            let index = self.index_of(key);
            self.sorted[index].on_report(at, pending);
        }
        self.drop_stalest();
    }

    fn drop_stalest(&mut self) {
        while self.sorted.len() > MAX_KEPT_ACTIVITIES {
            let Some(index) = self.stalest() else { break };
            self.sorted.remove(index);
            self.dropped = self.dropped.saturating_add(1);
        }
    }

    /// Number of activities that were dropped to keep memory bounded.
    #[must_use]
    pub const fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Changes the record of the activity with this key. Adds it if it is not known.
    pub fn change_record(&mut self, key: ActivityKey, change: impl FnOnce(&mut ActivityRecord)) {
        let index = self.index_of(key);
        self.sorted[index].change_record(change);
        self.drop_stalest();
    }

    /// The journal was replaced: keep only server-reported state.
    pub fn forget_journal(&mut self) {
        self.sorted.iter_mut().for_each(ActivityAttempts::forget_journal);
        self.sorted.retain(|attempts| !attempts.is_empty());
    }

    fn position(&self, activity: Activity) -> Option<usize> {
        self.sorted.iter().position(|attempts| attempts.key().activity.ours() == Some(activity))
    }

    /// The index of the activity with this key, which is added if it is not known.
    fn index_of(&mut self, key: ActivityKey) -> usize {
        let next = match self.sorted.binary_search_by(|attempts| attempts.key().cmp(&key)) {
            Ok(index) => return index,
            Err(next) => next,
        };
        let first = self.sorted.iter().position(|attempts| attempts.key().activity == key.activity);
        match first {
            // Only the journal has reported it so far.
            Some(first) if self.sorted[first].key().id.is_none() => {
                self.sorted[first].identify(key);
                first
            }
            // The new one is the first of its type, so the journal's records are about it.
            Some(first) if first >= next => {
                let journaled = self.sorted[first].split_journal(key);
                self.add(journaled)
            }
            _ => self.add(ActivityAttempts::new(key)),
        }
    }

    fn add(&mut self, attempts: ActivityAttempts) -> usize {
        let index = self.sorted.partition_point(|other| other.key() < attempts.key());
        // Most runs are orders with our two activities, and thousands of orders are kept.
        let room = if self.sorted.capacity() == 0 { Activity::ALL.len() } else { 1 };
        self.sorted.reserve_exact(room);
        self.sorted.insert(index, attempts);
        index
    }

    /// The index of the activity that has not been pending for the longest time, and that no journal records.
    fn stalest(&self) -> Option<usize> {
        let last = |index: &usize| self.sorted[*index].last_sign();
        let reported = (0..self.sorted.len()).rev().filter(|index| !self.sorted[*index].is_journaled());
        reported.min_by_key(last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::app::{
        orders::activity_attempts::ActivityState,
        testing::fixture::{UPDATE, foreign, running, waiting},
    };

    /// Type, id, and number of attempts in the journal.
    fn ids(activities: &Activities) -> Vec<(&str, Option<&str>, u64)> {
        let keys = activities.iter().map(|attempts| (attempts.key(), attempts.total_journaled()));
        keys.map(|(key, journaled)| (key.activity.label(), key.id.as_deref(), journaled)).collect()
    }

    fn report(activities: &mut Activities, at: u64, pending: &[PendingActivity]) {
        activities.on_reports(UnixMillis(at), pending.to_vec());
    }

    #[test]
    fn the_journal_is_about_the_first_activity_of_its_type_in_any_order_of_arrival() {
        let [five, ten] = ["5", "10"].map(|id| foreign(UPDATE.name(), id, running(1, 90)));
        let journal = |activities: &mut Activities| activities.first_mut(UPDATE).start(1, UnixMillis(95));
        let five_reported = |activities: &mut Activities| report(activities, 100, std::slice::from_ref(&five));
        let ten_reported = |activities: &mut Activities| report(activities, 110, std::slice::from_ref(&ten));
        let steps: [&dyn Fn(&mut Activities); 3] = [&journal, &five_reported, &ten_reported];
        let mut all = Vec::new();
        for order in [[0_usize, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            let mut activities = Activities::default();
            for step in order {
                steps[step](&mut activities);
            }
            assert_eq!(ids(&activities), [("update", Some("5"), 1), ("update", Some("10"), 0)], "{order:?}");
            all.push(activities);
        }
        assert!(all.iter().all(|activities| *activities == all[0]), "{all:?}");
    }

    #[test]
    fn without_its_journal_only_what_the_server_reported_stays() {
        let mut activities = Activities::default();
        activities.first_mut(UPDATE).start(1, UnixMillis(95));
        assert_eq!(ids(&activities), [("update", None, 1)]);
        let mut forgotten = activities.clone();
        forgotten.forget_journal();
        assert_eq!((ids(&forgotten), forgotten.first(UPDATE).is_empty()), (vec![], true));
        report(
            &mut activities,
            100,
            &[foreign(UPDATE.name(), "5", running(1, 90)), foreign("mail", "6", running(1, 90))],
        );
        activities.forget_journal();
        assert_eq!(ids(&activities), [("update", Some("5"), 0), ("mail", Some("6"), 0)]);
    }

    #[test]
    fn parallel_activities_keep_their_own_attempts() {
        let mut activities = Activities::default();
        let charge = |id: &str, pending| foreign("charge_card", id, pending);
        report(&mut activities, 100, &[charge("11", running(1, 90)), charge("9", running(1, 91))]);
        report(&mut activities, 200, &[charge("11", waiting(2, 150, 900)), charge("9", running(1, 91))]);
        report(&mut activities, 300, &[charge("9", running(1, 91))]);
        assert_eq!(ids(&activities), [("charge_card", Some("9"), 0), ("charge_card", Some("11"), 0)]);
        let states: Vec<_> = activities.iter().flat_map(|attempts| attempts.views(ActivityState::Closed)).collect();
        assert_eq!(states[0].state, crate::app::AttemptState::Ended);
        let crate::app::AttemptState::Failed(failure) = states[1].state else { panic!("{states:?}") };
        assert_eq!(failure.message, "RANDOM ERROR");
    }

    #[test]
    fn the_number_of_activities_is_bounded_and_pending_ones_stay() {
        let mut activities = Activities::default();
        activities.first_mut(UPDATE).start(1, UnixMillis(1));
        for number in 0..1_000_u64 {
            let pending = ["1".to_owned(), (number + 10).to_string()].map(|id| foreign("step", &id, running(1, 1)));
            report(&mut activities, number, &pending);
        }
        let ids = ids(&activities);
        assert_eq!((ids.len(), ids[0].0), (MAX_KEPT_ACTIVITIES, "update"));
        assert_eq!((ids[1].1, ids[MAX_KEPT_ACTIVITIES - 1].1), (Some("1"), Some("1009")));
    }
}
