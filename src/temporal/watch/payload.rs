//! The content of payloads.

use std::fmt::Write as _;

use serde::de::IgnoredAny;
use temporalio_common::protos::temporal::api::common::v1::{Payload, Payloads};

use super::text;
use crate::{
    domain::{
        PayloadContent,
        answer_limits::{MAX_JSON_BYTES, MAX_PAYLOADS},
        sanitize,
    },
    temporal::codec::{Codec, encrypted_with},
};

/// Maximum length of an encoding.
const MAX_ENCODING_CHARS: usize = 100;

/// Decodes a list of payloads.
pub(super) fn contents(codec: Option<&Codec>, payloads: Option<&Payloads>) -> Vec<PayloadContent> {
    let payloads = payloads.map(|payloads| payloads.payloads.as_slice()).unwrap_or_default();
    payloads.iter().take(MAX_PAYLOADS).map(|payload| content(codec, payload)).collect()
}

/// Decodes a payload.
pub(super) fn content(codec: Option<&Codec>, payload: &Payload) -> PayloadContent {
    match (codec, encrypted_with(payload)) {
        (Some(codec), _) => match codec.decode_one(payload.clone()) {
            Ok(decoded) => plain_content(&decoded),
            Err(error) => PayloadContent::Undecodable { cause: text(&error.to_string()) },
        },
        (None, Some(key)) => {
            let key = sanitize(&key, MAX_ENCODING_CHARS);
            let cause = format!(
                "it is encrypted with the key '{key}'; set ENCRYPT_PAYLOAD=true, DATACONVERTER_ENCRYPTION_KEY_ID={key} and \
                 that key"
            );
            PayloadContent::Undecodable { cause }
        }
        (None, None) => plain_content(payload),
    }
}

/// Reads a payload that is not encrypted.
fn plain_content(payload: &Payload) -> PayloadContent {
    let encoding = payload.metadata.get("encoding").map(|name| String::from_utf8_lossy(name)).unwrap_or_default();
    match encoding.as_ref() {
        "json/plain" | "json/protobuf" => json(&payload.data),
        "binary/null" => PayloadContent::Null,
        // Some SDKs send an empty payload for "no value".
        "" if payload.data.is_empty() => PayloadContent::Null,
        other => PayloadContent::Other {
            encoding: sanitize(other, MAX_ENCODING_CHARS),
            bytes: u64::try_from(payload.data.len()).unwrap_or(u64::MAX),
        },
    }
}

fn json(data: &[u8]) -> PayloadContent {
    if let Err(error) = serde_json::from_slice::<IgnoredAny>(data) {
        return PayloadContent::Undecodable { cause: format!("it is not valid JSON: {}", text(&error.to_string())) };
    }
    let mut json = compact(&String::from_utf8_lossy(data));
    let bytes = u64::try_from(json.len()).unwrap_or(u64::MAX);
    json.truncate(json.floor_char_boundary(MAX_JSON_BYTES));
    PayloadContent::Json { text: json, bytes }
}

/// Removes the spaces between the tokens of a valid JSON text, and escapes invisible characters. Numbers stay as they are
/// written.
fn compact(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    let (mut in_string, mut escaped) = (false, false);
    for character in json.chars() {
        match character {
            '"' if !escaped => in_string = !in_string,
            ' ' | '\t' | '\r' | '\n' if !in_string => continue,
            _ => {}
        }
        escaped = in_string && character == '\\' && !escaped;
        if is_visible(character) {
            text.push(character);
        } else {
            for unit in character.encode_utf16(&mut [0; 2]) {
                let _infallible = write!(text, "\\u{unit:04x}");
            }
        }
    }
    text
}

fn is_visible(character: char) -> bool {
    let is_plain = character == ' ' || character.is_ascii_graphic();
    is_plain || sanitize(character.encode_utf8(&mut [0; 4]), 1).starts_with(character)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::encryption::{KeyRing, sample_key};

    fn payload(encoding: &str, data: &[u8]) -> Payload {
        let metadata = [("encoding".to_owned(), encoding.as_bytes().to_vec())].into();
        Payload { metadata, data: data.to_vec(), ..Payload::default() }
    }

    fn codec(id: &str, strict: bool) -> Codec {
        let keys = [(id.parse().unwrap(), sample_key())].into();
        Codec::new(Arc::new(KeyRing::new(id, keys).unwrap()), strict)
    }

    fn plain(encoding: &str, data: &[u8]) -> PayloadContent {
        content(None, &payload(encoding, data))
    }

    fn json_of(text: &str) -> PayloadContent {
        PayloadContent::Json { text: text.to_owned(), bytes: text.len() as u64 }
    }

    #[test]
    fn json_is_compact_and_its_numbers_are_exact() {
        let text = b" { \"a b\" : [ 1.0, 123456789012345678901234567890 ],\n\"c\\\" d\": \"\\\\\" , \"e\": null }";
        let wanted = r#"{"a b":[1.0,123456789012345678901234567890],"c\" d":"\\","e":null}"#;
        assert_eq!(plain("json/plain", text), json_of(wanted));
        assert_eq!(plain("json/protobuf", b"[ ]"), json_of("[]"));
    }

    #[test]
    fn invisible_characters_are_escaped_as_in_json() {
        let hostile = "\"a\u{202e}b\u{e0041}c\u{7f}größe\"";
        let shown = json_of("\"a\\u202eb\\udb40\\udc41c\\u007fgröße\"");
        assert_eq!(plain("json/plain", hostile.as_bytes()), shown);
        let PayloadContent::Json { text, .. } = shown else { panic!() };
        assert_eq!(serde_json::from_str::<String>(&text).unwrap(), hostile.trim_matches('"'));
    }

    #[test]
    fn long_json_is_cut_and_its_size_is_known() {
        let long = format!("\"{}\"", "ä".repeat(5_000));
        let PayloadContent::Json { text, bytes } = plain("json/plain", long.as_bytes()) else { panic!() };
        assert_eq!((text.len(), bytes), (4_095, 10_002));
        let many = Payloads { payloads: vec![payload("binary/null", b""); 50] };
        assert_eq!(contents(None, Some(&many)), vec![PayloadContent::Null; MAX_PAYLOADS]);
    }

    #[test]
    fn other_encodings_have_a_size() {
        assert_eq!(plain("binary/null", b""), PayloadContent::Null);
        assert_eq!(content(None, &Payload::default()), PayloadContent::Null);
        let other = PayloadContent::Other { encoding: "binary/pl\\u{1b}".to_owned(), bytes: 3 };
        assert_eq!(plain("binary/pl\u{1b}", b"abc"), other);
        let PayloadContent::Undecodable { cause } = plain("json/plain", b"{") else { panic!() };
        assert!(cause.starts_with("it is not valid JSON: EOF"), "{cause}");
    }

    #[test]
    fn encrypted_payloads_are_decoded_and_a_missing_key_is_a_reason() {
        let plain = payload("json/plain", b"{ \"id\": 7 }");
        let sealed = codec("shop", false).encode_one(&plain).unwrap();
        assert_eq!(content(Some(&codec("shop", true)), &sealed), json_of("{\"id\":7}"));
        let cause = |codec: Option<&Codec>, payload| match content(codec, payload) {
            PayloadContent::Undecodable { cause } => cause,
            other => panic!("{other}"),
        };
        assert!(cause(Some(&codec("other", false)), &sealed).contains("shop"));
        assert!(cause(None, &sealed).contains("DATACONVERTER_ENCRYPTION_KEY_ID=shop"));
        assert!(cause(Some(&codec("shop", true)), &plain).contains("not encrypted"));
    }
}
