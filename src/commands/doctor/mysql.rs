//! Checks a database in MySQL or MariaDB, and the settings of its server.

use super::{
    Check,
    database::{RESET, checks},
};
use crate::store::{
    Location, StoreError,
    mysql::{MySqlDatabase, inspect},
};

/// Checks the server, whether a worker can use the database, and whether its stock is right.
pub fn examine(location: &Location, database: &MySqlDatabase) -> Vec<Check> {
    let mut found = checks(location, "can be read and written", &mend);
    // If the server cannot be reached, the check of the database says so.
    if let Ok(server) = inspect(database) {
        if server.weaknesses.is_empty() {
            found.push(Check::right(
                "mysql",
                format!("{}; an acknowledged order survives a loss of power", server.version),
            ));
        }
        found.extend(server.weaknesses.iter().map(|weakness| {
            let check = if weakness.is_fatal() { Check::wrong } else { Check::warning };
            check("mysql", weakness.to_string(), weakness.remedy())
        }));
    }
    found
}

/// Returns the command that fixes an error. The message of any other error says what to do.
fn mend(error: &StoreError) -> Option<String> {
    match error {
        StoreError::DamagedTable { .. } => Some(RESET.to_owned()),
        StoreError::NotWritten(error) => mend(error),
        _ => None,
    }
}
