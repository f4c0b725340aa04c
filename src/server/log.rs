//! The log file with the server's output, and its last lines for error messages.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// Number of bytes at the end that [`Log::tail`] reads.
const TAIL_BYTES: u64 = 4096;
/// Number of bytes at the beginning that [`Log::line_with`] reads.
const HEAD_BYTES: u64 = 1 << 16;
/// Number of lines in an error message.
const TAIL_LINES: usize = 3;
/// Maximum number of characters of one of these lines.
const LINE_CHARS: usize = 200;

/// A log to which the server's output is appended.
#[derive(Debug)]
pub(super) struct Log {
    path: PathBuf,
    /// Length of the log when it was opened, to skip the output of earlier servers.
    start: u64,
}

impl Log {
    /// Opens the log and returns it with the file for the server's output. Creates the log and its folder if they are
    /// missing.
    pub(super) fn open(path: &Path) -> io::Result<(Self, File)> {
        create_folder_of(path)?;
        let file = File::options().create(true).append(true).open(path)?;
        let start = file.metadata()?.len();
        Ok((Self { path: path.to_path_buf(), start }, file))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the last lines of this server joined into one, or "nothing" if there are none.
    pub(super) fn tail(&self) -> String {
        self.read_tail().unwrap_or_else(|error| format!("the log cannot be read: {error}"))
    }

    /// Returns the first line of this server that contains `text`, if the line is near the beginning.
    pub(super) fn line_with(&self, text: &str) -> Option<String> {
        let mut file = File::open(&self.path).ok()?;
        file.seek(SeekFrom::Start(self.start)).ok()?;
        let mut bytes = Vec::new();
        file.take(HEAD_BYTES).read_to_end(&mut bytes).ok()?;
        String::from_utf8_lossy(&bytes).lines().find(|line| line.contains(text)).map(|line| clip(line.trim()))
    }

    fn read_tail(&self) -> io::Result<String> {
        let mut file = File::open(&self.path)?;
        let from = self.start.max(file.metadata()?.len().saturating_sub(TAIL_BYTES));
        file.seek(SeekFrom::Start(from))?;
        let mut bytes = Vec::new();
        file.take(TAIL_BYTES).read_to_end(&mut bytes)?;
        let text = String::from_utf8_lossy(&bytes);
        let lines: Vec<String> = text.lines().map(str::trim).filter(|line| !line.is_empty()).map(clip).collect();
        match &lines[lines.len().saturating_sub(TAIL_LINES)..] {
            [] => Ok("nothing".to_owned()),
            last => Ok(last.join(" | ")),
        }
    }
}

fn clip(line: &str) -> String {
    line.chars().take(LINE_CHARS).collect()
}

pub(super) fn create_folder_of(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), fs::create_dir_all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn the_tail_contains_only_lines_of_this_server() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("made/server.log");
        let (_, mut earlier) = Log::open(&path).unwrap();
        earlier.write_all(b"earlier\n").unwrap();
        let (log, mut file) = Log::open(&path).unwrap();
        assert_eq!(log.tail(), "nothing");
        file.write_all(b"one\ntwo\n\n three\nfour\n").unwrap();
        assert_eq!(log.tail(), "two | three | four");
        file.write_all("x".repeat(10_000).as_bytes()).unwrap();
        assert_eq!(log.tail().len(), LINE_CHARS);
    }
}
