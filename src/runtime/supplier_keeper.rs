//! Keeps the supplier process of a scenario, and reports the supplier's counters.

use std::{fs, io, time::Duration};

use tokio::{
    sync::{mpsc, oneshot, watch},
    time::timeout,
};

use super::{
    child::{ChildEvent, ChildProcess},
    messages::send,
    supplier_child::SupplierCommand,
};
use crate::{
    app::{Message, SupplierCounts, SupplierReport, SupplierState, Tone},
    clock::now,
    domain::{IdempotencyKey, Order, Units},
    supplier::{
        SupplierClient, SupplierError,
        api::{OrderRequest, Quantity},
    },
};

/// Maximum time until a supplier listens, or has ended.
const PROCESS_TIMEOUT: Duration = Duration::from_secs(10);

/// Maximum time for an answer to a question about shipments.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);

/// Interval of the questions about shipments.
const POLL_INTERVAL: Duration = Duration::from_millis(250);

/// A request to the keeper.
#[derive(Debug)]
pub(super) enum SupplierRequest {
    /// Start the process.
    Start,
    /// Kill the process with SIGKILL.
    Kill,
    /// Start a process without shipments in place of the one that runs, and answer when it listens.
    Empty(oneshot::Sender<io::Result<()>>),
}

/// Starts the supplier, and runs until the sender of requests is dropped.
pub(super) async fn keep(
    command: SupplierCommand,
    mut requests: mpsc::Receiver<SupplierRequest>,
    messages: mpsc::Sender<Message>,
) {
    let mut keeper = Keeper { command, child: None };
    let mut problem = keeper.start().await.err();
    loop {
        if let Some(problem) = problem.take() {
            let text = format!("the supplier could not be started or stopped: {problem}");
            send(&messages, Message::Notice { text, tone: Tone::Bad }).await;
        }
        problem = match requests.recv().await {
            Some(SupplierRequest::Start) => keeper.start().await.err(),
            Some(SupplierRequest::Kill) => keeper.kill().await.err(),
            Some(SupplierRequest::Empty(answer)) => {
                let _run_over = answer.send(keeper.empty().await);
                None
            }
            None => return keeper.stop().await,
        };
    }
}

struct Keeper {
    command: SupplierCommand,
    child: Option<ChildProcess>,
}

impl Keeper {
    /// Starts the process, in place of one that has ended, and waits until it listens.
    async fn start(&mut self) -> io::Result<()> {
        self.kill().await?;
        let mut child = self.command.spawn()?;
        match within(child.next()).await? {
            ChildEvent::Ready(_) => {
                self.child = Some(child);
                Ok(())
            }
            ChildEvent::Ended(how) => Err(io::Error::other(how.to_string())),
        }
    }

    async fn kill(&mut self) -> io::Result<()> {
        let Some(mut child) = self.child.take() else { return Ok(()) };
        // A process that has ended by itself cannot be killed.
        let _has_ended = child.kill();
        within(child.next()).await.map(drop)
    }

    /// Starts the process without shipments. The file with the earlier ones gets a suffix with the time.
    async fn empty(&mut self) -> io::Result<()> {
        self.kill().await?;
        let file = &self.command.file;
        let mut kept = file.clone().into_os_string();
        kept.push(format!(".reset-{}", now().0));
        match fs::rename(file, kept) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => self.start().await,
        }
    }

    /// Lets the process finish its requests.
    async fn stop(mut self) {
        if let Some(mut child) = self.child.take() {
            child.stop();
            let _ended_or_too_late = within(child.next()).await;
        }
    }
}

async fn within<T>(step: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    timeout(PROCESS_TIMEOUT, step).await.map_err(|_| io::ErrorKind::TimedOut)?
}

/// Lets the supplier refuse orders, and then has it asked for its counters. A notice says why it does not.
pub(super) async fn begin_outage(
    client: SupplierClient,
    requests: u32,
    asked: watch::Sender<u64>,
    messages: mpsc::Sender<Message>,
) {
    match client.set_outage(requests.into(), ANSWER_TIMEOUT).await {
        Ok(()) => asked.send_modify(|_| {}),
        Err(error) => {
            let text = format!("the supplier does not begin an outage: {error}");
            send(&messages, Message::Notice { text, tone: Tone::Bad }).await;
        }
    }
}

/// Sends an order of another client, which uses the key of our order. Then has the supplier asked for its counters. A notice
/// says why the supplier does not ship.
pub(super) async fn send_for_other_client(
    client: SupplierClient,
    order: Order,
    asked: watch::Sender<u64>,
    messages: mpsc::Sender<Message>,
) {
    let Order { id: reference, product, quantity } = order;
    let key = IdempotencyKey::supplier(&reference);
    let sent = match Quantity::new(quantity) {
        Some(quantity) => client.send(&OrderRequest { product, quantity, reference }, Some(&key), ANSWER_TIMEOUT).await,
        None => Err(SupplierError::Quantity { quantity }),
    };
    match sent {
        Ok(_) => asked.send_modify(|_| {}),
        Err(error) => {
            let text = format!("the order of the other client was not shipped: {error}");
            send(&messages, Message::Notice { text, tone: Tone::Bad }).await;
        }
    }
}

/// The supplier's shipments so far, which are read in pages.
#[derive(Debug, Default)]
struct Tally {
    /// Number of the last one that was read.
    last: u64,
    /// Shipments of other clients, and their units.
    others: Units,
}

impl Tally {
    /// Reads the shipments since the last time. Returns the counters.
    async fn read(&mut self, client: &SupplierClient) -> Result<SupplierCounts, SupplierError> {
        loop {
            let page = client.shipments(self.last, ANSWER_TIMEOUT).await?;
            if page.shipped < self.last {
                // It is another supplier, or its file was reset.
                *self = Self::default();
                continue;
            }
            for shipment in page.shipments {
                self.last = shipment.shipment.0;
                if !shipment.order.quantity.is_of_this_program() {
                    self.others.add(shipment.order.quantity.units());
                }
            }
            if !page.more {
                return Ok(SupplierCounts {
                    requests: page.requests,
                    shipped: page.shipped.saturating_sub(self.others.count),
                    replayed: page.replayed,
                    units: page.units.saturating_sub(self.others.units.unsigned_abs()),
                    others: self.others.count,
                    outage: page.outage,
                });
            }
        }
    }
}

/// Reports the supplier's counters when they change, and whenever `asked` does. Ends when the core has ended.
pub(super) async fn poll(client: SupplierClient, mut asked: watch::Receiver<u64>, messages: mpsc::Sender<Message>) {
    let (mut last, mut tally) = (None, Tally::default());
    while !messages.is_closed() {
        let answers = *asked.borrow_and_update();
        let state = match tally.read(&client).await {
            Ok(counts) => SupplierState::Up(counts),
            Err(error) => {
                // It may come back with another file.
                tally = Tally::default();
                SupplierState::Down { cause: error.to_string() }
            }
        };
        let report = SupplierReport { answers, state };
        if last.as_ref() != Some(&report) {
            send(&messages, Message::Supplier(report.clone())).await;
            last = Some(report);
        }
        let _asked_or_due = timeout(POLL_INTERVAL, asked.changed()).await;
    }
}
