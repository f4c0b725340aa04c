//! Makes keys for payload encryption, and names those that are there. Never shows one.

use std::process::ExitCode;

use super::{Failure, print};
use crate::{
    cli::{KeysArgs, KeysCommand},
    config::Effective,
    encryption::{KeyFile, KeyFileError, KeyId},
};

pub fn run(effective: &Effective, args: KeysArgs) -> Result<ExitCode, Failure> {
    let (path, active) = effective.key_file();
    let path = path.ok_or_else(|| {
        Failure::Usage("there is no folder for the key file; set HOME or IDEMPOTENCE_ENCRYPTION_KEY_FILE".to_owned())
    })?;
    let file = KeyFile::at(path);
    match args.command {
        Some(KeysCommand::Add { id }) => add(&file, id.as_deref(), active),
        None => list(&file, active),
    }
}

fn add(file: &KeyFile, typed: Option<&str>, active: Option<&str>) -> Result<ExitCode, Failure> {
    let id = typed.or(active).ok_or_else(|| {
        Failure::Usage(
            "the key needs a name: idempotence keys add NAME, or set DATACONVERTER_ENCRYPTION_KEY_ID".to_owned(),
        )
    })?;
    let id: KeyId = id.parse().map_err(|problem| Failure::Usage(format!("ID: {problem}")))?;
    // An id that the settings name, such as that of another program's keys, is taken as it is.
    if active != Some(id.as_str()) && !is_plain(id.as_str()) {
        return Err(Failure::Usage(format!(
            "'{id}' is not a plain key id; use letters, digits and - _ . / @ only, one id per command, as in mykey-2"
        )));
    }
    let added = file.add(&id)?;
    print::line(&format!(
        "key '{id}' is made, in {}\nEvery worker, starter and dashboard needs this file; whoever loses it cannot read what \
         it encrypted.",
        file.path().display()
    ));
    if !added.durable {
        print::problem(
            "the file system of that folder cannot sync a folder, so a loss of power may undo this; keep a copy of the file",
        );
    }
    Ok(ExitCode::SUCCESS)
}

/// Whether an id can be typed and listed everywhere without quotes.
fn is_plain(id: &str) -> bool {
    id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_./@".contains(&byte))
}

fn list(file: &KeyFile, active: Option<&str>) -> Result<ExitCode, Failure> {
    let keys = match file.read() {
        Ok(keys) => keys,
        Err(KeyFileError::Unreadable { error, .. }) if error.kind() == std::io::ErrorKind::NotFound => {
            print::line(&format!(
                "there is no key file at {}; idempotence keys add NAME makes it",
                file.path().display()
            ));
            return Ok(ExitCode::SUCCESS);
        }
        Err(error) => return Err(error.into()),
    };
    print::line(&format!("keys in {}", file.path().display()));
    for id in keys.keys() {
        let role = if Some(id.as_str()) == active { "encrypts and decrypts" } else { "decrypts" };
        print::line(&format!("{id}  {role}"));
    }
    Ok(ExitCode::SUCCESS)
}
