//! The words of the screen for what `app` derives. No layout here.

use ratatui::style::Style;

use crate::{
    app::{App, OrderVerdict, Stage, Worker, until},
    domain::Activity,
};

use super::theme;

/// The state of an order in a word or two.
#[must_use]
pub fn stage(stage: Stage<'_>) -> (&'static str, Style) {
    match stage {
        Stage::Starting => ("starting", theme::FAINT),
        Stage::NotStarted(_) => ("not started", theme::BAD),
        Stage::Queued => ("queued", theme::PLAIN),
        Stage::Running { .. } | Stage::Between => ("running", theme::BOLD),
        Stage::Unanswered { .. } => ("no answer", theme::WARN),
        Stage::BackingOff { .. } => ("retrying", theme::WARN),
        Stage::Completed => ("completed", theme::PLAIN),
        Stage::Refused => ("refused", theme::BAD),
        Stage::Failed(_) => ("failed", theme::BAD),
        Stage::Cancelled => ("cancelled", theme::BAD),
        Stage::Terminated => ("terminated", theme::BAD),
        Stage::TimedOut => ("timed out", theme::BAD),
        Stage::Paused { .. } => ("paused", theme::WARN),
        Stage::Unknown => ("not known", theme::WARN),
    }
}

/// What an order waits for.
#[must_use]
pub fn waits_for(app: &App, stage: Stage<'_>) -> String {
    let worker_works = matches!(app.worker(), Worker::Ready { .. } | Worker::Elsewhere);
    let now = app.shown_now();
    let due_at = match stage {
        Stage::BackingOff { due, .. } | Stage::Unanswered { due, .. } => due,
        Stage::Running { due, .. } if !worker_works => due,
        _ => now,
    };
    let is_ahead = due_at > now;
    match stage {
        Stage::Starting => "the server".to_owned(),
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
        Stage::Running { activity, attempt, .. } => format!("{} {attempt}", activity.short_name()),
        Stage::Between => Activity::SupplierOrder.short_name().to_owned(),
        _ => String::new(),
    }
}

/// The verdict on an order, and its style.
#[must_use]
pub fn verdict(verdict: OrderVerdict) -> (String, Style) {
    let known = |word: &str, style| (word.to_owned(), style);
    match verdict {
        OrderVerdict::Pending => known("", theme::FAINT),
        OrderVerdict::Unconfirmed => known("in, unconfirmed", theme::WARN),
        OrderVerdict::AppliedOnce => known("✓ applied once", theme::GOOD),
        OrderVerdict::Replayed => known("↺ replayed", theme::KNOWN),
        OrderVerdict::Skipped => known("= skipped", theme::KNOWN),
        OrderVerdict::Rejected => known("⊘ rejected", theme::BAD),
        OrderVerdict::Conflict => known("⊘ conflict", theme::BAD),
        OrderVerdict::Applied(2) => known("APPLIED TWICE", theme::badge(theme::BAD)),
        OrderVerdict::Applied(times) => (format!("APPLIED {times} TIMES"), theme::badge(theme::BAD)),
        OrderVerdict::Completed => known("✓ completed", theme::GOOD),
        OrderVerdict::NoEffect => known("no effect", theme::FAINT),
        OrderVerdict::Unknown => known("effect not known", theme::WARN),
    }
}

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
