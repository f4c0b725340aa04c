//! How far the preparation of a server is.

use std::{fmt, path::PathBuf};

/// What a dashboard may show while the server is on its way. Displays as a short phrase.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// For an executable on this machine.
    Looking,
    /// The last line of the program that installs it.
    Downloading(String),
    /// The executable on the PATH has an old server; `is_used`: there is no other one.
    OldServer { executable: PathBuf, server: String, is_used: bool },
    /// For the caller to show around [`super::DevServer::start`].
    Starting,
    /// For the caller to show once the server serves.
    Ready,
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Looking => f.write_str("looking for the Temporal dev server"),
            Self::Downloading(line) => write!(f, "installing the Temporal dev server: {line}"),
            Self::OldServer { executable, server, is_used } => {
                let path = executable.display();
                let then = if *is_used {
                    "it is used all the same; a newer one can be named in TEMPORAL_CLI"
                } else {
                    "this program's own installation is used"
                };
                write!(f, "{path} has the old Temporal server {server}: {then}")
            }
            Self::Starting => f.write_str("starting the Temporal dev server"),
            Self::Ready => f.write_str("the Temporal dev server is ready"),
        }
    }
}
