//! Reads the JSON of a payload. An object must not contain the same field twice, and a number must not be rounded.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error as _, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Number, Value};
use temporalio_common::{data_converters::PayloadConversionError, protos::temporal::api::common::v1::Payload};

use crate::{domain::sanitize, rounded::find_rounded};

/// Maximum length of an invalid value in a message.
pub(super) const MAX_SHOWN_CHARS: usize = 40;

/// Maximum length of a JSON parser's message.
const MAX_PROBLEM_CHARS: usize = 200;

/// The expected form of an order, as part of a message.
pub(super) const ORDER: &str = "one JSON object such as {\"OrderID\":\"A12\",\"Item\":\"123456\",\"Quantity\":999}";

/// Reads the JSON of a payload. The inner error says what the payload contains instead.
///
/// # Errors
/// Returns an error if the payload is encrypted or encoded. Another worker may be able to read it, so the workflow task
/// must be retried.
pub(super) fn json(payload: &Payload) -> Result<Result<Value, String>, PayloadConversionError> {
    let text = |key: &str| payload.metadata.get(key).map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    let encoding = text("encoding").unwrap_or_default();
    let shut = |message: String| {
        // The SDK reports only that the workflow could not be created, so the cause is logged here.
        tracing::warn!("{message}");
        Err(PayloadConversionError::EncodingError(message.into()))
    };
    match encoding.as_str() {
        "json/plain" => Ok(plain_json(&payload.data)),
        "binary/null" => Ok(Ok(Value::Null)),
        "binary/encrypted" => {
            let key = sanitize(&text("encryption-key-id").unwrap_or_default(), MAX_SHOWN_CHARS);
            shut(if key.is_empty() {
                "the payload is encrypted and has no key id, so no worker of this program can read it; its \
                 sender must set 'encryption-key-id' in the payload's metadata"
                    .to_owned()
            } else {
                format!(
                    "the payload is encrypted with the key '{key}', and this worker has no keys; start it with \
                     ENCRYPT_PAYLOAD=true, DATACONVERTER_ENCRYPTION_KEY_ID={key} and the same key"
                )
            })
        }
        // Other binary encodings belong to codecs. These two belong to converters.
        codec if codec.starts_with("binary/") && !matches!(codec, "binary/plain" | "binary/protobuf") => {
            let codec = sanitize(codec, MAX_SHOWN_CHARS);
            shut(format!(
                "the payload's encoding is '{codec}', which this worker cannot decode; its sender uses a codec that is not configured here"
            ))
        }
        other => {
            let other = sanitize(other, MAX_SHOWN_CHARS);
            Ok(Err(format!("expected {ORDER}, found a payload with the encoding '{other}' instead of 'json/plain'")))
        }
    }
}

fn plain_json(text: &[u8]) -> Result<Value, String> {
    let Unique(value) = serde_json::from_slice(text).map_err(|error| {
        let problem = sanitize(&error.to_string(), MAX_PROBLEM_CHARS);
        format!("expected {ORDER}, found JSON that cannot be read: {problem}")
    })?;
    match find_rounded(text) {
        None => Ok(value),
        Some(number) => {
            let number = sanitize(number, MAX_SHOWN_CHARS);
            Err(format!("expected numbers without rounding, found {number}, which would be rounded"))
        }
    }
}

/// JSON whose objects contain no field twice, since it would be unclear which value applies.
struct Unique(Value);

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(UniqueVisitor).map(Self)
    }
}

struct UniqueVisitor;

impl<'de> Visitor<'de> for UniqueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut found = Vec::new();
        while let Some(Unique(item)) = items.next_element()? {
            found.push(item);
        }
        Ok(found.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let mut found = Map::new();
        while let Some((name, Unique(value))) = fields.next_entry::<String, Unique>()? {
            if found.contains_key(&name) {
                let name = sanitize(&name, MAX_SHOWN_CHARS);
                return Err(A::Error::custom(format!("the field '{name}' is given twice")));
            }
            found.insert(name, value);
        }
        Ok(found.into())
    }
}
