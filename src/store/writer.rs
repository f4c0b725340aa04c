//! Group commit: one thread owns the engine and drains a queue. Requests that wait at the same time share one sync.

use std::{
    path::Path,
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

use super::{
    compaction_state::CompactionLimits,
    engine::{Engine, Publication},
    error::StoreError,
    handle::{Job, StoreHandle, answer},
    progress::Progress,
    request::Answer,
    storage::{Disk, Storage},
};
use crate::domain::REORDER_BELOW;

/// Maximum number of requests per batch, so that the lock is released in between.
pub(super) const MAX_BATCH_REQUESTS: usize = 256;

/// Time for which a busy writer leaves the lock to other processes between two batches.
const PAUSE_BETWEEN_BATCHES: Duration = Duration::from_micros(150);

/// Minimum time between two publications. Effects that come faster share one. A single effect is in the document before
/// it is acknowledged.
const PUBLISH_EVERY: Duration = Duration::from_millis(5);

/// Maximum pause between two attempts of a publication that keeps failing.
const MAX_PUBLISH_PAUSE: Duration = Duration::from_secs(1);

/// Pause between two looks of an idle writer at the journal's name.
const FOLLOW_EVERY: Duration = Duration::from_secs(1);

impl StoreHandle {
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
        Self::start(move |jobs| serve(engine, jobs))
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
        answer(replies, answers);
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
