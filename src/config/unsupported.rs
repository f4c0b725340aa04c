//! Settings that are understood but ask for what this version cannot do: TLS, API keys, payload encryption.
//!
//! They are refused, because going on would mean a connection or a history less protected than was asked for. Reads
//! no content of any file; checks only that it could.

use std::fs::File;
use std::io;
use std::path::Path;

use super::error::SettingsError;
use super::sources::{Found, Sources};
use super::values::boolean;
use crate::toml_text::quoted;

const CERT: &str = "TEMPORAL_TLS_CERT";
const KEY: &str = "TEMPORAL_TLS_KEY";
const ROOT_CA: &str = "TEMPORAL_SERVER_ROOT_CA_CERT";

const WITHOUT_TLS: &str = "unset it and use a server without TLS, such as localhost:7233";

/// Settings that ask for something by being set, with what they ask for.
const BY_VALUE: [(&str, &str, &str); 5] = [
    (CERT, "mutual TLS", WITHOUT_TLS),
    (KEY, "mutual TLS", WITHOUT_TLS),
    (ROOT_CA, "TLS", WITHOUT_TLS),
    ("TEMPORAL_SERVER_NAME", "TLS", WITHOUT_TLS),
    ("TEMPORAL_API_KEY", "an API key, which needs TLS", WITHOUT_TLS),
];

/// Settings that ask for something by being true, with what they ask for.
const BY_TRUTH: [(&str, &str, &str); 3] = [
    ("TEMPORAL_TLS", "TLS", WITHOUT_TLS),
    ("TEMPORAL_INSECURE_SKIP_VERIFY", "TLS without verification", "set it to false"),
    ("ENCRYPT_PAYLOAD", "payload encryption", "set it to false, and send nothing that must stay secret"),
];

/// Refuses the first setting that cannot be obeyed. Mistakes come first: half a key pair, then files that cannot be
/// read, then unknown booleans, so that a user who mends the settings meets each problem once.
pub(super) fn refuse(sources: &Sources, current_dir: &Path) -> Result<(), SettingsError> {
    whole_key_pair(sources)?;
    for found in [CERT, KEY, ROOT_CA].into_iter().filter_map(|name| sources.find(name)) {
        readable(&found, current_dir)?;
    }
    let mut asked = Vec::new();
    for (name, what, remedy) in BY_VALUE {
        asked.extend(sources.find(name).map(|found| (found, what, remedy)));
    }
    for (name, what, remedy) in BY_TRUTH {
        let Some(found) = sources.find(name) else { continue };
        if boolean(&found)? {
            asked.push((found, what, remedy));
        }
    }
    match asked.into_iter().next() {
        None => Ok(()),
        Some((Found { origin, .. }, what, remedy)) => {
            Err(SettingsError::NotSupportedYet { name: origin.name, layer: origin.layer, what, remedy })
        }
    }
}

fn whole_key_pair(sources: &Sources) -> Result<(), SettingsError> {
    let (present, missing) = match (sources.find(CERT), sources.find(KEY)) {
        (Some(cert), None) => (cert, KEY),
        (None, Some(key)) => (key, CERT),
        _ => return Ok(()),
    };
    Err(SettingsError::HalfKeyPair { present: present.origin, missing })
}

fn readable(found: &Found<'_>, current_dir: &Path) -> Result<(), SettingsError> {
    let path = current_dir.join(found.text);
    // The kind is asked first: opening a named pipe would wait for ever.
    let opened = path.metadata().and_then(|metadata| {
        if metadata.is_file() { File::open(&path).map(drop) } else { Err(io::Error::other("it is no regular file")) }
    });
    opened.map_err(|error| SettingsError::FileUnreadable { origin: found.origin.clone(), path: shown(found), error })
}

/// The path for a message, unless it may be the key itself, pasted where its path belongs.
fn shown(found: &Found<'_>) -> String {
    if found.origin.name == KEY || found.text.contains("-----") || found.text.contains('\n') {
        return "a file (not shown, as the value may be the key itself)".to_owned();
    }
    quoted(found.text)
}
