//! Reads the settings file, which is TOML. Checks keys and types; what the values mean is the business of `values`, as
//! for every layer. No error carries a value.

use std::path::Path;

use toml::de::DeValue;

use super::error::{Layer, Origin, SettingsError};
use super::names::{self, FileKey, KEYS, Kind};
use super::sources::{Value, Values};
use crate::toml_text::{self, Position, kind_of, quoted};

/// Words in a key that speak of a secret.
const SECRETS: [&str; 7] = ["key", "password", "passwd", "secret", "token", "credential", "credentials"];

/// The settings in `bytes`, the content of `file`.
pub(super) fn parse(file: &Path, bytes: &[u8]) -> Result<Values, SettingsError> {
    let bad = |at, problem| SettingsError::BadEntry { file: file.to_owned(), at, problem };
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
        bad(
            Position::of(&String::from_utf8_lossy(before), usize::MAX),
            "this is not UTF-8; save it as UTF-8".to_owned(),
        )
    })?;
    let table = toml_text::table(text).map_err(|(at, problem)| bad(at, problem))?;
    let mut entries: Vec<_> = table.iter().collect();
    // So that the first mistake in the file is the one that is told.
    entries.sort_by_key(|(written, _)| written.span().start);
    let mut values = Values::new();
    for (written, value) in entries {
        let key = known(written.get_ref()).map_err(|problem| bad(Position::of(text, written.span().start), problem))?;
        let at = Position::of(text, value.span().start);
        let text = as_text(key, value.get_ref()).map_err(|problem| bad(at, problem))?;
        let origin = Origin { name: key.key, layer: Layer::SettingsFile { file: file.to_owned(), at } };
        values.insert(key.name, Value { text, origin });
    }
    Ok(values)
}

/// The key that is written so, or what to write instead.
fn known(written: &str) -> Result<&'static FileKey, String> {
    if let Some(key) = KEYS.iter().find(|key| key.key == written) {
        return Ok(key);
    }
    let (shown, plain) = (quoted(written), written.to_lowercase().replace('-', "_"));
    if plain.split('_').any(|word| SECRETS.contains(&word)) {
        return Err(format!(
            "{shown} looks like a secret, and secrets do not belong in this file; set it in the environment, such as \
             TEMPORAL_API_KEY"
        ));
    }
    if let Some(key) = nearest(written, &plain) {
        return Err(format!("there is no key {shown}; the nearest is {}", key.key));
    }
    let all: Vec<_> = KEYS.iter().map(|key| key.key).collect();
    Err(format!("there is no key {shown}; the keys are {}", all.join(", ")))
}

/// The key that was most likely meant: by its name in the environment, else by its letters.
fn nearest(written: &str, plain: &str) -> Option<&'static FileKey> {
    let written = written.to_uppercase();
    let name = names::ALIASES.into_iter().find(|names| names.contains(&written.as_str()));
    let name = name.and_then(|names| names.first().copied()).unwrap_or(&written);
    let by_name = KEYS.iter().find(|key| key.name == name);
    by_name.or_else(|| {
        let nearest = toml_text::nearest(plain, KEYS.iter().map(|key| key.key))?;
        KEYS.iter().find(|key| key.key == nearest)
    })
}

/// The value as the environment would have it.
fn as_text(key: &FileKey, value: &DeValue<'_>) -> Result<String, String> {
    match (key.kind, value) {
        (Kind::Text, DeValue::String(text)) => Ok(text.to_string()),
        (Kind::Truth, DeValue::Boolean(truth)) => Ok(truth.to_string()),
        (Kind::Seconds, DeValue::Integer(number)) => {
            let value = i64::from_str_radix(number.as_str(), number.radix());
            Ok(value.map_or_else(|_too_large| number.as_str().to_owned(), |value| value.to_string()))
        }
        (kind, value) => {
            let wanted = match kind {
                Kind::Text => "a text in quotes",
                Kind::Truth => "true or false, without quotes",
                Kind::Seconds => "a whole number of seconds, without quotes",
            };
            Err(format!("{} must be {wanted}, and this is {}", key.key, kind_of(value)))
        }
    }
}
