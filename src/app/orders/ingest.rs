//! Journal records and the server's answers on their way into the orders. Foreign text is sanitized here.

use crate::{
    app::{
        derive::journal_view::JournalView,
        sanitized::{id, text},
    },
    domain::{Activity, FailureReport, Payload, PendingActivity, RunEnd, RunResult, UnixMillis, sanitize},
    store::{AttemptEvent, CommitOutcome, CoveredLines, Fact, News, Phase, Record, RelayEvent, record::Commit},
};

use super::{
    Dropped, Left, Orders,
    activity_attempts::ActivityAttempts,
    attempt::{AttemptEnd, Committed, Failure, Shipped, Strike},
    description::{Description, FailingTask},
    execution::{OrderDetails, RejectionReason},
};

/// An explanation quotes a worker's message and says what to do.
const MAX_EXPLANATION_CHARS: usize = 1_000;

/// What journal records changed.
#[derive(Debug)]
pub struct Applied {
    /// The records that were applied, in the journal's order.
    pub records: Vec<Record>,
    /// The orders that left because another journal took the place of theirs.
    pub left: Option<Left>,
}

/// Applies new journal records to the journal's view and to the orders.
pub fn apply_news(journal: &mut JournalView, orders: &mut Orders, news: News, now: UnixMillis) -> Applied {
    if news.restarted {
        orders.set_dropped(None);
    }
    if let Some(which) = journal.reread(&news) {
        orders.journal_begins(which);
    }
    for earlier in &news.earlier {
        journal.know(earlier);
    }
    let mut records = Vec::with_capacity(news.records.len());
    for record in news.records {
        if let Fact::Compacted(compacted) = record.fact {
            journal.begin_compacted(compacted.through);
            orders.set_dropped(Some(Dropped { orders: compacted.orders, retries: compacted.retries }));
            continue;
        }
        for record in journal.sequence(record) {
            let times = journal.apply_record(&record);
            if !is_dropped(journal, orders, &record) {
                apply_record(orders, &record, times);
            }
            records.push(record);
        }
    }
    journal.on_journal_read(now);
    let left = if journal.is_partial() { None } else { orders.journal_read() };
    Applied { records, left }
}

/// Whether a compaction has dropped the attempts of the record's run. The order is older than the listed ones, and it has
/// ended although no record says so.
fn is_dropped(journal: &JournalView, orders: &Orders, record: &Record) -> bool {
    let (workflow, run) = match &record.fact {
        Fact::Order(commit) | Fact::Supplier(commit) | Fact::Intent(commit) => {
            (&commit.origin.workflow, &commit.origin.run)
        }
        Fact::Relay(RelayEvent { event, .. }) => (&event.origin.workflow, &event.origin.run),
        Fact::Reject(refused) => (&refused.workflow, &refused.run),
        _ => return false,
    };
    journal.is_compacted(record.seq) && orders.of_run(&(id(workflow), id(run))).is_none()
}

/// Applies the records before those of the first news. The orders of most of them are only counted.
pub fn apply_covered(journal: &mut JournalView, orders: &mut Orders, covered: CoveredLines) {
    let all = covered.audit.orders;
    let recent = journal.start_after(covered);
    for record in &recent {
        let times = journal.apply_covered(record);
        apply_record(orders, record, times);
    }
    orders.forget_older(all);
}

/// Applies the end of a run.
pub fn apply_end(orders: &mut Orders, workflow: &str, run: &str, end: RunEnd, now: UnixMillis) {
    orders.ended((id(workflow), id(run)), sanitized_end(end), now);
}

fn sanitized_end(end: RunEnd) -> RunEnd {
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

/// Applies the server's description of a run.
pub fn apply_description(orders: &mut Orders, workflow: &str, run: &str, description: Description) {
    let recorded = description.others.into_iter().map(PendingActivity::from);
    let pending = description.pending.into_iter().chain(recorded).map(sanitized_activity).collect();
    let failing = description
        .failing
        .map(|failing| FailingTask { explanation: sanitize(&failing.explanation, MAX_EXPLANATION_CHARS), ..failing });
    orders.described((id(workflow), id(run)), Description { pending, failing, others: Vec::new(), ..description });
}

fn sanitized_activity(pending: PendingActivity) -> PendingActivity {
    let failure = pending.failure.map(|failure| {
        let (code, message) = (text(&failure.code), text(&failure.message));
        FailureReport { code, message, ..failure }
    });
    // The server counts from 1.
    let attempt = pending.attempt.max(1);
    let (activity, id, worker) = (id(pending.activity.name()).into(), id(&pending.id), text(&pending.worker));
    PendingActivity { activity, id, attempt, failure, worker, ..pending }
}

/// Applies a journal record. `times`: how often the effect of its key is in the stock after it.
fn apply_record(orders: &mut Orders, record: &Record, times: u32) {
    match &record.fact {
        Fact::Supplier(commit @ Commit { intent: Some(_), .. }) => on_credit(orders, record, commit, times),
        Fact::Order(commit) | Fact::Supplier(commit) | Fact::Intent(commit) => on_commit(orders, record, commit, times),
        Fact::Attempt(event) => on_attempt(orders, record, event),
        Fact::Relay(RelayEvent { event, .. }) => on_relay(orders, record, event),
        Fact::Reject(refused) => {
            let found = RejectionReason { code: text(&refused.code), message: text(&refused.message) };
            let key = (id(&refused.workflow), id(&refused.run));
            orders.journaled(key, record.at, record.seq, |execution| {
                if let Some(order) = refused.key.as_ref().and_then(|key| key.as_str().strip_prefix("order:")) {
                    execution.order = id(order);
                }
                execution.rejection = Some(found);
            });
        }
        Fact::Init(_) | Fact::Adjust(_) | Fact::Aside(_) | Fact::Compacted(_) => {}
    }
}

fn on_commit(orders: &mut Orders, record: &Record, commit: &Commit, times: u32) {
    let Commit { receipt, origin, guard, .. } = commit;
    let key = (id(&origin.workflow), id(&origin.run));
    orders.journaled(key, record.at, record.seq, |execution| {
        origin.order.as_str().clone_into(&mut execution.order);
        if origin.activity == Activity::UpdateInventory
            && let Payload::Units { quantity, product } = &commit.payload
        {
            execution.journaled = Some(OrderDetails { product: product.clone(), quantity: *quantity, guard: *guard });
        }
        let attempts = execution.activities.first_mut(origin.activity);
        let on_order = match (&record.fact, &commit.payload) {
            (Fact::Intent(_), Payload::Units { quantity, .. }) => Some(*quantity),
            _ => None,
        };
        let committed = Committed { at: record.at, delta: receipt.delta, stock: receipt.stock, times, on_order };
        let id = attempts.record(origin.attempt.number(), |facts| facts.committed = Some(committed));
        attempts.on_commit(id, times);
    });
}

/// The relay has credited what was shipped for an intent.
fn on_credit(orders: &mut Orders, record: &Record, commit: &Commit, times: u32) {
    let Commit { receipt, origin, .. } = commit;
    let at = record.at;
    orders.journaled((id(&origin.workflow), id(&origin.run)), at, record.seq, |execution| {
        let relay = execution.relay_mut();
        let committed = Committed { at, delta: receipt.delta, stock: receipt.stock, times, on_order: None };
        let id = relay.record(origin.attempt.number(), |facts| {
            facts.committed = Some(committed);
            facts.end = Some(AttemptEnd::Succeeded { at, outcome: CommitOutcome::Applied });
        });
        relay.on_commit(id, times);
    });
}

fn on_relay(orders: &mut Orders, record: &Record, event: &AttemptEvent) {
    let (origin, at) = (&event.origin, record.at);
    orders.journaled((id(&origin.workflow), id(&origin.run)), at, record.seq, |execution| {
        on_phase(execution.relay_mut(), origin.attempt.number(), at, &event.phase);
    });
}

fn on_attempt(orders: &mut Orders, record: &Record, event: &AttemptEvent) {
    let (origin, at) = (&event.origin, record.at);
    let key = (id(&origin.workflow), id(&origin.run));
    orders.journaled(key, at, record.seq, |execution| {
        origin.order.as_str().clone_into(&mut execution.order);
        let (attempts, number) = (execution.activities.first_mut(origin.activity), origin.attempt.number());
        on_phase(attempts, number, at, &event.phase);
        if event.phase == Phase::Started {
            // The journal has the first attempt of the order, so it records the whole order.
            execution.outlived &= origin.activity != Activity::UpdateInventory || number > 1;
        }
    });
}

fn on_phase(attempts: &mut ActivityAttempts, number: u32, at: UnixMillis, phase: &Phase) {
    match phase {
        Phase::Started => attempts.start(number, at),
        Phase::Fault { point, action } => {
            attempts.record(number, |facts| facts.strike(Strike { at, point: *point, action: *action }));
        }
        Phase::Shipped { shipment, replayed } => {
            let shipped = Shipped { at, shipment: shipment.clone(), replayed: *replayed };
            attempts.record(number, |facts| facts.shipped = Some(Box::new(shipped)));
        }
        Phase::Completed { outcome } => {
            let outcome = *outcome;
            attempts.record(number, |facts| facts.end = Some(AttemptEnd::Succeeded { at, outcome }));
        }
        Phase::Failed { code, message, retryable, point } => {
            let (code, message) = (text(code), text(message));
            let failure = Failure { at, code, message, retryable: *retryable, point: *point, causes: Vec::new() };
            attempts.record(number, |facts| facts.end = Some(AttemptEnd::Failed(Box::new(failure))));
        }
    }
}
