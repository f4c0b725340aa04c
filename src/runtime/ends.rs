//! Reports the ends of runs, each once, after the journal's lines about the run.
//!
//! The server can report an end before the journal's last lines are read. The core computes a verdict when it receives the
//! end, so the journal is read once more in between.

use std::{
    collections::{HashSet, VecDeque},
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::mpsc;

use super::{follow::FollowedDatabase, messages::send};
use crate::{
    app::Message,
    domain::{Run, RunEnd},
};

/// Maximum number of runs in [`Claimed`]; the oldest are dropped.
const MAX_REPORTED_ENDS: usize = 4096;

/// Sends the ends of runs as messages.
#[derive(Debug, Clone)]
pub struct Ends {
    messages: mpsc::Sender<Message>,
    database: FollowedDatabase,
    claimed: Arc<Mutex<Claimed>>,
}

/// Runs whose end has been, or will be, reported by a task.
#[derive(Debug, Default)]
struct Claimed {
    runs: HashSet<Run>,
    oldest_first: VecDeque<Run>,
}

impl Ends {
    /// Returns a reporter of the ends of runs whose records are in `database`.
    #[must_use]
    pub fn new(messages: mpsc::Sender<Message>, database: FollowedDatabase) -> Self {
        Self { messages, database, claimed: Arc::default() }
    }

    /// Returns `true` once per run. The caller then has to report the end of that run.
    #[must_use]
    pub fn claim(&self, run: &Run) -> bool {
        // Each operation leaves the set in a valid state.
        let mut claimed = self.claimed.lock().unwrap_or_else(PoisonError::into_inner);
        if !claimed.runs.insert(run.clone()) {
            return false;
        }
        claimed.oldest_first.push_back(run.clone());
        if claimed.oldest_first.len() > MAX_REPORTED_ENDS
            && let Some(oldest) = claimed.oldest_first.pop_front()
        {
            claimed.runs.remove(&oldest);
        }
        true
    }

    /// Waits for the end of a run, even while the server does not answer, and reports it.
    pub async fn report(&self, run: Run, end: impl Future<Output = RunEnd>) {
        let end = tokio::select! {
            end = end => end,
            () = self.messages.closed() => return,
        };
        self.database.read().await;
        let Run { workflow, run } = run;
        send(&self.messages, Message::Ended { workflow, run, end }).await;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        clock::now,
        domain::{Activity, Attempt, OrderId, Origin},
        runtime::follow::{Seen, follow},
        store::{AttemptEvent, Engine, Location, Note, Phase, Publication, Request, storage::Disk},
    };

    fn run(number: usize) -> Run {
        Run { workflow: "order-A".to_owned(), run: format!("run-{number}") }
    }

    #[test]
    fn an_end_is_claimed_once_and_the_oldest_claims_are_dropped() {
        let (messages, _received) = mpsc::channel(1);
        let (database, _requests) = FollowedDatabase::new();
        let ends = Ends::new(messages, database);
        assert!(ends.claim(&run(0)));
        assert!(!ends.clone().claim(&run(0)));
        for number in 1..=MAX_REPORTED_ENDS {
            assert!(ends.claim(&run(number)));
        }
        assert!(!ends.claim(&run(1)));
        assert!(ends.claim(&run(0)), "the oldest claim is dropped");
        assert_eq!(ends.claimed.lock().unwrap().runs.len(), MAX_REPORTED_ENDS);
    }

    fn message(seen: Seen) -> Option<Message> {
        if let Seen::Journal(news) = seen { Some(Message::Journal(news.unwrap())) } else { None }
    }

    /// All tasks share one thread, so the file system's report about the new line cannot be handled in between.
    #[tokio::test]
    async fn an_end_is_reported_after_the_lines_that_the_journal_had_then() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("inventory.json");
        let mut engine = Engine::open(Disk::open(&path).unwrap(), now, 900).unwrap();
        let (messages, mut received) = mpsc::channel(8);
        let (database, requests) = FollowedDatabase::new();
        tokio::spawn(follow(
            Location::File(path.clone()),
            Duration::from_hours(1),
            requests,
            messages.clone(),
            message,
        ));
        let first = received.recv().await;
        assert!(matches!(first, Some(Message::Journal(_))), "{first:?}");
        let order = OrderId::new("A").unwrap();
        let Run { workflow, run } = run(1);
        let (activity, attempt) = (Activity::SupplierOrder, Attempt::FIRST);
        let origin = Origin { order, workflow: workflow.clone(), run: run.clone(), activity, attempt };
        let last = Note::Attempt(AttemptEvent { origin, phase: Phase::Started });
        engine.commit(&[Request::Note(last)], Publication::Now).unwrap();
        let ends = Ends::new(messages, database);
        ends.report(Run { workflow, run }, std::future::ready(RunEnd::Cancelled)).await;
        let Some(Message::Journal(news)) = received.recv().await else { panic!("the end came before the line") };
        assert_eq!(news.records.len(), 1);
        assert!(matches!(received.recv().await, Some(Message::Ended { end: RunEnd::Cancelled, .. })));
    }

    #[tokio::test]
    async fn an_end_is_reported_although_the_database_is_no_longer_followed() {
        let (messages, mut received) = mpsc::channel(1);
        let (database, requests) = FollowedDatabase::new();
        drop(requests);
        Ends::new(messages, database).report(run(1), std::future::ready(RunEnd::Unknown)).await;
        assert!(matches!(received.recv().await, Some(Message::Ended { .. })));
    }
}
