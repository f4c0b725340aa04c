//! Mistakes in the settings. Each message says what is wrong, where it was set and what to do.
//!
//! No variant contains the text of a secret: an API key, a password, a private key, or an invalid line of a `.env`
//! file.

use std::io;
use std::path::PathBuf;

use super::sourced::{Layer, Origin};
use crate::{
    encryption::{KeyFileError, KeyListError, KeyRingError},
    source_text::SourceError,
};

/// The reason why the settings cannot be used. Every variant is a mistake in the settings (exit code 2), so a retry
/// does not help.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// A value that is not text.
    #[error("{origin} is not valid UTF-8; set it again as plain text")]
    NotUtf8 {
        /// The origin of the value.
        origin: Origin,
    },
    /// The `.env` or the settings file exists but cannot be read.
    #[error("{file:?} cannot be read: {error}; make it a readable file or remove it")]
    LayerUnreadable {
        /// The file.
        file: PathBuf,
        /// The error of the operating system.
        error: io::Error,
    },
    /// A line of the `.env` file that is not `NAME=value`. Never contains the line itself, which may be a secret.
    #[error("{file:?}, line {line}: {problem}")]
    BadLine {
        /// The file.
        file: PathBuf,
        /// Line, from 1.
        line: usize,
        /// What is wrong and what to write instead.
        problem: &'static str,
    },
    /// A mistake in the settings file. Never contains a value, which may be a secret.
    #[error(transparent)]
    BadEntry(#[from] SourceError),
    /// One name with two values in one `.env` file. Never contains the values.
    #[error("{file:?} sets {name} to different values on lines {first} and {second}; keep one of them")]
    SetTwice {
        /// The file.
        file: PathBuf,
        /// The name.
        name: &'static str,
        /// First line, from 1.
        first: usize,
        /// Second line, from 1.
        second: usize,
    },
    /// Two names of one setting with different values in the same layer.
    #[error(
        "{first} is {first_value} but {second} is {second_value}, both {layer}, and they are names of the same setting; \
         keep one of them"
    )]
    Conflict {
        /// The preferred name.
        first: &'static str,
        /// Its value, quoted.
        first_value: String,
        /// The other name.
        second: &'static str,
        /// Its value, quoted.
        second_value: String,
        /// The layer in which both are set.
        layer: Box<Layer>,
    },
    /// A value that its setting does not accept.
    #[error("{origin} is {value}: {problem}")]
    Invalid {
        /// The origin of the value.
        origin: Origin,
        /// The value, quoted and truncated, or a note that it is not shown.
        value: String,
        /// What is wrong and what to write instead.
        problem: String,
    },
    /// The database's path is a folder.
    #[error("{origin} is {path:?}, which is a folder; name a file in it, such as {:?}", path.join("inventory.json"))]
    DatabaseIsFolder {
        /// The origin of the value.
        origin: Origin,
        /// The folder.
        path: PathBuf,
    },
    /// The database belongs to another program: a URL, a connection string or a file. Never contains the value, which
    /// may include a password.
    #[error(
        "{origin} is a URL or a connection string (not shown, as it may contain a password) or a file of another program, \
         but the database is a JSON file or in MySQL; name a file with --database FILE, or mysql: with the MYSQL_* variables, \
         or unset {} for this program", origin.name
    )]
    DatabaseOfAnotherProgram {
        /// The origin of the value.
        origin: Origin,
    },
    /// A URL of MySQL that cannot be used. Never contains the URL, which may include a password.
    #[error("{origin} is a MySQL URL (not shown, as it may contain a password): {problem}")]
    MySqlUrl {
        /// The origin of the URL.
        origin: Origin,
        /// What is wrong and what to write instead.
        problem: MySqlUrlError,
    },
    /// MySQL is selected, but a part of its address is not set.
    #[error("{database} selects MySQL, but {name} is not set; set it, or write {part} in mysql://USER@HOST:PORT/NAME")]
    MySqlPartMissing {
        /// The setting that selects MySQL.
        database: Origin,
        /// The name of the variable.
        name: &'static str,
        /// The part of the URL.
        part: &'static str,
    },
    /// Two settings of one layer give different values for a part of the address of MySQL.
    #[error(
        "the {part} is {first_value} in {first} but {second_value} in {second}, both {layer}; remove one of them, or make \
         them equal"
    )]
    MySqlConflict {
        /// The part, such as `host`.
        part: &'static str,
        /// The first setting.
        first: &'static str,
        /// Its value, quoted if it is text.
        first_value: String,
        /// The other setting.
        second: &'static str,
        /// Its value.
        second_value: String,
        /// The layer in which both are set.
        layer: Box<Layer>,
    },
    /// A password and a password file in the same layer.
    #[error("{password} and {file} are both set; keep one of them")]
    PasswordTwice {
        /// The setting of the password.
        password: Origin,
        /// The setting of the file.
        file: Box<Origin>,
    },
    /// TLS is requested for a Unix socket.
    #[error(
        "{tls} is true, but {host} names a Unix socket, which has no TLS and does not leave this machine; unset {}, or set \
         MYSQL_HOST to a host", tls.name
    )]
    TlsOnSocket {
        /// The setting that requests TLS.
        tls: Origin,
        /// The setting that names the socket.
        host: Box<Origin>,
    },
    /// A certificate without its key, or a key without its certificate.
    #[error("{present} is set but {missing} is not, and mutual TLS needs both; set {missing} too, or unset {}", present.name)]
    HalfKeyPair {
        /// The half that is set.
        present: Origin,
        /// The name of the other half.
        missing: &'static str,
    },
    /// A certificate or key file that cannot be read.
    #[error(
        "{origin} names {path}, which cannot be read: {error}; correct the path or its permissions, or unset {}", origin.name
    )]
    FileUnreadable {
        /// The origin of the value.
        origin: Origin,
        /// The path, quoted, or a note that it is not shown.
        path: String,
        /// The error of the operating system.
        error: io::Error,
    },
    /// The text of a certificate or key instead of the path of its file. Never contains the text.
    #[error("{origin} is the text itself instead of the path of a file; name the file, or set {data} instead")]
    TextInsteadOfPath {
        /// The origin of the value.
        origin: Origin,
        /// The name that takes the text.
        data: &'static str,
    },
    /// One setting turns TLS off, and another one needs it.
    #[error("{denied} is false, which turns TLS off, but {asked} needs TLS; remove one of them")]
    TlsDenied {
        /// The setting that turns it off.
        denied: Origin,
        /// The setting that needs it.
        asked: Box<Origin>,
    },
    /// The API key would be sent to an unverified server.
    #[error(
        "{skip} is true, so any server could receive the API key of {api_key}; set {} to false, or remove the key",
        skip.name
    )]
    SkipVerifyWithApiKey {
        /// The setting that turns verification off.
        skip: Origin,
        /// The API key.
        api_key: Box<Origin>,
    },
    /// No setting decides about TLS for a connection to another machine.
    #[error(
        "{address} is not on this machine, and without TLS anyone on the network can read and alter traffic; set \
         TEMPORAL_TLS=true for TLS, or TEMPORAL_TLS=false to connect without TLS anyway"
    )]
    PlaintextToRemote {
        /// The server.
        address: String,
    },
    /// A profile is named, but there is no folder for the file of profiles.
    #[error("{origin} names a profile, but there is no folder for Temporal's temporal.toml; set TEMPORAL_CONFIG_FILE")]
    NoProfileFile {
        /// The setting that names it.
        origin: Origin,
    },
    /// The named profile is not in the file.
    #[error(
        "{origin} is {profile:?}, but {file:?} {}, or create it with: \
         temporal config set --profile {profile:?} --prop address --value HOST:PORT",
        missing_profile(known.as_deref())
    )]
    NoProfile {
        /// The setting that names it.
        origin: Box<Origin>,
        /// The name.
        profile: String,
        /// The file of profiles.
        file: PathBuf,
        /// The profiles that the file has; `None` if the file does not exist.
        known: Option<String>,
    },
    /// A variable or a profile names a codec server, but payloads would be sent unencrypted.
    #[error(
        "{origin} names a codec server, which this program does not use, so the server could read what it sends; set \
         ENCRYPT_PAYLOAD=true and add the keys of the codec server, or unset it ({})",
        unset_codec(origin)
    )]
    RemoteCodec {
        /// The origin of the name.
        origin: Origin,
    },
    /// A mistake in the file of profiles. Never contains a value, which may be a secret.
    #[error("{file:?}, {problem}; correct it, or name another file with TEMPORAL_CONFIG_FILE")]
    BadProfiles {
        /// The file of profiles.
        file: PathBuf,
        /// What is wrong, and where.
        problem: String,
    },
    /// Payload encryption is on, but no key is named.
    #[error(
        "payload encryption needs a key, and none is selected; create one with: idempotence keys add NAME, and set \
         DATACONVERTER_ENCRYPTION_KEY_ID to its name"
    )]
    NoKeyId,
    /// The key that encrypts is missing.
    #[error("{origin}: {cause}. To create it: {add}")]
    NoKey {
        /// The setting that names it.
        origin: Origin,
        /// The reason why it is missing.
        cause: Box<KeyRingError>,
        /// The command that creates it.
        add: String,
    },
    /// A mistake in the list of keys.
    #[error("{origin}: {cause}")]
    BadKeys {
        /// The origin of the list.
        origin: Origin,
        /// What is wrong; never contains a key.
        cause: KeyListError,
    },
    /// The same id in the list of keys and in the key file.
    #[error("{origin} has a key '{id}', and the key file has one too; remove one of them")]
    KeyTwice {
        /// The origin of the list.
        origin: Origin,
        /// The id.
        id: String,
    },
    /// The key file cannot be used.
    #[error(transparent)]
    KeyFile(#[from] KeyFileError),
}

/// The reason why a URL of MySQL cannot be used. Each message says what to write instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MySqlUrlError {
    /// `mysql://user:password@host`.
    #[error(
        "a password in it would appear in lists of processes; remove it from the URL, and set MYSQL_PASSWORD or \
         MYSQL_PASSWORD_FILE"
    )]
    Password,
    /// `mariadb://host`.
    #[error("mysql: is the scheme for MariaDB too; write mysql: instead of mariadb:")]
    MariaDb,
    /// `mysql:host=db;dbname=shop`.
    #[error("it is not in this form; write mysql://USER@HOST:PORT/NAME, or only mysql: to use the MYSQL_* variables")]
    Form,
    /// `mysql://@host`.
    #[error("the user name before the @ is empty; write it, or leave out the @ to use MYSQL_USER")]
    NoUser,
    /// A host that cannot be one.
    #[error(
        "the host must be a name, an IP address (IPv6 in brackets), or the path of a Unix socket in parentheses; write \
         mysql://USER@HOST:PORT/NAME"
    )]
    Host,
    /// A port that is not a number from 1 to 65535.
    #[error("the port must be a number from 1 to 65535; write mysql://USER@HOST:PORT/NAME")]
    Port,
    /// `mysql://host/shop/orders`.
    #[error("only the name of the database may follow the server; write %2F for a slash in the name")]
    Path,
    /// `mysql://host/shop?ssl-mode=REQUIRED`.
    #[error("options after ? or # are not supported; remove them, and set MYSQL_TLS and MYSQL_CA for TLS")]
    Options,
    /// `%zz`, or bytes that are not UTF-8.
    #[error("a % must begin the escape of a character in UTF-8; write %25 for the % itself")]
    Escape,
    /// A control character, also an escaped one.
    #[error("it contains a control character; remove it")]
    Control,
    /// A name that is too long.
    #[error("the {part} has {chars} characters, but at most {max} are allowed; shorten it")]
    TooLong {
        /// The part of the URL.
        part: &'static str,
        /// Its length.
        chars: usize,
        /// Maximum length.
        max: usize,
    },
}

impl SettingsError {
    /// Returns the origin of the value that is not valid, if the mistake is in a single value.
    pub(super) const fn origin(&self) -> Option<&Origin> {
        match self {
            Self::NotUtf8 { origin }
            | Self::Invalid { origin, .. }
            | Self::DatabaseIsFolder { origin, .. }
            | Self::DatabaseOfAnotherProgram { origin }
            | Self::MySqlUrl { origin, .. }
            | Self::FileUnreadable { origin, .. }
            | Self::TextInsteadOfPath { origin, .. } => Some(origin),
            _ => None,
        }
    }
}

/// Returns how to unset the codec server.
fn unset_codec(origin: &Origin) -> String {
    match &origin.layer {
        Layer::Profile { .. } => "choose another profile with TEMPORAL_PROFILE".to_owned(),
        _ => format!("env -u {}", origin.name),
    }
}

/// Returns what is missing in the file of profiles, and what to do. `known` are the profiles in it.
fn missing_profile(known: Option<&str>) -> String {
    match known {
        None => "does not exist; name the file in TEMPORAL_CONFIG_FILE, unset the profile".to_owned(),
        Some("") => "has no profiles; name another file in TEMPORAL_CONFIG_FILE".to_owned(),
        Some(known) => format!("has no such profile (it has: {known}); name one of them"),
    }
}
