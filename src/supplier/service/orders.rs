//! The orders of a running service: which keys are in progress, what is recorded, and group commit. One thread writes:
//! orders that wait at the same time share one sync, and an order is complete even if its client is gone.

use std::{
    collections::HashSet,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc},
    thread::{self, JoinHandle},
    time::Duration,
};

use tokio::sync::oneshot;

use super::{
    decision::{Decision, decide},
    file::AppendFile,
    index::Index,
    log::{self, FileError, Recorded, sealed},
    refusal::Refusal,
};
use crate::{
    domain::{OrderId, UnixMillis},
    supplier::{
        api::{MAX_PAGE_SHIPMENTS, OrderRequest, Shipment, ShipmentNumber, ShipmentPage},
        key::RequestKey,
    },
};

/// Maximum number of orders that wait for the disk.
const MAX_WAITING_ORDERS: usize = 1_024;

/// Maximum number of orders that share a sync.
const MAX_BATCH_ORDERS: usize = 256;

/// Returns the current time.
pub(super) type Clock = Box<dyn Fn() -> UnixMillis + Send + Sync>;

/// The answer to an order that was shipped, now or before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) number: ShipmentNumber,
    pub(super) body: Vec<u8>,
    /// Whether this is the recorded answer of an earlier request.
    pub(super) replayed: bool,
}

/// What happens to an order.
#[derive(Debug)]
pub(super) enum Placed {
    /// It was shipped before.
    Replayed(Answer),
    /// It is being shipped, whether the receiver waits or not.
    Shipping(oneshot::Receiver<Result<Answer, Refusal>>),
}

/// The orders. When this value is dropped, the waiting orders are shipped and the thread ends.
pub(super) struct Orders {
    shared: Arc<Shared>,
    /// `None` only during the drop.
    queue: Option<mpsc::SyncSender<Job>>,
    writer: Option<JoinHandle<()>>,
}

struct Shared {
    file: Box<dyn AppendFile>,
    clock: Clock,
    key_lifetime: Duration,
    state: Mutex<State>,
}

struct State {
    /// The durable shipments.
    index: Index,
    /// Keys of the orders that are being shipped.
    in_flight: HashSet<RequestKey>,
    /// Why nothing is shipped any more.
    failure: Option<String>,
    /// Number of further requests that an outage refuses.
    outage: u64,
    requests: u64,
    replayed: u64,
    refused: u64,
}

struct Job {
    order: OrderRequest,
    key: Option<RequestKey>,
    reply: oneshot::Sender<Result<Answer, Refusal>>,
}

impl Drop for Orders {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(Err(_)) = self.writer.take().map(JoinHandle::join) {
            tracing::error!("the writer of shipments has panicked");
        }
    }
}

impl Orders {
    /// Reads the file and starts the thread that writes.
    pub(super) fn open(file: Box<dyn AppendFile>, key_lifetime: Duration, clock: Clock) -> Result<Self, FileError> {
        let index = log::open(&*file)?;
        let (in_flight, failure) = (HashSet::new(), None);
        let state = State { index, in_flight, failure, outage: 0, requests: 0, replayed: 0, refused: 0 };
        let shared = Arc::new(Shared { file, clock, key_lifetime, state: Mutex::new(state) });
        let (queue, jobs) = mpsc::sync_channel(MAX_WAITING_ORDERS);
        let writing = Arc::clone(&shared);
        let spawned = thread::Builder::new().name("shipments".to_owned()).spawn(move || writing.serve(&jobs));
        let writer = spawned.map_err(FileError::io("start the writer of", shared.file.path()))?;
        Ok(Self { shared, queue: Some(queue), writer: Some(writer) })
    }

    /// Counts a request for a shipment. An outage refuses it.
    pub(super) fn begin_request(&self) -> Result<(), Refusal> {
        let mut state = self.shared.state();
        state.requests += 1;
        match state.outage.checked_sub(1) {
            None => Ok(()),
            Some(left) => {
                state.outage = left;
                Err(Refusal::Outage)
            }
        }
    }

    /// Counts a request for a shipment that received an error.
    pub(super) fn count_refused(&self) {
        self.shared.state().refused += 1;
    }

    /// Begins or ends an outage.
    pub(super) fn set_outage(&self, requests: u64) {
        self.shared.state().outage = requests;
    }

    /// Returns the recorded answer of an order, or starts to ship it. Waits only for the file.
    pub(super) fn place(&self, order: OrderRequest, key: Option<RequestKey>) -> Result<Placed, Refusal> {
        let mut state = self.shared.state();
        if let Some(key) = &key {
            if state.in_flight.contains(key) {
                return Err(Refusal::KeyInFlight);
            }
            let recorded = self.shared.latest(&state.index, key).map_err(|error| unreadable(&error))?;
            let shipment = recorded.as_ref().map(|recorded| &recorded.shipment);
            match (decide(&order, shipment, self.shared.key_lifetime, (self.shared.clock)()), recorded) {
                (Decision::Replay, Some(Recorded { shipment, body })) => {
                    state.replayed += 1;
                    return Ok(Placed::Replayed(Answer { number: shipment.shipment, body, replayed: true }));
                }
                (Decision::Conflict, _) => return Err(Refusal::KeyConflict),
                (Decision::Ship | Decision::Replay, _) => {}
            }
        }
        if let Some(cause) = &state.failure {
            return Err(Refusal::Stopped(cause.clone()));
        }
        let (reply, answer) = oneshot::channel();
        let job = Job { order, key: key.clone(), reply };
        if self.queue.as_ref().is_none_or(|queue| queue.try_send(job).is_err()) {
            return Err(Refusal::Busy);
        }
        // The writer cannot finish the order before this, because it needs the lock for that.
        state.in_flight.extend(key);
        Ok(Placed::Shipping(answer))
    }

    /// Returns why nothing is shipped any more.
    pub(super) fn failure(&self) -> Option<String> {
        self.shared.state().failure.clone()
    }

    /// Number of shipments.
    pub(super) fn shipments(&self) -> u64 {
        self.shared.state().index.shipments()
    }

    /// Returns the shipment with this number.
    pub(super) fn shipment(&self, number: ShipmentNumber) -> Result<Option<Recorded>, Refusal> {
        let Some(before) = number.0.checked_sub(1) else { return Ok(None) };
        let lines = self.shared.state().index.lines_after(before, 1);
        let found = log::read(&*self.shared.file, lines).map_err(|error| unreadable(&error))?;
        Ok(found.into_iter().next())
    }

    /// Returns the counters and the shipments after a number.
    pub(super) fn page(&self, after: u64, limit: u64) -> Result<ShipmentPage, Refusal> {
        let (mut page, lines) = {
            let state = self.shared.state();
            let shipped = state.index.shipments();
            let page = ShipmentPage {
                requests: state.requests,
                shipped,
                replayed: state.replayed,
                refused: state.refused,
                key_lifetime_seconds: whole_seconds(self.shared.key_lifetime),
                units: state.index.units(),
                outage: state.outage,
                shipments: Vec::new(),
                more: after.saturating_add(limit) < shipped,
            };
            (page, state.index.lines_after(after, limit))
        };
        let read = log::read(&*self.shared.file, lines).map_err(|error| unreadable(&error))?;
        page.shipments = read.into_iter().map(|recorded| recorded.shipment).collect();
        Ok(page)
    }

    /// Returns the newest shipments with this reference, in order of number.
    pub(super) fn with_reference(&self, reference: &OrderId) -> Result<Vec<Shipment>, Refusal> {
        let mut lines = {
            let state = self.shared.state();
            let numbers = state.index.with_reference(reference.as_str());
            numbers.into_iter().map(|number| state.index.lines_after(number - 1, 1)).collect::<Vec<_>>()
        };
        let excess = lines.len().saturating_sub(usize::try_from(MAX_PAGE_SHIPMENTS).unwrap_or(usize::MAX));
        lines.drain(..excess);
        let mut found = Vec::new();
        for line in lines {
            let read = log::read(&*self.shared.file, line).map_err(|error| unreadable(&error))?;
            found.extend(read.into_iter().map(|recorded| recorded.shipment));
        }
        found.retain(|shipment| shipment.order.reference == *reference);
        Ok(found)
    }
}

/// Returns the seconds of a duration, rounded up.
pub(super) fn whole_seconds(duration: Duration) -> u64 {
    duration.as_secs().saturating_add(u64::from(duration.subsec_nanos() > 0))
}

fn unreadable(error: &FileError) -> Refusal {
    tracing::error!("{error}");
    Refusal::Unreadable
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the latest shipment with this key.
    fn latest(&self, index: &Index, key: &RequestKey) -> Result<Option<Recorded>, FileError> {
        for number in index.with_key(key.as_str()).into_iter().rev() {
            let read = log::read(&*self.file, index.lines_after(number - 1, 1))?;
            let found = read.into_iter().find(|recorded| recorded.shipment.key.as_ref() == Some(key));
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// Ships orders until the queue is closed and empty.
    fn serve(&self, jobs: &mpsc::Receiver<Job>) {
        while let Ok(first) = jobs.recv() {
            let batch: Vec<_> = std::iter::once(first).chain(jobs.try_iter()).take(MAX_BATCH_ORDERS).collect();
            let committed = self.commit(&batch);
            let mut state = self.state();
            for key in batch.iter().filter_map(|job| job.key.as_ref()) {
                state.in_flight.remove(key);
            }
            let answers = match committed {
                Ok(lines) => {
                    for (recorded, line_bytes) in &lines {
                        state.index.add(&recorded.shipment, *line_bytes);
                    }
                    lines.into_iter().map(|(recorded, _)| Ok(answer(recorded))).collect()
                }
                Err(refusal) => {
                    if let Refusal::Failed(cause) | Refusal::Stopped(cause) = &refusal {
                        state.failure.get_or_insert_with(|| cause.clone());
                    }
                    vec![Err(refusal); batch.len()]
                }
            };
            drop(state);
            for (job, answer) in batch.into_iter().zip(answers) {
                // The client may be gone.
                let _gone = job.reply.send(answer);
            }
        }
    }

    /// Records a batch durably. Returns its shipments with the lengths of their lines.
    fn commit(&self, batch: &[Job]) -> Result<Vec<(Recorded, u64)>, Refusal> {
        let (end, numbers) = {
            let state = self.state();
            if let Some(cause) = &state.failure {
                return Err(Refusal::Stopped(cause.clone()));
            }
            (state.index.end(), state.index.shipments() + 1..)
        };
        let at = (self.clock)();
        let (mut lines, mut shipments) = (Vec::new(), Vec::with_capacity(batch.len()));
        for (job, number) in batch.iter().zip(numbers) {
            let (shipment, order, key) = (ShipmentNumber(number), job.order.clone(), job.key.clone());
            let shipment = Shipment { shipment, order, key, at };
            let body = serde_json::to_vec(&shipment).map_err(|error| Refusal::Unwritten(error.to_string()))?;
            let line = sealed(&body);
            shipments.push((Recorded { shipment, body }, line.len() as u64));
            lines.extend_from_slice(&line);
        }
        self.file.check(end).map_err(|error| self.stopped(&error))?;
        if let Err(error) = self.file.append(end, &lines) {
            // A part of the lines may have been written. If it cannot be removed, the next line would follow it.
            return Err(match self.file.truncate(end) {
                Ok(()) => Refusal::Unwritten(error.to_string()),
                Err(_) => self.stopped(&error),
            });
        }
        if let Err(error) = self.file.sync() {
            // The kernel reports such a failure only once: a second sync would succeed even if the data is lost. The
            // lines must not be read from its cache after a restart either, and none of them was acknowledged.
            let cut = self.file.truncate(end);
            let file = self.file.path().display();
            tracing::error!(%file, %error, ?cut, "could not sync; restart the supplier after a check of the disk");
            return Err(Refusal::Failed(format!("sync: {error}")));
        }
        Ok(shipments)
    }

    fn stopped(&self, error: &io::Error) -> Refusal {
        let file = self.file.path().display();
        tracing::error!(%file, %error, "could not write; restart the supplier");
        Refusal::Stopped(error.to_string())
    }
}

fn answer(recorded: Recorded) -> Answer {
    Answer { number: recorded.shipment.shipment, body: recorded.body, replayed: false }
}
