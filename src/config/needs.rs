//! The parts of the settings that a command needs. A mistake in another part must not stop it.

use super::error::SettingsError;

use Area::{CodecServer, Connection, Database, Encryption, Files, Program, Screen, Supplier, TaskQueue, Worker};

/// A part of the settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Area {
    /// The settings file as a whole.
    Files,
    /// The connection to the server.
    Connection,
    /// The task queue.
    TaskQueue,
    /// Payload encryption and its keys.
    Encryption,
    /// Settings of the codec server.
    CodecServer,
    /// The database.
    Database,
    /// The program of the embedded server.
    Program,
    /// Settings of workers.
    Worker,
    /// The supplier of orders.
    Supplier,
    /// The screen and the log.
    Screen,
}

impl Area {
    /// Every part.
    pub const ALL: &[Self] =
        &[Files, Connection, TaskQueue, Encryption, CodecServer, Database, Program, Worker, Supplier, Screen];
    /// The parts that the dashboard needs.
    pub const DASHBOARD: &[Self] =
        &[Files, Connection, TaskQueue, Encryption, Database, Program, Worker, Supplier, Screen];
    /// The parts that a demo needs. It has no screen.
    pub const DEMO: &[Self] = &[Files, Connection, TaskQueue, Encryption, Database, Program, Worker, Supplier];
    /// The parts that a worker needs.
    pub const WORKER: &[Self] = &[Files, Connection, TaskQueue, Encryption, Database, Worker, Supplier];
    /// The parts that sending an order needs.
    pub const START: &[Self] = &[Files, Connection, TaskQueue, Encryption, Database];
    /// The parts that watching executions needs.
    pub const WATCH: &[Self] = &[Files, Connection, TaskQueue, Encryption, Screen];
    /// The parts that the embedded server needs. It does not send payloads.
    pub const SERVER: &[Self] = &[Files, Connection, Program];
    /// The parts that a codec server needs. It does not connect to a Temporal server.
    pub const CODEC_SERVER: &[Self] = &[Files, Encryption, CodecServer];
    /// The parts that a command needs if it uses only the database.
    pub const STORE: &[Self] = &[Files, Database];
    /// The parts that an audit needs.
    pub const AUDIT: &[Self] = &[Files, Database, Supplier];
    /// The parts that a command for keys needs.
    pub const KEYS: &[Self] = &[Files, Encryption];
}

/// The mistakes in the settings, in the order in which they were found.
#[derive(Debug, Default)]
pub(super) struct Problems(Vec<(Area, SettingsError)>);

impl Problems {
    pub(super) fn add(&mut self, area: Area, error: SettingsError) {
        self.0.push((area, error));
    }

    pub(super) fn append(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// Returns the value. After a mistake, returns the default, for commands that do not need the value.
    pub(super) fn or_else<T>(&mut self, area: Area, value: Result<T, SettingsError>, default: impl FnOnce() -> T) -> T {
        value.unwrap_or_else(|error| {
            self.add(area, error);
            default()
        })
    }

    pub(super) fn or_default<T: Default>(&mut self, area: Area, value: Result<T, SettingsError>) -> T {
        self.or_else(area, value, T::default)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &SettingsError> {
        self.0.iter().map(|(_, error)| error)
    }

    /// Returns the first mistake in one of the parts `needed`.
    pub(super) fn first_of(self, needed: &[Area]) -> Option<SettingsError> {
        self.0.into_iter().find(|(area, _)| needed.contains(area)).map(|(_, error)| error)
    }
}
