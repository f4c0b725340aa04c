//! Lines of JSON with a checksum: `{"sum":"<16 hex digits>",` followed by the rest of an object. Journals and
//! recordings consist of such lines, each followed by a line feed.
//!
//! The checksum covers the bytes of the object without the field `sum`, so the same values in another notation do not
//! match.

use sha2::{Digest, Sha256};

/// The damage of a line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    /// It has no checksum.
    #[error("it does not begin with a checksum")]
    NoSum,
    /// Its checksum is wrong.
    #[error("its checksum is {found}, but that of its content is {computed}")]
    WrongSum {
        /// The checksum in the line, sanitized.
        found: String,
        /// The checksum of its content.
        computed: String,
    },
    /// Its checksum is right, but it is not a record that this version can read.
    #[error("it is not a record: {0}")]
    NoRecord(String),
}

/// Bytes before the checksum.
pub const HEAD: &[u8] = b"{\"sum\":\"";
/// Number of hex digits of the checksum.
pub const SUM_BYTES: usize = 16;
/// Bytes after the checksum.
pub const JOINT: &[u8] = b"\",";

/// Returns the first 64 bits of the SHA-256 of `body`, in lower-case hex.
fn sum(body: &[u8]) -> String {
    let digest = Sha256::digest(body);
    let first = digest.iter().take(SUM_BYTES / 2).fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
    format!("{first:0SUM_BYTES$x}")
}

/// Returns the line for a JSON object, without a line feed. `body` must not be empty.
#[must_use]
pub fn seal(body: &[u8]) -> Vec<u8> {
    let mut line = Vec::with_capacity(body.len() + 33);
    line.extend_from_slice(HEAD);
    line.extend_from_slice(sum(body).as_bytes());
    line.extend_from_slice(JOINT);
    line.extend_from_slice(body.get(1..).unwrap_or_default());
    line
}

/// Returns the checksum that a line has, as a number; `None` if it has none.
pub(super) fn checksum(line: &[u8]) -> Option<u64> {
    let digits = line.get(HEAD.len()..HEAD.len() + SUM_BYTES)?;
    u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

/// Returns the JSON object of a line without its line feed.
///
/// # Errors
/// Returns [`LineError`] if any bit of the line has changed since it was written.
pub fn open(line: &[u8]) -> Result<Vec<u8>, LineError> {
    let rest = line.strip_prefix(HEAD).ok_or(LineError::NoSum)?;
    let (found, rest) = rest.split_at_checked(SUM_BYTES).ok_or(LineError::NoSum)?;
    let rest = rest.strip_prefix(JOINT).ok_or(LineError::NoSum)?;
    let mut body = Vec::with_capacity(rest.len() + 1);
    body.push(b'{');
    body.extend_from_slice(rest);
    let computed = sum(&body);
    if computed.as_bytes() != found {
        let found = crate::domain::sanitize(&String::from_utf8_lossy(found), SUM_BYTES);
        return Err(LineError::WrongSum { found, computed });
    }
    Ok(body)
}
