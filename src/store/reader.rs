//! Following a database without its lock: for the dashboard and the audit. Never writes.

use std::{
    fs::{self, File},
    io::{self, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

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
#[derive(Debug, Clone, PartialEq, Eq, Default)]
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
}

impl JournalReader {
    /// Follows the journal that belongs to the document at `document`.
    #[must_use]
    pub fn new(document: &Path) -> Self {
        let document = fs::canonicalize(document).unwrap_or_else(|_| document.to_owned());
        Self { path: journal_path(&document), file: None, position: Position::default() }
    }

    /// What is new since the last look. A missing journal is an empty one.
    ///
    /// # Errors
    /// [`StoreError::Io`] and [`StoreError::DamagedJournal`].
    pub fn read(&mut self) -> Result<News, StoreError> {
        let restarted = self.open()?;
        let read = self.read_on().map_err(|source| failed("read", &self.path, source))?;
        let Some(bytes) = read else { return Ok(News { restarted, records: Vec::new() }) };
        match read_lines(&bytes, &mut self.position) {
            Ok(records) => Ok(News { restarted, records }),
            // Lines that were cut back after a failed write may be others now: from the start, once.
            Err(_) if !restarted => {
                self.file = None;
                self.read().map(|news| News { restarted: true, ..news })
            }
            Err(bad) => {
                Err(StoreError::DamagedJournal { path: self.path.clone(), offset: bad.offset, cause: bad.cause })
            }
        }
    }

    /// Opens the file that the name stands for, where it is not the one that is open.
    fn open(&mut self) -> Result<bool, StoreError> {
        let metadata = match fs::metadata(&self.path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let was_open = self.file.take().is_some();
                self.position = Position::default();
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
        self.position = Position::default();
        Ok(true)
    }

    fn read_on(&mut self) -> io::Result<Option<Vec<u8>>> {
        let Some((_, file)) = &mut self.file else { return Ok(None) };
        file.seek(SeekFrom::Start(self.position.offset))?;
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
