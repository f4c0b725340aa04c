//! Journal lines and the server's answers on their way into the orders. The one door for text that other programs
//! wrote: it is made harmless here, so that nothing behind it need think of that again.

use crate::{
    domain::{
        Activity, IdempotencyKey, Origin, OtherActivity, PendingActivity, PendingFailure, ProductId, RunEnd, RunResult,
        sanitize,
    },
    store::{AttemptEvent, Fact, Phase, Record, record::Commit},
};

use super::{
    Orders,
    attempt::{Committed, Ending, Failure, Strike},
    description::{Description, FailingTask},
    execution::{Refused, Terms},
};

const LONGEST_ID: usize = 200;
const LONGEST_TEXT: usize = 400;

/// Characters of an explanation, which quotes a worker's message and says what to do.
const MAX_EXPLANATION_CHARS: usize = 1_000;

/// A workflow id, run id or order id, harmless to show. Used on both sides, so that they still meet.
#[must_use]
pub fn id(text: &str) -> String {
    sanitize(text, LONGEST_ID)
}

/// A message of another program, harmless to show.
#[must_use]
pub fn text(text: &str) -> String {
    sanitize(text, LONGEST_TEXT)
}

#[must_use]
pub fn end(end: RunEnd) -> RunEnd {
    match end {
        RunEnd::Completed { result: RunResult::Other(other) } => {
            RunEnd::Completed { result: RunResult::Other(text(&other)) }
        }
        RunEnd::Rejected { code, message } => RunEnd::Rejected { code: text(&code), message: text(&message) },
        RunEnd::Conflict { message } => RunEnd::Conflict { message: text(&message) },
        RunEnd::Failed { message } => RunEnd::Failed { message: text(&message) },
        RunEnd::Completed { .. } | RunEnd::Cancelled | RunEnd::Terminated | RunEnd::TimedOut | RunEnd::Unknown => end,
    }
}

/// The key of the effect that an attempt is about.
#[must_use]
pub fn key_of(origin: &Origin) -> IdempotencyKey {
    match origin.activity {
        Activity::UpdateInventory => IdempotencyKey::order(&origin.order),
        Activity::SupplierOrder => IdempotencyKey::supplier(&origin.order),
    }
}

/// An id as it came in, where it is one that can be asked for: not cut, and nothing in it replaced.
#[must_use]
pub fn is_whole(id: &str) -> bool {
    id.chars().count() <= LONGEST_ID && !id.contains("\\u{")
}

/// Takes in what the server says of a run.
pub fn describe(orders: &mut Orders, workflow: &str, run: &str, description: Description) {
    let pending = description.pending.into_iter().map(harmless).collect();
    let failing = description
        .failing
        .map(|failing| FailingTask { explanation: sanitize(&failing.explanation, MAX_EXPLANATION_CHARS), ..failing });
    let others = description.others.into_iter().map(|other| {
        let (name, failure) = (id(&other.name), other.failure.map(|failure| text(&failure)));
        OtherActivity { name, failure, ..other }
    });
    let others = others.collect();
    orders.described((id(workflow), id(run)), Description { pending, failing, others, ..description });
}

fn harmless(pending: PendingActivity) -> PendingActivity {
    let failure = pending.failure.map(|failure| {
        let (code, message) = (text(&failure.code), text(&failure.message));
        PendingFailure { code, message, ..failure }
    });
    // The server counts from 1.
    let (id, worker) = (id(&pending.id), text(&pending.worker));
    PendingActivity { id, attempt: pending.attempt.max(1), failure, worker, ..pending }
}

/// Takes a record in. `times`: how often the effect of its key is in the stock after it.
pub fn observe(orders: &mut Orders, record: &Record, times: u32) {
    match &record.fact {
        Fact::Order(commit) | Fact::Supplier(commit) => observe_commit(orders, record, commit, times),
        Fact::Attempt(event) => observe_attempt(orders, record, event),
        Fact::Reject(refused) => {
            let found = Refused { code: text(&refused.code), message: text(&refused.message) };
            let key = (id(&refused.workflow), id(&refused.run));
            orders.journaled(key, record.at, record.seq, |execution| {
                if let Some(order) = refused.key.as_ref().and_then(|key| key.as_str().strip_prefix("order:")) {
                    execution.order = id(order);
                }
                execution.refused = Some(found);
            });
        }
        Fact::Init(_) | Fact::Adjust(_) | Fact::Aside(_) => {}
    }
}

fn observe_commit(orders: &mut Orders, record: &Record, commit: &Commit, times: u32) {
    let Commit { receipt, origin, guard, .. } = commit;
    let key = (id(&origin.workflow), id(&origin.run));
    orders.journaled(key, record.at, record.seq, |execution| {
        origin.order.as_str().clone_into(&mut execution.order);
        if origin.activity == Activity::UpdateInventory
            && let Some((quantity, product)) = payload(&commit.payload)
        {
            execution.journaled = Some(Terms { product, quantity, guard: *guard });
        }
        let lane = &mut execution.lanes[origin.activity as usize];
        let committed = Committed { at: record.at, delta: receipt.delta, stock: receipt.stock, times };
        let place = lane.record(origin.attempt.number(), |facts| facts.committed = Some(committed));
        lane.note_commit(place, times);
    });
}

fn observe_attempt(orders: &mut Orders, record: &Record, event: &AttemptEvent) {
    let (origin, at) = (&event.origin, record.at);
    let key = (id(&origin.workflow), id(&origin.run));
    orders.journaled(key, at, record.seq, |execution| {
        origin.order.as_str().clone_into(&mut execution.order);
        let (lane, number) = (&mut execution.lanes[origin.activity as usize], origin.attempt.number());
        match &event.phase {
            Phase::Started => {
                lane.start(number, at);
                // This journal records the order from its beginning.
                execution.outlived &= origin.activity != Activity::UpdateInventory || number > 1;
            }
            Phase::Fault { point, action } => {
                lane.record(number, |facts| facts.strike(Strike { at, point: *point, action: *action }));
            }
            Phase::Completed { outcome } => {
                let outcome = *outcome;
                lane.record(number, |facts| facts.ending = Some(Ending::Succeeded { at, outcome }));
            }
            Phase::Failed { code, message, retryable, point } => {
                let (code, message) = (text(code), text(message));
                let failure = Failure { at, code, message, retryable: *retryable, point: *point };
                lane.record(number, |facts| facts.ending = Some(Ending::Failed(Box::new(failure))));
            }
        }
    });
}

/// The quantity and the product of an order's payload.
fn payload(text: &str) -> Option<(i64, ProductId)> {
    let (quantity, product) = text.split_once(" x ")?;
    Some((quantity.parse().ok()?, product.parse().ok()?))
}
