//! Sentences about settings that are dangerous, or were understood but change nothing. Names only, never the values of
//! settings that may be secret.

use std::path::Path;

use super::address::Target;
use super::encryption::Encryption;
use super::error::quoted_path;
use super::names::MYSQL;
use super::security::Security;
use super::sources::Sources;

/// The notices for these settings, for the log and standard error; none for plain local settings.
pub(super) fn collect(
    sources: &Sources,
    security: &Security,
    encryption: &Encryption,
    target: &Target,
    database: &Path,
) -> Vec<String> {
    let mysql = MYSQL.into_iter().filter(|name| sources.find(name).is_some()).collect::<Vec<_>>().join(", ");
    let mut notices = security.notices(target);
    notices.extend(encryption.notices());
    notices.extend(sources.notices.iter().cloned());
    if !mysql.is_empty() {
        notices.push(format!(
            "The MySQL store is not available yet, so {mysql} had no effect: the stock is kept in {}.",
            quoted_path(database)
        ));
    }
    if !sources.unknown.is_empty() {
        notices.push(format!("These settings are unknown and had no effect: {}.", sources.unknown.join(", ")));
    }
    notices
}
