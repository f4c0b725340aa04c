//! Which settings a command needs. A mistake in one that it does not need must not stop it.

use super::error::SettingsError;
use super::names::KEYS;

/// A part of the settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Area {
    /// The settings file as a whole.
    Files,
    /// The server, the task queue, and payload encryption.
    Connection,
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
    pub const ALL: [Self; 6] = [Self::Files, Self::Connection, Self::Database, Self::Program, Self::Worker, Self::Look];

    /// The part that the setting `name` belongs to.
    pub(super) fn of(name: &str) -> Self {
        match name {
            "IDEMPOTENCE_NO_ENV_FILE" => Self::Files,
            "DATABASE" => Self::Database,
            "TEMPORAL_CLI" => Self::Program,
            "CHECK_TRANSFER_TASKQUEUE_TIMER" | "IDEMPOTENCE_METRICS" => Self::Worker,
            "IDEMPOTENCE_THEME" | "IDEMPOTENCE_ASCII" | "IDEMPOTENCE_STILL" | "NO_COLOR" | "LOG_LEVEL"
            | "TEMPORAL_UI_URL" | "IDEMPOTENCE_PLAIN" => Self::Look,
            _ => Self::Connection,
        }
    }

    /// The part that the flag of this name belongs to, written with underscores as in the settings file.
    #[must_use]
    pub fn of_flag(flag: &str) -> Self {
        // The only other flag is that for the file `.env`.
        KEYS.iter().find(|key| key.key == flag).map_or(Self::Files, |key| Self::of(key.name))
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
