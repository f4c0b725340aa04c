//! Durations as whole milliseconds: the form that they have in every file of this program.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serializer};

/// The whole milliseconds of a duration, at most `u64::MAX`.
#[must_use]
pub fn whole(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Writes a duration, for `#[serde(with = ...)]`.
///
/// # Errors
/// The serializer's error, if it cannot write a number.
pub fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(whole(*duration))
}

/// Reads a duration, for `#[serde(with = ...)]`.
///
/// # Errors
/// The deserializer's error, if the value is not a whole number from 0 to `u64::MAX`.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    u64::deserialize(deserializer).map(Duration::from_millis)
}

/// The same for an optional duration; `null` in JSON if it is absent.
pub mod optional {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::whole;

    /// Writes an optional duration, for `#[serde(with = ...)]`.
    ///
    /// # Errors
    /// The serializer's error, if it cannot write an optional number.
    pub fn serialize<S: Serializer>(duration: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
        duration.map(whole).serialize(serializer)
    }

    /// Reads an optional duration, for `#[serde(with = ...)]`.
    ///
    /// # Errors
    /// The deserializer's error, if the value is neither `null` nor a whole number from 0 to `u64::MAX`.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
        Ok(Option::deserialize(deserializer)?.map(Duration::from_millis))
    }
}
