//! A key, its id, and their text forms in an environment variable and in a key file.
//!
//! No error here contains the text in question, because a user may have pasted a key in place of an id.

use std::{collections::BTreeMap, fmt, str::FromStr};

use base64::{
    Engine as _, alphabet,
    engine::{
        DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig,
        general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD},
    },
};
use rand::{TryRng as _, rngs::SysRng};
use secrecy::{ExposeSecret as _, SecretBox, zeroize::Zeroizing};

/// Length of an AES-256 key, in bytes.
pub(super) const KEY_BYTES: usize = 32;

/// Accepted forms of base64: the standard and the URL-safe alphabet, with or without padding.
const ANY_BASE64: [GeneralPurpose; 2] = {
    let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    [GeneralPurpose::new(&alphabet::STANDARD, config), GeneralPurpose::new(&alphabet::URL_SAFE, config)]
};

/// The key of Temporal's public samples.
const SAMPLE: &[u8; KEY_BYTES] = b"test-key-test-key-test-key-test!";

/// Keys by id.
pub type Keys = BTreeMap<KeyId, Key>;

/// An AES-256 key. It is wiped on drop; `Debug` does not show its bytes, and it has no `Display`.
pub struct Key(SecretBox<[u8; KEY_BYTES]>);

impl fmt::Debug for Key {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Key(not shown)")
    }
}

/// Why a text is not a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The text is not base64.
    #[error("the key is not base64; create one with: openssl rand -base64 32")]
    NotBase64,
    /// The text has 64 hexadecimal digits.
    #[error("the key is hexadecimal; write its {KEY_BYTES} bytes as base64: xxd -r -p FILE | base64")]
    Hexadecimal,
    /// The base64 decodes to the wrong number of bytes.
    #[error("the key has {bytes} bytes, but AES-256 needs {KEY_BYTES}; create one with: openssl rand -base64 32")]
    Length {
        /// Number of decoded bytes.
        bytes: usize,
    },
    /// The operating system returned no random bytes.
    #[error("the operating system returned no random bytes for a key ({cause}); try again")]
    Random {
        /// Error of the operating system.
        cause: String,
    },
}

impl Key {
    /// Creates a key from its bytes.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; KEY_BYTES]) -> Self {
        Self(SecretBox::init_with_mut(|secret: &mut [u8; KEY_BYTES]| secret.copy_from_slice(bytes)))
    }

    /// Decodes 32 bytes of base64 in the standard or the URL-safe alphabet. Padding is optional, and ASCII whitespace
    /// is ignored.
    ///
    /// # Errors
    /// Returns [`KeyError::NotBase64`] if the text is not base64, [`KeyError::Hexadecimal`] if it has 64 hexadecimal
    /// digits, and [`KeyError::Length`] if it decodes to another number of bytes than 32.
    pub fn from_base64(text: &str) -> Result<Self, KeyError> {
        // Allocate the whole buffer at once: a buffer that grows leaves copies of the key in memory.
        let mut plain = Zeroizing::new(String::with_capacity(text.len()));
        plain.extend(text.chars().filter(|letter| !letter.is_ascii_whitespace()));
        let decoded = ANY_BASE64.iter().find_map(|engine| {
            let mut bytes = Zeroizing::new(Vec::with_capacity(plain.len()));
            engine.decode_vec(plain.as_bytes(), &mut bytes).ok()?;
            Some(bytes)
        });
        let bytes = decoded.ok_or(KeyError::NotBase64)?;
        match <&[u8; KEY_BYTES]>::try_from(bytes.as_slice()) {
            Ok(key) => Ok(Self::from_bytes(key)),
            Err(_) if is_hexadecimal(&plain) => Err(KeyError::Hexadecimal),
            Err(_) => Err(KeyError::Length { bytes: bytes.len() }),
        }
    }

    /// Creates a key of random bytes from the operating system.
    ///
    /// # Errors
    /// Returns [`KeyError::Random`] if the operating system returns no random bytes.
    pub(super) fn random() -> Result<Self, KeyError> {
        let mut key = Self(SecretBox::init_with_mut(|_: &mut [u8; KEY_BYTES]| ()));
        let bytes = secrecy::ExposeSecretMut::expose_secret_mut(&mut key.0);
        SysRng.try_fill_bytes(bytes).map_err(|error| KeyError::Random { cause: error.to_string() })?;
        Ok(key)
    }

    /// The bytes of the key.
    pub(super) fn bytes(&self) -> &[u8; KEY_BYTES] {
        self.0.expose_secret()
    }

    /// Returns the text that [`from_base64`](Self::from_base64) reads. It is wiped on drop.
    pub(super) fn to_base64(&self) -> Zeroizing<String> {
        Zeroizing::new(STANDARD.encode(self.bytes()))
    }
}

/// Returns the key of Temporal's public samples, ASCII `test-key-test-key-test-key-test!`.
///
/// **Insecure**: the key is public and hides nothing. Use it only for experiments with the samples.
#[must_use]
pub fn sample_key() -> Key {
    Key::from_bytes(SAMPLE)
}

/// Name of a key, which is stored unencrypted next to every payload: 1 to 128 printable ASCII characters without quotes
/// and without a space at either end.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(String);

/// Why a text is not a key id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyIdError {
    /// The text is empty.
    #[error("the key id is empty; give it a name such as mykey-2")]
    Empty,
    /// The text is longer than [`KeyId::MAX_BYTES`].
    #[error("the key id is longer than {} bytes; give it a shorter name such as mykey-2", KeyId::MAX_BYTES)]
    TooLong,
    /// The text contains a character that is not allowed in an id.
    #[error(
        "the key id contains a quote or a character that is not printable ASCII, or begins or ends with a space; \
         give it a plain name such as mykey-2"
    )]
    Character,
    /// The text looks like a key, but an id is stored unencrypted.
    #[error("the key id looks like a key or contains one, and an id is not secret; give it a name such as mykey-2")]
    IsKey,
}

impl KeyId {
    /// Maximum length of an id, in bytes.
    pub const MAX_BYTES: usize = 128;

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for KeyId {
    type Err = KeyIdError;

    fn from_str(text: &str) -> Result<Self, KeyIdError> {
        if text.is_empty() {
            return Err(KeyIdError::Empty);
        }
        if text.len() > Self::MAX_BYTES {
            return Err(KeyIdError::TooLong);
        }
        let fits = |byte: u8| (byte.is_ascii_graphic() || byte == b' ') && !matches!(byte, b'"' | b'\'' | b'`');
        if !text.bytes().all(fits) || text.trim() != text {
            return Err(KeyIdError::Character);
        }
        if has_key(text) {
            return Err(KeyIdError::IsKey);
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl std::borrow::Borrow<str> for KeyId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// Whether a part of the text is 32 bytes in any form of base64, or in hexadecimal.
fn has_key(text: &str) -> bool {
    // Split at padding and at separators between a key and its id. Base64 contains neither.
    text.split(|letter: char| !letter.is_ascii_alphanumeric() && !"+/-_".contains(letter)).any(is_key)
}

/// Whether the text is a key. The text has no padding.
fn is_key(text: &str) -> bool {
    let is_base64 = || {
        let mut engines = [STANDARD_NO_PAD, URL_SAFE_NO_PAD].into_iter();
        engines.any(|engine| engine.decode(text).is_ok_and(|bytes| Zeroizing::new(bytes).len() == KEY_BYTES))
    };
    is_hexadecimal(text) || is_base64()
}

/// Whether the text is a key in hexadecimal.
fn is_hexadecimal(text: &str) -> bool {
    text.len() == 2 * KEY_BYTES && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Returns the ids as a list for an error message, or `none`.
pub(super) fn listed<'k>(ids: impl Iterator<Item = &'k KeyId>) -> String {
    let ids: Vec<_> = ids.map(|id| format!("'{id}'")).collect();
    if ids.is_empty() { "none".to_owned() } else { ids.join(", ") }
}

/// Why a list of keys is invalid. Entries are counted from 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyListError {
    /// The entry has no `ID:` before the key.
    #[error("entry {entry} of the keys has no colon; write ID:BASE64, and separate entries with commas")]
    NoColon {
        /// Number of the entry.
        entry: usize,
    },
    /// The id contains a separator, most likely because the comma between two entries is missing.
    #[error(
        "entry {entry} of the keys has a separator in its id; write ID:BASE64, and separate entries with commas. \
         Put a key whose id has a colon, a semicolon, a bar, an equals sign or a space into a key file"
    )]
    Separator {
        /// Number of the entry.
        entry: usize,
    },
    /// The id is invalid.
    #[error("entry {entry} of the keys: {cause}")]
    Id {
        /// Number of the entry.
        entry: usize,
        /// The problem with the id.
        cause: KeyIdError,
    },
    /// The key is invalid. The error omits the id, because the id is the key if the user swapped the two.
    #[error("entry {entry} of the keys: {cause}")]
    Key {
        /// Number of the entry.
        entry: usize,
        /// The problem with the key.
        cause: KeyError,
    },
    /// Two entries have the same id.
    #[error("entry {entry} of the keys repeats the id '{id}'; give every key its own id")]
    DuplicateId {
        /// Number of the second entry.
        entry: usize,
        /// The id of both entries.
        id: KeyId,
    },
}

/// Parses the keys of an environment variable: `ID:BASE64,ID:BASE64`. Spaces around an entry are ignored, a comma at
/// the end is allowed, and an empty text contains no keys. An id that contains a comma or another separator is possible
/// only in a key file.
///
/// # Errors
/// Returns [`KeyListError`] for the first entry without a colon, with a separator in its id, with an invalid id or key,
/// or with the id of an earlier entry.
pub fn parse_keys(text: &str) -> Result<Keys, KeyListError> {
    let mut keys = Keys::new();
    let text = text.trim();
    let entries = text.strip_suffix(',').unwrap_or(text);
    for (entry, part) in (1..).zip(entries.split(',')).filter(|_| !entries.is_empty()) {
        // Base64 contains no colon, so the last colon ends the id.
        let (id, key) = part.trim().rsplit_once(':').ok_or(KeyListError::NoColon { entry })?;
        let id = id.trim();
        if id.contains(|letter: char| ":;|=".contains(letter) || letter.is_whitespace()) {
            return Err(KeyListError::Separator { entry });
        }
        let id: KeyId = id.parse().map_err(|cause| KeyListError::Id { entry, cause })?;
        let key = Key::from_base64(key.trim()).map_err(|cause| KeyListError::Key { entry, cause })?;
        if keys.contains_key(&id) {
            return Err(KeyListError::DuplicateId { entry, id });
        }
        keys.insert(id, key);
    }
    Ok(keys)
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::URL_SAFE;

    use super::*;

    const BASE64: &str = "dGVzdC1rZXktdGVzdC1rZXktdGVzdC1rZXktdGVzdCE=";

    #[test]
    fn a_key_is_read_as_it_is_written_and_debug_hides_it() {
        let key = Key::from_base64(BASE64).unwrap();
        assert_eq!((key.bytes(), key.to_base64().as_str()), (SAMPLE, BASE64));
        assert_eq!(format!("{key:?} {:?}", sample_key()), "Key(not shown) Key(not shown)");
        assert_ne!(Key::random().unwrap().bytes(), Key::random().unwrap().bytes());
        assert_ne!(Key::random().unwrap().bytes(), &[0; KEY_BYTES]);
    }

    #[test]
    fn an_invalid_key_is_refused_without_its_text() {
        assert_eq!(Key::from_base64("c2hvcnQtc2VjcmV0").unwrap_err(), KeyError::Length { bytes: 12 });
        assert_eq!(Key::from_base64("").unwrap_err(), KeyError::Length { bytes: 0 });
        let long = STANDARD.encode([7; 33]);
        assert_eq!(Key::from_base64(&long).unwrap_err(), KeyError::Length { bytes: 33 });
        assert_eq!(Key::from_base64(" ").unwrap_err(), KeyError::Length { bytes: 0 });
        let hexadecimal = "0123456789abcdefABCDEF9876543210".repeat(2);
        assert_eq!(Key::from_base64(&hexadecimal).unwrap_err(), KeyError::Hexadecimal);
        let mixed = "+_".repeat(21) + "+=";
        for text in ["not base64!", "ä", BASE64.get(1..).unwrap(), &mixed] {
            assert_eq!(Key::from_base64(text).unwrap_err(), KeyError::NotBase64, "{text}");
        }
    }

    #[test]
    fn a_key_is_read_in_every_form_of_base64() {
        let bytes = [0xfb; KEY_BYTES];
        let standard = STANDARD.encode(bytes);
        let spellings = [
            standard.replace('=', ""),
            URL_SAFE.encode(bytes),
            URL_SAFE_NO_PAD.encode(bytes),
            format!("{}\r\n {}\n", &standard[..20], &standard[20..]),
            standard,
        ];
        for text in spellings {
            assert_eq!(Key::from_base64(&text).unwrap().bytes(), &bytes, "{text}");
        }
    }

    #[test]
    fn an_id_is_a_plain_name_and_never_a_key() {
        for id in ["a", "mysecretkey", "key 2/2026-07", "a:b,c=d\\e", &"x".repeat(128)] {
            assert_eq!(id.parse::<KeyId>().unwrap().as_str(), id);
        }
        assert_eq!("".parse::<KeyId>(), Err(KeyIdError::Empty));
        assert_eq!("x".repeat(129).parse::<KeyId>(), Err(KeyIdError::TooLong));
        for id in [" a", "a ", "a\"b", "it's", "a`b", "a\nb", "ä", "\u{7f}", "\u{202e}"] {
            assert_eq!(id.parse::<KeyId>(), Err(KeyIdError::Character), "{id:?}");
        }
        let key = [0xfb; KEY_BYTES];
        let hex = "0123456789abcdefABCDEF9876543210".repeat(2);
        let beside = ["k1:", "k1=", "k1 ", "k1;"].map(|id| format!("{id}{BASE64}; k2"));
        let alone = [STANDARD.encode(key), STANDARD_NO_PAD.encode(key), URL_SAFE.encode(key), BASE64.to_owned(), hex];
        for id in alone.into_iter().chain(beside) {
            let refused = id.parse::<KeyId>().unwrap_err();
            assert_eq!(refused, KeyIdError::IsKey, "{id}");
            assert!(!refused.to_string().contains(&id));
        }
    }

    #[test]
    fn a_list_of_keys_is_read_entry_by_entry() {
        assert!(parse_keys("").unwrap().is_empty());
        assert!(parse_keys("  ").unwrap().is_empty());
        let keys = parse_keys(&format!(" a:{BASE64} , b/c : {BASE64},")).unwrap();
        assert_eq!(listed(keys.keys()), "'a', 'b/c'");
        assert_eq!(listed(Keys::new().keys()), "none");
        let refused = |text: &str| parse_keys(text).unwrap_err();
        let id = || "a".parse::<KeyId>().unwrap();
        assert_eq!(refused(BASE64), KeyListError::NoColon { entry: 1 });
        assert_eq!(refused(&format!("a:{BASE64},,")), KeyListError::NoColon { entry: 2 });
        assert_eq!(refused(&format!("a:{BASE64},:{BASE64}")), KeyListError::Id { entry: 2, cause: KeyIdError::Empty });
        assert_eq!(refused("a:c2hvcnQ="), KeyListError::Key { entry: 1, cause: KeyError::Length { bytes: 5 } });
        assert_eq!(refused(&format!("a:{BASE64},a:{BASE64}")), KeyListError::DuplicateId { entry: 2, id: id() });
    }

    #[test]
    fn keys_without_a_comma_between_them_are_refused() {
        for between in [";", " ", "|", "\n", "; ", "=", ":"] {
            let refused = parse_keys(&format!("a:{BASE64},b:{BASE64}{between}c:{BASE64}")).unwrap_err();
            assert_eq!(refused, KeyListError::Separator { entry: 2 }, "{between:?}");
        }
    }

    #[test]
    fn no_error_about_a_list_contains_a_possible_key() {
        let secret = "dGhlLXNlY3JldC10aGF0LW11c3QtbmV2ZXItYmUtc2hvd24h";
        for text in [secret.to_owned(), format!("{secret}:a"), format!("a:{secret}!"), format!("a:{secret}")] {
            let Err(refused) = parse_keys(&text) else { continue };
            let shown = format!("{refused} {refused:?}");
            assert!(!shown.contains(&secret[..8]), "{shown}");
        }
    }
}
