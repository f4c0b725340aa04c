//! Logs each workflow task that this worker fails. The SDK (1.1.1) reports such a failure only in its own log, in the
//! debug form of its types, and its interceptors are experimental. A tracing layer therefore finds these events and
//! logs the failure.

use std::fmt;

use tokio::sync::mpsc;
use tracing::{Event, Subscriber, field::Field};
use tracing_subscriber::{
    Layer,
    filter::{LevelFilter, Targets},
    layer::Context,
    registry::LookupSpan,
};

use super::failing_task::{FailingTask, TaskFailure};
use crate::domain::sanitize;

/// Log target of the SDK's events.
const SDK_TARGET: &str = "temporalio_sdk_core::worker::workflow";

/// Number of failed tasks that can wait to be logged. Further ones are dropped.
const QUEUE_LEN: usize = 64;

/// Maximum length of a worker's message.
const MAX_MESSAGE_CHARS: usize = 400;

/// A workflow task that this worker failed.
#[derive(Debug, PartialEq, Eq)]
pub struct FailedTask {
    run: String,
    cause: TaskFailure,
}

/// Returns a layer that finds failed workflow tasks, and the receiver for [`log_failed_tasks`].
#[must_use]
pub fn failed_tasks<S>() -> (impl Layer<S> + Send + Sync, mpsc::Receiver<FailedTask>)
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let (sender, found) = mpsc::channel(QUEUE_LEN);
    (Finder(sender).with_filter(Targets::new().with_target(SDK_TARGET, LevelFilter::WARN)), found)
}

/// Logs the failed tasks until the layer is dropped. This runs as a task, because events from inside a layer are lost.
pub async fn log_failed_tasks(mut found: mpsc::Receiver<FailedTask>) {
    while let Some(FailedTask { run, cause }) = found.recv().await {
        let explanation = FailingTask { attempt: 2, cause, key: None }.explain();
        tracing::warn!(run, "{explanation}");
    }
}

struct Finder(mpsc::Sender<FailedTask>);

impl<S: Subscriber> Layer<S> for Finder {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        if let (Some(run), Some(failure)) = (fields.run, fields.failure) {
            let _full_or_closed = self.0.try_send(FailedTask { run, cause: cause(&failure) });
        }
    }
}

#[derive(Default)]
struct Fields {
    run: Option<String>,
    failure: Option<String>,
}

impl tracing::field::Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        match field.name() {
            "run_id" => self.run = Some(sanitize(&format!("{value:?}"), MAX_MESSAGE_CHARS)),
            "failure" => self.failure = Some(format!("{value:?}")),
            _ => {}
        }
    }
}

/// Parses the cause from `failure`, the debug form of the SDK's type.
fn cause(failure: &str) -> TaskFailure {
    let worker = "this worker".to_owned();
    let message = message(failure).unwrap_or_else(|| sanitize(failure, MAX_MESSAGE_CHARS));
    if failure.contains("force_cause: NonDeterministicError") || message.contains("TMPRL1100") {
        TaskFailure::NonDeterminism { message, worker }
    } else {
        TaskFailure::Worker { message, worker }
    }
}

/// Returns the first message in the text, which belongs to the outermost failure.
fn message(failure: &str) -> Option<String> {
    let (_, quoted) = failure.split_once("message: \"")?;
    let mut escaped = false;
    let end = quoted.find(|character| {
        let ends = character == '"' && !escaped;
        escaped = character == '\\' && !escaped;
        ends
    })?;
    let text = quoted.get(..end)?.replace("\\\"", "\"").replace("\\'", "'").replace("\\n", " ");
    Some(sanitize(&text, MAX_MESSAGE_CHARS)).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::prelude::*;

    use super::*;

    #[derive(Debug)]
    #[expect(dead_code, reason = "only its Debug is read")]
    struct Failure {
        message: String,
        force_cause: &'static str,
    }

    #[test]
    fn a_failed_task_of_the_sdk_is_found_and_nothing_else() {
        let (layer, mut found) = failed_tasks();
        let failure = Failure { message: "no \"key\" 'stage'".to_owned(), force_cause: "Unspecified" };
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            tracing::warn!(target: SDK_TARGET, run_id = %"r-1", failure = ?Some(failure), "Failing workflow task");
            tracing::warn!(target: SDK_TARGET, run_id = %"r-2", "Task not found when completing");
            tracing::warn!(target: "elsewhere", run_id = %"r-3", failure = "x", "Failing workflow task");
        });
        let (worker, message) = ("this worker".to_owned(), "no \"key\" 'stage'".to_owned());
        let expected = FailedTask { run: "r-1".to_owned(), cause: TaskFailure::Worker { message, worker } };
        assert_eq!(found.try_recv(), Ok(expected));
        assert!(found.try_recv().is_err());
        let changed = "Failure { failure: Some(Failure { message: \"[TMPRL1100] x\" }) }";
        assert!(matches!(cause(changed), TaskFailure::NonDeterminism { .. }));
    }
}
