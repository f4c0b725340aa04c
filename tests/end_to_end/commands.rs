//! The command line as users and scripts see it: text output, JSON, exit codes.

use serde_json::Value;

use crate::sandbox::{DEMO_ORDER, Sandbox, address, offline, program, text};

fn json(output: &std::process::Output) -> Value {
    let (out, problem) = text(output);
    assert_eq!(out.lines().count(), 1, "one object and nothing else: {out}\n{problem}");
    serde_json::from_str(&out).unwrap()
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn demo_reports_the_right_verdict_as_text_and_as_json() {
    if offline() {
        return;
    }
    let _alone = DEMO_ORDER.blocking_lock();
    let state = tempfile::tempdir().unwrap();
    let demo =
        |more: &[&str]| program(state.path()).args(["demo", "--address", address()]).args(more).output().unwrap();
    let output = demo(&["--faults", "after-commit-once"]);
    let (out, problem) = text(&output);
    assert_eq!(output.status.code(), Some(0), "{out}{problem}");
    for expected in
        ["attempt 1: failed after-commit: RANDOM ERROR", "attempt 2: ok, replayed", "stock 1000 -> 1 (-999)  order:A12"]
    {
        assert!(out.contains(expected), "{expected} is missing in\n{out}");
    }
    let last: Vec<_> = out.lines().rev().take(2).collect();
    assert!(last[1].starts_with("verdict right: stock 1001") && last[0].starts_with("as expected: "), "{out}");
    let output = demo(&["--seed", "3", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let found = json(&output);
    assert_eq!(keys(&found), ["scenario", "orders", "stock", "verdict", "asExpected", "complaint"]);
    assert_eq!(keys(&found["orders"][0]), ["orderID", "workflowID", "runID", "outcome", "attempts"]);
    assert_eq!(found["stock"], serde_json::json!({"initial": 1000, "expected": 1001, "actual": 1001}));
    assert_eq!((found["verdict"].as_str(), found["scenario"].as_str()), (Some("right"), Some("seed")));
}

#[test]
fn demo_without_the_guard_is_wrong_and_exits_1() {
    if offline() {
        return;
    }
    let _alone = DEMO_ORDER.blocking_lock();
    let state = tempfile::tempdir().unwrap();
    let mut command = program(state.path());
    command.args(["demo", "--address", address(), "--faults", "after-commit-once", "--guard", "off", "--json"]);
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let found = json(&output);
    assert_eq!(found["verdict"], "wrong");
    assert_eq!(found["stock"], serde_json::json!({"initial": 1000, "expected": 1001, "actual": 2}));
}

#[test]
fn without_a_command_and_a_terminal_the_demo_runs_and_explains_why() {
    if offline() {
        return;
    }
    let _alone = DEMO_ORDER.blocking_lock();
    let state = tempfile::tempdir().unwrap();
    let output = program(state.path()).args(["--address", address()]).output().unwrap();
    let (out, problem) = text(&output);
    assert_eq!(output.status.code(), Some(0), "{out}{problem}");
    assert!(problem.contains("not a terminal") && out.contains("verdict right"), "{out}{problem}");
}

#[test]
fn start_applies_replays_and_refuses() {
    if offline() {
        return;
    }
    let sandbox = Sandbox::new();
    let _worker = sandbox.worker();
    let start =
        |more: &[&str]| sandbox.command("start").args(["--faults", "none", "--json"]).args(more).output().unwrap();
    // Other tests share the server, so the workflow id must be unique to this test.
    let mine = |workflow: &str| format!("{}-{workflow}", sandbox.queue);
    for (arguments, outcome, before, after, code) in [
        (vec!["A12"], "applied", 1000, 1001, 0),
        (vec!["A12"], "replayed", 1001, 1001, 0),
        (vec!["A12", "123456", "5"], "conflict", 1001, 1001, 1),
        (vec!["A13", "999999", "5"], "rejected", 1001, 1001, 1),
        (vec!["11235", "123456", "1"], "applied", 1001, 1000, 0),
    ] {
        let mut arguments = arguments;
        let workflow = mine(arguments[0]);
        arguments.extend(["--workflow-id", &workflow]);
        let output = start(&arguments);
        let found = json(&output);
        assert_eq!(keys(&found), ["orderID", "workflowID", "runID", "outcome", "stockBefore", "stockAfter"]);
        assert_eq!(found["outcome"], outcome, "{arguments:?}: {output:?}");
        assert_eq!((&found["stockBefore"], &found["stockAfter"]), (&Value::from(before), &Value::from(after)));
        assert_eq!(output.status.code(), Some(code), "{arguments:?}");
        let hinted = text(&output).1.contains("has product 123456 only");
        assert_eq!(hinted, arguments.contains(&"999999"), "{arguments:?}: {output:?}");
    }
    sandbox.assert_right(1000);
}

#[test]
fn d15_every_command_that_connects_uses_temporal_url() {
    if offline() {
        return;
    }
    let _alone = DEMO_ORDER.blocking_lock();
    let state = tempfile::tempdir().unwrap();
    let output = program(state.path()).env("TEMPORAL_URL", address()).args(["demo", "--json"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let dead = format!("127.0.0.1:{}", crate::sandbox::free_port());
    for command in ["worker", "start"] {
        let output = program(state.path()).env("TEMPORAL_URL", &dead).arg(command).output().unwrap();
        let (_, problem) = text(&output);
        assert_eq!(output.status.code(), Some(1));
        assert!(problem.contains(&format!("nothing answers at {dead}")), "{command}: {problem}");
    }
}

#[test]
fn audit_and_reset_report_the_stock_of_the_journal() {
    if offline() {
        return;
    }
    let sandbox = Sandbox::new();
    let worker = sandbox.worker();
    for guard in ["ledger", "off"] {
        let workflow = format!("{}-{guard}", sandbox.queue);
        let mut start = sandbox.command("start");
        start.args(["A", "123456", "10", "--guard", guard, "--faults", "none", "--workflow-id", &workflow]);
        assert_eq!(start.output().unwrap().status.code(), Some(0));
    }
    drop(worker);
    let output = sandbox.command("audit").arg("--json").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let found = json(&output);
    let expected = ["verdict", "stock", "orders", "supplierOrders", "adjustments", "appliedTwice", "seq"];
    assert_eq!(keys(&found), expected);
    assert_eq!(found["appliedTwice"], serde_json::json!(["order:A"]));
    assert_eq!(found["stock"], serde_json::json!({"initial": 1000, "expected": 990, "actual": 980}));
    let refused = sandbox.command("reset").output().unwrap();
    assert_eq!(refused.status.code(), Some(2), "the confirmation has no terminal to ask at");
    let output = sandbox.command("reset").args(["--yes", "--json"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let found = json(&output);
    assert_eq!(keys(&found), ["database", "keptJournal"]);
    let kept = found["keptJournal"].as_str().unwrap().to_owned();
    assert!(std::path::Path::new(&kept).exists(), "{kept}");
    assert_eq!(std::fs::read(&sandbox.database).unwrap(), include_bytes!("../../assets/inventory.json"));
    let output = sandbox.command("audit").output().unwrap();
    assert_eq!((output.status.code(), text(&output).0.starts_with("right: stock 1000")), (Some(0), true));
}

#[test]
fn wrong_usage_and_settings_exit_2_with_a_message() {
    let state = tempfile::tempdir().unwrap();
    for (arguments, variable, expected) in [
        (vec!["start", "A", "--faults", "before-commit=oops"], None, "character 15"),
        (vec!["start", "A", "--guard", "none"], None, "use ledger, last-order or off"),
        (vec!["start", "A\u{202e}B"], None, "not printable ASCII"),
        (vec!["start", "A", "123456", "-5"], None, "'-5' for '[QUANTITY]': expected a whole number from 1"),
        (vec!["start", "A", "P", "1", "--workflow-id", "\u{202e}\u{1b}[2J\n"], None, "'\\u{202e}"),
        (vec!["nonsense"], None, "unrecognized subcommand"),
        (vec!["non\u{202e}sense"], None, "non\\u{202e}sense"),
        (vec!["start", "A"], Some(("ENCRYPT_PAYLOAD", "maybe")), "ENCRYPT_PAYLOAD"),
        (vec!["start", "A"], Some(("ENCRYPT_PAYLOAD", "true")), "idempotence keys add NAME"),
        (vec!["start", "A"], Some(("TEMPORAL_URL", "host:0")), "TEMPORAL_URL"),
        (vec!["audit"], Some(("DATABASE", "postgres://u:p@db/shop")), "a URL or a connection string (not shown"),
        (vec!["start", "A", "--address", "10.0.0.1:7233", "--tls=false", "--faults", "seed"], None, "--remote-faults"),
    ] {
        let mut command = program(state.path());
        if let Some((name, value)) = variable {
            command.env(name, value);
        }
        let output = command.args(&arguments).output().unwrap();
        let (_, problem) = text(&output);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {problem}");
        assert!(problem.contains(expected), "{arguments:?}: {problem}");
        assert!(!problem.contains(['\u{202e}', '\u{1b}']), "{problem:?}");
    }
}
