//! The effect and its idempotency key in one commit. Knows neither Temporal nor the terminal.
//!
//! | file | role |
//! | --- | --- |
//! | `line`, `record`, `replay` | the journal's lines, and what they add up to |
//! | `document` | the JSON document that people read |
//! | `engine`, `loading` | the commit protocol, and how the journal is read |
//! | `recovery`, `reset` | how a database is opened, and how it starts again |
//! | `writer` | group commit: many callers, one sync |
//! | `storage` | the disk, and a simulated one that loses power |
//! | `reader`, `audit` | following a journal without its lock, and judging it |
//! | `probe`, `examine` | whether a worker could use a database, and what is in it |

pub mod audit;
pub mod document;
mod engine;
mod error;
mod examine;
pub mod line;
mod loaded;
mod probe;
mod progress;
mod reader;
pub mod record;
mod recovery;
mod replay;
mod reset;
pub mod storage;
mod writer;

use std::path::Path;

use futures::future::BoxFuture;

pub use audit::{Audit, Verdict};
pub use document::{Document, STARTING_DOCUMENT};
pub use engine::{Committed, Engine, Publication, Request};
pub use error::{Damage, StoreError, Witness};
pub use examine::{Difference, Examination, Problem, examine};
pub use probe::{Probed, probe};
pub use progress::Progress;
pub use reader::{JournalReader, News, read_document, watched_folder};
pub use record::{Aside, AttemptEvent, Fact, Outcome, Phase, Record, Refused};
pub use reset::Kept;
pub use writer::JsonStore;

use crate::{
    clock,
    domain::{Effect, Guard, Origin},
};

/// An effect to apply, under a guard, on behalf of an attempt.
#[derive(Debug, Clone)]
pub struct CommitRequest {
    pub effect: Effect,
    pub guard: Guard,
    pub origin: Origin,
}

/// Something to write down that changes no stock.
#[derive(Debug, Clone)]
pub enum Note {
    Attempt(AttemptEvent),
    Refused(Refused),
}

/// What an activity needs of a database.
pub trait Store: Send + Sync + 'static {
    /// Applies the effect once, whoever asks and however often. An answer is durable.
    fn commit(&self, request: CommitRequest) -> BoxFuture<'static, Result<Committed, StoreError>>;

    /// Writes a note down. Not synced: a loss of power may take the last notes.
    fn note(&self, note: Note) -> BoxFuture<'static, Result<(), StoreError>>;
}

/// Puts the original's starting document back at `path`. The old journal is kept.
///
/// # Errors
/// As [`Engine::reset`].
pub fn reset(path: &Path) -> Result<Kept, StoreError> {
    Engine::reset(storage::Disk::open(path)?, clock::now)
}
