//! The outbox: supplier orders that were recorded before they are sent. A relay sends them, and repeats that until the
//! supplier confirms. Its schedule follows from the journal, so every worker and every restart continues it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Attempt, Guard, IdempotencyKey, Origin, RelayPlan, RetryWaits, SupplierOrder, UnixMillis};

/// Maximum difference between the clocks of two workers at which both observe the pauses.
const MAX_CLOCK_DIFFERENCE: Duration = Duration::from_secs(10);

/// A supplier order that is recorded and not shipped yet, as far as the journal shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Intent {
    /// Number of the journal's line that records it, which identifies it.
    pub line: u64,
    /// What is ordered.
    pub order: SupplierOrder,
    /// The guard of the order that caused it.
    pub guard: Guard,
    /// The faults to inject when it is sent.
    pub plan: RelayPlan,
    /// The attempt that recorded it.
    pub origin: Origin,
    /// How often sending it has begun.
    pub tries: u32,
    /// Sending it begins again at this time or later, by the clock of the worker that recorded it.
    pub due: UnixMillis,
}

impl Intent {
    /// The pauses between two tries, and the time after which a try without a recorded end is repeated. That is longer than a
    /// request may take; the key makes an overlap harmless.
    pub const RETRY: RetryWaits = RetryWaits {
        initial: Duration::from_millis(500),
        coefficient: 2,
        maximum: Duration::from_secs(10),
        start_to_close: Duration::from_secs(6),
    };

    /// The key that travels with the order.
    #[must_use]
    pub fn key(&self) -> IdempotencyKey {
        IdempotencyKey::supplier(&self.order.order)
    }

    /// The number of the latest try to send it, or of the first one.
    #[must_use]
    pub fn latest_try(&self) -> Attempt {
        Attempt::new(self.tries).unwrap_or(Attempt::FIRST)
    }

    /// The origin of what the latest try causes: its number takes the place of the attempt's.
    #[must_use]
    pub fn relayed_origin(&self) -> Origin {
        Origin { attempt: self.latest_try(), ..self.origin.clone() }
    }

    /// Returns the intent with one more try.
    #[must_use]
    pub fn tried_again(&self) -> Self {
        Self { tries: self.tries.saturating_add(1), ..self.clone() }
    }

    /// Whether it is time to send it. A time that no pause explains comes from a wrong clock and does not count.
    fn is_due(&self, now: UnixMillis) -> bool {
        let latest = now.saturating_add(Self::RETRY.maximum).saturating_add(MAX_CLOCK_DIFFERENCE);
        self.due <= now || self.due > latest
    }
}

/// All intents, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Outbox {
    intents: Vec<Intent>,
}

impl Outbox {
    /// Whether nothing is to be sent.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.intents.is_empty()
    }

    /// Number of units that are on order.
    #[must_use]
    pub fn units(&self) -> i64 {
        self.intents.iter().fold(0, |units, intent| intent.order.quantity.saturating_add(units))
    }

    /// Returns the oldest intent that is to be sent now.
    #[must_use]
    pub fn due(&self, now: UnixMillis) -> Option<&Intent> {
        self.intents.iter().find(|intent| intent.is_due(now))
    }

    /// Whether the intent of this line and activity is still to be shipped. `origin` is that of any attempt or try. After a
    /// reset, another intent can have the same line.
    #[must_use]
    pub fn contains(&self, line: u64, origin: &Origin) -> bool {
        let is_same = |open: &Intent| Origin { attempt: origin.attempt, ..open.origin.clone() } == *origin;
        self.intents.iter().any(|open| open.line == line && is_same(open))
    }

    /// Adds an intent.
    pub fn add(&mut self, intent: Intent) {
        self.intents.push(intent);
    }

    /// Removes the intent of this line, which was shipped or refused.
    pub fn remove(&mut self, line: u64) {
        self.intents.retain(|intent| intent.line != line);
    }

    /// A try to send the intent has begun.
    pub fn on_try(&mut self, line: u64, number: Attempt, at: UnixMillis) {
        if let Some(intent) = self.intents.iter_mut().find(|intent| intent.line == line) {
            (intent.tries, intent.due) = (number.number(), at.saturating_add(Intent::RETRY.start_to_close));
        }
    }

    /// A try to send the intent has failed, and another one follows. The result of an earlier try changes nothing.
    pub fn on_failure(&mut self, line: u64, number: Attempt, at: UnixMillis) {
        let latest = |intent: &&mut Intent| intent.line == line && intent.tries == number.number();
        if let Some(intent) = self.intents.iter_mut().find(latest) {
            intent.due = at.saturating_add(Intent::RETRY.after(intent.tries));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Activity, Delivery, OrderId, ProductId};

    fn intent(line: u64) -> Intent {
        let order = OrderId::new(format!("A{line}")).unwrap();
        Intent {
            line,
            order: SupplierOrder {
                order: order.clone(),
                product: ProductId::new("123456").unwrap(),
                quantity: 1000,
                delivery: Delivery::default(),
            },
            guard: Guard::Ledger,
            plan: RelayPlan::default(),
            origin: Origin {
                order,
                workflow: "w".into(),
                run: "r".into(),
                activity: Activity::SupplierOrder,
                attempt: Attempt::FIRST,
            },
            tries: 0,
            due: UnixMillis(100),
        }
    }

    fn due(outbox: &Outbox, now: u64) -> Option<u64> {
        outbox.due(UnixMillis(now)).map(|intent| intent.line)
    }

    #[test]
    fn an_intent_is_sent_until_it_is_removed_with_growing_pauses() {
        let mut outbox = Outbox::default();
        outbox.add(intent(7));
        assert_eq!((outbox.units(), due(&outbox, 100)), (1000, Some(7)));
        let mut now = 100;
        for (number, expected) in [(1, 500), (2, 1000), (3, 2000), (4, 4000), (5, 8000), (6, 10_000), (40, 10_000)] {
            let number = Attempt::new(number).unwrap();
            outbox.on_try(7, number, UnixMillis(now));
            // No other worker sends it meanwhile, unless this one does not answer.
            assert_eq!((due(&outbox, now + 5_999), due(&outbox, now + 6_000)), (None, Some(7)));
            outbox.on_failure(7, number, UnixMillis(now + 10));
            now += 10 + expected;
            assert_eq!((due(&outbox, now - 1), due(&outbox, now)), (None, Some(7)), "try {number:?}");
        }
        outbox.remove(7);
        assert!(outbox.is_empty() && due(&outbox, u64::MAX).is_none());
    }

    #[test]
    fn the_result_of_an_earlier_try_changes_nothing() {
        let mut outbox = Outbox::default();
        outbox.add(intent(7));
        outbox.on_try(7, Attempt::new(2).unwrap(), UnixMillis(1_000));
        outbox.on_failure(7, Attempt::new(1).unwrap(), UnixMillis(1_001));
        assert_eq!(due(&outbox, 2_000), None);
    }

    #[test]
    fn the_oldest_due_intent_is_first_and_a_wrong_clock_delays_nothing() {
        let mut outbox = Outbox::default();
        for line in [3, 5] {
            outbox.add(intent(line));
        }
        outbox.on_try(3, Attempt::FIRST, UnixMillis(100));
        assert_eq!(due(&outbox, 200), Some(5));
        outbox.on_try(3, Attempt::FIRST, UnixMillis(3_600_000));
        assert_eq!(due(&outbox, 200), Some(3));
    }

    /// The pause before a try is at most 10 s.
    #[test]
    fn a_worker_whose_clock_is_slow_observes_the_pause_of_another() {
        let mut outbox = Outbox::default();
        outbox.add(intent(7));
        let number = Attempt::new(40).unwrap();
        outbox.on_try(7, number, UnixMillis(60_000));
        outbox.on_failure(7, number, UnixMillis(60_000));
        assert_eq!((due(&outbox, 59_000), due(&outbox, 50_000), due(&outbox, 49_000)), (None, None, Some(7)));
    }

    #[test]
    fn the_same_line_of_another_journal_is_another_intent() {
        let mut outbox = Outbox::default();
        outbox.add(intent(7));
        let Intent { origin, .. } = intent(7);
        let second_try = Origin { attempt: Attempt::new(2).unwrap(), ..origin.clone() };
        assert!(outbox.contains(7, &origin) && outbox.contains(7, &second_try));
        assert!(!outbox.contains(7, &Origin { run: "other".into(), ..origin }));
    }
}
