//! gRPC metadata that goes with every call, from `TEMPORAL_GRPC_META_*` and from a profile, by the rules of Temporal's own
//! tools: `TEMPORAL_GRPC_META_X_TEAM` is `x-team`, and an empty variable removes what the profile says. Values may be secrets.

use std::{collections::BTreeMap, ffi::OsString};

use secrecy::SecretString;

/// How the variables begin.
pub(super) const PREFIX: &str = "TEMPORAL_GRPC_META_";

/// The metadata, by its names.
#[derive(Debug, Clone, Default)]
pub(super) struct Metadata {
    pub(super) entries: BTreeMap<String, SecretString>,
    /// Why some of it is not sent.
    pub(super) notices: Vec<String>,
}

/// The metadata of the environment over that of the profile.
pub(super) fn collect(environment: &[(OsString, OsString)], profile: &BTreeMap<String, String>) -> Metadata {
    let mut all: BTreeMap<String, (String, Option<String>)> = profile
        .iter()
        .map(|(name, value)| (key_of(name), (format!("grpc_meta {name} in the profile"), Some(value.clone()))))
        .collect();
    for (name, value) in environment {
        if let Some((variable, rest)) = name.to_str().and_then(|name| Some((name, name.strip_prefix(PREFIX)?))) {
            let origin = format!("{} in the environment", variable.escape_debug());
            all.insert(key_of(rest), (origin, value.to_str().map(str::to_owned)));
        }
    }
    let mut metadata = Metadata::default();
    for (key, (origin, value)) in all {
        match checked(&key, value.as_deref()) {
            Ok("") => {}
            Ok(value) => drop(metadata.entries.insert(key, value.into())),
            Err(problem) => metadata.notices.push(format!("{origin} had no effect: {problem}.")),
        }
    }
    metadata
}

fn key_of(name: &str) -> String {
    name.to_ascii_lowercase().replace('_', "-")
}

/// The value, if gRPC can carry it under that name.
fn checked<'v>(key: &str, value: Option<&'v str>) -> Result<&'v str, &'static str> {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.".contains(&byte);
    if key.is_empty() || !key.bytes().all(fits) {
        return Err("its name is not one of gRPC metadata");
    }
    if key.ends_with("-bin") || key.starts_with("grpc-") {
        return Err("metadata that begins with grpc- or ends with -bin is not supported");
    }
    let value = value.unwrap_or("\u{fffd}").trim();
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
    fn what_grpc_cannot_carry_is_told_without_its_value() {
        for (name, value) in
            [("X_BIN", "hunter2"), ("GRPC_TIMEOUT", "hunter2"), ("", "hunter2"), ("Ä", "hunter2"), ("X", "hunter2\n1")]
        {
            let (entries, notices) = collected(&[(&format!("{PREFIX}{name}"), value)], &[]);
            assert!(entries.is_empty() && notices.len() == 1, "{name}");
            assert!(notices[0].contains(" had no effect: ") && !notices[0].contains("hunter2"), "{notices:?}");
        }
    }
}
