//! One side of a comparison: a worker with its own database and task queue, its orders, its journal, and the supplier if it
//! has one.

use std::{path::PathBuf, sync::Arc, time::Duration};

use tokio::{
    sync::{Barrier, Notify, mpsc, watch},
    task::{JoinHandle, JoinSet},
    time::timeout,
};

use crate::{
    app::{Candidate, Comparison, ComparisonEvent, ComparisonNews, Message, Worker},
    config::Settings,
    domain::WorkflowId,
    faults::FaultPlan,
    runtime::{
        follow::{FollowedDatabase, Seen, follow},
        messages::send,
        supplier_keeper,
        worker_child::WorkerCommand,
        worker_keeper::{self, WorkerRequest},
    },
    store::{Fact, Location, News},
    supplier::SupplierClient,
    temporal::{self, Demo, Link, OrderInput, RetrySettings, StartRequest},
};

use super::{
    folder::Folder,
    supplier::{SideSupplier, SideSupplierError},
};

/// Execution timeout on the server for an order of a comparison. It ends the order if the dashboard was killed.
const ORDER_TIMEOUT: Duration = Duration::from_mins(10);

/// Maximum time for cleaning up, even if the server does not answer.
const CLEAN_UP_TIMEOUT: Duration = Duration::from_secs(5);

/// Number of messages from the worker, from the journal, or from the supplier, that can wait.
const QUEUE_LEN: usize = 64;

/// Data that all sides of a comparison share.
pub struct Context {
    comparison: Comparison,
    link: Link,
    messages: mpsc::Sender<Message>,
    settings: Arc<Settings>,
    /// Makes the names of this comparison unique on the server.
    unique: String,
}

impl Context {
    /// Creates the context. The orders run on the server of `link`.
    pub fn new(comparison: Comparison, link: Link, messages: mpsc::Sender<Message>, settings: Arc<Settings>) -> Self {
        let unique = uuid::Uuid::new_v4().simple().to_string();
        Self { comparison, link, messages, settings, unique }
    }

    fn message(&self, candidate: Candidate, event: ComparisonEvent) -> Message {
        Message::Compared(ComparisonNews { number: self.comparison.number, candidate, event })
    }

    async fn report(&self, candidate: Candidate, event: ComparisonEvent) {
        send(&self.messages, self.message(candidate, event)).await;
    }

    async fn fail(&self, candidate: Candidate, error: &(dyn std::error::Error + Sync)) {
        self.report(candidate, ComparisonEvent::Failed { cause: error.to_string() }).await;
    }

    fn queue(&self, candidate: Candidate) -> String {
        format!("{}-compare-{}-{}", self.settings.task_queue, self.unique, candidate.name())
    }

    fn request(&self, candidate: Candidate, order: &str, quantity: i64, faults: &FaultPlan) -> StartRequest {
        let retry = RetrySettings::from(self.comparison.waits());
        let supplier = Some(candidate.supply());
        let demo = Demo { supplier, retry, ..Demo::new(faults, self.comparison.seed, candidate.guard()) };
        let input =
            OrderInput { order: order.to_owned(), item: Comparison::PRODUCT.to_owned(), quantity, demo: Some(demo) };
        let suffix = format!("compare-{}-{}", self.unique, candidate.name());
        let workflow = self.link.conceal(WorkflowId::of_order(order).with_suffix(&suffix).as_str());
        StartRequest { workflow, task_queue: self.queue(candidate), input }
    }
}

/// The worker of a side.
#[derive(Debug)]
struct SideWorker {
    requests: mpsc::Sender<WorkerRequest>,
    news: mpsc::Receiver<Message>,
    keeper: JoinHandle<()>,
}

impl SideWorker {
    fn start(command: WorkerCommand) -> Self {
        let (requests, received) = mpsc::channel(QUEUE_LEN);
        // The queue is empty, so the request fits.
        let _room = requests.try_send(WorkerRequest::Start);
        let (sender, news) = mpsc::channel(QUEUE_LEN);
        // The task queue is new, so no other worker polls it.
        let keeper = tokio::spawn(worker_keeper::keep(command, None, received, sender));
        Self { requests, news, keeper }
    }

    /// Kills the worker, and waits until it has ended.
    async fn kill(&mut self) {
        // The keeper receives requests until the sender is dropped.
        let _received = self.requests.send(WorkerRequest::Kill).await;
        while let Some(message) = self.news.recv().await {
            if matches!(message, Message::Worker(Worker::Killed | Worker::Stopped)) {
                break;
            }
        }
    }
}

/// A running side.
pub struct Side {
    context: Arc<Context>,
    candidate: Candidate,
    database: PathBuf,
    command: WorkerCommand,
    worker: Option<SideWorker>,
    supplier: Option<SideSupplier>,
    orders: JoinSet<()>,
    /// Dropping this ends the open orders.
    open: watch::Sender<()>,
    other_sent: bool,
}

impl Side {
    /// Creates a side whose processes are not started.
    pub fn new(context: Arc<Context>, candidate: Candidate, folder: &Folder, worker: WorkerCommand) -> Self {
        let database = folder.database(candidate);
        let supplier = candidate
            .policy()
            .map(|_| SideSupplier::new(worker.program.clone(), folder.shipments(candidate), worker.log.clone()));
        let task_queue = context.queue(candidate);
        let command = WorkerCommand { task_queue, database: Location::File(database.clone()), ..worker };
        let (open, _) = watch::channel(());
        let orders = JoinSet::new();
        Self { context, candidate, database, command, worker: None, supplier, orders, open, other_sent: false }
    }

    /// Starts the supplier, if it has one, and then the worker.
    async fn start(&mut self) -> Result<Option<SupplierClient>, SideSupplierError> {
        let mut client = None;
        if let (Some(supplier), Some(policy)) = (&mut self.supplier, self.candidate.policy()) {
            let (url, of_supplier) = supplier.start().await?;
            self.command.connection_flags = self.context.settings.child_flags_with(Some((&url, policy)));
            client = Some(of_supplier);
        }
        self.worker = Some(SideWorker::start(self.command.clone()));
        Ok(client)
    }

    /// Starts the order as soon as all workers are ready, and reports events until this future is dropped. Returns if the
    /// side cannot begin.
    pub async fn run(&mut self, together: &Barrier) {
        let (context, candidate) = (Arc::clone(&self.context), self.candidate);
        let client = match self.start().await {
            Ok(client) => client,
            Err(error) => {
                context.fail(candidate, &error).await;
                // The other sides begin without this one.
                together.wait().await;
                return;
            }
        };
        let (database, requests) = FollowedDatabase::new();
        let (location, interval) = (Location::File(self.database.clone()), context.settings.check_interval);
        let committed = Notify::new();
        let (journal_events, questions) = watch::channel(0);
        let message = |seen| {
            let event = event_of(seen, &committed)?;
            if matches!(event, ComparisonEvent::Journal(_)) {
                // Shipments that these records report are in every answer to a later question.
                journal_events.send_modify(|count| *count += 1);
            }
            Some(context.message(candidate, event))
        };
        let (reports, supplier_news) = mpsc::channel(QUEUE_LEN);
        let poll = async {
            if let Some(client) = client {
                supplier_keeper::poll(client, false, questions, reports).await;
            }
        };
        tokio::join!(
            follow(location, interval, requests, context.messages.clone(), message),
            self.handle_events(together, &committed, &database, supplier_news),
            poll
        );
    }

    async fn handle_events(
        &mut self,
        together: &Barrier,
        committed: &Notify,
        database: &FollowedDatabase,
        mut supplier_news: mpsc::Receiver<Message>,
    ) {
        let ready = Notify::new();
        let all_ready = async {
            ready.notified().await;
            together.wait().await;
        };
        tokio::pin!(all_ready);
        let mut sent = false;
        let mut supplier_ended = self.supplier.is_none();
        loop {
            tokio::select! {
                Some(message) = next_news(&mut self.worker) => {
                    if let Message::Worker(worker) = message {
                        if matches!(worker, Worker::Ready { .. }) {
                            ready.notify_one();
                        }
                        self.context.report(self.candidate, ComparisonEvent::Worker(worker)).await;
                    }
                }
                Some(message) = supplier_news.recv() => {
                    if let Message::Supplier(report) = message {
                        self.context.report(self.candidate, ComparisonEvent::Supplier(report)).await;
                    }
                }
                error = end_of(&mut self.supplier), if !supplier_ended => {
                    supplier_ended = true;
                    self.context.fail(self.candidate, &error).await;
                }
                () = &mut all_ready, if !sent => {
                    sent = true;
                    let comparison = &self.context.comparison;
                    self.start_order(Comparison::ORDER, comparison.quantity(), &comparison.faults.clone(), database);
                }
                () = committed.notified(), if self.context.comparison.sends_other_order() && !self.other_sent => {
                    self.other_sent = true;
                    let (other, quantity) = (Comparison::OTHER, Comparison::OTHER_QUANTITY);
                    self.start_order(other, quantity, &FaultPlan::none(), database);
                }
                else => return,
            }
        }
    }

    fn start_order(&mut self, order: &'static str, quantity: i64, faults: &FaultPlan, database: &FollowedDatabase) {
        let request = self.context.request(self.candidate, order, quantity, faults);
        let (context, database) = (Arc::clone(&self.context), database.clone());
        self.orders.spawn(run_order(context, self.candidate, order, request, database, self.open.subscribe()));
    }

    /// Ends the open orders, the worker and the supplier, and waits until they have ended.
    pub async fn clean_up(mut self) {
        let name = self.candidate.name();
        drop(self.open);
        let orders = async { while self.orders.join_next().await.is_some() {} };
        // The files are removed too, so the processes do not need to finish.
        let processes = async {
            if let Some(worker) = &mut self.worker {
                worker.kill().await;
            }
            if let Some(supplier) = &mut self.supplier {
                supplier.kill().await;
            }
        };
        if timeout(CLEAN_UP_TIMEOUT, async { tokio::join!(orders, processes) }).await.is_err() {
            tracing::warn!(side = name, "a side of a comparison did not end within {} s", CLEAN_UP_TIMEOUT.as_secs());
        }
        if let Some(SideWorker { requests, news, keeper }) = self.worker {
            drop((requests, news));
            if let Err(error) = keeper.await {
                tracing::warn!(%error, side = name, "could not wait for the worker of a comparison");
            }
        }
    }
}

/// Returns the next message of the worker; does not return before it is started.
async fn next_news(worker: &mut Option<SideWorker>) -> Option<Message> {
    match worker {
        Some(worker) => worker.news.recv().await,
        None => std::future::pending().await,
    }
}

/// Waits until the supplier ends; does not return without one.
async fn end_of(supplier: &mut Option<SideSupplier>) -> SideSupplierError {
    match supplier {
        Some(supplier) => supplier.ended().await,
        None => std::future::pending().await,
    }
}

/// Returns the event for what was read. `committed` is notified at once of the order's effect, because the other order has
/// to arrive between the commit and the retry.
fn event_of(seen: Seen, committed: &Notify) -> Option<ComparisonEvent> {
    match seen {
        Seen::Journal(Ok(news)) => {
            if commits_the_order(&news) {
                committed.notify_one();
            }
            Some(ComparisonEvent::Journal(news))
        }
        Seen::Journal(Err(error)) => Some(ComparisonEvent::Failed { cause: error.to_string() }),
        // The journal contains the stock too, and is read before the document.
        Seen::Covered(_) | Seen::Document(_) | Seen::Reading(_) => None,
    }
}

/// Whether the records contain the order's effect.
fn commits_the_order(news: &News) -> bool {
    news.records
        .iter()
        .any(|record| matches!(&record.fact, Fact::Order(commit) if commit.origin.order.as_str() == Comparison::ORDER))
}

/// Starts an order and waits until it ends, or terminates it if the comparison ends first.
async fn run_order(
    context: Arc<Context>,
    candidate: Candidate,
    order: &'static str,
    request: StartRequest,
    database: FollowedDatabase,
    mut open: watch::Receiver<()>,
) {
    let workflow = request.workflow.clone();
    let (started, watch) = match temporal::start_limited(&context.link, request, Some(ORDER_TIMEOUT)).await {
        Ok(started) => started,
        Err(error) => return context.fail(candidate, &error).await,
    };
    let run = started.run;
    let event = ComparisonEvent::Started { workflow: workflow.clone(), run: run.clone(), order: order.to_owned() };
    context.report(candidate, event).await;
    tokio::select! {
        end = watch.end_despite_errors() => {
            // The server can report the end before the journal's last lines are read.
            database.read().await;
            context.report(candidate, ComparisonEvent::Ended { workflow, run, end }).await;
        }
        // Nothing is sent on this channel, so `changed` resolves when the sender is dropped.
        _ = open.changed() => {
            if let Err(problem) = watch.terminate("the comparison ended").await {
                tracing::warn!(problem, workflow, "could not terminate an order of a comparison");
            }
        }
    }
}
