//! Follows a database: reports new content of its journal and document as soon as the file system reports a change.

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};

use crate::{
    domain::Activity,
    store::{
        CoveredLines, Document, Fact, Follower, Location, News, Phase, Progress, Record, StoreError, watched_folder,
    },
};

/// Interval of reads without a file system event, in case an event was missed.
const REREAD_INTERVAL: Duration = Duration::from_secs(1);

/// Interval at which a database in MySQL is read while an order is open.
const OPEN_ORDER_INTERVAL: Duration = Duration::from_millis(100);

/// Maximum number of open activity executions to count. An order whose workflow was terminated never ends here.
const MAX_OPEN: usize = 1000;

/// Time after the start of an order in which its first line is expected.
const EXPECTED_WITHIN: Duration = Duration::from_secs(10);

/// Maximum time for which [`FollowedDatabase::read`] waits for a database that cannot be read.
const READ_LIMIT: Duration = Duration::from_secs(10);

/// The sender of requests to the task that follows a database.
#[derive(Debug, Clone)]
pub struct FollowedDatabase {
    /// Not bounded, because each caller waits for its answer or starts an order.
    requests: mpsc::UnboundedSender<Request>,
}

/// The requests to the task that follows a database.
#[derive(Debug)]
pub struct Requests(mpsc::UnboundedReceiver<Request>);

#[derive(Debug)]
enum Request {
    /// An order starts, so new lines are expected soon.
    ExpectOrder,
    /// Read the journal to its end, and answer when the results are sent.
    Read(oneshot::Sender<()>),
}

impl FollowedDatabase {
    /// Returns the two ends of a queue of requests for [`follow`].
    #[must_use]
    pub fn new() -> (Self, Requests) {
        let (requests, received) = mpsc::unbounded_channel();
        (Self { requests }, Requests(received))
    }

    /// Announces that this program starts an order.
    pub fn expect_order(&self) {
        let _no_longer_followed = self.requests.send(Request::ExpectOrder);
    }

    /// Returns after the lines that the journal has now were read and sent as messages. If the database cannot be read,
    /// it returns after 10 s.
    pub async fn read(&self) {
        if !self.read_within(READ_LIMIT).await {
            tracing::warn!("the journal could not be read within {} s", READ_LIMIT.as_secs());
        }
    }

    /// Returns whether the journal was read in time, or is no longer followed.
    async fn read_within(&self, limit: Duration) -> bool {
        let (answer, answered) = oneshot::channel();
        let is_followed = self.requests.send(Request::Read(answer)).is_ok();
        !is_followed || timeout(limit, answered).await.is_ok()
    }
}

/// The requests that the task has received.
#[derive(Debug, Default)]
struct Pending {
    /// The time until which new lines are expected.
    expected_until: Option<Instant>,
    reads: Vec<oneshot::Sender<()>>,
}

impl Pending {
    fn add(&mut self, request: Request) {
        match request {
            Request::ExpectOrder => self.expected_until = Some(Instant::now() + EXPECTED_WITHIN),
            Request::Read(answer) => self.reads.push(answer),
        }
    }

    /// Answers the requests to read, after a read that began later than all of them.
    fn answer_reads(&mut self) {
        for answer in self.reads.drain(..) {
            let _gave_up = answer.send(());
        }
    }

    fn is_urgent(&self) -> bool {
        !self.reads.is_empty() || self.expected_until.is_some_and(|until| Instant::now() < until)
    }
}

/// A result of reading.
#[derive(Debug)]
pub enum Seen {
    /// Lines before those of the first read, which were not read because a checkpoint covers them.
    Covered(Box<CoveredLines>),
    /// New records, or the first error since the last successful read.
    Journal(Result<News, StoreError>),
    /// How much of a journal of several chunks has been read. The last one is complete.
    Reading(Progress),
    /// A changed document, `None` if it does not exist, or the first error since the last successful read.
    Document(Result<Option<Document>, StoreError>),
}

/// The database, and the results of the last read.
#[derive(Debug)]
struct Followed {
    database: Follower,
    /// Activity executions whose last line is not their end.
    open: HashSet<(String, Activity)>,
    document: Option<Document>,
    journal_fails: bool,
    document_fails: bool,
    /// Whether the journal is longer than the part that has been read.
    reading: bool,
}

/// Reads until the receiver is closed, and sends the result of `message` for each [`Seen`]. The first messages describe
/// the existing content. A folder that cannot be watched is read every `check_interval`; so is a database in MySQL while
/// no order is open.
pub async fn follow<T: Send>(
    location: Location,
    check_interval: Duration,
    mut requests: Requests,
    messages: mpsc::Sender<T>,
    message: impl Fn(Seen) -> Option<T> + Send + Sync,
) {
    let (wake, mut woken) = mpsc::channel::<()>(1);
    // Keep the watcher until the end of this function. Without it, only the periodic reads remain.
    let watcher = match location.file() {
        Some(document) => watch_folder(watched_folder(document), wake).await,
        None => None,
    };
    let mut followed = Followed::new(&location);
    let mut pending = Pending::default();
    loop {
        while let Ok(request) = requests.0.try_recv() {
            pending.add(request);
        }
        // Reading blocks, even for seconds on a slow disk, and the runtime has few threads.
        let read = tokio::task::spawn_blocking(move || {
            let found = followed.read();
            (followed, found)
        });
        let found = match read.await {
            Ok((back, found)) => {
                followed = back;
                found
            }
            Err(error) => {
                tracing::error!(%error, "the database is no longer followed");
                return;
            }
        };
        for message in found.into_iter().filter_map(&message) {
            if messages.send(message).await.is_err() {
                return;
            }
        }
        if followed.reading {
            continue;
        }
        if !followed.journal_fails {
            pending.answer_reads();
        }
        let is_quick = !followed.open.is_empty() || pending.is_urgent();
        let pause = match (&location, &watcher) {
            (Location::File(_), Some(_)) => REREAD_INTERVAL,
            (Location::MySql(_), _) if is_quick => OPEN_ORDER_INTERVAL,
            (Location::File(_) | Location::MySql(_), _) => check_interval,
        };
        tokio::select! {
            Some(()) = woken.recv() => {}
            Some(request) = requests.0.recv() => pending.add(request),
            () = tokio::time::sleep(pause) => {}
            () = messages.closed() => return,
        }
    }
}

impl Followed {
    fn new(location: &Location) -> Self {
        Self {
            database: Follower::new(location),
            open: HashSet::new(),
            document: None,
            journal_fails: false,
            document_fails: false,
            reading: false,
        }
    }

    /// Reads once, and returns what to report: new content, and the first failure of a series.
    fn read(&mut self) -> Vec<Seen> {
        let mut found = Vec::new();
        let read = self.database.read_some();
        let fails = read.is_err();
        let (news, progress) = match read {
            Ok((news, progress)) => (Ok(news), Some(progress)),
            Err(error) => (Err(error), None),
        };
        let covered = self.database.take_covered().map(|covered| Seen::Covered(Box::new(covered)));
        if let Ok(news) = &news {
            self.note_open(news);
        }
        let is_new = match &news {
            // The end of a journal is reported even if nothing follows the last chunk, or the covered lines.
            Ok(news) => {
                let follows = self.journal_fails || self.reading || covered.is_some();
                news.restarted || !news.records.is_empty() || follows
            }
            Err(_) => !self.journal_fails,
        };
        self.journal_fails = fails;
        found.extend(covered);
        if is_new {
            found.push(Seen::Journal(news));
        }
        let was_reading =
            std::mem::replace(&mut self.reading, progress.is_some_and(|progress| !progress.is_complete()));
        if self.reading || was_reading {
            found.push(Seen::Reading(progress.unwrap_or(Progress { read: 0, of: 0 })));
        }
        found.extend(self.read_document());
        found
    }

    /// Notes which activity executions have begun and not ended.
    fn note_open(&mut self, news: &News) {
        if news.restarted {
            self.open.clear();
        }
        for Record { fact, .. } in &news.records {
            let Fact::Attempt(event) = fact else { continue };
            let execution = (event.origin.run.clone(), event.origin.activity);
            match event.phase {
                Phase::Completed { .. } | Phase::Failed { retryable: false, .. } => self.open.remove(&execution),
                Phase::Started
                | Phase::Fault { .. }
                | Phase::Shipped { .. }
                | Phase::Failed { retryable: true, .. } => self.open.len() < MAX_OPEN && self.open.insert(execution),
            };
        }
    }

    fn read_document(&mut self) -> Option<Seen> {
        let read = self.database.document();
        let fails = read.is_err();
        let is_new = match &read {
            Ok(read) => *read != self.document || self.document_fails,
            Err(_) => !self.document_fails,
        };
        self.document_fails = fails;
        if let Ok(read) = &read {
            self.document.clone_from(read);
        }
        is_new.then_some(Seen::Document(read))
    }
}

/// Watches a folder for changes, and creates it if it is missing. Each change sends on `wake`; `None` if the folder
/// cannot be watched.
pub(super) async fn watch_folder(folder: PathBuf, wake: mpsc::Sender<()>) -> Option<RecommendedWatcher> {
    let name = folder.display().to_string();
    let watched = tokio::task::spawn_blocking(move || watch(&folder, wake)).await;
    watched
        .unwrap_or_else(|error| Err(notify::Error::generic(&error.to_string())))
        .inspect_err(|error| tracing::warn!(%error, folder = name, "cannot watch the folder; reading it periodically"))
        .ok()
}

fn watch(folder: &Path, wake: mpsc::Sender<()>) -> notify::Result<RecommendedWatcher> {
    std::fs::create_dir_all(folder).map_err(notify::Error::io)?;
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        // Reads by this program cause events too. One pending wake-up is enough.
        if event.is_ok_and(|event| !event.kind.is_access()) {
            let _full_or_closed = wake.try_send(());
        }
    })?;
    watcher.watch(folder, RecursiveMode::NonRecursive)?;
    Ok(watcher)
}

#[cfg(test)]
mod tests {
    use std::{fs::OpenOptions, io::Write as _};

    use super::*;
    use crate::{
        clock::now,
        domain::{Activity, Attempt, OrderId, Origin},
        store::{AttemptEvent, Engine, FOLLOWED_BYTES, Note, Phase, Publication, Request, storage::Disk},
    };

    #[test]
    fn the_end_of_a_journal_is_reported_although_a_checkpoint_covers_all_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("inventory.json");
        let mut engine = Engine::open(Disk::open(&path).unwrap(), now, 900).unwrap();
        engine.commit(&attempts(50_000), Publication::Now).unwrap();
        drop(crate::store::StoreHandle::on(engine).unwrap());
        let seen = Followed::new(&Location::File(path.clone())).read();
        let [Seen::Covered(covered), Seen::Journal(Ok(news)), Seen::Document(Ok(Some(_)))] = seen.as_slice() else {
            panic!("{seen:?}")
        };
        assert_eq!((covered.audit.seq, news.records.len(), news.more), (50_001, 0, false));
    }

    fn attempts(count: usize) -> Vec<Request> {
        let started = |index: usize| {
            let order = OrderId::new(format!("A{index}")).unwrap();
            let (workflow, run) = (format!("order-{order}"), format!("run-{index}"));
            let origin = Origin { order, workflow, run, activity: Activity::UpdateInventory, attempt: Attempt::FIRST };
            Request::Note(Note::Attempt(AttemptEvent { origin, phase: Phase::Started }))
        };
        (0..count).map(started).collect()
    }

    #[tokio::test]
    async fn a_long_journal_is_reported_in_parts_with_progress() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("inventory.json");
        let mut engine = Engine::open(Disk::open(&path).unwrap(), now, 900).unwrap();
        engine.commit(&attempts(5_000), Publication::Now).unwrap();
        let bytes = std::fs::metadata(folder.path().join("inventory.json.journal")).unwrap().len();
        let (sender, mut seen) = mpsc::channel(1);
        let (_database, requests) = FollowedDatabase::new();
        let reading = async {
            let (mut lines, mut steps) = (0, Vec::new());
            let mut more = true;
            while let Some(seen) = seen.recv().await {
                match seen {
                    Seen::Journal(news) => {
                        assert!(more, "the previous part was the last one");
                        let news = news.unwrap();
                        (lines, more) = (lines + news.records.len(), news.more);
                    }
                    Seen::Reading(progress) => steps.push(progress),
                    Seen::Covered(covered) => panic!("there is no checkpoint: {covered:?}"),
                    Seen::Document(document) => assert!(document.unwrap().is_some()),
                }
                if steps.last().is_some_and(|last| last.is_complete()) {
                    break;
                }
            }
            assert!(!more);
            (lines, steps)
        };
        let (lines, steps) = tokio::select! {
            () = follow(Location::File(path.clone()), REREAD_INTERVAL, requests, sender, Some) => panic!("it ended"),
            read = reading => read,
        };
        assert_eq!((lines, steps.last()), (5_001, Some(&Progress { read: bytes, of: bytes })));
        assert!(steps.len() > 2 && steps.is_sorted_by_key(|step| step.read), "{steps:?}");
    }

    #[tokio::test]
    async fn a_request_to_read_is_answered_after_a_success_and_waits_for_a_limited_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("inventory.json");
        let journal = folder.path().join("inventory.json.journal");
        std::fs::create_dir(&journal).unwrap();
        let (sender, mut seen) = mpsc::channel(64);
        let (database, requests) = FollowedDatabase::new();
        let following = tokio::spawn(follow(Location::File(path), REREAD_INTERVAL, requests, sender, Some));
        assert!(matches!(seen.recv().await, Some(Seen::Journal(Err(_)))));
        assert!(!database.read_within(Duration::from_millis(20)).await, "a folder cannot be read");
        std::fs::remove_dir(&journal).unwrap();
        assert!(database.read_within(READ_LIMIT).await);
        following.abort();
        assert!(following.await.unwrap_err().is_cancelled());
        assert!(database.read_within(Duration::ZERO).await, "nothing to wait for");
    }

    /// The bytes after a chunk's last line may be a complete line, which only another read shows.
    #[test]
    fn the_end_of_a_journal_is_reported_even_if_only_an_incomplete_line_follows() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("inventory.json");
        let mut engine = Engine::open(Disk::open(&path).unwrap(), now, 900).unwrap();
        engine.commit(&attempts(300), Publication::Now).unwrap();
        let journal = folder.path().join("inventory.json.journal");
        let mut file = OpenOptions::new().append(true).open(&journal).unwrap();
        file.write_all(&vec![b'x'; FOLLOWED_BYTES]).unwrap();
        let mut followed = Followed::new(&Location::File(path.clone()));
        let mut news = || {
            followed
                .read()
                .into_iter()
                .find_map(|seen| if let Seen::Journal(news) = seen { Some(news.unwrap()) } else { None })
        };
        let first = news().unwrap();
        assert_eq!((first.records.len(), first.more), (301, true));
        assert_eq!(news(), Some(News::default()));
        assert_eq!(news(), None);
    }
}
