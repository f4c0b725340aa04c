//! Carries out what the core asks for. Nothing here blocks the event loop; results come back as messages.

use std::{path::PathBuf, sync::Arc, time::Duration};

use tokio::{
    sync::{mpsc, watch},
    time::sleep,
};

use super::{
    comparison::Comparisons,
    follow::{Seen, follow},
    link_keeper::{self, CurrentLink},
    worker_child::WorkerCommand,
    worker_keeper::{self, WorkerOrder},
};
use crate::{
    app::{Command, End, Message, StartOrder, Tone},
    config::Settings,
    store,
    temporal::{self, Demo, OrderInput, StartRequest, Watch},
};

/// Between two tries to hear of a result while the server is away.
pub(super) const PAUSE: Duration = Duration::from_secs(1);

/// Orders to the worker's keeper that may wait.
const WORKER_ORDERS: usize = 8;

/// What is behind the dashboard: the link, the worker process, the database.
#[derive(Debug)]
pub struct Effects {
    settings: Arc<Settings>,
    messages: mpsc::Sender<Message>,
    link: CurrentLink,
    worker: mpsc::Sender<WorkerOrder>,
    comparisons: Comparisons,
}

impl Effects {
    /// Starts to keep the link and the worker, and to follow the database.
    #[must_use]
    pub fn begin(
        settings: Arc<Settings>,
        worker: WorkerCommand,
        worker_wanted: bool,
        messages: mpsc::Sender<Message>,
    ) -> Self {
        let (current, link) = watch::channel(None);
        tokio::spawn(link_keeper::keep(Arc::clone(&settings), messages.clone(), current));
        let (orders, ordered) = mpsc::channel(WORKER_ORDERS);
        let queue = settings.task_queue.clone();
        let comparisons = Comparisons::new(Arc::clone(&settings), worker.clone(), link.clone(), messages.clone());
        tokio::spawn(worker_keeper::keep(worker, queue, worker_wanted, link.clone(), ordered, messages.clone()));
        let interval = settings.check_interval;
        tokio::spawn(tell_what_is_seen(settings.database.path.clone(), interval, messages.clone()));
        Self { settings, messages, link, worker: orders, comparisons }
    }

    /// Carries a command out. `true`: the dashboard is to end.
    #[must_use]
    pub fn perform(&self, command: Command) -> bool {
        match command {
            Command::StartOrder(order) => self.start_order(order),
            Command::StartWorker => self.order_worker(WorkerOrder::Start),
            Command::StopWorker => self.order_worker(WorkerOrder::Stop),
            Command::KillWorker => self.order_worker(WorkerOrder::Kill),
            Command::Reset => self.reset(),
            Command::Compare(comparison) => self.comparisons.begin(comparison),
            Command::EndComparison => self.comparisons.end(),
            Command::Quit => return true,
            _ => {}
        }
        false
    }

    fn order_worker(&self, order: WorkerOrder) {
        if self.worker.try_send(order).is_err() {
            let text = "the worker is still busy with what was asked before".to_owned();
            // Where even that finds no room, the screen has more to say than anybody reads.
            let _full = self.messages.try_send(Message::Notice { text, tone: Tone::Bad });
        }
    }

    fn start_order(&self, order: StartOrder) {
        let link = self.link.borrow().clone();
        let messages = self.messages.clone();
        let task_queue = self.settings.task_queue.clone();
        tokio::spawn(async move {
            let (ticket, id, workflow) = (order.ticket, order.order.to_string(), order.workflow.clone());
            let failed = |cause| Message::StartFailed { ticket, order: id.clone(), workflow: workflow.clone(), cause };
            let Some(link) = link else {
                let cause = "there is no connection to a server yet".to_owned();
                return tell(&messages, failed(cause)).await;
            };
            match temporal::start(&link, request(order, task_queue)).await {
                Ok((started, watch)) => {
                    let run = started.run.clone();
                    let joined = started.joined;
                    tell(&messages, Message::Started { ticket, order: id, workflow: workflow.clone(), run, joined })
                        .await;
                    tell_end(&messages, workflow, started.run, &watch).await;
                }
                Err(error) => tell(&messages, failed(error.to_string())).await,
            }
        });
    }

    fn reset(&self) {
        let path = self.settings.database.path.clone();
        let messages = self.messages.clone();
        tokio::spawn(async move {
            let done = tokio::task::spawn_blocking(move || store::reset(&path)).await;
            let done = done.map_err(|error| error.to_string()).and_then(|done| done.map_err(|error| error.to_string()));
            tell(&messages, Message::ResetDone(done)).await;
        });
    }
}

async fn tell(messages: &mpsc::Sender<Message>, message: Message) {
    // A dashboard that has gone needs to be told nothing.
    let _gone = messages.send(message).await;
}

fn request(order: StartOrder, task_queue: String) -> StartRequest {
    let demo = Demo::new(&order.faults, order.seed, order.guard);
    let input = OrderInput {
        order: order.order.to_string(),
        item: order.product.to_string(),
        quantity: order.quantity,
        demo: Some(demo),
    };
    StartRequest { workflow: order.workflow, task_queue, input }
}

/// Waits for a run's end, over any loss of the server.
async fn tell_end(messages: &mpsc::Sender<Message>, workflow: String, run: String, watch: &Watch) {
    let end = loop {
        match watch.end().await {
            Ok(end) => break end,
            Err(problem) => {
                tracing::warn!(problem, workflow, "the server does not answer; asking again");
                sleep(PAUSE).await;
            }
        }
        if messages.is_closed() {
            return;
        }
    };
    tell(messages, Message::Ended { workflow, run, end: end_of(end) }).await;
}

/// The core knows no type of `temporal`.
pub(super) fn end_of(end: temporal::End) -> End {
    match end {
        temporal::End::Completed { outcome } => {
            End::Completed { outcome: outcome.unwrap_or_else(|| "completed".to_owned()) }
        }
        temporal::End::Rejected { code, message } => End::Rejected { code, message },
        temporal::End::Conflict { message } => End::Conflict { message },
        temporal::End::Failed { message } => End::Failed { message },
        temporal::End::Cancelled => End::Cancelled,
        temporal::End::Terminated => End::Terminated,
        temporal::End::TimedOut => End::TimedOut,
    }
}

async fn tell_what_is_seen(database: PathBuf, check_interval: Duration, messages: mpsc::Sender<Message>) {
    let (sender, mut seen) = mpsc::channel(64);
    let following = follow(&database, check_interval, sender);
    let telling = async {
        while let Some(seen) = seen.recv().await {
            let message = match seen {
                Seen::Journal(Ok(news)) => Message::Journal(news),
                Seen::Journal(Err(error)) => Message::JournalUnreadable { cause: error.to_string() },
                Seen::Document(Ok(Some(document))) => Message::Document { document },
                // Before the first worker there is no document; it is made then.
                Seen::Document(Ok(None)) => continue,
                Seen::Document(Err(error)) => Message::DocumentUnreadable { cause: error.to_string() },
            };
            tell(&messages, message).await;
        }
    };
    tokio::join!(following, telling);
}
