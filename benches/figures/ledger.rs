//! Generates a journal as a worker writes it, without a server.

use std::{
    fs,
    ops::Range,
    path::Path,
    time::{Duration, Instant},
};

use idempotence::{
    clock::now,
    domain::{Attempt, Delivery, Effect, Guard, Order, OrderId, Origin, ProductId, REORDER_BELOW, SupplierOrder},
    store::{
        AttemptEvent, CommitOutcome, CommitRequest, Document, Engine, Note, Phase, Publication, Request,
        STARTING_DOCUMENT, storage::Disk,
    },
};

/// Journal lines per order without faults: two effects, and the start and the end of two attempts.
pub const LINES_PER_ORDER: usize = 6;

/// Orders per commit. With their attempts, they fill about one batch of a worker.
const TOGETHER: usize = 50;

/// Minimum time between two publications of the document, as in the store's writer.
const PUBLISH_EVERY: Duration = Duration::from_millis(5);

/// Creates a database with enough stock for all orders of a measurement.
pub fn begin(database: &Path) -> Engine<Disk> {
    let mut document = Document::parse(STARTING_DOCUMENT.as_bytes()).unwrap();
    document.stock = 10_000_000;
    fs::create_dir_all(database.parent().unwrap()).unwrap();
    fs::write(database, document.render().unwrap()).unwrap();
    open(database)
}

/// Opens a database without a thread of its own.
pub fn open(database: &Path) -> Engine<Disk> {
    Engine::open(Disk::open(database).unwrap(), now, REORDER_BELOW).unwrap()
}

/// Commits what a worker writes for orders without faults, many orders together.
pub fn commit(engine: &mut Engine<Disk>, numbers: Range<usize>) {
    commit_batches(engine, numbers, requests);
}

/// Like [`commit`], but without the attempts, as after a compaction.
pub fn commit_effects(engine: &mut Engine<Disk>, numbers: Range<usize>) {
    let is_effect = |request: &Request| matches!(request, Request::Commit(_));
    commit_batches(engine, numbers, |number| requests(number).into_iter().filter(is_effect).collect());
}

fn commit_batches(engine: &mut Engine<Disk>, numbers: Range<usize>, requests: impl Fn(usize) -> Vec<Request>) {
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

/// The requests of an order's two activities, in their order.
fn requests(number: usize) -> Vec<Request> {
    let order = OrderId::new(id(number)).unwrap();
    let product = ProductId::new("123456").unwrap();
    let effects = [
        Effect::Order(Order { id: order.clone(), product: product.clone(), quantity: 1 }),
        Effect::Supplier(SupplierOrder { order, product, quantity: 1000, delivery: Delivery::Immediate }),
    ];
    let mut requests = Vec::with_capacity(LINES_PER_ORDER);
    for effect in effects {
        let origin = origin(&effect, number);
        let note = |phase| Request::Note(Note::Attempt(AttemptEvent { origin: origin.clone(), phase }));
        let (started, ended) = (note(Phase::Started), note(Phase::Completed { outcome: CommitOutcome::Applied }));
        requests.extend([started, Request::Commit(CommitRequest { effect, guard: Guard::Ledger, origin }), ended]);
    }
    requests
}

/// The first attempt of an effect.
fn origin(effect: &Effect, number: usize) -> Origin {
    let order = effect.order_id().clone();
    Origin {
        workflow: format!("order-{order}"),
        run: format!("01a20825-7127-7263-bbbd-{number:012}"),
        activity: effect.activity(),
        attempt: Attempt::FIRST,
        order,
    }
}

/// The request of an effect that takes one unit.
pub fn one_unit(id: &str) -> CommitRequest {
    let product = ProductId::new("123456").unwrap();
    let effect = Effect::Order(Order { id: OrderId::new(id).unwrap(), product, quantity: 1 });
    let origin = origin(&effect, 0);
    CommitRequest { effect, guard: Guard::Ledger, origin }
}

/// Commits requests one by one, as the store's writer does for a single caller.
pub struct OneByOne {
    engine: Engine<Disk>,
    published: Instant,
}

impl OneByOne {
    pub fn new(engine: Engine<Disk>) -> Self {
        Self { engine, published: Instant::now() }
    }

    /// Commits an effect. Returns the seconds until it is durable.
    pub fn effect(&mut self, request: CommitRequest) -> f64 {
        self.seconds([Request::Commit(request)])
    }

    /// Commits all that a worker writes for an order. Returns the seconds.
    pub fn order(&mut self, number: usize) -> f64 {
        self.seconds(requests(number))
    }

    fn seconds(&mut self, requests: impl IntoIterator<Item = Request>) -> f64 {
        let since = Instant::now();
        for request in requests {
            let due = self.published.elapsed() >= PUBLISH_EVERY;
            let publication = if due { Publication::Now } else { Publication::Later };
            self.engine.commit(&[request], publication).unwrap().remove(0).unwrap();
            if due {
                self.published = Instant::now();
            }
            self.engine.write_checkpoint_if_due();
        }
        since.elapsed().as_secs_f64()
    }
}
