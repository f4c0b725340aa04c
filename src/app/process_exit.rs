//! How a child process, a worker or a supplier, ended.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::sanitized;

/// The recorded text of [`ProcessExit::Aborted`]. Recordings contain it, so it does not change.
const RECORDED_ABORT: &str = "crashed (aborted, as planned faults do)";

/// The end of a child process. Recordings have it as text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum ProcessExit {
    /// It exited with this code, which is not 0.
    Code(i32),
    /// It aborted (SIGABRT). Planned crashes do so; a defect can do so too.
    Aborted,
    /// Another process killed it (SIGKILL).
    Killed,
    /// Another signal ended it.
    Signal(i32),
    /// It exited with code 0.
    Finished,
    /// The reason that the process printed, or the error that prevented its start.
    Reason(String),
}

impl ProcessExit {
    /// The same, with a text that is harmless to show.
    #[must_use]
    pub fn sanitized(self) -> Self {
        match self {
            Self::Reason(reason) => Self::Reason(sanitized::text(&reason)),
            Self::Code(_) | Self::Aborted | Self::Killed | Self::Signal(_) | Self::Finished => self,
        }
    }

    /// The exit whose text is `text`, unless it is a [`Self::Reason`].
    fn known(text: &str) -> Option<Self> {
        let number = |prefix: &str| text.strip_prefix(prefix)?.parse().ok();
        let exit = match text {
            RECORDED_ABORT => Self::Aborted,
            "killed (SIGKILL)" => Self::Killed,
            "ended" => Self::Finished,
            _ => {
                number("exited with code ").map(Self::Code).or_else(|| number("ended by signal ").map(Self::Signal))?
            }
        };
        // Only texts that are written, so that a recording keeps its bytes.
        (String::from(exit.clone()) == text).then_some(exit)
    }
}

impl fmt::Display for ProcessExit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exited with code {code}"),
            Self::Aborted => f.write_str("crashed (aborted)"),
            Self::Killed => f.write_str("killed (SIGKILL)"),
            Self::Signal(signal) => write!(f, "ended by signal {signal}"),
            Self::Finished => f.write_str("ended"),
            Self::Reason(reason) => f.write_str(reason),
        }
    }
}

impl From<String> for ProcessExit {
    fn from(text: String) -> Self {
        Self::known(&text).unwrap_or(Self::Reason(text))
    }
}

impl From<ProcessExit> for String {
    fn from(exit: ProcessExit) -> Self {
        match exit {
            ProcessExit::Aborted => RECORDED_ABORT.to_owned(),
            other => other.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exit_survives_its_recorded_text() {
        for (text, exit) in [
            ("crashed (aborted, as planned faults do)", ProcessExit::Aborted),
            ("killed (SIGKILL)", ProcessExit::Killed),
            ("ended by signal 11", ProcessExit::Signal(11)),
            ("exited with code 1", ProcessExit::Code(1)),
            ("ended", ProcessExit::Finished),
            ("exited with code +1", ProcessExit::Reason("exited with code +1".to_owned())),
            ("crashed (aborted)", ProcessExit::Reason("crashed (aborted)".to_owned())),
            ("the key is missing", ProcessExit::Reason("the key is missing".to_owned())),
        ] {
            assert_eq!(ProcessExit::from(text.to_owned()), exit);
            assert_eq!(String::from(exit), text);
        }
    }
}
