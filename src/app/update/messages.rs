//! Applies the messages of the runtime to the state. None of them causes a command here.

use crate::{
    app::{
        App,
        message::{LogLevel, Message, Worker},
        notice::Tone,
        orders::{Left, execution::Execution, ingest},
        sanitized,
    },
    domain::{Activity, UnixMillis},
    faults::Action,
    store::{Aside, Fact, News},
};

/// Maximum age in milliseconds of a notice on a document that was set aside. An older one is in the log only.
const MAX_ASIDE_NOTICE_AGE: u64 = 60_000;

impl App {
    /// Applies every message except time and keys, which take effect even while the screen is frozen.
    pub(super) fn apply(&mut self, message: Message) {
        match message {
            Message::JournalCovered(covered) => ingest::apply_covered(&mut self.journal, &mut self.orders, *covered),
            Message::Journal(news) => self.on_news(news),
            Message::JournalUnreadable { cause } => self.journal.journal_source.on_error(&cause, self.now),
            Message::ReadingJournal { read, of } => self.journal.reading = (read < of).then_some((read, of)),
            Message::Document { document } => self.journal.apply_document(document, self.now),
            Message::DocumentUnreadable { cause } => self.journal.document_source.on_error(&cause, self.now),
            Message::Link(link) => self.connections.on_link(link, &mut self.log, self.now),
            Message::Server(server) => self.connections.on_server(server, &mut self.log, self.now),
            Message::Worker(worker) => self.on_worker(worker),
            Message::Supplier(report) => self.on_supplier(report),
            Message::Pollers { identities } => self.connections.on_pollers(&identities, &mut self.log, self.now),
            Message::Started { ticket, order, workflow, run, joined } => {
                self.on_started(ticket, &order, &workflow, &run, joined);
            }
            Message::StartFailed { ticket, order, workflow: _, cause } => {
                let cause = sanitized::text(&cause);
                self.notify(&format!("{order} was not started: {cause}"), Tone::Bad);
                self.orders.start_failed(ticket, cause);
            }
            Message::Listed { runs } => {
                let is_whole = |id: &str| sanitized::is_whole(id);
                for run in runs.iter().filter(|run| is_whole(&run.workflow) && is_whole(&run.run)) {
                    self.orders.listed((sanitized::id(&run.workflow), sanitized::id(&run.run)), run.started);
                }
            }
            Message::Ended { workflow, run, end } => {
                ingest::apply_end(&mut self.orders, &workflow, &run, end, self.now);
            }
            Message::ResetDone(result) => self.on_reset(result),
            Message::Notice { text, tone } => self.notify(&text, tone),
            Message::Copied { sentence } => self.log.notify_lasting(&sentence, self.now),
            Message::NotOpened { url } => {
                let url = sanitized::text(&url);
                self.notify(&format!("could not open a browser. Open: {url}"), Tone::Bad);
                self.view.show_address(url);
            }
            Message::Logged { at, level, text } => self.log.write(at, level, &text),
            Message::Compared(news) => self.comparisons.apply(news, self.now),
            Message::Watch(news) => self.on_watch(news),
            Message::Presented(page) => self.mode.set_notes(page),
            Message::Described { workflow, run, answer: Ok(description) } => {
                ingest::apply_description(&mut self.orders, &workflow, &run, description);
            }
            // The state of the link already shows why the server does not answer.
            Message::Described { answer: Err(_), .. }
            | Message::Tick { .. }
            | Message::Intent(_)
            | Message::Limits(_)
            | Message::Resized { .. } => {}
        }
    }

    fn on_news(&mut self, news: News) {
        let applied = ingest::apply_news(&mut self.journal, &mut self.orders, news, self.now);
        for record in &applied.records {
            self.composer.skip_recorded_number(record);
            if let Fact::Aside(aside) = &record.fact {
                self.on_aside(record.at, aside);
            }
        }
        if let Some(left) = applied.left {
            self.on_replaced_journal(&left);
        }
    }

    fn on_aside(&mut self, at: UnixMillis, aside: &Aside) {
        let file = sanitized::text(&format!("{}{}", self.options.database, aside.suffix));
        let text = format!("a document was set aside as {file}: {}", sanitized::text(&aside.reason));
        if self.now.0.saturating_sub(at.0) <= MAX_ASIDE_NOTICE_AGE {
            self.notify(&text, Tone::Bad);
        } else {
            self.log.write(at, LogLevel::Warn, &text);
        }
    }

    fn on_replaced_journal(&mut self, left: &Left) {
        let verdict = self.journal.verdict_before();
        self.journal.earlier.add(left, verdict);
        if std::mem::take(&mut self.journal.earlier.resets) {
            return;
        }
        let left = match left.orders {
            0 => "open orders stay".to_owned(),
            1 => "1 ended order left the table".to_owned(),
            orders => format!("{orders} ended orders left the table"),
        };
        self.notify(&format!("the journal was replaced, for example by a reset: {left}"), Tone::Plain);
        // Another program resets the stock only.
        self.on_reset_without_supplier();
    }

    fn on_started(&mut self, ticket: u64, order: &str, workflow: &str, run: &str, joined: bool) {
        let provisional = self.orders.of_ticket(ticket);
        let key = (sanitized::id(workflow), sanitized::id(run));
        let slot = self.orders.started(ticket, key, &sanitized::id(order), joined, self.now);
        self.view.follow_slot(provisional, slot);
        if joined {
            self.notify(
                &format!("{workflow} is already running: the start joined it, so there is no second run"),
                Tone::Good,
            );
        }
    }

    fn on_worker(&mut self, worker: Worker) {
        let crash_planned = self.plans_crash();
        if let Some(identity) = self.connections.on_worker(worker, crash_planned, &mut self.log, self.now) {
            self.orders.on_worker_death(&identity, self.now);
        }
    }

    /// Whether an open order makes its worker crash: by its fault plan if it was sent here, or by the journal, which may
    /// be read only after the crash.
    fn plans_crash(&self) -> bool {
        let in_plan = |order: &Execution| {
            let faults = order.submission.iter().flat_map(|submission| submission.faults.faults());
            faults.into_iter().any(|fault| fault.action == Action::Crash)
        };
        let in_journal = |order: &Execution| {
            let attempts = Activity::ALL.into_iter().flat_map(|activity| order.attempts(activity));
            let mut strikes = attempts.filter_map(|seen| seen.facts).flat_map(|facts| &facts.strikes);
            strikes.any(|strike| strike.action == Action::Crash)
        };
        let mut open = self.orders.open_after(None).filter_map(|slot| self.orders.get(slot));
        open.any(|order| in_plan(order) || in_journal(order))
    }

    fn on_reset(&mut self, result: Result<Option<String>, String>) {
        match result {
            Ok(kept) => {
                if let Some(name) = &kept {
                    self.log.write(self.now, LogLevel::Info, &format!("the old journal is kept as {name}"));
                }
                self.notify("stock reset", Tone::Good);
                if self.supplier().is_some_and(|report| report.foreign) {
                    self.on_reset_without_supplier();
                } else {
                    self.shipments_kept = 0;
                }
            }
            Err(cause) => {
                self.journal.earlier.resets = false;
                self.notify(&format!("the stock was not reset: {cause}"), Tone::Bad);
            }
        }
    }
}
