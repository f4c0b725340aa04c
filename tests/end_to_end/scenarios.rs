//! Scenarios without a terminal: the built-in ones on the real server, scenario files, and rejected input.

use serde_json::Value;

use crate::sandbox::{address, offline, program, text};

#[test]
fn every_scenario_ends_as_expected_on_the_real_server() {
    if offline() {
        return;
    }
    let state = tempfile::tempdir().unwrap();
    let output = program(state.path()).args(["demo", "--all", "--json", "--address", address()]).output().unwrap();
    let (out, problem) = text(&output);
    let found: Value = serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}{problem}"));
    let scenarios = found["scenarios"].as_array().unwrap();
    assert_eq!(scenarios.len(), idempotence::scenario::BUILT_IN.len());
    for scenario in scenarios {
        assert_eq!(scenario["complaint"], Value::Null, "{scenario:#}");
    }
    assert_eq!((output.status.code(), &found["asExpected"]), (Some(0), &Value::Bool(true)));
    let stocks = |name: &str| scenarios.iter().find(|scenario| scenario["scenario"] == name).unwrap()["stock"].clone();
    assert_eq!(stocks("seed")["actual"], 1001);
    assert_eq!(stocks("without-guard"), serde_json::json!({"initial": 1000, "expected": 1001, "actual": 2}));
}

#[test]
fn the_list_names_every_scenario_with_its_title() {
    let state = tempfile::tempdir().unwrap();
    let output = program(state.path()).args(["demo", "--list"]).output().unwrap();
    let (out, _) = text(&output);
    assert_eq!(output.status.code(), Some(0));
    for (name, _) in idempotence::scenario::BUILT_IN {
        assert!(out.lines().any(|line| line.starts_with(name)), "{name}\n{out}");
    }
}

const OWN: &str = r#"
title = "Two units under a fault of one's own"
why = "A file works as well as a name."
faults = "update.after-commit=1*error"

[retry]
initial_ms = 100

[[acts]]
order = "mine"
quantity = 2
outcome = "applied"
attempts = { update = 2, supplier = 1 }

[expect]
stock = 998
verdict = "right"
"#;

#[test]
fn a_scenario_file_is_run_and_recorded() {
    if offline() {
        return;
    }
    let state = tempfile::tempdir().unwrap();
    std::fs::write(state.path().join("mine.toml"), OWN).unwrap();
    let mut command = program(state.path());
    command.args(["demo", "mine.toml", "--record", "run.jsonl", "--json", "--address", address()]);
    // A recording contains neither secrets nor other private settings.
    command.env("MYSQL_PASSWORD", "hunter2-secret").env("HOME", state.path());
    let output = command.output().unwrap();
    let (out, problem) = text(&output);
    let found: Value = serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}{problem}"));
    assert_eq!(
        (output.status.code(), &found["scenario"], &found["complaint"]),
        (Some(0), &"mine".into(), &Value::Null)
    );
    let recording = std::fs::read_to_string(state.path().join("run.jsonl")).unwrap();
    assert!(!recording.contains("hunter2") && !recording.contains(state.path().to_str().unwrap()), "{recording}");
    let read = idempotence::recording::Recording::read("run.jsonl", recording.as_bytes()).unwrap();
    let mut player = idempotence::recording::Player::new(read, idempotence::app::Appearance::default());
    player.seek(u64::MAX);
    let app = idempotence::app::Core::app(&player);
    assert_eq!(app.journal().audit.actual, 998);
    assert!(
        matches!(app.scenario_run().unwrap().state(), idempotence::app::RunState::Finished(judged) if judged.passed())
    );
}

#[test]
fn errors_in_scenarios_and_recordings_are_reported_with_their_position() {
    let state = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(state.path().join(name), text).unwrap();
    write("field.toml", &OWN.replace("quantity = 2", "quantty = 2"));
    write("plan.toml", &OWN.replace("1*error\"", "1*eror\""));
    write("unreachable.toml", &OWN.replace("stock = 998", "stock = 997"));
    write("expires.toml", &OWN.replace("[retry]", "supplier = \"header\"\nsupplier_key_seconds = 2\n[retry]"));
    write("expires.md", "# A talk\n\n## A step\n\n```toml\nscenario = \"expires.toml\"\n```\n");
    write("talk.md", "# A talk\n\n## A step\n\n```toml\nscenario = \"zombi\"\n```\n");
    write("damaged.jsonl", "{\"sum\":\"0123456789abcdef\",\"recording\":1}\n");
    for (arguments, words) in [
        (vec!["demo", "hapy-path"], vec!["happy-path", "demo --list"]),
        (vec!["demo", "nowhere/none.toml"], vec!["could not read nowhere/none.toml"]),
        (vec!["demo", "field.toml"], vec!["field.toml, line 11, column 1", "quantity"]),
        (vec!["demo", "plan.toml"], vec!["plan.toml, line 4, column", "error, hang, crash or delay"]),
        (vec!["demo", "unreachable.toml"], vec!["unreachable.toml, line 16, column 9", "998"]),
        (vec!["demo", "--all", "--seed", "5"], vec!["cannot be used with"]),
        (vec!["walkthrough", "talk.md"], vec!["talk.md, line 6, column 12", "the nearest is zombie"]),
        (vec!["walkthrough", "expires.md", "--plain"], vec!["'A step' has supplier_key_seconds", "idempotence demo"]),
        (vec!["replay", "damaged.jsonl"], vec!["damaged.jsonl is not a recording", "checksum"]),
        (vec!["replay", "nothing.jsonl"], vec!["no recording nothing.jsonl", "walkthrough and dashboard"]),
    ] {
        let output = program(state.path()).args(&arguments).output().unwrap();
        let (_, problem) = text(&output);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {problem}");
        for word in words {
            assert!(problem.contains(word), "{arguments:?} does not say '{word}': {problem}");
        }
    }
}

const RESTARTED: &str = r#"
title = "A worker that is killed and started again at once"
why = "A start that comes while the worker dies is for the next one."
faults = "update.after-commit=1*error"

[retry]
initial_ms = 300

[[acts]]
order = "A12"
quantity = 999
outcome = "applied"

[[acts]]
after = "failed A12"
do = "kill-worker"

[[acts]]
do = "start-worker"

[expect]
stock = 1001
verdict = "right"
"#;

#[test]
fn a_start_right_after_a_kill_is_not_lost() {
    if offline() {
        return;
    }
    let state = tempfile::tempdir().unwrap();
    std::fs::write(state.path().join("restarted.toml"), RESTARTED).unwrap();
    let output = program(state.path()).args(["demo", "restarted.toml", "--address", address()]).output().unwrap();
    let (out, problem) = text(&output);
    assert_eq!(output.status.code(), Some(0), "{out}{problem}");
}

#[test]
fn a_named_database_is_used_as_it_is_in_every_run() {
    if offline() {
        return;
    }
    let state = tempfile::tempdir().unwrap();
    for expected in ["as expected: ", "not judged: this database was used before"] {
        let mut command = program(state.path());
        command.args(["demo", "--database", "kept.json", "--faults", "none", "--address", address()]);
        let output = command.output().unwrap();
        let (out, problem) = text(&output);
        assert_eq!(output.status.code(), Some(0), "{out}{problem}");
        assert_eq!(
            out.matches("stock                    1000").count(),
            1,
            "what was before is not what happens: {out}"
        );
        assert!(out.lines().next_back().is_some_and(|last| last.starts_with(expected)), "{out}");
        assert_eq!(out.contains("this database was used before and may"), expected.starts_with("not"), "{out}");
    }
    let mut command = program(state.path());
    command.args(["demo", "supplier-key", "--database", "kept.json", "--address", address()]);
    let output = command.output().unwrap();
    let (_, problem) = text(&output);
    assert_eq!(output.status.code(), Some(2), "{problem}");
    assert!(problem.contains("the supplier of 'supplier-key' begins without shipments"), "{problem}");
}

#[test]
fn a_supplier_of_the_user_has_no_influence_on_a_scenario() {
    if offline() {
        return;
    }
    let state = tempfile::tempdir().unwrap();
    for scenario in ["happy-path", "supplier-key"] {
        let mut command = program(state.path());
        // Nothing listens there.
        command.args(["demo", scenario, "--address", address()]).env("SUPPLIER_URL", "http://127.0.0.1:1");
        let output = command.output().unwrap();
        let (out, problem) = text(&output);
        assert_eq!(output.status.code(), Some(0), "{out}{problem}");
        assert_eq!(
            out.contains("supplier right: 1 shipment of 1000 units paid for, 1 credited"),
            scenario != "happy-path"
        );
    }
}

#[test]
fn a_signal_during_a_scenario_removes_its_files_and_processes() {
    if offline() {
        return;
    }
    for scenario in ["server-restart", "supplier-lookup-race"] {
        assert_a_signal_removes_everything(scenario);
    }
}

fn assert_a_signal_removes_everything(scenario: &str) {
    let state = tempfile::tempdir().unwrap();
    let temporary = state.path().join("tmp");
    std::fs::create_dir(&temporary).unwrap();
    let mut command = program(state.path());
    command.args(["demo", scenario]).env("TMPDIR", &temporary).stdout(std::process::Stdio::piped());
    if scenario != "server-restart" {
        command.args(["--address", address()]);
    }
    let mut child = command.spawn().unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap()));
    assert!(lines.any(|line| line.unwrap().contains("effect committed")), "it runs");
    assert!(std::fs::read_dir(&temporary).unwrap().count() >= 2, "a database, and a server or a supplier");
    crate::screen::send(rustix::process::Signal::INT, child.id());
    // Reads the output until the end.
    lines.for_each(drop);
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let left: Vec<_> = std::fs::read_dir(&temporary).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(left, Vec::<std::path::PathBuf>::new());
}
