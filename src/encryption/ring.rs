//! The key ring: the active key encrypts, and every key decrypts.
//!
//! A sealed message is a random nonce of 96 bits, the ciphertext and the tag of 128 bits, without associated data, as
//! in Temporal's public Go and Python encryption samples. Random nonces limit one key to 2^32 messages (NIST SP
//! 800-38D, 8.3); activate a new key long before that.

use aes_gcm::{Aes256Gcm, KeyInit as _, aead::Aead as _};
use hmac::{Hmac, Mac as _};
use rand::{TryRng as _, rngs::SysRng};
use secrecy::zeroize::Zeroizing;
use sha2::Sha256;

use super::key::{KEY_BYTES, Key, KeyId, KeyIdError, Keys, listed};
use crate::error_text::quoted;

/// Length of a nonce, in bytes.
const NONCE_BYTES: usize = 12;

/// Length of an authentication tag, in bytes.
const TAG_BYTES: usize = 16;

/// Length of a block of SHA-256, in bytes.
const HASH_BLOCK_BYTES: usize = 64;

/// Context from which the key for pseudonyms is derived, so that it differs from every other derived key.
const PSEUDONYM_CONTEXT: &[u8] = b"idempotence workflow id";

/// RFC 4648 base32 in lower case, in which no two characters look alike.
const BASE32_LETTERS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// Length of a pseudonym, in characters of 5 bits.
const PSEUDONYM_CHARS: usize = 26;

/// The keys of a process: one encrypts, and all decrypt.
#[derive(Debug)]
pub struct KeyRing {
    active: KeyId,
    /// The active key. `keys` contains it too; this copy saves [`KeyRing::seal`] a lookup.
    key: Key,
    keys: Keys,
}

/// Why keys do not form a ring. The message contains ids, never keys.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyRingError {
    /// The id of the active key is invalid.
    #[error("the active key: {0}")]
    Id(#[from] KeyIdError),
    /// The active key is not among the keys.
    #[error("there is no key '{active}' to encrypt with; available keys: {available}. Name one of them, or add it")]
    NoActive {
        /// The requested id.
        active: KeyId,
        /// Ids of the available keys.
        available: String,
    },
}

/// A sealed message.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed {
    /// Id of the key that opens it.
    pub key_id: KeyId,
    /// Nonce, ciphertext and tag.
    pub bytes: Vec<u8>,
}

impl std::fmt::Debug for Sealed {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Sealed({} bytes, key '{}')", self.bytes.len(), self.key_id)
    }
}

/// Why a message was not sealed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The operating system returned no random bytes for a nonce.
    #[error("the operating system returned no random bytes for encryption ({cause}); nothing was encrypted. Try again")]
    Random {
        /// Error of the operating system.
        cause: String,
    },
    /// The message is longer than the 64 GiB limit of AES-GCM.
    #[error("the message is longer than 64 GiB and cannot be encrypted; send a shorter one")]
    TooLong,
}

/// Why a sealed message was not opened. The error contains no byte of the message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// The key is not in the ring.
    #[error("it is encrypted with the key {id}, which is missing here (available: {available}); add that key")]
    UnknownKey {
        /// The key's id, quoted.
        id: String,
        /// Ids of the available keys.
        available: String,
    },
    /// The message is shorter than a nonce and a tag.
    #[error(
        "its metadata says that it is encrypted with the key '{id}', but it has only {bytes} bytes, fewer than any \
         encrypted message; it is damaged, or was never encrypted. Send it again"
    )]
    TooShort {
        /// The key's id.
        id: KeyId,
        /// Length of the message, in bytes.
        bytes: usize,
    },
    /// The tag does not match: the message was changed, or was encrypted with a different key under this id.
    #[error(
        "the key '{id}' does not decrypt it: it is damaged, or was encrypted with a different key of the same id. \
         Compare the keys of both sides"
    )]
    NotAuthentic {
        /// The key's id.
        id: KeyId,
    },
}

impl KeyRing {
    /// Creates a ring from `keys`. `active` is the id of the key that encrypts.
    ///
    /// # Errors
    /// Returns [`KeyRingError::Id`] if `active` is not a valid id, and [`KeyRingError::NoActive`] if no key has that
    /// id.
    pub fn new(active: &str, keys: Keys) -> Result<Self, KeyRingError> {
        let active: KeyId = active.parse()?;
        match keys.get(&active).map(|key| Key::from_bytes(key.bytes())) {
            Some(key) => Ok(Self { active, key, keys }),
            None => Err(KeyRingError::NoActive { active, available: listed(keys.keys()) }),
        }
    }

    /// The id of the key that encrypts.
    #[must_use]
    pub const fn active(&self) -> &KeyId {
        &self.active
    }

    /// The ids of all keys, sorted.
    pub fn ids(&self) -> impl Iterator<Item = &KeyId> {
        self.keys.keys()
    }

    /// Encrypts with the active key and a random nonce.
    ///
    /// # Errors
    /// Returns [`SealError::Random`] if the operating system returns no random bytes, and [`SealError::TooLong`] if the
    /// plaintext is longer than 64 GiB.
    pub fn seal(&self, plaintext: &[u8]) -> Result<Sealed, SealError> {
        let mut nonce = [0; NONCE_BYTES];
        SysRng.try_fill_bytes(&mut nonce).map_err(|error| SealError::Random { cause: error.to_string() })?;
        Ok(Sealed { key_id: self.active.clone(), bytes: seal_with(&self.key, &nonce, plaintext)? })
    }

    /// Decrypts with the key that has this id. The plaintext is wiped on drop.
    ///
    /// # Errors
    /// Returns [`OpenError::UnknownKey`] if the ring has no such key, [`OpenError::TooShort`] if `bytes` cannot contain
    /// a nonce and a tag, and [`OpenError::NotAuthentic`] if the tag does not match.
    pub fn open(&self, key_id: &str, bytes: &[u8]) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        let Some((id, key)) = self.keys.get_key_value(key_id) else {
            return Err(OpenError::UnknownKey { id: quoted(key_id), available: listed(self.keys.keys()) });
        };
        match bytes.split_first_chunk::<NONCE_BYTES>() {
            Some((nonce, sealed)) if sealed.len() >= TAG_BYTES => {
                open_with(key, nonce, sealed).ok_or_else(|| OpenError::NotAuthentic { id: id.clone() })
            }
            _ => Err(OpenError::TooShort { id: id.clone(), bytes: bytes.len() }),
        }
    }

    /// Returns a pseudonym of 26 letters and digits that does not reveal `text`. It depends only on the text and the
    /// active key; two texts have the same pseudonym with a probability of 2^-130.
    #[must_use]
    pub fn pseudonym(&self, text: &str) -> String {
        let mut key = Zeroizing::new([0; HASH_BLOCK_BYTES]);
        key[..KEY_BYTES].copy_from_slice(self.key.bytes());
        let derived = Zeroizing::new(keyed_hash(&key, PSEUDONYM_CONTEXT));
        // HMAC pads a short key with zeros to a whole block.
        let mut key = Zeroizing::new([0; HASH_BLOCK_BYTES]);
        key[..KEY_BYTES].copy_from_slice(derived.as_slice());
        base32(&keyed_hash(&key, text.as_bytes()))
    }
}

/// Encrypts one message. The cipher is not kept, so that between messages the key bytes exist only in [`Key`].
fn seal_with(key: &Key, nonce: &[u8; NONCE_BYTES], plaintext: &[u8]) -> Result<Vec<u8>, SealError> {
    let cipher = Aes256Gcm::new(key.bytes().into());
    let sealed = cipher.encrypt(nonce.into(), plaintext).map_err(|_| SealError::TooLong)?;
    Ok([nonce, sealed.as_slice()].concat())
}

/// Decrypts one message. Returns `None` if the tag does not match.
fn open_with(key: &Key, nonce: &[u8; NONCE_BYTES], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let cipher = Aes256Gcm::new(key.bytes().into());
    cipher.decrypt(nonce.into(), sealed).ok().map(Zeroizing::new)
}

/// Returns the HMAC-SHA-256 of a text.
fn keyed_hash(key: &[u8; HASH_BLOCK_BYTES], text: &[u8]) -> [u8; 32] {
    Hmac::<Sha256>::new(key.into()).chain_update(text).finalize().into_bytes().into()
}

/// Returns the first 130 bits in base32.
fn base32(bytes: &[u8; 32]) -> String {
    let bit = |at: usize| usize::from(bytes[at / 8] >> (7 - at % 8) & 1);
    let letter = |index: usize| (0..5).fold(0, |value, offset| value << 1 | bit(index * 5 + offset));
    (0..PSEUDONYM_CHARS).map(|index| char::from(BASE32_LETTERS[letter(index)])).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::super::{key::sample_key, testing::hex};
    use super::*;

    fn key(byte: u8) -> Key {
        Key::from_bytes(&[byte; KEY_BYTES])
    }

    fn ring(active: &str, keys: impl IntoIterator<Item = (&'static str, Key)>) -> KeyRing {
        KeyRing::new(active, keys.into_iter().map(|(id, key)| (id.parse().unwrap(), key)).collect()).unwrap()
    }

    /// `McGrew` and Viega, "The Galois/Counter Mode of Operation", test cases 13 to 15: key, nonce, plaintext,
    /// ciphertext and tag.
    #[test]
    fn the_cipher_matches_the_published_vectors() {
        let zeros = "00".repeat(KEY_BYTES);
        let plaintext = "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525\
                         b16aedf5aa0de657ba637b391aafd255";
        let sealed = "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838\
                      c5f61e6393ba7a0abcc9f662898015adb094dac5d93471bdec1a502270e3cc6c";
        let cases = [
            (zeros.as_str(), "000000000000000000000000", "", "530f8afbc74536b9a963b4f1c4cb738b"),
            (
                zeros.as_str(),
                "000000000000000000000000",
                "00000000000000000000000000000000",
                "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919",
            ),
            (
                "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
                "cafebabefacedbaddecaf888",
                plaintext,
                sealed,
            ),
        ];
        for (key, nonce, plaintext, sealed) in cases {
            let key = Key::from_bytes(&hex(key).try_into().unwrap());
            let nonce: [u8; NONCE_BYTES] = hex(nonce).try_into().unwrap();
            let bytes = [nonce.to_vec(), hex(sealed)].concat();
            assert_eq!(seal_with(&key, &nonce, &hex(plaintext)).unwrap(), bytes);
            assert_eq!(*ring("k", [("k", key)]).open("k", &bytes).unwrap(), hex(plaintext));
        }
    }

    proptest! {
        #[test]
        fn a_sealed_message_can_be_opened(plaintext in prop::collection::vec(any::<u8>(), 0..2_000), byte in any::<u8>()) {
            let ring = ring("k", [("k", key(byte))]);
            let sealed = ring.seal(&plaintext).unwrap();
            prop_assert_eq!(sealed.bytes.len(), NONCE_BYTES + plaintext.len() + TAG_BYTES);
            prop_assert_eq!(&*ring.open("k", &sealed.bytes).unwrap(), &plaintext);
        }

        #[test]
        fn no_bytes_cause_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..100), id in ".{0,200}") {
            let ring = ring("k", [("k", key(1))]);
            prop_assert!(ring.open("k", &bytes).is_err());
            prop_assert!(ring.open(&id, &bytes).is_err());
            prop_assert_eq!(ring.pseudonym(&id).len(), PSEUDONYM_CHARS);
        }
    }

    #[test]
    fn one_bit_changed_or_one_byte_missing_is_refused() {
        let ring = ring("k", [("k", key(1))]);
        let sealed = ring.seal(b"an order").unwrap().bytes;
        let not_authentic = Err(OpenError::NotAuthentic { id: "k".parse().unwrap() });
        for at in 0..sealed.len() {
            for bit in 0..8 {
                let mut changed = sealed.clone();
                changed[at] ^= 1 << bit;
                assert_eq!(ring.open("k", &changed), not_authentic, "{at} {bit}");
            }
        }
        for length in 0..sealed.len() {
            let opened = ring.open("k", &sealed[..length]);
            if length < NONCE_BYTES + TAG_BYTES {
                assert_eq!(opened, Err(OpenError::TooShort { id: "k".parse().unwrap(), bytes: length }));
            } else {
                assert_eq!(opened, not_authentic, "{length}");
            }
        }
        assert_eq!(ring.open("k", &[sealed, vec![0]].concat()), not_authentic);
    }

    #[test]
    fn an_old_key_decrypts_and_a_different_one_does_not() {
        let old = ring("old", [("old", key(1))]).seal(b"an order").unwrap();
        let rotated = ring("new", [("old", key(1)), ("new", key(2))]);
        assert_eq!(*rotated.open(old.key_id.as_str(), &old.bytes).unwrap(), b"an order");
        assert_eq!(rotated.seal(b"").unwrap().key_id.as_str(), "new");
        assert_eq!(rotated.ids().map(KeyId::as_str).collect::<Vec<_>>(), ["new", "old"]);
        assert!(matches!(rotated.open("new", &old.bytes), Err(OpenError::NotAuthentic { .. })));
        let swapped = ring("new", [("old", key(2)), ("new", key(1))]);
        assert!(matches!(swapped.open("old", &old.bytes), Err(OpenError::NotAuthentic { .. })));
        let gone = rotated.open("gone\u{1b}[2J", &old.bytes).unwrap_err().to_string();
        assert!(gone.contains("\"gone\\u{1b}[2J\"") && gone.contains("'new', 'old'"), "{gone}");
    }

    #[test]
    fn a_ring_needs_its_active_key() {
        let keys = |ids: &[&str]| ids.iter().map(|id| (id.parse().unwrap(), key(b'K'))).collect::<Keys>();
        let refused = KeyRing::new("c", keys(&["a", "b"])).unwrap_err().to_string();
        assert!(refused.contains("'c'") && refused.contains("'a', 'b'"), "{refused}");
        assert!(KeyRing::new("c", Keys::new()).unwrap_err().to_string().contains("none"));
        let slipped = "dGVzdC1rZXktdGVzdC1rZXktdGVzdC1rZXktdGVzdCE=";
        assert_eq!(KeyRing::new(slipped, keys(&["a"])).unwrap_err(), KeyRingError::Id(KeyIdError::IsKey));
    }

    #[test]
    fn no_nonce_is_used_twice() {
        let ring = ring("k", [("k", key(1))]);
        let nonces: BTreeSet<_> = (0..10_000).map(|_| ring.seal(b"").unwrap().bytes[..NONCE_BYTES].to_vec()).collect();
        assert_eq!(nonces.len(), 10_000);
    }

    #[test]
    fn no_error_or_debug_output_contains_key_bytes_or_plaintext() {
        let ring = ring("k", [("k", sample_key())]);
        let sealed = ring.seal(b"an order").unwrap();
        let refused = [ring.open("x", &[]), ring.open("k", &[]), ring.open("k", &[7; 40])].map(Result::unwrap_err);
        let messages = refused.each_ref().map(ToString::to_string);
        let shown = format!("{ring:?} {sealed:?} {refused:?} {messages:?}");
        for part in ["test", "116", "7, 7", "an order"] {
            assert!(!shown.contains(part), "{shown}");
        }
    }

    #[test]
    fn a_pseudonym_is_the_keyed_hash_and_depends_on_the_active_key() {
        // Computed with Python's hmac and base64.b32encode.
        let one = ring("k", [("k", sample_key())]);
        assert_eq!(one.pseudonym("A12"), "fuqkvwmxc4yqaklurp762myg6c");
        assert_eq!(one.pseudonym(""), "wnvb2uwsley5zvsgcwpnj6abxl");
        assert_ne!(one.pseudonym("A12"), one.pseudonym("A13"));
        let with_more = ring("k", [("k", sample_key()), ("more", key(1))]);
        assert_eq!(one.pseudonym("A12"), with_more.pseudonym("A12"));
        assert_ne!(one.pseudonym("A12"), ring("more", [("more", key(1))]).pseudonym("A12"));
    }
}
