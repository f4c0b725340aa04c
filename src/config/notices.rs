//! Sentences about settings that were understood but change nothing yet. Names only, never the values of settings
//! that may be secret.

use std::path::Path;

use super::address::Address;
use super::error::quoted_path;
use super::names::MYSQL;
use super::sources::Sources;

/// The notices for these settings, for the log and standard error; none for plain local settings.
pub(super) fn collect(sources: &Sources, address: &Address, database: &Path) -> Vec<String> {
    let mysql = MYSQL.into_iter().filter(|name| sources.find(name).is_some()).collect::<Vec<_>>().join(", ");
    let mut notices = Vec::new();
    if !mysql.is_empty() {
        notices.push(format!(
            "The MySQL store is not available yet, so {mysql} had no effect: the stock is kept in {}.",
            quoted_path(database)
        ));
    }
    if let Some(found) = sources.find("DATACONVERTER_ENCRYPTION_KEY_ID") {
        notices.push(format!("{} had no effect: payload encryption is off.", found.origin));
    }
    if !address.is_loopback() {
        notices.push(format!("The connection to {address} is not encrypted: TLS is not supported yet."));
    }
    if !sources.unknown.is_empty() {
        notices.push(format!("These settings are unknown and had no effect: {}.", sources.unknown.join(", ")));
    }
    notices
}
