//! One side of a comparison: a worker with its own database and task queue, its orders, and its journal.

use std::{path::PathBuf, sync::Arc, time::Duration};

use tokio::{
    sync::{Barrier, Notify, mpsc, watch},
    task::{JoinHandle, JoinSet},
    time::timeout,
};

use crate::{
    app::{Comparison, ComparisonEvent, ComparisonNews, Message, Worker},
    config::Settings,
    domain::{Guard, Supply, WorkflowId},
    faults::FaultPlan,
    runtime::{
        follow::{FollowedDatabase, Seen, follow},
        messages::send,
        worker_child::WorkerCommand,
        worker_keeper::{self, WorkerRequest},
    },
    store::{Fact, Location, News},
    temporal::{self, Demo, Link, OrderInput, RetrySettings, StartRequest},
};

/// Execution timeout on the server for an order of a comparison. It ends the order if the dashboard was killed.
const ORDER_TIMEOUT: Duration = Duration::from_mins(10);

/// Maximum time for cleaning up, even if the server does not answer.
const CLEAN_UP_TIMEOUT: Duration = Duration::from_secs(5);

/// Number of messages from the worker, or from the journal, that can wait.
const QUEUE_LEN: usize = 64;

/// Data that all sides of a comparison share.
pub struct Context {
    comparison: Comparison,
    link: Link,
    messages: mpsc::Sender<Message>,
    check_interval: Duration,
    task_queue: String,
    /// Makes the names of this comparison unique on the server.
    unique: String,
}

impl Context {
    /// Creates the context. The orders run on the server of `link`.
    pub fn new(comparison: Comparison, link: Link, messages: mpsc::Sender<Message>, settings: &Settings) -> Self {
        let unique = uuid::Uuid::new_v4().simple().to_string();
        let (check_interval, task_queue) = (settings.check_interval, settings.task_queue.clone());
        Self { comparison, link, messages, check_interval, task_queue, unique }
    }

    fn message(&self, guard: Guard, event: ComparisonEvent) -> Message {
        Message::Compared(ComparisonNews { number: self.comparison.number, guard, event })
    }

    async fn report(&self, guard: Guard, event: ComparisonEvent) {
        send(&self.messages, self.message(guard, event)).await;
    }

    fn queue(&self, guard: Guard) -> String {
        format!("{}-compare-{}-{guard}", self.task_queue, self.unique)
    }

    fn request(&self, guard: Guard, order: &str, quantity: i64, faults: &FaultPlan) -> StartRequest {
        let retry = RetrySettings::from(self.comparison.waits());
        // The three databases have the same orders, which one supplier would take for repetitions.
        let supplier = Some(Supply::Immediate);
        let demo = Demo { supplier, retry, ..Demo::new(faults, self.comparison.seed, guard) };
        let input =
            OrderInput { order: order.to_owned(), item: Comparison::PRODUCT.to_owned(), quantity, demo: Some(demo) };
        let suffix = format!("compare-{}-{guard}", self.unique);
        let workflow = self.link.conceal(WorkflowId::of_order(order).with_suffix(&suffix).as_str());
        StartRequest { workflow, task_queue: self.queue(guard), input }
    }
}

/// A running side.
pub struct Side {
    context: Arc<Context>,
    guard: Guard,
    database: PathBuf,
    worker: mpsc::Sender<WorkerRequest>,
    worker_news: mpsc::Receiver<Message>,
    keeper: JoinHandle<()>,
    orders: JoinSet<()>,
    /// Dropping this ends the open orders.
    open: watch::Sender<()>,
    other_sent: bool,
}

impl Side {
    /// Starts the worker.
    pub fn start(context: Arc<Context>, guard: Guard, database: PathBuf, worker: WorkerCommand) -> Self {
        let queue = context.queue(guard);
        let command = WorkerCommand { task_queue: queue, database: Location::File(database.clone()), ..worker };
        let (worker, requests) = mpsc::channel(QUEUE_LEN);
        // The queue is empty, so the request fits.
        let _room = worker.try_send(WorkerRequest::Start);
        let (news, worker_news) = mpsc::channel(QUEUE_LEN);
        // The task queue is new, so no other worker polls it.
        let keeper = tokio::spawn(async move {
            worker_keeper::keep(command, None, requests, news).await;
        });
        let (open, _) = watch::channel(());
        let orders = JoinSet::new();
        Self { context, guard, database, worker, worker_news, keeper, orders, open, other_sent: false }
    }

    /// Starts the order as soon as all workers are ready, and reports events until this future is dropped.
    pub async fn run(&mut self, together: &Barrier) {
        let (context, guard) = (Arc::clone(&self.context), self.guard);
        let (database, requests) = FollowedDatabase::new();
        let (location, interval) = (Location::File(self.database.clone()), context.check_interval);
        let committed = Notify::new();
        let message = |seen| Some(context.message(guard, event_of(seen, &committed)?));
        tokio::join!(
            follow(location, interval, requests, context.messages.clone(), message),
            self.handle_events(together, &committed, &database)
        );
    }

    async fn handle_events(&mut self, together: &Barrier, committed: &Notify, database: &FollowedDatabase) {
        let ready = Notify::new();
        let all_ready = async {
            ready.notified().await;
            together.wait().await;
        };
        tokio::pin!(all_ready);
        let mut sent = false;
        loop {
            tokio::select! {
                Some(message) = self.worker_news.recv() => {
                    if let Message::Worker(worker) = message {
                        if matches!(worker, Worker::Ready { .. }) {
                            ready.notify_one();
                        }
                        self.context.report(self.guard, ComparisonEvent::Worker(worker)).await;
                    }
                }
                () = &mut all_ready, if !sent => {
                    sent = true;
                    let comparison = &self.context.comparison;
                    self.start_order(Comparison::ORDER, comparison.quantity(), &comparison.faults.clone(), database);
                }
                () = committed.notified(), if self.context.comparison.interleaved && !self.other_sent => {
                    self.other_sent = true;
                    let (other, quantity) = (Comparison::OTHER, Comparison::OTHER_QUANTITY);
                    self.start_order(other, quantity, &FaultPlan::none(), database);
                }
                else => return,
            }
        }
    }

    fn start_order(&mut self, order: &'static str, quantity: i64, faults: &FaultPlan, database: &FollowedDatabase) {
        let request = self.context.request(self.guard, order, quantity, faults);
        let (context, database) = (Arc::clone(&self.context), database.clone());
        self.orders.spawn(run_order(context, self.guard, order, request, database, self.open.subscribe()));
    }

    /// Ends the open orders and the worker, and waits until both have ended.
    pub async fn clean_up(mut self) {
        drop(self.open);
        let orders = async { while self.orders.join_next().await.is_some() {} };
        // The database is removed too, so the worker does not need to finish. The keeper receives requests until the
        // sender is dropped.
        let _received = self.worker.send(WorkerRequest::Kill).await;
        let worker = async {
            while let Some(message) = self.worker_news.recv().await {
                if matches!(message, Message::Worker(Worker::Killed | Worker::Stopped)) {
                    break;
                }
            }
        };
        if timeout(CLEAN_UP_TIMEOUT, async { tokio::join!(orders, worker) }).await.is_err() {
            tracing::warn!(guard = %self.guard, "a side of a comparison did not end within {} s", CLEAN_UP_TIMEOUT.as_secs());
        }
        drop(self.worker);
        if let Err(error) = self.keeper.await {
            tracing::warn!(%error, guard = %self.guard, "could not wait for the worker of a comparison");
        }
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
    guard: Guard,
    order: &'static str,
    request: StartRequest,
    database: FollowedDatabase,
    mut open: watch::Receiver<()>,
) {
    let workflow = request.workflow.clone();
    let (started, watch) = match temporal::start_limited(&context.link, request, Some(ORDER_TIMEOUT)).await {
        Ok(started) => started,
        Err(error) => return context.report(guard, ComparisonEvent::Failed { cause: error.to_string() }).await,
    };
    let run = started.run;
    let event = ComparisonEvent::Started { workflow: workflow.clone(), run: run.clone(), order: order.to_owned() };
    context.report(guard, event).await;
    tokio::select! {
        end = watch.end_despite_errors() => {
            // The server can report the end before the journal's last lines are read.
            database.read().await;
            context.report(guard, ComparisonEvent::Ended { workflow, run, end }).await;
        }
        // Nothing is sent on this channel, so `changed` resolves when the sender is dropped.
        _ = open.changed() => {
            if let Err(problem) = watch.terminate("the comparison ended").await {
                tracing::warn!(problem, workflow, "could not terminate an order of a comparison");
            }
        }
    }
}
