//! Replacing files, and second names for files that are replaced.

use std::{
    fs::{self, File, Metadata, OpenOptions, Permissions, TryLockError},
    io,
    os::unix::fs::{MetadataExt, PermissionsExt, fchown},
    path::Path,
};

use tempfile::{NamedTempFile, TempPath};

use crate::files::open_regular;

/// Prefix of the names of temporary files. Random characters follow.
const TEMPORARY: &str = ".inventory-";

/// Number of random characters in the names of temporary files.
const RANDOM_CHARS: usize = 6;

fn temporary_names() -> tempfile::Builder<'static, 'static> {
    let mut names = tempfile::Builder::new();
    // The umask decides the mode, as for files of other programs.
    names.prefix(TEMPORARY).rand_bytes(RANDOM_CHARS).permissions(Permissions::from_mode(0o666));
    names
}

/// Whether a new file is locked and still has the name `path`. Before it was locked, [`remove_leftovers`] in another
/// process may have removed it.
fn is_claimed(lock: Result<(), TryLockError>, path: &Path) -> io::Result<bool> {
    match lock {
        Ok(()) => Ok(found(fs::symlink_metadata(path))?.is_some()),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Creates a file with a temporary name. It is locked while it is open.
pub(super) fn temporary_file(folder: &Path) -> io::Result<NamedTempFile> {
    loop {
        let file = temporary_names().tempfile_in(folder)?;
        if is_claimed(file.as_file().try_lock(), file.path())? {
            return Ok(file);
        }
    }
}

/// A file with a temporary name that can replace another file. It is open, and therefore locked, until it is in place.
#[derive(Debug)]
pub struct Staged {
    path: TempPath,
    locked: File,
}

impl From<NamedTempFile> for Staged {
    fn from(file: NamedTempFile) -> Self {
        let (file, path) = file.into_parts();
        Self { path, locked: file }
    }
}

impl Staged {
    /// Gives the file at `path` a second name.
    pub(super) fn second_name(path: &Path, folder: &Path) -> io::Result<Self> {
        /// Maximum number of attempts. They fail only if another program keeps the file itself locked.
        const ATTEMPTS: u32 = 100;
        for _ in 0..ATTEMPTS {
            let second = temporary_names().make_in(folder, |name| second_name(path, name))?.into_temp_path();
            let Some(file) = found(open_regular(&second, OpenOptions::new().read(true)))? else { continue };
            // A shared lock is enough against `remove_leftovers`. On NFS, an exclusive lock needs a file that is open
            // for writing.
            if is_claimed(file.try_lock_shared(), &second)? {
                return Ok(Self { path: second, locked: file });
            }
        }
        Err(io::Error::new(io::ErrorKind::ResourceBusy, "another program has locked it exclusively"))
    }

    /// The file itself.
    pub(super) const fn file(&self) -> &File {
        &self.locked
    }

    /// Renames the file to `path`.
    pub(super) fn place(self, path: &Path) -> io::Result<()> {
        let temporary = self.path.to_path_buf();
        self.path.persist(path).map_err(|error| error.error)?;
        // A rename does nothing if both names belong to the same file; then the temporary name still exists.
        found(fs::remove_file(temporary)).map(drop)
    }
}

/// Removes temporary files whose process was killed before it placed them. Those of a running process are locked.
pub(super) fn remove_leftovers(folder: &Path) {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    for entry in entries.filter(|entry| entry.file_name().to_str().is_some_and(is_temporary)) {
        let path = entry.path();
        match remove_if_unused(&path) {
            Ok(true) => tracing::info!(file = %path.display(), "removed a temporary file of a killed process"),
            Ok(false) => {}
            Err(error) => tracing::warn!(%error, file = %path.display(), "could not remove a temporary file"),
        }
    }
}

fn is_temporary(name: &str) -> bool {
    let random = name.strip_prefix(TEMPORARY);
    random.is_some_and(|rest| rest.len() == RANDOM_CHARS && rest.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

/// Removes a regular file that no process has locked. Returns `false` if it is in use, missing, or not a regular file.
fn remove_if_unused(path: &Path) -> io::Result<bool> {
    if !found(fs::symlink_metadata(path))?.is_some_and(|metadata| metadata.is_file()) {
        return Ok(false);
    }
    let open = |write| open_regular(path, OpenOptions::new().read(true).write(write));
    // On NFS, an exclusive lock needs a file that is open for writing.
    let opened = open(true).or_else(|error| match error.kind() {
        io::ErrorKind::PermissionDenied => open(false),
        _ => Err(error),
    });
    let Some(file) = found(opened)? else { return Ok(false) };
    match file.try_lock() {
        Ok(()) => found(fs::remove_file(path)).map(|removed| removed.is_some()),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Gives a new file the owner, group and mode of the file that it replaces, as far as permitted, so that users who
/// share a database keep their access.
pub(super) fn keep_access(file: &File, old: &Metadata) {
    let result = file.metadata().and_then(|new| {
        let mut mode = old.mode() & 0o777;
        if (new.uid(), new.gid()) != (old.uid(), old.gid()) {
            let owner = (new.uid() != old.uid()).then_some(old.uid());
            // Only a superuser may change the owner; a member of the group may change the group.
            let given = fchown(file, owner, Some(old.gid())).or_else(|_| fchown(file, None, Some(old.gid())));
            if given.is_err() {
                // The new file's group must not get the access of the old file's group.
                mode = (mode & 0o707) | ((mode & 0o007) << 3);
            }
        }
        if new.mode() & 0o777 == mode { Ok(()) } else { file.set_permissions(Permissions::from_mode(mode)) }
    });
    if let Err(error) = result {
        tracing::debug!(%error, "could not give a new file the access rights of the old one");
    }
}

/// Gives a file a second name, or copies it on a file system without hard links. Never replaces a file.
pub(super) fn second_name(from: &Path, to: &Path) -> io::Result<()> {
    // A second name for a symbolic link would later point to the file that replaces the target.
    let from = fs::canonicalize(from)?;
    let user = rustix::process::geteuid();
    if !user.is_root() && fs::metadata(&from)?.uid() != user.as_raw() {
        // In a folder such as /tmp, only the owner of a file can remove its names; a copy belongs to this user.
        return copy(&from, to);
    }
    match fs::hard_link(&from, to) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(error),
        Err(_) => copy(&from, to),
        Ok(()) => Ok(()),
    }
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    // Creates the target first, so that a name that is already taken is reported.
    let mut target = OpenOptions::new().write(true).create_new(true).open(to)?;
    let copied = open_regular(from, OpenOptions::new().read(true)).and_then(|mut source| {
        io::copy(&mut source, &mut target)?;
        keep_access(&target, &source.metadata()?);
        target.sync_all()
    });
    if copied.is_err()
        && let Err(error) = fs::remove_file(to)
    {
        tracing::warn!(%error, file = %to.display(), "could not remove an incomplete copy");
    }
    copied
}

/// Turns the error for a missing file into `None`.
pub(super) fn found<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
