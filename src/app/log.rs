//! What happened, in lines that stay: every notice, every change of link, server and worker, and this program's own log.
//! A bounded ring; the file has all of it.

use std::collections::VecDeque;

use crate::domain::UnixMillis;

use super::{LogLevel, orders::ingest};

/// How many lines are kept.
pub const KEPT_LINES: usize = 1_000;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    pub at: UnixMillis,
    pub level: LogLevel,
    /// Sanitized.
    pub text: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    begun: UnixMillis,
    lines: VecDeque<Line>,
}

impl Log {
    #[must_use]
    pub const fn new(begun: UnixMillis) -> Self {
        Self { begun, lines: VecDeque::new() }
    }

    pub fn write(&mut self, at: UnixMillis, level: LogLevel, text: &str) {
        if self.lines.len() == KEPT_LINES {
            self.lines.pop_front();
        }
        self.lines.push_back(Line { at, level, text: ingest::text(text) });
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    #[must_use]
    pub fn oldest_first(&self) -> impl DoubleEndedIterator<Item = &Line> {
        self.lines.iter()
    }

    /// The time of a line since the dashboard began: `3:07`, or `1:03:07`.
    #[must_use]
    pub fn clock(&self, line: &Line) -> String {
        let seconds = line.at.0.saturating_sub(self.begun.0) / 1_000;
        let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
        if hours == 0 { format!("{minutes}:{seconds:02}") } else { format!("{hours}:{minutes:02}:{seconds:02}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_lines_go_first_and_times_count_from_the_beginning() {
        let mut log = Log::new(UnixMillis(1_000));
        for number in 0..KEPT_LINES as u64 + 5 {
            log.write(UnixMillis(1_000 + number * 1_000), LogLevel::Info, &format!("line {number}"));
        }
        let first = log.oldest_first().next().unwrap();
        assert_eq!((log.len(), first.text.as_str(), log.clock(first).as_str()), (KEPT_LINES, "line 5", "0:05"));
        let late = Line { at: UnixMillis(3_788_000), ..first.clone() };
        assert_eq!(log.clock(&late), "1:03:07");
    }

    #[test]
    fn a_line_cannot_carry_a_control_character() {
        let mut log = Log::new(UnixMillis(0));
        log.write(UnixMillis(0), LogLevel::Warn, "a\u{1b}[31mb\u{202e}c");
        assert!(log.oldest_first().all(|line| !line.text.chars().any(char::is_control)));
    }
}
