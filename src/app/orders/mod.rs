//! All known orders, by workflow id and run id. Keeps the rows sorted and the counts right as facts arrive.

mod activities;
pub(super) mod activity_attempts;
pub(super) mod activity_record;
pub(super) mod attempt;
pub(super) mod attempt_id;
pub(super) mod description;
pub(super) mod execution;
pub(super) mod ingest;
mod journal;
pub(super) mod observed_wait;
pub(super) mod poll_schedule;
pub(super) mod progress;
mod relay;
mod replacement;
pub(super) mod server_reports;
mod tally;

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    ops::Bound,
};

use crate::{
    domain::{Activity, RunEnd, UnixMillis, WorkflowId},
    store::Retries,
};

use description::Description;
use execution::{Execution, Submission};

use tally::Tally;

pub use replacement::{Left, RunKey};

/// Orders that are kept. The oldest is dropped first, and counted.
pub const MAX_KEPT_ORDERS: usize = 20_000;

/// The handle of an order. It stays the same while rows move, and is never used for another order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Slot {
    index: usize,
    /// Number of orders that were added before this one.
    before: u64,
}

/// Sort key of the rows: the rank, then ids that break a tie in the same way for every order of arrival. Orders whose
/// workflow task fails have the highest rank, at the top of the table.
type SortKey<'a> = (Rank, &'a str, Option<&'a str>);

/// Whether the workflow task fails, the time of the start, the ticket, and the sequence number in the journal.
type Rank = (bool, UnixMillis, u64, u64);

/// Orders whose records of attempts a compaction has dropped from the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dropped {
    /// Number of the orders.
    pub orders: u64,
    /// Their retries.
    pub retries: Retries,
}

/// All known orders.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Orders {
    slots: Vec<Option<(Slot, Execution)>>,
    free: Vec<usize>,
    known: u64,
    /// Oldest first. A queue, because the oldest is dropped for each new one once the list is full.
    rows: VecDeque<Slot>,
    by_run: HashMap<RunKey, Slot>,
    by_ticket: HashMap<u64, Slot>,
    open: BTreeSet<Slot>,
    /// Open orders whose effect is in the stock.
    unsettled: usize,
    /// Open orders whose workflow task fails.
    failing: BTreeSet<Slot>,
    /// The latest time in the journal so far.
    journal_time: UnixMillis,
    attempts: u64,
    retries: [u64; Activity::ALL.len()],
    forgotten: u64,
    /// The orders whose records of attempts are not in the journal any more.
    dropped: Option<Dropped>,
    replacement: Option<Box<replacement::Replacement>>,
    /// Orders that have changed since the last call of [`Self::take_changed`]; `None` if changes are not recorded.
    changed: Option<Vec<Slot>>,
}

impl Orders {
    /// Number of orders.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether no order is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Number of orders that have not ended.
    #[must_use]
    pub fn open(&self) -> usize {
        self.open.len()
    }

    /// Open orders whose workflow task fails: their number, and the first of them.
    #[must_use]
    pub fn failing(&self) -> Option<(usize, &Execution)> {
        Some((self.failing.len(), self.get(*self.failing.first()?)?))
    }

    /// Open orders whose effect is in the stock.
    #[must_use]
    pub const fn unsettled(&self) -> usize {
        self.unsettled
    }

    /// Whether the workflow task of an open order fails.
    #[must_use]
    pub fn is_failing(&self, slot: Slot) -> bool {
        self.failing.contains(&slot)
    }

    /// Adds an open run that the server lists, if it is not known.
    pub fn listed(&mut self, key: RunKey, started: UnixMillis) {
        if !self.by_run.contains_key(&key) {
            self.change(key, started, |execution| execution.accepted = true);
        }
    }

    /// The slots of open orders, each once, beginning after `slot`.
    pub fn open_after(&self, slot: Option<Slot>) -> impl Iterator<Item = Slot> {
        let (behind, before) = match slot {
            Some(slot) => ((Bound::Excluded(slot), Bound::Unbounded), Some(..=slot)),
            None => ((Bound::Unbounded, Bound::Unbounded), None),
        };
        let before = before.into_iter().flat_map(|before| self.open.range(before));
        self.open.range(behind).chain(before).copied()
    }

    /// The worker of this dashboard with that identity has died, and with it the attempts that it ran.
    pub fn on_worker_death(&mut self, identity: &str, at: UnixMillis) {
        for slot in self.open.clone() {
            self.change_at(slot, |execution| {
                execution.activities.iter_mut().for_each(|attempts| attempts.orphan(identity, at));
            });
        }
    }

    /// Attempts that the journal or the server reports, by their numbers.
    #[must_use]
    pub const fn attempts(&self) -> u64 {
        self.attempts
    }

    /// Sum over runs of (highest attempt - 1) in the journal, as the document counts retries.
    #[must_use]
    pub fn retries(&self, activity: Activity) -> u64 {
        let dropped = self.dropped.as_ref().map_or(0, |dropped| dropped.retries.of_activity(activity));
        self.retries[activity as usize].saturating_add(dropped)
    }

    /// Records changes for [`Self::take_changed`], or stops recording them.
    pub fn follow(&mut self, follow: bool) {
        self.changed = follow.then(Vec::new);
    }

    /// The orders that were added, changed or removed since the last call; one may be listed twice.
    pub fn take_changed(&mut self) -> Vec<Slot> {
        self.changed.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Counts the orders that a journal has besides the listed ones, whose records were not read.
    pub fn forget_older(&mut self, all: u64) {
        self.forgotten += all.saturating_sub(self.rows.len() as u64);
    }

    /// Sets the orders that the journal has without their attempts. They are counted, and not listed.
    pub fn set_dropped(&mut self, dropped: Option<Dropped>) {
        self.dropped = dropped;
    }

    /// Orders that are not listed: those that were dropped to keep memory bounded, and those without attempts.
    #[must_use]
    pub fn forgotten(&self) -> u64 {
        self.forgotten.saturating_add(self.dropped.as_ref().map_or(0, |dropped| dropped.orders))
    }

    /// The order in a slot; `None` after it was removed.
    #[must_use]
    pub fn get(&self, slot: Slot) -> Option<&Execution> {
        self.slots.get(slot.index)?.as_ref().filter(|(name, _)| *name == slot).map(|(_, execution)| execution)
    }

    /// Rows `from..` counted from the newest.
    pub fn newest_first(&self, from: usize) -> impl Iterator<Item = (Slot, &Execution)> {
        self.rows.iter().rev().skip(from).filter_map(|slot| Some((*slot, self.get(*slot)?)))
    }

    /// The slot of the row at `position`, counted from the newest.
    #[must_use]
    pub fn at(&self, position: usize) -> Option<Slot> {
        self.rows.len().checked_sub(position.checked_add(1)?).and_then(|index| self.rows.get(index)).copied()
    }

    /// The row of an order, counted from the newest.
    #[must_use]
    pub fn position(&self, slot: Slot) -> Option<usize> {
        Some(self.rows.len().saturating_sub(self.row(slot)? + 1))
    }

    /// The run with these ids.
    #[must_use]
    pub fn of_run(&self, key: &RunKey) -> Option<&Execution> {
        self.get(*self.by_run.get(key)?)
    }

    /// Whether a run or start of this workflow id is known.
    #[must_use]
    pub fn knows_workflow(&self, workflow: &str) -> bool {
        self.rows.iter().filter_map(|slot| self.get(*slot)).any(|execution| execution.workflow == workflow)
    }

    /// Adds a start that the server has not answered yet.
    pub fn submitted(&mut self, order: &str, workflow: &str, submission: Submission) -> Slot {
        let mut execution = Execution::new(order.to_owned(), workflow.to_owned(), None, submission.at);
        let ticket = submission.ticket;
        execution.submission = Some(submission);
        let slot = self.insert(execution);
        self.by_ticket.insert(ticket, slot);
        slot
    }

    /// The server accepted a start. Returns the slot of the run, which the journal may have recorded before.
    pub fn started(&mut self, ticket: u64, key: RunKey, order: &str, joined: bool, now: UnixMillis) -> Slot {
        let mut asked = None;
        if let Some(provisional) = self.by_ticket.remove(&ticket) {
            asked = self.get(provisional).and_then(|execution| execution.submission.clone());
            self.remove(provisional);
        }
        if let Some(asked) = &mut asked {
            asked.joined = joined;
        }
        let first_seen = asked.as_ref().map_or(now, |asked| asked.at);
        self.change(key, first_seen, |execution| {
            order.clone_into(&mut execution.order);
            execution.accepted = true;
            execution.joins = execution.joins.saturating_add(u32::from(joined));
            let rank = |asked: &Submission| (asked.joined, asked.ticket);
            if let Some(asked) = asked
                && execution.submission.as_ref().is_none_or(|known| rank(&asked) < rank(known))
            {
                execution.submission = Some(asked);
            }
        })
    }

    /// The server did not accept a start.
    pub fn start_failed(&mut self, ticket: u64, cause: String) {
        if let Some(slot) = self.by_ticket.remove(&ticket) {
            self.change_at(slot, |execution| execution.start_failure = Some(cause));
        }
    }

    /// Applies the end of a run. That the server does not know a run never replaces a known end.
    pub fn ended(&mut self, key: RunKey, end: RunEnd, now: UnixMillis) -> Slot {
        self.change(key, now, |execution| {
            let is_known = execution.end.as_ref().is_some_and(|known| *known != RunEnd::Unknown);
            if !(is_known && end == RunEnd::Unknown) {
                execution.end = Some(end);
            }
        })
    }

    /// Applies the server's description of a run.
    pub fn described(&mut self, key: RunKey, description: Description) -> Slot {
        self.change(key, description.at, |execution| execution.on_description(description))
    }

    /// Changes a run, and adds it if it is not known. `first_seen`: its fallback sort key.
    pub fn change(&mut self, key: RunKey, first_seen: UnixMillis, change: impl FnOnce(&mut Execution)) -> Slot {
        let slot = self.by_run.get(&key).copied().unwrap_or_else(|| {
            let (workflow, run) = key.clone();
            let order = WorkflowId::order_in(&workflow).unwrap_or(&workflow).to_owned();
            let slot = self.insert(Execution::new(order, workflow, Some(run), first_seen));
            self.by_run.insert(key, slot);
            slot
        });
        self.change_at(slot, change);
        slot
    }

    /// Changes a run, its counts and its row. Every change passes here.
    fn change_at(&mut self, slot: Slot, change: impl FnOnce(&mut Execution)) {
        let Some(row) = self.row(slot) else { return };
        let Some((_, execution)) = self.slots.get_mut(slot.index).and_then(Option::as_mut) else { return };
        let (before, rank_before) = (Tally::of(execution), rank(execution));
        change(execution);
        let (after, rank_after) = (Tally::of(execution), rank(execution));
        self.count(slot, &before, &after);
        if rank_before != rank_after {
            self.rows.remove(row);
            self.place(slot);
        }
    }

    fn count(&mut self, slot: Slot, before: &Tally, after: &Tally) {
        self.note(slot);
        let unsettled = |tally: &Tally| usize::from(tally.unsettled);
        self.unsettled = self.unsettled.saturating_sub(unsettled(before)).saturating_add(unsettled(after));
        if after.open {
            self.open.insert(slot);
        } else {
            self.open.remove(&slot);
        }
        if after.failing {
            self.failing.insert(slot);
        } else {
            self.failing.remove(&slot);
        }
        // Add first: an order that may leave with its journal is not counted, but may change.
        self.attempts = self.attempts.saturating_add(after.attempts).saturating_sub(before.attempts);
        for activity in Activity::ALL {
            let (old, new) = (before.journaled[activity as usize], after.journaled[activity as usize]);
            self.retries[activity as usize] += new.saturating_sub(old.max(1));
        }
    }

    fn note(&mut self, slot: Slot) {
        if let Some(changed) = self.changed.as_mut().filter(|changed| changed.last() != Some(&slot)) {
            changed.push(slot);
        }
    }

    fn insert(&mut self, execution: Execution) -> Slot {
        // Make room first, so that a new order is kept even if it is the oldest.
        if self.rows.len() >= MAX_KEPT_ORDERS
            && let Some(oldest) = self.rows.front().copied()
        {
            // A candidate is counted with the orders that leave with their journal.
            let is_candidate = self.get(oldest).is_some_and(|execution| self.is_candidate(execution));
            self.remove(oldest);
            self.forgotten += u64::from(!is_candidate);
        }
        let slot = Slot { index: self.free.pop().unwrap_or(self.slots.len()), before: self.known };
        self.known += 1;
        self.count(slot, &Tally::default(), &Tally::of(&execution));
        match self.slots.get_mut(slot.index) {
            Some(place) => *place = Some((slot, execution)),
            None => self.slots.push(Some((slot, execution))),
        }
        self.place(slot);
        slot
    }

    /// The row of an order, counted from the oldest.
    fn row(&self, slot: Slot) -> Option<usize> {
        let key = sort_key(self.get(slot)?);
        let row = self.rows.partition_point(|other| self.get(*other).map(sort_key) < Some(key));
        (self.rows.get(row) == Some(&slot)).then_some(row)
    }

    fn place(&mut self, slot: Slot) {
        let Some(key) = self.get(slot).map(sort_key) else { return };
        let row = self.rows.partition_point(|other| self.get(*other).map(sort_key) < Some(key));
        self.rows.insert(row, slot);
    }

    fn remove(&mut self, slot: Slot) {
        if let Some(row) = self.row(slot) {
            self.rows.remove(row);
        }
        let named = self.slots.get_mut(slot.index).and_then(|place| place.take_if(|(name, _)| *name == slot));
        let Some((_, execution)) = named else { return };
        self.open.remove(&slot);
        self.failing.remove(&slot);
        self.unsettled = self.unsettled.saturating_sub(usize::from(Tally::of(&execution).unsettled));
        self.note(slot);
        if let Some(run) = execution.run {
            self.by_run.remove(&(execution.workflow, run));
        }
        if let Some(asked) = execution.submission {
            self.by_ticket.remove(&asked.ticket);
        }
        self.free.push(slot.index);
    }

    fn keep(&mut self, keep: impl Fn(&Execution) -> bool) {
        let gone: Vec<Slot> = self.rows.iter().copied().filter(|slot| !self.get(*slot).is_some_and(&keep)).collect();
        for slot in gone {
            self.remove(slot);
        }
    }

    /// The slot of a start that the server has not answered yet.
    #[must_use]
    pub fn of_ticket(&self, ticket: u64) -> Option<Slot> {
        self.by_ticket.get(&ticket).copied()
    }
}

fn rank(execution: &Execution) -> Rank {
    let asked = execution.submission.as_ref();
    let ticket = asked.map_or(0, |asked| asked.ticket);
    let failing = execution.failing.is_some() && !execution.is_over();
    match (asked, execution.position_in_journal) {
        (Some(asked), _) if !asked.joined => (failing, asked.at, ticket, 0),
        (_, Some(turn)) => (failing, turn.at, ticket, turn.seq),
        (_, None) => (failing, execution.begun(), ticket, 0),
    }
}

fn sort_key(execution: &Execution) -> SortKey<'_> {
    (rank(execution), &execution.workflow, execution.run.as_deref())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    use crate::app::derive::journal_view::Reread;

    fn key(number: u64) -> RunKey {
        (format!("order-{number}"), format!("run-{number}"))
    }

    #[test]
    fn rows_are_newest_first_and_found_again() {
        let mut orders = Orders::default();
        for number in [5, 1, 9, 3] {
            orders.change(key(number), UnixMillis(number), |_| {});
        }
        let ids: Vec<_> = orders.newest_first(0).map(|(_, execution)| execution.order.clone()).collect();
        assert_eq!(ids, ["9", "5", "3", "1"]);
        for position in 0..4 {
            assert_eq!(orders.position(orders.at(position).unwrap()), Some(position));
        }
        assert_eq!((orders.at(4), orders.open()), (None, 4));
    }

    #[test]
    fn an_order_whose_workflow_task_fails_is_on_top_until_it_is_over() {
        let mut orders = Orders::default();
        for number in 1..=3 {
            orders.listed(key(number), UnixMillis(number));
        }
        let ids = |orders: &Orders| -> Vec<_> {
            orders.newest_first(0).map(|(_, execution)| execution.order.clone()).collect()
        };
        let failing = super::description::FailingTask { attempt: 2, explanation: "no key".into() };
        orders.change(key(1), UnixMillis(1), |execution| execution.failing = Some(failing));
        assert_eq!(ids(&orders), ["1", "3", "2"]);
        orders.ended(key(1), RunEnd::Terminated, UnixMillis(4));
        assert_eq!(ids(&orders), ["3", "2", "1"]);
        // Listed again, it does not come back to life.
        orders.listed(key(1), UnixMillis(1));
        assert_eq!((orders.len(), orders.open()), (3, 2));
    }

    #[test]
    fn dropped_orders_are_counted() {
        let mut orders = Orders::default();
        let total = MAX_KEPT_ORDERS as u64 + 7;
        for number in 0..total {
            orders.change(key(number), UnixMillis(number), |execution| {
                execution.activities.first_mut(Activity::UpdateInventory).start(3, UnixMillis(number));
            });
        }
        assert_eq!((orders.len(), orders.forgotten(), orders.open()), (MAX_KEPT_ORDERS, 7, MAX_KEPT_ORDERS));
        assert_eq!((orders.attempts(), orders.retries(Activity::UpdateInventory)), (total * 3, total * 2));
    }

    #[test]
    fn a_slow_start_moves_a_row_to_the_time_of_its_request() {
        let mut orders = Orders::default();
        orders.journaled(key(1), UnixMillis(50), 1, |_| {});
        orders.journaled(key(2), UnixMillis(60), 2, |_| {});
        let product = "123456".parse().unwrap();
        let details = crate::app::OrderDetails { product, quantity: 1, guard: crate::domain::Guard::Ledger };
        orders.submitted(
            "1",
            "order-1",
            Submission { ticket: 1, at: UnixMillis(70), details, faults: Arc::default(), joined: false },
        );
        orders.started(1, key(1), "1", false, UnixMillis(90));
        assert_eq!(orders.len(), 2);
        assert_eq!(orders.at(0).and_then(|slot| orders.get(slot)).unwrap().order, "1");
    }

    #[test]
    fn journaled_orders_keep_the_journals_order_even_if_a_clock_went_back() {
        let mut orders = Orders::default();
        for (seq, at) in [(1, 50), (2, 90), (3, 60), (4, 60), (5, 100)] {
            orders.journaled(key(10 - seq), UnixMillis(at), seq, |_| {});
            orders.journaled(key(9), UnixMillis(at), seq, |_| {});
        }
        let ids: Vec<_> = orders.newest_first(0).map(|(_, execution)| execution.order.clone()).collect();
        assert_eq!(ids, ["5", "6", "7", "8", "9"]);
    }

    #[test]
    fn open_orders_are_found_without_the_others_and_each_once() {
        let mut orders = Orders::default();
        for number in 0..100 {
            orders.change(key(number), UnixMillis(number), |_| {});
            if number % 10 != 0 {
                orders.ended(key(number), RunEnd::Cancelled, UnixMillis(number));
            }
        }
        let mut open: Vec<_> = orders.open_after(orders.at(49)).collect();
        assert_eq!((open.len(), orders.open()), (10, 10));
        assert_eq!(orders.get(open[0]).unwrap().order, "60");
        open.sort_unstable();
        open.dedup();
        assert_eq!(open.len(), 10);
        orders.journal_begins(Reread::Replaced);
        orders.journal_read();
        assert_eq!((orders.len(), orders.open_after(None).count()), (10, 10));
    }

    #[test]
    fn an_unknown_run_counts_only_if_no_other_end_is_known() {
        let mut orders = Orders::default();
        for ends in [[RunEnd::Unknown, RunEnd::Cancelled], [RunEnd::Cancelled, RunEnd::Unknown]] {
            let slot = ends.map(|end| orders.ended(key(1), end, UnixMillis(1)))[1];
            assert_eq!(orders.get(slot).unwrap().end, Some(RunEnd::Cancelled));
            orders.remove(slot);
        }
    }

    #[test]
    fn the_slot_of_an_order_that_has_gone_is_never_that_of_another() {
        let mut orders = Orders::default();
        let slot = orders.change(key(1), UnixMillis(1), |_| {});
        orders.ended(key(1), RunEnd::Cancelled, UnixMillis(1));
        orders.journal_begins(Reread::Replaced);
        orders.journal_read();
        orders.change(key(2), UnixMillis(2), |_| {});
        assert_eq!((orders.get(slot), orders.position(slot), orders.len()), (None, None, 1));
    }

    #[test]
    fn an_order_older_than_all_kept_ones_gets_no_facts_of_another() {
        let mut orders = Orders::default();
        for number in 0..MAX_KEPT_ORDERS as u64 {
            orders.change(key(number), UnixMillis(1_000 + number), |_| {});
        }
        orders.change((String::from("old"), "r".into()), UnixMillis(1), |_| {});
        orders.change((String::from("new"), "r".into()), UnixMillis(999_999), |_| {});
        orders.ended(("old".into(), "r".into()), RunEnd::Cancelled, UnixMillis(2));
        let ended: Vec<_> = orders.newest_first(0).filter(|(_, order)| order.end.is_some()).collect();
        assert!(ended.iter().all(|(_, order)| order.workflow == "old"), "{ended:?}");
        assert_eq!(orders.len(), MAX_KEPT_ORDERS);
    }
}
