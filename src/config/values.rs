//! Pure parsers for single values: names, booleans, seconds, the log level. A value that cannot be parsed is an error,
//! never a default.

use std::time::Duration;

use rustls::pki_types::ServerName;
use tracing::Level;

use super::address::{AddressError, Target};
use super::error::SettingsError;
use super::foreign;
use super::layer::Found;
use super::sourced::Sourced;
use super::sources::Sources;
use crate::app::Theme;
use crate::domain::{KeyPolicy, UnknownKeyPolicy};
use crate::error_text::quoted;
use crate::listen::{ListenAddress, ListenAddressError};
use crate::supplier::{SupplierUrl, SupplierUrlError};

/// Parses the server's address.
pub(super) fn address(found: &Found<'_>) -> Result<Target, SettingsError> {
    found.text.parse().map_err(|error| match error {
        AddressError::UserInfo => SettingsError::Invalid {
            origin: found.origin.clone(),
            value: "not shown, because it may contain a password".to_owned(),
            problem: error.to_string(),
        },
        _ => found.invalid(error.to_string()),
    })
}

/// Parses the name to verify in a certificate.
pub(super) fn server_name(found: &Found<'_>) -> Result<String, SettingsError> {
    let name = found.text.trim();
    match ServerName::try_from(name) {
        Ok(_) => Ok(name.to_owned()),
        Err(_) => Err(found.invalid("it must be a host name or an IP address, as in the certificate")),
    }
}

/// Parses the token of the codec server. It must be too long to guess and consist of characters that a header can
/// contain. It is never shown.
pub(super) fn token(found: &Found<'_>) -> Result<String, SettingsError> {
    const MIN_TOKEN_BYTES: usize = 16;
    let text = found.text.trim();
    refuse_placeholder(found)?;
    if text.len() >= MIN_TOKEN_BYTES && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(text.to_owned());
    }
    Err(SettingsError::Invalid {
        origin: found.origin.clone(),
        value: "not shown, because it is a secret".to_owned(),
        problem: format!(
            "it must have at least {MIN_TOKEN_BYTES} printable ASCII characters without spaces; make one with: openssl rand -hex 32"
        ),
    })
}

/// Refuses a template's placeholder. It is not shown, because a part of it may be a secret.
fn refuse_placeholder(found: &Found<'_>) -> Result<(), SettingsError> {
    if !foreign::is_placeholder(found.text) {
        return Ok(());
    }
    Err(SettingsError::Invalid {
        origin: found.origin.clone(),
        value: "not shown, because it is a secret".to_owned(),
        problem:
            "it is still the placeholder of a template, such as $KEY or <your-key>, and variables are not expanded; set the \
             secret itself, or unset it"
                .to_owned(),
    })
}

/// Parses an API key, which must consist of characters that a header can contain. It is never shown.
pub(super) fn api_key(found: &Found<'_>) -> Result<String, SettingsError> {
    let text = found.text.trim();
    refuse_placeholder(found)?;
    if text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(text.to_owned());
    }
    Err(SettingsError::Invalid {
        origin: found.origin.clone(),
        value: "not shown, because it is a secret".to_owned(),
        problem: "it contains a space or another character that no key has; copy the key alone".to_owned(),
    })
}

/// Parses the address of a worker's Prometheus endpoint: a port on this machine, or a host and a port.
pub(super) fn metrics(found: &Found<'_>) -> Result<ListenAddress, SettingsError> {
    found.text.parse().map_err(|problem: ListenAddressError| {
        found.invalid(format!(
            "{problem}; it must be a port, such as 9464, or a host of this machine and a port, such as localhost:9464 or \
             0.0.0.0:9464"
        ))
    })
}

/// Parses the address of a Web UI.
pub(super) fn web_ui(found: &Found<'_>) -> Result<String, SettingsError> {
    let text = found.text.trim();
    match url::Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() && url.username().is_empty() => {
            Ok(text.to_owned())
        }
        _ => Err(found.invalid("it must be an address such as http://localhost:8080, without a user name")),
    }
}

/// Parses the address of a supplier. `none` turns off a lower layer's.
pub(super) fn supplier(found: &Found<'_>) -> Result<Option<SupplierUrl>, SettingsError> {
    let text = found.text.trim();
    if text.eq_ignore_ascii_case("none") {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|error| match error {
        SupplierUrlError::User => SettingsError::Invalid {
            origin: found.origin.clone(),
            value: "not shown, because it may contain a password".to_owned(),
            problem: error.to_string(),
        },
        SupplierUrlError::Form | SupplierUrlError::Query => found.invalid(error.to_string()),
    })
}

/// Parses the name of a key policy.
pub(super) fn supplier_key(found: &Found<'_>) -> Result<KeyPolicy, SettingsError> {
    found.text.trim().parse().map_err(|_: UnknownKeyPolicy| found.invalid("it must be header, outbox, lookup or none"))
}

/// Parses a namespace or a task queue: not empty, within the server's limit, no control characters.
pub(super) fn label(found: &Found<'_>) -> Result<String, SettingsError> {
    /// The server's limit.
    const MAX_LABEL_BYTES: usize = 1000;
    let text = found.text.trim();
    if text.is_empty() {
        return Err(found.invalid("it must not be empty; set a name, or unset it for the default"));
    }
    if text.len() > MAX_LABEL_BYTES {
        return Err(found
            .invalid(format!("it has {} bytes, but at most {MAX_LABEL_BYTES} are allowed; shorten it", text.len())));
    }
    if text.contains(char::is_control) {
        return Err(found.invalid("it contains a control character; remove it"));
    }
    Ok(text.to_owned())
}

/// Parses a boolean. Any word that is not listed is an error: a typo must not turn protection off.
pub(super) fn boolean(found: &Found<'_>) -> Result<bool, SettingsError> {
    match found.text.trim().to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" | "t" | "y" | "enabled" => Ok(true),
        "false" | "0" | "no" | "off" | "f" | "n" | "disabled" => Ok(false),
        _ => Err(found.invalid("it must be true or false (also 1, 0, yes, no, on, off, enabled and disabled)")),
    }
}

/// Parses whole seconds from 1 to a day.
pub(super) fn seconds(found: &Found<'_>) -> Result<Duration, SettingsError> {
    let text = found.text.trim();
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse() {
        Ok(seconds @ 1..=86_400) if digits => Ok(Duration::from_secs(seconds)),
        _ => Err(found.invalid("it must be whole seconds from 1 to 86400 without a unit, e.g. 20")),
    }
}

/// Parses whole megabytes up to a terabyte.
pub(super) fn megabytes(found: &Found<'_>) -> Result<u64, SettingsError> {
    let text = found.text.trim();
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse() {
        Ok(megabytes @ 0..=1_000_000) if digits => Ok(megabytes),
        _ => Err(found.invalid("it must be whole megabytes from 0 to 1000000 without a unit, e.g. 64; 0 means never")),
    }
}

/// Returns the log level. Many programs read `LOG_LEVEL`, so an unknown value counts as the nearest level, with a
/// notice.
pub(super) fn log_level(sources: &Sources) -> (Sourced<Level>, Option<String>) {
    const LEVELS: [Level; 5] = [Level::TRACE, Level::DEBUG, Level::INFO, Level::WARN, Level::ERROR];
    let Some(Found { text, origin }) = sources.find("LOG_LEVEL") else {
        return (Sourced::by_default("LOG_LEVEL", Level::INFO), None);
    };
    let text = text.trim();
    if let Some(value) = LEVELS.into_iter().find(|level| text.eq_ignore_ascii_case(level.as_str())) {
        return (Sourced { value, origin }, None);
    }
    let value = nearest_level(text);
    let notice = format!(
        "{origin} is {}, which counts as {}; the levels are trace, debug, info, warn and error.",
        quoted(text),
        value.as_str().to_ascii_lowercase()
    );
    (Sourced { value, origin }, Some(notice))
}

/// Returns the level that other programs understand by `text`: words, Python's numbers, and filters such as
/// `info,sqlx=warn`.
fn nearest_level(text: &str) -> Level {
    let lower = text.to_ascii_lowercase();
    let directives = lower.split(',').map(str::trim);
    let ours = directives.clone().find_map(|directive| directive.strip_prefix(concat!(env!("CARGO_PKG_NAME"), "=")));
    let word = ours.or_else(|| directives.clone().find(|directive| !directive.contains('='))).unwrap_or_default();
    match word.trim() {
        "trace" | "all" | "finest" | "silly" | "spam" | "5" => Level::TRACE,
        "debug" | "verbose" | "fine" | "finer" | "10" => Level::DEBUG,
        "warn" | "warning" | "30" => Level::WARN,
        "error" | "err" | "severe" | "critical" | "crit" | "fatal" | "alert" | "emerg" | "emergency" | "panic"
        | "dpanic" | "40" | "50" | "off" | "none" | "silent" | "quiet" | "disabled" => Level::ERROR,
        _ => Level::INFO,
    }
}

/// Parses the name of a theme.
pub(super) fn theme(found: &Found<'_>) -> Result<Theme, SettingsError> {
    let text = found.text.trim().to_ascii_lowercase();
    text.parse().map_err(|_| found.invalid("it must be terminal, contrast, colour-blind or mono"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::sourced::{Layer, Origin};

    fn found(text: &str) -> Found<'_> {
        Found { text, origin: Origin { name: "NAME", layer: Layer::Environment } }
    }

    #[test]
    fn booleans_are_the_listed_words_only() {
        for text in ["true", "TRUE", "1", "yes", "On", "T", "y", "enabled", " true "] {
            assert!(boolean(&found(text)).unwrap(), "{text}");
        }
        for text in ["false", "False", "0", "NO", "off", "f", "n", "Disabled"] {
            assert!(!boolean(&found(text)).unwrap(), "{text}");
        }
        for text in ["", "ja", "tru", "2", "-1", "none", "true false"] {
            let message = boolean(&found(text)).unwrap_err().to_string();
            assert!(message.starts_with(&format!("NAME in the environment is {text:?}: ")), "{message}");
        }
    }

    #[test]
    fn seconds_are_whole_and_bounded() {
        for (text, expected) in [("1", 1), ("20", 20), ("86400", 86_400), (" 7 ", 7), ("007", 7)] {
            assert_eq!(seconds(&found(text)).unwrap(), Duration::from_secs(expected), "{text}");
        }
        for text in ["", "0", "86401", "-1", "+1", "1.5", "20s", "1e3", "99999999999999999999"] {
            assert!(seconds(&found(text)).is_err(), "{text}");
        }
    }

    #[test]
    fn log_levels_of_other_programs_are_the_nearest_of_ours() {
        let cases = [
            ("warning", Level::WARN),
            ("Warning", Level::WARN),
            ("CRITICAL", Level::ERROR),
            ("fatal", Level::ERROR),
            ("off", Level::ERROR),
            ("verbose", Level::DEBUG),
            ("all", Level::TRACE),
            ("20", Level::INFO),
            ("30", Level::WARN),
            ("notice", Level::INFO),
            ("info,sqlx=warn", Level::INFO),
            ("sqlx=warn, debug", Level::DEBUG),
            ("idempotence=trace,warn", Level::TRACE),
            ("sqlx=error", Level::INFO),
            ("loud", Level::INFO),
            (",", Level::INFO),
        ];
        for (text, level) in cases {
            assert_eq!(nearest_level(text), level, "{text}");
        }
    }

    #[test]
    fn labels_have_the_limits_of_the_server() {
        let longest = "q".repeat(1000);
        for text in ["default", "inventory-task-queue", "myns.abcdf", "zwei Wörter", longest.as_str()] {
            assert_eq!(label(&found(text)).unwrap(), text);
        }
        assert_eq!(label(&found(" padded ")).unwrap(), "padded");
        for text in ["", "  ", "a\u{1b}[2J", "a\nb", "a\u{9b}b", "q".repeat(1001).as_str()] {
            assert!(label(&found(text)).is_err(), "{text:?}");
        }
    }

    #[test]
    fn an_address_with_a_password_is_refused_without_showing_it() {
        let error = address(&found("http://me:hunter2@localhost")).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter2"));
    }

    #[test]
    fn a_placeholder_is_not_a_secret() {
        for text in ["$TEMPORAL_API_KEY", "${TEMPORAL_API_KEY}", "<your-key-of-some-length>"] {
            for error in [api_key(&found(text)).unwrap_err(), token(&found(text)).unwrap_err()] {
                let message = error.to_string();
                assert!(message.contains("is still the placeholder"), "{message}");
            }
        }
        assert_eq!(api_key(&found(" tmprl_a$b ")).unwrap(), "tmprl_a$b");
    }

    #[test]
    fn metrics_stay_on_this_machine_unless_an_address_is_named() {
        for (text, expected) in [
            ("9464", "127.0.0.1:9464"),
            (":9464", "127.0.0.1:9464"),
            ("0.0.0.0:1", "0.0.0.0:1"),
            ("[::1]:2", "[::1]:2"),
            ("localhost:9464", "localhost:9464"),
        ] {
            assert_eq!(metrics(&found(text)).unwrap().to_string(), expected);
        }
        for text in ["", "localhost", "http://localhost:9464", "65536", "9464/metrics", "127.0.0.1"] {
            assert!(metrics(&found(text)).is_err(), "{text}");
        }
    }

    #[test]
    fn a_server_name_is_one_that_a_certificate_can_have() {
        for text in ["temporal.example.com", "127.0.0.1", "::1", " padded "] {
            assert_eq!(server_name(&found(text)).unwrap(), text.trim());
        }
        for text in ["", "https://x", "a b", "x:7233"] {
            assert!(server_name(&found(text)).is_err(), "{text}");
        }
    }
}
