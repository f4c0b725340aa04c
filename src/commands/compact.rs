//! Drops the attempts of old orders from the journal.

use std::process::ExitCode;

use serde_json::json;

use super::{Failure, print, progress::counted};
use crate::{cli::CompactArgs, config::Settings, store};

/// Compacts the journal and prints what that saved.
pub fn run(settings: &Settings, args: &CompactArgs) -> Result<ExitCode, Failure> {
    let location = &settings.database.location;
    let Some(path) = location.file() else {
        return Err(Failure::Other(format!("{location} is not compacted: the server keeps all lines of its journal")));
    };
    let what = format!("compacting the journal of {}", path.display());
    let compacted = counted(&what, |counter| store::compact(path, &|seen| counter.set(seen.read, seen.of)))?;
    let Some(saved) = compacted else {
        return Err(Failure::Other(format!(
            "there is no database at {}; a worker creates it, or run: idempotence reset --yes",
            path.display()
        )));
    };
    let journal = format!("{}.journal", path.display());
    if args.json {
        print::json(&json!({
            "database": path.display().to_string(),
            "bytesBefore": saved.bytes_before,
            "bytesAfter": saved.bytes_after,
            "droppedLines": saved.lines,
            "orders": saved.orders,
        }));
    } else if saved.lines == 0 {
        print::line(&format!(
            "{journal} has nothing to drop: only attempts of ended orders older than the newest {} are dropped",
            store::CompactionLimits::KEEP_ORDERS
        ));
    } else {
        print::line(&format!(
            "{journal}: {} kB before, {} kB after; dropped {} lines about attempts of {} old orders",
            saved.bytes_before.div_ceil(1_000),
            saved.bytes_after.div_ceil(1_000),
            saved.lines,
            saved.orders
        ));
    }
    Ok(ExitCode::SUCCESS)
}
