//! Lines of JSON that tell whether they are as they were written: `{"sum":"<16 hex digits>",` followed by the rest of an
//! object, without a line feed. The sum is taken over the bytes of the object without it, and compared as bytes: no other
//! spelling of the same value passes. The journal consists of such lines, and so does a recording.

use sha2::{Digest, Sha256};

/// Why a line cannot be trusted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    #[error("it does not begin with a checksum")]
    NoSum,
    #[error("its checksum is {found}, but its content gives {computed}")]
    WrongSum { found: String, computed: String },
    #[error("it is no record: {0}")]
    NoRecord(String),
}

pub const HEAD: &[u8] = b"{\"sum\":\"";
pub const SUM_BYTES: usize = 16;
pub const JOINT: &[u8] = b"\",";

/// The first 64 bits of the SHA-256 of `body`, in lower-case hex.
fn sum(body: &[u8]) -> String {
    let digest = Sha256::digest(body);
    let first = digest.iter().take(SUM_BYTES / 2).fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
    format!("{first:0SUM_BYTES$x}")
}

/// The line for a JSON object, without a line feed. `body` is not empty.
#[must_use]
pub fn seal(body: &[u8]) -> Vec<u8> {
    let mut line = Vec::with_capacity(body.len() + 33);
    line.extend_from_slice(HEAD);
    line.extend_from_slice(sum(body).as_bytes());
    line.extend_from_slice(JOINT);
    line.extend_from_slice(body.get(1..).unwrap_or_default());
    line
}

/// The JSON object of a line, which is given without its line feed.
///
/// # Errors
/// [`LineError`] when a bit of it is not as it was written.
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
