//! The settings, read once and validated: flags over environment over a `.env` file over the settings
//! file over a profile of Temporal's own over defaults.
//!
//! Nothing here changes the environment, writes a file or opens a connection, and no message or `Debug` output carries
//! a secret. The rest of the program takes [`Settings`] and never reads a variable itself.
//!
//! Two names for the same thing must agree within a layer; a higher layer overrides a lower one as a whole; an empty
//! variable is unset. What is understood but impossible in this version is an error where ignoring it would weaken
//! protection, and a notice otherwise.

mod address;
mod choice;
mod dot_env;
mod effective;
mod encryption;
mod error;
mod folders;
mod foreign;
mod layer;
mod layer_files;
mod load;
mod look;
mod metadata;
mod names;
mod needs;
mod notices;
mod paths;
mod profile;
mod proxy;
mod security;
mod settings_file;
mod shown;
mod sourced;
mod sources;
#[cfg(test)]
mod tests;
mod values;

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use address::{Address, AddressError, DEFAULT_PORT};
pub use effective::Effective;
pub use encryption::KeyIds;
pub use error::SettingsError;
pub use folders::{private, temporary};
pub use layer_files::LayerFile;
pub use names::{NAMES, Name, secrets};
pub use needs::Area;
pub use paths::Database;
pub use shown::Shown;
pub use sourced::{Layer, Origin, Sourced};

use secrecy::SecretString;
use tracing::Level;

use crate::{
    app::Appearance,
    listen::ListenAddress,
    temporal::{Codec, Proxy, Transport},
};

/// The namespace where nobody names one.
pub const DEFAULT_NAMESPACE: &str = "default";
/// The task queue where nobody names one.
pub const DEFAULT_TASK_QUEUE: &str = "inventory-task-queue";
/// The check interval where nobody names one.
pub const DEFAULT_CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// How long a server may take to answer where nobody says.
pub const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Everything that can be set from outside, valid.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The Temporal server.
    pub address: Address,
    /// Whether the connection is one with TLS, and by which certificates.
    pub transport: Transport,
    /// Sent with every call.
    pub api_key: Option<SecretString>,
    /// gRPC metadata that is sent with every call, by its names.
    pub metadata: Vec<(String, SecretString)>,
    /// The HTTP proxy that the server is reached through; `None` on this machine.
    pub proxy: Option<Proxy>,
    /// The notice about a proxy that is named and not used.
    pub unused_proxy: Option<String>,
    /// How long a server may take to answer: 1 second to a day.
    pub connect_timeout: Duration,
    /// Encrypts what Temporal stores; `None`: it is stored as it is.
    pub codec: Option<Codec>,
    /// What callers of the codec server must know.
    pub codec_token: Option<SecretString>,
    /// Where a worker's Prometheus page is.
    pub metrics: Option<ListenAddress>,
    /// The namespace: not empty, at most 1000 bytes, no control characters.
    pub namespace: String,
    /// The task queue, with the limits of the namespace.
    pub task_queue: String,
    /// Where the stock is kept.
    pub database: Database,
    /// The time between looks at a database that cannot be watched: 1 second to a day.
    pub check_interval: Duration,
    /// The least severe level that is logged.
    pub log_level: Level,
    /// The Temporal program to run as the embedded server: an absolute path, or a bare name to look up in `PATH`.
    pub temporal_cli: Option<PathBuf>,
    /// One line per event instead of a screen.
    pub plain: bool,
    /// The address of Temporal's Web UI; `None`: the dev server's, or Temporal Cloud's.
    pub web_ui: Option<String>,
    /// How the screen is to look at first.
    pub look: Appearance,
    /// No setting says whether to use ASCII, and the locale allows more: the terminal is asked.
    pub probe_width: bool,
    /// This program's folder for state, not yet made.
    pub state_dir: PathBuf,
    /// This program's folder for what can be fetched again, not yet made.
    pub cache_dir: PathBuf,
    /// A folder for state and cache in a folder for temporary files, when there is no usable home folder. Make it with
    /// [`private`] before anything is written to it.
    pub private_folder: Option<PathBuf>,
    /// Sentences for the log and standard error: what is dangerous, or was understood but has no effect.
    pub notices: Vec<String>,
    /// See [`Settings::child_flags`].
    connection_flags: [Vec<OsString>; 2],
    /// A layer below the flags says that there is no TLS, so a child reads it there, with what is beside it.
    plaintext_is_set: bool,
}

/// What the command line says; every field overrides all other layers. An empty flag is an error, not unset.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Flags {
    /// `--address`
    pub address: Option<String>,
    /// `--namespace`
    pub namespace: Option<String>,
    /// `--profile`
    pub profile: Option<String>,
    /// `--tls`: a boolean
    pub tls: Option<String>,
    /// `--tls-cert`
    pub tls_cert: Option<PathBuf>,
    /// `--tls-key`
    pub tls_key: Option<PathBuf>,
    /// `--server-root-ca-cert`
    pub server_root_ca_cert: Option<PathBuf>,
    /// `--server-name`
    pub server_name: Option<String>,
    /// `--insecure-skip-verify`: a boolean
    pub insecure_skip_verify: Option<String>,
    /// `--encrypt-payload`: a boolean
    pub encrypt_payload: Option<String>,
    /// `--task-queue`
    pub task_queue: Option<String>,
    /// `--database`
    pub database: Option<PathBuf>,
    /// `--temporal-cli`
    pub temporal_cli: Option<PathBuf>,
    /// `--theme`
    pub theme: Option<String>,
    /// `--ascii`: a boolean
    pub ascii: Option<String>,
    /// `--still`: a boolean
    pub still: Option<String>,
    /// `--plain`: a boolean
    pub plain: Option<String>,
    /// `--no-env-file`
    pub no_env_file: bool,
}

impl Flags {
    /// Those that say how to connect beyond where, as they were written: in general, and with TLS.
    fn of_connection(&self) -> [Vec<OsString>; 2] {
        let texts = [("--server-name=", &self.server_name), ("--insecure-skip-verify=", &self.insecure_skip_verify)];
        let paths = [
            ("--tls-cert=", &self.tls_cert),
            ("--tls-key=", &self.tls_key),
            ("--server-root-ca-cert=", &self.server_root_ca_cert),
        ];
        let texts = texts.into_iter().filter_map(|(flag, text)| Some((flag, OsString::from(text.as_ref()?))));
        let paths = paths.into_iter().filter_map(|(flag, path)| Some((flag, path.as_ref()?.clone().into_os_string())));
        let general = self.profile.iter().map(|profile| OsString::from(format!("--profile={profile}")));
        let general = general.chain(self.no_env_file.then(|| OsString::from("--no-env-file")));
        [general.collect(), texts.chain(paths).map(|(flag, value)| joined(flag, &value)).collect()]
    }
}

fn joined(flag: &str, value: &OsStr) -> OsString {
    let mut argument = OsString::from(flag);
    argument.push(value);
    argument
}

impl Settings {
    /// The settings without their origins; see [`Effective::load`].
    ///
    /// # Errors
    ///
    /// Those of [`Effective::load`], and the keys of payload encryption are not at hand.
    pub fn load(
        flags: &Flags,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
        dot_env: &Path,
        current_dir: &Path,
    ) -> Result<Self, SettingsError> {
        Effective::load(flags, environment, dot_env, current_dir)?.try_into()
    }

    /// The private folder, if `path` is in it: it must be made before `path` is used.
    #[must_use]
    pub fn private_folder_around(&self, path: &Path) -> Option<&Path> {
        self.private_folder.as_deref().filter(|folder| path.starts_with(folder))
    }

    /// The flags that a child of this process needs to connect as this one does, beyond where. What the environment and the
    /// files say, it reads itself; what that came to here is said once more, as a flag for the address overrides what was
    /// written beside it there.
    #[must_use]
    pub fn child_flags(&self) -> Vec<OsString> {
        let [general, of_tls] = &self.connection_flags;
        let encrypt = OsString::from(format!("--encrypt-payload={}", self.codec.is_some()));
        let tls = match &self.transport {
            // A flag would override the API key that is beside the refusal.
            Transport::Plaintext if self.plaintext_is_set => Vec::new(),
            Transport::Plaintext => vec![OsString::from("--tls=false")],
            Transport::Tls(_) => [vec![OsString::from("--tls=true")], of_tls.clone()].concat(),
        };
        [general.clone(), vec![encrypt], tls].concat()
    }
}
