//! The names of the settings: one table that lookup, messages, help and tests share. It reads nothing.

/// A setting that the environment or a `.env` file may carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Name {
    /// The name as it is written in the environment.
    pub name: &'static str,
    /// What it means, in one line without a full stop.
    pub meaning: &'static str,
    /// Whether its value must never be shown.
    pub secret: bool,
}

/// What a key of the settings file takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Seconds,
    Truth,
}

/// A key of the settings file.
#[derive(Debug, Clone, Copy)]
pub(super) struct FileKey {
    pub(super) key: &'static str,
    /// The same in the environment.
    pub(super) name: &'static str,
    pub(super) kind: Kind,
}

/// Names of the server's address, most preferred first. They are aliases: set in one layer, they must agree.
pub const SERVER: [&str; 4] = ["TEMPORAL_ADDRESS", "TEMPORAL_URL", "TEMPORAL_HOST_URL", "TEMPORAL_HOST"];
/// Names of the task queue; the second is left over from a sibling demo.
pub const QUEUE: [&str; 2] = ["TASKQUEUE", "TRANSFER_MONEY_TASK_QUEUE"];
/// Names that describe the `MySQL` store.
pub const MYSQL: [&str; 4] = ["MYSQL_HOST", "MYSQL_DATABASE", "MYSQL_USER", "MYSQL_PASSWORD"];

/// What the settings file may hold, in the order in which `idempotence config` prints it.
pub(super) const KEYS: [FileKey; 10] = [
    FileKey::new("address", "TEMPORAL_ADDRESS", Kind::Text),
    FileKey::new("namespace", "TEMPORAL_NAMESPACE", Kind::Text),
    FileKey::new("task_queue", "TASKQUEUE", Kind::Text),
    FileKey::new("database", "DATABASE", Kind::Text),
    FileKey::new("temporal_cli", "TEMPORAL_CLI", Kind::Text),
    FileKey::new("log_level", "LOG_LEVEL", Kind::Text),
    FileKey::new("check_interval", "CHECK_TRANSFER_TASKQUEUE_TIMER", Kind::Seconds),
    FileKey::new("theme", "IDEMPOTENCE_THEME", Kind::Text),
    FileKey::new("ascii", "IDEMPOTENCE_ASCII", Kind::Truth),
    FileKey::new("still", "IDEMPOTENCE_STILL", Kind::Truth),
];

/// Every name that this program understands, in the order in which help prints them.
pub const NAMES: [Name; 28] = [
    Name::new("TEMPORAL_ADDRESS", "the Temporal server as host:port (default localhost:7233)"),
    Name::new("TEMPORAL_URL", "the same as TEMPORAL_ADDRESS"),
    Name::new("TEMPORAL_HOST_URL", "the same as TEMPORAL_ADDRESS"),
    Name::new("TEMPORAL_HOST", "the same as TEMPORAL_ADDRESS; a bare host means port 7233"),
    Name::new("TEMPORAL_NAMESPACE", "the Temporal namespace (default \"default\")"),
    Name::new("TASKQUEUE", "the task queue (default \"inventory-task-queue\")"),
    Name::new("TRANSFER_MONEY_TASK_QUEUE", "the same as TASKQUEUE, left over from a sibling demo"),
    Name::new("DATABASE", "the JSON file that holds the stock"),
    Name::new(
        "CHECK_TRANSFER_TASKQUEUE_TIMER",
        "seconds between looks at a database that cannot be watched (default 1)",
    ),
    Name::new("LOG_LEVEL", "trace, debug, info, warn or error (default info)"),
    Name::new("TEMPORAL_CLI", "the Temporal command-line program that serves as the embedded server"),
    Name::new("IDEMPOTENCE_THEME", "terminal, contrast, colour-blind or mono (default terminal)"),
    Name::new("IDEMPOTENCE_ASCII", "true for ASCII characters only (default: as the locale and the terminal are)"),
    Name::new("IDEMPOTENCE_STILL", "true for a screen on which nothing moves without need (default false)"),
    Name::new("NO_COLOR", "anything: the theme mono, where no other is named"),
    Name::new("TEMPORAL_TLS", "true to connect with TLS (not supported yet)"),
    Name::new("TEMPORAL_TLS_CERT", "file of the client certificate for mutual TLS (not supported yet)"),
    Name::new("TEMPORAL_TLS_KEY", "file of the client certificate's private key (not supported yet)"),
    Name::new(
        "TEMPORAL_SERVER_ROOT_CA_CERT",
        "file of the authority that signs the server's certificate (not supported yet)",
    ),
    Name::new("TEMPORAL_SERVER_NAME", "the name to verify in the server's certificate (not supported yet)"),
    Name::new("TEMPORAL_INSECURE_SKIP_VERIFY", "true to accept any server certificate (not supported yet)"),
    Name::secret("TEMPORAL_API_KEY", "the API key for Temporal Cloud (not supported yet)"),
    Name::new("ENCRYPT_PAYLOAD", "true to encrypt what Temporal stores (not supported yet)"),
    Name::secret("DATACONVERTER_ENCRYPTION_KEY_ID", "id of the key that payload encryption would use"),
    Name::new("MYSQL_HOST", "host of the MySQL store (not available yet)"),
    Name::new("MYSQL_DATABASE", "database of the MySQL store (not available yet)"),
    Name::new("MYSQL_USER", "user of the MySQL store (not available yet)"),
    Name::secret("MYSQL_PASSWORD", "password of the MySQL store (not available yet)"),
];

impl Name {
    const fn new(name: &'static str, meaning: &'static str) -> Self {
        Self { name, meaning, secret: false }
    }

    const fn secret(name: &'static str, meaning: &'static str) -> Self {
        Self { name, meaning, secret: true }
    }
}

impl FileKey {
    const fn new(key: &'static str, name: &'static str, kind: Kind) -> Self {
        Self { key, name, kind }
    }
}

/// The table's own copy of `name`, or `None` for a name that this program does not know.
pub(super) fn known(name: &str) -> Option<&'static str> {
    NAMES.iter().find(|entry| entry.name == name).map(|entry| entry.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_of_the_original_environment_is_known() {
        let original = [
            "TEMPORAL_HOST_URL",
            "TEMPORAL_NAMESPACE",
            "TEMPORAL_TLS_CERT",
            "TEMPORAL_TLS_KEY",
            "TEMPORAL_SERVER_ROOT_CA_CERT",
            "TEMPORAL_SERVER_NAME",
            "TEMPORAL_INSECURE_SKIP_VERIFY",
            "TRANSFER_MONEY_TASK_QUEUE",
            "CHECK_TRANSFER_TASKQUEUE_TIMER",
            "ENCRYPT_PAYLOAD",
            "DATACONVERTER_ENCRYPTION_KEY_ID",
            "LOG_LEVEL",
            "MYSQL_HOST",
            "MYSQL_DATABASE",
            "MYSQL_USER",
            "MYSQL_PASSWORD",
            "TEMPORAL_URL",
            "TASKQUEUE",
            "DATABASE",
        ];
        for name in original {
            assert_eq!(known(name), Some(name));
        }
    }

    #[test]
    fn names_are_unique_and_aliases_are_in_the_table() {
        for (index, entry) in NAMES.iter().enumerate() {
            assert!(NAMES[..index].iter().all(|other| other.name != entry.name), "{} is listed twice", entry.name);
            assert!(!entry.meaning.is_empty() && !entry.meaning.contains('\n'), "{}", entry.name);
        }
        for name in SERVER.iter().chain(&QUEUE).chain(&MYSQL).chain(KEYS.iter().map(|key| &key.name)) {
            assert!(known(name).is_some(), "{name}");
        }
    }
}
