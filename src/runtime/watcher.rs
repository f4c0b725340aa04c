//! Executes the core's requests about executions of any workflow. Each request has one answer, also without a connection.

use std::{
    collections::{HashMap, VecDeque},
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{Semaphore, mpsc};

use super::{link_keeper::CurrentLink, messages::send};
use crate::{
    app::{HistoryPage, ListPage, Message, Tone, WatchNews, WatchProblem, WatchRequest},
    clock::now,
    domain::{ExecutionReport, Operation, Run},
    temporal::{
        Link,
        watch::{self, HistoryPosition, Listing, PageToken, RequestError},
    },
};

/// Maximum number of concurrent descriptions.
const MAX_DESCRIPTIONS: usize = 8;

/// Maximum number of runs whose position in the history is kept; the oldest are dropped.
const MAX_POSITIONS: usize = 64;

/// Executes requests in the background.
#[derive(Debug, Clone)]
pub struct Watcher {
    messages: mpsc::Sender<Message>,
    link: CurrentLink,
    descriptions: Arc<Semaphore>,
    pages: Arc<Mutex<Pages>>,
    histories: Arc<Mutex<Histories>>,
}

/// The server's tokens of the pages of one query: that of page `n` at index `n`.
#[derive(Debug, Default)]
struct Pages {
    query: String,
    tokens: Vec<PageToken>,
}

impl Pages {
    /// The token of a page, or of the last page before it that is known, and the number of that page.
    fn token(&mut self, query: &str, page: usize) -> (usize, PageToken) {
        if self.query != query {
            *self = Self { query: query.to_owned(), tokens: Vec::new() };
        }
        let known = page.min(self.tokens.len());
        (known, known.checked_sub(1).and_then(|index| self.tokens.get(index)).cloned().unwrap_or_default())
    }

    /// Stores the token of the page after `page`.
    fn keep(&mut self, query: &str, page: usize, next: Option<PageToken>) {
        if self.query == query && page <= self.tokens.len() {
            match next {
                // The tokens of later pages stay valid, since a token names an execution and not a row.
                Some(next) if page < self.tokens.len() => self.tokens[page] = next,
                Some(next) => self.tokens.push(next),
                None => self.tokens.truncate(page),
            }
        }
    }
}

/// How far the history of each run was read: the event, and the server's position after it.
#[derive(Debug, Default)]
struct Histories {
    positions: HashMap<Run, (u64, HistoryPosition)>,
    oldest_first: VecDeque<Run>,
}

impl Histories {
    /// A known position that is not after the event `after`.
    fn position(&self, run: &Run, after: u64) -> Option<HistoryPosition> {
        let known = self.positions.get(run).filter(|(event, _)| *event <= after);
        known.map(|(_, position)| position.clone())
    }

    fn keep(&mut self, run: Run, event: u64, position: HistoryPosition) {
        if self.positions.insert(run.clone(), (event, position)).is_none() {
            self.oldest_first.push_back(run);
        }
        if self.oldest_first.len() > MAX_POSITIONS
            && let Some(oldest) = self.oldest_first.pop_front()
        {
            self.positions.remove(&oldest);
        }
    }
}

impl Watcher {
    /// Creates a watcher that sends its answers as `messages`.
    #[must_use]
    pub fn new(messages: mpsc::Sender<Message>, link: CurrentLink) -> Self {
        Self {
            messages,
            link,
            descriptions: Arc::new(Semaphore::new(MAX_DESCRIPTIONS)),
            pages: Arc::default(),
            histories: Arc::default(),
        }
    }

    /// Executes a request in the background, and sends its answer.
    pub fn execute(&self, request: WatchRequest) {
        let watcher = self.clone();
        tokio::spawn(async move {
            let answer = watcher.answer(request).await;
            send(&watcher.messages, answer).await;
        });
    }

    async fn answer(&self, request: WatchRequest) -> Message {
        Message::Watch(match request {
            WatchRequest::List { query, page } => {
                let answer = self.linked(|link| self.list(link, &query, page)).await;
                WatchNews::Listed { answer, query, page }
            }
            WatchRequest::Count { query } => {
                let counted = &query;
                let answer = self.linked(|link| async move { watch::count(&link, counted).await }).await;
                WatchNews::Counted { answer, query }
            }
            WatchRequest::Describe(run) => {
                let answer = self.linked(|link| self.describe(link, &run)).await;
                WatchNews::Described { answer, run }
            }
            WatchRequest::History { run, after } => {
                let answer = self.linked(|link| self.history(link, &run, after)).await;
                WatchNews::History { answer, run }
            }
            WatchRequest::Operate(run, operation) => return self.operate(&run, &operation).await,
        })
    }

    /// Calls `request` with the link, if there is one.
    async fn linked<T, F>(&self, request: impl FnOnce(Link) -> F) -> Result<T, WatchProblem>
    where
        F: Future<Output = Result<T, RequestError>>,
    {
        let link = self.link.borrow().clone().ok_or(WatchProblem::NoLink)?;
        let answer = request(link.clone()).await;
        if answer.is_ok() {
            link.note_answer();
        }
        answer.map_err(problem)
    }

    /// Lists a page. Pages before it are listed first if their tokens are not known.
    async fn list(&self, link: Link, query: &str, page: usize) -> Result<ListPage, RequestError> {
        loop {
            let (known, token) = lock(&self.pages).token(query, page);
            let Listing { executions, next } = watch::list(&link, query, token).await?;
            let more = next.is_some();
            lock(&self.pages).keep(query, known, next);
            if known == page {
                return Ok(ListPage { at: now(), executions, more });
            }
            if !more {
                // There are fewer pages than before.
                return Ok(ListPage { at: now(), executions: Vec::new(), more });
            }
        }
    }

    async fn describe(&self, link: Link, run: &Run) -> Result<Box<ExecutionReport>, RequestError> {
        // The semaphore is never closed.
        let _permit = self.descriptions.acquire().await.ok();
        watch::describe_execution(&link, run).await.map(Box::new)
    }

    /// Reads events, and skips those that the core knows. A position is kept per run, because the server knows its own
    /// positions only, and no event ids.
    async fn history(&self, link: Link, run: &Run, after: u64) -> Result<HistoryPage, RequestError> {
        let mut position = lock(&self.histories).position(run, after).unwrap_or_default();
        loop {
            let part = watch::history(&link, run, position).await?;
            let last = part.events.last().map(|event| event.id);
            let more = part.next.is_some();
            if let Some(next) = &part.next {
                lock(&self.histories).keep(run.clone(), last.unwrap_or(after), next.clone());
            }
            match part.next {
                // Only known events: read on from here, since another request may move the position that is kept.
                Some(next) if last.is_some_and(|last| last <= after) => position = next,
                _ => {
                    let events = part.events.into_iter().filter(|event| event.id > after).collect();
                    return Ok(HistoryPage { events, more });
                }
            }
        }
    }

    async fn operate(&self, run: &Run, operation: &Operation) -> Message {
        let Some(link) = self.link.borrow().clone() else {
            let text = format!("not done: {}", WatchProblem::NoLink);
            return Message::Notice { text, tone: Tone::Bad };
        };
        match watch::operate(&link, run, operation).await {
            Ok(text) => Message::Notice { text, tone: Tone::Good },
            Err(error) => Message::Notice { text: error.to_string(), tone: Tone::Bad },
        }
    }
}

fn problem(error: RequestError) -> WatchProblem {
    match error {
        RequestError::NotFound => WatchProblem::NotFound,
        RequestError::NoNamespace { cause } => WatchProblem::NoNamespace { cause },
        RequestError::Denied { cause } => WatchProblem::Denied { cause },
        RequestError::Busy { cause } => WatchProblem::Busy { cause },
        RequestError::Unsupported { cause } => WatchProblem::Unsupported { cause },
        RequestError::Invalid { cause } => WatchProblem::Invalid { cause },
        RequestError::Unanswered { cause } => WatchProblem::Unanswered { cause },
    }
}

/// Ignores poisoning: each operation leaves the data in a valid state.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use tokio::sync::watch as channel;

    use super::*;

    fn run(number: usize) -> Run {
        Run { workflow: "checkout-7".to_owned(), run: format!("r{number}") }
    }

    #[tokio::test]
    async fn without_a_link_each_request_has_one_answer_with_that_reason() {
        let (messages, mut received) = mpsc::channel(8);
        let (_sender, link) = channel::channel(None);
        let watcher = Watcher::new(messages, link);
        watcher.execute(WatchRequest::Describe(run(1)));
        watcher.execute(WatchRequest::List { query: String::new(), page: 3 });
        watcher.execute(WatchRequest::Count { query: String::new() });
        watcher.execute(WatchRequest::History { run: run(1), after: 5 });
        watcher.execute(WatchRequest::Operate(run(1), Operation::Cancel));
        drop(watcher);
        let (mut answers, mut notices) = (0, 0);
        while let Some(message) = received.recv().await {
            let lacks_link = match message {
                Message::Watch(WatchNews::Described { answer, .. }) => answer == Err(WatchProblem::NoLink),
                Message::Watch(WatchNews::Listed { answer, .. }) => answer == Err(WatchProblem::NoLink),
                Message::Watch(WatchNews::Counted { answer, .. }) => answer == Err(WatchProblem::NoLink),
                Message::Watch(WatchNews::History { answer, .. }) => answer == Err(WatchProblem::NoLink),
                Message::Notice { text, tone } => {
                    notices += 1;
                    tone == Tone::Bad && text.contains("no connection")
                }
                other => panic!("{other:?}"),
            };
            assert!(lacks_link);
            answers += 1;
        }
        assert_eq!((answers, notices), (5, 1));
    }

    #[test]
    fn positions_are_of_one_event_and_the_oldest_are_dropped() {
        let mut histories = Histories::default();
        for number in 0..=MAX_POSITIONS {
            histories.keep(run(number), 7, HistoryPosition::default());
        }
        assert_eq!((histories.positions.len(), histories.oldest_first.len()), (MAX_POSITIONS, MAX_POSITIONS));
        assert!(!histories.positions.contains_key(&run(0)));
    }

    #[test]
    fn a_position_before_the_known_events_is_used_and_one_after_them_is_not() {
        let mut histories = Histories::default();
        histories.keep(run(1), 256, HistoryPosition::default());
        let known = [0, 255, 256, 3_000].map(|after| histories.position(&run(1), after).is_some());
        assert_eq!(known, [false, false, true, true]);
    }

    #[test]
    fn another_query_forgets_the_tokens_and_an_unknown_page_begins_at_a_known_one() {
        let mut pages = Pages::default();
        assert_eq!(pages.token("a", 2).0, 0);
        pages.keep("a", 0, Some(PageToken::default()));
        assert_eq!((pages.token("a", 1).0, pages.token("a", 9).0), (1, 1));
        pages.keep("a", 1, Some(PageToken::default()));
        pages.keep("a", 0, Some(PageToken::default()));
        assert_eq!(pages.token("a", 9).0, 2, "another listing of an earlier page keeps the later tokens");
        pages.keep("a", 1, None);
        pages.keep("b", 1, Some(PageToken::default()));
        assert_eq!(pages.token("a", 9).0, 1, "an answer to an older query is ignored");
        assert_eq!(pages.token("b", 9).0, 0);
    }
}
