//! Executes the core's commands without blocking the event loop. Results arrive as messages.

use std::{io, ops::ControlFlow, sync::Arc, time::Duration};

use tokio::{
    sync::{mpsc, oneshot, watch},
    task::JoinSet,
    time::timeout,
};

use super::{
    browser::{self, Opened},
    comparison::Comparisons,
    describe::Describer,
    ends::Ends,
    follow::{FollowedDatabase, Seen, follow},
    link_keeper::{CurrentLink, LinkKeeper, ServerRequest},
    messages::send,
    notes::NotesWriter,
    open_runs,
    presence::{self, Presence},
    supplier_child::SupplierCommand,
    supplier_keeper::{self, SupplierRequest},
    watcher::Watcher,
    worker_child::WorkerCommand,
    worker_keeper::{self, WorkerRequest},
};
use crate::{
    app::{Command, Message, StartOrder, Tone},
    config::Settings,
    domain::{Activity, Run},
    supplier::SupplierClient,
    temporal::{self, Demo, Link, OperateError, OrderInput, StartRequest},
};

/// Number of requests that can wait for a keeper.
const REQUEST_QUEUE_LEN: usize = 8;

const NO_LINK: &str = "no connection to a server yet";

/// Owns the link to the server and the worker process, follows the database, and executes commands.
#[derive(Debug)]
pub struct Executor {
    settings: Arc<Settings>,
    messages: mpsc::Sender<Message>,
    link: CurrentLink,
    worker: mpsc::Sender<WorkerRequest>,
    comparisons: Comparisons,
    server: mpsc::Sender<ServerRequest>,
    /// The supplier of a scenario.
    supplier: Option<SupplierSenders>,
    ends: Ends,
    describer: Describer,
    notes: NotesWriter,
    watcher: Watcher,
    database: FollowedDatabase,
    /// Tasks that keep the link and the worker.
    keepers: JoinSet<()>,
}

impl Executor {
    /// Starts the tasks that keep the link and the worker and that follow the database. If `start_worker` is set, a
    /// worker process starts unless another worker polls.
    #[must_use]
    pub fn start(
        settings: Arc<Settings>,
        worker: WorkerCommand,
        start_worker: bool,
        messages: mpsc::Sender<Message>,
    ) -> Self {
        let (current, link) = watch::channel(None);
        let (server, server_requests) = mpsc::channel(REQUEST_QUEUE_LEN);
        let program = Some(worker.program.clone());
        let keeper = LinkKeeper::new(Arc::clone(&settings), program, messages.clone(), current, server_requests);
        let mut keepers = JoinSet::new();
        keepers.spawn(keeper.run());
        let (worker_sender, worker_requests) = mpsc::channel(REQUEST_QUEUE_LEN);
        let (seen, presence) = watch::channel(Presence::Unsettled);
        tokio::spawn(presence::keep(settings.task_queue.clone(), link.clone(), seen, messages.clone()));
        tokio::spawn(open_runs::keep(settings.task_queue.clone(), link.clone(), messages.clone()));
        let comparisons = Comparisons::new(Arc::clone(&settings), worker.clone(), link.clone(), messages.clone());
        keepers.spawn(worker_keeper::keep(worker, start_worker.then_some(presence), worker_requests, messages.clone()));
        let (database, requests) = FollowedDatabase::new();
        let location = settings.database.location.clone();
        tokio::spawn(follow(location, settings.check_interval, requests, messages.clone(), message_of));
        let ends = Ends::new(messages.clone(), database.clone());
        let describer = Describer::new(messages.clone(), link.clone(), ends.clone());
        let watcher = Watcher::new(messages.clone(), link.clone());
        let notes = NotesWriter::new(&settings.state_dir);
        let worker = worker_sender;
        Self {
            settings,
            messages,
            link,
            worker,
            comparisons,
            server,
            supplier: None,
            ends,
            describer,
            notes,
            watcher,
            database,
            keepers,
        }
    }

    /// Reports the counters of a supplier, and keeps its process if there is a `command` to start it.
    #[must_use]
    pub fn with_supplier(mut self, command: Option<SupplierCommand>, client: SupplierClient) -> Self {
        let (asked, number) = watch::channel(0);
        let foreign = command.is_none();
        let requests = command.map(|command| {
            let (requests, receiver) = mpsc::channel(REQUEST_QUEUE_LEN);
            self.keepers.spawn(supplier_keeper::keep(command, receiver, self.messages.clone()));
            requests
        });
        tokio::spawn(supplier_keeper::poll(client.clone(), foreign, number, self.messages.clone()));
        self.supplier = Some(SupplierSenders { client, requests, asked });
        self
    }

    /// Executes a command. Returns `Break` for the quit command.
    pub fn execute(&self, command: Command) -> ControlFlow<()> {
        match command {
            Command::StartOrder(order) => self.start_order(order),
            Command::StartWorker => self.request_worker(WorkerRequest::Start),
            Command::StopWorker => self.request_worker(WorkerRequest::Stop),
            Command::KillWorker => self.request_worker(WorkerRequest::Kill),
            Command::KillServer => self.request_server(ServerRequest::Kill),
            Command::StartServer => self.request_server(ServerRequest::Start),
            Command::KillSupplier => self.request_supplier(SupplierRequest::Kill),
            Command::StartSupplier => self.request_supplier(SupplierRequest::Start),
            Command::SupplierOutage(requests) => {
                if let Some(SupplierSenders { client, asked, .. }) = &self.supplier {
                    let (client, asked) = (client.clone(), asked.clone());
                    tokio::spawn(supplier_keeper::begin_outage(client, requests, asked, self.messages.clone()));
                }
            }
            Command::OtherClientOrder(order) => {
                if let Some(SupplierSenders { client, asked, .. }) = &self.supplier {
                    let (client, asked) = (client.clone(), asked.clone());
                    tokio::spawn(supplier_keeper::send_for_other_client(client, order, asked, self.messages.clone()));
                }
            }
            Command::AskSupplier(number) => {
                if let Some(supplier) = &self.supplier {
                    supplier.asked.send_replace(number);
                }
            }
            Command::Describe(runs) => runs.into_iter().for_each(|run| self.describer.describe(run)),
            Command::RetryNow(run, activity) => self.retry_now(run, activity),
            Command::Cancel(run) => self.cancel(run),
            Command::Terminate(run) => self.terminate(run),
            Command::Watch(request) => self.watcher.execute(request),
            Command::Open(url) => open(url, &self.messages),
            Command::Reset => self.reset(),
            Command::Compare(comparison) => self.comparisons.start(comparison),
            Command::EndComparison => self.comparisons.end(),
            Command::Present(page) => self.notes.show(page),
            Command::Quit => return ControlFlow::Break(()),
            // The event loop executes these on the terminal.
            Command::Copy(_) | Command::Mouse(_) | Command::Suspend | Command::Walkthrough | Command::Return => {}
        }
        ControlFlow::Continue(())
    }

    /// Sends `last` to the worker, stops the embedded server, and waits for at most `limit` until both have ended.
    pub async fn finish(self, last: WorkerRequest, limit: Duration) {
        let Self { worker, server, supplier, comparisons, mut keepers, .. } = self;
        comparisons.end();
        let ended = async {
            let _keeper_ended = worker.send(last).await;
            drop((worker, server, supplier));
            while keepers.join_next().await.is_some() {}
        };
        if timeout(limit, ended).await.is_err() {
            tracing::warn!("the worker or the embedded server did not end within {} ms", limit.as_millis());
        }
    }

    fn request_worker(&self, request: WorkerRequest) {
        if self.worker.try_send(request).is_err() {
            self.warn("too many requests to the worker are pending; try again");
        }
    }

    fn request_server(&self, request: ServerRequest) {
        if self.server.try_send(request).is_err() {
            self.warn("too many requests to the server are pending; try again");
        }
    }

    fn request_supplier(&self, request: SupplierRequest) {
        let Some(requests) = self.supplier.as_ref().and_then(|supplier| supplier.requests.as_ref()) else {
            return self.warn("this dashboard did not start the supplier, so it cannot stop or start it");
        };
        if requests.try_send(request).is_err() {
            self.warn("too many requests to the supplier are pending; try again");
        }
    }

    fn warn(&self, text: &str) {
        let _queue_full = self.messages.try_send(Message::Notice { text: text.to_owned(), tone: Tone::Bad });
    }

    fn retry_now(&self, run: Run, activity: Activity) {
        let Some(link) = self.linked() else { return };
        let messages = self.messages.clone();
        tokio::spawn(async move {
            let done = temporal::retry_now(&link, &run.workflow, &run.run, activity).await.map(|attempt| {
                format!("{}: attempt {attempt} of {activity} is due now; attempt numbers restart at 1", run.workflow)
            });
            send(&messages, notice(done)).await;
        });
    }

    /// Requests the cancellation of a run, and reports when the run ends.
    fn cancel(&self, run: Run) {
        let Some(link) = self.linked() else { return };
        let (messages, ends) = (self.messages.clone(), self.ends.clone());
        tokio::spawn(async move {
            let requested = temporal::cancel(&link, &run.workflow, &run.run).await;
            let reports = requested.is_ok() && ends.claim(&run);
            let done =
                requested.map(|()| format!("cancellation of {} requested; committed changes stay", run.workflow));
            send(&messages, notice(done)).await;
            if reports {
                let watch = temporal::watch(&link, &run.workflow, &run.run);
                ends.report(run, watch.end_despite_errors()).await;
            }
        });
    }

    /// Terminates a run. Reports its end unless another task does.
    fn terminate(&self, run: Run) {
        let Some(link) = self.linked() else { return };
        let (messages, ends) = (self.messages.clone(), self.ends.clone());
        tokio::spawn(async move {
            let watch = temporal::watch(&link, &run.workflow, &run.run);
            if let Err(problem) = watch.terminate("another scenario starts").await {
                let text = format!("could not terminate {}: {problem}", run.workflow);
                send(&messages, Message::Notice { text, tone: Tone::Bad }).await;
            }
            if ends.claim(&run) {
                ends.report(run, watch.end_despite_errors()).await;
            }
        });
    }

    /// Returns the link. If there is no link, a notice says so.
    fn linked(&self) -> Option<Link> {
        let link = self.link.borrow().clone();
        if link.is_none() {
            self.warn(NO_LINK);
        }
        link
    }

    fn start_order(&self, order: StartOrder) {
        self.database.expect_order();
        let link = self.link.borrow().clone();
        let (messages, ends) = (self.messages.clone(), self.ends.clone());
        let (task_queue, has_supplier) = (self.settings.task_queue.clone(), self.settings.supplier.is_some());
        tokio::spawn(async move {
            let (ticket, id, workflow, fresh_workflow) =
                (order.ticket, order.order.to_string(), order.workflow.clone(), order.fresh_workflow);
            let failed = |cause| Message::StartFailed { ticket, order: id.clone(), workflow: workflow.clone(), cause };
            let Some(link) = link else {
                return send(&messages, failed(NO_LINK.to_owned())).await;
            };
            let limit = order.limit;
            let mut request = request(order, task_queue, has_supplier);
            if fresh_workflow {
                request.workflow = link.conceal(&request.workflow);
            }
            match temporal::start_limited(&link, request, limit).await {
                Ok((started, watch)) => {
                    let key = Run { workflow: started.workflow, run: started.run };
                    let Run { workflow, run } = key.clone();
                    send(&messages, Message::Started { ticket, order: id, workflow, run, joined: started.joined })
                        .await;
                    // If this start joined a run, another task may be waiting for the same end.
                    if ends.claim(&key) {
                        ends.report(key, watch.end_despite_errors()).await;
                    }
                }
                Err(error) => send(&messages, failed(error.to_string())).await,
            }
        });
    }

    /// Resets the stock, and the supplier of a scenario.
    fn reset(&self) {
        let database = self.settings.database.location.clone();
        let messages = self.messages.clone();
        let supplier = self.supplier.as_ref().and_then(|supplier| supplier.requests.clone());
        tokio::spawn(async move {
            if let Err(problem) = empty(supplier).await {
                return send(&messages, Message::ResetDone(Err(format!("the supplier: {problem}")))).await;
            }
            let done = tokio::task::spawn_blocking(move || database.reset()).await;
            let done = done.map_err(|error| error.to_string()).and_then(|done| done.map_err(|error| error.to_string()));
            send(&messages, Message::ResetDone(done.map(|kept| kept.journal))).await;
        });
    }
}

/// The channels to the tasks of a supplier.
#[derive(Debug)]
struct SupplierSenders {
    client: SupplierClient,
    /// `None` if this program did not start the supplier.
    requests: Option<mpsc::Sender<SupplierRequest>>,
    asked: watch::Sender<u64>,
}

/// Removes the shipments of the supplier, if there is one.
async fn empty(supplier: Option<mpsc::Sender<SupplierRequest>>) -> io::Result<()> {
    let Some(supplier) = supplier else { return Ok(()) };
    let (answer, answered) = oneshot::channel();
    let closed = || io::Error::other("its task has ended");
    supplier.send(SupplierRequest::Empty(answer)).await.map_err(|_| closed())?;
    answered.await.map_err(|_| closed())?
}

/// Opens a page in the background. A notice says how.
fn open(url: String, messages: &mpsc::Sender<Message>) {
    let messages = messages.clone();
    tokio::spawn(async move {
        let opened = browser::open(&url).await;
        send(&messages, browser_notice(url, opened)).await;
    });
}

/// Executes the commands of a session that only watches executions. It starts neither a server nor a worker, and opens no
/// database.
#[derive(Debug)]
pub struct WatchExecutor {
    messages: mpsc::Sender<Message>,
    watcher: Watcher,
    /// The link's keeper ends when this is dropped.
    _server: mpsc::Sender<ServerRequest>,
}

impl WatchExecutor {
    /// Starts the task that keeps the link.
    #[must_use]
    pub fn start(settings: Arc<Settings>, messages: mpsc::Sender<Message>) -> Self {
        let (current, link) = watch::channel(None);
        let (server, requests) = mpsc::channel(REQUEST_QUEUE_LEN);
        tokio::spawn(LinkKeeper::new(settings, None, messages.clone(), current, requests).run());
        Self { watcher: Watcher::new(messages.clone(), link), messages, _server: server }
    }

    /// Executes a command. Returns `Break` for the quit command.
    pub fn execute(&self, command: Command) -> ControlFlow<()> {
        match command {
            Command::Watch(request) => self.watcher.execute(request),
            Command::Open(url) => open(url, &self.messages),
            Command::Quit => return ControlFlow::Break(()),
            // Keys of the dashboard are not active.
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

/// Returns the notice after a page was opened.
fn browser_notice(url: String, opened: Opened) -> Message {
    let text = match opened {
        Opened::Done => format!("opened {url} in the browser"),
        Opened::Asked(program) => format!("asked {program} to open {url}"),
        Opened::Nowhere => return Message::NotOpened { url },
    };
    Message::Notice { text, tone: Tone::Plain }
}

/// Returns the notice for the result of an operation.
fn notice(done: Result<String, OperateError>) -> Message {
    match done {
        Ok(text) => Message::Notice { text, tone: Tone::Good },
        Err(error) => Message::Notice { text: error.to_string(), tone: Tone::Bad },
    }
}

/// Returns the request for an order. Without a supplier, its input has no supply, as in the original demo.
fn request(order: StartOrder, task_queue: String, has_supplier: bool) -> StartRequest {
    let supplier = order.supply.filter(|_| has_supplier);
    let demo = Demo { retry: order.retry.into(), supplier, ..Demo::new(&order.faults, order.seed, order.guard) };
    let input = OrderInput {
        order: order.order.to_string(),
        item: order.product.to_string(),
        quantity: order.quantity,
        demo: Some(demo),
    };
    StartRequest { workflow: order.workflow, task_queue, input }
}

/// Returns the message for what was read; `None` if there is no document yet.
fn message_of(seen: Seen) -> Option<Message> {
    Some(match seen {
        Seen::Covered(covered) => Message::JournalCovered(covered),
        Seen::Journal(Ok(news)) => Message::Journal(news),
        Seen::Journal(Err(error)) => Message::JournalUnreadable { cause: error.to_string() },
        Seen::Reading(progress) => Message::ReadingJournal { read: progress.read, of: progress.of },
        Seen::Document(Ok(document)) => Message::Document { document: document? },
        Seen::Document(Err(error)) => Message::DocumentUnreadable { cause: error.to_string() },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_notice_names_the_address_if_no_browser_opens() {
        let url = "http://127.0.0.1:8233/namespaces/default";
        let notice = |opened| browser_notice(url.to_owned(), opened);
        assert_eq!(notice(Opened::Nowhere), Message::NotOpened { url: url.to_owned() });
        for opened in [Opened::Done, Opened::Asked("firefox".to_owned())] {
            let Message::Notice { text, tone } = notice(opened) else { panic!() };
            assert!(text.contains(url) && tone == Tone::Plain, "{text}");
        }
    }
}
