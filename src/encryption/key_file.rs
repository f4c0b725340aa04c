//! The key file: TOML, one line `name = "BASE64 of 32 bytes"` per key, readable only by its owner.
//!
//! A change replaces the whole file, and processes that add keys at the same time wait for each other.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use rustix::io::Errno;
use secrecy::zeroize::Zeroizing;

use super::{
    key::{Key, KeyError, KeyId, KeyIdError, Keys},
    permissions::{Privacy, TooPermissive, keep_access},
};
use crate::{
    files::{folder_of, open_nonblocking},
    folder_sync::{FolderSync, sync_folder},
    source_text::{Position, Source},
    toml_table::Document,
};

/// Maximum size of a key file, in bytes, which is enough for thousands of keys.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// Maximum time to wait for another process that is adding a key.
const LOCK_TIMEOUT: Duration = Duration::from_secs(5);

/// First lines of a new file.
const HEADER: &str = "# Keys for the data that Temporal stores: name = \"32 bytes as base64\". This file decrypts that data;\n# \
                      if it is lost, the data cannot be read. Keep old keys: they decrypt old data.\n";

/// A key file, which may not exist yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyFile {
    path: PathBuf,
}

/// Why a key file cannot be used. The message never contains a key or a text that may be one.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// The file is missing or cannot be read.
    #[error("the key file {path:?} cannot be read: {error}; {}", readable_advice(.error))]
    Unreadable {
        /// Path of the file.
        path: PathBuf,
        /// Error of the operating system.
        error: io::Error,
    },
    /// The path is a folder, a pipe or a device.
    #[error("the key file {path:?} is not a regular file; name a file of lines such as mykey = \"BASE64\"")]
    NotRegular {
        /// Path of the file.
        path: PathBuf,
    },
    /// Other users can read or change the file.
    #[error("other users can read or change the key file {path:?} (mode {mode:03o}); {advice}")]
    TooPermissive {
        /// Path of the file.
        path: PathBuf,
        /// Permission bits.
        mode: u32,
        /// What to do, depending on the file system and the owner.
        advice: String,
    },
    /// The file is larger than 1 MiB.
    #[error(
        "the key file {path:?} is larger than 1 MiB, the maximum of a key file; name a file of lines such as \
         mykey = \"BASE64\""
    )]
    TooLarge {
        /// Path of the file.
        path: PathBuf,
    },
    /// The file is not UTF-8.
    #[error("the key file {path:?} is not a text file; name a file of lines such as mykey = \"BASE64\"")]
    NotText {
        /// Path of the file.
        path: PathBuf,
    },
    /// A line is not a valid key.
    #[error("the key file {path:?}, {at}: {problem}")]
    BadLine {
        /// Path of the file.
        path: PathBuf,
        /// Position of the error.
        at: Position,
        /// The error, and what to write instead.
        problem: LineProblem,
    },
    /// The file already has a key with the new id.
    #[error(
        "the key file {path:?} already has a key '{id}', which is needed to decrypt old data; give the new key another \
         name"
    )]
    Exists {
        /// Path of the file.
        path: PathBuf,
        /// Id of the existing key.
        id: KeyId,
    },
    /// Another process has locked the folder for longer than this one waits.
    #[error(
        "another process has locked the folder of the key file {path:?} for more than {} s; nothing was changed. Try again",
        LOCK_TIMEOUT.as_secs()
    )]
    Busy {
        /// Path of the file.
        path: PathBuf,
    },
    /// The folder cannot be changed, for example because it belongs to a mounted secret.
    #[error(
        "the key file {path:?} cannot be changed here ({error}); create the key in a file of your own, then replace the key \
         file with it: IDEMPOTENCE_ENCRYPTION_KEY_FILE=./keys.toml idempotence keys add NAME"
    )]
    ReadOnly {
        /// Path of the file.
        path: PathBuf,
        /// Error of the operating system.
        error: io::Error,
    },
    /// This user cannot give a new file the same owner and group, so that they could no longer read the keys.
    #[error(
        "the key file {path:?} belongs to user {owner} and group {group}, and this user cannot replace it for them; let its \
         owner run: idempotence keys add NAME"
    )]
    ForeignOwner {
        /// Path of the file.
        path: PathBuf,
        /// User id of its owner.
        owner: u32,
        /// Id of its group.
        group: u32,
    },
    /// The file could not be written.
    #[error("could not {operation} for the key file {path:?}: {error}; correct the cause and try again")]
    Unwritable {
        /// The operation that failed.
        operation: &'static str,
        /// Path of the file.
        path: PathBuf,
        /// Error of the operating system.
        error: io::Error,
    },
    /// The new key could not be generated.
    #[error("no key was added to {path:?}: {error}")]
    KeyGeneration {
        /// Path of the file.
        path: PathBuf,
        /// Why the key could not be generated.
        error: KeyError,
    },
}

/// Error in a line of a key file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LineProblem {
    /// The line is not TOML. The parser's own message is omitted, because it may quote the line.
    #[error("this is not TOML, or a name is repeated; write name = \"BASE64\", one key per line")]
    NotToml,
    /// The name is not a valid id.
    #[error(transparent)]
    Id(KeyIdError),
    /// The value is not a valid key.
    #[error(transparent)]
    Key(KeyError),
    /// The value is not a string.
    #[error("{0}; write name = \"BASE64\"")]
    Kind(String),
}

impl KeyFile {
    /// Refers to the key file at `path`, without reading it.
    #[must_use]
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Path of the file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the keys. An empty file contains none.
    ///
    /// # Errors
    /// Returns [`KeyFileError`] if the file is missing or unreadable ([`Unreadable`](KeyFileError::Unreadable)), is not
    /// a regular text file of at most 1 MiB, is accessible to other users, or has an invalid line.
    pub fn read(&self) -> Result<Keys, KeyFileError> {
        keys(&self.path, &self.text()?)
    }

    /// Adds a random key under `id`. A missing folder and file are created for their owner alone; an existing file
    /// keeps its content, owner, group and permissions.
    ///
    /// # Errors
    /// Returns [`KeyFileError`] if the existing file is invalid ([`read`](Self::read)) or already contains a key `id`,
    /// if another process keeps the folder locked, or if the new file cannot be written. The old file is then
    /// unchanged.
    pub fn add(&self, id: &KeyId) -> Result<Added, KeyFileError> {
        let unwritable = |operation| {
            move |error: io::Error| match error.kind() {
                io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => {
                    KeyFileError::ReadOnly { path: self.path.clone(), error }
                }
                _ => KeyFileError::Unwritable { operation, path: self.path.clone(), error },
            }
        };
        // Replace the target of a symbolic link, not the link.
        let target = fs::canonicalize(&self.path).unwrap_or_else(|_| self.path.clone());
        let folder = folder_of(&target);
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(unwritable("create the folder"))?;
        let folder_file = File::open(folder).map_err(unwritable("open the folder"))?;
        let _lock = Self::lock(&folder_file, &target, wait_for_lock).map_err(|error| match error {
            LockError::Busy => KeyFileError::Busy { path: self.path.clone() },
            LockError::Io(error) => unwritable("lock the folder")(error),
        })?;
        let mut text = match self.text() {
            Ok(text) => text,
            Err(KeyFileError::Unreadable { error, .. }) if error.kind() == io::ErrorKind::NotFound => {
                Zeroizing::new(HEADER.to_owned())
            }
            Err(problem) => return Err(problem),
        };
        if keys(&self.path, &text)?.contains_key(id) {
            return Err(KeyFileError::Exists { path: self.path.clone(), id: id.clone() });
        }
        let key = Key::random().map_err(|error| KeyFileError::KeyGeneration { path: self.path.clone(), error })?;
        text = with_line(&text, id, &key);
        if text.len() as u64 > MAX_FILE_BYTES {
            return Err(KeyFileError::TooLarge { path: self.path.clone() });
        }
        let mut file =
            tempfile::Builder::new().prefix(".keys-").tempfile_in(folder).map_err(unwritable("create a file"))?;
        file.write_all(text.as_bytes()).map_err(unwritable("write a file"))?;
        if let Ok(old) = fs::metadata(&target) {
            let (path, owner, group) = (self.path.clone(), old.uid(), old.gid());
            keep_access(file.as_file(), &old).map_err(|_not_allowed| KeyFileError::ForeignOwner {
                path,
                owner,
                group,
            })?;
        }
        file.as_file().sync_all().map_err(unwritable("write a file to the disk"))?;
        file.persist(&target).map_err(|error| unwritable("put the new file in place")(error.error))?;
        let synced = sync_folder(&folder_file).map_err(unwritable("write the folder to the disk"))?;
        Ok(Added { durable: synced == FolderSync::Durable })
    }

    /// Reads the whole file, after checking that no other user can have changed it.
    fn text(&self) -> Result<Zeroizing<String>, KeyFileError> {
        let path = || self.path.clone();
        let unreadable = |error| KeyFileError::Unreadable { path: path(), error };
        let file = open_nonblocking(&self.path, OpenOptions::new().read(true)).map_err(unreadable)?;
        // Describe the open file, because its name may already refer to another file.
        let about = file.metadata().map_err(unreadable)?;
        if !about.is_file() {
            return Err(KeyFileError::NotRegular { path: path() });
        }
        let privacy = Privacy::of(&file, &about, &self.path).map_err(unreadable)?;
        privacy.check(&self.path).map_err(|TooPermissive { mode, advice }| KeyFileError::TooPermissive {
            path: path(),
            mode,
            advice,
        })?;
        if about.len() > MAX_FILE_BYTES {
            return Err(KeyFileError::TooLarge { path: path() });
        }
        let room = usize::try_from(about.len()).unwrap_or_default() + 1;
        let mut bytes = Zeroizing::new(Vec::with_capacity(room));
        file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
        if bytes.len() as u64 > MAX_FILE_BYTES {
            return Err(KeyFileError::TooLarge { path: path() });
        }
        match std::str::from_utf8(&bytes) {
            Ok(text) => Ok(Zeroizing::new(text.to_owned())),
            Err(_) => Err(KeyFileError::NotText { path: path() }),
        }
    }

    /// Locks the folder against other processes that add keys, until the result is dropped. NFS locks only files that
    /// are open for writing, which a folder cannot be, so a lock file next to the keys is locked there instead.
    fn lock<'f>(
        folder: &'f File,
        target: &Path,
        wait: impl Fn(&File) -> Result<(), LockError>,
    ) -> Result<Lock<'f>, LockError> {
        match wait(folder) {
            Err(LockError::Io(error)) if is_not_lockable(&error) => {
                let mut name = target.file_name().unwrap_or_default().to_owned();
                name.push(".lock");
                let mut options = OpenOptions::new();
                options.write(true).create(true).truncate(false).mode(0o600);
                let file = options.open(target.with_file_name(name)).map_err(LockError::Io)?;
                wait(&file)?;
                Ok(Lock::LockFile(file))
            }
            locked => locked.map(|()| Lock::Folder(folder)),
        }
    }
}

/// Result of [`KeyFile::add`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Added {
    /// Whether the new file survives a power failure. False if the file system cannot sync a folder.
    pub durable: bool,
}

/// The locked file, which stays locked until this value is dropped.
#[expect(dead_code, reason = "kept because dropping the file unlocks it")]
#[derive(Debug)]
enum Lock<'f> {
    Folder(&'f File),
    LockFile(File),
}

#[derive(Debug)]
enum LockError {
    Busy,
    Io(io::Error),
}

/// Locks a file, and waits up to [`LOCK_TIMEOUT`] for another process.
fn wait_for_lock(file: &File) -> Result<(), LockError> {
    let started = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            Err(fs::TryLockError::Error(error)) => return Err(LockError::Io(error)),
            Err(fs::TryLockError::WouldBlock) if started.elapsed() > LOCK_TIMEOUT => return Err(LockError::Busy),
            Err(fs::TryLockError::WouldBlock) => thread::sleep(Duration::from_millis(10)),
        }
    }
}

/// Whether the error means that the file system cannot lock folders, as on NFS (EBADF), SMB and FUSE.
fn is_not_lockable(error: &io::Error) -> bool {
    let not_lockable =
        [Errno::BADF, Errno::INVAL, Errno::NOLCK, Errno::OPNOTSUPP, Errno::NOTSUP, Errno::NOSYS, Errno::ISDIR];
    Errno::from_io_error(error).is_some_and(|errno| not_lockable.contains(&errno))
}

fn readable_advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::NotFound => "name an existing file, or create one: idempotence keys add NAME",
        io::ErrorKind::PermissionDenied => {
            "name a file that you can read; to share a file of root with a group, run: chown root:GROUP, chmod 640"
        }
        _ => "name a file that you can read, or create one: idempotence keys add NAME",
    }
}

/// Parses the keys in the text of a key file.
fn keys(path: &Path, text: &str) -> Result<Keys, KeyFileError> {
    let source = Source::new("", text);
    let bad = |at, problem| KeyFileError::BadLine { path: path.to_owned(), at, problem };
    let document = Document::parse(source).map_err(|error| bad(error.at, LineProblem::NotToml))?;
    let table = document.root("the key file");
    let mut keys = Keys::new();
    for name in table.keys() {
        let id: KeyId = name.value.parse().map_err(|problem| bad(source.at(name.at), LineProblem::Id(problem)))?;
        let text = table.text(name.value).map_err(|error| bad(error.at, LineProblem::Kind(error.problem)))?;
        let Some(text) = text else { continue };
        let key = Key::from_base64(text.text);
        keys.insert(id, key.map_err(|problem| bad(source.at(text.span.start), LineProblem::Key(problem)))?);
    }
    Ok(keys)
}

/// Returns the text with a line for the new key appended.
fn with_line(text: &str, id: &KeyId, key: &Key) -> Zeroizing<String> {
    let bare = id.as_str().bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    // An id contains no quotes, and no other character is special within single quotes.
    let name = if bare { id.to_string() } else { format!("'{id}'") };
    let key = key.to_base64();
    let feed = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
    let parts = [text, feed, &name, " = \"", &key, "\"\n"];
    // Allocate the whole text at once: a text that grows leaves copies of the keys in memory.
    let mut all = Zeroizing::new(String::with_capacity(parts.iter().map(|part| part.len()).sum()));
    for part in parts {
        all.push_str(part);
    }
    all
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs::Permissions, os::unix::fs::PermissionsExt as _};

    use super::*;

    const BASE64: &str = "dGVzdC1rZXktdGVzdC1rZXktdGVzdC1rZXktdGVzdCE=";

    fn id(text: &str) -> KeyId {
        text.parse().unwrap()
    }

    /// Creates a file with this text for its owner alone.
    fn file(folder: &Path, text: &str) -> KeyFile {
        let path = folder.join("keys.toml");
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        KeyFile::at(path)
    }

    #[test]
    fn a_file_is_read_line_by_line() {
        let folder = tempfile::tempdir().unwrap();
        let keys =
            file(folder.path(), &format!("# mine\na = \"{BASE64}\"\n\n'b c' = '{BASE64}' # old\n")).read().unwrap();
        assert_eq!(keys.keys().map(KeyId::as_str).collect::<Vec<_>>(), ["a", "b c"]);
        assert!(file(folder.path(), "").read().unwrap().is_empty());
    }

    #[test]
    fn an_error_about_a_damaged_file_names_the_line_and_never_quotes_it() {
        let folder = tempfile::tempdir().unwrap();
        let secret = "c2VjcmV0LXRoYXQtbXVzdC1ub3QtYmUtc2hvd24tMTI";
        let cases = [
            (format!("a = {secret}"), 1, "not TOML"),
            (format!("a = \"{secret}"), 1, "not TOML"),
            (format!("a = \"{BASE64}\"\na = \"{secret}\""), 2, "not TOML"),
            (format!("\nb = \"{secret}!\""), 2, "not base64"),
            ("b = \"c2VjcmV0\"".to_owned(), 1, "has 6 bytes"),
            (format!("a = \"{BASE64}\"\n\"{secret}\" = \"{BASE64}\""), 2, "looks like a key"),
            (format!("\"\" = \"{BASE64}\""), 1, "is empty"),
            (format!("a = [\"{secret}\"]"), 1, "this is a list"),
            (format!("[a]\nb = \"{secret}\""), 1, "this is a table"),
            (format!("a.b = \"{secret}\""), 1, "this is a table"),
            ("a = 1".to_owned(), 1, "a whole number"),
        ];
        for (text, line, part) in cases {
            let refused = file(folder.path(), &text).read().unwrap_err();
            let shown = format!("{refused} {refused:?}");
            assert!(shown.contains(&format!("line {line},")) && shown.contains(part), "{text}: {shown}");
            assert!(!shown.contains("c2VjcmV0"), "{shown}");
        }
        let path = folder.path().join("keys.toml");
        fs::write(&path, [0xff, 0xfe]).unwrap();
        assert!(matches!(KeyFile::at(path).read(), Err(KeyFileError::NotText { .. })));
    }

    #[test]
    fn a_file_that_other_users_can_read_or_write_is_refused_with_the_command_that_helps() {
        let folder = tempfile::tempdir().unwrap();
        let keys = file(folder.path(), &format!("a = \"{BASE64}\""));
        for mode in [0o604, 0o620, 0o602, 0o601, 0o644, 0o777] {
            fs::set_permissions(keys.path(), Permissions::from_mode(mode)).unwrap();
            for refused in [keys.read().unwrap_err(), keys.add(&id("b")).unwrap_err()] {
                assert!(refused.to_string().contains(&format!("chmod 600 {}", keys.path().display())), "{refused}");
            }
        }
        for mode in [0o600, 0o400, 0o700] {
            fs::set_permissions(keys.path(), Permissions::from_mode(mode)).unwrap();
            assert_eq!(keys.read().unwrap().len(), 1);
        }
    }

    #[test]
    fn a_path_that_is_not_a_regular_file_is_refused_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        for path in [folder.path(), &pipe, Path::new("/dev/null")] {
            assert!(matches!(KeyFile::at(path).read(), Err(KeyFileError::NotRegular { .. })), "{path:?}");
        }
        let missing = KeyFile::at(folder.path().join("missing"));
        assert!(matches!(missing.read(), Err(KeyFileError::Unreadable { .. })));
        let large = file(folder.path(), &"#".repeat(1024 * 1024 + 1));
        assert!(matches!(large.read(), Err(KeyFileError::TooLarge { .. })));
    }

    #[test]
    fn a_key_is_added_to_the_existing_ones() {
        let folder = tempfile::tempdir().unwrap();
        let keys = KeyFile::at(folder.path().join("new/deeper/keys.toml"));
        for name in ["a", "b c/d\\e"] {
            keys.add(&id(name)).unwrap();
        }
        let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
        assert_eq!((mode(keys.path()), mode(keys.path().parent().unwrap())), (0o600, 0o700));
        let read = keys.read().unwrap();
        assert_eq!(read.keys().map(KeyId::as_str).collect::<Vec<_>>(), ["a", "b c/d\\e"]);
        assert_ne!(read[&id("a")].bytes(), read[&id("b c/d\\e")].bytes());
        assert!(matches!(keys.add(&id("a")), Err(KeyFileError::Exists { .. })));
        let left: Vec<_> = fs::read_dir(keys.path().parent().unwrap()).unwrap().collect();
        assert_eq!(left.len(), 1, "{left:?}");

        let by_hand = file(folder.path(), &format!("# kept\na = \"{BASE64}\" # without a line feed"));
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(by_hand.path(), &link).unwrap();
        KeyFile::at(&link).add(&id("z")).unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        let text = fs::read_to_string(by_hand.path()).unwrap();
        assert!(text.starts_with(&format!("# kept\na = \"{BASE64}\" # without a line feed\nz = \"")), "{text}");
    }

    #[test]
    fn a_secret_mounted_by_kubernetes_is_read_and_keeps_its_permissions() {
        let folder = tempfile::tempdir().unwrap();
        let version = folder.path().join("..2026_01_01");
        fs::create_dir(&version).unwrap();
        let real = file(&version, &format!("a = \"{BASE64}\"\n"));
        std::os::unix::fs::symlink("..2026_01_01", folder.path().join("..data")).unwrap();
        std::os::unix::fs::symlink("..data/keys.toml", folder.path().join("keys.toml")).unwrap();
        let keys = KeyFile::at(folder.path().join("keys.toml"));
        for mode in [0o400, 0o440, 0o444, 0o640, 0o644] {
            fs::set_permissions(real.path(), Permissions::from_mode(mode)).unwrap();
            assert_eq!(keys.read().unwrap().len(), 1, "{mode:o}");
        }
        fs::set_permissions(real.path(), Permissions::from_mode(0o440)).unwrap();
        keys.add(&id("b")).unwrap();
        assert_eq!((fs::metadata(real.path()).unwrap().mode() & 0o777, keys.read().unwrap().len()), (0o440, 2));
        fs::set_permissions(real.path(), Permissions::from_mode(0o666)).unwrap();
        assert!(keys.read().unwrap_err().to_string().contains("defaultMode"));
    }

    #[test]
    fn a_file_system_without_folder_locks_is_distinguished_from_a_failure() {
        let error = |errno: Errno| io::Error::from_raw_os_error(errno.raw_os_error());
        assert!(is_not_lockable(&error(Errno::BADF)) && is_not_lockable(&error(Errno::OPNOTSUPP)));
        assert!(!is_not_lockable(&error(Errno::IO)) && !is_not_lockable(&error(Errno::ACCESS)));
        // Behaves like NFS, which locks only files that are open for writing.
        let folder = tempfile::tempdir().unwrap();
        let (folder_file, target) = (File::open(folder.path()).unwrap(), folder.path().join("keys.toml"));
        let as_nfs = |file: &File| {
            if file.metadata().unwrap().is_dir() {
                Err(LockError::Io(error(Errno::BADF)))
            } else {
                file.try_lock().map_err(|_| LockError::Busy)
            }
        };
        let first = KeyFile::lock(&folder_file, &target, as_nfs).unwrap();
        assert!(matches!(first, Lock::LockFile(_)));
        assert!(matches!(KeyFile::lock(&folder_file, &target, as_nfs), Err(LockError::Busy)));
        drop(first);
        KeyFile::lock(&folder_file, &target, as_nfs).unwrap();
    }

    #[test]
    fn a_damaged_file_is_never_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let keys = file(folder.path(), "a = ");
        assert!(matches!(keys.add(&id("b")), Err(KeyFileError::BadLine { .. })));
        assert_eq!(fs::read_to_string(keys.path()).unwrap(), "a = ");
    }

    #[test]
    fn keys_added_at_the_same_time_are_all_kept() {
        let folder = tempfile::tempdir().unwrap();
        let keys = KeyFile::at(folder.path().join("keys.toml"));
        let names: BTreeSet<_> = (0..16).map(|number| id(&format!("key-{number}"))).collect();
        thread::scope(|scope| {
            for name in &names {
                scope.spawn(|| keys.add(name).unwrap());
            }
        });
        assert_eq!(keys.read().unwrap().into_keys().collect::<BTreeSet<_>>(), names);
    }
}
