//! Orders per second with 20 in flight: our worker with durable effects, compared with a worker that does nothing. The
//! time of orders that are sent one after another.

use std::{net::TcpListener, ops::Range, path::Path, process::Command, sync::Arc, time::Instant};

use futures::{StreamExt, stream};
use idempotence::{
    domain::{Guard, RunEnd, WorkflowId},
    faults::FaultPlan,
    store::StoreHandle,
    temporal::{
        ATTEMPTS_PER_SDK_WORKER, CallRetries, Demo, Endpoint, Link, OrderInput, StartRequest, WorkerSetup, run_worker,
        start,
    },
};

use crate::{Figure, bare, child::OwnedChild, median};

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_idempotence");
const IN_FLIGHT: usize = 20;
const ORDERS: usize = 400;
const ROUNDS: usize = 2;

/// Number of orders that are sent one after another.
const SEQUENCE: usize = 100;
/// Maximum median time of such an order, in seconds. The server needs about 27 ms.
const MAX_SEQUENTIAL_SECONDS: f64 = 0.03;

/// Orders that are in flight at the same time.
pub fn measure_many() -> Vec<Figure> {
    on_a_server(async |folder: &Path, address: &str| compare(folder, address).await)
}

/// Orders in sequence.
pub fn measure_sequence() -> Vec<Figure> {
    on_a_server(async |folder: &Path, address: &str| one_after_another(folder, address).await)
}

fn on_a_server(measure: impl AsyncFnOnce(&Path, &str) -> Figure) -> Vec<Figure> {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let (_server, address) = serve(folder.path());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    vec![runtime.block_on(measure(folder.path(), &address))]
}

pub fn serve(state: &Path) -> (OwnedChild, String) {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let address = format!("127.0.0.1:{port}");
    let mut server = Command::new(PROGRAM);
    server.args(["server", "--with-parent", "--address", &address]).env("XDG_STATE_HOME", state);
    (OwnedChild::start(&mut server, "Temporal at "), address)
}

pub async fn link(address: &str) -> Link {
    let endpoint = Endpoint::plain(address, "default", "bench");
    Link::connect(&endpoint, CallRetries::Sdk).await.unwrap()
}

/// Alternates between the two, so that both see the same noise; the best round of each counts.
async fn compare(folder: &Path, address: &str) -> Figure {
    let (mut ours, mut theirs) = (0.0_f64, 0.0_f64);
    for round in 0..ROUNDS {
        theirs = theirs.max(bare_rate(address, round).await);
        ours = ours.max(our_rate(folder, address, round).await);
    }
    let ratio = ours / theirs;
    Figure {
        name: "orders/s at 20 in flight, beside a bare worker",
        measured: format!("{ratio:.2} ({ours:.0}/s, {theirs:.0}/s)"),
        wanted: "at least 0.8 (40/s if the other does 50)".into(),
        reached: ratio >= 0.8,
    }
}

async fn bare_rate(address: &str, round: usize) -> f64 {
    let link = link(address).await;
    let queue = format!("bare-{round}");
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let worker = bare::run(link.client().clone(), &queue, async {
        let _ = stopped.await;
    });
    let measured = async {
        let rate = rate(&link, &queue).await;
        stop.send(()).unwrap();
        rate
    };
    tokio::join!(worker, measured).1
}

async fn our_rate(folder: &Path, address: &str, round: usize) -> f64 {
    with_our_worker(folder, address, &format!("ours-{round}"), rate).await
}

/// Median time from the start of an order to its end, if the next order starts after that.
async fn one_after_another(folder: &Path, address: &str) -> Figure {
    let median = with_our_worker(folder, address, "sequence", async |link: &Link, queue: &str| {
        // The first orders after a pause are fast in any case.
        place(link, queue, 0..IN_FLIGHT).await;
        let mut seconds = Vec::new();
        for number in IN_FLIGHT..IN_FLIGHT + SEQUENCE {
            let since = Instant::now();
            place(link, queue, number..number + 1).await;
            seconds.push(since.elapsed().as_secs_f64());
        }
        median(seconds)
    });
    let median = median.await;
    Figure {
        name: "an order after another, median",
        measured: format!("{:.0} ms", median * 1000.0),
        wanted: format!("at most {:.0} ms", MAX_SEQUENTIAL_SECONDS * 1000.0).into(),
        reached: median <= MAX_SEQUENTIAL_SECONDS,
    }
}

/// Measures while our worker runs.
async fn with_our_worker(
    folder: &Path,
    address: &str,
    queue: &str,
    measure: impl AsyncFnOnce(&Link, &str) -> f64,
) -> f64 {
    let link = link(address).await;
    let setup = WorkerSetup {
        client: link.client().clone(),
        task_queue: queue.to_owned(),
        store: Arc::new(StoreHandle::open(&folder.join(format!("{queue}.json"))).unwrap()),
        faults: FaultPlan::none(),
        seed: 0,
        guard: Guard::Ledger,
        supplier: None,
        metrics: None,
        attempts_per_sdk_worker: ATTEMPTS_PER_SDK_WORKER,
    };
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let worker = run_worker(setup, || (), async {
        let _ = stopped.await;
    });
    let measured = async {
        let measured = measure(&link, queue).await;
        stop.send(()).unwrap();
        measured
    };
    let (ended, measured) = tokio::join!(worker, measured);
    ended.unwrap();
    measured
}

async fn rate(link: &Link, queue: &str) -> f64 {
    // Warm-up.
    place(link, queue, 0..IN_FLIGHT).await;
    let since = Instant::now();
    place(link, queue, IN_FLIGHT..IN_FLIGHT + ORDERS).await;
    #[expect(clippy::cast_precision_loss, reason = "a few hundred")]
    let orders = ORDERS as f64;
    orders / since.elapsed().as_secs_f64()
}

/// Starts orders with 20 in flight and waits until all have completed.
pub async fn place(link: &Link, queue: &str, numbers: Range<usize>) {
    let one = |index: usize| async move {
        let order = format!("{queue}-{index}");
        let demo = Demo::new(&FaultPlan::none(), 0, Guard::Ledger);
        let input = OrderInput { order: order.clone(), item: "123456".to_owned(), quantity: 1, demo: Some(demo) };
        let request =
            StartRequest { workflow: WorkflowId::of_order(&order).into(), task_queue: queue.to_owned(), input };
        let (_, watch) = start(link, request).await.unwrap();
        assert!(matches!(watch.end().await.unwrap(), RunEnd::Completed { .. }));
    };
    stream::iter(numbers).map(one).buffer_unordered(IN_FLIGHT).collect::<Vec<()>>().await;
}
