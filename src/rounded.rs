//! Numbers in JSON text that a parser rounds to a whole number without an error.

/// Finds the first number in a JSON text that is not whole but becomes whole as a floating-point number, such as
/// `2.0000000000000001`. The parser returns only the rounded number, so this function searches the text itself.
pub fn find_rounded(text: &[u8]) -> Option<&str> {
    let mut rest = text;
    while let Some(start) = rest.iter().position(|byte| matches!(byte, b'"' | b'-' | b'0'..=b'9')) {
        rest = rest.get(start..)?;
        if rest.first() == Some(&b'"') {
            rest = after_string(rest)?;
            continue;
        }
        let is_part = |byte: &u8| matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9');
        let (number, after) = rest.split_at(rest.iter().position(|byte| !is_part(byte)).unwrap_or(rest.len()));
        rest = after;
        if let Some(number) = std::str::from_utf8(number).ok().filter(|number| is_rounded(number)) {
            return Some(number);
        }
    }
    None
}

/// Returns the text after the string at the start of `text`; `None` if the string does not end.
fn after_string(text: &[u8]) -> Option<&[u8]> {
    let mut bytes = text.iter().enumerate().skip(1);
    loop {
        match bytes.next()? {
            (_, b'\\') => drop(bytes.next()?),
            (end, b'"') => return text.get(end + 1..),
            _ => {}
        }
    }
}

fn is_rounded(number: &str) -> bool {
    /// More than the error of any parser.
    const TOLERANCE: f64 = 4.0 * f64::EPSILON;
    let is_close = |value: f64| (value - value.round()).abs() <= value.abs() * TOLERANCE;
    !is_whole(number) && number.parse().is_ok_and(is_close)
}

/// Whether a JSON number is whole as written. `1.50e1`, for example, is 15.
fn is_whole(number: &str) -> bool {
    let (mantissa, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let significant = digits.trim_end_matches('0');
    let Ok(exponent) = exponent.parse::<i64>() else { return !exponent.starts_with('-') };
    let zeros = i64::try_from(digits.len() - significant.len()).unwrap_or(i64::MAX);
    let places = i64::try_from(fraction.len()).unwrap_or(i64::MAX);
    matches!(significant, "" | "-") || exponent.saturating_add(zeros) >= places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_is_rounded_to_a_whole_one_is_found() {
        for number in [
            "2.0000000000000001",
            "-2.0000000000000001",
            "1999999999999999999999e-20",
            "1e-400",
            "1E-99999999999999999999",
        ] {
            let text = format!(r#"{{"a":"1.5","b":[{number}]}}"#);
            assert_eq!(find_rounded(text.as_bytes()), Some(number));
            assert_eq!(find_rounded(number.as_bytes()), Some(number));
        }
        for number in [
            "0",
            "-0.0",
            "2",
            "2.0",
            "2.00000000000000000000",
            "1.5",
            "1.1",
            "2.5e1",
            "150e-1",
            "2e300",
            "0e-5",
            "1e99",
        ] {
            let text = format!(r#"{{"a":{number}}}"#);
            assert_eq!(find_rounded(text.as_bytes()), None, "{number}");
        }
        for text in [r#""2.0000000000000001""#, r#"{"a\"2.0000000000000001":1,"b":"\\"}"#, "", "\"", "\"\\"] {
            assert_eq!(find_rounded(text.as_bytes()), None, "{text}");
        }
    }
}
