//! Temporal's remote codec protocol, from JSON to JSON: the requests of its Web UI and CLI to a codec server.
//!
//! The body is the proto3 JSON of a list of payloads,
//! `{"payloads":[{"metadata":{"encoding":"BASE64"},"data":"BASE64"}]}`. Error messages contain no part of a body.

use serde_json::Value;
use temporalio_common::protos::temporal::api::common::v1::{Payload, Payloads};

use super::codec::{Codec, DecodeError, EncodeError};

/// Operation of a codec server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CodecDirection {
    /// Encrypt.
    Encode,
    /// Decrypt.
    Decode,
}

/// Response to one request.
#[derive(Clone, PartialEq, Eq)]
pub struct CodecAnswer {
    /// The payloads as JSON, in the order of the request.
    pub body: Vec<u8>,
    /// Number of payloads.
    pub count: usize,
}

impl std::fmt::Debug for CodecAnswer {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "CodecAnswer({} payloads, {} bytes)", self.count, self.body.len())
    }
}

/// Why a codec server cannot process a request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CodecJsonError {
    /// The body is not JSON.
    #[error("the body is not JSON (line {line}, column {column}); send {FORM}")]
    NotJson {
        /// Line of the error, counted from 1; 0 if the body is empty.
        line: usize,
        /// Column of the error, counted from 1; 0 if the line is empty.
        column: usize,
    },
    /// The body is JSON of another form.
    #[error("the body is not a list of payloads; send {FORM}")]
    NotPayloads,
    /// More payloads than one body may have.
    #[error("the body has {count} payloads, and the maximum is {MAX_PAYLOADS}; send fewer at once")]
    TooMany {
        /// Number of payloads.
        count: usize,
    },
    /// A payload cannot be decrypted, so none is returned.
    #[error("payload {number}: {cause}")]
    Decode {
        /// Position of the payload, counted from 1.
        number: usize,
        /// Why the payload cannot be decrypted.
        cause: DecodeError,
    },
    /// A payload cannot be encrypted.
    #[error("payload {number}: {cause}")]
    Encode {
        /// Position of the payload, counted from 1.
        number: usize,
        /// Why the payload cannot be encrypted.
        cause: EncodeError,
    },
    /// The response cannot be written, which is a bug in this program.
    #[error("could not write the response as JSON; please report this bug")]
    Answer,
}

/// Maximum number of payloads per body. A page of history has a few hundred. An empty payload takes three bytes of a
/// body and far more in memory.
const MAX_PAYLOADS: usize = 10_000;

/// Form of a body.
const FORM: &str = r#"{"payloads":[{"metadata":{"encoding":"BASE64"},"data":"BASE64"}]}"#;

/// Encrypts or decrypts the payloads of a body. Base64 may use the standard or the URL-safe alphabet, with or without
/// padding. `data` and `metadata` may be missing or null, as in proto3 JSON.
///
/// # Errors
/// Returns [`CodecJsonError`] if the body is invalid or a payload cannot be processed. All variants except
/// [`Encode`](CodecJsonError::Encode) and [`Answer`](CodecJsonError::Answer) are the sender's fault.
pub fn codec_json(codec: &Codec, direction: CodecDirection, body: &[u8]) -> Result<CodecAnswer, CodecJsonError> {
    let body: Value = serde_json::from_slice(body)
        .map_err(|error| CodecJsonError::NotJson { line: error.line(), column: error.column() })?;
    let count = body.get("payloads").and_then(Value::as_array).map_or(0, Vec::len);
    if count > MAX_PAYLOADS {
        return Err(CodecJsonError::TooMany { count });
    }
    let payloads = read(body).ok_or(CodecJsonError::NotPayloads)?;
    let numbered = (1..).zip(payloads);
    let payloads = match direction {
        CodecDirection::Encode => numbered
            .map(|(number, payload)| {
                codec.encode_one(&payload).map_err(|cause| CodecJsonError::Encode { number, cause })
            })
            .collect::<Result<Vec<_>, _>>()?,
        CodecDirection::Decode => numbered
            .map(|(number, payload)| {
                codec.decode_one(payload).map_err(|cause| CodecJsonError::Decode { number, cause })
            })
            .collect::<Result<Vec<_>, _>>()?,
    };
    let count = payloads.len();
    let body = serde_json::to_vec(&Payloads { payloads }).map_err(|_| CodecJsonError::Answer)?;
    Ok(CodecAnswer { body, count })
}

/// Reads the payloads of a body. The generated deserializer rejects null, which proto3 JSON allows for a missing value.
fn read(body: Value) -> Option<Vec<Payload>> {
    let Value::Object(mut body) = body else { return None };
    body.retain(|_, value| !value.is_null());
    if let Some(Value::Array(payloads)) = body.get_mut("payloads") {
        for payload in payloads.iter_mut().filter_map(Value::as_object_mut) {
            payload.retain(|_, value| !value.is_null());
        }
    }
    serde_json::from_value::<Payloads>(Value::Object(body)).ok().map(|read| read.payloads)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::encryption::{KeyRing, sample_key};

    fn codec(strict: bool) -> Codec {
        let keys = [("test-key-id".parse().unwrap(), sample_key())].into();
        Codec::new(Arc::new(KeyRing::new("test-key-id", keys).unwrap()), strict)
    }

    fn ask(direction: CodecDirection, body: &str) -> Result<String, CodecJsonError> {
        codec_json(&codec(false), direction, body.as_bytes()).map(|answer| String::from_utf8(answer.body).unwrap())
    }

    #[test]
    fn more_payloads_than_a_page_has_are_refused() {
        let body = |count: usize| format!("{{\"payloads\":[{}]}}", vec!["{}"; count].join(","));
        assert!(ask(CodecDirection::Encode, &body(MAX_PAYLOADS)).is_ok());
        let refused = ask(CodecDirection::Encode, &body(MAX_PAYLOADS + 1)).unwrap_err();
        assert_eq!(refused, CodecJsonError::TooMany { count: MAX_PAYLOADS + 1 });
    }

    #[test]
    fn encoded_payloads_are_decoded() {
        let plain = r#"{"payloads":[{"metadata":{"encoding":"anNvbi9wbGFpbg=="},"data":"InNlY3JldCI="},{}]}"#;
        let sealed = ask(CodecDirection::Encode, plain).unwrap();
        assert!(sealed.contains("YmluYXJ5L2VuY3J5cHRlZA==") && !sealed.contains("InNlY3JldCI="), "{sealed}");
        assert_eq!(ask(CodecDirection::Decode, &sealed).unwrap(), plain);
        let answer = codec_json(&codec(true), CodecDirection::Decode, sealed.as_bytes()).unwrap();
        assert_eq!(
            (answer.count, format!("{answer:?}")),
            (2, format!("CodecAnswer(2 payloads, {} bytes)", plain.len()))
        );
    }

    #[test]
    fn every_json_form_of_a_payload_is_read() {
        for body in ["{}", r#"{"payloads":[]}"#, r#"{"payloads":null}"#] {
            for direction in [CodecDirection::Encode, CodecDirection::Decode] {
                let answer = ask(direction, body).unwrap();
                assert!(["{}", r#"{"payloads":[]}"#].contains(&answer.as_str()), "{answer}");
            }
        }
        let same = r#"{"payloads":[{"data":"+/+/vw=="}]}"#;
        for data in ["+/+/vw==", "+/+/vw", "-_-_vw==", "-_-_vw"] {
            let body = format!(r#"{{"payloads":[{{"data":"{data}","metadata":null}}]}}"#);
            assert_eq!(ask(CodecDirection::Decode, &body).unwrap(), same, "{data}");
        }
    }

    #[test]
    fn a_body_of_another_form_is_refused_without_its_text() {
        let bodies = [
            ("", "line 1, column 0"),
            ("secret", "line 1, column 1"),
            ("[]", "not a list"),
            (r#"{"payloads":{"a":"secret"}}"#, "not a list"),
            (r#"{"payloads":[null]}"#, "not a list"),
            (r#"{"payloads":["secret"]}"#, "not a list"),
            (r#"{"payloads":[{"data":"secret!"}]}"#, "not a list"),
            (r#"{"payloads":[{"data":1}]}"#, "not a list"),
            (r#"{"payloads":[{"secret":"a"}]}"#, "not a list"),
            (r#"{"payloads":[{"metadata":{"encoding":["secret"]}}]}"#, "not a list"),
            (r#"{"secret":[]}"#, "not a list"),
        ];
        for (body, part) in bodies {
            let refused = ask(CodecDirection::Decode, body).unwrap_err();
            let told = format!("{refused} {refused:?}");
            assert!(refused.to_string().contains(part) && !told.contains("secret"), "{body}: {told}");
        }
        assert!(codec_json(&codec(false), CodecDirection::Encode, &[0xff]).is_err());
        let deep = "[".repeat(100_000);
        assert!(matches!(ask(CodecDirection::Decode, &deep), Err(CodecJsonError::NotJson { .. })));
    }

    #[test]
    fn a_payload_that_cannot_be_decrypted_is_named_by_its_number() {
        let body =
            r#"{"payloads":[{},{"metadata":{"encoding":"YmluYXJ5L2VuY3J5cHRlZA==","encryption-key-id":"b2xk"}}]}"#;
        let refused = ask(CodecDirection::Decode, body).unwrap_err().to_string();
        assert!(refused.starts_with("payload 2: ") && refused.contains("\"old\""), "{refused}");
    }

    proptest! {
        #[test]
        fn no_body_makes_it_panic(body in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = codec_json(&codec(true), CodecDirection::Decode, &body);
        }
    }
}
