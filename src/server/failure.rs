//! Why a dev server did not start, and how one ended. Only words: must not do anything.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::{fmt, io};

/// The server did not start; nothing is left running.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The port is taken, and by no Temporal server, else the caller would have used it.
    #[error(
        "something that does not answer as a Temporal server listens on {address}; end it, or name another address in \
         TEMPORAL_ADDRESS"
    )]
    PortTaken {
        /// Where.
        address: SocketAddr,
    },
    /// The system does not give us the port.
    #[error("the dev server cannot listen on {address} ({source}); name another port in TEMPORAL_ADDRESS")]
    Port {
        /// Where.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// Two servers on one database would both believe that its workflows are theirs.
    #[error("another dev server of ours uses {}; use that one, or stop it first", database.display())]
    DatabaseInUse {
        /// The server's database.
        database: PathBuf,
    },
    /// The log or the database's folder cannot be written.
    #[error("the dev server needs to write {} ({source}); make that possible, or name another place", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Our own binary does not start.
    #[error("{} cannot be started to supervise the dev server ({source}); install idempotence again", path.display())]
    Supervisor {
        /// Our own binary.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It ended before it took connections, since it cannot read its database.
    #[error(
        "the dev server cannot use its database {} ({cause}): the file is damaged, or another version of `temporal` made \
         it. Move it away, with the files of the same name that end in -wal and -shm, and start again: the server then \
         begins without workflows, and the stock is not touched (log: {})",
        database.display(),
        log.display()
    )]
    Database {
        /// The server's database.
        database: PathBuf,
        /// What `SQLite` says.
        cause: &'static str,
        /// The server's log.
        log: PathBuf,
    },
    /// It ended since another program took one of its ports while it started, each time.
    #[error("{ended} while starting, since another program took a port that it needs: {said}; start it again")]
    PortLost {
        /// How, and where its log is.
        ended: Ended,
        /// The line that says so.
        said: String,
    },
    /// It ended before it took connections: a broken or too old executable, mostly.
    #[error(
        "{ended} while starting, and said: {said}; if its database {} is damaged, or a newer `temporal` made it, move it \
         away or start that version again; if {} is broken or old, name another one in TEMPORAL_CLI",
        database.display(),
        executable.display()
    )]
    Ended {
        /// How, and where its log is.
        ended: Ended,
        /// Its last lines.
        said: String,
        /// The `temporal` executable.
        executable: PathBuf,
        /// The server's database.
        database: PathBuf,
    },
    /// It runs, but took no connections in time. It is stopped.
    #[error("the dev server did not listen on {address} in time; see its log {}. If its database {} is damaged, or a newer `temporal` made it, \
             move it away", log.display(), database.display())]
    Slow {
        /// Where it should have listened.
        address: SocketAddr,
        /// Its log.
        log: PathBuf,
        /// The server's database.
        database: PathBuf,
    },
}

/// What the server says of a port that it cannot have. Mostly it then crashes, with exit code 2 and a long trace.
pub(super) const PORT_IN_USE: &str = "address already in use";

/// What `SQLite` says of a file that has another content or another schema than the server expects.
const UNUSABLE_DATABASE: [&str; 5] = [
    "file is not a database",
    "database disk image is malformed",
    "no such table",
    "no such column",
    "SQL logic error",
];

impl StartError {
    /// Why a server that has ended did not start. `said`: its last lines.
    pub(super) fn of_end(ended: Ended, said: String, executable: PathBuf, database: PathBuf) -> Self {
        match UNUSABLE_DATABASE.into_iter().find(|cause| said.contains(cause)) {
            Some(cause) => Self::Database { database, cause, log: ended.log },
            None => Self::Ended { ended, said, executable, database },
        }
    }
}

/// How the server ended. Displays as a clause that names the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// Its exit code, or 128 + the signal that killed it.
    pub code: u8,
    /// Its log.
    pub log: PathBuf,
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.code {
            signal @ 129.. => write!(f, "the dev server was killed by signal {}", signal - 128)?,
            code => write!(f, "the dev server ended with exit code {code}")?,
        }
        write!(f, " (log: {})", self.log.display())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unusable_database_is_named_with_what_to_do() {
        // What `temporal` 1.9.1 and 1.5.1 print for a header, a page and a table that are not there.
        for (said, expected) in [
            (
                "Error: failed starting server: failed creating namespaces: unable to create SQLite admin DB: file is \
                 not a database (26)",
                "file is not a database",
            ),
            (
                "Error: failed starting server: failed creating namespaces: error creating namespace \"default\": \
                 database disk image is malformed (11)",
                "database disk image is malformed",
            ),
            (
                "time=2026-11-26T02:33:38.851 level=ERROR msg=\"failed starting server: failed creating namespaces: error \
                 creating namespace \\\"default\\\": SQL logic error: no such table: namespaces (1)\"",
                "no such table",
            ),
        ] {
            let ended = Ended { code: 1, log: "s.log".into() };
            let error = StartError::of_end(ended, said.to_owned(), "temporal".into(), "t.db".into());
            let text = error.to_string();
            assert!(matches!(error, StartError::Database { cause, .. } if cause == expected), "{text}");
            assert!(text.contains("its database t.db (") && text.contains("-wal and -shm"), "{text}");
        }
        let ended = Ended { code: 1, log: "s.log".into() };
        let other = StartError::of_end(ended, "unknown flag".to_owned(), "temporal".into(), "t.db".into());
        assert!(matches!(other, StartError::Ended { .. }), "{other}");
    }

    #[test]
    fn the_end_reads_as_a_clause() {
        let ended = |code| Ended { code, log: "s.log".into() }.to_string();
        assert_eq!(ended(1), "the dev server ended with exit code 1 (log: s.log)");
        assert_eq!(ended(137), "the dev server was killed by signal 9 (log: s.log)");
    }
}
