//! What the runtime found out, on its way into the state. Nothing here answers with a command.

use crate::{
    app::{
        Account, App, Link, LogLevel, Message, Notice, Orders, Overlay, Server, Tone, Worker,
        orders::{Left, ingest},
    },
    domain::{OrderId, UnixMillis},
    store::{Aside, Fact, News, Record},
};

impl App {
    /// Everything but time and keys, which act even while the screen is frozen.
    pub(in crate::app) fn take_in(&mut self, message: Message) {
        match message {
            Message::Journal(news) => self.read(news),
            Message::JournalUnreadable { cause } => self.account.journal.breaks(&cause, self.now),
            Message::ReadingJournal { read, of } => self.account.reading = (read < of).then_some((read, of)),
            Message::Document { document } => self.account.shows(document, self.now),
            Message::DocumentUnreadable { cause } => self.account.document_source.breaks(&cause, self.now),
            Message::Link(link) => self.links(link),
            Message::Server(server) => self.serves(clean_server(server)),
            Message::Worker(worker) => self.works(clean_worker(worker)),
            Message::Pollers { identities } => self.polled_by(&identities),
            Message::Started { ticket, order, workflow, run, joined } => {
                self.started(ticket, &order, &workflow, &run, joined);
            }
            Message::StartFailed { ticket, order, workflow: _, cause } => {
                let cause = ingest::text(&cause);
                self.notify(&format!("{order} was not started: {cause}"), Tone::Bad);
                self.orders.start_failed(ticket, cause);
            }
            Message::Listed { runs } => {
                for run in runs.iter().filter(|run| ingest::is_whole(&run.workflow) && ingest::is_whole(&run.run)) {
                    self.orders.listed((ingest::id(&run.workflow), ingest::id(&run.run)), run.started);
                }
            }
            Message::Ended { workflow, run, end } => {
                self.orders.ended((ingest::id(&workflow), ingest::id(&run)), ingest::end(end), self.now);
            }
            Message::ResetDone(result) => self.was_reset(result),
            Message::Notice { text, tone } => self.notify(&text, tone),
            Message::Copied { sentence } => {
                self.notify(&sentence, Tone::Plain);
                self.notice = Some(Notice::lasting(&sentence, self.now));
            }
            Message::NotOpened { url } => {
                let url = ingest::text(&url);
                self.notify(&format!("no browser opens here; the address is {url}"), Tone::Bad);
                self.address = Some(url);
                if self.overlay == Overlay::None {
                    self.show(Overlay::Address);
                }
            }
            Message::Logged { at, level, text } => self.log.write(at, level, &text),
            Message::Compared(news) => self.compared(news),
            Message::Presented(page) => self.notes = page.map(|page| Box::new(page.cleaned())),
            Message::Described { workflow, run, answer: Ok(description) } => {
                ingest::describe(&mut self.orders, &workflow, &run, description);
            }
            // The link says why there is no answer.
            Message::Described { answer: Err(_), .. }
            | Message::Tick { .. }
            | Message::Intent(_)
            | Message::Limits(_)
            | Message::Resized { .. } => {}
        }
    }

    fn read(&mut self, news: News) {
        let read = read(&mut self.account, &mut self.orders, news, self.now, self.earlier.resets);
        for record in &read.records {
            self.skip_known_number(record);
            if let Fact::Aside(aside) = &record.fact {
                self.document_was_kept_aside(record.at, aside);
            }
        }
        if let Some(left) = read.left {
            self.journal_was_replaced(&left);
        }
    }

    fn document_was_kept_aside(&mut self, at: UnixMillis, aside: &Aside) {
        /// In milliseconds. An older one is in the log only.
        const NOTICE_UP_TO: u64 = 60_000;
        let file = ingest::text(&format!("{}{}", self.setup.database, aside.suffix));
        let text = format!("a document was put aside as {file}: {}", ingest::text(&aside.reason));
        if self.now.0.saturating_sub(at.0) <= NOTICE_UP_TO {
            self.notify(&text, Tone::Bad);
        } else {
            self.log.write(at, LogLevel::Warn, &text);
        }
    }

    fn journal_was_replaced(&mut self, left: &Left) {
        self.earlier.add(left, self.account.verdict_before());
        if std::mem::take(&mut self.earlier.resets) {
            return;
        }
        let left = match left.orders {
            0 => "open orders stay".to_owned(),
            1 => "1 ended order left the table".to_owned(),
            orders => format!("{orders} ended orders left the table"),
        };
        self.notify(&format!("the journal was replaced, as by a reset: {left}"), Tone::Plain);
    }

    /// A fresh id must not be one that the journal knows.
    fn skip_known_number(&mut self, record: &Record) {
        let order: &OrderId = match &record.fact {
            Fact::Order(commit) | Fact::Supplier(commit) => &commit.origin.order,
            Fact::Attempt(event) => &event.origin.order,
            Fact::Init(_) | Fact::Reject(_) | Fact::Adjust(_) | Fact::Aside(_) => return,
        };
        let number = order.as_str().strip_prefix(&self.setup.session).and_then(|rest| rest.strip_prefix('-'));
        if let Some(number) = number.and_then(|digits| digits.parse::<u64>().ok()) {
            self.next_order = self.next_order.max(number.saturating_add(1));
        }
    }

    fn started(&mut self, ticket: u64, order: &str, workflow: &str, run: &str, joined: bool) {
        let provisional = self.orders.of_ticket(ticket);
        let key = (ingest::id(workflow), ingest::id(run));
        let slot = self.orders.started(ticket, key, &ingest::id(order), joined, self.now);
        if self.selection.is_some() && self.selection == provisional {
            self.selection = Some(slot);
        }
        if joined {
            self.notify(&format!("{workflow} is running already: the start joined it, no second run"), Tone::Good);
        }
    }

    fn links(&mut self, link: Link) {
        let link = match link {
            Link::Down { cause, attempt, next_try } => Link::Down { cause: ingest::text(&cause), attempt, next_try },
            other => other,
        };
        if std::mem::discriminant(&link) != std::mem::discriminant(&self.link) {
            self.link_since = self.now;
            match &link {
                Link::Up => {
                    self.log.write(self.now, LogLevel::Info, "connected");
                    self.forget_complaint();
                }
                Link::Down { cause, .. } => {
                    self.log.write(self.now, LogLevel::Error, &format!("no connection: {cause}"));
                }
                Link::Connecting { .. } => {}
            }
        }
        if let Link::Down { cause, .. } = &link {
            self.forget_earlier_server(cause);
        }
        self.link = link;
    }

    /// A server that was not started, or that ended for another reason, would hide why there is no connection now.
    fn forget_earlier_server(&mut self, cause: &str) {
        let is_earlier = match &self.server {
            Server::Preparing { .. } => true,
            Server::Ended { cause: of_end } => of_end != cause,
            Server::Foreign | Server::Unknown | Server::Killed | Server::Running { .. } => false,
        };
        if is_earlier {
            self.server = Server::Unknown;
        }
    }

    fn serves(&mut self, server: Server) {
        let line = match &server {
            _ if server == self.server => None,
            Server::Foreign => Some((LogLevel::Info, "the server is not ours; it stays when this ends".to_owned())),
            Server::Running { web_ui } => Some((LogLevel::Info, format!("the embedded server runs; Web UI {web_ui}"))),
            Server::Killed => Some((LogLevel::Warn, "the embedded server was killed, as asked".to_owned())),
            Server::Ended { cause } => Some((LogLevel::Error, format!("the embedded server has ended: {cause}"))),
            Server::Preparing { .. } | Server::Unknown => None,
        };
        if let Some((level, text)) = line {
            self.log.write(self.now, level, &text);
        }
        self.server = server;
    }

    fn works(&mut self, worker: Worker) {
        let line = match &worker {
            _ if worker == self.worker => None,
            Worker::Ready { pid } => Some((LogLevel::Info, format!("worker {pid} polls"))),
            Worker::Elsewhere => Some((LogLevel::Info, "a worker that is not ours polls".to_owned())),
            Worker::Stopped => Some((LogLevel::Info, "the worker has finished and stopped".to_owned())),
            Worker::Killed => Some((LogLevel::Warn, "the worker was killed, as asked".to_owned())),
            Worker::Exited { cause, .. } => Some((LogLevel::Error, format!("the worker is gone: {cause}"))),
            Worker::Absent | Worker::Starting | Worker::Stopping => None,
        };
        if let Some((level, text)) = line {
            self.log.write(self.now, level, &text);
        }
        match (&self.worker, &worker) {
            (Worker::Ready { pid }, Worker::Killed | Worker::Exited { .. }) => {
                self.orders.worker_died(&self.worker_identity(*pid), self.now);
            }
            (before, Worker::Elsewhere) if *before != Worker::Elsewhere => self.say_that_another_polls(),
            (_, Worker::Ready { pid }) => {
                self.pollers.own(self.worker_identity(*pid));
                self.forget_complaint();
            }
            _ => {}
        }
        self.worker = worker;
    }

    fn was_reset(&mut self, result: Result<Option<String>, String>) {
        match result {
            Ok(kept) => {
                if let Some(name) = &kept {
                    self.log.write(self.now, LogLevel::Info, &format!("the old journal is kept as {name}"));
                }
                let kept = if kept.is_some() { "; the old journal is kept" } else { "" };
                self.notify(&format!("the starting stock is back{kept}"), Tone::Good);
            }
            Err(cause) => {
                self.earlier.resets = false;
                self.notify(&format!("the stock was not put back: {cause}"), Tone::Bad);
            }
        }
    }

    /// What was just complained of may be mended: such a notice does not outlive its cause.
    fn forget_complaint(&mut self) {
        self.notice.take_if(|notice| notice.tone == Tone::Bad);
    }

    /// Hides a notice that says what a key would do, once a key was pressed. What has failed stays readable.
    pub(in crate::app) fn clear_advice(&mut self) {
        self.notice.take_if(|notice| notice.tone == Tone::Plain);
    }

    pub(in crate::app) fn notify(&mut self, text: &str, tone: Tone) {
        let level = if tone == Tone::Bad { LogLevel::Warn } else { LogLevel::Info };
        self.log.write(self.now, level, text);
        self.notice = Some(Notice::new(text, tone, self.now));
    }
}

/// What reading journal records changed.
pub(in crate::app) struct Read {
    /// The records whose turn came.
    pub records: Vec<Record>,
    /// The orders that left the table because another journal took the place of theirs.
    pub left: Option<Left>,
}

/// Applies journal records to an account and its orders. `reset`: see [`Account::reread`].
pub(in crate::app) fn read(
    account: &mut Account,
    orders: &mut Orders,
    news: News,
    now: UnixMillis,
    reset: bool,
) -> Read {
    if let Some(which) = account.reread(&news, reset) {
        orders.journal_begins(which);
    }
    let mut taken = Vec::with_capacity(news.records.len());
    for record in news.records {
        for record in account.admit(record) {
            let times = account.observe(&record);
            ingest::observe(orders, &record, times);
            taken.push(record);
        }
    }
    account.heard(now);
    let left = if account.is_partial() { None } else { orders.journal_read() };
    Read { records: taken, left }
}

fn clean_server(server: Server) -> Server {
    match server {
        Server::Preparing { step } => Server::Preparing { step: ingest::text(&step) },
        Server::Running { web_ui } => Server::Running { web_ui: ingest::text(&web_ui) },
        Server::Ended { cause } => Server::Ended { cause: ingest::text(&cause) },
        Server::Foreign | Server::Unknown | Server::Killed => server,
    }
}

pub(in crate::app) fn clean_worker(worker: Worker) -> Worker {
    match worker {
        Worker::Exited { cause, restart_at } => Worker::Exited { cause: ingest::text(&cause), restart_at },
        other => other,
    }
}
