//! Checks a database in MySQL or MariaDB.

use super::{
    Check,
    database::{RESET, checks},
};
use crate::store::{Location, StoreError};

/// Checks whether a worker can use the database, and whether its stock is right.
pub fn examine(database: &Location) -> Vec<Check> {
    checks(database, "can be read and written", &mend)
}

/// Returns the command that fixes an error. The message of any other error says what to do.
fn mend(error: &StoreError) -> Option<String> {
    match error {
        StoreError::DamagedTable { .. } => Some(RESET.to_owned()),
        StoreError::NotWritten(error) => mend(error),
        _ => None,
    }
}
