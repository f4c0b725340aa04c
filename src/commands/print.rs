//! The only file that writes to standard output and standard error. Text from outside is sanitised here. The first
//! failed write is remembered, and [`finish`] reports it as a failure.

use std::{
    io::{self, Write},
    process::ExitCode,
    sync::{OnceLock, mpsc},
    thread,
    time::Duration,
};

use serde::Serialize;

use crate::domain::sanitize;

/// Maximum number of characters per line.
const MAX_LINE_CHARS: usize = 2_000;

/// The first error of standard output.
static FAILURE: OnceLock<String> = OnceLock::new();

/// Remembers a failed write. A pipe that its reader closed, as `head` does, is not a failure.
fn keep(written: io::Result<()>) {
    if let Err(error) = written
        && error.kind() != io::ErrorKind::BrokenPipe
    {
        FAILURE.get_or_init(|| error.to_string());
    }
}

/// Returns the exit code of the process: `code`, or a failure if standard output could not be written. This function
/// takes no lock, because a thread may still be blocked in a write to the terminal.
#[must_use]
pub fn finish(code: ExitCode) -> ExitCode {
    let Some(cause) = FAILURE.get() else { return code };
    problem(&format!("could not write to standard output: {cause}"));
    if code == ExitCode::SUCCESS { ExitCode::FAILURE } else { code }
}

/// Prints the parser's help, version or error, and returns the exit code.
#[must_use]
pub fn answer(answer: &clap::Error) -> ExitCode {
    if answer.use_stderr() {
        refusal(answer);
    } else {
        keep(answer.print());
    }
    finish(u8::try_from(answer.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from))
}

/// Prints an error of the command line without colours, because it quotes arguments that may contain escape sequences.
fn refusal(answer: &clap::Error) {
    let text = answer.to_string();
    let lines: Vec<_> = text.lines().map(|line| sanitize(line, MAX_LINE_CHARS)).collect();
    let _gone = writeln!(io::stderr().lock(), "{}", lines.join("\n"));
}

/// Prints a text.
pub fn line(text: &str) {
    let mut out = io::stdout().lock();
    for line in text.lines() {
        keep(writeln!(out, "{}", sanitize(line, MAX_LINE_CHARS)));
    }
}

/// Writes a text to standard output unchanged.
///
/// # Errors
/// Returns the operating system's error if the output cannot be written. A closed pipe is not an error.
pub fn file(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// Maximum time for writing the last lines of a session.
const LAST_LINES_LIMIT: Duration = Duration::from_millis(100);

/// Prints as [`line`] does, for the end of a session: a blocked terminal does not delay the end.
pub fn last_lines(text: String) {
    let (done, wait) = mpsc::channel();
    let print = move || {
        line(&text);
        let _late = done.send(());
    };
    match thread::Builder::new().name("summary".to_owned()).spawn(print) {
        Ok(_thread) => {
            let _late = wait.recv_timeout(LAST_LINES_LIMIT);
        }
        Err(error) => tracing::warn!(%error, "the summary was not printed"),
    }
}

/// Prints a problem or a notice on standard error.
pub fn problem(text: &str) {
    let _gone = writeln!(io::stderr().lock(), "idempotence: {}", sanitize(text, MAX_LINE_CHARS));
}

/// Prints a question without a line feed.
pub fn question(text: &str) {
    let mut out = io::stdout().lock();
    keep(write!(out, "{} ", sanitize(text, MAX_LINE_CHARS)).and_then(|()| out.flush()));
}

/// Prints one JSON object on standard output.
pub fn json(value: &impl Serialize) {
    match serde_json::to_string(value) {
        Ok(text) => keep(writeln!(io::stdout().lock(), "{text}")),
        Err(error) => problem(&format!("the answer could not be written as JSON: {error}")),
    }
}
