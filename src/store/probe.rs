//! Checks whether a worker can use a database, without changing the document or its journal.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::MetadataExt,
    path::Path,
    time::Duration,
};

use rustix::{
    fs::{Access, access},
    process::geteuid,
};

use super::{
    error::{StoreError, failed},
    storage::{Disk, Paths, Storage, nearest_folder, poison_reason},
};
use crate::files::open_regular;

/// Number of bytes that a trial write has.
const TRIAL_BYTES: usize = 64 * 1024;

/// Maximum time to wait for the lock; that of a worker.
const LOCK_WAIT: Duration = Duration::from_secs(2);

/// The state of a database that a worker can use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Probed {
    /// The database can be read, written and locked.
    Ready,
    /// There is no database yet, and a worker can create one.
    NotMade,
}

/// Checks whether a worker can use the files of the database of `document`. Does not check their content.
///
/// # Errors
/// Fails with the [`StoreError`] that a worker would get.
pub fn probe(document: &Path) -> Result<Probed, StoreError> {
    let paths = Paths::checked(document)?;
    let made = [&paths.document, &paths.journal].into_iter().any(|path| path.exists());
    refuse_poison(&paths)?;
    let folder = nearest_folder(&paths.folder).map_err(|error| failed("open", &paths.folder, error))?;
    if !made {
        return try_to_write(&folder).map(|()| Probed::NotMade);
    }
    for path in [&paths.document, &paths.journal] {
        if path.exists() {
            open_regular(path, OpenOptions::new().read(true)).map_err(|error| failed("read", path, error))?;
            writable(path)?;
            replaceable(path, &folder)?;
        }
    }
    // A worker replaces the document with a new file in its folder.
    try_to_write(&folder)?;
    // A missing lock file is not locked, and must not be created here.
    if !paths.lock.exists() {
        return Ok(Probed::Ready);
    }
    let lock = paths.lock.clone();
    let mut disk = Disk::on(paths)?;
    if !disk.lock(LOCK_WAIT).map_err(|error| failed("lock", &lock, error))? {
        return Err(StoreError::Busy { path: lock, waited: LOCK_WAIT });
    }
    disk.unlock().map_err(|error| failed("unlock", &lock, error))?;
    Ok(Probed::Ready)
}

/// Checks that the database is not marked as poisoned.
///
/// # Errors
/// Returns [`StoreError::Poisoned`] if it is, and [`StoreError::Io`] if the marker cannot be read.
pub(super) fn refuse_poison(paths: &Paths) -> Result<(), StoreError> {
    match poison_reason(&paths.poison).map_err(|error| failed("read", &paths.poison, error))? {
        Some(reason) => Err(StoreError::Poisoned { reason }),
        None => Ok(()),
    }
}

fn writable(path: &Path) -> Result<(), StoreError> {
    access(path, Access::WRITE_OK).map_err(|error| failed("write", path, io::Error::from(error)))
}

/// Checks that this user may replace the file. In a folder such as /tmp, only the owner of the file or of the folder
/// may.
fn replaceable(path: &Path, folder: &Path) -> Result<(), StoreError> {
    const STICKY: u32 = 0o1000;
    let look = |path: &Path| fs::metadata(path).map_err(|error| failed("inspect", path, error));
    let (file, folder) = (look(path)?, look(folder)?);
    let user = geteuid();
    let owned = [file.uid(), folder.uid()].contains(&user.as_raw());
    if folder.mode() & STICKY == 0 || owned || user.is_root() {
        return Ok(());
    }
    Err(failed("replace", path, io::Error::from(io::ErrorKind::PermissionDenied)))
}

/// Writes and syncs as many bytes as a few orders need, to an unnamed file.
fn try_to_write(folder: &Path) -> Result<(), StoreError> {
    let unwritable = |error| failed("write to", folder, error);
    writable(folder)?;
    let mut file = tempfile::tempfile_in(folder).map_err(unwritable)?;
    file.write_all(&vec![0; TRIAL_BYTES]).map_err(unwritable)?;
    file.sync_all().map_err(unwritable)
}

#[cfg(test)]
mod tests {
    use std::{fs::Permissions, os::unix::fs::PermissionsExt};

    use super::*;
    use crate::store::{STARTING_DOCUMENT, StoreHandle};

    fn entries(folder: &Path) -> Vec<String> {
        let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names.collect();
        names.sort();
        names
    }

    #[test]
    fn a_missing_database_is_not_created() {
        let folder = tempfile::tempdir().unwrap();
        let document = folder.path().join("a/b/inventory.json");
        assert_eq!(probe(&document).unwrap(), Probed::NotMade);
        assert_eq!(entries(folder.path()), Vec::<String>::new());
    }

    #[test]
    fn one_that_works_is_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let document = folder.path().join("inventory.json");
        drop(StoreHandle::open(&document).unwrap());
        let before = (entries(folder.path()), fs::read(&document).unwrap());
        assert_eq!(probe(&document).unwrap(), Probed::Ready);
        assert_eq!((entries(folder.path()), fs::read(&document).unwrap()), before);
        // A document without a journal, as written by another program.
        let alone = folder.path().join("alone.json");
        fs::write(&alone, STARTING_DOCUMENT).unwrap();
        assert_eq!(probe(&alone).unwrap(), Probed::Ready);
        assert!(entries(folder.path()).iter().all(|name| !name.starts_with("alone.json.")));
    }

    #[test]
    fn one_that_cannot_be_used_gets_the_error_of_a_worker() {
        let folder = tempfile::tempdir().unwrap();
        let document = folder.path().join("inventory.json");
        drop(StoreHandle::open(&document).unwrap());
        let mut held = Disk::open(&document).unwrap();
        assert!(held.lock(LOCK_WAIT).unwrap());
        assert!(matches!(probe(&document).unwrap_err(), StoreError::Busy { .. }));
        held.unlock().unwrap();
        held.set_poison("no space").unwrap();
        assert!(matches!(probe(&document).unwrap_err(), StoreError::Poisoned { .. }));
        let folder_instead = folder.path().join("folder.json");
        fs::create_dir(&folder_instead).unwrap();
        assert!(matches!(probe(&folder_instead).unwrap_err(), StoreError::Io { .. }));
        // A superuser may write regardless of the permissions.
        if !rustix::process::geteuid().is_root() {
            fs::set_permissions(&document, Permissions::from_mode(0o444)).unwrap();
            let error = probe(&document).unwrap_err().to_string();
            assert!(error.starts_with("could not write "), "{error}");
        }
    }
}
