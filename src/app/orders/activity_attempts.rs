//! The attempts of one activity of one workflow run: the journal's records, completed by the server's reports. Keeps the
//! latest attempts and counts the others.

use crate::domain::{ActivityKey, PendingActivity, UnixMillis};

use super::{
    activity_record::ActivityRecord,
    attempt::{AttemptFacts, AttemptState},
    attempt_id::{AttemptId, Rounds},
    server_reports::{AttributedReport, ServerReports},
};

/// Attempts that are kept per activity, because the number of retries is not limited.
pub const MAX_KEPT_ATTEMPTS: u64 = 64;

/// The attempts of one activity of one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActivityAttempts {
    key: ActivityKey,
    /// Sorted by id.
    facts: Vec<AttemptFacts>,
    /// The attempts that the journal records.
    journaled: Rounds,
    /// The attempts that the journal records or the server reports.
    known: Rounds,
    /// The attempt that first committed an effect, even if it is too old to be kept.
    first_commit: Option<AttemptId>,
    /// How often the effect was in the stock after the latest commit of these attempts.
    times: u32,
    /// `None` if the server has reported nothing.
    reports: Option<Box<ServerReports>>,
    /// `None` for an order, whose activities are known without it.
    record: Option<Box<ActivityRecord>>,
}

/// One attempt with its state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttemptView<'a> {
    /// As Temporal counts: from 1 in each round.
    pub number: u32,
    /// Activity resets that came before it, plus one.
    pub round: u32,
    /// Its state.
    pub state: AttemptState<'a>,
    /// `None` if it was not observed.
    pub facts: Option<&'a AttemptFacts>,
}

impl AttemptView<'_> {
    /// Its name: `#2`, or `#2'` after a reset.
    #[must_use]
    pub const fn id(&self) -> AttemptId {
        AttemptId::new(self.round, self.number)
    }
}

/// The state of an activity as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActivityState {
    /// An attempt may run.
    Open,
    /// It has ended, and is not known to have succeeded.
    Over,
    /// It has succeeded: what comes after it has begun.
    Succeeded,
    /// It is no longer pending, and its result is not known.
    Closed,
}

impl ActivityAttempts {
    /// An activity without any fact.
    #[must_use]
    pub const fn new(key: ActivityKey) -> Self {
        Self {
            key,
            facts: Vec::new(),
            journaled: Rounds::new(),
            known: Rounds::new(),
            first_commit: None,
            times: 0,
            reports: None,
            record: None,
        }
    }

    /// Its key.
    #[must_use]
    pub const fn key(&self) -> &ActivityKey {
        &self.key
    }

    /// The server has reported the id of an activity that only the journal recorded.
    pub fn identify(&mut self, key: ActivityKey) {
        self.key = key;
    }

    /// Moves what the journal records to the activity with this key. The server's reports stay.
    #[must_use]
    pub fn split_journal(&mut self, key: ActivityKey) -> Self {
        let rest = Self { reports: self.reports.take(), record: self.record.take(), ..Self::new(self.key.clone()) };
        let mut journaled = Self { key, ..std::mem::replace(self, rest) };
        journaled.forget_reports();
        self.merge();
        journaled
    }

    /// The journal records that attempt `number` began. It can begin a second time only after a reset.
    pub fn start(&mut self, number: u32, at: UnixMillis) {
        let id = AttemptId::new(self.journaled.current(), number);
        let is_known = match self.find(id) {
            Some(facts) => facts.started.is_some(),
            None => number <= self.journaled.latest() && self.known.position(id) < self.oldest(),
        };
        let id = AttemptId { round: id.round.saturating_add(u32::from(is_known)), ..id };
        self.change(id, |facts| facts.started = Some(at));
    }

    /// Applies a further journal record to attempt `number`. Returns its id: the latest attempt of this number that may still run,
    /// because a record may come from an attempt that began before a reset.
    pub fn record(&mut self, number: u32, change: impl FnOnce(&mut AttemptFacts)) -> AttemptId {
        let mut named = self.facts.iter().rev().filter(|facts| facts.number == number && facts.is_journaled());
        let may_run = named.clone().find(|facts| facts.end.is_none());
        let found = may_run.or_else(|| named.next()).map(AttemptFacts::id);
        let id = found.unwrap_or_else(|| AttemptId::new(self.journaled.current(), number));
        self.change(id, change);
        id
    }

    fn change(&mut self, id: AttemptId, change: impl FnOnce(&mut AttemptFacts)) {
        self.journaled.reach(id);
        if let Some(facts) = self.entry(id) {
            change(facts);
        }
        self.merge();
    }

    /// An attempt has committed its effect. `times`: how often the effect is in the stock after it.
    pub fn on_commit(&mut self, id: AttemptId, times: u32) {
        self.times = self.times.max(times);
        self.first_commit = Some(self.first_commit.map_or(id, |first| first.min(id)));
    }

    /// The worker of that identity has died, and its attempt has ended. Only the server knows which worker runs an attempt; an
    /// attempt without such a report may be another worker's.
    pub fn orphan(&mut self, identity: &str, at: UnixMillis) {
        if self.latest_report().is_none_or(|(pending, ..)| pending.worker != identity) {
            return;
        }
        let latest = self.facts.last_mut().filter(|facts| facts.started.is_some() && facts.end.is_none());
        if let Some(facts) = latest {
            facts.orphaned = facts.orphaned.or(Some(at));
        }
    }

    /// Applies the server's report of that time.
    pub fn on_report(&mut self, at: UnixMillis, pending: PendingActivity) {
        self.reports.get_or_insert_default().add(at, pending);
        self.merge();
    }

    /// Changes what the history and the descriptions say about the activity as a whole.
    pub fn change_record(&mut self, change: impl FnOnce(&mut ActivityRecord)) {
        let record = self.record.get_or_insert_default();
        let before = (record.last.clone(), record.end.clone());
        change(record);
        if (&record.last, &record.end) != (&before.0, &before.1) {
            self.merge();
        }
    }

    /// What the history and the descriptions say about the activity as a whole.
    #[must_use]
    pub fn activity_record(&self) -> Option<&ActivityRecord> {
        self.record.as_deref()
    }

    /// The journal was replaced: keep only server-reported state.
    pub fn forget_journal(&mut self) {
        *self = Self { reports: self.reports.take(), record: self.record.take(), ..Self::new(self.key.clone()) };
        self.merge();
    }

    /// Keeps only what the journal records.
    fn forget_reports(&mut self) {
        self.facts.retain_mut(|facts| {
            facts.reported = None;
            facts.is_journaled()
        });
        self.known.clone_from(&self.journaled);
    }

    /// Merges the server's reports into the journal's records. Starts from scratch each time, because a new record can change
    /// which attempt a report belongs to.
    fn merge(&mut self) {
        if self.reports.is_none() && self.record.is_none() {
            return;
        }
        self.forget_reports();
        if let Some(mut reports) = self.reports.take() {
            let starts: Vec<_> = self.facts.iter().filter_map(|facts| Some((facts.started?, facts.id()))).collect();
            for report in reports.attributed(&starts) {
                self.apply_report(&report);
            }
            self.reports = Some(reports);
        }
        if let Some(record) = self.record.take() {
            self.apply_record(&record);
            self.record = Some(record);
        }
    }

    /// The history's record is about the last attempt, and about the failure of the one before. Without a last attempt, the
    /// activity ended while none ran.
    fn apply_record(&mut self, record: &ActivityRecord) {
        let Some(last) = &record.last else { return };
        // Attempts count from 1 again after a reset, which the server may not have reported in time.
        let resets = u32::from(last.number < self.known.latest());
        let id = AttemptId::new(self.known.current().saturating_add(resets), last.number);
        if let Some(facts) = self.entry(id) {
            facts.on_reported_start(Some(last.started), &last.worker);
        }
        if let Some(before) = self.before(id)
            && let Some(failure) = &last.failure_before
            && let Some(facts) = self.entry(before)
        {
            facts.on_recorded_failure(failure, last.started);
        }
        if let Some((at, end)) = &record.end
            && let Some(facts) = self.entry(id)
        {
            facts.on_recorded_end(*at, end);
        }
    }

    /// A report is about the attempt that runs, and about the failure of the one before.
    fn apply_report(&mut self, report: &AttributedReport<'_>) {
        let AttributedReport { id, pending, seen } = *report;
        if pending.runs() {
            if let Some(facts) = self.entry(id) {
                facts.on_reported_start(pending.started, &pending.worker);
            }
        } else {
            self.known.reach(AttemptId { number: id.number.saturating_sub(1), ..id });
        }
        if let Some(before) = self.before(id)
            && (pending.failure.is_some() || pending.ended().is_some())
            && let Some(facts) = self.entry(before)
        {
            facts.on_reported_end(pending, seen);
        }
    }

    /// The attempt before this one, which may be the last one before a reset.
    fn before(&self, id: AttemptId) -> Option<AttemptId> {
        if id.number > 1 {
            return Some(AttemptId { number: id.number - 1, ..id });
        }
        let round = id.round.checked_sub(1)?;
        self.known.top(round).filter(|top| *top > 0).map(|top| AttemptId::new(round, top))
    }

    /// The facts of an attempt, to change them. `None` if it is too old to be kept.
    fn entry(&mut self, id: AttemptId) -> Option<&mut AttemptFacts> {
        self.known.reach(id);
        let oldest = self.oldest();
        if self.known.position(id) < oldest {
            return None;
        }
        let forgotten = self.facts.partition_point(|facts| self.known.position(facts.id()) < oldest);
        self.facts.drain(..forgotten);
        let index = match self.facts.binary_search_by_key(&id, AttemptFacts::id) {
            Ok(index) => index,
            Err(index) => {
                // Most activities need one attempt; a default growth would keep room for four.
                self.facts.reserve_exact(1);
                self.facts.insert(index, AttemptFacts::new(id));
                index
            }
        };
        self.facts.get_mut(index)
    }

    fn find(&self, id: AttemptId) -> Option<&AttemptFacts> {
        let found = self.facts.binary_search_by_key(&id, AttemptFacts::id);
        found.ok().and_then(|index| self.facts.get(index))
    }

    /// The position of the oldest attempt that is kept; those before it are counted only.
    fn oldest(&self) -> u64 {
        self.total().saturating_sub(MAX_KEPT_ATTEMPTS - 1).max(1)
    }

    /// Attempts that the journal records, by their numbers, as the document counts retries.
    #[must_use]
    pub fn total_journaled(&self) -> u64 {
        self.journaled.total()
    }

    /// All attempts by their numbers, also those that are not kept.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.known.total()
    }

    /// Number of activity resets.
    #[must_use]
    pub fn resets(&self) -> u32 {
        self.known.current().saturating_sub(1)
    }

    /// Whether nothing is known of this activity, not even that it waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.total() == 0 && self.reports.is_none() && self.record.is_none()
    }

    /// The attempt that first committed an effect.
    #[must_use]
    pub const fn first_commit(&self) -> Option<AttemptId> {
        self.first_commit
    }

    /// How often the effect was in the stock after a commit of these attempts; 0 if none changed it.
    #[must_use]
    pub const fn times(&self) -> u32 {
        self.times
    }

    /// Whether the journal records any of them.
    #[must_use]
    pub fn is_journaled(&self) -> bool {
        self.journaled.total() > 0
    }

    /// The server's latest report, its time, and its attempt; no attempt if the journal was ahead of it.
    #[must_use]
    pub fn latest_report(&self) -> Option<(&PendingActivity, UnixMillis, Option<AttemptId>)> {
        self.reports.as_ref()?.latest()
    }

    /// The time of the latest report about it, or of its latest event in the history.
    #[must_use]
    pub fn last_sign(&self) -> Option<UnixMillis> {
        let reported = self.latest_report().map(|(_, at, _)| at);
        let recorded =
            self.activity_record().and_then(|record| record.end.as_ref().map(|(at, _)| *at).or(record.scheduled));
        reported.max(recorded)
    }

    /// Maximum of attempts; `None` if there is no limit, or none is known.
    #[must_use]
    pub fn maximum(&self) -> Option<u32> {
        self.latest_report().map(|(pending, _, _)| pending.maximum).filter(|maximum| *maximum > 0)
    }

    /// The attempts that are kept, oldest first.
    #[must_use]
    pub fn views(&self, activity_state: ActivityState) -> impl DoubleEndedIterator<Item = AttemptView<'_>> {
        let total = self.total();
        (self.oldest()..=total).map(move |position| {
            let id = self.known.at(position);
            let facts = self.find(id);
            let is_latest = position == total;
            let superseded = activity_state != ActivityState::Open || !is_latest;
            let state = match facts {
                Some(facts) if is_latest && activity_state == ActivityState::Succeeded && runs_unwatched(facts) => {
                    AttemptState::Done
                }
                Some(facts) if is_latest && activity_state == ActivityState::Closed && runs_unwatched(facts) => {
                    AttemptState::Ended
                }
                facts => facts.map_or(AttemptState::NotObserved, |facts| facts.state(superseded)),
            };
            AttemptView { number: id.number, round: id.round, state, facts }
        })
    }

    /// The latest attempt.
    #[must_use]
    pub fn latest(&self, activity_state: ActivityState) -> Option<AttemptView<'_>> {
        self.views(activity_state).next_back()
    }
}

/// Whether only the server has reported it, and not its failure.
fn runs_unwatched(facts: &AttemptFacts) -> bool {
    !facts.is_journaled()
        && facts.reported.as_ref().is_some_and(|reported| reported.ended.is_none() && reported.failure.is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::{
        app::{
            orders::attempt::{AttemptEnd, Failure},
            testing::fixture::{UPDATE, running, waiting},
        },
        store::CommitOutcome,
    };

    fn states(attempts: &ActivityAttempts) -> Vec<(String, AttemptState<'_>)> {
        attempts.views(ActivityState::Open).map(|seen| (seen.id().to_string(), seen.state)).collect()
    }

    fn state(attempts: &ActivityAttempts, activity_state: ActivityState) -> AttemptState<'_> {
        attempts.latest(activity_state).unwrap().state
    }

    /// The line that says that the attempt failed.
    fn fail(attempts: &mut ActivityAttempts, number: u32, at: u64) -> AttemptId {
        let (code, message) = ("RandomError".to_owned(), "journal".to_owned());
        let failure = Failure { at: UnixMillis(at), code, message, retryable: true, point: None, causes: Vec::new() };
        attempts.record(number, |facts| {
            assert_eq!(facts.number, number);
            facts.end = Some(AttemptEnd::Failed(Box::new(failure)));
        })
    }

    #[test]
    fn a_skipped_number_is_not_observed() {
        let mut attempts = ActivityAttempts::new(ActivityKey::of(UPDATE));
        for number in [3, 1] {
            attempts.start(number, UnixMillis(5));
        }
        let states: Vec<_> = attempts.views(ActivityState::Open).map(|seen| seen.state).collect();
        assert_eq!(states, [AttemptState::NoAnswer, AttemptState::NotObserved, AttemptState::Running]);
    }

    #[test]
    fn only_the_latest_attempts_are_kept_in_any_order() {
        let mut attempts = ActivityAttempts::new(ActivityKey::of(UPDATE));
        for number in (1..=500).rev().chain(1..=500) {
            fail(&mut attempts, number, 1);
        }
        assert_eq!((attempts.facts.len(), attempts.oldest(), attempts.known.latest()), (64, 437, 500));
        assert_eq!(attempts.views(ActivityState::Open).count(), 64);
        fail(&mut attempts, u32::MAX, 1);
        assert_eq!((attempts.facts.len(), attempts.views(ActivityState::Open).count()), (1, 64));
    }

    #[test]
    fn the_server_completes_what_the_journal_does_not_record() {
        let mut attempts = ActivityAttempts::new(ActivityKey::of(UPDATE));
        attempts.start(1, UnixMillis(100));
        attempts.on_report(UnixMillis(3_000), waiting(3, 2_000, 4_000));
        let seen: Vec<_> = attempts.views(ActivityState::Open).collect();
        assert_eq!(seen.len(), 2);
        assert_eq!(seen[0].state, AttemptState::NoAnswer);
        let AttemptState::Failed(failure) = seen[1].state else { panic!("{:?}", seen[1]) };
        assert_eq!((failure.message.as_str(), failure.at), ("RANDOM ERROR", UnixMillis(2_000)));
        assert_eq!((attempts.total(), attempts.total_journaled()), (2, 1));
        fail(&mut attempts, 2, 1_999);
        let AttemptState::Failed(failure) = attempts.latest(ActivityState::Open).unwrap().state else { panic!() };
        assert_eq!(failure.message, "journal");
    }

    #[test]
    fn the_last_attempt_that_only_the_server_saw_is_done_when_the_activity_is() {
        let mut attempts = ActivityAttempts::new(ActivityKey::of(UPDATE));
        attempts.on_report(UnixMillis(3_100), running(2, 3_000));
        assert_eq!(state(&attempts, ActivityState::Open), AttemptState::Running);
        assert_eq!(state(&attempts, ActivityState::Over), AttemptState::NoAnswer);
        assert_eq!(state(&attempts, ActivityState::Succeeded), AttemptState::Done);
        attempts.start(2, UnixMillis(3_001));
        assert_eq!(state(&attempts, ActivityState::Succeeded), AttemptState::NoAnswer);
    }

    #[test]
    fn after_a_reset_attempts_follow_the_earlier_ones() {
        let mut attempts = ActivityAttempts::new(ActivityKey::of(UPDATE));
        for number in 1..=3 {
            attempts.start(number, UnixMillis(u64::from(number) * 1_000));
            fail(&mut attempts, number, u64::from(number) * 1_000 + 5);
        }
        attempts.on_report(UnixMillis(3_500), waiting(4, 3_005, 8_000));
        attempts.on_report(UnixMillis(4_000), PendingActivity { attempt: 1, ..waiting(4, 3_005, 4_100) });
        assert_eq!((attempts.total(), attempts.resets(), attempts.known.latest()), (3, 1, 0));
        attempts.start(1, UnixMillis(4_200));
        attempts.record(1, |facts| {
            facts.end = Some(AttemptEnd::Succeeded { at: UnixMillis(4_210), outcome: CommitOutcome::Applied });
        });
        let names: Vec<_> = states(&attempts).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["#1", "#2", "#3", "#1'"]);
        assert!(matches!(states(&attempts)[0].1, AttemptState::Failed(_)));
        assert_eq!(states(&attempts)[3].1, AttemptState::Succeeded(CommitOutcome::Applied));
        assert_eq!((attempts.total(), attempts.total_journaled()), (4, 4));
    }

    #[test]
    fn a_line_of_an_attempt_from_before_the_reset_stays_with_it() {
        let mut attempts = ActivityAttempts::new(ActivityKey::of(UPDATE));
        for number in [1, 2] {
            attempts.start(number, UnixMillis(u64::from(number) * 1_000));
        }
        attempts.start(1, UnixMillis(3_000));
        assert_eq!(fail(&mut attempts, 2, 3_100), AttemptId::new(1, 2));
        assert_eq!(fail(&mut attempts, 1, 3_200), AttemptId::new(2, 1));
        assert_eq!(fail(&mut attempts, 1, 3_300), AttemptId::new(1, 1));
    }

    #[test]
    fn a_reset_that_only_the_server_reports_starts_a_round() {
        let mut attempts = ActivityAttempts::new(ActivityKey::of(UPDATE));
        for (at, pending) in [
            (110, running(1, 100)),
            (1_300, waiting(2, 1_200, 2_200)),
            (1_600, PendingActivity { attempt: 1, ..waiting(2, 1_200, 1_700) }),
            (1_900, running(1, 1_700)),
        ] {
            attempts.on_report(UnixMillis(at), pending);
        }
        let states = states(&attempts);
        assert_eq!(states.len(), 2);
        assert!(matches!(states[0], (ref name, AttemptState::Failed(_)) if name == "#1"), "{states:?}");
        assert_eq!(states[1], ("#1'".to_owned(), AttemptState::Running));
    }
}
