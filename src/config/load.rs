//! Loads the settings: first the layers, one step each, and then every setting from them.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::SecretString;

use super::address::Target;
use super::choice::Choice;
use super::database::{self, DatabaseChoice};
use super::effective::{Effective, Screen};
use super::encryption::Encryption;
use super::error::SettingsError;
use super::folders::Folders;
use super::layer::Found;
use super::layer_files::LayerFile;
use super::metadata;
use super::needs::{Area, Problems};
use super::notices::Notices;
use super::profile::{self, ProfileLayer};
use super::proxy;
use super::security::Security;
use super::sourced::{Layer, Origin, Sourced};
use super::sources::Sources;
use super::{
    DEFAULT_CHECK_INTERVAL, DEFAULT_COMPACT_AFTER, DEFAULT_CONNECT_TIMEOUT, DEFAULT_NAMESPACE, DEFAULT_TASK_QUEUE,
    Flags, appearance, names, paths, values,
};
use crate::app::Theme;
use crate::domain::KeyPolicy;
use crate::error_text::quoted_path;
use crate::store::Location;
use crate::supplier::SupplierUrl;
use crate::temporal::PROFILE_FILE;

/// The name of the settings file in this program's folder for settings.
const SETTINGS_FILE: &str = "settings.toml";

impl Effective {
    /// Loads the settings for a command that needs all of them; see [`Self::read`].
    ///
    /// # Errors
    /// Returns the first mistake in a setting. The user must correct it; a retry does not help.
    pub fn load(
        flags: &Flags,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
        dot_env: &Path,
        current_dir: &Path,
    ) -> Result<Self, SettingsError> {
        Self::read(flags, environment, dot_env, current_dir).valid_for(Area::ALL)
    }

    /// Reads and validates the settings. A mistake is kept for the commands that need the setting; see
    /// [`Self::problems`].
    ///
    /// `environment` is usually [`std::env::vars_os`]. The file `dot_env` may be absent. Relative paths, `dot_env`
    /// included, start at `current_dir`, which should be absolute; those in the settings file start at its folder.
    #[must_use]
    pub fn read(
        flags: &Flags,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
        dot_env: &Path,
        current_dir: &Path,
    ) -> Self {
        let environment: Vec<_> = environment.into_iter().collect();
        let folders = Folders::of(&environment);
        let mut sources = Sources::default();
        sources.add_environment(&environment);
        let dot_env = add_dot_env(&mut sources, flags, &environment, current_dir.join(dot_env));
        let settings_file = folders.config.as_ref().map(|folder| sources.add_settings_file(folder.join(SETTINGS_FILE)));
        let usual = folders.temporal.as_ref().map(|folder| folder.join(PROFILE_FILE));
        let profile = profile::add(&mut sources, flags, current_dir, usual);
        let given = paths::given(flags.database.as_deref(), "--database", &sources, "DATABASE");
        if database::selects_mysql(given.as_ref()).is_some() {
            sources.use_mysql();
        }
        let problems = std::mem::take(&mut sources.problems);
        let reader = Reader { flags, environment: &environment, current_dir, sources: &sources, problems };
        reader.read(folders, given, (dot_env, settings_file), profile)
    }
}

/// Adds the `.env` file's layer, unless a flag or the environment excludes it.
fn add_dot_env(sources: &mut Sources, flags: &Flags, environment: &[(OsString, OsString)], path: PathBuf) -> LayerFile {
    let ignored = |path, reason: &str| LayerFile { path, present: false, ignored: Some(reason.to_owned()) };
    if flags.no_env_file {
        return ignored(path, "--no-env-file");
    }
    // The environment alone can exclude the file: the file's own value is read too late.
    let variable = environment.iter().find(|(name, _)| name.as_os_str() == names::NO_ENV_FILE);
    if let Some(text) = variable.and_then(|(_, value)| value.to_str()).filter(|text| !text.trim().is_empty()) {
        let origin = Origin { name: names::NO_ENV_FILE, layer: Layer::Environment };
        if sources.problems.or_default(Area::Files, values::boolean(&Found { text, origin })) {
            return ignored(path, names::NO_ENV_FILE);
        }
    }
    sources.add_dot_env(path)
}

/// Reads single settings from the layers, and keeps the mistakes in them.
struct Reader<'a> {
    flags: &'a Flags,
    environment: &'a [(OsString, OsString)],
    current_dir: &'a Path,
    sources: &'a Sources,
    problems: Problems,
}

impl Reader<'_> {
    fn read(
        mut self,
        folders: Folders,
        database: Option<Sourced<PathBuf>>,
        (dot_env, settings_file): (LayerFile, Option<LayerFile>),
        profile: ProfileLayer,
    ) -> Effective {
        let flags = self.flags;
        let address = self
            .flagged(Area::Connection, (flags.address.as_deref(), "--address"), &names::SERVER, values::address)
            .unwrap_or_else(|| Sourced::by_default(names::SERVER[0], Target::default()));
        let security = Security::resolve(flags, self.sources, self.current_dir, &address);
        let security = self.problems.or_else(Area::Connection, security, Security::off);
        let encryption = Encryption::resolve(flags, self.sources, self.current_dir, folders.config.as_deref());
        let encryption = self.problems.or_else(Area::Encryption, encryption, Encryption::off);
        let database = self.database(database, &folders.state.value);
        let temporal_cli = paths::temporal_cli(flags.temporal_cli.as_deref(), self.sources, self.current_dir);
        let no_cli = || Sourced::by_default("TEMPORAL_CLI", None);
        let temporal_cli = self.problems.or_else(Area::Program, temporal_cli, no_cli);
        let (log_level, log_level_notice) = values::log_level(self.sources);
        let proxy = proxy::choose(self.environment, &address.value.address);
        let metadata = metadata::collect(self.environment, &profile.metadata);

        let mut notices = Notices::default();
        notices.extend(Area::Connection, security.notices(&address.value));
        notices.extend(Area::Encryption, encryption.notices());
        notices.append(self.sources.notices.clone());
        notices.extend(Area::Database, self.notices_about(&database));
        notices.extend(Area::Files, self.unknown_notice());
        notices.extend(Area::Connection, proxy.notice.clone());
        notices.extend(Area::Files, log_level_notice);
        notices.append(state_notice(&folders, &address.value, &database.location.value));
        notices.extend(Area::Connection, metadata.notices.iter().cloned());

        let namespace = self
            .flagged(
                Area::Connection,
                (flags.namespace.as_deref(), "--namespace"),
                &["TEMPORAL_NAMESPACE"],
                values::label,
            )
            .unwrap_or_else(|| Sourced::by_default("TEMPORAL_NAMESPACE", DEFAULT_NAMESPACE.to_owned()));
        let task_queue = self
            .flagged(Area::TaskQueue, (flags.task_queue.as_deref(), "--task-queue"), &names::QUEUE, values::label)
            .unwrap_or_else(|| Sourced::by_default(names::QUEUE[0], DEFAULT_TASK_QUEUE.to_owned()));
        let connect_timeout = self.seconds(Area::Connection, "IDEMPOTENCE_CONNECT_TIMEOUT", DEFAULT_CONNECT_TIMEOUT);
        let check_interval = self.seconds(Area::Worker, "CHECK_TRANSFER_TASKQUEUE_TIMER", DEFAULT_CHECK_INTERVAL);
        let compact_after = self
            .unflagged(Area::Worker, "IDEMPOTENCE_COMPACT_AFTER", values::megabytes)
            .unwrap_or_else(|| Sourced::by_default("IDEMPOTENCE_COMPACT_AFTER", DEFAULT_COMPACT_AFTER));
        let (supplier, supplier_key) = self.supplier();
        let codec_token = self.unflagged(Area::CodecServer, "IDEMPOTENCE_CODEC_TOKEN", values::token);
        let metrics = self.unflagged(Area::Worker, "IDEMPOTENCE_METRICS", values::metrics);
        let screen = self.screen();
        self.refuse_remote_codec(&encryption);
        Effective {
            profile: profile.name(),
            profile_file: profile.file,
            codec_token: codec_token.map(|token| token.map(SecretString::from)),
            state_dir: folders.state,
            cache_dir: folders.cache,
            private_folder: folders.private,
            without_effect: if database.mysql.is_none() { self.sources.without_effect() } else { Vec::new() },
            connection_flags: flags.of_connection(),
            problems: self.problems,
            address,
            security,
            metadata,
            proxy,
            connect_timeout,
            encryption,
            metrics,
            namespace,
            task_queue,
            database,
            temporal_cli,
            log_level,
            check_interval,
            compact_after,
            supplier,
            supplier_key,
            screen,
            notices,
            dot_env,
            settings_file,
        }
    }

    fn database(&mut self, given: Option<Sourced<PathBuf>>, state_dir: &Path) -> DatabaseChoice {
        let usual = || paths::default_database(self.current_dir, state_dir);
        let unusable = database::selects_mysql(given.as_ref());
        let chosen = database::choose(given, self.sources, self.current_dir, &usual);
        self.problems.or_else(Area::Database, chosen, || DatabaseChoice {
            unusable,
            ..DatabaseChoice::file(Sourced::by_default("DATABASE", usual()))
        })
    }

    fn supplier(&mut self) -> (Sourced<Option<SupplierUrl>>, Sourced<KeyPolicy>) {
        let (url, key) = (self.flags.supplier.as_deref(), self.flags.supplier_key.as_deref());
        let url = self.flagged(Area::Supplier, (url, "--supplier"), &["SUPPLIER_URL"], values::supplier);
        let names = &["IDEMPOTENCE_SUPPLIER_KEY"];
        let key = self.flagged(Area::Supplier, (key, "--supplier-key"), names, values::supplier_key);
        (
            url.unwrap_or_else(|| Sourced::by_default("SUPPLIER_URL", None)),
            key.unwrap_or_else(|| Sourced::by_default("IDEMPOTENCE_SUPPLIER_KEY", KeyPolicy::default())),
        )
    }

    fn screen(&mut self) -> Screen {
        let (flags, sources, environment) = (self.flags, self.sources, self.environment);
        let still = (flags.still.as_deref(), "--still");
        let no_theme = || Sourced::by_default("IDEMPOTENCE_THEME", Theme::default());
        let not_plain = || Sourced::by_default("IDEMPOTENCE_PLAIN", false);
        Screen {
            web_ui: self.unflagged(Area::Screen, "TEMPORAL_UI_URL", values::web_ui),
            theme: self.problems.or_else(Area::Screen, appearance::theme(flags, sources, environment), no_theme),
            ascii: self.problems.or_else(Area::Screen, appearance::ascii(flags, sources, environment), || {
                appearance::from_terminal(environment)
            }),
            still: self
                .flagged(Area::Screen, still, &["IDEMPOTENCE_STILL"], values::boolean)
                .unwrap_or_else(|| Sourced::by_default("IDEMPOTENCE_STILL", false)),
            plain: self.problems.or_else(Area::Screen, appearance::plain(flags, sources, environment), not_plain),
        }
    }

    /// Refuses another program's codec server unless this program encrypts payloads itself, because the user who set it
    /// expects payloads to be encrypted.
    fn refuse_remote_codec(&mut self, encryption: &Encryption) {
        let endpoint = self.sources.find("TEMPORAL_CODEC_ENDPOINT");
        let endpoint = endpoint.filter(|found| !found.text.eq_ignore_ascii_case("none"));
        if let Some(found) = endpoint.filter(|_| !encryption.on.value) {
            self.problems.add(Area::Encryption, SettingsError::RemoteCodec { origin: found.origin });
        }
    }

    /// Returns the notices about the database. All settings of MySQL that have no effect share one.
    fn notices_about(&self, database: &DatabaseChoice) -> Vec<String> {
        match (&database.mysql, &database.location.value) {
            (Some(mysql), _) => mysql.notices.clone(),
            (None, Location::File(file)) if database.unusable.is_none() => {
                let set = names::MYSQL.into_iter().filter_map(|name| Some(self.sources.find(name)?.origin.name));
                let set = set.collect::<Vec<_>>().join(", ");
                let notice = format!(
                    "{set} had no effect: the stock is kept in the file {}. To keep it in MySQL, set DATABASE=mysql:.",
                    quoted_path(file)
                );
                Some(notice).filter(|_| !set.is_empty()).into_iter().collect()
            }
            _ => Vec::new(),
        }
    }

    fn unknown_notice(&self) -> Option<String> {
        let unknown = self.sources.unknown.join(", ");
        (!unknown.is_empty()).then(|| format!("These settings are unknown and had no effect: {unknown}."))
    }

    fn flagged<T: PartialEq>(
        &mut self,
        area: Area,
        (flag, flag_name): (Option<&str>, &'static str),
        names: &[&'static str],
        parse: fn(&Found<'_>) -> Result<T, SettingsError>,
    ) -> Option<Sourced<T>> {
        self.problems.or_default(area, Choice::new(flag, flag_name, names).named(self.sources, parse))
    }

    fn unflagged<T: PartialEq>(
        &mut self,
        area: Area,
        name: &'static str,
        parse: fn(&Found<'_>) -> Result<T, SettingsError>,
    ) -> Option<Sourced<T>> {
        self.problems.or_default(area, Choice::without_flag(&[name]).named(self.sources, parse))
    }

    fn seconds(&mut self, area: Area, name: &'static str, default: Duration) -> Sourced<Duration> {
        self.unflagged(area, name, values::seconds).unwrap_or_else(|| Sourced::by_default(name, default))
    }
}

/// Returns the notice that state does not last, if the stock or the database of a server that is started here would be
/// lost. The log may be lost without a notice.
fn state_notice(folders: &Folders, target: &Target, database: &Location) -> Notices {
    let stock_there = database.file().is_some_and(|file| file.starts_with(&folders.state.value));
    let stock_there = stock_there.then_some(Area::Database);
    let server_there = target.address.is_loopback().then_some(Area::Program);
    let mut notices = Notices::default();
    if let Some(notice) = folders.notice.clone() {
        notices.add_about(stock_there.into_iter().chain(server_there).collect(), notice);
    }
    notices
}
