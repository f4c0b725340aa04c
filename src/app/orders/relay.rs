//! The relay of an order: the tries to send its supplier order after its activity has ended.

use crate::domain::{Activity, ActivityKey};

use super::{
    activity_attempts::{ActivityAttempts, ActivityState, AttemptView},
    attempt::AttemptEnd,
    execution::Execution,
};

impl Execution {
    /// What has a lane in the order's timeline: both activities, and the tries of the relay.
    #[must_use]
    pub fn lanes(&self) -> Vec<&ActivityAttempts> {
        self.order_activities().into_iter().chain(self.relay.as_deref()).collect()
    }

    /// Whether these are the tries of the relay.
    #[must_use]
    pub fn is_relay(&self, attempts: &ActivityAttempts) -> bool {
        self.relay.as_deref().is_some_and(|relay| relay.key() == attempts.key())
    }

    /// The tries of the relay, to change them.
    pub(super) fn relay_mut(&mut self) -> &mut ActivityAttempts {
        self.relay.get_or_insert_with(|| Box::new(ActivityAttempts::new(ActivityKey::relay())))
    }

    /// The latest try of the relay to send its supplier order.
    #[must_use]
    pub fn latest_relay(&self) -> Option<AttemptView<'_>> {
        self.relay.as_deref()?.latest(self.relay_state())
    }

    /// Units that it has ordered from the supplier, and that the relay has not credited yet.
    #[must_use]
    pub fn on_order(&self) -> Option<i64> {
        let ordered = self.attempts(Activity::SupplierOrder).find_map(|seen| seen.facts?.committed?.on_order);
        ordered.filter(|_| self.relay_state() == ActivityState::Open)
    }

    /// Whether the supplier refused what the relay sent.
    pub(super) fn is_refused_by_supplier(&self) -> bool {
        self.relay_state() == ActivityState::Over
    }

    /// The state of its tries as a whole.
    pub(super) fn relay_state(&self) -> ActivityState {
        let Some(relay) = self.relay.as_deref() else { return ActivityState::Open };
        let end = relay.latest(ActivityState::Open).and_then(|seen| seen.facts?.end.as_ref());
        match end {
            _ if relay.first_commit().is_some() => ActivityState::Succeeded,
            Some(AttemptEnd::Failed(failure)) if !failure.retryable => ActivityState::Over,
            _ => ActivityState::Open,
        }
    }
}
