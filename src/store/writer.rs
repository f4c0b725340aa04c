//! Group commit: one thread owns the engine and drains a queue. Requests that wait at the same time share one sync.

use std::{
    io,
    path::Path,
    sync::{
        Arc,
        mpsc::{self, RecvTimeoutError},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use futures::{
    channel::oneshot,
    future::{BoxFuture, FutureExt},
};

use super::{
    CommitRequest, Note, Store,
    compaction_state::CompactionLimits,
    engine::{Answer, Committed, Engine, Publication, Request},
    error::{StoreError, failed},
    progress::Progress,
    storage::{Disk, Storage},
};
use crate::domain::REORDER_BELOW;

/// Maximum number of requests per batch, so that the lock is released in between.
const MAX_BATCH_REQUESTS: usize = 256;

/// Time for which a busy writer leaves the lock to other processes between two batches.
const PAUSE_BETWEEN_BATCHES: Duration = Duration::from_micros(150);

/// Minimum time between two publications. Effects that come faster share one. A single effect is in the document before
/// it is acknowledged.
const PUBLISH_EVERY: Duration = Duration::from_millis(5);

/// Maximum pause between two attempts of a publication that keeps failing.
const MAX_PUBLISH_PAUSE: Duration = Duration::from_secs(1);

/// Pause between two looks of an idle writer at the journal's name.
const FOLLOW_EVERY: Duration = Duration::from_secs(1);

struct Job {
    request: Request,
    reply: oneshot::Sender<Answer>,
}

/// A handle to the JSON database of this process. When the last clone is dropped, the document is published and the
/// writer's thread ends.
#[derive(Clone)]
pub struct JsonStore {
    writer: Arc<Writer>,
}

struct Writer {
    /// Not bounded, because each caller waits for its answer. `None` only during the drop.
    queue: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(Err(_)) = self.thread.take().map(JoinHandle::join) {
            tracing::error!("the store's writer has panicked");
        }
    }
}

impl std::fmt::Debug for JsonStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JsonStore").finish_non_exhaustive()
    }
}

impl JsonStore {
    /// Opens the database whose document is `path`, and creates it if there is none.
    ///
    /// # Errors
    /// Fails if the files cannot be opened or a thread cannot be started, or like [`Engine::open`].
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Self::open_observed(path, None, &|_| {})
    }

    /// Like [`Self::open`], and compacts the journal at these limits. Calls `seen` while it reads a long journal.
    ///
    /// # Errors
    /// Fails like [`Self::open`].
    pub fn open_observed(
        path: &Path,
        limits: Option<CompactionLimits>,
        seen: &dyn Fn(Progress),
    ) -> Result<Self, StoreError> {
        let storage = Disk::open(path)?;
        storage.remove_leftovers();
        let mut engine = Engine::open_observed(storage, crate::clock::now, REORDER_BELOW, seen)?;
        engine.set_compaction(limits);
        Self::on(engine)
    }

    /// Starts the writer of an open engine, on any storage.
    ///
    /// # Errors
    /// Returns [`StoreError::Io`] if the operating system cannot start a thread.
    pub fn on<M: Storage>(engine: Engine<M>) -> Result<Self, StoreError> {
        let (queue, jobs) = mpsc::channel();
        let spawned = thread::Builder::new().name("store".into()).spawn(move || serve(engine, &jobs));
        let no_thread = |source: io::Error| failed("start the writer of", Path::new("the store"), source);
        let thread = Some(spawned.map_err(no_thread)?);
        Ok(Self { writer: Arc::new(Writer { queue: Some(queue), thread }) })
    }

    fn ask(&self, request: Request) -> BoxFuture<'static, Answer> {
        let (reply, answer) = oneshot::channel();
        let sent = self.writer.queue.as_ref().is_some_and(|queue| queue.send(Job { request, reply }).is_ok());
        async move {
            if !sent {
                return Err(StoreError::Stopped.before_writing());
            }
            answer.await.unwrap_or(Err(StoreError::Stopped))
        }
        .boxed()
    }
}

impl Store for JsonStore {
    fn commit(&self, request: CommitRequest) -> BoxFuture<'static, Result<Committed, StoreError>> {
        let answer = self.ask(Request::Commit(request));
        async move { answer.await?.ok_or(StoreError::Stopped) }.boxed()
    }

    fn note(&self, note: Note) -> BoxFuture<'static, Result<(), StoreError>> {
        let answer = self.ask(Request::Note(note));
        async move { answer.await.map(drop) }.boxed()
    }
}

fn serve<M: Storage>(mut engine: Engine<M>, jobs: &mpsc::Receiver<Job>) {
    // The document was published when the database was opened.
    let mut due = Instant::now();
    let mut pause = PUBLISH_EVERY;
    loop {
        let first = if engine.is_behind() {
            match jobs.recv_timeout(due.saturating_duration_since(Instant::now())) {
                Err(RecvTimeoutError::Timeout) => None,
                Ok(job) => Some(job),
                Err(RecvTimeoutError::Disconnected) => break,
            }
        } else {
            match next_job(&mut engine, jobs) {
                Some(job) => Some(job),
                None => break,
            }
        };
        let waiting = std::iter::from_fn(|| jobs.try_recv().ok());
        let (requests, replies): (Vec<_>, Vec<_>) =
            first.into_iter().chain(waiting).take(MAX_BATCH_REQUESTS).map(|job| (job.request, job.reply)).unzip();
        // While publications fail, each batch tries one, so that the document soon shows the acknowledged effects.
        let failing = pause > PUBLISH_EVERY;
        let publication = if failing || Instant::now() >= due { Publication::Now } else { Publication::Later };
        let shown = engine.published_seq();
        let committed = engine.commit(&requests, publication);
        if committed.is_err() && engine.is_behind() {
            pause = (pause * 2).min(MAX_PUBLISH_PAUSE);
            due = Instant::now() + pause;
        } else if committed.is_ok() {
            pause = PUBLISH_EVERY;
            if engine.published_seq() != shown {
                due = Instant::now() + PUBLISH_EVERY;
            }
        }
        let answers = committed.unwrap_or_else(|error| fail(&error, replies.len()));
        let full = replies.len() == MAX_BATCH_REQUESTS;
        for (reply, answer) in replies.into_iter().zip(answers) {
            // The caller may be gone, because its activity timed out. The next attempt gets the result from the ledger.
            let _gone = reply.send(answer);
        }
        engine.write_checkpoint_if_due();
        engine.compact_some();
        if full {
            thread::sleep(PAUSE_BETWEEN_BATCHES);
        }
    }
    if engine.is_behind() {
        let _logged = engine.commit(&[], Publication::Now).map_err(|error| fail(&error, 0));
    }
    engine.write_last_checkpoint();
}

/// Waits for the next request; compacts or follows the journal meanwhile. Returns `None` after the last one.
fn next_job<M: Storage>(engine: &mut Engine<M>, jobs: &mpsc::Receiver<Job>) -> Option<Job> {
    loop {
        let wait = if engine.is_compacting() { Duration::ZERO } else { FOLLOW_EVERY };
        match jobs.recv_timeout(wait) {
            Err(RecvTimeoutError::Timeout) if engine.is_compacting() => engine.compact_some(),
            Err(RecvTimeoutError::Timeout) => engine.follow_journal(),
            job => return job.ok(),
        }
    }
}

/// Returns the answers for a batch that failed. Logs the error of a batch without requests, which only publishes.
fn fail(error: &StoreError, replies: usize) -> Vec<Answer> {
    if replies == 0 {
        tracing::warn!(%error, "could not bring the document up to date");
    }
    vec![Err(error.clone()); replies]
}
