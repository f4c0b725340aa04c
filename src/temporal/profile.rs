//! Parses Temporal's profile file, `temporal.toml`, which contains the connection settings of Temporal's CLI and SDKs.
//! The SDK defines the meaning of the settings. The caller reads the file.

use std::collections::BTreeMap;

use temporalio_common::envconfig::{
    ClientConfig, ClientConfigFromTOMLOptions, ClientConfigProfile, ClientConfigTLS, ConfigError, DataSource,
};

use crate::{
    error_text::nearest,
    source_text::{Position, Source},
    toml_table::{Document, Table},
};

/// Folder of Temporal's own tools inside the user's configuration folder.
pub const PROFILE_FOLDER: &str = "temporalio";
/// Name of the profile file.
pub const PROFILE_FILE: &str = "temporal.toml";

/// The settings of a profile. Its values may be secrets.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Profile {
    /// Values by the name of the environment variable. Relative paths are not resolved.
    pub values: BTreeMap<&'static str, String>,
    /// gRPC metadata by name.
    pub metadata: BTreeMap<String, String>,
    /// Unknown keys that resemble a known one, each with the known key.
    pub misspelled: Vec<(String, &'static str)>,
}

/// The keys of a profile. `TLS_KEYS` are those of its TLS table.
const KEYS: [&str; 6] = ["address", "namespace", "api_key", "tls", "codec", "grpc_meta"];
const TLS_KEYS: [&str; 9] = [
    "disabled",
    "client_cert_path",
    "client_cert_data",
    "client_key_path",
    "client_key_data",
    "server_ca_cert_path",
    "server_ca_cert_data",
    "server_name",
    "disable_host_verification",
];

impl std::fmt::Debug for Profile {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Profile({:?}, {:?})", self.values.keys(), self.metadata.keys())
    }
}

/// Why a text is not a profile file. Messages contain no values, since those may be secrets.
#[expect(missing_docs, reason = "the fields are the values in the messages")]
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProfileError {
    /// There is an error at a position of the file.
    #[error("{at}: {problem}")]
    Malformed { at: Position, problem: String },
    /// The SDK does not accept the file.
    #[error("{0}")]
    Unusable(String),
}

/// Parses the profiles in `text`, by name.
///
/// # Errors
/// Returns [`ProfileError`] if the text is not TOML or a value has the wrong type.
pub fn profiles(text: &str) -> Result<BTreeMap<String, Profile>, ProfileError> {
    let config = ClientConfig::from_toml(text.as_bytes(), ClientConfigFromTOMLOptions::default())
        .map_err(|error| problem(text, &error))?;
    let document = Document::parse(Source::new("", text)).ok();
    let tables = document.as_ref().and_then(|document| inner(document.root("the file"), "profile"));
    let profile = |(name, profile): (String, _)| {
        let misspelled = tables.and_then(|tables| inner(tables, &name)).map(misspelled).unwrap_or_default();
        (name, Profile { misspelled, ..profile_of(profile) })
    };
    Ok(config.profiles.into_iter().map(profile).collect())
}

/// Returns the unknown keys that resemble a known one. Other unknown keys may belong to other programs and are ignored.
fn misspelled(profile: Table<'_>) -> Vec<(String, &'static str)> {
    let of = |table: Table<'_>, known: &[&'static str]| -> Vec<_> {
        let unknown = table.keys().into_iter().map(|key| key.value).filter(|key| !known.contains(key));
        unknown.filter_map(|key| Some((key.to_owned(), nearest(key, known.iter().copied())?))).collect()
    };
    [of(profile, &KEYS), inner(profile, "tls").map(|tls| of(tls, &TLS_KEYS)).unwrap_or_default()].concat()
}

/// Returns the table `key` in `table`. If the value is not a table, the SDK reports it.
fn inner<'t>(table: Table<'t>, key: &str) -> Option<Table<'t>> {
    table.table(key, "the table").ok().flatten()
}

fn profile_of(profile: ClientConfigProfile) -> Profile {
    let ClientConfigProfile { address, namespace, api_key, tls, codec, grpc_meta, .. } = profile;
    let mut values = BTreeMap::new();
    let (endpoint, auth) = codec.map(|codec| (codec.endpoint, codec.auth)).unwrap_or_default();
    let plain = [
        ("TEMPORAL_ADDRESS", address),
        ("TEMPORAL_NAMESPACE", namespace),
        ("TEMPORAL_API_KEY", api_key),
        ("TEMPORAL_CODEC_ENDPOINT", endpoint),
        ("TEMPORAL_CODEC_AUTH", auth),
    ];
    values.extend(plain.into_iter().filter_map(|(name, value)| Some((name, value?))));
    if let Some(tls) = tls {
        values.extend(tls_of(tls));
    }
    Profile { values, metadata: grpc_meta.into_iter().collect(), misspelled: Vec::new() }
}

/// Returns the TLS settings. A TLS table enables TLS unless it sets `disabled`.
fn tls_of(tls: ClientConfigTLS) -> BTreeMap<&'static str, String> {
    let ClientConfigTLS {
        disabled,
        client_cert,
        client_key,
        server_ca_cert,
        server_name,
        disable_host_verification,
        ..
    } = tls;
    if disabled == Some(true) {
        return BTreeMap::from([("TEMPORAL_TLS", "false".to_owned())]);
    }
    let mut values = BTreeMap::from([("TEMPORAL_TLS", "true".to_owned())]);
    let sources = [
        (client_cert, "TEMPORAL_TLS_CLIENT_CERT_PATH", "TEMPORAL_TLS_CLIENT_CERT_DATA"),
        (client_key, "TEMPORAL_TLS_CLIENT_KEY_PATH", "TEMPORAL_TLS_CLIENT_KEY_DATA"),
        (server_ca_cert, "TEMPORAL_TLS_SERVER_CA_CERT_PATH", "TEMPORAL_TLS_SERVER_CA_CERT_DATA"),
    ];
    for (source, path, data) in sources {
        match source {
            Some(DataSource::Path(file)) => values.insert(path, file),
            Some(DataSource::Data(bytes)) => values.insert(data, String::from_utf8_lossy(&bytes).into_owned()),
            _ => None,
        };
    }
    values.extend(server_name.map(|name| ("TEMPORAL_TLS_SERVER_NAME", name)));
    if disable_host_verification {
        values.insert("TEMPORAL_TLS_DISABLE_HOST_VERIFICATION", "true".to_owned());
    }
    values
}

/// Returns the position and the kind of a problem, without the line that the library's message contains.
fn problem(text: &str, error: &ConfigError) -> ProfileError {
    let ConfigError::LoadError(cause) = error else { return ProfileError::Unusable(error.to_string()) };
    match cause.downcast_ref::<toml::de::Error>() {
        Some(error) => ProfileError::Malformed {
            at: Source::new("", text).at(error.span().map_or(0, |span| span.start)),
            problem: kind(error.message()),
        },
        None => ProfileError::Unusable(cause.to_string()),
    }
}

/// Returns the problem without the value that serde includes, as in `invalid type: integer `5`, expected a string`.
fn kind(message: &str) -> String {
    match (message.split_once(':'), message.rsplit_once("expected")) {
        (Some((kind @ ("invalid type" | "invalid value"), _)), Some((_, expected))) => {
            format!("{kind}, expected{}", without_type_name(expected))
        }
        _ => message.to_owned(),
    }
}

/// Replaces the library's type names, such as `struct TomlClientConfigTLS`, with the expected table.
fn without_type_name(expected: &str) -> &str {
    match expected.trim().strip_prefix("struct ") {
        Some("TomlClientConfigTLS") => " a table, as in [profile.NAME.tls]; an empty one enables TLS",
        Some("TomlClientConfigCodec") => " a table, as in [profile.NAME.codec]",
        Some(_) => " a table, as in [profile.NAME]",
        None => expected,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLOUD: &str = r#"
[profile.default]
address = "localhost:7233"

[profile.cloud]
address = "myns.abcdf.tmprl.cloud:7233"
namespace = "myns.abcdf"
api_key = "hunter2"
[profile.cloud.tls]
client_cert_path = "client.pem"
client_key_data = "-----BEGIN"
server_name = "name"
disable_host_verification = true
[profile.cloud.grpc_meta]
x = "y"
[profile.cloud.codec]
endpoint = "http://codec:8081"
auth = "hunter2"

[profile.open.tls]
disabled = true
client_cert_path = "ignored"
"#;

    #[test]
    fn a_profile_is_read_under_the_names_of_the_environment() {
        let found = profiles(CLOUD).unwrap();
        assert_eq!(found.keys().collect::<Vec<_>>(), ["cloud", "default", "open"]);
        assert_eq!(found["default"].values, BTreeMap::from([("TEMPORAL_ADDRESS", "localhost:7233".to_owned())]));
        assert_eq!(found["open"].values, BTreeMap::from([("TEMPORAL_TLS", "false".to_owned())]));
        let expected = [
            ("TEMPORAL_ADDRESS", "myns.abcdf.tmprl.cloud:7233"),
            ("TEMPORAL_API_KEY", "hunter2"),
            ("TEMPORAL_CODEC_AUTH", "hunter2"),
            ("TEMPORAL_CODEC_ENDPOINT", "http://codec:8081"),
            ("TEMPORAL_NAMESPACE", "myns.abcdf"),
            ("TEMPORAL_TLS", "true"),
            ("TEMPORAL_TLS_CLIENT_CERT_PATH", "client.pem"),
            ("TEMPORAL_TLS_CLIENT_KEY_DATA", "-----BEGIN"),
            ("TEMPORAL_TLS_DISABLE_HOST_VERIFICATION", "true"),
            ("TEMPORAL_TLS_SERVER_NAME", "name"),
        ];
        let cloud: Vec<_> = found["cloud"].values.iter().map(|(name, value)| (*name, value.as_str())).collect();
        assert_eq!(cloud, expected);
        assert_eq!(found["cloud"].metadata, BTreeMap::from([("x".to_owned(), "y".to_owned())]));
        assert!(!format!("{found:?}").contains("hunter2"));
        assert_eq!(profiles(" \n").unwrap(), BTreeMap::new());
    }

    #[test]
    fn a_problem_has_its_position_and_no_value() {
        let cases = [
            ("[profile.x]\napi_key = hunter2", 2),
            ("[profile.x]\napi_key = \"hunter2", 2),
            ("[profile.x]\naddress = 5", 2),
            ("[profile.x]\ntls = \"hunter2\"", 2),
            ("[profile.x]\ntls = true", 2),
            ("[profile.x]\ncodec = true", 2),
            ("[profile]\nx = true", 2),
            ("[profile.x.tls]\ndisabled = \"hunter2\"", 2),
        ];
        for (text, line) in cases {
            let error = profiles(text).unwrap_err();
            let ProfileError::Malformed { at, problem } = &error else { panic!("{error}") };
            assert_eq!(at.line, line, "{error}");
            assert!(!problem.contains("struct"), "{problem}");
            assert!(!problem.is_empty() && !format!("{error} {error:?}").contains("hunter2"), "{error:?}");
        }
    }
}
