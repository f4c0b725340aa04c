//! The attempts of an order and the waits between them as segments of time, one history per activity. Unknown times are
//! computed: Temporal gives an attempt up at its start-to-close timeout, and waits as the retry policy says. No two segments of
//! an activity overlap.

use std::time::Duration;

use crate::{
    app::{
        NextAttempt, RetryWaits,
        orders::{
            activity_attempts::{ActivityAttempts, AttemptView},
            attempt::{AttemptFacts, AttemptState, Failure},
            execution::Execution,
        },
    },
    domain::{Activity, PendingState, RetryPolicy, UnixMillis, millis},
    faults::Action,
};

/// Latest time, in milliseconds since the Unix epoch. Later times are replaced by it, so that sums do not overflow.
const MAX_TIME: u64 = 1 << 60;

/// Milliseconds after which a queue, or a running attempt, is shown.
const NOTICEABLE_MILLIS: u64 = 1_000;

/// The history of one activity of an order, oldest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActivityHistory<'a> {
    /// The activity.
    pub activity: &'a ActivityAttempts,
    /// Attempts that are too old to be kept.
    pub forgotten: u64,
    /// Its segments.
    pub segments: Vec<Segment<'a>>,
}

/// A segment of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment<'a> {
    /// Its start.
    pub from: UnixMillis,
    /// After `from`. Later than now if it is expected to last until then.
    pub to: UnixMillis,
    /// What happened.
    pub kind: SegmentKind<'a>,
}

impl Segment<'_> {
    /// Its length.
    #[must_use]
    pub const fn duration(&self) -> Duration {
        self.to.since(self.from)
    }
}

/// What happened in a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SegmentKind<'a> {
    /// No worker has taken the first attempt yet.
    Queue {
        /// It lasts until now.
        open: bool,
    },
    /// An attempt.
    Attempt {
        /// The attempt.
        seen: AttemptView<'a>,
        /// It may still answer.
        open: bool,
        /// When Temporal gives it up, if no other end is expected.
        timeout: Option<UnixMillis>,
        /// Time from its start to its end, if Temporal had given it up before.
        late: Option<Duration>,
        /// Its start is known, not estimated.
        exact: bool,
    },
    /// Between two attempts.
    Wait {
        /// Time that it took, if both ends are known.
        real: Option<Duration>,
        /// Wait of the retry policy; `None` if the policy does not apply.
        policy: Option<Duration>,
        /// Due time of the next attempt, while that has not begun.
        due: Option<UnixMillis>,
    },
    /// The next attempt; a millisecond long.
    Next(NextAttempt),
}

/// The histories of these activities of a run, in this order.
#[must_use]
pub fn history<'a>(
    execution: &'a Execution,
    activities: impl IntoIterator<Item = &'a ActivityAttempts>,
    waits: &RetryWaits,
    now: UnixMillis,
) -> Vec<ActivityHistory<'a>> {
    let now = now.0.min(MAX_TIME);
    let begun = execution.begun().0.min(MAX_TIME);
    let activities: Vec<_> = activities.into_iter().collect();
    let begins = |activity| execution.attempts_of(activity).filter_map(|seen| known_begin(&seen));
    let origin = activities.iter().copied().flat_map(begins).min().map_or(begun, |first| first.min(begun));
    let mut end_of_update = None;
    let history = |activity| {
        let role = execution.role(activity);
        let limits = if role.is_some() { Some(Limits::of_orders(waits)) } else { Limits::recorded(activity) };
        let view = View { execution, activity, waits: role.map(|_| waits), limits, now };
        match role {
            Some(Activity::UpdateInventory) => {
                let history = view.history(origin, Some(begun));
                end_of_update = history.segments.last().map(|segment| segment.to.0);
                history
            }
            Some(Activity::SupplierOrder) => {
                let free = end_of_update.filter(|_| execution.has_succeeded(Activity::UpdateInventory));
                view.history(end_of_update.unwrap_or(origin), free)
            }
            None => view.history(origin, None),
        }
    };
    activities.into_iter().map(history).collect()
}

fn known_begin(seen: &AttemptView<'_>) -> Option<u64> {
    seen.facts.and_then(AttemptFacts::begun).map(|at| at.0.min(MAX_TIME))
}

/// The retry policy and the timeout of an attempt.
struct Limits {
    retry: RetryPolicy,
    /// `None`: there is none, or it is not known.
    start_to_close: Option<Duration>,
}

impl Limits {
    fn of_orders(waits: &RetryWaits) -> Self {
        Self { retry: waits.into(), start_to_close: Some(waits.start_to_close) }
    }

    /// `None` if neither the history nor the server reports them.
    fn recorded(activity: &ActivityAttempts) -> Option<Self> {
        let options = activity.activity_record()?.options.as_ref()?;
        Some(Self { retry: options.retry.clone(), start_to_close: options.start_to_close })
    }
}

struct View<'a, 'b> {
    execution: &'a Execution,
    activity: &'a ActivityAttempts,
    /// The retry policy of orders; `None` for another workflow's activity.
    waits: Option<&'b RetryWaits>,
    /// `None` if they are not known.
    limits: Option<Limits>,
    now: u64,
}

impl<'a> View<'a, '_> {
    /// `origin`: the earliest time. `free`: the time from which a worker could take the first attempt.
    fn history(&self, origin: u64, free: Option<u64>) -> ActivityHistory<'a> {
        let seen: Vec<_> = self.execution.attempts_of(self.activity).collect();
        let begins = self.begins(&seen, origin);
        let mut segments = Vec::with_capacity(seen.len() * 2 + 2);
        segments.extend(self.queue(&seen, begins.first().copied(), free));
        for (index, (seen, begin)) in seen.iter().zip(&begins).enumerate() {
            if let Some(before) = segments.last().copied() {
                segments.extend(self.wait(&before, seen, *begin));
            }
            segments.push(self.attempt(seen, *begin, begins.get(index.saturating_add(1)).copied()));
        }
        let end = segments.last().map_or(origin, |segment| segment.to.0);
        segments.extend(self.ahead(seen.last(), end).into_iter().flatten());
        let forgotten = self.activity.total().saturating_sub(seen.len() as u64);
        ActivityHistory { activity: self.activity, forgotten, segments }
    }

    /// Starts of the attempts, in order. Unknown starts are spread between their neighbours.
    fn begins(&self, seen: &[AttemptView<'_>], origin: u64) -> Vec<u64> {
        let mut begins: Vec<u64> = Vec::with_capacity(seen.len());
        for index in 0..seen.len() {
            let ahead = seen.iter().skip(index);
            let known = ahead.enumerate().find_map(|(ahead, seen)| Some((ahead as u64, known_begin(seen)?)));
            let (unknown, next) = known.unwrap_or(((seen.len() - index) as u64, self.now));
            let (before, least) = begins.last().map_or((origin, 0), |last| (*last, *last + 1));
            let at = if unknown == 0 { next } else { before + next.saturating_sub(before) / (unknown + 1) };
            begins.push(at.max(least));
        }
        begins
    }

    fn start_to_close(&self) -> Option<Duration> {
        self.limits.as_ref()?.start_to_close
    }

    /// The wait after an attempt, by its failure or by the retry policy.
    fn wait_after(&self, seen: &AttemptView<'_>) -> Option<Duration> {
        let failure = seen.facts.and_then(AttemptFacts::reported_failure);
        let requested = failure.and_then(Failure::next_retry_delay);
        requested.or_else(|| Some(self.limits.as_ref()?.retry.after(seen.number)))
    }

    fn is_at_work(&self) -> bool {
        self.execution.is_at_work(self.activity)
    }

    fn queue(&self, seen: &[AttemptView<'_>], first: Option<u64>, free: Option<u64>) -> Option<Segment<'a>> {
        let from = free?;
        // Another program's workflow may not schedule it, and a failing workflow task schedules nothing.
        let is_blocked = self.execution.failing.is_some() && self.execution.pending_of(self.activity).is_none();
        if seen.is_empty() && (self.execution.is_foreign() || is_blocked) {
            return None;
        }
        let to = match seen.first() {
            Some(first) if first.number > 1 || known_begin(first).is_none() => return None,
            Some(_) => first?,
            None if self.execution.is_over() || self.now.saturating_sub(from) < NOTICEABLE_MILLIS => return None,
            None => self.now,
        };
        (to > from).then(|| segment(from, to, SegmentKind::Queue { open: first.is_none() }))
    }

    fn wait(&self, before: &Segment<'a>, next: &AttemptView<'_>, begin: u64) -> Option<Segment<'a>> {
        let SegmentKind::Attempt { seen, exact, .. } = before.kind else { return None };
        let from = before.to.0;
        let real = (exact && known_begin(next).is_some()).then(|| Duration::from_millis(begin.saturating_sub(from)));
        let policy = self.wait_after(&seen).filter(|_| next.round == seen.round);
        (begin > from).then(|| segment(from, begin, SegmentKind::Wait { real, policy, due: None }))
    }

    fn attempt(&self, seen: &AttemptView<'a>, begin: u64, next: Option<u64>) -> Segment<'a> {
        let exact = known_begin(seen).is_some();
        let timeout = self.start_to_close().map_or(MAX_TIME, millis::whole);
        let given_up = begin.saturating_add(timeout).min(MAX_TIME);
        let limit = next.unwrap_or(MAX_TIME);
        let closed = |to: u64, late| {
            let kind = SegmentKind::Attempt { seen: *seen, open: false, timeout: None, late, exact };
            segment(begin, to.min(limit).max(begin + 1), kind)
        };
        let ended = seen.facts.and_then(AttemptFacts::ended).map(|at| at.0.min(MAX_TIME));
        // A success before a further attempt came after Temporal had given this one up.
        let goes_on = next.is_some() || self.next().is_some();
        let is_late = |ended| ended > limit || (goes_on && matches!(seen.state, AttemptState::Succeeded(_)));
        match (ended, next) {
            (Some(ended), _) if is_late(ended) => {
                closed(given_up.min(ended), Some(Duration::from_millis(ended.saturating_sub(begin))))
            }
            (Some(ended), _) => closed(ended, None),
            (None, _) if !exact && (next.is_some() || !self.is_at_work()) => closed(begin, None),
            (None, Some(_)) => closed(given_up, None),
            (None, None) if !self.is_at_work() => closed(self.last_sign(seen).unwrap_or(begin), None),
            (None, None) if self.now >= given_up && self.next().is_some() => closed(given_up, None),
            (None, None) => self.unfinished(seen, begin, exact.then_some(given_up)),
        }
    }

    /// The latest attempt, which has not ended. If it will not answer, or has run for a while, it lasts until Temporal gives it up,
    /// which is the only end that can be predicted.
    fn unfinished(&self, seen: &AttemptView<'a>, begin: u64, given_up: Option<u64>) -> Segment<'a> {
        let least = self.now.max(begin + 1);
        let answers = seen.state == AttemptState::Running;
        let long = self.now.saturating_sub(begin) >= NOTICEABLE_MILLIS;
        let predicted = given_up.filter(|_| self.start_to_close().is_some());
        let timeout = predicted.filter(|at| *at > self.now && (!answers || long));
        let to = timeout.or_else(|| delayed_until(seen)).unwrap_or(least).max(least);
        let timeout = timeout.map(UnixMillis);
        let kind = SegmentKind::Attempt { seen: *seen, open: true, timeout, late: None, exact: given_up.is_some() };
        segment(begin, to, kind)
    }

    /// The latest known time of an attempt without an end. Only the server's reports show how long an activity of another
    /// workflow was pending.
    fn last_sign(&self, seen: &AttemptView<'_>) -> Option<u64> {
        let facts = seen.facts?;
        let strikes = facts.strikes.iter().map(|strike| strike.at.0);
        let journaled = strikes.chain(facts.committed.map(|committed| committed.at.0));
        let reported = self.activity.latest_report().filter(|_| self.waits.is_none()).map(|(_, at, _)| at.0);
        journaled.chain(reported).max().map(|at| at.min(MAX_TIME))
    }

    fn next(&self) -> Option<NextAttempt> {
        self.execution.next_attempt_of(self.activity, self.waits).filter(|_| self.is_at_work())
    }

    /// The wait of a paused activity, which lasts until now.
    fn paused(&self, end: u64) -> Option<Segment<'a>> {
        let pending = self.execution.pending_of(self.activity).filter(|_| self.is_at_work())?;
        let waits = pending.state == PendingState::Paused && !pending.runs() && self.now > end;
        waits.then(|| segment(end, self.now, SegmentKind::Wait { real: None, policy: None, due: None }))
    }

    /// The current wait, and the attempt after it. `end`: the end of what came before.
    fn ahead(&self, last: Option<&AttemptView<'_>>, end: u64) -> [Option<Segment<'a>>; 2] {
        let Some(next) = self.next() else { return [self.paused(end), None] };
        let due = next.due.0.min(MAX_TIME);
        let to = due.max(self.now).max(end);
        let reported = self.execution.pending_of(self.activity).filter(|pending| pending.attempt == next.number);
        let policy = reported.and_then(|pending| pending.interval).or_else(|| self.wait_after(last?));
        let wait = SegmentKind::Wait { real: None, policy, due: Some(UnixMillis(due)) };
        [(to > end).then(|| segment(end, to, wait)), Some(segment(to, to + 1, SegmentKind::Next(next)))]
    }
}

const fn segment(from: u64, to: u64, kind: SegmentKind<'_>) -> Segment<'_> {
    Segment { from: UnixMillis(from), to: UnixMillis(to), kind }
}

/// The end of a planned delay.
fn delayed_until(seen: &AttemptView<'_>) -> Option<u64> {
    let strikes = seen.facts?.strikes.iter();
    let ends = strikes.filter_map(|strike| match strike.action {
        Action::Delay { duration } => Some(strike.at.saturating_add(duration).0.min(MAX_TIME)),
        _ => None,
    });
    ends.max()
}
