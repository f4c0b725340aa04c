//! Whether a worker could use a database, found out without changing the document or its journal.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::fs::{Access, access};

use super::{
    engine::failed,
    error::StoreError,
    medium::{Disk, Medium, journal_path, lock_path},
    reader::watched_folder,
};

/// How long somebody else may hold the lock, as a worker has it.
const LOCK_WAIT: Duration = Duration::from_secs(2);

/// What was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Probed {
    /// It can be read, written and locked.
    Ready,
    /// There is none yet, and a worker can make one.
    NotMade,
}

/// Looks at the database of `document`. What is in it is not judged.
///
/// # Errors
/// [`StoreError`], as a worker would meet it.
pub fn probe(document: &Path) -> Result<Probed, StoreError> {
    let journal = journal_path(document);
    let made = [document, &journal].into_iter().any(|path| path.symlink_metadata().is_ok());
    if !made {
        let folder = nearest(&watched_folder(document));
        return writable(&folder).map(|()| Probed::NotMade);
    }
    for path in [document, &journal] {
        if path.exists() {
            if !path.is_file() {
                return Err(failed("open", path, io::Error::other("it is no regular file")));
            }
            fs::File::open(path).map_err(|error| failed("read", path, error))?;
            writable(path)?;
        }
    }
    // A document is replaced by another file, which needs its folder.
    writable(&watched_folder(document))?;
    // Nobody can hold a lock that is not there, and this makes none.
    if !lock_path(document).exists() {
        return Ok(Probed::Ready);
    }
    let mut disk = Disk::open(document).map_err(|error| failed("open", document, error))?;
    if !disk.lock(LOCK_WAIT).map_err(|error| failed("lock", document, error))? {
        return Err(StoreError::Busy { path: document.to_owned(), waited_ms: LOCK_WAIT.as_millis() });
    }
    let poison = disk.poison();
    disk.unlock().map_err(|error| failed("unlock", document, error))?;
    match poison.map_err(|error| failed("read the state of", document, error))? {
        Some(reason) => Err(StoreError::Poisoned { reason }),
        None => Ok(Probed::Ready),
    }
}

fn writable(path: &Path) -> Result<(), StoreError> {
    access(path, Access::WRITE_OK).map_err(|error| failed("write", path, io::Error::from(error)))
}

/// The folder itself, or the one in which it can be made.
fn nearest(folder: &Path) -> PathBuf {
    let absolute = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    absolute.ancestors().find(|ancestor| ancestor.is_dir()).unwrap_or(&absolute).to_owned()
}

#[cfg(test)]
mod tests {
    use std::{fs::Permissions, os::unix::fs::PermissionsExt};

    use super::*;
    use crate::store::{JsonStore, STARTING_DOCUMENT};

    fn entries(folder: &Path) -> Vec<String> {
        let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names.collect();
        names.sort();
        names
    }

    #[test]
    fn a_database_that_is_not_there_yet_is_not_made() {
        let folder = tempfile::tempdir().unwrap();
        let document = folder.path().join("a/b/inventory.json");
        assert_eq!(probe(&document).unwrap(), Probed::NotMade);
        assert_eq!(entries(folder.path()), Vec::<String>::new());
    }

    #[test]
    fn one_that_works_is_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let document = folder.path().join("inventory.json");
        drop(JsonStore::open(&document).unwrap());
        let before = (entries(folder.path()), fs::read(&document).unwrap());
        assert_eq!(probe(&document).unwrap(), Probed::Ready);
        assert_eq!((entries(folder.path()), fs::read(&document).unwrap()), before);
        // A document alone, as another program writes it.
        let alone = folder.path().join("alone.json");
        fs::write(&alone, STARTING_DOCUMENT).unwrap();
        assert_eq!(probe(&alone).unwrap(), Probed::Ready);
        assert!(!journal_path(&alone).exists() && !lock_path(&alone).exists());
    }

    #[test]
    fn one_that_cannot_be_used_is_told_as_a_worker_would_meet_it() {
        let folder = tempfile::tempdir().unwrap();
        let document = folder.path().join("inventory.json");
        drop(JsonStore::open(&document).unwrap());
        let mut held = Disk::open(&document).unwrap();
        assert!(held.lock(LOCK_WAIT).unwrap());
        assert!(matches!(probe(&document).unwrap_err(), StoreError::Busy { .. }));
        held.unlock().unwrap();
        held.set_poison("no space").unwrap();
        assert!(matches!(probe(&document).unwrap_err(), StoreError::Poisoned { .. }));
        let folder_instead = folder.path().join("folder.json");
        fs::create_dir(&folder_instead).unwrap();
        assert!(matches!(probe(&folder_instead).unwrap_err(), StoreError::Io { .. }));
        // A superuser may write whatever the permissions say.
        if !rustix::process::geteuid().is_root() {
            fs::set_permissions(&document, Permissions::from_mode(0o444)).unwrap();
            let error = probe(&document).unwrap_err().to_string();
            assert!(error.starts_with("could not write "), "{error}");
        }
    }
}
