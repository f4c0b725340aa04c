//! What is wrong right now, the most important thing first: cause, countdown, and what mends it. Derived.

use crate::domain::UnixMillis;

use super::{App, Link, Server, Worker};

/// Something that stands in the way, as one sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    pub text: String,
    /// Nothing is wrong: it only takes its time.
    pub passes: bool,
}

const fn wrong(text: String) -> Trouble {
    Trouble { text, passes: false }
}

const fn passing(text: String) -> Trouble {
    Trouble { text, passes: true }
}

/// What stands most in the way.
#[must_use]
pub fn trouble(app: &App) -> Option<Trouble> {
    files(app)
        .or_else(|| server(app))
        .or_else(|| link(app))
        .or_else(|| worker(app))
        .or_else(|| failing(app))
        .or_else(|| missing(app))
}

fn files(app: &App) -> Option<Trouble> {
    let stale = |what: &str, (cause, since): &(String, UnixMillis)| {
        wrong(format!("{what} cannot be read; what you see is {} old. {cause}", age(*since, app.shown_now())))
    };
    let account = app.account();
    let journal = account.journal.broken.as_ref().map(|broken| stale("the journal", broken));
    let document = account.document_source.broken.as_ref().map(|broken| stale("the document", broken));
    journal.or(document).or_else(|| account.reading.map(reading))
}

fn reading((read, of): (u64, u64)) -> Trouble {
    let percent = read.saturating_mul(100) / of.max(1);
    passing(format!("reading the journal: {percent} % of {} MB", of.div_ceil(1_000_000)))
}

fn server(app: &App) -> Option<Trouble> {
    match app.server() {
        Server::Ended { cause } => Some(wrong(format!("the embedded server has ended: {cause}"))),
        Server::Preparing { step } => Some(passing(format!("the embedded server is on its way: {step}"))),
        Server::Killed => Some(wrong("the embedded server was killed; X starts it again".to_owned())),
        Server::Foreign | Server::Unknown | Server::Running { .. } => None,
    }
}

fn link(app: &App) -> Option<Trouble> {
    let address = &app.setup().server;
    match app.link() {
        Link::Up => None,
        Link::Connecting { attempt: 0 | 1 } => Some(passing(format!("connecting to {address}"))),
        Link::Connecting { attempt } => Some(passing(format!("connecting to {address}, attempt {attempt}"))),
        Link::Down { cause, next_try, .. } => {
            let next = until(*next_try, app.shown_now());
            Some(wrong(format!("no connection, next try {next}: {cause}. idempotence config shows the settings")))
        }
    }
}

fn worker(app: &App) -> Option<Trouble> {
    match app.worker() {
        Worker::Exited { cause, restart_at } => {
            let next = restart_at.map_or_else(
                || "w starts it again".to_owned(),
                |at| format!("it starts again {}", until(at, app.shown_now())),
            );
            Some(wrong(format!("the worker is gone, {next}: {cause}")))
        }
        Worker::Killed | Worker::Stopped | Worker::Absent | Worker::Elsewhere => no_worker_here(app),
        Worker::Starting | Worker::Ready { .. } | Worker::Stopping => None,
    }
}

/// Whether that matters depends on who else polls.
fn no_worker_here(app: &App) -> Option<Trouble> {
    let state = match app.worker() {
        Worker::Killed => "this dashboard's worker was killed",
        Worker::Stopped => "this dashboard's worker is stopped",
        Worker::Elsewhere => {
            let foreign = app.foreign_worker()?;
            let text = format!("{foreign} polls the task queue and is another program; w starts a worker beside it");
            return Some(passing(text));
        }
        _ => "this dashboard runs no worker",
    };
    if let Some(other) = app.other_worker() {
        return Some(passing(format!("{state}; {other} polls the task queue")));
    }
    match app.worker() {
        Worker::Killed => Some(wrong("the worker was killed; orders wait in Temporal. w starts it again".to_owned())),
        Worker::Stopped => Some(wrong("the worker is stopped; orders wait in Temporal. w starts it".to_owned())),
        _ if app.knows_pollers() => Some(wrong("no worker polls the task queue; w starts one".to_owned())),
        _ => Some(passing("this dashboard runs no worker; whether another one polls is not known yet".to_owned())),
    }
}

/// Orders that no worker can process.
fn failing(app: &App) -> Option<Trouble> {
    let (count, first) = app.orders().failing()?;
    let explanation = &first.failing.as_ref()?.explanation;
    let more = if count > 1 { format!(" and {} more", count - 1) } else { String::new() };
    Some(wrong(format!("{}{more} cannot go on: {explanation}", first.order)))
}

fn missing(app: &App) -> Option<Trouble> {
    let missing = app.account().missing();
    let text = || format!("{missing} journal lines wait for an earlier one that has not come");
    (missing > 0).then(text).map(wrong)
}

/// `in 3 s`, or `now`.
#[must_use]
pub fn until(at: UnixMillis, now: UnixMillis) -> String {
    match at.0.saturating_sub(now.0) {
        0 => "now".to_owned(),
        left => format!("in {} s", left.div_ceil(1_000)),
    }
}

/// `3 s`, `2 min`, `1 h`.
#[must_use]
pub fn age(since: UnixMillis, now: UnixMillis) -> String {
    match now.0.saturating_sub(since.0) / 1_000 {
        seconds @ 0..60 => format!("{seconds} s"),
        seconds @ 60..3_600 => format!("{} min", seconds / 60),
        seconds => format!("{} h", seconds / 3_600),
    }
}
