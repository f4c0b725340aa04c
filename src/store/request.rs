//! The requests of a process, and the line and the answer that follow from the state before each. Both databases use it, so
//! they cannot decide differently.

use super::{
    CommitRequest, CreditRequest, Note, StoreError,
    record::{AttemptEvent, Commit, CommitOutcome, Fact, Phase, Refused, RelayEvent},
};
use crate::domain::{
    Change, Decision, Delivery, Effect, Guard, IdempotencyKey, Intent, Inventory, LedgerEntry, Origin, Receipt,
    Refusal, RelayPlan, SupplierOrder, UnixMillis,
};

/// A request to the store.
#[derive(Debug, Clone)]
pub enum Request {
    /// Apply an effect.
    Commit(CommitRequest),
    /// Return what would be done with an effect.
    Preview(CommitRequest),
    /// Record a fact that does not change the stock.
    Note(Note),
    /// Begin to send the supplier order that is due, if there is one.
    Claim,
    /// Credit a shipment of the outbox.
    Credit(CreditRequest),
}

/// The result of an effect that was not refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// Whether it was applied or recognised.
    pub outcome: CommitOutcome,
    /// The recorded result.
    pub receipt: Receipt,
    /// Whether the requesting workflow run applied the effect itself. A repetition is then its retry, not another
    /// start.
    pub same_run: bool,
}

/// The result of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// The note is recorded.
    Noted,
    /// The effect was committed or recognised.
    Committed(Committed),
    /// The supplier order to send; `None` if none is due.
    Claimed(Option<Box<Intent>>),
    /// The shipment was credited; `false` if that was done before, or the database was reset.
    Credited(bool),
}

impl Reply {
    /// The result of an effect.
    #[must_use]
    pub fn committed(self) -> Option<Committed> {
        match self {
            Self::Committed(committed) => Some(committed),
            Self::Noted | Self::Claimed(_) | Self::Credited(_) => None,
        }
    }
}

/// The result of one request, or the reason why it was refused.
pub type Answer = Result<Reply, StoreError>;

impl Request {
    /// The key of the effect that it is about.
    pub(super) fn key(&self) -> Option<IdempotencyKey> {
        match self {
            Self::Commit(CommitRequest { effect, .. }) | Self::Preview(CommitRequest { effect, .. }) => {
                Some(effect.key())
            }
            Self::Credit(_) | Self::Note(_) | Self::Claim => None,
        }
    }

    /// The key that the ledger is asked for.
    pub(super) fn ledger_key(&self) -> Option<IdempotencyKey> {
        match self {
            Self::Commit(CommitRequest { guard: Guard::Ledger, effect, .. })
            | Self::Preview(CommitRequest { guard: Guard::Ledger, effect, .. }) => Some(effect.key()),
            _ => None,
        }
    }

    /// Whether what it was answered must survive a loss of power.
    pub(super) const fn must_be_durable(&self, answer: &Answer) -> bool {
        match (self, answer) {
            (Self::Preview(_) | Self::Note(Note::Attempt(_) | Note::Relay(_)), _)
            | (Self::Claim, Ok(Reply::Claimed(None))) => false,
            // An order that was sent must be in the outbox.
            (Self::Claim | Self::Commit(_) | Self::Credit(_) | Self::Note(Note::Refused(_)), _) => true,
        }
    }

    /// Returns the line that this request adds, and the answer to it. `recorded` is the ledger's entry for
    /// [`Self::ledger_key`].
    pub(super) fn decide(
        &self,
        inventory: &Inventory,
        recorded: Option<LedgerEntry>,
        now: UnixMillis,
    ) -> (Option<Fact>, Answer) {
        match self {
            // Another relay has credited the intent, or the database was reset since the claim.
            Self::Note(Note::Relay(RelayEvent { intent, event }))
                if !inventory.outbox.contains(*intent, &event.origin) =>
            {
                (None, Ok(Reply::Noted))
            }
            Self::Note(note) => (Some(note.clone().into()), Ok(Reply::Noted)),
            Self::Commit(request) => decide_effect(request, inventory, recorded),
            Self::Preview(request) => (None, decide_effect(request, inventory, recorded).1),
            Self::Claim => {
                let claimed = inventory.outbox.due(now).map(Intent::tried_again);
                let fact = claimed.as_ref().map(|intent| Fact::Relay(RelayEvent::of(intent, Phase::Started)));
                (fact, Ok(Reply::Claimed(claimed.map(Box::new))))
            }
            Self::Credit(CreditRequest { intent, shipment }) => {
                let change = inventory.credit(intent, shipment.clone());
                let credit = change.map(|change| {
                    let commit = Commit::new(change, intent.guard, &intent.relayed_origin());
                    Fact::Supplier(Commit { intent: Some(intent.line), ..commit })
                });
                let is_new = credit.is_some();
                (credit, Ok(Reply::Credited(is_new)))
            }
        }
    }
}

fn decide_effect(
    request: &CommitRequest,
    inventory: &Inventory,
    recorded: Option<LedgerEntry>,
) -> (Option<Fact>, Answer) {
    let CommitRequest { effect, guard, origin } = request;
    let committed = |outcome, receipt, same_run| Ok(Reply::Committed(Committed { outcome, receipt, same_run }));
    let applied = |change: Change, kind: &dyn Fn(Commit) -> Fact| {
        let receipt = change.receipt.clone();
        let fact = kind(Commit::new(change, *guard, origin));
        (Some(fact), committed(CommitOutcome::Applied, receipt, true))
    };
    match inventory.decide(effect, *guard, &origin.run, recorded) {
        Ok(Decision::Apply(change)) => match effect {
            Effect::Order(_) => applied(change, &Fact::Order),
            Effect::Supplier(_) => applied(change, &Fact::Supplier),
        },
        Ok(Decision::Intend(change)) => {
            applied(change, &|commit| Fact::Intent(Commit { relay: relay_plan(effect), ..commit }))
        }
        Ok(Decision::Replay { receipt, same_run }) => (None, committed(CommitOutcome::Replayed, receipt, same_run)),
        Ok(Decision::Skip(receipt)) => (None, committed(CommitOutcome::Skipped, receipt, false)),
        Ok(Decision::Ship) => (None, Err(StoreError::NotShipped)),
        Err(refusal) => refused(effect, refusal, origin),
    }
}

fn relay_plan(effect: &Effect) -> Option<Box<RelayPlan>> {
    match effect {
        Effect::Supplier(SupplierOrder { delivery: Delivery::Outbox(plan), .. }) => Some(Box::new(plan.clone())),
        _ => None,
    }
}

fn refused(effect: &Effect, refusal: Refusal, origin: &Origin) -> (Option<Fact>, Answer) {
    let error = StoreError::from(refusal);
    (Some(Fact::Reject(Refused::new(effect, &error, origin))), Err(error))
}

impl From<Note> for Fact {
    fn from(note: Note) -> Self {
        match note {
            Note::Attempt(event) => Self::Attempt(event),
            Note::Relay(event) => Self::Relay(event),
            Note::Refused(refused) => Self::Reject(refused),
        }
    }
}

impl Commit {
    fn new(change: Change, guard: Guard, origin: &Origin) -> Self {
        let Change { key, payload, receipt, shipment } = change;
        Self { key, payload, receipt, shipment, intent: None, relay: None, guard, origin: origin.clone() }
    }
}

impl RelayEvent {
    /// An event of the latest try to send an intent.
    #[must_use]
    pub fn of(intent: &Intent, phase: Phase) -> Self {
        Self { intent: intent.line, event: AttemptEvent { origin: intent.relayed_origin(), phase } }
    }
}
