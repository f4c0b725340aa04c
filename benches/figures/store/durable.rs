//! Cost of a durable effect, compared with a bare append and sync of the same line on the same disk, in alternation.

use std::{fs::File, os::unix::fs::FileExt, path::Path, time::Instant};

use futures::{executor::block_on, future::join_all};
use idempotence::store::{Store, StoreHandle};

use super::{folder, journal_bytes};
use crate::{
    Figure,
    ledger::{self, OneByOne, one_unit},
    mean, median,
};

const ROUNDS: usize = 4_000;
const TOGETHER: usize = 32;

pub fn measure() -> Vec<Figure> {
    let folder = folder();
    vec![one_effect(folder.path()), many_effects(folder.path())]
}

/// The mean, so that effects that publish the document count.
fn one_effect(folder: &Path) -> Figure {
    let database = folder.join("one.json");
    let mut store = OneByOne::new(ledger::begin(&database));
    store.effect(one_unit("first"));
    let begun = journal_bytes(&database);
    store.effect(one_unit("D00000"));
    let line = vec![b'x'; usize::try_from(journal_bytes(&database) - begun).unwrap()];
    let bare = File::create(folder.join("bare")).unwrap();
    let (mut ours, mut theirs, mut offset) = (Vec::new(), Vec::new(), 0);
    for round in 1..=ROUNDS {
        let since = Instant::now();
        bare.write_all_at(&line, offset).unwrap();
        bare.sync_data().unwrap();
        theirs.push(since.elapsed().as_secs_f64());
        offset += line.len() as u64;
        ours.push(store.effect(one_unit(&format!("D{round:05}"))));
    }
    let (ours, theirs) = (mean(&ours), mean(&theirs));
    let ratio = ours / theirs;
    Figure {
        name: "JSON: a durable effect, beside append + fdatasync",
        measured: format!("{:.2}x ({:.0} us, {:.0} us)", ratio, ours * 1e6, theirs * 1e6),
        wanted: "at most 1.2x".into(),
        reached: ratio <= 1.2,
    }
}

fn many_effects(folder: &Path) -> Figure {
    let store = StoreHandle::open(&folder.join("many.json")).unwrap();
    let ask = |id: String| store.commit(one_unit(&id));
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
        name: "JSON: 32 effects at once, beside one",
        measured: format!("{ratio:.1}x"),
        wanted: "at most 4x (one by one: 32x)".into(),
        reached: ratio <= 4.0,
    }
}
