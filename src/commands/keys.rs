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
        Some(KeysCommand::Add { id }) => add(&file, id.as_deref().or(active)),
        None => list(&file, active),
    }
}

fn add(file: &KeyFile, id: Option<&str>) -> Result<ExitCode, Failure> {
    let id = id.ok_or_else(|| {
        Failure::Usage(
            "the key needs a name: idempotence keys add NAME, or set DATACONVERTER_ENCRYPTION_KEY_ID".to_owned(),
        )
    })?;
    let id: KeyId = id.parse().map_err(|problem| Failure::Usage(format!("ID: {problem}")))?;
    file.add(&id)?;
    print::line(&format!(
        "key '{id}' is made, in {}\nEvery worker, starter and dashboard needs this file; whoever loses it cannot read what \
         it encrypted.",
        file.path().display()
    ));
    Ok(ExitCode::SUCCESS)
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
