//! The only file that writes to standard output and standard error. Whatever came from elsewhere is made harmless here.

use std::{io::Write, sync::mpsc, thread, time::Duration};

use serde::Serialize;

use crate::domain::sanitize;

/// The longest line that is shown whole.
const LONGEST: usize = 2_000;

/// Text for people. A reader that has gone away is no error of ours: the exit code still tells.
pub fn line(text: &str) {
    let mut out = std::io::stdout().lock();
    for line in text.lines() {
        let _gone = writeln!(out, "{}", sanitize(line, LONGEST));
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
    let _gone = writeln!(std::io::stderr().lock(), "idempotence: {}", sanitize(text, LONGEST));
}

/// A question, without a line feed.
pub fn question(text: &str) {
    let mut out = std::io::stdout().lock();
    let _gone = write!(out, "{} ", sanitize(text, LONGEST)).and_then(|()| out.flush());
}

/// One object on standard output.
pub fn json(value: &impl Serialize) {
    match serde_json::to_string(value) {
        Ok(text) => {
            let _gone = writeln!(std::io::stdout().lock(), "{text}");
        }
        Err(error) => problem(&format!("the answer could not be written as JSON: {error}")),
    }
}
