//! The payload of an effect, which decides whether two effects of one key are the same.

use std::{convert::Infallible, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::ProductId;

/// What an effect asks for, without its key. The journal keeps it whole and not hashed, so that two payloads can never
/// look alike and a person can read it. Text in JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum Payload {
    /// Units of a product, as in `999 x 123456`.
    Units {
        /// As it was ordered, valid or not.
        quantity: i64,
        /// The product.
        product: ProductId,
    },
    /// Text of another form. It is only compared and shown.
    Other(String),
}

impl fmt::Display for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Units { quantity, product } => write!(f, "{quantity} x {product}"),
            Self::Other(text) => f.pad(text),
        }
    }
}

impl FromStr for Payload {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        let units = text.split_once(" x ").and_then(|(quantity, product)| {
            Some(Self::Units { quantity: quantity.parse().ok()?, product: product.parse().ok()? })
        });
        // Only what `Display` writes, so that equal payloads are equal texts.
        Ok(units.filter(|units| units.to_string() == text).unwrap_or_else(|| Self::Other(text.to_owned())))
    }
}

impl From<String> for Payload {
    fn from(text: String) -> Self {
        let Ok(payload) = text.parse();
        payload
    }
}

impl From<Payload> for String {
    fn from(payload: Payload) -> Self {
        payload.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_survives_its_text() {
        let units = Payload::Units { quantity: 999, product: ProductId::new("123456").unwrap() };
        assert_eq!((units.to_string().as_str(), "999 x 123456".parse()), ("999 x 123456", Ok(units)));
        for other in ["", "010 x 123456", "+1 x 123456", "10x123456", "10 x ", "10 x \u{e4}"] {
            let payload = Payload::from(other.to_owned());
            assert_eq!(payload, Payload::Other(other.to_owned()));
            assert_eq!(payload.to_string(), other);
        }
    }
}
