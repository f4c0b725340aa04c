//! The options of a session, which are set before its start.

use serde::{Deserialize, Serialize};

use crate::{
    domain::{Guard, RetryWaits, UnixMillis, sanitize},
    faults::{Preset, Seed},
    scenario::Scenario,
};

use super::{Appearance, InitialStock, Script, WatchOptions};

/// The options of a session. Recordings begin with them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Options {
    /// The address of the server, host:port.
    pub server: String,
    /// The security of the connection. Absent in older recordings.
    #[serde(default)]
    pub security: Security,
    /// Payloads are encrypted. Absent in older recordings.
    #[serde(default)]
    pub encrypted: bool,
    /// The namespace.
    pub namespace: String,
    /// The task queue.
    pub task_queue: String,
    /// The name of this host, a part of its workers' identities. Absent in older recordings.
    #[serde(default)]
    pub host: String,
    /// Path of the database.
    pub database: String,
    /// Path of the log file.
    pub log: String,
    /// Random letters of this session, for fresh order ids.
    pub session: String,
    /// The seed of random faults.
    pub seed: Seed,
    /// The fault preset at the start.
    pub preset: Preset,
    /// The guard at the start.
    pub guard: Guard,
    /// Planned faults are allowed: the server is on loopback, or the user allowed them.
    pub faults_allowed: bool,
    /// The retry policy of orders.
    pub retry: RetryWaits,
    /// The appearance of the screen.
    #[serde(rename = "look")]
    pub appearance: Appearance,
    /// The address of Temporal's Web UI, if it is set. Absent in older recordings.
    #[serde(default)]
    pub web_ui: Option<String>,
    /// The version of the program.
    pub version: String,
    /// The time of the start.
    pub now: UnixMillis,
    /// A dashboard opened this walkthrough and continues after it. Absent in older recordings.
    #[serde(default)]
    pub above_dashboard: bool,
    /// What the session is started for.
    #[serde(rename = "programme")]
    pub start_mode: StartMode,
}

/// The security of the connection to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Security {
    /// The connection does not leave this machine.
    #[default]
    Local,
    /// Without TLS: anyone on the network can read and change the traffic.
    Open,
    /// TLS with a verified certificate.
    Tls,
    /// TLS without verification: another server can answer in its place.
    Unverified,
}

const MAX_TEXT_CHARS: usize = 400;

impl Options {
    /// The same within the bounds of a session's options, for options from a file.
    #[must_use]
    pub fn cleaned(self) -> Self {
        let clean = |text: String| sanitize(&text, MAX_TEXT_CHARS);
        Self {
            server: clean(self.server),
            namespace: clean(self.namespace),
            task_queue: clean(self.task_queue),
            host: clean(self.host),
            database: clean(self.database),
            log: clean(self.log),
            session: clean(self.session),
            version: clean(self.version),
            retry: self.retry.within_bounds(),
            start_mode: match self.start_mode {
                StartMode::Scenario { scenario, initial_stock } => {
                    StartMode::Scenario { scenario: Box::new(scenario.cleaned()), initial_stock }
                }
                StartMode::Walkthrough(script) => StartMode::Walkthrough(Box::new(script.cleaned())),
                other => other,
            },
            ..self
        }
    }
}

/// What a session is started for.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StartMode {
    /// Orders by keys.
    #[default]
    #[serde(rename = "keyboard")]
    Dashboard,
    /// One scenario, at once.
    Scenario {
        /// The scenario.
        scenario: Box<Scenario>,
        /// The stock that it begins with.
        #[serde(rename = "beginning")]
        initial_stock: InitialStock,
    },
    /// A walkthrough.
    Walkthrough(Box<Script>),
    /// The notes of a walkthrough in another terminal.
    Notes,
    /// Executions of any workflow.
    Watch(Box<WatchOptions>),
}
