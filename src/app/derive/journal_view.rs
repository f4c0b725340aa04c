//! The stock, the document and the verdict. Journal records are applied in their order, each once.

use std::collections::BTreeMap;

use crate::{
    app::sanitized,
    domain::{Stock, UnixMillis},
    store::{Audit, CoveredLines, Document, Fact, News, Record, Verdict},
};

use super::{earlier::Earlier, effects::Effects};

/// Records that are kept while an earlier one is missing.
const MAX_PARKED_RECORDS: usize = 4_096;

/// Milliseconds for which document and journal may differ: they are read one after the other.
const SETTLE_MILLIS: u64 = 1_500;

/// Whether a file can be read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Source {
    /// The time of the last successful read.
    pub last_read: Option<UnixMillis>,
    /// Why it cannot be read, and since when.
    pub broken: Option<(String, UnixMillis)>,
}

impl Source {
    fn on_success(&mut self, now: UnixMillis) {
        *self = Self { last_read: Some(now), broken: None };
    }

    /// The file cannot be read.
    pub fn on_error(&mut self, cause: &str, now: UnixMillis) {
        let since = self.broken.take().map_or(now, |(_, since)| since);
        self.broken = Some((sanitized::text(cause), since));
    }
}

/// The journal and the document, as far as they were read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct JournalView {
    /// The audit of the records so far.
    pub audit: Audit,
    /// The document.
    pub document: Option<Document>,
    /// The latest effects.
    pub effects: Effects,
    /// Whether the journal can be read.
    pub journal_source: Source,
    /// Whether the document can be read.
    pub document_source: Source,
    /// The first record of the journal, which identifies it.
    first: Option<Box<Record>>,
    /// The verdict when the journal was last read to its end, before it is read again.
    verdict_before: Option<Verdict>,
    /// The journal is being read from its beginning, and its first record has not arrived.
    awaits_first_record: bool,
    /// More of the journal follows.
    more: bool,
    /// Bytes or lines of a long journal that were read, and all of them; `None` once all are read.
    pub reading: Option<(u64, u64)>,
    /// Number of the last line that a compaction has dropped. Lines up to it may be missing.
    compacted_through: u64,
    /// Records after a gap.
    parked: BTreeMap<u64, Record>,
    /// Records after a gap that were too many to keep.
    lost: u64,
    /// Journals that were replaced, and a reset that was requested.
    pub earlier: Earlier,
}

/// The journal that is read from its beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reread {
    /// The journal that was read before.
    Same,
    /// Another one, as after a reset.
    Replaced,
}

/// The verdict on the stock as the screen shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StockVerdict {
    /// None: there is no journal yet, or it is not read to its end.
    None,
    /// The stock is right.
    Right,
    /// Right so far, and an open order has its effect in the stock.
    Pending,
    /// The stock is wrong.
    Wrong,
    /// Another program changed the document; the next commit applies the change.
    Edited {
        /// The stock in the document.
        document: Stock,
    },
}

impl JournalView {
    /// Adds a record. Returns the records whose turn has come: none for a repetition, many if a gap closes.
    pub fn sequence(&mut self, record: Record) -> Vec<Record> {
        let next = self.audit.seq.saturating_add(1);
        if record.seq < next || self.parked.contains_key(&record.seq) {
            return Vec::new();
        }
        if record.seq > next && self.parked.len() >= MAX_PARKED_RECORDS {
            self.lost = self.lost.saturating_add(1);
            return Vec::new();
        }
        self.parked.insert(record.seq, record);
        let (mut ready, mut turn) = (Vec::new(), next);
        // A compaction may have dropped the lines between.
        let first_complete = self.compacted_through.saturating_add(1);
        while let Some(first) = self.parked.first_entry()
            && *first.key() <= turn.max(first_complete)
        {
            turn = first.key().saturating_add(1);
            ready.push(first.remove());
        }
        ready
    }

    /// Applies the next record. Returns how often the effect of its key is in the stock now.
    pub fn apply_record(&mut self, record: &Record) -> u32 {
        self.audit.observe(record, record.seq);
        let times = match &record.fact {
            Fact::Order(commit) => self.audit.times_applied(&commit.key),
            Fact::Supplier(commit) if commit.receipt.delta != 0 => self.audit.times_applied(&commit.key),
            _ => 0,
        };
        self.effects.observe(record, times, self.audit.actual);
        times
    }

    /// Clears all state if `news` restarts the journal. With the first record after that, returns whether the journal is
    /// the same or a replacement, which a reset of this program may have created.
    pub fn reread(&mut self, news: &News) -> Option<Reread> {
        let was_partial = std::mem::replace(&mut self.more, news.more);
        if news.restarted {
            if self.audit.seq > 0 && !was_partial {
                self.verdict_before = Some(self.audit.verdict());
            }
            self.audit = Audit::default();
            self.effects = Effects::default();
            self.parked.clear();
            (self.lost, self.compacted_through) = (0, 0);
            self.awaits_first_record = true;
        }
        let first = news.records.iter().find(|record| record.seq == 1).filter(|_| self.awaits_first_record)?;
        self.awaits_first_record = false;
        match self.first.replace(Box::new(first.clone())) {
            Some(before) if *before != *first => Some(Reread::Replaced),
            None if self.earlier.resets => Some(Reread::Replaced),
            _ => Some(Reread::Same),
        }
    }

    /// The journal was compacted: records up to `through` may be missing.
    pub const fn begin_compacted(&mut self, through: u64) {
        self.compacted_through = through;
    }

    /// Whether lines around this one may have been dropped.
    #[must_use]
    pub const fn is_compacted(&self, seq: u64) -> bool {
        seq <= self.compacted_through
    }

    /// Starts after the records that were not read. Their orders are known only as totals.
    pub fn start_after(&mut self, covered: CoveredLines) -> Vec<Record> {
        let CoveredLines { first, mut audit, recent } = covered;
        for record in &recent {
            audit.know(record, record.seq);
        }
        (self.first, self.audit, self.more) = (Some(Box::new(first)), audit, true);
        recent
    }

    /// Adds a line that is not read, of a key that the next records may repeat.
    pub fn know(&mut self, earlier: &Record) {
        self.audit.know(earlier, earlier.seq);
    }

    /// Adds one of the newest records that were not read in their order. Returns how often the effect of its key is in the
    /// stock.
    pub fn apply_covered(&mut self, record: &Record) -> u32 {
        let (times, stock) = match &record.fact {
            Fact::Order(commit) | Fact::Supplier(commit) if commit.receipt.delta != 0 => {
                (self.audit.times_applied(&commit.key), commit.receipt.stock)
            }
            Fact::Adjust(adjustment) => (0, adjustment.stock),
            _ => (0, self.audit.actual),
        };
        self.effects.observe(record, times, stock);
        times
    }

    /// Whether the journal has not been read to its end, or not even to its first record.
    #[must_use]
    pub const fn is_partial(&self) -> bool {
        self.more || self.awaits_first_record
    }

    /// The same, also for recordings that were made before [`News::more`] existed. They have only [`Self::reading`].
    #[must_use]
    pub const fn is_reading(&self) -> bool {
        self.is_partial() || self.reading.is_some()
    }

    /// The verdict on the stock of the journal before this one.
    #[must_use]
    pub const fn verdict_before(&self) -> Option<Verdict> {
        self.verdict_before
    }

    /// The journal was read without an error.
    pub fn on_journal_read(&mut self, now: UnixMillis) {
        self.journal_source.on_success(now);
    }

    /// Applies the document on disk.
    pub fn apply_document(&mut self, document: Document, now: UnixMillis) {
        self.document = Some(Document { last_order: sanitized::id(&document.last_order), ..document });
        self.document_source.on_success(now);
    }

    /// Whether document and journal agree.
    #[must_use]
    pub fn document_agrees(&self) -> bool {
        self.document.as_ref().is_some_and(|document| document.stock == self.audit.actual)
    }

    /// The stock to show: that of the document, which other programs read. While records arrive, document and journal can
    /// differ for a moment; then that of the journal.
    #[must_use]
    pub fn stock(&self, now: UnixMillis) -> Option<Stock> {
        let journaled = (self.audit.seq > 0).then_some(self.audit.actual);
        let shown = self.document.as_ref().map(|document| document.stock);
        // A part of the journal does not show the stock.
        let shown_first = self.is_reading() || self.has_settled(now);
        if shown_first { shown.or(journaled) } else { journaled.or(shown) }
    }

    fn has_settled(&self, now: UnixMillis) -> bool {
        let latest = self.journal_source.last_read.max(self.document_source.last_read).unwrap_or_default();
        !self.is_reading() && now.0.saturating_sub(latest.0) >= SETTLE_MILLIS && self.document_source.broken.is_none()
    }

    /// The verdict on the stock.
    #[must_use]
    pub fn stock_verdict(&self, now: UnixMillis) -> StockVerdict {
        if self.audit.seq == 0 || self.is_reading() {
            return StockVerdict::None;
        }
        let settled = self.has_settled(now);
        match (&self.document, self.audit.verdict()) {
            (_, Verdict::Wrong) => StockVerdict::Wrong,
            (Some(document), Verdict::Right) if settled && document.stock != self.audit.actual => {
                StockVerdict::Edited { document: document.stock }
            }
            (_, Verdict::Right) => StockVerdict::Right,
        }
    }

    /// Records after a gap, kept or not.
    #[must_use]
    pub fn missing(&self) -> u64 {
        self.lost.saturating_add(self.parked.len() as u64)
    }
}
