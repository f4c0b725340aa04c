//! Short ways to build journals with attempts and to compact them.

use idempotence::{
    domain::{Effect, Guard, InventoryRules, REORDER_BELOW},
    store::{
        AttemptEvent, CommitOutcome, CommitRequest, Compacted, Engine, Fact, Note, Phase, Publication, Record, Request,
        Saved, storage::Storage,
    },
};

use crate::{
    bench::{clock, document, order, origin, records, supplier},
    simulated::Simulated,
};

/// Few executions are remembered, so that a short journal can be compacted.
pub const RULES: InventoryRules = InventoryRules { reorder_below: REORDER_BELOW, max_ended: 4 };

/// Number of the newest orders whose attempts are kept.
pub const KEPT: usize = 3;

pub fn open(machine: &Simulated) -> Engine<Simulated> {
    Engine::open(machine.another(), clock, RULES).unwrap()
}

pub fn run_of(id: &str) -> String {
    format!("run-{id}")
}

pub fn attempt(effect: &Effect, number: u32, phase: Phase) -> Request {
    let origin = origin(effect, &run_of(effect.order_id().as_str()), number);
    Request::Note(Note::Attempt(AttemptEvent { origin, phase }))
}

pub fn commit_of(effect: &Effect, number: u32) -> Request {
    let origin = origin(effect, &run_of(effect.order_id().as_str()), number);
    Request::Commit(CommitRequest { effect: effect.clone(), guard: Guard::Ledger, origin })
}

fn failed(retryable: bool) -> Phase {
    Phase::Failed { code: "RandomError".into(), message: "RANDOM ERROR".into(), retryable, point: None }
}

/// The requests of an order of one unit whose first attempt fails after its commit.
pub fn retried_order(id: &str) -> Vec<Request> {
    let (update, ask) = (order(id, 1), supplier(id, 1000));
    vec![
        attempt(&update, 1, Phase::Started),
        commit_of(&update, 1),
        attempt(&update, 1, failed(true)),
        attempt(&update, 2, Phase::Started),
        commit_of(&update, 2),
        attempt(&update, 2, Phase::Completed { outcome: CommitOutcome::Replayed }),
        attempt(&ask, 1, Phase::Started),
        commit_of(&ask, 1),
        attempt(&ask, 1, Phase::Completed { outcome: CommitOutcome::Applied }),
    ]
}

/// The requests of an order that is larger than the stock.
pub fn rejected_order(id: &str) -> Vec<Request> {
    let update = order(id, 2_000_000);
    vec![attempt(&update, 1, Phase::Started), commit_of(&update, 1), attempt(&update, 1, failed(false))]
}

/// The requests of an order that was cancelled after its second attempt began.
pub fn open_order(id: &str) -> Vec<Request> {
    retried_order(id).into_iter().take(4).collect()
}

/// A machine with a million units and the journal of these orders: one that stays open, some retried, one rejected.
pub fn machine_with_orders(orders: usize) -> (Simulated, Engine<Simulated>) {
    let machine = Simulated::with_document(&document(1_000_000, "000"));
    let mut store = open(&machine);
    let retried = (0..orders).flat_map(|index| retried_order(&format!("A{index}")));
    let requests: Vec<_> = open_order("open").into_iter().chain(rejected_order("no")).chain(retried).collect();
    store.commit(&requests, Publication::Now).unwrap();
    (machine, store)
}

pub fn compact<M: Storage>(store: &mut Engine<M>) -> Saved {
    store.compact(KEPT, &|_| {}).unwrap().expect("there are lines to drop")
}

pub fn declaration(journal: &[u8]) -> Option<Compacted> {
    match records(journal).into_iter().next()?.fact {
        Fact::Compacted(compacted) => Some(compacted),
        _ => None,
    }
}

/// The records without attempts and without the declaration.
pub fn lasting(journal: &[u8]) -> Vec<Record> {
    let is_lasting = |record: &Record| !matches!(record.fact, Fact::Attempt(_) | Fact::Compacted(_));
    records(journal).into_iter().filter(is_lasting).collect()
}

/// The lines, each with its line feed.
pub fn lines(journal: &[u8]) -> Vec<&[u8]> {
    journal.split_inclusive(|byte| *byte == b'\n').collect()
}
