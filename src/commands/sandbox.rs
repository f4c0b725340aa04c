//! The sandbox in which a scenario runs. It always has its own task queue, so that workers with another database do not
//! take its orders. It has a new database unless the user named one, and its own server if the scenario kills the
//! server.

use std::{sync::Arc, time::Duration};

use tempfile::TempDir;
use tokio::sync::mpsc;

use super::{Failure, log::LogFile, session_letters};
use crate::{
    app::{Message, Options, RetryWaits, Security, StartMode},
    clock::now,
    config::{AddressError, Settings, temporary},
    domain::Guard,
    faults::Preset,
    runtime::{backend, executor::Executor, supplier_child::SupplierCommand, worker_child::WorkerCommand},
    scenario::Scenario,
    server,
    store::Location,
    supplier::{SupplierClient, SupplierUrl, SupplierUrlError},
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
    /// The sandbox's own supplier; `None` if no scenario has one.
    supplier: Option<SandboxSupplier>,
}

/// The supplier of a sandbox, which is not the user's.
#[derive(Debug)]
struct SandboxSupplier {
    /// Its folder.
    folder: TempDir,
    port: u16,
    key_lifetime: Option<Duration>,
    client: SupplierClient,
}

/// The processes of a sandbox.
#[derive(Debug)]
pub struct Processes {
    worker: WorkerCommand,
    supplier: Option<(SupplierCommand, SupplierClient)>,
}

impl Processes {
    /// Starts them, and the tasks that keep them and the link to the server.
    #[must_use]
    pub fn start(self, settings: &Settings, messages: mpsc::Sender<Message>) -> Executor {
        let executor = Executor::start(Arc::new(settings.clone()), self.worker, true, messages);
        match self.supplier {
            Some((command, client)) => executor.with_supplier(Some(command), client),
            None => executor,
        }
    }
}

impl Sandbox {
    /// Creates a sandbox without a supplier. `use_named` uses a database that the user named, with its contents.
    ///
    /// # Errors
    /// Returns [`Failure::Io`] if a temporary folder cannot be created.
    pub fn new(settings: &Settings, role: &str, use_named: bool) -> Result<Self, Failure> {
        let mut settings = settings.clone();
        settings.supplier = None;
        settings.task_queue = format!("{}-{role}-{}", settings.task_queue, uuid::Uuid::new_v4().simple());
        if use_named && settings.database.explicit {
            return Ok(Self { settings, folder: None, server: None, supplier: None });
        }
        let folder = folder(&format!("idempotence-{role}-"))?;
        settings.database.location = Location::File(folder.path().join("inventory.json"));
        Ok(Self { settings, folder: Some(folder), server: None, supplier: None })
    }

    /// Creates a sandbox as [`Self::new`] does, with its own server if the scenario kills the server, and with a supplier if
    /// the scenario has one.
    ///
    /// # Errors
    /// Returns [`Failure::Io`] if a temporary folder cannot be created or no port is free.
    pub fn of(settings: &Settings, scenario: &Scenario, use_named: bool) -> Result<Self, Failure> {
        let sandbox = Self::new(settings, "demo", use_named)?;
        let sandbox = if scenario.needs_own_server() { sandbox.with_own_server()? } else { sandbox };
        match &scenario.supplier {
            Some(supplier) => sandbox.with_supplier(supplier.key_lifetime),
            None => Ok(sandbox),
        }
    }

    /// Adds a supplier, which starts with the executor.
    ///
    /// # Errors
    /// Returns [`Failure::Io`] if a temporary folder cannot be created, no port is free, or the certificates of this system
    /// cannot be read.
    pub fn with_supplier(mut self, key_lifetime: Option<Duration>) -> Result<Self, Failure> {
        let port = server::free_port().map_err(Failure::io("find a free port for a supplier"))?;
        let url = format!("http://127.0.0.1:{port}").parse();
        let url: SupplierUrl = url.map_err(|error: SupplierUrlError| Failure::Usage(error.to_string()))?;
        let client = SupplierClient::new(url.clone()).map_err(Failure::io("read the certificates of this system"))?;
        self.settings.supplier = Some(url);
        self.supplier = Some(SandboxSupplier { folder: folder("idempotence-supplier-")?, port, key_lifetime, client });
        Ok(self)
    }

    /// Returns the processes to start in the sandbox.
    ///
    /// # Errors
    /// Returns [`Failure::Io`] if the path of this program is unknown.
    pub fn processes(&self, log: &LogFile) -> Result<Processes, Failure> {
        let processes = || {
            let worker = WorkerCommand::new(&self.settings, log.path())?;
            let Some(SandboxSupplier { folder, port, key_lifetime, client }) = &self.supplier else {
                return Ok(Processes { worker, supplier: None });
            };
            let command = SupplierCommand::new(*port, folder.path().join("supplier.jsonl"), log.path())?;
            let command = SupplierCommand { key_lifetime: *key_lifetime, ..command };
            Ok(Processes { worker, supplier: Some((command, client.clone())) })
        };
        processes().map_err(Failure::io("find this program's own path"))
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
