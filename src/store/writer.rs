//! Group commit: one thread owns the engine and drains a queue; what waits together is committed with one sync.

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
    engine::{Answer, Committed, Engine, Publication, Request},
    error::{StoreError, failed},
    progress::Progress,
    storage::{Disk, Storage},
};
use crate::domain::REORDER_BELOW;

/// The most that one sync serves, so that the lock is let go of in between.
const BATCH: usize = 256;

/// How long a busy writer lets others at the lock between two batches.
const COURTESY: Duration = Duration::from_micros(150);

/// Effects that come faster than this share a document; one that comes alone is in it before it is acknowledged.
const PUBLISH_EVERY: Duration = Duration::from_millis(5);

/// The longest pause between two tries of a publication that keeps failing.
const MAX_PUBLISH_PAUSE: Duration = Duration::from_secs(1);

struct Job {
    request: Request,
    reply: oneshot::Sender<Answer>,
}

/// The JSON database of this process. Cloning shares it. When the last clone goes, what is committed is published and
/// its thread ends.
#[derive(Clone)]
pub struct JsonStore {
    writer: Arc<Writer>,
}

struct Writer {
    /// As many may wait as there are callers: each waits for its answer. `None` only while it is dropped.
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
    /// Opens the database whose document is `path`, and makes it where there is none.
    ///
    /// # Errors
    /// [`StoreError`] as [`Engine::open`] gives it.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Self::open_observed(path, &|_| {})
    }

    /// As [`Self::open`]; `seen` is called as a long journal is read.
    ///
    /// # Errors
    /// Those of [`Self::open`].
    pub fn open_observed(path: &Path, seen: &dyn Fn(Progress)) -> Result<Self, StoreError> {
        let storage = Disk::open(path)?;
        storage.remove_leftovers();
        Self::on(Engine::open_observed(storage, crate::clock::now, REORDER_BELOW, seen)?)
    }

    /// Serves an engine that is open already, on any storage.
    ///
    /// # Errors
    /// [`StoreError::Io`] where the operating system gives no thread.
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
        let CommitRequest { effect, guard, origin } = request;
        let answer = self.ask(Request::Commit { effect, guard, origin });
        async move { answer.await?.ok_or(StoreError::Stopped) }.boxed()
    }

    fn note(&self, note: Note) -> BoxFuture<'static, Result<(), StoreError>> {
        let request = match note {
            Note::Attempt(event) => Request::Attempt(event),
            Note::Refused(refused) => Request::Refuse(refused),
        };
        let answer = self.ask(request);
        async move { answer.await.map(drop) }.boxed()
    }
}

fn serve<M: Storage>(mut engine: Engine<M>, jobs: &mpsc::Receiver<Job>) {
    // Opening has published; nothing has come fast since.
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
            match jobs.recv() {
                Ok(job) => Some(job),
                Err(_) => break,
            }
        };
        let waiting = std::iter::from_fn(|| jobs.try_recv().ok());
        let (requests, replies): (Vec<_>, Vec<_>) =
            first.into_iter().chain(waiting).take(BATCH).map(|job| (job.request, job.reply)).unzip();
        // While publications fail, each batch tries one: nothing is acknowledged that the document does not show soon.
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
        let full = replies.len() == BATCH;
        for (reply, answer) in replies.into_iter().zip(answers) {
            // A caller that no longer waits (its activity timed out) asks again, and is then told from the ledger.
            let _gone = reply.send(answer);
        }
        if full {
            thread::sleep(COURTESY);
        }
    }
    if engine.is_behind() {
        let _told = engine.commit(&[], Publication::Now).map_err(|error| fail(&error, 0));
    }
}

/// The whole batch fails; without one it is a publication that does, and is tried again.
fn fail(error: &StoreError, replies: usize) -> Vec<Answer> {
    if replies == 0 {
        tracing::warn!(%error, "could not bring the document up to date");
    }
    vec![Err(error.clone()); replies]
}
