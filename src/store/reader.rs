//! Following a database without its lock: for the dashboard and the audit. Never writes.

use std::{
    fs::{self, File},
    io::{self, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::{
    document::Document,
    engine::failed,
    error::StoreError,
    medium::FileId,
    record::Record,
    replay::{Position, read_lines},
};
use crate::store::medium::{file_id, journal_path};

/// What a journal holds that was not seen before.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct News {
    /// The journal is another one (after a reset, say): forget what was read before.
    pub restarted: bool,
    pub records: Vec<Record>,
}

/// Reads on where it stopped. A line that is still being written waits for the next look.
#[derive(Debug)]
pub struct JournalReader {
    path: PathBuf,
    file: Option<(FileId, File)>,
    position: Position,
    /// The line before `position`. Where another stands in its place, what was read is no longer true.
    last_line: Vec<u8>,
    /// Another journal was opened, and nobody has been told yet.
    restarted: bool,
}

impl JournalReader {
    /// Follows the journal that belongs to the document at `document`.
    #[must_use]
    pub fn new(document: &Path) -> Self {
        let document = fs::canonicalize(document).unwrap_or_else(|_| document.to_owned());
        Self {
            path: journal_path(&document),
            file: None,
            position: Position::default(),
            last_line: Vec::new(),
            restarted: false,
        }
    }

    /// What is new since the last look. A missing journal is an empty one.
    ///
    /// # Errors
    /// [`StoreError::Io`] and [`StoreError::DamagedJournal`]; then the next look tells all that this one would have.
    pub fn read(&mut self) -> Result<News, StoreError> {
        self.restarted |= self.open()?;
        let read = self.read_on().map_err(|source| failed("read", &self.path, source))?;
        let Some(bytes) = read else {
            return Ok(News { restarted: std::mem::take(&mut self.restarted), records: Vec::new() });
        };
        // Lines that were cut back after a failed write may be others now: from the start, once.
        let Some(new) = bytes.strip_prefix(self.last_line.as_slice()) else { return self.read_anew() };
        let mut position = self.position;
        match read_lines(new, &mut position) {
            Ok(records) => {
                let read = usize::try_from(position.offset - self.position.offset).unwrap_or(usize::MAX);
                if let Some(line) = new[..read].split_inclusive(|byte| *byte == b'\n').next_back() {
                    self.last_line = line.to_vec();
                }
                self.position = position;
                Ok(News { restarted: std::mem::take(&mut self.restarted), records })
            }
            Err(_) if self.position.seq > 0 => self.read_anew(),
            Err(bad) => {
                Err(StoreError::DamagedJournal { path: self.path.clone(), offset: bad.offset, cause: bad.cause })
            }
        }
    }

    fn read_anew(&mut self) -> Result<News, StoreError> {
        self.file = None;
        self.begin();
        self.restarted = true;
        self.read()
    }

    fn begin(&mut self) {
        self.position = Position::default();
        self.last_line.clear();
    }

    /// Opens the file that the name stands for, where it is not the one that is open.
    fn open(&mut self) -> Result<bool, StoreError> {
        let metadata = match fs::metadata(&self.path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let was_open = self.file.take().is_some();
                self.begin();
                return Ok(was_open);
            }
            Err(source) => return Err(failed("look at", &self.path, source)),
        };
        let found = file_id(&metadata);
        if self.file.as_ref().is_some_and(|(open, _)| *open == found) && metadata.len() >= self.position.offset {
            return Ok(false);
        }
        let file = File::open(&self.path).map_err(|source| failed("open", &self.path, source))?;
        self.file = Some((found, file));
        self.begin();
        Ok(true)
    }

    fn read_on(&mut self) -> io::Result<Option<Vec<u8>>> {
        let Some((_, file)) = &mut self.file else { return Ok(None) };
        file.seek(SeekFrom::Start(self.position.offset - self.last_line.len() as u64))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(Some(bytes))
    }
}

/// The document as it stands on disk; `None` where there is none.
///
/// # Errors
/// [`StoreError::Io`] and [`StoreError::DamagedDocument`].
pub fn read_document(path: &Path) -> Result<Option<Document>, StoreError> {
    match fs::read(path) {
        Ok(bytes) => {
            let parsed = Document::parse(&bytes);
            parsed.map(Some).map_err(|cause| StoreError::DamagedDocument { path: path.to_owned(), cause })
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(failed("read", path, source)),
    }
}

/// The folder to watch for changes of the database at `document`.
#[must_use]
pub fn watched_folder(document: &Path) -> PathBuf {
    let real = fs::canonicalize(document).unwrap_or_else(|_| document.to_owned());
    match real.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}
