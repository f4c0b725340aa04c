//! gRPC metadata for every call, from `TEMPORAL_GRPC_META_*` and from a profile, by the rules of Temporal's own tools:
//! `TEMPORAL_GRPC_META_X_TEAM` sets `x-team`, and an empty variable removes an entry of the profile. Values may be
//! secrets.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
};

use secrecy::SecretString;

use super::foreign;

/// The prefix of the variables.
pub(super) const PREFIX: &str = "TEMPORAL_GRPC_META_";

/// The metadata, by its names.
#[derive(Debug, Clone, Default)]
pub(super) struct Metadata {
    pub(super) entries: BTreeMap<String, SecretString>,
    /// The reasons why entries are not sent.
    pub(super) notices: Vec<String>,
}

/// Collects the metadata; the environment overrides the profile.
pub(super) fn collect(environment: &[(OsString, OsString)], profile: &BTreeMap<String, String>) -> Metadata {
    let mut metadata = Metadata::default();
    let profile = profile.iter().map(|(name, value)| Entry {
        key: key_of(name),
        origin: format!("grpc_meta {name} in the profile"),
        value: Some(value.as_str()),
    });
    let mut all = metadata.by_key(profile);
    let mut variables: Vec<_> = environment.iter().filter_map(|(name, value)| variable(name, value)).collect();
    // If names differ only in case, the one in capital letters applies, because it is the documented form.
    variables.sort_by(|a, b| a.origin.cmp(&b.origin));
    all.extend(metadata.by_key(variables));
    for (key, Entry { origin, value, .. }) in all {
        match checked(&key, value) {
            Ok("") => {}
            Ok(value) => drop(metadata.entries.insert(key, value.into())),
            Err(problem) => metadata.notices.push(format!("{origin} had no effect: {problem}.")),
        }
    }
    metadata
}

/// A name and its value in one layer.
struct Entry<'v> {
    /// The name that is sent.
    key: String,
    origin: String,
    /// The value; `None` if it is not text.
    value: Option<&'v str>,
}

impl Metadata {
    /// Returns the first entry of each key in one layer. A later one with another value causes a notice.
    fn by_key<'v>(&mut self, entries: impl IntoIterator<Item = Entry<'v>>) -> BTreeMap<String, Entry<'v>> {
        let mut by_key: BTreeMap<String, Entry<'v>> = BTreeMap::new();
        for entry in entries {
            match by_key.get(&entry.key) {
                Some(first) if first.value == entry.value => {}
                Some(first) => self.notices.push(format!(
                    "{} had no effect: {} sets {} to another value; keep one of them.",
                    entry.origin, first.origin, entry.key
                )),
                None => drop(by_key.insert(entry.key.clone(), entry)),
            }
        }
        by_key
    }
}

fn variable<'v>(name: &OsStr, value: &'v OsStr) -> Option<Entry<'v>> {
    let name = name.to_str()?;
    let key = key_of(name.strip_prefix(PREFIX)?);
    let origin = format!("{} in the environment", name.escape_debug());
    Some(Entry { key, origin, value: value.to_str() })
}

fn key_of(name: &str) -> String {
    name.to_ascii_lowercase().replace('_', "-")
}

/// Headers that HTTP/2 forbids, and headers that the connection itself sets.
const OF_THE_CONNECTION: [&str; 11] = [
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "host",
    "keep-alive",
    "proxy-connection",
    "te",
    "transfer-encoding",
    "upgrade",
    "user-agent",
];

/// Returns the value if gRPC can send it under that name, or the reason why not.
fn checked<'v>(key: &str, value: Option<&'v str>) -> Result<&'v str, &'static str> {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.".contains(&byte);
    if key.is_empty() || !key.bytes().all(fits) {
        return Err("its name is not a valid name of gRPC metadata");
    }
    if key.ends_with("-bin") || key.starts_with("grpc-") {
        return Err("metadata that begins with grpc- or ends with -bin is not supported");
    }
    if OF_THE_CONNECTION.contains(&key) {
        return Err("this header belongs to the connection itself and cannot be set");
    }
    let value = value.unwrap_or("\u{fffd}").trim();
    if foreign::is_placeholder(value) {
        return Err(
            "its value is still a template's placeholder, such as $TOKEN or <token>, and variables are not expanded",
        );
    }
    if value.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()) {
        Ok(value)
    } else {
        Err("its value has a character that is not printable ASCII")
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    fn collected(variables: &[(&str, &str)], profile: &[(&str, &str)]) -> (Vec<(String, String)>, Vec<String>) {
        let environment: Vec<_> = variables.iter().map(|(name, value)| (name.into(), value.into())).collect();
        let profile = profile.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let metadata = collect(&environment, &profile);
        assert!(!format!("{metadata:?}").contains("hunter2"));
        let shown = |(name, value): (&String, &SecretString)| (name.clone(), value.expose_secret().to_owned());
        (metadata.entries.iter().map(shown).collect(), metadata.notices)
    }

    #[test]
    fn the_environment_is_over_the_profile_and_removes_from_it() {
        let (entries, notices) = collected(
            &[("TEMPORAL_GRPC_META_X_TEAM", "stock"), ("TEMPORAL_GRPC_META_GONE", ""), ("GRPC_META_X", "no")],
            &[("X_Team", "other"), ("gone", "x"), ("authorization", "Bearer hunter2")],
        );
        let expected = [("authorization", "Bearer hunter2"), ("x-team", "stock")];
        assert_eq!(entries, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
        assert!(notices.is_empty(), "{notices:?}");
    }

    #[test]
    fn headers_of_the_connection_and_placeholders_are_left_out_by_name() {
        for name in ["CONNECTION", "HOST", "CONTENT_LENGTH", "TE", "TRANSFER_ENCODING", "GRPC_STATUS", ":AUTHORITY"] {
            let lower = name.to_ascii_lowercase();
            let variable = format!("{PREFIX}{name}");
            for (entries, notices) in [collected(&[(&variable, "x")], &[]), collected(&[], &[(&lower, "x")])] {
                assert!(entries.is_empty() && notices.len() == 1, "{name}: {notices:?}");
                assert!(notices[0].contains(name) || notices[0].contains(&lower), "{notices:?}");
            }
        }
        let (entries, notices) = collected(&[("TEMPORAL_GRPC_META_AUTHORIZATION", "Bearer ${TOKEN}")], &[]);
        assert!(entries.is_empty() && notices[0].contains("placeholder"), "{notices:?}");
    }

    #[test]
    fn names_that_differ_in_case_only_must_agree() {
        let (first, second) = ("TEMPORAL_GRPC_META_X_TEAM", "TEMPORAL_GRPC_META_x_team");
        for variables in [[(first, "stock"), (second, "hunter2")], [(second, "hunter2"), (first, "stock")]] {
            let (entries, notices) = collected(&variables, &[("x-team", "profile")]);
            assert_eq!(entries, [("x-team".to_owned(), "stock".to_owned())]);
            assert!(notices.len() == 1 && notices[0].starts_with(second) && notices[0].contains(first), "{notices:?}");
            assert!(!notices[0].contains("hunter2"), "{notices:?}");
        }
        assert!(collected(&[(first, "a"), (second, "a")], &[]).1.is_empty());
        assert_eq!(collected(&[], &[("X_Team", "a"), ("x-team", "b")]).1.len(), 1);
    }

    #[test]
    fn metadata_that_grpc_cannot_send_is_reported_without_its_value() {
        for (name, value) in
            [("X_BIN", "hunter2"), ("GRPC_TIMEOUT", "hunter2"), ("", "hunter2"), ("Ä", "hunter2"), ("X", "hunter2\n1")]
        {
            let (entries, notices) = collected(&[(&format!("{PREFIX}{name}"), value)], &[]);
            assert!(entries.is_empty() && notices.len() == 1, "{name}");
            assert!(notices[0].contains(" had no effect: ") && !notices[0].contains("hunter2"), "{notices:?}");
        }
    }
}
