//! Commands that connect to a server while standard output is a full device or a closed pipe. `tests/project` covers
//! the commands that need no server.

use std::{
    fs::OpenOptions,
    io::{BufRead, BufReader},
};

use crate::sandbox::{Sandbox, address, offline, program, text};

#[test]
fn full_output_is_a_failure_and_a_reader_that_stops_is_not() {
    if offline() {
        return;
    }
    let sandbox = Sandbox::new();
    let _worker = sandbox.worker();
    let id = sandbox.queue.as_str();
    let start = ["start", "A", "123456", "1", "--faults", "none", "--workflow-id", id];
    for arguments in [
        &start[..],
        &[&start[..], &["--json"]].concat(),
        &[&start[..], &["--no-wait"]].concat(),
        &["demo", "happy-path"],
        &["demo", "happy-path", "--json"],
        &["doctor"],
        &["doctor", "--json"],
        &["audit"],
        &["audit", "--json"],
        &["compact"],
        &["compact", "--json"],
        &["reset", "--yes"],
        &["reset", "--yes", "--json"],
    ] {
        let command = || {
            let mut command = if arguments[0] == "demo" {
                let mut demo = program(sandbox.folder.path());
                demo.args(["demo", "--address", address()]);
                demo
            } else {
                sandbox.command(arguments[0])
            };
            command.args(&arguments[1..]);
            command
        };
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = command().stdout(full).output().unwrap();
        let (_, problem) = text(&output);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {problem}");
        assert!(problem.contains("could not write to standard output: No space left"), "{arguments:?}: {problem}");
        let (reader, writer) = std::io::pipe().unwrap();
        let one_line = std::thread::spawn(move || BufReader::new(reader).read_line(&mut String::new()));
        let output = command().stdout(writer).output().unwrap();
        let (_, problem) = text(&output);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {problem}");
        assert!(!problem.contains("panicked") && !problem.contains("could not write"), "{arguments:?}: {problem}");
        assert!(one_line.join().unwrap().unwrap() > 0, "{arguments:?} prints something");
    }
}
