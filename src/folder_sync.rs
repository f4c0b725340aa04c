//! Durability of directory entries: `fsync` of a folder, also on file systems that do not support it.

use std::{fs::File, io};

use rustix::io::Errno;

/// Result of syncing a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FolderSync {
    /// New and renamed entries survive a loss of power.
    Durable,
    /// The file system has no `fsync` for folders (FUSE, SMB, some shared folders), so the entries may not survive a
    /// loss of power. git and `RocksDB` accept this as well.
    Unsupported,
}

/// Syncs an open folder.
///
/// # Errors
/// Returns the operating system's error if the sync fails, unless that error means "not supported".
pub(crate) fn sync_folder(folder: &File) -> io::Result<FolderSync> {
    match folder.sync_all() {
        Ok(()) => Ok(FolderSync::Durable),
        Err(error) if is_unsupported(&error) => Ok(FolderSync::Unsupported),
        Err(error) => Err(error),
    }
}

fn is_unsupported(error: &io::Error) -> bool {
    let unsupported = [Errno::INVAL, Errno::NOTSUP, Errno::OPNOTSUPP, Errno::NOSYS, Errno::BADF];
    Errno::from_io_error(error).is_some_and(|errno| unsupported.contains(&errno))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_synced_and_only_an_unsupported_fsync_is_ignored() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(sync_folder(&File::open(folder.path()).unwrap()).unwrap(), FolderSync::Durable);
        let error = |errno: Errno| io::Error::from_raw_os_error(errno.raw_os_error());
        for errno in [Errno::INVAL, Errno::OPNOTSUPP, Errno::NOSYS, Errno::BADF] {
            assert!(is_unsupported(&error(errno)), "{errno:?}");
        }
        for errno in [Errno::IO, Errno::NOSPC, Errno::ROFS, Errno::DQUOT] {
            assert!(!is_unsupported(&error(errno)), "{errno:?}");
        }
    }
}
