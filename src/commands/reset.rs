//! Resets the database to the starting document, and renames the old journal.

use std::{
    io::{self, IsTerminal},
    process::ExitCode,
};

use serde_json::json;

use super::{Failure, print};
use crate::{cli::ResetArgs, config::Settings, store::Location};

/// Resets the database after asking for confirmation.
pub fn run(settings: &Settings, args: &ResetArgs) -> Result<ExitCode, Failure> {
    let database = &settings.database.location;
    if !args.yes && !confirmed(&format!("Reset the database {database}? [y/N]"))? {
        print::problem("nothing was changed");
        return Ok(ExitCode::FAILURE);
    }
    let kept = database.reset()?;
    let journal = kept.journal.map(|kept| match database {
        Location::File(path) => format!("{}.journal{kept}", path.display()),
        Location::MySql(_) => kept,
    });
    let supplier = settings.supplier.as_ref();
    let document = kept.document.map(|suffix| format!("{database}{suffix}"));
    if args.json {
        let mut object = json!({ "database": database.to_string(), "keptJournal": journal });
        if let (Some(document), Some(fields)) = (document, object.as_object_mut()) {
            fields.insert("keptDocument".to_owned(), json!(document));
        }
        print::json(&object);
    } else {
        print::line(&format!("{database} was reset to the starting document"));
        if let Some(kept) = journal {
            print::line(&match database {
                Location::File(_) => format!("the old journal was renamed to {kept}"),
                Location::MySql(_) => format!("the old journal is kept as {kept}"),
            });
        }
        if let Some(kept) = document {
            print::line(&format!("the old document was damaged and was renamed to {kept}"));
        }
        if let Some(url) = supplier {
            print::line(&format!("the supplier at {url} keeps its shipments; reset both or neither"));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn confirmed(question: &str) -> Result<bool, Failure> {
    if !io::stdin().is_terminal() {
        return Err(Failure::Usage("cannot ask for confirmation (stdin is not a terminal); add --yes".to_owned()));
    }
    print::question(question);
    let mut answer = String::new();
    io::stdin().read_line(&mut answer).map_err(Failure::io("read the answer"))?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
