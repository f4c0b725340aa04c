//! The state of a database: the audit of its journal, and any problem that stops a worker from using it. Read-only.

use std::{path::Path, thread, time::Duration};

use super::{
    audit::{Audit, Verdict},
    document::{Document, DocumentError},
    error::{Damage, StoreError, Witness, failed},
    progress::Progress,
    reader::{CHUNK_BYTES, JournalReader},
    record::{Fact, Record},
    storage::{Paths, document_is_newer, poison_reason, read_document_bytes},
};
use crate::domain::{ProductId, Stock};

/// How often a document that is older than its journal is read again: a worker may be about to replace it.
const LOOKS: u32 = 25;
const BETWEEN_LOOKS: Duration = Duration::from_millis(20);

/// The state of a database.
#[derive(Debug)]
pub struct Examination {
    pub audit: Audit,
    pub problem: Option<Problem>,
}

impl Examination {
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        if self.problem.is_some() { Verdict::Wrong } else { self.audit.verdict() }
    }
}

/// What is wrong beside the account of the journal.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Problem {
    /// No worker goes on with it.
    #[error(transparent)]
    Refused(StoreError),
    #[error("the document is damaged ({0}); a worker keeps it aside and puts the journal's in its place")]
    Damaged(DocumentError),
    #[error("the document is missing; a worker makes it again from its journal")]
    Missing,
    #[error("the document says {}, its journal {journal}: {difference}", .document.stock)]
    Differs { document: Document, journal: Stock, difference: Difference },
}

/// Why the document does not say what its journal does, and what a worker makes of that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Difference {
    #[error("it shows line {line} of {last}, as a killed worker leaves it; a worker brings it up to date")]
    Old { line: u64, last: u64 },
    #[error(
        "it is the document of line {line}, put there after line {last}; a worker keeps it aside and puts the \
         journal's in its place"
    )]
    PutBack { line: u64, last: u64 },
    #[error(
        "it is the starting document, and the journal has gone on; a worker puts the journal's document back. To start \
         again, run: idempotence reset"
    )]
    Starting,
    #[error("it was edited; a worker takes the edit over when it starts, unless another one runs")]
    Edited,
    #[error("it was edited and is of another state; a worker keeps it aside and puts the journal's in its place")]
    OtherState,
}

/// Examines the database of the document at `path`; `None` if there is none. `seen` is called as its journal is read.
///
/// # Errors
/// [`StoreError`], if it cannot be read or its journal is damaged.
pub fn examine(path: &Path, seen: &dyn Fn(Progress)) -> Result<Option<Examination>, StoreError> {
    let paths = Paths::of(path).map_err(|source| failed("open", path, source))?;
    let mut reader = JournalReader::new(path);
    let mut account = Account::default();
    let mut shown = read_document(&paths)?;
    account.read(&mut reader, &paths, seen)?;
    if account.is_empty() {
        return without_journal(&paths, shown);
    }
    for _ in 0..LOOKS {
        if !account.is_behind(&shown) {
            break;
        }
        thread::sleep(BETWEEN_LOOKS);
        let before = shown;
        shown = read_document(&paths)?;
        account.read(&mut reader, &paths, seen)?;
        if seq_of(&shown) > seq_of(&before) {
            // A worker publishes, only not as fast as its journal grows.
            return Ok(Some(Examination { problem: poison(&paths)?, audit: account.audit }));
        }
    }
    account.conclude(&paths, shown).map(Some)
}

type Shown = Option<Result<Document, DocumentError>>;

fn read_document(paths: &Paths) -> Result<Shown, StoreError> {
    let bytes = read_document_bytes(&paths.document).map_err(|source| failed("read", &paths.document, source))?;
    Ok(bytes.map(|bytes| Document::parse(&bytes)))
}

/// Whether a document of an earlier line came to its name after the journal's last change: a worker decides by the
/// same. If it is replaced meanwhile, a worker publishes, and the times belong to another document.
fn was_put_there(paths: &Paths, document: &Document) -> Result<bool, StoreError> {
    let is_newer = document_is_newer(paths).map_err(|source| failed("look at", &paths.document, source))?;
    Ok(is_newer && read_document(paths)?.is_some_and(|found| found.as_ref() == Ok(document)))
}

fn seq_of(shown: &Shown) -> Option<u64> {
    shown.as_ref().and_then(|shown| shown.as_ref().ok()).and_then(|document| document.seq)
}

/// A database that no worker has opened yet is its document alone.
fn without_journal(paths: &Paths, shown: Shown) -> Result<Option<Examination>, StoreError> {
    if crate::files::stat(&paths.journal).map_err(|source| failed("look at", &paths.journal, source))?.is_some() {
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
struct Account {
    audit: Audit,
    product: Option<ProductId>,
    /// The starting document's stock and order.
    start: (Stock, String),
    /// The stock after each line that changed it.
    changes: Vec<(u64, Stock)>,
}

impl Account {
    const fn is_empty(&self) -> bool {
        self.product.is_none()
    }

    fn read(&mut self, reader: &mut JournalReader, paths: &Paths, seen: &dyn Fn(Progress)) -> Result<(), StoreError> {
        let mut restarted = false;
        loop {
            // In parts, because the records of a long journal take more memory than the journal itself.
            let (news, progress) = reader.read_some(CHUNK_BYTES)?;
            seen(progress);
            restarted |= news.restarted;
            if restarted && !news.records.is_empty() {
                *self = Self::default();
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

    fn observe(&mut self, record: &Record) -> Result<(), Damage> {
        let seq = record.seq;
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
            Fact::Order(commit) | Fact::Supplier(commit) => check(commit.receipt.delta, commit.receipt.stock)?,
            Fact::Adjust(adjustment) => check(adjustment.delta, adjustment.stock)?,
            Fact::Reject(_) | Fact::Attempt(_) | Fact::Aside(_) => {}
        }
        self.audit.observe(record);
        if self.audit.actual != before || seq == 1 {
            self.changes.push((seq, self.audit.actual));
        }
        Ok(())
    }

    /// The stock after line `seq`.
    fn stock_after(&self, seq: u64) -> Option<Stock> {
        let later = self.changes.partition_point(|(line, _)| *line <= seq);
        later.checked_sub(1).and_then(|last| self.changes.get(last)).map(|(_, stock)| *stock)
    }

    fn is_behind(&self, shown: &Shown) -> bool {
        match shown {
            Some(Ok(document)) => {
                self.lost_end(document).is_some() || matches!(self.difference(document), Some(Difference::Old { .. }))
            }
            // A worker makes it after its journal.
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
            // Nothing has changed the stock since.
            Some(line) if self.changes.last().is_some_and(|(last, _)| *last <= line) => Difference::Edited,
            Some(_) => Difference::OtherState,
        })
    }

    /// A document is published after its line is durable, so one that shows a later line shows that the end is lost.
    fn lost_end(&self, document: &Document) -> Option<Damage> {
        let shown = document.seq.filter(|seq| *seq > self.audit.seq)?;
        Some(Damage::EndMissing { journal: self.audit.seq, known: shown, witness: Witness::Document })
    }

    fn conclude(self, paths: &Paths, shown: Shown) -> Result<Examination, StoreError> {
        let problem = match (poison(paths)?, shown) {
            (Some(poison), _) => Some(poison),
            (None, None) => Some(usable_or(paths, Problem::Missing)),
            (None, Some(Err(cause))) => Some(usable_or(paths, Problem::Damaged(cause))),
            (None, Some(Ok(document))) => self.judge(paths, document)?,
        };
        Ok(Examination { audit: self.audit, problem })
    }

    fn judge(&self, paths: &Paths, document: Document) -> Result<Option<Problem>, StoreError> {
        if let Some(cause) = self.lost_end(&document) {
            let path = paths.journal.clone();
            // The whole journal is good as far as it goes.
            let offset = paths.journal.metadata().map_or(0, |found| found.len());
            return Ok(Some(Problem::Refused(StoreError::DamagedJournal { path, offset, cause })));
        }
        let Some(difference) = self.difference(&document) else { return Ok(None) };
        let difference = match difference {
            Difference::Old { line, last } if was_put_there(paths, &document)? => match line {
                1 => Difference::Starting,
                _ => Difference::PutBack { line, last },
            },
            difference => difference,
        };
        let differs = Problem::Differs { document, journal: self.audit.actual, difference };
        Ok(Some(usable_or(paths, differs)))
    }
}

/// A problem that a worker repairs, or why no worker can use the database: then advice to start one is wrong.
fn usable_or(paths: &Paths, problem: Problem) -> Problem {
    match super::probe(&paths.document) {
        Err(error) if !matches!(error, StoreError::Busy { .. }) => Problem::Refused(error),
        Ok(_) | Err(_) => problem,
    }
}
