//! The paths of a database's files, and a check that workers can use them.

use std::{
    ffi::OsString,
    io,
    path::{Path, PathBuf},
};

use rustix::fs::statvfs;

use crate::{
    files::{Unusable, folder_of, refuse_mounted, resolve, stat_regular},
    store::error::{StoreError, failed},
};

/// Maximum length of the suffix that a file beside the document has, in bytes: `.journal.until-1795561664939-999`.
const MAX_SUFFIX_BYTES: usize = 32;

/// The files of one database.
#[derive(Debug, Clone)]
pub(crate) struct Paths {
    pub(crate) folder: PathBuf,
    pub(crate) document: PathBuf,
    pub(crate) journal: PathBuf,
    pub(crate) lock: PathBuf,
    pub(crate) poison: PathBuf,
    pub(crate) checkpoint: PathBuf,
}

impl Paths {
    /// Returns the paths for a document after following its symbolic links. Does not check the files.
    ///
    /// # Errors
    /// Returns the operating system's error if a link cannot be followed.
    pub(crate) fn of(document: &Path) -> io::Result<Self> {
        Ok(Self::beside(&resolve(document)?))
    }

    /// Like [`Self::of`], but uses `document` itself if its links cannot be followed. Reading it then reports the
    /// error.
    pub(crate) fn of_reader(document: &Path) -> Self {
        Self::of(document).unwrap_or_else(|_| Self::beside(document))
    }

    fn beside(document: &Path) -> Self {
        Self {
            folder: folder_of(document).to_owned(),
            document: document.to_owned(),
            journal: with_suffix(document, ".journal"),
            lock: with_suffix(document, ".lock"),
            poison: with_suffix(document, ".poisoned"),
            checkpoint: with_suffix(document, ".checkpoint"),
        }
    }

    /// Like [`Self::of`], but refuses files that a worker cannot use. Changes nothing.
    ///
    /// # Errors
    /// Returns [`StoreError::Io`] with the path if a file cannot be used.
    pub(crate) fn checked(document: &Path) -> Result<Self, StoreError> {
        let unusable = |path: &Path| {
            let path = path.to_owned();
            move |source| failed("open", &path, source)
        };
        let paths = Self::of(document).map_err(unusable(document))?;
        refuse_long_name(&paths.document).map_err(unusable(&paths.document))?;
        for path in [&paths.document, &paths.journal, &paths.lock] {
            stat_regular(path).map_err(unusable(path))?;
        }
        for path in [&paths.document, &paths.journal] {
            refuse_mounted(path).map_err(unusable(path))?;
        }
        Ok(paths)
    }
}

/// Returns `path` with `suffix` appended to its name.
pub(crate) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}

/// Returns the folder itself, or its nearest ancestor that exists.
///
/// # Errors
/// Returns the operating system's error if an ancestor is not a folder or cannot be accessed.
pub(crate) fn nearest_folder(folder: &Path) -> io::Result<PathBuf> {
    let absolute = std::path::absolute(folder)?;
    for ancestor in absolute.ancestors() {
        match crate::files::stat(ancestor)? {
            Some(found) if found.is_dir() => return Ok(ancestor.to_owned()),
            Some(_) => return Err(io::ErrorKind::NotADirectory.into()),
            None => {}
        }
    }
    Ok(absolute)
}

/// Refuses a document whose name is too long for the names of its copies. Otherwise, a worker would fail later.
fn refuse_long_name(document: &Path) -> io::Result<()> {
    let bytes = document.file_name().map_or(0, std::ffi::OsStr::len);
    let limit = statvfs(&nearest_folder(folder_of(document))?).map(|found| found.f_namemax);
    // Some FUSE file systems report 0.
    let limit = match limit {
        Ok(limit) if limit > 0 => usize::try_from(limit).unwrap_or(usize::MAX).min(255),
        Ok(_) | Err(_) => 255,
    };
    let most = limit.saturating_sub(MAX_SUFFIX_BYTES);
    if bytes > most { Err(Unusable::NameTooLong { bytes, max: most }.into()) } else { Ok(()) }
}
