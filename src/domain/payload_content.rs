//! The content of a payload of any workflow, as far as it can be shown.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A decoded payload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PayloadContent {
    /// JSON.
    Json {
        /// Compact JSON, with invisible characters escaped; the beginning of it if `bytes` is larger than its length.
        text: String,
        /// Size of the whole text.
        bytes: u64,
    },
    /// No value: `binary/null`.
    Null,
    /// Another encoding.
    Other {
        /// The encoding; may be empty.
        encoding: String,
        /// Size of the data.
        bytes: u64,
    },
    /// The configured codec, or its own encoding, cannot decode it.
    Undecodable {
        /// The reason.
        cause: String,
    },
}

impl fmt::Display for PayloadContent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json { text, bytes } if *bytes > text.len() as u64 => write!(f, "{text}… ({bytes} bytes)"),
            Self::Json { text, .. } => f.write_str(text),
            Self::Null => f.write_str("null"),
            Self::Other { encoding, bytes } if encoding.is_empty() => write!(f, "{bytes} bytes without an encoding"),
            Self::Other { encoding, bytes } => write!(f, "{bytes} bytes, {encoding}"),
            Self::Undecodable { cause } => write!(f, "cannot be decoded: {cause}"),
        }
    }
}
