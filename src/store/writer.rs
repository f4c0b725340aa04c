//! Group commit: one thread owns the engine and drains a queue; what waits together is committed with one sync.

use std::{io, path::Path, thread};

use futures::future::{BoxFuture, FutureExt};
use tokio::sync::{mpsc, oneshot};

use super::{
    Store,
    engine::{Answer, Committed, Engine, Request},
    error::StoreError,
    medium::{Disk, Medium},
};
use crate::domain::{REORDER_BELOW, UnixMillis};

/// Requests that may wait; a caller beyond it waits to be let in.
const QUEUE: usize = 1024;

/// The most that one sync serves, so that the lock is let go of in between.
const BATCH: usize = 256;

/// How long a busy writer lets others at the lock between two batches.
const COURTESY: std::time::Duration = std::time::Duration::from_micros(150);

struct Job {
    request: Request,
    reply: oneshot::Sender<Answer>,
}

/// The JSON database of this process. Cloning shares it; when the last clone goes, its thread ends.
#[derive(Clone)]
pub struct JsonStore {
    queue: mpsc::Sender<Job>,
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
        let medium = Disk::open(path).map_err(|source| super::engine::failed("open", path, source))?;
        Self::on(Engine::open(medium, crate::store::now, REORDER_BELOW)?)
    }

    /// Serves an engine that is open already, on any medium.
    ///
    /// # Errors
    /// [`StoreError::Io`] where the operating system gives no thread.
    pub fn on<M: Medium>(engine: Engine<M>) -> Result<Self, StoreError> {
        let (queue, jobs) = mpsc::channel(QUEUE);
        let spawned = thread::Builder::new().name("store".into()).spawn(move || serve(engine, jobs));
        spawned.map_err(|source: io::Error| {
            super::engine::failed("start the writer of", Path::new("the store"), source)
        })?;
        Ok(Self { queue })
    }

    fn ask(&self, request: Request) -> BoxFuture<'static, Answer> {
        let queue = self.queue.clone();
        async move {
            let (reply, answer) = oneshot::channel();
            queue.send(Job { request, reply }).await.map_err(|_| StoreError::Stopped)?;
            answer.await.map_err(|_| StoreError::Stopped)?
        }
        .boxed()
    }
}

impl Store for JsonStore {
    fn commit(&self, request: super::CommitRequest) -> BoxFuture<'static, Result<Committed, StoreError>> {
        let super::CommitRequest { effect, guard, origin } = request;
        let answer = self.ask(Request::Commit { effect, guard, origin });
        async move { answer.await?.ok_or(StoreError::Stopped) }.boxed()
    }

    fn note(&self, note: super::Note) -> BoxFuture<'static, Result<(), StoreError>> {
        let request = match note {
            super::Note::Attempt(event) => Request::Attempt(event),
            super::Note::Refused(refused) => Request::Refuse(refused),
        };
        let answer = self.ask(request);
        async move { answer.await.map(drop) }.boxed()
    }
}

fn serve<M: Medium>(mut engine: Engine<M>, mut jobs: mpsc::Receiver<Job>) {
    let mut batch = Vec::with_capacity(BATCH);
    while jobs.blocking_recv_many(&mut batch, BATCH) > 0 {
        let (requests, replies): (Vec<_>, Vec<_>) = batch.drain(..).map(|job| (job.request, job.reply)).unzip();
        let answers = engine.commit(&requests).unwrap_or_else(|error| vec![Err(error); replies.len()]);
        for (reply, answer) in replies.into_iter().zip(answers) {
            // A caller that no longer waits (its activity timed out) asks again, and is then told from the ledger.
            let _gone = reply.send(answer);
        }
        if !jobs.is_empty() {
            thread::sleep(COURTESY);
        }
    }
}

/// The wall clock, for time stamps only: nothing is ordered or decided by it.
#[must_use]
pub fn now() -> UnixMillis {
    let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    UnixMillis(u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX))
}
