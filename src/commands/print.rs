//! The only file that writes to standard output and standard error. Whatever came from elsewhere is made harmless here.
//! It remembers the first output that could not be written, and [`finish`] makes a failure of it.

use std::{
    io::{self, Write},
    process::ExitCode,
    sync::{OnceLock, mpsc},
    thread,
    time::Duration,
};

use serde::Serialize;

use crate::domain::sanitize;

/// The longest line that is shown whole.
const LONGEST: usize = 2_000;

/// Why standard output could not be written, the first time.
static FAILURE: OnceLock<String> = OnceLock::new();

/// Remembers a failed write. A reader that stops reading, as `head` does, is not a failure.
fn keep(written: io::Result<()>) {
    if let Err(error) = written
        && error.kind() != io::ErrorKind::BrokenPipe
    {
        FAILURE.get_or_init(|| error.to_string());
    }
}

/// The exit code of the process: `code`, or a failure if standard output could not be written, which is reported. Takes no
/// lock: a thread may still write to a terminal that takes no output.
#[must_use]
pub fn finish(code: ExitCode) -> ExitCode {
    let Some(cause) = FAILURE.get() else { return code };
    problem(&format!("could not write to standard output: {cause}"));
    if code == ExitCode::SUCCESS { ExitCode::FAILURE } else { code }
}

/// Prints the answer of the command line's parser, which is help, a version or an error, and gives its exit code.
#[must_use]
pub fn answer(answer: &clap::Error) -> ExitCode {
    if answer.use_stderr() {
        refusal(answer);
    } else {
        keep(answer.print());
    }
    finish(u8::try_from(answer.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from))
}

/// Prints why the command line is wrong, without colours: its quotes of the command line may have escape sequences.
fn refusal(answer: &clap::Error) {
    let text = answer.to_string();
    let lines: Vec<_> = text.lines().map(|line| sanitize(line, LONGEST)).collect();
    let _gone = writeln!(io::stderr().lock(), "{}", lines.join("\n"));
}

/// Text for people.
pub fn line(text: &str) {
    let mut out = io::stdout().lock();
    for line in text.lines() {
        keep(writeln!(out, "{}", sanitize(line, LONGEST)));
    }
}

/// A file on standard output, byte by byte as it is.
///
/// # Errors
/// The output could not be written, and its reader has not gone away.
pub fn file(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// How long the last lines of a session may take.
const LAST_LINES_LIMIT: Duration = Duration::from_millis(100);

/// As [`line`], for the end of a session: a terminal that takes no output does not hold up the end.
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

/// A line about what went wrong or is worth knowing.
pub fn problem(text: &str) {
    let _gone = writeln!(io::stderr().lock(), "idempotence: {}", sanitize(text, LONGEST));
}

/// A question, without a line feed.
pub fn question(text: &str) {
    let mut out = io::stdout().lock();
    keep(write!(out, "{} ", sanitize(text, LONGEST)).and_then(|()| out.flush()));
}

/// One object on standard output.
pub fn json(value: &impl Serialize) {
    match serde_json::to_string(value) {
        Ok(text) => keep(writeln!(io::stdout().lock(), "{text}")),
        Err(error) => problem(&format!("the answer could not be written as JSON: {error}")),
    }
}
