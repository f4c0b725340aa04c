//! The settings in force, each with where it came from: what `idempotence config` shows, and what the rest of the
//! program gets as [`Settings`] without the origins. Carries no secret.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::SecretString;

use super::address::Target;
pub(super) use super::choice::Choice;
use super::encryption::{Encryption, KeyIds};
use super::error::{Layer, Origin, SettingsError};
use super::folders::Folders;
use super::metadata::{self, Metadata};
use super::needs::{Area, Problems};
use super::notices::Notices;
use super::proxy::{self, ProxyChoice};
use super::reader::{OrByDefault, Reader};
use super::security::Security;
use super::sources::{Found, Sources};
use super::{
    DEFAULT_CHECK_INTERVAL, DEFAULT_CONNECT_TIMEOUT, DEFAULT_TASK_QUEUE, Database, Flags, LogLevel, Settings, look,
    names, notices, paths, profile, shown::without_effect, values,
};
use crate::app::Theme;
use crate::listen::ListenAddress;
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
    /// Whether it is there, and was read.
    pub present: bool,
    /// Why it was not read.
    pub ignored: Option<String>,
}

/// What is shown, and how.
#[derive(Debug)]
pub(super) struct Screen {
    pub(super) web_ui: Option<Sourced<String>>,
    pub(super) theme: Sourced<Theme>,
    pub(super) ascii: Sourced<bool>,
    pub(super) still: Sourced<bool>,
    pub(super) plain: Sourced<bool>,
}

/// All settings with their origins. The fields mean what they mean in [`Settings`].
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
    pub(super) database: Sourced<PathBuf>,
    pub(super) temporal_cli: Sourced<Option<PathBuf>>,
    pub(super) log_level: Sourced<LogLevel>,
    pub(super) check_interval: Sourced<Duration>,
    pub(super) screen: Screen,
    pub(super) state_dir: Sourced<PathBuf>,
    pub(super) cache_dir: Sourced<PathBuf>,
    /// See [`Settings::private_folder`].
    pub(super) private_folder: Option<PathBuf>,
    /// What is understood and set, but has no effect; secrets replaced.
    pub(super) without_effect: Vec<(&'static str, Sourced<String>)>,
    /// See [`Settings::notices`].
    pub(super) notices: Notices,
    /// The `.env` file.
    pub dot_env: LayerFile,
    /// The settings file; `None` where there is no folder for it.
    pub settings_file: Option<LayerFile>,
    /// Temporal's own file of profiles; `None` where there is no folder for it.
    pub profile_file: Option<LayerFile>,
    /// See [`Settings::child_flags`].
    pub(super) connection_flags: [Vec<OsString>; 2],
    pub(super) problems: Problems,
}

impl Effective {
    /// As [`Self::read`], for a use that needs every setting.
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
        Self::read(flags, environment, dot_env, current_dir).valid_for(Area::ALL)
    }

    /// Reads and validates the settings. A mistake is kept for whatever needs the setting; see [`Self::problems`].
    ///
    /// `environment` is usually [`std::env::vars_os`]. The file `dot_env` may be absent. Relative paths, its own
    /// included, are taken from `current_dir`, which should be absolute; those in the settings file, from its folder.
    #[must_use]
    pub fn read(
        flags: &Flags,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
        dot_env: &Path,
        current_dir: &Path,
    ) -> Self {
        let environment: Vec<_> = environment.into_iter().collect();
        let mut problems = Problems::default();
        let folders = Folders::of(&environment);
        let settings_file = folders.config.as_ref().map(|folder| folder.join(SETTINGS_FILE));
        let dot_env = wanted_dot_env(flags, &environment, current_dir.join(dot_env), &mut problems);
        let mut sources = Sources::read(&environment, dot_env, settings_file, &mut problems);
        let usual = folders.temporal.as_ref().map(|folder| folder.join(PROFILE_FILE));
        let mut profile = problems.or_default(Area::Connection, profile::read(flags, &mut sources, current_dir, usual));
        // Its only mistake is one in the address, which is found again below.
        let _found_below = profile.keep_to_its_server(&sources, flags);
        sources.unknown.append(&mut profile.unknown);
        sources.put_below(std::mem::take(&mut profile.values));
        let mut effective = Self::of(flags, &environment, &sources, current_dir, folders, problems);
        effective.profile = profile.name();
        // Other programs encrypt there, so whoever chose this profile believes that this one does.
        let endpoint = sources.find("TEMPORAL_CODEC_ENDPOINT").filter(|found| !found.text.eq_ignore_ascii_case("none"));
        if let Some(found) = endpoint.filter(|_| !effective.encryption.on.value) {
            effective.problems.add(Area::Encryption, SettingsError::RemoteCodec { origin: found.origin });
        }
        effective.metadata = metadata::collect(&environment, &profile.metadata);
        effective.notices.extend(Area::Connection, effective.metadata.notices.iter().cloned());
        effective.profile_file = profile.file;
        effective
    }

    fn of(
        flags: &Flags,
        environment: &[(OsString, OsString)],
        sources: &Sources,
        current_dir: &Path,
        folders: Folders,
        problems: Problems,
    ) -> Self {
        use Area::{CodecServer, Connection, Database, Program, TaskQueue, Worker};

        let mut read = Reader { sources, problems };
        let address =
            read.flagged(Connection, (flags.address.as_deref(), "--address"), &names::SERVER, values::address);
        let address = address.or_by_default(names::SERVER[0], Target::default);
        let security = Security::resolve(flags, sources, current_dir, &address);
        let security = read.problems.or_else(Connection, security, Security::off);
        let encryption = Encryption::resolve(flags, sources, current_dir, folders.config.as_deref());
        let encryption = read.problems.or_else(Area::Encryption, encryption, Encryption::off);
        let usual_database = || paths::default_database(current_dir, &folders.state.value);
        let database = paths::database(flags.database.as_deref(), sources, current_dir, &usual_database);
        let by_default = || Sourced::by_default("DATABASE", usual_database());
        let database = read.problems.or_else(Database, database, by_default);
        let temporal_cli = paths::temporal_cli(flags.temporal_cli.as_deref(), sources, current_dir);
        let temporal_cli = read.problems.or_else(Program, temporal_cli, || Sourced::by_default("TEMPORAL_CLI", None));
        let (log_level, log_level_notice) = values::log_level(sources);
        let proxy = proxy::choose(environment, &address.value.address);
        let mut notices = Notices::default();
        notices.extend(Connection, security.notices(&address.value));
        notices.append(notices::collect(sources, &encryption, &database.value));
        notices.extend(Connection, proxy.notice.clone());
        notices.extend(Area::Files, log_level_notice);
        notices.append(notice_about_state(&folders, &address.value, &database.value));
        Self {
            namespace: read.namespace(flags),
            task_queue: read
                .flagged(TaskQueue, (flags.task_queue.as_deref(), "--task-queue"), &names::QUEUE, values::label)
                .or_by_default(names::QUEUE[0], || DEFAULT_TASK_QUEUE.to_owned()),
            connect_timeout: read.seconds(Connection, "IDEMPOTENCE_CONNECT_TIMEOUT", DEFAULT_CONNECT_TIMEOUT),
            check_interval: read.seconds(Worker, "CHECK_TRANSFER_TASKQUEUE_TIMER", DEFAULT_CHECK_INTERVAL),
            codec_token: read
                .unflagged(CodecServer, "IDEMPOTENCE_CODEC_TOKEN", values::token)
                .map(|token| token.map(SecretString::from)),
            metrics: read.unflagged(Worker, "IDEMPOTENCE_METRICS", values::metrics),
            screen: read.screen(flags, environment),
            temporal_cli,
            log_level,
            state_dir: folders.state,
            cache_dir: folders.cache,
            private_folder: folders.private,
            without_effect: without_effect(sources),
            metadata: Metadata::default(),
            proxy,
            notices,
            dot_env: sources.dot_env.clone(),
            settings_file: sources.settings_file.clone(),
            profile_file: None,
            profile: Sourced::by_default("TEMPORAL_PROFILE", String::new()),
            connection_flags: flags.of_connection(),
            address,
            security,
            encryption,
            database,
            problems: read.problems,
        }
    }
}

/// That state does not last, where it must: the stock, and the database of a server that is started here. A log need not.
fn notice_about_state(folders: &Folders, target: &Target, database: &Path) -> Notices {
    let stock_there = database.starts_with(&folders.state.value).then_some(Area::Database);
    let server_there = target.address.is_loopback().then_some(Area::Program);
    let mut notices = Notices::default();
    if let Some(notice) = folders.notice.clone() {
        notices.add_about(stock_there.into_iter().chain(server_there).collect(), notice);
    }
    notices
}

/// The `.env` file's path, unless it is not to be read.
fn wanted_dot_env(
    flags: &Flags,
    environment: &[(OsString, OsString)],
    path: PathBuf,
    problems: &mut Problems,
) -> Result<PathBuf, LayerFile> {
    let ignored = |path, reason: &str| LayerFile { path, present: false, ignored: Some(reason.to_owned()) };
    if flags.no_env_file {
        return Err(ignored(path, "--no-env-file"));
    }
    // Only the environment can say so: the file itself is read too late.
    let variable = environment.iter().find(|(name, _)| name.as_os_str() == names::NO_ENV_FILE);
    let Some(text) = variable.and_then(|(_, value)| value.to_str()).filter(|text| !text.trim().is_empty()) else {
        return Ok(path);
    };
    let origin = Origin { name: names::NO_ENV_FILE, layer: Layer::Environment };
    let refused = problems.or_default(Area::Files, values::boolean(&Found { text, origin }));
    if refused { Err(ignored(path, names::NO_ENV_FILE)) } else { Ok(path) }
}

impl Effective {
    /// The file in which keys are kept, and the id of the one that is to encrypt.
    #[must_use]
    pub fn key_file(&self) -> (Option<&Path>, Option<&str>) {
        let Encryption { key_file, key_id, .. } = &self.encryption;
        (key_file.as_ref().map(|file| file.value.as_path()), key_id.as_ref().map(|id| id.value.as_str()))
    }

    /// The ids of the keys that are at hand, whether payload encryption is on or not.
    ///
    /// # Errors
    ///
    /// The key file or the list of keys cannot be used, or both have a key with the same id.
    pub fn key_ids(&self) -> Result<KeyIds, SettingsError> {
        self.encryption.key_ids()
    }
}

impl Effective {
    /// Every notice, whatever the settings are used for; see [`Settings::notices`].
    #[must_use]
    pub fn notices(&self) -> Vec<String> {
        self.notices.about(Area::ALL)
    }

    /// The mistakes in the settings, in the order in which they were found.
    pub fn problems(&self) -> impl Iterator<Item = &SettingsError> {
        self.problems.iter()
    }

    /// The same, if the parts `needed` have no mistake.
    ///
    /// # Errors
    ///
    /// The first mistake in one of these parts.
    pub fn valid_for(mut self, needed: &[Area]) -> Result<Self, SettingsError> {
        std::mem::take(&mut self.problems).first_of(needed).map_or(Ok(self), Err)
    }

    /// The settings for a use that needs these parts of them; for the others, defaults may stand.
    ///
    /// # Errors
    ///
    /// The first mistake in one of these parts, or the keys of payload encryption are not at hand.
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
            database: Database { explicit: self.database.origin.layer != Layer::Default, path: self.database.value },
            check_interval: self.check_interval.value,
            log_level: self.log_level.value,
            plain: self.screen.plain.value,
            web_ui: self.screen.web_ui.map(|url| url.value),
            temporal_cli: self.temporal_cli.value,
            probe_width: !self.screen.ascii.value && !look::is_chosen(&self.screen.ascii),
            look: super::Look {
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

    /// The settings for a use that needs all of them.
    fn try_from(effective: Effective) -> Result<Self, SettingsError> {
        effective.settings(Area::ALL)
    }
}
