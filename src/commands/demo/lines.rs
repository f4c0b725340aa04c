//! Prints the events of a scenario: a line per attempt and effect, and the state changes of worker and server.

use crate::{
    app::{App, Link, Message, ScenarioRun, Server, SupplierState, Worker},
    commands::{log::LogFile, print},
    config::Settings,
    domain::{OrderId, Origin, Stock},
    scenario::{Scenario, What},
    store::{Fact, Phase, Record, RelayEvent},
};

/// Prints messages as lines, or prints nothing if it is quiet.
pub struct Lines {
    quiet: bool,
    title: String,
    terms: String,
    /// Whether lines contain the order's id, because there are several orders.
    several: bool,
    /// Number of the last printed journal line, and the time of the first one.
    shown: u64,
    first: Option<u64>,
    server_was_down: bool,
    /// The last state of the supplier.
    supplier: Option<SupplierState>,
}

impl Lines {
    #[must_use]
    /// Creates a printer for the events of `scenario`.
    pub fn new(scenario: &Scenario, quiet: bool) -> Self {
        let orders = scenario.acts.iter().filter(|act| matches!(act.what, What::Order(_))).count();
        let copies = scenario.acts.iter().any(|act| matches!(&act.what, What::Order(placing) if placing.copies > 1));
        Self {
            quiet,
            title: format!("scenario {}: {}", scenario.name, scenario.title),
            terms: format!("faults {}, seed {}, guard {}", scenario.faults, scenario.seed, scenario.guard),
            several: orders > 1 || copies,
            shown: 0,
            first: None,
            server_was_down: false,
            supplier: None,
        }
    }

    /// Prints the scenario and where it runs.
    pub fn begin(&self, settings: &Settings, log: &LogFile) {
        self.say(&self.title);
        self.say(&format!("server {}, task queue {}", settings.address, settings.task_queue));
        self.say(&format!("database {}, log {}", settings.database.location, log));
        self.say(&self.terms);
    }

    /// Prints the lines for a message, after `app` has applied it.
    pub fn print_message(&mut self, message: &Message, app: &App) {
        match message {
            Message::Journal(news) => {
                if news.restarted {
                    (self.shown, self.first) = (0, None);
                }
                let begun = app.scenario_run().is_some_and(ScenarioRun::has_begun);
                for record in &news.records {
                    // Earlier records of an existing database are not events of this run.
                    if begun || matches!(record.fact, Fact::Init(_)) {
                        self.record(record);
                    }
                }
            }
            Message::Started { order, workflow, run, joined, .. } => {
                let how = if *joined { "joined" } else { "started" };
                self.say(&format!("{how:<8} order {order}: workflow {workflow} run {run}"));
            }
            Message::Worker(Worker::Exited { cause, .. }) => self.say(&format!("worker   {cause}; starting a new one")),
            Message::Worker(Worker::Ready { pid }) if self.first.is_some() => {
                self.say(&format!("worker   {pid} is polling"));
            }
            Message::Server(Server::Preparing { step }) => self.say(step),
            Message::Server(Server::Killed) => {
                self.server_was_down = true;
                self.say("server   killed (SIGKILL)");
            }
            Message::Supplier(report) => {
                let before = self.supplier.replace(report.state.clone());
                // Its process starts before the first step.
                if app.scenario_run().is_some_and(ScenarioRun::has_begun)
                    && let Some(text) = before.and_then(|before| supplier_change(&before, &report.state))
                {
                    self.say(&text);
                }
            }
            Message::Link(Link::Up) if self.server_was_down => self.say("server   answers again"),
            Message::Notice { text, tone: crate::app::Tone::Bad } if app.scenario_run().is_some() => self.say(text),
            _ => {}
        }
    }

    /// Prints a line unless this printer is quiet.
    pub fn say(&self, text: &str) {
        if self.quiet {
            tracing::info!("{text}");
        } else {
            print::line(text);
        }
    }

    fn record(&mut self, record: &Record) {
        if record.seq <= self.shown {
            return;
        }
        self.shown = record.seq;
        let since = record.at.0.saturating_sub(*self.first.get_or_insert(record.at.0));
        if let Some((order, text)) = describe(&record.fact) {
            let order = order.filter(|_| self.several).map_or_else(String::new, |order| format!("{order:<6} "));
            self.say(&format!("{:>4}.{:03} s  {order}{text}", since / 1000, since % 1000));
        }
    }
}

/// Returns the text for a change of the supplier; `None` if only its counters have changed.
fn supplier_change(before: &SupplierState, now: &SupplierState) -> Option<String> {
    match (before, now) {
        (SupplierState::Up(_), SupplierState::Down { .. }) => Some("supplier does not answer".to_owned()),
        (SupplierState::Down { .. }, SupplierState::Up(_)) => Some("supplier answers again".to_owned()),
        (SupplierState::Up(before), SupplierState::Up(now)) if now.outage > before.outage => {
            Some(format!("supplier has an outage: it refuses the next {} orders", now.outage))
        }
        (SupplierState::Up(before), SupplierState::Up(now)) if now.others > before.others => {
            Some("supplier has shipped an order of another client".to_owned())
        }
        _ => None,
    }
}

/// Formats a change of the stock in ASCII, because the encoding of the output is unknown.
fn change(delta: i64, stock: Stock) -> String {
    format!("stock {} -> {stock} ({delta:+})", stock.saturating_sub(delta))
}

/// Returns the order and the line for an attempt or effect.
pub(in crate::commands) fn describe(fact: &Fact) -> Option<(Option<&OrderId>, String)> {
    Some(match fact {
        Fact::Compacted(_) => return None,
        Fact::Init(init) => (None, format!("{:<24} {} units of {}", "stock", init.stock, init.product)),
        Fact::Order(commit) | Fact::Supplier(commit) => {
            let receipt = &commit.receipt;
            let text = format!("{}  {}", change(receipt.delta, receipt.stock), commit.key);
            (Some(&commit.origin.order), format!("{:<24} {text}", "  effect committed"))
        }
        Fact::Reject(refused) => (None, format!("{:<24} {}: {}", "  refused", refused.code, refused.message)),
        Fact::Adjust(adjustment) => {
            (None, format!("{:<24} {}", "adjusted", change(adjustment.delta, adjustment.stock)))
        }
        Fact::Aside(aside) => (None, format!("{:<24} as {}: {}", "document kept", aside.suffix, aside.reason)),
        Fact::Intent(commit) => {
            let text = format!("{}  {}", commit.payload, commit.key);
            (Some(&commit.origin.order), format!("{:<24} {text}", "  order recorded"))
        }
        Fact::Relay(RelayEvent { event, .. }) => {
            let Origin { order, attempt, .. } = &event.origin;
            (Some(order), format!("{:<24} try {attempt}: {}", "  relay", phase(&event.phase)?))
        }
        Fact::Attempt(event) => {
            let origin = &event.origin;
            let what = phase(&event.phase)?;
            (Some(&origin.order), format!("{:<24} attempt {}: {what}", origin.activity.name(), origin.attempt))
        }
    })
}

/// Describes an event of an attempt; `None` for its start.
fn phase(phase: &Phase) -> Option<String> {
    Some(match phase {
        Phase::Started => return None,
        Phase::Fault { point, action } => format!("{action} {point}"),
        Phase::Shipped { shipment, replayed: false } => format!("supplier shipped {shipment}"),
        Phase::Shipped { shipment, replayed: true } => {
            format!("supplier had shipped {shipment} before")
        }
        Phase::Completed { outcome } => format!("ok, {}", outcome.name()),
        Phase::Failed { message, point: Some(point), .. } => format!("failed {point}: {message}"),
        Phase::Failed { message, .. } => format!("failed: {message}"),
    })
}
