//! Asks the server about open runs, as often as the core wants: never about one run twice at once, never with more
//! than eight calls at once. A run that turns out to be closed gets its end told too.

use std::{
    collections::{HashSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{Semaphore, mpsc},
    time::timeout,
};

use super::{
    effects::{tell, tell_end},
    link_keeper::CurrentLink,
};
use crate::{
    app::{self, Message, Run},
    domain::RunEnd,
    store::now,
    temporal::{self, DescribeError, Described, describe},
};

/// Calls that may be under way at once.
const CALLS: usize = 8;

/// How long a call may take.
const DEADLINE: Duration = Duration::from_secs(2);

/// How many runs are remembered whose end was told, or is being waited for.
const ENDS_REMEMBERED: usize = 4096;

/// The runs whose end is told already, or will be by whoever waits for it.
#[derive(Debug, Clone, Default)]
pub struct Ends(Arc<Mutex<Claimed>>);

#[derive(Debug, Default)]
struct Claimed {
    runs: HashSet<Run>,
    oldest_first: VecDeque<Run>,
}

impl Ends {
    /// Whether the caller is the first to want the end of this run told, and so the one who does it.
    #[must_use]
    pub fn claim(&self, run: &Run) -> bool {
        let mut claimed = lock(&self.0);
        if !claimed.runs.insert(run.clone()) {
            return false;
        }
        claimed.oldest_first.push_back(run.clone());
        if claimed.oldest_first.len() > ENDS_REMEMBERED
            && let Some(oldest) = claimed.oldest_first.pop_front()
        {
            claimed.runs.remove(&oldest);
        }
        true
    }
}

/// The questions that are under way.
#[derive(Debug, Clone)]
pub struct Inquiry {
    messages: mpsc::Sender<Message>,
    link: CurrentLink,
    ends: Ends,
    asked: Arc<Mutex<HashSet<Run>>>,
    calls: Arc<Semaphore>,
}

impl Inquiry {
    #[must_use]
    pub fn new(messages: mpsc::Sender<Message>, link: CurrentLink, ends: Ends) -> Self {
        Self { messages, link, ends, asked: Arc::default(), calls: Arc::new(Semaphore::new(CALLS)) }
    }

    /// Asks about a run, unless that is being done already. `Described` answers, once.
    pub fn ask(&self, run: Run) {
        if lock(&self.asked).insert(run.clone()) {
            let inquiry = self.clone();
            tokio::spawn(async move { inquiry.answer(run).await });
        }
    }

    async fn answer(self, run: Run) {
        let found = self.found(&run).await;
        lock(&self.asked).remove(&run);
        let is_closed = matches!(found, Ok(Described { open: false, .. }));
        let is_unknown = matches!(found, Err(Failed::Call(DescribeError::NotFound { .. })));
        let link = self.link.borrow().clone();
        let answer = found.map(description).map_err(|failed| failed.to_string());
        let Run { workflow, run: id } = run.clone();
        tell(&self.messages, Message::Described { workflow, run: id, answer }).await;
        let Run { workflow, run: id } = run.clone();
        if is_unknown && self.ends.claim(&run) {
            tell(&self.messages, Message::Ended { workflow, run: id, end: RunEnd::Unknown }).await;
        } else if let (true, Some(link)) = (is_closed, link)
            && self.ends.claim(&run)
        {
            let watch = temporal::watch(&link, &workflow, &id);
            tell_end(&self.messages, workflow, id, &watch).await;
        }
    }

    async fn found(&self, run: &Run) -> Result<Described, Failed> {
        let _turn = self.calls.acquire().await.map_err(|_| Failed::NoLink)?;
        // Looked up when its turn has come: the link may have gone meanwhile.
        let link = self.link.borrow().clone().ok_or(Failed::NoLink)?;
        match timeout(DEADLINE, describe(&link, &run.workflow, &run.run)).await {
            Ok(found) => Ok(found?),
            Err(_) => Err(Failed::Silence),
        }
    }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error("there is no connection to a server yet")]
    NoLink,
    #[error("the server did not answer in {} s", DEADLINE.as_secs())]
    Silence,
    #[error(transparent)]
    Call(#[from] DescribeError),
}

/// What is in such a set is whole after every single operation, so a panic elsewhere spoils nothing.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The core knows no type of `temporal`.
fn description(described: Described) -> app::Description {
    let failing = described
        .failing
        .map(|failing| app::FailingTask { attempt: failing.attempt, explanation: failing.explain_cause() });
    let Described { open, pending, others, .. } = described;
    app::Description { at: now(), open, pending, failing, others }
}

#[cfg(test)]
mod tests {
    use tokio::sync::watch;

    use super::*;

    fn run(number: usize) -> Run {
        Run { workflow: "order-A".to_owned(), run: format!("run-{number}") }
    }

    #[test]
    fn an_end_is_claimed_once_and_only_so_many_are_remembered() {
        let ends = Ends::default();
        assert!(ends.claim(&run(0)));
        assert!(!ends.clone().claim(&run(0)));
        for number in 1..=ENDS_REMEMBERED {
            assert!(ends.claim(&run(number)));
        }
        assert!(!ends.claim(&run(1)));
        assert!(ends.claim(&run(0)), "the oldest is forgotten");
        assert_eq!(lock(&ends.0).runs.len(), ENDS_REMEMBERED);
    }

    #[tokio::test]
    async fn without_a_link_every_question_is_answered_once_with_that() {
        let (messages, mut told) = mpsc::channel(8);
        let (_sender, link) = watch::channel(None);
        let inquiry = Inquiry::new(messages, link, Ends::default());
        let held = Arc::clone(&inquiry.calls).acquire_many_owned(u32::try_from(CALLS).unwrap()).await.unwrap();
        inquiry.ask(run(1));
        // Asked again before the answer: one answer is enough.
        inquiry.ask(run(1));
        inquiry.ask(run(2));
        drop(held);
        let mut answered = HashSet::new();
        for _ in 0..2 {
            let Some(Message::Described { workflow, run, answer: Err(cause) }) = told.recv().await else { panic!() };
            assert!(cause.contains("no connection"), "{cause}");
            assert!(answered.insert(Run { workflow, run }));
        }
        assert_eq!(answered, HashSet::from([run(1), run(2)]));
        drop(inquiry);
        assert_eq!(told.recv().await, None);
    }
}
