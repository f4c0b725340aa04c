//! The sandbox in which a scenario runs. It always has its own task queue, so that workers with another database do not
//! take its orders. It has a new database unless the user named one, and its own server if the scenario kills the
//! server.

use tempfile::TempDir;

use super::{Failure, log::LogFile, session_letters};
use crate::{
    app::{Options, RetryWaits, Security, StartMode},
    clock::now,
    config::{AddressError, Settings, temporary},
    domain::Guard,
    faults::Preset,
    runtime::backend,
    scenario::Scenario,
    server,
    store::Location,
    temporal::Transport,
};

/// Number of random letters that make the workflow ids of a sandbox unique on its server.
const LETTERS: usize = 6;

/// Settings for one scenario or walkthrough. Dropping it removes its folders.
#[derive(Debug)]
pub struct Sandbox {
    /// The user's settings with the task queue, the database and the server of the sandbox.
    pub settings: Settings,
    /// Folder of the database; `None` if the user named a database.
    folder: Option<TempDir>,
    /// State folder of the sandbox's own server; `None` if it uses the configured server.
    server: Option<TempDir>,
}

impl Sandbox {
    /// Creates a sandbox. `use_named` uses a database that the user named, with its contents.
    ///
    /// # Errors
    /// Returns [`Failure::Io`] if a temporary folder cannot be created.
    pub fn new(settings: &Settings, role: &str, use_named: bool) -> Result<Self, Failure> {
        let mut settings = settings.clone();
        settings.task_queue = format!("{}-{role}-{}", settings.task_queue, uuid::Uuid::new_v4().simple());
        if use_named && settings.database.explicit {
            return Ok(Self { settings, folder: None, server: None });
        }
        let folder = folder(&format!("idempotence-{role}-"))?;
        settings.database.location = Location::File(folder.path().join("inventory.json"));
        Ok(Self { settings, folder: Some(folder), server: None })
    }

    /// Creates a sandbox as [`Self::new`] does, with its own server if the scenario kills the server.
    ///
    /// # Errors
    /// Returns [`Failure::Io`] if a temporary folder cannot be created or no port is free.
    pub fn of(settings: &Settings, scenario: &Scenario, use_named: bool) -> Result<Self, Failure> {
        let sandbox = Self::new(settings, "demo", use_named)?;
        if scenario.needs_own_server() { sandbox.with_own_server() } else { Ok(sandbox) }
    }

    fn with_own_server(mut self) -> Result<Self, Failure> {
        let port = server::free_port().map_err(Failure::io("find a free port for a server"))?;
        let address = format!("127.0.0.1:{port}").parse();
        // The embedded server uses neither TLS nor keys, whatever the settings say about other servers.
        self.settings.transport = Transport::Plaintext;
        self.settings.api_key = None;
        self.settings.address = address.map_err(|error: AddressError| Failure::Usage(error.to_string()))?;
        let folder = folder("idempotence-server-")?;
        folder.path().clone_into(&mut self.settings.state_dir);
        self.server = Some(folder);
        Ok(self)
    }

    /// Whether the database is new.
    #[must_use]
    pub const fn is_fresh(&self) -> bool {
        self.folder.is_some()
    }

    /// Returns the options with which the core starts in this sandbox.
    #[must_use]
    pub fn setup(&self, log: &LogFile, start_mode: StartMode) -> Options {
        Options {
            start_mode,
            // The path of a temporary folder means nothing to the user.
            database: match &self.folder {
                Some(_) => "a database of its own".to_owned(),
                None => self.settings.database.location.to_string(),
            },
            ..basic_setup(&self.settings, log, LETTERS)
        }
    }
}

fn folder(prefix: &str) -> Result<TempDir, Failure> {
    tempfile::Builder::new().prefix(prefix).tempdir_in(temporary()).map_err(Failure::io("create a temporary folder"))
}

/// Returns the options with which every core starts. `letters` is the number of random letters in its order ids.
#[must_use]
pub fn basic_setup(settings: &Settings, log: &LogFile, letters: usize) -> Options {
    Options {
        server: settings.address.to_string(),
        security: match &settings.transport {
            Transport::Tls(tls) if tls.skip_verify => Security::Unverified,
            Transport::Tls(_) => Security::Tls,
            Transport::Plaintext if settings.address.is_loopback() => Security::Local,
            Transport::Plaintext => Security::Open,
        },
        encrypted: settings.codec.is_some(),
        namespace: settings.namespace.clone(),
        task_queue: settings.task_queue.clone(),
        host: backend::host(),
        database: settings.database.location.to_string(),
        log: log.to_string(),
        session: session_letters(letters),
        seed: 0,
        preset: Preset::None,
        guard: Guard::default(),
        faults_allowed: true,
        retry: RetryWaits::default(),
        appearance: settings.appearance,
        web_ui: settings.web_ui.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        now: now(),
        above_dashboard: false,
        start_mode: StartMode::Dashboard,
    }
}
