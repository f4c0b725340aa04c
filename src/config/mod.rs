//! The settings, read once and validated. The layers, the highest first: flags, the environment, a `.env` file, the
//! settings file, a profile in Temporal's own file, defaults.
//!
//! | file | role |
//! | --- | --- |
//! | `load` | loads the layers, one step each, then every setting |
//! | `sources`, `layer`, `layer_files` | the layers, and which of them decides |
//! | `dot_env`, `settings_file`, `profile` | one layer each |
//! | `choice`, `values`, `names` | the sources of one setting, its value, its names |
//! | `address`, `security`, `encryption`, `proxy`, `metadata`, `paths`, `folders`, `appearance` | groups of settings |
//! | `database`, `mysql`, `mysql_url` | the database: a file, or MySQL |
//! | `foreign` | variables of other programs |
//! | `effective`, `shown`, `sourced` | all settings with their origins, and how `config` shows them |
//! | `needs`, `notices`, `error` | the settings that a command needs; notices and mistakes about them |
//!
//! This module does not change the environment, write files or open connections, and messages and `Debug` output never
//! contain a secret. The rest of the program uses [`Settings`] and never reads a variable itself.
//!
//! Two names of the same setting must agree within a layer. A higher layer overrides a lower one as a whole. An empty
//! variable counts as unset. A setting that this version does not support is an error if ignoring it would weaken
//! protection, and a notice otherwise.

mod address;
mod appearance;
mod choice;
mod database;
mod dot_env;
mod effective;
mod encryption;
mod error;
mod folders;
mod foreign;
mod layer;
mod layer_files;
mod load;
mod metadata;
mod mysql;
mod mysql_url;
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
pub use database::Database;
pub use effective::Effective;
pub use encryption::KeyIds;
pub use error::{MySqlUrlError, SettingsError};
pub use folders::{private, temporary};
pub use layer_files::LayerFile;
pub use names::{NAMES, Name, area_of_flag, secrets};
pub use needs::Area;
pub use shown::Shown;
pub use sourced::{Layer, Origin, Sourced};

use secrecy::SecretString;
use tracing::Level;

use crate::{
    app::Appearance,
    domain::KeyPolicy,
    listen::ListenAddress,
    supplier::SupplierUrl,
    temporal::{Codec, Proxy, Transport},
};

/// The default namespace.
pub const DEFAULT_NAMESPACE: &str = "default";
/// The default task queue.
pub const DEFAULT_TASK_QUEUE: &str = "inventory-task-queue";
/// The default time between checks of a database that cannot be watched.
pub const DEFAULT_CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// The default of [`Settings::compact_after`].
pub const DEFAULT_COMPACT_AFTER: u64 = 64;

/// The default time to wait for the server's answer.
pub const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// All settings, valid.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The Temporal server.
    pub address: Address,
    /// The transport of the connection: whether it uses TLS, and its certificates.
    pub transport: Transport,
    /// The API key that is sent with every call.
    pub api_key: Option<SecretString>,
    /// The names and values of gRPC metadata that is sent with every call.
    pub metadata: Vec<(String, SecretString)>,
    /// The HTTP proxy of the connection; always `None` for a server on this machine.
    pub proxy: Option<Proxy>,
    /// The notice about a proxy that is named but not used.
    pub unused_proxy: Option<String>,
    /// The time to wait for the server's answer: 1 second to a day.
    pub connect_timeout: Duration,
    /// Codec that encrypts what Temporal stores; `None` if payloads are stored in plain text.
    pub codec: Option<Codec>,
    /// The token that callers of the codec server must send.
    pub codec_token: Option<SecretString>,
    /// The address of a worker's Prometheus endpoint.
    pub metrics: Option<ListenAddress>,
    /// The namespace: not empty, at most 1000 bytes, no control characters.
    pub namespace: String,
    /// The task queue, with the limits of the namespace.
    pub task_queue: String,
    /// The database of the stock.
    pub database: Database,
    /// The time between checks of a database that cannot be watched: 1 second to a day.
    pub check_interval: Duration,
    /// Megabytes of attempts after which a worker compacts the journal: at most a million, and 0 for never.
    pub compact_after: u64,
    /// The supplier that ships orders; `None` if supplier orders are credited at once.
    pub supplier: Option<SupplierUrl>,
    /// How the supplier recognises a repeated order.
    pub supplier_key: KeyPolicy,
    /// The least severe level that is logged.
    pub log_level: Level,
    /// The Temporal program to run as the embedded server: an absolute path, or a bare name to look up in `PATH`.
    pub temporal_cli: Option<PathBuf>,
    /// Whether to print one line per event instead of a screen.
    pub plain: bool,
    /// The address of Temporal's Web UI; `None` means the dev server's or Temporal Cloud's.
    pub web_ui: Option<String>,
    /// The initial appearance of the screen.
    pub appearance: Appearance,
    /// Whether to ask the terminal if it needs ASCII, because no setting decides and the locale allows more.
    pub probe_width: bool,
    /// This program's folder for state, not yet created.
    pub state_dir: PathBuf,
    /// This program's folder for files that can be downloaded again, not yet created.
    pub cache_dir: PathBuf,
    /// The temporary folder for state and cache, if there is no usable home folder. Create it with [`private`] before
    /// writing to it.
    pub private_folder: Option<PathBuf>,
    /// Sentences for the log and standard error about settings that are dangerous or have no effect.
    pub notices: Vec<String>,
    /// See [`Settings::child_flags`].
    connection_flags: [Vec<OsString>; 2],
    /// Whether a layer below the flags turns TLS off. A child reads that layer itself.
    plaintext_is_set: bool,
}

/// The flags of the command line, which override all layers. An empty flag is an error and does not count as unset.
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
    /// `--supplier`
    pub supplier: Option<String>,
    /// `--supplier-key`
    pub supplier_key: Option<String>,
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
    /// Returns the flags of the connection except its address, as they were written: the general ones, and those for
    /// TLS.
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
    /// Loads the settings without their origins; see [`Effective::load`].
    ///
    /// # Errors
    /// Returns the first mistake in a setting, and fails if a payload-encryption key is missing.
    pub fn load(
        flags: &Flags,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
        dot_env: &Path,
        current_dir: &Path,
    ) -> Result<Self, SettingsError> {
        Effective::load(flags, environment, dot_env, current_dir)?.try_into()
    }

    /// Returns the private folder if `path` is in it. The folder must be created before `path` is used.
    #[must_use]
    pub fn private_folder_around(&self, path: &Path) -> Option<&Path> {
        self.private_folder.as_deref().filter(|folder| path.starts_with(folder))
    }

    /// Returns the flags that a child process needs to connect as this one does, except the address. It reads the
    /// environment and the files itself. TLS and encryption are repeated as flags, because the child's flag for the
    /// address overrides what depends on the address in the files.
    #[must_use]
    pub fn child_flags(&self) -> Vec<OsString> {
        self.child_flags_with(self.supplier.as_ref().map(|url| (url, self.supplier_key)))
    }

    /// As [`Self::child_flags`], with another supplier and key policy, or without a supplier.
    #[must_use]
    pub fn child_flags_with(&self, supplier: Option<(&SupplierUrl, KeyPolicy)>) -> Vec<OsString> {
        let [general, of_tls] = &self.connection_flags;
        let encrypt = OsString::from(format!("--encrypt-payload={}", self.codec.is_some()));
        let tls = match &self.transport {
            // A flag would override the API key of the layer that turns TLS off.
            Transport::Plaintext if self.plaintext_is_set => Vec::new(),
            Transport::Plaintext => vec![OsString::from("--tls=false")],
            Transport::Tls(_) => [vec![OsString::from("--tls=true")], of_tls.clone()].concat(),
        };
        let supplier = match supplier {
            Some((url, policy)) => {
                vec![format!("--supplier={url}").into(), format!("--supplier-key={policy}").into()]
            }
            // The child would otherwise use a lower layer's supplier.
            None => vec![OsString::from("--supplier=none")],
        };
        [general.clone(), vec![encrypt], tls, supplier].concat()
    }
}
