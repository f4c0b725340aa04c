//! Checks the database against its journal. Reads only.

use std::process::ExitCode;

use serde_json::json;

use super::{Failure, print};
use crate::{
    cli::AuditArgs,
    config::Settings,
    domain::IdempotencyKey,
    store::{Audit, Document, JournalReader, StoreError, Verdict, read_document},
};

/// What the database comes to.
pub struct Examined {
    pub audit: Audit,
    pub verdict: Verdict,
    /// The document, where it differs from its journal.
    pub differs: Option<Document>,
}

/// Holds the database against its journal.
///
/// # Errors
/// [`Failure`]: it cannot be read, or is not there.
pub fn examine(settings: &Settings) -> Result<Examined, Failure> {
    let path = &settings.database.path;
    let mut reader = JournalReader::new(path);
    let records = reader.read()?.records;
    let document = read_document(path)?;
    let mut audit = Audit::default();
    for record in &records {
        audit.observe(record);
    }
    if records.is_empty() {
        audit = begin_from(document.as_ref(), settings)?;
    }
    let differs = document.filter(|document| document.stock != audit.actual);
    let verdict = if differs.is_some() { Verdict::Wrong } else { audit.verdict() };
    Ok(Examined { audit, verdict, differs })
}

pub fn run(settings: &Settings, args: &AuditArgs) -> Result<ExitCode, Failure> {
    let path = &settings.database.path;
    let Examined { audit, verdict, differs } = examine(settings)?;
    if args.json {
        let twice: Vec<_> = audit.applied_twice.iter().map(IdempotencyKey::as_str).collect();
        print::json(&json!({
            "verdict": verdict.name(),
            "stock": { "initial": audit.initial, "expected": audit.expected, "actual": audit.actual },
            "orders": audit.orders,
            "supplierOrders": audit.supplier_orders,
            "adjustments": audit.adjustments,
            "appliedTwice": twice,
            "seq": audit.seq,
        }));
    } else {
        match &differs {
            Some(document) => {
                print::line(&format!("wrong: the document says {}, its journal {}", document.stock, audit.actual));
            }
            None => print::line(&format!("{}: {}", verdict.name(), audit.sentence())),
        }
    }
    if let Some(document) = differs {
        print::problem(&format!(
            "{} differs from its journal by {}; start a worker, which takes an edited document over and brings an old \
             one up to date",
            path.display(),
            document.stock.saturating_sub(audit.actual)
        ));
    }
    Ok(if verdict == Verdict::Right { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A database that no worker has opened yet is its document alone.
fn begin_from(document: Option<&Document>, settings: &Settings) -> Result<Audit, Failure> {
    let path = settings.database.path.clone();
    match document {
        Some(document) if document.seq.is_none() => Ok(Audit::beginning_with(document.stock)),
        Some(_) => Err(StoreError::JournalMissing { path }.into()),
        None => Err(Failure::Unanswered(format!(
            "there is no database at {}; a worker makes it, or: idempotence reset --yes",
            path.display()
        ))),
    }
}
