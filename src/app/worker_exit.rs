//! How a worker process ended without a request.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::sanitized;

/// The recorded text of [`WorkerExit::Aborted`]. Recordings contain it, so it does not change.
const RECORDED_ABORT: &str = "crashed (aborted, as planned faults do)";

/// The end of a worker process. Recordings have it as text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum WorkerExit {
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
    /// The reason that the worker printed, or the error that prevented its start.
    Reason(String),
}

impl WorkerExit {
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

impl fmt::Display for WorkerExit {
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

impl From<String> for WorkerExit {
    fn from(text: String) -> Self {
        Self::known(&text).unwrap_or(Self::Reason(text))
    }
}

impl From<WorkerExit> for String {
    fn from(exit: WorkerExit) -> Self {
        match exit {
            WorkerExit::Aborted => RECORDED_ABORT.to_owned(),
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
            ("crashed (aborted, as planned faults do)", WorkerExit::Aborted),
            ("killed (SIGKILL)", WorkerExit::Killed),
            ("ended by signal 11", WorkerExit::Signal(11)),
            ("exited with code 1", WorkerExit::Code(1)),
            ("ended", WorkerExit::Finished),
            ("exited with code +1", WorkerExit::Reason("exited with code +1".to_owned())),
            ("crashed (aborted)", WorkerExit::Reason("crashed (aborted)".to_owned())),
            ("the key is missing", WorkerExit::Reason("the key is missing".to_owned())),
        ] {
            assert_eq!(WorkerExit::from(text.to_owned()), exit);
            assert_eq!(String::from(exit), text);
        }
    }
}
