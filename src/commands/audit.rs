//! Checks the database against its journal without changing either.

use std::process::ExitCode;

use serde_json::json;

use super::{Failure, print, progress::reading_journal};
use crate::{
    cli::AuditArgs,
    config::Settings,
    domain::IdempotencyKey,
    store::{Problem, Verdict},
};

/// Prints the verdict on the stock. Exits with 0 if the stock is right, otherwise with 1.
pub fn run(settings: &Settings, args: &AuditArgs) -> Result<ExitCode, Failure> {
    let database = &settings.database.location;
    let found = reading_journal(database, |seen| database.examine(seen))?.ok_or_else(|| {
        Failure::Other(format!(
            "there is no database at {database}; a worker creates it, or run: idempotence reset --yes"
        ))
    })?;
    let (verdict, audit) = (found.verdict(), &found.audit);
    let problem = found.problem.as_ref().map(Problem::to_string);
    if args.json {
        let twice: Vec<_> = audit.applied_twice.iter().map(IdempotencyKey::as_str).collect();
        let mut object = json!({
            "verdict": verdict.name(),
            "stock": { "initial": audit.initial, "expected": audit.expected, "actual": audit.actual },
            "orders": audit.orders,
            "supplierOrders": audit.supplier_orders,
            "adjustments": audit.adjustments,
            "appliedTwice": twice,
            "seq": audit.seq,
        });
        if let (Some(problem), Some(fields)) = (&problem, object.as_object_mut()) {
            fields.insert("problem".to_owned(), json!(problem));
        }
        print::json(&object);
    } else {
        match &found.problem {
            Some(Problem::Differs { document, journal, .. }) => {
                print::line(&format!("wrong: the document says {}, its journal {journal}", document.stock));
            }
            Some(_) => print::line(&format!("wrong: the database needs repair; its journal says {}", audit.actual)),
            None => print::line(&format!("{}: {}", verdict.name(), audit.sentence())),
        }
    }
    if let Some(problem) = problem {
        print::problem(&format!("{database}: {problem}"));
    }
    Ok(if verdict == Verdict::Right { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
