//! The names of the settings: one table for lookup, messages, help and tests.

use super::needs::Area::{
    self, CodecServer, Connection, Database, Encryption, Files, Program, Screen, Supplier, TaskQueue, Worker,
};

/// A setting in the environment or a `.env` file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Name {
    /// The part of the settings that it belongs to.
    pub area: Area,
    /// The name in the environment.
    pub name: &'static str,
    /// Its meaning, in one line without a full stop.
    pub meaning: &'static str,
    /// Whether its value must never be shown.
    pub secret: bool,
}

/// The kind of value that a key of the settings file has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Seconds,
    Megabytes,
    Boolean,
}

/// A key of the settings file.
#[derive(Debug, Clone, Copy)]
pub(super) struct FileKey {
    pub(super) key: &'static str,
    /// The name in the environment.
    pub(super) name: &'static str,
    pub(super) kind: Kind,
}

/// Names of the server's address, most preferred first. They are aliases: if one layer sets several, they must agree.
pub const SERVER: [&str; 4] = ["TEMPORAL_ADDRESS", "TEMPORAL_URL", "TEMPORAL_HOST_URL", "TEMPORAL_HOST"];
/// Names of the task queue. The last is left over from a sibling demo.
pub const QUEUE: [&str; 3] = ["TASKQUEUE", "TEMPORAL_TASK_QUEUE", "TRANSFER_MONEY_TASK_QUEUE"];
/// Name of the setting that excludes the `.env` file. It has an effect only in the environment.
pub(super) const NO_ENV_FILE: &str = "IDEMPOTENCE_NO_ENV_FILE";
/// Names of the settings of a database in MySQL, which other programs use too. They have an effect only if `DATABASE`
/// selects MySQL.
pub const MYSQL: [&str; 8] = [
    "MYSQL_HOST",
    "MYSQL_PORT",
    "MYSQL_DATABASE",
    "MYSQL_USER",
    "MYSQL_PASSWORD",
    "MYSQL_PASSWORD_FILE",
    "MYSQL_TLS",
    "MYSQL_CA",
];

/// Names of the client certificate: ours, then those of Temporal's own tools. The last is for the text itself instead
/// of the path of its file.
pub const TLS_CERT: [&str; 3] = ["TEMPORAL_TLS_CERT", "TEMPORAL_TLS_CLIENT_CERT_PATH", "TEMPORAL_TLS_CLIENT_CERT_DATA"];
/// Names of the client certificate's key, in the same order.
pub const TLS_KEY: [&str; 3] = ["TEMPORAL_TLS_KEY", "TEMPORAL_TLS_CLIENT_KEY_PATH", "TEMPORAL_TLS_CLIENT_KEY_DATA"];
/// Names of the certificate of the authority that signs the server's, in the same order.
pub const ROOT_CA: [&str; 3] =
    ["TEMPORAL_SERVER_ROOT_CA_CERT", "TEMPORAL_TLS_SERVER_CA_CERT_PATH", "TEMPORAL_TLS_SERVER_CA_CERT_DATA"];
/// Names of the host name to verify in the server's certificate.
pub const SERVER_NAME: [&str; 2] = ["TEMPORAL_SERVER_NAME", "TEMPORAL_TLS_SERVER_NAME"];
/// Names of the setting that accepts any certificate.
pub const SKIP_VERIFY: [&str; 2] = ["TEMPORAL_INSECURE_SKIP_VERIFY", "TEMPORAL_TLS_DISABLE_HOST_VERIFICATION"];
/// All groups of names that are aliases of each other.
pub(super) const ALIASES: [&[&str]; 7] = [&SERVER, &QUEUE, &TLS_CERT, &TLS_KEY, &ROOT_CA, &SERVER_NAME, &SKIP_VERIFY];

/// The keys of the settings file, in the order in which `idempotence config` prints them.
pub(super) const KEYS: [FileKey; 29] = [
    FileKey::new("address", "TEMPORAL_ADDRESS", Kind::Text),
    FileKey::new("namespace", "TEMPORAL_NAMESPACE", Kind::Text),
    FileKey::new("task_queue", "TASKQUEUE", Kind::Text),
    FileKey::new("profile", "TEMPORAL_PROFILE", Kind::Text),
    FileKey::new("tls", "TEMPORAL_TLS", Kind::Boolean),
    FileKey::new("tls_cert", "TEMPORAL_TLS_CERT", Kind::Text),
    FileKey::new("tls_key", "TEMPORAL_TLS_KEY", Kind::Text),
    FileKey::new("server_root_ca_cert", "TEMPORAL_SERVER_ROOT_CA_CERT", Kind::Text),
    FileKey::new("server_name", "TEMPORAL_SERVER_NAME", Kind::Text),
    FileKey::new("insecure_skip_verify", "TEMPORAL_INSECURE_SKIP_VERIFY", Kind::Boolean),
    FileKey::new("connect_timeout", "IDEMPOTENCE_CONNECT_TIMEOUT", Kind::Seconds),
    FileKey::new("encrypt_payload", "ENCRYPT_PAYLOAD", Kind::Boolean),
    FileKey::new("encryption_key_id", "DATACONVERTER_ENCRYPTION_KEY_ID", Kind::Text),
    FileKey::new("metrics", "IDEMPOTENCE_METRICS", Kind::Text),
    FileKey::new("database", "DATABASE", Kind::Text),
    FileKey::new("mysql_password_file", "MYSQL_PASSWORD_FILE", Kind::Text),
    FileKey::new("mysql_tls", "MYSQL_TLS", Kind::Boolean),
    FileKey::new("mysql_ca", "MYSQL_CA", Kind::Text),
    FileKey::new("temporal_cli", "TEMPORAL_CLI", Kind::Text),
    FileKey::new("log_level", "LOG_LEVEL", Kind::Text),
    FileKey::new("check_interval", "CHECK_TRANSFER_TASKQUEUE_TIMER", Kind::Seconds),
    FileKey::new("compact_after", "IDEMPOTENCE_COMPACT_AFTER", Kind::Megabytes),
    FileKey::new("supplier", "SUPPLIER_URL", Kind::Text),
    FileKey::new("supplier_key", "IDEMPOTENCE_SUPPLIER_KEY", Kind::Text),
    FileKey::new("web_ui", "TEMPORAL_UI_URL", Kind::Text),
    FileKey::new("theme", "IDEMPOTENCE_THEME", Kind::Text),
    FileKey::new("ascii", "IDEMPOTENCE_ASCII", Kind::Boolean),
    FileKey::new("still", "IDEMPOTENCE_STILL", Kind::Boolean),
    FileKey::new("plain", "IDEMPOTENCE_PLAIN", Kind::Boolean),
];

/// Every name that this program understands, grouped by topic.
pub const NAMES: [Name; 58] = [
    Name::new(
        Connection,
        "TEMPORAL_ADDRESS",
        "the Temporal server as host:port (default localhost:7233); https:// means TLS",
    ),
    Name::new(Connection, "TEMPORAL_URL", "the same as TEMPORAL_ADDRESS"),
    Name::new(Connection, "TEMPORAL_HOST_URL", "the same as TEMPORAL_ADDRESS"),
    Name::new(Connection, "TEMPORAL_HOST", "the same as TEMPORAL_ADDRESS; a bare host means port 7233"),
    Name::new(Connection, "TEMPORAL_NAMESPACE", "the Temporal namespace (default \"default\")"),
    Name::new(TaskQueue, "TASKQUEUE", "the task queue (default \"inventory-task-queue\")"),
    Name::new(TaskQueue, "TEMPORAL_TASK_QUEUE", "the same as TASKQUEUE"),
    Name::new(TaskQueue, "TRANSFER_MONEY_TASK_QUEUE", "the same as TASKQUEUE, left over from a sibling demo"),
    Name::new(
        Connection,
        "TEMPORAL_PROFILE",
        "the profile in Temporal's own temporal.toml that supplies everything not set (default \"default\")",
    ),
    Name::new(
        Connection,
        "TEMPORAL_CONFIG_FILE",
        "the path of Temporal's own temporal.toml (default: in its usual folder)",
    ),
    Name::new(Connection, "TEMPORAL_TLS", "true to use TLS, false for none; a certificate or an API key implies true"),
    Name::new(Connection, "TEMPORAL_TLS_CERT", "file of the client certificate for mutual TLS"),
    Name::new(Connection, "TEMPORAL_TLS_CLIENT_CERT_PATH", "the same as TEMPORAL_TLS_CERT"),
    Name::new(Connection, "TEMPORAL_TLS_CLIENT_CERT_DATA", "the client certificate itself"),
    Name::new(Connection, "TEMPORAL_TLS_KEY", "file of the client certificate's private key"),
    Name::new(Connection, "TEMPORAL_TLS_CLIENT_KEY_PATH", "the same as TEMPORAL_TLS_KEY"),
    Name::secret(Connection, "TEMPORAL_TLS_CLIENT_KEY_DATA", "the private key itself"),
    Name::new(Connection, "TEMPORAL_SERVER_ROOT_CA_CERT", "file of the authority that signs the server's certificate"),
    Name::new(Connection, "TEMPORAL_TLS_SERVER_CA_CERT_PATH", "the same as TEMPORAL_SERVER_ROOT_CA_CERT"),
    Name::new(Connection, "TEMPORAL_TLS_SERVER_CA_CERT_DATA", "the authority's certificate itself"),
    Name::new(Connection, "TEMPORAL_SERVER_NAME", "the name to verify in the server's certificate (default: the host)"),
    Name::new(Connection, "TEMPORAL_TLS_SERVER_NAME", "the same as TEMPORAL_SERVER_NAME"),
    Name::new(
        Connection,
        "TEMPORAL_INSECURE_SKIP_VERIFY",
        "true to accept any server certificate (testing only); never with an API key",
    ),
    Name::new(Connection, "TEMPORAL_TLS_DISABLE_HOST_VERIFICATION", "the same as TEMPORAL_INSECURE_SKIP_VERIFY"),
    Name::secret(Connection, "TEMPORAL_API_KEY", "the API key for Temporal Cloud; implies TLS"),
    Name::new(Connection, "IDEMPOTENCE_CONNECT_TIMEOUT", "seconds to wait for the server's answer (default 5)"),
    Name::new(Encryption, "ENCRYPT_PAYLOAD", "true to encrypt what Temporal stores (default false)"),
    Name::new(Encryption, "DATACONVERTER_ENCRYPTION_KEY_ID", "id of the key that encrypts; never the key itself"),
    Name::secret(Encryption, "IDEMPOTENCE_ENCRYPTION_KEYS", "the keys as ID:BASE64, separated by commas"),
    Name::new(
        Encryption,
        "IDEMPOTENCE_ENCRYPTION_KEY_FILE",
        "the file of the keys (default: encryption-keys.toml beside the settings file)",
    ),
    Name::new(
        Encryption,
        "IDEMPOTENCE_REFUSE_PLAINTEXT",
        "true to reject payloads that are not encrypted (default false)",
    ),
    Name::new(
        Encryption,
        "IDEMPOTENCE_INSECURE_SAMPLE_KEY",
        "true to use the key of Temporal's public samples, which protects nothing",
    ),
    Name::new(
        Encryption,
        "TEMPORAL_CODEC_ENDPOINT",
        "the codec server of other programs; refused unless ENCRYPT_PAYLOAD is true",
    ),
    Name::secret(Encryption, "TEMPORAL_CODEC_AUTH", "the authorization for that codec server; not used"),
    Name::secret(CodecServer, "IDEMPOTENCE_CODEC_TOKEN", "the token that callers of the codec server must send"),
    Name::new(
        Worker,
        "IDEMPOTENCE_METRICS",
        "a worker's Prometheus endpoint, as PORT (of this machine only) or HOST:PORT",
    ),
    Name::new(Database, "DATABASE", "the JSON file of the stock, or mysql: for a database in MySQL"),
    Name::new(
        Worker,
        "CHECK_TRANSFER_TASKQUEUE_TIMER",
        "seconds between checks of a database that cannot be watched (default 1)",
    ),
    Name::new(
        Worker,
        "IDEMPOTENCE_COMPACT_AFTER",
        "megabytes of attempts after which a worker compacts the journal (default 64; 0 means never)",
    ),
    Name::new(Supplier, "SUPPLIER_URL", "the supplier that ships orders, as http://host:port (default none)"),
    Name::new(
        Supplier,
        "IDEMPOTENCE_SUPPLIER_KEY",
        "how the supplier recognises a repeated order: header, outbox, lookup or none (default header)",
    ),
    Name::new(Screen, "LOG_LEVEL", "trace, debug, info, warn or error (default info)"),
    Name::new(Program, "TEMPORAL_CLI", "the temporal program that runs the embedded server"),
    Name::new(Files, NO_ENV_FILE, "true to skip the .env file; only in the environment (default false)"),
    Name::new(
        Screen,
        "TEMPORAL_UI_URL",
        "the address of Temporal's Web UI (default: the dev server's or Temporal Cloud's)",
    ),
    Name::new(Screen, "IDEMPOTENCE_THEME", "terminal, contrast, colour-blind or mono (default terminal)"),
    Name::new(
        Screen,
        "IDEMPOTENCE_ASCII",
        "true for ASCII characters only (default: from the locale and the terminal)",
    ),
    Name::new(Screen, "IDEMPOTENCE_STILL", "true to reduce motion (default false)"),
    Name::new(Screen, "IDEMPOTENCE_PLAIN", "true for one line per event instead of a screen (default: from TERM)"),
    Name::new(Screen, "NO_COLOR", "any value: the theme mono, unless another is named"),
    Name::new(Database, "MYSQL_HOST", "host of the MySQL server, or the path of its socket, if DATABASE is mysql:"),
    Name::new(Database, "MYSQL_PORT", "port of the MySQL server (default 3306)"),
    Name::new(Database, "MYSQL_DATABASE", "database on the MySQL server"),
    Name::new(Database, "MYSQL_USER", "user on the MySQL server"),
    Name::secret(Database, "MYSQL_PASSWORD", "password on the MySQL server"),
    Name::new(Database, "MYSQL_PASSWORD_FILE", "the file of that password, instead of MYSQL_PASSWORD"),
    Name::new(
        Database,
        "MYSQL_TLS",
        "true to use TLS with the MySQL server, false for none (default: true beyond this machine)",
    ),
    Name::new(Database, "MYSQL_CA", "file of the authority that signs the MySQL server's certificate; implies TLS"),
];

impl Name {
    const fn new(area: Area, name: &'static str, meaning: &'static str) -> Self {
        Self { area, name, meaning, secret: false }
    }

    const fn secret(area: Area, name: &'static str, meaning: &'static str) -> Self {
        Self { area, name, meaning, secret: true }
    }
}

impl FileKey {
    const fn new(key: &'static str, name: &'static str, kind: Kind) -> Self {
        Self { key, name, kind }
    }
}

/// Returns the name in [`NAMES`] that equals `name`; `None` if it is unknown.
pub(super) fn known(name: &str) -> Option<&'static str> {
    NAMES.iter().find(|entry| entry.name == name).map(|entry| entry.name)
}

/// Returns the part of the settings that the variable `name` belongs to. Names outside the table configure the connection:
/// proxies, and metadata with names of the user's choice.
pub(super) fn area_of(name: &str) -> Area {
    NAMES.iter().find(|entry| entry.name == name).map_or(Connection, |entry| entry.area)
}

/// Returns the part of the settings that a flag belongs to. The flag is written with underscores, as in the settings file.
#[must_use]
pub fn area_of_flag(flag: &str) -> Area {
    // The only other flag is `--no-env-file`.
    KEYS.iter().find(|key| key.key == flag).map_or(Files, |key| area_of(key.name))
}

/// Whether `name`, a variable, a flag or a key of the settings file, sets the setting `key`.
pub(super) fn is_key_of(key: &str, name: &str) -> bool {
    let variable = KEYS.iter().find(|entry| entry.key == key).map_or(key, |entry| entry.name);
    let is_flag = || name.strip_prefix("--").is_some_and(|flag| flag.replace('-', "_") == key);
    let is_alias = || ALIASES.iter().any(|names| names.contains(&variable) && names.contains(&name));
    name == key || name == variable || is_flag() || is_alias()
}

/// Returns the names of secrets, which are removed from the environment of child processes.
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
