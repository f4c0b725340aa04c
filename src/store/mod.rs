//! The database, which writes an effect and its idempotency key in one commit: a JSON file, or tables in MySQL. It uses
//! neither Temporal nor the terminal.
//!
//! | file | role |
//! | --- | --- |
//! | `line`, `record`, `replay` | the journal's lines, and the state after them |
//! | `document` | the JSON document, for people and other programs |
//! | `engine`, `loaded` | the commit protocol, and the state after the journal in memory |
//! | `request` | the requests, and the line and the answer that follow from each |
//! | `key_index` | the lines of each idempotency key, in little memory |
//! | `recovery`, `reset` | opening and resetting a database |
//! | `checkpoint` | a cache of the state after a part of the journal |
//! | `compaction`, `compaction_state` | dropping the attempts of old orders, in steps |
//! | `old_attempts`, `rewrite` | finding these attempts, and writing the new journal |
//! | `location` | the two kinds of database, and the operations on both |
//! | `handle`, `writer` | group commit: many callers, one sync |
//! | `mysql` | the database in MySQL or MariaDB |
//! | `storage` | the files, as a trait and its implementation |
//! | `reader`, `follower`, `progress`, `audit` | following a journal without its lock, and checking the stock |
//! | `probe`, `examine` | checking whether a worker can use a database, and whether its content is right |

pub mod audit;
mod checkpoint;
mod compaction;
mod compaction_state;
pub mod document;
mod engine;
mod error;
mod examine;
mod follower;
mod handle;
mod key_index;
pub mod line;
mod loaded;
mod location;
pub mod mysql;
mod old_attempts;
mod probe;
mod progress;
mod reader;
pub mod record;
mod recovery;
mod replay;
mod request;
mod reset;
mod rewrite;
pub mod storage;
mod writer;

use std::path::Path;

use futures::future::BoxFuture;

pub use audit::{Audit, OnOrder, Verdict};
pub use compaction_state::CompactionLimits;
pub use document::{Document, Retries, STARTING_DOCUMENT};
pub use engine::{Engine, Publication};
pub use error::{Damage, StoreError, Witness};
pub use examine::{Difference, Examination, Problem, examine};
#[cfg(test)]
pub(crate) use follower::FOLLOWED_BYTES;
pub use follower::Follower;
pub use handle::StoreHandle;
pub use location::Location;
pub use probe::{Probed, probe};
pub use progress::Progress;
pub use reader::{CoveredLines, JournalReader, News, read_document, watched_folder};
pub use record::{Aside, AttemptEvent, CommitOutcome, Compacted, Fact, Phase, Record, Refused, RelayEvent};
pub use request::{Committed, Reply, Request};
pub use reset::Kept;
pub use rewrite::Saved;

use crate::{
    clock,
    domain::{Effect, Guard, Intent, Origin, REORDER_BELOW, ShipmentId},
};

/// An effect to apply.
#[derive(Debug, Clone)]
pub struct CommitRequest {
    /// The effect.
    pub effect: Effect,
    /// The guard that recognises a repetition.
    pub guard: Guard,
    /// The attempt that requests it.
    pub origin: Origin,
}

/// A shipment of the outbox, to credit.
#[derive(Debug, Clone)]
pub struct CreditRequest {
    /// The intent that was sent.
    pub intent: Intent,
    /// What the supplier shipped for it.
    pub shipment: ShipmentId,
}

/// A fact to record that does not change the stock.
#[derive(Debug, Clone)]
pub enum Note {
    /// An event of an attempt.
    Attempt(AttemptEvent),
    /// An event of a try to send a supplier order of the outbox.
    Relay(RelayEvent),
    /// An order that is too malformed to be an effect.
    Refused(Refused),
}

/// The database operations that activities need.
pub trait Store: Send + Sync + 'static {
    /// Applies the effect once, however many attempts request it. The result is durable.
    fn commit(&self, request: CommitRequest) -> BoxFuture<'static, Result<Committed, StoreError>>;

    /// Whether a supplier must ship units before a supplier order with [`Delivery::NotShipped`] can be committed. Changes
    /// nothing.
    ///
    /// [`Delivery::NotShipped`]: crate::domain::Delivery::NotShipped
    fn must_ship(&self, request: CommitRequest) -> BoxFuture<'static, Result<bool, StoreError>>;

    /// Begins to send the supplier order of the outbox that is due, and returns it. No other worker begins to send it before
    /// this try has failed, or has taken longer than a request may take. The try is durable.
    fn claim(&self) -> BoxFuture<'static, Result<Option<Box<Intent>>, StoreError>>;

    /// Credits the shipment of a supplier order of the outbox, and removes the order. Returns `false` if the outbox does not
    /// have it any more. The result is durable.
    fn credit(&self, request: CreditRequest) -> BoxFuture<'static, Result<bool, StoreError>>;

    /// Records a note. An event of an attempt is not synced, so a loss of power may lose the last events.
    fn note(&self, note: Note) -> BoxFuture<'static, Result<(), StoreError>>;
}

/// Compacts the journal of the database at `path`. Returns what that saved, or `None` if there is no journal. Calls `seen`
/// meanwhile.
///
/// # Errors
/// Fails if the files cannot be opened, or like [`Engine::open`] and [`Engine::compact`].
pub fn compact(path: &Path, seen: &dyn Fn(Progress)) -> Result<Option<Saved>, StoreError> {
    if !storage::Paths::checked(path)?.journal.exists() {
        return Ok(None);
    }
    let storage = storage::Disk::open(path)?;
    storage.remove_leftovers();
    let mut engine = Engine::open_observed(storage, clock::now, REORDER_BELOW, seen)?;
    let saved = engine.compact(CompactionLimits::KEEP_ORDERS, seen)?;
    Ok(Some(saved.unwrap_or_else(|| engine.nothing_saved())))
}

/// Resets the database at `path` to the original demo's starting document. The old journal is kept.
///
/// # Errors
/// Fails if the files cannot be opened, or like [`Engine::reset`].
pub fn reset(path: &Path) -> Result<Kept, StoreError> {
    Engine::reset(storage::Disk::open(path)?, clock::now)
}
