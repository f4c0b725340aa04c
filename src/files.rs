//! Opening files by untrusted paths without blocking, and refusing everything except regular files.

use std::{
    fmt,
    fs::{self, File, FileType, Metadata, OpenOptions},
    io,
    os::unix::fs::{FileTypeExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use rustix::{fs::OFlags, io::Errno};

/// Reason why a path cannot be used as a file. [`unusable`] extracts it from an [`io::Error`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// The path names a folder, a pipe, a socket, a device or another special file.
    #[error("it is {kind}, not a regular file; {}", kind.remedy())]
    Special {
        /// The kind of the file.
        kind: SpecialFile,
    },
    /// The symbolic links of the path form a loop.
    #[error("its symbolic links form a loop; remove one of them")]
    LinkLoop,
    /// The path is a symbolic link without a target.
    #[error(
        "it is a symbolic link to {}, which does not exist; restore the target or remove the link", .target.display()
    )]
    DanglingLink {
        /// Path of the missing target, as written in the link.
        target: PathBuf,
    },
    /// The file is a mount point, so a rename cannot replace it.
    #[error("it is mounted as a single file, so it cannot be replaced; mount its folder instead")]
    Mounted,
    /// The names of the files next to it, which have longer names, exceed the limit of the file system.
    #[error(
        "its name has {bytes} bytes; choose one of at most {max} bytes, because the files next to it have longer names"
    )]
    NameTooLong {
        /// Length of the file name, in bytes.
        bytes: usize,
        /// Maximum length, in bytes.
        max: usize,
    },
}

/// Kind of a file that is not a regular file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpecialFile {
    /// A folder.
    Folder,
    /// A named pipe.
    Fifo,
    /// A Unix socket.
    Socket,
    /// A character or block device.
    Device,
    /// Anything else.
    Other,
}

impl SpecialFile {
    fn of(found: FileType) -> Self {
        if found.is_dir() {
            Self::Folder
        } else if found.is_fifo() {
            Self::Fifo
        } else if found.is_socket() {
            Self::Socket
        } else if found.is_char_device() || found.is_block_device() {
            Self::Device
        } else {
            Self::Other
        }
    }

    /// Returns what to do about the file. A device must not be moved.
    const fn remedy(self) -> &'static str {
        match self {
            Self::Device => "choose another path",
            Self::Folder | Self::Fifo | Self::Socket | Self::Other => "move it away or choose another path",
        }
    }
}

impl fmt::Display for SpecialFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Folder => "a folder",
            Self::Fifo => "a named pipe (FIFO)",
            Self::Socket => "a socket",
            Self::Device => "a device",
            Self::Other => "a special file",
        })
    }
}

impl From<Unusable> for io::Error {
    fn from(why: Unusable) -> Self {
        Self::new(io::ErrorKind::InvalidInput, why)
    }
}

/// Returns the [`Unusable`] inside an error, if it contains one.
#[must_use]
pub fn unusable(error: &io::Error) -> Option<&Unusable> {
    error.get_ref().and_then(|inner| inner.downcast_ref())
}

/// Returns the metadata of the file that `path` resolves to; `None` if the path does not exist.
///
/// # Errors
/// Returns [`Unusable::DanglingLink`] if the path is a link without a target, [`Unusable::LinkLoop`] if its links form
/// a loop, and any other error of the operating system.
pub fn stat(path: &Path) -> io::Result<Option<Metadata>> {
    match fs::metadata(path) {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => match fs::read_link(path) {
            Ok(target) => Err(Unusable::DanglingLink { target }.into()),
            Err(_) => Ok(None),
        },
        Err(error) => Err(with_link_loop(error)),
    }
}

/// Returns [`Unusable::LinkLoop`] for the operating system's error for a loop, and any other error unchanged.
fn with_link_loop(error: io::Error) -> io::Error {
    if Errno::from_io_error(&error) == Some(Errno::LOOP) { Unusable::LinkLoop.into() } else { error }
}

/// Returns the metadata of the regular file that `path` resolves to; `None` if the path does not exist.
///
/// # Errors
/// Returns [`Unusable::Special`] if the file is not a regular file, and fails like [`stat`].
pub fn stat_regular(path: &Path) -> io::Result<Option<Metadata>> {
    let found = stat(path)?;
    if let Some(found) = &found {
        refuse_special(found)?;
    }
    Ok(found)
}

/// Opens a file without waiting for anything, such as the other end of a named pipe. The file may be of any kind.
///
/// # Errors
/// Returns the operating system's error if the file cannot be opened.
pub fn open_nonblocking(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    options.custom_flags((OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed()).open(path)
}

/// Opens a regular file without waiting for anything.
///
/// # Errors
/// Returns [`Unusable`] if the path is a dangling link, a loop of links, or not a regular file, and any other error of
/// the operating system.
pub fn open_regular(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    // Checks before opening, because opening some devices has side effects.
    stat_regular(path)?;
    let file = open_nonblocking(path, options)?;
    // Checks again, because the name may refer to another file by now.
    refuse_special(&file.metadata()?)?;
    Ok(file)
}

fn refuse_special(found: &Metadata) -> io::Result<()> {
    if found.is_file() { Ok(()) } else { Err(Unusable::Special { kind: SpecialFile::of(found.file_type()) }.into()) }
}

/// Resolves symbolic links, so that different paths to one file give one path. The file need not exist.
///
/// # Errors
/// Returns [`Unusable::DanglingLink`] if the folder of a link's target is missing, [`Unusable::LinkLoop`] if the links
/// form a loop, and any other error of the operating system.
pub fn resolve(path: &Path) -> io::Result<PathBuf> {
    /// Maximum number of links to follow, as in Linux.
    const MAX_LINKS: usize = 40;
    let mut current = path.to_owned();
    for _ in 0..MAX_LINKS {
        match fs::canonicalize(&current) {
            Ok(real) => return Ok(real),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(with_link_loop(error)),
        }
        let Ok(target) = fs::read_link(&current) else { return Ok(in_real_folder(&current)) };
        let next = folder_of(&current).join(&target);
        if !folder_of(&next).exists() {
            return Err(Unusable::DanglingLink { target }.into());
        }
        current = next;
    }
    Err(Unusable::LinkLoop.into())
}

fn in_real_folder(path: &Path) -> PathBuf {
    match (fs::canonicalize(folder_of(path)), path.file_name()) {
        (Ok(folder), Some(name)) => folder.join(name),
        _ => path.to_owned(),
    }
}

/// Returns the folder of a file; `.` for a bare name.
#[must_use]
pub fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Refuses a file that is a mount point, because a rename over it fails.
///
/// # Errors
/// Returns [`Unusable::Mounted`] if the file is a mount point.
#[cfg(target_os = "linux")]
pub fn refuse_mounted(path: &Path) -> io::Result<()> {
    use rustix::fs::{AtFlags, CWD, StatxAttributes, StatxFlags, statx};
    // Kernels before 5.8 do not report mount points; with them, the later rename fails.
    match statx(CWD, path, AtFlags::empty(), StatxFlags::TYPE) {
        Ok(found) if found.stx_attributes.contains(StatxAttributes::MOUNT_ROOT) => Err(Unusable::Mounted.into()),
        Ok(_) | Err(_) => Ok(()),
    }
}

/// Accepts every file, because other systems cannot mount single files.
///
/// # Errors
/// Returns no error on these systems; the type is that of Linux.
#[cfg(not(target_os = "linux"))]
pub fn refuse_mounted(_path: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::{os::unix::fs::symlink, os::unix::net::UnixListener};

    use super::*;

    fn refusal(path: &Path) -> Unusable {
        let error = open_regular(path, OpenOptions::new().read(true)).unwrap_err();
        unusable(&error).unwrap_or_else(|| panic!("{error}")).clone()
    }

    #[test]
    fn nothing_but_a_regular_file_is_opened_and_no_open_waits() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let socket = folder.path().join("socket");
        let _listener = UnixListener::bind(&socket).unwrap();
        let link = folder.path().join("link");
        symlink("nowhere", &link).unwrap();
        assert_eq!(refusal(&pipe), Unusable::Special { kind: SpecialFile::Fifo });
        assert_eq!(refusal(&socket), Unusable::Special { kind: SpecialFile::Socket });
        assert_eq!(refusal(folder.path()), Unusable::Special { kind: SpecialFile::Folder });
        assert_eq!(refusal(Path::new("/dev/full")), Unusable::Special { kind: SpecialFile::Device });
        assert_eq!(refusal(&link), Unusable::DanglingLink { target: "nowhere".into() });
        let file = folder.path().join("file");
        fs::write(&file, "x").unwrap();
        assert!(open_regular(&file, OpenOptions::new().read(true)).is_ok());
    }

    #[test]
    fn a_link_resolves_to_its_target_before_that_exists() {
        let folder = tempfile::tempdir().unwrap();
        let real = fs::canonicalize(folder.path()).unwrap();
        fs::create_dir(real.join("data")).unwrap();
        symlink("data/x.json", real.join("one")).unwrap();
        symlink("one", real.join("two")).unwrap();
        for name in ["one", "two", "data/x.json", "data/../data/x.json"] {
            assert_eq!(resolve(&real.join(name)).unwrap(), real.join("data/x.json"), "{name}");
        }
        symlink("loop", real.join("loop")).unwrap();
        assert_eq!(unusable(&resolve(&real.join("loop")).unwrap_err()), Some(&Unusable::LinkLoop));
        symlink("missing/x.json", real.join("far")).unwrap();
        let error = resolve(&real.join("far")).unwrap_err();
        assert!(matches!(unusable(&error), Some(Unusable::DanglingLink { .. })), "{error}");
    }
}
