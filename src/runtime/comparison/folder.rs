//! The folder with a comparison's databases and shipments, inside the state folder. It is removed when the comparison ends or, if the
//! process was killed, when the next comparison starts.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use rustix::{
    io::Errno,
    process::{Pid, test_kill_process},
};

use crate::app::{Candidate, Subject};

/// Error if the folder cannot be created.
#[derive(Debug, thiserror::Error)]
#[error("cannot create the folder {} for the databases of a comparison ({source}); check the free space and the permissions of the state folder", path.display())]
pub struct FolderError {
    path: PathBuf,
    source: io::Error,
}

/// The folder of one comparison.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
}

impl Folder {
    /// Creates the empty folder for comparison `number` of this process, with a folder for each side.
    ///
    /// # Errors
    /// Returns [`FolderError`] if the folder cannot be created or emptied.
    pub async fn create(state_dir: &Path, number: u64, subject: Subject) -> Result<Self, FolderError> {
        let root = state_dir.join("comparison");
        let path = root.join(format!("{}-{number}", std::process::id()));
        let failed = |source| FolderError { path: path.clone(), source };
        let folder = Self { path: path.clone() };
        let created = tokio::task::spawn_blocking(move || {
            remove_dead(&root);
            folder.create_empty(subject).map(|()| folder)
        });
        created.await.map_err(|error| failed(io::Error::other(error)))?.map_err(failed)
    }

    /// Returns the path of the database of a side.
    #[must_use]
    pub fn database(&self, candidate: Candidate) -> PathBuf {
        self.side(candidate).join("inventory.json")
    }

    /// Returns the path of the file with the shipments of a side.
    #[must_use]
    pub fn shipments(&self, candidate: Candidate) -> PathBuf {
        self.side(candidate).join("supplier.jsonl")
    }

    fn side(&self, candidate: Candidate) -> PathBuf {
        self.path.join(candidate.name())
    }

    fn create_empty(&self, subject: Subject) -> io::Result<()> {
        remove(&self.path)?;
        subject.candidates().into_iter().try_for_each(|candidate| fs::create_dir_all(self.side(candidate)))
    }

    /// Removes the folder. A failure is logged.
    pub async fn remove(self) {
        let removed = tokio::task::spawn_blocking(move || remove(&self.path).map_err(|error| (error, self.path)));
        match removed.await {
            Ok(Ok(())) => {}
            Ok(Err((error, path))) => {
                tracing::warn!(%error, path = %path.display(), "could not remove a comparison's databases");
            }
            Err(error) => tracing::warn!(%error, "could not remove a comparison's databases"),
        }
    }
}

fn remove(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// Removes the folders of processes that no longer run.
fn remove_dead(root: &Path) {
    // If the folder does not exist, there is nothing to remove.
    let Ok(entries) = fs::read_dir(root) else { return };
    for path in entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| is_dead(path)) {
        if let Err(error) = remove(&path) {
            tracing::warn!(%error, path = %path.display(), "could not remove an old comparison's databases");
        }
    }
}

/// Whether a folder is named after a process that no longer runs. Folders with other names belong to other programs.
fn is_dead(folder: &Path) -> bool {
    let name = folder.file_name().and_then(|name| name.to_str());
    let owner = name.and_then(|name| name.split_once('-')).and_then(|(pid, number)| {
        number.parse::<u64>().ok()?;
        Pid::from_raw(pid.parse().ok().filter(|pid| *pid > 0)?)
    });
    owner.is_some_and(|pid| test_kill_process(pid) == Err(Errno::SRCH))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Guard;

    /// Returns the id of a child process that has ended.
    fn dead() -> u32 {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        child.wait().unwrap();
        child.id()
    }

    #[tokio::test]
    async fn a_folder_is_created_empty_and_removed() {
        let state = tempfile::tempdir().unwrap();
        let folder = Folder::create(state.path(), 3, Subject::Guards).await.unwrap();
        let database = folder.database(Guard::LastOrder.into());
        assert!(database.ends_with(format!("comparison/{}-3/last-order/inventory.json", std::process::id())));
        fs::write(&database, "{}").unwrap();
        let folder = Folder::create(state.path(), 3, Subject::Guards).await.unwrap();
        assert!(!database.exists() && database.parent().unwrap().is_dir());
        let path = folder.path.clone();
        folder.remove().await;
        assert!(!path.exists() && path.parent().unwrap().is_dir());
    }

    #[tokio::test]
    async fn folders_of_dead_processes_are_removed_and_all_others_stay() {
        let state = tempfile::tempdir().unwrap();
        let root = state.path().join("comparison");
        let own = format!("{}-1", std::process::id());
        let left = format!("{}-1", dead());
        let others = ["notes", "0-1", "12x-1", "-1-2"];
        for name in others.into_iter().chain([own.as_str(), left.as_str()]) {
            fs::create_dir_all(root.join(name).join("off")).unwrap();
        }
        Folder::create(state.path(), 2, Subject::Guards).await.unwrap();
        assert!(!root.join(left).exists());
        assert!(others.into_iter().chain([own.as_str()]).all(|name| root.join(name).is_dir()));
    }

    #[tokio::test]
    async fn an_unusable_state_folder_is_named_in_the_error() {
        let state = tempfile::NamedTempFile::new().unwrap();
        let error = Folder::create(state.path(), 1, Subject::Guards).await.unwrap_err().to_string();
        assert!(error.contains(&state.path().display().to_string()) && error.contains("permissions"), "{error}");
    }
}
