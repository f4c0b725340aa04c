//! The settings of a database in MySQL or MariaDB. Each part comes from the URL in `DATABASE` or from its variable. As
//! for every setting, a higher layer overrides a lower one, and both must agree within a layer.
//!
//! Reads the password file, and checks that the certificates can be read. Opens no connection.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use rustls::pki_types::{CertificateDer, pem::PemObject};
use secrecy::{SecretString, zeroize::Zeroizing};

use super::address;
use super::choice::Choice;
use super::error::SettingsError;
use super::layer::Found;
use super::mysql_url::{MAX_NAME_CHARS, MAX_USER_CHARS, Server, ServerHost, UrlParts, server_in_variable};
use super::sourced::{Origin, Sourced};
use super::sources::Sources;
use super::{paths, values};
use crate::encryption::exposed;
use crate::error_text::{quoted, quoted_path};
use crate::files::open_regular;
use crate::store::mysql::{DEFAULT_PORT, MySqlDatabase, MySqlHost, MySqlTls};
use crate::temporal::is_content;

const HOST: &str = "MYSQL_HOST";
const PORT: &str = "MYSQL_PORT";
const NAME: &str = "MYSQL_DATABASE";
const USER: &str = "MYSQL_USER";
const PASSWORD: &str = "MYSQL_PASSWORD";
const PASSWORD_FILE: &str = "MYSQL_PASSWORD_FILE";
const TLS: &str = "MYSQL_TLS";
const CA: &str = "MYSQL_CA";

/// Maximum size of a password file, in bytes.
const MAX_PASSWORD_BYTES: u64 = 4096;
/// Maximum size of a file of certificates, in bytes. All authorities of an operating system take a quarter of that.
const MAX_CA_BYTES: u64 = 1 << 20;

/// The settings of a database in MySQL.
#[derive(Debug)]
pub(super) struct MySql {
    pub(super) host: Sourced<ServerHost>,
    /// `None` for a socket.
    pub(super) port: Option<Sourced<u16>>,
    pub(super) name: Sourced<String>,
    pub(super) user: Sourced<String>,
    /// The password, from its variable or from the password file.
    pub(super) password: Option<Sourced<SecretString>>,
    pub(super) password_file: Option<Sourced<PathBuf>>,
    /// Whether the connection uses TLS. The origin is the setting that decides.
    pub(super) tls: Sourced<bool>,
    pub(super) ca: Option<Sourced<PathBuf>>,
    /// Sentences about settings that are dangerous or have no effect.
    pub(super) notices: Vec<String>,
}

impl MySql {
    /// Reads and checks the settings. `url` is the value that selects MySQL.
    ///
    /// # Errors
    /// Fails if a value is wrong or missing, two settings contradict each other, or a file cannot be used.
    pub(super) fn resolve(
        url: Sourced<UrlParts>,
        sources: &Sources,
        current_dir: &Path,
    ) -> Result<Self, SettingsError> {
        let Sourced { value: UrlParts { user, server, name }, origin } = url;
        let in_url = |value: Option<String>| value.map(|value| Sourced { value, origin: origin.clone() });
        let missing = |name, part| SettingsError::MySqlPartMissing { database: origin.clone(), name, part };
        let server = server.map(|value| Sourced { value, origin: origin.clone() });
        let mut notices = Vec::new();
        let (host, port) = host_and_port(server, sources, &mut notices)?.ok_or_else(|| missing(HOST, "HOST"))?;
        let user = text(in_url(user), sources, USER, ("user", MAX_USER_CHARS))?.ok_or_else(|| missing(USER, "USER"))?;
        let name =
            text(in_url(name), sources, NAME, ("database", MAX_NAME_CHARS))?.ok_or_else(|| missing(NAME, "NAME"))?;
        let (password, password_file) = password(sources, current_dir, &mut notices)?;
        let (tls, ca) = tls(&host, sources, current_dir, &mut notices)?;
        Ok(Self { host, port, name, user, password, password_file, tls, ca, notices })
    }

    /// Returns the database.
    pub(super) fn database(&self) -> MySqlDatabase {
        MySqlDatabase {
            host: match &self.host.value {
                ServerHost::Socket(path) => MySqlHost::Socket(path.clone()),
                ServerHost::Name(host) => MySqlHost::Tcp {
                    host: host.clone(),
                    port: self.port.as_ref().map_or(DEFAULT_PORT, |port| port.value),
                },
            },
            user: self.user.value.clone(),
            password: self.password.as_ref().map(|password| password.value.clone()),
            name: self.name.value.clone(),
            tls: if self.tls.value {
                MySqlTls::On { root_certificates: self.ca.as_ref().map(|ca| ca.value.clone()) }
            } else {
                MySqlTls::Off
            },
        }
    }
}

/// Returns the value of a part that applies: the one in the higher layer. Both must agree within a layer. `text` shows a
/// value.
fn agreed<T: PartialEq>(
    part: &'static str,
    preferred: Option<Sourced<T>>,
    other: Option<Sourced<T>>,
    text: impl Fn(&T) -> String,
) -> Result<Option<Sourced<T>>, SettingsError> {
    match (preferred, other) {
        (Some(one), Some(two)) if two.origin.layer.is_above(&one.origin.layer) => Ok(Some(two)),
        (Some(one), Some(two)) if one.origin.layer.is_above(&two.origin.layer) || one.value == two.value => {
            Ok(Some(one))
        }
        (Some(one), Some(two)) => Err(SettingsError::MySqlConflict {
            part,
            first: one.origin.name,
            first_value: text(&one.value),
            second: two.origin.name,
            second_value: text(&two.value),
            layer: Box::new(one.origin.layer),
        }),
        (one, two) => Ok(one.or(two)),
    }
}

/// Returns the variable's value, unless `above` overrides it. A value that is overridden may be wrong.
fn variable<T>(
    sources: &Sources,
    name: &'static str,
    above: Option<&Origin>,
    parse: impl FnOnce(&Found<'_>) -> Result<T, SettingsError>,
) -> Result<Option<Sourced<T>>, SettingsError> {
    let found = sources.find(name);
    let found = found.filter(|found| above.is_none_or(|above| !above.layer.is_above(&found.origin.layer)));
    found.map(|found| Ok(Sourced { value: parse(&found)?, origin: found.origin })).transpose()
}

type HostAndPort = (Sourced<ServerHost>, Option<Sourced<u16>>);

/// Returns the host and the port; `None` if there is no host. The port is `None` for a socket.
fn host_and_port(
    url: Option<Sourced<Server>>,
    sources: &Sources,
    notices: &mut Vec<String>,
) -> Result<Option<HostAndPort>, SettingsError> {
    let in_variable = variable(sources, HOST, url.as_ref().map(|url| &url.origin), server)?;
    let host_of =
        |server: &Sourced<Server>| Sourced { value: server.value.host.clone(), origin: server.origin.clone() };
    let hosts = (url.as_ref().map(host_of), in_variable.as_ref().map(host_of));
    let Some(host) = agreed("host", hosts.0, hosts.1, host_text)? else { return Ok(None) };
    // A port belongs to the host that is written before it.
    let port_of = |server: Sourced<Server>| {
        let Sourced { value, origin } = server;
        value.port.filter(|_| !host.origin.layer.is_above(&origin.layer)).map(|value| Sourced { value, origin })
    };
    let written = agreed("port", url.and_then(port_of), in_variable.and_then(port_of), u16::to_string)?;
    if let ServerHost::Socket(_) = host.value {
        let unused = sources
            .find(PORT)
            .map(|found| format!("{} had no effect: {} names a Unix socket.", found.origin, host.origin));
        notices.extend(unused);
        return Ok(Some((host, None)));
    }
    let set = variable(sources, PORT, written.as_ref().map(|port| &port.origin), |found| {
        address::parse_port(found.text.trim())
            .map_err(|_| found.invalid("the port must be a number from 1 to 65535, such as 3306"))
    })?;
    let port = agreed("port", written, set, u16::to_string)?;
    Ok(Some((host, Some(port.unwrap_or(Sourced::by_default(PORT, DEFAULT_PORT))))))
}

/// Parses a server. A URL or a connection string is not shown, because it may contain a password.
fn server(found: &Found<'_>) -> Result<Server, SettingsError> {
    if found.text.contains(['@', '=', '?', ';']) && !found.text.trim().starts_with('/') {
        return Err(SettingsError::Invalid {
            origin: found.origin.clone(),
            value: "not shown, because it may contain a password".to_owned(),
            problem: format!("only the host belongs here; set {USER} and {PASSWORD} for the rest"),
        });
    }
    server_in_variable(found.text).map_err(|problem| found.invalid(problem))
}

fn host_text(host: &ServerHost) -> String {
    match host {
        ServerHost::Name(host) => quoted(host),
        ServerHost::Socket(path) => quoted_path(path),
    }
}

/// Returns the user name or the name of the database.
fn text(
    url: Option<Sourced<String>>,
    sources: &Sources,
    name: &'static str,
    (part, max): (&'static str, usize),
) -> Result<Option<Sourced<String>>, SettingsError> {
    let set = variable(sources, name, url.as_ref().map(|url| &url.origin), |found| {
        let text = found.text.trim();
        match text.chars().count() {
            _ if text.contains(char::is_control) => Err(found.invalid("it contains a control character; remove it")),
            chars if chars > max => {
                Err(found.invalid(format!("it has {chars} characters, but at most {max} are allowed; shorten it")))
            }
            _ => Ok(text.to_owned()),
        }
    })?;
    agreed(part, url, set, |text| quoted(text))
}

type Password = (Option<Sourced<SecretString>>, Option<Sourced<PathBuf>>);

/// Returns the password and the password file that contains it.
fn password(sources: &Sources, current_dir: &Path, notices: &mut Vec<String>) -> Result<Password, SettingsError> {
    let (text, file) = (sources.find(PASSWORD), sources.find(PASSWORD_FILE));
    if let (Some(text), Some(file)) = (&text, &file)
        && text.origin.layer.is_level_with(&file.origin.layer)
    {
        return Err(SettingsError::PasswordTwice {
            password: text.origin.clone(),
            file: Box::new(file.origin.clone()),
        });
    }
    let overrides = |text: &Found<'_>| file.as_ref().is_none_or(|file| text.origin.layer.is_above(&file.origin.layer));
    if let Some(Found { text, origin }) = text.filter(overrides) {
        if text.contains(char::is_control) {
            return Err(hidden(&origin, "it contains a control character, such as a line end; set the password alone"));
        }
        return Ok((Some(Sourced { value: text.to_owned().into(), origin }), None));
    }
    let Some(Found { text, origin }) = file else { return Ok((None, None)) };
    // A text that is not a path may be the password itself.
    if let Some(problem) = paths::problem_of(text) {
        return Err(hidden(&origin, problem));
    }
    let path = paths::base(&origin, current_dir).join(text);
    let password = read_password(&path, &origin, notices)?;
    Ok((Some(Sourced { value: password, origin: origin.clone() }), Some(Sourced { value: path, origin })))
}

/// Returns the error for a value that must not be shown.
fn hidden(origin: &Origin, problem: impl Into<String>) -> SettingsError {
    let value = "not shown, because it may be a secret".to_owned();
    SettingsError::Invalid { origin: origin.clone(), value, problem: problem.into() }
}

/// Reads the password file, without the line end after the password. Adds a notice if other users can read the file.
fn read_password(path: &Path, origin: &Origin, notices: &mut Vec<String>) -> Result<SecretString, SettingsError> {
    let unreadable = |error| SettingsError::FileUnreadable {
        origin: origin.clone(),
        path: "a file (not shown, as the value may be the password itself)".to_owned(),
        error,
    };
    let (file, bytes) = read_file(path, MAX_PASSWORD_BYTES).map_err(unreadable)?;
    if let Some(advice) = exposed(&file, path).map_err(unreadable)? {
        notices.push(format!(
            "Other users can read or change the password file {} ({origin}); {advice}.",
            quoted_path(path)
        ));
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| hidden(origin, "the file is not UTF-8; save it as UTF-8"))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text).trim_end_matches(['\r', '\n']);
    if text.is_empty() {
        return Err(hidden(
            origin,
            format!("the file is empty; write the password into it, or unset {} for none", origin.name),
        ));
    }
    if text.contains(char::is_control) {
        return Err(hidden(
            origin,
            "the file has several lines or a control character; write only the password into it",
        ));
    }
    Ok(text.into())
}

/// Reads a regular file as a whole.
fn read_file(path: &Path, max_bytes: u64) -> io::Result<(File, Zeroizing<Vec<u8>>)> {
    let mut file = open_regular(path, OpenOptions::new().read(true))?;
    let mut bytes = Zeroizing::new(Vec::new());
    (&mut file).take(max_bytes + 1).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length <= max_bytes) {
        Ok((file, bytes))
    } else {
        Err(io::Error::other(format!("it has more than {max_bytes} bytes")))
    }
}

/// Decides about TLS. Returns the file of root certificates if it is used.
fn tls(
    host: &Sourced<ServerHost>,
    sources: &Sources,
    current_dir: &Path,
    notices: &mut Vec<String>,
) -> Result<(Sourced<bool>, Option<Sourced<PathBuf>>), SettingsError> {
    let explicit = Choice::without_flag(&[TLS]).named(sources, values::boolean)?;
    let asked = sources.find(CA);
    let unused = |reason: &str| asked.as_ref().map(|ca| format!("{} had no effect: {reason}.", ca.origin));
    let name = match (&host.value, explicit) {
        (ServerHost::Socket(_), Some(Sourced { value: true, origin })) => {
            return Err(SettingsError::TlsOnSocket { tls: origin, host: Box::new(host.origin.clone()) });
        }
        (ServerHost::Socket(_), explicit) => {
            notices.extend(unused("a Unix socket needs no TLS"));
            return Ok((explicit.unwrap_or(Sourced::by_default(TLS, false)), None));
        }
        (ServerHost::Name(name), Some(denied @ Sourced { value: false, .. })) => {
            if let Some(ca) = asked.as_ref().filter(|ca| !denied.origin.layer.is_above(&ca.origin.layer)) {
                return Err(SettingsError::TlsDenied { denied: denied.origin, asked: Box::new(ca.origin.clone()) });
            }
            notices.extend(unused(&format!("{} is false", denied.origin)));
            if !address::is_loopback(name) {
                notices.push(format!(
                    "The connection to the MySQL server {name} is not encrypted: {} is false.",
                    denied.origin
                ));
            }
            return Ok((denied, None));
        }
        (ServerHost::Name(_), Some(wanted)) => {
            return Ok((wanted, asked.map(|ca| root_certificates(&ca, current_dir)).transpose()?));
        }
        (ServerHost::Name(name), None) => name,
    };
    let ca = asked.map(|ca| root_certificates(&ca, current_dir)).transpose()?;
    let by_default = || Sourced::by_default(TLS, !address::is_loopback(name));
    let tls = ca.as_ref().map_or_else(by_default, |ca| Sourced { value: true, origin: ca.origin.clone() });
    Ok((tls, ca))
}

/// Returns the path of the file of root certificates, and checks that it contains some.
fn root_certificates(found: &Found<'_>, current_dir: &Path) -> Result<Sourced<PathBuf>, SettingsError> {
    if is_content(found.text) {
        return Err(hidden(
            &found.origin,
            "it is the text of a certificate; write it to a file, and set the path of that file",
        ));
    }
    if let Some(problem) = paths::problem_of(found.text) {
        return Err(found.invalid(problem));
    }
    let path = paths::base(&found.origin, current_dir).join(found.text);
    let unreadable =
        |error| SettingsError::FileUnreadable { origin: found.origin.clone(), path: quoted_path(&path), error };
    let (_, bytes) = read_file(&path, MAX_CA_BYTES).map_err(unreadable)?;
    let mut certificates = CertificateDer::pem_slice_iter(&bytes).peekable();
    if certificates.peek().is_none() || certificates.any(|certificate| certificate.is_err()) {
        return Err(found.invalid(
            "the file is not a PEM file of certificates, with a line -----BEGIN CERTIFICATE----- before each; convert it, for \
             example with: openssl x509 -inform der -in FILE -out FILE.pem",
        ));
    }
    Ok(Sourced { value: path, origin: found.origin.clone() })
}
