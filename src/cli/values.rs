//! Parsers of values on the command line. Their errors say what is expected; clap names the argument and the value.

use std::time::Duration;

use crate::{
    domain::{MAX_QUANTITY, expected_quantity},
    faults::Seed,
};

/// Maximum length of a workflow id on the server, in bytes.
const MAX_WORKFLOW_ID_BYTES: usize = 1000;

/// Parses the quantity of an order.
pub(super) fn quantity(text: &str) -> Result<i64, String> {
    let quantity = text.parse().ok().filter(|quantity| (1..=MAX_QUANTITY).contains(quantity));
    quantity.ok_or_else(|| format!("expected {}", expected_quantity()))
}

/// Parses the seed of a fault plan.
pub(super) fn seed(text: &str) -> Result<Seed, String> {
    text.parse().map_err(|_| format!("give a whole number from 0 to {}", Seed::MAX))
}

/// Parses a workflow id that the server accepts.
pub(super) fn workflow_id(text: &str) -> Result<String, String> {
    let is_valid = !text.trim().is_empty() && text.len() <= MAX_WORKFLOW_ID_BYTES && !text.contains(char::is_control);
    let expected = || format!("give 1 to {MAX_WORKFLOW_ID_BYTES} bytes without control characters");
    if is_valid { Ok(text.to_owned()) } else { Err(expected()) }
}

/// Parses a duration such as `30s`, `1.5m`, `250ms` or `1h`; a number without a unit is in seconds.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    const UNITS: [(&str, f64); 5] = [("ms", 0.001), ("s", 1.0), ("m", 60.0), ("h", 3_600.0), ("", 1.0)];
    let expected = || "give a time above 0, e.g. 30s, 2m or 1h".to_owned();
    let (number, factor) =
        UNITS.iter().find_map(|(unit, factor)| Some((text.trim().strip_suffix(unit)?, factor))).ok_or_else(expected)?;
    let number: f64 = number.trim().parse().map_err(|_| expected())?;
    let duration = Duration::try_from_secs_f64(number * factor).map_err(|_| expected())?;
    if duration.is_zero() { Err(expected()) } else { Ok(duration) }
}

/// Parses a number of seconds.
pub(super) fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    seconds.ok_or_else(|| "give seconds, 0 or more, e.g. 12.5".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_to_wait_has_a_unit_or_is_in_seconds() {
        for (text, millis) in [("30s", 30_000), ("2m", 120_000), ("1h", 3_600_000), ("250ms", 250), ("1.5", 1_500)] {
            assert_eq!(duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "s", "0s", "-1s", "1d", "NaN", "inf", "1e300h", "1 2"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn seconds_are_not_negative() {
        assert_eq!(seconds("12.5"), Ok(Duration::from_millis(12_500)));
        for text in ["", "-1", "NaN", "inf", "1e300", "x"] {
            assert!(seconds(text).unwrap_err().starts_with("give seconds"), "{text}");
        }
    }
}
