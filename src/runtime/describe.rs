//! Describes open runs on the server at the core's request, with at most one call per run and eight calls at a time. If
//! a run turns out to be closed, its end is reported too.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{Semaphore, mpsc},
    time::timeout,
};

use super::{ends::Ends, link_keeper::CurrentLink, messages::send};
use crate::{
    app::{self, Message},
    clock::now,
    domain::{Run, RunEnd},
    temporal::{self, DescribeError, Described, describe},
};

/// Maximum number of concurrent calls.
const MAX_CALLS: usize = 8;

/// Maximum duration of one call.
const CALL_TIMEOUT: Duration = Duration::from_secs(2);

/// Runs the describe calls, with a limit per run and in total.
#[derive(Debug, Clone)]
pub struct Describer {
    messages: mpsc::Sender<Message>,
    link: CurrentLink,
    ends: Ends,
    in_progress: Arc<Mutex<HashSet<Run>>>,
    calls: Arc<Semaphore>,
}

impl Describer {
    /// Creates a describer that sends answers as `messages` and omits the ends that other tasks have claimed in `ends`.
    #[must_use]
    pub fn new(messages: mpsc::Sender<Message>, link: CurrentLink, ends: Ends) -> Self {
        let calls = Arc::new(Semaphore::new(MAX_CALLS));
        Self { messages, link, ends, in_progress: Arc::default(), calls }
    }

    /// Describes a run and sends the answer as [`Message::Described`]. Does nothing if a call for this run is already
    /// in progress.
    pub fn describe(&self, run: Run) {
        if lock(&self.in_progress).insert(run.clone()) {
            let describer = self.clone();
            tokio::spawn(async move { describer.answer(run).await });
        }
    }

    async fn answer(self, run: Run) {
        let found = self.call(&run).await;
        lock(&self.in_progress).remove(&run);
        let is_closed = matches!(found, Ok(Described { open: false, .. }));
        let is_unknown = matches!(found, Err(Failed::Call(DescribeError::NotFound { .. })));
        let link = self.link.borrow().clone();
        let answer = found.map(description).map_err(|failed| failed.to_string());
        let Run { workflow, run: id } = run.clone();
        send(&self.messages, Message::Described { workflow, run: id, answer }).await;
        if is_unknown && self.ends.claim(&run) {
            self.ends.report(run, std::future::ready(RunEnd::Unknown)).await;
        } else if let (true, Some(link)) = (is_closed, link)
            && self.ends.claim(&run)
        {
            let watch = temporal::watch(&link, &run.workflow, &run.run);
            self.ends.report(run, watch.end_despite_errors()).await;
        }
    }

    async fn call(&self, run: &Run) -> Result<Described, Failed> {
        let _permit = self.calls.acquire().await.map_err(|_| Failed::NoLink)?;
        // Read the link only after waiting for the permit, since it may have been lost in the meantime.
        let link = self.link.borrow().clone().ok_or(Failed::NoLink)?;
        match timeout(CALL_TIMEOUT, describe(&link, &run.workflow, &run.run)).await {
            Ok(found) => Ok(found?),
            Err(_) => Err(Failed::TimedOut),
        }
    }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error("no connection to a server yet")]
    NoLink,
    #[error("the server did not answer in {} s", CALL_TIMEOUT.as_secs())]
    TimedOut,
    #[error(transparent)]
    Call(#[from] DescribeError),
}

/// Ignores poisoning: each operation leaves the set in a valid state.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn description(described: Described) -> app::Description {
    let failing = described
        .failing
        .map(|failing| app::FailingTask { attempt: failing.attempt, explanation: failing.explain_cause() });
    let Described { open, pending, .. } = described;
    app::Description { at: now(), open, pending, failing, others: Vec::new() }
}

#[cfg(test)]
mod tests {
    use tokio::sync::watch;

    use super::*;
    use crate::runtime::follow::FollowedDatabase;

    fn run(number: usize) -> Run {
        Run { workflow: "order-A".to_owned(), run: format!("run-{number}") }
    }

    #[tokio::test]
    async fn without_a_link_every_run_is_answered_once_with_that_cause() {
        let (messages, mut received) = mpsc::channel(8);
        let (_sender, link) = watch::channel(None);
        let (database, _requests) = FollowedDatabase::new();
        let describer = Describer::new(messages.clone(), link, Ends::new(messages, database));
        let held = Arc::clone(&describer.calls).acquire_many_owned(u32::try_from(MAX_CALLS).unwrap()).await.unwrap();
        describer.describe(run(1));
        // A second request before the answer does not get its own answer.
        describer.describe(run(1));
        describer.describe(run(2));
        drop(held);
        let mut answered = HashSet::new();
        for _ in 0..2 {
            let Some(Message::Described { workflow, run, answer: Err(cause) }) = received.recv().await else {
                panic!()
            };
            assert!(cause.contains("no connection"), "{cause}");
            assert!(answered.insert(Run { workflow, run }));
        }
        assert_eq!(answered, HashSet::from([run(1), run(2)]));
        drop(describer);
        assert_eq!(received.recv().await, None);
    }
}
