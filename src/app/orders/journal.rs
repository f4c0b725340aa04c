//! What becomes of the orders when their journal is read again, or another one takes its place.

use std::collections::HashSet;

use crate::{
    app::{
        execution::{Execution, Turn},
        ingest,
    },
    domain::UnixMillis,
    store::Record,
};

use super::{Orders, RunKey, Tally};

/// Orders that left the table with the journal that recorded them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Left {
    pub orders: u64,
    /// Those whose effect was in the stock more than once.
    pub repeated: u64,
}

impl Orders {
    /// The journal mentions a run.
    pub fn journaled(&mut self, key: RunKey, at: UnixMillis, seq: u64, change: impl FnOnce(&mut Execution)) {
        self.journal_time = self.journal_time.max(at);
        let turn = Turn { at: self.journal_time, seq };
        self.change(key, at, |execution| {
            execution.turn = execution.turn.or(Some(turn));
            execution.first_line = Some(execution.first_line.map_or(at, |first| first.min(at)));
            change(execution);
        });
    }

    /// The same journal is read again: forget what only it recorded.
    pub fn forget_journal(&mut self) {
        self.keep(|execution| execution.asked.is_some() || execution.taken);
        for slot in self.rows.clone() {
            self.change_at(slot, Execution::forget_journal);
        }
        self.count_again();
    }

    /// The counts after journal records were forgotten.
    fn count_again(&mut self) {
        let left = self.rows.iter().filter_map(|slot| self.get(*slot)).map(|execution| Tally::of(execution).attempts);
        self.attempts = left.sum();
        (self.retries, self.journal_time) = <_>::default();
    }

    /// Another journal took the place of the one before, by this program or another. Orders that ended belong
    /// to the earlier stock and leave the table, unless `records`, the beginning of the new journal, mention them. Open
    /// orders stay without what the earlier journal recorded of them.
    pub fn replace_journal(&mut self, records: &[Record]) -> Left {
        let mentioned: HashSet<RunKey> = records.iter().filter_map(ingest::run_of).collect();
        let key = |execution: &Execution| Some((execution.workflow.clone(), execution.run.clone()?));
        let stays =
            |execution: &Execution| !execution.has_left() || key(execution).is_some_and(|key| mentioned.contains(&key));
        let mut left = Left::default();
        for (_, execution) in self.newest_first(0).filter(|(_, execution)| !stays(execution)) {
            left.orders += 1;
            left.repeated += u64::from(execution.repeated() > 1);
        }
        self.keep(stays);
        for slot in self.rows.clone() {
            self.change_at(slot, |execution| {
                execution.outlived |= execution.is_journaled();
                execution.forget_journal();
            });
        }
        self.count_again();
        left
    }
}
