//! The handle of an open database: a queue of requests for the one thread that writes.

use std::{
    io,
    path::Path,
    sync::{Arc, mpsc},
    thread::{self, JoinHandle},
};

use futures::{
    channel::oneshot,
    future::{BoxFuture, FutureExt},
};

use super::{
    CommitRequest, CreditRequest, Note, Store,
    error::{StoreError, failed},
    request::{Answer, Committed, Reply, Request},
};
use crate::domain::Intent;

/// A request and the channel for its answer.
pub(super) struct Job {
    pub(super) request: Request,
    pub(super) reply: oneshot::Sender<Answer>,
}

/// The open database of this process. When the last clone is dropped, the queued requests are answered and the writer's
/// thread ends.
#[derive(Clone)]
pub struct StoreHandle {
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

impl std::fmt::Debug for StoreHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoreHandle").finish_non_exhaustive()
    }
}

impl StoreHandle {
    /// Starts the thread that answers the requests with `serve`, until the queue is closed.
    pub(super) fn start(serve: impl FnOnce(&mpsc::Receiver<Job>) + Send + 'static) -> Result<Self, StoreError> {
        let (queue, jobs) = mpsc::channel();
        let spawned = thread::Builder::new().name("store".into()).spawn(move || serve(&jobs));
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

impl Store for StoreHandle {
    fn commit(&self, request: CommitRequest) -> BoxFuture<'static, Result<Committed, StoreError>> {
        let answer = self.ask(Request::Commit(request));
        async move { answer.await?.committed().ok_or(StoreError::Stopped) }.boxed()
    }

    fn must_ship(&self, request: CommitRequest) -> BoxFuture<'static, Result<bool, StoreError>> {
        let answer = self.ask(Request::Preview(request));
        async move {
            match answer.await {
                Ok(_) => Ok(false),
                Err(StoreError::NotShipped) => Ok(true),
                Err(error) => Err(error),
            }
        }
        .boxed()
    }

    fn claim(&self) -> BoxFuture<'static, Result<Option<Box<Intent>>, StoreError>> {
        let answer = self.ask(Request::Claim);
        async move {
            match answer.await? {
                Reply::Claimed(intent) => Ok(intent),
                _ => Err(StoreError::Stopped),
            }
        }
        .boxed()
    }

    fn credit(&self, request: CreditRequest) -> BoxFuture<'static, Result<bool, StoreError>> {
        let answer = self.ask(Request::Credit(request));
        async move {
            match answer.await? {
                Reply::Credited(is_new) => Ok(is_new),
                _ => Err(StoreError::Stopped),
            }
        }
        .boxed()
    }

    fn note(&self, note: Note) -> BoxFuture<'static, Result<(), StoreError>> {
        let answer = self.ask(Request::Note(note));
        async move { answer.await.map(drop) }.boxed()
    }
}

/// Answers the jobs of a batch. A caller may be gone, because its activity timed out; the next attempt gets the result
/// from the ledger.
pub(super) fn answer(replies: Vec<oneshot::Sender<Answer>>, answers: Vec<Answer>) {
    for (reply, answer) in replies.into_iter().zip(answers) {
        let _gone = reply.send(answer);
    }
}
