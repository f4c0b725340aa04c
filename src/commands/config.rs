//! Shows every setting and its source. An invalid setting does not stop the command: the value is shown as not valid,
//! standard error shows the problem, and the exit code is the one for wrong settings.

use std::process::ExitCode;

use serde_json::{Map, Value, json};

use super::{failure::WRONG_SETTINGS, print};
use crate::{
    cli::ConfigArgs,
    config::{Effective, Layer, LayerFile, Origin, Shown},
};

/// First line of the output.
const PRECEDENCE: &str = "Precedence: flags, environment, .env, settings file, Temporal profile, defaults.";

/// Prints the settings files, and then every setting.
pub fn run(effective: &Effective, args: &ConfigArgs) -> ExitCode {
    if args.json {
        print::json(&object(effective));
    } else {
        print::line(&text(effective));
    }
    for problem in effective.problems() {
        print::problem(&problem.to_string());
    }
    if effective.problems().next().is_some() { ExitCode::from(WRONG_SETTINGS) } else { ExitCode::SUCCESS }
}

fn text(effective: &Effective) -> String {
    let settings_file = effective.settings_file.as_ref();
    let mut lines = vec![
        PRECEDENCE.to_owned(),
        format!(".env           {}", place(&effective.dot_env)),
        format!(
            "settings file  {}",
            settings_file.map_or_else(|| "no folder for it: HOME is not set".to_owned(), place)
        ),
        format!("profiles       {}", profiles(effective)),
        // Print a space, since an empty value would not print a line.
        " ".to_owned(),
    ];
    let rows: Vec<_> = effective.shown().iter().map(row).collect();
    let widths = [0, 1].map(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0));
    lines.extend(
        rows.iter().map(|[key, value, origin]| format!("{key:0$}  {value:1$}  {origin}", widths[0], widths[1])),
    );
    lines.extend(effective.notices().iter().map(|notice| format!("note: {notice}")));
    lines.join("\n")
}

fn profiles(effective: &Effective) -> String {
    match &effective.profile_file {
        Some(file) => place(file),
        None if effective.problems().next().is_some() => "not used, because of a problem reported below".to_owned(),
        None => "no folder for them: HOME is not set".to_owned(),
    }
}

fn place(file: &LayerFile) -> String {
    let note = match &file.ignored {
        Some(reason) => format!(" (ignored: {reason})"),
        None if file.present => String::new(),
        None => " (not found)".to_owned(),
    };
    format!("{}{note}", file.path.display())
}

fn row(shown: &Shown) -> [String; 3] {
    let value = match &shown.value {
        Value::Null => "not set".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let origin = match shown.origin.layer {
        Layer::Default => "default".to_owned(),
        _ => shown.origin.to_string(),
    };
    [shown.key.to_owned(), value, origin]
}

fn object(effective: &Effective) -> Value {
    let file = |file: &LayerFile| {
        let mut object = json!({ "path": file.path.to_string_lossy(), "present": file.present });
        if let Some(reason) = &file.ignored {
            object["ignored"] = json!(reason);
        }
        object
    };
    let problems: Vec<_> = effective.problems().map(ToString::to_string).collect();
    let settings: Map<_, _> = effective
        .shown()
        .into_iter()
        .map(|Shown { key, value, origin }| (key.to_owned(), json!({ "value": value, "from": from(&origin) })))
        .collect();
    json!({
        "precedence": ["flag", "environment", ".env", "settings file", "profile", "default"],
        "dotEnv": file(&effective.dot_env),
        "settingsFile": effective.settings_file.as_ref().map(file),
        "profileFile": effective.profile_file.as_ref().map(file),
        "settings": settings,
        "notices": effective.notices(),
        "problems": problems,
    })
}

fn from(origin: &Origin) -> Value {
    let layer = match origin.layer {
        Layer::Flag => "flag",
        Layer::Environment | Layer::Absent => "environment",
        Layer::DotEnv(_) => ".env",
        Layer::SettingsFile { .. } => "settings file",
        Layer::Profile { .. } => "profile",
        Layer::Default => "default",
    };
    match &origin.layer {
        Layer::SettingsFile { at, .. } => {
            json!({ "layer": layer, "name": origin.name, "line": at.line, "column": at.column })
        }
        Layer::Profile { profile, .. } => json!({ "layer": layer, "name": origin.name, "profile": profile }),
        _ => json!({ "layer": layer, "name": origin.name }),
    }
}
