//! What is settled before the core begins: where it is connected, what it plays, and how it looks.

use serde::{Deserialize, Serialize};

use crate::{
    domain::{Guard, RetryWaits, UnixMillis},
    faults::{Preset, Seed},
    scenario::Scenario,
};

use super::{Beginning, Look, Script};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setup {
    pub server: String,
    pub namespace: String,
    pub task_queue: String,
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
    pub look: Look,
    pub version: String,
    pub now: UnixMillis,
    pub programme: Programme,
}

/// What is done without a key for each order.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Programme {
    /// Nothing: the keyboard decides.
    #[default]
    Keyboard,
    /// One scenario, at once.
    Scenario { scenario: Box<Scenario>, beginning: Beginning },
    /// One after the other, a key for each step.
    Walkthrough(Box<Script>),
    /// What a walkthrough in another terminal has for its speaker.
    Notes,
}
