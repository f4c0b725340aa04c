//! The attempts of activities and the waits between them as segments of time, one history per lane. Unknown times are
//! computed: Temporal gives an attempt up at its timeout, and waits as the retry policy says. No two segments of a lane overlap.

use std::time::Duration;

use crate::{
    app::{
        NextAttempt, RetryWaits,
        orders::{
            activity_attempts::{ActivityAttempts, AttemptView},
            attempt::{AttemptFacts, AttemptState, Failure},
            execution::Execution,
            observed_wait::ObservedWait,
        },
        watch::{Item, ItemKind, Lane, Signals},
    },
    domain::{Activity, ActivityOptions, Intent, PendingState, RetryPolicy, UnixMillis},
    faults::Action,
};

/// Latest time, in milliseconds since the Unix epoch. Later times are replaced by it, so that sums do not overflow.
const MAX_TIME: u64 = 1 << 60;

/// Milliseconds after which a queue, or a running attempt, is shown.
const NOTICEABLE_MILLIS: u64 = 1_000;

/// Milliseconds up to which an expected end is always shown. A later one is shown if more time than that has passed.
const NEAR_MILLIS: u64 = 10_000;

/// The history of one lane, oldest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaneHistory<'a> {
    /// The lane.
    pub lane: Lane<'a>,
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
        /// When Temporal gives it up, if no other end is expected. The segment ends before it if it is far away.
        timeout: Option<UnixMillis>,
        /// Time from its start to its end, if Temporal had given it up before.
        late: Option<Duration>,
        /// Its start is known, not estimated.
        exact: bool,
    },
    /// Between two attempts.
    Wait {
        /// Time that it took, as far as it was observed.
        real: Option<ObservedWait>,
        /// Wait of the retry policy, or the one that the failure requests; `None` if neither applies.
        policy: Option<Duration>,
        /// The failure requests it with a `next_retry_delay`.
        requested: bool,
        /// Due time of the next attempt, while that has not begun.
        due: Option<UnixMillis>,
    },
    /// The next attempt; a millisecond long.
    Next(NextAttempt),
    /// Something that is not an activity of a worker. A signal is a millisecond long.
    Item {
        /// The item.
        item: &'a Item,
        /// It has not ended.
        open: bool,
    },
}

/// The histories of these lanes of a run, in this order. `waits`: the retry policy of an order's own activities.
#[must_use]
pub fn history<'a, L: Into<Lane<'a>>>(
    execution: &'a Execution,
    lanes: impl IntoIterator<Item = L>,
    waits: &RetryWaits,
    now: UnixMillis,
) -> Vec<LaneHistory<'a>> {
    let now = now.0.min(MAX_TIME);
    let begun = execution.begun().0.min(MAX_TIME);
    let lanes: Vec<Lane<'a>> = lanes.into_iter().map(Into::into).collect();
    let activities = lanes.iter().filter_map(|lane| lane.activity());
    let begins = |activity| execution.attempts_of(activity).filter_map(|seen| known_begin(&seen));
    let origin = activities.flat_map(begins).min().map_or(begun, |first| first.min(begun));
    let mut end_of_update = None;
    let history = |lane: Lane<'a>| {
        let activity = match lane {
            Lane::Activity(activity) => activity,
            Lane::Item(item) => return LaneHistory { lane, forgotten: 0, segments: vec![item_segment(item, now)] },
            Lane::Signals(signals) => {
                return LaneHistory { lane, forgotten: signals.dropped(), segments: signal_segments(signals, now) };
            }
        };
        let role = execution.role(activity);
        let waits = if execution.is_relay(activity) { Some(&Intent::RETRY) } else { role.map(|_| waits) };
        let limits = waits.map_or_else(|| Limits::recorded(activity), |waits| Some(Limits::of_orders(waits)));
        let view = View { execution, activity, waits, limits, now };
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
            None => {
                let scheduled = activity.activity_record().and_then(|record| record.scheduled);
                let scheduled = scheduled.map(|at| at.0.min(MAX_TIME));
                view.history(scheduled.unwrap_or(origin), scheduled)
            }
        }
    };
    lanes.into_iter().map(history).collect()
}

/// The segment of an item: up to its end, or up to its expected end if that is near.
fn item_segment(item: &Item, now: u64) -> Segment<'_> {
    let from = item.from.0.min(MAX_TIME);
    let due = match &item.kind {
        ItemKind::Timer { due, .. } => due.0.min(MAX_TIME),
        _ => now,
    };
    let to = item.end.as_ref().map_or_else(|| shown_end(from, due, now), |(at, _)| at.0.min(MAX_TIME));
    segment(from, to.max(from + 1), SegmentKind::Item { item, open: item.end.is_none() })
}

/// The expected end of what began at `from`, or now if that end is so far away that what has passed would not be visible.
fn shown_end(from: u64, expected: u64, now: u64) -> u64 {
    let near = now.saturating_add(now.saturating_sub(from).max(NEAR_MILLIS));
    if expected <= near { expected.max(now) } else { now }
}

/// A segment per signal; one for those of the same millisecond.
fn signal_segments(signals: &Signals, now: u64) -> Vec<Segment<'_>> {
    let mut segments: Vec<Segment<'_>> = Vec::new();
    for signal in signals.iter() {
        let segment = item_segment(signal, now);
        if segments.last().is_none_or(|last| last.to <= segment.from) {
            segments.push(segment);
        }
    }
    segments
}

fn known_begin(seen: &AttemptView<'_>) -> Option<u64> {
    seen.facts.and_then(AttemptFacts::begun).map(|at| at.0.min(MAX_TIME))
}

fn known_end(seen: &AttemptView<'_>) -> Option<u64> {
    seen.facts.and_then(AttemptFacts::ended).map(|at| at.0.min(MAX_TIME))
}

/// The retry policy and the timeouts of an attempt.
struct Limits {
    retry: RetryPolicy,
    /// `None`: there is none, or it is not known.
    start_to_close: Option<Duration>,
    /// Maximum time between two heartbeats, and the time of the latest one.
    heartbeat: Option<(Duration, UnixMillis)>,
    /// When its activity expires: the schedule-to-close timeout.
    expires: Option<UnixMillis>,
}

impl Limits {
    fn of_orders(waits: &RetryWaits) -> Self {
        Self { retry: waits.into(), start_to_close: Some(waits.start_to_close), heartbeat: None, expires: None }
    }

    /// `None` if neither the history nor the server reports them.
    fn recorded(activity: &ActivityAttempts) -> Option<Self> {
        let record = activity.activity_record()?;
        let ActivityOptions { retry, start_to_close, heartbeat, .. } = record.options.clone()?;
        let heartbeat = heartbeat.zip(Some(record.heartbeat.unwrap_or_default()));
        Some(Self { retry, start_to_close, heartbeat, expires: record.expires })
    }

    /// When Temporal gives an attempt up that began at that time, if it does not end before.
    fn timeout(&self, begin: u64) -> Option<u64> {
        let begin = UnixMillis(begin);
        let start_to_close = self.start_to_close.map(|limit| begin.saturating_add(limit));
        let heartbeat = self.heartbeat.map(|(limit, latest)| latest.max(begin).saturating_add(limit));
        let first = [start_to_close, heartbeat, self.expires].into_iter().flatten().min();
        first.map(|at| at.0.min(MAX_TIME))
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
    fn history(&self, origin: u64, free: Option<u64>) -> LaneHistory<'a> {
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
        LaneHistory { lane: Lane::Activity(self.activity), forgotten, segments }
    }

    /// Starts of the attempts, in order. An unknown start is the known end of the same attempt, or spread between its
    /// neighbours.
    fn begins(&self, seen: &[AttemptView<'_>], origin: u64) -> Vec<u64> {
        let mut begins: Vec<u64> = Vec::with_capacity(seen.len());
        for index in 0..seen.len() {
            let ahead = seen.iter().skip(index);
            let anchor = |seen| known_begin(seen).or_else(|| known_end(seen));
            let known = ahead.enumerate().find_map(|(ahead, seen)| Some((ahead as u64, anchor(seen)?)));
            let (unknown, next) = known.unwrap_or(((seen.len() - index) as u64, self.now));
            let (before, least) = begins.last().map_or((origin, 0), |last| (*last, *last + 1));
            let at = if unknown == 0 { next } else { before + next.saturating_sub(before) / (unknown + 1) };
            begins.push(at.max(least));
        }
        begins
    }

    fn timeout(&self, begin: u64) -> Option<u64> {
        self.limits.as_ref()?.timeout(begin)
    }

    /// The wait after an attempt that its failure requests.
    fn requested(seen: &AttemptView<'_>) -> Option<Duration> {
        seen.facts.and_then(AttemptFacts::reported_failure).and_then(Failure::next_retry_delay)
    }

    /// The wait after an attempt, by its failure or by the retry policy.
    fn wait_after(&self, seen: &AttemptView<'_>) -> Option<Duration> {
        Self::requested(seen).or_else(|| Some(self.limits.as_ref()?.retry.after(seen.number)))
    }

    fn is_at_work(&self) -> bool {
        self.execution.is_at_work(self.activity)
    }

    fn queue(&self, seen: &[AttemptView<'_>], first: Option<u64>, free: Option<u64>) -> Option<Segment<'a>> {
        let from = free?;
        // Another program's workflow may not schedule it, and a failing workflow task schedules nothing.
        let is_blocked = self.execution.failing.is_some() && self.execution.pending_of(self.activity).is_none();
        let is_ours = self.waits.is_some();
        let recorded = self.activity.activity_record().and_then(|record| record.end.as_ref());
        let ended_at = recorded.map(|(at, _)| at.0.min(MAX_TIME));
        if seen.is_empty()
            && (is_ours && self.execution.is_foreign() || is_blocked || !self.is_at_work())
            && ended_at.is_none()
        {
            return None;
        }
        let to = match seen.first() {
            Some(first) if first.number > 1 || known_begin(first).is_none() => return None,
            Some(_) => first?,
            // It timed out in the queue.
            None if ended_at.is_some() => ended_at?,
            None if self.execution.is_over() || self.now.saturating_sub(from) < NOTICEABLE_MILLIS => return None,
            None => self.now,
        };
        let open = first.is_none() && ended_at.is_none();
        (to > from).then(|| segment(from, to, SegmentKind::Queue { open }))
    }

    fn wait(&self, before: &Segment<'a>, next: &AttemptView<'_>, begin: u64) -> Option<Segment<'a>> {
        let SegmentKind::Attempt { seen, exact, late, .. } = before.kind else { return None };
        let from = before.to.0;
        let record = self.activity.activity_record();
        let options = record.and_then(|record| record.options.as_ref());
        // The end of an attempt that was too late is not the beginning of the wait.
        let observed = late.is_none().then(|| ObservedWait::between(&seen, next, options)).flatten();
        // The timeouts of orders are this program's own.
        let is_computed = self.waits.is_some() && exact && known_begin(next).is_some();
        let computed = || ObservedWait::Exact(Duration::from_millis(begin.saturating_sub(from)));
        let real = if is_computed { Some(computed()) } else { observed };
        let policy = self.wait_after(&seen).filter(|_| next.round == seen.round);
        let requested = Self::requested(&seen).is_some();
        (begin > from).then(|| segment(from, begin, SegmentKind::Wait { real, policy, requested, due: None }))
    }

    fn attempt(&self, seen: &AttemptView<'a>, begin: u64, next: Option<u64>) -> Segment<'a> {
        let exact = known_begin(seen).is_some();
        let given_up = self.timeout(begin).unwrap_or(MAX_TIME).max(begin);
        let limit = next.unwrap_or(MAX_TIME);
        let closed = |to: u64, late| {
            let kind = SegmentKind::Attempt { seen: *seen, open: false, timeout: None, late, exact };
            segment(begin, to.min(limit).max(begin + 1), kind)
        };
        let ended = known_end(seen);
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
        let predicted = given_up.filter(|at| *at < MAX_TIME);
        let timeout = predicted.filter(|at| *at > self.now && (!answers || long));
        // The timeout of another workflow's activity may be hours away.
        let shown = timeout.map(|at| if self.waits.is_some() { at } else { shown_end(begin, at, self.now) });
        let to = shown.or_else(|| delayed_until(seen)).unwrap_or(least).max(least);
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
        let kind = SegmentKind::Wait { real: None, policy: None, requested: false, due: None };
        waits.then(|| segment(end, self.now, kind))
    }

    /// The current wait, and the attempt after it. `end`: the end of what came before.
    fn ahead(&self, last: Option<&AttemptView<'_>>, end: u64) -> [Option<Segment<'a>>; 2] {
        let Some(next) = self.next() else { return [self.paused(end), None] };
        let due = next.due.0.min(MAX_TIME);
        let to = due.max(self.now).max(end);
        let reported = self.execution.pending_of(self.activity).filter(|pending| pending.attempt == next.number);
        let interval = || reported.and_then(|pending| pending.interval);
        let by_policy = || self.wait_after(last?);
        // The interval that the server reports is the real one. With recorded limits, a prediction can be compared with it.
        let policy = if self.waits.is_some() { interval().or_else(by_policy) } else { by_policy().or_else(interval) };
        let requested = last.and_then(Self::requested).is_some();
        let wait = SegmentKind::Wait { real: None, policy, requested, due: Some(UnixMillis(due)) };
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
