//! Where a scenario is played: a task queue of its own always, so that no worker with another database takes its orders; a
//! database of its own, so that it starts where the seed does and nobody's stock is touched; and where it kills the
//! server, a server of its own.

use tempfile::TempDir;

use super::{Failure, log::LogFile, session_letters};
use crate::{
    app::{Programme, RetryWaits, Security, Setup},
    config::{AddressError, Settings, temporary},
    domain::Guard,
    faults::Preset,
    runtime::backend,
    scenario::Scenario,
    server,
    store::now,
    temporal::Transport,
};

/// How many letters tell an orders' workflow id from those of all other stages on the same server.
const LETTERS: usize = 6;

#[derive(Debug)]
pub struct Stage {
    pub settings: Settings,
    /// Where the database lies; it goes with the stage. `None` where one was named.
    folder: Option<TempDir>,
    /// Where a server of its own keeps what it knows.
    server: Option<TempDir>,
}

impl Stage {
    /// A stage under `settings`, of which `keeps_named` takes a database that was named as it stands.
    ///
    /// # Errors
    /// [`Failure::Io`].
    pub fn new(settings: &Settings, role: &str, keeps_named: bool) -> Result<Self, Failure> {
        let mut settings = settings.clone();
        settings.task_queue = format!("{}-{role}-{}", settings.task_queue, uuid::Uuid::new_v4().simple());
        if keeps_named && settings.database.explicit {
            return Ok(Self { settings, folder: None, server: None });
        }
        let folder = folder(&format!("idempotence-{role}-"))?;
        settings.database.path = folder.path().join("inventory.json");
        Ok(Self { settings, folder: Some(folder), server: None })
    }

    /// As [`Self::new`] for a scenario: with a server of its own where that kills it.
    ///
    /// # Errors
    /// [`Failure::Io`].
    pub fn of(settings: &Settings, scenario: &Scenario, keeps_named: bool) -> Result<Self, Failure> {
        let stage = Self::new(settings, "demo", keeps_named)?;
        if scenario.needs_own_server() { stage.with_own_server() } else { Ok(stage) }
    }

    fn with_own_server(mut self) -> Result<Self, Failure> {
        let port = server::free_port().map_err(Failure::io("find a free port for a server"))?;
        let address = format!("127.0.0.1:{port}").parse();
        // It speaks no TLS, whatever other servers of these settings want.
        self.settings.transport = Transport::Plaintext;
        self.settings.api_key = None;
        self.settings.address = address.map_err(|error: AddressError| Failure::Usage(error.to_string()))?;
        let folder = folder("idempotence-server-")?;
        folder.path().clone_into(&mut self.settings.state_dir);
        self.server = Some(folder);
        Ok(self)
    }

    /// The database begins where the seed does.
    #[must_use]
    pub const fn is_fresh(&self) -> bool {
        self.folder.is_some()
    }

    #[must_use]
    pub fn setup(&self, log: &LogFile, programme: Programme) -> Setup {
        Setup {
            programme,
            // Where a stage of its own lies, nobody needs to know.
            database: match &self.folder {
                Some(_) => "a database of its own".to_owned(),
                None => self.settings.database.path.display().to_string(),
            },
            ..basic_setup(&self.settings, log, LETTERS)
        }
    }
}

fn folder(prefix: &str) -> Result<TempDir, Failure> {
    tempfile::Builder::new().prefix(prefix).tempdir_in(temporary()).map_err(Failure::io("make a folder for the stage"))
}

/// What every core begins with.
#[must_use]
pub fn basic_setup(settings: &Settings, log: &LogFile, letters: usize) -> Setup {
    Setup {
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
        database: settings.database.path.display().to_string(),
        log: log.to_string(),
        session: session_letters(letters),
        seed: 0,
        preset: Preset::None,
        guard: Guard::default(),
        faults_allowed: true,
        retry: RetryWaits::default(),
        look: settings.look,
        web_ui: settings.web_ui.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        now: now(),
        above_dashboard: false,
        programme: Programme::Keyboard,
    }
}
