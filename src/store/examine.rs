//! Examines a database without writing to it: the audit of its journal, and other problems.

use std::{path::Path, thread, time::Duration};

use super::{
    audit::{Audit, Verdict},
    document::{Document, DocumentError},
    error::{Damage, StoreError, Witness, failed},
    progress::Progress,
    reader::JournalReader,
    record::{Fact, Record},
    storage::{Paths, document_is_newer, poison_reason, read_document_bytes},
};
use crate::domain::{ProductId, Stock};

/// Maximum number of times that a document older than its journal is read again, because a worker may be about to
/// replace it.
const MAX_READS: u32 = 25;
/// Number of bytes of a journal that are read at a time. The records of a chunk are small enough for the processor's cache.
const CHUNK_BYTES: usize = 1 << 16;
/// Pause between two reads of a document.
const READ_INTERVAL: Duration = Duration::from_millis(20);

/// The state of a database.
#[derive(Debug)]
pub struct Examination {
    /// The audit of the journal.
    pub audit: Audit,
    /// Another problem, if there is one.
    pub problem: Option<Problem>,
}

impl Examination {
    /// Whether the stock is right and there is no problem.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        if self.problem.is_some() { Verdict::Wrong } else { self.audit.verdict() }
    }
}

/// A problem in a database that the audit of its journal does not cover.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Problem {
    /// Workers refuse the database.
    #[error(transparent)]
    Refused(StoreError),
    /// The document is damaged.
    #[error("the document is damaged ({0}); a worker keeps a copy and replaces it with the journal's")]
    Damaged(DocumentError),
    /// There is no document.
    #[error("the document is missing; a worker creates it again from its journal")]
    Missing,
    /// The document and the journal show different stocks.
    #[error("the document shows a stock of {}, but its journal {journal}: {difference}", .document.stock)]
    Differs {
        /// The document.
        document: Document,
        /// The stock that follows from the journal.
        journal: Stock,
        /// The reason for the difference.
        difference: Difference,
    },
}

/// The reason why the document and its journal differ. The message says what a worker does about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Difference {
    /// The document is older than the journal.
    #[error("it shows line {line} of {last}, as after a worker was killed; the next worker updates it")]
    Old {
        /// The line that it shows.
        line: u64,
        /// The journal's last line.
        last: u64,
    },
    /// Another program restored an older document.
    #[error(
        "it is the document of line {line}, restored after line {last}; a worker keeps a copy and replaces it with \
         the journal's"
    )]
    PutBack {
        /// The line that it shows.
        line: u64,
        /// The journal's last line.
        last: u64,
    },
    /// Another program restored the starting document.
    #[error(
        "it is the starting document, and the journal has more lines; a worker replaces it with the journal's. To \
         start again, run: idempotence reset"
    )]
    Starting,
    /// Another program edited the current document.
    #[error("it was edited; a worker adopts the edit when it starts, unless another worker runs")]
    Edited,
    /// Another program changed the document's row in MySQL.
    #[error("its row was changed by another program; a worker adopts the change with the next order")]
    EditedRow,
    /// Another program edited a document that does not belong to the journal's last state.
    #[error("it was edited and belongs to another state; a worker keeps a copy and replaces it with the journal's")]
    OtherState,
}

/// Examines the database of the document at `path`; returns `None` if there is none. Calls `seen` while it reads the
/// journal.
///
/// # Errors
/// Fails if a file cannot be read, the journal is damaged or missing, or a document without a journal is damaged.
pub fn examine(path: &Path, seen: &dyn Fn(Progress)) -> Result<Option<Examination>, StoreError> {
    let paths = Paths::of(path).map_err(|source| failed("open", path, source))?;
    let mut reader = JournalReader::new(path);
    let mut journal = ReadJournal::default();
    let mut shown = read_document(&paths)?;
    journal.compared_from = seq_of(&shown).unwrap_or(0);
    journal.read(&mut reader, &paths, seen)?;
    if journal.is_empty() {
        return without_journal(&paths, shown);
    }
    for _ in 0..MAX_READS {
        if !journal.is_behind(&shown) {
            break;
        }
        thread::sleep(READ_INTERVAL);
        let before = shown;
        shown = read_document(&paths)?;
        journal.read(&mut reader, &paths, seen)?;
        if seq_of(&shown) > seq_of(&before) {
            // A worker publishes documents, but its journal grows faster.
            return Ok(Some(Examination { problem: poison(&paths)?, audit: journal.audit }));
        }
    }
    journal.conclude(&paths, shown).map(Some)
}

type Shown = Option<Result<Document, DocumentError>>;

fn read_document(paths: &Paths) -> Result<Shown, StoreError> {
    let bytes = read_document_bytes(&paths.document).map_err(|source| failed("read", &paths.document, source))?;
    Ok(bytes.map(|bytes| Document::parse(&bytes)))
}

/// Whether a document of an earlier line got its name after the journal's last change. A worker uses the same test. If
/// the document has changed meanwhile, a worker is publishing, and the times belong to another document.
fn was_restored(paths: &Paths, document: &Document) -> Result<bool, StoreError> {
    let is_newer = document_is_newer(paths).map_err(|source| failed("inspect", &paths.document, source))?;
    Ok(is_newer && read_document(paths)?.is_some_and(|found| found.as_ref() == Ok(document)))
}

fn seq_of(shown: &Shown) -> Option<u64> {
    shown.as_ref().and_then(|shown| shown.as_ref().ok()).and_then(|document| document.seq)
}

/// Examines a database that no worker has opened yet: it has only a document.
fn without_journal(paths: &Paths, shown: Shown) -> Result<Option<Examination>, StoreError> {
    if crate::files::stat(&paths.journal).map_err(|source| failed("inspect", &paths.journal, source))?.is_some() {
        let (path, cause) = (paths.journal.clone(), Damage::Empty);
        return Err(StoreError::DamagedJournal { path, offset: 0, cause });
    }
    match shown {
        Some(Ok(document)) if document.seq.is_none() => {
            let audit = Audit::beginning_with(document.stock);
            Ok(Some(Examination { audit, problem: poison(paths)? }))
        }
        Some(Ok(_)) => Err(StoreError::JournalMissing { path: paths.document.clone() }),
        Some(Err(cause)) => Err(super::error::damaged_alone(&paths.document, cause)),
        None => Ok(None),
    }
}

fn poison(paths: &Paths) -> Result<Option<Problem>, StoreError> {
    let reason = poison_reason(&paths.poison).map_err(|source| failed("read", &paths.poison, source))?;
    Ok(reason.map(|reason| Problem::Refused(StoreError::Poisoned { reason })))
}

/// A journal as far as it was read.
#[derive(Debug, Default)]
pub(super) struct ReadJournal {
    audit: Audit,
    product: Option<ProductId>,
    /// Stock and order of the starting document.
    start: (Stock, String),
    /// Line of the document that was read first. Later documents show later lines.
    compared_from: u64,
    /// The stock after each line that changed it; up to `compared_from` only the last one.
    changes: Vec<(u64, Stock)>,
}

impl ReadJournal {
    /// A journal that is compared only with the document of its last line.
    pub(super) fn of_latest_document() -> Self {
        Self { compared_from: u64::MAX, ..Self::default() }
    }

    const fn is_empty(&self) -> bool {
        self.product.is_none()
    }

    /// The audit of the records so far.
    pub(super) const fn audit(&self) -> &Audit {
        &self.audit
    }

    /// Returns the audit of the records.
    pub(super) fn into_audit(self) -> Audit {
        self.audit
    }

    fn read(&mut self, reader: &mut JournalReader, paths: &Paths, seen: &dyn Fn(Progress)) -> Result<(), StoreError> {
        let mut restarted = false;
        loop {
            let (news, progress) = reader.read_some(CHUNK_BYTES)?;
            seen(progress);
            restarted |= news.restarted;
            if restarted && !news.records.is_empty() {
                *self = Self { compared_from: self.compared_from, ..Self::default() };
                restarted = false;
            }
            for record in &news.records {
                self.observe(record).map_err(|cause| StoreError::DamagedJournal {
                    path: paths.journal.clone(),
                    offset: 0,
                    cause,
                })?;
            }
            if !news.more {
                return Ok(());
            }
        }
    }

    /// Adds the next record.
    pub(super) fn observe(&mut self, record: &Record) -> Result<(), Damage> {
        let seq = record.seq;
        if matches!(record.fact, Fact::Compacted(_)) {
            return Ok(());
        }
        if self.is_empty() && !matches!(record.fact, Fact::Init(_)) {
            return Err(Damage::NoInit);
        }
        let before = self.audit.actual;
        let check = |delta: i64, found: Stock| {
            let expected = before.saturating_add(delta);
            if found == expected { Ok(()) } else { Err(Damage::Stock { seq, expected, found }) }
        };
        match &record.fact {
            Fact::Init(_) if !self.is_empty() => return Err(Damage::SecondInit { seq }),
            Fact::Init(init) => {
                self.product = Some(init.product.clone());
                self.start = (init.stock, init.last_order.clone());
            }
            Fact::Order(commit) | Fact::Supplier(commit) | Fact::Intent(commit) => {
                check(commit.receipt.delta, commit.receipt.stock)?;
            }
            Fact::Adjust(adjustment) => check(adjustment.delta, adjustment.stock)?,
            Fact::Reject(_) | Fact::Attempt(_) | Fact::Relay(_) | Fact::Aside(_) | Fact::Compacted(_) => {}
        }
        self.audit.observe(record, seq);
        if self.audit.actual != before || seq == 1 {
            if seq <= self.compared_from {
                self.changes.clear();
            }
            self.changes.push((seq, self.audit.actual));
        }
        Ok(())
    }

    /// Returns the stock after line `seq`.
    fn stock_after(&self, seq: u64) -> Option<Stock> {
        let later = self.changes.partition_point(|(line, _)| *line <= seq);
        later.checked_sub(1).and_then(|last| self.changes.get(last)).map(|(_, stock)| *stock)
    }

    fn is_behind(&self, shown: &Shown) -> bool {
        match shown {
            Some(Ok(document)) => {
                self.lost_end(document).is_some() || matches!(self.difference(document), Some(Difference::Old { .. }))
            }
            // A worker creates the document after its journal.
            None => true,
            Some(Err(_)) => false,
        }
    }

    fn difference(&self, document: &Document) -> Option<Difference> {
        if Some(&document.product) != self.product.as_ref() {
            return Some(Difference::OtherState);
        }
        if document.stock == self.audit.actual {
            return None;
        }
        let is_start = (document.stock, document.last_order.as_str()) == (self.start.0, self.start.1.as_str());
        Some(match document.seq {
            None if is_start => Difference::Old { line: 1, last: self.audit.seq },
            None => Difference::Edited,
            Some(line) if line > self.audit.seq => Difference::OtherState,
            Some(line) if self.stock_after(line) == Some(document.stock) => {
                Difference::Old { line, last: self.audit.seq }
            }
            // No later line has changed the stock.
            Some(line) if self.changes.last().is_some_and(|(last, _)| *last <= line) => Difference::Edited,
            Some(_) => Difference::OtherState,
        })
    }

    /// Returns the damage if the journal ends before the document's line. A document is published only after its line
    /// is durable, so it proves that the end of the journal is lost.
    fn lost_end(&self, document: &Document) -> Option<Damage> {
        let shown = document.seq.filter(|seq| *seq > self.audit.seq)?;
        Some(Damage::EndMissing { journal: self.audit.seq, known: shown, witness: Witness::Document })
    }

    fn conclude(self, paths: &Paths, shown: Shown) -> Result<Examination, StoreError> {
        let problem = match (poison(paths)?, shown) {
            (Some(poison), _) => Some(poison),
            (None, None) => Some(usable_or(paths, Problem::Missing)),
            (None, Some(Err(cause))) => Some(usable_or(paths, Problem::Damaged(cause))),
            (None, Some(Ok(document))) => self.compare(paths, document)?,
        };
        Ok(Examination { audit: self.audit, problem })
    }

    fn compare(&self, paths: &Paths, document: Document) -> Result<Option<Problem>, StoreError> {
        if let Some(cause) = self.lost_end(&document) {
            let path = paths.journal.clone();
            // The journal is intact up to its end.
            let offset = paths.journal.metadata().map_or(0, |found| found.len());
            return Ok(Some(Problem::Refused(StoreError::DamagedJournal { path, offset, cause })));
        }
        let Some(difference) = self.difference(&document) else { return Ok(None) };
        let difference = match difference {
            Difference::Old { line, last } if was_restored(paths, &document)? => match line {
                1 => Difference::Starting,
                _ => Difference::PutBack { line, last },
            },
            difference => difference,
        };
        let differs = Problem::Differs { document, journal: self.audit.actual, difference };
        Ok(Some(usable_or(paths, differs)))
    }
}

/// Returns `problem`, which a worker repairs, unless an error prevents workers from using the database.
fn usable_or(paths: &Paths, problem: Problem) -> Problem {
    match super::probe(&paths.document) {
        Err(error) if !matches!(error, StoreError::Busy { .. }) => Problem::Refused(error),
        Ok(_) | Err(_) => problem,
    }
}
