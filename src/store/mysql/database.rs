//! The address of a database in MySQL or MariaDB, and the account that uses it.

use std::{
    fmt::{self, Display},
    path::PathBuf,
};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode, utf8_percent_encode};
use secrecy::SecretString;

/// The port of MySQL and MariaDB.
pub const DEFAULT_PORT: u16 = 3306;

/// The characters that are escaped in a user name and in the name of a database: all except RFC 3986's unreserved ones.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// The characters that are escaped in the path of a socket.
const ESCAPED_IN_PATH: &AsciiSet = &ESCAPED.remove(b'/');

/// A database in MySQL or MariaDB. [`Display`] and [`fmt::Debug`] do not show the password.
#[derive(Debug, Clone)]
pub struct MySqlDatabase {
    /// The server.
    pub host: MySqlHost,
    /// The account's user name.
    pub user: String,
    /// The account's password; `None` for an account without one.
    pub password: Option<SecretString>,
    /// The name of the database.
    pub name: String,
    /// The protection of the connection.
    pub tls: MySqlTls,
}

/// A server of MySQL or MariaDB.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MySqlHost {
    /// A host and its TCP port. A name is resolved, also `localhost`, for which MySQL's own clients use a socket.
    Tcp {
        /// Name or address. An IPv6 address has no brackets.
        host: String,
        /// TCP port.
        port: u16,
    },
    /// A Unix socket.
    Socket(PathBuf),
}

/// The protection of a connection to MySQL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MySqlTls {
    /// The connection is not encrypted.
    Off,
    /// The connection is encrypted, and the server's certificate and name are verified.
    On {
        /// File of the root certificates in PEM; `None` for those of the operating system.
        root_certificates: Option<PathBuf>,
    },
}

impl Display for MySqlHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "{host}:{port}"),
            Self::Socket(path) => write!(f, "{}", path.display()),
        }
    }
}

impl Display for MySqlDatabase {
    /// Writes the value of `DATABASE` that means this database: `mysql://USER@HOST:PORT/NAME`, or
    /// `mysql://USER@(PATH)/NAME` for a socket.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let user = utf8_percent_encode(&self.user, ESCAPED);
        let name = utf8_percent_encode(&self.name, ESCAPED);
        match &self.host {
            host @ MySqlHost::Tcp { .. } => write!(f, "mysql://{user}@{host}/{name}"),
            MySqlHost::Socket(path) => {
                let path = percent_encode(path.as_os_str().as_encoded_bytes(), ESCAPED_IN_PATH);
                write!(f, "mysql://{user}@({path})/{name}")
            }
        }
    }
}
