//! The URL in `DATABASE` that selects MySQL: `mysql://USER@HOST:PORT/NAME`, each part optional, and the server in
//! `MYSQL_HOST`. A part is percent-encoded, as [`MySqlDatabase`](crate::store::mysql::MySqlDatabase) displays it.
//!
//! No error contains the URL, which may contain a password.

use std::path::PathBuf;

use percent_encoding::percent_decode_str;

use super::address::{self, AddressError};
use super::error::MySqlUrlError;
use super::paths;

/// Maximum length of a user name: MariaDB's limit. That of MySQL is lower.
pub(super) const MAX_USER_CHARS: usize = 128;
/// Maximum length of the name of a database, which is the limit of both servers.
pub(super) const MAX_NAME_CHARS: usize = 64;
/// Maximum length of a socket's path: the limit of Linux.
const MAX_SOCKET_BYTES: usize = 107;

const SCHEME: &str = "mysql:";
const SCHEME_OF_MARIADB: &str = "mariadb:";

/// The parts of a URL.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct UrlParts {
    pub(super) user: Option<String>,
    pub(super) server: Option<Server>,
    /// The name of the database.
    pub(super) name: Option<String>,
}

/// A server, with the port if one is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Server {
    pub(super) host: ServerHost,
    pub(super) port: Option<u16>,
}

/// The host of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ServerHost {
    /// A name or an IP address, normalised.
    Name(String),
    /// The path of a Unix socket.
    Socket(PathBuf),
}

/// Whether a value of `DATABASE` selects MySQL, or is meant to.
pub(super) fn selects_mysql(text: &str) -> bool {
    after_scheme(text, SCHEME).or_else(|| after_scheme(text, SCHEME_OF_MARIADB)).is_some()
}

fn after_scheme<'a>(text: &'a str, scheme: &str) -> Option<&'a str> {
    let (start, rest) = text.trim().split_at_checked(scheme.len())?;
    start.eq_ignore_ascii_case(scheme).then_some(rest)
}

/// Parses a value that [selects MySQL](selects_mysql).
pub(super) fn parse(text: &str) -> Result<UrlParts, MySqlUrlError> {
    let rest = match after_scheme(text, SCHEME) {
        Some("") => return Ok(UrlParts::default()),
        Some(rest) => rest.strip_prefix("//").ok_or(MySqlUrlError::Form)?,
        None => return Err(MySqlUrlError::MariaDb),
    };
    // A password may contain any character, so this comes before everything else.
    if rest.rsplit_once('@').is_some_and(|(login, _)| login.contains(':')) {
        return Err(MySqlUrlError::Password);
    }
    if rest.contains(char::is_control) {
        return Err(MySqlUrlError::Control);
    }
    if rest.contains(['?', '#']) {
        return Err(MySqlUrlError::Options);
    }
    let (user, rest) = match rest.split_once('@') {
        Some(("", _)) => return Err(MySqlUrlError::NoUser),
        Some((user, rest)) if !user.contains(['/', '(']) => (Some(part(user, "user name", MAX_USER_CHARS)?), rest),
        _ => (None, rest),
    };
    let (server, name) = split_server(rest)?;
    let name = match name.strip_prefix('/') {
        None | Some("") => None,
        Some(name) if name.contains('/') => return Err(MySqlUrlError::Path),
        Some(name) => Some(part(name, "name of the database", MAX_NAME_CHARS)?),
    };
    let server = if server.is_empty() { None } else { Some(server_in_url(server)?) };
    Ok(UrlParts { user, server, name })
}

/// Splits the text after the user into the server, and the rest from the first slash.
fn split_server(text: &str) -> Result<(&str, &str), MySqlUrlError> {
    let end = if text.starts_with('(') {
        let end = text.find(')').ok_or(MySqlUrlError::Host)? + 1;
        match text.get(end..) {
            Some("") => end,
            Some(rest) if rest.starts_with('/') => end,
            _ => return Err(MySqlUrlError::Host),
        }
    } else {
        text.find('/').unwrap_or(text.len())
    };
    Ok(text.split_at(end))
}

/// Parses a server in a URL: `host`, `host:port`, or a socket as `(/path)` or `%2Fpath`, as MySQL Shell accepts them.
fn server_in_url(text: &str) -> Result<Server, MySqlUrlError> {
    let path = text.strip_prefix('(').and_then(|text| text.strip_suffix(')'));
    let path = path.or_else(|| text.get(..3).filter(|start| start.eq_ignore_ascii_case("%2f")).map(|_| text));
    if let Some(path) = path {
        let decoded = part(path, "path of the socket", MAX_SOCKET_BYTES)?;
        let is_path = decoded.starts_with('/') && !path.contains(':') && decoded.len() <= MAX_SOCKET_BYTES;
        return if is_path { Ok(socket(decoded)) } else { Err(MySqlUrlError::Host) };
    }
    server(text).map_err(|error| if error == AddressError::Port { MySqlUrlError::Port } else { MySqlUrlError::Host })
}

/// Decodes a part of the URL.
fn part(text: &str, part: &'static str, max: usize) -> Result<String, MySqlUrlError> {
    let escapes = text.split('%').skip(1);
    let are_hexadecimal =
        escapes.map(str::as_bytes).all(|rest| rest.len() >= 2 && rest[..2].iter().all(u8::is_ascii_hexdigit));
    let decoded =
        percent_decode_str(text).decode_utf8().ok().filter(|_| are_hexadecimal).ok_or(MySqlUrlError::Escape)?;
    let chars = decoded.chars().count();
    if decoded.contains(char::is_control) {
        Err(MySqlUrlError::Control)
    } else if chars > max {
        Err(MySqlUrlError::TooLong { part, chars, max })
    } else {
        Ok(decoded.into_owned())
    }
}

/// Parses a host, or a host and a port.
fn server(text: &str) -> Result<Server, AddressError> {
    let (host, port) = address::host_and_port(text)?;
    Ok(Server { host: ServerHost::Name(host), port })
}

fn socket(path: String) -> Server {
    Server { host: ServerHost::Socket(PathBuf::from(path)), port: None }
}

/// Parses the value of `MYSQL_HOST`: a host, a host and a port, or the path of a socket. The error is the problem, with
/// what to write instead.
pub(super) fn server_in_variable(text: &str) -> Result<Server, String> {
    let text = text.trim();
    if !text.starts_with('/') {
        return server(text).map_err(|error| match error {
            AddressError::Port => "the port must be a number from 1 to 65535; write HOST:PORT, or set MYSQL_PORT".to_owned(),
            _ => "it must be a host name, an IP address (IPv6 in brackets), or the path of a Unix socket that begins with /"
                .to_owned(),
        });
    }
    match paths::problem_of(text) {
        Some(problem) => Err(problem.to_owned()),
        None if text.len() > MAX_SOCKET_BYTES => Err(format!(
            "it has {} bytes, but the path of a Unix socket has at most {MAX_SOCKET_BYTES}; use a shorter path",
            text.len()
        )),
        None => Ok(socket(text.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(user: &str, host: &str, port: u16, name: &str) -> UrlParts {
        let set = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let host = match host {
            "" => None,
            path if path.starts_with('/') => Some(ServerHost::Socket(path.into())),
            host => Some(ServerHost::Name(host.to_owned())),
        };
        let server = host.map(|host| Server { host, port: (port > 0).then_some(port) });
        UrlParts { user: set(user), server, name: set(name) }
    }

    #[test]
    fn every_part_of_a_url_is_optional() {
        for (text, expected) in [
            ("mysql:", parts("", "", 0, "")),
            (" MySQL: ", parts("", "", 0, "")),
            ("mysql://", parts("", "", 0, "")),
            ("mysql:///", parts("", "", 0, "")),
            ("mysql:///stock", parts("", "", 0, "stock")),
            ("mysql://shop@/stock", parts("shop", "", 0, "stock")),
            ("mysql://db", parts("", "db", 0, "")),
            ("mysql://db/", parts("", "db", 0, "")),
            ("MYSQL://DB:3307/Stock", parts("", "db", 3307, "Stock")),
            ("mysql://shop@db:3307/stock", parts("shop", "db", 3307, "stock")),
            ("mysql://shop@10.1.2.3/stock", parts("shop", "10.1.2.3", 0, "stock")),
            ("mysql://shop@[2001:DB8::5]:3307/stock", parts("shop", "2001:db8::5", 3307, "stock")),
            ("mysql://shop@[::1]/stock", parts("shop", "::1", 0, "stock")),
            ("mysql://shop@(/run/mysqld/mysqld.sock)/stock", parts("shop", "/run/mysqld/mysqld.sock", 0, "stock")),
            ("mysql://(/tmp/m%29y%40sql.sock)", parts("", "/tmp/m)y@sql.sock", 0, "")),
            ("mysql://shop@%2Ftmp%2fmysql.sock/stock", parts("shop", "/tmp/mysql.sock", 0, "stock")),
            ("mysql://a%40b%3Ac@db/x%2Fy%25%20", parts("a@b:c", "db", 0, "x/y% ")),
            ("mysql://J%C3%BCrgen@db/b\u{fc}cher", parts("J\u{fc}rgen", "db", 0, "b\u{fc}cher")),
            ("mysql://shop@db/na@me", parts("shop", "db", 0, "na@me")),
            ("mysql://db/na@me", parts("", "db", 0, "na@me")),
        ] {
            assert!(selects_mysql(text), "{text}");
            assert_eq!(parse(text), Ok(expected), "{text}");
        }
        for text in
            ["", "mysql", "mysql.json", "./mysql:", "jdbc:mysql://db", "mysql2://db", "mysqlx://db", "\u{e4}ysql:"]
        {
            assert!(!selects_mysql(text), "{text}");
        }
    }

    #[test]
    fn each_mistake_in_a_url_is_named_without_the_url() {
        use MySqlUrlError as E;
        let (long_user, long_name) =
            (format!("mysql://{}@db", "u".repeat(129)), format!("mysql://db/{}", "\u{fc}".repeat(65)));
        let long_socket = format!("mysql://(/{})/x", "s".repeat(107));
        for (text, expected) in [
            ("mysql://shop:hunter2@db/stock", E::Password),
            ("mysql://shop:@db/stock", E::Password),
            ("mysql://:hunter2@db", E::Password),
            ("mysql://shop:hun/ter2@db/stock", E::Password),
            ("mysql://shop:hun?ter#2@db/stock", E::Password),
            ("mysql://shop:h@nter2@db/stock", E::Password),
            ("mysql://shop:hunter2\u{7}@db/stock", E::Password),
            ("mariadb://shop:hunter2@db/stock", E::MariaDb),
            ("mariadb:", E::MariaDb),
            ("mysql:stock", E::Form),
            ("mysql:/stock", E::Form),
            ("mysql:host=db;dbname=stock;password=hunter2", E::Form),
            ("mysql://@db/stock", E::NoUser),
            ("mysql://shop@:3306/stock", E::Host),
            ("mysql://:3306", E::Host),
            ("mysql://shop@d b/stock", E::Host),
            ("mysql://a,b/stock", E::Host),
            ("mysql://$HOST/stock", E::Host),
            ("mysql://2001:db8::5:3306/stock", E::Host),
            ("mysql://[::1/stock", E::Host),
            ("mysql://3306/stock", E::Host),
            ("mysql://(/tmp/mysql.sock/stock", E::Host),
            ("mysql://(/tmp/mysql.sock):3306/stock", E::Host),
            ("mysql://%2Ftmp%2Fmysql.sock:3306/stock", E::Host),
            ("mysql://(tmp/mysql.sock)/stock", E::Host),
            ("mysql://()/stock", E::Host),
            ("mysql://db%2E/stock", E::Host),
            ("mysql://db:/stock", E::Port),
            ("mysql://db:0/stock", E::Port),
            ("mysql://db:65536/stock", E::Port),
            ("mysql://db:+1/stock", E::Port),
            ("mysql://db:http/stock", E::Port),
            ("mysql://db/stock/", E::Path),
            ("mysql://db//stock", E::Path),
            ("mysql://db/stock/orders", E::Path),
            ("mysql://db/stock?ssl-mode=REQUIRED", E::Options),
            ("mysql://db/stock?password=hunter2", E::Options),
            ("mysql://db/stock#x", E::Options),
            ("mysql://db/st%zzock", E::Escape),
            ("mysql://db/stock%2", E::Escape),
            ("mysql://sh%@db/stock", E::Escape),
            ("mysql://db/%ff", E::Escape),
            ("mysql://db/st\u{1b}ock", E::Control),
            ("mysql://db/st%0Aock", E::Control),
            ("mysql://sh%00op@db", E::Control),
            (&long_user, E::TooLong { part: "user name", chars: 129, max: 128 }),
            (&long_name, E::TooLong { part: "name of the database", chars: 65, max: 64 }),
            (&long_socket, E::TooLong { part: "path of the socket", chars: 108, max: 107 }),
        ] {
            assert!(selects_mysql(text), "{text}");
            assert_eq!(parse(text), Err(expected.clone()), "{text}");
            let message = expected.to_string();
            assert!(!message.contains("hunter2") && message.contains("; "), "a message has a remedy: {message}");
        }
    }

    #[test]
    fn a_host_in_a_variable_is_a_name_an_address_or_a_socket() {
        for (text, expected) in [
            ("localhost", parts("", "localhost", 0, "")),
            (" DB.example.com:3307 ", parts("", "db.example.com", 3307, "")),
            ("10.1.2.3", parts("", "10.1.2.3", 0, "")),
            ("::1", parts("", "::1", 0, "")),
            ("[2001:db8::5]:3307", parts("", "2001:db8::5", 3307, "")),
            ("/run/mysqld/mysqld.sock", parts("", "/run/mysqld/mysqld.sock", 0, "")),
            ("/tmp/my sql.sock", parts("", "/tmp/my sql.sock", 0, "")),
        ] {
            assert_eq!(server_in_variable(text).map(Some), Ok(expected.server), "{text}");
        }
        let long = format!("/{}", "s".repeat(107));
        for (text, problem) in [
            ("db:0", "the port must be a number"),
            ("db:http", "the port must be a number"),
            (":3306", "it must be a host name"),
            ("3306", "it must be a host name"),
            ("tcp://db:3306", "it must be a host name"),
            ("db/stock", "it must be a host name"),
            ("d\u{1b}b", "it must be a host name"),
            ("~/mysql.sock", "it must be a host name"),
            ("/tmp/\u{1b}.sock", "it contains a control character"),
            ("/home/$USER/mysql.sock", "expanded only by a shell"),
            (&long, "it has 108 bytes, but the path of a Unix socket has at most 107"),
        ] {
            let error = server_in_variable(text).unwrap_err();
            assert!(error.contains(problem), "{text}: {error}");
        }
    }
}
