//! The database: can a worker use it, and is it right?

use super::{
    super::audit::{self, Examined},
    Check,
};
use crate::{
    config::Settings,
    store::{Probed, StoreError, Verdict, probe},
};

/// The command that starts anew where nothing else helps.
const RESET: &str = "idempotence reset";

pub fn examine(settings: &Settings) -> Vec<Check> {
    let path = settings.database.path.display();
    match probe(&settings.database.path) {
        Ok(Probed::NotMade) => {
            vec![Check::right("database", format!("{path} is not there yet; a worker makes it")), nothing_to_judge()]
        }
        Ok(Probed::Ready) => {
            vec![Check::right("database", format!("{path} can be read, written and locked")), stock(settings)]
        }
        Err(error) => vec![Check::wrong("database", error.to_string(), mend(&error, settings)), nothing_to_judge()],
    }
}

fn nothing_to_judge() -> Check {
    Check::skipped("stock", "there is no database to judge")
}

fn stock(settings: &Settings) -> Check {
    match audit::examine(settings) {
        Ok(Examined { differs: Some(document), audit, .. }) => Check::warning(
            "stock",
            format!("the document says {}, its journal {}: somebody edited it", document.stock, audit.actual),
            Some("idempotence worker".to_owned()),
        ),
        Ok(Examined { audit, verdict: Verdict::Right, .. }) => Check::right("stock", audit.sentence()),
        // What orders without a guard are meant to show.
        Ok(Examined { audit, .. }) => Check::warning("stock", audit.sentence(), Some(RESET.to_owned())),
        Err(error) => Check::wrong("stock", error.to_string(), Some(RESET.to_owned())),
    }
}

fn mend(error: &StoreError, settings: &Settings) -> Option<String> {
    let path = settings.database.path.display();
    match error {
        StoreError::Io { operation: "write", path, .. } => Some(format!("chmod u+w '{}'", path.display())),
        StoreError::Io { .. } => Some(format!("ls -ld '{path}'")),
        StoreError::Busy { .. } => Some(format!("fuser -v '{path}.lock'")),
        StoreError::DamagedJournal { .. } | StoreError::JournalMissing { .. } | StoreError::Poisoned { .. } => {
            Some(RESET.to_owned())
        }
        StoreError::DamagedDocument { .. } => Some(format!("rm '{path}'")),
        StoreError::Rejected(_) | StoreError::Conflict { .. } | StoreError::Stopped => None,
    }
}
