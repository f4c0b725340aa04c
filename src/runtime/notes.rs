//! The speaker's notes of a walkthrough, for a second terminal. The walkthrough writes a small file in the state
//! folder, and the process in the second terminal follows the file.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::sync::{mpsc, watch};

use super::follow::watch_folder;
use crate::app::{Message, NotesPage};

/// Interval of reads without a file system event, in case an event was missed.
const REREAD_INTERVAL: Duration = Duration::from_secs(1);

/// Maximum size of the notes file.
const MAX_PAGE_BYTES: u64 = 1024 * 1024;

/// Returns the path of the notes file.
#[must_use]
pub fn notes_file(state_dir: &Path) -> PathBuf {
    state_dir.join("speaker-notes.json")
}

/// Writes the latest page. Dropping this does not interrupt a write in progress.
#[derive(Debug)]
pub struct NotesWriter {
    pages: watch::Sender<Option<NotesPage>>,
}

impl NotesWriter {
    /// Starts the task that writes the file.
    #[must_use]
    pub fn new(state_dir: &Path) -> Self {
        let (pages, mut written) = watch::channel(None);
        let path = notes_file(state_dir);
        tokio::spawn(async move {
            while written.changed().await.is_ok() {
                let page: Option<NotesPage> = written.borrow_and_update().clone();
                let (Some(page), path) = (page, path.clone()) else { continue };
                let done = tokio::task::spawn_blocking(move || write(&path, &page)).await;
                if let Err(error) = done.unwrap_or_else(|error| Err(io::Error::other(error))) {
                    tracing::warn!(%error, "could not write the speaker's notes");
                }
            }
        });
        Self { pages }
    }

    /// Removes the file when the walkthrough ends.
    pub fn remove(state_dir: &Path) {
        match fs::remove_file(notes_file(state_dir)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(%error, "could not remove the speaker's notes");
            }
            _ => {}
        }
    }

    /// Replaces the previous page.
    pub fn show(&self, page: NotesPage) {
        self.pages.send_replace(Some(page));
    }
}

/// Writes a page atomically, so that readers never see an incomplete page.
fn write(path: &Path, page: &NotesPage) -> io::Result<()> {
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    fs::create_dir_all(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    serde_json::to_writer(&mut file, page)?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// Sends each page as a message until the receiver is closed. Sends nothing before the first page.
pub async fn follow_notes(state_dir: &Path, messages: mpsc::Sender<Message>) {
    let path = notes_file(state_dir);
    let (wake, mut woken) = mpsc::channel::<()>(1);
    // Keep the watcher until the end of this function. Without it, only the periodic reads remain.
    let _watcher = watch_folder(state_dir.to_owned(), wake).await;
    let (mut shown, mut warned) = (None, false);
    loop {
        match read_page(path.clone()).await {
            Ok(page) if page != shown => {
                shown.clone_from(&page);
                if messages.send(Message::Presented(page)).await.is_err() {
                    return;
                }
            }
            // Log this once only, since the file is read periodically.
            Err(error) if !std::mem::replace(&mut warned, true) => {
                tracing::warn!(%error, path = %path.display(), "cannot read the speaker's notes");
            }
            Ok(_) | Err(_) => {}
        }
        tokio::select! {
            Some(()) = woken.recv() => {}
            () = tokio::time::sleep(REREAD_INTERVAL) => {}
            () = messages.closed() => return,
        }
    }
}

/// Reads the page on a blocking thread.
async fn read_page(path: PathBuf) -> io::Result<Option<NotesPage>> {
    let read = tokio::task::spawn_blocking(move || read(&path)).await;
    read.unwrap_or_else(|error| Err(io::Error::other(error)))
}

/// Reads the page; `None` if no walkthrough has written one.
fn read(path: &Path) -> io::Result<Option<NotesPage>> {
    match fs::metadata(path) {
        Ok(known) if known.len() > MAX_PAGE_BYTES => Err(io::Error::other("it is too large")),
        Ok(_) => Ok(Some(serde_json::from_slice(&fs::read(path)?)?)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::UnixMillis;

    fn page(title: &str) -> NotesPage {
        NotesPage {
            walkthrough: "w".into(),
            position: (0, 2),
            title: title.into(),
            next: None,
            stands: "the next key plays it".into(),
            notes: Vec::new(),
            begun: UnixMillis(1),
            since: UnixMillis(2),
        }
    }

    #[tokio::test]
    async fn a_second_terminal_receives_each_page() {
        let state = tempfile::tempdir().unwrap();
        let (sender, mut messages) = mpsc::channel(8);
        let folder = state.path().to_owned();
        tokio::spawn(async move { follow_notes(&folder, sender).await });
        let writer = NotesWriter::new(state.path());
        for title in ["one", "two"] {
            writer.show(page(title));
            let Some(Message::Presented(presented)) = messages.recv().await else { panic!("no page") };
            assert_eq!(presented, Some(page(title)));
        }
        NotesWriter::remove(state.path());
        assert_eq!(messages.recv().await, Some(Message::Presented(None)), "the file was removed");
    }
}
