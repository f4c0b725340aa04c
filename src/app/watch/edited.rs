//! Lines that the user edits: a signal, and the options of an activity.

use std::time::Duration;

use crate::domain::{ActivityOptions, Coefficient, millis};

/// What is wrong with an edited line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineProblem {
    /// The column of the mistake, from 1.
    pub column: usize,
    /// What is expected there.
    pub expected: String,
}

/// Milliseconds per unit, the longest name first.
const UNITS: [(&str, u64); 5] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

/// The name and the JSON argument of a signal: `NAME`, or `NAME JSON`.
///
/// # Errors
/// [`LineProblem`] if the name is missing, or the rest is not JSON.
pub fn parse_signal(line: &str) -> Result<(String, Option<String>), LineProblem> {
    let trimmed = line.trim_start();
    let start = line.chars().count() - trimmed.chars().count();
    let (name, rest) = trimmed.split_once(char::is_whitespace).unwrap_or((trimmed, ""));
    if name.is_empty() {
        return Err(LineProblem { column: 1, expected: "the name of a signal".to_owned() });
    }
    let argument = rest.trim();
    if argument.is_empty() {
        return Ok((name.to_owned(), None));
    }
    match serde_json::from_str::<serde_json::Value>(argument) {
        Ok(_) => Ok((name.to_owned(), Some(argument.to_owned()))),
        Err(error) => {
            let before = rest.chars().count() - rest.trim_start().chars().count();
            let column = start + name.chars().count() + 1 + before + error.column().max(1);
            Err(LineProblem {
                column,
                expected: "JSON after the name, such as {\"by\":\"ada\"} or \"text\"".to_owned(),
            })
        }
    }
}

/// The options as a line, which [`parse_options`] reads.
#[must_use]
pub fn options_line(options: &ActivityOptions) -> String {
    let limit = |limit: Option<Duration>| limit.map_or_else(|| "none".to_owned(), written);
    let retry = &options.retry;
    let attempts = if retry.maximum_attempts == 0 { "none".to_owned() } else { retry.maximum_attempts.to_string() };
    let words = [
        ("start-to-close", limit(options.start_to_close)),
        ("schedule-to-close", limit(options.schedule_to_close)),
        ("heartbeat", limit(options.heartbeat)),
        ("initial", written(retry.initial)),
        ("coefficient", retry.coefficient.to_string()),
        ("maximum", written(retry.maximum_wait())),
        ("attempts", attempts),
    ];
    words.map(|(name, value)| format!("{name}={value}")).join(" ")
}

/// Reads a line of `NAME=VALUE` words. What is not named stays as in `current`.
///
/// # Errors
/// [`LineProblem`] if a name is not known or a value is not valid.
pub fn parse_options(line: &str, current: &ActivityOptions) -> Result<ActivityOptions, LineProblem> {
    let mut options = current.clone();
    let mut at = 0;
    for word in line.split(' ') {
        let column = at + 1;
        at += word.chars().count() + 1;
        if word.is_empty() {
            continue;
        }
        let (name, value) = word.split_once('=').unwrap_or((word, ""));
        let wrong = |expected: &str| LineProblem {
            column: column + name.chars().count() + 1,
            expected: format!("{expected} after {name}="),
        };
        let limit = || match value {
            "none" => Ok(None),
            value => duration(value).map(Some).ok_or_else(|| wrong("a time such as 10s, 500ms or 5m, or none")),
        };
        let wait = || duration(value).ok_or_else(|| wrong("a time such as 1s or 500ms"));
        match name {
            "start-to-close" => options.start_to_close = limit()?,
            "schedule-to-close" => options.schedule_to_close = limit()?,
            "schedule-to-start" => options.schedule_to_start = limit()?,
            "heartbeat" => options.heartbeat = limit()?,
            "initial" => options.retry.initial = wait()?,
            "maximum" => options.retry.maximum = Some(wait()?),
            "coefficient" => {
                options.retry.coefficient =
                    coefficient(value).ok_or_else(|| wrong("a factor from 1, such as 2 or 1.5"))?;
            }
            "attempts" => {
                let number = value.parse().ok().filter(|number: &u32| i32::try_from(*number).is_ok());
                let number = if value == "none" { Some(0) } else { number };
                options.retry.maximum_attempts = number.ok_or_else(|| wrong("a number of attempts, or none"))?;
            }
            _ => {
                let expected = "start-to-close=, schedule-to-close=, schedule-to-start=, heartbeat=, initial=, coefficient=, maximum= or \
                                attempts=";
                return Err(LineProblem { column, expected: expected.to_owned() });
            }
        }
    }
    if options.retry.maximum.is_some_and(|maximum| maximum < options.retry.initial) {
        let expected = "a maximum that is not shorter than initial".to_owned();
        return Err(LineProblem { column: line.find("maximum=").map_or(1, |byte| byte + 1), expected });
    }
    Ok(options)
}

/// A duration without loss, in its largest whole unit.
fn written(duration: Duration) -> String {
    let millis = millis::whole(duration);
    let unit = UNITS.iter().rev().find(|(_, size)| millis > 0 && millis.is_multiple_of(*size)).unwrap_or(&UNITS[0]);
    format!("{}{}", millis / unit.1, unit.0)
}

/// A duration of at least a millisecond.
fn duration(text: &str) -> Option<Duration> {
    let digits = text.find(|character: char| !character.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let (_, size) = UNITS.iter().find(|(name, _)| *name == unit)?;
    let millis = number.parse::<u64>().ok()?.checked_mul(*size)?;
    // Temporal's limit of a duration is about 10,000 years; 100 are enough here.
    (1..=100 * 366 * 86_400_000).contains(&millis).then(|| Duration::from_millis(millis))
}

/// A factor from 1 with up to three decimals.
fn coefficient(text: &str) -> Option<Coefficient> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let is_number = |digits: &str| !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
    if !is_number(whole) || !is_number(fraction) || fraction.len() > 3 {
        return None;
    }
    let thousandths = format!("{fraction:0<3}").parse::<u32>().ok()?;
    let factor = whole.parse::<u32>().ok()?.checked_mul(1_000)?.checked_add(thousandths)?;
    (factor >= 1_000).then_some(Coefficient(factor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_survive_their_line() {
        let mut options = ActivityOptions {
            start_to_close: Some(Duration::from_secs(10)),
            schedule_to_close: Some(Duration::from_mins(5)),
            ..ActivityOptions::default()
        };
        options.retry.coefficient = Coefficient(1_500);
        options.retry.maximum = Some(Duration::from_millis(20_500));
        options.retry.maximum_attempts = 7;
        let line = options_line(&options);
        assert_eq!(
            line,
            "start-to-close=10s schedule-to-close=5m heartbeat=none initial=1s coefficient=1.5 maximum=20500ms attempts=7"
        );
        assert_eq!(parse_options(&line, &ActivityOptions::default()), Ok(options));
    }

    #[test]
    fn what_is_not_named_stays_and_none_removes_a_limit() {
        let current = ActivityOptions { heartbeat: Some(Duration::from_secs(3)), ..ActivityOptions::default() };
        let changed = parse_options("  attempts=none  start-to-close=2h ", &current).unwrap();
        assert_eq!(changed.heartbeat, current.heartbeat);
        assert_eq!(changed.start_to_close, Some(Duration::from_hours(2)));
        assert_eq!(parse_options("heartbeat=none", &current).unwrap().heartbeat, None);
    }

    #[test]
    fn a_mistake_is_named_with_its_column_and_what_is_expected() {
        let current = ActivityOptions::default();
        for (line, column, expected) in [
            ("attempts=x", 10, "a number of attempts"),
            ("attempts=4294967295", 10, "a number of attempts"),
            ("initial=1s heartbeat=soon", 22, "a time such as 10s"),
            ("heartbeat", 11, "a time such as 10s"),
            ("heartbeat=0s", 11, "a time"),
            ("heartbeat=99999999999999999999s", 11, "a time"),
            ("coefficient=0.5", 13, "a factor from 1"),
            ("coefficient=NaN", 13, "a factor from 1"),
            ("colour=red", 1, "start-to-close="),
            ("initial=10s maximum=5s", 13, "not shorter than initial"),
        ] {
            let problem = parse_options(line, &current).unwrap_err();
            assert!(problem.column == column && problem.expected.contains(expected), "{line}: {problem:?}");
        }
    }

    #[test]
    fn a_signal_has_a_name_and_perhaps_json() {
        assert_eq!(parse_signal("proceed"), Ok(("proceed".to_owned(), None)));
        assert_eq!(parse_signal(" proceed  {\"by\": 1} "), Ok(("proceed".to_owned(), Some("{\"by\": 1}".to_owned()))));
        assert_eq!(parse_signal("").unwrap_err().column, 1);
        let problem = parse_signal("proceed {by}").unwrap_err();
        assert!(problem.column >= 10 && problem.expected.contains("JSON"), "{problem:?}");
    }
}
