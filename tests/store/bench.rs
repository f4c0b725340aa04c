//! Short ways to build effects, requests and machines.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::simulated::Simulated;
use idempotence::{
    domain::{
        Attempt, Delivery, Effect, Guard, Order, OrderId, Origin, ProductId, REORDER_BELOW, Stock, SupplierOrder,
        UnixMillis,
    },
    store::{
        Audit, CommitOutcome, CommitRequest, Committed, Document, Engine, Publication, Record, Request, StoreError,
        Verdict, storage::Storage,
    },
};

pub const SEED: &str = include_str!("../../assets/inventory.json");

/// A starting document with another stock.
pub fn document(stock: Stock, last_order: &str) -> Vec<u8> {
    let mut document = Document::parse(SEED.as_bytes()).unwrap();
    document.stock = stock;
    last_order.clone_into(&mut document.last_order);
    document.render().unwrap()
}

/// A clock that advances with each call, so that no two lines are equal.
pub fn clock() -> UnixMillis {
    static NOW: AtomicU64 = AtomicU64::new(1_700_000_000_000);
    UnixMillis(NOW.fetch_add(1, Ordering::Relaxed))
}

pub fn order(id: &str, quantity: i64) -> Effect {
    order_for(id, "123456", quantity)
}

pub fn order_for(id: &str, product: &str, quantity: i64) -> Effect {
    Effect::Order(Order { id: OrderId::new(id).unwrap(), product: ProductId::new(product).unwrap(), quantity })
}

pub fn supplier(id: &str, quantity: i64) -> Effect {
    let product = ProductId::new("123456").unwrap();
    Effect::Supplier(SupplierOrder {
        order: OrderId::new(id).unwrap(),
        product,
        quantity,
        delivery: Delivery::Immediate,
    })
}

pub fn origin(effect: &Effect, run: &str, attempt: u32) -> Origin {
    let activity = effect.activity();
    Origin {
        order: effect.order_id().clone(),
        workflow: format!("order-{}", effect.order_id()),
        run: run.to_owned(),
        activity,
        attempt: Attempt::new(attempt).unwrap(),
    }
}

pub fn request(effect: Effect, guard: Guard) -> Request {
    let origin = origin(&effect, "run-1", 1);
    Request::Commit(CommitRequest { effect, guard, origin })
}

/// A simulated machine with `stock` units, and the engine of one process on it.
pub fn engine(stock: Stock) -> (Simulated, Engine<Simulated>) {
    let machine = Simulated::with_document(&document(stock, "000"));
    let engine = open(&machine);
    (machine, engine)
}

pub fn open(machine: &Simulated) -> Engine<Simulated> {
    Engine::open(machine.another(), clock, REORDER_BELOW).unwrap()
}

pub fn commit<M: Storage>(engine: &mut Engine<M>, effect: Effect) -> Result<Committed, StoreError> {
    commit_under(engine, effect, Guard::Ledger)
}

pub fn commit_under<M: Storage>(engine: &mut Engine<M>, effect: Effect, guard: Guard) -> Result<Committed, StoreError> {
    let answer = engine.commit(&[request(effect, guard)], Publication::Now)?.remove(0)?;
    Ok(answer.committed().expect("a commit has a receipt"))
}

/// Whether a request found a poisoned database and wrote nothing.
pub fn found_poison(answer: Result<Committed, StoreError>) -> bool {
    matches!(answer, Err(StoreError::NotWritten(error)) if matches!(*error, StoreError::Poisoned { .. }))
}

pub fn outcome<M: Storage>(engine: &mut Engine<M>, effect: Effect) -> CommitOutcome {
    commit(engine, effect).unwrap().outcome
}

/// The stock that the document shows.
pub fn stock(machine: &Simulated) -> Stock {
    Document::parse(&machine.document().unwrap()).unwrap().stock
}

pub fn records(journal: &[u8]) -> Vec<Record> {
    let lines = journal.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| Record::decode(line).unwrap()).collect()
}

/// Audits a journal.
pub fn audit(journal: &[u8]) -> Audit {
    let mut audit = Audit::default();
    for record in records(journal) {
        audit.observe(&record, record.seq);
    }
    audit
}

#[track_caller]
pub fn assert_right(machine: &Simulated, expected: Stock) {
    let audit = audit(&machine.journal_bytes());
    assert_eq!(audit.verdict(), Verdict::Right, "{}", audit.sentence());
    assert_eq!((audit.actual, stock(machine)), (expected, expected), "journal and document");
}
