//! Journal lines on their way into the orders. The one door for text that other programs wrote: it is made harmless
//! here, so that nothing behind it need think of that again.

use crate::{
    domain::{Activity, IdempotencyKey, Origin, ProductId, UnixMillis, sanitize},
    store::{AttemptEvent, Fact, Phase, Record, record::Commit},
};

use super::{
    attempt::{Committed, Ending, Failure, Strike},
    execution::{Refused, Terms},
    message::End,
    orders::Orders,
};

const LONGEST_ID: usize = 200;
const LONGEST_TEXT: usize = 400;

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
pub fn end(end: End) -> End {
    match end {
        End::Completed { outcome } => End::Completed { outcome: text(&outcome) },
        End::Rejected { code, message } => End::Rejected { code: text(&code), message: text(&message) },
        End::Conflict { message } => End::Conflict { message: text(&message) },
        End::Failed { message } => End::Failed { message: text(&message) },
        End::Cancelled | End::Terminated | End::TimedOut | End::Unknown => end,
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

/// Takes a record in. `times`: how often the effect of its key is in the stock after it.
pub fn observe(orders: &mut Orders, record: &Record, times: u32) {
    match &record.fact {
        Fact::Order(commit) | Fact::Supplier(commit) => observe_commit(orders, record.at, commit, times),
        Fact::Attempt(event) => observe_attempt(orders, record.at, event),
        Fact::Reject(refused) => {
            let found = Refused { code: text(&refused.code), message: text(&refused.message) };
            orders.change((id(&refused.workflow), id(&refused.run)), record.at, |execution| {
                note_time(&mut execution.first_line, record.at);
                execution.refused = Some(found);
            });
        }
        Fact::Init(_) | Fact::Adjust(_) => {}
    }
}

fn observe_commit(orders: &mut Orders, at: UnixMillis, commit: &Commit, times: u32) {
    let Commit { receipt, origin, guard, .. } = commit;
    let number = origin.attempt.number();
    let key = (id(&origin.workflow), id(&origin.run));
    orders.change(key, at, |execution| {
        origin.order.as_str().clone_into(&mut execution.order);
        note_time(&mut execution.first_line, at);
        if origin.activity == Activity::UpdateInventory
            && let Some((quantity, product)) = payload(&commit.payload)
        {
            execution.journaled = Some(Terms { product, quantity, guard: *guard });
        }
        let lane = &mut execution.lanes[origin.activity as usize];
        lane.note_commit(number);
        if let Some(facts) = lane.attempt(number) {
            facts.committed = Some(Committed { at, delta: receipt.delta, stock: receipt.stock, times });
        }
    });
}

fn observe_attempt(orders: &mut Orders, at: UnixMillis, event: &AttemptEvent) {
    let origin = &event.origin;
    let key = (id(&origin.workflow), id(&origin.run));
    orders.change(key, at, |execution| {
        origin.order.as_str().clone_into(&mut execution.order);
        note_time(&mut execution.first_line, at);
        let Some(facts) = execution.lanes[origin.activity as usize].attempt(origin.attempt.number()) else { return };
        match &event.phase {
            Phase::Started => note_time(&mut facts.started, at),
            Phase::Fault { point, action } => facts.strike(Strike { at, point: *point, action: *action }),
            Phase::Completed { outcome } => facts.ending = Some(Ending::Succeeded { at, outcome: *outcome }),
            Phase::Failed { code, message, retryable, point } => {
                let (code, message) = (text(code), text(message));
                let failure = Failure { at, code, message, retryable: *retryable, point: *point };
                facts.ending = Some(Ending::Failed(Box::new(failure)));
            }
        }
    });
}

/// Keeps the earliest time.
fn note_time(known: &mut Option<UnixMillis>, at: UnixMillis) {
    *known = Some(known.map_or(at, |known| known.min(at)));
}

/// The quantity and the product of an order's payload.
fn payload(text: &str) -> Option<(i64, ProductId)> {
    let (quantity, product) = text.split_once(" x ")?;
    Some((quantity.parse().ok()?, product.parse().ok()?))
}
