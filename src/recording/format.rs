//! The lines of a recording.

use serde::{Deserialize, Serialize};

use crate::{
    app::{Intent, Message, Options},
    domain::sanitize,
    store::line::{self, LineError},
};

/// How many cores may lie over each other, and how long a recording may be, in milliseconds: a day.
const DEEPEST: usize = 8;
const LONGEST_TIME: u64 = 24 * 60 * 60 * 1_000;

/// Readers refuse any other.
const VERSION: u32 = 1;

/// The longest recording that is written and read, in bytes; a walkthrough has less than a hundred kilobytes.
pub const MAX_RECORDING_BYTES: usize = 64 * 1024 * 1024;

/// The first line.
#[derive(Debug, Serialize, Deserialize)]
struct Header {
    /// The version of the format.
    recording: u32,
    /// The version of the program that wrote it.
    program: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// From 1.
    pub n: u64,
    /// Milliseconds since the beginning; never less than in the line before.
    pub at: u64,
    #[serde(flatten)]
    pub what: What,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// A core begins, over the one before.
    Begin(Box<Options>),
    Message(Box<Message>),
    /// The core that began last ends.
    End(End),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {}

impl Entry {
    /// Whether the speaker's one key is pressed here.
    #[must_use]
    pub fn goes_on(&self) -> bool {
        matches!(&self.what, What::Message(message) if matches!(**message, Message::Intent(Intent::GoOn)))
    }

    /// Whether any key is pressed here.
    #[must_use]
    pub fn is_key(&self) -> bool {
        matches!(&self.what, What::Message(message) if matches!(**message, Message::Intent(_)))
    }
}

/// Why a recording is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordingError {
    #[error("{file} is no recording of this program: {problem}; make one with --record FILE")]
    NoRecording { file: String, problem: String },
    #[error(
        "{file} has version {found} of the format, and this program reads version {VERSION}; use the program that wrote it ({program})"
    )]
    Version { file: String, found: u32, program: String },
    #[error("{file} has more than 64 MiB, and no recording of this program has")]
    TooLong { file: String },
    #[error("{file} is damaged at line {line}: {problem}; make it anew, or remove that line and all behind it")]
    Damaged { file: String, line: usize, problem: String },
}

/// A recording in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recording {
    /// What the first core begins with.
    pub setup: Box<Options>,
    /// What comes after that.
    pub entries: Vec<Entry>,
}

impl Recording {
    /// Reads a recording. `file` names it in errors.
    ///
    /// # Errors
    /// [`RecordingError`], with the line that is damaged.
    pub fn read(file: &str, bytes: &[u8]) -> Result<Self, RecordingError> {
        let no_recording = |problem: &str| {
            let (file, problem) = (file.to_owned(), problem.to_owned());
            RecordingError::NoRecording { file, problem }
        };
        if bytes.len() > MAX_RECORDING_BYTES {
            return Err(RecordingError::TooLong { file: file.to_owned() });
        }
        let mut lines = bytes.split_inclusive(|byte| *byte == b'\n');
        let first = lines.next().ok_or_else(|| no_recording("it is empty"))?;
        let header: Header = decode(first).map_err(|problem| no_recording(&problem))?;
        if header.recording != VERSION {
            let (file, program) = (file.to_owned(), sanitize(&header.program, 40));
            return Err(RecordingError::Version { file, found: header.recording, program });
        }
        let begins_nothing = || no_recording("its second line begins no dashboard");
        let begin = decode::<Entry>(lines.next().ok_or_else(begins_nothing)?);
        let begin = begin.map_err(|problem| RecordingError::Damaged { file: file.to_owned(), line: 2, problem })?;
        let What::Begin(setup) = begin.what else { return Err(begins_nothing()) };
        let (mut n, mut at) = (begin.n, begin.at);
        let mut entries: Vec<Entry> = Vec::new();
        let mut depth = 1_usize;
        for (line, text) in (3..).zip(lines) {
            let damaged = |problem: String| RecordingError::Damaged { file: file.to_owned(), line, problem };
            let entry: Entry = decode(text).map_err(damaged)?;
            if Some(entry.n) != n.checked_add(1) {
                return Err(damaged(format!("line {} of the recording does not follow line {n}", entry.n)));
            }
            if entry.at < at {
                return Err(damaged("its time is before that of the line before".to_owned()));
            }
            if entry.at > LONGEST_TIME {
                return Err(damaged("it is more than a day after the beginning".to_owned()));
            }
            depth = match entry.what {
                What::Begin(_) => depth.saturating_add(1),
                What::End(_) => depth.saturating_sub(1),
                What::Message(_) => depth,
            };
            if depth > DEEPEST {
                return Err(damaged("too many dashboards lie over each other".to_owned()));
            }
            (n, at) = (entry.n, entry.at);
            entries.push(entry);
        }
        Ok(Self { setup, entries })
    }

    /// From the first line to the last, in milliseconds.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.entries.last().map_or(0, |entry| entry.at)
    }
}

fn decode<T: for<'a> Deserialize<'a>>(line: &[u8]) -> Result<T, String> {
    let line = line.strip_suffix(b"\n").ok_or_else(|| "it is cut off".to_owned())?;
    let body = line::open(line).map_err(|error: LineError| error.to_string())?;
    serde_json::from_slice(&body).map_err(|error| sanitize(&error.to_string(), 200))
}

/// The first line, with its line feed.
///
/// # Errors
/// None that can happen: the type has only keys and values that JSON knows.
pub(super) fn header() -> serde_json::Result<Vec<u8>> {
    encode(&Header { recording: VERSION, program: env!("CARGO_PKG_VERSION").to_owned() })
}

/// A line, with its line feed.
///
/// # Errors
/// None that can happen: a message has only keys and values that JSON knows.
pub(super) fn encode(value: &impl Serialize) -> serde_json::Result<Vec<u8>> {
    let mut line = line::seal(&serde_json::to_vec(value)?);
    line.push(b'\n');
    Ok(line)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// The first line of another version.
    pub fn header_of(recording: u32) -> Vec<u8> {
        encode(&Header { recording, program: "9.9.9".to_owned() }).unwrap()
    }

    #[test]
    fn no_flipped_bit_passes() {
        let setup = Box::new(crate::app::testing::fixture::setup());
        let begin = Entry { n: 1, at: 0, what: What::Begin(setup) };
        let key = Entry { n: 2, at: 5, what: What::Message(Box::new(Message::Intent(Intent::Help))) };
        let bytes = [header().unwrap(), encode(&begin).unwrap(), encode(&key).unwrap()].concat();
        assert_eq!(Recording::read("it", &bytes).unwrap().entries, [key]);
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(Recording::read("it", &flipped).is_err(), "bit {bit}");
        }
    }
}
