//! Payloads and named values as lines of text.

use ratatui::{
    style::Style,
    text::{Line, Span},
};

use crate::{
    domain::PayloadContent,
    text::{column, truncate, wrap},
};

use super::super::theme;

/// Columns of a name before its value.
pub const NAME: usize = 11;

/// Maximum number of lines of one value.
const MAX_LINES: usize = 4;

/// A value after its name, wrapped.
pub fn named(name: &str, text: &str, style: Style, width: usize) -> Vec<Line<'static>> {
    let texts = wrap(text, width.saturating_sub(NAME + 2), 0, MAX_LINES);
    beside(name, texts.into_iter().map(|text| Span::styled(text, style)))
}

/// Payloads after a name: JSON in several lines if it does not fit in one, others by size and encoding.
pub fn payloads(name: &str, all: &[PayloadContent], width: usize) -> Vec<Line<'static>> {
    let room = width.saturating_sub(NAME + 2);
    beside(name, all.iter().flat_map(|payload| written(payload, room)).map(Span::raw))
}

fn beside(name: &str, texts: impl Iterator<Item = Span<'static>>) -> Vec<Line<'static>> {
    let lines = texts.enumerate().map(|(index, text)| {
        let name = if index == 0 { name } else { "" };
        Line::from(vec![Span::styled(format!(" {} ", column(name, NAME)), theme::FAINT), text])
    });
    lines.collect()
}

/// A payload in lines of at most `width` columns.
pub fn written(payload: &PayloadContent, width: usize) -> Vec<String> {
    let whole = payload.to_string();
    match payload {
        PayloadContent::Json { text, bytes } if whole.chars().count() > width => {
            let mut lines = pretty(text);
            if *bytes > text.len() as u64 {
                lines.push(format!("… ({bytes} bytes)"));
            }
            lines.iter().map(|line| truncate(line, width)).collect()
        }
        _ => vec![truncate(&whole, width)],
    }
}

/// Compact JSON as indented lines. It changes only the white space, so that an escaped character stays escaped.
fn pretty(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    let (mut depth, mut is_string, mut is_escaped, mut is_empty) = (0_usize, false, false, false);
    let new_line = |lines: &mut Vec<String>, depth: usize| lines.push("  ".repeat(depth));
    for character in text.chars() {
        let begins = !is_string && matches!(character, '{' | '[');
        let ends = !is_string && matches!(character, '}' | ']');
        if ends {
            depth = depth.saturating_sub(1);
            if !is_empty {
                new_line(&mut lines, depth);
            }
        } else if is_empty {
            new_line(&mut lines, depth);
        }
        if let Some(line) = lines.last_mut() {
            line.push(character);
            if !is_string && character == ':' {
                line.push(' ');
            }
        }
        if !is_string && character == ',' {
            new_line(&mut lines, depth);
        }
        depth += usize::from(begins);
        is_empty = begins;
        is_string ^= character == '"' && !is_escaped;
        is_escaped = is_string && character == '\\' && !is_escaped;
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_that_does_not_fit_is_indented_and_keeps_its_escapes() {
        let text = r#"{"card":"4111 \u001b \",{","items":[1,{"a":{}}],"none":[]}"#;
        let payload = PayloadContent::Json { text: text.to_owned(), bytes: text.len() as u64 };
        assert_eq!(written(&payload, 200), [text]);
        let lines = [
            "{",
            r#"  "card": "4111 \u001b \",{","#,
            r#"  "items": ["#,
            "    1,",
            "    {",
            r#"      "a": {}"#,
            "    }",
            "  ],",
            r#"  "none": []"#,
            "}",
        ];
        assert_eq!(written(&payload, 40), lines);
    }

    #[test]
    fn the_beginning_of_a_large_text_shows_its_size() {
        let payload = PayloadContent::Json { text: r#"{"a":"xxxxxxxxxxxxxxxx"#.to_owned(), bytes: 9_000 };
        assert_eq!(written(&payload, 20), ["{", r#"  "a": "xxxxxxxxxxx…"#, "… (9000 bytes)"]);
        let other = PayloadContent::Other { encoding: "binary/protobuf".to_owned(), bytes: 12 };
        assert_eq!(written(&other, 60), ["12 bytes, binary/protobuf"]);
    }
}
