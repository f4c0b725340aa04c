//! How the orders change when their journal is read again, or replaced by another one.

use crate::{app::derive::journal_view::Reread, domain::UnixMillis};

use super::{
    Orders,
    execution::{Execution, JournalPosition},
    replacement::{Left, Replacement, RunKey},
    tally::Tally,
};

impl Orders {
    /// Applies a journal record about a run.
    pub fn journaled(&mut self, key: RunKey, at: UnixMillis, seq: u64, change: impl FnOnce(&mut Execution)) {
        self.keep_candidate(&key);
        self.journal_time = self.journal_time.max(at);
        let turn = JournalPosition { at: self.journal_time, seq };
        self.change(key, at, |execution| {
            execution.position_in_journal = execution.position_in_journal.or(Some(turn));
            execution.first_line = Some(execution.first_line.map_or(at, |first| first.min(at)));
            change(execution);
        });
    }

    /// The same journal is read again: forget what only it recorded.
    fn forget_journal(&mut self) {
        self.keep(|execution| execution.submission.is_some() || execution.accepted);
        for slot in self.rows.clone() {
            self.change_at(slot, Execution::forget_journal);
        }
        self.count_again();
    }

    /// Counts again after journal records were forgotten; candidates for leaving are not counted.
    fn count_again(&mut self) {
        let executions = self.rows.iter().filter_map(|slot| self.get(*slot));
        let counted = executions.filter(|execution| !self.is_candidate(execution));
        self.attempts = counted.map(|execution| Tally::of(execution).attempts).sum();
        (self.retries, self.journal_time) = <_>::default();
    }

    /// A journal is read from its beginning. Open orders stay, but lose what the previous reading recorded. If the journal is
    /// another one, ended orders belong to the earlier stock and become candidates for removal until [`Self::journal_read`].
    pub fn journal_begins(&mut self, which: Reread) {
        if which == Reread::Same && self.replacement.is_none() {
            return self.forget_journal();
        }
        let mut replacement = self.replacement.take().unwrap_or_default();
        for (_, execution) in self.newest_first(0).filter(|(_, execution)| execution.has_left()) {
            let repeated = execution.repeated() > 1;
            match key_of(execution) {
                Some(key) => *replacement.candidates.entry(key).or_default() |= repeated,
                None => replacement.left.add(repeated),
            }
        }
        // No run, no journal line: such a start has failed.
        self.keep(|execution| !execution.has_left() || execution.run.is_some());
        for slot in self.rows.clone() {
            self.change_at(slot, |execution| {
                if !execution.has_left() {
                    execution.outlive_journal();
                }
            });
        }
        self.replacement = Some(replacement);
        self.count_again();
    }

    /// Whether the run is a candidate for leaving the table.
    pub(super) fn is_candidate(&self, execution: &Execution) -> bool {
        let candidates = self.replacement.as_ref().map(|replacement| &replacement.candidates);
        candidates.zip(key_of(execution)).is_some_and(|(candidates, key)| candidates.contains_key(&key))
    }

    /// The new journal mentions the run: if it is a candidate, its order stays, with what this journal records of it.
    fn keep_candidate(&mut self, key: &RunKey) {
        let candidate = self.replacement.as_mut().and_then(|replacement| replacement.candidates.remove(key));
        if candidate.is_none() {
            return;
        }
        let Some(slot) = self.by_run.get(key).copied() else { return };
        let attempts = self.get(slot).map_or(0, |execution| Tally::of(execution).attempts);
        // Candidates are not counted; `change_at` replaces the count before the change by the one after it.
        self.attempts = self.attempts.saturating_add(attempts);
        self.change_at(slot, Execution::outlive_journal);
    }

    /// The journal was read to its end. If it has replaced another one, the orders that ended and that it does not
    /// mention leave the table.
    pub fn journal_read(&mut self) -> Option<Left> {
        let Replacement { candidates, mut left } = *self.replacement.take()?;
        for (key, repeated) in candidates {
            let Some(slot) = self.by_run.get(&key).copied() else {
                left.add(repeated);
                continue;
            };
            // The server may have reported since that this program started it, and its end is still to come.
            if self.get(slot).is_some_and(Execution::has_left) {
                left.add(repeated);
                self.remove(slot);
            } else {
                self.change_at(slot, Execution::outlive_journal);
            }
        }
        Some(left)
    }
}

fn key_of(execution: &Execution) -> Option<RunKey> {
    Some((execution.workflow.clone(), execution.run.clone()?))
}
