//! Progress of preparing a server.

use std::{fmt, path::PathBuf};

/// A stage of preparing a server, for the screen. `Display` writes a short phrase.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// Searching for an executable on this machine.
    Looking,
    /// Last line of the installer.
    Downloading(String),
    /// The executable on the PATH has an old server.
    OldServer {
        /// The executable.
        executable: PathBuf,
        /// Version of its server.
        server: String,
        /// Whether it is used, because there is no other executable.
        is_used: bool,
    },
    /// The caller reports this while [`super::DevServer::start`] runs.
    Starting,
    /// The caller reports this when the server answers.
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
                    "it is used anyway; set a newer one in TEMPORAL_CLI"
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
