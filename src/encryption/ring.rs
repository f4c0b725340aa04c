//! The key that encrypts, the keys that still decrypt, and what they do to bytes.
//!
//! A sealed message is a fresh nonce of 96 bits, the ciphertext and the tag of 128 bits, one after the other, with no
//! associated data: what Temporal's public Go and Python encryption samples write. A nonce is random, so one key is good
//! for some four thousand million messages (NIST SP 800-38D, 8.3); put a new one in front long before that.

use aes_gcm::{Aes256Gcm, KeyInit as _, aead::Aead as _};
use hmac::{Hmac, Mac as _};
use rand::{TryRng as _, rngs::SysRng};
use secrecy::zeroize::Zeroizing;
use sha2::Sha256;

use super::key::{KEY_BYTES, Key, KeyId, KeyIdError, Keys, listed};
use crate::error_text::quoted;

/// The length of a nonce, in bytes.
const NONCE: usize = 12;

/// The length of a tag, in bytes.
const TAG: usize = 16;

/// The length of a block of SHA-256, in bytes.
const BLOCK: usize = 64;

/// What the key for pseudonyms is made for, so that it is no other key.
const PSEUDONYM: &[u8] = b"idempotence workflow id";

/// The letters of a pseudonym: RFC 4648 base32 in lower case. No two of them look alike.
const LETTERS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// A pseudonym's length in characters of 5 bits.
const PSEUDONYM_LETTERS: usize = 26;

/// The keys of a process: one that encrypts, and all that decrypt.
#[derive(Debug)]
pub struct KeyRing {
    active: KeyId,
    /// Also among `keys`; here so that it is there whatever happens to them.
    key: Key,
    keys: Keys,
}

/// Why keys make no ring. Shows ids, never keys.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyRingError {
    /// What names the active key is no id.
    #[error("the key that is to encrypt: {0}")]
    Id(#[from] KeyIdError),
    /// The active key is not among the keys.
    #[error("there is no key '{active}' to encrypt with; the keys at hand are: {there}. Name one of them, or add it")]
    NoActive {
        /// What was asked for.
        active: KeyId,
        /// The ids that there are.
        there: String,
    },
}

/// A sealed message.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed {
    /// The key that opens it.
    pub key_id: KeyId,
    /// Nonce, ciphertext, tag.
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
    /// No nonce.
    #[error("the operating system gave no random bytes to encrypt with ({cause}); nothing was encrypted. Try again")]
    Random {
        /// What the operating system said.
        cause: String,
    },
    /// More than 64 GiB.
    #[error("the message is too long to be encrypted at once; send a shorter one")]
    TooLong,
}

/// Why a sealed message stays shut. Holds no byte of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// Sealed with a key that is not at hand.
    #[error("it is encrypted with the key {id}, which is not at hand (there are: {there}); add that key")]
    UnknownKey {
        /// The key's id, quoted.
        id: String,
        /// The ids that there are.
        there: String,
    },
    /// Not even a nonce and a tag.
    #[error(
        "it is said to be encrypted with the key '{id}', but has {bytes} bytes, fewer than any encrypted message; \
         it is damaged, or was never encrypted. Send it again"
    )]
    TooShort {
        /// The key's id.
        id: KeyId,
        /// Its length.
        bytes: usize,
    },
    /// The tag does not fit: another key under this id, or another message.
    #[error(
        "the key '{id}' does not open it: it is damaged, or was encrypted with another key of that id. \
         Compare the keys of both sides"
    )]
    NotAuthentic {
        /// The key's id.
        id: KeyId,
    },
}

impl KeyRing {
    /// The ring of `keys` in which `active` is the id of the one that encrypts.
    ///
    /// # Errors
    /// [`KeyRingError`].
    pub fn new(active: &str, keys: Keys) -> Result<Self, KeyRingError> {
        let active: KeyId = active.parse()?;
        match keys.get(&active).map(|key| Key::from_bytes(key.bytes())) {
            Some(key) => Ok(Self { active, key, keys }),
            None => Err(KeyRingError::NoActive { active, there: listed(keys.keys()) }),
        }
    }

    /// The id of the key that encrypts.
    #[must_use]
    pub const fn active(&self) -> &KeyId {
        &self.active
    }

    /// The ids of all keys, in order.
    pub fn ids(&self) -> impl Iterator<Item = &KeyId> {
        self.keys.keys()
    }

    /// Encrypts with the active key.
    ///
    /// # Errors
    /// [`SealError`].
    pub fn seal(&self, plaintext: &[u8]) -> Result<Sealed, SealError> {
        let mut nonce = [0; NONCE];
        SysRng.try_fill_bytes(&mut nonce).map_err(|error| SealError::Random { cause: error.to_string() })?;
        Ok(Sealed { key_id: self.active.clone(), bytes: seal_with(&self.key, &nonce, plaintext)? })
    }

    /// Decrypts with the key of that id.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(&self, key_id: &str, bytes: &[u8]) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        let Some((id, key)) = self.keys.get_key_value(key_id) else {
            return Err(OpenError::UnknownKey { id: quoted(key_id), there: listed(self.keys.keys()) });
        };
        match bytes.split_first_chunk::<NONCE>() {
            Some((nonce, sealed)) if sealed.len() >= TAG => {
                open_with(key, nonce, sealed).ok_or_else(|| OpenError::NotAuthentic { id: id.clone() })
            }
            _ => Err(OpenError::TooShort { id: id.clone(), bytes: bytes.len() }),
        }
    }

    /// A name of 26 letters and digits that stands for `text` and does not tell it. The same text has the same name as
    /// long as the same key is active, and another one after that; two texts share one with a chance of 1 in 2^130.
    #[must_use]
    pub fn pseudonym(&self, text: &str) -> String {
        let mut key = Zeroizing::new([0; BLOCK]);
        key[..KEY_BYTES].copy_from_slice(self.key.bytes());
        let derived = Zeroizing::new(keyed_hash(&key, PSEUDONYM));
        // Zeros up to a whole block are how HMAC lengthens a short key.
        let mut key = Zeroizing::new([0; BLOCK]);
        key[..KEY_BYTES].copy_from_slice(derived.as_slice());
        base32(&keyed_hash(&key, text.as_bytes()))
    }
}

/// The cipher is made for each message: between two of them, only the secret box holds key bytes.
fn seal_with(key: &Key, nonce: &[u8; NONCE], plaintext: &[u8]) -> Result<Vec<u8>, SealError> {
    let cipher = Aes256Gcm::new(key.bytes().into());
    let sealed = cipher.encrypt(nonce.into(), plaintext).map_err(|_| SealError::TooLong)?;
    Ok([nonce, sealed.as_slice()].concat())
}

/// `None` where the tag does not fit.
fn open_with(key: &Key, nonce: &[u8; NONCE], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let cipher = Aes256Gcm::new(key.bytes().into());
    cipher.decrypt(nonce.into(), sealed).ok().map(Zeroizing::new)
}

/// HMAC-SHA-256.
fn keyed_hash(key: &[u8; BLOCK], text: &[u8]) -> [u8; 32] {
    Hmac::<Sha256>::new(key.into()).chain_update(text).finalize().into_bytes().into()
}

/// The first 130 bits.
fn base32(bytes: &[u8; 32]) -> String {
    let bit = |at: usize| usize::from(bytes[at / 8] >> (7 - at % 8) & 1);
    let letter = |index: usize| (0..5).fold(0, |value, offset| value << 1 | bit(index * 5 + offset));
    (0..PSEUDONYM_LETTERS).map(|index| char::from(LETTERS[letter(index)])).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::super::key::sample_key;
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
    }

    fn key(byte: u8) -> Key {
        Key::from_bytes(&[byte; KEY_BYTES])
    }

    fn ring(active: &str, keys: impl IntoIterator<Item = (&'static str, Key)>) -> KeyRing {
        KeyRing::new(active, keys.into_iter().map(|(id, key)| (id.parse().unwrap(), key)).collect()).unwrap()
    }

    /// `McGrew` and Viega, "The Galois/Counter Mode of Operation", test cases 13 to 15: key, nonce, plaintext, ciphertext
    /// and tag.
    #[test]
    fn the_cipher_gives_the_published_vectors() {
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
            let nonce: [u8; NONCE] = hex(nonce).try_into().unwrap();
            let bytes = [nonce.to_vec(), hex(sealed)].concat();
            assert_eq!(seal_with(&key, &nonce, &hex(plaintext)).unwrap(), bytes);
            assert_eq!(*ring("k", [("k", key)]).open("k", &bytes).unwrap(), hex(plaintext));
        }
    }

    proptest! {
        #[test]
        fn what_is_sealed_is_opened(plaintext in prop::collection::vec(any::<u8>(), 0..2_000), byte in any::<u8>()) {
            let ring = ring("k", [("k", key(byte))]);
            let sealed = ring.seal(&plaintext).unwrap();
            prop_assert_eq!(sealed.bytes.len(), NONCE + plaintext.len() + TAG);
            prop_assert_eq!(&*ring.open("k", &sealed.bytes).unwrap(), &plaintext);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..100), id in ".{0,200}") {
            let ring = ring("k", [("k", key(1))]);
            prop_assert!(ring.open("k", &bytes).is_err());
            prop_assert!(ring.open(&id, &bytes).is_err());
            prop_assert_eq!(ring.pseudonym(&id).len(), PSEUDONYM_LETTERS);
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
            if length < NONCE + TAG {
                assert_eq!(opened, Err(OpenError::TooShort { id: "k".parse().unwrap(), bytes: length }));
            } else {
                assert_eq!(opened, not_authentic, "{length}");
            }
        }
        assert_eq!(ring.open("k", &[sealed, vec![0]].concat()), not_authentic);
    }

    #[test]
    fn an_old_key_decrypts_and_another_one_does_not() {
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
    fn no_nonce_comes_twice() {
        let ring = ring("k", [("k", key(1))]);
        let nonces: BTreeSet<_> = (0..10_000).map(|_| ring.seal(b"").unwrap().bytes[..NONCE].to_vec()).collect();
        assert_eq!(nonces.len(), 10_000);
    }

    #[test]
    fn nothing_that_is_shown_holds_key_bytes_or_plaintext() {
        let ring = ring("k", [("k", sample_key())]);
        let sealed = ring.seal(b"an order").unwrap();
        let refused = [ring.open("x", &[]), ring.open("k", &[]), ring.open("k", &[7; 40])].map(Result::unwrap_err);
        let told = refused.each_ref().map(ToString::to_string);
        let shown = format!("{ring:?} {sealed:?} {refused:?} {told:?}");
        for part in ["test", "116", "7, 7", "an order"] {
            assert!(!shown.contains(part), "{shown}");
        }
    }

    #[test]
    fn a_pseudonym_is_the_keyed_hash_and_hangs_on_the_active_key() {
        // Made by Python's hmac and base64.b32encode.
        let one = ring("k", [("k", sample_key())]);
        assert_eq!(one.pseudonym("A12"), "fuqkvwmxc4yqaklurp762myg6c");
        assert_eq!(one.pseudonym(""), "wnvb2uwsley5zvsgcwpnj6abxl");
        assert_ne!(one.pseudonym("A12"), one.pseudonym("A13"));
        let with_more = ring("k", [("k", sample_key()), ("more", key(1))]);
        assert_eq!(one.pseudonym("A12"), with_more.pseudonym("A12"));
        assert_ne!(one.pseudonym("A12"), ring("more", [("more", key(1))]).pseudonym("A12"));
    }
}
