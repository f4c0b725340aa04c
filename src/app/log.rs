//! The session's log: every notice, every change of link, server and worker, and this program's own log lines. A bounded
//! ring; the log file has all of it. The screen shows the latest notice for a while.

use std::collections::VecDeque;

use crate::domain::UnixMillis;

use super::{
    message::LogLevel,
    notice::{Notice, Tone},
    sanitized,
};

/// Number of lines kept.
pub const MAX_KEPT_LINES: usize = 1_000;

/// One line of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The time of the event.
    pub at: UnixMillis,
    /// Its severity.
    pub level: LogLevel,
    /// Sanitized.
    pub text: String,
}

/// The lines, oldest first, and the notice on the screen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    begun: UnixMillis,
    lines: VecDeque<Line>,
    notice: Option<Notice>,
}

impl Log {
    /// An empty log of a session that began at `begun`.
    #[must_use]
    pub const fn new(begun: UnixMillis) -> Self {
        Self { begun, lines: VecDeque::new(), notice: None }
    }

    /// Appends a line.
    pub fn write(&mut self, at: UnixMillis, level: LogLevel, text: &str) {
        if self.lines.len() == MAX_KEPT_LINES {
            self.lines.pop_front();
        }
        self.lines.push_back(Line { at, level, text: sanitized::text(text) });
    }

    /// Shows a notice and appends it.
    pub fn notify(&mut self, text: &str, tone: Tone, now: UnixMillis) {
        let level = if tone == Tone::Bad { LogLevel::Warn } else { LogLevel::Info };
        self.write(now, level, text);
        self.notice = Some(Notice::new(text, tone, now));
    }

    /// The same for a notice with a text to select, which stays longer.
    pub fn notify_lasting(&mut self, text: &str, now: UnixMillis) {
        self.notify(text, Tone::Plain, now);
        self.notice = Some(Notice::lasting(text, now));
    }

    /// The notice on the screen.
    #[must_use]
    pub const fn notice(&self) -> Option<&Notice> {
        self.notice.as_ref()
    }

    /// Removes the notice if it has expired; returns whether it had.
    pub fn expire_notice(&mut self, now: UnixMillis) -> bool {
        self.notice.take_if(|notice| notice.has_expired(now)).is_some()
    }

    /// Removes a complaint, because its cause may be gone.
    pub fn clear_complaint(&mut self) {
        self.notice.take_if(|notice| notice.tone == Tone::Bad);
    }

    /// Removes a notice that says what a key does, because a key was pressed. A failure stays readable.
    pub fn clear_advice(&mut self) {
        self.notice.take_if(|notice| notice.tone == Tone::Plain);
    }

    /// Number of lines kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Whether nothing was logged.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// The lines, oldest first.
    #[must_use]
    pub fn oldest_first(&self) -> impl DoubleEndedIterator<Item = &Line> {
        self.lines.iter()
    }

    /// The time of a line since the session began: `3:07`, or `1:03:07`.
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
        for number in 0..MAX_KEPT_LINES as u64 + 5 {
            log.write(UnixMillis(1_000 + number * 1_000), LogLevel::Info, &format!("line {number}"));
        }
        let first = log.oldest_first().next().unwrap();
        assert_eq!((log.len(), first.text.as_str(), log.clock(first).as_str()), (MAX_KEPT_LINES, "line 5", "0:05"));
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
