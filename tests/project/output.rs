//! The standard output of commands, and their exit codes if writing fails. These tests need no server.

use std::{
    fs::{self, File, OpenOptions},
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Command, Output, Stdio},
};

use tempfile::TempDir;

fn program(home: &TempDir) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_idempotence"));
    command.env_clear().env("HOME", home.path()).env("PATH", "/usr/bin:/bin").env("LANG", "C.UTF-8");
    command.current_dir(home.path()).stdin(Stdio::null());
    command
}

fn export(home: &TempDir, arguments: &[&str]) -> Output {
    program(home).arg("export").args(arguments).output().unwrap()
}

/// Commands that print without a server. The reset creates the database that the audit needs.
const PRINTING: [&str; 14] = [
    "--help",
    "--version",
    "help start",
    "config",
    "config --json",
    "demo --list",
    "keys",
    "reset --yes --database d.json",
    "reset --yes --json --database d.json",
    "audit --database d.json",
    "audit --json --database d.json",
    "compact --database d.json",
    "compact --json --database d.json",
    "replay r.jsonl --plain",
];

fn recording(name: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/recordings").join(name)).unwrap()
}

#[test]
fn output_that_cannot_be_written_is_a_failure() {
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("r.jsonl"), recording("walkthrough.jsonl")).unwrap();
    for line in PRINTING {
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = program(&home).args(line.split(' ')).stdout(full).output().unwrap();
        let problem = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{line}: {problem}");
        assert!(problem.contains("could not write to standard output: No space left"), "{line}: {problem}");
    }
    // A command that fails keeps its exit code.
    for (line, code) in [
        ("doctor --address 127.0.0.1:1", 1),
        ("doctor --address 127.0.0.1:1 --json", 1),
        ("doctor --address nowhere", 2),
        ("config --address nowhere", 2),
        ("config --json --address nowhere", 2),
    ] {
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = program(&home).args(line.split(' ')).stdout(full).output().unwrap();
        let problem = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{line}: {problem}");
        assert!(problem.contains("could not write to standard output: No space left"), "{line}: {problem}");
    }
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = program(&home).args(["keys", "add", "one"]).stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    for line in ["export --svg - --at 1", "export --cast -"] {
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = program(&home).args(line.split(' ')).stdout(full).output().unwrap();
        let problem = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{line}: {problem}");
        assert!(problem.contains("could not write standard output: No space left"), "{line}: {problem}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_database_whose_name_is_not_utf_8_has_json_of_its_own() {
    use std::os::unix::ffi::OsStrExt;

    let home = tempfile::tempdir().unwrap();
    let database = std::ffi::OsStr::from_bytes(b"./st\xffock.json");
    for line in ["reset --yes --json", "audit --json", "config --json", "doctor --json --address 127.0.0.1:1"] {
        let output = program(&home).args(line.split(' ')).arg("--database").arg(database).output().unwrap();
        let problem = String::from_utf8(output.stderr).unwrap();
        assert!(serde_json::from_slice::<serde_json::Value>(&output.stdout).is_ok(), "{line}: {problem}");
        assert!(matches!(output.status.code(), Some(0 | 1)), "{line}: {problem}");
    }
}

#[test]
fn a_reader_that_stops_reading_is_not_a_failure() {
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("r.jsonl"), recording("walkthrough.jsonl")).unwrap();
    for line in PRINTING.into_iter().chain(["export --cast -", "export --svg - --at 1"]) {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = program(&home).args(line.split(' ')).stdout(writer).output().unwrap();
        let problem = String::from_utf8(output.stderr).unwrap();
        let is_progress = |line: &str| line.ends_with(" s so far");
        assert!(output.status.success() && problem.lines().all(is_progress), "{line}: {problem}");
    }
}

#[test]
fn a_dash_is_standard_output_and_messages_do_not_mix_with_it() {
    let home = tempfile::tempdir().unwrap();
    for arguments in [&["walkthrough", "--svg", "-", "--at", "5"][..], &["walkthrough", "--at", "5"]] {
        let output = export(&home, arguments);
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{arguments:?}");
        assert!(text.starts_with("<svg") && text.trim_end().ends_with("</svg>"), "{arguments:?}: {text}");
    }
    let file = home.path().join("out.svg");
    let stdout = File::create(&file).unwrap();
    let named = program(&home).args(["export", "--svg", "/dev/stdout", "--at", "5"]).stdout(stdout).output().unwrap();
    let text = fs::read_to_string(&file).unwrap();
    assert!(named.status.success() && text.starts_with("<svg") && text.trim_end().ends_with("</svg>"), "{text}");
    let cast = export(&home, &["walkthrough", "--cast", "-"]).stdout;
    let lines: Vec<_> = cast.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).collect();
    assert!(lines.len() > 10 && lines.iter().all(|line| serde_json::from_slice::<serde_json::Value>(line).is_ok()));
    assert!(!home.path().join("-").exists());
}

#[test]
fn a_dash_reads_a_recording_from_standard_input() {
    let home = tempfile::tempdir().unwrap();
    let mut command = program(&home);
    command.args(["export", "-", "--svg", "a.svg"]).stdin(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(&recording("walkthrough.jsonl")).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(fs::read_to_string(home.path().join("a.svg")).unwrap().contains("standard input"));
}

#[test]
fn export_reports_what_it_cannot_do() {
    let home = tempfile::tempdir().unwrap();
    let output = export(&home, &["walkthrough", "--svg", "no/such/a.svg"]);
    let problem = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{problem}");
    assert!(problem.contains("there is no folder no/such; create it first"), "{problem}");
    let output = export(&home, &["walkthrough", "--svg", "a.svg", "--at", "99999"]);
    let problem = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && problem.contains("the recording ends after "), "{problem}");
}

#[test]
fn missing_input_is_named_and_endless_input_is_refused() {
    let home = tempfile::tempdir().unwrap();
    let mut command = program(&home);
    command.args(["export", "-", "--svg", "a.svg"]).stdin(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut problems = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    let waits = problems.next().unwrap();
    assert!(waits.contains("reading standard input") && waits.ends_with(" s so far"), "{waits}");
    drop(child.stdin.take());
    assert!(problems.any(|problem| problem.contains("it is empty")));
    assert_eq!(child.wait().unwrap().code(), Some(2));

    std::os::unix::fs::symlink("/dev/zero", home.path().join("endless.toml")).unwrap();
    for (line, expected) in [
        ("export /dev/zero --svg a.svg", "/dev/zero is larger than 64 MiB"),
        ("demo ./endless.toml", "could not read ./endless.toml: it has more than 1 MiB"),
        ("walkthrough /dev/zero", "could not read /dev/zero: it has more than 1 MiB"),
    ] {
        let output = program(&home).args(line.split(' ')).output().unwrap();
        let problem = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{line}: {problem}");
        assert!(problem.contains(expected), "{line}: {problem}");
    }
}
