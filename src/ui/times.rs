//! Durations as text.

use std::time::Duration;

use crate::{
    app::ObservedWait,
    domain::{UnixMillis, millis},
};

/// Duration from which tenths of a second are omitted, in milliseconds.
const LONG: u64 = 10_000;

/// Returns a measured duration: `8 ms`, `1.02 s`, `12.3 s`, `5 min`.
#[must_use]
pub fn exact(duration: Duration) -> String {
    match millis::whole(duration) {
        millis @ 0..1_000 => format!("{millis} ms"),
        millis @ 1_000..LONG => format!("{}.{:02} s", millis / 1_000, millis % 1_000 / 10),
        millis @ LONG..100_000 => tenths(millis),
        millis => coarse(millis),
    }
}

/// Returns an upper bound of a duration, with the precision of [`exact`]: `1.03 s`. Rounds up, because less would not be true.
fn upper_bound(duration: Duration) -> String {
    let unit = match millis::whole(duration) {
        0..1_000 => 1,
        1_000..LONG => 10,
        LONG..100_000 => 100,
        100_000..120_000 => 1_000,
        120_000..7_200_000 => 60_000,
        _ => 3_600_000,
    };
    exact(Duration::from_millis(millis::whole(duration).div_ceil(unit).saturating_mul(unit)))
}

/// Returns the wait between two attempts: `1.02 s`, or `at most 1.03 s`.
#[must_use]
pub fn observed(wait: ObservedWait) -> String {
    match wait {
        ObservedWait::Exact(wait) => exact(wait),
        ObservedWait::AtMost(wait) => format!("at most {}", upper_bound(wait)),
    }
}

/// Returns a measured duration for the timeline: `8 ms`, `1.0 s`, `12 s`, `5 min`.
#[must_use]
pub fn short(duration: Duration) -> String {
    match millis::whole(duration) {
        millis @ 0..100 => format!("{millis} ms"),
        millis @ 100..LONG => tenths(millis),
        millis => coarse(millis),
    }
}

/// Returns a configured duration: `1 s`, `1.5 s`, `250 ms`.
#[must_use]
pub fn round(duration: Duration) -> String {
    match millis::whole(duration) {
        millis @ 0..1_000 => format!("{millis} ms"),
        millis @ 1_000..LONG if millis.is_multiple_of(1_000) => coarse(millis),
        millis @ 1_000..LONG if millis.is_multiple_of(100) => tenths(millis),
        millis @ 1_000..LONG => exact(Duration::from_millis(millis)),
        millis => coarse(millis),
    }
}

/// Returns `in 1.4 s`, `in 12 s`, or `now`. If `still`, whole seconds only.
#[must_use]
pub fn countdown(due: UnixMillis, now: UnixMillis, still: bool) -> String {
    match millis::whole(due.since(now)) {
        0 => "now".to_owned(),
        // Rounds up, so that a countdown ends at 0.1 and not at 0.0.
        left @ 1..LONG if !still => format!("in {}", tenths(left.div_ceil(100).saturating_mul(100))),
        left => format!("in {}", coarse(left.div_ceil(1_000).saturating_mul(1_000))),
    }
}

/// Returns minutes and seconds: `3:07`.
#[must_use]
pub fn clock(duration: Duration) -> String {
    let seconds = duration.as_secs();
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

fn tenths(millis: u64) -> String {
    format!("{}.{} s", millis / 1_000, millis % 1_000 / 100)
}

fn coarse(millis: u64) -> String {
    match millis / 1_000 {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds @ 120..7_200 => format!("{} min", seconds / 60),
        seconds => format!("{} h", seconds / 3_600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_shown_with_useful_precision() {
        let lengths = [8, 999, 1_024, 2_000, 12_345, 300_000].map(Duration::from_millis);
        let shown = |show: fn(Duration) -> String| lengths.map(show).join(" | ");
        assert_eq!(shown(exact), "8 ms | 999 ms | 1.02 s | 2.00 s | 12.3 s | 5 min");
        assert_eq!(shown(short), "8 ms | 0.9 s | 1.0 s | 2.0 s | 12 s | 5 min");
        assert_eq!(shown(round), "8 ms | 999 ms | 1.02 s | 2 s | 12 s | 5 min");
    }

    #[test]
    fn an_upper_bound_is_rounded_up() {
        let lengths =
            [8, 999, 1_021, 1_030, 9_991, 12_301, 100_001, 119_001, 120_001, 7_140_001].map(Duration::from_millis);
        let shown = lengths.map(|length| observed(ObservedWait::AtMost(length)));
        let wanted = ["8 ms", "999 ms", "1.03 s", "1.03 s", "10.0 s", "12.4 s", "101 s", "2 min", "3 min", "2 h"];
        assert_eq!(shown, wanted.map(|bound| format!("at most {bound}")));
        assert_eq!(observed(ObservedWait::Exact(Duration::from_millis(1_029))), "1.02 s");
    }

    #[test]
    fn a_countdown_shows_tenths_below_ten_seconds_unless_it_is_to_be_still() {
        let shown = |left: u64, still| countdown(UnixMillis(50_000 + left), UnixMillis(50_000), still);
        assert_eq!(
            [12_001, 9_999, 1_380, 1, 0].map(|left| shown(left, false)).join(" "),
            "in 13 s in 10.0 s in 1.4 s in 0.1 s now"
        );
        assert_eq!([9_999, 1_380, 1, 0].map(|left| shown(left, true)).join(" "), "in 10 s in 2 s in 1 s now");
    }
}
