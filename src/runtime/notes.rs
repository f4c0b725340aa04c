//! What a walkthrough has for its speaker, on the way to a second terminal: a small file in the state folder, written by
//! the one and followed by the other.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::sync::{mpsc, watch};

use super::follow::watch_folder;
use crate::app::{Message, NotesPage};

/// A look without a notice from the file system, in case one was missed.
const UNPROMPTED: Duration = Duration::from_secs(1);

/// No page of ours is larger, in bytes.
const LARGEST: u64 = 1024 * 1024;

/// Where the page lies.
#[must_use]
pub fn place(state_dir: &Path) -> PathBuf {
    state_dir.join("speaker-notes.json")
}

/// Writes pages, the latest one last. Dropped, it lets what is under way be written.
#[derive(Debug)]
pub struct NotesWriter {
    pages: watch::Sender<Option<NotesPage>>,
}

impl NotesWriter {
    #[must_use]
    pub fn new(state_dir: &Path) -> Self {
        let (pages, mut written) = watch::channel(None);
        let path = place(state_dir);
        tokio::spawn(async move {
            while written.changed().await.is_ok() {
                let page: Option<NotesPage> = written.borrow_and_update().clone();
                let (Some(page), path) = (page, path.clone()) else { continue };
                let done = tokio::task::spawn_blocking(move || write(&path, &page)).await;
                if let Err(error) = done.unwrap_or_else(|error| Err(io::Error::other(error))) {
                    tracing::warn!(%error, "the speaker's notes could not be written");
                }
            }
        });
        Self { pages }
    }

    /// Takes the page away: nobody speaks any more.
    pub fn end(state_dir: &Path) {
        match fs::remove_file(place(state_dir)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(%error, "the speaker's notes could not be removed");
            }
            _ => {}
        }
    }

    pub fn show(&self, page: NotesPage) {
        self.pages.send_replace(Some(page));
    }
}

/// In one step, so that no reader sees half a page.
fn write(path: &Path, page: &NotesPage) -> io::Result<()> {
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    fs::create_dir_all(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    serde_json::to_writer(&mut file, page)?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// Tells each page that comes, until nobody listens. Before the first one nothing is told.
pub async fn follow_notes(state_dir: &Path, messages: mpsc::Sender<Message>) {
    let path = place(state_dir);
    let (wake, mut woken) = mpsc::channel::<()>(1);
    // Kept alive to the end; without it only the unprompted looks remain.
    let _watcher = watch_folder(state_dir.to_owned(), wake).await;
    let (mut shown, mut complained) = (None, false);
    loop {
        match read(&path) {
            Ok(page) if page != shown => {
                shown.clone_from(&page);
                if messages.send(Message::Presented(page)).await.is_err() {
                    return;
                }
            }
            // Once: it is read again and again.
            Err(error) if !std::mem::replace(&mut complained, true) => {
                tracing::warn!(%error, path = %path.display(), "the speaker's notes cannot be read");
            }
            Ok(_) | Err(_) => {}
        }
        tokio::select! {
            Some(()) = woken.recv() => {}
            () = tokio::time::sleep(UNPROMPTED) => {}
            () = messages.closed() => return,
        }
    }
}

/// `None`: no walkthrough has written any yet.
fn read(path: &Path) -> io::Result<Option<NotesPage>> {
    match fs::metadata(path) {
        Ok(known) if known.len() > LARGEST => Err(io::Error::other("it is too large")),
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
    async fn a_second_terminal_sees_each_page_that_is_shown() {
        let state = tempfile::tempdir().unwrap();
        let (sender, mut messages) = mpsc::channel(8);
        let folder = state.path().to_owned();
        tokio::spawn(async move { follow_notes(&folder, sender).await });
        let writer = NotesWriter::new(state.path());
        for title in ["one", "two"] {
            writer.show(page(title));
            let Some(Message::Presented(told)) = messages.recv().await else { panic!("nothing was told") };
            assert_eq!(told, Some(page(title)));
        }
        NotesWriter::end(state.path());
        assert_eq!(messages.recv().await, Some(Message::Presented(None)), "and its end");
    }
}
