//! The errors of a database in MySQL, and which of them a repetition can mend.

use std::{sync::Arc, time::Duration};

use mysql_async::{DriverError, Error as DriverFailure, IoError};

/// Codes of the server's errors (MySQL Server Error Message Reference; MariaDB uses the same).
mod code {
    pub(super) const CON_COUNT_ERROR: u16 = 1040;
    pub(super) const DBACCESS_DENIED: u16 = 1044;
    pub(super) const ACCESS_DENIED: u16 = 1045;
    pub(super) const UNKNOWN_COM: u16 = 1047;
    pub(super) const BAD_DB: u16 = 1049;
    pub(super) const SERVER_SHUTDOWN: u16 = 1053;
    pub(super) const DUP_ENTRY: u16 = 1062;
    pub(super) const DISK_FULL: u16 = 1021;
    pub(super) const RECORD_FILE_FULL: u16 = 1114;
    pub(super) const TABLEACCESS_DENIED: u16 = 1142;
    pub(super) const NO_SUCH_TABLE: u16 = 1146;
    pub(super) const PACKET_TOO_LARGE: u16 = 1153;
    pub(super) const TOO_MANY_USER_CONNECTIONS: u16 = 1203;
    pub(super) const LOCK_WAIT_TIMEOUT: u16 = 1205;
    pub(super) const LOCK_DEADLOCK: u16 = 1213;
    pub(super) const SPECIFIC_ACCESS_DENIED: u16 = 1227;
    pub(super) const OPTION_PREVENTS_STATEMENT: u16 = 1290;
    pub(super) const QUERY_INTERRUPTED: u16 = 1317;
    pub(super) const READ_ONLY_MODE: u16 = 1836;
    pub(super) const CONNECTION_KILLED: u16 = 1927;
    pub(super) const STATEMENT_TIMEOUT: u16 = 1969;
    pub(super) const QUERY_TIMEOUT: u16 = 3024;
    pub(super) const CLIENT_INTERACTION_TIMEOUT: u16 = 4031;
}

const CERTIFICATE_ADVICE: &str =
    "; set MYSQL_CA to the server's root certificate, and MYSQL_HOST to the name in its certificate";

/// A failed call to MySQL.
#[derive(Debug, Clone, thiserror::Error)]
pub enum MySqlError {
    /// The driver or the server reports an error.
    #[error("{}", described(.0))]
    Driver(Arc<DriverFailure>),
    /// The server does not answer.
    #[error("the server did not answer within {} ms", .0.as_millis())]
    TimedOut(Duration),
    /// The operating system has no resources for a connection.
    #[error("could not start a connection: {0}")]
    Client(Arc<std::io::Error>),
    /// The root certificates cannot be read.
    #[error("could not read the root certificates: {0}")]
    RootCertificates(String),
}

impl From<DriverFailure> for MySqlError {
    fn from(error: DriverFailure) -> Self {
        Self::Driver(Arc::new(error))
    }
}

/// Returns the error of TLS. During the handshake, the driver reports it as an error of the connection.
fn tls_error(error: &DriverFailure) -> Option<&rustls::Error> {
    match error {
        DriverFailure::Io(IoError::Io(error)) => error.get_ref()?.downcast_ref(),
        _ => None,
    }
}

const fn has_expired(error: &rustls::Error) -> bool {
    use rustls::CertificateError::{Expired, ExpiredContext};
    matches!(error, rustls::Error::InvalidCertificate(Expired | ExpiredContext { .. }))
}

fn described(error: &DriverFailure) -> String {
    if let Some(error) = tls_error(error) {
        return format!("TLS: {error}");
    }
    match error {
        DriverFailure::Server(error) => format!("error {}: {}", error.code, error.message),
        DriverFailure::Io(IoError::Io(error)) => error.to_string(),
        DriverFailure::Io(IoError::Tls(error)) => format!("TLS: {error}"),
        DriverFailure::Driver(DriverError::ConnectionClosed) => "the server closed the connection".to_owned(),
        DriverFailure::Driver(DriverError::NoClientSslFlagFromServer) => "the server does not support TLS".to_owned(),
        DriverFailure::Driver(error) => error.to_string(),
        other => other.to_string(),
    }
}

impl MySqlError {
    fn code(&self) -> Option<u16> {
        match self {
            Self::Driver(error) => match error.as_ref() {
                DriverFailure::Server(error) => Some(error.code),
                _ => None,
            },
            Self::TimedOut(_) | Self::Client(_) | Self::RootCertificates(_) => None,
        }
    }

    /// Whether the same transaction may succeed if it is repeated soon, on a new connection if necessary.
    pub(super) fn is_transient(&self) -> bool {
        match self {
            Self::TimedOut(_) => true,
            Self::Client(_) | Self::RootCertificates(_) => false,
            Self::Driver(error) => match error.as_ref() {
                DriverFailure::Io(IoError::Io(_)) => tls_error(error).is_none(),
                DriverFailure::Driver(DriverError::ConnectionClosed) => true,
                DriverFailure::Server(error) => matches!(
                    error.code,
                    code::CON_COUNT_ERROR
                        | code::UNKNOWN_COM
                        | code::SERVER_SHUTDOWN
                        | code::TOO_MANY_USER_CONNECTIONS
                        | code::LOCK_WAIT_TIMEOUT
                        | code::LOCK_DEADLOCK
                        | code::OPTION_PREVENTS_STATEMENT
                        | code::QUERY_INTERRUPTED
                        | code::READ_ONLY_MODE
                        | code::CONNECTION_KILLED
                        | code::STATEMENT_TIMEOUT
                        | code::QUERY_TIMEOUT
                        | code::CLIENT_INTERACTION_TIMEOUT
                ),
                _ => false,
            },
        }
    }

    /// Whether the connection may still be used.
    pub(super) fn leaves_connection(&self) -> bool {
        matches!(self.code(), Some(code) if !matches!(
            code,
            // After a failover, the name may lead to another server.
            code::OPTION_PREVENTS_STATEMENT | code::READ_ONLY_MODE
                | code::SERVER_SHUTDOWN | code::CONNECTION_KILLED | code::CLIENT_INTERACTION_TIMEOUT
        ))
    }

    /// Whether the database does not exist.
    pub(super) fn is_unknown_database(&self) -> bool {
        self.code() == Some(code::BAD_DB)
    }

    /// Whether a table does not exist.
    pub(super) fn is_unknown_table(&self) -> bool {
        self.code() == Some(code::NO_SUCH_TABLE)
    }

    /// Whether the account lacks a privilege. A server reports an unknown database in the same way to an account without
    /// privileges on it.
    pub(super) fn is_denied(&self) -> bool {
        matches!(self.code(), Some(code::DBACCESS_DENIED | code::TABLEACCESS_DENIED | code::SPECIFIC_ACCESS_DENIED))
    }

    /// Whether a row with the same key exists.
    pub(super) fn is_duplicate(&self) -> bool {
        self.code() == Some(code::DUP_ENTRY)
    }

    /// Returns what to do, as the end of a sentence; empty if the error does not suggest anything.
    pub(in super::super) fn advice(&self) -> &'static str {
        match self.code() {
            Some(code::ACCESS_DENIED) => "; check MYSQL_USER and MYSQL_PASSWORD, and the host of the account",
            Some(code::DBACCESS_DENIED | code::TABLEACCESS_DENIED) => {
                "; grant the account SELECT, INSERT, UPDATE and DELETE on the database (and CREATE, for the first worker)"
            }
            Some(code::BAD_DB) => "; create the database, or correct MYSQL_DATABASE",
            Some(code::NO_SUCH_TABLE) => "; a worker creates its tables when it starts",
            Some(code::CON_COUNT_ERROR | code::TOO_MANY_USER_CONNECTIONS) => {
                "; raise max_connections or stop other clients"
            }
            Some(code::OPTION_PREVENTS_STATEMENT | code::READ_ONLY_MODE) => {
                "; the server is read-only, as a replica is: set MYSQL_HOST to the primary server"
            }
            Some(code::DISK_FULL | code::RECORD_FILE_FULL) => "; free some space on the server",
            Some(code::PACKET_TOO_LARGE) => "; raise max_allowed_packet on the server to 16M",
            Some(_) => "",
            None => match self {
                Self::Client(_) => "",
                Self::TimedOut(_) => "; check that MYSQL_HOST and MYSQL_PORT are reachable",
                Self::RootCertificates(_) => "; set MYSQL_CA to a file with the server's root certificate in PEM",
                Self::Driver(error) => match error.as_ref() {
                    _ if tls_error(error).is_some_and(has_expired) => "; renew the server's certificate",
                    DriverFailure::Io(IoError::Tls(_)) => CERTIFICATE_ADVICE,
                    _ if tls_error(error).is_some() => CERTIFICATE_ADVICE,
                    DriverFailure::Io(IoError::Io(_)) => "; check that the server runs, and MYSQL_HOST and MYSQL_PORT",
                    DriverFailure::Driver(DriverError::NoClientSslFlagFromServer) => {
                        "; enable TLS on the server, or set MYSQL_TLS=false if the network is safe"
                    }
                    _ => "",
                },
            },
        }
    }
}
