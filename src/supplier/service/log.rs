//! The lines of the file: a header, and then one line per shipment.
//!
//! The JSON object of a line is the recorded answer, so a repetition receives the bytes that the first request received,
//! also from a later version of this program.

use std::{
    io,
    ops::Range,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::{file::AppendFile, index::Index};
use crate::{
    domain::sanitize,
    store::line::{self, LineError},
    supplier::api::{Shipment, ShipmentNumber},
};

/// Version of the format.
const FORMAT_VERSION: u32 = 1;

/// Number of bytes of the file that are read at a time.
const CHUNK_BYTES: usize = 1 << 20;

/// Maximum length of a torn end, in bytes. It is a part of one batch.
const MAX_TORN_BYTES: usize = 1 << 20;

/// Maximum length of a parser's message, in characters.
const MAX_MESSAGE_CHARS: usize = 200;

/// The first line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    /// Version of the format.
    supplier: u32,
}

/// A shipment and its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Recorded {
    pub(super) shipment: Shipment,
    /// The body of the answer.
    pub(super) body: Vec<u8>,
}

/// Why the file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// Another process uses it.
    #[error("another supplier uses {}; stop it, or choose another file with --file", .path.display())]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// The operating system reports an error.
    #[error("could not {operation} {}: {source}; choose another file with --file, or correct that", .path.display())]
    Io {
        /// The failed operation.
        operation: &'static str,
        /// The file.
        path: PathBuf,
        /// The error.
        source: io::Error,
    },
    /// It is another program's file.
    #[error("{} is not a supplier's file; nothing was changed. Choose another file with --file", .path.display())]
    NotOurs {
        /// The file.
        path: PathBuf,
    },
    /// A newer version of this program has written it.
    #[error(
        "{} has format {found}, and this program reads format {FORMAT_VERSION}; nothing was changed. Use the newer \
         version, or choose another file with --file", .path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Version of its format.
        found: u32,
    },
    /// A complete line is damaged.
    #[error(
        "{} is damaged at byte {offset}: {cause}; nothing was changed. Restore a good copy, or move the file away to \
         begin with shipment 1 and without keys", .path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Offset of the damage, in bytes.
        offset: u64,
        /// The damage.
        cause: Damage,
    },
}

/// The damage of a line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// The line has changed since it was written.
    #[error(transparent)]
    Line(#[from] LineError),
    /// The line has the wrong number.
    #[error("found shipment {found} instead of {expected}")]
    Sequence {
        /// The number after that of the previous line.
        expected: ShipmentNumber,
        /// The number of the line.
        found: ShipmentNumber,
    },
    /// The line is longer than any that this program writes.
    #[error("it has no line feed in {MAX_TORN_BYTES} bytes")]
    Endless,
}

impl FileError {
    pub(super) fn io(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { operation, path, source }
    }

    fn damaged(path: &Path, offset: u64, cause: impl Into<Damage>) -> Self {
        Self::Damaged { path: path.to_owned(), offset, cause: cause.into() }
    }
}

/// Returns the line of a JSON object, with its line feed.
pub(super) fn sealed(body: &[u8]) -> Vec<u8> {
    let mut line = line::seal(body);
    line.push(b'\n');
    line
}

/// Reads the whole file, cuts a torn end, and makes the rest durable, because the process that wrote it may have died
/// before its sync. Writes the first line of a new file.
pub(super) fn open(file: &dyn AppendFile) -> Result<Index, FileError> {
    let path = file.path();
    let mut index = None;
    let torn = for_each_line(file, |offset, line| match &mut index {
        None => {
            check_header(path, line)?;
            index = Some(Index::new(line.len() as u64));
            Ok(())
        }
        Some(index) => {
            let recorded = read_line(path, offset, line)?;
            let expected = ShipmentNumber(index.shipments() + 1);
            let found = recorded.shipment.shipment;
            if found != expected {
                return Err(FileError::damaged(path, offset, Damage::Sequence { expected, found }));
            }
            index.add(&recorded.shipment, line.len() as u64);
            Ok(())
        }
    })?;
    let index = match index {
        Some(index) => index,
        None => begin(file, &torn)?,
    };
    if index.end() > 0 && !torn.is_empty() {
        tracing::warn!(file = %path.display(), from = index.end(), bytes = torn.len(), "cutting a torn end");
        file.truncate(index.end()).map_err(FileError::io("repair", path))?;
    }
    file.sync().map_err(FileError::io("sync", path))?;
    Ok(index)
}

/// Calls `apply` with each complete line and its offset. Returns the bytes after the last one.
fn for_each_line(
    file: &dyn AppendFile,
    mut apply: impl FnMut(u64, &[u8]) -> Result<(), FileError>,
) -> Result<Vec<u8>, FileError> {
    let path = file.path();
    let (mut offset, mut pending) = (0, Vec::new());
    loop {
        let read = file.read(offset + pending.len() as u64, CHUNK_BYTES).map_err(FileError::io("read", path))?;
        if read.is_empty() {
            return Ok(pending);
        }
        pending.extend_from_slice(&read);
        let complete = pending.iter().rposition(|byte| *byte == b'\n').map_or(0, |place| place + 1);
        for line in pending.drain(..complete).as_slice().split_inclusive(|byte| *byte == b'\n') {
            apply(offset, line)?;
            offset += line.len() as u64;
        }
        if pending.len() > MAX_TORN_BYTES {
            let not_ours = FileError::NotOurs { path: path.to_owned() };
            return Err(if offset == 0 { not_ours } else { FileError::damaged(path, offset, Damage::Endless) });
        }
    }
}

fn header_line() -> Vec<u8> {
    sealed(format!("{{\"supplier\":{FORMAT_VERSION}}}").as_bytes())
}

fn check_header(path: &Path, line: &[u8]) -> Result<(), FileError> {
    let not_ours = || FileError::NotOurs { path: path.to_owned() };
    let body = line::open(without_line_feed(line)).map_err(|_| not_ours())?;
    let Header { supplier: found } = serde_json::from_slice(&body).map_err(|_| not_ours())?;
    if found == FORMAT_VERSION { Ok(()) } else { Err(FileError::Newer { path: path.to_owned(), found }) }
}

/// Writes the first line of an empty file, or of one whose first line is torn. Any other content is another program's.
fn begin(file: &dyn AppendFile, found: &[u8]) -> Result<Index, FileError> {
    let (path, header) = (file.path(), header_line());
    if !header.starts_with(found) {
        return Err(FileError::NotOurs { path: path.to_owned() });
    }
    file.truncate(0).and_then(|()| file.append(0, &header)).map_err(FileError::io("write", path))?;
    Ok(Index::new(header.len() as u64))
}

/// Reads the shipments in a part of the file that begins and ends with whole lines.
pub(super) fn read(file: &dyn AppendFile, lines: Range<u64>) -> Result<Vec<Recorded>, FileError> {
    let path = file.path();
    let most = usize::try_from(lines.end - lines.start).unwrap_or(usize::MAX);
    let bytes = file.read(lines.start, most).map_err(FileError::io("read", path))?;
    let mut offset = lines.start;
    let mut shipments = Vec::new();
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        shipments.push(read_line(path, offset, line)?);
        offset += line.len() as u64;
    }
    Ok(shipments)
}

fn read_line(path: &Path, offset: u64, line: &[u8]) -> Result<Recorded, FileError> {
    let damaged = |cause| FileError::damaged(path, offset, cause);
    let body = line::open(without_line_feed(line)).map_err(damaged)?;
    let no_record = |error: serde_json::Error| LineError::NoRecord(sanitize(&error.to_string(), MAX_MESSAGE_CHARS));
    let shipment = serde_json::from_slice(&body).map_err(|error| damaged(no_record(error)))?;
    Ok(Recorded { shipment, body })
}

fn without_line_feed(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\n").unwrap_or(line)
}
