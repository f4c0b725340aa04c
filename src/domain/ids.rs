//! Identifiers that come from outside, checked once where they enter, and the idempotency keys made of them.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::sanitize;

/// The longest id, in bytes.
pub const MAX_ID_BYTES: usize = 128;

/// Why a text is no id. Its `Display` is a whole sentence without control characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InvalidId {
    Empty,
    TooLong { bytes: usize },
    NotPrintableAscii { text: String },
    OuterSpace { text: String },
}

impl fmt::Display for InvalidId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => write!(f, "the id is empty; give 1 to {MAX_ID_BYTES} printable ASCII characters"),
            Self::TooLong { bytes } => write!(f, "the id has {bytes} bytes; at most {MAX_ID_BYTES} are allowed"),
            Self::NotPrintableAscii { text } => {
                write!(f, "the id '{text}' holds a character that is not printable ASCII")
            }
            Self::OuterSpace { text } => write!(f, "the id '{text}' begins or ends with a space"),
        }
    }
}

impl std::error::Error for InvalidId {}

/// Ids are compared byte by byte; they are never a path, a format string, SQL or shell text.
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
            /// # Errors
            /// [`InvalidId`] unless the text is 1 to 128 bytes of printable ASCII without outer spaces.
            pub fn new(text: impl Into<String>) -> Result<Self, InvalidId> {
                let text = text.into();
                check(&text)?;
                Ok(Self(text))
            }

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
    /// The id that a customer's order carries. The same id is the same order, whoever sends it and however often.
    OrderId
);
id!(
    /// A product's id.
    ProductId
);

/// What makes an effect happen once: `order:<OrderID>` or `supplier:<OrderID>`. Never made of an attempt or a run id,
/// which differ between the very repetitions that it must recognise.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    #[must_use]
    pub fn order(order: &OrderId) -> Self {
        Self(format!("order:{order}"))
    }

    #[must_use]
    pub fn supplier(order: &OrderId) -> Self {
        Self(format!("supplier:{order}"))
    }

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
