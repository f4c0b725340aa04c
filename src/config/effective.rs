//! All settings with their origins, for `idempotence config`. [`Settings`] are the same without the origins, for the
//! rest of the program.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::SecretString;
use tracing::Level;

use super::address::Target;
use super::database::{Database, DatabaseChoice};
use super::encryption::{Encryption, KeyIds};
use super::error::SettingsError;
use super::layer_files::LayerFile;
use super::metadata::Metadata;
use super::needs::{Area, Problems};
use super::notices::Notices;
use super::proxy::ProxyChoice;
use super::security::Security;
use super::sourced::{Layer, Sourced};
use super::{Settings, appearance};
use crate::app::{Appearance, Theme};
use crate::domain::KeyPolicy;
use crate::listen::ListenAddress;
use crate::supplier::SupplierUrl;

/// The settings of the screen.
#[derive(Debug)]
pub(super) struct Screen {
    pub(super) web_ui: Option<Sourced<String>>,
    pub(super) theme: Sourced<Theme>,
    pub(super) ascii: Sourced<bool>,
    pub(super) still: Sourced<bool>,
    pub(super) plain: Sourced<bool>,
}

/// All settings with their origins. The fields mean the same as in [`Settings`].
#[derive(Debug)]
pub struct Effective {
    pub(super) address: Sourced<Target>,
    pub(super) security: Security,
    pub(super) metadata: Metadata,
    pub(super) proxy: ProxyChoice,
    pub(super) connect_timeout: Sourced<Duration>,
    pub(super) profile: Sourced<String>,
    pub(super) encryption: Encryption,
    pub(super) codec_token: Option<Sourced<SecretString>>,
    pub(super) metrics: Option<Sourced<ListenAddress>>,
    pub(super) namespace: Sourced<String>,
    pub(super) task_queue: Sourced<String>,
    pub(super) database: DatabaseChoice,
    pub(super) temporal_cli: Sourced<Option<PathBuf>>,
    pub(super) log_level: Sourced<Level>,
    pub(super) check_interval: Sourced<Duration>,
    pub(super) compact_after: Sourced<u64>,
    pub(super) supplier: Sourced<Option<SupplierUrl>>,
    pub(super) supplier_key: Sourced<KeyPolicy>,
    pub(super) screen: Screen,
    pub(super) state_dir: Sourced<PathBuf>,
    pub(super) cache_dir: Sourced<PathBuf>,
    /// See [`Settings::private_folder`].
    pub(super) private_folder: Option<PathBuf>,
    /// Settings that are set but have no effect; `None` replaces a value that may be a secret.
    pub(super) without_effect: Vec<(&'static str, Sourced<Option<String>>)>,
    /// See [`Settings::notices`].
    pub(super) notices: Notices,
    /// The `.env` file.
    pub dot_env: LayerFile,
    /// The settings file; `None` if there is no folder for it.
    pub settings_file: Option<LayerFile>,
    /// Temporal's own file of profiles; `None` if there is no folder for it.
    pub profile_file: Option<LayerFile>,
    /// See [`Settings::child_flags`].
    pub(super) connection_flags: [Vec<OsString>; 2],
    pub(super) problems: Problems,
}

impl Effective {
    /// Returns the key file, and the id of the key that encrypts.
    #[must_use]
    pub fn key_file(&self) -> (Option<&Path>, Option<&str>) {
        let Encryption { key_file, key_id, .. } = &self.encryption;
        (key_file.as_ref().map(|file| file.value.as_path()), key_id.as_ref().map(|id| id.value.as_str()))
    }

    /// Returns the ids of the available keys, even if payload encryption is off.
    ///
    /// # Errors
    /// Fails if the key file or the list of keys cannot be used, or if both contain a key with the same id.
    pub fn key_ids(&self) -> Result<KeyIds, SettingsError> {
        self.encryption.key_ids()
    }

    /// Returns the notices about all settings; see [`Settings::notices`].
    #[must_use]
    pub fn notices(&self) -> Vec<String> {
        self.notices.about(Area::ALL)
    }

    /// Returns the mistakes in the settings, in the order in which they were found.
    pub fn problems(&self) -> impl Iterator<Item = &SettingsError> {
        self.problems.iter()
    }

    /// Returns these settings if there is no mistake in the parts `needed`.
    ///
    /// # Errors
    /// Returns the first mistake in one of these parts.
    pub fn valid_for(mut self, needed: &[Area]) -> Result<Self, SettingsError> {
        std::mem::take(&mut self.problems).first_of(needed).map_or(Ok(self), Err)
    }

    /// Returns the settings for a command that needs these parts. A setting from another part may be its default.
    ///
    /// # Errors
    /// Returns the first mistake in one of these parts, and fails if a payload-encryption key is missing.
    pub fn settings(self, needed: &[Area]) -> Result<Settings, SettingsError> {
        self.valid_for(needed)?.into_settings(needed)
    }

    fn into_settings(self, needed: &[Area]) -> Result<Settings, SettingsError> {
        let encrypts = needed.contains(&Area::Encryption);
        Ok(Settings {
            codec: if encrypts { self.encryption.codec()? } else { None },
            transport: self.security.transport(),
            plaintext_is_set: self.security.plaintext_is_set(),
            metadata: self.metadata.entries.into_iter().collect(),
            unused_proxy: self.proxy.notice,
            proxy: self.proxy.proxy.map(|proxy| proxy.value),
            api_key: self.security.api_key.map(|key| key.value),
            connect_timeout: self.connect_timeout.value,
            codec_token: self.codec_token.map(|token| token.value),
            metrics: self.metrics.map(|metrics| metrics.value),
            connection_flags: self.connection_flags,
            address: self.address.value.address,
            namespace: self.namespace.value,
            task_queue: self.task_queue.value,
            database: Database {
                explicit: self.database.location.origin.layer != Layer::Default,
                location: self.database.location.value,
            },
            check_interval: self.check_interval.value,
            compact_after: self.compact_after.value,
            supplier: self.supplier.value,
            supplier_key: self.supplier_key.value,
            log_level: self.log_level.value,
            plain: self.screen.plain.value,
            web_ui: self.screen.web_ui.map(|url| url.value),
            temporal_cli: self.temporal_cli.value,
            probe_width: !self.screen.ascii.value && !appearance::is_chosen(&self.screen.ascii),
            appearance: Appearance {
                theme: self.screen.theme.value,
                ascii: self.screen.ascii.value,
                still: self.screen.still.value,
            },
            state_dir: self.state_dir.value,
            cache_dir: self.cache_dir.value,
            private_folder: self.private_folder,
            notices: self.notices.about(needed),
        })
    }
}

impl TryFrom<Effective> for Settings {
    type Error = SettingsError;

    /// Returns the settings for a command that needs all parts.
    fn try_from(effective: Effective) -> Result<Self, SettingsError> {
        effective.settings(Area::ALL)
    }
}
