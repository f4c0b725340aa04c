//! Reads the settings file and checks its keys and types. As for every layer, `values` parses the values. Errors never
//! contain a value.

use std::path::Path;

use super::layer::{Value, Values};
use super::names::{self, FileKey, KEYS, Kind};
use super::sourced::{Layer, Origin};
use crate::{
    error_text::{self, quoted, quoted_path},
    source_text::{Source, SourceError},
    toml_table::{Document, Table},
};

/// Words in the key of a secret.
const SECRET_WORDS: [&str; 7] = ["key", "password", "passwd", "secret", "token", "credential", "credentials"];

/// Reads the settings in `bytes`, the content of `file`.
///
/// # Errors
/// Returns the first mistake in the file: it is not UTF-8, not TOML, or contains an unknown key or a value of the wrong
/// kind.
pub(super) fn parse(file: &Path, bytes: &[u8]) -> Result<Values, SourceError> {
    let name = quoted_path(file);
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let before = String::from_utf8_lossy(bytes.get(..error.valid_up_to()).unwrap_or_default());
        Source::new(&name, &before).wrong(before.len(), "this is not UTF-8; save it as UTF-8")
    })?;
    let source = Source::new(&name, text);
    let document = Document::parse(source)?;
    let table = document.root("the settings file");
    let mut values = Values::new();
    for written in table.keys() {
        let key = known(written.value).map_err(|problem| source.wrong(written.at, problem))?;
        let Some((text, at)) = value(table, key)? else { continue };
        let origin = Origin { name: key.key, layer: Layer::SettingsFile { file: file.to_owned(), at: source.at(at) } };
        values.insert(key.name, Value { text, origin });
    }
    Ok(values)
}

/// Returns the value as the environment would have it, and the byte at which it begins.
fn value(table: Table<'_>, key: &FileKey) -> Result<Option<(String, usize)>, SourceError> {
    Ok(match key.kind {
        Kind::Text => table.text(key.key)?.map(|text| (text.text.to_owned(), text.span.start)),
        Kind::Boolean => table.truth(key.key)?.map(|truth| (truth.value.to_string(), truth.at)),
        Kind::Seconds => {
            table.digits(key.key, "a whole number of seconds, without quotes")?.map(|digits| (digits.value, digits.at))
        }
        Kind::Megabytes => table
            .digits(key.key, "a whole number of megabytes, without quotes")?
            .map(|digits| (digits.value, digits.at)),
    })
}

/// Returns the key with this name, or what to write instead.
fn known(written: &str) -> Result<&'static FileKey, String> {
    if let Some(key) = KEYS.iter().find(|key| key.key == written) {
        return Ok(key);
    }
    let (shown, plain) = (quoted(written), written.to_lowercase().replace('-', "_"));
    if plain.split('_').any(|word| SECRET_WORDS.contains(&word)) {
        return Err(format!(
            "{shown} looks like a secret, and secrets are not accepted in this file; set it in the environment, e.g. \
             TEMPORAL_API_KEY"
        ));
    }
    if ["mysql_host", "mysql_port", "mysql_database", "mysql_user"].contains(&plain.as_str()) {
        return Err(format!(
            "there is no key {shown}; write these parts in one value: database = \"mysql://USER@HOST:PORT/NAME\""
        ));
    }
    if let Some(key) = nearest(written, &plain) {
        return Err(format!("there is no key {shown}; the nearest is {}", key.key));
    }
    let all: Vec<_> = KEYS.iter().map(|key| key.key).collect();
    Err(format!("there is no key {shown}; the keys are {}", all.join(", ")))
}

/// Returns the key that was most likely meant, by its name in the environment or otherwise by its letters.
fn nearest(written: &str, plain: &str) -> Option<&'static FileKey> {
    let written = written.to_uppercase();
    let name = names::ALIASES.into_iter().find(|names| names.contains(&written.as_str()));
    let name = name.and_then(|names| names.first().copied()).unwrap_or(&written);
    let by_name = KEYS.iter().find(|key| key.name == name);
    by_name.or_else(|| {
        let nearest = error_text::nearest(plain, KEYS.iter().map(|key| key.key))?;
        KEYS.iter().find(|key| key.key == nearest)
    })
}
