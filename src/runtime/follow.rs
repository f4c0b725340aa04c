//! Follows a database: tells what is new in its journal and document as soon as the file system says so.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;

use crate::store::{Document, JournalReader, News, Progress, StoreError, read_document, watched_folder};

/// A look without a notice from the file system, in case one was missed.
const UNPROMPTED: Duration = Duration::from_secs(1);

/// How much of a journal is read at a time: little enough that the screen keeps up with keys meanwhile.
const CHUNK_BYTES: usize = 256 << 10;

/// What following reports.
#[derive(Debug)]
pub enum Seen {
    Journal(Result<News, StoreError>),
    /// How far a journal has been read that takes more than one chunk; the last one is complete.
    Reading(Progress),
    Document(Result<Option<Document>, StoreError>),
}

/// What is read, and what was found at the last look.
#[derive(Debug)]
struct Followed {
    database: PathBuf,
    journal: JournalReader,
    document: Option<Document>,
    journal_fails: bool,
    document_fails: bool,
    /// The journal is longer than what has been read of it.
    reading: bool,
}

/// Reads until the receiver goes. The first answers tell what is there already. Where the folder cannot be watched, it
/// looks every `check_interval`.
pub async fn follow(database: &Path, check_interval: Duration, seen: mpsc::Sender<Seen>) {
    let (wake, mut woken) = mpsc::channel::<()>(1);
    // Kept alive to the end of this function; without it only the unprompted looks remain.
    let watcher = watch_folder(&watched_folder(database), wake);
    let pause = if watcher.is_some() { UNPROMPTED } else { check_interval };
    let mut followed = Followed::new(database);
    loop {
        // Reading blocks, for seconds if the disk is slow, and the runtime's threads are few.
        let look = tokio::task::spawn_blocking(move || {
            let found = followed.look();
            (followed, found)
        });
        let found = match look.await {
            Ok((back, found)) => {
                followed = back;
                found
            }
            Err(error) => {
                tracing::error!(%error, "the database is no longer followed");
                return;
            }
        };
        for found in found {
            if seen.send(found).await.is_err() {
                return;
            }
        }
        if followed.reading {
            continue;
        }
        tokio::select! {
            Some(()) = woken.recv() => {}
            () = tokio::time::sleep(pause) => {}
            () = seen.closed() => return,
        }
    }
}

impl Followed {
    fn new(database: &Path) -> Self {
        Self {
            database: database.to_owned(),
            journal: JournalReader::new(database),
            document: None,
            journal_fails: false,
            document_fails: false,
            reading: false,
        }
    }

    /// Reads once, and gives what is worth reporting: what is new, and a failure once.
    fn look(&mut self) -> Vec<Seen> {
        let mut found = Vec::new();
        let read = self.journal.read_some(CHUNK_BYTES);
        let fails = read.is_err();
        let (news, progress) = match read {
            Ok((news, progress)) => (Ok(news), Some(progress)),
            Err(error) => (Err(error), None),
        };
        let is_new = match &news {
            // The end of a journal is reported even if nothing came after the last part.
            Ok(news) => news.restarted || !news.records.is_empty() || self.journal_fails || self.reading,
            Err(_) => !self.journal_fails,
        };
        self.journal_fails = fails;
        if is_new {
            found.push(Seen::Journal(news));
        }
        let was_reading =
            std::mem::replace(&mut self.reading, progress.is_some_and(|progress| !progress.is_complete()));
        if self.reading || was_reading {
            found.push(Seen::Reading(progress.unwrap_or(Progress { read: 0, of: 0 })));
        }
        found.extend(self.look_at_document());
        found
    }

    fn look_at_document(&mut self) -> Option<Seen> {
        let read = read_document(&self.database);
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

/// Wakes on any change in a folder, which is made where there is none.
pub(super) fn watch_folder(folder: &Path, wake: mpsc::Sender<()>) -> Option<RecommendedWatcher> {
    let made = std::fs::create_dir_all(folder).map_err(notify::Error::io).and_then(|()| {
        let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            // Our own reading is an event too. One wake-up that is not yet answered is enough.
            if event.is_ok_and(|event| !event.kind.is_access()) {
                let _full_or_gone = wake.try_send(());
            }
        })?;
        watcher.watch(folder, RecursiveMode::NonRecursive)?;
        Ok(watcher)
    });
    made.inspect_err(|error| {
        tracing::warn!(%error, folder = %folder.display(), "cannot watch; looking from time to time");
    })
    .ok()
}

#[cfg(test)]
mod tests {
    use std::{fs::OpenOptions, io::Write as _};

    use super::*;
    use crate::{
        domain::{Activity, Attempt, OrderId, Origin},
        store::{AttemptEvent, Engine, Phase, Publication, Request, medium::Disk, now},
    };

    fn attempts(count: usize) -> Vec<Request> {
        let started = |index: usize| {
            let order = OrderId::new(format!("A{index}")).unwrap();
            let (workflow, run) = (format!("order-{order}"), format!("run-{index}"));
            let origin = Origin { order, workflow, run, activity: Activity::UpdateInventory, attempt: Attempt::FIRST };
            Request::Attempt(AttemptEvent { origin, phase: Phase::Started })
        };
        (0..count).map(started).collect()
    }

    #[tokio::test]
    async fn a_long_journal_comes_in_parts_with_their_progress() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("inventory.json");
        let mut engine = Engine::open(Disk::open(&path).unwrap(), now, 900).unwrap();
        engine.commit(&attempts(5_000), Publication::Now).unwrap();
        let bytes = std::fs::metadata(folder.path().join("inventory.json.journal")).unwrap().len();
        let (sender, mut seen) = mpsc::channel(1);
        let reading = async {
            let (mut lines, mut steps) = (0, Vec::new());
            let mut more = true;
            while let Some(seen) = seen.recv().await {
                match seen {
                    Seen::Journal(news) => {
                        assert!(more, "this part was to be the last one");
                        let news = news.unwrap();
                        (lines, more) = (lines + news.records.len(), news.more);
                    }
                    Seen::Reading(progress) => steps.push(progress),
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
            () = follow(&path, UNPROMPTED, sender) => panic!("it ended"),
            read = reading => read,
        };
        assert_eq!((lines, steps.last()), (5_001, Some(&Progress { read: bytes, of: bytes })));
        assert!(steps.len() > 2 && steps.is_sorted_by_key(|step| step.read), "{steps:?}");
    }

    /// What follows the last line of a part may be a whole line: the reader must have seen it to know.
    #[test]
    fn the_end_of_a_journal_is_reported_even_if_only_an_incomplete_line_follows() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("inventory.json");
        let mut engine = Engine::open(Disk::open(&path).unwrap(), now, 900).unwrap();
        engine.commit(&attempts(300), Publication::Now).unwrap();
        let journal = folder.path().join("inventory.json.journal");
        let mut file = OpenOptions::new().append(true).open(&journal).unwrap();
        file.write_all(&vec![b'x'; CHUNK_BYTES]).unwrap();
        let mut followed = Followed::new(&path);
        let mut news = || {
            followed
                .look()
                .into_iter()
                .find_map(|seen| if let Seen::Journal(news) = seen { Some(news.unwrap()) } else { None })
        };
        let first = news().unwrap();
        assert_eq!((first.records.len(), first.more), (301, true));
        assert_eq!(news(), Some(News::default()));
        assert_eq!(news(), None);
    }
}
