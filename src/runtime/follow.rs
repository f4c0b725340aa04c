//! Follows a database: tells what is new in its journal and document as soon as the file system says so.

use std::{path::Path, time::Duration};

use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;

use crate::store::{Document, JournalReader, News, StoreError, read_document, watched_folder};

/// A look without a notice from the file system, in case one was missed.
const UNPROMPTED: Duration = Duration::from_secs(1);

/// What following tells.
#[derive(Debug)]
pub enum Seen {
    Journal(Result<News, StoreError>),
    Document(Result<Option<Document>, StoreError>),
}

/// Reads until the receiver goes. The first answers tell what is there already. Where the folder cannot be watched, it
/// looks every `check_interval`.
pub async fn follow(database: &Path, check_interval: Duration, seen: mpsc::Sender<Seen>) {
    let (wake, mut woken) = mpsc::channel::<()>(1);
    // Kept alive to the end of this function; without it only the unprompted looks remain.
    let watcher = watch_folder(&watched_folder(database), wake);
    let pause = if watcher.is_some() { UNPROMPTED } else { check_interval };
    let mut journal = JournalReader::new(database);
    let mut document = None;
    let mut journal_fails = false;
    let mut document_fails = false;
    loop {
        let news = journal.read();
        let fails = news.is_err();
        let worth_telling = match &news {
            Ok(news) => news.restarted || !news.records.is_empty() || journal_fails,
            Err(_) => !journal_fails,
        };
        journal_fails = fails;
        if worth_telling && seen.send(Seen::Journal(news)).await.is_err() {
            return;
        }
        let found = read_document(database);
        let fails = found.is_err();
        let worth_telling = match &found {
            Ok(found) => *found != document || document_fails,
            Err(_) => !document_fails,
        };
        document_fails = fails;
        if let Ok(found) = &found {
            document.clone_from(found);
        }
        if worth_telling && seen.send(Seen::Document(found)).await.is_err() {
            return;
        }
        tokio::select! {
            Some(()) = woken.recv() => {}
            () = tokio::time::sleep(pause) => {}
            () = seen.closed() => return,
        }
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
