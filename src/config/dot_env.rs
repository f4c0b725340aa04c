//! Reads a `.env` file. The file may belong to another project, so a line with another name is skipped whatever its
//! syntax, and only a setting of ours can cause an error. Variables are not expanded, and errors never contain text
//! from the file.
//!
//! The syntax is the one that dotenv libraries share: `NAME=value`, optionally after `export`; a value in single quotes
//! is literal, one in double quotes has backslash escapes, and both may span lines; ` #` begins a comment.

use std::borrow::Cow;

use super::names;

/// A setting in the file.
#[derive(PartialEq, Eq)]
pub(super) struct Entry {
    /// Line, from 1.
    pub(super) line: usize,
    pub(super) name: String,
    /// The value without its quotes. It may be a secret, so this type does not implement `Debug`.
    pub(super) value: String,
    /// Whether a shell would expand a variable in it.
    pub(super) looks_expanded: bool,
}

/// A setting that cannot be read, its line (from 1), and what to write instead.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BadLine {
    pub(super) name: &'static str,
    pub(super) line: usize,
    pub(super) problem: &'static str,
}

/// The content of a file.
#[derive(Default)]
pub(super) struct DotEnv {
    /// All entries in order, including empty values and names of other programs.
    pub(super) entries: Vec<Entry>,
    /// Settings of ours that cannot be read.
    pub(super) bad: Vec<BadLine>,
    /// Lines that look like a setting of ours but are inside another value in quotes, each with the name.
    pub(super) inside_quotes: Vec<(usize, &'static str)>,
}

const NOT_UTF8: &str = "the value is not UTF-8; save the file as UTF-8";
const NO_SETTING: &str = "this is not a setting; write NAME=value";
const UNCLOSED: &str = "the closing quote is missing; add it";
const AFTER_QUOTE: &str = "only a comment may follow the closing quote; put the whole value in one pair of quotes";

/// Parses `bytes`: UTF-8, or UTF-16 with a byte order mark, which `PowerShell` writes.
pub(super) fn parse(bytes: &[u8]) -> DotEnv {
    let text = decoded(bytes);
    let mut read = DotEnv::default();
    let (mut rest, mut line) = (text.as_ref(), 1);
    while !rest.is_empty() {
        let length = statement(rest, line, &mut read);
        let (taken, after) = rest.split_at(length);
        line += taken.matches('\n').count();
        rest = after;
    }
    read
}

/// Decodes the text, with U+FFFD for bytes that cannot be decoded.
fn decoded(bytes: &[u8]) -> Cow<'_, str> {
    let utf16 = |bytes: &[u8], read: fn([u8; 2]) -> u16| {
        let units: Vec<_> = bytes.as_chunks().0.iter().map(|pair| read(*pair)).collect();
        Cow::Owned(String::from_utf16_lossy(&units))
    };
    match bytes {
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] => String::from_utf8_lossy(rest),
        _ => String::from_utf8_lossy(bytes),
    }
}

/// Reads the statement at the beginning of `text`, and returns its length in bytes, line feed included.
fn statement(text: &str, line: usize, read: &mut DotEnv) -> usize {
    let end = text.find('\n').map_or(text.len(), |feed| feed + 1);
    let first = text.get(..end).unwrap_or(text);
    let Some((name, after)) = assignment(first) else {
        let ours = misspelt(first).map(|name| BadLine { name, line, problem: NO_SETTING });
        read.bad.extend(ours);
        return end;
    };
    let known = names::known(name);
    let offset = first.len() - after.len();
    match value(text.get(offset..).unwrap_or_default(), after) {
        Ok(Value { text: value, length, literal }) => {
            let whole = text.get(..offset + length).unwrap_or(text);
            if whole.len() > end {
                read.inside_quotes.extend(names_inside(whole, line));
            }
            match known {
                Some(name) if value.contains(char::REPLACEMENT_CHARACTER) => {
                    read.bad.push(BadLine { name, line, problem: NOT_UTF8 });
                }
                _ => {
                    let looks_expanded = !literal && holds_variable(&value);
                    read.entries.push(Entry { line, name: name.to_owned(), value, looks_expanded });
                }
            }
            whole.len()
        }
        Err(problem) => {
            read.bad.extend(known.map(|name| BadLine { name, line, problem }));
            end
        }
    }
}

/// Splits a line into the name, and the text after the equals sign and spaces.
fn assignment(line: &str) -> Option<(&str, &str)> {
    let (name, value) = without_export(line.trim_start()).split_once('=')?;
    let name = name.trim_end();
    let starts = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '.' | '-');
    (starts && name.chars().all(allowed)).then(|| (name, value.trim_start_matches([' ', '\t'])))
}

fn without_export(line: &str) -> &str {
    match line.strip_prefix("export") {
        Some(rest) if rest.starts_with([' ', '\t']) => rest.trim_start(),
        _ => line,
    }
}

/// Returns our name at the beginning of a line that is not an assignment. A name alone means the environment variable,
/// as in Docker.
fn misspelt(line: &str) -> Option<&'static str> {
    let (name, value) = without_export(line.trim()).split_once([' ', '\t', ':'])?;
    names::known(name).filter(|_| !value.trim().is_empty())
}

struct Value {
    text: String,
    /// Bytes up to the end of the line on which the value ends.
    length: usize,
    /// Whether it is in single quotes.
    literal: bool,
}

/// Reads the value at the beginning of `text`, whose first line is `line`.
fn value(text: &str, line: &str) -> Result<Value, &'static str> {
    let Some(quote) = line.chars().next().filter(|first| matches!(first, '\'' | '"')) else {
        let comment = line.char_indices().find(|(at, letter)| {
            let before = line.get(..*at).and_then(|before| before.chars().next_back());
            *letter == '#' && before.is_none_or(char::is_whitespace)
        });
        let value = line.get(..comment.map_or(line.len(), |(at, _)| at)).unwrap_or(line).trim();
        return Ok(Value { text: value.to_owned(), length: line.len(), literal: false });
    };
    let inner = text.get(1..).unwrap_or_default();
    let close = closing(inner, quote).ok_or(UNCLOSED)?;
    let (inner, after) = inner.split_at(close);
    let end = after.find('\n').map_or(after.len(), |feed| feed + 1);
    let rest = after.get(1..end).unwrap_or_default().trim();
    if !rest.is_empty() && !rest.starts_with('#') {
        return Err(AFTER_QUOTE);
    }
    let inner = inner.replace("\r\n", "\n");
    let text = if quote == '"' { unescaped(&inner) } else { inner };
    Ok(Value { text, length: 1 + close + end, literal: quote == '\'' })
}

/// Finds the quote that ends a value.
fn closing(inner: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    inner.char_indices().find_map(|(at, letter)| {
        let ends = letter == quote && !escaped;
        escaped = quote == '"' && letter == '\\' && !escaped;
        ends.then_some(at)
    })
}

fn unescaped(text: &str) -> String {
    let mut value = String::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        if letter != '\\' {
            value.push(letter);
            continue;
        }
        match letters.next() {
            Some('n') => value.push('\n'),
            Some('r') => value.push('\r'),
            Some('t') => value.push('\t'),
            Some(itself @ ('"' | '\'' | '\\' | '$')) => value.push(itself),
            other => value.extend(Some('\\').into_iter().chain(other)),
        }
    }
    value
}

fn holds_variable(value: &str) -> bool {
    let mut after = value.split('$').skip(1);
    after.any(|rest| rest.starts_with(|first: char| first.is_ascii_alphabetic() || matches!(first, '_' | '{' | '(')))
}

/// Returns the settings of ours on the later lines of a statement, each with its line.
fn names_inside(statement: &str, line: usize) -> Vec<(usize, &'static str)> {
    let later = statement.lines().enumerate().skip(1);
    later.filter_map(|(index, text)| Some((line + index, names::known(assignment(text)?.0)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(bytes: &[u8]) -> Vec<(String, String)> {
        let read = parse(bytes);
        assert_eq!(read.bad, [], "{:?}", String::from_utf8_lossy(bytes));
        read.entries.into_iter().map(|entry| (entry.name, entry.value)).collect()
    }

    #[test]
    fn values_are_read_as_other_dotenv_libraries_read_them_and_nothing_is_expanded() {
        let cases = [
            ("A=1", "1"),
            ("export A=1", "1"),
            ("export\tA=1", "1"),
            ("A = 1", "1"),
            ("A=", ""),
            ("A= ", ""),
            ("A=#", ""),
            ("A=1 # one", "1"),
            ("A=1#2", "1#2"),
            ("A=1 ", "1"),
            ("A=1\r\n", "1"),
            ("\u{feff}A=1", "1"),
            ("A=O'Brien", "O'Brien"),
            ("A=one two", "one two"),
            ("A=a\\b", "a\\b"),
            ("A='it is $5 \\ \"so\" # x'", "it is $5 \\ \"so\" # x"),
            ("A=\"two words\" # two", "two words"),
            ("A=\"it's $USER\"", "it's $USER"),
            ("A=${USER}", "${USER}"),
            ("A=\"a\\\"b\\\\c\\nd\\x\"", "a\"b\\c\nd\\x"),
            ("A='1\r\n2'\r\n", "1\n2"),
            ("A=[::1]:7233", "[::1]:7233"),
            ("A=a=b", "a=b"),
            ("# comment with $\n\n  # another\nA=1", "1"),
        ];
        for (text, value) in cases {
            assert_eq!(pairs(text.as_bytes()), [("A".to_owned(), value.to_owned())], "{text:?}");
        }
    }

    #[test]
    fn utf_16_is_read_in_both_byte_orders() {
        let units = || "\u{feff}TASKQUEUE=é\r\n".encode_utf16();
        let expected = [("TASKQUEUE".to_owned(), "é".to_owned())];
        assert_eq!(pairs(&units().flat_map(u16::to_le_bytes).collect::<Vec<_>>()), expected);
        assert_eq!(pairs(&units().flat_map(u16::to_be_bytes).collect::<Vec<_>>()), expected);
    }

    #[test]
    fn lines_of_other_programs_are_skipped_whatever_their_syntax() {
        let cases: [&[u8]; 20] = [
            b"B",
            b"=1",
            b"1A=1",
            b"[section]",
            b"B: yaml",
            b"- B",
            b"B=one two 'three",
            b"B='x",
            b"B=\"x",
            b"B='tis the season\nC='twas",
            b"B='a'$USER",
            b"B=\"x\" y",
            b"B=q$7!k#p2(abc",
            b"B=\"${APP_NAME}\"",
            b"B=caf\xe9",
            b"caf\xe9=\xff",
            b"B=\"-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMG=\n-----END PRIVATE KEY-----\"",
            b"B='{\n  \"x\": 1\n}' # json",
            b"B=\x00\x1b[2J",
            b"export",
        ];
        for bytes in cases {
            let text = [bytes, b"\nTASKQUEUE=ours\n"].concat();
            let read = parse(&text);
            assert_eq!(read.bad, [], "{:?}", String::from_utf8_lossy(bytes));
            let last = read.entries.last().map(|entry| (entry.name.as_str(), entry.value.as_str()));
            assert_eq!(last, Some(("TASKQUEUE", "ours")), "{:?}", String::from_utf8_lossy(bytes));
        }
    }

    #[test]
    fn a_setting_of_ours_that_cannot_be_read_is_an_error_with_its_line() {
        let cases: [(&[u8], usize, &str); 9] = [
            (b"A=1\nTASKQUEUE orders", 2, NO_SETTING),
            (b"TASKQUEUE: orders", 1, NO_SETTING),
            (b"TASKQUEUE='x\nB=1", 1, UNCLOSED),
            (b"TASKQUEUE=\"x", 1, UNCLOSED),
            (b"TASKQUEUE='x'y", 1, AFTER_QUOTE),
            (b"TASKQUEUE='a'$USER", 1, AFTER_QUOTE),
            (b"TASKQUEUE='a\nLOG_LEVEL='b'", 1, AFTER_QUOTE),
            (b"A=\"\n\n\"\nTASKQUEUE=\xff", 4, NOT_UTF8),
            (b"TASKQUEUE=a\xe9b", 1, NOT_UTF8),
        ];
        for (bytes, line, problem) in cases {
            let bad = parse(bytes).bad;
            assert_eq!(bad, [BadLine { name: "TASKQUEUE", line, problem }], "{:?}", String::from_utf8_lossy(bytes));
        }
        assert_eq!(parse(b"TASKQUEUE\nexport TASKQUEUE\n").bad, [], "Docker takes those from the environment");
    }

    #[test]
    fn a_setting_inside_another_value_is_reported_and_not_applied() {
        let read = parse(b"NOTE='tis\nTASKQUEUE=orders\nX='\nLOG_LEVEL=warn");
        assert_eq!(read.inside_quotes, [(2, "TASKQUEUE")]);
        let names: Vec<_> = read.entries.iter().map(|entry| entry.name.as_str()).collect();
        assert_eq!(names, ["NOTE", "LOG_LEVEL"]);
    }

    #[test]
    fn a_value_that_a_shell_would_expand_is_marked() {
        let cases = [("a$b", true), ("\"${A}\"", true), ("$(id)", true), ("'$A'", false), ("5$", false), ("$5", false)];
        for (value, expected) in cases {
            let read = parse(format!("A={value}").as_bytes());
            assert_eq!(read.entries[0].looks_expanded, expected, "{value}");
        }
    }
}
