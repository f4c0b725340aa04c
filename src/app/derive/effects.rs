//! The effects as they commit, newest last: a bounded ring. Repetitions that changed nothing are lines too, because
//! they are what the ledger is for.

use std::collections::VecDeque;

use crate::{
    domain::{Stock, UnixMillis, sanitize},
    store::{Fact, Outcome, Phase, Record, record::Commit},
};

/// How many lines are kept.
pub const KEPT_EFFECTS: usize = 2_000;

const LONGEST_KEY: usize = 140;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EffectKind {
    /// How often the effects of this key are in the stock now; 0 where no change was needed.
    Applied { times: u32 },
    /// The ledger gave the recorded result back.
    Replayed,
    /// The `last-order` guard took it for known.
    Skipped,
    /// Another program changed the document.
    Adjusted,
    /// Refused for good.
    Refused,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effect {
    pub seq: u64,
    pub at: UnixMillis,
    pub key: String,
    pub kind: EffectKind,
    pub delta: i64,
    /// The stock after it.
    pub stock: Stock,
    /// `None` for a change by another program.
    pub attempt: Option<u32>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Effects {
    ring: VecDeque<Effect>,
    dropped: u64,
}

impl Effects {
    /// Takes a record in. `times`: how often its effect is in the stock; `stock`: what the stock is after it.
    pub fn observe(&mut self, record: &Record, times: u32, stock: Stock) {
        let Some(effect) = effect_of(record, times, stock) else { return };
        if self.ring.len() == KEPT_EFFECTS {
            self.ring.pop_front();
            self.dropped += 1;
        }
        self.ring.push_back(effect);
    }

    pub fn newest_first(&self) -> impl Iterator<Item = &Effect> {
        self.ring.iter().rev()
    }

    /// How many lines are kept.
    #[must_use]
    pub fn kept(&self) -> usize {
        self.ring.len()
    }

    /// All effects, those that are no longer kept too.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.dropped + self.ring.len() as u64
    }

    #[must_use]
    pub const fn dropped(&self) -> u64 {
        self.dropped
    }
}

fn effect_of(record: &Record, times: u32, stock: Stock) -> Option<Effect> {
    let line = |key: &str, kind, delta, attempt| {
        let key = sanitize(key, LONGEST_KEY);
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
                Phase::Completed { outcome: Outcome::Replayed } => EffectKind::Replayed,
                Phase::Completed { outcome: Outcome::Skipped } => EffectKind::Skipped,
                _ => return None,
            };
            let key = event.origin.key();
            line(key.as_str(), kind, 0, Some(event.origin.attempt.number()))
        }
        Fact::Init(_) | Fact::Aside(_) => None,
    }
}
