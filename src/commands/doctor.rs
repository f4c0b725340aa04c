//! Checks everything that an order needs, and suggests a command that fixes each problem. Changes nothing.

mod database;
mod mysql;
mod server;
mod supplier;

use std::{path::Path, process::ExitCode};

use serde::Serialize;
use serde_json::json;

use super::{print, progress::awaited};
use crate::{
    cli::DoctorArgs,
    config::{Effective, Settings, SettingsError},
    encryption::KeyFileError,
    store::Location,
};

/// Command that shows the source of each setting.
const CONFIG: &str = "idempotence config";

/// Result of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
enum State {
    Right,
    /// Not checked, because of the result of another check.
    Skipped,
    /// Works, but needs attention.
    Warning,
    Wrong,
}

/// A check and its result.
#[derive(Debug, Serialize)]
struct Check {
    #[serde(rename = "check")]
    name: &'static str,
    state: State,
    says: String,
    /// Command that fixes the problem.
    mend: Option<String>,
}

impl Check {
    fn right(name: &'static str, says: impl Into<String>) -> Self {
        Self { name, state: State::Right, says: says.into(), mend: None }
    }

    fn skipped(name: &'static str, says: impl Into<String>) -> Self {
        Self { name, state: State::Skipped, says: says.into(), mend: None }
    }

    fn warning(name: &'static str, says: impl Into<String>, mend: impl Into<Option<String>>) -> Self {
        Self { name, state: State::Warning, says: says.into(), mend: mend.into() }
    }

    fn wrong(name: &'static str, says: impl Into<String>, mend: impl Into<Option<String>>) -> Self {
        Self { name, state: State::Wrong, says: says.into(), mend: mend.into() }
    }
}

/// Runs all checks. Exits with 0 if there is no problem, with 2 if the settings are wrong, and otherwise with 1.
pub async fn run(effective: Effective, args: &DoctorArgs) -> ExitCode {
    let mut checks = notices(&effective);
    checks.extend(effective.problems().map(wrong_settings));
    let key_file = effective.key_file().0.map(Path::to_owned);
    let mut code = ExitCode::SUCCESS;
    match Settings::try_from(effective) {
        Ok(settings) => checks.extend(examine(&settings, key_file.as_deref()).await),
        Err(error) => {
            if checks.iter().all(|check| check.state != State::Wrong) {
                checks.push(wrong_settings(&error));
            }
            code = ExitCode::from(super::failure::WRONG_SETTINGS);
        }
    }
    let verdict = checks.iter().map(|check| check.state).max().unwrap_or(State::Right);
    if verdict == State::Wrong && code == ExitCode::SUCCESS {
        code = ExitCode::FAILURE;
    }
    if args.json {
        print::json(&json!({ "verdict": verdict, "checks": checks }));
    } else {
        print::line(&text(&checks));
    }
    code
}

async fn examine(settings: &Settings, key_file: Option<&Path>) -> Vec<Check> {
    let mut checks = vec![Check::right("settings", "valid"), encryption(settings)];
    let asked = server::examine(settings, key_file);
    checks.extend(awaited(format!("asking the server at {}", settings.address), asked).await);
    checks.push(server::program(settings));
    let location = &settings.database.location;
    checks.extend(match location {
        Location::File(document) => database::examine(location, document),
        Location::MySql(database) => mysql::examine(location, database),
    });
    if let Some(url) = &settings.supplier {
        checks.extend(awaited(format!("asking the supplier at {url}"), supplier::examine(settings)).await);
    }
    checks
}

/// Returns the notices about the settings as warnings.
fn notices(effective: &Effective) -> Vec<Check> {
    let notices = effective.notices().into_iter();
    notices.map(|notice| Check::warning("settings", notice, Some(CONFIG.to_owned()))).collect()
}

fn wrong_settings(error: &SettingsError) -> Check {
    Check::wrong("settings", error.to_string(), Some(mend(error)))
}

fn encryption(settings: &Settings) -> Check {
    match &settings.codec {
        Some(codec) => {
            Check::right("encryption", format!("payloads are encrypted with the key '{}'", codec.ring().active()))
        }
        None => Check::right("encryption", "off: payloads on the server are readable"),
    }
}

fn mend(error: &SettingsError) -> String {
    match error {
        SettingsError::NoKey { add, .. } => add.clone(),
        SettingsError::NoKeyId => "export DATACONVERTER_ENCRYPTION_KEY_ID=NAME".to_owned(),
        SettingsError::KeyFile(KeyFileError::TooPermissive { advice, .. }) => {
            advice.strip_prefix("run: ").unwrap_or(advice).to_owned()
        }
        SettingsError::RemoteCodec { .. } => "export ENCRYPT_PAYLOAD=true".to_owned(),
        SettingsError::MySqlPartMissing { name, part, .. } => format!("export {name}={part}"),
        SettingsError::PlaintextToRemote { .. } => "export TEMPORAL_TLS=true".to_owned(),
        _ => CONFIG.to_owned(),
    }
}

fn text(checks: &[Check]) -> String {
    let width = checks.iter().map(|check| check.name.len()).max().unwrap_or(0);
    let mut lines = Vec::new();
    for Check { name, state, says, mend } in checks {
        let state = match state {
            State::Right => "right",
            State::Skipped => "skipped",
            State::Warning => "warning",
            State::Wrong => "WRONG",
        };
        lines.push(format!("{state:7}  {name:width$}  {says}"));
        lines.extend(mend.iter().map(|mend| format!("{:7}  {:width$}  fix: {mend}", "", "")));
    }
    lines.push(conclusion(checks));
    lines.join("\n")
}

/// Returns the last line, with the number of problems and of warnings.
fn conclusion(checks: &[Check]) -> String {
    let count = |state| checks.iter().filter(|check| check.state == state).count();
    let wrong = match count(State::Wrong) {
        0 => "no problems found".to_owned(),
        1 => "1 problem found".to_owned(),
        wrong => format!("{wrong} problems found"),
    };
    match count(State::Warning) {
        0 => wrong,
        1 => format!("{wrong}, 1 warning"),
        warnings => format!("{wrong}, {warnings} warnings"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_in_json_keeps_its_form() {
        for (state, word) in
            [(State::Right, "right"), (State::Skipped, "skipped"), (State::Warning, "warning"), (State::Wrong, "wrong")]
        {
            let check = Check { name: "worker", state, says: "none".to_owned(), mend: None };
            let expected = format!(r#"{{"check":"worker","state":"{word}","says":"none","mend":null}}"#);
            assert_eq!(serde_json::to_string(&check).unwrap(), expected);
        }
    }

    #[test]
    fn the_conclusion_counts_warnings_too() {
        let right = || Check::right("a", "b");
        let warning = || Check::warning("a", "b", None);
        let wrong = || Check::wrong("a", "b", None);
        assert_eq!(conclusion(&[right()]), "no problems found");
        assert_eq!(conclusion(&[right(), warning()]), "no problems found, 1 warning");
        assert_eq!(conclusion(&[warning(), wrong(), warning()]), "1 problem found, 2 warnings");
        assert_eq!(conclusion(&[wrong(), wrong()]), "2 problems found");
    }
}
