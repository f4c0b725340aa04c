//! Sanitizing of text from other programs. Every such text is sanitized before a screen, a log or a message shows it.

/// Returns harmless text: printable ASCII and ordinary letters stay, every control, bidirectional or invisible character
/// becomes `\u{..}`, line ends become spaces, and text after `limit` characters becomes `...`.
#[must_use]
pub fn sanitize(text: &str, limit: usize) -> String {
    let mut safe = String::with_capacity(text.len().min(limit));
    for (shown, character) in text.chars().enumerate() {
        if shown == limit {
            safe.push_str("...");
            break;
        }
        match character {
            '\n' | '\r' | '\t' => safe.push(' '),
            plain if plain == ' ' || plain.is_ascii_graphic() => safe.push(plain),
            letter if is_visible(letter) => safe.push(letter),
            hidden => safe.extend(hidden.escape_unicode()),
        }
    }
    safe
}

/// Letters and digits of any script, and the blocks of common punctuation and symbols that have a width of their own.
fn is_visible(character: char) -> bool {
    character.is_alphanumeric()
        || matches!(character, '\u{a1}'..='\u{ac}' | '\u{ae}'..='\u{ff}' | '\u{2010}'..='\u{2027}' | '\u{20a0}'..='\u{20bf}' | '\u{2190}'..='\u{25ff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_control_bidi_or_invisible_character_passes() {
        let hostile = "a\u{1b}]0;x\u{7}b\u{202e}c\u{200b}d\u{feff}e\u{9b}f\u{300}\u{e0041}";
        let safe = sanitize(hostile, 1000);
        assert!(safe.is_ascii(), "{safe:?}");
        assert!(safe.contains("\\u{202e}"));
    }

    #[test]
    fn long_text_is_cut_and_ordinary_text_is_kept() {
        assert_eq!(sanitize("größe – 5 €", 80), "größe – 5 €");
        assert_eq!(sanitize("abcdef", 3), "abc...");
        assert_eq!(sanitize("two\nlines", 80), "two lines");
    }
}
