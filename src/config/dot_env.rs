//! Reads a `.env` file with `dotenvy`, line by line, so that an error can name its line. It neither reads nor sets the
//! environment: `$NAME`, which `dotenvy` would substitute from it, is an error. No error carries text from the file.

use std::io::Cursor;

/// A setting in the file.
#[derive(PartialEq, Eq)]
pub(super) struct Entry {
    /// Line, from 1.
    pub(super) line: usize,
    pub(super) name: String,
    /// The value without its quotes; may be a secret, hence no `Debug` here.
    pub(super) value: String,
}

/// Which line is wrong (from 1), and what to write instead.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BadLine {
    pub(super) line: usize,
    pub(super) problem: &'static str,
}

const NOT_UTF8: &str = "this is not UTF-8; save the file as UTF-8";
const NO_SETTING: &str =
    "this is no setting; write NAME=value on one line, the value in single quotes where it has spaces or signs";
const SUBSTITUTION: &str = "a $ would be replaced by a variable; put the value in single quotes";

/// The settings in `bytes`, in their order, empty values included.
pub(super) fn parse(bytes: &[u8]) -> Result<Vec<Entry>, BadLine> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut entries = Vec::new();
    for (index, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        let bad = |problem| BadLine { line: index + 1, problem };
        let text = std::str::from_utf8(line).map_err(|_| bad(NOT_UTF8))?.trim();
        if text.contains('$') && !text.starts_with('#') && !text.contains('\'') {
            return Err(bad(SUBSTITUTION));
        }
        for entry in dotenvy::from_read_iter(Cursor::new(text)) {
            let (name, value) = entry.map_err(|_| bad(NO_SETTING))?;
            entries.push(Entry { line: index + 1, name, value });
        }
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_a_shell_would_take_are_taken() {
        let cases = [
            ("A=1", "1"),
            ("export A=1", "1"),
            ("A=", ""),
            ("A= ", ""),
            ("A=1 # one", "1"),
            ("A=1#2", "1#2"),
            ("A=1 ", "1"),
            ("A=1\r\n", "1"),
            ("\u{feff}A=1", "1"),
            ("A='it is $5 \\ \"so\" # x'", "it is $5 \\ \"so\" # x"),
            ("A=\"two words\" # two", "two words"),
            ("A=[::1]:7233", "[::1]:7233"),
            ("A=a=b", "a=b"),
            ("# comment with $\n\n  # another\nA=1", "1"),
        ];
        for (text, value) in cases {
            let entries = parse(text.as_bytes()).unwrap_or_else(|bad| panic!("{text:?}: {bad:?}"));
            assert_eq!(entries.len(), 1, "{text:?}");
            assert_eq!((entries[0].name.as_str(), entries[0].value.as_str()), ("A", value), "{text:?}");
        }
    }

    #[test]
    fn bad_lines_are_told_by_their_number() {
        let cases: [(&[u8], usize, &str); 9] = [
            (b"A=1\nB", 2, NO_SETTING),
            (b"=1", 1, NO_SETTING),
            (b"1A=1", 1, NO_SETTING),
            (b"A='x\nB=1'", 1, NO_SETTING),
            (b"A=\"x", 1, NO_SETTING),
            (b"A=one two", 1, NO_SETTING),
            (b"A=$HOME/x", 1, SUBSTITUTION),
            (b"A=\"$HOME\"", 1, SUBSTITUTION),
            (b"A=1\nB=\xff", 2, NOT_UTF8),
        ];
        for (bytes, line, problem) in cases {
            let bad = parse(bytes).err();
            assert_eq!(bad, Some(BadLine { line, problem }), "{:?}", String::from_utf8_lossy(bytes));
        }
    }
}
