//! The effects in the order of their commits, in a bounded ring. It includes repetitions that changed nothing, because they
//! show what the ledger does.

use std::collections::VecDeque;

use crate::{
    domain::{Stock, UnixMillis, sanitize},
    store::{CommitOutcome, Fact, Phase, Record, RelayEvent, record::Commit},
};

/// Lines that are kept.
pub const MAX_KEPT_EFFECTS: usize = 2_000;

const MAX_KEY_CHARS: usize = 140;

/// What happened to an effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EffectKind {
    /// It was committed.
    Applied {
        /// How often the effects of this key are in the stock now; 0 if no change was needed.
        times: u32,
    },
    /// Units were ordered from the supplier, and are credited when it has shipped them.
    OnOrder,
    /// The ledger returned the recorded result.
    Replayed,
    /// The `last-order` guard took it for the last order.
    Skipped,
    /// Another program changed the document.
    Adjusted,
    /// The rules refused it.
    Refused,
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effect {
    /// The sequence number of its record.
    pub seq: u64,
    /// Its time.
    pub at: UnixMillis,
    /// The idempotency key, or a description if there is none.
    pub key: String,
    /// What happened.
    pub kind: EffectKind,
    /// Change of the stock.
    pub delta: i64,
    /// The stock after it.
    pub stock: Stock,
    /// `None` for a change by another program.
    pub attempt: Option<u32>,
}

/// The latest effects.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Effects {
    ring: VecDeque<Effect>,
    dropped: u64,
}

impl Effects {
    /// Applies a record. `times`: how often its effect is in the stock; `stock`: the stock after it.
    pub fn observe(&mut self, record: &Record, times: u32, stock: Stock) {
        let Some(effect) = effect_of(record, times, stock) else { return };
        if self.ring.len() == MAX_KEPT_EFFECTS {
            self.ring.pop_front();
            self.dropped += 1;
        }
        self.ring.push_back(effect);
    }

    /// The lines, newest first.
    pub fn newest_first(&self) -> impl Iterator<Item = &Effect> {
        self.ring.iter().rev()
    }

    /// Number of lines that are kept.
    #[must_use]
    pub fn kept(&self) -> usize {
        self.ring.len()
    }

    /// Number of all effects, also those that are not kept.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.dropped + self.ring.len() as u64
    }

    /// Number of lines that are not kept.
    #[must_use]
    pub const fn dropped(&self) -> u64 {
        self.dropped
    }
}

fn effect_of(record: &Record, times: u32, stock: Stock) -> Option<Effect> {
    let line = |key: &str, kind, delta, attempt| {
        let key = sanitize(key, MAX_KEY_CHARS);
        Some(Effect { seq: record.seq, at: record.at, key, kind, delta, stock, attempt })
    };
    match &record.fact {
        Fact::Order(Commit { key, receipt, origin, .. }) | Fact::Supplier(Commit { key, receipt, origin, .. }) => {
            let kind = EffectKind::Applied { times };
            line(key.as_str(), kind, receipt.delta, Some(origin.attempt.number()))
        }
        Fact::Adjust(adjustment) => line("another program", EffectKind::Adjusted, adjustment.delta, None),
        Fact::Reject(refused) => {
            line(refused.key.as_ref().map_or("malformed", |key| key.as_str()), EffectKind::Refused, 0, None)
        }
        Fact::Attempt(event) => {
            let kind = match event.phase {
                Phase::Completed { outcome: CommitOutcome::Replayed } => EffectKind::Replayed,
                Phase::Completed { outcome: CommitOutcome::Skipped } => EffectKind::Skipped,
                _ => return None,
            };
            let key = event.origin.key();
            line(key.as_str(), kind, 0, Some(event.origin.attempt.number()))
        }
        Fact::Intent(Commit { key, origin, .. }) => {
            line(key.as_str(), EffectKind::OnOrder, 0, Some(origin.attempt.number()))
        }
        // The supplier refused the units that were on order.
        Fact::Relay(RelayEvent { event, .. }) if matches!(event.phase, Phase::Failed { retryable: false, .. }) => {
            let key = event.origin.key();
            line(key.as_str(), EffectKind::Refused, 0, Some(event.origin.attempt.number()))
        }
        Fact::Init(_) | Fact::Relay(_) | Fact::Aside(_) | Fact::Compacted(_) => None,
    }
}
