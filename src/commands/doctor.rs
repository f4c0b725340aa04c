//! Whether everything is as it must be for an order to be placed, and for what is not, the command that mends it. Changes
//! nothing.

mod database;
mod server;

use std::process::ExitCode;

use serde::Serialize;
use serde_json::json;

use super::print;
use crate::{
    cli::DoctorArgs,
    config::{Effective, Settings, SettingsError},
};

/// How one thing stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
enum State {
    Right,
    /// Could not be looked at, because of another check.
    Skipped,
    /// Works, and deserves a thought.
    Warning,
    Wrong,
}

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct Check {
    check: &'static str,
    state: State,
    says: String,
    /// The command that mends it.
    mend: Option<String>,
}

impl Check {
    fn right(check: &'static str, says: impl Into<String>) -> Self {
        Self { check, state: State::Right, says: says.into(), mend: None }
    }

    fn skipped(check: &'static str, says: impl Into<String>) -> Self {
        Self { check, state: State::Skipped, says: says.into(), mend: None }
    }

    fn warning(check: &'static str, says: impl Into<String>, mend: impl Into<Option<String>>) -> Self {
        Self { check, state: State::Warning, says: says.into(), mend: mend.into() }
    }

    fn wrong(check: &'static str, says: impl Into<String>, mend: impl Into<Option<String>>) -> Self {
        Self { check, state: State::Wrong, says: says.into(), mend: mend.into() }
    }
}

/// Exits 0 where nothing is wrong, 2 where the settings are, else 1.
pub async fn run(effective: Result<Effective, SettingsError>, args: &DoctorArgs) -> ExitCode {
    let (checks, code) = match effective {
        Ok(effective) => {
            let checks = examine(effective).await;
            let wrong = checks.iter().any(|check| check.state == State::Wrong);
            (checks, if wrong { ExitCode::FAILURE } else { ExitCode::SUCCESS })
        }
        Err(error) => {
            let mend = Some("idempotence config".to_owned());
            (vec![Check::wrong("settings", error.to_string(), mend)], ExitCode::from(2))
        }
    };
    if args.json {
        let verdict = checks.iter().map(|check| check.state).max().unwrap_or(State::Right);
        print::json(&json!({ "verdict": verdict.max(State::Right), "checks": checks }));
    } else {
        print::line(&text(&checks));
    }
    code
}

async fn examine(effective: Effective) -> Vec<Check> {
    let mut checks = settings(&effective);
    let settings = Settings::from(effective);
    checks.extend(server::examine(&settings).await);
    checks.push(server::program(&settings));
    checks.extend(database::examine(&settings));
    checks
}

/// That they are valid is known; what they say about themselves is worth a look.
fn settings(effective: &Effective) -> Vec<Check> {
    if effective.notices.is_empty() {
        return vec![Check::right("settings", "valid")];
    }
    let config = || Some("idempotence config".to_owned());
    effective.notices.iter().map(|notice| Check::warning("settings", notice.clone(), config())).collect()
}

fn text(checks: &[Check]) -> String {
    let width = checks.iter().map(|check| check.check.len()).max().unwrap_or(0);
    let mut lines = Vec::new();
    for Check { check, state, says, mend } in checks {
        let sign = match state {
            State::Right => "✓",
            State::Skipped => "-",
            State::Warning => "!",
            State::Wrong => "✗",
        };
        lines.push(format!("{sign} {check:width$}  {says}"));
        lines.extend(mend.iter().map(|mend| format!("  {:width$}  → {mend}", "")));
    }
    let wrong = checks.iter().filter(|check| check.state == State::Wrong).count();
    lines.push(match wrong {
        0 => "nothing is wrong".to_owned(),
        1 => "1 thing is wrong".to_owned(),
        _ => format!("{wrong} things are wrong"),
    });
    lines.join("\n")
}
