//! `idempotence config`, as used by people and scripts. These tests need no server and ignore the settings of the user
//! who runs them.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde_json::{Value, json};
use tempfile::TempDir;

/// The program with its own home folder and an otherwise empty environment.
fn config(home: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_idempotence"));
    command.env_clear().env("HOME", home).env("LANG", "C.UTF-8").current_dir(home).arg("config");
    command
}

fn home() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    // The temporary folder may be a link, and the program prints its target.
    let path = folder.path().canonicalize().unwrap();
    fs::create_dir_all(path.join(".config/idempotence")).unwrap();
    (folder, path)
}

fn run(command: &mut Command) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = command.output().unwrap();
    (status.code(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

#[test]
fn config_shows_every_value_and_its_origin() {
    let (_folder, home) = home();
    let (code, out, problem) = run(&mut config(&home));
    assert_eq!((code, problem.as_str()), (Some(0), ""), "{out}");
    let first = out.lines().next().unwrap();
    for layer in ["flags", "environment", ".env", "settings file", "defaults"] {
        assert!(first.contains(layer), "{first}");
    }
    let file = home.join(".config/idempotence/settings.toml");
    assert!(out.contains(&format!("settings file  {} (not found)", file.display())), "{out}");
    let line = |out: &str, key: &str| {
        let line = out.lines().find(|line| line.split_whitespace().next() == Some(key));
        line.unwrap_or_else(|| panic!("{key} is missing in\n{out}")).split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(line(&out, "address"), "address localhost:7233 default");
    assert_eq!(line(&out, "temporal_cli"), "temporal_cli not set default");
    assert_eq!(line(&out, "ascii"), "ascii false LANG in the environment");

    fs::write(&file, "theme = 'contrast'\ncheck_interval = 5\nnamespace = 'low'\n").unwrap();
    fs::write(home.join(".env"), "TASKQUEUE=q\nMYSQL_PASSWORD=hunter2\n").unwrap();
    let (code, out, _) =
        run(config(&home).env("TEMPORAL_NAMESPACE", "high").args(["--address", "h:1", "--tls=false", "--ascii"]));
    assert_eq!(code, Some(0), "{out}");
    assert_eq!(line(&out, "address"), "address h:1 --address on the command line");
    assert_eq!(line(&out, "tls"), "tls false --tls on the command line");
    assert_eq!(line(&out, "ascii"), "ascii true --ascii on the command line");
    assert_eq!(line(&out, "namespace"), "namespace high TEMPORAL_NAMESPACE in the environment");
    assert_eq!(line(&out, "task_queue"), format!("task_queue q TASKQUEUE in {:?}", home.join(".env")));
    assert_eq!(line(&out, "theme"), format!("theme contrast theme in {file:?}, line 1, column 9"));
    assert!(line(&out, "MYSQL_PASSWORD").starts_with("MYSQL_PASSWORD set, not shown MYSQL_PASSWORD in "), "{out}");
    assert!(!out.contains("hunter2") && out.contains("note: MYSQL_PASSWORD had no effect: the stock is kept"), "{out}");
    assert!(out.contains("set DATABASE=mysql:."), "{out}");
}

#[test]
fn config_shows_a_database_in_mysql_without_its_password() {
    let (_folder, home) = home();
    let original = [("MYSQL_HOST", "localhost"), ("MYSQL_DATABASE", "dataentry"), ("MYSQL_USER", "mysqluser")];
    let mut command = config(&home);
    command.envs(original).env("MYSQL_PASSWORD", "hunter2").args(["--database", "mysql:", "--json"]);
    let (code, out, problem) = run(&mut command);
    assert_eq!((code, problem.as_str()), (Some(0), ""), "{out}");
    let found: Value = serde_json::from_str(&out).unwrap();
    let settings = &found["settings"];
    let flag = json!({ "layer": "flag", "name": "--database" });
    assert_eq!(settings["database"], json!({ "value": "mysql://mysqluser@localhost:3306/dataentry", "from": flag }));
    let variable = json!({ "layer": "environment", "name": "MYSQL_PASSWORD" });
    assert_eq!(settings["MYSQL_PASSWORD"], json!({ "value": "set, not shown", "from": variable }));
    assert_eq!((&settings["MYSQL_PORT"]["value"], &settings["mysql_tls"]["value"]), (&json!(3306), &json!(false)));
    assert_eq!((&found["notices"], out.contains("hunter2")), (&json!([]), false));

    // A password in the URL is refused by every command, and not repeated.
    for arguments in [&["config"][..], &["audit"], &["reset", "--yes"], &["start"], &["doctor"], &["worker"]] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_idempotence"));
        command.env_clear().env("HOME", &home).current_dir(&home).args(arguments);
        let (code, out, problem) = run(command.args(["--database", "mysql://me:hunter2@localhost/x"]));
        assert!(code == Some(2) && !format!("{out}{problem}").contains("hunter2"), "{arguments:?}: {out}{problem}");
        assert!(format!("{out}{problem}").contains("set MYSQL_PASSWORD or MYSQL_PASSWORD_FILE"), "{out}{problem}");
    }
}

#[test]
fn config_gives_one_object_as_json() {
    let (_folder, home) = home();
    fs::write(home.join(".config/idempotence/settings.toml"), "check_interval = 5").unwrap();
    let (code, out, problem) = run(config(&home).args(["--json", "--still=false"]).env("NO_COLOR", "1"));
    assert_eq!((code, problem.as_str(), out.lines().count()), (Some(0), "", 1), "{out}");
    let found: Value = serde_json::from_str(&out).unwrap();
    let keys: Vec<_> = found.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, ["precedence", "dotEnv", "settingsFile", "profileFile", "settings", "notices", "problems"]);
    assert_eq!(found["dotEnv"], json!({ "path": home.join(".env"), "present": false }));
    assert_eq!(found["settingsFile"]["present"], true);
    let settings = &found["settings"];
    let from_file = json!({ "layer": "settings file", "name": "check_interval", "line": 1, "column": 18 });
    assert_eq!(settings["check_interval"], json!({ "value": 5, "from": from_file }));
    assert_eq!(settings["temporal_cli"]["value"], Value::Null);
    let no_color = json!({ "layer": "environment", "name": "NO_COLOR" });
    assert_eq!(settings["theme"], json!({ "value": "mono", "from": no_color }));
    let flag = json!({ "layer": "flag", "name": "--still" });
    assert_eq!(settings["still"], json!({ "value": false, "from": flag }));
}

#[test]
fn wrong_settings_end_the_commands_that_need_them_with_2_and_config_shows_the_rest() {
    let (_folder, home) = home();
    let file = home.join(".config/idempotence/settings.toml");
    let command = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_idempotence"));
        command.env_clear().env("HOME", &home).current_dir(&home).args(arguments);
        command
    };
    for (text, needed_by_audit, expected) in [
        ("adress = 'x'", true, "line 1, column 1: there is no key \"adress\"; the nearest is address"),
        ("database = 'a://hunter2'", true, "is a URL or a connection string (not shown"),
        ("theme = 'dark'", false, "line 1, column 9 is \"dark\": it must be terminal, contrast, colour-blind or mono"),
        ("api_key = 'hunter2'", true, "secrets are not accepted in this file"),
    ] {
        fs::write(&file, text).unwrap();
        let (code, out, problem) = run(&mut config(&home));
        assert!(code == Some(2) && out.contains("\naddress "), "{out}");
        assert!(problem.contains(expected) && problem.contains("settings.toml"), "{problem}");
        let (code, json, _) = run(config(&home).args(["--json"]));
        let found: Value = serde_json::from_str(&json).unwrap();
        assert!(code == Some(2) && found["problems"][0].as_str().unwrap().contains(expected), "{json}");
        assert!(!format!("{problem}{out}{json}").contains("hunter2"), "{problem}{out}{json}");
        let (code, _, other) = run(&mut command(&["audit"]));
        assert_eq!(code == Some(2) && other == problem, needed_by_audit, "{code:?} {other}");
        let (code, _, problem) = run(&mut command(&["export", "walkthrough", "--svg", "out.svg", "--at", "5"]));
        assert_eq!(code, Some(0), "it needs no settings: {problem}");
    }
    let (code, out, problem) = run(config(&home).args(["--profile", "nowhere"]));
    assert!(code == Some(2) && problem.contains("nowhere"), "{problem}");
    assert!(out.contains("\nprofiles       not used, because of a problem"), "{out}");
    let (code, _, problem) = run(config(&home).env("IDEMPOTENCE_STILL", "yess").env("XDG_CONFIG_HOME", "/nowhere"));
    assert_eq!(code, Some(2));
    assert!(
        problem.contains("IDEMPOTENCE_STILL in the environment is \"yess\": it must be true or false"),
        "{problem}"
    );
}
