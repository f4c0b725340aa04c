//! Generates a journal as a worker writes it, without a server.

use std::{fs, ops::Range, path::Path};

use idempotence::{
    clock::now,
    domain::{
        Activity, Attempt, Delivery, Effect, Guard, Order, OrderId, Origin, ProductId, REORDER_BELOW, SupplierOrder,
    },
    store::{
        AttemptEvent, CommitOutcome, CommitRequest, Document, Engine, Note, Phase, Publication, Request,
        STARTING_DOCUMENT, storage::Disk,
    },
};

/// Journal lines per order without faults.
pub const LINES_PER_ORDER: usize = 6;

/// Orders per commit.
const TOGETHER: usize = 50;

/// Creates a database with enough stock for all orders of a measurement.
pub fn begin(database: &Path) -> Engine<Disk> {
    let mut document = Document::parse(STARTING_DOCUMENT.as_bytes()).unwrap();
    document.stock = 10_000_000;
    fs::write(database, document.render().unwrap()).unwrap();
    Engine::open(Disk::open(database).unwrap(), now, REORDER_BELOW).unwrap()
}

/// Requests that a worker sends for orders without faults.
pub fn commit(engine: &mut Engine<Disk>, numbers: Range<usize>) {
    let numbers: Vec<usize> = numbers.collect();
    for batch in numbers.chunks(TOGETHER) {
        let requests: Vec<Request> = batch.iter().flat_map(|number| requests(*number)).collect();
        let answers = engine.commit(&requests, Publication::Now).unwrap();
        assert!(answers.iter().all(Result::is_ok));
        engine.write_checkpoint_if_due();
    }
}

/// Id of the order with this number.
pub fn id(number: usize) -> String {
    format!("M{number:05}")
}

fn requests(number: usize) -> Vec<Request> {
    let order = OrderId::new(id(number)).unwrap();
    let product = ProductId::new("123456").unwrap();
    let effects = [
        Effect::Order(Order { id: order.clone(), product: product.clone(), quantity: 1 }),
        Effect::Supplier(SupplierOrder {
            order: order.clone(),
            product,
            quantity: 1000,
            delivery: Delivery::Immediate,
        }),
    ];
    let activities = [Activity::UpdateInventory, Activity::SupplierOrder];
    let mut requests = Vec::new();
    for (effect, activity) in effects.into_iter().zip(activities) {
        let origin = Origin {
            order: order.clone(),
            workflow: format!("order-{order}"),
            run: format!("01a20825-7127-7263-bbbd-{number:012}"),
            activity,
            attempt: Attempt::FIRST,
        };
        let note = |phase| Request::Note(Note::Attempt(AttemptEvent { origin: origin.clone(), phase }));
        let (started, ended) = (note(Phase::Started), note(Phase::Completed { outcome: CommitOutcome::Applied }));
        requests.extend([started, Request::Commit(CommitRequest { effect, guard: Guard::Ledger, origin }), ended]);
    }
    requests
}
