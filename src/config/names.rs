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
/// Names of the task queue; the last is left over from a sibling demo.
pub const QUEUE: [&str; 3] = ["TASKQUEUE", "TEMPORAL_TASK_QUEUE", "TRANSFER_MONEY_TASK_QUEUE"];
/// Names the wish not to read a `.env` file; obeyed in the environment only.
pub(super) const NO_ENV_FILE: &str = "IDEMPOTENCE_NO_ENV_FILE";
/// Names that describe the `MySQL` store.
pub const MYSQL: [&str; 4] = ["MYSQL_HOST", "MYSQL_DATABASE", "MYSQL_USER", "MYSQL_PASSWORD"];

/// Names of the client certificate's file, of its key's, and of that of the authority that signs the server's: ours, those
/// of Temporal's own tools, and last the names that hold the text itself instead of a path.
pub const TLS_CERT: [&str; 3] = ["TEMPORAL_TLS_CERT", "TEMPORAL_TLS_CLIENT_CERT_PATH", "TEMPORAL_TLS_CLIENT_CERT_DATA"];
pub const TLS_KEY: [&str; 3] = ["TEMPORAL_TLS_KEY", "TEMPORAL_TLS_CLIENT_KEY_PATH", "TEMPORAL_TLS_CLIENT_KEY_DATA"];
pub const ROOT_CA: [&str; 3] =
    ["TEMPORAL_SERVER_ROOT_CA_CERT", "TEMPORAL_TLS_SERVER_CA_CERT_PATH", "TEMPORAL_TLS_SERVER_CA_CERT_DATA"];
/// Names of the name in the server's certificate.
pub const SERVER_NAME: [&str; 2] = ["TEMPORAL_SERVER_NAME", "TEMPORAL_TLS_SERVER_NAME"];
/// Names of the wish to take any certificate.
pub const SKIP_VERIFY: [&str; 2] = ["TEMPORAL_INSECURE_SKIP_VERIFY", "TEMPORAL_TLS_DISABLE_HOST_VERIFICATION"];
/// All names of which several mean one thing.
pub(super) const ALIASES: [&[&str]; 7] = [&SERVER, &QUEUE, &TLS_CERT, &TLS_KEY, &ROOT_CA, &SERVER_NAME, &SKIP_VERIFY];

/// What the settings file may hold, in the order in which `idempotence config` prints it.
pub(super) const KEYS: [FileKey; 23] = [
    FileKey::new("address", "TEMPORAL_ADDRESS", Kind::Text),
    FileKey::new("namespace", "TEMPORAL_NAMESPACE", Kind::Text),
    FileKey::new("task_queue", "TASKQUEUE", Kind::Text),
    FileKey::new("profile", "TEMPORAL_PROFILE", Kind::Text),
    FileKey::new("tls", "TEMPORAL_TLS", Kind::Truth),
    FileKey::new("tls_cert", "TEMPORAL_TLS_CERT", Kind::Text),
    FileKey::new("tls_key", "TEMPORAL_TLS_KEY", Kind::Text),
    FileKey::new("server_root_ca_cert", "TEMPORAL_SERVER_ROOT_CA_CERT", Kind::Text),
    FileKey::new("server_name", "TEMPORAL_SERVER_NAME", Kind::Text),
    FileKey::new("insecure_skip_verify", "TEMPORAL_INSECURE_SKIP_VERIFY", Kind::Truth),
    FileKey::new("connect_timeout", "IDEMPOTENCE_CONNECT_TIMEOUT", Kind::Seconds),
    FileKey::new("encrypt_payload", "ENCRYPT_PAYLOAD", Kind::Truth),
    FileKey::new("encryption_key_id", "DATACONVERTER_ENCRYPTION_KEY_ID", Kind::Text),
    FileKey::new("metrics", "IDEMPOTENCE_METRICS", Kind::Text),
    FileKey::new("database", "DATABASE", Kind::Text),
    FileKey::new("temporal_cli", "TEMPORAL_CLI", Kind::Text),
    FileKey::new("log_level", "LOG_LEVEL", Kind::Text),
    FileKey::new("check_interval", "CHECK_TRANSFER_TASKQUEUE_TIMER", Kind::Seconds),
    FileKey::new("web_ui", "TEMPORAL_UI_URL", Kind::Text),
    FileKey::new("theme", "IDEMPOTENCE_THEME", Kind::Text),
    FileKey::new("ascii", "IDEMPOTENCE_ASCII", Kind::Truth),
    FileKey::new("still", "IDEMPOTENCE_STILL", Kind::Truth),
    FileKey::new("plain", "IDEMPOTENCE_PLAIN", Kind::Truth),
];

/// Every name that this program understands, in the order in which help prints them.
pub const NAMES: [Name; 51] = [
    Name::new("TEMPORAL_ADDRESS", "the Temporal server as host:port (default localhost:7233); https:// means TLS"),
    Name::new("TEMPORAL_URL", "the same as TEMPORAL_ADDRESS"),
    Name::new("TEMPORAL_HOST_URL", "the same as TEMPORAL_ADDRESS"),
    Name::new("TEMPORAL_HOST", "the same as TEMPORAL_ADDRESS; a bare host means port 7233"),
    Name::new("TEMPORAL_NAMESPACE", "the Temporal namespace (default \"default\")"),
    Name::new("TASKQUEUE", "the task queue (default \"inventory-task-queue\")"),
    Name::new("TEMPORAL_TASK_QUEUE", "the same as TASKQUEUE"),
    Name::new("TRANSFER_MONEY_TASK_QUEUE", "the same as TASKQUEUE, left over from a sibling demo"),
    Name::new(
        "TEMPORAL_PROFILE",
        "the profile in Temporal's own temporal.toml to take the rest from (default \"default\")",
    ),
    Name::new("TEMPORAL_CONFIG_FILE", "Temporal's own temporal.toml, where it is not in its usual folder"),
    Name::new("TEMPORAL_TLS", "true for TLS, false for none; a certificate or an API key means true"),
    Name::new("TEMPORAL_TLS_CERT", "file of the client certificate for mutual TLS"),
    Name::new("TEMPORAL_TLS_CLIENT_CERT_PATH", "the same as TEMPORAL_TLS_CERT"),
    Name::new("TEMPORAL_TLS_CLIENT_CERT_DATA", "the client certificate itself"),
    Name::new("TEMPORAL_TLS_KEY", "file of the client certificate's private key"),
    Name::new("TEMPORAL_TLS_CLIENT_KEY_PATH", "the same as TEMPORAL_TLS_KEY"),
    Name::secret("TEMPORAL_TLS_CLIENT_KEY_DATA", "the private key itself"),
    Name::new("TEMPORAL_SERVER_ROOT_CA_CERT", "file of the authority that signs the server's certificate"),
    Name::new("TEMPORAL_TLS_SERVER_CA_CERT_PATH", "the same as TEMPORAL_SERVER_ROOT_CA_CERT"),
    Name::new("TEMPORAL_TLS_SERVER_CA_CERT_DATA", "the authority's certificate itself"),
    Name::new("TEMPORAL_SERVER_NAME", "the name to verify in the server's certificate (default: the host)"),
    Name::new("TEMPORAL_TLS_SERVER_NAME", "the same as TEMPORAL_SERVER_NAME"),
    Name::new("TEMPORAL_INSECURE_SKIP_VERIFY", "true to take any certificate of the server; never with an API key"),
    Name::new("TEMPORAL_TLS_DISABLE_HOST_VERIFICATION", "the same as TEMPORAL_INSECURE_SKIP_VERIFY"),
    Name::secret("TEMPORAL_API_KEY", "the API key for Temporal Cloud; means TLS"),
    Name::new("IDEMPOTENCE_CONNECT_TIMEOUT", "seconds that a server may take to answer (default 5)"),
    Name::new("ENCRYPT_PAYLOAD", "true to encrypt what Temporal stores (default false)"),
    Name::new("DATACONVERTER_ENCRYPTION_KEY_ID", "id of the key that encrypts; an id, never the key itself"),
    Name::secret("IDEMPOTENCE_ENCRYPTION_KEYS", "the keys as ID:BASE64, several with commas between"),
    Name::new(
        "IDEMPOTENCE_ENCRYPTION_KEY_FILE",
        "the file of the keys (default: encryption-keys.toml beside the settings file)",
    ),
    Name::new("IDEMPOTENCE_REFUSE_PLAINTEXT", "true to read no payload that is not encrypted (default false)"),
    Name::new(
        "IDEMPOTENCE_INSECURE_SAMPLE_KEY",
        "true for the key of Temporal's public samples, which protects nothing",
    ),
    Name::new("TEMPORAL_CODEC_ENDPOINT", "a codec server of other programs; refused unless ENCRYPT_PAYLOAD is true"),
    Name::secret("TEMPORAL_CODEC_AUTH", "what that codec server must be told; not used"),
    Name::secret("IDEMPOTENCE_CODEC_TOKEN", "what callers of the codec server must know"),
    Name::new("IDEMPOTENCE_METRICS", "a worker's Prometheus endpoint, as PORT (of this machine only) or HOST:PORT"),
    Name::new("DATABASE", "the JSON file that holds the stock"),
    Name::new(
        "CHECK_TRANSFER_TASKQUEUE_TIMER",
        "seconds between looks at a database that cannot be watched (default 1)",
    ),
    Name::new("LOG_LEVEL", "trace, debug, info, warn or error (default info)"),
    Name::new("TEMPORAL_CLI", "the Temporal command-line program that serves as the embedded server"),
    Name::new(NO_ENV_FILE, "true to read no .env file; obeyed in the environment only (default false)"),
    Name::new("TEMPORAL_UI_URL", "the address of Temporal's Web UI (default: the dev server's or Temporal Cloud's)"),
    Name::new("IDEMPOTENCE_THEME", "terminal, contrast, colour-blind or mono (default terminal)"),
    Name::new("IDEMPOTENCE_ASCII", "true for ASCII characters only (default: as the locale and the terminal are)"),
    Name::new("IDEMPOTENCE_STILL", "true for a screen on which nothing moves without need (default false)"),
    Name::new("IDEMPOTENCE_PLAIN", "true for one line per event instead of a screen (default: as TERM says)"),
    Name::new("NO_COLOR", "anything: the theme mono, where no other is named"),
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

/// Whether `name`, a variable, a flag or a key of the settings file, sets what is shown as `key`.
pub(super) fn is_key_of(key: &str, name: &str) -> bool {
    let variable = KEYS.iter().find(|entry| entry.key == key).map_or(key, |entry| entry.name);
    let is_flag = || name.strip_prefix("--").is_some_and(|flag| flag.replace('-', "_") == key);
    let is_alias = || ALIASES.iter().any(|names| names.contains(&variable) && names.contains(&name));
    name == key || name == variable || is_flag() || is_alias()
}

/// The names of secrets, which no other program needs to get.
pub fn secrets() -> impl Iterator<Item = &'static str> {
    NAMES.iter().filter(|entry| entry.secret).map(|entry| entry.name)
}

/// Whether the value of `name` must never be shown.
pub(super) fn is_secret(name: &str) -> bool {
    NAMES.iter().any(|entry| entry.name == name && entry.secret)
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
        for name in ALIASES.into_iter().flatten().chain(&MYSQL).chain(KEYS.iter().map(|key| &key.name)) {
            assert!(known(name).is_some(), "{name}");
        }
    }
}
