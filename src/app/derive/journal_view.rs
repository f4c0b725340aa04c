//! The stock, the document and the verdict: the journal's records in their order, each taken in once, and judged.

use std::collections::BTreeMap;

use crate::{
    app::sanitized,
    domain::{Stock, UnixMillis},
    store::{Audit, Document, Fact, News, Record, Verdict},
};

use super::{earlier::Earlier, effects::Effects};

/// How many records may wait for one that comes before them.
const MOST_PARKED: usize = 4_096;

/// For how long document and journal may differ before it is said: they are read one after the other.
const SETTLES: u64 = 1_500;

/// Whether a file could be read lately.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Source {
    /// The last time that it told something.
    pub heard: Option<UnixMillis>,
    /// Why it cannot be read, and since when.
    pub broken: Option<(String, UnixMillis)>,
}

impl Source {
    fn works(&mut self, now: UnixMillis) {
        *self = Self { heard: Some(now), broken: None };
    }

    pub fn breaks(&mut self, cause: &str, now: UnixMillis) {
        let since = self.broken.take().map_or(now, |(_, since)| since);
        self.broken = Some((sanitized::text(cause), since));
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct JournalView {
    pub audit: Audit,
    pub document: Option<Document>,
    pub effects: Effects,
    pub journal_source: Source,
    pub document_source: Source,
    /// The first record of the journal, by which another journal is recognised.
    first: Option<Box<Record>>,
    /// The verdict on the stock when the journal was last read to its end, before it is read again.
    verdict_before: Option<Verdict>,
    /// The journal is read from its beginning, and its first record has not come yet.
    rereads: bool,
    /// More of the journal follows.
    more: bool,
    /// How many bytes of a long journal have been read, of how many; `None` once all are.
    pub reading: Option<(u64, u64)>,
    /// Records that came before their turn.
    parked: BTreeMap<u64, Record>,
    /// Records that could not even be parked.
    lost: u64,
    /// Journals that were replaced, and a reset that was requested.
    pub earlier: Earlier,
}

/// What a journal that is read from its beginning turns out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reread {
    /// The one that was read before.
    Same,
    /// Another one, as after a reset.
    Replaced,
}

/// What the screen says about the stock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StockVerdict {
    /// No journal yet, or not all of it has been read, so there is nothing to judge.
    None,
    Right,
    /// Nothing is wrong so far, and an order whose effect is in the stock is still open.
    Pending,
    Wrong,
    /// Somebody changed the document by hand; the next commit takes it over.
    Edited {
        document: Stock,
    },
}

impl JournalView {
    /// Puts a record in its turn. Gives back those whose turn has come: none for a repetition, many where a gap closes.
    pub fn admit(&mut self, record: Record) -> Vec<Record> {
        let next = self.audit.seq.saturating_add(1);
        if record.seq < next || self.parked.contains_key(&record.seq) {
            return Vec::new();
        }
        if record.seq > next && self.parked.len() >= MOST_PARKED {
            self.lost = self.lost.saturating_add(1);
            return Vec::new();
        }
        self.parked.insert(record.seq, record);
        let (mut ready, mut turn) = (Vec::new(), next);
        while let Some(record) = self.parked.remove(&turn) {
            ready.push(record);
            turn = turn.saturating_add(1);
        }
        ready
    }

    /// Takes the next record in. Says how often the effect of its key is in the stock now.
    pub fn observe(&mut self, record: &Record) -> u32 {
        self.audit.observe(record);
        let times = match &record.fact {
            Fact::Order(commit) => self.audit.times_applied(&commit.key),
            Fact::Supplier(commit) if commit.receipt.delta != 0 => self.audit.times_applied(&commit.key),
            _ => 0,
        };
        self.effects.observe(record, times, self.audit.actual);
        times
    }

    /// Starts over if `news` does, and says which journal its records belong to; `None` while it is read on, or before
    /// its first record. A reset of this program may have created it.
    pub fn reread(&mut self, news: &News) -> Option<Reread> {
        let was_partial = std::mem::replace(&mut self.more, news.more);
        if news.restarted {
            if self.audit.seq > 0 && !was_partial {
                self.verdict_before = Some(self.audit.verdict());
            }
            self.audit = Audit::default();
            self.effects = Effects::default();
            self.parked.clear();
            self.lost = 0;
            self.rereads = true;
        }
        let first = news.records.iter().find(|record| record.seq == 1).filter(|_| self.rereads)?;
        self.rereads = false;
        match self.first.replace(Box::new(first.clone())) {
            Some(before) if *before != *first => Some(Reread::Replaced),
            None if self.earlier.resets => Some(Reread::Replaced),
            _ => Some(Reread::Same),
        }
    }

    /// Whether the journal has not been read to its end, or not even to its first record.
    #[must_use]
    pub const fn is_partial(&self) -> bool {
        self.more || self.rereads
    }

    /// The same, or a recording made before [`News::more`] was part of it shows that its journal was being read.
    #[must_use]
    pub const fn is_reading(&self) -> bool {
        self.is_partial() || self.reading.is_some()
    }

    /// The verdict on the stock of the journal before this one.
    #[must_use]
    pub const fn verdict_before(&self) -> Option<Verdict> {
        self.verdict_before
    }

    pub fn heard(&mut self, now: UnixMillis) {
        self.journal_source.works(now);
    }

    pub fn shows(&mut self, document: Document, now: UnixMillis) {
        self.document = Some(Document { last_order: sanitized::id(&document.last_order), ..document });
        self.document_source.works(now);
    }

    /// Whether the document says what its journal does.
    #[must_use]
    pub fn document_agrees(&self) -> bool {
        self.document.as_ref().is_some_and(|document| document.stock == self.audit.actual)
    }

    /// The stock to show: what the document says, which is what everybody else reads. While things happen the document
    /// may be a moment behind the journal, or the other way round; then what the journal says.
    #[must_use]
    pub fn stock(&self, now: UnixMillis) -> Option<Stock> {
        let journaled = (self.audit.seq > 0).then_some(self.audit.actual);
        let shown = self.document.as_ref().map(|document| document.stock);
        // Half of a journal says nothing about the stock.
        let shown_first = self.is_reading() || self.has_settled(now);
        if shown_first { shown.or(journaled) } else { journaled.or(shown) }
    }

    fn has_settled(&self, now: UnixMillis) -> bool {
        let latest = self.journal_source.heard.max(self.document_source.heard).unwrap_or_default();
        !self.is_reading() && now.0.saturating_sub(latest.0) >= SETTLES && self.document_source.broken.is_none()
    }

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

    /// Records that wait for an earlier one, or were lost while waiting.
    #[must_use]
    pub fn missing(&self) -> u64 {
        self.lost.saturating_add(self.parked.len() as u64)
    }
}
