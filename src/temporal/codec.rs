//! Encrypts the data that Temporal stores: every payload as a whole, and the messages of failures.
//!
//! The form is that of Temporal's public encryption samples: the data of a payload is the encrypted protobuf message,
//! and its metadata has `encoding: binary/encrypted` and `encryption-key-id`. Workflow ids, types, task queues, times,
//! the types of failures and the workflow's static summary are not encrypted. The SDK does not encode the summary, so
//! [`starter`](super::starter) omits it.

use std::{io::Read as _, sync::Arc};

use flate2::read::ZlibDecoder;
use futures::{FutureExt as _, future::BoxFuture};
use prost::Message as _;
use serde::Deserialize;
use temporalio_common::{
    data_converters::{
        DataConverter, DefaultFailureConverter, FailureConverter, PayloadCodec, PayloadConversionError,
        PayloadConverter, SerializationContextData,
    },
    error::{IncomingError, OutgoingError},
    protos::temporal::api::{common::v1::Payload, failure::v1::Failure},
};

use crate::{
    encryption::{KeyRing, OpenError, SealError},
    error_text::quoted,
};

/// Metadata key of a payload's encoding.
const ENCODING: &str = "encoding";

/// Encoding of an encrypted payload.
const ENCRYPTED: &[u8] = b"binary/encrypted";

/// Encoding of a compressed payload. The Go sample compresses before it encrypts.
const COMPRESSED: &[u8] = b"binary/zlib";

/// Maximum size of an inflated payload: four times Temporal's limit for one message.
const MAX_INFLATED_BYTES: u64 = 16 * 1024 * 1024;

/// Metadata key of the encryption key's id.
const KEY_ID: &str = "encryption-key-id";

/// The message of an encoded failure.
const ENCODED_FAILURE: &str = "Encoded failure";

/// Encrypts payloads with the ring's active key, and decrypts each with the key that it names. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Codec {
    ring: Arc<KeyRing>,
    strict: bool,
}

/// Why a payload was not encrypted and therefore not sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the payload was not sent: {0}")]
pub struct EncodeError(#[from] SealError);

/// Why a payload cannot be decrypted. The message contains no part of the payload.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The payload is plaintext, and the codec is strict.
    #[error(
        "the payload is not encrypted (its encoding is {encoding}), and this client is set to refuse plaintext; let the \
         sender encrypt, or allow plaintext"
    )]
    Plaintext {
        /// The payload's encoding, quoted.
        encoding: String,
    },
    /// The payload is encrypted but has no key id.
    #[error("the payload is encrypted but has no key id; its sender must set '{KEY_ID}'")]
    NoKeyId,
    /// The key is missing or wrong.
    #[error("the payload cannot be decrypted: {0}")]
    Shut(#[from] OpenError),
    /// The decrypted data is not a payload.
    #[error(
        "the payload was decrypted with the key '{id}', but is not a Temporal payload; its sender uses another form"
    )]
    NoPayload {
        /// The key's id.
        id: String,
    },
}

impl Codec {
    /// Creates a codec with these keys. A `strict` codec refuses plaintext, so that only senders with a key are
    /// accepted. Any other codec passes plaintext through, so that runs from before the encryption stay readable.
    #[must_use]
    pub const fn new(ring: Arc<KeyRing>, strict: bool) -> Self {
        Self { ring, strict }
    }

    /// The keys with which this codec encrypts and decrypts.
    #[must_use]
    pub fn ring(&self) -> &KeyRing {
        &self.ring
    }

    /// The SDK converter that encrypts all payloads of a client and its workers, and the message and stack trace of
    /// every failure.
    #[must_use]
    pub fn data_converter(&self) -> DataConverter {
        DataConverter::new(PayloadConverter::default(), Failures(DefaultFailureConverter::new(true)), self.clone())
    }

    /// Encrypts one payload, whatever its content.
    pub(super) fn encode_one(&self, payload: &Payload) -> Result<Payload, EncodeError> {
        let sealed = self.ring.seal(&payload.encode_to_vec())?;
        let metadata = [
            (ENCODING.to_owned(), ENCRYPTED.to_vec()),
            (KEY_ID.to_owned(), sealed.key_id.as_str().as_bytes().to_vec()),
        ];
        Ok(Payload { metadata: metadata.into(), data: sealed.bytes, ..Payload::default() })
    }

    /// Decrypts one layer of a payload.
    pub(super) fn decode_one(&self, payload: Payload) -> Result<Payload, DecodeError> {
        let encoding = payload.metadata.get(ENCODING).map(Vec::as_slice).unwrap_or_default();
        if encoding != ENCRYPTED {
            // The SDK sends an empty payload for "none", for example for a run without a result.
            return if self.strict && payload != Payload::default() {
                Err(DecodeError::Plaintext { encoding: quoted(&String::from_utf8_lossy(encoding)) })
            } else {
                Ok(payload)
            };
        }
        let id = payload.metadata.get(KEY_ID).ok_or(DecodeError::NoKeyId)?;
        let id = String::from_utf8_lossy(id);
        let opened = self.ring.open(&id, &payload.data)?;
        let payload = Payload::decode(opened.as_slice()).ok().and_then(inflated);
        payload.ok_or_else(|| DecodeError::NoPayload { id: id.into_owned() })
    }
}

/// The id of the key that encrypts a payload; `None` if it is not encrypted or has no key id.
pub(super) fn encrypted_with(payload: &Payload) -> Option<String> {
    let encoding = payload.metadata.get(ENCODING)?;
    let id = payload.metadata.get(KEY_ID).filter(|id| encoding == ENCRYPTED && !id.is_empty())?;
    Some(String::from_utf8_lossy(id).into_owned())
}

/// Inflates a payload that the Go sample compressed, and returns any other payload unchanged. Returns `None` if the
/// payload cannot be inflated or is larger than [`MAX_INFLATED_BYTES`].
fn inflated(payload: Payload) -> Option<Payload> {
    if payload.metadata.get(ENCODING).map(Vec::as_slice) != Some(COMPRESSED) {
        return Some(payload);
    }
    let mut bytes = Vec::new();
    ZlibDecoder::new(payload.data.as_slice()).take(MAX_INFLATED_BYTES + 1).read_to_end(&mut bytes).ok()?;
    let fits = u64::try_from(bytes.len()).is_ok_and(|length| length <= MAX_INFLATED_BYTES);
    fits.then(|| Payload::decode(bytes.as_slice()).ok())?
}

impl PayloadCodec for Codec {
    fn encode(
        &self,
        _: &SerializationContextData,
        payloads: Vec<Payload>,
    ) -> BoxFuture<'static, Result<Vec<Payload>, PayloadConversionError>> {
        let encoded: Result<Vec<_>, _> = payloads.iter().map(|payload| self.encode_one(payload)).collect();
        ready(encoded)
    }

    fn decode(
        &self,
        _: &SerializationContextData,
        payloads: Vec<Payload>,
    ) -> BoxFuture<'static, Result<Vec<Payload>, PayloadConversionError>> {
        let decoded: Result<Vec<_>, _> = payloads.into_iter().map(|payload| self.decode_one(payload)).collect();
        ready(decoded)
    }
}

/// Encrypts without yielding: a payload is small, and a processor encrypts gigabytes per second.
fn ready<E>(result: Result<Vec<Payload>, E>) -> BoxFuture<'static, Result<Vec<Payload>, PayloadConversionError>>
where
    E: std::error::Error + Send + Sync + 'static,
{
    let result = result.map_err(|error| PayloadConversionError::EncodingError(Box::new(error)));
    std::future::ready(result).boxed()
}

/// The SDK's failure converter, which moves the messages of failures into payloads, with one fix: the SDK (1.1.1)
/// decodes only the outermost failure. If a workflow passes on an activity's failure, the SDK would overwrite the
/// message of the cause with "Encoded failure".
struct Failures(DefaultFailureConverter);

impl FailureConverter for Failures {
    fn to_failure(
        &self,
        error: OutgoingError,
        converter: &PayloadConverter,
        context: &SerializationContextData,
    ) -> Failure {
        self.0.to_failure(error, converter, context)
    }

    fn to_error(
        &self,
        mut failure: Failure,
        converter: &PayloadConverter,
        context: &SerializationContextData,
    ) -> Result<IncomingError, PayloadConversionError> {
        // The codec has already decoded the failure.
        decode_messages(None, &mut failure);
        self.0.to_error(failure, converter, context)
    }
}

/// The encoded attributes of a failure.
#[derive(Deserialize)]
struct FailureText {
    #[serde(default)]
    message: String,
    #[serde(default)]
    stack_trace: String,
}

/// Decodes the messages of a server's failure and of all its causes. If a message cannot be decrypted, the reason
/// replaces it; without a codec it stays "Encoded failure".
pub(super) fn decode_messages(codec: Option<&Codec>, failure: &mut Failure) {
    let mut current = Some(failure);
    while let Some(failure) = current {
        if let Some(encoded) = failure.encoded_attributes.take() {
            match failure_text(codec, encoded.clone()) {
                Ok(Some(FailureText { message, stack_trace })) => {
                    failure.message = message;
                    failure.stack_trace = stack_trace;
                }
                Ok(None) => failure.encoded_attributes = Some(encoded),
                Err(problem) => {
                    if failure.message == ENCODED_FAILURE {
                        failure.message = format!("the failure's message cannot be decrypted: {problem}");
                    }
                    failure.encoded_attributes = Some(encoded);
                }
            }
        }
        current = failure.cause.as_deref_mut();
    }
}

/// Reads the attributes of a failure; `None` if the payload has another form.
fn failure_text(codec: Option<&Codec>, encoded: Payload) -> Result<Option<FailureText>, DecodeError> {
    let decoded = match codec {
        Some(codec) => codec.decode_one(encoded)?,
        None => encoded,
    };
    Ok(serde_json::from_slice(&decoded.data).ok())
}

#[cfg(test)]
mod tests {
    use temporalio_common::{
        data_converters::ActivityExecutionDecodeHint,
        error::{ApplicationFailure, OutgoingActivityError, OutgoingWorkflowError},
        protos::temporal::api::failure::v1::{ActivityFailureInfo, failure::FailureInfo},
    };

    use super::*;
    use crate::encryption::{Key, Keys, sample_key, testing::hex};

    const NONE: SerializationContextData = SerializationContextData::None;

    fn codec(active: &str, keys: impl IntoIterator<Item = (&'static str, Key)>, strict: bool) -> Codec {
        let keys: Keys = keys.into_iter().map(|(id, key)| (id.parse().unwrap(), key)).collect();
        Codec::new(Arc::new(KeyRing::new(active, keys).unwrap()), strict)
    }

    fn sample() -> Codec {
        codec("test-key-id", [("test-key-id", sample_key())], false)
    }

    fn json(text: &str) -> Payload {
        let metadata = [(ENCODING.to_owned(), b"json/plain".to_vec())].into();
        Payload { metadata, data: text.as_bytes().to_vec(), ..Payload::default() }
    }

    fn encrypted(key_id: &str, data: Vec<u8>) -> Payload {
        let metadata =
            [(ENCODING.to_owned(), ENCRYPTED.to_vec()), (KEY_ID.to_owned(), key_id.as_bytes().to_vec())].into();
        Payload { metadata, data, ..Payload::default() }
    }

    /// Created by Python's `temporalio` and `cryptography` as in the public sample: `nonce + AESGCM(key).encrypt(nonce,
    /// payload.SerializeToString(), None)`.
    #[test]
    fn a_compressed_payload_of_the_go_sample_is_read_and_a_bomb_is_refused() {
        let codec = codec("sample", [("sample", sample_key())], false);
        let compressed = |inside: &[u8]| {
            let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
            std::io::Write::write_all(&mut encoder, inside).unwrap();
            let metadata = [(ENCODING.to_owned(), COMPRESSED.to_vec())].into();
            let payload = Payload { metadata, data: encoder.finish().unwrap(), ..Payload::default() };
            codec.encode_one(&payload).unwrap()
        };
        let plain = Payload {
            metadata: [(ENCODING.to_owned(), b"json/plain".to_vec())].into(),
            data: b"7".to_vec(),
            ..Payload::default()
        };
        assert_eq!(codec.decode_one(compressed(&plain.encode_to_vec())).unwrap(), plain);
        let bomb = vec![0; usize::try_from(MAX_INFLATED_BYTES).unwrap() + 1];
        for refused in [compressed(&bomb), compressed(b"no payload")] {
            assert!(matches!(codec.decode_one(refused).unwrap_err(), DecodeError::NoPayload { .. }));
        }
    }

    #[test]
    fn a_payload_of_the_public_sample_is_decrypted() {
        let cases = [
            (
                "000102030405060708090a0bf92b89da276861d2657395a2a3f7f7d1e8a45622938592d067d4fa4258ff40887dd6510d649b3a0d\
                 e0c81ea59dd2f7ae53dcd49b057e39bc62566d394b64996e9234afcb5fe80f7fd7a13d9dec62e94a004d7607b259e79dc982",
                json(r#"{"OrderID":"A12","Item":"123456","Quantity":999}"#),
            ),
            (
                "0102030405060708090a0b0c687ba040250af2530ab77fadc11d7a35533241234219f197aa8ca2f89b3c60681a81ff8ecb37e2d3\
                 2d",
                Payload { metadata: [(ENCODING.to_owned(), b"binary/null".to_vec())].into(), ..Payload::default() },
            ),
            (
                "02030405060708090a0b0c0dfa070ec4e8d56d9d0acebd6af2b146d685d59ba9cafcc98c2fed4767ae9a573b5f66ef1984531304\
                 9ee4bef2ce59d3f57846cf3f61275568d62f4480962b1108f9872413526349379b67ccf77f3307c5ef0bea0e0bd2cd071049d2dd",
                json(r#"{"message": "RANDOM ERROR", "stack_trace": "at 1"}"#),
            ),
        ];
        for (bytes, plain) in cases {
            assert_eq!(sample().decode_one(encrypted("test-key-id", hex(bytes))), Ok(plain));
        }
    }

    #[test]
    fn an_encrypted_payload_has_the_samples_form_and_decrypts_unchanged() {
        let external = vec![temporalio_common::protos::temporal::api::common::v1::payload::ExternalPayloadDetails {
            size_bytes: 7,
        }];
        let full = Payload { external_payloads: external, ..json("{}") };
        for plain in [json("\"secret\""), Payload::default(), json(""), full] {
            let sealed = sample().encode_one(&plain).unwrap();
            let mut names: Vec<_> = sealed.metadata.keys().map(String::as_str).collect();
            names.sort_unstable();
            assert_eq!(names, [ENCODING, KEY_ID]);
            assert_eq!(
                (sealed.metadata[ENCODING].as_slice(), sealed.metadata[KEY_ID].as_slice()),
                (ENCRYPTED, &b"test-key-id"[..])
            );
            assert_eq!(sealed.data.len(), 12 + plain.encoded_len() + 16);
            assert_eq!(sample().decode_one(sealed), Ok(plain));
        }
    }

    #[test]
    fn only_a_strict_codec_refuses_plaintext() {
        let strict = codec("test-key-id", [("test-key-id", sample_key())], true);
        let plain = json("\"seen\"");
        assert_eq!(sample().decode_one(plain.clone()), Ok(plain.clone()));
        let refused = strict.decode_one(plain.clone()).unwrap_err().to_string();
        assert!(refused.contains("\"json/plain\"") && !refused.contains("seen"), "{refused}");
        assert_eq!(strict.decode_one(strict.encode_one(&plain).unwrap()), Ok(plain));
        let nameless = Payload { data: vec![1], ..Payload::default() };
        assert_eq!(strict.decode_one(nameless), Err(DecodeError::Plaintext { encoding: "\"\"".to_owned() }));
        assert_eq!(strict.decode_one(Payload::default()), Ok(Payload::default()));
    }

    #[test]
    fn one_byte_changed_is_refused() {
        let sealed = sample().encode_one(&json("\"secret\"")).unwrap();
        for at in 0..sealed.data.len() {
            let mut changed = sealed.clone();
            changed.data[at] ^= 0x80;
            assert!(matches!(sample().decode_one(changed), Err(DecodeError::Shut(OpenError::NotAuthentic { .. }))));
        }
        for data in [vec![], vec![0; 27]] {
            let refused = sample().decode_one(encrypted("test-key-id", data));
            assert!(matches!(refused, Err(DecodeError::Shut(OpenError::TooShort { .. }))));
        }
    }

    #[test]
    fn a_payload_that_cannot_be_decrypted_has_a_reason_and_advice() {
        let other = codec("other", [("other", Key::from_bytes(&[1; 32]))], false);
        let sealed = other.encode_one(&json("\"secret\"")).unwrap();
        let refused = sample().decode_one(sealed.clone()).unwrap_err().to_string();
        assert!(
            refused.contains("\"other\"") && refused.contains("'test-key-id'") && refused.contains("add"),
            "{refused}"
        );
        let mut renamed = sealed.clone();
        renamed.metadata.insert(KEY_ID.to_owned(), b"test-key-id".to_vec());
        let refused = sample().decode_one(renamed).unwrap_err().to_string();
        assert!(refused.contains("different key"), "{refused}");
        let mut nameless = sealed;
        nameless.metadata.remove(KEY_ID);
        assert_eq!(sample().decode_one(nameless), Err(DecodeError::NoKeyId));
        let foreign = sample().ring().seal(b"\xff no protobuf").unwrap();
        let refused = sample().decode_one(encrypted("test-key-id", foreign.bytes));
        assert_eq!(refused, Err(DecodeError::NoPayload { id: "test-key-id".to_owned() }));
    }

    #[test]
    fn an_encrypted_payload_is_encrypted_again() {
        let keys = || [("old", Key::from_bytes(&[1; 32])), ("test-key-id", sample_key())];
        let once = codec("old", keys(), false).encode_one(&json("1")).unwrap();
        let both = codec("test-key-id", keys(), true);
        let twice = both.encode_one(&once).unwrap();
        assert_eq!(both.decode_one(twice), Ok(once.clone()));
        assert_eq!(both.decode_one(once), Ok(json("1")));
    }

    #[tokio::test]
    async fn the_converter_encrypts_the_payloads_of_the_sdk() {
        let converter = sample().data_converter();
        let sealed = converter.to_payload(&NONE, &"secret".to_owned()).await.unwrap();
        assert_eq!(sealed.metadata[ENCODING], ENCRYPTED);
        assert_eq!(converter.from_payload::<String>(&NONE, sealed.clone()).await.unwrap(), "secret");
        let other = codec("other", [("other", Key::from_bytes(&[1; 32]))], false).data_converter();
        let refused = other.from_payload::<String>(&NONE, sealed).await.unwrap_err().to_string();
        assert!(refused.contains("\"test-key-id\""), "{refused}");
        assert!(converter.codec().decode(&NONE, vec![]).await.unwrap().is_empty());
    }

    /// An activity's failure as the workflow passes it on, after having received it.
    fn handed_on(converter: &DataConverter) -> Failure {
        let error =
            ApplicationFailure::builder(anyhow::anyhow!("RANDOM ERROR")).type_name("RandomError".to_owned()).build();
        let inner =
            converter.to_failure(&NONE, OutgoingError::Activity(OutgoingActivityError::Application(Box::new(error))));
        assert_eq!(inner.message, ENCODED_FAILURE);
        let failure_info = Some(FailureInfo::ActivityFailureInfo(ActivityFailureInfo::default()));
        let cause = Some(Box::new(inner));
        let outer = Failure { message: "activity failed".to_owned(), failure_info, cause, ..Failure::default() };
        let error = converter.to_error(&NONE, outer, ActivityExecutionDecodeHint::new(false)).unwrap();
        converter.to_failure(&NONE, OutgoingError::Workflow(OutgoingWorkflowError::ActivityExecution(Box::new(error))))
    }

    #[test]
    fn the_message_of_a_cause_survives_a_second_encoding() {
        let mut failure = handed_on(&sample().data_converter());
        assert_eq!(
            (failure.message.as_str(), failure.cause.as_ref().unwrap().message.as_str()),
            (ENCODED_FAILURE, ENCODED_FAILURE)
        );
        decode_messages(None, &mut failure);
        assert_eq!(failure.message, "activity failed");
        assert_eq!(failure.cause.unwrap().message, "RANDOM ERROR");
        // If this assertion fails, the SDK decodes all causes itself, and `Failures` can be removed.
        let plain = DataConverter::new(PayloadConverter::default(), DefaultFailureConverter::new(true), sample());
        let mut lost = handed_on(&plain);
        decode_messages(None, &mut lost);
        assert_eq!(lost.cause.unwrap().message, ENCODED_FAILURE);
    }

    #[test]
    fn a_failures_message_is_read_with_the_key_only() {
        let sealed = |text: &str| Some(sample().encode_one(&json(text)).unwrap());
        let failure = |encoded| Failure {
            message: ENCODED_FAILURE.to_owned(),
            encoded_attributes: encoded,
            ..Failure::default()
        };
        let inner = failure(sealed(r#"{"message":"RANDOM ERROR","stack_trace":"at 1"}"#));
        let outer = Failure { cause: Some(Box::new(inner)), ..failure(sealed(r#"{"message":"outer"}"#)) };
        let mut read = outer.clone();
        decode_messages(Some(&sample()), &mut read);
        let cause = read.cause.as_deref().unwrap();
        assert_eq!(
            (read.message.as_str(), cause.message.as_str(), cause.stack_trace.as_str()),
            ("outer", "RANDOM ERROR", "at 1")
        );

        let mut unread = outer.clone();
        decode_messages(None, &mut unread);
        assert_eq!(unread, outer);
        let mut hidden = outer;
        decode_messages(Some(&codec("other", [("other", Key::from_bytes(&[1; 32]))], false)), &mut hidden);
        assert!(
            hidden.message.contains("cannot be decrypted") && hidden.message.contains("\"test-key-id\""),
            "{}",
            hidden.message
        );
        let mut odd = failure(sealed("[1]"));
        decode_messages(Some(&sample()), &mut odd);
        assert_eq!(odd.message, ENCODED_FAILURE);
        let mut plain = Failure { message: "in clear".to_owned(), ..Failure::default() };
        decode_messages(Some(&sample()), &mut plain);
        assert_eq!(plain.message, "in clear");
    }
}
