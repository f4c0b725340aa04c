//! The JSON text of a payload, or why there is none.

use serde_json::Value;
use temporalio_common::{data_converters::PayloadConversionError, protos::temporal::api::common::v1::Payload};

use super::{
    received::{MAX_SHOWN_CHARS, ORDER},
    unique_json::Unique,
};
use crate::{domain::sanitize, rounded::find_rounded};

/// Characters of a JSON parser's message that are kept.
const MAX_PROBLEM_CHARS: usize = 200;

/// The text of a payload as JSON, or what it is instead.
///
/// # Errors
/// Another worker may be able to read it.
pub(super) fn json(payload: &Payload) -> Result<Result<Value, String>, PayloadConversionError> {
    let text = |key: &str| payload.metadata.get(key).map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    let encoding = text("encoding").unwrap_or_default();
    let shut = |message: String| {
        // The SDK reports only that the workflow could not be created.
        tracing::warn!("{message}");
        Err(PayloadConversionError::EncodingError(message.into()))
    };
    match encoding.as_str() {
        "json/plain" => Ok(plain_json(&payload.data)),
        "binary/null" => Ok(Ok(Value::Null)),
        "binary/encrypted" => {
            let key = sanitize(&text("encryption-key-id").unwrap_or_default(), MAX_SHOWN_CHARS);
            shut(if key.is_empty() {
                "the payload is encrypted and does not say with which key, so no worker of this program can read it; its \
                 sender has to set 'encryption-key-id' in the payload's metadata"
                    .to_owned()
            } else {
                format!(
                    "the payload is encrypted with the key '{key}', and this worker has no key; start it with \
                     ENCRYPT_PAYLOAD=true, DATACONVERTER_ENCRYPTION_KEY_ID={key} and the same key"
                )
            })
        }
        // What codecs make. Those two are made by converters.
        codec if codec.starts_with("binary/") && !matches!(codec, "binary/plain" | "binary/protobuf") => {
            let codec = sanitize(codec, MAX_SHOWN_CHARS);
            shut(format!("the payload's encoding is '{codec}', which this worker cannot read; its sender has a codec"))
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
            Err(format!("expected numbers that are kept as they are written, found {number}, which would be rounded"))
        }
    }
}
