//! The stock that a run of a scenario begins with.

use serde::{Deserialize, Serialize};

/// The stock that a run begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Beginning {
    /// Reset: another scenario may have run on this database.
    Anew,
    /// As it is, because the database is new.
    Fresh,
    /// As it is, because the user named the database. The expected stock is not known.
    AsItStands,
}
