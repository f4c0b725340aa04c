//! Creates and lists keys for payload encryption. Key material is never printed.

use std::{path::Path, process::ExitCode};

use super::{Failure, print};
use crate::{
    cli::{KeysArgs, KeysCommand},
    config::{Effective, KeyIds},
    encryption::{KeyFile, KeyId},
};

const NO_FILE: &str = "there is no folder for the key file; set HOME or IDEMPOTENCE_ENCRYPTION_KEY_FILE";

/// Creates a key, or lists the keys.
pub fn run(effective: &Effective, args: KeysArgs) -> Result<ExitCode, Failure> {
    let (path, active) = effective.key_file();
    let ids = effective.key_ids()?;
    let no_file = || Failure::Usage(NO_FILE.to_owned());
    match args.command {
        Some(KeysCommand::Add { id }) => {
            let id = id_to_add(id.as_deref(), active, &ids)?;
            add(&KeyFile::at(path.ok_or_else(no_file)?), &id)?;
        }
        None if path.is_none() && ids.list.is_none() => return Err(no_file()),
        None => list(path, &ids, active),
    }
    Ok(ExitCode::SUCCESS)
}

fn id_to_add(typed: Option<&str>, active: Option<&str>, known: &KeyIds) -> Result<KeyId, Failure> {
    let id = typed.or(active).ok_or_else(|| {
        Failure::Usage(
            "the key needs a name; run: idempotence keys add NAME, or set DATACONVERTER_ENCRYPTION_KEY_ID".to_owned(),
        )
    })?;
    let id: KeyId = id.parse().map_err(|problem| Failure::Usage(format!("ID: {problem}")))?;
    // An id from the settings, such as that of another program's key, is used unchanged.
    if active != Some(id.as_str()) && !is_plain(id.as_str()) {
        return Err(Failure::Usage(format!(
            "'{id}' is not a plain key id; use letters, digits and - _ . / @ only, one id per command, as in mykey-2"
        )));
    }
    if let Some((origin, _)) = known.list.as_ref().filter(|(_, ids)| ids.contains(&id)) {
        return Err(Failure::Usage(format!("{origin} already has a key '{id}'; use another name")));
    }
    Ok(id)
}

fn add(file: &KeyFile, id: &KeyId) -> Result<(), Failure> {
    let added = file.add(id)?;
    print::line(&format!(
        "created key '{id}' in {}\nEvery worker, starter and dashboard needs this file; if it is lost, the data cannot be read.",
        file.path().display()
    ));
    if !added.durable {
        print::problem(
            "the file system cannot sync that folder, so a power failure may undo this; keep a copy of the file",
        );
    }
    Ok(())
}

/// Whether an id can be used in shells and settings without quotes.
fn is_plain(id: &str) -> bool {
    id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_./@".contains(&byte))
}

fn list(file: Option<&Path>, ids: &KeyIds, active: Option<&str>) {
    match (file, &ids.file) {
        (Some(file), Some(ids)) => list_place(&format!("keys in {}", file.display()), ids, active),
        (Some(file), None) => {
            print::line(&format!(
                "there is no key file at {}; create it with: idempotence keys add NAME",
                file.display()
            ));
        }
        (None, _) => {}
    }
    if let Some((origin, ids)) = &ids.list {
        list_place(&format!("keys of {origin}"), ids, active);
    }
}

fn list_place(title: &str, ids: &[KeyId], active: Option<&str>) {
    print::line(title);
    for id in ids {
        let role = if Some(id.as_str()) == active { "encrypts and decrypts" } else { "decrypts" };
        print::line(&format!("{id}  {role}"));
    }
}
