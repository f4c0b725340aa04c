//! Parses a `.env` file: lines of `NAME=value`, with or without `export`. It neither reads nor sets the environment.
//!
//! The syntax is the part of a shell's that means the same everywhere: a bare word, `'text'` taken literally, `"text"`
//! with `\\`, `\"`, `\$` and `` \` ``, comments from ` #` on. What a shell would expand or what spans lines is an error
//! with its position, because a value that silently turns out different is worse than none. That is why `dotenvy`,
//! which substitutes `$NAME` from the process environment, is not used. (A bare `~` is left alone here; only paths know
//! it, and refuse it.) No error carries text from the file.

/// A setting in the file.
#[derive(PartialEq, Eq)]
pub(super) struct Entry {
    /// Line, from 1.
    pub(super) line: usize,
    pub(super) name: String,
    /// The value without its quotes; may be a secret, hence no `Debug` here.
    pub(super) value: String,
}

/// Where the text is wrong (line and column in characters, both from 1), and what to write instead.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BadLine {
    pub(super) line: usize,
    pub(super) column: usize,
    pub(super) problem: &'static str,
}

/// A problem at so many bytes before the end of the line.
struct Problem(usize, &'static str);

const NOT_UTF8: &str = "this is not UTF-8; save the file as UTF-8";
const NO_NAME: &str = "this is no setting; write NAME=value, or # before a comment";
const NO_EQUALS: &str = "there is no = after the name; write NAME=value without spaces around the =";
const UNCLOSED: &str =
    "this quote is not closed on its line; close it, or put a lone quote inside quotes of the other kind";
const TRAILING: &str = "there is text after the value; put the whole value in single quotes, or # before a comment";
const SPECIAL: &str = "a shell would not take this character literally; put the value in single quotes";
const CONTROL: &str = "this is a control character; remove it";

/// The settings in `bytes`, in their order, empty values included.
pub(super) fn parse(bytes: &[u8]) -> Result<Vec<Entry>, BadLine> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let before = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
        let (line, column) = before.split('\n').enumerate().last().unwrap_or_default();
        BadLine { line: line + 1, column: column.chars().count() + 1, problem: NOT_UTF8 }
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut entries = Vec::new();
    for (index, line) in text.lines().enumerate() {
        match parse_line(line) {
            Ok(None) => {}
            Ok(Some((name, value))) => entries.push(Entry { line: index + 1, name, value }),
            Err(Problem(left, problem)) => {
                let column = line[..line.len() - left].chars().count() + 1;
                return Err(BadLine { line: index + 1, column, problem });
            }
        }
    }
    Ok(entries)
}

fn parse_line(line: &str) -> Result<Option<(String, String)>, Problem> {
    let text = line.trim_start();
    if text.is_empty() || text.starts_with('#') {
        return Ok(None);
    }
    if let Some(control) = text.find(|c: char| c.is_control() && c != '\t') {
        return Err(Problem(text.len() - control, CONTROL));
    }
    let text = match text.strip_prefix("export") {
        Some(rest) if rest.starts_with([' ', '\t']) => rest.trim_start(),
        _ => text,
    };
    let (name, rest) = text.split_at(name_length(text));
    if name.is_empty() {
        return Err(Problem(text.len(), NO_NAME));
    }
    let value = rest.strip_prefix('=').ok_or(Problem(rest.len(), NO_EQUALS))?;
    let (value, after) = match value.chars().next() {
        Some('\'') => single_quoted(value)?,
        Some('"') => double_quoted(value)?,
        _ => bare(value)?,
    };
    let comment = after.trim_start();
    // A comment needs a blank before it: in `a'b'#c` a shell takes `#c` as part of the word.
    if comment.is_empty() || (comment.starts_with('#') && comment.len() < after.len()) {
        return Ok(Some((name.to_owned(), value)));
    }
    Err(Problem(comment.len(), TRAILING))
}

/// Length of the name at the start of `text`, 0 if there is none.
fn name_length(text: &str) -> usize {
    if text.starts_with(|first: char| first.is_ascii_digit()) {
        return 0;
    }
    text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len())
}

fn single_quoted(text: &str) -> Result<(String, &str), Problem> {
    let inner = &text[1..];
    let (value, after) = inner.split_once('\'').ok_or(Problem(text.len(), UNCLOSED))?;
    Ok((value.to_owned(), after))
}

fn double_quoted(text: &str) -> Result<(String, &str), Problem> {
    let mut value = String::new();
    let mut rest = text[1..].chars();
    loop {
        let left = rest.as_str().len();
        match rest.next().ok_or(Problem(text.len(), UNCLOSED))? {
            '"' => return Ok((value, rest.as_str())),
            '$' | '`' => return Err(Problem(left, SPECIAL)),
            '\\' => match rest.next() {
                Some(escaped @ ('\\' | '"' | '$' | '`')) => value.push(escaped),
                _ => return Err(Problem(left, SPECIAL)),
            },
            plain => value.push(plain),
        }
    }
}

fn bare(text: &str) -> Result<(String, &str), Problem> {
    let (value, after) = text.split_at(text.find([' ', '\t']).unwrap_or(text.len()));
    match value.find(['\'', '"', '\\', '$', '`', ';', '&', '|', '<', '>', '(', ')']) {
        Some(special) => Err(Problem(text.len() - special, SPECIAL)),
        None => Ok((value.to_owned(), after)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_a_shell_would_take_are_taken() {
        let cases = [
            ("A=1", "1"),
            ("export A=1", "1"),
            ("\texport\tA=1", "1"),
            ("A=", ""),
            ("A= ", ""),
            ("A= # nothing", ""),
            ("A=1 # one", "1"),
            ("A=1#2", "1#2"),
            ("A=1 ", "1"),
            ("A=1\r\n", "1"),
            ("\u{feff}A=1", "1"),
            ("A='it is $5 \\ \"so\" # x'", "it is $5 \\ \"so\" # x"),
            ("A=\"two words\" # two", "two words"),
            (r#"A="\"\$\\\`""#, "\"$\\`"),
            ("A=[::1]:7233", "[::1]:7233"),
            ("A=a=b", "a=b"),
            ("# comment\n\n  # another\nA=1", "1"),
        ];
        for (text, value) in cases {
            let entries = parse(text.as_bytes()).unwrap_or_else(|bad| panic!("{text:?}: {bad:?}"));
            assert_eq!(entries.len(), 1, "{text:?}");
            assert_eq!((entries[0].name.as_str(), entries[0].value.as_str()), ("A", value), "{text:?}");
        }
        let named_export = parse(b"export=1").unwrap();
        assert_eq!(named_export[0].name, "export");
    }

    #[test]
    fn bad_lines_are_told_by_line_and_column() {
        let cases: [(&[u8], usize, usize, &str); 16] = [
            (b"A=1\nB", 2, 2, NO_EQUALS),
            (b"A=1\n\n  B =2", 3, 4, NO_EQUALS),
            (b"=1", 1, 1, NO_NAME),
            (b"1A=1", 1, 1, NO_NAME),
            (b"export -x", 1, 8, NO_NAME),
            (b"A.B=1", 1, 2, NO_EQUALS),
            (b"A='x\nB=1'", 1, 3, UNCLOSED),
            (b"A=\"x", 1, 3, UNCLOSED),
            (b"A=it's", 1, 5, SPECIAL),
            (b"A=$HOME/x", 1, 3, SPECIAL),
            (b"A=\"$HOME\"", 1, 4, SPECIAL),
            (b"A=\"\\n\"", 1, 4, SPECIAL),
            (b"A=one two", 1, 7, TRAILING),
            (b"A='x'y", 1, 6, TRAILING),
            ("A='é' é".as_bytes(), 1, 7, TRAILING),
            (b"A=1\nB=\0", 2, 3, CONTROL),
        ];
        for (bytes, line, column, problem) in cases {
            let bad = parse(bytes).err();
            assert_eq!(bad, Some(BadLine { line, column, problem }), "{:?}", String::from_utf8_lossy(bytes));
        }
        let not_text = parse(b"A=1\nB=\xff").err();
        assert_eq!(not_text, Some(BadLine { line: 2, column: 3, problem: NOT_UTF8 }));
    }
}
