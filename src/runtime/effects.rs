//! Carries out what the core asks for. Nothing here blocks the event loop; results come back as messages.

use std::{path::PathBuf, sync::Arc, time::Duration};

use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
    time::timeout,
};

use super::{
    browser::{self, Opened},
    comparison::Comparisons,
    describe::{Ends, Inquiry},
    follow::{Seen, follow},
    link_keeper::{CurrentLink, LinkKeeper, ServerOrder},
    notes::NotesWriter,
    open_runs,
    presence::{self, Presence},
    worker_child::WorkerCommand,
    worker_keeper::{self, WorkerOrder},
};
use crate::{
    app::{Command, Message, Run, StartOrder, Tone},
    config::Settings,
    domain::Activity,
    store,
    temporal::{self, Demo, Link, OperateError, OrderInput, StartRequest, Watch},
};

/// Orders to a keeper that may wait.
const ORDERS: usize = 8;

const NO_LINK: &str = "there is no connection to a server yet";

/// What is behind the dashboard: the link, the worker process, the database.
#[derive(Debug)]
pub struct Effects {
    settings: Arc<Settings>,
    messages: mpsc::Sender<Message>,
    link: CurrentLink,
    worker: mpsc::Sender<WorkerOrder>,
    comparisons: Comparisons,
    server: mpsc::Sender<ServerOrder>,
    ends: Ends,
    inquiry: Inquiry,
    notes: NotesWriter,
    /// The link's and the worker's.
    keepers: JoinSet<()>,
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
        let (server, orders) = mpsc::channel(ORDERS);
        let program = worker.program.clone();
        let keeper = LinkKeeper::new(Arc::clone(&settings), program, messages.clone(), current, orders);
        let mut keepers = JoinSet::new();
        keepers.spawn(keeper.keep());
        let (orders, ordered) = mpsc::channel(ORDERS);
        let (seen, presence) = watch::channel(Presence::Unsettled);
        tokio::spawn(presence::keep(settings.task_queue.clone(), link.clone(), seen, messages.clone()));
        tokio::spawn(open_runs::keep(settings.task_queue.clone(), link.clone(), messages.clone()));
        let comparisons = Comparisons::new(Arc::clone(&settings), worker.clone(), link.clone(), messages.clone());
        keepers.spawn(worker_keeper::keep(worker, worker_wanted.then_some(presence), ordered, messages.clone()));
        let interval = settings.check_interval;
        tokio::spawn(tell_what_is_seen(settings.database.path.clone(), interval, messages.clone()));
        let ends = Ends::default();
        let inquiry = Inquiry::new(messages.clone(), link.clone(), ends.clone());
        let notes = NotesWriter::new(&settings.state_dir);
        Self { settings, messages, link, worker: orders, comparisons, server, ends, inquiry, notes, keepers }
    }

    /// Carries a command out. `true`: the dashboard is to end.
    #[must_use]
    pub fn perform(&self, command: Command) -> bool {
        match command {
            Command::StartOrder(order) => self.start_order(order),
            Command::StartWorker => self.order_worker(WorkerOrder::Start),
            Command::StopWorker => self.order_worker(WorkerOrder::Stop),
            Command::KillWorker => self.order_worker(WorkerOrder::Kill),
            Command::KillServer => self.order_server(ServerOrder::Kill),
            Command::StartServer => self.order_server(ServerOrder::Start),
            Command::Describe(runs) => runs.into_iter().for_each(|run| self.inquiry.ask(run)),
            Command::RetryNow(run, activity) => self.retry_now(run, activity),
            Command::Cancel(run) => self.cancel(run),
            Command::Terminate(run) => self.terminate(run),
            Command::Open(url) => self.open(url),
            Command::Reset => self.reset(),
            Command::Compare(comparison) => self.comparisons.begin(comparison),
            Command::EndComparison => self.comparisons.end(),
            Command::Present(page) => self.notes.show(page),
            Command::Quit => return true,
            // The terminal's own; the session has done them.
            Command::Copy(_) | Command::Mouse(_) | Command::Suspend | Command::Walkthrough | Command::Return => {}
        }
        false
    }

    /// Ends the worker and the embedded server, and waits until both are gone; no longer than `patience`. `last` is told to
    /// the worker.
    pub async fn finish(self, last: WorkerOrder, patience: Duration) {
        let Self { worker, server, comparisons, mut keepers, .. } = self;
        comparisons.end();
        let ended = async {
            // A keeper that has gone already needs to be told nothing.
            let _gone = worker.send(last).await;
            drop((worker, server));
            while keepers.join_next().await.is_some() {}
        };
        if timeout(patience, ended).await.is_err() {
            tracing::warn!("the worker or the embedded server has not ended in time");
        }
    }

    fn order_worker(&self, order: WorkerOrder) {
        if self.worker.try_send(order).is_err() {
            self.refuse("the worker is still busy with what was asked before");
        }
    }

    fn order_server(&self, order: ServerOrder) {
        if self.server.try_send(order).is_err() {
            self.refuse("the server is still busy with what was asked before");
        }
    }

    fn refuse(&self, text: &str) {
        // Where even that finds no room, the screen has more to say than anybody reads.
        let _full = self.messages.try_send(Message::Notice { text: text.to_owned(), tone: Tone::Bad });
    }

    fn retry_now(&self, run: Run, activity: Activity) {
        let Some(link) = self.linked() else { return };
        let messages = self.messages.clone();
        tokio::spawn(async move {
            let done = temporal::retry_now(&link, &run.workflow, &run.run, activity).await.map(|attempt| {
                format!("{}: attempt {attempt} of {activity} is due now, as number 1 of a fresh count", run.workflow)
            });
            tell(&messages, notice(done)).await;
        });
    }

    /// Asks for it, and waits for the end that it leads to.
    fn cancel(&self, run: Run) {
        let Some(link) = self.linked() else { return };
        let (messages, ends) = (self.messages.clone(), self.ends.clone());
        tokio::spawn(async move {
            let asked = temporal::cancel(&link, &run.workflow, &run.run).await;
            let watched = asked.is_ok() && ends.claim(&run);
            let done = asked.map(|()| format!("{} is asked to cancel; what is committed stays", run.workflow));
            tell(&messages, notice(done)).await;
            if watched {
                let watch = temporal::watch(&link, &run.workflow, &run.run);
                tell_end(&messages, run.workflow, run.run, &watch).await;
            }
        });
    }

    /// Whoever waits for the run's end tells it.
    fn terminate(&self, run: Run) {
        let Some(link) = self.linked() else { return };
        let (messages, ends) = (self.messages.clone(), self.ends.clone());
        tokio::spawn(async move {
            let watch = temporal::watch(&link, &run.workflow, &run.run);
            if let Err(problem) = watch.terminate("another scenario begins").await {
                let text = format!("{} could not be ended: {problem}", run.workflow);
                tell(&messages, Message::Notice { text, tone: Tone::Bad }).await;
            }
            if ends.claim(&run) {
                tell_end(&messages, run.workflow, run.run, &watch).await;
            }
        });
    }

    /// The link, where there is one; else that is said.
    fn linked(&self) -> Option<Link> {
        let link = self.link.borrow().clone();
        if link.is_none() {
            self.refuse(NO_LINK);
        }
        link
    }

    fn open(&self, url: String) {
        let messages = self.messages.clone();
        tokio::spawn(async move {
            let opened = browser::open(&url).await;
            tell(&messages, browser_notice(url, opened)).await;
        });
    }

    fn start_order(&self, order: StartOrder) {
        let link = self.link.borrow().clone();
        let (messages, ends) = (self.messages.clone(), self.ends.clone());
        let task_queue = self.settings.task_queue.clone();
        tokio::spawn(async move {
            let (ticket, id, workflow, made) =
                (order.ticket, order.order.to_string(), order.workflow.clone(), order.made);
            let failed = |cause| Message::StartFailed { ticket, order: id.clone(), workflow: workflow.clone(), cause };
            let Some(link) = link else {
                return tell(&messages, failed(NO_LINK.to_owned())).await;
            };
            let limit = order.limit.map(Duration::from_millis);
            let mut request = request(order, task_queue);
            if made {
                request.workflow = link.conceal(&request.workflow);
            }
            match temporal::start_limited(&link, request, limit).await {
                Ok((started, watch)) => {
                    let key = Run { workflow: started.workflow, run: started.run };
                    let Run { workflow, run } = key.clone();
                    tell(&messages, Message::Started { ticket, order: id, workflow, run, joined: started.joined })
                        .await;
                    // One that it joined may be waited for already.
                    if ends.claim(&key) {
                        tell_end(&messages, key.workflow, key.run, &watch).await;
                    }
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
            tell(&messages, Message::ResetDone(done.map(|kept| kept.journal))).await;
        });
    }
}

pub(super) async fn tell(messages: &mpsc::Sender<Message>, message: Message) {
    // A dashboard that has gone needs to be told nothing.
    let _gone = messages.send(message).await;
}

/// A browser on this machine took the page, or a person has to.
fn browser_notice(url: String, opened: Opened) -> Message {
    let text = match opened {
        Opened::Done => format!("{url} is opened in the browser"),
        Opened::Asked(program) => format!("{program} was asked to open {url}"),
        Opened::Nowhere => return Message::NotOpened { url },
    };
    Message::Notice { text, tone: Tone::Plain }
}

/// What was done, or why not.
fn notice(done: Result<String, OperateError>) -> Message {
    match done {
        Ok(text) => Message::Notice { text, tone: Tone::Good },
        Err(error) => Message::Notice { text: error.to_string(), tone: Tone::Bad },
    }
}

fn request(order: StartOrder, task_queue: String) -> StartRequest {
    let demo = Demo { retry: order.retry.into(), ..Demo::new(&order.faults, order.seed, order.guard) };
    let input = OrderInput {
        order: order.order.to_string(),
        item: order.product.to_string(),
        quantity: order.quantity,
        demo: Some(demo),
    };
    StartRequest { workflow: order.workflow, task_queue, input }
}

/// Waits for a run's end, over any loss of the server.
pub(super) async fn tell_end(messages: &mpsc::Sender<Message>, workflow: String, run: String, watch: &Watch) {
    let end = tokio::select! {
        end = watch.end_at_last() => end,
        () = messages.closed() => return,
    };
    tell(messages, Message::Ended { workflow, run, end }).await;
}

async fn tell_what_is_seen(database: PathBuf, check_interval: Duration, messages: mpsc::Sender<Message>) {
    let (sender, mut seen) = mpsc::channel(64);
    let following = follow(&database, check_interval, sender);
    let telling = async {
        while let Some(seen) = seen.recv().await {
            let message = match seen {
                Seen::Journal(Ok(news)) => Message::Journal(news),
                Seen::Journal(Err(error)) => Message::JournalUnreadable { cause: error.to_string() },
                Seen::Reading(progress) => Message::ReadingJournal { read: progress.read, of: progress.of },
                Seen::Document(Ok(Some(document))) => Message::Document { document },
                // Before the first worker there is no document; it is made then.
                Seen::Document(Ok(None)) => continue,
                Seen::Document(Err(error)) => Message::DocumentUnreadable { cause: error.to_string() },
            };
            tell(&messages, message).await;
        }
    };
    tokio::select! {
        _ = async { tokio::join!(following, telling) } => {}
        // Nobody is there to be told.
        () = messages.closed() => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_no_browser_opens_the_address_is_said() {
        let url = "http://127.0.0.1:8233/namespaces/default";
        let notice = |opened| browser_notice(url.to_owned(), opened);
        assert_eq!(notice(Opened::Nowhere), Message::NotOpened { url: url.to_owned() });
        for opened in [Opened::Done, Opened::Asked("firefox".to_owned())] {
            let Message::Notice { text, tone } = notice(opened) else { panic!() };
            assert!(text.contains(url) && tone == Tone::Plain, "{text}");
        }
    }
}
