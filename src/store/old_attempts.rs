//! Finds the orders whose lines of attempts a compaction drops: those that have ended and are older than the newest.

use std::collections::{HashMap, HashSet};

use sha2::{Digest, Sha256};

use super::{
    line::{HEAD, JOINT, LineError, SUM_BYTES},
    record::{AttemptEvent, Fact, Phase, Record},
};
use crate::domain::Activity;

/// Text that only the line of an attempt has within [`MAX_KIND_BYTES`]. In a JSON string, a backslash precedes the quotes.
const KIND: &[u8] = b"\"kind\":\"attempt\"";
/// Maximum number of bytes up to the end of [`KIND`], after two numbers of 20 digits.
const MAX_KIND_BYTES: usize = HEAD.len() + SUM_BYTES + JOINT.len() + 80;

/// The first 128 bits of the SHA-256 of a run id.
type RunDigest = [u8; 16];

fn digest(run: &str) -> RunDigest {
    let whole = Sha256::digest(run);
    std::array::from_fn(|index| whole[index])
}

/// The lines of the attempts of one workflow run.
#[derive(Debug, Default)]
struct Run {
    /// Number of the last line.
    last: u64,
    bytes: u64,
    ended: bool,
}

/// The runs whose attempts are in a journal, as far as it was read.
#[derive(Debug, Default)]
pub(super) struct OldAttempts {
    runs: HashMap<RunDigest, Run>,
    /// Number of the line that changed the document last.
    document_seq: u64,
    /// The run of that line, if it is an attempt.
    last_changed: Option<RunDigest>,
}

/// The runs whose lines of attempts can be dropped.
#[derive(Debug, Default)]
pub(super) struct Droppable {
    runs: HashSet<RunDigest>,
    /// Number of bytes that their lines have.
    pub(super) bytes: u64,
}

impl Droppable {
    /// Whether the lines of this attempt can be dropped.
    pub(super) fn contains(&self, event: &AttemptEvent) -> bool {
        self.runs.contains(&digest(&event.origin.run))
    }

    /// Number of runs.
    pub(super) fn runs(&self) -> u64 {
        self.runs.len() as u64
    }
}

impl OldAttempts {
    /// `document_seq` is the number of the line that changed the document last. It is never dropped, because the document
    /// shows its number.
    pub(super) fn new(document_seq: u64) -> Self {
        Self { document_seq, ..Self::default() }
    }

    /// Observes the complete lines of `bytes`, and returns their number of bytes.
    ///
    /// # Errors
    /// Returns the damage of an attempt's line.
    pub(super) fn observe(&mut self, bytes: &[u8]) -> Result<u64, LineError> {
        let mut read = 0;
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            let Some(content) = line.strip_suffix(b"\n") else { break };
            if is_attempt(content)
                && let Record { seq, fact: Fact::Attempt(event), .. } = Record::decode(content)?
            {
                self.observe_attempt(seq, &event, line.len() as u64);
            }
            read += line.len() as u64;
        }
        Ok(read)
    }

    fn observe_attempt(&mut self, seq: u64, event: &AttemptEvent, bytes: u64) {
        let digest = digest(&event.origin.run);
        if seq == self.document_seq {
            self.last_changed = Some(digest);
        }
        let run = self.runs.entry(digest).or_default();
        run.last = seq;
        run.bytes += bytes;
        run.ended |= ends_order(event);
    }

    /// Returns the runs that can be dropped: not the newest `keep` ones by their last line, and not those in
    /// `remembered`.
    pub(super) fn into_droppable<'a>(mut self, keep: usize, remembered: impl Iterator<Item = &'a str>) -> Droppable {
        let mut last: Vec<u64> = self.runs.values().map(|run| run.last).collect();
        // The journal's last line is never dropped.
        let keep = keep.max(1);
        let Some(before) = last.len().checked_sub(keep) else { return Droppable::default() };
        let newest = last.select_nth_unstable(before).1;
        let oldest_kept = *newest;
        for run in remembered {
            self.runs.remove(&digest(run));
        }
        self.last_changed.and_then(|run| self.runs.remove(&run));
        self.runs.retain(|_, run| run.ended && run.last < oldest_kept);
        let bytes = self.runs.values().map(|run| run.bytes).sum();
        Droppable { runs: self.runs.into_keys().collect(), bytes }
    }
}

fn is_attempt(line: &[u8]) -> bool {
    let head = line.get(..MAX_KIND_BYTES).unwrap_or(line);
    head.windows(KIND.len()).any(|window| window == KIND)
}

/// Whether no attempt of the order follows: the supplier order, which is the last activity, has completed, or an activity
/// has failed permanently. A cancelled order has no such line, so its attempts are never dropped.
const fn ends_order(event: &AttemptEvent) -> bool {
    match event.phase {
        Phase::Completed { .. } => matches!(event.origin.activity, Activity::SupplierOrder),
        Phase::Failed { retryable, .. } => !retryable,
        Phase::Started | Phase::Fault { .. } | Phase::Shipped { .. } => false,
    }
}
