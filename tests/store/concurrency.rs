//! Many writers on one real database, and readers beside them.

use std::{path::Path, thread};

use futures::{executor::block_on, future::join_all};
use idempotence::{
    domain::{Guard, REORDER_BELOW},
    store::{
        AttemptEvent, CommitOutcome, CommitRequest, Engine, JournalReader, Note, Phase, Store, StoreError, StoreHandle,
        Verdict, read_document, storage::Disk,
    },
};

use crate::bench::{audit, clock, commit, order, origin};

fn journal(path: &Path) -> Vec<u8> {
    std::fs::read(path.with_file_name("inventory.json.journal")).unwrap()
}

fn ask(store: &StoreHandle, id: &str, run: &str) -> impl Future<Output = Result<CommitOutcome, StoreError>> + use<> {
    let effect = order(id, 1);
    let origin = origin(&effect, run, 1);
    let asked = store.commit(CommitRequest { effect, guard: Guard::Ledger, origin });
    async move { asked.await.map(|committed| committed.outcome) }
}

#[test]
fn four_writers_submit_every_order_three_times_and_readers_see_it_grow() {
    const ORDERS: usize = 150;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("inventory.json");
    drop(StoreHandle::open(&path).unwrap());
    let applied: usize = thread::scope(|scope| {
        let writers: Vec<_> = (0..4)
            .map(|writer| {
                let path = &path;
                scope.spawn(move || {
                    let store = StoreHandle::open(path).unwrap();
                    let run = format!("run-{writer}");
                    // Each writer starts at another order, so that the writers meet at all of them.
                    let ids = (0..ORDERS * 3).map(|step| format!("A{}", (step + writer * ORDERS / 4) % ORDERS));
                    let asked: Vec<_> = ids.map(|id| ask(&store, &id, &run)).collect();
                    let answers = block_on(join_all(asked));
                    answers.into_iter().filter(|answer| *answer.as_ref().unwrap() == CommitOutcome::Applied).count()
                })
            })
            .collect();
        let reader = scope.spawn(|| {
            let mut reader = JournalReader::new(&path);
            let (mut seq, mut documents) = (0, 0);
            while documents < 1000 {
                for record in reader.read().unwrap().records {
                    assert_eq!(record.seq, seq + 1, "seq never skips or falls");
                    seq = record.seq;
                }
                // Never torn, never absent.
                read_document(&path).unwrap().unwrap();
                documents += 1;
            }
        });
        reader.join().unwrap();
        writers.into_iter().map(|writer| writer.join().unwrap()).sum()
    });
    assert_eq!(applied, ORDERS, "each order was applied by exactly one writer");
    let audit = audit(&journal(&path));
    assert_eq!((audit.verdict(), audit.actual), (Verdict::Right, 1000 - 150));
    assert_eq!(read_document(&path).unwrap().unwrap().stock, 850, "published when idle");
}

#[test]
fn a_single_effect_is_in_the_document_before_it_is_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("inventory.json");
    let store = StoreHandle::open(&path).unwrap();
    // Like an activity: a note, followed at once by the effect.
    let effect = order("A", 10);
    let origin = origin(&effect, "run-1", 1);
    let started = AttemptEvent { origin: origin.clone(), phase: Phase::Started };
    block_on(store.note(Note::Attempt(started))).unwrap();
    block_on(store.commit(CommitRequest { effect, guard: Guard::Ledger, origin })).unwrap();
    assert_eq!(read_document(&path).unwrap().unwrap().stock, 990);
}

#[test]
fn a_lock_that_is_held_is_busy_and_retryable() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("inventory.json");
    let mut store = Engine::open(Disk::open(&path).unwrap(), clock, REORDER_BELOW).unwrap();
    let holder = std::fs::File::options().write(true).open(folder.path().join("inventory.json.lock")).unwrap();
    holder.lock().unwrap();
    let error = commit(&mut store, order("A", 10)).unwrap_err();
    assert!(matches!(error, StoreError::Busy { .. }) && error.is_retryable(), "{error}");
    holder.unlock().unwrap();
    commit(&mut store, order("A", 10)).unwrap();
}

#[test]
fn a_reset_under_a_running_writer_is_followed_by_writer_and_reader() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("inventory.json");
    let mut store = Engine::open(Disk::open(&path).unwrap(), clock, REORDER_BELOW).unwrap();
    let mut reader = JournalReader::new(&path);
    commit(&mut store, order("A", 10)).unwrap();
    assert_eq!(reader.read().unwrap().records.len(), 2);
    let kept = idempotence::store::reset(&path).unwrap().journal.unwrap();
    assert!(folder.path().join(format!("inventory.json.journal{kept}")).exists());
    let news = reader.read().unwrap();
    assert!(news.restarted && news.records.len() == 1);
    assert_eq!(commit(&mut store, order("A", 10)).unwrap().outcome, CommitOutcome::Applied, "the ledger began again");
    assert_eq!(read_document(&path).unwrap().unwrap().stock, 990);
}
