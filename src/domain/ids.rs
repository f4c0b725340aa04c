//! Ids from other programs, validated once when they enter, and the idempotency keys made of them.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::sanitize;

/// Maximum length of an id, in bytes.
pub const MAX_ID_BYTES: usize = 128;

/// Why a text is not a valid id. `Display` writes a sentence without control characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InvalidId {
    /// It has no characters.
    Empty,
    /// It is longer than [`MAX_ID_BYTES`].
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// It has a character that is not printable ASCII.
    NotPrintableAscii {
        /// The id, sanitized.
        text: String,
    },
    /// It begins or ends with a space.
    OuterSpace {
        /// The id, sanitized.
        text: String,
    },
}

impl fmt::Display for InvalidId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => write!(f, "the id is empty; give 1 to {MAX_ID_BYTES} printable ASCII characters"),
            Self::TooLong { bytes } => write!(f, "the id has {bytes} bytes; at most {MAX_ID_BYTES} are allowed"),
            Self::NotPrintableAscii { text } => {
                write!(f, "the id '{text}' has a character that is not printable ASCII")
            }
            Self::OuterSpace { text } => write!(f, "the id '{text}' begins or ends with a space"),
        }
    }
}

impl std::error::Error for InvalidId {}

/// Ids are compared byte by byte, and are never used as a path, a format string, SQL or shell text.
fn check(text: &str) -> Result<(), InvalidId> {
    let shown = || sanitize(text, MAX_ID_BYTES);
    if text.is_empty() {
        Err(InvalidId::Empty)
    } else if text.len() > MAX_ID_BYTES {
        Err(InvalidId::TooLong { bytes: text.len() })
    } else if !text.bytes().all(|byte| (0x20..=0x7e).contains(&byte)) {
        Err(InvalidId::NotPrintableAscii { text: shown() })
    } else if text.trim_matches(' ').len() != text.len() {
        Err(InvalidId::OuterSpace { text: shown() })
    } else {
        Ok(())
    }
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Validates an id.
            ///
            /// # Errors
            /// [`InvalidId`] unless the text is 1 to 128 bytes of printable ASCII without outer spaces.
            pub fn new(text: impl Into<String>) -> Result<Self, InvalidId> {
                let text = text.into();
                check(&text)?;
                Ok(Self(text))
            }

            /// The id as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;

            fn try_from(text: String) -> Result<Self, InvalidId> {
                Self::new(text)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
    };
}

id!(
    /// The id of a customer's order. The same id is the same order, regardless of sender and number of starts.
    OrderId
);
id!(
    /// The id of a product.
    ProductId
);

/// The key under which the ledger records an effect: `order:<OrderID>` or `supplier:<OrderID>`. It has no attempt number
/// and no run id, because these differ between the repetitions that it must recognise.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// The key of an order's own effect.
    #[must_use]
    pub fn order(order: &OrderId) -> Self {
        Self(format!("order:{order}"))
    }

    /// The key of the supplier order on behalf of an order.
    #[must_use]
    pub fn supplier(order: &OrderId) -> Self {
        Self(format!("supplier:{order}"))
    }

    /// The key as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_printable_ascii_of_1_to_128_bytes() {
        for good in ["A12", "000", "a b", "~", &"x".repeat(128)] {
            assert_eq!(OrderId::new(good).unwrap().as_str(), good);
        }
        for bad in ["", " A", "A ", "A\n", "Ä", "\u{202e}A", "A\u{0}", &"x".repeat(129)] {
            assert!(OrderId::new(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn ids_differ_in_case() {
        assert_ne!(OrderId::new("A12").unwrap(), OrderId::new("a12").unwrap());
    }

    #[test]
    fn the_message_about_a_hostile_id_is_harmless() {
        let message = OrderId::new("A\u{1b}[2J").unwrap_err().to_string();
        assert!(message.chars().all(|c| c.is_ascii_graphic() || c == ' '), "{message:?}");
    }
}
