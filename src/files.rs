//! Opening files by names that may lead anywhere: nothing blocks, and nothing but a regular file is read.

use std::{
    fmt,
    fs::{self, File, FileType, Metadata, OpenOptions},
    io,
    os::unix::fs::{FileTypeExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use rustix::{fs::OFlags, io::Errno};

/// Why a path cannot be used as a file. Travels inside an [`io::Error`]; [`unusable`] finds it there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    #[error("it is {kind}, not a regular file; {}", kind.remedy())]
    Special { kind: SpecialFile },
    #[error("its symbolic links lead in a circle; remove one of them")]
    LinkLoop,
    #[error(
        "it is a symbolic link to {}, which does not exist; restore the target or remove the link", .target.display()
    )]
    DanglingLink { target: PathBuf },
    #[error("it is mounted as a single file, so it cannot be replaced; mount its folder instead")]
    Mounted,
    #[error("its name has {bytes} bytes, and at most {most} leave room for the files beside it; choose a shorter name")]
    NameTooLong { bytes: usize, most: usize },
}

/// What is not a regular file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpecialFile {
    Folder,
    Fifo,
    Socket,
    Device,
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

    /// The devices of a system must stay where they are.
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

/// The [`Unusable`] inside an error.
#[must_use]
pub fn unusable(error: &io::Error) -> Option<&Unusable> {
    error.get_ref().and_then(|inner| inner.downcast_ref())
}

/// The metadata of the file that `path` leads to; `None` if nothing has this name.
///
/// # Errors
/// [`Unusable::DanglingLink`], [`Unusable::LinkLoop`], and the operating system's.
pub fn look_at(path: &Path) -> io::Result<Option<Metadata>> {
    match fs::metadata(path) {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => match fs::read_link(path) {
            Ok(target) => Err(Unusable::DanglingLink { target }.into()),
            Err(_) => Ok(None),
        },
        Err(error) => Err(named_loop(error)),
    }
}

/// The operating system's error, with a remedy if links lead in a circle.
fn named_loop(error: io::Error) -> io::Error {
    if Errno::from_io_error(&error) == Some(Errno::LOOP) { Unusable::LinkLoop.into() } else { error }
}

/// As [`look_at`], and refuses what is not a regular file.
///
/// # Errors
/// [`Unusable::Special`], and those of [`look_at`].
pub fn look_at_regular(path: &Path) -> io::Result<Option<Metadata>> {
    let found = look_at(path)?;
    if let Some(found) = &found {
        refuse_special(found)?;
    }
    Ok(found)
}

/// Opens a regular file without waiting for anything, such as the other end of a named pipe.
///
/// # Errors
/// [`Unusable`], and the operating system's.
pub fn open_regular(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    // Before the open: opening some devices acts on them.
    look_at_regular(path)?;
    let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed();
    let file = options.custom_flags(flags).open(path)?;
    // After the open: the name may lead to another file by now.
    refuse_special(&file.metadata()?)?;
    Ok(file)
}

fn refuse_special(found: &Metadata) -> io::Result<()> {
    if found.is_file() { Ok(()) } else { Err(Unusable::Special { kind: SpecialFile::of(found.file_type()) }.into()) }
}

/// The file that `path` leads to through symbolic links, whether or not it exists; then two ways to one file give
/// one path.
///
/// # Errors
/// [`Unusable::DanglingLink`] if the folder of a link's target is missing, [`Unusable::LinkLoop`], and the operating
/// system's.
pub fn resolve(path: &Path) -> io::Result<PathBuf> {
    /// As many links as Linux follows.
    const MAX_LINKS: usize = 40;
    let mut current = path.to_owned();
    for _ in 0..MAX_LINKS {
        match fs::canonicalize(&current) {
            Ok(real) => return Ok(real),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(named_loop(error)),
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

/// The folder of a file: `.` for a bare name.
#[must_use]
pub fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Refuses a file that is a mount point of its own: a rename over it fails.
///
/// # Errors
/// [`Unusable::Mounted`].
#[cfg(target_os = "linux")]
pub fn refuse_mounted(path: &Path) -> io::Result<()> {
    use rustix::fs::{AtFlags, CWD, StatxAttributes, StatxFlags, statx};
    // Kernels before 5.8 do not report it; then the rename does.
    match statx(CWD, path, AtFlags::empty(), StatxFlags::TYPE) {
        Ok(found) if found.stx_attributes.contains(StatxAttributes::MOUNT_ROOT) => Err(Unusable::Mounted.into()),
        Ok(_) | Err(_) => Ok(()),
    }
}

/// Other systems have no mounts of single files.
///
/// # Errors
/// None.
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
