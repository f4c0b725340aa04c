//! Cost of a durable effect, compared with a bare append and sync of the same line on the same disk, in alternation.

use std::{
    fs::File,
    os::unix::fs::FileExt,
    path::Path,
    time::{Duration, Instant},
};

use futures::{executor::block_on, future::join_all};
use idempotence::{
    clock::now,
    domain::{Activity, Attempt, Effect, Guard, Order, OrderId, Origin, ProductId, REORDER_BELOW},
    store::{CommitRequest, Engine, Publication, Request, Store, StoreHandle, storage::Disk},
};

use crate::{Figure, mean, median};

const ROUNDS: usize = 400;
const TOGETHER: usize = 32;

pub fn measure() -> Vec<Figure> {
    // The build folder is on a real disk; the temporary folder may be in memory.
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    vec![one_effect(folder.path()), many_effects(folder.path())]
}

fn effect(id: &str) -> (Effect, Origin) {
    let order = OrderId::new(id).unwrap();
    let product = ProductId::new("123456").unwrap();
    let origin = Origin {
        order: order.clone(),
        workflow: format!("order-{id}"),
        run: "01a20825-7127-7263-bbbd-c73140831d2b".to_owned(),
        activity: Activity::UpdateInventory,
        attempt: Attempt::FIRST,
    };
    (Effect::Order(Order { id: order, product, quantity: 1 }), origin)
}

/// Number of orders, less than the starting stock of 1000.
fn one_effect(folder: &Path) -> Figure {
    let path = folder.join("one.json");
    let mut engine = Engine::open(Disk::open(&path).unwrap(), now, REORDER_BELOW).unwrap();
    let bare = File::create(folder.join("bare")).unwrap();
    let line = [b'x'; 360];
    let (mut ours, mut theirs, mut offset, mut published) = (Vec::new(), Vec::new(), 0, Instant::now());
    for round in 0..ROUNDS {
        let since = Instant::now();
        bare.write_all_at(&line, offset).unwrap();
        bare.sync_data().unwrap();
        theirs.push(since.elapsed().as_secs_f64());
        offset += line.len() as u64;
        let (effect, origin) = effect(&format!("A{round}"));
        let request = [Request::Commit(CommitRequest { effect, guard: Guard::Ledger, origin })];
        // As in the store's writer, effects within 5 ms share one publication of the document.
        let now = published.elapsed() >= Duration::from_millis(5);
        let since = Instant::now();
        let publication = if now { Publication::Now } else { Publication::Later };
        engine.commit(&request, publication).unwrap().remove(0).unwrap();
        ours.push(since.elapsed().as_secs_f64());
        if now {
            published = Instant::now();
        }
    }
    // The mean of ours, so that effects that publish the document count.
    let (ours, theirs) = (mean(&ours), mean(&theirs));
    let ratio = ours / theirs;
    Figure {
        name: "a durable effect, beside append + fdatasync",
        measured: format!("{:.2} ({:.0} us, {:.0} us)", ratio, ours * 1e6, theirs * 1e6),
        wanted: "at most 1.2".into(),
        reached: ratio <= 1.2,
    }
}

fn many_effects(folder: &Path) -> Figure {
    let path = folder.join("many.json");
    let store = StoreHandle::open(&path).unwrap();
    let ask = |id: String| {
        let (effect, origin) = effect(&id);
        store.commit(CommitRequest { effect, guard: Guard::Ledger, origin })
    };
    let (mut alone, mut together) = (Vec::new(), Vec::new());
    for round in 0..20 {
        let since = Instant::now();
        block_on(ask(format!("B{round}"))).unwrap();
        alone.push(since.elapsed().as_secs_f64());
        let since = Instant::now();
        let answers = block_on(join_all((0..TOGETHER).map(|index| ask(format!("C{round}-{index}")))));
        together.push(since.elapsed().as_secs_f64());
        assert!(answers.iter().all(Result::is_ok));
    }
    let ratio = median(together) / median(alone);
    Figure {
        name: "32 effects at once, beside one",
        measured: format!("{ratio:.2}"),
        wanted: "at most 4 (one by one: 32)".into(),
        reached: ratio <= 4.0,
    }
}
