//! The server's reports about one activity of one run, polled every quarter of a second. Only changes are kept, sorted by time,
//! so the order of arrival does not matter.

use crate::domain::{PendingActivity, UnixMillis};

use super::attempt_id::AttemptId;

/// Different reports that are kept; the oldest is dropped first.
const MAX_REPORTS: usize = 128;

/// Milliseconds after an attempt's start from which a report with a lower number means a reset. An earlier one may be an
/// older report that arrives after the journal's record.
const LATE_REPORT_MILLIS: u64 = 3_000;

/// One report, from its first time to its last.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Report {
    first: UnixMillis,
    last: UnixMillis,
    pending: PendingActivity,
}

/// The reports about one activity.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ServerReports {
    /// Sorted by time; neighbours differ.
    reports: Vec<Report>,
    /// The attempt that the latest report is about; `None` if the journal was ahead of it.
    id: Option<AttemptId>,
}

/// A report and its attempt: the one that runs, or the next one.
#[derive(Debug, Clone, Copy)]
pub struct AttributedReport<'a> {
    /// The attempt.
    pub id: AttemptId,
    /// The report.
    pub pending: &'a PendingActivity,
    /// When it was first reported.
    pub seen: UnixMillis,
}

impl ServerReports {
    /// Adds the report of that time.
    pub fn add(&mut self, at: UnixMillis, pending: PendingActivity) {
        let next = self.reports.partition_point(|report| report.last < at);
        if self.reports.get(next).is_some_and(|report| report.first <= at) {
            return self.insert_between(next, at, pending);
        }
        let is_same = |report: &&mut Report| report.pending == pending;
        let before = next.checked_sub(1).and_then(|index| self.reports.get_mut(index)).filter(is_same);
        if let Some(before) = before {
            before.last = at;
            return self.join(next);
        }
        match self.reports.get_mut(next).filter(is_same) {
            Some(after) => after.first = at,
            None => self.reports.insert(next, Report { first: at, last: at, pending }),
        }
        let excess = self.reports.len().saturating_sub(MAX_REPORTS);
        self.reports.drain(..excess);
    }

    /// Adds a report within the interval of a known one, and splits the interval if the report differs.
    fn insert_between(&mut self, index: usize, at: UnixMillis, pending: PendingActivity) {
        let Some(known) = self.reports.get_mut(index) else { return };
        if known.pending == pending || known.first == at || known.last == at {
            return;
        }
        let later = Report { first: known.last, ..known.clone() };
        known.last = known.first;
        let behind = self.reports.split_off(index + 1);
        self.reports.extend([Report { first: at, last: at, pending }, later]);
        self.reports.extend(behind);
    }

    /// Joins a report with the one before it if they are equal.
    fn join(&mut self, index: usize) {
        let [before, after] = self.reports.get_mut(index.saturating_sub(1)..=index).unwrap_or_default() else {
            return;
        };
        if before.pending == after.pending {
            before.last = after.last;
            self.reports.remove(index);
        }
    }

    /// The latest report, its time and its attempt.
    #[must_use]
    pub fn latest(&self) -> Option<(&PendingActivity, UnixMillis, Option<AttemptId>)> {
        self.reports.last().map(|report| (&report.pending, report.last, self.id))
    }

    /// The reports with their attempts. `starts`: the attempts that the journal records as begun.
    pub fn attributed(&mut self, starts: &[(UnixMillis, AttemptId)]) -> Vec<AttributedReport<'_>> {
        let mut attributed: Vec<AttributedReport<'_>> = Vec::with_capacity(self.reports.len());
        self.id = None;
        for report in &self.reports {
            self.id = attempt_of(report, attributed.last(), starts);
            if let Some(id) = self.id {
                attributed.push(AttributedReport { id, pending: &report.pending, seen: report.first });
            }
        }
        attributed
    }
}

/// The attempt that a report is about. `before`: the report before it.
fn attempt_of(
    report: &Report,
    before: Option<&AttributedReport<'_>>,
    starts: &[(UnixMillis, AttemptId)],
) -> Option<AttemptId> {
    let pending = &report.pending;
    let reported = before.map_or(AttemptId::new(1, 0), |before| {
        if restarts_numbers(before.pending, pending) { AttemptId::new(before.id.round + 1, 0) } else { before.id }
    });
    // No attempt can have ended before the first one of the first round.
    let least = AttemptId::new(if pending.attempt == 1 && pending.completed.is_some() { 2 } else { 1 }, 0);
    let reported = reported.max(least);
    let line = starts.iter().filter(|(at, _)| *at <= report.first).max_by_key(|(_, id)| *id);
    match line {
        Some((at, line)) if *line > reported => {
            let is_late = report.last.0 < at.0.saturating_add(LATE_REPORT_MILLIS);
            match pending.attempt < line.number {
                true if is_late => None,
                behind => Some(AttemptId::new(line.round + u32::from(behind), pending.attempt)),
            }
        }
        _ => Some(AttemptId::new(reported.round, pending.attempt)),
    }
}

/// Whether there was an activity reset between two reports.
fn restarts_numbers(before: &PendingActivity, after: &PendingActivity) -> bool {
    let has_restarted = before.runs() && (!after.runs() || before.started != after.started);
    after.attempt < before.attempt || (after.attempt == before.attempt && has_restarted)
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::app::testing::fixture::{running, waiting};

    fn places(reported: &mut ServerReports, starts: &[(u64, AttemptId)]) -> Vec<AttemptId> {
        let starts: Vec<_> = starts.iter().map(|(at, id)| (UnixMillis(*at), *id)).collect();
        reported.attributed(&starts).iter().map(|attributed| attributed.id).collect()
    }

    fn add(answers: &[(u64, &PendingActivity)]) -> ServerReports {
        let mut reported = ServerReports::default();
        for (at, pending) in answers {
            reported.add(UnixMillis(*at), (*pending).clone());
        }
        reported
    }

    #[test]
    fn equal_answers_are_kept_once_in_any_order_of_arrival() {
        let (first, second) = (running(1, 90), waiting(2, 95, 300));
        let answers = [(100, &first), (110, &first), (120, &second), (130, &second), (140, &second)];
        let expected = add(&answers);
        assert_eq!(expected.reports.len(), 2);
        for order in [[4, 0, 2, 1, 3], [1, 4, 3, 2, 0], [2, 0, 4, 3, 1]] {
            assert_eq!(add(&order.map(|index: usize| answers[index])), expected);
        }
        let mut split = add(&[(100, &first), (140, &first)]);
        split.add(UnixMillis(120), second);
        assert_eq!(split.reports.len(), 3);
    }

    #[test]
    fn memory_is_bounded() {
        let mut reported = ServerReports::default();
        for number in 1..=500 {
            reported.add(UnixMillis(u64::from(number)), waiting(number, 1, 2));
        }
        assert_eq!(reported.reports.len(), MAX_REPORTS);
        assert_eq!(reported.latest().unwrap().0.attempt, 500);
    }

    #[test]
    fn a_lower_number_in_a_newer_answer_starts_a_round() {
        let (third, again, second) = (waiting(3, 100, 300), running(1, 400), waiting(2, 450, 500));
        let mut reported = add(&[(410, &again), (110, &third), (460, &second)]);
        assert_eq!(places(&mut reported, &[]), [AttemptId::new(1, 3), AttemptId::new(2, 1), AttemptId::new(2, 2)]);
    }

    #[test]
    fn the_same_number_with_another_start_time_starts_a_round() {
        let mut reported = add(&[(110, &running(1, 100)), (310, &running(1, 300))]);
        assert_eq!(places(&mut reported, &[]), [AttemptId::new(1, 1), AttemptId::new(2, 1)]);
        let reset = PendingActivity { attempt: 1, ..waiting(2, 120, 300) };
        assert_eq!(places(&mut add(&[(130, &reset)]), &[]), [AttemptId::new(2, 1)]);
    }

    #[test]
    fn a_late_answer_is_not_a_reset_and_a_lasting_one_is() {
        let starts = [(100, AttemptId::new(1, 1)), (1_100, AttemptId::new(1, 2)), (3_100, AttemptId::new(1, 3))];
        let late = waiting(2, 105, 1_100);
        let mut reported = add(&[(3_200, &late)]);
        assert!(places(&mut reported, &starts).is_empty());
        assert_eq!(reported.latest().unwrap().2, None);
        reported.add(UnixMillis(9_000), late);
        assert_eq!(places(&mut reported, &starts), [AttemptId::new(2, 2)]);
    }

    #[test]
    fn the_journal_determines_the_round() {
        let starts = [(100, AttemptId::new(1, 2)), (200, AttemptId::new(2, 1))];
        let mut reported = add(&[(210, &running(1, 199)), (150, &waiting(3, 101, 900))]);
        assert_eq!(places(&mut reported, &starts), [AttemptId::new(1, 3), AttemptId::new(2, 1)]);
    }
}
