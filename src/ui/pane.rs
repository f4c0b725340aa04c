//! A region's title rule, text that is cut to its width, and lines that wrap. Knows nothing of orders.

use ratatui::{
    buffer::Buffer,
    layout::Rect,
    style::Style,
    text::{Line, Span},
};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::theme;

/// Draws `── title ───── note ─` over the first row, heavier where the panel has the focus, and gives the rest back.
pub fn titled(buffer: &mut Buffer, area: Rect, title: Line<'_>, note: &str, focused: bool) -> Rect {
    if area.is_empty() {
        return area;
    }
    let (line, style) = if focused { ("━", theme::BOLD) } else { ("─", theme::FAINT) };
    buffer.set_stringn(area.x, area.y, line.repeat(usize::from(area.width)), usize::from(area.width), style);
    let room = area.width.saturating_sub(4);
    let mut spans = vec![Span::raw(" ")];
    spans.extend(title.spans);
    spans.push(Span::raw(" "));
    let title = Line::from(spans);
    let used = u16::try_from(title.width()).unwrap_or(u16::MAX).min(room);
    buffer.set_line(area.x.saturating_add(2), area.y, &title, room);
    let note_width = u16::try_from(note.width()).unwrap_or(u16::MAX).saturating_add(2);
    if !note.is_empty() && used.saturating_add(note_width).saturating_add(2) <= room {
        let x = area.right().saturating_sub(note_width).saturating_sub(2);
        buffer.set_stringn(x, area.y, format!(" {note} "), usize::from(note_width), theme::FAINT);
    }
    below_title(area)
}

/// What a panel at `area` has below its title.
#[must_use]
pub const fn below_title(area: Rect) -> Rect {
    Rect { y: area.y.saturating_add(1), height: area.height.saturating_sub(1), ..area }
}

/// Draws lines from the top of `area`; those that do not fit are left out.
pub fn lines<'a>(buffer: &mut Buffer, area: Rect, lines: impl IntoIterator<Item = Line<'a>>) {
    for (row, line) in area.rows().zip(lines) {
        buffer.set_line(row.x, row.y, &line, row.width);
        // A number that loses its end is another number.
        if line.width() > usize::from(row.width)
            && let Some(last) = row.right().checked_sub(1).filter(|last| *last >= row.x)
        {
            buffer.set_string(last, row.y, "…", theme::FAINT);
        }
    }
}

/// `text` in at most `width` columns; what is cut off shows as `…`.
#[must_use]
pub fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut short = String::new();
    let mut used = 1;
    for character in text.chars() {
        used += character.width().unwrap_or(0);
        if used > width {
            break;
        }
        short.push(character);
    }
    if width > 0 {
        short.push('…');
    }
    short
}

/// `text` in at most `width` columns, cut after a whole word if one fits.
#[must_use]
pub fn cut_at_word(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let end = line_end(text, width.saturating_sub(2));
    match text.get(..end).filter(|words| words.ends_with(' ')) {
        Some(words) => format!("{} …", words.trim_end()),
        None => cut(text, width),
    }
}

/// The first of `texts` that fits; if none does, the last one, cut.
#[must_use]
pub fn fitting<const N: usize>(texts: [&str; N], width: usize) -> String {
    let fits = texts.iter().find(|text| text.width() <= width).or(texts.last());
    cut_at_word(fits.copied().unwrap_or_default(), width)
}

/// `text`, cut and filled to exactly `width` columns.
#[must_use]
pub fn column(text: &str, width: usize) -> String {
    let mut text = cut(text, width);
    text.push_str(&" ".repeat(width.saturating_sub(text.width())));
    text
}

/// Breaks `text` at spaces into lines of at most `width` columns, at most `most` of them. The first begins behind
/// `indent` columns that are taken.
#[must_use]
pub fn wrap(text: &str, width: usize, indent: usize, most: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() || lines.is_empty() {
        let room = width.saturating_sub(if lines.is_empty() { indent } else { 0 });
        let last = lines.len().saturating_add(1) >= most;
        let end = if last { rest.len() } else { line_end(rest, room) };
        let (line, after) = rest.split_at(end);
        lines.push(cut_at_word(line.trim_end(), room));
        rest = after.trim_start();
    }
    lines
}

/// Where the line ends that begins `text`: at the last space that fits, else within its first word, as an address is
/// longer than a line.
fn line_end(text: &str, room: usize) -> usize {
    let mut end = 0;
    for word in text.split_inclusive(' ') {
        let with_word = text.get(..end + word.len()).unwrap_or(text);
        if with_word.trim_end().width() > room {
            return if end == 0 { within(word, room) } else { end };
        }
        end += word.len();
    }
    end
}

/// How many bytes of a word take at most `room` columns; at least its first character, so that every line moves on.
fn within(word: &str, room: usize) -> usize {
    let mut used = 0;
    let fits = |(_, character): &(usize, char)| {
        used += character.width().unwrap_or(0);
        used <= room
    };
    let first = word.chars().next().map_or(0, char::len_utf8);
    let fitting = word.char_indices().take_while(fits).last();
    fitting.map_or(first, |(at, character)| at + character.len_utf8())
}

/// A span of time as minutes and seconds: `3:07`.
#[must_use]
pub fn clock(millis: u64) -> String {
    let seconds = millis / 1_000;
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

/// A faint label and its value.
#[must_use]
pub fn pair(label: &str, value: impl Into<String>, style: Style) -> [Span<'_>; 2] {
    [Span::styled(label, theme::FAINT), Span::styled(value.into(), style)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_by_columns() {
        assert_eq!((cut_at_word("aa bb cc", 7).as_str(), cut_at_word("aa bb cc", 8).as_str()), ("aa bb …", "aa bb cc"));
        assert_eq!((cut_at_word("abcdef gh", 4).as_str(), cut_at_word("aa bb", 0).as_str()), ("abc…", ""));
        assert_eq!(fitting(["one two three", "one two"], 12), "one two");
        assert_eq!(fitting(["one two three", "one two"], 5), "one …");
        assert_eq!(cut("abcdef", 4), "abc…");
        assert_eq!(cut("漢字漢字", 5), "漢字…");
        assert_eq!((cut("abc", 0), cut("abc", 3)), (String::new(), "abc".to_owned()));
        assert_eq!(column("ab", 4), "ab  ");
    }

    #[test]
    fn lines_break_at_spaces_and_end_with_an_ellipsis_where_cut() {
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
}
