//! The relay of a worker: sends the supplier orders of the outbox with their keys, and credits what the supplier ships. The
//! store decides which order is due, so the relays of several workers share the outbox.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{Notify, oneshot},
    task::JoinHandle,
    time::{sleep, timeout},
};

use super::{
    metrics::WorkerMetrics,
    stopped::{HANG_BEYOND, Stopped, inject},
    supply::Supplier,
};
use crate::{
    domain::{Intent, KeyPolicy},
    faults::{Draw, FaultPlan, Point},
    store::{CreditRequest, Note, Phase, RelayEvent, Store},
    supplier::Sent,
};

/// Interval at which an idle relay looks for orders that other workers have recorded.
const IDLE_INTERVAL: Duration = Duration::from_secs(1);

/// The same while an order waits to be sent again.
const RETRY_INTERVAL: Duration = Duration::from_millis(250);

/// Maximum time for the last try when the worker stops. Another worker repeats it.
const STOP_TIMEOUT: Duration = Duration::from_secs(6);

/// A relay that runs.
#[derive(Debug)]
pub(super) struct RunningRelay {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl RunningRelay {
    /// Starts the relay of a worker with this supplier. `recorded` wakes it.
    pub(super) fn start(
        store: Arc<dyn Store>,
        supplier: Supplier,
        worker_metrics: WorkerMetrics,
        recorded: Arc<Notify>,
    ) -> Self {
        let supplier = Supplier { policy: KeyPolicy::Outbox, ..supplier };
        let relay = Relay { store, supplier, worker_metrics, recorded, reported: None };
        let (stop, stopped) = oneshot::channel();
        Self { stop, task: tokio::spawn(relay.run(stopped)) }
    }

    /// Lets the relay finish what it sends.
    pub(super) async fn finish(mut self) {
        drop(self.stop);
        if timeout(STOP_TIMEOUT, &mut self.task).await.is_err() {
            self.task.abort();
        }
    }
}

struct Relay {
    store: Arc<dyn Store>,
    supplier: Supplier,
    worker_metrics: WorkerMetrics,
    recorded: Arc<Notify>,
    /// The error of the store that was logged, as long as it lasts.
    reported: Option<String>,
}

impl Relay {
    async fn run(mut self, mut stopped: oneshot::Receiver<()>) {
        let mut interval = IDLE_INTERVAL;
        while stopped.try_recv() == Err(oneshot::error::TryRecvError::Empty) {
            if let Some(intent) = self.claim().await {
                let is_sent = self.relay(&intent).await;
                interval = if is_sent { IDLE_INTERVAL } else { RETRY_INTERVAL };
                continue;
            }
            tokio::select! {
                () = self.recorded.notified() => {}
                () = sleep(interval) => {}
                _ = &mut stopped => return,
            }
        }
    }

    /// Begins to send the order that is due. An error of the store is logged once; the next call repeats the request.
    async fn claim(&mut self) -> Option<Box<Intent>> {
        match self.store.claim().await {
            Ok(claimed) => {
                self.reported = None;
                claimed
            }
            Err(error) => {
                let error = error.to_string();
                if self.reported.as_ref() != Some(&error) {
                    tracing::warn!(error, "could not read the outbox");
                    self.reported = Some(error);
                }
                None
            }
        }
    }

    /// Sends an order and credits its shipment. Returns whether that is done.
    async fn relay(&self, intent: &Intent) -> bool {
        let Err(stopped) = self.attempt(intent).await else { return true };
        let order = &intent.order.order;
        tracing::warn!(%order, tries = intent.tries, %stopped, "an order of the outbox is not shipped and credited yet");
        self.note(intent, stopped.phase()).await;
        false
    }

    async fn attempt(&self, intent: &Intent) -> Result<(), Stopped> {
        self.fault(intent, Point::BeforeSend).await?;
        let Sent { shipment, replayed } = self.supplier.send(&intent.order, None).await.map_err(Stopped::Supplier)?;
        self.note(intent, Phase::Shipped { shipment: shipment.clone(), replayed }).await;
        self.fault(intent, Point::AfterSend).await?;
        let credit = CreditRequest { intent: intent.clone(), shipment: shipment.clone() };
        let is_new = self.store.credit(credit).await.map_err(Stopped::Store)?;
        tracing::info!(order = %intent.order.order, %shipment, is_new, "an order of the outbox was shipped");
        Ok(())
    }

    async fn fault(&self, intent: &Intent, point: Point) -> Result<(), Stopped> {
        // The plan was checked before the intent was recorded.
        let plan: FaultPlan = intent.plan.faults.parse().unwrap_or_default();
        let draw = Draw {
            seed: intent.plan.seed,
            order: intent.order.order.as_str(),
            activity: intent.origin.activity,
            attempt: intent.latest_try(),
            point,
        };
        // No timeout of Temporal applies. Another relay repeats the try meanwhile.
        let hang = || Intent::RETRY.start_to_close + HANG_BEYOND;
        inject(&plan, &draw, &self.worker_metrics, hang, async |phase| self.note(intent, phase).await).await
    }

    async fn note(&self, intent: &Intent, phase: Phase) {
        if let Err(error) = self.store.note(Note::Relay(RelayEvent::of(intent, phase))).await {
            // The schedule repeats the try even without this record.
            tracing::warn!(%error, "could not record a try to send an order in the journal");
        }
    }
}
