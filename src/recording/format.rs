//! The lines of a recording.

use serde::{Deserialize, Serialize};

use crate::{
    app::{Intent, Message, Options},
    domain::sanitize,
    store::line::{self, LineError},
};

/// Maximum number of nested cores.
const MAX_NESTED_CORES: usize = 8;

/// Maximum length of a recording, in milliseconds: 24 hours.
const MAX_RECORDING_MILLIS: u64 = 24 * 60 * 60 * 1_000;

/// Version of the format. Readers refuse every other version.
const FORMAT_VERSION: u32 = 1;

/// Maximum size of a recording, in bytes. A walkthrough takes less than 100 kB.
pub const MAX_RECORDING_BYTES: usize = 64 * 1024 * 1024;

/// First line of a recording.
#[derive(Debug, Serialize, Deserialize)]
struct Header {
    /// Version of the format.
    recording: u32,
    /// Version of the program that wrote the recording.
    program: String,
}

/// One line of a recording after the first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Number of the entry, from 1.
    #[serde(rename = "n")]
    pub number: u64,
    /// Milliseconds since the beginning; never less than in the previous entry.
    pub at: u64,
    /// What happened at that time.
    #[serde(flatten)]
    pub kind: EntryKind,
}

/// What an entry records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EntryKind {
    /// A new core starts and interrupts the current one.
    Begin(Box<Options>),
    /// The current core receives a message.
    Message(Box<Message>),
    /// The current core ends, and the interrupted one continues.
    End(End),
}

/// End of a core; an empty object in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {}

impl Entry {
    /// Whether the entry is the speaker's key that continues a walkthrough.
    #[must_use]
    pub fn is_continue_key(&self) -> bool {
        matches!(&self.kind, EntryKind::Message(message) if matches!(**message, Message::Intent(Intent::GoOn)))
    }

    /// Whether the entry is a key.
    #[must_use]
    pub fn is_key(&self) -> bool {
        matches!(&self.kind, EntryKind::Message(message) if matches!(**message, Message::Intent(_)))
    }
}

/// Reason why a recording is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordingError {
    /// The file is not a recording.
    #[error("{file} is not a recording of this program: {problem}; make one with --record FILE")]
    NotRecording {
        /// Name of the file.
        file: String,
        /// What is wrong with its first two lines.
        problem: String,
    },
    /// The recording has another format version.
    #[error(
        "{file} has format version {found}, and this program reads version {FORMAT_VERSION}; use the program that wrote \
         it ({program})"
    )]
    Version {
        /// Name of the file.
        file: String,
        /// Version of its format.
        found: u32,
        /// Version of the program that wrote it.
        program: String,
    },
    /// The file is larger than [`MAX_RECORDING_BYTES`].
    #[error("{file} is larger than 64 MiB, the maximum of a recording; make a shorter one with --record FILE")]
    TooLarge {
        /// Name of the file.
        file: String,
    },
    /// A line is damaged, or does not follow the line before it.
    #[error(
        "{file} is damaged at line {line}: {problem}; make the recording again, or remove that line and all after it"
    )]
    Damaged {
        /// Name of the file.
        file: String,
        /// Number of the line, from 1.
        line: usize,
        /// What is wrong with the line.
        problem: String,
    },
}

/// A recording in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recording {
    /// Options of the first core.
    pub options: Box<Options>,
    /// Everything after the start of the first core.
    pub entries: Vec<Entry>,
}

impl Recording {
    /// Reads a recording. Errors call it `file`.
    ///
    /// # Errors
    /// Returns [`RecordingError`] if the bytes are not a recording, are larger than 64 MiB, have another format
    /// version, or contain a damaged line.
    pub fn read(file: &str, bytes: &[u8]) -> Result<Self, RecordingError> {
        let not_recording = |problem: &str| {
            let (file, problem) = (file.to_owned(), problem.to_owned());
            RecordingError::NotRecording { file, problem }
        };
        if bytes.len() > MAX_RECORDING_BYTES {
            return Err(RecordingError::TooLarge { file: file.to_owned() });
        }
        let mut lines = bytes.split_inclusive(|byte| *byte == b'\n');
        let first = lines.next().ok_or_else(|| not_recording("it is empty"))?;
        let header: Header = decode(first).map_err(|problem| not_recording(&problem))?;
        if header.recording != FORMAT_VERSION {
            let (file, program) = (file.to_owned(), sanitize(&header.program, 40));
            return Err(RecordingError::Version { file, found: header.recording, program });
        }
        let no_core = || not_recording("its second line does not start a dashboard");
        let begin = decode::<Entry>(lines.next().ok_or_else(no_core)?);
        let begin = begin.map_err(|problem| RecordingError::Damaged { file: file.to_owned(), line: 2, problem })?;
        let EntryKind::Begin(options) = begin.kind else { return Err(no_core()) };
        let (mut number, mut at) = (begin.number, begin.at);
        let mut entries: Vec<Entry> = Vec::new();
        let mut cores = 1_usize;
        for (line, text) in (3..).zip(lines) {
            let damaged = |problem: String| RecordingError::Damaged { file: file.to_owned(), line, problem };
            let entry: Entry = decode(text).map_err(damaged)?;
            if Some(entry.number) != number.checked_add(1) {
                return Err(damaged(format!("entry {} does not follow entry {number}", entry.number)));
            }
            if entry.at < at {
                return Err(damaged("its time is earlier than that of the previous line".to_owned()));
            }
            if entry.at > MAX_RECORDING_MILLIS {
                return Err(damaged("its time is more than 24 hours after the beginning".to_owned()));
            }
            cores = match entry.kind {
                EntryKind::Begin(_) => cores.saturating_add(1),
                EntryKind::End(_) => cores.saturating_sub(1),
                EntryKind::Message(_) => cores,
            };
            if cores > MAX_NESTED_CORES {
                return Err(damaged(format!("more than {MAX_NESTED_CORES} dashboards are nested")));
            }
            (number, at) = (entry.number, entry.at);
            entries.push(entry);
        }
        Ok(Self { options, entries })
    }

    /// Time from the first entry to the last, in milliseconds.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.entries.last().map_or(0, |entry| entry.at)
    }
}

/// Decodes a line and checks its checksum.
fn decode<T: for<'a> Deserialize<'a>>(line: &[u8]) -> Result<T, String> {
    let line = line.strip_suffix(b"\n").ok_or_else(|| "the line is cut off".to_owned())?;
    let body = line::open(line).map_err(|error: LineError| error.to_string())?;
    serde_json::from_slice(&body).map_err(|error| sanitize(&error.to_string(), 200))
}

/// Encodes the first line, with its line feed.
///
/// # Errors
/// Returns the encoder's error if JSON cannot represent the header, which its two fields exclude.
pub(super) fn header() -> serde_json::Result<Vec<u8>> {
    encode(&Header { recording: FORMAT_VERSION, program: env!("CARGO_PKG_VERSION").to_owned() })
}

/// Encodes a line, with its line feed.
///
/// # Errors
/// Returns the encoder's error if JSON cannot represent `value`; it can represent every type of a recording.
pub(super) fn encode(value: &impl Serialize) -> serde_json::Result<Vec<u8>> {
    let mut line = line::seal(&serde_json::to_vec(value)?);
    line.push(b'\n');
    Ok(line)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// The first line of a recording with that format version.
    pub fn header_of_version(recording: u32) -> Vec<u8> {
        encode(&Header { recording, program: "9.9.9".to_owned() }).unwrap()
    }

    #[test]
    fn every_flipped_bit_is_detected() {
        let options = Box::new(crate::app::testing::fixture::setup());
        let begin = Entry { number: 1, at: 0, kind: EntryKind::Begin(options) };
        let key = Entry { number: 2, at: 5, kind: EntryKind::Message(Box::new(Message::Intent(Intent::Help))) };
        let bytes = [header().unwrap(), encode(&begin).unwrap(), encode(&key).unwrap()].concat();
        assert_eq!(Recording::read("it", &bytes).unwrap().entries, [key]);
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(Recording::read("it", &flipped).is_err(), "bit {bit}");
        }
    }
}
