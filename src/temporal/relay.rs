//! The relay of a worker: sends the supplier orders of the outbox with their keys, and credits what the supplier ships. The
//! store decides which order is due, so the relays of several workers share the outbox.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{Notify, watch},
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

/// Time after which a worker that stops logs what it waits for.
const NOTICE_AFTER: Duration = Duration::from_millis(300);

/// A relay that runs.
#[derive(Debug)]
pub(super) struct RunningRelay {
    /// `None` once the relay is to stop.
    stop: Option<watch::Sender<()>>,
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
        let (stop, stopped) = watch::channel(());
        let relay = Relay { store, supplier, worker_metrics, recorded, stopped, reported: None };
        Self { stop: Some(stop), task: tokio::spawn(relay.run()) }
    }

    /// Makes the relay end after what it sends now.
    pub(super) fn stop(&mut self) {
        self.stop = None;
    }

    /// Lets the relay finish what it sends.
    pub(super) async fn finish(mut self) {
        self.stop();
        if timeout(NOTICE_AFTER, &mut self.task).await.is_ok() {
            return;
        }
        tracing::info!("an order of the outbox has {} s to be shipped and credited", STOP_TIMEOUT.as_secs());
        if timeout(STOP_TIMEOUT, &mut self.task).await.is_err() {
            tracing::warn!("stopped without the supplier's answer; another worker sends the order again");
            self.task.abort();
        }
    }
}

struct Relay {
    store: Arc<dyn Store>,
    supplier: Supplier,
    worker_metrics: WorkerMetrics,
    recorded: Arc<Notify>,
    /// Closed when the worker stops.
    stopped: watch::Receiver<()>,
    /// The error of the store that was logged, as long as it lasts.
    reported: Option<String>,
}

impl Relay {
    async fn run(mut self) {
        let mut interval = IDLE_INTERVAL;
        while self.stopped.has_changed().is_ok() {
            if let Some(intent) = self.claim().await {
                let is_sent = self.relay(&intent).await;
                interval = if is_sent { IDLE_INTERVAL } else { RETRY_INTERVAL };
                continue;
            }
            tokio::select! {
                () = self.recorded.notified() => {}
                () = sleep(interval) => {}
                _ = self.stopped.changed() => return,
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
        let plan: FaultPlan = intent.plan.faults.parse().unwrap_or_else(|error| {
            // It was valid when the intent was recorded, so another version of this program has recorded it.
            tracing::warn!(order = %intent.order.order, %error, "sending an order of the outbox without its planned faults");
            FaultPlan::none()
        });
        let draw = Draw {
            seed: intent.plan.seed,
            order: intent.order.order.as_str(),
            activity: intent.origin.activity,
            attempt: intent.latest_try(),
            point,
        };
        // No timeout of Temporal applies. Another relay repeats the try meanwhile.
        let hang = || Intent::RETRY.start_to_close + HANG_BEYOND;
        let mut stopped = self.stopped.clone();
        tokio::select! {
            injected = inject(&plan, &draw, &self.worker_metrics, hang, async |phase| self.note(intent, phase).await) => injected,
            // A worker that stops does not wait for the end of a planned pause.
            _ = stopped.changed() => Ok(()),
        }
    }

    async fn note(&self, intent: &Intent, phase: Phase) {
        if let Err(error) = self.store.note(Note::Relay(RelayEvent::of(intent, phase))).await {
            // The schedule repeats the try even without this record.
            tracing::warn!(%error, "could not record a try to send an order in the journal");
        }
    }
}
