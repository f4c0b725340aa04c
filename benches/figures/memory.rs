//! What an order costs in memory once the first 20,000 are in: the store of a worker, and a dashboard that follows it.

use std::process;

use idempotence::{
    domain::{Activity, Attempt, Effect, Guard, Order, OrderId, Origin, ProductId, REORDER_BELOW, SupplierOrder},
    store::{AttemptEvent, Engine, Outcome, Phase, Publication, Request, medium::Disk, now},
};

use crate::{
    Figure,
    screen::{Screen, resident_megabytes},
};

/// What the dashboard keeps rows of, and then as many again.
const FIRST: usize = 20_000;
const ORDERS: usize = 40_000;

/// Orders in one commit.
const TOGETHER: usize = 50;

pub fn measure() -> Vec<Figure> {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut engine =
        Engine::open(Disk::open(&folder.path().join("inventory.json")).unwrap(), now, REORDER_BELOW).unwrap();
    commit(&mut engine, 0..FIRST);
    let mut screen = Screen::open(folder.path(), &listener.local_addr().unwrap().to_string());
    let last = |end: usize| format!("M{:05}", end - 1);
    screen.shows(&last(FIRST));
    let before = [resident_megabytes(process::id()), resident_megabytes(screen.pid())];
    for from in (FIRST..ORDERS).step_by(1_000) {
        commit(&mut engine, from..from + 1_000);
        screen.shows(&last(from + 1_000));
    }
    let after = [resident_megabytes(process::id()), resident_megabytes(screen.pid())];
    screen.quit();
    #[expect(clippy::cast_precision_loss, reason = "some ten thousand")]
    let more = (ORDERS - FIRST) as f64;
    let figure = |name, index: usize, most: f64, wanted| {
        let bytes = (after[index] - before[index]) * 1024.0 * 1024.0 / more;
        let measured = format!("{bytes:.0} bytes ({:.1} to {:.1} MB)", before[index], after[index]);
        Figure { name, measured, wanted, reached: bytes <= most }
    };
    vec![
        figure("store: memory per order, 20,001st to 40,000th", 0, 400.0, "at most 400 bytes"),
        figure("dashboard: the same", 1, 200.0, "at most 200 bytes"),
    ]
}

/// What a worker writes for orders without faults.
fn commit(engine: &mut Engine<Disk>, numbers: std::ops::Range<usize>) {
    let numbers: Vec<usize> = numbers.collect();
    for batch in numbers.chunks(TOGETHER) {
        let requests: Vec<Request> = batch.iter().flat_map(|number| requests(*number)).collect();
        let answers = engine.commit(&requests, Publication::Now).unwrap();
        assert!(answers.iter().all(Result::is_ok));
    }
}

fn requests(number: usize) -> Vec<Request> {
    let order = OrderId::new(format!("M{number:05}")).unwrap();
    let product = ProductId::new("123456").unwrap();
    let effects = [
        Effect::Order(Order { id: order.clone(), product: product.clone(), quantity: 1 }),
        Effect::Supplier(SupplierOrder { order: order.clone(), product, quantity: 1000 }),
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
        let note = |phase| Request::Attempt(AttemptEvent { origin: origin.clone(), phase });
        let (started, ended) = (note(Phase::Started), note(Phase::Completed { outcome: Outcome::Applied }));
        requests.extend([started, Request::Commit { effect, guard: Guard::Ledger, origin }, ended]);
    }
    requests
}
