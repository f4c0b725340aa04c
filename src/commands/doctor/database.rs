//! Checks whether a worker can use the database, and whether the stock is right.

use std::{
    io::{self, ErrorKind},
    os::unix::fs::MetadataExt,
    path::Path,
};

use super::Check;
use crate::{
    commands::progress::reading_journal,
    files::{Unusable, folder_of, resolve, unusable},
    store::{Difference, Examination, Location, Probed, Problem, StoreError, Verdict},
};

/// Command that resets the database, if nothing else helps.
pub const RESET: &str = "idempotence reset";

/// Checks the files of a database, and its stock.
pub fn examine(database: &Location, document: &Path) -> Vec<Check> {
    checks(database, "can be read, written and locked", &|error| mend(error, document))
}

/// Checks whether a worker can use the database, and whether its stock is right. `ready` says that it can be used, and
/// `mend` returns the command that fixes an error.
pub fn checks(database: &Location, ready: &str, mend: &dyn Fn(&StoreError) -> Option<String>) -> Vec<Check> {
    match database.probe() {
        Ok(Probed::NotMade) => {
            let not_there = Check::right("database", format!("{database} does not exist yet; a worker creates it"));
            vec![not_there, nothing_to_judge()]
        }
        Ok(Probed::Ready) => {
            vec![Check::right("database", format!("{database} {ready}")), stock(database, mend)]
        }
        Err(error) => {
            let unusable = Check::wrong("database", error.to_string(), mend(&error));
            vec![unusable, Check::skipped("stock", "the database cannot be used")]
        }
    }
}

fn nothing_to_judge() -> Check {
    Check::skipped("stock", "there is no database")
}

fn stock(database: &Location, mend: &dyn Fn(&StoreError) -> Option<String>) -> Check {
    let found = match reading_journal(database, |seen| database.examine(seen)) {
        Ok(Some(found)) => found,
        Ok(None) => return nothing_to_judge(),
        Err(error) => return Check::wrong("stock", error.to_string(), mend(&error)),
    };
    let verdict = found.verdict();
    let Examination { audit, problem } = found;
    match problem {
        Some(Problem::Refused(error)) => Check::wrong("stock", error.to_string(), mend(&error)),
        Some(problem @ Problem::Damaged(_)) => {
            Check::wrong("stock", problem.to_string(), Some(remedy(&problem).to_owned()))
        }
        Some(problem) => Check::warning("stock", problem.to_string(), Some(remedy(&problem).to_owned())),
        None if verdict == Verdict::Right => Check::right("stock", audit.sentence()),
        // Orders without a guard cause this intentionally.
        None => Check::warning("stock", audit.sentence(), Some(RESET.to_owned())),
    }
}

const fn remedy(problem: &Problem) -> &'static str {
    match problem {
        Problem::Differs { difference: Difference::Starting, .. } => RESET,
        _ => "idempotence worker",
    }
}

/// Command that selects another database file.
const ANOTHER_PLACE: &str = "export DATABASE=FILE";

fn mend(error: &StoreError, document: &Path) -> Option<String> {
    match error {
        StoreError::Io { path, source, .. } => mend_file(document, path, source),
        StoreError::Busy { path, .. } => Some(format!("fuser -v {}", quoted(path))),
        StoreError::DamagedJournal { .. }
        | StoreError::JournalMissing { .. }
        | StoreError::JournalGone { .. }
        | StoreError::DamagedTable { .. }
        | StoreError::Poisoned { .. } => Some(RESET.to_owned()),
        StoreError::DamagedDocument { has_journal: true, .. } => Some("idempotence worker".to_owned()),
        StoreError::DamagedDocument { path, .. } => Some(format!("rm {}", quoted(path))),
        StoreError::NotWritten(error) => mend(error, document),
        StoreError::HalfReset { .. }
        | StoreError::Rejected(_)
        | StoreError::Conflict { .. }
        | StoreError::MySql { .. }
        | StoreError::NewerSchema { .. }
        | StoreError::NoTables { .. }
        | StoreError::Unwritable { .. }
        | StoreError::NotShipped
        | StoreError::Stopped => None,
    }
}

/// Returns the command that fixes a file which the operating system or the store refuses.
fn mend_file(document: &Path, path: &Path, source: &io::Error) -> Option<String> {
    match (unusable(source), source.kind()) {
        (Some(Unusable::Mounted), _) => None,
        (Some(Unusable::NameTooLong { .. }), _) => Some(ANOTHER_PLACE.to_owned()),
        (Some(Unusable::Special { .. }), _) if resolve(document).is_ok_and(|document| document == path) => {
            Some(ANOTHER_PLACE.to_owned())
        }
        (Some(Unusable::Special { .. }), _) => Some(format!("mv {0} {0}.old", quoted(path))),
        (Some(Unusable::DanglingLink { target }), _) => {
            Some(format!("ls -ld {}", quoted(&folder_of(path).join(folder_of(target)))))
        }
        (None, ErrorKind::StorageFull | ErrorKind::QuotaExceeded) => {
            let folder = if path.is_dir() { path } else { folder_of(path) };
            Some(format!("df -h {}", quoted(folder)))
        }
        (None, ErrorKind::ReadOnlyFilesystem | ErrorKind::NotADirectory | ErrorKind::InvalidFilename) => {
            Some(ANOTHER_PLACE.to_owned())
        }
        (None, ErrorKind::PermissionDenied) if is_ours(path) => Some(format!("chmod u+rwX {}", quoted(path))),
        (Some(Unusable::LinkLoop) | None, _) => Some(format!("ls -ld {}", quoted(path))),
    }
}

fn is_ours(path: &Path) -> bool {
    path.metadata().is_ok_and(|found| found.uid() == rustix::process::geteuid().as_raw())
}

/// Quotes a path for a shell.
fn quoted(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', r"'\''"))
}
