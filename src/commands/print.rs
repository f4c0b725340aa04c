//! The only file that writes to standard output and standard error.

use std::io::Write;

use serde::Serialize;

/// A line for people or programs. A reader that has gone away is no error of ours: the exit code still tells.
pub fn line(text: &str) {
    let _gone = writeln!(std::io::stdout().lock(), "{text}");
}

/// A line about what went wrong or is worth knowing.
pub fn problem(text: &str) {
    let _gone = writeln!(std::io::stderr().lock(), "idempotence: {text}");
}

/// A question, without a line feed.
pub fn question(text: &str) {
    let mut out = std::io::stdout().lock();
    let _gone = write!(out, "{text} ").and_then(|()| out.flush());
}

/// One object on standard output.
pub fn json(value: &impl Serialize) {
    match serde_json::to_string(value) {
        Ok(text) => line(&text),
        Err(error) => problem(&format!("the answer could not be written as JSON: {error}")),
    }
}
