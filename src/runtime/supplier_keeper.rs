//! Keeps the supplier process that this program starts, and reports a supplier's counters.

use std::{fs, io, time::Duration};

use tokio::{
    sync::{mpsc, oneshot, watch},
    time::{Instant, sleep, timeout},
};

use super::{
    child::{ChildEvent, ChildProcess},
    messages::send,
    supplier_child::SupplierCommand,
};
use crate::{
    app::{Message, ProcessExit, SupplierCounts, SupplierReport, SupplierState, Tone},
    clock::now,
    domain::{IdempotencyKey, Order, Units},
    supplier::{
        SupplierClient, SupplierError,
        api::{OrderRequest, Quantity},
    },
    temporal::backoff,
};

/// Maximum time until a supplier listens, or has ended.
const PROCESS_TIMEOUT: Duration = Duration::from_secs(10);

/// Maximum time for an answer to a question about shipments.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);

/// Run time after which a supplier that ends is started again with the shortest delay.
const STABLE_AFTER: Duration = Duration::from_secs(10);

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

/// Starts the supplier, and runs until the sender of requests is dropped. A supplier that ends without a request is started
/// again, as a worker is.
pub(super) async fn keep(
    command: SupplierCommand,
    mut requests: mpsc::Receiver<SupplierRequest>,
    messages: mpsc::Sender<Message>,
) {
    let mut keeper = Keeper { command, messages, crashes: 0, reported: None };
    let mut next = Next::Run(None);
    loop {
        next = match next {
            Next::Run(emptied) => keeper.run(emptied, &mut requests).await,
            Next::RunAfter(wait) => tokio::select! {
                () = sleep(wait) => Next::Run(None),
                request = requests.recv() => keeper.obey(request, None).await,
            },
            Next::WaitForRequest => {
                let request = requests.recv().await;
                keeper.obey(request, None).await
            }
            Next::End => return,
        };
    }
}

/// The sender of the answer to [`SupplierRequest::Empty`].
type Emptied = oneshot::Sender<io::Result<()>>;

enum Next {
    /// Start the process, and report that it listens.
    Run(Option<Emptied>),
    RunAfter(Duration),
    WaitForRequest,
    End,
}

struct Keeper {
    command: SupplierCommand,
    messages: mpsc::Sender<Message>,
    /// Ends without a request, one soon after the other.
    crashes: u32,
    /// The last end that a notice has reported, so that a supplier that cannot start is reported once.
    reported: Option<ProcessExit>,
}

impl Keeper {
    /// Starts the process, and monitors it until it has ended.
    async fn run(&mut self, emptied: Option<Emptied>, requests: &mut mpsc::Receiver<SupplierRequest>) -> Next {
        let began = Instant::now();
        let started = self.start().await;
        if let Some(emptied) = emptied {
            let _run_over = emptied.send(started.as_ref().map(drop).map_err(|how| io::Error::other(how.to_string())));
        }
        let mut child = match started {
            Ok(child) => child,
            Err(how) => return self.crashed(how, began).await,
        };
        loop {
            tokio::select! {
                event = child.next() => match event {
                    Ok(ChildEvent::Ready(_)) => {}
                    Ok(ChildEvent::Ended(how)) => return self.crashed(how, began).await,
                    Err(error) => return self.crashed(ProcessExit::Reason(error.to_string()), began).await,
                },
                request = requests.recv() => return self.obey(request, Some(child)).await,
            }
        }
    }

    /// Starts the process, and waits until it listens.
    async fn start(&self) -> Result<ChildProcess, ProcessExit> {
        let started = async {
            let mut child = self.command.spawn()?;
            Ok::<_, io::Error>((within(child.next()).await?, child))
        };
        match started.await {
            Ok((ChildEvent::Ready(_), child)) => Ok(child),
            Ok((ChildEvent::Ended(how), _)) => Err(how),
            Err(error) => Err(ProcessExit::Reason(format!("could not be started: {error}"))),
        }
    }

    /// Executes a request. `child`: the running process.
    async fn obey(&mut self, request: Option<SupplierRequest>, child: Option<ChildProcess>) -> Next {
        self.crashes = 0;
        match request {
            // A process that runs does not answer, or it would not be started.
            Some(SupplierRequest::Start) => {
                self.reported = None;
                self.kill(child).await;
                Next::Run(None)
            }
            Some(SupplierRequest::Kill) => {
                self.kill(child).await;
                Next::WaitForRequest
            }
            Some(SupplierRequest::Empty(answer)) => self.empty(child, answer).await,
            None => {
                // Its process finishes its requests.
                if let Some(mut child) = child {
                    child.stop();
                    let _ended_or_too_late = within(child.next()).await;
                }
                Next::End
            }
        }
    }

    /// Ends the process and sets its file aside, which gets a suffix with the time. Then starts the process, and answers
    /// when it listens.
    async fn empty(&mut self, child: Option<ChildProcess>, answer: Emptied) -> Next {
        let file = &self.command.file;
        let mut kept = file.clone().into_os_string();
        kept.push(format!(".reset-{}", now().0));
        let set_aside = kill(child).await.and_then(|()| match fs::rename(file, kept) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        });
        match set_aside {
            Ok(()) => Next::Run(Some(answer)),
            Err(error) => {
                let _run_over = answer.send(Err(error));
                Next::Run(None)
            }
        }
    }

    async fn kill(&self, child: Option<ChildProcess>) {
        if let Err(error) = kill(child).await {
            self.notify(format!("the supplier could not be killed: {error}")).await;
        }
    }

    /// Reports an end without a request, and returns when the next process starts. The delay grows with each end that
    /// follows soon after a start.
    async fn crashed(&mut self, how: ProcessExit, started: Instant) -> Next {
        if started.elapsed() > STABLE_AFTER {
            (self.crashes, self.reported) = (0, None);
        }
        self.crashes = self.crashes.saturating_add(1);
        tracing::warn!(%how, "the supplier ended");
        if self.reported.as_ref() != Some(&how) {
            self.notify(format!("the supplier ended: {how}; it is started again")).await;
            self.reported = Some(how);
        }
        Next::RunAfter(backoff(self.crashes))
    }

    async fn notify(&self, text: String) {
        send(&self.messages, Message::Notice { text, tone: Tone::Bad }).await;
    }
}

/// Kills a process, and waits until it has ended.
async fn kill(child: Option<ChildProcess>) -> io::Result<()> {
    let Some(mut child) = child else { return Ok(()) };
    // A process that has ended by itself cannot be killed.
    let _has_ended = child.kill();
    within(child.next()).await.map(drop)
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

/// Reports the supplier's counters when they change, and whenever `asked` does. `foreign`: this program did not start it.
/// Ends when the core has ended.
pub(super) async fn poll(
    client: SupplierClient,
    foreign: bool,
    mut asked: watch::Receiver<u64>,
    messages: mpsc::Sender<Message>,
) {
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
        let report = SupplierReport { answers, state, foreign };
        if last.as_ref() != Some(&report) {
            send(&messages, Message::Supplier(report.clone())).await;
            last = Some(report);
        }
        let _asked_or_due = timeout(POLL_INTERVAL, asked.changed()).await;
    }
}
