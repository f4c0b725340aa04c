//! Reads the files that are layers. Each is small and read as a whole, and no read blocks for long.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use super::error::SettingsError;
use super::needs::Area;
use super::notices::Notices;
use crate::error_text::quoted_path;

/// Maximum size of a file, in bytes. All settings together take a few thousand.
const MAX_BYTES: u64 = 1 << 20;

/// Maximum time for a pipe or device to deliver its content.
const READ_TIMEOUT: Duration = Duration::from_secs(3);

/// A file that is a layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerFile {
    /// Its path, even if it does not exist.
    pub path: PathBuf,
    /// Whether it exists and was read.
    pub present: bool,
    /// The reason why it was not read.
    pub ignored: Option<String>,
}

/// Reads a file that may belong to another program. If it cannot be read, it counts as absent, with a notice. It may be
/// a named pipe, which some programs that manage secrets use.
pub(super) fn foreign_file(path: PathBuf, notices: &mut Notices) -> (LayerFile, Vec<u8>) {
    let reason = match read_in_time(&path) {
        Ok(bytes) => return (LayerFile { path, present: true, ignored: None }, bytes),
        Err(error) if is_absent(&error) && fs::symlink_metadata(&path).is_err() => None,
        Err(error) if is_absent(&error) => Some("it is a link to a file that does not exist".to_owned()),
        Err(error) => Some(error.to_string()),
    };
    notices.extend(Area::Files, reason.as_ref().map(|reason| format!("{} was ignored: {reason}.", quoted_path(&path))));
    (LayerFile { path, present: false, ignored: reason }, Vec::new())
}

/// Reads a file of this program; the content is empty if there is no file. A file in a folder of another user counts as
/// absent, with a notice.
///
/// # Errors
/// Fails if the file exists but cannot be read, because it may contain settings that protect data.
pub(super) fn own_file(path: PathBuf, notices: &mut Notices) -> Result<(LayerFile, Vec<u8>), SettingsError> {
    let absent = |ignored| LayerFile { path: path.clone(), present: false, ignored };
    match fs::metadata(&path) {
        Err(error) if is_absent(&error) => return Ok((absent(None), Vec::new())),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            notices
                .add(Area::Files, format!("{} was ignored: its folder belongs to another user.", quoted_path(&path)));
            return Ok((absent(Some(error.to_string())), Vec::new()));
        }
        Ok(metadata) if metadata.file_type().is_fifo() => {
            return Err(SettingsError::LayerUnreadable { file: path, error: io::Error::other("it is a named pipe") });
        }
        _ => {}
    }
    match read_in_time(&path) {
        Ok(bytes) => Ok((LayerFile { path, present: true, ignored: None }, bytes)),
        Err(error) => Err(SettingsError::LayerUnreadable { file: path, error }),
    }
}

/// Whether the error means that there is no such file. With `HOME=/dev/null`, the path leads through a file.
fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// Reads a regular file directly. A pipe or device is read by a thread, which is abandoned after the timeout.
fn read_in_time(path: &Path) -> io::Result<Vec<u8>> {
    let metadata = fs::metadata(path)?;
    if metadata.is_dir() {
        return Err(io::Error::other("it is a folder"));
    }
    if metadata.is_file() {
        return read(path);
    }
    let (sender, receiver) = mpsc::channel();
    let owned = path.to_owned();
    thread::Builder::new().spawn(move || {
        let _gone = sender.send(read(&owned));
    })?;
    receiver.recv_timeout(READ_TIMEOUT).unwrap_or_else(|_| {
        let seconds = READ_TIMEOUT.as_secs();
        Err(io::Error::other(format!("it is a pipe or a device and sent nothing within {seconds} seconds")))
    })
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = File::open(path)?.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    if u64::try_from(read).is_ok_and(|read| read <= MAX_BYTES) {
        Ok(bytes)
    } else {
        Err(io::Error::other("it has more than 1 MiB"))
    }
}
