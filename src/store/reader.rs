//! Follows a database without its lock, for the dashboard and the audit. It never writes.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read, Seek, SeekFrom},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::{
    audit::Audit,
    checkpoint::{Checkpoint, CheckpointError},
    document::Document,
    error::{Damage, StoreError, Witness, failed},
    progress::Progress,
    record::{Compacted, Fact, Record},
    replay::{Position, read_lines},
    storage::{FileId, Paths, file_id, open_checkpoint, read_document_bytes},
};
use crate::files::{open_regular, stat_regular};

/// New records of a journal.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct News {
    /// Whether the journal was replaced, for example by a reset, so that all earlier records are void.
    pub restarted: bool,
    /// The records, in order.
    pub records: Vec<Record>,
    /// Whether more records follow. If so, a record that is missing here may still be in the journal.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub more: bool,
    /// The first lines of keys that these records may repeat, as far as a checkpoint covers them and its audit does not
    /// have the keys.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<Record>,
}

/// The lines that a reader does not read, because a checkpoint covers them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CoveredLines {
    /// The first line, which identifies the journal.
    pub first: Record,
    /// The audit after the last covered line. Its serialized form does not have the keys, and in MySQL it has none.
    pub audit: Audit,
    /// The last covered lines, which were read nevertheless.
    pub recent: Vec<Record>,
}

/// A checkpoint that covers fewer bytes is not used, because reading them takes about 100 ms.
const MIN_COVERED_BYTES: u64 = 8 << 20;

/// Number of covered bytes that are read nevertheless, for the orders that a user may remember.
const RECENT_BYTES: u64 = 1 << 20;

/// Number of bytes of a journal that are read at a time.
const CHUNK_BYTES: usize = 1 << 20;

/// Number of bytes at a journal's start in which its first line is expected if it was compacted.
const FIRST_LINE_BYTES: usize = 4096;

/// Number of bytes at a journal's end that are searched for its last line at first. They are doubled for a longer line.
const LAST_LINE_BYTES: u64 = 4096;

/// Reads a journal, each time from the last position on. The next read repeats an incomplete line.
#[derive(Debug)]
pub struct JournalReader {
    document: PathBuf,
    path: PathBuf,
    file: Option<(FileId, File)>,
    position: Position,
    /// The line before `position`. If the file contains another line there, the records read so far are no longer
    /// valid.
    last_line: Vec<u8>,
    /// Whether the end of the file has been reached since it was opened.
    caught_up: bool,
    /// Whether the journal has been compared with the document since it was opened.
    end_checked: bool,
    /// Whether another journal was opened and the caller does not know it yet.
    restarted: bool,
    /// The checkpoint from which the next journal to open may be read.
    checkpoint: Option<PathBuf>,
    /// Number of bytes that compactions have removed from the open journal.
    removed_bytes: u64,
    /// The lines that were not read and that the caller does not know yet.
    covered: Option<CoveredLines>,
}

impl JournalReader {
    /// Returns a reader for the journal of the document at `document`. Opens no file yet.
    #[must_use]
    pub fn new(document: &Path) -> Self {
        Self {
            path: Paths::of_reader(document).journal,
            document: document.to_owned(),
            file: None,
            position: Position::default(),
            last_line: Vec::new(),
            caught_up: false,
            end_checked: false,
            restarted: false,
            checkpoint: None,
            removed_bytes: 0,
            covered: None,
        }
    }

    /// Like [`Self::new`], but does not read the lines that a checkpoint covers if the journal is long. They are in
    /// [`Self::take_covered`] after the first read. Another journal, as after a reset, is read from its start.
    #[must_use]
    pub fn from_checkpoint(document: &Path) -> Self {
        Self { checkpoint: Some(Paths::of_reader(document).checkpoint), ..Self::new(document) }
    }

    /// Returns the lines before those of the first read, if they were not read.
    pub fn take_covered(&mut self) -> Option<CoveredLines> {
        self.covered.take()
    }

    /// Returns the records since the last read. A journal that does not exist yet counts as empty.
    ///
    /// # Errors
    /// Returns [`StoreError::Io`] if a file cannot be read, [`StoreError::DamagedJournal`] if a line is damaged or the
    /// end is lost, and [`StoreError::JournalGone`] if the journal was deleted. The next read then starts at the same
    /// position.
    pub fn read(&mut self) -> Result<News, StoreError> {
        let before = (self.position, self.last_line.clone());
        let mut news = News::default();
        loop {
            let at = self.position;
            match self.read_some(CHUNK_BYTES) {
                Ok((more, progress)) => {
                    if more.restarted {
                        news = more;
                    } else {
                        news.records.extend(more.records);
                    }
                    news.more = false;
                    if progress.is_complete() || self.position == at {
                        return Ok(news);
                    }
                }
                Err(error) => {
                    self.restarted |= news.restarted;
                    if self.restarted {
                        self.begin();
                    } else {
                        (self.position, self.last_line) = before;
                    }
                    return Err(error);
                }
            }
        }
    }

    /// Returns the records since the last read, from about `most` bytes at most, and the progress.
    ///
    /// # Errors
    /// Fails like [`Self::read`].
    pub fn read_some(&mut self, most: usize) -> Result<(News, Progress), StoreError> {
        self.restarted |= self.open()?;
        let failed_read = |source| failed("read", &self.path, source);
        let Some((_, file)) = &self.file else {
            let news = News { restarted: std::mem::take(&mut self.restarted), records: Vec::new(), ..News::default() };
            return Ok((news, Progress { read: 0, of: 0 }));
        };
        let length = file.metadata().map_err(failed_read)?.len();
        if !self.end_checked {
            self.refuse_lost_end()?;
            self.end_checked = true;
        }
        let begin = self.position.offset - self.last_line.len() as u64;
        let bytes = self.read_on(most).map_err(|source| failed("read", &self.path, source))?;
        // A writer whose write failed may have removed lines and written others. Read again from the start, once.
        let Some(new) = bytes.strip_prefix(self.last_line.as_slice()) else { return self.read_from_start(most) };
        let mut position = self.position;
        match read_lines(new, &mut position) {
            Ok(lines) => {
                if let Some(compacted) = lines.first().and_then(|(_, record)| declaration(record)) {
                    self.removed_bytes = compacted.removed_bytes;
                }
                let records = lines.into_iter().map(|(_, record)| record).collect();
                let at_end = begin + bytes.len() as u64 >= length;
                let read = usize::try_from(position.offset - self.position.offset).unwrap_or(usize::MAX);
                if let Some(line) = new[..read].split_inclusive(|byte| *byte == b'\n').next_back() {
                    self.last_line = line.to_vec();
                }
                self.position = position;
                self.caught_up |= at_end;
                // An incomplete line at the end does not count as unread.
                let progress = Progress { read: if at_end { length } else { position.offset }, of: length };
                let restarted = std::mem::take(&mut self.restarted);
                Ok((News { restarted, records, more: !progress.is_complete(), earlier: Vec::new() }, progress))
            }
            Err(_) if self.caught_up => self.read_from_start(most),
            Err(bad) => Err(self.damaged(bad.offset, bad.cause)),
        }
    }

    fn damaged(&self, offset: u64, cause: Damage) -> StoreError {
        StoreError::DamagedJournal { path: self.path.clone(), offset, cause }
    }

    fn read_from_start(&mut self, most: usize) -> Result<(News, Progress), StoreError> {
        self.file = None;
        self.begin();
        self.restarted = true;
        self.read_some(most)
    }

    fn begin(&mut self) {
        self.position = Position::default();
        self.last_line.clear();
        self.removed_bytes = 0;
        self.caught_up = false;
        self.end_checked = false;
    }

    /// Opens the file that now has the name, unless it is already open. Returns whether another file was opened.
    fn open(&mut self) -> Result<bool, StoreError> {
        let metadata = match stat_regular(&self.path) {
            Ok(Some(metadata)) => metadata,
            Ok(None) => {
                self.file = None;
                // The position is kept, so that each read reports the loss until there is a journal again.
                return match self.position.seq {
                    0 => Ok(false),
                    line => Err(StoreError::JournalGone { path: self.path.clone(), line }),
                };
            }
            Err(source) => return Err(failed("inspect", &self.path, source)),
        };
        let found = file_id(&metadata);
        if self.file.as_ref().is_some_and(|(open, _)| *open == found) && metadata.len() >= self.position.offset {
            return Ok(false);
        }
        let file = open_regular(&self.path, OpenOptions::new().read(true))
            .map_err(|source| failed("open", &self.path, source))?;
        if self.position.seq > 0 && self.continue_in(&file).unwrap_or(false) {
            self.file = Some((found, file));
            self.end_checked = false;
            return Ok(false);
        }
        self.begin();
        let checkpoint = self.checkpoint.take().filter(|_| metadata.len() >= MIN_COVERED_BYTES);
        if let Some(reason) = checkpoint.and_then(|checkpoint| self.skip_covered(&checkpoint, &file).err()) {
            tracing::warn!(%reason, "ignoring the checkpoint and reading the whole journal");
        }
        self.file = Some((found, file));
        Ok(self.covered.is_none())
    }

    /// Moves to the same position in `journal` if it is the open journal after a compaction. Returns whether it is. Lines
    /// that were not read yet may have been dropped; then it must be read from its start.
    fn continue_in(&mut self, journal: &File) -> io::Result<bool> {
        let first = first_line(journal)?;
        let compacted = first.as_ref().and_then(declaration);
        let Some(Compacted { removed_bytes, .. }) = compacted.filter(|dropped| dropped.through < self.position.seq)
        else {
            return Ok(false);
        };
        let old = self.position.offset.saturating_add(self.removed_bytes);
        let Some(offset) = old.checked_sub(*removed_bytes) else { return Ok(false) };
        let Some(from) = offset.checked_sub(self.last_line.len() as u64) else { return Ok(false) };
        let mut line = vec![0; self.last_line.len()];
        journal.read_exact_at(&mut line, from)?;
        if line != self.last_line {
            return Ok(false);
        }
        (self.position, self.removed_bytes) = (Position::after(self.position.seq, offset), *removed_bytes);
        Ok(true)
    }

    /// Moves after the lines that the checkpoint covers.
    fn skip_covered(&mut self, checkpoint: &Path, journal: &File) -> Result<(), CheckpointError> {
        let Some(file) = open_checkpoint(checkpoint)? else { return Ok(()) };
        let checkpoint = Checkpoint::read(file)?;
        let read = |from: u64, bytes: u64| {
            let mut content = vec![0; usize::try_from(bytes).unwrap_or(usize::MAX)];
            journal.read_exact_at(&mut content, from).map(|()| content)
        };
        checkpoint.verify(read)?;
        let end = checkpoint.end();
        if end.offset < MIN_COVERED_BYTES {
            return Ok(());
        }
        let lines = |(from, bytes): (u64, u64)| -> Result<Vec<Record>, CheckpointError> {
            let content = read(from, bytes)?;
            let lines = content.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
            Ok(lines.map(Record::decode).collect::<Result<_, _>>()?)
        };
        let window = read(end.offset - RECENT_BYTES, RECENT_BYTES)?;
        let partial = window.iter().position(|byte| *byte == b'\n').map_or(RECENT_BYTES, |at| at as u64 + 1);
        let recent = lines((end.offset - RECENT_BYTES + partial, RECENT_BYTES - partial))?;
        let first = lines(checkpoint.first_line())?;
        self.removed_bytes = first.iter().find_map(declaration).map_or(0, |compacted| compacted.removed_bytes);
        let first = first.into_iter().find(|record| record.seq == 1).ok_or(CheckpointError::Stale)?;
        let (from, bytes) = checkpoint.last_line();
        self.last_line = read(from, bytes)?;
        self.position = end;
        self.covered = Some(CoveredLines { first, audit: checkpoint.into_audit(), recent });
        Ok(())
    }

    /// Refuses a journal that ends before the line that its document shows, as a worker does. A document that changes
    /// at the same time, by a reset or a commit, is not evidence, and neither is one of a journal that replaced this one.
    fn refuse_lost_end(&self) -> Result<(), StoreError> {
        let Some((_, file)) = &self.file else { return Ok(()) };
        let shown = || read_document(&self.document).ok().flatten().and_then(|document| document.seq);
        let Some(known) = shown() else { return Ok(()) };
        let end = last_line(file).map_err(|source| failed("read", &self.path, source))?;
        match end {
            Some(end) if end.seq < known && shown() == Some(known) && self.is_current()? => {
                let cause = Damage::EndMissing { journal: end.seq, known, witness: Witness::Document };
                Err(self.damaged(end.offset, cause))
            }
            _ => Ok(()),
        }
    }

    /// Whether the open journal still has the name. A compaction may have replaced it, and the document then shows a line of
    /// the new journal.
    fn is_current(&self) -> Result<bool, StoreError> {
        let named = stat_regular(&self.path).map_err(|source| failed("inspect", &self.path, source))?;
        Ok(self.file.as_ref().map(|(open, _)| *open) == named.as_ref().map(file_id))
    }

    /// Reads the line before the position and the bytes after it: about `most` bytes, but at least one whole line if
    /// there is one.
    fn read_on(&mut self, most: usize) -> io::Result<Vec<u8>> {
        let Some((_, file)) = &mut self.file else { return Ok(Vec::new()) };
        file.seek(SeekFrom::Start(self.position.offset - self.last_line.len() as u64))?;
        let mut bytes = Vec::new();
        let mut wanted = self.last_line.len() + most;
        loop {
            let asked = wanted - bytes.len();
            let read = file.by_ref().take(asked as u64).read_to_end(&mut bytes)?;
            if read < asked || bytes.get(self.last_line.len()..).is_some_and(|new| new.contains(&b'\n')) {
                return Ok(bytes);
            }
            wanted += bytes.len();
        }
    }
}

/// Returns the first line of a journal; `None` if it is incomplete, damaged or long.
fn first_line(file: &File) -> io::Result<Option<Record>> {
    let mut bytes = vec![0; FIRST_LINE_BYTES];
    let read = file.read_at(&mut bytes, 0)?;
    let line = bytes[..read].split(|byte| *byte == b'\n').next().unwrap_or_default();
    Ok(Record::decode(line).ok())
}

/// Returns the declaration in the first line of a journal that was compacted.
const fn declaration(first: &Record) -> Option<&Compacted> {
    if let Fact::Compacted(compacted) = &first.fact { Some(compacted) } else { None }
}

/// Returns the number and the end of a journal's last complete line; `None` if there is none or it is damaged.
fn last_line(file: &File) -> io::Result<Option<Position>> {
    let length = file.metadata()?.len();
    let mut searched = LAST_LINE_BYTES;
    loop {
        let from = length.saturating_sub(searched);
        let mut bytes = vec![0; usize::try_from(length - from).unwrap_or(usize::MAX)];
        let read = file.read_at(&mut bytes, from)?;
        bytes.truncate(read);
        let mut ends = bytes.iter().enumerate().rev().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at);
        let end = ends.next();
        let start = ends.next().map(|at| at + 1).or((from == 0).then_some(0));
        if let (Some(start), Some(end)) = (start, end) {
            let record = Record::decode(&bytes[start..end]).ok();
            return Ok(record.map(|record| Position::after(record.seq, from + end as u64 + 1)));
        }
        if from == 0 {
            return Ok(None);
        }
        searched = searched.saturating_mul(2);
    }
}

/// Reads the document at `path`. Returns `None` if there is none.
///
/// # Errors
/// Returns [`StoreError::Io`] if it cannot be read, and [`StoreError::DamagedDocument`] if it is not a document.
pub fn read_document(path: &Path) -> Result<Option<Document>, StoreError> {
    let paths = Paths::of(path).map_err(|source| failed("open", path, source))?;
    let Some(bytes) = read_document_bytes(&paths.document).map_err(|source| failed("read", path, source))? else {
        return Ok(None);
    };
    let damaged = |cause| {
        let has_journal = paths.journal.exists();
        StoreError::DamagedDocument { path: path.to_owned(), cause, has_journal }
    };
    Document::parse(&bytes).map(Some).map_err(damaged)
}

/// Returns the folder to watch for changes of the database at `document`.
#[must_use]
pub fn watched_folder(document: &Path) -> PathBuf {
    Paths::of_reader(document).folder
}
