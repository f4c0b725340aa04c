//! One side of a comparison: a worker on a database and a task queue of its own, the orders sent to it, and its journal.

use std::{path::PathBuf, sync::Arc, time::Duration};

use tokio::{
    sync::{Barrier, Notify, mpsc, watch},
    task::{JoinHandle, JoinSet},
    time::timeout,
};

use crate::{
    app::{Comparison, ComparisonEvent, ComparisonNews, Message, Worker},
    config::Settings,
    domain::{Guard, WorkflowId},
    faults::FaultPlan,
    runtime::{
        follow::{Seen, follow},
        worker_child::WorkerCommand,
        worker_keeper::{self, WorkerRequest},
    },
    store::{Fact, News},
    temporal::{self, Demo, Link, OrderInput, RetrySettings, StartRequest},
};

/// After this the server gives up an order of a comparison that nobody ended: its program was killed.
const LIMIT: Duration = Duration::from_mins(10);

/// The longest that clearing away may take; a server that does not answer holds nothing up.
const CLEARING: Duration = Duration::from_secs(5);

/// News of the worker and of the journal that may wait.
const WAITING: usize = 64;

/// What the sides of a comparison have in common.
pub struct Terms {
    comparison: Comparison,
    link: Link,
    messages: mpsc::Sender<Message>,
    check_interval: Duration,
    task_queue: String,
    /// Tells this comparison's names from all others' on the server.
    unique: String,
}

impl Terms {
    pub fn new(comparison: Comparison, link: Link, messages: mpsc::Sender<Message>, settings: &Settings) -> Self {
        let unique = uuid::Uuid::new_v4().simple().to_string();
        let (check_interval, task_queue) = (settings.check_interval, settings.task_queue.clone());
        Self { comparison, link, messages, check_interval, task_queue, unique }
    }

    async fn tell(&self, guard: Guard, event: ComparisonEvent) {
        let news = ComparisonNews { number: self.comparison.number, guard, event };
        // A dashboard that has gone needs to be told nothing.
        let _gone = self.messages.send(Message::Compared(news)).await;
    }

    fn queue(&self, guard: Guard) -> String {
        format!("{}-compare-{}-{guard}", self.task_queue, self.unique)
    }

    fn request(&self, guard: Guard, order: &str, quantity: i64, faults: &FaultPlan) -> StartRequest {
        let retry = RetrySettings::from(self.comparison.waits());
        let demo = Demo { retry, ..Demo::new(faults, self.comparison.seed, guard) };
        let input =
            OrderInput { order: order.to_owned(), item: Comparison::PRODUCT.to_owned(), quantity, demo: Some(demo) };
        let suffix = format!("compare-{}-{guard}", self.unique);
        let workflow = self.link.conceal(WorkflowId::of_order(order).with_suffix(&suffix).as_str());
        StartRequest { workflow, task_queue: self.queue(guard), input }
    }
}

pub struct Side {
    terms: Arc<Terms>,
    guard: Guard,
    database: PathBuf,
    worker: mpsc::Sender<WorkerRequest>,
    worker_news: mpsc::Receiver<Message>,
    keeper: JoinHandle<()>,
    orders: JoinSet<()>,
    /// Dropped, it ends the orders that are still open.
    open: watch::Sender<()>,
    other_sent: bool,
}

impl Side {
    /// Starts the worker.
    pub fn begin(terms: Arc<Terms>, guard: Guard, database: PathBuf, worker: WorkerCommand) -> Self {
        let queue = terms.queue(guard);
        let command = WorkerCommand { task_queue: queue, database: database.clone(), ..worker };
        let (worker, ordered) = mpsc::channel(WAITING);
        // The first order, so there is room for it.
        let _room = worker.try_send(WorkerRequest::Start);
        let (news, worker_news) = mpsc::channel(WAITING);
        // The queue is new, so nobody polls it: there is nothing to look around for.
        let keeper = tokio::spawn(async move {
            worker_keeper::keep(command, None, ordered, news).await;
        });
        let (open, _) = watch::channel(());
        let orders = JoinSet::new();
        Self { terms, guard, database, worker, worker_news, keeper, orders, open, other_sent: false }
    }

    /// Sends the order as soon as all sides can take it, and tells what happens for as long as it is polled.
    pub async fn play(&mut self, together: &Barrier) {
        let (sender, seen) = mpsc::channel(WAITING);
        let (database, interval) = (self.database.clone(), self.terms.check_interval);
        tokio::join!(follow(database, interval, sender, Some), self.act(together, seen));
    }

    async fn act(&mut self, together: &Barrier, mut seen: mpsc::Receiver<Seen>) {
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
                        self.terms.tell(self.guard, ComparisonEvent::Worker(worker)).await;
                    }
                }
                Some(seen) = seen.recv() => self.see(seen).await,
                () = &mut all_ready, if !sent => {
                    sent = true;
                    let comparison = &self.terms.comparison;
                    self.send(Comparison::ORDER, comparison.quantity(), &comparison.faults.clone());
                }
                else => return,
            }
        }
    }

    async fn see(&mut self, seen: Seen) {
        match seen {
            Seen::Journal(Ok(news)) => {
                // Between the commit and the retry: at once, for the retry comes by itself.
                if self.terms.comparison.interleaved && !self.other_sent && takes_the_order(&news) {
                    self.other_sent = true;
                    self.send(Comparison::OTHER, Comparison::OTHER_QUANTITY, &FaultPlan::none());
                }
                self.terms.tell(self.guard, ComparisonEvent::Journal(news)).await;
            }
            Seen::Journal(Err(error)) => {
                self.terms.tell(self.guard, ComparisonEvent::Failed { cause: error.to_string() }).await;
            }
            // The journal tells the stock too, and the two are read one after the other.
            Seen::Document(_) | Seen::Reading(_) => {}
        }
    }

    fn send(&mut self, order: &'static str, quantity: i64, faults: &FaultPlan) {
        let request = self.terms.request(self.guard, order, quantity, faults);
        self.orders.spawn(see_through(Arc::clone(&self.terms), self.guard, order, request, self.open.subscribe()));
    }

    /// Ends the open orders and the worker, and waits until both are gone.
    pub async fn clear_away(mut self) {
        drop(self.open);
        let orders = async { while self.orders.join_next().await.is_some() {} };
        // What it works on goes too, so nothing is lost by not letting it finish. The keeper listens until its other
        // end is dropped.
        let _listening = self.worker.send(WorkerRequest::Kill).await;
        let worker = async {
            while let Some(message) = self.worker_news.recv().await {
                if matches!(message, Message::Worker(Worker::Killed | Worker::Stopped)) {
                    break;
                }
            }
        };
        if timeout(CLEARING, async { tokio::join!(orders, worker) }).await.is_err() {
            tracing::warn!(guard = %self.guard, "a side of a comparison did not end in time");
        }
        drop(self.worker);
        if let Err(error) = self.keeper.await {
            tracing::warn!(%error, guard = %self.guard, "the worker of a comparison could not be waited for");
        }
    }
}

/// Whether the order's effect is in.
fn takes_the_order(news: &News) -> bool {
    news.records
        .iter()
        .any(|record| matches!(&record.fact, Fact::Order(commit) if commit.origin.order.as_str() == Comparison::ORDER))
}

/// Starts an order and waits for its end, or ends it when the comparison ends first.
async fn see_through(
    terms: Arc<Terms>,
    guard: Guard,
    order: &'static str,
    request: StartRequest,
    mut open: watch::Receiver<()>,
) {
    let workflow = request.workflow.clone();
    let (started, watch) = match temporal::start_limited(&terms.link, request, Some(LIMIT)).await {
        Ok(started) => started,
        Err(error) => return terms.tell(guard, ComparisonEvent::Failed { cause: error.to_string() }).await,
    };
    let run = started.run;
    let told = ComparisonEvent::Started { workflow: workflow.clone(), run: run.clone(), order: order.to_owned() };
    terms.tell(guard, told).await;
    tokio::select! {
        end = watch.end_at_last() => terms.tell(guard, ComparisonEvent::Ended { workflow, run, end }).await,
        // Nobody sends here: it changes only by being dropped.
        _ = open.changed() => {
            if let Err(problem) = watch.terminate("the comparison was ended").await {
                tracing::warn!(problem, workflow, "could not end an order of a comparison");
            }
        }
    }
}
