//! What is settled before the core begins: where it is connected, what it plays, and how it looks.

use serde::{Deserialize, Serialize};

use crate::{
    domain::{Guard, RetryWaits, UnixMillis, sanitize},
    faults::{Preset, Seed},
    scenario::Scenario,
};

use super::{Appearance, InitialStock, Script};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Options {
    pub server: String,
    /// Absent in recordings of before it was known.
    #[serde(default)]
    pub security: Security,
    /// Temporal stores nothing that can be read without a key. Absent in older recordings too.
    #[serde(default)]
    pub encrypted: bool,
    pub namespace: String,
    pub task_queue: String,
    /// The name of this host, a part of its workers' identities. Absent in older recordings.
    #[serde(default)]
    pub host: String,
    pub database: String,
    pub log: String,
    /// Short random letters for fresh order ids.
    pub session: String,
    pub seed: Seed,
    pub preset: Preset,
    pub guard: Guard,
    /// False where the server is not on loopback.
    pub faults_allowed: bool,
    pub retry: RetryWaits,
    #[serde(rename = "look")]
    pub appearance: Appearance,
    /// The address of Temporal's Web UI, if it is set. Absent in older recordings.
    #[serde(default)]
    pub web_ui: Option<String>,
    pub version: String,
    pub now: UnixMillis,
    /// A dashboard opened this walkthrough and continues after it. Absent in older recordings.
    #[serde(default)]
    pub above_dashboard: bool,
    #[serde(rename = "programme")]
    pub start_mode: StartMode,
}

/// Who can read and change what goes between here and the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Security {
    /// It does not leave this machine.
    #[default]
    Local,
    /// Everybody on the way.
    Open,
    /// Nobody else.
    Tls,
    /// Whoever answers in the server's place.
    Unverified,
}

/// The longest text that is shown of a setup.
const LONGEST: usize = 400;

impl Options {
    /// The same with nothing in it that could not have been begun with: for one that comes from a file.
    #[must_use]
    pub fn cleaned(self) -> Self {
        let clean = |text: String| sanitize(&text, LONGEST);
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
}
