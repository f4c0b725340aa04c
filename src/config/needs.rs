//! Which settings a command needs. A mistake in one that it does not need must not stop it.

use super::error::SettingsError;
use super::names::{KEYS, QUEUE};

use Area::{CodecServer, Connection, Database, Encryption, Files, Look, Program, TaskQueue, Worker};

/// A part of the settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Area {
    /// The settings file as a whole.
    Files,
    /// The server, and how to connect to it.
    Connection,
    /// The task queue.
    TaskQueue,
    /// Payload encryption and its keys.
    Encryption,
    /// What only a codec server uses.
    CodecServer,
    /// The database.
    Database,
    /// The program of the embedded server.
    Program,
    /// What only workers obey.
    Worker,
    /// How the screen looks.
    Look,
}

impl Area {
    /// Every part.
    pub const ALL: &[Self] = &[Files, Connection, TaskQueue, Encryption, CodecServer, Database, Program, Worker, Look];
    /// What the dashboard needs.
    pub const DASHBOARD: &[Self] = &[Files, Connection, TaskQueue, Encryption, Database, Program, Worker, Look];
    /// What a demo needs: it has no screen.
    pub const DEMO: &[Self] = &[Files, Connection, TaskQueue, Encryption, Database, Program, Worker];
    /// What a worker needs.
    pub const WORKER: &[Self] = &[Files, Connection, TaskQueue, Encryption, Database, Worker];
    /// What the start of an order needs.
    pub const START: &[Self] = &[Files, Connection, TaskQueue, Encryption, Database];
    /// What the embedded server needs: it sends no payload.
    pub const SERVER: &[Self] = &[Files, Connection, Program];
    /// What a codec server needs: it connects to no Temporal server.
    pub const CODEC_SERVER: &[Self] = &[Files, Encryption, CodecServer];
    /// What a command for the database alone needs.
    pub const STORE: &[Self] = &[Files, Database];
    /// What a command for keys needs.
    pub const KEYS: &[Self] = &[Files, Encryption];

    /// The part that the setting `name` belongs to.
    pub(super) fn of(name: &str) -> Self {
        match name {
            "IDEMPOTENCE_NO_ENV_FILE" => Files,
            name if QUEUE.contains(&name) => TaskQueue,
            "ENCRYPT_PAYLOAD"
            | "DATACONVERTER_ENCRYPTION_KEY_ID"
            | "IDEMPOTENCE_ENCRYPTION_KEYS"
            | "IDEMPOTENCE_ENCRYPTION_KEY_FILE"
            | "IDEMPOTENCE_REFUSE_PLAINTEXT"
            | "IDEMPOTENCE_INSECURE_SAMPLE_KEY"
            | "TEMPORAL_CODEC_ENDPOINT"
            | "TEMPORAL_CODEC_AUTH" => Encryption,
            "IDEMPOTENCE_CODEC_TOKEN" => CodecServer,
            "DATABASE" => Database,
            "TEMPORAL_CLI" => Program,
            "CHECK_TRANSFER_TASKQUEUE_TIMER" | "IDEMPOTENCE_METRICS" => Worker,
            "IDEMPOTENCE_THEME" | "IDEMPOTENCE_ASCII" | "IDEMPOTENCE_STILL" | "NO_COLOR" | "LOG_LEVEL"
            | "TEMPORAL_UI_URL" | "IDEMPOTENCE_PLAIN" => Look,
            _ => Connection,
        }
    }

    /// The part that the flag of this name belongs to, written with underscores as in the settings file.
    #[must_use]
    pub fn of_flag(flag: &str) -> Self {
        // The only other flag is that for the file `.env`.
        KEYS.iter().find(|key| key.key == flag).map_or(Files, |key| Self::of(key.name))
    }
}

/// The mistakes found while the settings are read, in that order.
#[derive(Debug, Default)]
pub(super) struct Problems(Vec<(Area, SettingsError)>);

impl Problems {
    pub(super) fn add(&mut self, area: Area, error: SettingsError) {
        self.0.push((area, error));
    }

    /// The value; after a mistake, what stands for it in commands that do not need it.
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

    /// The first mistake in one of the parts `needed`.
    pub(super) fn first_of(self, needed: &[Area]) -> Option<SettingsError> {
        self.0.into_iter().find(|(area, _)| needed.contains(area)).map(|(_, error)| error)
    }
}
