//! Other programs' variables that look like settings of ours.

use super::names;

/// Variables of Temporal's own servers, images and tools that this program does not use.
const OF_TEMPORAL: [&str; 51] = [
    // Versions and folders in Compose files.
    "TEMPORAL_VERSION",
    "TEMPORAL_ADMINTOOLS_VERSION",
    "TEMPORAL_ADMIN_TOOLS_VERSION",
    "TEMPORAL_SERVER_VERSION",
    "TEMPORAL_LOCAL_CERT_DIR",
    "TEMPORAL_TLS_CERTS_DIR",
    // The server's image and its program.
    "TEMPORAL_ALLOW_NO_AUTH",
    "TEMPORAL_AVAILABILITY_ZONE",
    "TEMPORAL_BROADCAST_ADDRESS",
    "TEMPORAL_CONFIG_DIR",
    "TEMPORAL_ENVIRONMENT",
    "TEMPORAL_HOME",
    "TEMPORAL_ROOT",
    "TEMPORAL_SERVER_CONFIG_DIR",
    "TEMPORAL_SERVER_CONFIG_FILE_PATH",
    "TEMPORAL_TLS_REFRESH_INTERVAL",
    "TEMPORAL_TLS_REQUIRE_CLIENT_AUTH",
    "TEMPORAL_TLS_SERVER_CERT",
    "TEMPORAL_TLS_SERVER_CERT_DATA",
    "TEMPORAL_TLS_SERVER_KEY",
    "TEMPORAL_TLS_SERVER_KEY_DATA",
    // The image of the Web UI.
    "TEMPORAL_ACTIVITY_COMMANDS_DISABLED",
    "TEMPORAL_BANNER_TEXT",
    "TEMPORAL_BATCH_ACTIONS_DISABLED",
    "TEMPORAL_CLOUD_UI",
    "TEMPORAL_CONFIG_REFRESH_INTERVAL",
    "TEMPORAL_CSRF_COOKIE_INSECURE",
    "TEMPORAL_DEFAULT_NAMESPACE",
    "TEMPORAL_DISABLE_WRITE_ACTIONS",
    "TEMPORAL_FEEDBACK_URL",
    "TEMPORAL_FORWARD_HEADERS",
    "TEMPORAL_HIDE_LOGS",
    "TEMPORAL_HIDE_WORKFLOW_QUERY_ERRORS",
    "TEMPORAL_NOTIFY_ON_NEW_VERSION",
    "TEMPORAL_OPENAPI_ENABLED",
    "TEMPORAL_REFRESH_WORKFLOW_COUNTS_DISABLED",
    "TEMPORAL_SHOW_TEMPORAL_SYSTEM_NAMESPACE",
    "TEMPORAL_START_WORKFLOW_DISABLED",
    "TEMPORAL_TLS_ENABLE_HOST_VERIFICATION",
    "TEMPORAL_UI_ENABLED",
    "TEMPORAL_UI_PORT",
    "TEMPORAL_UI_PUBLIC_PATH",
    "TEMPORAL_UI_VERSION",
    "TEMPORAL_CODEC_DEFAULT_ERROR_LINK",
    "TEMPORAL_CODEC_DEFAULT_ERROR_MESSAGE",
    "TEMPORAL_CODEC_INCLUDE_CREDENTIALS",
    "TEMPORAL_CODEC_PASS_ACCESS_TOKEN",
    // SDKs, and tools for Temporal Cloud.
    "TEMPORAL_DEBUG",
    "TEMPORAL_CLOUD_API_KEY",
    "TEMPORAL_CLOUD_ENDPOINT",
    "TEMPORAL_CLOUD_ALLOWED_ACCOUNT_ID",
];

/// Prefixes of families of such variables.
const FAMILIES_OF_TEMPORAL: [&str; 11] = [
    "TEMPORAL_AUTH_",
    "TEMPORAL_CLI_",
    "TEMPORAL_CORS_",
    "TEMPORAL_JWT_",
    "TEMPORAL_TLS_CLIENT1_",
    "TEMPORAL_TLS_EXPIRATION_CHECKS_",
    "TEMPORAL_TLS_FRONTEND_",
    "TEMPORAL_TLS_INTERNODE_",
    "TEMPORAL_UI_AUTH_",
    "TEMPORAL_UI_CORS_",
    "TEMPORAL_UI_SERVER_",
];

/// Names in Temporal's own tools, and the names here that mean the same.
const OTHER_NAMES: [(&str, &str); 6] = [
    ("TEMPORAL_ENV", "TEMPORAL_PROFILE"),
    ("TEMPORAL_TLS_CA", "TEMPORAL_TLS_SERVER_CA_CERT_PATH"),
    ("TEMPORAL_TLS_SERVER_CA_CERT", "TEMPORAL_TLS_SERVER_CA_CERT_PATH"),
    ("TEMPORAL_TLS_CA_DATA", "TEMPORAL_TLS_SERVER_CA_CERT_DATA"),
    ("TEMPORAL_TLS_CERT_DATA", "TEMPORAL_TLS_CLIENT_CERT_DATA"),
    ("TEMPORAL_TLS_KEY_DATA", "TEMPORAL_TLS_CLIENT_KEY_DATA"),
];

/// Whether `name`, which begins like one of ours, belongs to another program: Temporal's images set it, or Kubernetes
/// or Docker sets it for a service whose name begins with `temporal` or `idempotence`.
pub(super) fn is_of_others(name: &str, value: &str) -> bool {
    let upper = name.to_ascii_uppercase();
    OF_TEMPORAL.contains(&upper.as_str())
        || FAMILIES_OF_TEMPORAL.iter().any(|family| upper.starts_with(family))
        || is_service_link(&upper, value)
}

/// Whether Kubernetes or Docker sets `MYSQL_PORT` to a URL, as for every service; this one is called `mysql`.
pub(super) fn is_mysql_link(name: &str, value: &str) -> bool {
    name == "MYSQL_PORT" && is_service_link(name, value)
}

/// Returns our name for the setting that Temporal's own tools call `name`.
pub(super) fn our_name_of(name: &str) -> Option<&'static str> {
    OTHER_NAMES.iter().find(|(theirs, _)| *theirs == name).map(|(_, ours)| *ours)
}

/// Whether Kubernetes or Docker sets such a variable for every service: `X_SERVICE_HOST`, `X_SERVICE_PORT[_NAME]`,
/// `X_PORT` with a URL, `X_PORT_7233_TCP[_PROTO|_PORT|_ADDR]`, `X_NAME` with a path, `X_ENV_...`.
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

/// Whether the text contains the password of a connection string.
pub(super) fn names_password(text: &str) -> bool {
    const PASSWORDS: [&str; 4] = ["password=", "passwd=", "pass=", "pwd="];
    let compact = text.to_ascii_lowercase().replace(' ', "");
    PASSWORDS.iter().any(|word| compact.contains(word))
}

/// Returns the value inside quotes, which a comment may follow; `None` if it has no quotes.
pub(super) fn without_quotes(value: &str) -> Option<&str> {
    let text = value.trim();
    let quote = text.chars().next().filter(|first| matches!(first, '\'' | '"'))?;
    let (inner, after) = text.get(1..)?.split_once(quote)?;
    let after = after.trim_start();
    (after.is_empty() || after.starts_with('#')).then_some(inner)
}

/// Whether the value of a setting that implies TLS is a template's word for "not set". Ignoring it is safe, because a
/// connection to another machine still requires a decision about TLS.
pub(super) fn stands_for_nothing(name: &str, value: &str) -> bool {
    let optional = [&names::TLS_CERT[..], &names::TLS_KEY, &names::ROOT_CA, &names::SERVER_NAME, &["TEMPORAL_API_KEY"]];
    let word = value.trim().trim_matches(['<', '>']).to_ascii_lowercase();
    optional.iter().any(|names| names.contains(&name))
        && ["none", "null", "nil", "undefined", "unset", "n/a"].contains(&word.as_str())
}

/// Whether a secret is still the placeholder of a template: `$KEY`, `${KEY}`, `$(cat key)`, `%KEY%`, `{{ key }}`,
/// `<your-key>`, `your-api-key`, `changeme`, `xxxx`. Only the last word counts: `Bearer $TOKEN` is a placeholder too.
pub(super) fn is_placeholder(value: &str) -> bool {
    let text = value.trim();
    let enclosed = |start, end| text.len() > 2 && text.starts_with(start) && text.ends_with(end);
    let is_name = |name: &str| {
        name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    if enclosed("<", ">") || enclosed("${", "}") || enclosed("$(", ")") || enclosed("{{", "}}") {
        return true;
    }
    let word = text.split_whitespace().next_back().unwrap_or_default();
    let lower = word.to_ascii_lowercase();
    let first = lower.chars().next();
    word.strip_prefix('$').is_some_and(|name| is_name(name) || name.starts_with('{'))
        || word.strip_prefix('%').and_then(|rest| rest.strip_suffix('%')).is_some_and(is_name)
        || (word.starts_with('<') && word.ends_with('>'))
        || ["your-", "your_", "changeme", "change-me", "change_me", "replace-me", "replace_me"]
            .iter()
            .any(|start| lower.starts_with(start))
        || (lower.len() > 2 && matches!(first, Some('x' | '*' | '.')) && lower.chars().all(|next| Some(next) == first))
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
            ("TEMPORAL_UI_PORT", "8080"),
            ("TEMPORAL_CORS_ORIGINS", "http://localhost:3000"),
            ("TEMPORAL_CLI_ADDRESS", "temporal:7233"),
            ("TEMPORAL_SERVER_CONFIG_DIR", "/etc/temporal/config"),
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
    fn placeholders_of_templates_are_recognised() {
        for text in [
            "$KEY",
            "${TEMPORAL_API_KEY}",
            "${KEY:-none}",
            "$(cat /run/key)",
            "%TEMPORAL_API_KEY%",
            "{{ key }}",
            "<your-key>",
            "<API KEY>",
            "your-api-key",
            "YOUR_API_KEY",
            "changeme",
            "xxxxxxxx",
            "***",
            "Bearer $TOKEN",
            "Bearer <token>",
        ] {
            assert!(is_placeholder(text), "{text}");
        }
        for text in
            ["", "k", "$", "$5", "eyJhbGciOi.J9.x_y", "tmprl_a$b", "Bearer eyJh", "stock", "a<b>", "yourself", "xx"]
        {
            assert!(!is_placeholder(text), "{text}");
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
