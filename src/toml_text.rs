//! What the TOML files that people write have in common: places in the text, and words for what is wrong with it.

use std::fmt;

use toml::de::{DeTable, DeValue};

/// How many letters may differ where a name is taken for a slip of another.
const SLIPS: usize = 3;

/// A place in a text, both numbers from 1; the column counts characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

impl Position {
    /// The line and column of the byte at `offset` in `text`, or of its end.
    pub(crate) fn of(text: &str, offset: usize) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |feed| feed + 1);
        let column = before.get(line_start..).unwrap_or_default().chars().count() + 1;
        Self { line: before.matches('\n').count() + 1, column }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "line {}, column {}", self.line, self.column)
    }
}

/// The keys and values of a text, or where it is no TOML and why.
pub(crate) fn table(text: &str) -> Result<DeTable<'_>, (Position, String)> {
    DeTable::parse(text).map(toml::Spanned::into_inner).map_err(|error| {
        let at = Position::of(text, error.span().map_or(0, |span| span.start));
        (at, format!("this is not TOML: {}; write key = value, a text in quotes", error.message()))
    })
}

/// What a value is, as part of a sentence.
pub(crate) const fn kind_of(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date or a time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// The name that was most likely meant by its letters.
pub(crate) fn nearest<'n>(written: &str, names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let distance = |name: &&str| strsim::damerau_levenshtein(written, name);
    // In a name of a few letters, as many slips would fit any word.
    names.min_by_key(distance).filter(|name| distance(name) <= SLIPS.min(name.len() / 2))
}

/// Quotes a value for a message: control and invisible characters escaped, cut to 80 characters.
pub(crate) fn quoted(value: &str) -> String {
    const LONGEST: usize = 80;
    if value.chars().nth(LONGEST).is_none() {
        return format!("{value:?}");
    }
    let start: String = value.chars().take(LONGEST).collect();
    format!("{start:?} (cut short)")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_escapes_what_a_terminal_would_obey_or_hide() {
        assert_eq!(quoted("plain"), "\"plain\"");
        assert_eq!(quoted("a\u{1b}[2J\n"), "\"a\\u{1b}[2J\\n\"");
        assert_eq!(quoted("a\u{202e}b\u{200b}"), "\"a\\u{202e}b\\u{200b}\"");
        assert!(quoted(&"x".repeat(81)).ends_with("x\" (cut short)"));
    }

    #[test]
    fn a_position_counts_characters_from_1() {
        for (offset, line, column) in [(0, 1, 1), (2, 1, 2), (3, 2, 1), (4, 2, 2), (99, 2, 2)] {
            assert_eq!(Position::of("ö\nb", offset), Position { line, column }, "{offset}");
        }
    }

    #[test]
    fn a_slip_is_recognised_and_another_word_is_not() {
        let nearest = |written| nearest(written, ["do", "after", "outcome"].into_iter());
        assert_eq!((nearest("od"), nearest("afer"), nearest("outcomes")), (Some("do"), Some("after"), Some("outcome")));
        assert_eq!((nearest("it"), nearest("zzzzzz")), (None, None));
    }
}
