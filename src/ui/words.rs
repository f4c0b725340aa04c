//! Texts for the states that `app` derives, without layout.

use ratatui::style::Style;

use crate::{
    app::{App, Appearance, Link, OrderVerdict, Stage, Worker, stage_word, until, verdict_word},
    domain::{Activity, Guard, Stock},
    text::first_fitting,
};

use super::theme;

/// Returns one or two words for the state of an order, and their style.
#[must_use]
pub const fn stage(stage: Stage<'_>) -> (&'static str, Style) {
    let style = match stage {
        Stage::Starting => theme::FAINT,
        Stage::Queued | Stage::Completed => theme::PLAIN,
        Stage::Running { .. } | Stage::Elsewhere { .. } | Stage::Between => theme::BOLD,
        Stage::Unanswered { .. } | Stage::BackingOff { .. } | Stage::Paused { .. } | Stage::Unknown => theme::WARN,
        Stage::NotStarted(_)
        | Stage::TaskFails(_)
        | Stage::Refused
        | Stage::Failed(_)
        | Stage::Cancelled
        | Stage::Terminated
        | Stage::TimedOut => theme::BAD,
    };
    (stage_word(stage), style)
}

/// Returns what an order waits for; empty if it waits for nothing.
#[must_use]
pub fn waits_for(app: &App, stage: Stage<'_>) -> String {
    let worker_works = app.connections().is_served();
    let now = app.shown_now();
    let due_at = match stage {
        Stage::BackingOff { due, .. } | Stage::Unanswered { due, .. } => due,
        Stage::Running { due, .. } if !worker_works => due,
        _ => now,
    };
    let is_ahead = due_at > now;
    if *app.link() != Link::Up && !is_ahead && !matches!(stage, Stage::Starting) && stage_is_open(stage) {
        return "the server".to_owned();
    }
    match stage {
        Stage::Starting => "the server".to_owned(),
        Stage::TaskFails(_) => "another worker".to_owned(),
        Stage::Elsewhere { first: Some(first), count: 1 } => format!("{} {}", first.activity, first.attempt),
        Stage::Elsewhere { first: Some(first), count } => {
            format!("{} {}, +{}", first.activity, first.attempt, count.saturating_sub(1))
        }
        Stage::BackingOff { next, .. } if is_ahead => format!("attempt {next} {}", until(due_at, now)),
        Stage::Unanswered { .. } | Stage::Running { .. } if is_ahead => format!("timeout {}", until(due_at, now)),
        Stage::Queued if worker_works => "a free worker".to_owned(),
        Stage::Queued
        | Stage::BackingOff { .. }
        | Stage::Unanswered { .. }
        | Stage::Running { .. }
        | Stage::Between
            if !worker_works =>
        {
            "a worker".to_owned()
        }
        Stage::BackingOff { next, .. } => format!("attempt {next} now"),
        Stage::Unanswered { .. } => "the next attempt".to_owned(),
        Stage::Running { activity, attempt, .. } => format!("{} {attempt}", activity.activity.label()),
        Stage::Between => Activity::SupplierOrder.short_name().to_owned(),
        _ => String::new(),
    }
}

/// Returns the text of a stock change: `1000 → 1 (-999)`. `stock` is the value after it.
#[must_use]
pub fn change(look: Appearance, delta: i64, stock: Stock) -> String {
    format!("{} ({delta:+})", from_to(look, delta, stock))
}

/// Returns the short text of a stock change: `1000 → 1`. `stock` is the value after it.
#[must_use]
pub fn from_to(look: Appearance, delta: i64, stock: Stock) -> String {
    let arrow = if look.ascii { "->" } else { "→" };
    format!("{} {arrow} {stock}", stock.saturating_sub(delta))
}

/// Whether the order's workflow is known to be still running.
const fn stage_is_open(stage: Stage<'_>) -> bool {
    matches!(
        stage,
        Stage::Queued
            | Stage::TaskFails(_)
            | Stage::Running { .. }
            | Stage::Unanswered { .. }
            | Stage::BackingOff { .. }
            | Stage::Between
    )
}

/// Returns the verdict on an order in at most `width` columns, and its style.
#[must_use]
pub fn verdict(verdict: OrderVerdict, width: usize) -> (String, Style) {
    let style = match verdict {
        OrderVerdict::Pending | OrderVerdict::NoEffect => theme::FAINT,
        OrderVerdict::Unconfirmed | OrderVerdict::Unknown => theme::WARN,
        OrderVerdict::AppliedOnce | OrderVerdict::Completed => theme::GOOD,
        OrderVerdict::Replayed | OrderVerdict::Skipped | OrderVerdict::OnOrder => theme::KNOWN,
        OrderVerdict::Rejected | OrderVerdict::Conflict | OrderVerdict::NotSupplied => theme::BAD,
        OrderVerdict::Applied(_) | OrderVerdict::Shipped(_) => theme::badge(theme::BAD),
    };
    let word = verdict_word(verdict);
    // The timeline also shows that the change is written.
    let short = word.strip_prefix("written, ").unwrap_or(&word);
    (first_fitting([&word, short], width), style)
}

/// Returns the style of a guard, by its safety.
#[must_use]
pub const fn guard(guard: Guard) -> Style {
    match guard {
        Guard::Ledger => theme::GOOD,
        Guard::LastOrder => theme::WARN,
        Guard::Off => theme::BAD,
    }
}

/// Returns the state of the worker that processes this dashboard's orders, and its style.
#[must_use]
pub fn current_worker(app: &App) -> (String, Style) {
    match app.worker() {
        // A dashboard without a worker uses another program's worker, if one is polling.
        Worker::Absent if app.connections().other_worker().is_some() => worker(&Worker::Elsewhere),
        own => worker(own),
    }
}

/// Returns the state of this dashboard's own worker, and its style.
#[must_use]
pub fn worker(worker: &Worker) -> (String, Style) {
    let known = |word: &str, style| (word.to_owned(), style);
    match worker {
        Worker::Absent => known("✗ none", theme::BAD),
        Worker::Elsewhere => known("● elsewhere", theme::GOOD),
        Worker::Starting => known("○ starting", theme::PLAIN),
        Worker::Ready { pid } => (format!("● ready {pid}"), theme::GOOD),
        Worker::Stopping => known("○ stopping", theme::WARN),
        Worker::Stopped => known("■ stopped", theme::WARN),
        Worker::Killed => known("† killed", theme::badge(theme::BAD)),
        Worker::Exited { .. } => known("† gone", theme::badge(theme::BAD)),
    }
}
