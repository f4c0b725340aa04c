//! The settings in force, each with where it came from: what `idempotence config` shows, and what the rest of the
//! program gets as [`Settings`] without the origins. Carries no secret.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::SecretString;

use super::address::Target;
use super::encryption::Encryption;
use super::error::{Layer, Origin, SettingsError};
use super::metadata::{self, Metadata};
use super::proxy::{self, ProxyChoice};
use super::security::Security;
use super::sources::{Found, Sources};
use super::{
    DEFAULT_CHECK_INTERVAL, DEFAULT_CONNECT_TIMEOUT, DEFAULT_NAMESPACE, DEFAULT_TASK_QUEUE, Database, Flags, LogLevel,
    Settings, look, names, notices, paths, profile, shown::without_effect, values,
};
use crate::app::{Look, Theme};
use crate::temporal::PROFILE_FILE;

/// The settings file's name in this program's folder for settings.
const SETTINGS_FILE: &str = "settings.toml";

/// A value, and where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sourced<T> {
    /// The value, valid.
    pub value: T,
    /// What set it.
    pub origin: Origin,
}

impl<T> Sourced<T> {
    pub(super) const fn by_default(name: &'static str, value: T) -> Self {
        Self { value, origin: Origin { name, layer: Layer::Default } }
    }

    pub(super) fn map<U>(self, change: impl FnOnce(T) -> U) -> Sourced<U> {
        Sourced { value: change(self.value), origin: self.origin }
    }
}

/// A file that is a layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerFile {
    /// Where it is, or would be.
    pub path: PathBuf,
    /// Whether it is there.
    pub present: bool,
}

/// All settings with their origins. The fields mean what they mean in [`Settings`].
#[derive(Debug, Clone)]
pub struct Effective {
    pub(super) address: Sourced<Target>,
    pub(super) security: Security,
    pub(super) metadata: Metadata,
    pub(super) proxy: ProxyChoice,
    pub(super) connect_timeout: Sourced<Duration>,
    pub(super) profile: Sourced<String>,
    pub(super) encryption: Encryption,
    pub(super) codec_token: Option<Sourced<SecretString>>,
    pub(super) metrics: Option<Sourced<SocketAddr>>,
    pub(super) namespace: Sourced<String>,
    pub(super) task_queue: Sourced<String>,
    pub(super) database: Sourced<PathBuf>,
    pub(super) temporal_cli: Sourced<Option<PathBuf>>,
    pub(super) log_level: Sourced<LogLevel>,
    pub(super) check_interval: Sourced<Duration>,
    pub(super) web_ui: Option<Sourced<String>>,
    pub(super) theme: Sourced<Theme>,
    pub(super) ascii: Sourced<bool>,
    pub(super) still: Sourced<bool>,
    pub(super) plain: Sourced<bool>,
    pub(super) state_dir: Sourced<PathBuf>,
    pub(super) cache_dir: Sourced<PathBuf>,
    /// What is understood and set, but has no effect; secrets replaced.
    pub(super) without_effect: Vec<(&'static str, Sourced<String>)>,
    /// See [`Settings::notices`].
    pub notices: Vec<String>,
    /// The `.env` file.
    pub dot_env: LayerFile,
    /// The settings file; `None` where there is no folder for it.
    pub settings_file: Option<LayerFile>,
    /// Temporal's own file of profiles; `None` where there is no folder for it.
    pub profile_file: Option<LayerFile>,
    /// See [`Settings::child_flags`].
    pub(super) connection_flags: [Vec<OsString>; 2],
}

impl Effective {
    /// Reads and validates the settings.
    ///
    /// `environment` is usually [`std::env::vars_os`]. The file `dot_env` may be absent. Relative paths, its own
    /// included, are taken from `current_dir`, which should be absolute; those in the settings file, from its folder.
    ///
    /// # Errors
    ///
    /// The first mistake found; see [`SettingsError`]. Every one is for the user to mend: a retry does not help.
    pub fn load(
        flags: &Flags,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
        dot_env: &Path,
        current_dir: &Path,
    ) -> Result<Self, SettingsError> {
        let environment: Vec<_> = environment.into_iter().collect();
        let folders = paths::Folders::of(&environment)?;
        let settings_file = folders.config.as_ref().map(|folder| folder.join(SETTINGS_FILE));
        let mut sources = Sources::read(&environment, current_dir.join(dot_env), settings_file)?;
        let usual = folders.temporal.map(|folder| folder.join(PROFILE_FILE));
        let mut profile = profile::read(flags, &sources, current_dir, usual)?;
        profile.keep_to_its_server(&sources, flags)?;
        let profile_name = profile.name();
        sources.unknown.append(&mut profile.unknown);
        sources.put_below(profile.values);
        let address = Choice::new(flags.address.as_deref(), "--address", &names::SERVER);
        let address = address.of(&sources, values::address, Target::default)?;
        let security = Security::resolve(flags, &sources, current_dir, &address)?;
        let encryption = Encryption::resolve(flags, &sources, current_dir, folders.config.as_deref())?;
        // Other programs encrypt there, so whoever chose this profile believes that this one does.
        if let Some(found) = sources.find("TEMPORAL_CODEC_ENDPOINT").filter(|_| !encryption.on.value) {
            return Err(SettingsError::RemoteCodec { origin: found.origin });
        }
        let codec_token = Choice::without_flag(&["IDEMPOTENCE_CODEC_TOKEN"]);
        let codec_token = codec_token.named(&sources, values::token)?;
        let namespace = Choice::new(flags.namespace.as_deref(), "--namespace", &["TEMPORAL_NAMESPACE"]);
        let task_queue = Choice::new(flags.task_queue.as_deref(), "--task-queue", &names::QUEUE);
        let database = paths::database(flags.database.as_deref(), &sources, current_dir, &folders.state.value)?;
        let metadata = metadata::collect(&environment, &profile.metadata);
        let proxy = proxy::choose(&environment, &address.value.address);
        let mut notices = notices::collect(&sources, &security, &encryption, &address.value, &database.value);
        notices.extend(metadata.notices.iter().cloned().chain(proxy.notice.clone()));
        let seconds =
            |names: &[&'static str], default| Choice::without_flag(names).of(&sources, values::seconds, default);
        let still = Choice::new(flags.still.as_deref(), "--still", &["IDEMPOTENCE_STILL"]);
        Ok(Self {
            namespace: namespace.of(&sources, values::label, || DEFAULT_NAMESPACE.to_owned())?,
            task_queue: task_queue.of(&sources, values::label, || DEFAULT_TASK_QUEUE.to_owned())?,
            connect_timeout: seconds(&["IDEMPOTENCE_CONNECT_TIMEOUT"], || DEFAULT_CONNECT_TIMEOUT)?,
            check_interval: seconds(&["CHECK_TRANSFER_TASKQUEUE_TIMER"], || DEFAULT_CHECK_INTERVAL)?,
            codec_token: codec_token.map(|token| token.map(SecretString::from)),
            metrics: Choice::without_flag(&["IDEMPOTENCE_METRICS"]).named(&sources, values::metrics)?,
            log_level: Choice::without_flag(&["LOG_LEVEL"]).of(&sources, values::log_level, LogLevel::default)?,
            temporal_cli: paths::temporal_cli(flags.temporal_cli.as_deref(), &sources, current_dir)?,
            web_ui: Choice::without_flag(&["TEMPORAL_UI_URL"]).named(&sources, values::web_ui)?,
            theme: look::theme(flags, &sources, &environment)?,
            ascii: look::ascii(flags, &sources, &environment)?,
            plain: look::plain(flags, &sources, &environment)?,
            still: still.of(&sources, values::boolean, bool::default)?,
            state_dir: folders.state,
            cache_dir: folders.cache,
            without_effect: without_effect(&sources),
            notices,
            metadata,
            proxy,
            dot_env: sources.dot_env.clone(),
            settings_file: sources.settings_file.clone(),
            profile_file: profile.file,
            profile: profile_name,
            connection_flags: flags.of_connection(),
            address,
            security,
            encryption,
            database,
        })
    }
}

impl Effective {
    /// The file in which keys are kept, and the id of the one that is to encrypt.
    #[must_use]
    pub fn key_file(&self) -> (Option<&Path>, Option<&str>) {
        let Encryption { key_file, key_id, .. } = &self.encryption;
        (key_file.as_ref().map(|file| file.value.as_path()), key_id.as_ref().map(|id| id.value.as_str()))
    }
}

impl TryFrom<Effective> for Settings {
    type Error = SettingsError;

    /// Fails only where the keys of payload encryption are not at hand.
    fn try_from(effective: Effective) -> Result<Self, SettingsError> {
        Ok(Self {
            codec: effective.encryption.codec()?,
            transport: effective.security.transport(),
            plaintext_is_set: effective.security.plaintext_is_set(),
            api_key: effective.security.api_key.map(|key| key.value),
            metadata: effective.metadata.entries.into_iter().collect(),
            proxy: effective.proxy.proxy.map(|proxy| proxy.value),
            connect_timeout: effective.connect_timeout.value,
            codec_token: effective.codec_token.map(|token| token.value),
            metrics: effective.metrics.map(|metrics| metrics.value),
            connection_flags: effective.connection_flags,
            address: effective.address.value.address,
            namespace: effective.namespace.value,
            task_queue: effective.task_queue.value,
            database: Database {
                explicit: effective.database.origin.layer != Layer::Default,
                path: effective.database.value,
            },
            check_interval: effective.check_interval.value,
            log_level: effective.log_level.value,
            temporal_cli: effective.temporal_cli.value,
            plain: effective.plain.value,
            web_ui: effective.web_ui.map(|web_ui| web_ui.value),
            probe_width: !effective.ascii.value && !look::is_chosen(&effective.ascii),
            look: Look { theme: effective.theme.value, ascii: effective.ascii.value, still: effective.still.value },
            state_dir: effective.state_dir.value,
            cache_dir: effective.cache_dir.value,
            notices: effective.notices,
        })
    }
}

/// Where a value may come from: a flag, else one of the names that are aliases of each other.
pub(super) struct Choice<'a> {
    flag: Option<Found<'a>>,
    names: &'a [&'static str],
}

impl<'a> Choice<'a> {
    pub(super) fn new(flag: Option<&'a str>, flag_name: &'static str, names: &'a [&'static str]) -> Self {
        let origin = Origin { name: flag_name, layer: Layer::Flag };
        Self { flag: flag.map(|text| Found { text, origin }), names }
    }

    pub(super) const fn without_flag(names: &'a [&'static str]) -> Self {
        Self { flag: None, names }
    }

    /// The last of the names.
    pub(super) fn last_name(&self) -> &'static str {
        self.names.last().copied().unwrap_or_default()
    }

    /// The value, where anybody gives one.
    pub(super) fn named<T: PartialEq>(
        self,
        sources: &Sources,
        parse: impl Fn(&Found<'_>) -> Result<T, SettingsError>,
    ) -> Result<Option<Sourced<T>>, SettingsError> {
        match self.flag {
            Some(found) => Ok(Some(Sourced { value: parse(&found)?, origin: found.origin })),
            None => sources.agreed(self.names, parse),
        }
    }

    /// The value, or the default.
    pub(super) fn of<T: PartialEq>(
        self,
        sources: &Sources,
        parse: fn(&Found<'_>) -> Result<T, SettingsError>,
        default: fn() -> T,
    ) -> Result<Sourced<T>, SettingsError> {
        let first = self.names.first().copied().unwrap_or_default();
        Ok(self.named(sources, parse)?.unwrap_or_else(|| Sourced::by_default(first, default())))
    }
}
