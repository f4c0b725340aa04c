//! Errors of starting a dev server, and the end of a server. This file contains only types and messages.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::{fmt, io};

/// Why the server did not start. No process is left running.
#[derive(Debug, thiserror::Error)]
pub enum ServerStartError {
    /// Another program listens on the port. It is not a Temporal server, since the caller would have used that.
    #[error(
        "another program listens on {address} and does not answer as a Temporal server; stop it, or set another address \
         in TEMPORAL_ADDRESS"
    )]
    PortTaken {
        /// The address.
        address: SocketAddr,
    },
    /// The operating system refuses the port.
    #[error("the dev server cannot listen on {address}: {source}; set another port in TEMPORAL_ADDRESS")]
    Port {
        /// The address.
        address: SocketAddr,
        /// The operating system's error.
        source: io::Error,
    },
    /// Another server uses the database. Two servers would both run its workflows.
    #[error("another dev server of this program uses {}; use that server, or stop it first", database.display())]
    DatabaseInUse {
        /// The server's database.
        database: PathBuf,
    },
    /// The log or the database's folder cannot be written.
    #[error("the dev server cannot write {}: {source}; make it writable, or set another path", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The operating system's error.
        source: io::Error,
    },
    /// The supervisor, which is this program's own binary, does not start.
    #[error("cannot start {} to supervise the dev server: {source}; install idempotence again", path.display())]
    Supervisor {
        /// This program's binary.
        path: PathBuf,
        /// The operating system's error.
        source: io::Error,
    },
    /// The server ended before it accepted connections, because its database cannot be read.
    #[error(
        "the dev server cannot use its database {} ({cause}): the file is damaged, or another version of `temporal` wrote \
         it. Move it away, together with the files of the same name that end in -wal and -shm, and start again: the \
         server then starts without workflows, and the stock does not change (log: {})",
        database.display(),
        log.display()
    )]
    Database {
        /// The server's database.
        database: PathBuf,
        /// The error of `SQLite`.
        cause: &'static str,
        /// The server's log.
        log: PathBuf,
    },
    /// In each attempt, another program took one of the server's ports during the start.
    #[error("{ended} while starting, because another program took one of its ports: {said}; start it again")]
    PortLost {
        /// Exit code and log.
        ended: Ended,
        /// The log line with the error.
        said: String,
    },
    /// The server ended before it accepted connections, usually because of a broken or old executable.
    #[error(
        "{ended} while starting; last log lines: {said}. If its database {} is damaged, or a newer `temporal` wrote it, move \
         it away or use that version; if {} is broken or old, set another one in TEMPORAL_CLI",
        database.display(),
        executable.display()
    )]
    Ended {
        /// Exit code and log.
        ended: Ended,
        /// The last lines of the log.
        said: String,
        /// The `temporal` executable.
        executable: PathBuf,
        /// The server's database.
        database: PathBuf,
    },
    /// The server did not accept connections in time and was stopped.
    #[error("the dev server did not listen on {address} in time; see its log {}. If its database {} is damaged, or a newer `temporal` wrote it, \
             move it away", log.display(), database.display())]
    Slow {
        /// The address that the server should have listened on.
        address: SocketAddr,
        /// The server's log.
        log: PathBuf,
        /// The server's database.
        database: PathBuf,
    },
}

/// Text in the server's log if a port is taken. The server then usually crashes with exit code 2 and a long trace.
pub(super) const PORT_IN_USE: &str = "address already in use";

/// Errors of `SQLite` for a file whose content or schema the server does not expect.
const UNUSABLE_DATABASE: [&str; 5] = [
    "file is not a database",
    "database disk image is malformed",
    "no such table",
    "no such column",
    "SQL logic error",
];

impl ServerStartError {
    /// Classifies the end of a server during its start. `said` contains the last lines of its log.
    pub(super) fn of_end(ended: Ended, said: String, executable: PathBuf, database: PathBuf) -> Self {
        match UNUSABLE_DATABASE.into_iter().find(|cause| said.contains(cause)) {
            Some(cause) => Self::Database { database, cause, log: ended.log },
            None => Self::Ended { ended, said, executable, database },
        }
    }
}

/// How the server ended. `Display` writes a clause that names the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// Exit code of the server, or 128 plus the number of the signal that killed it.
    pub code: u8,
    /// The server's log.
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
        // Errors that `temporal` 1.9.1 and 1.5.1 print for an invalid header, an invalid page and a missing table.
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
            let error = ServerStartError::of_end(ended, said.to_owned(), "temporal".into(), "t.db".into());
            let text = error.to_string();
            assert!(matches!(error, ServerStartError::Database { cause, .. } if cause == expected), "{text}");
            assert!(text.contains("its database t.db (") && text.contains("-wal and -shm"), "{text}");
        }
        let ended = Ended { code: 1, log: "s.log".into() };
        let other = ServerStartError::of_end(ended, "unknown flag".to_owned(), "temporal".into(), "t.db".into());
        assert!(matches!(other, ServerStartError::Ended { .. }), "{other}");
    }

    #[test]
    fn the_end_is_displayed_as_a_clause() {
        let ended = |code| Ended { code, log: "s.log".into() }.to_string();
        assert_eq!(ended(1), "the dev server ended with exit code 1 (log: s.log)");
        assert_eq!(ended(137), "the dev server was killed by signal 9 (log: s.log)");
    }
}
