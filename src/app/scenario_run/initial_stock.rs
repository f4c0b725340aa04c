//! The stock that a run of a scenario begins with.

use serde::{Deserialize, Serialize};

/// The stock that a run begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InitialStock {
    /// The starting stock, because another scenario may have run on this database.
    // Recordings contain this name.
    #[serde(rename = "anew")]
    Reset,
    /// As it is, because the database is new.
    Fresh,
    /// As it is, because the user named the database. The expected stock is not known.
    // Recordings contain this name.
    #[serde(rename = "as-it-stands")]
    Keep,
}
