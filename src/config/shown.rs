//! The settings as `idempotence config` shows them: by their keys, with their origins, and without secrets.

use std::path::Path;

use secrecy::SecretString;
use serde_json::{Value, json};

use super::effective::Effective;
use super::error::SettingsError;
use super::mysql_url::ServerHost;
use super::names;
use super::security::Credential;
use super::sourced::{Layer, Origin, Sourced};
use crate::encryption::KeyId;

/// Replaces a secret.
const NOT_SHOWN: &str = "set, not shown";

/// Replaces a value that is not valid, and may be a secret.
const NOT_VALID: &str = "set, not valid";

/// A setting as shown to the user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// The key in the settings file, or the name in the environment if the file has no key for it.
    pub key: &'static str,
    /// The value; null if it is not set, and a note instead of a secret.
    pub value: Value,
    /// The setting that set it, and its layer.
    pub origin: Origin,
}

impl Shown {
    fn of<T>(key: &'static str, from: &Sourced<T>, value: impl FnOnce(&T) -> Value) -> Self {
        Self { key, value: value(&from.value), origin: from.origin.clone() }
    }

    fn optional<T>(
        key: &'static str,
        name: &'static str,
        from: Option<&Sourced<T>>,
        value: impl FnOnce(&T) -> Value,
    ) -> Self {
        let unset = || Self { key, value: Value::Null, origin: Origin { name, layer: Layer::Default } };
        from.map_or_else(unset, |from| Self::of(key, from, value))
    }
}

fn path(path: &Path) -> Value {
    json!(path.to_string_lossy())
}

fn credential(credential: &Credential) -> Value {
    match credential {
        Credential::File(file) => path(file),
        Credential::Inline(_) => json!(NOT_SHOWN),
    }
}

/// Shows a setting without effect; `None` replaces a value that may be a secret.
fn unused(value: Option<&str>) -> Value {
    value.map_or_else(|| json!(NOT_SHOWN), |text| json!(text))
}

/// Shows the id of a key. A text that is not an id may be a key in the wrong place.
fn key_id(id: &str) -> Value {
    if id.parse::<KeyId>().is_ok() { json!(id) } else { json!(NOT_SHOWN) }
}

impl Effective {
    /// Returns every setting: the keys of the settings file in their order, then the others.
    #[must_use]
    pub fn shown(&self) -> Vec<Shown> {
        let text = |text: &String| json!(text);
        let mut all = vec![
            Shown::of("address", &self.address, |target| json!(target.address.to_string())),
            Shown::of("namespace", &self.namespace, text),
            Shown::of("task_queue", &self.task_queue, text),
            Shown::of("profile", &self.profile, text),
        ];
        all.extend(self.shown_security());
        let encryption = &self.encryption;
        all.extend([
            Shown::of("encrypt_payload", &encryption.on, |on| json!(on)),
            Shown::optional("encryption_key_id", "DATACONVERTER_ENCRYPTION_KEY_ID", encryption.key_id.as_ref(), |id| {
                key_id(id)
            }),
            Shown::optional("metrics", "IDEMPOTENCE_METRICS", self.metrics.as_ref(), |at| json!(at.to_string())),
            Shown::of("database", &self.database.location, |location| json!(location.to_string())),
        ]);
        all.extend(self.shown_mysql_keys());
        all.extend([
            Shown::of("temporal_cli", &self.temporal_cli, |program| {
                program.as_ref().map_or(Value::Null, |program| path(program))
            }),
            Shown::of("log_level", &self.log_level, |level| json!(level.as_str().to_ascii_lowercase())),
            Shown::of("check_interval", &self.check_interval, |interval| json!(interval.as_secs())),
            Shown::of("compact_after", &self.compact_after, |megabytes| json!(megabytes)),
            Shown::of("supplier", &self.supplier, |url| url.as_ref().map_or(Value::Null, |url| json!(url.to_string()))),
            Shown::of("supplier_key", &self.supplier_key, |policy| json!(policy.name())),
            Shown::optional("web_ui", "TEMPORAL_UI_URL", self.screen.web_ui.as_ref(), |url| json!(url)),
            Shown::of("theme", &self.screen.theme, |theme| json!(theme.name())),
            Shown::of("ascii", &self.screen.ascii, |ascii| json!(ascii)),
            Shown::of("still", &self.screen.still, |still| json!(still)),
            Shown::of("plain", &self.screen.plain, |plain| json!(plain)),
            Shown::of("state_dir", &self.state_dir, |folder| path(folder)),
            Shown::of("cache_dir", &self.cache_dir, |folder| path(folder)),
        ]);
        all.extend(self.shown_beside_the_file());
        all.extend(self.shown_mysql());
        for shown in all.iter_mut().filter(|shown| shown.key == "database") {
            if let Some(origin) = &self.database.unusable {
                (shown.value, shown.origin) = (json!(NOT_VALID), origin.clone());
            }
        }
        for origin in self.problems.iter().filter_map(SettingsError::origin) {
            let is_it = |shown: &&mut Shown| {
                let by_default = shown.origin.layer == Layer::Default && names::is_key_of(shown.key, origin.name);
                by_default || shown.origin == *origin
            };
            for shown in all.iter_mut().filter(is_it) {
                (shown.value, shown.origin) = (json!(NOT_VALID), origin.clone());
            }
        }
        all
    }

    /// Returns the settings of MySQL that the settings file has keys for.
    fn shown_mysql_keys(&self) -> Vec<Shown> {
        let keys =
            [("mysql_password_file", "MYSQL_PASSWORD_FILE"), ("mysql_tls", "MYSQL_TLS"), ("mysql_ca", "MYSQL_CA")];
        let Some(mysql) = &self.database.mysql else {
            let found = |name| self.without_effect.iter().find(|(known, _)| *known == name).map(|(_, value)| value);
            return keys
                .map(|(key, name)| Shown::optional(key, name, found(name), |value| unused(value.as_deref())))
                .into();
        };
        let [(file, of_file), (tls, _), (ca, of_ca)] = keys;
        vec![
            Shown::optional(file, of_file, mysql.password_file.as_ref(), |file| path(file)),
            Shown::of(tls, &mysql.tls, |tls| json!(tls)),
            Shown::optional(ca, of_ca, mysql.ca.as_ref(), |file| path(file)),
        ]
    }

    /// Returns the settings of MySQL that exist only as variables. Without MySQL, only those that are set are shown.
    fn shown_mysql(&self) -> Vec<Shown> {
        let Some(mysql) = &self.database.mysql else {
            let has_key = |name: &str| names::KEYS.iter().any(|key| key.name == name);
            let without_effect = self.without_effect.iter().filter(|(name, _)| !has_key(name));
            return without_effect
                .map(|(name, value)| Shown::of(name, value, |value| unused(value.as_deref())))
                .collect();
        };
        vec![
            Shown::of("MYSQL_HOST", &mysql.host, |host| match host {
                ServerHost::Name(name) => json!(name),
                ServerHost::Socket(socket) => path(socket),
            }),
            Shown::optional("MYSQL_PORT", "MYSQL_PORT", mysql.port.as_ref(), |port| json!(port)),
            Shown::of("MYSQL_DATABASE", &mysql.name, |name| json!(name)),
            Shown::of("MYSQL_USER", &mysql.user, |user| json!(user)),
            Shown::optional("MYSQL_PASSWORD", "MYSQL_PASSWORD", mysql.password.as_ref(), |_| json!(NOT_SHOWN)),
        ]
    }

    /// Returns the settings that are secret or belong to a secret.
    fn shown_beside_the_file(&self) -> Vec<Shown> {
        let encryption = &self.encryption;
        let secret =
            |name, from: Option<&Sourced<SecretString>>| Shown::optional(name, name, from, |_| json!(NOT_SHOWN));
        let truth = |name, from: &Sourced<bool>| Shown::of(name, from, |truth| json!(truth));
        vec![
            secret("TEMPORAL_API_KEY", self.security.api_key.as_ref()),
            Shown::optional("HTTPS_PROXY", "HTTPS_PROXY", self.proxy.proxy.as_ref(), |proxy| json!(proxy.address)),
            secret("IDEMPOTENCE_ENCRYPTION_KEYS", encryption.keys.as_ref()),
            Shown::optional(
                "IDEMPOTENCE_ENCRYPTION_KEY_FILE",
                "IDEMPOTENCE_ENCRYPTION_KEY_FILE",
                encryption.key_file.as_ref(),
                |file| path(file),
            ),
            truth("IDEMPOTENCE_REFUSE_PLAINTEXT", &encryption.refuse_plaintext),
            truth("IDEMPOTENCE_INSECURE_SAMPLE_KEY", &encryption.sample_key),
            secret("IDEMPOTENCE_CODEC_TOKEN", self.codec_token.as_ref()),
        ]
    }

    fn shown_security(&self) -> Vec<Shown> {
        let security = &self.security;
        let file = |key, names: &[&'static str], from| {
            Shown::optional(key, names.first().copied().unwrap_or_default(), from, credential)
        };
        let server_name = security.server_name.as_ref();
        vec![
            Shown::of("tls", &security.tls, |tls| json!(tls)),
            file("tls_cert", &names::TLS_CERT, security.cert.as_ref()),
            file("tls_key", &names::TLS_KEY, security.key.as_ref()),
            file("server_root_ca_cert", &names::ROOT_CA, security.root_ca.as_ref()),
            Shown::optional("server_name", names::SERVER_NAME[0], server_name, |name| json!(name)),
            Shown::of("insecure_skip_verify", &security.skip_verify, |skip| json!(skip)),
            Shown::of("connect_timeout", &self.connect_timeout, |timeout| json!(timeout.as_secs())),
        ]
    }
}
