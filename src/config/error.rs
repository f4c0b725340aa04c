//! What can be wrong with the settings. Each message says what, where it was set and what to do.
//!
//! No variant carries the text of a secret (API key, password, private key, a broken line of a `.env` file).

use std::io;
use std::path::PathBuf;

use super::sourced::{Layer, Origin};
use crate::{
    encryption::{KeyFileError, KeyListError, KeyRingError},
    source_text::SourceError,
};

/// Why the settings cannot be used. Every variant is a mistake in the settings (exit code 2), never worth a retry.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// A value that is not text.
    #[error("{origin} is not valid UTF-8; set it again as plain text")]
    NotUtf8 {
        /// Which value.
        origin: Origin,
    },
    /// The `.env` or the settings file is there but cannot be read.
    #[error("{file:?} cannot be read: {error}; make it a readable file or remove it")]
    LayerUnreadable {
        /// The file.
        file: PathBuf,
        /// What the operating system said.
        error: io::Error,
    },
    /// A line of the `.env` file that is no `NAME=value`. Never holds the line itself, which may be a secret.
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
    /// One name with two values in one `.env` file. Never holds the values.
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
    /// Two names for one thing, with different values, in the same layer.
    #[error(
        "{first} is {first_value} but {second} is {second_value}, both {layer}, \
         and they name the same thing; keep one of them"
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
        /// Where both are set.
        layer: Box<Layer>,
    },
    /// A value outside what its setting takes.
    #[error("{origin} is {value}: {problem}")]
    Invalid {
        /// Which value.
        origin: Origin,
        /// The value, quoted and cut short, or a note that it is not shown.
        value: String,
        /// What is wrong and what to write instead.
        problem: String,
    },
    /// The database's path is a folder.
    #[error("{origin} is {path:?}, which is a folder; name a file in it, such as {:?}", path.join("inventory.json"))]
    DatabaseIsFolder {
        /// Which value.
        origin: Origin,
        /// The folder.
        path: PathBuf,
    },
    /// The database is another program's: a URL, a connection string or a file. Never holds it: it may have a password.
    #[error(
        "{origin} is a URL or a connection string (not shown, as it may hold a password) or a file of another program, and \
         the database here is a JSON file; give its path with --database FILE, or unset {} for this program", origin.name
    )]
    DatabaseOfAnotherProgram {
        /// Which value.
        origin: Origin,
    },
    /// A certificate without its key, or a key without its certificate.
    #[error("{present} is set but {missing} is not, and mutual TLS needs both; \
         set {missing} too, or remove {}", present.name)]
    HalfKeyPair {
        /// The half that is set.
        present: Origin,
        /// The name of the other half.
        missing: &'static str,
    },
    /// A certificate or key file that cannot be read.
    #[error("{origin} names {path}, which cannot be read: {error}; \
         correct the path or its permissions, or remove {}", origin.name)]
    FileUnreadable {
        /// Which value.
        origin: Origin,
        /// The path, quoted, or a note that it is not shown.
        path: String,
        /// What the operating system said.
        error: io::Error,
    },
    /// The text of a certificate or key where the path of its file belongs. Never holds the text.
    #[error("{origin} holds the text itself where the path of its file belongs; name the file, or set {data} instead")]
    TextInsteadOfPath {
        /// Which value.
        origin: Origin,
        /// The name that takes the text.
        data: &'static str,
    },
    /// One setting denies TLS and another needs it.
    #[error("{denied} is false, which means no TLS, but {asked} needs TLS; remove one of them")]
    TlsDenied {
        /// What denies it.
        denied: Origin,
        /// What needs it.
        asked: Box<Origin>,
    },
    /// The API key would go to whoever answers.
    #[error(
        "{skip} is true, so whoever answers would get the API key of {api_key}; set {} to false, or remove the key",
        skip.name
    )]
    SkipVerifyWithApiKey {
        /// What switches verification off.
        skip: Origin,
        /// The key.
        api_key: Box<Origin>,
    },
    /// A connection over a network that nobody has said may be open.
    #[error(
        "{address} is not this machine, and without TLS everybody on the way can read and change what is said; \
         set TEMPORAL_TLS=true for TLS, or TEMPORAL_TLS=false to go without it all the same"
    )]
    PlaintextToRemote {
        /// The server.
        address: String,
    },
    /// A profile is named, and there is no file of profiles.
    #[error("{origin} names a profile, but there is no folder for Temporal's temporal.toml; set TEMPORAL_CONFIG_FILE")]
    NoProfileFile {
        /// What names it.
        origin: Origin,
    },
    /// A profile is named that is not in the file.
    #[error(
        "{origin} is {profile:?}, and {file:?} {}, or make it with: \
         temporal config set --profile {profile:?} --prop address --value HOST:PORT",
        missing_profile(known.as_deref())
    )]
    NoProfile {
        /// What names it.
        origin: Box<Origin>,
        /// The name.
        profile: String,
        /// The file of profiles.
        file: PathBuf,
        /// The profiles that the file has; `None` if the file does not exist.
        known: Option<String>,
    },
    /// A variable or a profile names a codec server, and payloads would go in the clear.
    #[error(
        "{origin} names a codec server, which this program does not ask, so what it sends would be readable; set \
         ENCRYPT_PAYLOAD=true and give it the keys of that server, or unset it ({})",
        unset_codec(origin)
    )]
    RemoteCodec {
        /// Where it stands.
        origin: Origin,
    },
    /// The file of profiles is none. Never holds a value, which may be a secret.
    #[error("{file:?}, {problem}; mend it, or name another file with TEMPORAL_CONFIG_FILE")]
    BadProfiles {
        /// The file of profiles.
        file: PathBuf,
        /// What is wrong, and where.
        problem: String,
    },
    /// Payload encryption without the name of a key.
    #[error(
        "payload encryption needs a key, and nobody says which; set DATACONVERTER_ENCRYPTION_KEY_ID to a name for it, and \
         make it with: idempotence keys add NAME"
    )]
    NoKeyId,
    /// The key that is to encrypt is not at hand.
    #[error("{origin}: {cause}. To make it: {add}")]
    NoKey {
        /// What names it.
        origin: Origin,
        /// Why there is none.
        cause: Box<KeyRingError>,
        /// The command.
        add: String,
    },
    /// A list of keys that is none.
    #[error("{origin}: {cause}")]
    BadKeys {
        /// Where it stands.
        origin: Origin,
        /// What is wrong; never a key.
        cause: KeyListError,
    },
    /// One id in the list of keys and in their file.
    #[error("{origin} has a key '{id}', and the key file has one too; remove one of them")]
    KeyTwice {
        /// Where the list stands.
        origin: Origin,
        /// The id.
        id: String,
    },
    /// The file of keys cannot be used.
    #[error(transparent)]
    KeyFile(#[from] KeyFileError),
}

impl SettingsError {
    /// The one value that is not valid, if it is about one.
    pub(super) const fn origin(&self) -> Option<&Origin> {
        match self {
            Self::NotUtf8 { origin }
            | Self::Invalid { origin, .. }
            | Self::DatabaseIsFolder { origin, .. }
            | Self::DatabaseOfAnotherProgram { origin }
            | Self::FileUnreadable { origin, .. }
            | Self::TextInsteadOfPath { origin, .. } => Some(origin),
            _ => None,
        }
    }
}

/// How to do without a codec server.
fn unset_codec(origin: &Origin) -> String {
    match &origin.layer {
        Layer::Profile { .. } => "another profile is named by TEMPORAL_PROFILE".to_owned(),
        _ => format!("env -u {}", origin.name),
    }
}

/// What a file of profiles lacks, and what to do.
fn missing_profile(known: Option<&str>) -> String {
    match known {
        None => "does not exist; name the file in TEMPORAL_CONFIG_FILE, unset the profile".to_owned(),
        Some("") => "has no profiles; name another file in TEMPORAL_CONFIG_FILE".to_owned(),
        Some(known) => format!("has no such profile (it has: {known}); name one of them"),
    }
}
