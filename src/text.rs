//! Text in columns of a terminal: truncated with an ellipsis, or wrapped at spaces.

use std::ops::Range;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Returns `text` in at most `width` columns; `…` replaces the characters that do not fit.
#[must_use]
pub fn truncate(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    if width == 0 {
        return String::new();
    }
    let end = fitting_bytes(text, width - 1);
    format!("{}…", text.get(..end).unwrap_or_default())
}

/// Returns `text` in at most `width` columns, truncated after a whole word if at least one word fits.
#[must_use]
pub fn truncate_at_word(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let end = line_end(text, width.saturating_sub(2));
    match text.get(..end).filter(|words| words.ends_with(' ')) {
        Some(words) => format!("{} …", words.trim_end()),
        None => truncate(text, width),
    }
}

/// Returns the first of `texts` that takes at most `width` columns; if none does, the last one, truncated.
#[must_use]
pub fn first_fitting<const N: usize>(texts: [&str; N], width: usize) -> String {
    let fits = texts.iter().find(|text| text.width() <= width).or(texts.last());
    truncate_at_word(fits.copied().unwrap_or_default(), width)
}

/// Returns `text` in exactly `width` columns: truncated, or filled with spaces.
#[must_use]
pub fn column(text: &str, width: usize) -> String {
    let mut text = truncate(text, width);
    text.push_str(&" ".repeat(width.saturating_sub(text.width())));
    text
}

/// Wraps `text` at spaces into lines of at most `width` columns; the first line is `indent` columns shorter. If the text
/// needs more than `max_lines` lines, the last one is truncated.
#[must_use]
pub fn wrap(text: &str, width: usize, indent: usize, max_lines: usize) -> Vec<String> {
    let text = text.trim();
    let mut lines = Vec::new();
    for range in wrap_ranges(text, width, indent) {
        let room = width.saturating_sub(if lines.is_empty() { indent } else { 0 });
        if lines.len() + 1 >= max_lines {
            lines.push(truncate_at_word(text.get(range.start..).unwrap_or_default(), room));
            break;
        }
        lines.push(truncate(text.get(range).unwrap_or_default(), room));
    }
    lines
}

/// Returns the bytes of `text` that each line shows, without the spaces at its ends. Wraps as [`wrap`] does; the result
/// has at least one range.
#[must_use]
pub fn wrap_ranges(text: &str, width: usize, indent: usize) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    let mut start = text.len() - text.trim_start().len();
    // If the first word fits only without the indent, it begins on the second line.
    let first_word = text.split_whitespace().next().map_or(0, UnicodeWidthStr::width);
    if indent > 0 && first_word > width.saturating_sub(indent) && first_word <= width {
        ranges.push(start..start);
    }
    loop {
        let rest = text.get(start..).unwrap_or_default();
        if rest.is_empty() && !ranges.is_empty() {
            return ranges;
        }
        let room = width.saturating_sub(if ranges.is_empty() { indent } else { 0 });
        let (line, after) = rest.split_at(line_end(rest, room));
        ranges.push(start..start + line.trim_end().len());
        start = text.len() - after.trim_start().len();
    }
}

/// Returns the number of bytes in the first line of `text`: up to the last space that fits, or a part of the first word
/// if that is wider than the line, like some addresses.
fn line_end(text: &str, width: usize) -> usize {
    let mut end = 0;
    for word in text.split_inclusive(' ') {
        let with_word = text.get(..end + word.len()).unwrap_or(text);
        if with_word.trim_end().width() > width {
            let first = word.chars().next().map_or(0, char::len_utf8);
            // At least one character, so that every line makes progress.
            return if end == 0 { fitting_bytes(word, width).max(first) } else { end };
        }
        end += word.len();
    }
    end
}

/// Returns the number of bytes in the longest beginning of `text` that takes at most `width` columns.
fn fitting_bytes(text: &str, width: usize) -> usize {
    let mut used = 0;
    let fits = |(_, character): &(usize, char)| {
        used += character.width().unwrap_or(0);
        used <= width
    };
    text.char_indices().take_while(fits).last().map_or(0, |(at, character)| at + character.len_utf8())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_by_columns() {
        let at_word = truncate_at_word;
        assert_eq!((at_word("aa bb cc", 7).as_str(), at_word("aa bb cc", 8).as_str()), ("aa bb …", "aa bb cc"));
        assert_eq!((at_word("abcdef gh", 4).as_str(), at_word("aa bb", 0).as_str()), ("abc…", ""));
        assert_eq!(truncate("abcdef", 4), "abc…");
        assert_eq!(truncate("漢字漢字", 5), "漢字…");
        assert_eq!((truncate("abc", 0), truncate("abc", 3)), (String::new(), "abc".to_owned()));
        assert_eq!(
            [truncate("abcd", 3), truncate("漢字", 3), truncate("", 0)],
            ["ab…", "漢…", ""],
            "an ellipsis takes one column"
        );
    }

    #[test]
    fn the_first_text_that_fits_is_taken_and_columns_are_filled() {
        assert_eq!(first_fitting(["one two three", "one two"], 12), "one two");
        assert_eq!(first_fitting(["one two three", "one two"], 5), "one …");
        assert_eq!((column("ab", 4).as_str(), column("漢字漢字", 6).as_str()), ("ab  ", "漢字… "));
    }

    #[test]
    fn lines_break_at_spaces_and_end_with_an_ellipsis_if_cut() {
        assert_eq!(wrap("aa bb cc dd", 5, 0, 9), ["aa bb", "cc dd"]);
        assert_eq!(wrap("aa bb cc dd", 6, 3, 9), ["aa", "bb cc", "dd"]);
        assert_eq!(wrap("aa bb cc dd", 5, 0, 1), ["aa …"]);
        assert_eq!(wrap("", 5, 0, 3), [""]);
        assert_eq!(wrap("at http://x/y", 5, 0, 9), ["at", "http:", "//x/y"], "an address is not cut");
        for width in 0..12 {
            for most in 1..4 {
                let lines = wrap("a longwordthatneverfits b", width, 0, most);
                assert!(lines.len() <= most.max(1));
            }
        }
    }

    #[test]
    fn a_word_that_does_not_fit_after_the_indent_begins_a_line() {
        assert_eq!(wrap("abcd ef", 7, 5, 9), ["", "abcd ef"]);
        assert_eq!(wrap("abcdefgh", 7, 5, 9), ["ab", "cdefgh"], "no line has room for it");
    }
}
