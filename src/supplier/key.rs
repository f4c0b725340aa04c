//! The value of the header `Idempotency-Key`.
//!
//! The draft defines it as a Structured Field (RFC 9651) that is an Item with a String: `"supplier:A12"`. Stripe's
//! clients send the key without quotes, which is accepted too. Both forms are the same key.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::domain::IdempotencyKey;

/// Name of the header.
pub const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// Maximum length of a key, in characters, as in Stripe's API.
pub const MAX_KEY_CHARS: usize = 255;

/// An idempotency key that a client sends: 1 to 255 printable ASCII characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RequestKey(String);

/// Why a value is not an idempotency key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The key has no characters.
    #[error("the key is empty; send 1 to {MAX_KEY_CHARS} printable ASCII characters")]
    Empty,
    /// The key is too long.
    #[error("the key has {chars} characters; send at most {MAX_KEY_CHARS}")]
    TooLong {
        /// Its length, in characters.
        chars: usize,
    },
    /// The key has a character that is not printable ASCII.
    #[error("the key has a character that is not printable ASCII; remove it")]
    NotPrintableAscii,
    /// The value begins with a quote and is not a String of RFC 9651.
    #[error(
        "the key has an error at byte {at}; send one string such as \"supplier:A12\", with \\ before each \" and \\"
    )]
    Malformed {
        /// Offset of the error in the value, in bytes.
        at: usize,
    },
    /// The value has no quotes, but a character that needs them.
    #[error("the key has the character '{found}', which needs quotes around the key: \"KEY\"")]
    NeedsQuotes {
        /// The character.
        found: char,
    },
    /// The request has more than one header.
    #[error("there is more than one Idempotency-Key header; send one")]
    Repeated,
}

impl RequestKey {
    /// Checks a key.
    ///
    /// # Errors
    /// Returns [`KeyError`] unless the key has 1 to 255 printable ASCII characters.
    pub fn new(text: impl Into<String>) -> Result<Self, KeyError> {
        let text = text.into();
        if text.is_empty() {
            Err(KeyError::Empty)
        } else if !text.bytes().all(|byte| (0x20..=0x7e).contains(&byte)) {
            Err(KeyError::NotPrintableAscii)
        } else if text.len() > MAX_KEY_CHARS {
            Err(KeyError::TooLong { chars: text.len() })
        } else {
            Ok(Self(text))
        }
    }

    /// Reads the values of all `Idempotency-Key` headers of a request; `None` if there are none.
    ///
    /// # Errors
    /// Returns [`KeyError`] if there is more than one header, or its value is not a key.
    pub fn from_headers<'v>(mut values: impl Iterator<Item = &'v [u8]>) -> Result<Option<Self>, KeyError> {
        let Some(value) = values.next() else { return Ok(None) };
        if values.next().is_some() {
            return Err(KeyError::Repeated);
        }
        let value = value.trim_ascii();
        let key = if value.first() == Some(&b'"') { quoted(value)? } else { unquoted(value)? };
        Self::new(key).map(Some)
    }

    /// Returns the header's value: the key as a String of RFC 9651.
    #[must_use]
    pub fn header_value(&self) -> String {
        let escaped = self.0.replace('\\', "\\\\").replace('"', "\\\"");
        format!("\"{escaped}\"")
    }

    /// The key as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for RequestKey {
    type Error = KeyError;

    fn try_from(text: String) -> Result<Self, KeyError> {
        Self::new(text)
    }
}

impl From<RequestKey> for String {
    fn from(key: RequestKey) -> Self {
        key.0
    }
}

impl From<&IdempotencyKey> for RequestKey {
    fn from(key: &IdempotencyKey) -> Self {
        // A prefix and an id, which is printable ASCII and shorter than the maximum.
        Self(key.as_str().to_owned())
    }
}

impl fmt::Display for RequestKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Reads an Item with a String. Its parameters have no meaning for this header, so they are read and ignored.
fn quoted(value: &[u8]) -> Result<String, KeyError> {
    let mut rest = Rest { value, at: 0 };
    let key = rest.string()?;
    rest.parameters()?;
    if rest.peek().is_some() { Err(rest.error()) } else { Ok(key) }
}

/// Reads a key without quotes. A comma could come from two headers that a proxy has joined, and a semicolon could begin
/// a parameter.
fn unquoted(value: &[u8]) -> Result<String, KeyError> {
    if let Some(found) = value.iter().find(|byte| matches!(byte, b' ' | b'"' | b'\\' | b',' | b';')) {
        return Err(KeyError::NeedsQuotes { found: char::from(*found) });
    }
    String::from_utf8(value.to_vec()).map_err(|_| KeyError::NotPrintableAscii)
}

/// The part of a value that has not been read yet. The grammar is that of RFC 9651, section 4.2.3.
struct Rest<'v> {
    value: &'v [u8],
    at: usize,
}

impl Rest<'_> {
    fn error(&self) -> KeyError {
        KeyError::Malformed { at: self.at }
    }

    fn peek(&self) -> Option<u8> {
        self.value.get(self.at).copied()
    }

    fn next(&mut self) -> Result<u8, KeyError> {
        let byte = self.peek().ok_or_else(|| self.error())?;
        self.at += 1;
        Ok(byte)
    }

    /// Skips bytes that `is_part` accepts, and returns their number.
    fn skip(&mut self, is_part: impl Fn(u8) -> bool) -> usize {
        let from = self.at;
        while self.peek().is_some_and(&is_part) {
            self.at += 1;
        }
        self.at - from
    }

    fn expect(&mut self, is_right: impl Fn(u8) -> bool) -> Result<(), KeyError> {
        if self.peek().is_some_and(is_right) { self.next().map(drop) } else { Err(self.error()) }
    }

    fn string(&mut self) -> Result<String, KeyError> {
        self.expect(|byte| byte == b'"')?;
        let mut text = String::new();
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(text);
                }
                Some(b'\\') => {
                    self.at += 1;
                    if !matches!(self.peek(), Some(b'"' | b'\\')) {
                        return Err(self.error());
                    }
                }
                Some(0x20..=0x7e) => {}
                Some(_) | None => return Err(self.error()),
            }
            text.push(char::from(self.next()?));
        }
    }

    fn parameters(&mut self) -> Result<(), KeyError> {
        while self.peek() == Some(b';') {
            self.at += 1;
            self.skip(|byte| byte == b' ');
            self.expect(|byte| byte.is_ascii_lowercase() || byte == b'*')?;
            self.skip(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-.*".contains(&byte));
            if self.peek() == Some(b'=') {
                self.at += 1;
                self.bare_item()?;
            }
        }
        Ok(())
    }

    /// Skips the value of a parameter.
    fn bare_item(&mut self) -> Result<(), KeyError> {
        match self.peek() {
            Some(b'"') => self.string().map(drop),
            Some(b'?') => {
                self.at += 1;
                self.expect(|byte| matches!(byte, b'0' | b'1'))
            }
            Some(b':') => {
                self.at += 1;
                self.skip(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte));
                self.expect(|byte| byte == b':')
            }
            Some(byte) if byte.is_ascii_alphabetic() || byte == b'*' => {
                self.skip(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~:/".contains(&byte));
                Ok(())
            }
            _ => self.number(),
        }
    }

    fn number(&mut self) -> Result<(), KeyError> {
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        self.expect(|byte| byte.is_ascii_digit())?;
        self.skip(|byte| byte.is_ascii_digit());
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.expect(|byte| byte.is_ascii_digit())?;
            self.skip(|byte| byte.is_ascii_digit());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::OrderId;

    fn read(value: &str) -> Result<String, KeyError> {
        let key = RequestKey::from_headers([value.as_bytes()].into_iter())?;
        Ok(key.unwrap().as_str().to_owned())
    }

    #[test]
    fn a_string_of_the_draft_and_the_unquoted_form_are_the_same_key() {
        for value in ["\"supplier:A12\"", "supplier:A12", " supplier:A12 ", "\"supplier:A12\" "] {
            assert_eq!(read(value).as_deref(), Ok("supplier:A12"), "{value}");
        }
        let uuid = "8e03978e-40d5-43e8-bc93-6894a57f9324";
        assert_eq!((read(uuid), read(&format!("\"{uuid}\""))), (Ok(uuid.to_owned()), Ok(uuid.to_owned())));
        assert_eq!(read(r#""a \"b\" \\ c, d; e""#).as_deref(), Ok(r#"a "b" \ c, d; e"#));
        assert_eq!(RequestKey::from_headers(std::iter::empty()), Ok(None));
    }

    #[test]
    fn parameters_are_ignored() {
        for parameters in [";a", ";a=1", "; a=-1.5;b", ";*a-_.1=tok/en:x", ";a=\"x\\\"\";b=?1;c=:aGk=:", ";a=?0"] {
            assert_eq!(read(&format!("\"k\"{parameters}")).as_deref(), Ok("k"), "{parameters}");
        }
    }

    #[test]
    fn a_malformed_value_is_refused_at_its_place() {
        for (value, at) in [
            ("\"", 1),
            ("\"abc", 4),
            ("\"a\\x\"", 3),
            ("\"a\\", 3),
            ("\"a\"b", 3),
            ("\"a\" \"b\"", 3),
            ("\"a\", \"b\"", 3),
            ("\"a\tb\"", 2),
            ("\"ä\"", 1),
            ("\"a\";", 4),
            ("\"a\";A", 4),
            ("\"a\";a=", 6),
            ("\"a\";a=?2", 7),
            ("\"a\";a=:b", 8),
            ("\"a\";a=1.", 8),
            ("\"a\";a=-", 7),
        ] {
            assert_eq!(read(value), Err(KeyError::Malformed { at }), "{value}");
        }
        for (value, found) in [("a b", ' '), ("a\"", '"'), ("a,b", ','), ("a;b=1", ';'), ("a\\", '\\')] {
            assert_eq!(read(value), Err(KeyError::NeedsQuotes { found }), "{value}");
        }
        for value in ["", " ", "\"\"", "\"\";a=1"] {
            assert_eq!(read(value), Err(KeyError::Empty), "{value:?}");
        }
        for value in [&b"\xff"[..], "ä".as_bytes(), b"a\x7f", b"a\tb"] {
            assert_eq!(RequestKey::from_headers([value].into_iter()), Err(KeyError::NotPrintableAscii), "{value:?}");
        }
        let two = [&b"\"a\""[..], b"\"a\""];
        assert_eq!(RequestKey::from_headers(two.into_iter()), Err(KeyError::Repeated));
    }

    #[test]
    fn a_key_has_at_most_255_characters() {
        let longest = "k".repeat(MAX_KEY_CHARS);
        assert_eq!(read(&longest).as_ref(), Ok(&longest));
        assert_eq!(read(&format!("\"{}\"", "\\\"".repeat(255))), Ok("\"".repeat(255)));
        let error = Err(KeyError::TooLong { chars: 256 });
        assert_eq!((read(&format!("{longest}k")), read(&format!("\"{longest}k\""))), (error.clone(), error));
    }

    #[test]
    fn every_key_survives_its_header() {
        let all: String = (0x20..=0x7e_u8).map(char::from).collect();
        for text in [all.as_str(), "\"", "\\", " a ", "supplier:A12"] {
            let key = RequestKey::new(text).unwrap();
            assert_eq!(read(&key.header_value()).as_deref(), Ok(text));
        }
        let order = OrderId::new("\"".repeat(128)).unwrap();
        let key = RequestKey::from(&IdempotencyKey::supplier(&order));
        assert_eq!(RequestKey::new(key.as_str()), Ok(key));
    }
}
