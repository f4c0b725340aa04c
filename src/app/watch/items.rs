//! The parts of an execution that are not activities of a worker: local activities, timers, child workflows, Nexus
//! operations, signals and updates, as far as the history reports them.

use std::collections::BTreeMap;

use crate::domain::{EventKind, FailureReport, HistoryEvent, ItemEnd, PayloadContent, PendingNexus, Run, UnixMillis};

/// Items that are kept per execution, apart from signals. The oldest that has ended is dropped first, and counted.
const MAX_KEPT_ITEMS: usize = 500;

/// Signals that are kept per execution. The oldest is dropped first, and counted.
const MAX_KEPT_SIGNALS: usize = 500;

/// One item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// The history event that began it.
    pub event: u64,
    /// Its kind.
    pub kind: ItemKind,
    /// Its beginning.
    pub from: UnixMillis,
    /// When and how it ended; `None` while it is open.
    pub end: Option<(UnixMillis, ItemEnd)>,
}

/// The kind of an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ItemKind {
    /// A local activity.
    LocalActivity {
        /// Its type.
        activity: String,
        /// Number of its attempts; 0 if that is not recorded.
        attempts: u32,
    },
    /// A timer.
    Timer {
        /// Its id.
        id: String,
        /// When it fires.
        due: UnixMillis,
    },
    /// A child workflow.
    Child {
        /// Its workflow id.
        workflow: String,
        /// Its type.
        workflow_type: String,
        /// Its run; `None` until it has started.
        run: Option<Run>,
    },
    /// A Nexus operation.
    Nexus {
        /// The endpoint, service and operation.
        operation: String,
        /// Its state on the server while it is pending.
        pending: Option<PendingNexus>,
    },
    /// A signal.
    Signal {
        /// Its name.
        name: String,
        /// Its arguments.
        input: Vec<PayloadContent>,
        /// The identity of the sender; may be empty.
        from: String,
    },
    /// An update.
    Update {
        /// Its name.
        name: String,
        /// Its arguments.
        input: Vec<PayloadContent>,
    },
    /// A request for the cancellation of the execution.
    CancelRequest {
        /// The reason; may be empty.
        cause: String,
    },
}

impl Item {
    /// The latest attempt that has failed, its failure, and the pending operation.
    #[must_use]
    pub fn failed_attempt(&self) -> Option<(u32, &FailureReport, &PendingNexus)> {
        let ItemKind::Nexus { pending: Some(pending), .. } = &self.kind else { return None };
        let failed = pending.attempt.checked_sub(1).filter(|failed| *failed > 0)?;
        Some((failed, pending.failure.as_ref()?, pending))
    }

    /// A label: its name or type.
    #[must_use]
    pub fn label(&self) -> &str {
        match &self.kind {
            ItemKind::LocalActivity { activity, .. } => activity,
            ItemKind::Timer { .. } => "timer",
            ItemKind::Child { workflow_type, .. } => workflow_type,
            ItemKind::Nexus { operation, .. } => operation,
            ItemKind::Signal { name, .. } | ItemKind::Update { name, .. } => name,
            ItemKind::CancelRequest { .. } => "cancel request",
        }
    }
}

/// The items of one execution, by the event that began them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Items {
    by_event: BTreeMap<u64, Item>,
    dropped: u64,
    signals: Signals,
}

/// The signals of one execution. There may be thousands, so they share a lane.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Signals {
    by_event: BTreeMap<u64, Item>,
    dropped: u64,
    first: Option<UnixMillis>,
}

impl Signals {
    /// The newest signals, oldest first.
    #[must_use]
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Item> {
        self.by_event.values()
    }

    /// Number of older signals that were dropped to keep memory bounded.
    #[must_use]
    pub const fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Number of all signals.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.dropped.saturating_add(self.by_event.len() as u64)
    }

    /// When the first arrived; `None` if there is none.
    #[must_use]
    pub const fn first(&self) -> Option<UnixMillis> {
        self.first
    }

    /// The signal if there is only one.
    #[must_use]
    pub fn only(&self) -> Option<&Item> {
        self.iter().next().filter(|_| self.total() == 1)
    }

    /// The name that all kept signals have; `None` if they have several.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        let mut names = self.iter().map(Item::label);
        let name = names.next()?;
        names.all(|other| other == name).then_some(name)
    }

    fn add(&mut self, signal: Item) {
        self.first.get_or_insert(signal.from);
        self.by_event.insert(signal.event, signal);
        while self.by_event.len() > MAX_KEPT_SIGNALS && self.by_event.pop_first().is_some() {
            self.dropped = self.dropped.saturating_add(1);
        }
    }
}

impl Items {
    /// The items but the signals, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Item> {
        self.by_event.values()
    }

    /// The signals.
    #[must_use]
    pub const fn signals(&self) -> &Signals {
        &self.signals
    }

    /// The item that this event began.
    #[must_use]
    pub fn get(&self, event: u64) -> Option<&Item> {
        self.by_event.get(&event).or_else(|| self.signals.by_event.get(&event))
    }

    /// Number of items that were dropped to keep memory bounded.
    #[must_use]
    pub const fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Applies an event, if it is about an item.
    pub fn apply(&mut self, event: &HistoryEvent) {
        let HistoryEvent { id, at, kind } = event;
        let (id, at) = (*id, *at);
        let completed = || ItemEnd::Completed { result: Vec::new() };
        match kind.clone() {
            EventKind::LocalActivity { activity, attempt, started, end, backoff, .. } => {
                // Attempts with a timer between them are events of their own, and have the same beginning.
                let continued = self.by_event.values().find(|item| {
                    let is_same =
                        matches!(&item.kind, ItemKind::LocalActivity { activity: known, .. } if *known == activity);
                    is_same && item.end.is_none() && Some(item.from) == started
                });
                let (event, from) =
                    continued.map_or((id, started.unwrap_or(at).min(at)), |before| (before.event, before.from));
                let kind = ItemKind::LocalActivity { activity, attempts: attempt };
                let end = backoff.is_none().then_some((at, end));
                self.add(Item { event, kind, from, end });
            }
            EventKind::TimerStarted { id: timer, duration } => {
                let kind = ItemKind::Timer { id: timer, due: at.saturating_add(duration) };
                self.add(Item { event: id, kind, from: at, end: None });
            }
            EventKind::ChildInitiated { workflow, workflow_type } => {
                let kind = ItemKind::Child { workflow, workflow_type, run: None };
                self.add(Item { event: id, kind, from: at, end: None });
            }
            EventKind::NexusScheduled { operation } => {
                let kind = ItemKind::Nexus { operation, pending: None };
                self.add(Item { event: id, kind, from: at, end: None });
            }
            EventKind::Signaled { name, input, from } => {
                let kind = ItemKind::Signal { name, input, from };
                self.signals.add(Item { event: id, kind, from: at, end: Some((at, completed())) });
            }
            EventKind::UpdateAccepted { name, input } => {
                self.add(Item { event: id, kind: ItemKind::Update { name, input }, from: at, end: None });
            }
            EventKind::CancelRequested { cause } => {
                let kind = ItemKind::CancelRequest { cause };
                self.add(Item { event: id, kind, from: at, end: Some((at, completed())) });
            }
            EventKind::TimerEnded { started, fired } => {
                self.end(started, at, if fired { completed() } else { ItemEnd::Cancelled });
            }
            EventKind::ChildStarted { initiated, run: started } => {
                if let Some(Item { kind: ItemKind::Child { run, .. }, .. }) = self.by_event.get_mut(&initiated) {
                    *run = Some(started);
                }
            }
            EventKind::ChildEnded { initiated: event, end }
            | EventKind::NexusEnded { scheduled: event, end }
            | EventKind::UpdateEnded { accepted: event, end } => self.end(event, at, end),
            _ => {}
        }
    }

    /// Applies the server's description of the pending Nexus operations.
    pub fn on_pending_nexus(&mut self, all: &[PendingNexus]) {
        for item in self.by_event.values_mut() {
            if let ItemKind::Nexus { pending, .. } = &mut item.kind {
                *pending = all.iter().find(|one| one.scheduled_event == item.event).cloned();
            }
        }
    }

    /// Whether these are the pending Nexus operations that the latest description reported.
    #[must_use]
    pub fn are_pending(&self, all: &[PendingNexus]) -> bool {
        let known = self.by_event.values().filter_map(|item| match &item.kind {
            ItemKind::Nexus { pending, .. } => pending.as_ref(),
            _ => None,
        });
        let known: Vec<_> = known.collect();
        known.len() == all.len() && known.iter().all(|known| all.contains(known))
    }

    /// Whether the server describes a pending Nexus operation.
    #[must_use]
    pub fn awaits_nexus(&self) -> bool {
        self.by_event.values().any(|item| matches!(item.kind, ItemKind::Nexus { pending: Some(_), .. }))
    }

    fn add(&mut self, item: Item) {
        self.by_event.insert(item.event, item);
        while self.by_event.len() > MAX_KEPT_ITEMS {
            let ended = self.by_event.values().find(|item| item.end.is_some()).map(|item| item.event);
            let Some(oldest) = ended.or_else(|| self.by_event.keys().next().copied()) else { return };
            self.by_event.remove(&oldest);
            self.dropped = self.dropped.saturating_add(1);
        }
    }

    fn end(&mut self, event: u64, at: UnixMillis, end: ItemEnd) {
        if let Some(item) = self.by_event.get_mut(&event) {
            item.end = Some((at, end));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn attempts_of_a_local_activity_with_a_timer_between_them_are_one_item() {
        let mut items = Items::default();
        let local = |attempt, backoff: Option<u64>| EventKind::LocalActivity {
            id: "1".into(),
            activity: "look_up_price".into(),
            attempt,
            started: Some(UnixMillis(100)),
            end: ItemEnd::Cancelled,
            backoff: backoff.map(Duration::from_secs),
        };
        items.apply(&HistoryEvent { id: 5, at: UnixMillis(200), kind: local(3, Some(9)) });
        let open: Vec<_> = items.iter().collect();
        assert_eq!((open.len(), &open[0].end), (1, &None));
        items.apply(&HistoryEvent { id: 9, at: UnixMillis(9_500), kind: local(4, None) });
        items.apply(&HistoryEvent { id: 12, at: UnixMillis(9_900), kind: local(1, None) });
        let all: Vec<_> =
            items.iter().map(|item| (item.event, item.from.0, item.end.as_ref().map(|end| end.0.0))).collect();
        assert_eq!(all, [(5, 100, Some(9_500)), (12, 100, Some(9_900))]);
    }
}
