//! What other programs put into the environment that looks like a setting of ours.

use super::names;

/// Variables of Temporal's own servers, images and tools that this program has no use for.
const OF_TEMPORAL: [&str; 7] = [
    "TEMPORAL_DEBUG",
    "TEMPORAL_VERSION",
    "TEMPORAL_UI_VERSION",
    "TEMPORAL_ADMINTOOLS_VERSION",
    "TEMPORAL_ADMIN_TOOLS_VERSION",
    "TEMPORAL_SERVER_VERSION",
    "TEMPORAL_CLI_SHOW_STACKS",
];

/// Whether `name`, which begins like one of ours, was set for another program: by Temporal's images, or by Kubernetes and
/// Docker for a service whose name begins with `temporal` or `idempotence`.
pub(super) fn is_of_others(name: &str, value: &str) -> bool {
    OF_TEMPORAL.contains(&name) || is_service_link(name, value)
}

/// The variables that Kubernetes and Docker set for every service: `X_SERVICE_HOST`, `X_SERVICE_PORT[_NAME]`, `X_PORT` with
/// a URL, `X_PORT_7233_TCP[_PROTO|_PORT|_ADDR]`, `X_NAME` with a path, `X_ENV_...`.
fn is_service_link(name: &str, value: &str) -> bool {
    let has_port = |rest: &str| {
        let (number, protocol) = rest.split_once('_').unwrap_or((rest, ""));
        let protocol = protocol.split('_').next().unwrap_or_default();
        number.parse::<u16>().is_ok() && ["TCP", "UDP", "SCTP"].contains(&protocol)
    };
    name.ends_with("_SERVICE_HOST")
        || name.ends_with("_SERVICE_PORT")
        || name.contains("_SERVICE_PORT_")
        || (name.ends_with("_PORT") && value.contains("://"))
        || (name.ends_with("_NAME") && value.starts_with('/'))
        || name.contains("_ENV_")
        || name.split_once("_PORT_").is_some_and(|(_, rest)| has_port(rest))
}

/// The value inside the quotes around it, which a comment may follow; `None` if there are none.
pub(super) fn without_quotes(value: &str) -> Option<&str> {
    let text = value.trim();
    let quote = text.chars().next().filter(|first| matches!(first, '\'' | '"'))?;
    let (inner, after) = text.get(1..)?.split_once(quote)?;
    let after = after.trim_start();
    (after.is_empty() || after.starts_with('#')).then_some(inner)
}

/// Whether the value is a template's word for "not set", in a setting that asks for TLS. Without it, a connection elsewhere
/// still needs a word about TLS.
pub(super) fn stands_for_nothing(name: &str, value: &str) -> bool {
    let optional = [&names::TLS_CERT[..], &names::TLS_KEY, &names::ROOT_CA, &names::SERVER_NAME, &["TEMPORAL_API_KEY"]];
    let word = value.trim().trim_matches(['<', '>']).to_ascii_lowercase();
    optional.iter().any(|names| names.contains(&name))
        && ["none", "null", "nil", "undefined", "unset", "n/a"].contains(&word.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn service_links_of_kubernetes_and_docker_are_known() {
        let links = [
            ("TEMPORAL_FRONTEND_SERVICE_HOST", "10.96.0.12"),
            ("TEMPORAL_FRONTEND_SERVICE_PORT", "7233"),
            ("TEMPORAL_FRONTEND_SERVICE_PORT_GRPC_RPC", "7233"),
            ("TEMPORAL_FRONTEND_PORT", "tcp://10.96.0.12:7233"),
            ("TEMPORAL_FRONTEND_PORT_7233_TCP", "tcp://10.96.0.12:7233"),
            ("TEMPORAL_FRONTEND_PORT_7233_TCP_PROTO", "tcp"),
            ("TEMPORAL_FRONTEND_PORT_7233_TCP_PORT", "7233"),
            ("TEMPORAL_FRONTEND_PORT_6939_UDP_ADDR", "10.96.0.12"),
            ("TEMPORAL_PORT", "tcp://10.96.0.14:7233"),
            ("IDEMPOTENCE_SERVICE_HOST", "10.96.0.15"),
            ("TEMPORAL_NAME", "/web/temporal"),
            ("TEMPORAL_ENV_LANG", "C"),
            ("TEMPORAL_DEBUG", "1"),
            ("TEMPORAL_VERSION", "1.29.0"),
        ];
        for (name, value) in links {
            assert!(is_of_others(name, value), "{name}");
        }
        for name in ["TEMPORAL_PORT", "TEMPORAL_ADRESS", "TEMPORAL_PORT_X", "IDEMPOTENCE_THEM", "TEMPORAL_TLS_ENABLED"]
        {
            assert!(!is_of_others(name, "7233"), "{name}");
        }
    }

    #[test]
    fn quotes_are_removed_in_pairs_only() {
        let cases = [
            ("\"localhost:7233\"", Some("localhost:7233")),
            (" 'default' ", Some("default")),
            ("'a' # the queue", Some("a")),
            ("''", Some("")),
            ("plain", None),
            ("\"a", None),
            ("'a'b", None),
            ("it's", None),
            ("\"a\" and \"b\"", None),
            ("", None),
        ];
        for (value, expected) in cases {
            assert_eq!(without_quotes(value), expected, "{value}");
        }
    }
}
